//! What a `predictions:` topic holds: of each kind the newest prediction and the newest outcome.
//!
//! A score that is late is still a score; a prediction whose play has come is worth nothing. So such a topic has
//! no history that anybody could be behind in: what a bulletin expires is let go of as it is posted, and whoever
//! comes late, for whatever reason, is sent what is left after its `seq`. Bounded by the kinds there are:
//! [`BULLETINS_MAX`].

use super::topic::Frames;
use crate::model::Seq;
use crate::model::prediction::{Bulletin, ForecastKind};
use std::sync::Arc;

/// Most bulletins of a topic: a prediction and an outcome of each kind.
pub const BULLETINS_MAX: usize = 2 * ForecastKind::ALL.len();

/// A bulletin in its place of the topic's history.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Its place.
    pub seq: Seq,
    /// What it says.
    pub bulletin: Bulletin,
    /// Its frames for those who hold the `seq` before it.
    pub(super) frames: Arc<Frames>,
}

impl Posted {
    /// A bulletin in that place.
    pub fn new(seq: Seq, bulletin: Bulletin) -> Posted {
        Posted {
            seq,
            bulletin,
            frames: Arc::default(),
        }
    }
}

/// The bulletins that have not expired, oldest first.
#[derive(Debug, Default)]
pub(super) struct Bulletins(Vec<Posted>);

impl Bulletins {
    /// Puts a bulletin in, and lets go of what it expires.
    pub(super) fn post(&mut self, seq: Seq, bulletin: Bulletin) {
        self.0.retain(|older| !bulletin.expires(&older.bulletin));
        self.0.push(Posted::new(seq, bulletin));
        debug_assert!(self.0.len() <= BULLETINS_MAX, "one of each kind is left");
    }

    /// Those there are.
    pub(super) fn posted(&self) -> &[Posted] {
        &self.0
    }

    /// Lets go of all of them. False where there was none.
    pub(super) fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }

    /// Bytes of their frames.
    pub(super) fn frame_bytes(&self) -> usize {
        self.0.iter().map(|posted| posted.frames.bytes()).sum()
    }

    /// Lets go of their frames; returns them, to be dropped outside the lock.
    pub(super) fn shed_frames(&mut self) -> Vec<Arc<Frames>> {
        self.0.iter_mut().map(|posted| std::mem::take(&mut posted.frames)).collect()
    }
}
