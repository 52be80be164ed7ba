//! `[traces]`: which events are traced, and who is told.

use crate::traces::Settings;
use hyper::Uri;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Traces {
    pub endpoint: String,
    pub one_in: u64,
    pub per_second_max: u64,
    pub queue_max: usize,
    pub settle_ms: u64,
    pub timeout_ms: u64,
    pub service: String,
}

impl Default for Traces {
    fn default() -> Self {
        Traces {
            endpoint: String::new(),
            one_in: 1_000,
            per_second_max: 10,
            queue_max: 4_096,
            settle_ms: 2_000,
            timeout_ms: 2_000,
            service: "scorewire".to_owned(),
        }
    }
}

/// Longest `traces.service`, in bytes.
const SERVICE_BYTES_MAX: usize = 255;

impl Traces {
    /// What traces go by, for the process that is called `instance`; nothing where none are made.
    pub fn settings(&self, instance: String) -> Option<Settings> {
        (!self.endpoint.is_empty()).then(|| Settings {
            endpoint: self.endpoint.trim_end_matches('/').to_owned(),
            one_in: self.one_in,
            per_second_max: self.per_second_max,
            queue_max: self.queue_max,
            settle: Duration::from_millis(self.settle_ms),
            timeout: Duration::from_millis(self.timeout_ms),
            service: self.service.clone(),
            instance,
        })
    }

    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 5] {
        [
            ("traces.one_in", self.one_in, 0..=1_000_000_000),
            ("traces.per_second_max", self.per_second_max, 1..=100),
            ("traces.queue_max", self.queue_max as u64, 16..=65_536),
            ("traces.settle_ms", self.settle_ms, 10..=10_000),
            ("traces.timeout_ms", self.timeout_ms, 10..=60_000),
        ]
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.service.is_empty() || self.service.len() > SERVICE_BYTES_MAX || self.service.contains(char::is_control) {
            return Err(format!(
                "traces.service must be a name of 1 to {SERVICE_BYTES_MAX} bytes, not {:?}",
                self.service
            ));
        }
        if self.endpoint.is_empty() {
            return Ok(());
        }
        // It may hold a password, where none should stand: it is not repeated.
        let refused = |why: &str| Err(format!("traces.endpoint: {why}; write it as \"http://127.0.0.1:4318\""));
        let Ok(url) = self.endpoint.parse::<Uri>() else {
            return refused("this is no address");
        };
        match url.scheme_str() {
            Some("http") => {}
            Some("https") => return refused("plain HTTP alone is spoken: have a collector beside the server pass traces on by TLS"),
            _ => return refused("an address begins with http://"),
        }
        let authority = url.authority().map_or("", |authority| authority.as_str());
        if url.host().unwrap_or_default().is_empty() || authority.contains('@') {
            return refused("a host, and a port where it is not 80, come after http://, and no user");
        }
        if url.query().is_some() || url.path().trim_end_matches('/').ends_with("/v1/traces") {
            return refused("/v1/traces is added to it, and no query");
        }
        Ok(())
    }
}
