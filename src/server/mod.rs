//! The doors: listeners, routes, upgrades, and what plain HTTP can ask.
//!
//! Owns TCP accept and HTTP (axum on hyper); hands WebSockets to the shard whose listener they came
//! in by, and events to the engine through the ingest threads. Never touches a ring or a cursor, and
//! nothing that can take a millisecond runs on a shard's thread: bodies, searches, compression and
//! `/metrics` go to the side runtime. Bounded: connections, header time and size, body size, requests
//! under way.

mod api;
pub mod error;
mod ingest;
mod ingest_ws;
pub mod listen;
mod page;
mod query;
mod snapshots;
mod sse;
pub mod tls;
pub mod upgrade;

pub use crate::fanout::sockets::Slot;

use crate::clock::Clock;
use crate::config::Config;
use crate::engine::Engine;
use crate::fanout::hub::Hub;
use crate::fanout::runner::{Command, ShardLevels};
use crate::fanout::snapshot::GameReader;
use crate::fanout::sockets::SocketOptions;
use crate::scoring::{RulesetIndex, Rulesets};
use crate::telemetry::{IngestMetrics, Levels, LogMetrics};
use axum::Router;
use axum::routing::{get, post};
use error::ApiError;
use flume::Sender;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// What every door shares.
pub struct App {
    /// Settings.
    pub config: Config,
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
    /// This history's name.
    pub epoch: Arc<str>,
    /// What tells this process from one before it with the same epoch.
    pub process: Arc<str>,
    /// The time.
    pub clock: Clock,
    /// Where everything runs that is not to hold a shard up.
    pub side: tokio::runtime::Handle,
    /// Requests with events under way.
    pub ingest_permits: Arc<Semaphore>,
    /// Ingest's handles.
    pub ingest_metrics: IngestMetrics,
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
    /// TCP connections open.
    pub connections: Arc<AtomicUsize>,
    /// Turns true when a drain begins.
    pub stop: watch::Receiver<bool>,
    /// Ingest WebSockets open.
    pub feeds: watch::Sender<usize>,
}

impl App {
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
    /// Metrics.
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
        router = router
            .route("/", get(page::index))
            .route("/assets/{name}", get(page::asset))
            .route("/v1/ws", get(upgrade::websocket))
            .route("/v1/sse", get(sse::events))
            .route("/v1/games", get(api::games))
            .route("/v1/games/{game}/players", get(api::game_players))
            .route("/v1/players", get(api::players))
            .route("/v1/rulesets", get(api::rulesets))
            .route("/v1/snapshot", get(snapshots::snapshot))
            .route("/v1/history", get(snapshots::history));
    }
    if routes.ingest {
        router = router
            .route("/v1/events", post(ingest::post_events))
            .route("/v1/ingest", get(ingest_ws::feed));
    }
    if routes.admin {
        router = router.route("/metrics", get(api::metrics));
    }
    router
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(door)
}
