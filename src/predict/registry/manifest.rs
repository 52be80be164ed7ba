//! What a model's file is, as the manifest beside it says, and whether that makes sense here.
//!
//! Hostile until parsed: read no further than [`MANIFEST_BYTES_MAX`], and no name in it leads out of the folder.
//! What it says for people alone (`about`, `trained`) is not looked at.

use super::task::{Number, Task, parts};
use crate::predict::features;
use serde::Deserialize;

/// Largest manifest, in bytes; those that ship have a thirtieth of it.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// Longest name of a file or an output, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Features that tell of the coming snap's own formation.
const FORMATION: [&str; 3] = ["shotgun", "no_huddle", "expected_formed"];

/// A SHA-256.
pub type Digest = [u8; 32];

/// What a model's file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// What it answers.
    pub task: Task,
    /// Its version.
    pub number: Number,
    /// The model's file, a plain name.
    pub file: String,
    /// Of the file's bytes.
    pub sha256: Digest,
    /// For each feature that the model takes, its place in [`features::NAMES`].
    pub columns: Vec<usize>,
    /// The model's output that has the probabilities.
    pub output: String,
}

/// What is wrong with a manifest.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a field is missing or of another kind.
    #[error("is no manifest: {0}")]
    NoManifest(String),
    /// Its name is none of a model.
    #[error("is of no task that this server has: take next_play, next_play_formed, drive or win")]
    UnknownTask,
    /// It belongs to another name.
    #[error("says that it is {0}, which its file's name does not: rename it")]
    Misnamed(String),
    /// The model's file is no plain name.
    #[error("names the file {0:?}: take the plain name of an .onnx file beside it, of letters, digits, \".\", \"_\" and \"-\"")]
    File(String),
    /// The digest is none.
    #[error("has no sha256 of 64 lower-case hexadecimal digits")]
    Digest,
    /// No features.
    #[error("names no features")]
    NoFeatures,
    /// A feature that is not computed.
    #[error("names the feature {0:?}, which this server does not compute")]
    UnknownFeature(String),
    /// A feature named twice.
    #[error("names the feature {0:?} twice")]
    TwiceFeature(String),
    /// A feature that is not known when the model is asked.
    #[error("names the feature {0:?}, which is known to next_play_formed alone")]
    Formation(String),
    /// The output's name.
    #[error("has no output's name of 1 to {NAME_BYTES_MAX} bytes")]
    Output,
    /// Other classes, or in another order.
    #[error("has other classes than {0}, in this order")]
    Classes(String),
}

#[derive(Deserialize)]
struct Written {
    name: String,
    version: String,
    file: String,
    sha256: String,
    features: Vec<String>,
    output: String,
    classes: Vec<String>,
}

/// What every manifest says, whatever its model is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::predict) struct Head {
    /// The model's name.
    pub(in crate::predict) name: String,
    /// Its version.
    pub(in crate::predict) number: Number,
    /// The model's file, a plain name.
    pub(in crate::predict) file: String,
    /// Of the file's bytes.
    pub(in crate::predict) sha256: Digest,
    /// Names of its features, in order.
    pub(in crate::predict) features: Vec<String>,
    /// The output that is asked for.
    pub(in crate::predict) output: String,
    /// Names of what that gives, in order.
    pub(in crate::predict) classes: Vec<String>,
}

impl Head {
    /// Reads it in the manifest of the file `STEM.json`.
    ///
    /// # Errors
    /// What makes no sense of any model; what is quoted of it is short and escaped.
    pub(in crate::predict) fn parse(stem: &str, bytes: &[u8]) -> Result<Head, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::NoManifest(format!("it has more than {MANIFEST_BYTES_MAX} bytes")));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(|error| ManifestError::NoManifest(short(&error.to_string(), 200)))?;
        let named = format!("{}-{}", written.name, written.version);
        let Some((_, number)) = parts(stem).filter(|_| named == stem) else {
            return Err(ManifestError::Misnamed(short(&named, 80).escape_debug().to_string()));
        };
        if !is_plain(&written.file) {
            return Err(ManifestError::File(short(&written.file, 80)));
        }
        if written.output.is_empty() || written.output.len() > NAME_BYTES_MAX {
            return Err(ManifestError::Output);
        }
        Ok(Head {
            name: written.name,
            number,
            file: written.file,
            sha256: digest(&written.sha256).ok_or(ManifestError::Digest)?,
            features: written.features,
            output: written.output,
            classes: written.classes,
        })
    }
}

impl Manifest {
    /// Reads the manifest of the file `STEM.json`.
    ///
    /// # Errors
    /// What does not make sense, in one line; what is quoted of it is short and escaped.
    pub fn parse(stem: &str, bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let head = Head::parse(stem, bytes)?;
        let task = Task::ALL.into_iter().find(|task| task.name() == head.name);
        let task = task.ok_or(ManifestError::UnknownTask)?;
        if head.classes != task.classes() {
            return Err(ManifestError::Classes(task.classes().join(", ")));
        }
        Ok(Manifest {
            task,
            number: head.number,
            file: head.file,
            sha256: head.sha256,
            columns: columns(task, &head.features)?,
            output: head.output,
        })
    }
}

/// Where the features stand; each one that is computed, known to the task, and named once.
fn columns(task: Task, names: &[String]) -> Result<Vec<usize>, ManifestError> {
    let mut columns = Vec::with_capacity(names.len().min(features::NAMES.len()));
    for name in names {
        let column = features::NAMES.iter().position(|known| known == name);
        let column = column.ok_or_else(|| ManifestError::UnknownFeature(short(name, 80)))?;
        if columns.contains(&column) {
            return Err(ManifestError::TwiceFeature(name.clone()));
        }
        if !task.knows_formation() && FORMATION.contains(&&**name) {
            return Err(ManifestError::Formation(name.clone()));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        return Err(ManifestError::NoFeatures);
    }
    Ok(columns)
}

/// A name that leads nowhere but to a file of the same folder.
fn is_plain(file: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    file.len() <= NAME_BYTES_MAX && file.ends_with(".onnx") && !file.starts_with('.') && file.bytes().all(known)
}

fn digest(text: &str) -> Option<Digest> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(digest)
}

/// Its first characters.
fn short(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        json!({
            "name": "win",
            "version": "2",
            "about": "for people",
            "file": "win-2.onnx",
            "sha256": "0f".repeat(32),
            "features": ["lead", "down_1"],
            "output": "probabilities",
            "classes": ["loss", "win"],
            "trained": {"seasons": [2009, 2015]},
        })
    }

    fn parse(change: impl FnOnce(&mut Value)) -> Result<Manifest, ManifestError> {
        let mut manifest = good();
        change(&mut manifest);
        Manifest::parse("win-2", manifest.to_string().as_bytes())
    }

    #[test]
    fn features_may_be_any_in_any_order() {
        let manifest = parse(|_| {}).unwrap();
        assert_eq!(manifest.columns, [14, 0]);
        assert_eq!(
            (manifest.task, manifest.sha256, &*manifest.file),
            (Task::Win, [0x0f; 32], "win-2.onnx")
        );
    }

    #[test]
    fn what_leads_out_of_the_folder_is_refused() {
        for file in [
            "../win-2.onnx",
            "/etc/win-2.onnx",
            "a/win-2.onnx",
            "..onnx",
            ".onnx",
            "",
            "win-2",
            "win\\2.onnx",
            "win 2.onnx",
            "win-2.onnx\0.onnx",
            "win-\u{202e}.onnx",
            &"x".repeat(NAME_BYTES_MAX).chars().chain(".onnx".chars()).collect::<String>(),
        ] {
            let error = parse(|manifest| manifest["file"] = file.into()).unwrap_err();
            assert!(matches!(error, ManifestError::File(_)), "{file}: {error}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_one_short_line() {
        let long = "x".repeat(60_000);
        let cases: [(&str, Value, &str); 14] = [
            ("name", json!("drive"), "says that it is drive-2"),
            ("version", json!("3\n"), "says that it is win-3\\n"),
            ("version", json!(2), "is no manifest"),
            ("sha256", json!("0F".repeat(32)), "no sha256"),
            ("sha256", json!("0f"), "no sha256"),
            ("features", json!([]), "no features"),
            (
                "features",
                json!(["lead", "luck\n"]),
                "\"luck\\n\", which this server does not compute",
            ),
            ("features", json!([long]), "which this server does not compute"),
            ("features", json!(["lead", "lead"]), "\"lead\" twice"),
            ("features", json!(["lead", "shotgun"]), "known to next_play_formed alone"),
            ("features", json!("lead"), "is no manifest"),
            ("output", json!(""), "no output's name"),
            ("classes", json!(["win", "loss"]), "other classes than loss, win"),
            ("classes", Value::Null, "is no manifest"),
        ];
        for (field, value, what) in cases {
            let error = parse(|manifest| manifest[field] = value).unwrap_err().to_string();
            assert!(error.contains(what), "{field}: {error}");
            assert!(error.len() < 400 && !error.contains('\n'), "{error}");
        }
        for bytes in [&b""[..], b"{}", b"\xff", &vec![b'['; 60_000], &vec![b' '; MANIFEST_BYTES_MAX + 1]] {
            let error = Manifest::parse("win-2", bytes).unwrap_err();
            assert!(matches!(error, ManifestError::NoManifest(_)), "{error}");
        }
        let mut stranger = good();
        stranger["name"] = "luck".into();
        let error = Manifest::parse("luck-2", stranger.to_string().as_bytes());
        assert_eq!(error, Err(ManifestError::UnknownTask));
    }
}
