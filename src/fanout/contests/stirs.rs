//! Which contests moved since their odds were drawn: told by who moves them, taken by who draws.
//!
//! A set and not a queue: what happened to a contest is looked up when it is drawn. Nobody waits here; the lock is held for
//! one look at the set. Bounded by the contests that there are, and empty where nobody draws.

use super::Contest;
use flume::{Receiver, Sender};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A contest that is to be looked at.
#[derive(Clone, Debug)]
pub struct Stirred {
    /// Which; one that was deleted too.
    pub contest: Arc<Contest>,
    /// Whether its odds are not of the state as it is; else somebody came to watch it.
    pub moved: bool,
}

/// Contests that are to be looked at, each once.
#[derive(Debug)]
pub struct Stirs {
    contests: Mutex<HashMap<u64, Stirred, RandomState>>,
    /// Whether anybody takes them.
    is_followed: AtomicBool,
    /// Has room for one: somebody who is awake needs no second call.
    wake: Sender<()>,
    woken: Receiver<()>,
}

impl Default for Stirs {
    fn default() -> Stirs {
        let (wake, woken) = flume::bounded(1);
        Stirs {
            contests: Mutex::default(),
            is_followed: AtomicBool::new(false),
            wake,
            woken,
        }
    }
}

impl Stirs {
    /// From now on contests are noted. One who follows them begins with all there are.
    pub fn follow(&self) {
        self.is_followed.store(true, Ordering::Release);
    }

    /// Says that a contest is to be looked at; never waits.
    pub(super) fn stir(&self, contest: &Arc<Contest>, moved: bool) {
        if !self.is_followed.load(Ordering::Acquire) {
            return;
        }
        let mut contests = self.contests.lock();
        let known = contests.entry(contest.number()).or_insert_with(|| Stirred {
            contest: contest.clone(),
            moved: false,
        });
        known.moved |= moved;
        drop(contests);
        // Full: it is about to look.
        let _ = self.wake.try_send(());
    }

    /// Something comes here when there is a contest to be looked at.
    pub fn woken(&self) -> &Receiver<()> {
        &self.woken
    }

    /// Those that are to be looked at, which are so no more.
    pub fn take(&self) -> Vec<Stirred> {
        std::mem::take(&mut *self.contests.lock()).into_values().collect()
    }
}
