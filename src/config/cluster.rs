//! `[cluster]`: several nodes on one Redis, and what this one is among them.

use super::{DAY_MS, MIB};
use crate::cluster::{Ack, Settings, Tls};
use crate::model::ids::is_well_formed;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Cluster {
    pub role: Role,
    #[serde(serialize_with = "hidden", deserialize_with = "one_or_many")]
    pub redis: Vec<String>,
    pub tls_ca: Option<PathBuf>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub prefix: String,
    pub partitions: usize,
    pub node: String,
    pub ack: AckSetting,
    pub timeout_ms: u64,
    pub start_timeout_ms: u64,
    pub lease_ms: u64,
    pub late_after_ms: u64,
    pub queue_batches_max: usize,
    pub stream_entries_max: u64,
    pub base_every_records: u64,
    pub base_every_s: u64,
    pub base_keep_s: u64,
    pub region: String,
    pub advertise: String,
    pub internal: String,
    pub nodes_max: usize,
    pub up_timeout_ms: u64,
    pub up_requests_max: usize,
    pub cache_memory_ms: u64,
    pub cache_memory_bytes: u64,
    pub cache_redis_ms: u64,
    pub cache_disk_ms: u64,
    pub cache_disk_bytes: u64,
    pub cache_disk_files_max: usize,
    #[serde(serialize_with = "hidden_key")]
    pub up_key: String,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// All of it, alone, without Redis.
    All,
    /// Owns partitions: what is decided once for all nodes.
    Engine,
    /// Serves clients.
    Edge,
}

/// Whose word makes an event safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub enum AckSetting {
    Primary,
    Replica,
}

impl Default for Cluster {
    fn default() -> Self {
        Cluster {
            role: Role::All,
            redis: vec!["redis://127.0.0.1:6379".to_owned()],
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            prefix: "scorewire".to_owned(),
            partitions: 16,
            node: String::new(),
            ack: AckSetting::Primary,
            timeout_ms: 2_000,
            start_timeout_ms: 10_000,
            lease_ms: 1_200,
            late_after_ms: 1_000,
            queue_batches_max: 1_024,
            stream_entries_max: 1_000_000,
            base_every_records: 10_000,
            base_every_s: 600,
            base_keep_s: 120,
            region: String::new(),
            advertise: String::new(),
            internal: String::new(),
            nodes_max: 256,
            up_timeout_ms: 250,
            up_requests_max: 64,
            cache_memory_ms: 1_000,
            cache_memory_bytes: 16 * 1024 * 1024,
            cache_redis_ms: 5_000,
            cache_disk_ms: 3_600_000,
            cache_disk_bytes: 64 * 1024 * 1024,
            cache_disk_files_max: 10_000,
            up_key: String::new(),
        }
    }
}

impl Cluster {
    /// What the cluster's threads go by, for the process that calls itself `owner`; nothing for a node that is alone.
    pub fn settings(&self, owner: String) -> Option<Settings> {
        (self.role != Role::All).then(|| Settings {
            redis: self.redis.clone(),
            tls: Tls {
                ca: self.tls_ca.clone(),
                identity: self.tls_cert.clone().zip(self.tls_key.clone()),
            },
            prefix: self.prefix.clone(),
            partitions: self.partitions,
            owner,
            ack: match self.ack {
                AckSetting::Primary => Ack::Primary,
                AckSetting::Replica => Ack::Replica,
            },
            timeout: Duration::from_millis(self.timeout_ms),
            lease: Duration::from_millis(self.lease_ms),
            queue_batches_max: self.queue_batches_max,
            stream_entries_max: self.stream_entries_max,
        })
    }

    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 19] {
        [
            ("cluster.partitions", self.partitions as u64, 1..=256),
            ("cluster.timeout_ms", self.timeout_ms, 10..=60_000),
            ("cluster.start_timeout_ms", self.start_timeout_ms, 100..=3_600_000),
            ("cluster.lease_ms", self.lease_ms, 100..=60_000),
            ("cluster.late_after_ms", self.late_after_ms, 400..=60_000),
            ("cluster.queue_batches_max", self.queue_batches_max as u64, 1..=65_536),
            ("cluster.stream_entries_max", self.stream_entries_max, 1_000..=1_000_000_000),
            ("cluster.base_every_records", self.base_every_records, 1..=1_000_000_000),
            ("cluster.base_every_s", self.base_every_s, 1..=86_400),
            ("cluster.base_keep_s", self.base_keep_s, 0..=86_400),
            ("cluster.nodes_max", self.nodes_max as u64, 2..=4_096),
            ("cluster.up_timeout_ms", self.up_timeout_ms, 10..=10_000),
            ("cluster.up_requests_max", self.up_requests_max as u64, 1..=10_000),
            ("cluster.cache_memory_ms", self.cache_memory_ms, 0..=600_000),
            ("cluster.cache_memory_bytes", self.cache_memory_bytes, MIB..=4_096 * MIB),
            ("cluster.cache_redis_ms", self.cache_redis_ms, 0..=600_000),
            ("cluster.cache_disk_ms", self.cache_disk_ms, 0..=7 * DAY_MS),
            ("cluster.cache_disk_bytes", self.cache_disk_bytes, MIB..=1_048_576 * MIB),
            ("cluster.cache_disk_files_max", self.cache_disk_files_max as u64, 1..=1_000_000),
        ]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.redis.is_empty() {
            return Err("cluster.redis must name at least one address, such as \"redis://127.0.0.1:6379\"".to_owned());
        }
        for url in &self.redis {
            // What follows may hold a password.
            if !url.starts_with("redis://") && !url.starts_with("rediss://") {
                return Err("cluster.redis: an address begins with redis:// or, for TLS, rediss://".to_owned());
            }
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("cluster.tls_cert and cluster.tls_key go together: set both or neither".to_owned());
        }
        for (name, value) in [
            ("cluster.prefix", &self.prefix),
            ("cluster.node", &self.node),
            ("cluster.region", &self.region),
        ] {
            let is_unset = value.is_empty() && name != "cluster.prefix";
            let is_name = is_well_formed(value) && !value.contains(['{', '}']);
            if !is_unset && !is_name {
                return Err(format!("{name}: {value:?} is no name; take letters, digits, dots and dashes"));
            }
        }
        if !self.up_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("cluster.up_key is no key: it has spaces or other characters that none has".to_owned());
        }
        self.base_url().and(self.internal_url()).map(|_| ())
    }

    /// What begins the addresses at which clients reach this node, by `cluster.advertise`; nothing where that is unset.
    ///
    /// # Errors
    /// It is no address.
    pub fn base_url(&self) -> Result<Option<String>, String> {
        base(&self.advertise).map_err(|shown| {
            format!("cluster.advertise: {shown:?} is no address such as \"wss://scores.example/v1/ws\" or \"https://scores.example\"")
        })
    }

    /// What begins the addresses at which other nodes reach this one, by `cluster.internal`; nothing where that is unset.
    ///
    /// # Errors
    /// It is no address, or one with TLS.
    pub fn internal_url(&self) -> Result<Option<String>, String> {
        let given = base(&self.internal).and_then(|url| match url {
            Some(url) if !url.starts_with("http://") => Err(url),
            url => Ok(url),
        });
        given.map_err(|shown| format!("cluster.internal: {shown:?} is no address such as \"http://10.0.0.7:8080\""))
    }
}

/// What begins addresses at a place that is given by any of them; nothing where none is given.
///
/// # Errors
/// It is none: what it is, cut short.
fn base(given: &str) -> Result<Option<String>, String> {
    if given.is_empty() {
        return Ok(None);
    }
    let refused = || given.chars().take(200).collect::<String>();
    let uri: http::Uri = given.parse().map_err(|_| refused())?;
    let scheme = match uri.scheme_str() {
        Some("ws" | "http") => "http",
        Some("wss" | "https") => "https",
        _ => return Err(refused()),
    };
    let place = uri
        .authority()
        .filter(|place| !place.host().is_empty() && !place.as_str().contains('@'));
    let place = place.ok_or_else(refused)?;
    if uri.query().is_some() || given.len() > ADDRESS_BYTES_MAX {
        return Err(refused());
    }
    let path = uri.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1/ws").unwrap_or(path).trim_end_matches('/');
    Ok(Some(format!("{scheme}://{place}{path}")))
}

/// Longest address of a node, in bytes.
const ADDRESS_BYTES_MAX: usize = 500;

/// A list, or the only one of it.
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::One(url) => vec![url],
        Given::Many(urls) => urls,
    })
}

/// That there is a key, and not which.
fn hidden_key<S: serde::Serializer>(key: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if key.is_empty() { "" } else { "…" })
}

/// Addresses as they are shown: without what may be a password.
fn hidden<S: serde::Serializer>(redis: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    let shown = redis.iter().map(|url| match url.rsplit_once('@') {
        Some((before, place)) => format!("{}://…@{place}", before.split("://").next().unwrap_or_default()),
        None => url.clone(),
    });
    serializer.collect_seq(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_by_what_begins_it() {
        let base = |advertise: &str| {
            let cluster = Cluster {
                advertise: advertise.to_owned(),
                ..Cluster::default()
            };
            cluster.base_url().map(Option::unwrap_or_default)
        };
        for (advertise, expected) in [
            ("", ""),
            ("wss://scores.example/v1/ws", "https://scores.example"),
            ("ws://10.0.0.7:8080", "http://10.0.0.7:8080"),
            ("https://scores.example/", "https://scores.example"),
            ("https://scores.example/a/", "https://scores.example/a"),
            ("wss://scores.example:444/a/v1/ws", "https://scores.example:444/a"),
            ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ] {
            assert_eq!(base(advertise).as_deref(), Ok(expected));
        }
        let long = format!("https://scores.example/{}", "a".repeat(ADDRESS_BYTES_MAX));
        for bad in [
            "scores.example",
            "ftp://a",
            "https://",
            "https://u:p@a",
            "https://a?b",
            "https://a b",
            &long,
        ] {
            let refused = base(bad).unwrap_err();
            assert!(refused.starts_with("cluster.advertise: "), "{refused}");
        }
        let inside = |internal: &str| {
            let internal = internal.to_owned();
            Cluster {
                internal,
                ..Cluster::default()
            }
            .internal_url()
        };
        assert_eq!(inside("http://10.0.0.7:8080/"), Ok(Some("http://10.0.0.7:8080".to_owned())));
        assert_eq!(inside(""), Ok(None));
        for bad in ["https://a", "10.0.0.7:8080"] {
            assert!(inside(bad).unwrap_err().starts_with("cluster.internal: "), "{bad}");
        }
    }
}
