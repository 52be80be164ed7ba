//! Live contests: who is in them, where everybody stands, and the topics that show it.
//!
//! ```text
//!  hub.publish ──► news of players that contests have ──► Follower (a thread) ──► boards
//!                                                             └──► topics of contests and entries that are watched ──► shards
//! ```
//! What a contest is and how it ranks is [`crate::contest`]'s. Here a contest's board follows its players'
//! points in the games that count: one thread, the [`Follower`], puts the changes of all players in an order, sets their
//! points, and lets the topics that somebody watches show what it came to. An entry that nobody watches costs nothing but its points. No
//! engine waits for it: news that finds the channel full is dropped and the follower told to look at every player.
//! Readers of a board (plain HTTP) take its lock, which the follower holds for one batch of changes. Bounded by
//! [`ContestLimits`]; topics as all others, by `topics_max`.

mod follower;
mod lines;
mod live;
mod places;
mod shown;
mod stirs;
mod views;

pub use follower::{Counts, Follower};
pub use live::{Contest, Drawn, EntryStanding, Odds, OddsHead};
pub use places::{Coming, Leaving, NotTaken};
pub use shown::{contest_shown, entry_shown};
pub(super) use shown::{delta, snapshot};
pub use stirs::{Stirred, Stirs};
pub use views::View;
pub(super) use views::{About, Views};

use super::snapshot::GameReader;
use super::topic::Topic;
use crate::contest::EntryIndex;
use crate::model::{Change, ContestId, PlayerId, Seq};
use dashmap::DashMap;
use flume::{Receiver, Sender, TrySendError};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Stands among the shards of a topic's watchers for the follower.
pub(super) const FOLLOWER: usize = super::hub::SHARDS_MAX + 1;

/// Limits of contests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContestLimits {
    /// Contests at once.
    pub contests_max: usize,
    /// Entries of all of them.
    pub entries_max: usize,
    /// Distinct players in all of them: each has a topic.
    pub players_max: usize,
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
        players_max: 50_000,
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

/// A player whom a change moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// His place among those that the change moved.
    pub(super) place: u16,
    /// The change's in the history of his topic; nothing where that shows another game.
    pub(super) seq: Option<Seq>,
}

/// What the follower is told.
#[derive(Debug)]
pub(super) enum News {
    /// A change moved players that a contest may have. All of it is published.
    Changed(Arc<Change>, SmallVec<[Seen; 2]>),
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

/// What a hub holds of contests besides their topics.
pub struct Contests {
    limits: ContestLimits,
    by_id: DashMap<ContestId, Arc<Contest>, RandomState>,
    /// Ids of those on their way in or out: nobody else may take one.
    busy: Mutex<HashSet<ContestId>>,
    entries: AtomicUsize,
    /// Distinct players, and how many contests have each.
    players: Mutex<HashMap<PlayerId, u32, RandomState>>,
    /// Reads games that players' topics do not show.
    games: OnceLock<GameReader>,
    news: Sender<Batch>,
    inbox: Receiver<Batch>,
    overflowed: AtomicBool,
    stirs: Stirs,
    /// Where the next topic begins to count.
    from: AtomicU64,
}

impl Contests {
    pub(super) fn new(news_max: usize) -> Contests {
        let (news, inbox) = flume::bounded(news_max);
        Contests {
            limits: ContestLimits::DEFAULT,
            by_id: DashMap::default(),
            busy: Mutex::default(),
            entries: AtomicUsize::new(0),
            players: Mutex::default(),
            games: OnceLock::new(),
            news,
            inbox,
            overflowed: AtomicBool::new(false),
            stirs: Stirs::default(),
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

    /// From now on games that players' topics do not show are read so. Once.
    pub fn read_games_with(&self, reader: GameReader) {
        let _ = self.games.set(reader);
    }

    pub(super) fn game_reader(&self) -> Option<&GameReader> {
        self.games.get()
    }

    /// Takes a contest out: from now on there is none of that id. False where there was none.
    pub fn remove(&self, id: &ContestId) -> bool {
        let Some((_, contest)) = self.by_id.remove(id) else { return false };
        self.give_back(contest.definition());
        contest.end();
        self.stirs.stir(&contest, true);
        self.tell(vec![News::Deleted(contest)]);
        true
    }

    /// Which contests' odds are not of the state as it is.
    pub fn stirs(&self) -> &Stirs {
        &self.stirs
    }

    /// Puts new odds in the place of a contest's own.
    pub fn drawn(&self, contest: &Arc<Contest>, odds: Odds) {
        let before = contest.lock().set_odds(odds);
        drop(before);
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

    /// Has every contest worked out anew, after a fault of who moves them.
    pub fn mend(&self) {
        self.all().iter().for_each(|contest| contest.lock().mend());
        self.look_everywhere();
    }

    /// The `seq` from which a new topic counts: above all that one before it has given out.
    pub(super) fn from(&self) -> Seq {
        self.from.load(Ordering::Relaxed)
    }

    /// A `seq` that nobody was told yet of any topic.
    pub(super) fn next_seq(&self) -> Seq {
        self.from.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn count_from(&self, seq: Seq) {
        self.from.fetch_max(seq, Ordering::Relaxed);
    }
}
