//! What may be set: where models are, which version of a task answers, and when one is taken out of service.

use super::task::{Number, Task};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The folder that need not be there.
pub const MODELS_DIR: &str = "config/models";

/// How a registry works.
#[derive(Clone, PartialEq, Debug)]
pub struct RegistrySettings {
    /// The folder of models.
    pub models_dir: PathBuf,
    /// Which versions answer.
    pub serve: Serve,
    /// Most versions loaded at once, of all tasks together.
    pub versions_max: usize,
    /// So many outcomes of each arm are compared.
    pub compare_outcomes: usize,
    /// A challenger whose mean log loss is higher by more than this goes out of service; nats.
    pub compare_margin: f64,
    /// So many failed runs in a row cut a version off.
    pub breaker_failures: u32,
    /// For so long.
    pub breaker_rest_us: i64,
    /// How often the folder is looked at.
    pub reload: Duration,
    /// How long the first look is waited for.
    pub load_wait: Duration,
}

/// Which versions answer, by task.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Serve {
    pub next_play: Arms,
    pub next_play_formed: Arms,
    pub drive: Arms,
    pub win: Arms,
}

/// The versions of one task.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arms {
    /// Answers; the highest loaded version, unless one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion: Option<Number>,
    /// Answers a share of the games, to be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenger: Option<Number>,
    /// That share, 0 to 1.
    pub share: f64,
}

impl Default for Arms {
    fn default() -> Arms {
        Arms {
            champion: None,
            challenger: None,
            share: 0.1,
        }
    }
}

impl Serve {
    /// Those of a task.
    pub fn arms(&self, task: Task) -> &Arms {
        match task {
            Task::NextPlay => &self.next_play,
            Task::NextPlayFormed => &self.next_play_formed,
            Task::Drive => &self.drive,
            Task::Win => &self.win,
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// What does not, in one line.
    pub fn check(&self) -> Result<(), String> {
        for task in Task::ALL {
            let (arms, name) = (self.arms(task), task.name());
            if !(0.0..=1.0).contains(&arms.share) {
                return Err(format!("predict.serve.{name}: share must be 0 to 1, not {}", arms.share));
            }
            if arms.challenger.is_some() && arms.challenger == arms.champion {
                return Err(format!("predict.serve.{name}: champion and challenger are the same version"));
            }
        }
        Ok(())
    }
}
