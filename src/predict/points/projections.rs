//! What was computed about players, for whoever asks: answered from here, without a model or a game's lock.
//!
//! Written by one thread, a game at a time; read by any. Bounded by `predict.players_max` players.

use super::pick::Pick;
use crate::model::prediction::Source;
use crate::model::{GameId, PlayerId, Points, Probability, Side, Team};
use crate::predict::registry::ModelInfo;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A forecast and the interval that holds four of five.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The middle of what may come.
    pub points: Points,
    /// Low end.
    pub low: Points,
    /// High end.
    pub high: Points,
}

/// What a player is thought to have at the end of a game.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GameProjection {
    /// Which game.
    pub game: GameId,
    /// Its kickoff: of two games the later one is told.
    pub kickoff_us: i64,
    /// The player's side.
    pub side: Side,
    /// So far.
    pub points: Points,
    /// At the end.
    pub projected: Expected,
    /// How much of the game is over.
    pub progress: Probability,
    /// Who says so.
    pub source: Source,
    /// When it was computed, by the system's clock.
    pub computed_us: i64,
}

/// What a player is thought to have in the coming games of a regular season.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeasonProjection {
    /// Which.
    pub season: i16,
    /// Weeks of it that are to come.
    pub weeks_left: u8,
    /// Earlier games that are known of him.
    pub games: usize,
    /// In each game that he plays.
    pub per_game: Expected,
    /// In all weeks to come, with those in which he may not play.
    pub total: Expected,
    /// His club, and what it is thought to score in each game, on the scoreboard.
    pub club: Option<(Team, Expected)>,
    /// Who says so.
    pub source: Source,
    /// When it was computed, by the system's clock.
    pub computed_us: i64,
}

/// Whose word is told at a horizon.
#[derive(Clone, PartialEq, Debug)]
pub struct Horizon {
    /// Which: `kickoff`, `quarter_1` to `quarter_3`, `season`.
    pub name: &'static str,
    /// The version of the model that is judged; nothing where none serves.
    pub version: Option<String>,
    /// The model or the baseline, and how well both did since that version serves.
    pub pick: Pick,
}

#[derive(Default)]
struct Projected {
    game: Option<Arc<GameProjection>>,
    season: Option<Arc<SeasonProjection>>,
}

/// The table.
pub struct Projections {
    ruleset: Arc<str>,
    players_max: usize,
    players: RwLock<HashMap<PlayerId, Projected>>,
    picks: RwLock<Vec<Horizon>>,
    models: RwLock<Vec<ModelInfo>>,
    /// Counts what was computed of games.
    edition: AtomicU64,
}

impl Projections {
    /// Nobody yet.
    pub fn new(ruleset: Arc<str>, players_max: usize) -> Projections {
        Projections {
            ruleset,
            players_max,
            players: RwLock::default(),
            picks: RwLock::default(),
            models: RwLock::default(),
            edition: AtomicU64::new(0),
        }
    }

    /// Under which ruleset all of it is.
    pub fn ruleset(&self) -> &Arc<str> {
        &self.ruleset
    }

    /// Moves on whenever something was computed of a game.
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// What a player is thought to have at the end of his latest game.
    pub fn game(&self, player: &PlayerId) -> Option<Arc<GameProjection>> {
        self.players.read().get(player)?.game.clone()
    }

    /// What a player is thought to have in the coming games of a season.
    pub fn season(&self, player: &PlayerId) -> Option<Arc<SeasonProjection>> {
        self.players.read().get(player)?.season.clone()
    }

    /// Who is told at each horizon, and how well both arms did.
    pub fn picks(&self) -> Vec<Horizon> {
        self.picks.read().clone()
    }

    /// The models of points, as they were lately; none before they are loaded.
    pub fn models(&self) -> Vec<ModelInfo> {
        self.models.read().clone()
    }

    /// Puts the models that there are now in place of those that were shown.
    pub fn set_models(&self, models: Vec<ModelInfo>) {
        *self.models.write() = models;
    }

    pub(super) fn set_picks(&self, picks: Vec<Horizon>) {
        *self.picks.write() = picks;
    }

    /// Takes in what was computed of a game, in place of all that was there of it: who is not told of any more has
    /// nothing there. Returns for how many players there was no room.
    pub(super) fn set_game(&self, game: &GameId, told: Vec<(PlayerId, GameProjection)>) -> u64 {
        let mut players = self.players.write();
        forget_game(&mut players, game);
        let mut left_out = 0;
        for (player, projection) in told {
            let Some(known) = room(&mut players, player, self.players_max) else {
                left_out += 1;
                continue;
            };
            let is_older = |known: &Arc<GameProjection>| known.kickoff_us <= projection.kickoff_us;
            if known.game.as_ref().is_none_or(is_older) {
                known.game = Some(Arc::new(projection));
            }
        }
        drop(players);
        self.edition.fetch_add(1, Ordering::Release);
        left_out
    }

    /// The same of seasons.
    pub(super) fn set_season(&self, told: Vec<(PlayerId, SeasonProjection)>) -> u64 {
        let mut players = self.players.write();
        let mut left_out = 0;
        for (player, projection) in told {
            match room(&mut players, player, self.players_max) {
                Some(known) => known.season = Some(Arc::new(projection)),
                None => left_out += 1,
            }
        }
        left_out
    }

    /// A game that cannot be read any more.
    pub(super) fn forget(&self, game: &GameId) {
        forget_game(&mut self.players.write(), game);
    }

    /// Players whose earlier games are not known any more.
    pub(super) fn forget_seasons(&self, gone: &[PlayerId]) {
        let mut players = self.players.write();
        for player in gone {
            if let Entry::Occupied(mut known) = players.entry(player.clone()) {
                known.get_mut().season = None;
                if known.get().game.is_none() {
                    known.remove();
                }
            }
        }
    }
}

fn forget_game(players: &mut HashMap<PlayerId, Projected>, game: &GameId) {
    players.retain(|_, known| {
        known.game.take_if(|known| known.game == *game);
        known.game.is_some() || known.season.is_some()
    });
}

fn room(players: &mut HashMap<PlayerId, Projected>, player: PlayerId, players_max: usize) -> Option<&mut Projected> {
    let is_full = players.len() >= players_max;
    match players.entry(player) {
        Entry::Occupied(known) => Some(known.into_mut()),
        Entry::Vacant(_) if is_full => None,
        Entry::Vacant(free) => Some(free.insert(Projected::default())),
    }
}
