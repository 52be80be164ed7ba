//! The handles of the models' registry.

use super::table::*;
use super::{counter, counter_with, gauge_with};
use metrics::{Counter, Gauge};
use std::cell::Cell;

/// The handles of the models' registry, and of whoever else has models.
pub struct RegistryMetrics {
    /// Versions loaded.
    pub loaded: Counter,
    /// Versions refused.
    pub refused: Counter,
    /// Versions let go of.
    pub gone: Counter,
    /// Runs that failed.
    pub failed_runs: Counter,
    /// Times that a version was cut off.
    pub cut_offs: Counter,
    /// Times that a challenger went out of service.
    pub returns: Counter,
    /// Each with what it was shown last.
    models: [(Gauge, Cell<usize>); 4],
}

impl RegistryMetrics {
    /// Finds the handles.
    pub fn new() -> RegistryMetrics {
        let load = |result| counter_with(&MODEL_LOADS, "result", result);
        RegistryMetrics {
            loaded: load("loaded"),
            refused: load("refused"),
            gone: load("gone"),
            failed_runs: counter(&MODEL_FAILED_RUNS),
            cut_offs: counter(&MODEL_CUT_OFFS),
            returns: counter(&MODEL_RETURNS),
            models: ["serving", "resting", "withdrawn", "refused"].map(|state| (gauge_with(&MODELS, "state", state), Cell::default())),
        }
    }

    /// How many versions are in which state, of those that are shown here: they are added up with others'.
    pub fn show(&self, serving: usize, resting: usize, withdrawn: usize, refused: usize) {
        for ((gauge, shown), count) in self.models.iter().zip([serving, resting, withdrawn, refused]) {
            gauge.increment(count as f64 - shown.replace(count) as f64);
        }
    }
}

/// Whoever has no models any more, by a panic too, shows none.
impl Drop for RegistryMetrics {
    fn drop(&mut self) {
        self.show(0, 0, 0, 0);
    }
}

impl Default for RegistryMetrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn what_is_shown_is_added_up_and_taken_back_when_its_owner_is_gone() {
        let cells: [Arc<AtomicU64>; 4] = Default::default();
        let metrics = || {
            let mut metrics = RegistryMetrics::new();
            metrics.models = cells.each_ref().map(|cell| (Gauge::from_arc(cell.clone()), Cell::default()));
            metrics
        };
        let shown = || cells.each_ref().map(|cell| f64::from_bits(cell.load(Ordering::Relaxed)));
        let (of_plays, of_points) = (metrics(), metrics());
        of_plays.show(4, 0, 1, 0);
        of_points.show(1, 2, 0, 0);
        of_points.show(3, 0, 0, 1);
        assert_eq!(shown(), [7.0, 0.0, 1.0, 1.0]);
        drop(of_points);
        assert_eq!(shown(), [4.0, 0.0, 1.0, 0.0]);
    }
}
