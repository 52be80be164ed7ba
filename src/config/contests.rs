//! `[contests]`: how many there may be, how large, and how a body with one may come.

use crate::contest::simulate::ENTRIES_MAX;
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
    pub reads_max: usize,
    pub rejected_listed_max: usize,
    pub ring_frames: usize,
    pub linger_ms: u64,
    pub odds: bool,
    pub odds_threads: usize,
    pub odds_slice_ms: u64,
    pub odds_draws: u32,
    pub odds_every_ms: u64,
    pub odds_entries_max: usize,
    pub odds_entries_all_max: usize,
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
            reads_max: 2,
            rejected_listed_max: 100,
            ring_frames: 32,
            linger_ms: 120_000,
            odds: true,
            odds_threads: 1,
            odds_slice_ms: 100,
            odds_draws: 10_000,
            odds_every_ms: 2_000,
            odds_entries_max: 250_000,
            odds_entries_all_max: 1_000_000,
        }
    }
}

impl Contests {
    /// What a hub goes by that may have so many topics.
    pub fn hub_limits(&self, topics_max: usize) -> ContestLimits {
        ContestLimits {
            contests_max: self.contests_max,
            entries_max: self.entries_all_max,
            players_max: topics_max / 2,
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

    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 17] {
        let count = |name, value: usize, range| (name, value as u64, range);
        [
            count("contests.contests_max", self.contests_max, 0..=1_000_000),
            count("contests.entries_max", self.entries_max, 1..=16_000_000),
            count("contests.entries_all_max", self.entries_all_max, 1..=1_000_000_000),
            count("contests.players_max", self.players_max, 1..=PLAYERS_MAX as u64),
            count("contests.body_bytes_max", self.body_bytes_max, 1024..=16 * 1024 * MIB as u64),
            ("contests.body_read_timeout_ms", self.body_read_timeout_ms, 1..=DAY_MS),
            count("contests.posts_max", self.posts_max, 1..=64),
            count("contests.reads_max", self.reads_max, 1..=64),
            count("contests.rejected_listed_max", self.rejected_listed_max, 0..=65_536),
            count("contests.ring_frames", self.ring_frames, 1..=65_536),
            ("contests.linger_ms", self.linger_ms, 0..=DAY_MS),
            count("contests.odds_threads", self.odds_threads, 1..=64),
            ("contests.odds_slice_ms", self.odds_slice_ms, 1..=60_000),
            ("contests.odds_draws", self.odds_draws.into(), 16..=1_000_000),
            ("contests.odds_every_ms", self.odds_every_ms, 10..=DAY_MS),
            count("contests.odds_entries_max", self.odds_entries_max, 1..=ENTRIES_MAX as u64),
            count("contests.odds_entries_all_max", self.odds_entries_all_max, 1..=100_000_000),
        ]
    }
}
