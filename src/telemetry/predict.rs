//! The handles of predictions. Models and their versions are labels, as many as are tracked.

use super::delays::Delays;
use super::table::*;
use super::{counter, counter_with, gauge, gauge_with};
use crate::model::prediction::ForecastKind;
use crate::predict::predictor::{BATCH_SIZES, Counts};
use crate::predict::registry::Task;
use crate::predict::tracker::{Figures, HISTORICAL, Tracked, Tracker};
use metrics::{Counter, Gauge};

pub(super) static INFERENCE_DELAYS: Delays = Delays::new(&INFERENCE);
pub(super) static PREDICTION_DELAYS: Delays = Delays::new(&PREDICTION_DELAY);

/// The predictor's handles.
pub struct PredictorMetrics {
    told: [[Counter; 2]; ForecastKind::ALL.len()],
    judged: [[Counter; 2]; ForecastKind::ALL.len()],
    batches: [Counter; BATCH_SIZES.len()],
    rows: [Counter; 3],
    refused: Counter,
    /// 1 while it predicts.
    pub running: Gauge,
    /// A model's run.
    pub inference: &'static Delays,
    /// From an event's arrival to what is published of it.
    pub delay: &'static Delays,
}

impl PredictorMetrics {
    /// Finds the handles.
    pub fn new() -> PredictorMetrics {
        let by_kind = |metric: &Metric, label: &'static str, values: [&'static str; 2]| {
            ForecastKind::ALL.map(|kind| values.map(|value| metrics::counter!(metric.name, "kind" => kind.name(), label => value)))
        };
        let metrics = PredictorMetrics {
            told: by_kind(&PREDICTIONS, "source", ["model", "historical"]),
            judged: by_kind(&PREDICTION_OUTCOMES, "result", ["right", "wrong"]),
            batches: BATCH_SIZES.map(|rows| counter_with(&PREDICTION_BATCHES, "rows", rows)),
            rows: ["answered", "cached", "failed"].map(|outcome| counter_with(&PREDICTION_ROWS, "outcome", outcome)),
            refused: counter(&PREDICTION_GAMES_REFUSED),
            running: gauge(&PREDICTOR_RUNNING),
            inference: &INFERENCE_DELAYS,
            delay: &PREDICTION_DELAYS,
        };
        // On the page from the start, and no number before there is an outcome.
        metrics.backend("");
        for task in Task::ALL {
            figures_of(task.name(), HISTORICAL, &Figures::default());
        }
        metrics
    }

    /// Shows who runs the models.
    pub fn backend(&self, name: &str) {
        for backend in ["onnxruntime", "tract"] {
            gauge_with(&INFERENCE_BACKEND, "backend", backend).set(f64::from(u8::from(backend == name)));
        }
    }

    /// Takes counts over.
    pub fn record(&self, counts: &Counts) {
        let pairs = self.told.iter().zip(&counts.told).chain(self.judged.iter().zip(&counts.judged));
        for (counters, counts) in pairs {
            counters.iter().zip(counts).for_each(|(counter, count)| counter.increment(*count));
        }
        self.batches
            .iter()
            .zip(counts.batches)
            .for_each(|(counter, count)| counter.increment(count));
        let rows = [counts.answered, counts.cached, counts.failed];
        self.rows.iter().zip(rows).for_each(|(counter, count)| counter.increment(count));
        self.refused.increment(counts.crowded);
    }

    /// Shows how well models do.
    pub fn figures(&self, tracker: &Tracker) {
        for Tracked {
            task, version, figures, ..
        } in tracker.tracked()
        {
            figures_of(task.name(), version, figures);
        }
    }
}

fn figures_of(model: &'static str, version: &str, figures: &Figures) {
    let version = || version.to_owned();
    let Figures {
        outcomes,
        right,
        sure,
        sure_right,
        ..
    } = *figures;
    let unsure_right = right - sure_right;
    let counts = [
        ("yes", "right", sure_right),
        ("yes", "wrong", sure - sure_right),
        ("no", "right", unsure_right),
        ("no", "wrong", outcomes - sure - unsure_right),
    ];
    for (sure, result, count) in counts {
        metrics::counter!(MODEL_OUTCOMES.name, "model" => model, "version" => version(), "sure" => sure, "result" => result)
            .absolute(count);
    }
    let means = figures.means();
    let shown = [
        ("accuracy", means.accuracy),
        ("coverage", means.coverage),
        ("log_loss", means.log_loss),
        ("brier", means.brier),
    ];
    for (figure, mean) in shown {
        let mean = mean.unwrap_or(f64::NAN);
        metrics::gauge!(MODEL_FIGURES.name, "model" => model, "version" => version(), "figure" => figure).set(mean);
    }
    for (place, bin) in figures.bins.iter().enumerate() {
        let count = bin.count as f64;
        for (what, mean) in [("forecast", bin.forecast / count), ("happened", bin.happened as f64 / count)] {
            metrics::gauge!(MODEL_CALIBRATION.name, "model" => model, "version" => version(), "bin" => place.to_string(), "what" => what)
                .set(mean);
        }
    }
}

impl Default for PredictorMetrics {
    fn default() -> Self {
        Self::new()
    }
}
