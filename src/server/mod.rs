//! The doors: listeners, routes, upgrades, and what plain HTTP can ask.
//!
//! Owns TCP accept and HTTP (axum on hyper); hands WebSockets to the shard whose listener they came
//! in by, and events to the engine through the ingest threads. Never touches a ring or a cursor, and
//! nothing that can take a millisecond runs on a shard's thread: bodies, searches, compression and
//! `/metrics` go to the side runtime. Bounded: connections, those of an address, new clients a
//! second, header time and size, body time and size, the time an answer may wait for its reader, requests
//! under way.

pub mod address;
pub mod admission;
mod api;
mod auth;
mod clients;
mod contests;
pub mod error;
mod feed_rate;
mod feed_socket;
mod headers;
mod ingest;
mod ingest_ws;
mod lineups;
pub mod listen;
mod memory;
mod nodes;
pub mod optimize;
mod page;
mod predictions;
mod projections;
mod query;
mod snapshots;
mod sse;
mod stall;
mod tier;
pub mod tls;
mod turned_away;
pub mod upgrade;

pub use crate::fanout::slots::{Addresses, Connections, Slot};
pub use auth::{Auth, KeyFileError};
pub use clients::Slowest;
pub use contests::ContestStore;
pub use feed_rate::FeedRates;
pub use predictions::{Predictions, PredictorState};
pub use tier::Tiers;

use crate::clock::Clock;
use crate::cluster::Nodes;
use crate::config::Config;
use crate::engine::Engine;
use crate::fanout::epoch::Epoch;
use crate::fanout::hub::Hub;
use crate::fanout::runner::{Command, ShardLevels};
use crate::fanout::slots::AddressFull;
use crate::fanout::snapshot::GameReader;
use crate::fanout::sockets::SocketOptions;
use crate::predict::points::projections::Projections;
use crate::scoring::{RulesetIndex, Rulesets};
use crate::telemetry::{IngestMetrics, Levels, LogMetrics, MemoryMetrics, Refusal, Refusals};
use admission::Admission;
use axum::Router;
use axum::http::request::Parts;
use axum::middleware::{from_fn_with_state, map_request_with_state, map_response};
use axum::routing::{delete, get, post};
use error::ApiError;
use flume::Sender;
use listen::{Arrival, Peer};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use turned_away::TurnedAway;

/// What every door shares.
pub struct App {
    /// Settings.
    pub config: Config,
    /// Who may do what.
    pub auth: Arc<Auth>,
    /// The way in for events.
    pub engine: Engine,
    /// Topics.
    pub hub: Arc<Hub>,
    /// Reads games for snapshots.
    pub games: GameReader,
    /// Rulesets.
    pub rulesets: Arc<Rulesets>,
    /// The ruleset of requests that name none.
    pub default_ruleset: RulesetIndex,
    /// What players are thought to have.
    pub projections: Arc<Projections>,
    /// Builds lineups for whoever asks.
    pub optimizer: optimize::Optimizer,
    /// This history's name.
    pub epoch: Arc<Epoch>,
    /// The nodes of the cluster, of which this is one.
    pub nodes: Arc<Nodes>,
    /// The way up, for what an edge can't answer.
    pub tiers: Tiers,
    /// What tells this process from one before it with the same epoch.
    pub process: Arc<str>,
    /// The time.
    pub clock: Clock,
    /// Where everything runs that is not to hold a shard up.
    pub side: tokio::runtime::Handle,
    /// Requests with events under way.
    pub ingest_permits: Arc<Semaphore>,
    /// Where contests are stored.
    pub contests: ContestStore,
    /// What each feed has sent lately.
    pub feed_rates: FeedRates,
    /// Ingest's handles.
    pub ingest_metrics: IngestMetrics,
    /// Bytes of bodies under way.
    pub ingest_bytes: Arc<AtomicUsize>,
    /// The handles of what memory is used for, and what is shed.
    pub memory: MemoryMetrics,
    /// The page of metrics.
    pub prometheus: Option<PrometheusHandle>,
    /// Levels to read off for it.
    pub levels: Levels,
    /// The event log's.
    pub log_metrics: LogMetrics,
    /// Each shard's own levels.
    pub shards: Vec<Arc<ShardLevels>>,
    /// Whether a drain has begun.
    pub draining: AtomicBool,
    /// When it did, by the steady clock.
    pub drain_began_us: OnceLock<i64>,
    /// TCP connections open.
    pub connections: Arc<Connections>,
    /// Those of each address.
    pub addresses: Arc<Addresses>,
    /// Who is let in now.
    pub admission: Admission,
    /// Who was turned away, by why.
    pub refusals: Refusals,
    /// How many were told when to come back.
    pub turned_away: AtomicU64,
    /// What the predictor says of itself.
    pub predictions: Predictions,
    /// Asks the shards who is furthest behind.
    pub slowest: Slowest,
    /// Turns true when a drain begins.
    pub stop: watch::Receiver<bool>,
    /// Ingest WebSockets open.
    pub feeds: watch::Sender<usize>,
}

impl App {
    /// A time to come back in, in milliseconds: `least_ms` to twice that, another for each who asks.
    fn spread_ms(&self, least_ms: u64) -> u64 {
        // Strides of a prime walk through the whole range, whoever asks.
        let turn = self.turned_away.fetch_add(1, Ordering::Relaxed);
        least_ms + turn.wrapping_mul(7919) % least_ms.max(1)
    }

    /// Socket settings of everyone who connects.
    fn socket_options(&self) -> SocketOptions {
        SocketOptions {
            send_buffer_bytes: self.config.fanout.send_buffer_bytes,
            unsent_bytes_max: self.config.fanout.unsent_bytes_max,
            user_timeout: Duration::from_millis(self.config.clients.silence_timeout_ms),
        }
    }
}

/// What a request can reach: everything shared, and the shard it came in by.
#[derive(Clone)]
pub struct Door {
    /// Everything shared.
    pub app: Arc<App>,
    /// The shard; nothing on listeners that serve no subscribers.
    pub shard: Option<Sender<Command>>,
}

impl Door {
    /// Lets a client in, where one may come in now, and says what its connection counts among. The last thing
    /// to do about a request: a place is taken by who comes in, not by who is refused for something else.
    ///
    /// # Errors
    /// 503 with a time to come back; those of [`Door::connections_of`].
    fn admit(&self, request: &Parts) -> Result<Arc<Connections>, ApiError> {
        let connections = self.connections_of(request)?;
        let arrival = request.extensions.get::<Arrival>();
        let admitted = arrival.is_some_and(|arrival| arrival.admitted);
        if !admitted && !self.admission.admits(self.clock.steady_us()) {
            self.refusals.count(Refusal::Pace);
            return Err(TurnedAway::until(self.place(request)).into());
        }
        Ok(connections)
    }

    /// What a WebSocket or event stream counts among.
    ///
    /// # Errors
    /// 429 where its address has as many connections as it may.
    fn connections_of(&self, request: &Parts) -> Result<Arc<Connections>, ApiError> {
        let arrival = request.extensions.get::<Arrival>();
        let connections = arrival.map_or(&self.connections, |arrival| &arrival.connections).clone();
        // The proxy's own connection counts for nobody; this is one of its client's.
        let Some(address) = self.client_address(request).filter(|_| self.is_proxied(request)) else {
            return Ok(connections);
        };
        match self.addresses.take(address) {
            Ok(Some(place)) => Ok(connections.with(place)),
            Ok(None) => Ok(connections),
            Err(AddressFull) => {
                self.refusals.count(Refusal::Address);
                Err(TurnedAway::of_address(self).into())
            }
        }
    }

    /// In how many milliseconds who asks is to come: its place in the queue.
    fn place(&self, request: &Parts) -> u64 {
        let now_us = self.clock.steady_us();
        match (request.extensions.get::<Arrival>(), self.client_address(request)) {
            (Some(arrival), Some(address)) => self.admission.place_of(&arrival.told, address, now_us),
            _ => self.admission.place(now_us),
        }
    }

    /// Whether a proxy that the settings trust passes a request on.
    fn is_proxied(&self, request: &Parts) -> bool {
        let peer = request.extensions.get::<Peer>();
        peer.is_some_and(|peer| self.config.server.trusted_proxies.contain(peer.0.ip()))
    }

    /// The address that a request comes from, in front of those proxies; nothing where it came by no socket.
    fn client_address(&self, request: &Parts) -> Option<IpAddr> {
        let server = &self.config.server;
        let peer = request.extensions.get::<Peer>()?.0.ip();
        Some(address::client_address(
            peer,
            &request.headers,
            &server.trusted_proxies,
            server.forwarded_by,
        ))
    }

    /// Does something that may take a millisecond, elsewhere than on a shard's thread.
    ///
    /// # Errors
    /// 503 where the server is stopping.
    async fn aside<R: Send + 'static>(&self, work: impl FnOnce(&App) -> R + Send + 'static) -> Result<R, ApiError> {
        let app = self.app.clone();
        let done = self.side.spawn_blocking(move || work(&app)).await;
        done.map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))
    }
}

impl std::ops::Deref for Door {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

/// Which routes a listener has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Routes {
    /// Subscribers, the page and plain HTTP.
    pub clients: bool,
    /// Feeds.
    pub ingest: bool,
    /// Metrics, and who is slow.
    pub admin: bool,
}

impl Routes {
    /// A listener for feeds alone.
    pub const INGEST: Routes = Routes {
        clients: false,
        ingest: true,
        admin: false,
    };
    /// A listener for operators alone.
    pub const ADMIN: Routes = Routes {
        clients: false,
        ingest: false,
        admin: true,
    };
}

/// The routes of a listener.
pub fn router(door: Door, routes: Routes) -> Router {
    // Health is asked for everywhere: a balancer knows only the port it balances.
    let mut router = Router::new()
        .route("/healthz", get(api::healthz))
        .route("/readyz", get(api::readyz));
    if routes.clients {
        let mut readable = Router::new()
            .route("/v1/sse", get(sse::events))
            .route("/v1/games", get(api::games))
            .route("/v1/games/{game}/players", get(api::game_players))
            .route("/v1/players", get(api::players))
            .route("/v1/players/{player}/projection", get(projections::projection))
            .route("/v1/predictions/{game}", get(projections::predictions))
            .route("/v1/rulesets", get(api::rulesets))
            .route("/v1/models", get(predictions::models))
            .route("/v1/lineups", post(lineups::define))
            .route("/v1/contests", get(contests::list))
            .route("/v1/contests/{id}", get(contests::contest))
            .route("/v1/contests/{id}/entries", get(contests::entries))
            .route("/v1/contests/{id}/entries/{entry}", get(contests::entry))
            .route("/v1/optimize", post(optimize::lineups))
            .route("/v1/admission", get(api::admission))
            .route("/v1/nodes", get(nodes::nodes))
            .route("/v1/snapshot", get(snapshots::snapshot))
            .route("/v1/history", get(snapshots::history));
        if door.config.server.echo {
            router = router.route("/v1/echo", get(upgrade::echo));
        }
        if !door.config.server.allowed_origins.is_empty() {
            // Around refusals of a method, too: a browser asks by one whether it may ask.
            readable = readable
                .method_not_allowed_fallback(error::method_not_allowed)
                .layer(from_fn_with_state(door.clone(), auth::cors));
        }
        router = router
            .merge(readable)
            .route("/", get(page::index))
            .route("/assets/{*path}", get(page::asset))
            .route("/v1/ws", get(upgrade::websocket));
    }
    if routes.ingest {
        router = router
            .route("/v1/events", post(ingest::post_events))
            .route("/v1/contests", post(contests::post))
            .route("/v1/contests/{id}", delete(contests::delete))
            .route("/v1/ingest", get(ingest_ws::feed));
    }
    if routes.admin {
        router = router
            .route("/metrics", get(api::metrics))
            .route("/v1/clients", get(clients::clients))
            .route("/v1/cluster", get(nodes::cluster));
    }
    router
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(map_request_with_state(door.clone(), headers::check_url))
        .layer(map_response(headers::harden))
        .with_state(door)
}
