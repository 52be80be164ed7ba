//! Which games are watched, and what is kept of the others.
//!
//! A game takes a place while something that was said of it waits to be judged; one that is over and judged has
//! none. Where all places are taken, one that is over goes first, then the one that has not moved for the longest
//! time, if that is as long as a prediction is worth something. Of games without a place what they are called
//! and whether they are history is kept, of as many again.

use super::watched::{Kept, Watched};
use crate::model::GameId;
use std::collections::HashMap;

pub(super) struct Games {
    games_max: usize,
    expires_us: i64,
    watched: HashMap<GameId, Watched>,
    /// Of each with when it moved last.
    kept: HashMap<GameId, (i64, Kept)>,
    /// Times that a game found no place, or had to leave it before all that was said of it was judged.
    pub(super) crowded: u64,
}

impl Games {
    /// None yet.
    pub(super) fn new(games_max: usize, expires_us: i64) -> Games {
        Games {
            games_max,
            expires_us,
            watched: HashMap::new(),
            kept: HashMap::new(),
            crowded: 0,
        }
    }

    /// A game to be worked on: what is known of it goes out, for [`Games::put`] to bring back.
    pub(super) fn take(&mut self, game: &GameId) -> Watched {
        self.watched.remove(game).unwrap_or_else(|| Watched {
            kept: self.kept.remove(game).map(|(_, kept)| kept).unwrap_or_default(),
            ..Watched::default()
        })
    }

    /// Brings a game back that moved just now. False where it needs a place, to be asked about or judged, and there
    /// is none, which is counted.
    pub(super) fn put(&mut self, game: GameId, watched: Watched, is_asked: bool) -> bool {
        let needs_place = is_asked || watched.is_owing();
        let finds_place = needs_place && (self.watched.len() < self.games_max || self.make_room(watched.moved_us));
        match finds_place {
            true => drop(self.watched.insert(game, watched)),
            false => self.keep(game, &watched),
        }
        let is_crowded = needs_place && !finds_place;
        self.crowded += u64::from(is_crowded);
        !is_crowded
    }

    /// A game that is watched.
    pub(super) fn get_mut(&mut self, game: &GameId) -> Option<&mut Watched> {
        self.watched.get_mut(game)
    }

    /// A game is gone.
    pub(super) fn forget(&mut self, game: &GameId) {
        self.watched.remove(game);
        self.kept.remove(game);
    }

    /// What is kept of all games.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.watched
            .values()
            .map(|watched| &watched.kept)
            .chain(self.kept.values().map(|(_, kept)| kept))
    }

    /// Takes a place from a game that can do without. Never from one that moved at `now_us`: it may be being asked
    /// about.
    fn make_room(&mut self, now_us: i64) -> bool {
        let longest_unmoved = self.watched.iter().min_by_key(|(_, game)| (!game.is_over, game.moved_us));
        let is_idle = |game: &Watched| game.is_over || now_us.saturating_sub(game.moved_us) >= self.expires_us.max(1);
        let Some(leaves) = longest_unmoved.filter(|(_, game)| is_idle(game)).map(|(id, _)| id.clone()) else {
            return false;
        };
        if let Some(watched) = self.watched.remove(&leaves) {
            self.crowded += u64::from(watched.is_owing());
            self.keep(leaves, &watched);
        }
        true
    }

    fn keep(&mut self, game: GameId, watched: &Watched) {
        if watched.kept == Kept::default() {
            return;
        }
        if self.kept.len() >= self.games_max
            && let Some(oldest) = self
                .kept
                .iter()
                .min_by_key(|(_, (moved_us, _))| *moved_us)
                .map(|(id, _)| id.clone())
        {
            self.kept.remove(&oldest);
        }
        self.kept.insert(game, (watched.moved_us, watched.kept));
    }

    #[cfg(test)]
    pub(super) fn watched(&self) -> usize {
        self.watched.len()
    }
}
