//! `[contests]`: how many there may be, how large, and how a body with one may come.

use crate::contest::{Limits, PLAYERS_MAX};
use crate::fanout::contests::ContestLimits;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

const MIB: usize = 1024 * 1024;
const DAY_MS: u64 = 86_400_000;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Contests {
    pub contests_max: usize,
    pub entries_max: usize,
    pub entries_all_max: usize,
    pub players_max: usize,
    pub body_bytes_max: usize,
    pub body_read_timeout_ms: u64,
    pub posts_max: usize,
    pub rejected_listed_max: usize,
    pub ring_frames: usize,
    pub linger_ms: u64,
}

impl Default for Contests {
    fn default() -> Self {
        Contests {
            contests_max: 10_000,
            entries_max: 2_000_000,
            entries_all_max: 10_000_000,
            players_max: 4_096,
            body_bytes_max: 512 * MIB,
            body_read_timeout_ms: 120_000,
            posts_max: 2,
            rejected_listed_max: 100,
            ring_frames: 32,
            linger_ms: 120_000,
        }
    }
}

impl Contests {
    /// What a hub goes by.
    pub fn hub_limits(&self) -> ContestLimits {
        ContestLimits {
            contests_max: self.contests_max,
            entries_max: self.entries_all_max,
            ring_frames: self.ring_frames,
            linger_us: i64::try_from(self.linger_ms.saturating_mul(1000)).unwrap_or(i64::MAX),
        }
    }

    /// What one contest may hold.
    pub fn limits(&self) -> Limits {
        Limits {
            entries_max: self.entries_max,
            players_max: self.players_max,
            bad_lines_max: self.rejected_listed_max,
            ..Limits::DEFAULT
        }
    }

    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 10] {
        let count = |name, value: usize, range| (name, value as u64, range);
        [
            count("contests.contests_max", self.contests_max, 0..=1_000_000),
            count("contests.entries_max", self.entries_max, 1..=100_000_000),
            count("contests.entries_all_max", self.entries_all_max, 1..=1_000_000_000),
            count("contests.players_max", self.players_max, 1..=PLAYERS_MAX as u64),
            count("contests.body_bytes_max", self.body_bytes_max, 1024..=16 * 1024 * MIB as u64),
            ("contests.body_read_timeout_ms", self.body_read_timeout_ms, 1..=DAY_MS),
            count("contests.posts_max", self.posts_max, 1..=64),
            count("contests.rejected_listed_max", self.rejected_listed_max, 0..=65_536),
            count("contests.ring_frames", self.ring_frames, 1..=65_536),
            ("contests.linger_ms", self.linger_ms, 0..=DAY_MS),
        ]
    }
}
