//! Letting games go: their state and their topics' rings leave memory, their ids stay, as far as there is room.

use super::{GameCell, Gathered, Shared};
use crate::fanout::hub::Standings;
use crate::model::{GameId, GameStatus, IngestTime, TopicName};
use foldhash::fast::RandomState;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
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

    /// Remembers one more; where there is no room, the one that went first is forgotten.
    fn add(&mut self, game: GameId) {
        if self.ids.insert(game.clone()) {
            self.order.push_back(game);
        }
        if self.order.len() > self.max
            && let Some(forgotten) = self.order.pop_front()
        {
            self.ids.remove(&forgotten);
        }
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
        let mut gathered = Gathered::default();
        let mut guard = cell.game.write();
        let owned = &mut guard.1;
        // As with any change, before the game can be read again: then it cannot be any more.
        owned.is_expired = true;
        gathered.changes = self.hub.let_go(game, std::mem::take(&mut owned.topics), &mut gathered.moved) as u64;
        drop(guard);
        // Before it goes: nothing makes it anew in between.
        self.expired.write().add(game.clone());
        self.games.remove(game);
        self.games_count.fetch_sub(1, Ordering::Relaxed);
        self.notify_gone(game);
        self.tell(&mut gathered);
        self.metrics.games_expired.increment(1);
        self.count(&mut gathered);
        true
    }

    /// How many games that were let go of are remembered.
    pub fn expired_count(&self) -> usize {
        self.expired.read().order.len()
    }

    /// The games that are final, each with when the last word on it came in that counted; the one of which
    /// nothing was heard for longest comes first.
    pub fn finished(&self) -> Vec<(GameId, IngestTime)> {
        let cells: Vec<Arc<GameCell>> = self.games.iter().map(|entry| entry.value().clone()).collect();
        let mut finished: Vec<_> = cells
            .iter()
            .filter_map(|cell| {
                let guard = cell.game.read();
                let (game, owned) = &*guard;
                let is_final = game.view().status == GameStatus::Final && !owned.is_expired;
                is_final.then(|| (game.head().game.clone(), owned.heard))
            })
            .collect();
        finished.sort_unstable_by(|(a, a_heard), (b, b_heard)| (a_heard, a).cmp(&(b_heard, b)));
        finished
    }

    /// What can't be told from the events of the games that are left; for a state that no event moves
    /// meanwhile.
    pub fn remains(&self) -> Remains {
        let mut standings = self.hub.standings();
        if self.partition.is_some() {
            // Others are moved by games of several partitions, and what clients are told of them follows from the game
            // that they show.
            standings.topics.retain(|(name, _)| matches!(name, TopicName::Game(_)));
        }
        Remains {
            expired: self.expired.read().order.iter().cloned().collect(),
            standings,
        }
    }

    /// Takes over what remained of another state, once the events of its games were applied; before anybody
    /// reads. Returns the topics that those events should have brought to where they stood, and did not:
    /// these are there now, too.
    pub fn take_over(&self, remains: Remains) -> Vec<TopicName> {
        let mut expired = self.expired.write();
        remains.expired.into_iter().for_each(|game| expired.add(game));
        self.hub.stand_at(&remains.standings, |player, game| {
            let cell = self.games.get(game).map(|cell| cell.clone())?;
            let guard = cell.game.read();
            guard.0.as_it_stands(player).map(Arc::new)
        })
    }
}

/// What is left of games that were let go of: their ids, the one that went first first, and where their
/// topics stand, among all others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Remains {
    /// Ids, in the order in which the games went.
    pub expired: Vec<GameId>,
    /// Where topics stand.
    pub standings: Standings,
}
