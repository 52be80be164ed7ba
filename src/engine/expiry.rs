//! Letting games go: their state and their topics' rings leave memory, their ids stay, as far as there is room.

use super::{Batch, Shared};
use crate::model::GameId;
use foldhash::fast::RandomState;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering;

/// The ids of games that were let go of last.
pub(super) struct Expired {
    ids: HashSet<GameId, RandomState>,
    /// The same; the one that went first comes first.
    order: VecDeque<GameId>,
    max: usize,
}

impl Expired {
    pub(super) fn new(max: usize) -> Expired {
        Expired {
            ids: HashSet::default(),
            order: VecDeque::new(),
            max,
        }
    }

    pub(super) fn contains(&self, game: &GameId) -> bool {
        self.ids.contains(game)
    }

    /// Remembers one more. Returns the one that is forgotten for it.
    fn add(&mut self, game: GameId) -> Option<GameId> {
        if self.ids.insert(game.clone()) {
            self.order.push_back(game);
        }
        let forgotten = (self.order.len() > self.max).then(|| self.order.pop_front()).flatten()?;
        self.ids.remove(&forgotten);
        Some(forgotten)
    }
}

impl Shared {
    /// Lets a game go and tells the shards: every topic that shows it moves on by one `seq` and shows nothing
    /// from there, and no event makes the game anew while its id is remembered. Only the game's owner does
    /// this, in order with its events, or a caller that has no other threads. False where there is no such
    /// game.
    pub fn expire(&self, game: &GameId) -> bool {
        let Some(cell) = self.games.get(game).map(|cell| cell.clone()) else {
            return false;
        };
        let mut batch = Batch::default();
        let mut guard = cell.game.write();
        let owned = &mut guard.1;
        // As with any change, before the game can be read again: then it cannot be any more.
        owned.is_expired = true;
        batch.changes = self.hub.let_go(game, std::mem::take(&mut owned.topics), &mut batch.moved) as u64;
        drop(guard);
        // Before it goes: nothing makes it anew in between.
        let forgotten = self.expired.write().add(game.clone());
        self.games.remove(game);
        self.games_count.fetch_sub(1, Ordering::Relaxed);
        if let Some(forgotten) = forgotten {
            self.hub.forget(forgotten);
        }
        self.hub.tell(&mut batch.moved);
        self.metrics.games_expired.increment(1);
        self.count(&mut batch);
        true
    }

    /// How many games that were let go of are remembered.
    pub fn expired_count(&self) -> usize {
        self.expired.read().order.len()
    }
}
