//! Which games have news: left by the threads that own games, taken by the predictor.
//!
//! A notice says that a game moved, not how: whoever takes it reads the game as it is by then. So a newer
//! notice of a game takes the place of the one that waits, and keeps its turn. Who leaves one never waits for
//! who takes it: a notice that finds the board full is refused and counted, and the next of that game tries
//! again. Bounded by [`BoardLimits::games_max`].
//!
//! **Gathering.** All that waits is taken at once, the oldest first. Where the last few takes had several
//! games, the next one waits until as many have news, or for [`BoardLimits::batch_wait`]; where games come one
//! at a time it goes at once, as waiting would bring nothing.

use crate::model::{FeedTime, GameId, IngestTime};
use crate::telemetry::BoardMetrics;
use foldhash::fast::RandomState;
use hashbrown::hash_table::HashTable;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::hash::BuildHasher as _;
use std::time::Duration;

/// Bounds of the board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BoardLimits {
    /// Games that may wait. Each takes some 100 bytes while it does.
    pub games_max: usize,
    /// Longest wait for the news of other games.
    pub batch_wait: Duration,
}

/// What moved a game.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// The coming snap was told.
    Snap,
    /// A play came in.
    Play,
    /// A play was corrected, or what a silent feed said of it replaced.
    Correction,
    /// A play was taken back.
    Retraction,
    /// The game's status, teams, kickoff or score.
    Status,
    /// The game was let go of: it cannot be read any more.
    Gone,
    /// The game was there when the server started.
    Found,
}

/// A game that moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Which.
    pub game: GameId,
    /// What moved it last.
    pub news: News,
    /// When that came in.
    pub ingest: IngestTime,
    /// The feed's clock then.
    pub feed_ts: Option<FeedTime>,
}

/// What became of a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offered {
    /// It waits.
    Added,
    /// It waits in the place of an older one of the same game.
    Replaced,
    /// There are as many games as may wait.
    Refused,
}

/// What there was to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Some notices.
    News,
    /// Nothing for as long as was waited.
    Nothing,
    /// Nothing, and nothing more is to be waited for.
    Closed,
}

/// The board. Any number of threads leave notices; one takes them.
pub struct Board {
    limits: BoardLimits,
    waiting: Mutex<Waiting>,
    /// Told when as many games wait as [`Waiting::wanted`], and at the end.
    news: Condvar,
    hasher: RandomState,
    metrics: BoardMetrics,
}

/// Locked for a look-up, and to take everything: for some tens of nanoseconds.
struct Waiting {
    /// The oldest first.
    notices: Vec<Notice>,
    /// Places in `notices`, found by the games there.
    places: HashTable<u32>,
    /// How many games whoever takes waits for; 0 while nobody waits.
    wanted: usize,
    is_closed: bool,
    /// Notices that took another's place since the last take, who counts them: whoever leaves one has no time.
    replaced: u64,
    /// How many games had news at once in the last takes, fading by half with each.
    at_once: usize,
}

/// Notices that there is room for without another allocation: four Sundays' games.
const ROOM: usize = 64;

impl Board {
    /// An empty board.
    pub fn new(limits: BoardLimits, metrics: BoardMetrics) -> Board {
        let room = limits.games_max.min(ROOM);
        Board {
            limits,
            waiting: Mutex::new(Waiting {
                notices: Vec::with_capacity(room),
                places: HashTable::with_capacity(room),
                wanted: 0,
                is_closed: false,
                replaced: 0,
                at_once: 0,
            }),
            news: Condvar::new(),
            hasher: RandomState::default(),
            metrics,
        }
    }

    /// Leaves a notice of `game`. Takes some tens of nanoseconds (`cargo bench --bench apply`) and wakes
    /// nobody: [`Board::ring`] does, once what is more urgent is done.
    pub fn offer(&self, game: &GameId, news: News, ingest: IngestTime, feed_ts: Option<FeedTime>) -> Offered {
        let hashed = self.hasher.hash_one(game);
        let mut waiting = self.waiting.lock();
        let Waiting {
            notices, places, replaced, ..
        } = &mut *waiting;
        if let Some(place) = places.find(hashed, |place| notices[*place as usize].game == *game) {
            let older = &mut notices[*place as usize];
            (older.news, older.ingest, older.feed_ts) = (news, ingest, feed_ts);
            *replaced += 1;
            return Offered::Replaced;
        }
        if notices.len() >= self.limits.games_max {
            drop(waiting);
            self.metrics.refused.increment(1);
            return Offered::Refused;
        }
        let hash = |place: &u32| self.hasher.hash_one(&notices[*place as usize].game);
        places.insert_unique(hashed, notices.len() as u32, hash);
        notices.push(Notice {
            game: game.clone(),
            news,
            ingest,
            feed_ts,
        });
        Offered::Added
    }

    /// Wakes whoever waits for notices, where those it waits for are there.
    pub fn ring(&self) {
        let waiting = self.waiting.lock();
        let is_enough = waiting.wanted > 0 && waiting.notices.len() >= waiting.wanted;
        drop(waiting);
        if is_enough {
            self.news.notify_one();
        }
    }

    /// Takes all notices into `taken`, which it empties first, the oldest first; waits up to `patience` for
    /// the first one.
    pub fn take(&self, taken: &mut Vec<Notice>, patience: Duration) -> Taken {
        taken.clear();
        let mut waiting = self.waiting.lock();
        self.wait(&mut waiting, 1, patience);
        if waiting.notices.is_empty() {
            return if waiting.is_closed { Taken::Closed } else { Taken::Nothing };
        }
        let at_once = waiting.at_once;
        if at_once > 1 {
            self.wait(&mut waiting, at_once, self.limits.batch_wait);
        }
        waiting.at_once = waiting.notices.len().max(at_once / 2);
        waiting.places.clear();
        std::mem::swap(taken, &mut waiting.notices);
        let replaced = std::mem::take(&mut waiting.replaced);
        drop(waiting);
        self.metrics.taken.increment(taken.len() as u64);
        self.metrics.replaced.increment(replaced);
        Taken::News
    }

    /// Waits until so many games have news, `most` at the longest.
    fn wait(&self, waiting: &mut MutexGuard<'_, Waiting>, wanted: usize, most: Duration) {
        waiting.wanted = wanted;
        let lacks = |waiting: &mut Waiting| waiting.notices.len() < wanted && !waiting.is_closed;
        self.news.wait_while_for(waiting, lacks, most);
        waiting.wanted = 0;
    }

    /// Nothing is waited for from here on; what is there can still be taken.
    pub fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.news.notify_all();
    }
}

#[cfg(test)]
mod tests;
