//! What is looked at some at a time, for a turn between two slices of writes: topics that moved or whose rest
//! is over, every topic where notices were dropped, and once a second every client.
//!
//! What a turn does not reach waits for the next. Of a topic that was not looked at yet, nothing was offered.
//! Bounded by the topics watched here: however often one moves meanwhile, it is in the list once.

use super::conn::Look;
use super::walks::Rest;
use super::{Shard, Writer};
use crate::fanout::hub::Notice;
use std::collections::VecDeque;

/// How long a shard looks at what is due, takes commands or reads sockets before writing goes on; the one
/// thing under way is finished.
pub(in crate::fanout) const TURN_US: i64 = 500;

/// Places of a round that one look passes over where nothing is to be done.
const STRETCH: usize = 64;

/// A round of all places. Where it is begun anew it goes on from where it stands: however often that happens,
/// every place is reached.
#[derive(Default)]
pub(super) struct Round {
    next: usize,
    places: usize,
    left: usize,
}

impl Round {
    /// Each of so many places is reached once from here on.
    fn begin(&mut self, places: usize) {
        (self.places, self.left) = (places, places);
    }

    fn is_over(&self) -> bool {
        self.left == 0
    }
}

impl Iterator for Round {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.next % self.places;
        self.next = place + 1;
        Some(place)
    }
}

/// What is to be looked at.
#[derive(Default)]
pub(super) struct Looks {
    /// Mirrors of topics that moved, or whose rest is over.
    pub(super) news: VecDeque<usize>,
    /// All mirrors.
    topics: Round,
    /// All mirrors, where memory is short.
    relief: Round,
    /// All clients.
    clients: Round,
}

impl Looks {
    /// Whether there is anything.
    pub(super) fn are_due(&self) -> bool {
        !(self.news.is_empty() && self.topics.is_over() && self.relief.is_over() && self.clients.is_over())
    }
}

impl Shard {
    /// Topics that moved: [`Shard::pump`] looks at them.
    pub fn notice(&mut self, notice: &Notice) {
        for topic in notice {
            if let Some(&mirror) = self.mirror_of.get(topic) {
                self.look_soon(mirror);
            }
        }
    }

    /// Begins a round of looking at every watched topic, as if there had been a notice of each: some were
    /// dropped. [`Shard::pump`] does the looking.
    pub fn look_everywhere(&mut self) {
        self.stats.resyncs += 1;
        self.looks.topics.begin(self.mirrors.capacity());
    }

    /// Begins a round of looking at every client: pings, and closes those who are silent, stalled or done.
    /// Call it about once a second; [`Shard::pump`] does the looking. A round that is not over goes on.
    pub fn tick(&mut self) {
        self.looks.clients.begin(self.conns.capacity());
        if self.is_to_relieve() {
            self.looks.relief.begin(self.mirrors.capacity());
        }
    }

    /// The thread did not run for so long. No client is silent, stalled or slow to leave for that: what it said
    /// was not read, and most have nothing to say until they are asked.
    pub fn slept(&mut self, us: i64, now_us: i64) {
        for (_, conn) in &mut self.conns {
            conn.excuse(us, now_us);
        }
    }

    /// Puts a topic among those to be looked at.
    pub(super) fn look_soon(&mut self, mirror: usize) {
        if !std::mem::replace(&mut self.mirrors[mirror].is_news, true) {
            self.looks.news.push_back(mirror);
        }
    }

    /// Looks at what is due, for a turn that began at `now_us`.
    pub(super) fn look(&mut self, now_us: i64, steady_us: &impl Fn() -> i64, writer: &mut impl Writer) {
        while self.looks.are_due() {
            self.look_on(now_us, writer);
            if steady_us() - now_us >= TURN_US {
                break;
            }
        }
    }

    /// One look of each sort.
    fn look_on(&mut self, now_us: i64, writer: &mut impl Writer) {
        // By now the place may be nobody's or another topic's, which does that no harm.
        if let Some(mirror) = self.looks.news.pop_front()
            && let Some(topic) = self.mirrors.get_mut(mirror)
        {
            topic.is_news = false;
            self.look_at_topic(mirror, now_us);
        }
        for _ in 0..STRETCH {
            let Some(mirror) = self.looks.topics.next() else { break };
            if self.look_at_topic(mirror, now_us) {
                break;
            }
        }
        if let Some(mirror) = self.looks.relief.next() {
            self.relieve(mirror);
        }
        for _ in 0..STRETCH {
            let Some(index) = self.looks.clients.next() else { break };
            if self.look_at_client(index, now_us, writer) {
                break;
            }
        }
    }

    /// Brings a topic's mirror up to date and marks who has to be told; they are told in a walk, which waits
    /// where the topic rests. True where each of its subscribers was looked at.
    fn look_at_topic(&mut self, mirror: usize, now_us: i64) -> bool {
        let Some(topic) = self.mirrors.get_mut(mirror) else { return false };
        // Where somebody waits for its end, the timer ends it.
        if !topic.moved && matches!(topic.rest, Rest::Until(due) if due <= now_us) {
            topic.rest = Rest::Over;
        }
        let has_moved = self.moved(mirror);
        if self.mirrors.get(mirror).is_some_and(|topic| topic.is_over) {
            self.end_topic(mirror, now_us);
            return true;
        }
        if has_moved {
            return true;
        }
        let topic = &self.mirrors[mirror];
        let some_wait = topic.moved && topic.rest == Rest::Over;
        if some_wait {
            self.release(mirror);
        }
        some_wait
    }

    /// True where something had to be done: closing a client ends its subscriptions, of which it may hold many.
    fn look_at_client(&mut self, index: usize, now_us: i64, writer: &mut impl Writer) -> bool {
        let Some(conn) = self.conns.get_mut(index) else { return false };
        let key = conn.key(index as u32);
        match conn.look(&self.parts.limits, now_us) {
            Look::Well => return false,
            Look::Ping => self.ping(key),
            Look::Close(reason) => self.close(key, reason, now_us),
            Look::Cut(reason) => self.remove(key, reason, writer),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_that_is_begun_over_and_over_reaches_every_place() {
        let mut round = Round::default();
        assert_eq!(round.next(), None);
        let mut reached = vec![0; 10];
        for places in [4, 4, 7, 7, 7, 10, 10, 10, 10, 10] {
            round.begin(places);
            round.by_ref().take(3).for_each(|place| reached[place] += 1);
        }
        assert!(!round.is_over() && reached.iter().all(|times| *times > 0), "{reached:?}");
        round.begin(10);
        let mut all: Vec<usize> = round.by_ref().collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>(), "each once");
        assert!(round.is_over());
    }
}
