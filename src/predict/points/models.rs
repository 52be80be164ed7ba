//! The models of points: their files, checked, and their answers.
//!
//! They are built in; a folder may have newer ones, looked at once. A file that does not fit is refused with what
//! is wrong. Where there is no model, or a run fails, there is no answer, and the baseline is told. Bounded: three
//! models, [`ROWS_MAX`] rows a run, the sizes of files.

use super::rules::Ranges;
use super::{features, season};
use crate::model::prediction::Source;
use crate::predict::onnx::{Backend, LoadError, MODEL_BYTES_MAX, Model, ROWS_MAX, Signature};
use crate::predict::registry::{MANIFEST_BYTES_MAX, Number};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

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

    /// The name of its output.
    fn output(self) -> &'static str {
        match self {
            Task::Points => "remaining",
            Task::Season => "coming",
            Task::Club => "per_game",
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
    output: String,
    classes: Vec<String>,
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
        if manifest.output != task.output() || manifest.classes.len() != task.width() {
            return Err(wrong("its output is another".into()));
        }
        let model = backend.load(task.name(), file, &Signature::new(ours.len(), &[(task.output(), task.width())]))?;
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

/// The folder's newest version of a model that is at least as new as what is built in: its name, its manifest and
/// its file. What cannot be read is as if it were not there.
fn newest(folder: &Path, task: Task) -> Option<(String, Vec<u8>, Vec<u8>)> {
    let number = |name: &str| -> Option<Number> {
        let rest = name.strip_prefix(task.name())?.strip_prefix('-')?;
        rest.strip_suffix(".json")?.parse().ok()
    };
    let names = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let found = names.filter_map(|name| number(&name)).max()?;
    let shipped: Number = SHIPPED_VERSION.parse().expect("a number is a version");
    if found < shipped {
        return None;
    }
    let stem = format!("{}-{found}", task.name());
    let read = |suffix: &str, bytes_max: usize| {
        let mut bytes = Vec::new();
        let file = File::open(folder.join(format!("{stem}.{suffix}"))).ok()?;
        file.take(bytes_max as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let (manifest, file) = (read("json", MANIFEST_BYTES_MAX)?, read("onnx", MODEL_BYTES_MAX)?);
    Some((stem, manifest, file))
}

/// Of all that are built in.
const SHIPPED_VERSION: &str = "1";

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
        Task::ALL.into_iter().for_each(|task| models.put_shipped(backend, task));
        models
    }

    /// The newest of each: that of a folder, where it has one that is not older than what is built in and fits.
    pub fn open(backend: &Backend, folder: &Path) -> Models {
        let mut models = Models::default();
        for task in Task::ALL {
            match newest(folder, task).map(|(stem, manifest, file)| (Loaded::of(backend, task, &manifest, &file), stem)) {
                Some((Ok(loaded), stem)) => {
                    tracing::info!(model = stem, folder = %folder.display(), "model of points");
                    models.put(task, loaded);
                }
                Some((Err(error), stem)) => {
                    tracing::error!(model = stem, folder = %folder.display(), "what is built in serves: {error}");
                    models.put_shipped(backend, task);
                }
                None => models.put_shipped(backend, task),
            }
        }
        models
    }

    fn put_shipped(&mut self, backend: &Backend, task: Task) {
        let (manifest, file) = SHIPPED[task as usize];
        match Loaded::of(backend, task, manifest, file) {
            Ok(loaded) => self.put(task, loaded),
            Err(error) => tracing::error!("{error}: baselines answer"),
        }
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
            match loaded.model.run(some) {
                Ok(told) => told.rows(0).for_each(|row| answers.extend_from_slice(row)),
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
