//! How well each version of a model does on what happens, and the historical table beside it.
//!
//! Every snap that was judged counts, whether its forecast was sure enough to be told or not: so figures are
//! those of `training/evaluate` on the same games. Bounded: the versions that may be loaded, and [`FORMER_MAX`]
//! that are not any more.

use super::probabilities::dropback;
use super::registry::Task;
use serde::Serialize;
use std::sync::Arc;

/// Bins of the calibration, of equal width.
pub const BINS: usize = 10;

/// The version under which the historical table is tracked.
pub const HISTORICAL: &str = "historical";

/// Versions whose figures are kept once they are no longer loaded; of more those that came first are forgotten.
pub const FORMER_MAX: usize = 8;

/// Forecasts of one question against what happened.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Figures {
    /// Forecasts judged.
    pub outcomes: u64,
    /// Of these, calls that were right.
    pub right: u64,
    /// Forecasts at least as sure as the gate asks.
    pub sure: u64,
    /// Of these, calls that were right.
    pub sure_right: u64,
    /// Sum of minus the logarithm of the probability given to what happened.
    pub log_loss: f64,
    /// Sum of squared errors, over all classes where there are more than two.
    pub brier: f64,
    /// Probabilities given, by size.
    pub bins: [Bin; BINS],
}

/// Probabilities of about the same size.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Bin {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub forecast: f64,
    /// How many of them were of something that happened.
    pub happened: u64,
}

/// The same as means, as it is shown.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Means {
    /// Forecasts judged.
    pub outcomes: u64,
    /// Share of calls that were right; nothing where none was judged, as with all of these.
    pub accuracy: Option<f64>,
    /// Mean of minus the logarithm of the probability given to what happened.
    pub log_loss: Option<f64>,
    /// Mean squared error, over all classes where there are more than two.
    pub brier: Option<f64>,
    /// Share of forecasts that were sure enough to be told as the model's.
    pub coverage: Option<f64>,
    /// Share of those calls that were right.
    pub accuracy_when_sure: Option<f64>,
    /// By size of the probability: mean forecast, how often it happened, how many.
    pub calibration: Vec<(f64, f64, u64)>,
}

impl Figures {
    /// The mean figures.
    pub fn means(&self) -> Means {
        let share = |sum: f64, of: u64| (of > 0).then(|| sum / of as f64);
        let bins = self.bins.iter().filter(|bin| bin.count > 0);
        let bin = |bin: &Bin| {
            let count = bin.count as f64;
            (bin.forecast / count, bin.happened as f64 / count, bin.count)
        };
        Means {
            outcomes: self.outcomes,
            accuracy: share(self.right as f64, self.outcomes),
            log_loss: share(self.log_loss, self.outcomes),
            brier: share(self.brier, self.outcomes),
            coverage: share(self.sure as f64, self.outcomes),
            accuracy_when_sure: share(self.sure_right as f64, self.sure),
            calibration: bins.map(bin).collect(),
        }
    }

    /// A probability that something happens. Returns its log loss.
    fn add_chance(&mut self, p: f32, happened: bool, gate: f32) -> f64 {
        let error = f64::from(p) - f64::from(u8::from(happened));
        self.bin(p, happened);
        let given = if happened { p } else { 1.0 - p };
        self.count((p > 0.5) == happened, p.max(1.0 - p) >= gate, given, error * error)
    }

    /// Probabilities of classes. Returns their log loss.
    fn add_classes(&mut self, row: &[f32], actual: usize, gate: f32) -> f64 {
        let mut brier = 0.0;
        let mut called = 0;
        for (class, p) in row.iter().enumerate() {
            let error = f64::from(*p) - f64::from(u8::from(class == actual));
            brier += error * error;
            self.bin(*p, class == actual);
            if *p > row[called] {
                called = class;
            }
        }
        self.count(called == actual, row[called] >= gate, row[actual], brier)
    }

    fn count(&mut self, is_right: bool, is_sure: bool, given: f32, brier: f64) -> f64 {
        // As `training/` has it: no forecast is infinitely wrong.
        let log_loss = -f64::from(given).clamp(1e-7, 1.0 - 1e-7).ln();
        self.outcomes += 1;
        self.right += u64::from(is_right);
        self.sure += u64::from(is_sure);
        self.sure_right += u64::from(is_sure && is_right);
        self.log_loss += log_loss;
        self.brier += brier;
        log_loss
    }

    fn bin(&mut self, p: f32, happened: bool) {
        let place = ((p * BINS as f32) as usize).min(BINS - 1);
        let bin = &mut self.bins[place];
        bin.count += 1;
        bin.forecast += f64::from(p);
        bin.happened += u64::from(happened);
    }
}

/// One version, or the historical table where that task is asked.
#[derive(Clone, Debug)]
pub struct Tracked {
    /// What it was asked.
    pub task: Task,
    /// Its version; [`HISTORICAL`] for the table.
    pub version: Arc<str>,
    /// Of the question that is called: run or dropback, the drive's end, the winner.
    pub figures: Figures,
    /// Of the next play's kind.
    pub kinds: Option<Figures>,
}

/// All of them.
pub struct Tracker {
    tracked: Vec<Tracked>,
    tracked_max: usize,
    gate: f32,
    historical: Arc<str>,
}

impl Tracker {
    /// Nothing judged yet; for so many versions loaded at once. `gate`: the probability from which on a call is
    /// sure.
    pub fn new(versions_max: usize, gate: f32) -> Tracker {
        Tracker {
            tracked: Vec::new(),
            tracked_max: versions_max + FORMER_MAX + Task::ALL.len(),
            gate,
            historical: HISTORICAL.into(),
        }
    }

    /// What is known, in the order of the first outcomes.
    pub fn tracked(&self) -> &[Tracked] {
        &self.tracked
    }

    /// What a version said of something, and the place of what happened among the task's classes; without a
    /// version, what the table said. Returns the log loss over all classes. Where there is no room for another
    /// version one goes that is not loaded any more.
    pub fn score(
        &mut self,
        task: Task,
        version: Option<&Arc<str>>,
        row: &[f32],
        actual: usize,
        is_loaded: impl Fn(Task, &str) -> bool,
    ) -> f64 {
        let version = version.unwrap_or(&self.historical).clone();
        let known = self.tracked.iter().position(|t| t.task == task && t.version == version);
        let place = known.unwrap_or_else(|| {
            let is_former = |t: &Tracked| *t.version != *HISTORICAL && !is_loaded(t.task, &t.version);
            if self.tracked.len() >= self.tracked_max
                && let Some(former) = self.tracked.iter().position(is_former)
            {
                self.tracked.remove(former);
            }
            self.tracked.push(Tracked {
                task,
                version,
                figures: Figures::default(),
                kinds: None,
            });
            self.tracked.len() - 1
        });
        let Tracked { figures, kinds, .. } = &mut self.tracked[place];
        let gate = self.gate;
        let log_loss = match task {
            Task::Win => figures.add_chance(row[1], actual == 1, gate),
            Task::Drive => figures.add_classes(row, actual, gate),
            Task::NextPlay | Task::NextPlayFormed => {
                if actual <= 1 {
                    figures.add_chance(dropback(row), actual == 1, gate);
                }
                kinds.get_or_insert_default().add_classes(row, actual, gate)
            }
        };
        if self.tracked.len() > self.tracked_max {
            // All the others are loaded: more than there can be.
            self.tracked.pop();
        }
        log_loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: f32 = 0.7;
    const LOADED: fn(Task, &str) -> bool = |_, _| true;

    #[test]
    fn figures_are_means_over_what_was_judged() {
        let mut tracker = Tracker::new(1, GATE);
        let version: Arc<str> = "1".into();
        tracker.score(Task::NextPlay, Some(&version), &[0.2, 0.6, 0.1, 0.1, 0.0], 1, LOADED);
        tracker.score(Task::NextPlay, Some(&version), &[0.4, 0.4, 0.1, 0.1, 0.0], 0, LOADED);
        let lost = tracker.score(Task::NextPlay, Some(&version), &[0.1, 0.1, 0.8, 0.0, 0.0], 2, LOADED);
        assert!((lost + 0.8f64.ln()).abs() < 1e-6);
        let [tracked] = tracker.tracked() else { panic!("one version") };
        let calls = tracked.figures.means();
        assert_eq!((calls.outcomes, tracked.kinds.unwrap().outcomes), (2, 3), "a punt is no call");
        assert_eq!(
            (calls.accuracy, calls.coverage, calls.accuracy_when_sure),
            (Some(1.0), Some(0.5), Some(1.0))
        );
        assert!((calls.log_loss.unwrap() + (0.75f64.ln() + 0.5f64.ln()) / 2.0).abs() < 1e-6);
        assert!((calls.brier.unwrap() - (0.0625 + 0.25) / 2.0).abs() < 1e-6);
        assert_eq!(calls.calibration.iter().map(|bin| bin.2).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn what_was_impossible_costs_no_infinity() {
        let mut tracker = Tracker::new(1, GATE);
        assert!(tracker.score(Task::Win, None, &[1.0, 0.0], 1, LOADED) < 17.0);
        assert_eq!(tracker.tracked()[0].figures.means().accuracy, Some(0.0));
    }

    #[test]
    fn versions_that_are_no_longer_loaded_make_room_the_first_to_come_first() {
        let mut tracker = Tracker::new(2, GATE);
        let is_loaded = |_: Task, version: &str| ["0", "1"].contains(&version);
        for task in Task::ALL {
            tracker.score(task, None, &[0.5, 0.5], 1, is_loaded);
        }
        for version in 0..20 {
            tracker.score(Task::Win, Some(&version.to_string().into()), &[0.5, 0.5], 1, is_loaded);
        }
        let versions: Vec<&str> = tracker.tracked()[4..].iter().map(|tracked| &*tracked.version).collect();
        assert_eq!(versions, ["0", "1", "12", "13", "14", "15", "16", "17", "18", "19"]);
        // Not even where all are loaded are there more.
        tracker.score(Task::Drive, Some(&"9".into()), &[0.5, 0.5], 1, |_, _| true);
        assert_eq!(tracker.tracked().len(), 4 + 2 + FORMER_MAX);
    }
}
