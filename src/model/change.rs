//! What one event did: the only thing that travels from a game's owner to the fan-out.
//!
//! A [`Change`] holds totals *after* the event and exact differences, never points: points follow
//! from a stat line under any ruleset, so one change serves every ruleset, also one asked for later.

use super::{
    Clock, FeedTime, GameId, GameStatus, IngestTime, PackedLine, PlayId, PlayerId, Rev, Score, Situation, StatDelta, StatLine, StateTime,
    Team, TraceMark,
};
use compact_str::CompactString;
use smallvec::SmallVec;
use std::sync::Arc;

/// Who a player is, as last told by the feed. Replaced, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerCard {
    /// The player's id.
    pub player: PlayerId,
    /// Name for people; the id where the feed gave none.
    pub name: String,
    /// Team of the player list, where the feed gave one.
    pub team: Option<Team>,
    /// Position, for leagues that pay by it.
    pub position: Option<CompactString>,
}

impl PlayerCard {
    /// A player of whom the feed has said nothing yet. A defence is called after its team.
    pub fn unknown(player: PlayerId) -> PlayerCard {
        let team = player.as_str().strip_prefix(super::ids::DST_PREFIX).and_then(Team::new);
        let (name, position) = match &team {
            Some(team) => (format!("{team} defence"), Some(CompactString::const_new("DST"))),
            None => (player.as_str().to_owned(), None),
        };
        PlayerCard {
            player,
            name,
            team,
            position,
        }
    }
}

/// A player as one game knows them. Replaced, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub card: Arc<PlayerCard>,
    /// For which team, in this game.
    pub team: Team,
}

/// What identifies a game and does not move while it is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameHead {
    /// The game.
    pub game: GameId,
    /// Home and visiting team, once announced.
    pub teams: Option<(Team, Team)>,
    /// Kickoff, microseconds since the Unix epoch, once announced.
    pub kickoff: Option<i64>,
}

/// What a game shows besides its players.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GameView {
    /// Where it stands.
    pub status: GameStatus,
    /// The latest clock.
    pub clock: Option<Clock>,
    /// The latest situation.
    pub situation: Option<Situation>,
    /// The score.
    pub score: Option<Arc<Score>>,
    /// Timeouts left.
    pub timeouts: Option<Arc<Score>>,
}

/// Why totals moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CauseKind {
    /// A play, seen for the first time.
    Play,
    /// A higher revision of a play.
    Correction,
    /// A play taken back.
    Retraction,
    /// Anything else about the game: status, score, the coming snap, a player's position.
    Game,
}

impl CauseKind {
    /// The kind's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            CauseKind::Play => "play",
            CauseKind::Correction => "correction",
            CauseKind::Retraction => "retraction",
            CauseKind::Game => "game",
        }
    }
}

/// What caused a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The play, where it was one.
    pub play: Option<PlayId>,
    /// Its revision.
    pub rev: Rev,
    /// Its kind.
    pub kind: CauseKind,
    /// Whether this is a scoring play, a correction, a retraction or a final: it is named in merged
    /// frames and does not wait for a client's own rate limit.
    pub urgent: bool,
}

/// One player's part in a change.
#[derive(Clone, Debug)]
pub struct PlayerMove {
    /// Place of the player in the game's list; stable for the life of the game.
    pub slot: u32,
    /// Who, and for which team.
    pub who: Arc<Member>,
    /// The same before, where the card changed in a way that may change points, or where a correction put
    /// the team right.
    pub who_before: Option<Arc<Member>>,
    /// The line after the event, as [`PlayerMove::after`] unpacks it.
    pub after: PackedLine,
    /// What moved; nothing for one who is new to the game and credited with nothing.
    pub delta: StatDelta,
}

impl PlayerMove {
    /// The line after the event.
    pub fn after(&self) -> StatLine {
        self.after.unpack()
    }

    /// The line before the event.
    pub fn before(&self) -> StatLine {
        self.after().minus(&self.delta)
    }

    /// Who they were, and for which team, before the event.
    pub fn who_before(&self) -> &Member {
        self.who_before.as_ref().unwrap_or(&self.who)
    }

    /// Whether the card changed in a way that may change points.
    pub fn has_new_card(&self) -> bool {
        let is_new = |before: &Arc<Member>| before.card.position != self.who.card.position;
        self.who_before.as_ref().is_some_and(is_new)
    }

    /// Whether they play for another team from here.
    pub fn is_transferred(&self) -> bool {
        self.who_before.as_ref().is_some_and(|before| before.team != self.who.team)
    }
}

/// Which parts of a [`GameView`] an event moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ViewMoved {
    /// Status, teams or kickoff.
    pub status: bool,
    /// The clock.
    pub clock: bool,
    /// The situation or the timeouts, which are shown together.
    pub situation: bool,
    /// The timeouts.
    pub timeouts: bool,
    /// The score.
    pub score: bool,
}

impl ViewMoved {
    /// Whether anything moved.
    pub fn any(self) -> bool {
        self.status || self.clock || self.situation || self.score
    }

    /// Whether anything moved that the scoreboard of the slate shows.
    pub fn on_scoreboard(self) -> bool {
        self.status || self.clock || self.score
    }

    /// What moved in either.
    pub fn or(self, other: ViewMoved) -> ViewMoved {
        ViewMoved {
            status: self.status || other.status,
            clock: self.clock || other.clock,
            situation: self.situation || other.situation,
            timeouts: self.timeouts || other.timeouts,
            score: self.score || other.score,
        }
    }
}

/// What one event did to one game.
#[derive(Clone, Debug)]
pub struct Change {
    /// The game.
    pub head: Arc<GameHead>,
    /// Whether play has begun: only then may the game take a player's or team's topic over.
    pub begun: bool,
    /// Why.
    pub cause: Cause,
    /// The feed's clock.
    pub feed_ts: Option<FeedTime>,
    /// When the event came in.
    pub ingest: IngestTime,
    /// When its effect was worked out, filled in as it is published; for latencies alone.
    pub applied: StateTime,
    /// The trace that it is part of, filled in as it is published; nearly always none.
    pub trace: Option<TraceMark>,
    /// The game after the event.
    pub view: GameView,
    /// What of it moved.
    pub view_moved: ViewMoved,
    /// Players whose line, team or scoring position moved, or who have a standing record from here on (a
    /// tackle, say, with an empty delta). Each at most once.
    pub moves: SmallVec<[PlayerMove; 2]>,
}

impl Change {
    /// Whether any topic shows a difference.
    pub fn is_visible(&self) -> bool {
        self.view_moved.any() || !self.moves.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every event leaves a change in up to 256 places of each of its topics' rings.
    #[test]
    fn a_change_takes_little_memory() {
        assert!(
            size_of::<Change>() <= 368,
            "with both counters of an Arc: 384, a size that allocators have"
        );
        assert!(size_of::<PlayerMove>() <= 96);
    }
}
