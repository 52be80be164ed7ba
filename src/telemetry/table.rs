//! The table of metrics: name, type, labels and help text of each. What counts is not here.
//
// tidy: long because it is one table, and nothing else

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
        pub(crate) const $const: Metric = Metric {
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
metric!(
    LINEUPS,
    "scorewire_lineups",
    Gauge,
    "",
    "Fans' lineups, equal ones counted once; `fanout.lineups_max` at most."
);
metric!(
    LINEUPS_REFUSED,
    "scorewire_lineups_refused_total",
    Counter,
    "",
    "Lineups refused as there were `fanout.lineups_max`."
);
metric!(
    LINEUPS_FORGOTTEN,
    "scorewire_lineups_forgotten_total",
    Counter,
    "",
    "Lineups let go of as nobody had watched them for `fanout.lineup_linger_ms`."
);
metric!(
    LINEUP_CHANGES,
    "scorewire_lineup_changes_total",
    Counter,
    "",
    "Changes of lineups: one for each change and each lineup that has a player in it."
);
metric!(
    LINEUP_JUMPS,
    "scorewire_lineup_jumps_total",
    Counter,
    "",
    "Lineups put where their players stand, as it was not known how they came there; whoever watches one gets a snapshot."
);
metric!(
    LINEUP_RESYNCS,
    "scorewire_lineup_resyncs_total",
    Counter,
    "",
    "Times that news for lineups found no room (`fanout.notices_max`) and every lineup was looked at."
);
metric!(
    STATE_TO_LINEUPS,
    "scorewire_state_to_lineups_seconds",
    Histogram,
    "",
    "From an event's effect being worked out to the shards being told of the lineups that it moved; the oldest of what was taken together."
);
metric!(
    CONTESTS,
    "scorewire_contests",
    Gauge,
    "",
    "Contests; `contests.contests_max` at most."
);
metric!(
    CONTEST_ENTRIES,
    "scorewire_contest_entries",
    Gauge,
    "",
    "Entries of all contests; `contests.entries_all_max` at most."
);
metric!(
    CONTEST_CHANGES,
    "scorewire_contest_changes_total",
    Counter,
    "",
    "Changes of contests: one for each change of a player and each contest that has them."
);
metric!(
    CONTEST_VIEWS,
    "scorewire_contest_views_total",
    Counter,
    "",
    "Times that the topic of a contest or an entry came to show something else; those that nobody watches are not counted, as they do not."
);
metric!(
    CONTEST_RESYNCS,
    "scorewire_contest_resyncs_total",
    Counter,
    "",
    "Times that news for contests found no room (`fanout.notices_max`) and every player of one was looked at."
);
metric!(
    STATE_TO_CONTESTS,
    "scorewire_state_to_contests_seconds",
    Histogram,
    "",
    "From an event's effect being worked out to the shards being told of the contests and entries that it moved; the oldest of what was taken together."
);
metric!(
    CONTEST_CHANGE,
    "scorewire_contest_change_seconds",
    Histogram,
    "",
    "What one contest took for its part of what was taken together: its players set, and what is watched shown."
);
metric!(
    OPTIMIZED,
    "scorewire_optimize_requests_total",
    Counter,
    "outcome",
    "Requests for lineups (`POST /v1/optimize`): `proven`, `unproven` (time or work ran out), `refused`, `busy` (`optimize.queue_max`), `gone` (who asked hung up)."
);
metric!(
    OPTIMIZE_WAITING,
    "scorewire_optimize_requests",
    Gauge,
    "",
    "Requests for lineups that wait or are worked on."
);
metric!(
    OPTIMIZE_STEPS,
    "scorewire_optimize_steps_total",
    Counter,
    "",
    "Steps of the searches for lineups."
);
metric!(GAMES, "scorewire_games", Gauge, "", "Games held.");
metric!(
    GAMES_LIVE,
    "scorewire_games_live",
    Gauge,
    "",
    "Games that are being played, as feeds say: neither before the kickoff, nor in a halftime, nor over."
);
metric!(
    GAMES_EXPIRED,
    "scorewire_games_expired_total",
    Counter,
    "",
    "Games let go of: only their ids are kept."
);
metric!(
    EXPIRED_IDS,
    "scorewire_expired_game_ids",
    Gauge,
    "",
    "Ids of games let go of, `engine.expired_games_max` at most; an event of one of them is refused."
);
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
    "reason = full, address, pace",
    "Connections turned away with a time to come back (where there was time to say so): `server.connections_max` in all, `server.connections_per_address_max`, `server.admit_per_second`."
);
metric!(
    REFUSED_REQUESTS,
    "scorewire_requests_refused_total",
    Counter,
    "reason = header_timeout, header_too_long, url_too_long, not_http, response_timeout, body_timeout, body_too_long, busy, feed_bytes, feed_events, too_many_feeds, bad_body, log_unavailable, log_slow",
    "Requests refused or given up, messages of ingest WebSockets too; `header_timeout` counts kept connections that asked for nothing more, too."
);
metric!(
    FEEDS_CLOSED,
    "scorewire_feed_connections_closed_total",
    Counter,
    "reason (the close codes of docs/protocol.md)",
    "Ingest WebSockets gone, by reason."
);
metric!(
    AUTH_CHECKS,
    "scorewire_auth_checks_total",
    Counter,
    "outcome = ok, too_long, malformed, unknown_key, bad_signature, no_expiry, expired, not_yet_valid, wrong_issuer, wrong_audience, bad_claim, too_much, unknown_source",
    "Tokens and API keys shown, by what was found."
);
metric!(
    AUTH_REFUSED,
    "scorewire_auth_refused_total",
    Counter,
    "scope = read, feed, admin",
    "Requests turned away for want of a token, or of that scope in it."
);
metric!(
    ORIGINS_REFUSED,
    "scorewire_origins_refused_total",
    Counter,
    "",
    "Requests turned away as they came from pages that `server.allowed_origins` does not list, or that may neither feed nor see metrics."
);
metric!(
    KEY_FILES,
    "scorewire_auth_key_files_total",
    Counter,
    "outcome = read, failed",
    "Changed files of `auth.jwt_keys`, by what came of them; failed: the keys from before stay."
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
    TLS_RELOADS,
    "scorewire_tls_reloads_total",
    Counter,
    "result = done, failed",
    "Times that certificate and key were read again, as the files had changed or at SIGHUP; failed: no use, and those there were stay."
);
metric!(
    CERTIFICATE_EXPIRES,
    "scorewire_tls_certificate_expiry_timestamp_seconds",
    Gauge,
    "",
    "When the certificate in use expires, by the Unix clock; 0 without TLS."
);
metric!(
    EVENTS,
    "scorewire_events_total",
    Counter,
    "outcome = fresh, late, revision, revived, retracted, retracted_unseen, outranked, duplicate, dead, full, rejected, too_many_games, too_many_players, directory_full, game_expired",
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
    FEED_EVENTS,
    "scorewire_feed_events_total",
    Counter,
    "source = primary, second, third, fourth, fifth, sixth, seventh, eighth",
    "Events of games, by the rank in `feeds.sources` of the feed that said them, whatever became of them."
);
metric!(
    FEED_HEARD,
    "scorewire_feed_last_heard_seconds",
    Gauge,
    "source = primary, second, third, fourth, fifth, sixth, seventh, eighth",
    "How long ago that feed last told of any game; since the start, where it never has."
);
metric!(
    FEED_SILENT,
    "scorewire_feed_silent_games",
    Gauge,
    "source = primary, second, third, fourth, fifth, sixth, seventh, eighth",
    "Games under way of which that feed is silent (`feeds.silence_ms`) while another goes on: others fill in."
);
metric!(
    FEED_SILENCES,
    "scorewire_feed_silences_total",
    Counter,
    "source = primary, second, third, fourth, fifth, sixth, seventh, eighth",
    "Times that feed fell silent in a game."
);
metric!(
    FEED_DIFFERENCES,
    "scorewire_feed_differences",
    Gauge,
    "about = points, view",
    "Plays, situations and announcements of which feeds say different things now: in what scores, or only in what is shown."
);
metric!(
    FEED_DIFFERENCES_BEGUN,
    "scorewire_feed_differences_total",
    Counter,
    "about = points, view",
    "Times that feeds began to say different things of a play, a situation or an announcement."
);
metric!(
    FEED_TAKEOVERS,
    "scorewire_feed_takeovers_total",
    Counter,
    "by = rank, silence",
    "Times that what stood was replaced by what another feed says of it, because that ranks above, or because the one that had said it is silent."
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
    "reason = topics, subscriptions",
    "Subscriptions refused because there were `fanout.topics_max` topics, or the client had `clients.subscriptions_max`, already."
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
    LOG_HEALTHY,
    "scorewire_log_healthy",
    Gauge,
    "",
    "1 while the event log takes events or there is none, 0 while the disk fails or is too slow and events are answered 503."
);
metric!(
    LOG_FAILURES,
    "scorewire_log_failures_total",
    Counter,
    "",
    "Writes, syncs and new files of the event log that failed."
);
metric!(LOG_WRITES, "scorewire_log_writes_total", Counter, "", "Writes to the event log.");
metric!(LOG_SYNCS, "scorewire_log_syncs_total", Counter, "", "Syncs of the event log.");
metric!(
    LOG_SYNC_LAST,
    "scorewire_log_last_sync_seconds",
    Gauge,
    "",
    "How long the last sync of the event log took."
);
metric!(
    LOG_WAITING,
    "scorewire_log_batches_waiting",
    Gauge,
    "",
    "Batches waiting to be written, of `store.queue_batches_max`."
);
metric!(
    LOG_UNSYNCED,
    "scorewire_log_unsynced_bytes",
    Gauge,
    "",
    "Bytes written and not yet on disk, of `store.unsynced_bytes_max`."
);
metric!(LOG_BYTES, "scorewire_log_bytes", Gauge, "", "Bytes of the event log's files.");
metric!(
    LOG_SNAPSHOTS,
    "scorewire_log_snapshots_total",
    Counter,
    "outcome = made, failed",
    "Snapshots of the event log made, and rounds of its housekeeping that failed."
);
metric!(
    STORE_BYTES,
    "scorewire_store_bytes",
    Gauge,
    "",
    "Bytes of the event log and its snapshots after the last round of housekeeping, against `store.bytes_max`."
);
metric!(LOG_SEGMENTS, "scorewire_log_segments", Gauge, "", "Files of the event log.");
metric!(
    LOG_RECORDS,
    "scorewire_log_records_total",
    Counter,
    "",
    "Records of the event log since it was first begun, those of earlier processes included."
);
metric!(
    MEMORY_BUDGET,
    "scorewire_memory_budget_bytes",
    Gauge,
    "",
    "The budget for memory (`memory.budget_mib`); 0 where there is none."
);
metric!(
    MEMORY_RESIDENT,
    "scorewire_memory_resident_bytes",
    Gauge,
    "",
    "This process's resident memory, measured once a second."
);
metric!(
    MEMORY_PRESSURE,
    "scorewire_memory_pressure",
    Gauge,
    "",
    "How much is shed for want of memory, 0 (nothing) to 5; docs/memory.md says what each level sheds."
);
metric!(
    MEMORY,
    "scorewire_memory_bytes",
    Gauge,
    "owner = rings, frames, mirrors, clients, kernel, ingest, log, contests",
    "Whose memory it is, by estimate; kernel: at most, of clients whose socket is full."
);
metric!(
    MEMORY_SHED,
    "scorewire_memory_shed_total",
    Counter,
    "what = changes, frames, histories, subscriptions, connections, bodies",
    "What was dropped or refused for want of memory; clients closed count as `overloaded` among those closed."
);
metric!(
    CLUSTER_CONNECTED,
    "scorewire_cluster_connected",
    Gauge,
    "",
    "1 while the streams of all partitions can be read; 0 without a cluster."
);
metric!(
    CLUSTER_LATE,
    "scorewire_cluster_late_seconds",
    Gauge,
    "",
    "How long ago Redis last answered who follows the partition of which that is longest: what clients are shown may be so late."
);
metric!(
    CLUSTER_OWNED,
    "scorewire_cluster_partitions_owned",
    Gauge,
    "",
    "Partitions that this engine owns."
);
metric!(
    CLUSTER_LEASE_CHANGES,
    "scorewire_cluster_lease_changes_total",
    Counter,
    "",
    "Times that this engine took or lost a partition."
);
metric!(
    CLUSTER_RECORDS,
    "scorewire_cluster_records_total",
    Counter,
    "",
    "Records read of the streams of all partitions, those from before this process too."
);
metric!(
    CLUSTER_BASES,
    "scorewire_cluster_bases_total",
    Counter,
    "result = made, failed",
    "Bases of partitions that this engine `made`, and that it could not make (`failed`): then the stream is not trimmed."
);
metric!(
    CLUSTER_SINCE_BASE,
    "scorewire_cluster_records_since_base",
    Gauge,
    "",
    "Records that no base covers, of the owned partition that has most of them: what a new node has to read."
);
metric!(
    CLUSTER_PREDICTIONS,
    "scorewire_cluster_predictions_total",
    Counter,
    "result = published, crowded, outdated, failed, shown, late, unknown, invalid, shed",
    "Predictions between nodes. Of an engine: published, or not: too many waited, its time or the partition was over, Redis did not take it. Of any node: shown, or not: something newer was shown, the game is not here, it was no engine's, memory was short."
);
metric!(
    CLUSTER_FEED_LINES,
    "scorewire_cluster_feed_lines_total",
    Counter,
    "outcome = accepted, duplicate, rejected",
    "Lines that feeds wrote to Redis and this engine took in, by what became of them."
);
metric!(
    CLUSTER_FEED_WAITING,
    "scorewire_cluster_feed_waiting",
    Gauge,
    "",
    "Entries that feeds wrote to Redis and this engine has yet to take in, of the partitions that it owns."
);
metric!(
    CLUSTER_FEED_LAG,
    "scorewire_cluster_feed_lag_seconds",
    Gauge,
    "",
    "How old the oldest of the entries was that this engine took in last, or tries to, of the partition where that is most; 0 where none wait."
);
metric!(
    CLUSTER_NODES,
    "scorewire_cluster_nodes",
    Gauge,
    "",
    "Nodes that renew their entries in Redis, this one included, as it was read last."
);
metric!(
    CLUSTER_LISTED,
    "scorewire_cluster_listed",
    Gauge,
    "",
    "1 while the others know this node by its name; 0 without a cluster, without Redis, or where another process has the name."
);
metric!(
    CLUSTER_CLOCK,
    "scorewire_cluster_clock_offset_seconds",
    Gauge,
    "",
    "How far this machine's clock is ahead of Redis' (below 0: behind), as of a second ago, give or take half of what Redis took to answer."
);
metric!(
    TIER_REQUESTS,
    "scorewire_tier_requests_total",
    Counter,
    "result = answered, cached, joined, unknown, late, failed, busy, nobody",
    "Questions that this edge could not answer from what it has, by what became of them on their way up: an engine's answer was passed on; one was kept that is young enough; the same was being asked, and that answer was shared; no engine has one either; none came within `cluster.up_timeout_ms`; the engine failed or refused; `cluster.up_requests_max` were under way; no engine is known."
);
metric!(
    CACHE_REQUESTS,
    "scorewire_cache_requests_total",
    Counter,
    "layer = memory, redis, disk; result = hit, miss, failed",
    "Looks for an engine's answer in one layer of an edge's cache, by what became of them: there, and not too old; not there; the layer could not be asked in time or had rubbish. Also `failed`: an answer that the layer could not keep. The disk is looked at only where no engine answers."
);
metric!(
    CACHE_BYTES,
    "scorewire_cache_bytes",
    Gauge,
    "layer = memory, disk",
    "Bytes of engines' answers that this edge keeps; `cluster.cache_memory_bytes` and `cluster.cache_disk_bytes` at most."
);
metric!(
    CACHE_ENTRIES,
    "scorewire_cache_entries",
    Gauge,
    "layer = memory, disk",
    "Engines' answers that this edge keeps; on disk `cluster.cache_disk_files_max` at most. Old ones count until they make room."
);
metric!(
    TRACES_EXPORTED,
    "scorewire_traces_exported_total",
    Counter,
    "",
    "Traces of events that the collector took (`traces.endpoint`)."
);
metric!(
    TRACES_DROPPED,
    "scorewire_traces_dropped_total",
    Counter,
    "reason = rate, queue, backlog, failed",
    "Traces let go of: more than `traces.per_second_max` in a second; no room in the queue (`traces.queue_max`); too many that waited for the collector; the collector did not take them."
);
metric!(
    TRACE_SPANS_DROPPED,
    "scorewire_trace_spans_dropped_total",
    Counter,
    "",
    "Spans that are missing in traces: no room in the queue, more than a trace may have, or refused by the collector."
);
metric!(
    TRACE_REQUESTS,
    "scorewire_trace_requests_total",
    Counter,
    "result = taken, refused, unreachable",
    "Requests to the collector: taken; answered with another status than 2xx; not answered within `traces.timeout_ms`."
);
metric!(
    LIMIT,
    "scorewire_limit",
    Gauge,
    "what = connections, topics, lineups, games, ring_frames, notices, commands, jobs, log_batches, unsynced_bytes, store_bytes, tls_handshakes, drain_seconds",
    "What the settings allow, to hold levels against: `server.connections_max`, `server.tls_handshakes_max`, `fanout.topics_max`, `fanout.lineups_max`, `engine.games_max`, `fanout.ring_frames`, `fanout.notices_max`, `fanout.commands_max`, `engine.jobs_max`, `store.queue_batches_max`, `store.unsynced_bytes_max`, `store.bytes_max`, `shutdown.drain_timeout_ms`."
);
metric!(
    DRAIN,
    "scorewire_drain_seconds",
    Gauge,
    "",
    "How long ago a drain began; 0 before one. Seen where `server.admin_bind` is set: the address for clients takes no scrape in a drain."
);
metric!(
    PROCESS_CPU,
    "process_cpu_seconds_total",
    Counter,
    "",
    "CPU time of this process, in user and system mode."
);
metric!(
    PROCESS_START,
    "process_start_time_seconds",
    Gauge,
    "",
    "When this process began to serve metrics, by the Unix clock."
);
metric!(
    PROCESS_DESCRIPTORS,
    "process_open_fds",
    Gauge,
    "",
    "Open descriptors of this process; Linux alone says so."
);
metric!(
    PROCESS_DESCRIPTORS_MAX,
    "process_max_fds",
    Gauge,
    "",
    "How many descriptors this process may open."
);
metric!(
    GPU_MEMORY,
    "scorewire_gpu_memory_used_bytes",
    Gauge,
    "",
    "Memory in use on the GPU of `predict.device`, whoever uses it; 0 where there is none, or none that can be asked (docs/gpu.md)."
);
metric!(
    GPU_USE,
    "scorewire_gpu_use_ratio",
    Gauge,
    "",
    "Part of the time in which something ran on that GPU, 0 to 1, as its driver samples it; 0 where there is none."
);
metric!(
    POINTS_FORECASTS,
    "scorewire_points_forecasts_total",
    Counter,
    "source: model, historical",
    "Forecasts of a game's players' points: a model's, or the baseline's (points so far and earlier games; of a final game the points)."
);
metric!(
    POINTS_LEFT_OUT,
    "scorewire_points_left_out_total",
    Counter,
    "",
    "Times that a game or player was not forecast, or a player's game not kept, as there are `engine.games_max` or `predict.players_max`."
);
metric!(
    POINTS_PLAYERS,
    "scorewire_points_players",
    Gauge,
    "",
    "Players of whom earlier games are known, up to `predict.players_max`."
);
metric!(
    POINTS_RUNNING,
    "scorewire_points_running",
    Gauge,
    "",
    "1 while players' points are forecast; 0 once that thread has ended, by a defect too."
);
metric!(
    BOARD_NOTICES,
    "scorewire_prediction_notices_total",
    Counter,
    "outcome = taken, replaced, refused",
    "Times that a game moved, for the predictor: taken up, replaced by a newer one of the same game first, or refused because `predict.games_max` games waited."
);
metric!(
    PREDICTIONS,
    "scorewire_predictions_total",
    Counter,
    "kind = next_play, drive, win, points; source = model, historical",
    "Predictions told, by what they are about and who says so."
);
metric!(
    PREDICTION_OUTCOMES,
    "scorewire_prediction_outcomes_total",
    Counter,
    "kind = next_play, drive, win, points; result = right, wrong",
    "Outcomes told: predictions whose call was right or wrong, whoever made it."
);
metric!(
    PREDICTION_ROWS,
    "scorewire_prediction_rows_total",
    Counter,
    "outcome = answered, cached, failed",
    "Questions to models: answered by a run, known from before, or failed (an error, or no probabilities); then history answers."
);
metric!(
    PREDICTION_BATCHES,
    "scorewire_prediction_batches_total",
    Counter,
    "rows = 1, 2, 4, 8, 16, 32, 64, more",
    "Runs of a model, by how many rows there were, at most that many."
);
metric!(
    PREDICTION_GAMES_REFUSED,
    "scorewire_prediction_games_refused_total",
    Counter,
    "",
    "Times that a game moved and was not predicted, or made room before all that was said of it was judged, as there were `predict.games_max`."
);
metric!(
    PREDICTOR_RUNNING,
    "scorewire_predictor_running",
    Gauge,
    "",
    "1 while predictions are made; 0 before the models are loaded, where `predict.enabled` is off, and after a failure, which the log has."
);
metric!(
    INFERENCE_BACKEND,
    "scorewire_inference_backend",
    Gauge,
    "backend = onnxruntime, tract",
    "1 for who runs the models."
);
metric!(
    MODEL_OUTCOMES,
    "scorewire_model_outcomes_total",
    Counter,
    "model (its name); version (`historical` for the table); sure = yes, no; result = right, wrong",
    "Forecasts of each model against what happened, told or not; sure: at least `predict.confidence`. Of `predict.versions_max` versions and the last eight that are not loaded any more."
);
metric!(
    MODEL_FIGURES,
    "scorewire_model_figures",
    Gauge,
    "model; version; figure = accuracy, coverage, log_loss, brier",
    "The same since the start, as means, NaN before the first; coverage: the share that is sure."
);
metric!(
    MODEL_CALIBRATION,
    "scorewire_model_calibration_ratio",
    Gauge,
    "model; version; bin = 0 to 9; what = forecast, happened",
    "By size of the probability given, in tenths: its mean, and how often it happened."
);
metric!(
    MODELS,
    "scorewire_models",
    Gauge,
    "state = serving, resting, withdrawn, refused",
    "Versions of models. serving: loaded, spare ones too; resting: cut off for a while; withdrawn: a challenger that was worse than its champion; refused: in `predict.models_dir`, and no use."
);
metric!(
    MODEL_LOADS,
    "scorewire_model_loads_total",
    Counter,
    "result = loaded, refused, gone",
    "Versions of models that were loaded, refused (the log and `GET /v1/models` say why; what was loaded before stays), or let go of because their files are gone."
);
metric!(
    MODEL_FAILED_RUNS,
    "scorewire_model_failed_runs_total",
    Counter,
    "",
    "Batches to which a model gave no answer, or one that is no probabilities; history answers them, and of points the baseline."
);
metric!(
    MODEL_CUT_OFFS,
    "scorewire_model_cut_offs_total",
    Counter,
    "",
    "Times that a version was left alone for `predict.breaker_rest_s`, after `predict.breaker_failures` failed runs in a row."
);
metric!(
    MODEL_RETURNS,
    "scorewire_model_returns_total",
    Counter,
    "",
    "Times that a challenger went out of service because its log loss was worse than the champion's by more than `predict.compare_margin`."
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
    PREDICTION_TO_ENCODE,
    "scorewire_prediction_to_encode_seconds",
    Histogram,
    "",
    "From a prediction's or an outcome's making to its frame's encoding."
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
metric!(
    INFERENCE,
    "scorewire_inference_seconds",
    Histogram,
    "",
    "Duration of a model's run, whatever its rows."
);
metric!(
    PREDICTION_DELAY,
    "scorewire_prediction_seconds",
    Histogram,
    "what = next_play, drive, win, outcome",
    "From an event's arrival to the prediction, or the outcome, that it led to being published to shards; one bound is the 5 ms that are promised."
);

/// Every metric, in the order of the documentation.
pub const METRICS: &[&Metric] = &[
    &CONNECTIONS,
    &SUBSCRIPTIONS,
    &TOPICS,
    &LINEUPS,
    &LINEUPS_REFUSED,
    &LINEUPS_FORGOTTEN,
    &LINEUP_CHANGES,
    &LINEUP_JUMPS,
    &LINEUP_RESYNCS,
    &OPTIMIZED,
    &OPTIMIZE_WAITING,
    &OPTIMIZE_STEPS,
    &STATE_TO_LINEUPS,
    &CONTESTS,
    &CONTEST_ENTRIES,
    &CONTEST_CHANGES,
    &CONTEST_VIEWS,
    &CONTEST_RESYNCS,
    &STATE_TO_CONTESTS,
    &CONTEST_CHANGE,
    &GAMES,
    &GAMES_LIVE,
    &GAMES_EXPIRED,
    &EXPIRED_IDS,
    &PLAYERS,
    &MEMBERS,
    &OPENED,
    &CLOSED,
    &REFUSED_CONNECTIONS,
    &AUTH_CHECKS,
    &AUTH_REFUSED,
    &ORIGINS_REFUSED,
    &KEY_FILES,
    &REFUSED_REQUESTS,
    &FEEDS_CLOSED,
    &HANDSHAKES,
    &HANDSHAKES_UNDER_WAY,
    &TLS_RELOADS,
    &CERTIFICATE_EXPIRES,
    &EVENTS,
    &UNANNOUNCED,
    &FEED_EVENTS,
    &FEED_HEARD,
    &FEED_SILENT,
    &FEED_SILENCES,
    &FEED_DIFFERENCES,
    &FEED_DIFFERENCES_BEGUN,
    &FEED_TAKEOVERS,
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
    &LOG_HEALTHY,
    &LOG_FAILURES,
    &LOG_WRITES,
    &LOG_SYNCS,
    &LOG_SYNC_LAST,
    &LOG_WAITING,
    &LOG_UNSYNCED,
    &LOG_BYTES,
    &LOG_SNAPSHOTS,
    &STORE_BYTES,
    &LOG_SEGMENTS,
    &LOG_RECORDS,
    &MEMORY_BUDGET,
    &MEMORY_RESIDENT,
    &MEMORY_PRESSURE,
    &MEMORY,
    &MEMORY_SHED,
    &CLUSTER_CONNECTED,
    &CLUSTER_LATE,
    &CLUSTER_OWNED,
    &CLUSTER_LEASE_CHANGES,
    &CLUSTER_RECORDS,
    &CLUSTER_BASES,
    &CLUSTER_SINCE_BASE,
    &CLUSTER_PREDICTIONS,
    &CLUSTER_FEED_LINES,
    &CLUSTER_FEED_WAITING,
    &CLUSTER_FEED_LAG,
    &CLUSTER_NODES,
    &CLUSTER_LISTED,
    &CLUSTER_CLOCK,
    &TIER_REQUESTS,
    &CACHE_REQUESTS,
    &CACHE_BYTES,
    &CACHE_ENTRIES,
    &TRACES_EXPORTED,
    &TRACES_DROPPED,
    &TRACE_SPANS_DROPPED,
    &TRACE_REQUESTS,
    &LIMIT,
    &DRAIN,
    &PROCESS_CPU,
    &PROCESS_START,
    &PROCESS_DESCRIPTORS,
    &PROCESS_DESCRIPTORS_MAX,
    &GPU_MEMORY,
    &GPU_USE,
    &POINTS_FORECASTS,
    &POINTS_LEFT_OUT,
    &POINTS_PLAYERS,
    &POINTS_RUNNING,
    &BOARD_NOTICES,
    &PREDICTIONS,
    &PREDICTION_OUTCOMES,
    &PREDICTION_ROWS,
    &PREDICTION_BATCHES,
    &PREDICTION_GAMES_REFUSED,
    &PREDICTOR_RUNNING,
    &INFERENCE_BACKEND,
    &MODEL_OUTCOMES,
    &MODEL_FIGURES,
    &MODEL_CALIBRATION,
    &MODELS,
    &MODEL_LOADS,
    &MODEL_FAILED_RUNS,
    &MODEL_CUT_OFFS,
    &MODEL_RETURNS,
    &FEED_LAG,
    &INGEST_TO_STATE,
    &STATE_TO_ENCODE,
    &PREDICTION_TO_ENCODE,
    &ENCODE_TO_WRITTEN,
    &WALK,
    &HANDSHAKE,
    &INFERENCE,
    &PREDICTION_DELAY,
];
