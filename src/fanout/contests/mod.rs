//! Live contests: who is in them, where everybody stands, and the topics that show it.
//!
//! ```text
//!  hub.publish ──► news of players that contests have ──► Follower (a thread) ──► boards
//!                                                             └──► topics of contests and entries that are watched ──► shards
//! ```
//! What a contest is and how it ranks is [`crate::contest`]'s. Here a contest's board follows what its players' topics
//! show: one thread, the [`Follower`], puts the changes of all players in an order, sets their points, and lets the
//! topics that somebody watches show what it came to. An entry that nobody watches costs nothing but its points. No
//! engine waits for it: news that finds the channel full is dropped and the follower told to look at every player.
//! Readers of a board (plain HTTP) take its lock, which the follower holds for one batch of changes. Bounded by
//! [`ContestLimits`]; topics as all others, by `topics_max`.

mod follower;
mod live;
mod shown;
mod views;

pub use follower::{Counts, Follower};
pub use live::{Contest, Drawn, EntryStanding, Odds};
pub use shown::{contest_shown, entry_shown};
pub(super) use shown::{delta, snapshot};
pub use views::View;
pub(super) use views::{About, Views};

use super::lineups::Shown;
use super::topic::Topic;
use crate::contest::{Definition, EntryIndex};
use crate::model::{Change, ContestId, IngestTime, PlayerId, Seq};
use crate::scoring::{Ruleset, RulesetIndex};
use dashmap::DashMap;
use flume::{Receiver, Sender, TrySendError};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Stands among the shards of a topic's watchers for the follower.
pub(super) const FOLLOWER: usize = super::hub::SHARDS_MAX + 1;

/// Limits of contests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContestLimits {
    /// Contests at once.
    pub contests_max: usize,
    /// Entries of all of them.
    pub entries_max: usize,
    /// Views kept of each topic.
    pub ring_frames: usize,
    /// How long a topic is kept that nobody watches, in microseconds.
    pub linger_us: i64,
}

impl ContestLimits {
    /// Those of the default settings.
    pub const DEFAULT: ContestLimits = ContestLimits {
        contests_max: 10_000,
        entries_max: 10_000_000,
        ring_frames: 32,
        linger_us: 120_000_000,
    };
}

/// What a topic is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Of {
    /// All of a contest.
    Contest,
    /// One of its entries.
    Entry(EntryIndex),
}

/// What the follower is told.
#[derive(Debug)]
pub(super) enum News {
    /// A change moved players that a contest may have. All of it is published.
    Changed(Arc<Change>, SmallVec<[Shown; 2]>),
    /// A player's topic shows nothing any more.
    LetGo(PlayerId),
    /// There is another contest.
    Posted(Arc<Contest>),
    /// One is no more.
    Deleted(Arc<Contest>),
    /// Somebody watches this topic, which may not show what stands now.
    Wanted(Arc<Topic>),
    /// A contest's odds were drawn.
    Drawn(Arc<Contest>),
}

/// News that came together.
#[derive(Debug)]
pub struct Batch(Vec<News>);

/// Why a contest is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTaken {
    /// There is one of that id.
    #[error("there is a contest of that id already; delete it first, or give this one another")]
    Known,
    /// There are as many as there may be.
    #[error("the server holds {0} contests, as many as it may (contests.contests_max)")]
    Contests(usize),
    /// There are as many entries as there may be.
    #[error("with these entries the server's contests had more than {0} (contests.entries_all_max)")]
    Entries(usize),
}

/// What a hub holds of contests besides their topics.
pub struct Contests {
    limits: ContestLimits,
    by_id: DashMap<ContestId, Arc<Contest>, RandomState>,
    /// Ids of those on their way in or out: nobody else may take one.
    busy: Mutex<HashSet<ContestId>>,
    entries: AtomicUsize,
    news: Sender<Batch>,
    inbox: Receiver<Batch>,
    overflowed: AtomicBool,
    /// Where the next topic begins to count.
    from: AtomicU64,
}

/// An id, and room for that many entries, taken for a contest that is on its way in.
pub struct Place<'a> {
    contests: &'a Contests,
    id: ContestId,
    entries: usize,
    is_taken: bool,
}

impl Contests {
    pub(super) fn new(news_max: usize) -> Contests {
        let (news, inbox) = flume::bounded(news_max);
        Contests {
            limits: ContestLimits::DEFAULT,
            by_id: DashMap::default(),
            busy: Mutex::default(),
            entries: AtomicUsize::new(0),
            news,
            inbox,
            overflowed: AtomicBool::new(false),
            from: AtomicU64::new(0),
        }
    }

    pub(super) fn limit(&mut self, limits: ContestLimits) {
        self.limits = limits;
    }

    /// Its limits.
    pub fn limits(&self) -> &ContestLimits {
        &self.limits
    }

    /// The contest of that id.
    pub fn get(&self, id: &str) -> Option<Arc<Contest>> {
        self.by_id.get(id).map(|contest| contest.clone())
    }

    /// All of them, by id.
    pub fn all(&self) -> Vec<Arc<Contest>> {
        let mut all: Vec<Arc<Contest>> = self.by_id.iter().map(|contest| contest.clone()).collect();
        all.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// How many contests there are, and how many entries they have.
    pub fn counts(&self) -> (usize, usize) {
        (self.by_id.len(), self.entries.load(Ordering::Relaxed))
    }

    /// Takes a place for a contest: before it is stored, so that what is stored has one.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn place(&self, id: &ContestId, entries: usize) -> Result<Place<'_>, NotTaken> {
        let mut busy = self.busy.lock();
        if busy.contains(id) || self.by_id.contains_key(id) {
            return Err(NotTaken::Known);
        }
        if busy.len() + self.by_id.len() >= self.limits.contests_max {
            return Err(NotTaken::Contests(self.limits.contests_max));
        }
        let taken = self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(entries).filter(|all| *all <= self.limits.entries_max)
        });
        taken.map_err(|_| NotTaken::Entries(self.limits.entries_max))?;
        busy.insert(id.clone());
        Ok(Place {
            contests: self,
            id: id.clone(),
            entries,
            is_taken: false,
        })
    }

    /// Takes a contest out: from now on there is none of that id. False where there was none.
    pub fn remove(&self, id: &ContestId) -> bool {
        let Some((_, contest)) = self.by_id.remove(id) else { return false };
        self.entries.fetch_sub(contest.definition().entry_count(), Ordering::Relaxed);
        contest.end();
        self.tell(vec![News::Deleted(contest)]);
        true
    }

    /// Puts new odds in the place of a contest's own.
    pub fn drawn(&self, contest: &Arc<Contest>, odds: Odds) {
        contest.lock().set_odds(odds);
        self.tell(vec![News::Drawn(contest.clone())]);
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
    fn inbox(&self) -> Receiver<Batch> {
        self.inbox.clone()
    }

    /// Whether news was dropped since the last call.
    fn take_overflow(&self) -> bool {
        self.overflowed.swap(false, Ordering::AcqRel)
    }

    /// What was told may be lost: the follower has to look at everything.
    pub fn look_everywhere(&self) {
        self.overflowed.store(true, Ordering::Release);
    }

    /// The `seq` from which a new topic counts: above all that one before it has given out.
    pub(super) fn from(&self) -> Seq {
        self.from.load(Ordering::Relaxed)
    }

    pub(super) fn count_from(&self, seq: Seq) {
        self.from.fetch_max(seq, Ordering::Relaxed);
    }
}

impl Place<'_> {
    /// Begins the contest, which its board follows from here on.
    pub fn begin(mut self, definition: Definition, ruleset: (RulesetIndex, &Ruleset), posted: IngestTime) -> Arc<Contest> {
        debug_assert_eq!((definition.id(), definition.entry_count()), (&self.id, self.entries));
        let contest = Arc::new(Contest::new(definition, ruleset, posted));
        self.contests.by_id.insert(self.id.clone(), contest.clone());
        self.is_taken = true;
        self.contests.tell(vec![News::Posted(contest.clone())]);
        contest
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_taken {
            self.contests.entries.fetch_sub(self.entries, Ordering::Relaxed);
        }
        self.contests.busy.lock().remove(&self.id);
    }
}
