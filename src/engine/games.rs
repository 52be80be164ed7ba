//! The games of all partitions, as readers see them.
//!
//! Without a cluster there is one partition. In one each has a state of its own ([`Shared`]), so that what an event
//! does follows from its partition's stream alone; a game belongs to one of them for good.

use super::{Behind, FeedLevels, Noted, Shared};
use crate::cluster::partition_of;
use crate::fanout::snapshot::GameSnapshot;
use crate::model::{GameHead, GameId, GameLines, GameView, PlayerCard, Recap, StateTime};
use std::sync::Arc;

/// All of them. Clones share them.
#[derive(Clone)]
pub struct Games {
    partitions: Arc<[Arc<Shared>]>,
}

impl Games {
    /// Of these partitions, by their numbers; at least one.
    pub fn new(partitions: Vec<Arc<Shared>>) -> Games {
        assert!(!partitions.is_empty(), "there is one where there is no cluster");
        Games {
            partitions: partitions.into(),
        }
    }

    /// The partitions' states.
    pub fn partitions(&self) -> &[Arc<Shared>] {
        &self.partitions
    }

    /// The state of the only partition, or of the first.
    pub fn first(&self) -> &Arc<Shared> {
        &self.partitions[0]
    }

    /// The state that the game belongs to.
    fn of(&self, game: &GameId) -> &Shared {
        match &self.partitions[..] {
            [only] => only,
            several => &several[partition_of(game, several.len())],
        }
    }

    /// One game as it is now.
    pub fn game(&self, game: &GameId) -> Option<GameSnapshot> {
        self.of(game).game(game)
    }

    /// What a forecast may know of a game, as it is now.
    pub fn recap(&self, game: &GameId) -> Option<Recap> {
        self.of(game).recap(game)
    }

    /// What a forecast of points may know of a game, as it is now.
    pub fn lines(&self, game: &GameId) -> Option<GameLines> {
        self.of(game).lines(game)
    }

    /// Every game's head and view, by kickoff.
    pub fn games(&self) -> Vec<(Arc<GameHead>, GameView)> {
        let mut games: Vec<_> = self.partitions.iter().flat_map(|partition| partition.games()).collect();
        games.sort_by(|(a, _), (b, _)| (a.kickoff, &a.game).cmp(&(b.kickoff, &b.game)));
        games
    }

    /// How many games there are.
    pub fn game_count(&self) -> usize {
        self.partitions.iter().map(|partition| partition.game_count()).sum()
    }

    /// How many games are being played, as feeds say.
    pub fn live_game_count(&self) -> usize {
        self.partitions.iter().map(|partition| partition.live_game_count()).sum()
    }

    /// How many games that were let go of are remembered.
    pub fn expired_count(&self) -> usize {
        self.partitions.iter().map(|partition| partition.expired_count()).sum()
    }

    /// How many players are known. Each partition is told of all of them.
    pub fn player_count(&self) -> usize {
        self.first().cards.len()
    }

    /// How many members are kept to be shared by games.
    pub fn member_count(&self) -> usize {
        self.partitions.iter().map(|partition| partition.cards.member_count()).sum()
    }

    /// Up to `limit` players whose name, id, team or position contains `query`, by name.
    pub fn players(&self, query: &str, limit: usize) -> Vec<Arc<PlayerCard>> {
        self.first().cards.search(query, limit)
    }

    /// The feeds that are behind in games under way.
    pub fn behind(&self) -> Vec<Behind> {
        self.partitions.iter().flat_map(|partition| partition.behind()).collect()
    }

    /// The differences to be written to the log, each once.
    pub fn take_noted(&self) -> Noted {
        let mut all = Noted::default();
        for partition in &self.partitions[..] {
            let Noted { differences, omitted } = partition.take_noted();
            all.differences.extend(differences);
            all.omitted += omitted;
        }
        all
    }

    /// Sets the levels of the feeds as they are now.
    pub fn read_feeds(&self, now: StateTime) {
        let levels = self.partitions.iter().map(|partition| partition.feed_levels(now));
        if let Some(levels) = levels.reduce(FeedLevels::with) {
            self.first().set_feeds(&levels);
        }
    }
}
