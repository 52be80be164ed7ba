//! The handles of contests.

use super::delays::Delays;
use super::table::*;
use super::{counter, gauge};
use crate::fanout::contests::Counts;
use metrics::{Counter, Gauge};

pub(super) static CONTEST_DELAYS: Delays = Delays::new(&STATE_TO_CONTESTS);
pub(super) static CONTEST_TIMES: Delays = Delays::new(&CONTEST_CHANGE);

/// The handles.
pub struct ContestMetrics {
    contests: Gauge,
    entries: Gauge,
    changes: Counter,
    views: Counter,
    resyncs: Counter,
    /// From an event's effect being worked out to the shards being told of what it moved.
    pub delays: &'static Delays,
}

impl ContestMetrics {
    /// Finds the handles.
    pub fn new() -> ContestMetrics {
        ContestMetrics {
            contests: gauge(&CONTESTS),
            entries: gauge(&CONTEST_ENTRIES),
            changes: counter(&CONTEST_CHANGES),
            views: counter(&CONTEST_VIEWS),
            resyncs: counter(&CONTEST_RESYNCS),
            delays: &CONTEST_DELAYS,
        }
    }

    /// Shows what was done.
    pub fn record(&self, counts: Counts) {
        self.changes.increment(counts.changes);
        self.views.increment(counts.shown);
        self.resyncs.increment(counts.resyncs);
        counts.took_us.into_iter().for_each(|us| CONTEST_TIMES.record(us));
    }

    /// Shows how many contests there are, and how many entries they have.
    pub fn levels(&self, contests: usize, entries: usize) {
        self.contests.set(contests as f64);
        self.entries.set(entries as f64);
    }
}

impl Default for ContestMetrics {
    fn default() -> Self {
        Self::new()
    }
}
