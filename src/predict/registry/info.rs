//! What is told of a model: for `GET /v1/models`.

use serde::Serialize;

/// What a version is to its task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers.
    Champion,
    /// Answers a share of the games.
    Challenger,
    /// Nothing: another version answers.
    Spare,
}

/// How a version is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// It is loaded, and answers as its role says.
    Serving,
    /// It failed again and again and is left alone for a while.
    Resting,
    /// It was a challenger, and worse than the champion.
    Withdrawn,
    /// Its file is not taken; `why` says what is wrong with it.
    Refused,
}

impl ModelState {
    /// All of them.
    pub const ALL: [ModelState; 4] = [ModelState::Serving, ModelState::Resting, ModelState::Withdrawn, ModelState::Refused];
}

/// A version of a model, loaded or refused. A version that is loaded and whose changed file is refused is listed
/// twice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ModelInfo {
    /// Its name, as its file has it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is to its task.
    pub role: Role,
    /// How it is.
    pub state: ModelState,
    /// What is wrong with it, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What it runs on, once it is loaded.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
}

impl ModelInfo {
    /// A version that was refused: its file's stem, and what is wrong with it.
    pub(in crate::predict) fn refused((stem, why): (&String, &String)) -> ModelInfo {
        let (name, version) = stem.rsplit_once('-').unwrap_or((stem, ""));
        ModelInfo {
            name: name.into(),
            version: version.into(),
            role: Role::Spare,
            state: ModelState::Refused,
            why: Some(why.clone()),
            running: None,
        }
    }
}

/// A loaded version's run so far.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Running {
    /// `onnxruntime` or `tract`.
    pub backend: &'static str,
    /// `cpu`, or the kind and number of a GPU.
    pub device: String,
    /// When it was loaded, microseconds since the Unix epoch.
    pub loaded_us: i64,
    /// Rows that it answered.
    pub rows: u64,
}
