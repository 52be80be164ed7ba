//! Which contest is drawn next, and how many draws of it.
//!
//! Owns the order alone: what each contest's odds are worth now, who watches, and what draws of it took. Never draws, and
//! never looks at a clock: it is told what happened and when. A contest is drawn in slices, so that one that is large or
//! of no interest holds up nobody for longer than a slice, and its odds can be shown after the first. Bounded by the
//! contests that it is told of, one small entry each.
//!
//! The order: contests somebody watches come before all others; of these, who has no odds of the state as it is comes before who
//! has some that could be sharper; and then who has waited longest. A contest whose players score again and again is
//! still drawn: a new state is taken up at most every [`Pace::every_us`], and until then the odds of the last one are
//! sharpened.

use super::draw::LANES;
use std::collections::BTreeMap;

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
    /// What a draw takes, in nanoseconds of all threads' time.
    draw_ns: u64,
}

/// All contests that are drawn.
pub struct Refresh<K> {
    pace: Pace,
    contests: BTreeMap<K, Contest>,
}

impl<K: Copy + Ord> Refresh<K> {
    /// Of no contest yet.
    pub fn new(pace: Pace) -> Refresh<K> {
        Refresh {
            pace,
            contests: BTreeMap::new(),
        }
    }

    /// A contest is there, or has other entries than before.
    pub fn add(&mut self, contest: K, entries: usize, now_us: i64) {
        let watchers = self.contests.get(&contest).map_or(0, |known| known.watchers);
        let new = Contest {
            entries,
            watchers,
            moved_us: Some(now_us),
            taken_us: None,
            drawn: 0,
            draw_ns: (entries as u64 * GUESSED_NS_EACH).max(1),
        };
        self.contests.insert(contest, new);
    }

    /// A contest is gone.
    pub fn remove(&mut self, contest: K) {
        self.contests.remove(&contest);
    }

    /// So many watch a contest, or entries of it.
    pub fn watched(&mut self, contest: K, watchers: usize) {
        if let Some(known) = self.contests.get_mut(&contest) {
            known.watchers = watchers;
        }
    }

    /// Something that matters to a contest happened.
    pub fn moved(&mut self, contest: K, now_us: i64) {
        if let Some(known) = self.contests.get_mut(&contest) {
            known.moved_us.get_or_insert(now_us);
        }
    }

    /// What to draw now, if anything.
    pub fn next(&self, now_us: i64) -> Option<Slice<K>> {
        let mut best: Option<((bool, bool, i64), Slice<K>)> = None;
        for (key, contest) in &self.contests {
            let may_be_taken = contest
                .taken_us
                .is_none_or(|taken| now_us.saturating_sub(taken) >= self.pace.every_us);
            let anew = contest.moved_us.filter(|_| may_be_taken);
            if anew.is_none() && (contest.drawn >= self.pace.draws || contest.taken_us.is_none()) {
                continue;
            }
            let since = anew.or(contest.taken_us).unwrap_or(now_us);
            // Whoever sorts first goes first.
            let rank = (contest.watchers == 0, anew.is_none(), since);
            if best.as_ref().is_some_and(|(other, _)| *other <= rank) {
                continue;
            }
            let drawn = if anew.is_some() { 0 } else { contest.drawn };
            let slice = Slice {
                contest: *key,
                anew: anew.is_some(),
                first: drawn.into(),
                draws: self.fits(contest).min(self.pace.draws.saturating_sub(drawn).max(1)),
            };
            best = Some((rank, slice));
        }
        best.map(|(_, slice)| slice)
    }

    /// When there may be something to draw again, if [`Refresh::next`] has nothing now.
    pub fn wakes_us(&self) -> Option<i64> {
        let waiting = self.contests.values().filter(|contest| contest.moved_us.is_some());
        waiting
            .map(|contest| contest.taken_us.map_or(i64::MIN, |taken| taken.saturating_add(self.pace.every_us)))
            .min()
    }

    /// A slice begins, with the state as it is now: what happens from here on is news.
    pub fn begun(&mut self, slice: &Slice<K>, now_us: i64) {
        if let Some(contest) = self.contests.get_mut(&slice.contest).filter(|_| slice.anew) {
            contest.moved_us = None;
            contest.taken_us = Some(now_us);
            contest.drawn = 0;
        }
    }

    /// A slice was drawn, so far: `draws` of it, in so many microseconds of all threads' time. A contest that is over is
    /// drawn no further: every draw is the same.
    pub fn drawn(&mut self, slice: &Slice<K>, draws: u32, took_us: u64, is_over: bool) {
        let all = self.pace.draws;
        let Some(contest) = self.contests.get_mut(&slice.contest) else {
            return;
        };
        contest.drawn = if is_over { all } else { contest.drawn.saturating_add(draws) };
        if draws > 0 {
            let took_ns = took_us.saturating_mul(1_000) / u64::from(draws);
            contest.draw_ns = ((3 * contest.draw_ns + took_ns) / 4).max(1);
        }
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
