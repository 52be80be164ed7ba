//! `[cluster]`: several nodes on one Redis, and what this one is among them.

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

    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 9] {
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
        for (name, value) in [("cluster.prefix", &self.prefix), ("cluster.node", &self.node)] {
            let is_unset = value.is_empty() && name != "cluster.prefix";
            let is_name = is_well_formed(value) && !value.contains(['{', '}']);
            if !is_unset && !is_name {
                return Err(format!("{name}: {value:?} is no name; take letters, digits, dots and dashes"));
            }
        }
        Ok(())
    }
}

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

/// Addresses as they are shown: without what may be a password.
fn hidden<S: serde::Serializer>(redis: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    let shown = redis.iter().map(|url| match url.rsplit_once('@') {
        Some((before, place)) => format!("{}://…@{place}", before.split("://").next().unwrap_or_default()),
        None => url.clone(),
    });
    serializer.collect_seq(shown)
}
