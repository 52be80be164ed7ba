//! What a model's file is, as the manifest beside it says: as strict as the registry is with the models of plays,
//! and about rulesets besides. Hostile until parsed, with the registry's bounds.

use super::rules::Ranges;
use super::task::Task;
use crate::predict::registry::{self, Digest, Head, Number};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Names of ranges, by the places of a ruleset's features, and whether a model must say within which it was trained:
/// two points and a return pay the same everywhere.
const RANGES: [(&str, bool); 7] = [
    ("rec", true),
    ("pass_td", true),
    ("int", true),
    ("fumbles_lost", true),
    ("two_pt", false),
    ("ret_td", false),
    ("bonus", true),
];

/// What a model's file is.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Manifest {
    pub(super) task: Task,
    pub(super) number: Number,
    /// Of the file's bytes.
    pub(super) sha256: Digest,
    /// Rulesets within which it may be asked.
    pub(super) ranges: Ranges,
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    /// What no model's may say.
    #[error("{0}")]
    Head(#[from] registry::ManifestError),
    /// It belongs to another task.
    #[error("is of {0:?}, not of {1}")]
    Task(String, &'static str),
    /// Another file.
    #[error("names the file {0:?}: it must be {1:?}")]
    File(String, String),
    /// Other features, or in another order.
    #[error("has another feature {0} than this server computes; train it for those")]
    Features(usize),
    /// Another output.
    #[error("has another output than {0:?}")]
    Output(&'static str),
    /// Other classes, or in another order.
    #[error("has other classes than {0}, in this order")]
    Classes(String),
    /// It does not say of a weight within which it was trained, or that makes no sense.
    #[error("has no ruleset_ranges of {0:?}, from low to high")]
    Range(&'static str),
    /// A weight that is none.
    #[error("has ruleset_ranges of more than {0}")]
    Ranges(String),
}

/// What is there beside a [`Head`].
#[derive(Deserialize)]
struct More {
    #[serde(default)]
    ruleset_ranges: BTreeMap<String, (f64, f64)>,
}

impl Manifest {
    /// Reads the manifest of the file `STEM.json`.
    ///
    /// # Errors
    /// What does not make sense, in one line.
    pub(super) fn parse(task: Task, stem: &str, bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let head = Head::parse(stem, bytes)?;
        if head.name != task.name() {
            return Err(ManifestError::Task(head.name, task.name()));
        }
        let file = format!("{stem}.onnx");
        if head.file != file {
            return Err(ManifestError::File(head.file, file));
        }
        let ours = task.features();
        if head.features != ours {
            let differs = head.features.iter().zip(&ours).position(|(theirs, ours)| theirs != ours);
            let place = differs.unwrap_or(ours.len().min(head.features.len()));
            return Err(ManifestError::Features(place));
        }
        if head.output != task.output() {
            return Err(ManifestError::Output(task.output()));
        }
        if head.classes != task.classes() {
            return Err(ManifestError::Classes(task.classes().join(", ")));
        }
        let more: More = serde_json::from_slice(bytes).map_err(|error| {
            let why = error.to_string().chars().take(200).collect();
            registry::ManifestError::NoManifest(why)
        })?;
        Ok(Manifest {
            task,
            number: head.number,
            sha256: head.sha256,
            ranges: ranges(task, &more.ruleset_ranges)?,
        })
    }

    /// `NAME-VERSION`.
    pub(super) fn stem(&self) -> String {
        format!("{}-{}", self.task.name(), self.number)
    }
}

fn ranges(task: Task, told: &BTreeMap<String, (f64, f64)>) -> Result<Ranges, ManifestError> {
    if !told.keys().all(|name| RANGES.iter().any(|(known, _)| known == name)) {
        return Err(ManifestError::Ranges(RANGES.map(|(name, _)| name).join(", ")));
    }
    let mut ranges = Ranges::default();
    for (range, (name, is_needed)) in ranges.iter_mut().zip(RANGES) {
        *range = told.get(name).copied();
        let makes_sense = match range {
            // JSON has no numbers without an end.
            Some((low, high)) => low <= high,
            None => !(is_needed && task.knows_rules()),
        };
        if !makes_sense {
            return Err(ManifestError::Range(name));
        }
    }
    Ok(ranges)
}
