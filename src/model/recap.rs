//! What a forecast may know of a game: the plays that stand, in their order, and the coming snap.
//!
//! Plain data, told by a game's state as it stands: a correction, a retraction or a restart gives the
//! recap of the game as it then is, and nobody has to remember what came before. Teams are sides here;
//! of a game whose teams are not announced, or of a team that is neither, no side is known.
//! Bounded by the plays of a game.

use super::{Clock, GameHead, GameStatus, PlayId, PlayKind};
use std::sync::Arc;

/// A team of the game, by where it plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The home team.
    Home,
    /// The visitors.
    Away,
}

impl Side {
    /// 0 for home, 1 for away.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The team's abbreviation; `home` or `away` where the game's teams are not announced.
    pub fn name(self, head: &GameHead) -> &str {
        match (self, &head.teams) {
            (Side::Home, Some((home, _))) => home.as_str(),
            (Side::Away, Some((_, away))) => away.as_str(),
            (Side::Home, None) => "home",
            (Side::Away, None) => "away",
        }
    }

    /// The other team.
    pub fn opponent(self) -> Side {
        match self {
            Side::Home => Side::Away,
            Side::Away => Side::Home,
        }
    }
}

/// Where a snap is taken from, and how. Every field may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Spot {
    /// Down 1–4; nothing on kickoffs and tries.
    pub down: Option<u8>,
    /// Yards to a first down.
    pub distance: Option<u8>,
    /// Yards to the opponent's end zone.
    pub yards_to_goal: Option<u8>,
    /// Who has the ball; on a kickoff, who kicks.
    pub possession: Option<Side>,
    /// Whether the quarterback stands back from the centre.
    pub shotgun: Option<bool>,
    /// Whether the offence skips the huddle.
    pub no_huddle: Option<bool>,
}

/// A play that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecapPlay {
    /// Which.
    pub id: PlayId,
    /// Its place in the game: plays go by this, then by id.
    pub order: u64,
    /// What it was.
    pub kind: PlayKind,
    /// Whether it was nullified.
    pub no_play: bool,
    /// The clock at the snap.
    pub clock: Option<Clock>,
    /// Where it was run from.
    pub spot: Spot,
    /// Yards that runs, completions and sacks in it gained; 0 for an incompletion, an interception or a kick.
    pub yards: i16,
    /// Whether a run, a pass or a penalty made a first down.
    pub first_down: bool,
    /// Whether the ball was intercepted or a fumble lost, by whichever side: on a kick, by who returned it. A
    /// failed fourth down is no turnover.
    pub turnover: bool,
    /// Whether a timeout was charged with it. A play from scrimmage of which that is so was challenged in vain.
    pub timeout: bool,
    /// Who scored a touchdown in it.
    pub touchdown: Option<Side>,
    /// What it brought each side on the scoreboard, home first.
    pub points: [u8; 2],
}

/// The snap that is coming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecapSnap {
    /// The play it follows; nothing before the first.
    pub after_play: Option<PlayId>,
    /// The clock now.
    pub clock: Option<Clock>,
    /// Where it will be taken from.
    pub spot: Spot,
}

/// A game as a forecast sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recap {
    /// Id, teams and kickoff.
    pub head: Arc<GameHead>,
    /// Where the game stands.
    pub status: GameStatus,
    /// The score, home first, as the game shows it.
    pub score: Option<[u16; 2]>,
    /// Timeouts left, home first, as the game shows them.
    pub timeouts: Option<[u16; 2]>,
    /// The plays that stand, first to last.
    pub plays: Vec<RecapPlay>,
    /// The coming snap: the latest that was told, unless it has been taken since.
    pub snap: Option<RecapSnap>,
}

impl Recap {
    /// The snap that was taken after a play, or the first one: the first play from there on in which the
    /// ball was put in play ([`PlayKind::is_snap`]). Nothing where there is none yet, and where the play
    /// before it does not stand.
    pub fn play_after(&self, after: Option<&PlayId>) -> Option<&RecapPlay> {
        let from = match after {
            None => 0,
            Some(after) => self.plays.iter().rposition(|play| play.id == *after)? + 1,
        };
        self.plays[from..].iter().find(|play| play.kind.is_snap())
    }
}
