//! The handles of predictions. Models and their versions are labels, as many as are tracked: these are written
//! anew each time, so that a version that is forgotten leaves the page.

use super::delays::{Delays, Promised};
use super::table::*;
use super::{counter, counter_with, gauge, gauge_with};
use crate::model::prediction::{Bulletin, ForecastKind};
use crate::predict::predictor::{BATCH_SIZES, Counts};
use crate::predict::registry::Task;
use crate::predict::tracker::{Figures, HISTORICAL, Tracked};
use metrics::{Counter, Gauge};
use parking_lot::Mutex;
use std::fmt::{Display, Write as _};

pub(super) static INFERENCE_DELAYS: Delays = Delays::new(&INFERENCE);
static PREDICTION_DELAYS: PredictionDelays = PredictionDelays([const { Promised::new(PROMISED_US) }; PREDICTED.len()]);

/// What the models' figures were when they were last shown, as Prometheus reads them.
static FIGURES: Mutex<String> = Mutex::new(String::new());

/// Bounds of the time to a prediction, in microseconds: a frame is to leave within 5 ms.
const PROMISED_US: [u64; 14] = [
    250, 500, 1_000, 2_000, 3_000, 4_000, 5_000, 7_500, 10_000, 25_000, 100_000, 500_000, 1_000_000, 10_000_000,
];

/// What is timed.
const PREDICTED: [&str; 4] = ["next_play", "drive", "win", "outcome"];

/// The times to what is published of one kind.
type PredictionDelay = Promised<{ PROMISED_US.len() }>;

/// From an event's arrival to what is published of it.
pub struct PredictionDelays([PredictionDelay; PREDICTED.len()]);

impl PredictionDelays {
    /// Where such a bulletin is timed. Points are not: they are told every few seconds.
    pub fn of(&self, bulletin: &Bulletin) -> Option<&PredictionDelay> {
        let place = match bulletin {
            Bulletin::Prediction(prediction) => match prediction.forecast.kind() {
                ForecastKind::NextPlay => 0,
                ForecastKind::Drive => 1,
                ForecastKind::Win => 2,
                ForecastKind::Points => return None,
            },
            Bulletin::Outcome(_) => 3,
        };
        Some(&self.0[place])
    }
}

/// The times to predictions, for who shows what another node predicted.
pub fn prediction_delays() -> &'static PredictionDelays {
    &PREDICTION_DELAYS
}

/// Writes the times to predictions, and the models' figures as they were last shown.
pub(super) fn write(page: &mut String) {
    head(page, &PREDICTION_DELAY, "histogram");
    for (delays, what) in PREDICTION_DELAYS.0.iter().zip(PREDICTED) {
        delays.write(PREDICTION_DELAY.name, &format!("what=\"{what}\""), page);
    }
    page.push('\n');
    page.push_str(&FIGURES.lock());
}

fn head(page: &mut String, Metric { name, help, .. }: &Metric, kind: &str) {
    write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n").expect("memory");
}

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
    pub delays: &'static PredictionDelays,
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
            delays: &PREDICTION_DELAYS,
        };
        // On the page from the start, and no number before there is an outcome.
        metrics.backend("");
        metrics.figures(&[]);
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

    /// Shows how well models do, and nothing of those that are not there any more.
    pub fn figures(&self, tracked: &[Tracked]) {
        *FIGURES.lock() = page_of(tracked);
    }
}

/// The figures of each version; of history before its first outcome, too.
fn page_of(tracked: &[Tracked]) -> String {
    let unseen = Figures::default();
    let is_seen = |task: Task| tracked.iter().any(|one| one.task == task && *one.version == *HISTORICAL);
    let before = Task::ALL.into_iter().filter(|task| !is_seen(*task));
    let rows: Vec<(Task, &str, &Figures)> = before
        .map(|task| (task, HISTORICAL, &unseen))
        .chain(tracked.iter().map(|one| (one.task, &*one.version, &one.figures)))
        .collect();
    let mut page = String::new();
    for (metric, kind, samples) in [
        (&MODEL_OUTCOMES, "counter", outcomes as fn(&Figures, &mut Samples<'_>)),
        (&MODEL_FIGURES, "gauge", means),
        (&MODEL_CALIBRATION, "gauge", calibration),
    ] {
        head(&mut page, metric, kind);
        for (task, version, figures) in &rows {
            let labels = format!("{}{{model=\"{}\",version=\"{version}\"", metric.name, task.name());
            samples(figures, &mut Samples { labels, page: &mut page });
        }
        page.push('\n');
    }
    page
}

/// Lines of one metric and version.
struct Samples<'a> {
    /// The beginning of each. Names and versions have nothing in them that has to be escaped.
    labels: String,
    page: &'a mut String,
}

impl Samples<'_> {
    fn add(&mut self, labels: impl Display, value: impl Display) {
        writeln!(self.page, "{},{labels}}} {value}", self.labels).expect("memory");
    }
}

fn outcomes(figures: &Figures, samples: &mut Samples<'_>) {
    let Figures {
        outcomes,
        right,
        sure,
        sure_right,
        ..
    } = *figures;
    let unsure_right = right - sure_right;
    for (sure, result, count) in [
        ("yes", "right", sure_right),
        ("yes", "wrong", sure - sure_right),
        ("no", "right", unsure_right),
        ("no", "wrong", outcomes - sure - unsure_right),
    ] {
        samples.add(format_args!("sure=\"{sure}\",result=\"{result}\""), count);
    }
}

fn means(figures: &Figures, samples: &mut Samples<'_>) {
    let means = figures.means();
    for (figure, mean) in [
        ("accuracy", means.accuracy),
        ("coverage", means.coverage),
        ("log_loss", means.log_loss),
        ("brier", means.brier),
    ] {
        samples.add(format_args!("figure=\"{figure}\""), mean.unwrap_or(f64::NAN));
    }
}

fn calibration(figures: &Figures, samples: &mut Samples<'_>) {
    for (place, bin) in figures.bins.iter().enumerate() {
        let count = bin.count as f64;
        for (what, mean) in [("forecast", bin.forecast / count), ("happened", bin.happened as f64 / count)] {
            samples.add(format_args!("bin=\"{place}\",what=\"{what}\""), mean);
        }
    }
}

impl Default for PredictorMetrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::tracker::Tracker;

    #[test]
    fn a_version_is_on_the_page_as_long_as_it_is_tracked() {
        let mut tracker = Tracker::new(1, 0.7);
        tracker.score(Task::Win, Some(&"1.10".into()), &[0.25, 0.75], 1, |_, _| true);
        let page = page_of(tracker.tracked());
        for line in [
            "# TYPE scorewire_model_outcomes_total counter",
            "scorewire_model_outcomes_total{model=\"win\",version=\"1.10\",sure=\"yes\",result=\"right\"} 1",
            "scorewire_model_outcomes_total{model=\"win\",version=\"historical\",sure=\"no\",result=\"wrong\"} 0",
            "scorewire_model_figures{model=\"win\",version=\"1.10\",figure=\"brier\"} 0.0625",
            "scorewire_model_figures{model=\"drive\",version=\"historical\",figure=\"brier\"} NaN",
            "scorewire_model_calibration_ratio{model=\"win\",version=\"1.10\",bin=\"7\",what=\"happened\"} 1",
        ] {
            assert!(page.lines().any(|told| told == line), "{line}: {page}");
        }
        assert!(!page_of(&[]).contains("1.10"));
    }
}
