//! How long walks take: from the first client of a change to the last.
//!
//! A walk is a stretch of the list of clients who are behind. Several can be under way, one behind the
//! other; bounded by [`OPEN_MAX`], beyond which the last two are one.

use super::account::Latencies;
use std::collections::VecDeque;

/// Most walks told apart.
const OPEN_MAX: usize = 64;

/// One walk: the places of its first client and of the one after its last, counted from the list's
/// beginning of time.
struct Walk {
    from: u64,
    to: u64,
    began_us: Option<i64>,
}

/// Walks under way.
#[derive(Default)]
pub(super) struct Walks {
    passed: u64,
    open: VecDeque<Walk>,
}

impl Walks {
    /// A topic moved: the list grew from that many clients to so many.
    pub(super) fn begin(&mut self, before: usize, after: usize) {
        let (from, to) = (self.passed + before as u64, self.passed + after as u64);
        if from == to {
            return; // All of its subscribers were behind already, and are served in an earlier walk.
        }
        let is_full = self.open.len() >= OPEN_MAX;
        match self.open.back_mut() {
            Some(last) if is_full => last.to = to,
            _ => self.open.push_back(Walk { from, to, began_us: None }),
        }
    }

    /// The first `count` clients of the list were served between these two times.
    pub(super) fn passed(&mut self, count: usize, began_us: i64, ended_us: i64, spreads: &mut Latencies) {
        self.passed += count as u64;
        while let Some(first) = self.open.front_mut().filter(|walk| walk.from < self.passed) {
            let began = *first.began_us.get_or_insert(began_us);
            if first.to > self.passed {
                // The ones behind it have not begun either.
                return;
            }
            spreads.record(ended_us - began);
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_walk_lasts_from_its_first_client_to_its_last() {
        let (mut walks, mut spreads) = (Walks::default(), Latencies::default());
        walks.begin(0, 10);
        walks.begin(10, 12);
        walks.begin(12, 12);
        walks.passed(8, 100, 200, &mut spreads);
        assert_eq!(spreads, Latencies::default());
        walks.passed(3, 200, 300, &mut spreads);
        walks.passed(1, 300, 400, &mut spreads);
        // 200 µs each: the first from 100 to 300, the second from 200 to 400.
        assert_eq!(spreads.counts().iter().sum::<u32>(), 2);
        assert!(walks.open.is_empty());
    }

    #[test]
    fn walks_beyond_the_limit_are_counted_as_one() {
        let (mut walks, mut spreads) = (Walks::default(), Latencies::default());
        for place in 0..2 * OPEN_MAX {
            walks.begin(place, place + 1);
        }
        assert_eq!(walks.open.len(), OPEN_MAX);
        walks.passed(2 * OPEN_MAX, 0, 1, &mut spreads);
        assert!(walks.open.is_empty());
    }
}
