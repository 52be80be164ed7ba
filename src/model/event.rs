//! Feed events, decoded and checked: what every source hands to the sequencer.
//!
//! All fields have passed the limits of `feed::decode`; nothing here points into a request body.

use super::{FeedTime, GameId, PlayId, PlayerId, Rev, Team};
use smallvec::SmallVec;

/// One thing a feed says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A play and its stat records, or a new revision of one.
    Play(PlayEvent),
    /// The coming snap.
    Situation(SituationEvent),
    /// A play that did not count after all.
    Retract(Retraction),
    /// A game's status, teams, kickoff and score.
    Game(GameEvent),
    /// Who players are.
    Players(Vec<PlayerInfo>),
}

impl Event {
    /// The game this event belongs to; player lists belong to none.
    pub fn game(&self) -> Option<&GameId> {
        match self {
            Event::Play(e) => Some(&e.game),
            Event::Situation(e) => Some(&e.game),
            Event::Retract(e) => Some(&e.game),
            Event::Game(e) => Some(&e.game),
            Event::Players(_) => None,
        }
    }

    /// The feed's clock, where it gave one.
    pub fn ts(&self) -> Option<FeedTime> {
        match self {
            Event::Play(e) => e.ts,
            Event::Situation(e) => e.ts,
            Event::Retract(e) => e.ts,
            Event::Game(e) => e.ts,
            Event::Players(_) => None,
        }
    }
}

/// The clock: quarter 1–4, 5 and up in overtime, and the seconds left in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Clock {
    /// Quarter, from 1; 5 is the first overtime.
    pub quarter: u8,
    /// Seconds left in the quarter.
    pub seconds_left: u16,
}

/// Where a snap is taken from. Every field may be unknown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Situation {
    /// Down 1–4.
    pub down: Option<u8>,
    /// Yards to a first down.
    pub distance: Option<u8>,
    /// Yards to the opponent's end zone.
    pub yards_to_goal: Option<u8>,
    /// Team with the ball.
    pub possession: Option<Team>,
    /// Whether the quarterback stands back from the centre.
    pub shotgun: Option<bool>,
    /// Whether the offence skips the huddle.
    pub no_huddle: Option<bool>,
}

/// What a play was, as far as the feed says. Never used for scoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlayKind {
    /// Thrown, caught or not.
    Pass,
    /// Run.
    Run,
    /// Quarterback tackled behind the line.
    Sack,
    /// Punt.
    Punt,
    /// Kickoff.
    Kickoff,
    /// Field goal try.
    FieldGoal,
    /// Extra point try.
    ExtraPoint,
    /// Two-point try.
    TwoPoint,
    /// Quarterback kneels.
    Kneel,
    /// Ball thrown into the ground to stop the clock.
    Spike,
    /// Nullified.
    NoPlay,
    /// Timeout.
    Timeout,
    /// Anything else, and anything unknown.
    Other,
}

impl PlayKind {
    /// All kinds with their names on the wire.
    pub const NAMES: [(PlayKind, &'static str); 13] = [
        (PlayKind::Pass, "pass"),
        (PlayKind::Run, "run"),
        (PlayKind::Sack, "sack"),
        (PlayKind::Punt, "punt"),
        (PlayKind::Kickoff, "kickoff"),
        (PlayKind::FieldGoal, "field_goal"),
        (PlayKind::ExtraPoint, "extra_point"),
        (PlayKind::TwoPoint, "two_point"),
        (PlayKind::Kneel, "kneel"),
        (PlayKind::Spike, "spike"),
        (PlayKind::NoPlay, "no_play"),
        (PlayKind::Timeout, "timeout"),
        (PlayKind::Other, "other"),
    ];

    /// The kind's name on the wire.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// The kind of that name; an unknown name is [`PlayKind::Other`].
    pub fn from_name(name: &str) -> PlayKind {
        Self::NAMES
            .iter()
            .find(|(_, n)| *n == name)
            .map_or(PlayKind::Other, |(kind, _)| *kind)
    }

    /// Whether the ball was put in play, or was about to be when a penalty nullified it: a snap or a kick.
    pub fn is_snap(self) -> bool {
        !matches!(self, PlayKind::Timeout | PlayKind::Other)
    }
}

/// One player's one stat in a play.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatRecord {
    /// Who; absent for records of the team as a whole.
    pub player: Option<PlayerId>,
    /// For which team.
    pub team: Team,
    /// GSIS stat id, known to [`super::gsis`].
    pub stat: u16,
    /// Yards that go with it.
    pub yards: i16,
}

/// A play as it stands at revision `rev`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayEvent {
    /// The game.
    pub game: GameId,
    /// The play.
    pub play: PlayId,
    /// Its revision.
    pub rev: Rev,
    /// The feed's clock.
    pub ts: Option<FeedTime>,
    /// Its place in the game, where the feed says so.
    pub order: Option<u64>,
    /// What kind of play it was.
    pub kind: PlayKind,
    /// Whether it was nullified; its stat records count all the same.
    pub no_play: bool,
    /// The clock at the snap.
    pub clock: Option<Clock>,
    /// Where it was run from.
    pub situation: Option<Situation>,
    /// Its stat records: a multiset.
    pub stats: SmallVec<[StatRecord; 4]>,
}

/// The score of both teams, each once. Equal whichever of them is named first.
#[derive(Clone, Debug, Eq)]
pub struct Score(pub SmallVec<[(Team, u16); 2]>);

impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|(team, points)| other.of(team) == Some(*points))
    }
}

impl Score {
    /// What that team has.
    pub fn of(&self, team: &Team) -> Option<u16> {
        self.0.iter().find(|(t, _)| t == team).map(|(_, points)| *points)
    }
}

/// The coming snap, after play `after_play`.
#[derive(Clone, Debug, PartialEq)]
pub struct SituationEvent {
    /// The game.
    pub game: GameId,
    /// The play it follows; absent before the first.
    pub after_play: Option<PlayId>,
    /// Its revision.
    pub rev: Rev,
    /// The feed's clock.
    pub ts: Option<FeedTime>,
    /// The clock now.
    pub clock: Option<Clock>,
    /// Down, distance, place and possession.
    pub situation: Situation,
    /// The score now.
    pub score: Option<Score>,
    /// Timeouts each team has left.
    pub timeouts: Option<Score>,
}

/// A play taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Retraction {
    /// The game.
    pub game: GameId,
    /// The play.
    pub play: PlayId,
    /// Revision of the retraction; older revisions of the play stay dead.
    pub rev: Rev,
    /// The feed's clock.
    pub ts: Option<FeedTime>,
}

/// Where a game stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum GameStatus {
    /// Not begun.
    #[default]
    Scheduled,
    /// Being played.
    Live,
    /// Between the second and third quarter.
    Halftime,
    /// Over.
    Final,
}

impl GameStatus {
    /// The status' name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            GameStatus::Scheduled => "scheduled",
            GameStatus::Live => "live",
            GameStatus::Halftime => "halftime",
            GameStatus::Final => "final",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<GameStatus> {
        [GameStatus::Scheduled, GameStatus::Live, GameStatus::Halftime, GameStatus::Final]
            .into_iter()
            .find(|s| s.name() == name)
    }
}

/// A game's frame: teams, kickoff, status, score.
#[derive(Clone, Debug, PartialEq)]
pub struct GameEvent {
    /// The game.
    pub game: GameId,
    /// Its revision.
    pub rev: Rev,
    /// The feed's clock.
    pub ts: Option<FeedTime>,
    /// Where it stands.
    pub status: GameStatus,
    /// The home team.
    pub home: Team,
    /// The visiting team.
    pub away: Team,
    /// Kickoff, microseconds since the Unix epoch.
    pub kickoff: Option<i64>,
    /// The score.
    pub score: Option<Score>,
}

/// Who a player is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerInfo {
    /// The player's id.
    pub player: PlayerId,
    /// Name for people.
    pub name: Option<String>,
    /// Current team.
    pub team: Option<Team>,
    /// Position, such as `QB`, for leagues that pay by it.
    pub position: Option<compact_str::CompactString>,
}
