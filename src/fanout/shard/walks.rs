//! How long walks take: from the first client of a change to the last; and how long a topic rests then.
//!
//! A walk is a stretch of the list of clients who are behind. Several can be under way, one behind the
//! other: no more than there are clients behind, as each has one of its own.

use std::collections::VecDeque;

/// How many times as long as its walk a topic rests.
const REST_PER_WALK: i64 = 2;

/// When a topic's next walk may begin. What it gathers until then goes to each client in one write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    /// At once.
    Over,
    /// When the walk from this place of the list is over, and after a rest.
    Walking(u64),
    /// At this time.
    Until(i64),
}

/// A walk that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Over {
    /// Its topic's place.
    pub(super) mirror: usize,
    /// Where it began.
    pub(super) from: u64,
    /// How many clients it served.
    pub(super) clients: usize,
    /// From the first of them to the last.
    pub(super) took_us: i64,
}

impl Over {
    /// How long the topic rests; not at all after a walk of one slice, which costs too little to be spared.
    pub(super) fn rest_us(&self, slice_clients: usize, rest_us_max: i64) -> i64 {
        match self.clients <= slice_clients {
            true => 0,
            false => (REST_PER_WALK * self.took_us).min(rest_us_max),
        }
    }
}

/// One walk: the places of its first client and of the one after its last, counted from the list's
/// beginning of time.
struct Walk {
    mirror: usize,
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
    /// A topic moved: the list grew from that many clients to so many. The place where the walk begins;
    /// none where all of the topic's subscribers were behind already, and are served in an earlier one.
    pub(super) fn begin(&mut self, mirror: usize, before: usize, after: usize) -> Option<u64> {
        if before == after {
            return None;
        }
        let (from, to) = (self.passed + before as u64, self.passed + after as u64);
        self.open.push_back(Walk {
            mirror,
            from,
            to,
            began_us: None,
        });
        Some(from)
    }

    /// Whether the walk from this place has reached its first client.
    pub(super) fn has_begun(&self, from: u64) -> bool {
        from < self.passed
    }

    /// The first `count` clients of the list are served.
    pub(super) fn passed(&mut self, count: usize) {
        self.passed += count as u64;
    }

    /// The next walk that is over, where the clients passed last were served between these two times.
    pub(super) fn next_over(&mut self, began_us: i64, ended_us: i64) -> Option<Over> {
        // Where the first has not begun, the ones behind it have not either.
        let first = self.open.front_mut().filter(|walk| walk.from < self.passed)?;
        let took_us = ended_us - *first.began_us.get_or_insert(began_us);
        if first.to > self.passed {
            return None;
        }
        let over = Over {
            mirror: first.mirror,
            from: first.from,
            clients: (first.to - first.from) as usize,
            took_us,
        };
        self.open.pop_front();
        Some(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(walks: &mut Walks, began_us: i64, ended_us: i64) -> Vec<(usize, usize, i64)> {
        let all = std::iter::from_fn(|| walks.next_over(began_us, ended_us));
        all.map(|over| (over.mirror, over.clients, over.took_us)).collect()
    }

    #[test]
    fn each_walk_lasts_from_its_first_client_to_its_last() {
        let mut walks = Walks::default();
        let begun = [(7, 0, 10), (8, 10, 12), (9, 12, 12)].map(|(mirror, before, after)| walks.begin(mirror, before, after));
        assert_eq!(begun, [Some(0), Some(10), None]);
        walks.passed(8);
        assert!(walks.has_begun(0) && !walks.has_begun(10));
        assert_eq!(over(&mut walks, 100, 200), []);
        walks.passed(3);
        assert_eq!(over(&mut walks, 200, 300), [(7, 10, 200)]);
        walks.passed(1);
        assert_eq!(over(&mut walks, 300, 400), [(8, 2, 200)]);
        assert!(walks.open.is_empty());
    }

    #[test]
    fn a_rest_is_as_long_as_its_walk_was_worth() {
        let rests = [(8, 2_000, 10_000), (9, 2_000, 10_000), (9, 20_000, 10_000), (9, 20_000, 0)].map(|(clients, took_us, max_us)| {
            let over = Over {
                mirror: 0,
                from: 0,
                clients,
                took_us,
            };
            over.rest_us(8, max_us)
        });
        assert_eq!(rests, [0, 4_000, 10_000, 0]);
    }
}
