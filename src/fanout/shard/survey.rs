//! Who is furthest behind: one look at every connection, some at a time.
//!
//! For operators. A survey stops nobody: it goes on for [`STEPS_IN_A_TURN`] and lets the shard write. Bounded:
//! it keeps as many clients as it was asked for, a few words each, and asks the chosen ones for the rest at the end.

use super::conn::{Conn, ConnKey, Kind};
use super::mirror::Mirror;
use super::{Shard, session};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Connections and subscriptions with something pending that are looked at in one turn: some tens of microseconds,
/// and as much again for the last client's own subscriptions.
const STEPS_IN_A_TURN: usize = 512;

/// A client that has not been sent all there is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlowClient {
    /// Its connection.
    pub conn: ConnKey,
    /// What it was told in `welcome`.
    pub session: String,
    /// How it is spoken to.
    pub kind: Kind,
    /// Its subscriptions.
    pub subscriptions: usize,
    /// Changes that it has yet to be sent.
    pub pending: u64,
    /// How long ago the oldest of them was worked out; of one that is behind its topic's ring, at least.
    pub oldest_us: i64,
    /// For how long its socket has taken nothing of what it was offered; nothing where it takes bytes.
    pub stuck_us: Option<i64>,
    /// Bytes held for it besides its subscriptions.
    pub held_bytes: usize,
}

impl SlowClient {
    /// How far behind it is in time: the order of a list.
    pub fn behind_us(&self) -> i64 {
        self.oldest_us.max(self.stuck_us.unwrap_or(0))
    }
}

/// How far behind a client is: by time first, then by changes.
type Lag = (i64, u64);

/// A look at all connections that is under way.
#[derive(Debug)]
pub struct Survey {
    clients_max: usize,
    next: usize,
    /// The slowest so far, the least slow of them first.
    kept: BinaryHeap<Reverse<(Lag, ConnKey)>>,
}

impl Survey {
    /// One that keeps the slowest so many.
    pub fn of(clients_max: usize) -> Survey {
        Survey {
            clients_max,
            next: 0,
            kept: BinaryHeap::new(),
        }
    }

    fn keep(&mut self, lag: Lag, conn: ConnKey) {
        self.kept.push(Reverse((lag, conn)));
        if self.kept.len() > self.clients_max {
            self.kept.pop();
        }
    }
}

impl Shard {
    /// Goes on with a survey for a turn. Once all have been looked at, those who are behind still, the slowest
    /// first.
    pub fn survey(&self, survey: &mut Survey, now_us: i64) -> Option<Vec<SlowClient>> {
        let mut steps = 0;
        while survey.next < self.conns.capacity() {
            if steps >= STEPS_IN_A_TURN {
                return None;
            }
            if let Some(conn) = self.conns.get(survey.next) {
                steps += conn.subs.listed().len();
                if let Some(lag) = self.lag(conn, now_us) {
                    survey.keep(lag, conn.key(survey.next as u32));
                }
            }
            (survey.next, steps) = (survey.next + 1, steps + 1);
        }
        let kept = survey.kept.iter().filter_map(|Reverse((_, key))| {
            let conn = self.conns.get(key.index as usize)?;
            (conn.generation == key.generation).then_some((conn, *key))
        });
        let mut slowest: Vec<SlowClient> = kept.filter_map(|(conn, key)| self.slow_client(conn, key, now_us)).collect();
        slowest.sort_by_key(|client| Reverse((client.behind_us(), client.pending)));
        Some(slowest)
    }

    fn slow_client(&self, conn: &Conn, key: ConnKey, now_us: i64) -> Option<SlowClient> {
        let (oldest_us, pending) = self.waiting(conn, now_us);
        self.lag(conn, now_us).map(|_| SlowClient {
            conn: key,
            session: session(&self.parts, key),
            kind: conn.kind,
            subscriptions: conn.subs.len(),
            pending,
            oldest_us,
            stuck_us: stuck_us(conn, now_us),
            held_bytes: conn.held_bytes(),
        })
    }

    /// How far behind a client is; nothing where it is not.
    fn lag(&self, conn: &Conn, now_us: i64) -> Option<Lag> {
        if !conn.blocked && conn.subs.listed().is_empty() {
            return None;
        }
        let (oldest_us, pending) = self.waiting(conn, now_us);
        let stuck_us = stuck_us(conn, now_us);
        (stuck_us.is_some() || pending > 0).then_some((oldest_us.max(stuck_us.unwrap_or(0)), pending))
    }

    /// The age of the oldest change that waits for a client, and how many wait.
    fn waiting(&self, conn: &Conn, now_us: i64) -> (i64, u64) {
        let (mut oldest_us, mut pending) = (0, 0);
        for place in conn.subs.listed() {
            let Some(cursor) = conn.subs.get(*place) else { continue };
            let mirror = &self.mirrors[cursor.mirror as usize];
            // A snapshot may be ahead of its mirror for a moment.
            pending += mirror.head.saturating_sub(cursor.seq);
            if cursor.seq < mirror.head {
                oldest_us = oldest_us.max(oldest_age_us(mirror, cursor.seq, now_us));
            }
        }
        (oldest_us, pending)
    }
}

fn stuck_us(conn: &Conn, now_us: i64) -> Option<i64> {
    let since_us = conn.busy.as_ref().and_then(|busy| busy.stuck_since_us);
    since_us.filter(|_| conn.blocked).map(|since_us| (now_us - since_us).max(0))
}

/// The age of the first change after `seq`, or of the oldest there is where that is no longer there.
fn oldest_age_us(mirror: &Mirror, seq: u64, now_us: i64) -> i64 {
    let first = mirror.ring.front().map_or(0, |first| first.entry.seq);
    let place = (seq + 1).saturating_sub(first);
    let entry = usize::try_from(place).ok().and_then(|place| mirror.ring.get(place));
    entry.map_or(0, |mirrored| (now_us - mirrored.entry.change.applied.0).max(0))
}
