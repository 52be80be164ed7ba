//! Fans' lineups: players in slots, summed under one ruleset, each a topic.
//!
//! ```text
//!  hub.publish ──► news of players that lineups have ──► Follower (a thread) ──► lineup topics ──► shards
//! ```
//! A lineup shows the sum of what its players' topics show, and moves by one `seq` for each change that moved any
//! of them. Equal lineups under one ruleset are one topic. Its players may be in games of several engines, so one
//! thread, the [`Follower`], puts the changes of all of them in an order. No engine waits for it: news that finds the
//! channel full is dropped and the follower told to look at every player, as a shard is. Bounded by
//! [`LineupLimits`].

mod definition;
mod follower;
mod sum;

pub use definition::{BadLineup, Lineup, Multiplier, SLOTS_MAX, Slot};
pub use follower::{Counts, Follower};
pub use sum::SlotNow;
pub(super) use sum::Sum;

use super::topic::Topic;
use crate::model::{Change, PlayerId, Seq};
use flume::{Receiver, Sender, TrySendError};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Stands among the shards of a topic's watchers for the follower.
pub(super) const FOLLOWER: usize = super::hub::SHARDS_MAX;

/// Limits of lineups.
#[derive(Clone, Copy, Debug)]
pub struct LineupLimits {
    /// Lineups at once.
    pub lineups_max: usize,
    /// Entries kept of each.
    pub ring_frames: usize,
    /// How long one is kept that nobody watches, in microseconds. Where more than nine tenths of `lineups_max` are there,
    /// the longest idle go earlier.
    pub linger_us: i64,
}

impl LineupLimits {
    /// Those of the default settings.
    pub const DEFAULT: LineupLimits = LineupLimits {
        lineups_max: 50_000,
        ring_frames: 32,
        linger_us: 120_000_000,
    };
}

/// One player's part in a change, as the player's topic shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Which of the change's moves.
    pub(super) place: u16,
    /// Its place in the history of the player's topic.
    pub(super) seq: Seq,
    /// Whether the topic begins to show another game.
    pub(super) new_game: bool,
}

/// What the follower is told.
#[derive(Debug)]
pub(super) enum News {
    /// A change moved players that a lineup may have. All of it is published.
    Changed(Arc<Change>, SmallVec<[Shown; 2]>),
    /// A player's topic shows nothing any more.
    LetGo(PlayerId),
    /// There is another lineup.
    Defined(Arc<Topic>),
    /// There was no room for one with these players.
    NotDefined(Vec<PlayerId>),
}

/// News that came together.
#[derive(Debug)]
pub struct Batch(Vec<News>);

/// What a hub holds of lineups besides their topics.
pub(super) struct Lineups {
    pub(super) limits: LineupLimits,
    news: Sender<Batch>,
    inbox: Receiver<Batch>,
    overflowed: AtomicBool,
    count: AtomicUsize,
    refused: AtomicU64,
    /// Where the next lineup begins to count.
    from: AtomicU64,
}

impl Lineups {
    pub(super) fn new(limits: LineupLimits, news_max: usize) -> Lineups {
        let (news, inbox) = flume::bounded(news_max);
        Lineups {
            limits,
            news,
            inbox,
            overflowed: AtomicBool::new(false),
            count: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            from: AtomicU64::new(0),
        }
    }

    /// Tells the follower; never waits.
    pub(super) fn tell(&self, news: Vec<News>) {
        if let Err(TrySendError::Full(_)) = self.news.try_send(Batch(news)) {
            self.overflowed.store(true, Ordering::Release);
            // As a shard is woken: see `Hub::tell`.
            let _ = self.news.try_send(Batch(Vec::new()));
        }
    }

    /// The follower's end.
    pub(super) fn inbox(&self) -> Receiver<Batch> {
        self.inbox.clone()
    }

    /// Whether news was dropped since the last call.
    pub(super) fn take_overflow(&self) -> bool {
        self.overflowed.swap(false, Ordering::AcqRel)
    }

    /// Makes room for one more. False where there is none.
    pub(super) fn take_place(&self) -> bool {
        let took = self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < self.limits.lineups_max).then_some(count + 1)
            })
            .is_ok();
        if !took {
            self.count_refused();
        }
        took
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// What was told may be lost: the follower has to look at every lineup.
    pub(super) fn look_everywhere(&self) {
        self.overflowed.store(true, Ordering::Release);
    }

    pub(super) fn give_place_back(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many were refused for want of room.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The `seq` from which a new one counts: above all that one before it has given out.
    pub(super) fn from(&self) -> Seq {
        self.from.load(Ordering::Relaxed)
    }

    pub(super) fn count_from(&self, seq: Seq) {
        self.from.fetch_max(seq, Ordering::Relaxed);
    }
}
