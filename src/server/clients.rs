//! `GET /v1/clients?slowest=N`: who is furthest behind, for operators.
//!
//! The shards are asked by way of their own mailboxes and look at their clients in turns, between writes. Bounded:
//! they are asked once a second at most, whoever asks here and how often; whoever asks meanwhile is told the same.

use super::Door;
use super::auth::Operator;
use super::error::{ApiError, json};
use super::query::Query;
use crate::fanout::runner::{self, Command, Inquiry};
use crate::fanout::shard::{Kind, SlowClient};
use crate::wire::json::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use flume::{Sender, WeakSender};
use serde::Deserialize;
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};

/// Clients in one answer, at most.
const CLIENTS_MAX: usize = 100;
/// Clients in an answer to who does not say how many.
const CLIENTS: usize = 10;
/// How long an answer serves whoever asks next, in microseconds.
const SERVES_US: i64 = 1_000_000;
/// How long a shard may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the shards said last.
struct Told {
    steady_us: i64,
    wall_us: i64,
    /// The slowest first, each with its shard and the address that it connects from.
    clients: Vec<(usize, SlowClient, Option<SocketAddr>)>,
    /// Shards that did not answer in time.
    silent: usize,
}

/// Asks the shards for their slowest clients.
pub struct Slowest {
    shards: Vec<WeakSender<Command>>,
    /// Held while they are asked: everybody else waits for that answer.
    last: Mutex<Option<Arc<Told>>>,
}

impl Slowest {
    /// Of the shards that these lead to. It keeps none of them company: a shard that nobody else wants anything of
    /// ends.
    pub fn of(shards: &[Sender<Command>]) -> Slowest {
        Slowest {
            shards: shards.iter().map(Sender::downgrade).collect(),
            last: Mutex::new(None),
        }
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    async fn ask(&self, door: &Door) -> Arc<Told> {
        let mut last = self.last.lock().await;
        let steady_us = door.clock.steady_us();
        if let Some(told) = last.as_ref().filter(|told| steady_us - told.steady_us < SERVES_US) {
            return told.clone();
        }
        // All are asked before the first is waited for. One whose mailbox is full has more to do than this.
        let asked: Vec<_> = self.shards.iter().map(survey).collect();
        let mut told = Told {
            steady_us,
            wall_us: door.clock.wall_us(),
            clients: Vec::new(),
            silent: 0,
        };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        for (shard, answer) in asked.into_iter().enumerate() {
            let found = match answer {
                Some(answer) => tokio::time::timeout_at(deadline, answer).await.ok().and_then(Result::ok),
                None => None,
            };
            match found {
                Some(found) => told.clients.extend(found.into_iter().map(|(client, peer)| (shard, client, peer))),
                None => told.silent += 1,
            }
        }
        told.clients
            .sort_by_key(|(_, client, _)| Reverse((client.behind_us(), client.pending)));
        told.clients.truncate(CLIENTS_MAX);
        last.insert(Arc::new(told)).clone()
    }
}

/// Asks one shard; nothing where it takes no question now.
fn survey(shard: &WeakSender<Command>) -> Option<oneshot::Receiver<runner::Slowest>> {
    let (answer, answered) = oneshot::channel();
    let inquiry = Inquiry {
        clients_max: CLIENTS_MAX,
        answer,
    };
    shard.upgrade()?.try_send(Command::Survey(inquiry)).ok()?;
    Some(answered)
}

/// How many.
#[derive(Deserialize)]
pub(super) struct ClientsQuery {
    slowest: Option<usize>,
}

/// `GET /v1/clients?slowest=N`.
pub(super) async fn clients(State(door): State<Door>, _: Operator, Query(query): Query<ClientsQuery>) -> Result<Response, ApiError> {
    let count = query.slowest.unwrap_or(CLIENTS).min(CLIENTS_MAX);
    // Not on a shard's thread: one that is busy would not hear its own question's end in time.
    let asker = door.clone();
    let asked = door.side.spawn(async move { asker.slowest.ask(&asker).await });
    let told = asked
        .await
        .map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))?;
    let slow: usize = door.shards.iter().map(|shard| shard.slow.load(Ordering::Relaxed)).sum();
    let body = json(|json| {
        json.integer("as_of_us", told.wall_us)
            .count("slow", slow as u64)
            .count("silent_shards", told.silent as u64);
        json.list_at("clients", |list| {
            for (shard, client, peer) in told.clients.iter().take(count) {
                list.object(|json| write(json, *shard, client, *peer));
            }
        });
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

fn write(json: &mut Json<'_>, shard: usize, client: &SlowClient, peer: Option<SocketAddr>) {
    json.text("session", &client.session);
    if let Some(peer) = peer {
        json.text("address", &peer.to_string());
    }
    let kind = match client.kind {
        Kind::WebSocket(_) => "websocket",
        Kind::Echo(_) => "echo",
        Kind::EventStream => "event_stream",
    };
    json.text("kind", kind)
        .count("shard", shard as u64)
        .count("subscriptions", client.subscriptions as u64)
        .count("pending", client.pending)
        .count("oldest_ms", (client.oldest_us / 1000).unsigned_abs());
    if let Some(stuck_us) = client.stuck_us {
        json.count("stuck_ms", (stuck_us / 1000).unsigned_abs());
    }
    json.count("held_bytes", client.held_bytes as u64);
}
