//! The models of points: their files, checked, and their answers.
//!
//! They are built in. A file that does not fit is refused with what is wrong and whoever asks for it gets no
//! answer, as where a run fails: then the baseline is told. Bounded: three models, [`ROWS_MAX`] rows a run.

use super::rules::Ranges;
use super::{features, season};
use crate::model::prediction::Source;
use crate::predict::onnx::{Backend, LoadError, Model, ROWS_MAX, Signature};
use serde::Deserialize;
use std::collections::HashMap;

/// What a model is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// A player's points to come in this game.
    Points,
    /// A player's points in the coming games of a season.
    Season,
    /// A club's points in the coming games of a season.
    Club,
}

impl Task {
    /// All of them, by their place.
    pub const ALL: [Task; 3] = [Task::Points, Task::Season, Task::Club];

    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Task::Points => "points",
            Task::Season => "season",
            Task::Club => "season_team",
        }
    }

    /// The names of its features, in order.
    pub fn features(self) -> Vec<String> {
        match self {
            Task::Points => features::names(),
            Task::Season => season::names(),
            Task::Club => season::club_names(),
        }
    }

    /// Values of an answer: for each thing asked a middle, a low and a high end.
    pub fn width(self) -> usize {
        match self {
            Task::Season => 6,
            Task::Points | Task::Club => 3,
        }
    }

    /// Its outputs, in the order of an answer's values: several ways to say the same.
    fn outputs(self) -> &'static [&'static [(&'static str, usize)]] {
        match self {
            Task::Points => &[&[("remaining", 3)]],
            Task::Season => &[&[("coming", 6)], &[("per_game", 3), ("total_a_week", 3)]],
            Task::Club => &[&[("per_game", 3)]],
        }
    }
}

/// What stands beside a model's file, as far as it matters here.
#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: String,
    sha256: Option<String>,
    features: Vec<String>,
    outputs: HashMap<String, Vec<String>>,
    #[serde(default)]
    ruleset_ranges: HashMap<String, (f64, f64)>,
}

/// Why a model is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// What is beside the file says nothing, or something else.
    #[error("manifest of {0}: {1}")]
    Manifest(&'static str, String),
    /// The file itself.
    #[error("{0}")]
    File(#[from] LoadError),
}

/// A model that is ready to run.
pub struct Loaded {
    model: Model,
    source: Source,
    ranges: Ranges,
}

/// Names of ranges, by the places of a ruleset's features.
const RANGES: [&str; 7] = ["rec", "pass_td", "int", "fumbles_lost", "two_pt", "ret_td", "bonus"];

impl Loaded {
    /// Checks and loads a model.
    ///
    /// # Errors
    /// What does not fit.
    pub fn of(backend: &Backend, task: Task, manifest: &[u8], file: &[u8]) -> Result<Loaded, ModelError> {
        let wrong = |what: String| ModelError::Manifest(task.name(), what);
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| wrong(error.to_string()))?;
        if manifest.name != task.name() {
            return Err(wrong(format!("it is of {:?}", manifest.name)));
        }
        if manifest.sha256.is_some_and(|told| told != digest(file)) {
            return Err(wrong("sha256 is of another file; copy both anew".into()));
        }
        let ours = task.features();
        if manifest.features != ours {
            let differs = manifest.features.iter().zip(&ours).position(|(theirs, ours)| theirs != ours);
            let place = differs.unwrap_or(ours.len().min(manifest.features.len()));
            return Err(wrong(format!(
                "feature {place} is not the one this version computes; train it for those"
            )));
        }
        let is_said = |outputs: &&&[(&str, usize)]| {
            let mut outputs = outputs.iter();
            outputs.all(|(name, width)| manifest.outputs.get(*name).is_some_and(|values| values.len() == *width))
        };
        let outputs = task
            .outputs()
            .iter()
            .find(is_said)
            .ok_or_else(|| wrong("its outputs are others".into()))?;
        let model = backend.load(task.name(), file, &Signature::new(ours.len(), outputs))?;
        Ok(Loaded {
            model,
            source: Source::Model {
                name: task.name().into(),
                version: manifest.version.as_str().into(),
            },
            ranges: RANGES.map(|name| manifest.ruleset_ranges.get(name).copied()),
        })
    }

    #[cfg(test)]
    pub(super) fn made_up(model: Model, name: &str) -> Loaded {
        Loaded {
            model,
            source: Source::Model {
                name: name.into(),
                version: "1".into(),
            },
            ranges: Default::default(),
        }
    }
}

fn digest(file: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, file);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whichever models there are.
#[derive(Default)]
pub struct Models {
    loaded: [Option<Loaded>; Task::ALL.len()],
    failed_runs: u64,
}

macro_rules! shipped {
    ($name:literal) => {
        (
            include_bytes!(concat!("../../../config/models/", $name, ".json")) as &[u8],
            include_bytes!(concat!("../../../config/models/", $name, ".onnx")) as &[u8],
        )
    };
}

/// By the places of [`Task::ALL`]: manifest and file.
const SHIPPED: [(&[u8], &[u8]); Task::ALL.len()] = [shipped!("points-1"), shipped!("season-1"), shipped!("season_team-1")];

impl Models {
    /// Those that are built in; what is refused is one error in the log.
    pub fn shipped(backend: &Backend) -> Models {
        let mut models = Models::default();
        for (task, (manifest, file)) in Task::ALL.into_iter().zip(SHIPPED) {
            match Loaded::of(backend, task, manifest, file) {
                Ok(loaded) => models.put(task, loaded),
                Err(error) => tracing::error!("{error}: baselines answer"),
            }
        }
        models
    }

    /// Puts a model in its place.
    pub fn put(&mut self, task: Task, loaded: Loaded) {
        self.loaded[task as usize] = Some(loaded);
    }

    /// Within which rulesets models may be asked.
    pub(super) fn ranges(&self) -> Ranges {
        self.loaded[Task::Points as usize]
            .as_ref()
            .map_or_else(Ranges::default, |loaded| loaded.ranges)
    }

    /// Asks about rows of features: who answers, and [`Task::width`] values a row. Nothing where there is no such
    /// model, or one of the rows has no finite answer.
    pub(super) fn run(&mut self, task: Task, rows: &[f32]) -> Option<(Source, Vec<f32>)> {
        let loaded = self.loaded[task as usize].as_mut()?;
        let mut answers = Vec::with_capacity(rows.len() / loaded.model.signature().features() * task.width());
        for some in rows.chunks(ROWS_MAX * loaded.model.signature().features()) {
            let outputs = loaded.model.signature().outputs().len();
            match loaded.model.run(some) {
                Ok(told) => {
                    for row in 0..told.rows(0).len() {
                        (0..outputs).for_each(|output| answers.extend_from_slice(told.row(output, row)));
                    }
                }
                Err(error) => {
                    self.failed_runs += 1;
                    tracing::debug!(model = task.name(), %error, "a run that gave nothing: the baseline answers");
                    return None;
                }
            }
        }
        Some((loaded.source.clone(), answers))
    }

    /// Runs that gave nothing.
    pub fn failed_runs(&self) -> u64 {
        self.failed_runs
    }
}
