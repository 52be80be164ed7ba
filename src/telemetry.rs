//! Every metric, in one place: its name, unit, labels and help text; and the logs' format.
//!
//! `docs/metrics.md` is written from [`METRICS`] and a test holds the two together. Labels are closed
//! sets, never ids. A hot path holds handles; nothing here is called once per delivery.

#![expect(clippy::disallowed_macros, reason = "this is where handles are made")]

mod delays;

use crate::fanout::shard::ShardStats;
use crate::feed::sequence::Verdict;
use crate::wire::close::CloseReason;
use delays::Delays;
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::EnvFilter;

/// What kind of metric it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// Only ever grows.
    Counter,
    /// A level.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name as Prometheus shows it.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Its labels, each with all its values; empty for none.
    pub labels: &'static str,
    /// What it says.
    pub help: &'static str,
}

macro_rules! metric {
    ($const:ident, $name:literal, $kind:ident, $labels:literal, $help:literal) => {
        const $const: Metric = Metric {
            name: $name,
            kind: Type::$kind,
            labels: $labels,
            help: $help,
        };
    };
}

metric!(
    CONNECTIONS,
    "scorewire_connections",
    Gauge,
    "",
    "Open WebSocket and event-stream clients."
);
metric!(SUBSCRIPTIONS, "scorewire_subscriptions", Gauge, "", "Subscriptions of all clients.");
metric!(TOPICS, "scorewire_topics", Gauge, "", "Topics that are watched or have a history.");
metric!(GAMES, "scorewire_games", Gauge, "", "Games held.");
metric!(PLAYERS, "scorewire_players", Gauge, "", "Players in the directory.");
metric!(
    MEMBERS,
    "scorewire_members",
    Gauge,
    "",
    "Players, named or not, kept as their last game had them, to be shared by games; `engine.players_max` at most."
);
metric!(OPENED, "scorewire_connections_opened_total", Counter, "", "Clients taken in.");
metric!(
    CLOSED,
    "scorewire_connections_closed_total",
    Counter,
    "reason (the close codes of docs/protocol.md)",
    "Clients gone, by reason."
);
metric!(
    REFUSED_CONNECTIONS,
    "scorewire_connections_refused_total",
    Counter,
    "",
    "TCP connections turned away (503, where there was time to say so): there were `server.connections_max` already."
);
metric!(
    HANDSHAKES,
    "scorewire_tls_handshakes_total",
    Counter,
    "outcome = done, failed, timed_out, shed",
    "TLS handshakes, by how they ended; shed: hung up on at once, as `server.tls_handshakes_max` were under way."
);
metric!(
    HANDSHAKES_UNDER_WAY,
    "scorewire_tls_handshakes_under_way",
    Gauge,
    "",
    "TLS handshakes under way, of `server.tls_handshakes_max`."
);
metric!(
    EVENTS,
    "scorewire_events_total",
    Counter,
    "outcome = fresh, late, revision, revived, retracted, retracted_unseen, duplicate, dead, full, rejected, too_many_games, too_many_players, directory_full",
    "Feed events, by what became of them."
);
metric!(
    UNANNOUNCED,
    "scorewire_unannounced_games_total",
    Counter,
    "",
    "Games first heard of by something else than a `game` event; they count all the same."
);
metric!(
    CHANGES,
    "scorewire_changes_total",
    Counter,
    "",
    "Changes published, one for each topic that an event moved."
);
metric!(
    FRAMES,
    "scorewire_changes_delivered_total",
    Counter,
    "outcome = offered, written, merged, expired, abandoned",
    "Changes offered to subscribers, and what became of them: offered = written + merged + expired + abandoned + pending."
);
metric!(
    PENDING,
    "scorewire_changes_pending",
    Gauge,
    "",
    "Changes that subscribers have yet to be sent, counted cursor by cursor."
);
metric!(
    SNAPSHOTS,
    "scorewire_snapshots_written_total",
    Counter,
    "",
    "Snapshots written to subscribers."
);
metric!(
    BYTES,
    "scorewire_sent_bytes_total",
    Counter,
    "",
    "Bytes that clients' sockets took."
);
metric!(
    DEFLATED,
    "scorewire_deflated_bytes_total",
    Counter,
    "side = in, out",
    "Frames that were compressed, once for all who share one: their bytes before and after."
);
metric!(
    REFUSED_WRITES,
    "scorewire_writes_refused_total",
    Counter,
    "",
    "Writes that a socket refused or took in part."
);
metric!(
    WRITERS,
    "scorewire_shard_writers",
    Gauge,
    "writer = uring, send",
    "Shards, by how they write to sockets (`fanout.writer`)."
);
metric!(
    URING_FAILURES,
    "scorewire_uring_failures_total",
    Counter,
    "",
    "Times that io_uring failed while it was used; the shard went on by `send` for good. Clients whose send the kernel never answered were cut."
);
metric!(
    SLOW,
    "scorewire_slow_clients",
    Gauge,
    "",
    "Clients whose socket is refusing bytes now."
);
metric!(
    MESSAGES,
    "scorewire_client_messages_total",
    Counter,
    "outcome = ok, error",
    "Client messages read."
);
metric!(
    REFUSED_TOPICS,
    "scorewire_topics_refused_total",
    Counter,
    "",
    "Subscriptions refused because there were `fanout.topics_max` topics already."
);
metric!(
    RESYNCS,
    "scorewire_shard_resyncs_total",
    Counter,
    "",
    "Times that a shard looked at every topic because its notices overflowed."
);
metric!(
    RESTS,
    "scorewire_walks_rested_total",
    Counter,
    "",
    "Walks put off because their topic was being walked or at rest (`fanout.rest_ms_max`)."
);
metric!(
    RING_ENTRIES,
    "scorewire_ring_entries",
    Gauge,
    "",
    "Changes held in the rings of all topics."
);
metric!(
    RING_FULLEST,
    "scorewire_ring_fullest_entries",
    Gauge,
    "",
    "Changes held in the fullest ring, of `fanout.ring_frames`."
);
metric!(
    NOTICES,
    "scorewire_shard_notices_waiting",
    Gauge,
    "",
    "Notices waiting for the busiest shard, of `fanout.notices_max`."
);
metric!(
    COMMANDS,
    "scorewire_shard_commands_waiting",
    Gauge,
    "",
    "Most new clients that waited for one shard at once in the last second, of `fanout.commands_max`."
);
metric!(
    JOBS,
    "scorewire_engine_jobs_waiting",
    Gauge,
    "",
    "Batches waiting for the busiest engine thread, of `engine.jobs_max`."
);
metric!(
    FEED_LAG,
    "scorewire_feed_to_ingest_seconds",
    Histogram,
    "",
    "From the feed's clock to arrival, where both are plausible (0 to 60 s)."
);
metric!(
    INGEST_TO_STATE,
    "scorewire_ingest_to_state_seconds",
    Histogram,
    "",
    "From a batch's arrival to its last event applied and published."
);
metric!(
    STATE_TO_ENCODE,
    "scorewire_state_to_encode_seconds",
    Histogram,
    "",
    "From an event's effect being worked out to its frame's encoding."
);
metric!(
    ENCODE_TO_WRITTEN,
    "scorewire_encode_to_written_seconds",
    Histogram,
    "",
    "From a frame's encoding to a socket having it, per delivery to those who were subscribed then."
);
metric!(
    WALK,
    "scorewire_fanout_walk_seconds",
    Histogram,
    "",
    "From the first client of a walk to the last: duration and spread of a fan-out on one shard."
);
metric!(
    HANDSHAKE,
    "scorewire_tls_handshake_seconds",
    Histogram,
    "",
    "From a connection's arrival to the end of its TLS handshake, where it was done."
);

/// Every metric, in the order of the documentation.
pub const METRICS: &[&Metric] = &[
    &CONNECTIONS,
    &SUBSCRIPTIONS,
    &TOPICS,
    &GAMES,
    &PLAYERS,
    &MEMBERS,
    &OPENED,
    &CLOSED,
    &REFUSED_CONNECTIONS,
    &HANDSHAKES,
    &HANDSHAKES_UNDER_WAY,
    &EVENTS,
    &UNANNOUNCED,
    &CHANGES,
    &FRAMES,
    &PENDING,
    &SNAPSHOTS,
    &BYTES,
    &DEFLATED,
    &REFUSED_WRITES,
    &WRITERS,
    &URING_FAILURES,
    &SLOW,
    &MESSAGES,
    &REFUSED_TOPICS,
    &RESYNCS,
    &RESTS,
    &RING_ENTRIES,
    &RING_FULLEST,
    &NOTICES,
    &COMMANDS,
    &JOBS,
    &FEED_LAG,
    &INGEST_TO_STATE,
    &STATE_TO_ENCODE,
    &ENCODE_TO_WRITTEN,
    &WALK,
    &HANDSHAKE,
];

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
        &WRITE_DELAYS,
        &WALKS,
        &HANDSHAKE_DELAYS,
    ] {
        delays.write(&mut page);
    }
    page
}

static FEED_TO_INGEST: Delays = Delays::new(&FEED_LAG);
static INGEST_TO_STATE_DELAYS: Delays = Delays::new(&INGEST_TO_STATE);
static ENCODE_DELAYS: Delays = Delays::new(&STATE_TO_ENCODE);
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
    /// Player lists that did not fit the directory.
    pub directory_full: Counter,
    /// Games first heard of by something else than a `game` event.
    pub unannounced_games: Counter,
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
            unannounced_games: counter(&UNANNOUNCED),
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
}

impl IngestMetrics {
    /// Finds the handles.
    pub fn new() -> IngestMetrics {
        IngestMetrics {
            rejected: counter_with(&EVENTS, "outcome", "rejected"),
            feed_lag: &FEED_TO_INGEST,
            to_state: &INGEST_TO_STATE_DELAYS,
        }
    }
}

impl Default for IngestMetrics {
    fn default() -> Self {
        Self::new()
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
            duration: &HANDSHAKE_DELAYS,
        }
    }
}

impl Default for TlsMetrics {
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
    /// TCP connections refused.
    pub refused: Counter,
}

impl Levels {
    /// Finds the handles.
    pub fn new() -> Levels {
        Levels {
            connections: gauge(&CONNECTIONS),
            subscriptions: gauge(&SUBSCRIPTIONS),
            topics: gauge(&TOPICS),
            games: gauge(&GAMES),
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
            refused: counter(&REFUSED_CONNECTIONS),
        }
    }
}

impl Default for Levels {
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
    refused_topics: Counter,
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
            refused_topics: counter(&REFUSED_TOPICS),
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
        self.refused_topics.increment(stats.refused_topics);
        self.resyncs.increment(stats.resyncs);
        self.rested.increment(stats.rested);
        ENCODE_DELAYS.add(&stats.state_to_encode);
        WRITE_DELAYS.add(&stats.encode_to_written);
        WALKS.add(&stats.walk);
    }
}

impl Default for ShardMetrics {
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
