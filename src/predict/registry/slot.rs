//! A loaded version: its model, which features that takes, and whether it is fit to answer.

use super::Version;
use super::breaker::{Breaker, Turn};
use super::info::{ModelState, Role, Running};
use super::loader::Loaded;
use super::manifest::Manifest;
use crate::predict::features::Features;
use crate::predict::onnx::{Model, ROWS_MAX, RunError, Serving};
use smallvec::SmallVec;
use std::sync::Arc;

/// How far from 1 probabilities may add up: half precision has three digits.
const SUM_TOLERANCE: f32 = 0.01;

/// A row of probabilities, in the order of [`Task::classes`](super::Task::classes).
pub type Probabilities = SmallVec<[f32; 8]>;

pub(super) struct Slot {
    pub(super) stem: String,
    pub(super) version: Arc<Version>,
    pub(super) manifest: Manifest,
    /// Taken out of service as a challenger.
    pub(super) is_withdrawn: bool,
    model: Model,
    breaker: Breaker,
    loaded_us: i64,
    rows: u64,
}

/// What came of a run, and what that changed.
pub(super) struct Ran {
    pub(super) result: Result<(), RunError>,
    pub(super) turn: Turn,
}

impl Slot {
    pub(super) fn new(loaded: Loaded, breaker: Breaker) -> Slot {
        let (task, number) = (loaded.manifest.task, &loaded.manifest.number);
        let version = Version {
            task,
            name: task.name().into(),
            version: number.to_string().into(),
        };
        Slot {
            stem: loaded.stem,
            version: Arc::new(version),
            manifest: loaded.manifest,
            is_withdrawn: false,
            model: loaded.model,
            breaker,
            loaded_us: loaded.loaded_us,
            rows: 0,
        }
    }

    /// Takes the place of another under the same name, and gives the other's model back. The same model on
    /// another device is the same version.
    pub(super) fn replace(mut self, other: &mut Slot) -> Model {
        if self.manifest == other.manifest {
            self.version = other.version.clone();
            self.is_withdrawn = other.is_withdrawn;
            self.rows = other.rows;
        }
        std::mem::replace(other, self).model
    }

    /// Who runs it, and on what.
    pub(super) fn serving(&self) -> Serving {
        self.model.serving()
    }

    /// Whether it answers: not while it is cut off.
    pub(super) fn is_fit(&self) -> bool {
        self.breaker.allows()
    }

    pub(super) fn turn(&mut self, now_us: i64) {
        self.breaker.turn(now_us);
    }

    /// Runs rows, `batch` being room for the features that it takes.
    pub(super) fn run(&mut self, rows: &[Features], batch: &mut Vec<f32>, out: &mut Vec<Probabilities>, now_us: i64) -> Ran {
        let turn = Turn::Same;
        if rows.len() > ROWS_MAX {
            let features = self.manifest.columns.len();
            let values = rows.len() * features;
            let result = Err(RunError::Rows { values, features });
            return Ran { result, turn };
        }
        if !self.is_fit() {
            let result = Err(RunError::Failed("it is cut off".into()));
            return Ran { result, turn };
        }
        if rows.is_empty() {
            return Ran { result: Ok(()), turn };
        }
        batch.clear();
        for row in rows {
            batch.extend(self.manifest.columns.iter().map(|&column| row[column]));
        }
        let result = answers(&mut self.model, batch, out);
        let turn = match &result {
            Ok(()) => {
                self.rows += rows.len() as u64;
                self.breaker.succeeded()
            }
            Err(_) => {
                out.clear();
                self.breaker.failed(now_us)
            }
        };
        Ran { result, turn }
    }

    pub(super) fn state(&self) -> ModelState {
        match (self.is_withdrawn, self.is_fit()) {
            (true, _) => ModelState::Withdrawn,
            (false, false) => ModelState::Resting,
            (false, true) => ModelState::Serving,
        }
    }

    pub(super) fn info(&self, role: Role) -> super::ModelInfo {
        let Serving { backend, device, .. } = self.serving();
        super::ModelInfo {
            name: self.version.name.to_string(),
            version: self.version.version.to_string(),
            role,
            state: self.state(),
            why: None,
            running: Some(Running {
                backend,
                device: device.to_string(),
                loaded_us: self.loaded_us,
                rows: self.rows,
            }),
        }
    }
}

fn answers(model: &mut Model, batch: &[f32], out: &mut Vec<Probabilities>) -> Result<(), RunError> {
    for (row, probabilities) in model.run(batch)?.rows(0).enumerate() {
        if !answers_probabilities(probabilities) {
            return Err(RunError::Failed(format!("row {row} has no probabilities: {probabilities:?}")));
        }
        out.push(probabilities.into());
    }
    Ok(())
}

/// Whether these are parts of 1.
pub(super) fn answers_probabilities(row: &[f32]) -> bool {
    row.iter().all(|value| (0.0..=1.0 + SUM_TOLERANCE).contains(value)) && (row.iter().sum::<f32>() - 1.0).abs() <= SUM_TOLERANCE
}
