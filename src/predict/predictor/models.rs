//! What runs the models: the registry, and in tests something that answers as it is told to.

use crate::model::GameId;
use crate::predict::features::Features;
use crate::predict::onnx::RunError;
use crate::predict::probabilities::Row;
use crate::predict::registry::{Registry, Task, Version};
use std::sync::Arc;

/// Versions of models that can be asked.
pub trait Models {
    /// Who answers for that game; nothing where no model does.
    fn arm(&self, task: Task, game: &GameId) -> Option<Arc<Version>>;

    /// Adds an answer for each row to `out`: probabilities in the order of the task's classes.
    ///
    /// # Errors
    /// What the version says; then no answer counts.
    fn run(&mut self, version: &Arc<Version>, rows: &[Features], out: &mut Vec<Row>, now_us: i64) -> Result<(), RunError>;

    /// Whether a version of that number is loaded.
    fn is_loaded(&self, task: Task, version: &str) -> bool;

    /// How far off a version was about something that happened.
    fn scored(&mut self, version: &Arc<Version>, log_loss: f64);

    /// Between two batches.
    fn turn(&mut self, now_us: i64);
}

impl Models for Registry {
    fn arm(&self, task: Task, game: &GameId) -> Option<Arc<Version>> {
        Registry::arm(self, task, game)
    }

    fn run(&mut self, version: &Arc<Version>, rows: &[Features], out: &mut Vec<Row>, now_us: i64) -> Result<(), RunError> {
        Registry::run(self, version, rows, out, now_us)
    }

    fn is_loaded(&self, task: Task, version: &str) -> bool {
        Registry::is_loaded(self, task, version)
    }

    fn scored(&mut self, version: &Arc<Version>, log_loss: f64) {
        Registry::scored(self, version, log_loss);
    }

    fn turn(&mut self, now_us: i64) {
        Registry::turn(self, now_us);
    }
}
