//! The words the whole server speaks: ids, times, fixed-point points, stat lines and feed events.
//!
//! Owns plain data and the one table that says what a GSIS stat record does to a stat line
//! ([`gsis`]). Never does I/O, reads no clock, knows no ruleset, no topic and no client.
//! Bounded by construction: ids are at most [`ids::ID_BYTES_MAX`] bytes, a stat line is a fixed array.

pub mod change;
pub mod contest;
pub mod event;
pub mod gsis;
pub mod ids;
pub mod lines;
pub mod points;
pub mod prediction;
pub mod recap;
pub mod stat;
pub mod time;
pub mod topic;
pub mod trace;

pub use change::{Cause, CauseKind, Change, GameHead, GameView, Member, PlayerCard, PlayerMove, ViewMoved};
pub use contest::{ContestNow, EntryNow};
pub use event::{
    Clock, Event, GameEvent, GameStatus, PlayEvent, PlayKind, PlayerInfo, Retraction, Score, Situation, SituationEvent, StatRecord,
};
pub use ids::{ContestId, EntryId, EntryName, GameId, LineupId, PlayId, PlayerId, Team};
pub use lines::{GameLines, PlayerLines};
pub use points::{Multiplier, Points};
pub use prediction::{Bulletin, Forecast, Outcome, PlayCall, Prediction, Probability};
pub use recap::{Recap, RecapPlay, RecapSnap, Side, Spot};
pub use stat::{PackedLine, Stat, StatDelta, StatLine};
pub use time::{FeedTime, IngestTime, Now, Origin, SOURCES_MAX, SourceId, StateTime};
pub use topic::{TopicError, TopicName};
pub use trace::{TraceMark, TraceShown};

/// Position of a change within one topic's history: 0 before anything happened, then +1 each.
pub type Seq = u64;
/// Revision of one feed item; a higher one replaces a lower one.
pub type Rev = u64;
