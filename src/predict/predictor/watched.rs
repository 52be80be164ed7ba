//! What is kept of a game: what was said of it and is not judged yet, and what was asked lately.

use crate::model::prediction::{Prediction, Tally};
use crate::model::{PlayId, Side};
use crate::predict::expectation::Memo;
use crate::predict::features::Features;
use crate::predict::probabilities::Row;
use crate::predict::registry::{Task, Version};
use std::collections::VecDeque;
use std::sync::Arc;

/// Most forecasts of a game that wait for its drive's or its own end: more snaps than a game has.
pub const OWED_MAX: usize = 512;

/// Answers that are kept of a game.
const CACHE_MAX: usize = 8;

/// One game.
#[derive(Default)]
pub(super) struct Watched {
    /// What its plays were measured against.
    pub(super) memo: Memo,
    /// What its models were asked lately.
    pub(super) cache: Cache,
    /// What was said of the coming snap.
    pub(super) coming: Option<Coming>,
    /// What was said of the drives of snaps taken.
    pub(super) drives: Owed,
    /// What was said of the winner before snaps taken.
    pub(super) winner: Owed,
    /// When it moved last, by the steady clock.
    pub(super) moved_us: i64,
    /// Whether it was over then.
    pub(super) is_over: bool,
    pub(super) kept: Kept,
}

impl Watched {
    /// Whether something that was said of it waits to be judged.
    pub(super) fn is_owing(&self) -> bool {
        self.coming.is_some() || !self.drives.debts.is_empty() || !self.winner.debts.is_empty()
    }
}

/// What is kept of a game, whether it is watched or not.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Kept {
    /// Calls that a model was sure enough of.
    pub(super) tally: Tally,
    /// When the last of them was judged, by the steady clock.
    pub(super) called_us: Option<i64>,
    /// Whether it has gone into its teams' history.
    pub(super) is_history: bool,
}

/// A model's answer, and the table's, about one question.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) task: Task,
    pub(super) model: Option<(Arc<Version>, Row)>,
    pub(super) table: Row,
}

/// What was said of the coming snap.
pub(super) struct Coming {
    pub(super) after_play: Option<PlayId>,
    pub(super) features: Features,
    pub(super) offence: Side,
    /// Until when it is worth something, by the system's clock.
    pub(super) expires_us: i64,
    /// In the order of the questions: each with what was told.
    pub(super) said: Vec<(Said, Arc<Prediction>)>,
}

/// What was said before one snap that was taken since.
pub(super) struct Debt {
    pub(super) play: PlayId,
    pub(super) offence: Side,
    pub(super) said: Said,
}

/// Forecasts that wait for an end.
#[derive(Default)]
pub(super) struct Owed {
    pub(super) debts: Vec<Debt>,
    /// What was told before the last of these snaps.
    pub(super) last: Option<Arc<Prediction>>,
}

impl Owed {
    pub(super) fn add(&mut self, debt: Debt, told: Arc<Prediction>) {
        if self.debts.len() < OWED_MAX {
            self.debts.push(debt);
            self.last = Some(told);
        }
    }
}

/// What was asked lately, and answered.
#[derive(Default)]
pub(super) struct Cache(VecDeque<(Arc<Version>, Features, Row)>);

impl Cache {
    pub(super) fn get(&self, version: &Arc<Version>, features: &Features) -> Option<Row> {
        let is_it = |(by, asked, _): &&(Arc<Version>, Features, Row)| Arc::ptr_eq(by, version) && is_same(asked, features);
        self.0.iter().find(is_it).map(|(_, _, row)| row.clone())
    }

    pub(super) fn put(&mut self, version: Arc<Version>, features: Features, row: Row) {
        if self.0.len() == CACHE_MAX {
            self.0.pop_front();
        }
        self.0.push_back((version, features, row));
    }
}

/// Bit by bit.
pub(super) fn is_same(a: &Features, b: &Features) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
