//! Settings: what may be set, what it is by default, and whether a value makes sense.
//!
//! Read from `config/default.toml` (built in), then `--config FILE`, then `SCOREWIRE__SECTION__KEY`,
//! then the command line. An unknown key or a value that makes no sense stops the start before any
//! port is bound, with one line that names it.

mod auth;
mod cluster;
mod contests;
mod network;
mod optimize;
mod predict;
mod traces;

pub use auth::{ApiKey, Auth, KeyHash, OpenTo, Scope};
pub use cluster::{AckSetting, Cluster, Role};
pub use contests::Contests;
pub use network::{Network, Networks, NoNetwork};
pub use optimize::Optimize;
pub use predict::Predict;
pub use traces::Traces;

use crate::engine::EngineLimits;
use crate::fanout::hub::{HubLimits, SHARDS_MAX};
use crate::fanout::lineups::LineupLimits;
use crate::fanout::shard::ShardLimits;
use crate::fanout::sockets::WriterSetting;
use crate::model::SOURCES_MAX;
use crate::model::ids::is_well_formed;
use crate::store;
use crate::telemetry::{self, LogFormat};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The annotated defaults.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

const MIB: u64 = 1024 * 1024;
const DAY_MS: u64 = 86_400_000;

/// All settings; `config/default.toml` says what each costs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Config {
    pub server: Server,
    pub auth: Auth,
    pub feeds: Feeds,
    pub scoring: Scoring,
    pub ingest: Ingest,
    pub engine: EngineSection,
    pub store: Store,
    pub fanout: Fanout,
    pub contests: Contests,
    pub clients: Clients,
    pub predict: Predict,
    pub optimize: Optimize,
    pub cluster: Cluster,
    pub memory: Memory,
    pub shutdown: Shutdown,
    pub metrics: Metrics,
    pub traces: Traces,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Server {
    pub bind: SocketAddr,
    pub ingest_bind: Option<SocketAddr>,
    pub admin_bind: Option<SocketAddr>,
    pub shards: usize,
    pub backlog: i32,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub admit_per_second: usize,
    pub admit_burst: usize,
    pub readmit_spread_ms_max: u64,
    pub header_read_timeout_ms: u64,
    pub header_bytes_max: usize,
    pub headers_max: usize,
    pub url_bytes_max: usize,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tls_threads: usize,
    pub tls_handshakes_max: usize,
    pub echo: bool,
    pub allowed_origins: Vec<String>,
    pub trusted_proxies: Networks,
    pub forwarded_by: ForwardedBy,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Feeds {
    pub sources: Vec<String>,
    pub silence_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Scoring {
    pub rulesets_dir: PathBuf,
    pub default_ruleset: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Ingest {
    pub threads: usize,
    pub body_bytes_max: usize,
    pub line_bytes_max: usize,
    pub requests_max: usize,
    pub body_read_timeout_ms: u64,
    pub unacked_max: usize,
    pub message_bytes_max: usize,
    pub feeds_max: usize,
    pub rejected_listed_max: usize,
    pub bytes_per_second_max: usize,
    pub events_per_second_max: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct EngineSection {
    pub threads: usize,
    pub jobs_max: usize,
    pub games_max: usize,
    pub plays_max: usize,
    pub game_players_max: usize,
    pub players_max: usize,
    pub expired_games_max: usize,
}

/// What a 200 promises a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing outlives the process.
    Memory,
    /// It is on disk; shown already when it is written.
    Group,
    /// It is on disk, and is not shown before.
    Sync,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Store {
    pub dir: PathBuf,
    pub durability: Durability,
    pub group_wait_us: u64,
    pub commit_timeout_ms: u64,
    pub queue_batches_max: usize,
    pub segment_bytes: u64,
    pub unsynced_bytes_max: usize,
    pub retry_ms: u64,
    pub snapshot_every_bytes: u64,
    pub keep_finished_hours: u64,
    pub bytes_max: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Fanout {
    pub ring_frames: usize,
    pub topics_max: usize,
    pub notices_max: usize,
    pub lineups_max: usize,
    pub lineup_ring_frames: usize,
    pub lineup_linger_ms: u64,
    pub commands_max: usize,
    pub coalesce_frames_max: usize,
    pub write_bytes_max: usize,
    pub compress_bytes_min: usize,
    pub slice_clients: usize,
    pub rest_ms_max: u64,
    pub writer: WriterSetting,
    pub send_buffer_bytes: usize,
    pub unsent_bytes_max: u32,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Clients {
    pub compression: bool,
    pub subscriptions_max: usize,
    pub message_bytes_max: usize,
    pub messages_per_second_max: usize,
    pub messages_burst: usize,
    pub message_timeout_ms: u64,
    pub replies_bytes_max: usize,
    pub ping_interval_ms: u64,
    pub silence_timeout_ms: u64,
    pub stall_timeout_ms: u64,
    pub close_timeout_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Memory {
    pub budget_mib: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Shutdown {
    pub reconnect_spread_ms: u64,
    pub drain_timeout_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Metrics {
    pub enabled: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

/// The header in which proxies say whose request they pass on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For: CLIENT, PROXY`.
    XForwardedFor,
    /// `Forwarded: for=CLIENT, for=PROXY` (RFC 7239).
    Forwarded,
}

/// A setting that stops the start.
#[derive(Debug, thiserror::Error)]
#[error("{}", printable(.0))]
pub struct ConfigError(String);

impl Default for Server {
    fn default() -> Self {
        Server {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            ingest_bind: None,
            admin_bind: None,
            shards: 0,
            backlog: 4096,
            connections_max: 100_000,
            connections_per_address_max: 0,
            admit_per_second: 5_000,
            admit_burst: 20_000,
            readmit_spread_ms_max: 60_000,
            header_read_timeout_ms: 10_000,
            header_bytes_max: 16_384,
            headers_max: 100,
            url_bytes_max: 8_192,
            tls_cert: None,
            tls_key: None,
            tls_threads: 1,
            tls_handshakes_max: 10_000,
            echo: false,
            allowed_origins: Vec::new(),
            trusted_proxies: Networks::default(),
            forwarded_by: ForwardedBy::XForwardedFor,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            server: Server::default(),
            auth: Auth::default(),
            feeds: Feeds {
                sources: vec!["primary".into()],
                silence_ms: 30_000,
            },
            scoring: Scoring {
                rulesets_dir: "config/rulesets".into(),
                default_ruleset: "draftkings".into(),
            },
            ingest: Ingest {
                threads: 1,
                body_bytes_max: 16 * 1024 * 1024,
                line_bytes_max: 65_536,
                requests_max: 64,
                body_read_timeout_ms: 30_000,
                unacked_max: 64,
                message_bytes_max: 131_072,
                feeds_max: 64,
                rejected_listed_max: 100,
                bytes_per_second_max: 0,
                events_per_second_max: 0,
            },
            engine: EngineSection {
                threads: 1,
                jobs_max: 256,
                games_max: 1024,
                plays_max: 4096,
                game_players_max: 1024,
                players_max: 100_000,
                expired_games_max: 65_536,
            },
            store: Store {
                dir: "scorewire-data".into(),
                durability: Durability::Group,
                group_wait_us: 2_000,
                commit_timeout_ms: 2_000,
                queue_batches_max: 256,
                segment_bytes: 16 * MIB,
                unsynced_bytes_max: 64 * 1024 * 1024,
                retry_ms: 250,
                snapshot_every_bytes: 16 * MIB,
                keep_finished_hours: 168,
                bytes_max: 4096 * MIB,
            },
            fanout: Fanout {
                ring_frames: 256,
                topics_max: 200_000,
                notices_max: 4096,
                lineups_max: 50_000,
                lineup_ring_frames: 32,
                lineup_linger_ms: 120_000,
                commands_max: 4096,
                coalesce_frames_max: 4,
                write_bytes_max: 65_536,
                compress_bytes_min: 200,
                slice_clients: 128,
                rest_ms_max: 10,
                writer: WriterSetting::Auto,
                send_buffer_bytes: 32_768,
                unsent_bytes_max: 16_384,
            },
            contests: Contests::default(),
            clients: Clients {
                compression: true,
                subscriptions_max: 1_000,
                message_bytes_max: 65_536,
                messages_per_second_max: 100,
                messages_burst: 300,
                message_timeout_ms: 30_000,
                replies_bytes_max: 65_536,
                ping_interval_ms: 25_000,
                silence_timeout_ms: 60_000,
                stall_timeout_ms: 30_000,
                close_timeout_ms: 2_000,
            },
            predict: Predict::default(),
            optimize: Optimize::default(),
            cluster: Cluster::default(),
            memory: Memory { budget_mib: 0 },
            shutdown: Shutdown {
                reconnect_spread_ms: 10_000,
                drain_timeout_ms: 10_000,
            },
            metrics: Metrics { enabled: true },
            traces: Traces::default(),
            log: Log {
                format: LogFormat::Text,
                filter: "info".into(),
            },
        }
    }
}

impl Config {
    /// Reads the settings: defaults, then `file`, then `SCOREWIRE__SECTION__KEY` among `vars`.
    ///
    /// # Errors
    /// What is wrong and where, in one line.
    pub fn load(file: Option<&Path>, vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Config, ConfigError> {
        let Some(file) = file else {
            return Config::layered(None, vars);
        };
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError(format!("cannot read {name}: {error}")))?;
        Config::layered(Some((&name, &text)), vars)
    }

    /// The same of a file that was read already: its name, for errors, and its text.
    ///
    /// # Errors
    /// [`ConfigError`], one line.
    pub fn layered(file: Option<(&str, &str)>, vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Config, ConfigError> {
        let table = toml::from_str(DEFAULT_TOML).map_err(|error| ConfigError(one_line("config/default.toml", DEFAULT_TOML, &error)))?;
        let mut layers = Layers { table, complaint: None };
        if let Some((name, text)) = file {
            // Read alone first, so that a mistake is shown with its own file and line.
            let own: toml::Table = toml::from_str(text).map_err(|error| ConfigError(one_line(name, text, &error)))?;
            merge(&mut layers.table, own);
            layers.look(name)?;
        }
        for (name, value) in vars {
            let Some(name) = name.to_str() else { continue };
            let Some(path) = name.strip_prefix("SCOREWIRE__") else { continue };
            let value = value.to_str().ok_or_else(|| ConfigError(format!("{name}: not UTF-8")))?;
            set(&mut layers.table, &path.to_lowercase(), value).map_err(|error| ConfigError(format!("{name}: {error}")))?;
            // What was meant to stay secret may stand there by mistake.
            let shown = if path.starts_with("AUTH__") { "…" } else { value };
            layers.look(&format!("{name}={shown}"))?;
        }
        match layers.complaint {
            Some((layer, what)) => Err(ConfigError(format!("{layer}: {what}"))),
            None => Config::read(layers.table).map_err(ConfigError),
        }
    }

    fn read(table: toml::Table) -> Result<Config, String> {
        table
            .try_into()
            .map_err(|error: toml::de::Error| error.to_string().trim().replace('\n', " "))
    }

    /// Whether every number is in its range, and all of them go together.
    fn check(&self) -> Result<(), String> {
        for (name, value, range) in self
            .counts()
            .into_iter()
            .chain(self.times())
            .chain(self.doors())
            .chain(self.predict.numbers())
            .chain(self.optimize.numbers())
            .chain(self.cluster.numbers())
            .chain(self.traces.numbers())
            .chain(self.contests.numbers())
        {
            if !range.contains(&value) {
                return Err(format!("{name} must be {} to {}, not {value}", range.start(), range.end()));
            }
        }
        if self.server.tls_cert.is_some() != self.server.tls_key.is_some() {
            return Err("server.tls_cert and server.tls_key go together: set both or neither".into());
        }
        if self.ingest.line_bytes_max > self.ingest.body_bytes_max {
            return Err("ingest.line_bytes_max must be at most ingest.body_bytes_max".into());
        }
        if self.clients.silence_timeout_ms <= self.clients.ping_interval_ms {
            return Err("clients.silence_timeout_ms must be longer than clients.ping_interval_ms, or healthy clients are closed".into());
        }
        self.auth.check(&self.feeds)?;
        self.cluster.check()?;
        self.traces.check()?;
        auth::check_origins(&self.server.allowed_origins)?;
        self.predict.check()?;
        self.feeds.check()?;
        telemetry::check_filter(&self.log.filter)
    }

    fn counts(&self) -> [(&'static str, u64, RangeInclusive<u64>); 45] {
        let (server, ingest, engine, store) = (&self.server, &self.ingest, &self.engine, &self.store);
        let (fanout, clients) = (&self.fanout, &self.clients);
        let count = |name, value: usize, range| (name, value as u64, range);
        [
            count("server.shards", server.shards, 0..=SHARDS_MAX as u64),
            // What is below 0 becomes 0, which is out of range too.
            ("server.backlog", u64::try_from(server.backlog).unwrap_or(0), 1..=65_535),
            count("server.connections_max", server.connections_max, 1..=10_000_000),
            count("server.header_bytes_max", server.header_bytes_max, 8192..=MIB),
            count("server.tls_threads", server.tls_threads, 1..=64),
            count("server.tls_handshakes_max", server.tls_handshakes_max, 1..=1_000_000),
            count("auth.token_bytes_max", self.auth.token_bytes_max, 64..=16_384),
            count("auth.patterns_max", self.auth.patterns_max, 1..=10_000),
            count("ingest.threads", ingest.threads, 1..=64),
            count("ingest.body_bytes_max", ingest.body_bytes_max, 256..=1024 * MIB),
            count("ingest.line_bytes_max", ingest.line_bytes_max, 256..=8 * MIB),
            count("ingest.requests_max", ingest.requests_max, 1..=65_536),
            count("ingest.unacked_max", ingest.unacked_max, 1..=65_536),
            count("ingest.message_bytes_max", ingest.message_bytes_max, 256..=16 * MIB),
            count("ingest.feeds_max", ingest.feeds_max, 1..=65_536),
            count("ingest.rejected_listed_max", ingest.rejected_listed_max, 0..=65_536),
            count("engine.threads", engine.threads, 1..=64),
            count("engine.jobs_max", engine.jobs_max, 1..=65_536),
            count("predict.players_max", self.predict.players_max, 1..=1_000_000),
            count("engine.games_max", engine.games_max, 1..=1_000_000),
            count("engine.plays_max", engine.plays_max, 1..=1_000_000),
            count("engine.game_players_max", engine.game_players_max, 32..=65_535),
            count("engine.players_max", engine.players_max, 0..=10_000_000),
            count("engine.expired_games_max", engine.expired_games_max, 1..=1_000_000),
            count("store.queue_batches_max", store.queue_batches_max, 1..=65_536),
            ("store.segment_bytes", store.segment_bytes, 64 * 1024..=1024 * MIB),
            (
                "store.snapshot_every_bytes",
                store.snapshot_every_bytes,
                64 * 1024..=1024 * 1024 * MIB,
            ),
            ("store.keep_finished_hours", store.keep_finished_hours, 1..=87_600),
            ("store.bytes_max", store.bytes_max, MIB..=1024 * 1024 * MIB),
            count("store.unsynced_bytes_max", store.unsynced_bytes_max, MIB..=4096 * MIB),
            count("fanout.ring_frames", fanout.ring_frames, 1..=65_536),
            count("fanout.topics_max", fanout.topics_max, 1..=10_000_000),
            count("fanout.notices_max", fanout.notices_max, 1..=1_000_000),
            count("fanout.lineups_max", fanout.lineups_max, 0..=10_000_000),
            count("fanout.lineup_ring_frames", fanout.lineup_ring_frames, 1..=65_536),
            count("fanout.commands_max", fanout.commands_max, 1..=1_000_000),
            count("fanout.coalesce_frames_max", fanout.coalesce_frames_max, 1..=65_536),
            count("fanout.write_bytes_max", fanout.write_bytes_max, 1024..=16 * MIB),
            count("fanout.compress_bytes_min", fanout.compress_bytes_min, 0..=MIB),
            count("fanout.slice_clients", fanout.slice_clients, 1..=1_000_000),
            count("fanout.send_buffer_bytes", fanout.send_buffer_bytes, 4096..=64 * MIB),
            ("memory.budget_mib", self.memory.budget_mib, 0..=16 * MIB),
            count("clients.subscriptions_max", clients.subscriptions_max, 1..=1_000_000),
            count("clients.message_bytes_max", clients.message_bytes_max, 125..=16 * MIB),
            count("clients.replies_bytes_max", clients.replies_bytes_max, 1024..=16 * MIB),
        ]
    }

    /// Who may come in, and how much each may say.
    fn doors(&self) -> Vec<(&'static str, u64, RangeInclusive<u64>)> {
        let (server, ingest, clients) = (&self.server, &self.ingest, &self.clients);
        let count = |name, value: usize, range| (name, value as u64, range);
        vec![
            count(
                "server.connections_per_address_max",
                server.connections_per_address_max,
                0..=10_000_000,
            ),
            count("server.admit_per_second", server.admit_per_second, 0..=10_000_000),
            count("server.admit_burst", server.admit_burst, 1..=10_000_000),
            ("server.readmit_spread_ms_max", server.readmit_spread_ms_max, 1_000..=DAY_MS),
            count("server.headers_max", server.headers_max, 16..=10_000),
            count("server.url_bytes_max", server.url_bytes_max, 256..=65_534),
            count("ingest.bytes_per_second_max", ingest.bytes_per_second_max, 0..=1024 * MIB),
            count("ingest.events_per_second_max", ingest.events_per_second_max, 0..=100_000_000),
            count("clients.messages_per_second_max", clients.messages_per_second_max, 0..=1_000_000),
            count("clients.messages_burst", clients.messages_burst, 1..=1_000_000),
            ("clients.message_timeout_ms", clients.message_timeout_ms, 1..=DAY_MS),
        ]
    }

    fn times(&self) -> [(&'static str, u64, RangeInclusive<u64>); 18] {
        let (server, store, clients, shutdown) = (&self.server, &self.store, &self.clients, &self.shutdown);
        [
            ("store.group_wait_us", store.group_wait_us, 0..=1_000_000),
            ("store.commit_timeout_ms", store.commit_timeout_ms, 1..=DAY_MS),
            ("store.retry_ms", store.retry_ms, 1..=DAY_MS),
            ("server.header_read_timeout_ms", server.header_read_timeout_ms, 1..=DAY_MS),
            ("auth.jwt_leeway_ms", self.auth.jwt_leeway_ms, 0..=300_000),
            ("auth.key_poll_ms", self.auth.key_poll_ms, 10..=DAY_MS),
            ("auth.wait_ms", self.auth.wait_ms, 1..=60_000),
            ("predict.points_every_ms", self.predict.points_every_ms, 0..=DAY_MS),
            ("feeds.silence_ms", self.feeds.silence_ms, 100..=DAY_MS),
            ("ingest.body_read_timeout_ms", self.ingest.body_read_timeout_ms, 1..=DAY_MS),
            ("fanout.rest_ms_max", self.fanout.rest_ms_max, 0..=1_000),
            ("clients.ping_interval_ms", clients.ping_interval_ms, 1..=DAY_MS),
            ("fanout.lineup_linger_ms", self.fanout.lineup_linger_ms, 0..=DAY_MS),
            ("clients.silence_timeout_ms", clients.silence_timeout_ms, 1..=DAY_MS),
            ("clients.stall_timeout_ms", clients.stall_timeout_ms, 1..=DAY_MS),
            ("clients.close_timeout_ms", clients.close_timeout_ms, 0..=DAY_MS),
            ("shutdown.reconnect_spread_ms", shutdown.reconnect_spread_ms, 0..=DAY_MS),
            ("shutdown.drain_timeout_ms", shutdown.drain_timeout_ms, 0..=DAY_MS),
        ]
    }

    /// How many shards there are: as configured, or one per core.
    pub fn shards(&self) -> usize {
        match self.server.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(SHARDS_MAX),
            shards => shards,
        }
    }

    /// The hub's limits.
    pub fn hub_limits(&self) -> HubLimits {
        let fanout = &self.fanout;
        HubLimits {
            ring_frames: fanout.ring_frames,
            topics_max: fanout.topics_max,
            notices_max: fanout.notices_max,
            lineups: LineupLimits {
                lineups_max: fanout.lineups_max,
                ring_frames: fanout.lineup_ring_frames,
                linger_us: i64::try_from(fanout.lineup_linger_ms.saturating_mul(1000)).unwrap_or(i64::MAX),
            },
        }
    }

    /// How the event log works; nothing where there is none.
    pub fn log_settings(&self) -> Option<store::Settings> {
        let store = &self.store;
        let durability = match store.durability {
            Durability::Memory => return None,
            Durability::Group => store::Durability::Group,
            Durability::Sync => store::Durability::Sync,
        };
        Some(store::Settings {
            durability,
            segment_bytes: store.segment_bytes,
            queue_batches_max: store.queue_batches_max,
            unsynced_bytes_max: store.unsynced_bytes_max,
            group_wait_us: store.group_wait_us,
            commit_timeout_ms: store.commit_timeout_ms,
            retry_ms: store.retry_ms,
        })
    }

    /// The engine's limits.
    pub fn engine_limits(&self) -> EngineLimits {
        let engine = &self.engine;
        EngineLimits {
            threads: engine.threads,
            sources: self.feeds.sources.len(),
            jobs_max: engine.jobs_max,
            games_max: engine.games_max,
            plays_max: engine.plays_max,
            game_players_max: engine.game_players_max,
            players_max: engine.players_max,
            expired_games_max: engine.expired_games_max,
        }
    }

    /// The engine's limits for one partition of a cluster, which has one thread.
    pub fn partition_limits(&self) -> EngineLimits {
        EngineLimits {
            threads: 1,
            ..self.engine_limits()
        }
    }

    /// A shard's limits.
    pub fn shard_limits(&self) -> ShardLimits {
        let us = |ms: u64| i64::try_from(ms.saturating_mul(1000)).unwrap_or(i64::MAX);
        ShardLimits {
            ring_frames: self.fanout.ring_frames,
            subscriptions_max: self.clients.subscriptions_max,
            message_bytes_max: self.clients.message_bytes_max,
            messages_per_second_max: self.clients.messages_per_second_max,
            messages_burst: self.clients.messages_burst,
            message_timeout_us: us(self.clients.message_timeout_ms),
            replies_bytes_max: self.clients.replies_bytes_max,
            coalesce_frames_max: self.fanout.coalesce_frames_max,
            write_bytes_max: self.fanout.write_bytes_max,
            compress_bytes_min: self.fanout.compress_bytes_min,
            slice_clients: self.fanout.slice_clients,
            rest_us_max: us(self.fanout.rest_ms_max),
            ping_interval_us: us(self.clients.ping_interval_ms),
            silence_timeout_us: us(self.clients.silence_timeout_ms),
            stall_timeout_us: us(self.clients.stall_timeout_ms),
            close_timeout_us: us(self.clients.close_timeout_ms),
            auth_wait_us: self.auth.knows_tokens().then(|| us(self.auth.wait_ms)),
        }
    }
}

impl Feeds {
    /// Whether there are some, not too many, and each is another.
    fn check(&self) -> Result<(), String> {
        let sources = &self.sources;
        if sources.is_empty() || sources.len() > SOURCES_MAX {
            return Err(format!("feeds.sources must name 1 to {SOURCES_MAX} feeds, not {}", sources.len()));
        }
        for (place, name) in sources.iter().enumerate() {
            if !is_well_formed(name) {
                return Err(format!("feeds.sources: {name:?} is no name; take letters, digits and dashes"));
            }
            if sources[..place].contains(name) {
                return Err(format!("feeds.sources names \"{name}\" twice"));
            }
        }
        Ok(())
    }
}

/// The settings as the layers read so far make them.
struct Layers {
    table: toml::Table,
    /// What does not make sense yet, and the layer that brought it about: a later one may mend it.
    complaint: Option<(String, String)>,
}

impl Layers {
    /// Looks at what a layer made of the settings.
    fn look(&mut self, layer: &str) -> Result<(), ConfigError> {
        let config = Config::read(self.table.clone()).map_err(|error| ConfigError(format!("{layer}: {error}")))?;
        let before = self.complaint.take();
        if let Err(what) = config.check() {
            let same = before.filter(|(_, known)| *known == what);
            self.complaint = same.or_else(|| Some((layer.to_owned(), what)));
        }
        Ok(())
    }
}

/// Names and values of variables may hold anything; what is said of them is one line.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// What is wrong and where, but not the line itself: it may hold a secret.
fn one_line(name: &str, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("{name}: line {line}: {}", error.message().trim().replace('\n', " "))
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Sets `section__key` to a value as written in a variable: a number, boolean or list where it reads as one,
/// unless the key holds a text.
fn set(table: &mut toml::Table, path: &str, value: &str) -> Result<(), String> {
    let (section, key) = path.split_once("__").ok_or("expected SCOREWIRE__SECTION__KEY")?;
    let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    let section = section.as_table_mut().ok_or("not a section")?;
    let is_text = section.get(key).is_some_and(toml::Value::is_str);
    let fraction = value
        .parse::<f64>()
        .ok()
        .filter(|_| section.get(key).is_some_and(toml::Value::is_float));
    let value = match (fraction, value.parse::<i64>(), value) {
        (Some(fraction), _, _) => toml::Value::Float(fraction),
        (_, Ok(number), _) if !is_text => toml::Value::Integer(number),
        (_, _, "true") if !is_text => toml::Value::Boolean(true),
        (_, _, "false") if !is_text => toml::Value::Boolean(false),
        // An address may begin so, too.
        (_, _, list) if !is_text && list.starts_with('[') => match toml::from_str::<toml::Table>(&format!("list = {list}")) {
            Ok(mut read) => read.remove("list").unwrap_or_else(|| toml::Value::String(list.to_owned())),
            Err(_) => toml::Value::String(list.to_owned()),
        },
        _ => toml::Value::String(value.to_owned()),
    };
    section.insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests;
