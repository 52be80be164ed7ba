//! The versions of models that are loaded, and which of them answers.
//!
//! A model is a file in ONNX with a manifest beside it, `NAME-VERSION.json`. Of each task the highest version
//! that fits is loaded; what does not fit is a line in the log and in [`Registry::list`]. Bounds: [`FILES_MAX`],
//! [`MANIFEST_BYTES_MAX`], and those of [`onnx`](super::onnx).

use super::features::{self, Features};
use super::onnx::{Backend, Model, RunError, Signature};
use crate::model::GameId;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most files of a folder that are looked at.
pub const FILES_MAX: usize = 256;

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES_MAX: u64 = 256 * 1024;

/// What a model is asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Task {
    /// The kind of the coming play, formation unknown.
    NextPlay,
    /// The same, formation known.
    NextPlayFormed,
    /// How the drive ends.
    Drive,
    /// Whether the team with the ball wins.
    Win,
}

impl Task {
    /// All of them.
    pub const ALL: [Task; 4] = [Task::NextPlay, Task::NextPlayFormed, Task::Drive, Task::Win];

    /// Its name: that of its models.
    pub fn name(self) -> &'static str {
        match self {
            Task::NextPlay => "next_play",
            Task::NextPlayFormed => "next_play_formed",
            Task::Drive => "drive",
            Task::Win => "win",
        }
    }

    /// What may come of it, in the order of answers.
    fn classes(self) -> &'static [&'static str] {
        match self {
            Task::NextPlay | Task::NextPlayFormed => &["run", "pass", "punt", "field_goal", "other"],
            Task::Drive => &["touchdown", "field_goal", "punt", "turnover", "other"],
            Task::Win => &["loss", "win"],
        }
    }
}

/// A loaded version of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// What it is asked.
    pub task: Task,
    /// Its name.
    pub name: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
}

/// Where models are.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Their folder.
    pub models_dir: PathBuf,
}

/// What is known of a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// Its version; empty where no manifest says.
    pub version: String,
    /// `serving`, or why it is refused.
    pub state: String,
}

struct Loaded {
    version: Arc<Version>,
    /// Places of its inputs among all features.
    places: Vec<usize>,
    model: Model,
}

/// The models of a folder.
pub struct Registry {
    loaded: Vec<Loaded>,
    refused: Vec<ModelInfo>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: String,
    file: String,
    features: Vec<String>,
    output: String,
    classes: Vec<String>,
}

impl Registry {
    /// Loads what is there. Never fails: what is refused is logged and listed.
    pub fn open(backend: &Backend, settings: &RegistrySettings) -> Registry {
        let mut registry = Registry {
            loaded: Vec::new(),
            refused: Vec::new(),
            values: Vec::new(),
        };
        let files = std::fs::read_dir(&settings.models_dir);
        let mut files: Vec<PathBuf> = files
            .into_iter()
            .flatten()
            .flatten()
            .take(FILES_MAX)
            .map(|entry| entry.path())
            .collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let task = |task: &&Task| {
                name.strip_prefix(task.name())
                    .is_some_and(|rest| rest.starts_with('-') && rest.ends_with(".json"))
            };
            let Some(task) = Task::ALL.iter().find(task) else { continue };
            match load(backend, &file, *task) {
                Ok(loaded) => {
                    registry.loaded.retain(|other| other.version.task != *task);
                    registry.loaded.push(loaded);
                }
                Err(state) => {
                    tracing::error!(model = name, "a model is refused: {state}");
                    let version = String::new();
                    registry.refused.push(ModelInfo { name, version, state });
                }
            }
        }
        if registry.loaded.is_empty() {
            tracing::warn!(dir = %settings.models_dir.display(), "no models: history answers");
        }
        registry
    }

    /// Who answers for that game; nothing where there is no model.
    pub fn arm(&self, task: Task, _: &GameId) -> Option<Arc<Version>> {
        self.loaded
            .iter()
            .find(|loaded| loaded.version.task == task)
            .map(|loaded| loaded.version.clone())
    }

    /// Runs rows of all features: one row of probabilities each, in the order of the task's classes.
    ///
    /// # Errors
    /// What the model says.
    pub fn run(&mut self, version: &Arc<Version>, rows: &[Features], out: &mut Vec<SmallVec<[f32; 8]>>, _: i64) -> Result<(), RunError> {
        let loaded = self.loaded.iter_mut().find(|loaded| Arc::ptr_eq(&loaded.version, version));
        let loaded = loaded.ok_or_else(|| RunError::Failed("not loaded any more".to_owned()))?;
        self.values.clear();
        for row in rows {
            self.values.extend(loaded.places.iter().map(|place| row[*place]));
        }
        let answers = loaded.model.run(&self.values)?;
        out.extend(answers.rows(0).map(SmallVec::from_slice));
        Ok(())
    }

    /// An outcome that a version gave a probability to.
    pub fn scored(&mut self, _: &Arc<Version>, _: f64) {}

    /// Between batches.
    pub fn turn(&mut self, _: i64) {}

    /// What is loaded and what was refused.
    pub fn list(&self) -> Vec<ModelInfo> {
        let serving = |loaded: &Loaded| ModelInfo {
            name: loaded.version.name.to_string(),
            version: loaded.version.version.to_string(),
            state: "serving".to_owned(),
        };
        self.loaded.iter().map(serving).chain(self.refused.iter().cloned()).collect()
    }
}

fn load(backend: &Backend, file: &Path, task: Task) -> Result<Loaded, String> {
    let manifest: Manifest = read(file)
        .map_err(|error| error.to_string())
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()))?;
    if manifest.name != task.name() || manifest.classes != task.classes() {
        return Err(format!(
            "it answers {:?} for {}, not {:?}",
            manifest.classes,
            manifest.name,
            task.classes()
        ));
    }
    let place = |name: &String| {
        features::NAMES
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| format!("no feature \"{name}\""))
    };
    let places: Vec<usize> = manifest.features.iter().map(place).collect::<Result<_, _>>()?;
    if places.is_empty() || manifest.file.contains(['/', '\\']) {
        return Err("no features, or a file elsewhere".to_owned());
    }
    let signature = Signature::new(places.len(), &[(&manifest.output, manifest.classes.len())]);
    let model = backend.load_file(&file.with_file_name(&manifest.file), &signature);
    Ok(Loaded {
        version: Arc::new(Version {
            task,
            name: manifest.name.into(),
            version: manifest.version.into(),
        }),
        places,
        model: model.map_err(|error| error.to_string())?,
    })
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
