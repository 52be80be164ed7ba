//! Which contest is drawn next, and how many draws of it.
//!
//! Owns the order alone: what each contest's odds are worth now, who watches, and what draws of it took. Never draws, and
//! never looks at a clock: it is told what happened and when. A contest is drawn in slices, so that one that is large or
//! of no interest holds up nobody for longer than a slice, and its odds can be shown after the first. Bounded by the
//! contests that it is told of, three small entries each; with thousands of them, whose turn it is takes no search.
//!
//! The order: contests somebody watches come before all others; of these, who has no odds of the state as it is comes before who
//! has some that could be sharper; and then who has waited longest. A contest whose players score again and again is
//! still drawn: a new state is taken up at most every [`Pace::every_us`], and until then the odds of the last one are
//! sharpened; so they are too until a state has a few hundred draws, as odds of a dozen say nothing.

use super::draw::LANES;
use std::collections::{BTreeMap, BTreeSet};

/// How often, how long, how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// What a slice may take, in microseconds of all its threads' time together.
    pub slice_us: u64,
    /// Draws after which odds are sharp enough.
    pub draws: u32,
    /// A contest's state is taken up at most once in so many microseconds.
    pub every_us: i64,
}

impl Default for Pace {
    /// A slice of 100 ms, 20,000 draws, a new state every two seconds.
    fn default() -> Pace {
        Pace {
            slice_us: 100_000,
            draws: 20_000,
            every_us: 2_000_000,
        }
    }
}

/// Draws that a state is kept for, however long that takes.
const DRAWS_LEAST: u32 = 256;

/// What a draw takes for each entry before any was timed, in nanoseconds: a slow core's.
const GUESSED_NS_EACH: u64 = 20;

/// What is to be drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice<K> {
    /// Of which contest.
    pub contest: K,
    /// Whether the players' state is to be taken anew, and what was drawn before forgotten.
    pub anew: bool,
    /// The number of the first draw.
    pub first: u64,
    /// How many.
    pub draws: u32,
}

struct Contest {
    entries: usize,
    watchers: usize,
    /// Something happened that its odds do not know of, since then.
    moved_us: Option<i64>,
    /// When its state was taken, and draws made of that.
    taken_us: Option<i64>,
    drawn: u32,
    /// Whether the time has come to take it anew.
    is_due: bool,
    /// What a draw takes, in nanoseconds of all threads' time.
    draw_ns: u64,
}

impl Contest {
    /// Its place among those that can be drawn: nobody watches it, its state is not to be taken anew, since when it waits.
    fn rank(&self, pace: &Pace) -> Option<(bool, bool, i64)> {
        let anew = self.moved_us.filter(|_| self.is_due);
        let sharper = self.taken_us.filter(|_| self.drawn < pace.draws);
        let since = anew.or(sharper)?;
        Some((self.watchers == 0, anew.is_none(), since))
    }

    /// When its state may be taken, where there is news of it.
    fn due_us(&self, pace: &Pace) -> Option<i64> {
        self.moved_us.filter(|_| !self.is_due)?;
        let Some(taken_us) = self.taken_us else { return Some(i64::MIN) };
        let is_enough = self.drawn >= DRAWS_LEAST.min(pace.draws);
        is_enough.then(|| taken_us.saturating_add(pace.every_us))
    }
}

/// All contests that are drawn.
pub struct Refresh<K> {
    pace: Pace,
    contests: BTreeMap<K, Contest>,
    /// Those that can be drawn; who sorts first goes first.
    ready: BTreeSet<((bool, bool, i64), K)>,
    /// Those with news, by when it may be taken up.
    later: BTreeSet<(i64, K)>,
}

impl<K: Copy + Ord> Refresh<K> {
    /// Of no contest yet.
    pub fn new(pace: Pace) -> Refresh<K> {
        Refresh {
            pace,
            contests: BTreeMap::new(),
            ready: BTreeSet::new(),
            later: BTreeSet::new(),
        }
    }

    /// Tells of one contest, and puts it where it belongs then.
    fn change(&mut self, contest: K, told: impl FnOnce(&mut Contest, &Pace)) {
        let Some(known) = self.contests.get_mut(&contest) else {
            return;
        };
        let places = |known: &Contest| (known.rank(&self.pace), known.due_us(&self.pace));
        let (rank, due_us) = places(known);
        told(known, &self.pace);
        let (rank_now, due_us_now) = places(known);
        if rank != rank_now {
            rank.map(|rank| self.ready.remove(&(rank, contest)));
            rank_now.map(|rank| self.ready.insert((rank, contest)));
        }
        if due_us != due_us_now {
            due_us.map(|due_us| self.later.remove(&(due_us, contest)));
            due_us_now.map(|due_us| self.later.insert((due_us, contest)));
        }
    }

    /// A contest is there, or has other entries than before.
    pub fn add(&mut self, contest: K, entries: usize, now_us: i64) {
        let watchers = self.contests.get(&contest).map_or(0, |known| known.watchers);
        self.remove(contest);
        let new = Contest {
            entries,
            watchers,
            moved_us: None,
            taken_us: None,
            drawn: 0,
            is_due: false,
            draw_ns: (entries as u64 * GUESSED_NS_EACH).max(1),
        };
        self.contests.insert(contest, new);
        self.moved(contest, now_us);
    }

    /// A contest is gone.
    pub fn remove(&mut self, contest: K) {
        if let Some(known) = self.contests.remove(&contest) {
            known.rank(&self.pace).map(|rank| self.ready.remove(&(rank, contest)));
            known.due_us(&self.pace).map(|due_us| self.later.remove(&(due_us, contest)));
        }
    }

    /// So many watch a contest, or entries of it.
    pub fn watched(&mut self, contest: K, watchers: usize) {
        self.change(contest, |known, _| known.watchers = watchers);
    }

    /// Something that matters to a contest happened.
    pub fn moved(&mut self, contest: K, now_us: i64) {
        self.change(contest, |known, _| {
            known.moved_us.get_or_insert(now_us);
        });
    }

    /// What to draw now, if anything.
    pub fn next(&mut self, now_us: i64) -> Option<Slice<K>> {
        while let Some((_, contest)) = self.later.first().copied().filter(|(due_us, _)| *due_us <= now_us) {
            self.later.pop_first();
            self.change(contest, |known, _| known.is_due = true);
        }
        let ((_, is_as_taken, _), key) = *self.ready.first()?;
        let contest = self.contests.get(&key)?;
        let drawn = if is_as_taken { contest.drawn } else { 0 };
        Some(Slice {
            contest: key,
            anew: !is_as_taken,
            first: drawn.into(),
            draws: self.fits(contest).min(self.pace.draws.saturating_sub(drawn).max(1)),
        })
    }

    /// When there may be something to draw again, if [`Refresh::next`] has nothing now.
    pub fn wakes_us(&self) -> Option<i64> {
        self.later.first().map(|(due_us, _)| *due_us)
    }

    /// A slice begins, with the state as it is now: what happens from here on is news.
    pub fn begun(&mut self, slice: &Slice<K>, now_us: i64) {
        if !slice.anew {
            return;
        }
        self.change(slice.contest, |contest, _| {
            (contest.moved_us, contest.is_due) = (None, false);
            contest.taken_us = Some(now_us);
            contest.drawn = 0;
        });
    }

    /// What happened makes no difference to what may come: the odds that there are hold on. In the place of
    /// [`Refresh::begun`] of a slice that is to begin anew.
    pub fn same(&mut self, slice: &Slice<K>, now_us: i64) {
        self.change(slice.contest, |contest, _| {
            (contest.moved_us, contest.is_due) = (None, false);
            contest.taken_us = Some(now_us);
        });
    }

    /// For how long the oldest news waits of those contests that somebody watches; nothing where none does.
    pub fn behind_us(&self, now_us: i64) -> Option<i64> {
        let watched = self.contests.values().filter(|contest| contest.watchers > 0);
        watched
            .filter_map(|contest| contest.moved_us)
            .map(|moved| now_us.saturating_sub(moved))
            .max()
    }

    /// A slice was drawn, so far: `draws` of it, in so many microseconds of all threads' time. A contest that is over is
    /// drawn no further: every draw is the same.
    pub fn drawn(&mut self, slice: &Slice<K>, draws: u32, took_us: u64, is_over: bool) {
        self.change(slice.contest, |contest, pace| {
            contest.drawn = if is_over { pace.draws } else { contest.drawn.saturating_add(draws) };
            if draws > 0 {
                let took_ns = took_us.saturating_mul(1_000) / u64::from(draws);
                contest.draw_ns = ((3 * contest.draw_ns + took_ns) / 4).max(1);
            }
        });
    }

    /// Contests that it knows.
    pub fn len(&self) -> usize {
        self.contests.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.contests.is_empty()
    }

    /// Entries of all contests.
    pub fn entries(&self) -> usize {
        self.contests.values().map(|contest| contest.entries).sum()
    }

    /// Draws that fit a slice, in whole blocks; one block at least.
    fn fits(&self, contest: &Contest) -> u32 {
        let draws = self.pace.slice_us.saturating_mul(1_000) / contest.draw_ns;
        let blocks = (draws / LANES as u64).clamp(1, u64::from(u32::MAX) / LANES as u64);
        (blocks * LANES as u64) as u32
    }
}
