//! Settings: what may be set, what it is by default, and whether a value makes sense.
//!
//! Read from `config/default.toml` (built in), then `--config FILE`, then `SCOREWIRE__SECTION__KEY`,
//! then the command line. An unknown key or a value that makes no sense stops the start before any
//! port is bound, with one line that names it.

use crate::engine::EngineLimits;
use crate::fanout::hub::{HubLimits, SHARDS_MAX};
use crate::fanout::shard::ShardLimits;
use crate::telemetry::LogFormat;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The annotated defaults.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// All settings; `config/default.toml` says what each costs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Config {
    pub server: Server,
    pub scoring: Scoring,
    pub ingest: Ingest,
    pub engine: EngineSection,
    pub fanout: Fanout,
    pub clients: Clients,
    pub shutdown: Shutdown,
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
    pub header_read_timeout_ms: u64,
    pub header_bytes_max: usize,
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
    pub rejected_listed_max: usize,
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
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Fanout {
    pub ring_frames: usize,
    pub topics_max: usize,
    pub notices_max: usize,
    pub coalesce_frames_max: usize,
    pub write_bytes_max: usize,
    pub slice_clients: usize,
    pub send_buffer_bytes: usize,
    pub unsent_bytes_max: u32,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Clients {
    pub subscriptions_max: usize,
    pub message_bytes_max: usize,
    pub replies_bytes_max: usize,
    pub ping_interval_ms: u64,
    pub silence_timeout_ms: u64,
    pub stall_timeout_ms: u64,
    pub close_timeout_ms: u64,
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
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

/// A setting that stops the start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Default for Config {
    fn default() -> Self {
        Config {
            server: Server {
                bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
                ingest_bind: None,
                admin_bind: None,
                shards: 0,
                backlog: 4096,
                connections_max: 100_000,
                header_read_timeout_ms: 10_000,
                header_bytes_max: 16_384,
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
                message_bytes_max: 262_144,
                rejected_listed_max: 100,
            },
            engine: EngineSection {
                threads: 1,
                jobs_max: 256,
                games_max: 1024,
                plays_max: 4096,
                game_players_max: 1024,
                players_max: 100_000,
            },
            fanout: Fanout {
                ring_frames: 256,
                topics_max: 200_000,
                notices_max: 4096,
                coalesce_frames_max: 4,
                write_bytes_max: 65_536,
                slice_clients: 128,
                send_buffer_bytes: 32_768,
                unsent_bytes_max: 16_384,
            },
            clients: Clients {
                subscriptions_max: 1_000,
                message_bytes_max: 65_536,
                replies_bytes_max: 65_536,
                ping_interval_ms: 25_000,
                silence_timeout_ms: 60_000,
                stall_timeout_ms: 30_000,
                close_timeout_ms: 2_000,
            },
            shutdown: Shutdown {
                reconnect_spread_ms: 10_000,
                drain_timeout_ms: 10_000,
            },
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
    pub fn load(file: Option<&Path>, vars: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let mut table: toml::Table = toml::from_str(DEFAULT_TOML).map_err(|error| ConfigError(one_line("config/default.toml", &error)))?;
        if let Some(file) = file {
            let name = file.display();
            let text = std::fs::read_to_string(file).map_err(|error| ConfigError(format!("cannot read {name}: {error}")))?;
            // Read alone first, so that a mistake is shown with its own file and line.
            let own: toml::Table = toml::from_str(&text).map_err(|error| ConfigError(one_line(&name.to_string(), &error)))?;
            merge(&mut table, own.clone());
            Config::read(table.clone()).map_err(|error| ConfigError(format!("{name}: {error}")))?;
        }
        for (name, value) in vars {
            let Some(path) = name.strip_prefix("SCOREWIRE__") else { continue };
            set(&mut table, &path.to_lowercase(), &value).map_err(|error| ConfigError(format!("{name}: {error}")))?;
            Config::read(table.clone()).map_err(|error| ConfigError(format!("{name}={value}: {error}")))?;
        }
        let config = Config::read(table).map_err(ConfigError)?;
        config.check().map_err(ConfigError)?;
        Ok(config)
    }

    fn read(table: toml::Table) -> Result<Config, String> {
        table
            .try_into()
            .map_err(|error: toml::de::Error| error.to_string().trim().replace('\n', " "))
    }

    fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("ingest.threads", self.ingest.threads),
            ("ingest.body_bytes_max", self.ingest.body_bytes_max),
            ("ingest.requests_max", self.ingest.requests_max),
            ("ingest.unacked_max", self.ingest.unacked_max),
            ("engine.threads", self.engine.threads),
            ("engine.jobs_max", self.engine.jobs_max),
            ("engine.games_max", self.engine.games_max),
            ("engine.plays_max", self.engine.plays_max),
            ("fanout.ring_frames", self.fanout.ring_frames),
            ("fanout.topics_max", self.fanout.topics_max),
            ("fanout.notices_max", self.fanout.notices_max),
            ("fanout.coalesce_frames_max", self.fanout.coalesce_frames_max),
            ("fanout.slice_clients", self.fanout.slice_clients),
            ("clients.subscriptions_max", self.clients.subscriptions_max),
            ("server.connections_max", self.server.connections_max),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} must be at least 1"));
        }
        let at_least = [
            ("ingest.line_bytes_max", self.ingest.line_bytes_max, 256),
            ("ingest.message_bytes_max", self.ingest.message_bytes_max, 256),
            ("server.header_bytes_max", self.server.header_bytes_max, 8192),
            ("engine.game_players_max", self.engine.game_players_max, 32),
            ("clients.message_bytes_max", self.clients.message_bytes_max, 125),
            ("clients.replies_bytes_max", self.clients.replies_bytes_max, 1024),
            ("fanout.write_bytes_max", self.fanout.write_bytes_max, 1024),
            ("fanout.send_buffer_bytes", self.fanout.send_buffer_bytes, 4096),
        ];
        if let Some((name, value, least)) = at_least.iter().find(|(_, value, least)| value < least) {
            return Err(format!("{name} must be at least {least}, not {value}"));
        }
        for (name, value, most) in [
            ("server.shards", self.server.shards, SHARDS_MAX),
            ("engine.threads", self.engine.threads, 64),
        ] {
            if value > most {
                return Err(format!("{name} must be at most {most}, not {value}"));
            }
        }
        if self.clients.silence_timeout_ms <= self.clients.ping_interval_ms {
            return Err("clients.silence_timeout_ms must be longer than clients.ping_interval_ms, or healthy clients are closed".into());
        }
        Ok(())
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
        }
    }

    /// The engine's limits.
    pub fn engine_limits(&self) -> EngineLimits {
        let engine = &self.engine;
        EngineLimits {
            threads: engine.threads,
            jobs_max: engine.jobs_max,
            games_max: engine.games_max,
            plays_max: engine.plays_max,
            game_players_max: engine.game_players_max,
            players_max: engine.players_max,
        }
    }

    /// A shard's limits.
    pub fn shard_limits(&self) -> ShardLimits {
        let us = |ms: u64| i64::try_from(ms.saturating_mul(1000)).unwrap_or(i64::MAX);
        ShardLimits {
            ring_frames: self.fanout.ring_frames,
            subscriptions_max: self.clients.subscriptions_max,
            message_bytes_max: self.clients.message_bytes_max,
            replies_bytes_max: self.clients.replies_bytes_max,
            coalesce_frames_max: self.fanout.coalesce_frames_max,
            write_bytes_max: self.fanout.write_bytes_max,
            slice_clients: self.fanout.slice_clients,
            ping_interval_us: us(self.clients.ping_interval_ms),
            silence_timeout_us: us(self.clients.silence_timeout_ms),
            stall_timeout_us: us(self.clients.stall_timeout_ms),
            close_timeout_us: us(self.clients.close_timeout_ms),
        }
    }
}

fn one_line(name: &str, error: &toml::de::Error) -> String {
    format!("{name}: {}", error.to_string().trim().replace('\n', " "))
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

/// Sets `section__key` to a value as written in a variable: a number or boolean where it reads as one.
fn set(table: &mut toml::Table, path: &str, value: &str) -> Result<(), String> {
    let (section, key) = path.split_once("__").ok_or("expected SCOREWIRE__SECTION__KEY")?;
    let as_is = || toml::Value::String(value.to_owned());
    let value = match value.parse::<i64>() {
        Ok(number) => toml::Value::Integer(number),
        Err(_) => match value {
            "true" => toml::Value::Boolean(true),
            "false" => toml::Value::Boolean(false),
            _ => as_is(),
        },
    };
    let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    section.as_table_mut().ok_or("not a section")?.insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, vars: &[(&str, &str)]) -> Result<Config, String> {
        let dir = std::env::temp_dir().join(format!("scorewire-config-{}-{:p}", std::process::id(), file));
        std::fs::write(&dir, file).unwrap();
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let loaded = Config::load(Some(&dir), vars).map_err(|error| error.to_string());
        std::fs::remove_file(&dir).unwrap();
        loaded
    }

    #[test]
    fn the_annotated_defaults_are_the_defaults() {
        assert_eq!(Config::load(None, std::iter::empty()).unwrap(), Config::default());
    }

    #[test]
    fn a_file_and_then_variables_override() {
        let config = load(
            "[fanout]\nring_frames = 9\n",
            &[("SCOREWIRE__SERVER__BIND", "127.0.0.1:1"), ("OTHER", "x")],
        )
        .unwrap();
        assert_eq!((config.fanout.ring_frames, config.server.bind.port()), (9, 1));
    }

    #[test]
    fn mistakes_are_named_in_one_line() {
        for (file, vars, part) in [
            ("[fanout]\nring_framez = 9\n", &[][..], "ring_framez"),
            ("[fanuot]\n", &[], "fanuot"),
            ("[server]\nbind = \"nowhere\"\n", &[], "bind"),
            ("[server\n", &[], "line 1"),
            ("[fanout]\nring_frames = 0\n", &[], "fanout.ring_frames must be at least 1"),
            ("[clients]\nsilence_timeout_ms = 1\n", &[], "silence_timeout_ms"),
            ("", &[("SCOREWIRE__FANOUT__RINGS", "1")], "SCOREWIRE__FANOUT__RINGS"),
            ("", &[("SCOREWIRE__FANOUT", "1")], "SCOREWIRE__SECTION__KEY"),
            ("", &[("SCOREWIRE__FANOUT__RING_FRAMES", "many")], "many"),
        ] {
            let error = load(file, vars).unwrap_err();
            assert!(error.contains(part) && !error.contains('\n'), "{file:?} {vars:?}: {error}");
        }
    }
}
