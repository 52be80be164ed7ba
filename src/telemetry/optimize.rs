//! The handles of lineups that are built for whoever asks.

use super::table::*;
use super::{counter, counter_with, gauge};
use metrics::{Counter, Gauge};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimized {
    /// Lineups were given, all proven best.
    Proven,
    /// Lineups were given, not all proven best, or fewer than asked for.
    Unproven,
    /// What was asked makes no sense or cannot be.
    Refused,
    /// No thread and no place to wait was free.
    Busy,
    /// Who asked had hung up.
    Gone,
}

/// The handles.
pub struct OptimizeMetrics {
    outcomes: [Counter; 5],
    waiting: Gauge,
    steps: Counter,
}

impl OptimizeMetrics {
    /// Finds the handles.
    pub fn new() -> OptimizeMetrics {
        let outcomes = ["proven", "unproven", "refused", "busy", "gone"];
        OptimizeMetrics {
            outcomes: outcomes.map(|outcome| counter_with(&OPTIMIZED, "outcome", outcome)),
            waiting: gauge(&OPTIMIZE_WAITING),
            steps: counter(&OPTIMIZE_STEPS),
        }
    }

    /// Counts a request.
    pub fn count(&self, outcome: Optimized) {
        self.outcomes[outcome as usize].increment(1);
    }

    /// Counts work.
    pub fn worked(&self, steps: u64) {
        self.steps.increment(steps);
    }

    /// Shows how many wait or are worked on.
    pub fn waiting(&self, requests: usize) {
        self.waiting.set(requests as f64);
    }
}

impl Default for OptimizeMetrics {
    fn default() -> Self {
        Self::new()
    }
}
