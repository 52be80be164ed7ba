//! The models of points: which serve, their answers, and what becomes of one that fails.
//!
//! Where there is no model, where a run fails and while one that fails again and again is left alone there is no
//! answer, and the baseline is told. One thread's own. Bounded: three models, [`ROWS_MAX`] rows a run.

use super::manifest::Manifest;
use super::rules::Ranges;
use super::task::Task;
use crate::model::prediction::Source;
use crate::predict::onnx::{Backend, Device, Model, ROWS_MAX, RunError, Serving, Signature};
use crate::predict::registry::{Breaker, ModelInfo, ModelState, Role, Running, Turn};
use std::collections::BTreeMap;

/// A model that is ready to run.
pub(super) struct Loaded {
    pub(super) manifest: Manifest,
    /// Whether it is the program's own.
    pub(super) is_shipped: bool,
    model: Model,
    loaded_us: i64,
}

impl Loaded {
    /// Loads a model and warms it up.
    ///
    /// # Errors
    /// What does not fit, in one line.
    pub(super) fn of(backend: &Backend, manifest: Manifest, file: &[u8], is_shipped: bool, wall_us: i64) -> Result<Loaded, String> {
        let task = manifest.task;
        let signature = Signature::new(task.features().len(), &[(task.output(), task.width())]);
        let model = backend.load(&manifest.stem(), file, &signature);
        Ok(Loaded {
            model: model.map_err(|error| format!("it {}", error.refusal))?,
            loaded_us: wall_us,
            manifest,
            is_shipped,
        })
    }

    #[cfg(test)]
    pub(super) fn made_up(task: Task, model: Model) -> Loaded {
        let manifest = Manifest {
            task,
            number: "1".parse().expect("a version"),
            sha256: [0; 32],
            ranges: Ranges::default(),
        };
        Loaded {
            manifest,
            is_shipped: true,
            model,
            loaded_us: 1,
        }
    }
}

/// What was done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ModelCounts {
    /// Versions loaded.
    pub loaded: u64,
    /// Versions refused.
    pub refused: u64,
    /// Versions let go of because their files are gone.
    pub gone: u64,
    /// Runs that gave nothing.
    pub failed_runs: u64,
    /// Times that a version was left alone for a while.
    pub cut_offs: u64,
}

/// A model that serves.
struct Slot {
    loaded: Loaded,
    source: Source,
    breaker: Breaker,
    /// Whether its last run failed.
    is_failing: bool,
    /// Whether it is to be loaded anew on the CPU.
    wants_cpu: bool,
    rows: u64,
}

/// Whichever models there are.
pub struct Models {
    slots: [Option<Slot>; Task::ALL.len()],
    /// What is not taken and why, by task and `NAME-VERSION`.
    refused: [BTreeMap<String, String>; Task::ALL.len()],
    counts: ModelCounts,
    breaker_failures: u32,
    breaker_rest_us: i64,
    now_us: i64,
}

impl Models {
    /// None yet. One whose runs fail so often in a row is left alone for that long.
    pub fn new(breaker_failures: u32, breaker_rest_us: i64) -> Models {
        Models {
            slots: Default::default(),
            refused: Default::default(),
            counts: ModelCounts::default(),
            breaker_failures,
            breaker_rest_us,
            now_us: 0,
        }
    }

    /// Puts a model in its place. The same one on another device is the same version.
    pub(super) fn put(&mut self, loaded: Loaded) {
        let (task, serving) = (loaded.manifest.task, loaded.model.serving());
        tracing::info!(model = loaded.manifest.stem(), backend = serving.backend, device = %serving.device, "model loaded");
        self.counts.loaded += 1;
        let slot = &mut self.slots[task as usize];
        let same = slot.as_ref().filter(|slot| slot.loaded.manifest == loaded.manifest);
        *slot = Some(Slot {
            source: Source::Model {
                name: task.name().into(),
                version: loaded.manifest.number.to_string().into(),
            },
            breaker: Breaker::new(self.breaker_failures, self.breaker_rest_us),
            is_failing: same.is_some_and(|slot| slot.is_failing),
            wants_cpu: false,
            rows: same.map_or(0, |slot| slot.rows),
            loaded,
        });
    }

    /// What serves a task.
    pub(super) fn held(&self, task: Task) -> Option<&Loaded> {
        self.slots[task as usize].as_ref().map(|slot| &slot.loaded)
    }

    /// What of a task is not taken, and why: in place of what was said before. What is new is one error in the log.
    pub(super) fn refuse(&mut self, task: Task, refused: BTreeMap<String, String>) {
        let before = std::mem::replace(&mut self.refused[task as usize], refused);
        for (stem, why) in &self.refused[task as usize] {
            if before.get(stem) != Some(why) {
                self.counts.refused += 1;
                tracing::error!(model = stem, "model refused: {why}");
            }
        }
    }

    /// The files of what serves are gone.
    pub(super) fn let_go(&mut self, stem: &str) {
        self.counts.gone += 1;
        tracing::info!(model = stem, "model gone from the folder, and let go of");
    }

    /// What serves a task on a device that fails, until it is put in its place anew.
    pub(super) fn wants_cpu(&self, task: Task) -> Option<&Loaded> {
        let slot = self.slots[task as usize].as_ref()?;
        slot.wants_cpu.then_some(&slot.loaded)
    }

    /// Whether what serves a task is left alone for now.
    pub(super) fn rests(&self, task: Task) -> bool {
        self.slots[task as usize].as_ref().is_some_and(|slot| !slot.breaker.allows())
    }

    /// Within which rulesets a model may be asked.
    pub(super) fn ranges(&self, task: Task) -> Ranges {
        self.held(task).map_or_else(Ranges::default, |loaded| loaded.manifest.ranges)
    }

    /// Time goes on, by the clock of [`Now::steady_us`](crate::model::Now): what is left alone may be due to be tried.
    pub fn turn(&mut self, steady_us: i64) {
        self.now_us = steady_us;
        self.slots.iter_mut().flatten().for_each(|slot| slot.breaker.turn(steady_us));
    }

    /// Asks about rows of features: who answers, and [`Task::width`] values a row. Nothing where nothing is asked,
    /// where there is no such model or it is left alone, or where one of the rows has no finite answer.
    pub(super) fn run(&mut self, task: Task, rows: &[f32]) -> Option<(Source, Vec<f32>)> {
        let slot = self.slots[task as usize].as_mut()?;
        if rows.is_empty() || !slot.breaker.allows() {
            return None;
        }
        match answers(&mut slot.loaded.model, rows) {
            Ok(told) => {
                slot.rows += (told.len() / task.width()) as u64;
                slot.breaker.succeeded();
                if std::mem::take(&mut slot.is_failing) {
                    tracing::info!(model = slot.loaded.manifest.stem(), "the model answers again");
                }
                Some((slot.source.clone(), told))
            }
            Err(error) => {
                self.counts.failed_runs += 1;
                let (model, device) = (slot.loaded.manifest.stem(), slot.loaded.model.serving().device);
                if !std::mem::replace(&mut slot.is_failing, true) {
                    tracing::warn!(%model, %device, "the model fails, the baseline answers: {error}");
                }
                if slot.breaker.failed(self.now_us) == Turn::CutOff {
                    self.counts.cut_offs += 1;
                    slot.wants_cpu = device != Device::Cpu;
                    tracing::warn!(%model, %device, "the model fails again and again and is left alone for a while: {error}");
                }
                None
            }
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> ModelCounts {
        self.counts
    }

    /// Every version that serves or is refused.
    pub fn list(&self) -> Vec<ModelInfo> {
        let refused = self.refused.iter().flatten().map(ModelInfo::refused);
        self.slots.iter().flatten().map(Slot::info).chain(refused).collect()
    }
}

impl Slot {
    fn info(&self) -> ModelInfo {
        let manifest = &self.loaded.manifest;
        let Serving { backend, device, .. } = self.loaded.model.serving();
        ModelInfo {
            name: manifest.task.name().into(),
            version: manifest.number.to_string(),
            role: Role::Champion,
            state: if self.breaker.allows() {
                ModelState::Serving
            } else {
                ModelState::Resting
            },
            why: None,
            running: Some(Running {
                backend,
                device: device.to_string(),
                loaded_us: self.loaded.loaded_us,
                rows: self.rows,
            }),
        }
    }
}

fn answers(model: &mut Model, rows: &[f32]) -> Result<Vec<f32>, RunError> {
    let mut told = Vec::new();
    for some in rows.chunks(ROWS_MAX * model.signature().features()) {
        let answers = model.run(some)?;
        answers.rows(0).for_each(|row| told.extend_from_slice(row));
    }
    Ok(told)
}
