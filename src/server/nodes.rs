//! `GET /v1/nodes`: where to connect; and `GET /v1/cluster`: who there is, for operators.

use super::auth::{Operator, Reader};
use super::error::{ApiError, json};
use super::query::Query;
use super::{App, Door};
use crate::cluster::nodes::{Entry, Standing, Told, load};
use crate::memory::Level;
use crate::model::Probability;
use crate::wire::json::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::atomic::Ordering::Relaxed;

impl App {
    /// How this server is, for whoever is about to send clients here.
    pub fn standing(&self) -> Standing {
        let connections = self.connections.open() as u64;
        let connections_max = self.config.server.connections_max as u64;
        let level = self.level();
        Standing {
            connections,
            connections_max,
            load: load(connections, connections_max, level.begins_at(), level < Level::Newcomers),
            draining: self.draining.load(Relaxed),
            late: self.nodes.late.load(Relaxed),
            wall_us: self.clock.wall_us(),
            ahead_us: self.nodes.ahead_us.load(Relaxed),
        }
    }
}

/// Longest region that is asked for, in bytes.
const REGION_BYTES_MAX: usize = 100;

/// Where.
#[derive(Deserialize)]
pub(super) struct NodesQuery {
    region: Option<String>,
}

/// `GET /v1/nodes?region=NAME`: the nodes that take clients, best first.
pub(super) async fn nodes(State(door): State<Door>, _: Reader, Query(query): Query<NodesQuery>) -> Result<Response, ApiError> {
    let region = query.region.as_deref().filter(|region| !region.is_empty());
    if region.is_some_and(|region| region.len() > REGION_BYTES_MAX) {
        let message = format!("region may have {REGION_BYTES_MAX} bytes");
        return Err(ApiError::bad_request("bad_query", message));
    }
    let Told { nodes, age_us } = door.nodes.best(door.standing(), region, door.clock.steady_us());
    let body = json(|json| {
        json.count("age_ms", (age_us / 1_000).unsigned_abs());
        json.list_at("nodes", |list| {
            for entry in &nodes {
                list.object(|json| write(json, entry));
            }
        });
    });
    // Where to go is another answer a moment later, and another one to each who asks.
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

fn write(json: &mut Json<'_>, entry: &Entry) {
    json.text("id", &entry.node).text("region", &entry.region);
    if !entry.url.is_empty() {
        json.text("url", &entry.websocket()).text("http", &entry.url);
    }
    json.probability("load", share(entry.standing.load)).text("role", &entry.role);
}

/// Thousandths, as 0 to 1.
fn share(load: u16) -> Probability {
    Probability::new(load.min(1_000) * 10).unwrap_or(Probability::NEVER)
}

/// `GET /v1/cluster`: every node, and what is known of it.
pub(super) async fn cluster(State(door): State<Door>, _: Operator) -> Response {
    let now_us = door.clock.steady_us();
    let me = Entry {
        standing: door.standing(),
        ..door.nodes.me.clone()
    };
    let others = door.nodes.others();
    let body = json(|json| {
        json.text("node", &me.node)
            .text("epoch", door.epoch.name().text())
            .boolean("listed", door.nodes.listed.load(Relaxed));
        json.list_at("nodes", |list| {
            list.object(|json| write_whole(json, &me, 0));
            for seen in others.iter() {
                list.object(|json| write_whole(json, &seen.entry, now_us - seen.heard_us));
            }
        });
    });
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

fn write_whole(json: &mut Json<'_>, entry: &Entry, age_us: i64) {
    write(json, entry);
    let standing = &entry.standing;
    json.text("process", &entry.process)
        .text("version", &entry.version)
        .text("rules", &entry.rules)
        .text("listens", &entry.listens)
        .count("connections", standing.connections)
        .count("connections_max", standing.connections_max)
        .boolean("draining", standing.draining)
        .boolean("late", standing.late)
        .integer("clock_ahead_ms", standing.ahead_us / 1_000)
        .integer("age_ms", age_us / 1_000);
}
