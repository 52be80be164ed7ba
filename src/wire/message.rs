//! The server's messages as data: what they say, whatever they are coded in.
//!
//! Made of borrows, for the moment in which they are written; [`super::json`] and [`super::bin`] write
//! them. What each field means is in `docs/protocol.md`.

use super::close::CloseReason;
use super::contests::{ContestShown, EntryShown};
use crate::model::change::{Cause, GameHead, GameView, ViewMoved};
use crate::model::prediction::Tally;
use crate::model::stat::NAMES;
use crate::model::{FeedTime, GameId, IngestTime, Outcome, PlayerId, Points, Prediction, Seq, Stat, StatDelta, StatLine, Team, TopicName};
use smallvec::SmallVec;

/// What the server says.
#[allow(clippy::large_enum_variant, reason = "lives on the stack while it is written")]
pub enum ServerMessage<'a> {
    /// A connection begins.
    Welcome(Welcome<'a>),
    /// The answer to `subscribe`.
    Subscribed(Subscriptions<'a>),
    /// The answer to `unsubscribe`.
    Unsubscribed(Subscriptions<'a>),
    /// The answer to `ping`.
    Pong {
        /// The request's id.
        id: Option<i64>,
        /// The server's clock.
        server_us: i64,
    },
    /// A message that was refused.
    Error {
        /// The request's id.
        id: Option<i64>,
        /// A stable code.
        code: &'a str,
        /// What is wrong, for people.
        message: &'a str,
    },
    /// Subscriptions that have ended without being asked to: an `error` that names them.
    Ended {
        /// A stable code.
        code: &'a str,
        /// Why, for people.
        message: &'a str,
        /// Which.
        topics: &'a [SubscribedTopic],
    },
    /// The answer to `auth`.
    Authorized {
        /// The request's id.
        id: Option<i64>,
        /// For how long; nothing where for good.
        expires_in_ms: Option<u64>,
    },
    /// The token is about to expire.
    AuthExpiring {
        /// In how long.
        expires_in_ms: u64,
    },
    /// How late what is shown may be; 0 where it no longer is.
    Status {
        /// Since when nothing was heard of what is behind this server.
        late_ms: u64,
    },
    /// The connection is about to end.
    Goodbye {
        /// Why.
        reason: CloseReason,
        /// When to come back.
        reconnect_after_ms: u64,
    },
    /// All that a topic shows.
    Snapshot(Snapshot<'a>),
    /// One change of a topic, or several merged.
    Delta(Delta<'a>),
    /// What is thought to come in a game.
    Prediction(Told<'a, Prediction>),
    /// How a prediction turned out.
    Outcome(Told<'a, Outcome>),
}

/// `welcome`.
pub struct Welcome<'a> {
    /// The connection's name in logs.
    pub session: &'a str,
    /// The history's name.
    pub epoch: &'a str,
    /// The server's clock.
    pub server_us: i64,
    /// What a client may do here.
    pub limits: ClientLimits,
}

/// `welcome.limits`.
pub struct ClientLimits {
    /// Subscriptions of one client.
    pub subscriptions: u64,
    /// Longest message of a client.
    pub message_bytes: u64,
    /// Time between the server's pings.
    pub ping_interval_ms: i64,
    /// Silence after which a client is closed.
    pub silence_timeout_ms: i64,
    /// Time without a byte taken after which a client is closed.
    pub stall_timeout_ms: i64,
    /// How far back a topic reaches.
    pub ring_frames: u64,
    /// Messages a second, in the long run; 0: any number.
    pub messages_per_second: u64,
    /// Messages at once before that counts.
    pub messages_burst: u64,
    /// Time for a message to be all there once it has begun.
    pub message_timeout_ms: i64,
}

/// How a subscription begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// The deltas since the client's `seq` follow.
    Resumed,
    /// A snapshot follows, for that reason: `fresh`, `epoch`, `too_old`, `ahead`.
    Snapshot(&'static str),
}

/// `subscribed` or `unsubscribed`.
pub struct Subscriptions<'a> {
    /// The request's id.
    pub id: Option<i64>,
    /// The name that the client gave its lineup.
    pub name: Option<&'a str>,
    /// Topics that were taken.
    pub topics: &'a [SubscribedTopic],
    /// Topics that were refused.
    pub errors: &'a [TopicRefused],
}

/// One line of a `subscribed` reply.
pub struct SubscribedTopic {
    /// The topic, as asked for.
    pub topic: String,
    /// The ruleset, where the topic has one.
    pub ruleset: Option<String>,
    /// The topic's head and how the subscription begins; nothing where it ends.
    pub begins: Option<(Seq, How)>,
}

/// One line of its `errors`.
pub struct TopicRefused {
    /// The topic, as asked for.
    pub topic: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

/// What a snapshot or a delta is about.
pub struct About<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The ruleset, where the topic has one.
    pub ruleset: Option<&'a str>,
    /// The topic's head once the message is taken in.
    pub seq: Seq,
}

/// `snapshot`.
pub struct Snapshot<'a> {
    /// Of what.
    pub about: About<'a>,
    /// What the topic shows.
    pub shows: Shown<'a>,
    /// Why it comes: `subscribe`, `lagged`, `new_game`, `expired`.
    pub reason: &'a str,
    /// When it was encoded.
    pub encode_us: i64,
}

/// What a topic shows.
pub enum Shown<'a> {
    /// `player:`, and the game that it is about.
    Player(PlayerShown<'a>, Option<&'a GameId>),
    /// `game:` and `team:`; no game where none was announced.
    Game(Option<GameShown<'a>>, Vec<PlayerShown<'a>>),
    /// `slate`.
    Slate(Vec<GameShown<'a>>),
    /// `predictions:`, and the game's calls so far.
    Predictions(Vec<&'a Prediction>, Tally),
    /// `lineup:`, every slot.
    Lineup(LineupShown<'a>),
    /// `contest:`.
    Contest(ContestShown<'a>),
    /// `entry:`, every slot.
    Entry(EntryShown<'a>),
}

/// `delta`.
pub struct Delta<'a> {
    /// Of what.
    pub about: About<'a>,
    /// The `seq` that it follows.
    pub prev: Seq,
    /// What moved.
    pub moved: Moved<'a>,
    /// Why; one, unless it is merged. None of a contest or an entry, whose players' topics tell them.
    pub causes: SmallVec<[CauseShown<'a>; 1]>,
    /// Causes of a merged delta that are not named.
    pub causes_omitted: u64,
    /// When the newest event came in, by the feed's clock and by ours.
    pub newest: EventTimes,
    /// The same of the oldest, in a merged delta.
    pub oldest: Option<EventTimes>,
    /// When it was encoded.
    pub encode_us: i64,
}

/// What of a topic moved.
#[allow(clippy::large_enum_variant, reason = "lives on the stack while it is written")]
pub enum Moved<'a> {
    /// `player:`.
    Player(PlayerShown<'a>),
    /// `game:` and `team:`.
    Game(GameShown<'a>, SmallVec<[PlayerShown<'a>; 4]>),
    /// `slate`.
    Slate(SmallVec<[GameShown<'a>; 2]>),
    /// `lineup:`, the slots that moved.
    Lineup(LineupShown<'a>),
    /// `contest:`, what moved of it.
    Contest(ContestShown<'a>),
    /// `entry:`, and the slots that moved.
    Entry(EntryShown<'a>),
}

/// `prediction` and `outcome`.
pub struct Told<'a, T> {
    /// Of what.
    pub about: About<'a>,
    /// The `seq` that the client holds.
    pub prev: Seq,
    /// What it says.
    pub says: &'a T,
    /// When it was encoded.
    pub encode_us: i64,
}

/// Times of an event, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTimes {
    /// The feed's, where it gave one.
    pub feed_us: Option<i64>,
    /// Ours, when it came in.
    pub ingest_us: i64,
}

impl EventTimes {
    /// The times of an event that came in then.
    pub fn of(feed_ts: Option<FeedTime>, ingest: IngestTime) -> EventTimes {
        EventTimes {
            feed_us: feed_ts.map(|ts| ts.0),
            ingest_us: ingest.0,
        }
    }
}

/// One cause of a change.
pub struct CauseShown<'a> {
    /// The game.
    pub game: &'a GameId,
    /// Play, revision and kind.
    pub cause: &'a Cause,
    /// What it added; told on `player:` topics.
    pub stats: Option<&'a StatDelta>,
}

impl CauseShown<'_> {
    /// The stats that it added, in inner units ([`Stat::units`]).
    pub fn stats(&self) -> Option<impl Iterator<Item = (Stat, i32)> + '_> {
        Some(self.stats?.iter().filter(|(stat, _)| *stat != Stat::Begun))
    }
}

/// A player's totals, or those that moved.
pub struct PlayerShown<'a> {
    /// The player.
    pub player: &'a PlayerId,
    /// Who that is, where the client may not know.
    pub who: Option<Who<'a>>,
    /// Points in total.
    pub points: Points,
    /// What they changed by, in a delta.
    pub change: Option<Points>,
    /// Totals.
    pub stats: Stats,
}

/// A lineup's sum, and slots of it.
pub struct LineupShown<'a> {
    /// Points of all its slots.
    pub points: Points,
    /// What they changed by, in a delta.
    pub change: Option<Points>,
    /// The slots that are told.
    pub slots: Vec<SlotShown<'a>>,
}

/// A slot of a lineup.
pub struct SlotShown<'a> {
    /// Its name.
    pub slot: &'a str,
    /// What it multiplies by, in 1/100; in a snapshot, where that is not 1.
    pub multiplier: Option<u32>,
    /// The game that its player is in, where there is one; in a delta with who that is.
    pub game: Option<&'a GameId>,
    /// The player; with the points that the lineup has from them.
    pub player: PlayerShown<'a>,
}

/// Who a player is.
pub struct Who<'a> {
    /// Name for people.
    pub name: &'a str,
    /// The team in this game; nothing of a player who was in none yet.
    pub team: Option<&'a Team>,
    /// The position, where known.
    pub position: Option<&'a str>,
}

/// A game, or the parts of it that moved.
pub struct GameShown<'a> {
    /// The game.
    pub head: &'a GameHead,
    /// Whether teams and kickoff are told.
    pub with_head: bool,
    /// Status, clock, situation and score.
    pub view: &'a GameView,
    /// Which of these are told, as far as they are known.
    pub parts: ViewMoved,
    /// Which of these are told to be not known any more.
    pub gone: ViewMoved,
}

impl<'a> GameShown<'a> {
    /// The parts that moved; those that are not known any more are told to be gone.
    pub fn moved(head: &'a GameHead, view: &'a GameView, parts: ViewMoved) -> GameShown<'a> {
        GameShown {
            head,
            with_head: parts.status,
            view,
            parts,
            gone: ViewMoved {
                status: false,
                clock: parts.clock && view.clock.is_none(),
                situation: parts.situation && view.situation.is_none(),
                timeouts: parts.timeouts && view.timeouts.is_none(),
                score: parts.score && view.score.is_none(),
            },
        }
    }

    /// All that is known.
    pub fn whole(head: &'a GameHead, view: &'a GameView) -> GameShown<'a> {
        GameShown {
            head,
            with_head: true,
            view,
            parts: ViewMoved {
                status: true,
                clock: true,
                situation: true,
                timeouts: true,
                score: true,
            },
            gone: ViewMoved::default(),
        }
    }

    /// The same on the scoreboard: always its status, never its situation.
    pub fn on_scoreboard(mut self) -> GameShown<'a> {
        self.parts.status = true;
        (self.parts.situation, self.parts.timeouts) = (false, false);
        (self.gone.situation, self.gone.timeouts) = (false, false);
        self
    }
}

/// Some of a line's stats, in line order.
#[derive(Clone, Copy)]
pub struct Stats {
    line: StatLine,
    /// A bit for each stat, by its place in the line.
    which: u64,
}

impl Stats {
    /// These stats' totals in `line`, each once.
    pub fn of(line: &StatLine, which: impl Iterator<Item = Stat>) -> Stats {
        let which = which.fold(0, |which, stat| which | 1 << stat as u64);
        Stats { line: *line, which }
    }

    /// The stats that a reader is shown of a line.
    pub fn shown(line: &StatLine) -> Stats {
        Stats::of(line, line.shown().map(|(stat, _)| stat))
    }

    /// Each stat with its value, in inner units ([`Stat::units`]).
    pub fn iter(&self) -> impl Iterator<Item = (Stat, i32)> + '_ {
        let mut rest = self.which;
        std::iter::from_fn(move || {
            let place = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            let (stat, _) = NAMES.get(place)?;
            Some((*stat, self.line.get(*stat)))
        })
    }
}
