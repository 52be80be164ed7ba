//! What a forecast of points may know of a game: every player's line, now and at the quarter ends.
//!
//! Plain data, told by a game's state as it stands, like [`Recap`](super::Recap): a line at a quarter's end is
//! the sum of the plays up to it that stand, so a correction of an early play moves it too. Bounded by the
//! players of a game.

use super::change::{GameHead, Member};
use super::{Clock, GameStatus, PlayId, Side, StatLine};
use std::sync::Arc;

/// Quarter ends within a game.
pub const QUARTER_ENDS: usize = 3;

/// A player's part in a game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerLines {
    /// Who, and for which team.
    pub who: Arc<Member>,
    /// That team's side; nothing where the teams are not announced, or it is neither.
    pub side: Option<Side>,
    /// What they have done.
    pub now: StatLine,
    /// What they had done at the end of each quarter but the last: later quarters' plays are not in it. A play
    /// without a clock counts in `now` alone.
    pub ends: [StatLine; QUARTER_ENDS],
}

/// A game as a forecast of points sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameLines {
    /// Id, teams and kickoff.
    pub head: Arc<GameHead>,
    /// Where the game stands.
    pub status: GameStatus,
    /// The latest clock.
    pub clock: Option<Clock>,
    /// The score, home first, as the game shows it.
    pub score: Option<[u16; 2]>,
    /// The last play that stands.
    pub last_play: Option<PlayId>,
    /// The players that a record names, defences left out.
    pub players: Vec<PlayerLines>,
}
