//! The handles of fans' lineups.

use super::delays::Delays;
use super::table::*;
use super::{counter, gauge};
use crate::fanout::lineups::Counts;
use metrics::{Counter, Gauge};

pub(super) static LINEUP_DELAYS: Delays = Delays::new(&STATE_TO_LINEUPS);

/// The handles.
pub struct LineupMetrics {
    lineups: Gauge,
    refused: Counter,
    changes: Counter,
    jumps: Counter,
    resyncs: Counter,
    forgotten: Counter,
    /// From an event's effect being worked out to the shards being told of the lineups that it moved.
    pub delays: &'static Delays,
}

impl LineupMetrics {
    /// Finds the handles.
    pub fn new() -> LineupMetrics {
        LineupMetrics {
            lineups: gauge(&LINEUPS),
            refused: counter(&LINEUPS_REFUSED),
            changes: counter(&LINEUP_CHANGES),
            jumps: counter(&LINEUP_JUMPS),
            resyncs: counter(&LINEUP_RESYNCS),
            forgotten: counter(&LINEUPS_FORGOTTEN),
            delays: &LINEUP_DELAYS,
        }
    }

    /// Shows how many lineups there are, and what was done and refused since.
    pub fn record(&self, lineups: usize, refused: u64, counts: Counts) {
        self.lineups.set(lineups as f64);
        self.refused.increment(refused);
        self.changes.increment(counts.moved);
        self.jumps.increment(counts.jumped);
        self.resyncs.increment(counts.resyncs);
        self.forgotten.increment(counts.forgotten);
    }
}

impl Default for LineupMetrics {
    fn default() -> Self {
        Self::new()
    }
}
