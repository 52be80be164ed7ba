//! What a shard gives back where memory is short: [`Level`] says what.
//!
//! Nobody is told anything wrong for it: who is behind by more than what is kept gets a snapshot, a frame
//! that is gone is made anew. Bounded: a mirror at a time, and [`CLOSING_MAX`] clients.

use super::Shard;
use super::conn::{Conn, ConnKey};
use crate::memory::{CLOSING_MAX, Level};
use crate::wire::close::CloseReason;

impl Shard {
    fn level(&self) -> Level {
        self.parts.hub.pressure().level()
    }

    /// Entries mirrored per watched topic now.
    pub(super) fn ring_frames(&self) -> usize {
        self.level().ring_frames(self.parts.limits.ring_frames)
    }

    /// Whether topics that nobody here watches yet are refused.
    pub(super) fn takes_no_topics(&self) -> bool {
        self.level() >= Level::Newcomers
    }

    /// Whether there is anything to give back.
    pub(super) fn is_to_relieve(&self) -> bool {
        self.level() >= Level::History
    }

    /// Gives back what a topic's mirror can spare.
    pub(super) fn relieve(&mut self, mirror: usize) {
        let (level, ring_frames) = (self.level(), self.ring_frames());
        let Some(topic) = self.mirrors.get_mut(mirror) else { return };
        let held = topic.held_bytes();
        if level >= Level::History {
            topic.shrink(ring_frames);
        }
        if level >= Level::IdleRulesets {
            topic.drop_frames(|ruleset| self.subscribed[ruleset.place()] == 0);
        }
        self.levels.mirrored += topic.held_bytes() as i64 - held as i64;
    }

    /// At [`Level::Slowest`], closes the slowest clients: those whose sockets refuse bytes, who hold most and
    /// have done so longest. Call it about once a second. Those who take what they are sent all stay. Of those
    /// who are closed for this so many are under way at most, so that no more go than must.
    pub fn close_slowest(&mut self, now_us: i64) {
        if self.level() < Level::Slowest || self.levels.blocked == 0 {
            return;
        }
        let mut slowest: Vec<(usize, i64, ConnKey)> = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.blocked && !conn.is_closing())
            .map(|(index, conn)| {
                let since_us = conn.busy.as_ref().and_then(|busy| busy.stuck_since_us).unwrap_or(now_us);
                (conn.held_bytes(), now_us - since_us, conn.key(index as u32))
            })
            .collect();
        let leaves = |conn: &Conn| {
            conn.busy
                .as_ref()
                .and_then(|busy| busy.closing)
                .is_some_and(|closing| closing.reason == CloseReason::Overloaded)
        };
        let leaving = self.conns.iter().filter(|(_, conn)| leaves(conn)).count();
        slowest.sort_unstable_by_key(|(held, stuck_us, _)| std::cmp::Reverse((*held, *stuck_us)));
        for (_, _, key) in slowest.into_iter().take(CLOSING_MAX.saturating_sub(leaving)) {
            // It is told when to come back, if its socket takes that in time.
            self.close(key, CloseReason::Overloaded, now_us);
        }
    }
}
