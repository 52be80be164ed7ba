//! `[optimize]`: what `POST /v1/optimize` may take.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Optimize {
    pub threads: usize,
    pub queue_max: usize,
    pub body_bytes_max: usize,
    pub time_ms_max: u64,
    pub work_max: u64,
}

impl Default for Optimize {
    fn default() -> Self {
        Optimize {
            threads: 1,
            queue_max: 16,
            body_bytes_max: 2_097_152,
            time_ms_max: 5_000,
            work_max: 100_000_000,
        }
    }
}

impl Optimize {
    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 5] {
        [
            ("optimize.threads", self.threads as u64, 1..=64),
            ("optimize.queue_max", self.queue_max as u64, 1..=10_000),
            ("optimize.body_bytes_max", self.body_bytes_max as u64, 1_024..=8_388_608),
            ("optimize.time_ms_max", self.time_ms_max, 10..=600_000),
            ("optimize.work_max", self.work_max, 1_000..=1_000_000_000_000),
        ]
    }
}
