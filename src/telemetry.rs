//! Every metric: what there is ([`METRICS`]), its handles and the page; and the logs' format.
//!
//! `docs/metrics.md` is written from the table and a test holds the two together. Labels are closed
//! sets, never ids. A hot path holds handles; nothing here is called once per delivery.

#![expect(clippy::disallowed_macros, reason = "this is where handles are made")]

mod cache;
mod cluster;
mod contests;
mod delays;
mod feeds;
mod gpu;
mod lineups;
mod optimize;
mod points;
mod predict;
mod process;
mod registry;
pub(crate) mod table;
mod traces;

pub use cache::{CacheLayer, CacheLayerMetrics};
pub use cluster::{
    BaseMetrics, ClusterFeedLevels, ClusterFeedMetrics, ClusterMetrics, ClusterPredictionMetrics, NodesMetrics, TierMetrics, TierResult,
};
pub use contests::ContestMetrics;
pub use feeds::FeedMetrics;
pub use gpu::GpuMetrics;
pub use lineups::LineupMetrics;
pub use optimize::{OptimizeMetrics, Optimized};
pub use points::PointsMetrics;
pub use predict::{PredictorMetrics, prediction_delays};
pub use registry::RegistryMetrics;
pub use table::{METRICS, Metric, Type};
pub use traces::TraceMetrics;

use crate::fanout::shard::ShardStats;
use crate::feed::sequence::Verdict;
use crate::memory::{Account, Level, Owner};
use crate::wire::close::CloseReason;
use delays::Delays;
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::atomic::{AtomicBool, Ordering};
use table::*;
use tracing_subscriber::EnvFilter;

/// Installs the recorder, once per process. Later calls give the same page.
pub fn install() -> PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let handle = PrometheusBuilder::new()
                .install_recorder()
                .expect("no other recorder is installed in this process");
            for metric in METRICS {
                match metric.kind {
                    Type::Counter => metrics::describe_counter!(metric.name, metric.help),
                    Type::Gauge => metrics::describe_gauge!(metric.name, metric.help),
                    Type::Histogram => {}
                }
            }
            process::begin();
            // On the page from the start, also where nobody predicts.
            drop(BoardMetrics::new());
            drop(PredictorMetrics::new());
            drop(RegistryMetrics::new());
            drop(LineupMetrics::new());
            drop(ContestMetrics::new());
            drop(OptimizeMetrics::new());
            drop(TraceMetrics::new());
            handle
        })
        .clone()
}

fn counter(metric: &Metric) -> Counter {
    metrics::counter!(metric.name)
}

fn counter_with(metric: &Metric, label: &'static str, value: &'static str) -> Counter {
    metrics::counter!(metric.name, label => value)
}

fn gauge(metric: &Metric) -> Gauge {
    metrics::gauge!(metric.name)
}

fn gauge_with(metric: &Metric, label: &'static str, value: &'static str) -> Gauge {
    metrics::gauge!(metric.name, label => value)
}

/// The page for Prometheus.
pub fn render(handle: &PrometheusHandle) -> String {
    let mut page = handle.render();
    for delays in [
        &FEED_TO_INGEST,
        &INGEST_TO_STATE_DELAYS,
        &ENCODE_DELAYS,
        &PREDICTION_ENCODE_DELAYS,
        &WRITE_DELAYS,
        &WALKS,
        &HANDSHAKE_DELAYS,
        &lineups::LINEUP_DELAYS,
        &contests::CONTEST_DELAYS,
        &contests::CONTEST_TIMES,
        &predict::INFERENCE_DELAYS,
    ] {
        delays.write(&mut page);
    }
    predict::write(&mut page);
    process::write(&mut page);
    page
}

/// Shows what the settings allow, by the names that the table has.
pub fn show_limits(limits: &[(&'static str, f64)]) {
    for (what, limit) in limits {
        gauge_with(&LIMIT, "what", what).set(*limit);
    }
}

static FEED_TO_INGEST: Delays = Delays::new(&FEED_LAG);
static INGEST_TO_STATE_DELAYS: Delays = Delays::new(&INGEST_TO_STATE);
static ENCODE_DELAYS: Delays = Delays::new(&STATE_TO_ENCODE);
static PREDICTION_ENCODE_DELAYS: Delays = Delays::new(&PREDICTION_TO_ENCODE);
static WRITE_DELAYS: Delays = Delays::new(&ENCODE_TO_WRITTEN);
static WALKS: Delays = Delays::new(&WALK);
static HANDSHAKE_DELAYS: Delays = Delays::new(&HANDSHAKE);

/// The engine's handles.
#[derive(Clone)]
pub struct EngineMetrics {
    verdicts: Vec<Counter>,
    /// Changes published.
    pub changes: Counter,
    /// Events of games beyond the limit.
    pub too_many_games: Counter,
    /// Plays whose players do not fit their game.
    pub too_many_players: Counter,
    /// Events of games that were let go of.
    pub game_expired: Counter,
    /// Games let go of.
    pub games_expired: Counter,
    /// Player lists that did not fit the directory.
    pub directory_full: Counter,
    /// Games first heard of by something else than a `game` event.
    pub unannounced_games: Counter,
    is_unseen: bool,
}

impl EngineMetrics {
    /// Finds the handles.
    pub fn new() -> EngineMetrics {
        EngineMetrics {
            verdicts: Verdict::ALL
                .iter()
                .map(|verdict| counter_with(&EVENTS, "outcome", verdict.name()))
                .collect(),
            changes: counter(&CHANGES),
            too_many_games: counter_with(&EVENTS, "outcome", "too_many_games"),
            too_many_players: counter_with(&EVENTS, "outcome", "too_many_players"),
            directory_full: counter_with(&EVENTS, "outcome", "directory_full"),
            game_expired: counter_with(&EVENTS, "outcome", "game_expired"),
            games_expired: counter(&GAMES_EXPIRED),
            unannounced_games: counter(&UNANNOUNCED),
            is_unseen: false,
        }
    }

    /// Handles that lead nowhere: for a state beside the server's own.
    pub fn unseen() -> EngineMetrics {
        EngineMetrics {
            verdicts: vec![Counter::noop(); Verdict::ALL.len()],
            changes: Counter::noop(),
            too_many_games: Counter::noop(),
            too_many_players: Counter::noop(),
            game_expired: Counter::noop(),
            games_expired: Counter::noop(),
            directory_full: Counter::noop(),
            unannounced_games: Counter::noop(),
            is_unseen: true,
        }
    }

    /// The handles of so many feeds, which lead where these do.
    pub fn feeds(&self, sources: usize) -> FeedMetrics {
        match self.is_unseen {
            true => FeedMetrics::unseen(),
            false => FeedMetrics::new(sources),
        }
    }

    /// Counts what the sequencer said.
    pub fn verdict(&self, verdict: Verdict, events: u64) {
        self.verdicts[verdict as usize].increment(events);
    }
}

impl Default for EngineMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Ingest's handles.
#[derive(Clone)]
pub struct IngestMetrics {
    /// Lines refused.
    pub rejected: Counter,
    /// From the feed's clock to arrival.
    pub feed_lag: &'static Delays,
    /// From arrival to published.
    pub to_state: &'static Delays,
    closed: Vec<Counter>,
}

impl IngestMetrics {
    /// Finds the handles.
    pub fn new() -> IngestMetrics {
        IngestMetrics {
            rejected: counter_with(&EVENTS, "outcome", "rejected"),
            feed_lag: &FEED_TO_INGEST,
            to_state: &INGEST_TO_STATE_DELAYS,
            closed: CloseReason::ALL
                .iter()
                .map(|reason| counter_with(&FEEDS_CLOSED, "reason", reason.name()))
                .collect(),
        }
    }

    /// Counts an ingest WebSocket that ended.
    pub fn closed(&self, reason: CloseReason) {
        self.closed[reason as usize].increment(1);
    }
}

impl Default for IngestMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The handles of tokens and origins.
pub struct AuthMetrics {
    /// Tokens and keys that were good.
    pub passed: Counter,
    /// Those that were not, by why.
    pub refused: Vec<Counter>,
    /// Requests turned away, by the scope they lacked: read, feed, admin.
    pub turned_away: [Counter; 3],
    /// Requests of foreign pages.
    pub origins_refused: Counter,
    /// Files of keys that changed and were read.
    pub key_files_read: Counter,
    /// Those that could not be.
    pub key_files_failed: Counter,
}

impl AuthMetrics {
    /// Finds the handles; a counter for each of these reasons to refuse a token.
    pub fn new<const REASONS: usize>(reasons: [&'static str; REASONS]) -> AuthMetrics {
        AuthMetrics {
            passed: counter_with(&AUTH_CHECKS, "outcome", "ok"),
            refused: reasons.map(|reason| counter_with(&AUTH_CHECKS, "outcome", reason)).into(),
            turned_away: ["read", "feed", "admin"].map(|scope| counter_with(&AUTH_REFUSED, "scope", scope)),
            origins_refused: counter(&ORIGINS_REFUSED),
            key_files_read: counter_with(&KEY_FILES, "outcome", "read"),
            key_files_failed: counter_with(&KEY_FILES, "outcome", "failed"),
        }
    }
}

/// The handles of TLS handshakes.
#[derive(Clone)]
pub struct TlsMetrics {
    /// Over in good order.
    pub done: Counter,
    /// No TLS, or nothing that both sides speak.
    pub failed: Counter,
    /// Not in time.
    pub timed_out: Counter,
    /// Not begun: too many were under way.
    pub shed: Counter,
    /// Those under way.
    pub under_way: Gauge,
    /// Times that certificate and key were read again.
    pub renewed: Counter,
    /// Times that they were to be, and were no use.
    pub not_renewed: Counter,
    /// When the certificate expires.
    pub expires: Gauge,
    /// From a connection's arrival to the end of its handshake.
    pub duration: &'static Delays,
}

impl TlsMetrics {
    /// Finds the handles.
    pub fn new() -> TlsMetrics {
        let outcome = |name| counter_with(&HANDSHAKES, "outcome", name);
        TlsMetrics {
            done: outcome("done"),
            failed: outcome("failed"),
            timed_out: outcome("timed_out"),
            shed: outcome("shed"),
            under_way: gauge(&HANDSHAKES_UNDER_WAY),
            renewed: counter_with(&TLS_RELOADS, "result", "done"),
            not_renewed: counter_with(&TLS_RELOADS, "result", "failed"),
            expires: gauge(&CERTIFICATE_EXPIRES),
            duration: &HANDSHAKE_DELAYS,
        }
    }
}

impl Default for TlsMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Why somebody was turned away, or given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There were `server.connections_max` connections.
    Full,
    /// The address had `server.connections_per_address_max`.
    Address,
    /// More came at once than `server.admit_per_second` lets in.
    Pace,
    /// A header took longer than `server.header_read_timeout_ms`, or a kept connection said nothing for as long.
    HeaderTimeout,
    /// A header over `server.header_bytes_max` or `server.headers_max`.
    HeaderTooLong,
    /// An address over `server.url_bytes_max`.
    UrlTooLong,
    /// Something that is no HTTP.
    NotHttp,
    /// An answer of which the client took nothing for `clients.stall_timeout_ms`.
    ResponseTimeout,
    /// A body that took longer than `ingest.body_read_timeout_ms`.
    BodyTimeout,
    /// A body over `ingest.body_bytes_max`.
    BodyTooLong,
    /// Events while the engine, or `ingest.requests_max` requests, were busy.
    Busy,
    /// A feed's key over `ingest.bytes_per_second_max`.
    FeedBytes,
    /// A feed's key over `ingest.events_per_second_max`.
    FeedEvents,
    /// More feeds' WebSockets than `ingest.feeds_max`.
    TooManyFeeds,
    /// A body that is none: no events, cut short, no gzip, an array that does not end.
    BadBody,
    /// Events that the event log could not take.
    LogUnavailable,
    /// Events that were not on disk in `store.commit_timeout_ms`.
    LogSlow,
}

impl Refusal {
    /// All of them, by their places among the handles.
    const ALL: [(Refusal, &'static Metric, &'static str); 17] = [
        (Refusal::Full, &REFUSED_CONNECTIONS, "full"),
        (Refusal::Address, &REFUSED_CONNECTIONS, "address"),
        (Refusal::Pace, &REFUSED_CONNECTIONS, "pace"),
        (Refusal::HeaderTimeout, &REFUSED_REQUESTS, "header_timeout"),
        (Refusal::HeaderTooLong, &REFUSED_REQUESTS, "header_too_long"),
        (Refusal::UrlTooLong, &REFUSED_REQUESTS, "url_too_long"),
        (Refusal::NotHttp, &REFUSED_REQUESTS, "not_http"),
        (Refusal::ResponseTimeout, &REFUSED_REQUESTS, "response_timeout"),
        (Refusal::BodyTimeout, &REFUSED_REQUESTS, "body_timeout"),
        (Refusal::BodyTooLong, &REFUSED_REQUESTS, "body_too_long"),
        (Refusal::Busy, &REFUSED_REQUESTS, "busy"),
        (Refusal::FeedBytes, &REFUSED_REQUESTS, "feed_bytes"),
        (Refusal::FeedEvents, &REFUSED_REQUESTS, "feed_events"),
        (Refusal::TooManyFeeds, &REFUSED_REQUESTS, "too_many_feeds"),
        (Refusal::BadBody, &REFUSED_REQUESTS, "bad_body"),
        (Refusal::LogUnavailable, &REFUSED_REQUESTS, "log_unavailable"),
        (Refusal::LogSlow, &REFUSED_REQUESTS, "log_slow"),
    ];
}

/// Counts who was turned away.
pub struct Refusals([Counter; Refusal::ALL.len()]);

impl Refusals {
    /// Finds the handles.
    pub fn new() -> Refusals {
        Refusals(Refusal::ALL.map(|(_, metric, reason)| counter_with(metric, "reason", reason)))
    }

    /// Counts one.
    pub fn count(&self, refusal: Refusal) {
        self.0[refusal as usize].increment(1);
    }
}

impl Default for Refusals {
    fn default() -> Self {
        Self::new()
    }
}

/// Levels that are read off now and then.
pub struct Levels {
    /// Open clients.
    pub connections: Gauge,
    /// Their subscriptions.
    pub subscriptions: Gauge,
    /// Topics.
    pub topics: Gauge,
    /// Games.
    pub games: Gauge,
    /// Those that are being played.
    pub games_live: Gauge,
    /// Ids of games let go of.
    pub expired_ids: Gauge,
    /// Players known.
    pub players: Gauge,
    /// Members kept to be shared.
    pub members: Gauge,
    /// Changes pending.
    pub pending: Gauge,
    /// Clients whose socket refuses bytes.
    pub slow: Gauge,
    /// Shards that write by io_uring.
    pub writers_uring: Gauge,
    /// Shards that write by `send`.
    pub writers_send: Gauge,
    /// Changes held in all rings.
    pub ring_entries: Gauge,
    /// Changes held in the fullest ring.
    pub ring_fullest: Gauge,
    /// Notices waiting.
    pub notices: Gauge,
    /// Commands waiting.
    pub commands: Gauge,
    /// Jobs waiting.
    pub jobs: Gauge,
    /// Seconds since a drain began.
    pub drain: Gauge,
}

impl Levels {
    /// Finds the handles.
    pub fn new() -> Levels {
        Levels {
            connections: gauge(&CONNECTIONS),
            subscriptions: gauge(&SUBSCRIPTIONS),
            topics: gauge(&TOPICS),
            games: gauge(&GAMES),
            games_live: gauge(&GAMES_LIVE),
            expired_ids: gauge(&EXPIRED_IDS),
            players: gauge(&PLAYERS),
            members: gauge(&MEMBERS),
            pending: gauge(&PENDING),
            slow: gauge(&SLOW),
            writers_uring: gauge_with(&WRITERS, "writer", "uring"),
            writers_send: gauge_with(&WRITERS, "writer", "send"),
            ring_entries: gauge(&RING_ENTRIES),
            ring_fullest: gauge(&RING_FULLEST),
            notices: gauge(&NOTICES),
            commands: gauge(&COMMANDS),
            jobs: gauge(&JOBS),
            drain: gauge(&DRAIN),
        }
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self::new()
    }
}

/// The event log's handles; read off its own counts.
pub struct LogMetrics {
    /// 1 or 0.
    pub healthy: Gauge,
    /// What failed.
    pub failures: Counter,
    /// Writes.
    pub writes: Counter,
    /// Syncs.
    pub syncs: Counter,
    /// Seconds that the last one took.
    pub last_sync: Gauge,
    /// Batches that wait.
    pub waiting: Gauge,
    /// Bytes not on disk.
    pub unsynced: Gauge,
    /// Bytes of all files.
    pub bytes: Gauge,
    /// Files.
    pub segments: Gauge,
    /// Records.
    pub records: Counter,
}

impl LogMetrics {
    /// Finds the handles.
    pub fn new() -> LogMetrics {
        LogMetrics {
            healthy: gauge(&LOG_HEALTHY),
            failures: counter(&LOG_FAILURES),
            writes: counter(&LOG_WRITES),
            syncs: counter(&LOG_SYNCS),
            last_sync: gauge(&LOG_SYNC_LAST),
            waiting: gauge(&LOG_WAITING),
            unsynced: gauge(&LOG_UNSYNCED),
            bytes: gauge(&LOG_BYTES),
            segments: gauge(&LOG_SEGMENTS),
            records: counter(&LOG_RECORDS),
        }
    }
}

impl Default for LogMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The handles of the event log's housekeeping.
#[derive(Clone)]
pub struct HousekeepingMetrics {
    /// Snapshots made.
    pub made: Counter,
    /// Rounds that failed.
    pub failed: Counter,
    /// Bytes of log and snapshots.
    pub bytes: Gauge,
}

impl HousekeepingMetrics {
    /// Finds the handles.
    pub fn new() -> HousekeepingMetrics {
        HousekeepingMetrics {
            made: counter_with(&LOG_SNAPSHOTS, "outcome", "made"),
            failed: counter_with(&LOG_SNAPSHOTS, "outcome", "failed"),
            bytes: gauge(&STORE_BYTES),
        }
    }
}

impl Default for HousekeepingMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The handles of what memory is used for, and what is shed.
pub struct MemoryMetrics {
    /// The budget, in bytes.
    pub budget: Gauge,
    /// Bytes of this process that are in memory.
    pub resident: Gauge,
    /// How much is shed.
    pressure: Gauge,
    owners: Vec<Gauge>,
    /// Changes that left rings early.
    pub shed_changes: Counter,
    /// Entries whose frames were dropped early.
    pub shed_frames: Counter,
    /// Histories not told.
    pub shed_histories: Counter,
    /// New clients refused.
    pub shed_connections: Counter,
    /// Bodies refused.
    pub shed_bodies: Counter,
}

impl MemoryMetrics {
    /// Finds the handles.
    pub fn new() -> MemoryMetrics {
        let shed = |what| counter_with(&MEMORY_SHED, "what", what);
        MemoryMetrics {
            budget: gauge(&MEMORY_BUDGET),
            resident: gauge(&MEMORY_RESIDENT),
            pressure: gauge(&MEMORY_PRESSURE),
            owners: Owner::ALL.iter().map(|owner| gauge_with(&MEMORY, "owner", owner.name())).collect(),
            shed_changes: shed("changes"),
            shed_frames: shed("frames"),
            shed_histories: shed("histories"),
            shed_connections: shed("connections"),
            shed_bodies: shed("bodies"),
        }
    }

    /// Shows the level.
    pub fn level(&self, level: Level) {
        self.pressure.set(level as u8);
    }

    /// Shows whose memory it is.
    pub fn account(&self, account: Account) {
        for (owner, bytes) in account {
            self.owners[owner as usize].set(bytes as f64);
        }
    }
}

impl Default for MemoryMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A shard's handles: it counts for itself and hands its counts over once a second.
pub struct ShardMetrics {
    opened: Counter,
    closed: Vec<Counter>,
    outcomes: [Counter; 5],
    snapshots: Counter,
    bytes: Counter,
    deflated: [Counter; 2],
    refused: Counter,
    messages: [Counter; 2],
    refused_topics: [Counter; 2],
    shed_subscriptions: Counter,
    resyncs: Counter,
    rested: Counter,
    /// Times that io_uring was given up.
    pub uring_failures: Counter,
}

impl ShardMetrics {
    /// Finds the handles.
    pub fn new() -> ShardMetrics {
        let outcome = |name| counter_with(&FRAMES, "outcome", name);
        ShardMetrics {
            opened: counter(&OPENED),
            closed: CloseReason::ALL
                .iter()
                .map(|reason| counter_with(&CLOSED, "reason", reason.name()))
                .collect(),
            outcomes: ["offered", "written", "merged", "expired", "abandoned"].map(outcome),
            snapshots: counter(&SNAPSHOTS),
            bytes: counter(&BYTES),
            deflated: ["in", "out"].map(|side| counter_with(&DEFLATED, "side", side)),
            refused: counter(&REFUSED_WRITES),
            messages: ["ok", "error"].map(|name| counter_with(&MESSAGES, "outcome", name)),
            refused_topics: ["topics", "subscriptions"].map(|reason| counter_with(&REFUSED_TOPICS, "reason", reason)),
            shed_subscriptions: counter_with(&MEMORY_SHED, "what", "subscriptions"),
            resyncs: counter(&RESYNCS),
            rested: counter(&RESTS),
            uring_failures: counter(&URING_FAILURES),
        }
    }

    /// Takes a shard's counts over.
    pub fn record(&self, stats: &ShardStats) {
        self.opened.increment(stats.opened);
        for (counter, count) in self.closed.iter().zip(stats.closed) {
            counter.increment(count);
        }
        let outcomes = [stats.offered, stats.written, stats.merged, stats.expired, stats.abandoned];
        for (counter, count) in self.outcomes.iter().zip(outcomes) {
            counter.increment(count);
        }
        self.snapshots.increment(stats.snapshots);
        self.bytes.increment(stats.bytes);
        self.deflated[0].increment(stats.deflate_in_bytes);
        self.deflated[1].increment(stats.deflate_out_bytes);
        self.refused.increment(stats.refused);
        self.messages[0].increment(stats.messages - stats.bad_messages.min(stats.messages));
        self.messages[1].increment(stats.bad_messages);
        self.refused_topics[0].increment(stats.refused_topics);
        self.refused_topics[1].increment(stats.refused_subscriptions);
        self.shed_subscriptions.increment(stats.shed_subscriptions);
        self.resyncs.increment(stats.resyncs);
        self.rested.increment(stats.rested);
        ENCODE_DELAYS.add(&stats.state_to_encode);
        PREDICTION_ENCODE_DELAYS.add(&stats.prediction_to_encode);
        WRITE_DELAYS.add(&stats.encode_to_written);
        WALKS.add(&stats.walk);
    }
}

impl Default for ShardMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The handles of the board that tells the predictor which games have news.
pub struct BoardMetrics {
    /// Notices taken.
    pub taken: Counter,
    /// Notices replaced by newer ones before they were taken.
    pub replaced: Counter,
    /// Notices of games that found no room.
    pub refused: Counter,
}

impl BoardMetrics {
    /// Finds the handles.
    pub fn new() -> BoardMetrics {
        let outcome = |name| counter_with(&BOARD_NOTICES, "outcome", name);
        BoardMetrics {
            taken: outcome("taken"),
            replaced: outcome("replaced"),
            refused: outcome("refused"),
        }
    }
}

impl Default for BoardMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// How logs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether a filter can be read.
///
/// # Errors
/// What is wrong with it.
pub fn check_filter(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter)
        .map(|_| ())
        .map_err(|error| format!("log.filter: {error}; write it as \"info\" or \"scorewire=debug,info\""))
}

/// Starts logging to standard error. `filter` is what `RUST_LOG` would say (`info`, `scorewire=debug`).
///
/// # Errors
/// A filter that cannot be read.
pub fn start_logs(format: LogFormat, filter: &str) -> Result<(), String> {
    check_filter(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        // Whoever reads the log may stop reading; a server does not end over that.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .with_target(false)
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second start in one process (tests) keeps the first's settings.
    if started.is_ok() && format == LogFormat::Json {
        JSON.store(true, Ordering::Relaxed);
    }
    Ok(())
}

static JSON: AtomicBool = AtomicBool::new(false);

/// Whether logs go to a machine: then even the last word belongs there.
pub fn logs_are_json() -> bool {
    JSON.load(Ordering::Relaxed)
}
