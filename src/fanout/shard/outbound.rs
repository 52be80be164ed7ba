//! What to write next: a batch of clients, each with everything it has pending, in one write.
//!
//! A change counts as written when it is offered; what a socket then does not begin to take is taken
//! back, and may go out merged with what follows. So a delivery that goes through, as nearly all do,
//! is not looked at again.

use super::account::Account;
use super::batch::{Batch, Item, Promise, REPLY, Room, Shared, Wrote};
use super::conn::{Busy, Conn, ConnKey, Kind, Partial};
use super::due::{Due, EventIds, Making, due};
use super::subs::Phase;
use super::{Shard, ShardStats, Writer};
use crate::model::Now;

/// Timers kept before any is looked at again.
pub(super) const TIMERS_MIN: usize = 1024;

/// Bytes encoded or offered after which a slice ends before all its clients are served: about a
/// millisecond's work.
const SLICE_BYTES_MAX: usize = 1 << 20;

/// Whom a batch serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    /// Those who wait for a reply.
    Answers,
    /// Those who are behind.
    Walk,
}

impl Shard {
    /// Serves up to `slice_clients` clients that have something pending, those who wait for a reply first
    /// (but never so many that nobody else is served). `steady_us` is the clock of [`Now::steady_us`], read
    /// after the writes, for latencies.
    /// Returns how many were served.
    pub fn pump(&mut self, now: Now, steady_us: impl Fn() -> i64, writer: &mut impl Writer) -> usize {
        self.look(now.steady_us, &steady_us, writer);
        let slice = self.parts.limits.slice_clients;
        let mut served = 0;
        if !self.answers.is_empty() {
            served = self.serve(Queue::Answers, slice.div_ceil(2), now, &steady_us, writer);
        }
        if !self.dirty.is_empty() {
            served += self.serve(Queue::Walk, (slice - served.min(slice)).max(1), now, &steady_us, writer);
        }
        self.tidy_timers();
        served
    }

    fn serve(&mut self, queue: Queue, clients_max: usize, now: Now, steady_us: &impl Fn() -> i64, writer: &mut impl Writer) -> usize {
        let mut batch = std::mem::take(&mut self.batch);
        let encoded_before = self.stats.encoded_bytes;
        let mut taken = 0;
        while batch.items.len() < clients_max && batch.bytes + ((self.stats.encoded_bytes - encoded_before) as usize) < SLICE_BYTES_MAX {
            let next = match queue {
                Queue::Answers => self.answers.pop_front(),
                Queue::Walk => self.dirty.pop_front(),
            };
            let Some(key) = next else { break };
            taken += 1;
            self.gather(key, queue, now, &mut batch);
        }
        let encoded_us = if self.traces.is_idle() { 0 } else { steady_us() };
        if !batch.items.is_empty() {
            writer.write(&mut batch);
        }
        let written_us = steady_us();
        if !self.traces.is_idle() {
            self.traces.wrote(&batch, encoded_us, written_us);
        }
        if queue == Queue::Walk {
            self.walks.passed(taken);
            while let Some(over) = self.walks.next_over(now.steady_us, written_us) {
                self.walked(over, written_us);
            }
        }
        for mirror in std::mem::take(&mut self.stale) {
            self.moved(mirror as usize);
        }
        for place in 0..batch.items.len() {
            let item = &batch.items[place];
            if item.wrote == Wrote::Bytes(item.bytes) && !item.follow_up {
                self.stats.bytes += item.bytes as u64;
            } else {
                self.settle(&mut batch, place, written_us, writer);
            }
        }
        for (encoded_us, deliveries) in &batch.ages {
            if let Some(encoded_us) = encoded_us {
                self.stats.encode_to_written.record_many(written_us - encoded_us, *deliveries);
            }
        }
        // Not while gathering: what a client says next may move topics and mark clients of this batch.
        for key in std::mem::take(&mut self.idle) {
            self.after_write(key, written_us);
            self.finish_if_done(key, writer);
        }
        let served = batch.items.len();
        batch.clear();
        self.batch = batch;
        served
    }

    /// Puts everything that a client has pending into the batch, as far as one write goes.
    #[inline]
    fn gather(&mut self, key: ConnKey, queue: Queue, now: Now, batch: &mut Batch) {
        let Some(conn) = self
            .conns
            .get_mut(key.index as usize)
            .filter(|conn| conn.generation == key.generation)
        else {
            return;
        };
        match queue {
            Queue::Answers => conn.answering = false,
            Queue::Walk => conn.dirty = false,
        }
        if conn.blocked {
            return;
        }
        if let Some(shared) = batch.shared
            && gather_shared(conn, key, &shared, batch, &mut self.stats)
        {
            self.levels.pending -= (shared.after - shared.before) as i64;
            return;
        }
        self.gather_all(key, now, batch);
    }

    fn gather_all(&mut self, key: ConnKey, now: Now, batch: &mut Batch) {
        let Some(conn) = self.conns.get_mut(key.index as usize) else {
            return;
        };
        let mut room = Room {
            first: batch.pieces.len(),
            bytes: 0,
            bytes_max: self.parts.limits.write_bytes_max,
        };
        let waiting = conn.busy.as_ref().map(|busy| gather_waiting(busy, batch, &mut room));
        let (mut more, offset) = waiting.unwrap_or((true, 0));
        let form = conn.kind.form();
        let behind = offset > 0 || conn.lagging;
        let alone = !behind && conn.busy.is_none() && conn.subs.listed().len() == 1;
        let (mut next, mut shared) = (0, None);
        let mut ids = EventIds::of(conn, &self.mirrors, &self.parts.epoch);
        while more && next < conn.subs.listed().len() {
            let sub = conn.subs.listed()[next];
            next += 1;
            let Some(cursor) = conn.subs.get_mut(sub) else { continue };
            let mirror = &mut self.mirrors[cursor.mirror as usize];
            let mut making = Making {
                now,
                deflater: &mut self.deflater,
                stats: &mut self.stats,
                traces: &mut self.traces,
                item: batch.items.len(),
            };
            let held = mirror.held_bytes();
            let due = due(&self.parts, mirror, cursor, form, behind, &mut making);
            self.levels.mirrored += mirror.held_bytes() as i64 - held as i64;
            let frames = match due {
                Due::Now(frames) => frames,
                Due::Later(due_us) if cursor.put_off(due_us) => {
                    self.timers.push(std::cmp::Reverse((due_us, key, sub)));
                    continue;
                }
                Due::Later(_) | Due::Waits => continue,
            };
            let (before, phase_before) = (cursor.seq, cursor.phase);
            for frame in frames {
                let (seq, (piece, encoded_us)) = (frame.seq, frame.encoded);
                if !more {
                    break;
                }
                if seq > mirror.head {
                    self.stale.push(cursor.mirror);
                }
                let piece = match &mut ids {
                    Some(ids) => ids.event(sub, frame.told, &piece),
                    None => piece,
                };
                let promise = Promise {
                    sub: Some(sub),
                    before: cursor.seq,
                    after: seq,
                    phase_before,
                    snapshot: frame.snapshot,
                    expires: mirror.expires,
                    age: batch.age((phase_before != Phase::Resumed).then_some(encoded_us)),
                };
                book(&promise, &mut conn.account, &mut self.stats, &mut batch.ages);
                self.levels.pending -= (seq - cursor.seq) as i64;
                cursor.seq = seq;
                more = room.take(batch, piece, promise);
            }
            if cursor.seq < mirror.head {
                // There was no room for all: the rest stays pending, for the next write.
                next -= 1;
                break;
            }
            cursor.phase = Phase::Deltas;
            if let Some(pace) = &mut cursor.pace
                && cursor.seq > before
            {
                // A snapshot at the start is no change: the first change after it goes at once.
                pace.next_due_us = now.steady_us + i64::from(pace.gap_us);
            }
            if alone && cursor.pace.is_none() && phase_before == Phase::Deltas && ids.is_none() {
                shared = Some((cursor.mirror, (cursor.ruleset, form), before, cursor.seq));
            }
        }
        // Subscriptions looked at are clean, unless `settle` finds that they were not written.
        conn.subs.unlist(next);
        let follow_up = conn.busy.is_some() || conn.lagging || !conn.subs.listed().is_empty();
        if !batch.close(key, offset, &room, follow_up) {
            self.idle.extend(follow_up.then_some(key));
            return;
        }
        batch.shared = shared.map(|(mirror, key, before, after)| Shared {
            mirror,
            key,
            before,
            after,
            first: room.first as u32,
            count: (batch.pieces.len() - room.first) as u32,
            bytes: room.bytes,
        });
    }

    /// Takes over what became of a write that did not go through, or of one to a client with whom
    /// something is up.
    fn settle(&mut self, batch: &mut Batch, place: usize, now_us: i64, writer: &mut impl Writer) {
        let item = &batch.items[place];
        let key = item.conn;
        let Some(conn) = self
            .conns
            .get_mut(key.index as usize)
            .filter(|conn| conn.generation == key.generation)
        else {
            return;
        };
        let bytes = match item.wrote {
            Wrote::Bytes(bytes) => bytes,
            Wrote::Broken => 0,
        };
        self.stats.bytes += bytes as u64;
        let mut left = bytes + item.offset;
        let had_partial = conn.busy.as_mut().and_then(|busy| busy.partial.take()).is_some();
        let mut full = false;
        for at in item.pieces() {
            let (piece, promise) = (&batch.pieces[at], &batch.promises[at]);
            let resumed = had_partial && at == item.first as usize;
            if left == 0 && !resumed {
                full = true;
                // Not begun: the cursor goes back, and later this may be merged with what follows.
                if let Some(own) = promise.sub {
                    take_back(conn, item.sub.unwrap_or(own), promise, &mut self.stats, &mut batch.ages);
                    self.levels.pending += (promise.after - promise.before) as i64;
                }
                continue;
            }
            if !resumed && promise.sub.is_none() {
                conn.pop_reply();
            }
            let length = piece.bytes().len();
            if left < length {
                full = true;
                conn.busy().partial = Some(Partial {
                    piece: piece.clone(),
                    offset: left,
                });
            }
            left = left.saturating_sub(length);
        }
        if item.wrote == Wrote::Broken {
            self.gone(key, writer);
            return;
        }
        if full {
            self.stats.refused += 1;
            let busy = conn.busy();
            if busy.stuck_since_us.is_none() || bytes > 0 {
                busy.stuck_since_us = Some(now_us);
            }
            conn.lagging = true;
            self.levels.blocked += usize::from(!std::mem::replace(&mut conn.blocked, true));
            self.resume_if_room(key);
            return;
        }
        conn.lagging = false;
        if let Some(busy) = &mut conn.busy {
            busy.stuck_since_us = None;
        }
        self.after_write(key, now_us);
        self.finish_if_done(key, writer);
    }

    /// A write went through: goes on reading where that had stopped, and on writing what is left.
    fn after_write(&mut self, key: ConnKey, now_us: i64) {
        self.depart_if_served(key, now_us);
        let Some(conn) = self.conn(key) else { return };
        if conn.has_replies() {
            self.answer(key);
        } else if !conn.subs.listed().is_empty() {
            self.mark_dirty(key);
        }
        self.resume_if_room(key);
        if let Some(conn) = self.conn(key) {
            conn.relax();
        }
    }

    fn resume_if_room(&mut self, key: ConnKey) {
        let replies_bytes_max = self.parts.limits.replies_bytes_max;
        if let Some(conn) = self.conn(key)
            && conn.read_paused
            && conn.replies_bytes() < replies_bytes_max
        {
            self.resumed.push(key);
        }
    }

    /// Forgets timers of subscriptions that are gone, once they may be most of all: a client that
    /// subscribes over and over leaves one each time.
    fn tidy_timers(&mut self) {
        if self.timers.len() < self.timers_max {
            return;
        }
        let conns = &mut self.conns;
        self.timers.retain(|std::cmp::Reverse((due, key, sub))| {
            let conn = conns.get_mut(key.index as usize).filter(|conn| conn.generation == key.generation);
            conn.and_then(|conn| conn.timer(*sub)).is_some_and(|timer| *timer == Some(*due))
        });
        self.timers_max = 2 * self.timers.len() + TIMERS_MIN;
    }

    fn finish_if_done(&mut self, key: ConnKey, writer: &mut impl Writer) {
        let Some(conn) = self.conn(key) else { return };
        let Some(busy) = &conn.busy else { return };
        if busy.closing.is_some() && busy.replies.is_empty() && busy.partial.is_none() && !conn.finished {
            conn.finished = true;
            writer.finish(key);
        }
    }
}

/// Puts what was begun and the replies into a write: whether there is room for more, and how much of the
/// first piece is written already.
fn gather_waiting(busy: &Busy, batch: &mut Batch, room: &mut Room) -> (bool, usize) {
    let (mut more, mut offset) = (true, 0);
    if let Some(partial) = &busy.partial {
        offset = partial.offset;
        more = room.take(batch, partial.piece.clone(), REPLY);
    }
    for reply in &busy.replies {
        if !more {
            break;
        }
        more = room.take(batch, reply.clone(), REPLY);
    }
    (more, offset)
}

/// Gives a client the pieces of the one before it, where it is due the very same and nothing else is up
/// with it. False where it is not.
#[inline]
fn gather_shared(conn: &mut Conn, key: ConnKey, shared: &Shared, batch: &mut Batch, stats: &mut ShardStats) -> bool {
    let Kind::WebSocket(form) = conn.kind else { return false };
    if conn.busy.is_some() || conn.lagging {
        return false;
    }
    let Some((sub, cursor)) = conn.subs.only_listed() else {
        return false;
    };
    let same = (cursor.mirror, cursor.seq, (cursor.ruleset, form)) == (shared.mirror, shared.before, shared.key);
    if !same || cursor.pace.is_some() || cursor.phase != Phase::Deltas {
        return false;
    }
    cursor.seq = shared.after;
    conn.subs.unlist_only();
    for at in shared.first..shared.first + shared.count {
        book(&batch.promises[at as usize], &mut conn.account, stats, &mut batch.ages);
    }
    batch.bytes += shared.bytes;
    batch.items.push(Item {
        conn: key,
        offset: 0,
        first: shared.first,
        count: shared.count,
        bytes: shared.bytes,
        sub: Some(sub),
        follow_up: false,
        wrote: Wrote::Bytes(0),
    });
    true
}

/// Counts a piece as written.
#[inline]
fn book(promise: &Promise, account: &mut Account, stats: &mut ShardStats, ages: &mut [(Option<i64>, u32)]) {
    let changes = promise.after - promise.before;
    stats.snapshots += u64::from(promise.snapshot);
    if changes > 0 {
        let (merged, expired) = promise.passed_over();
        account.written += 1;
        account.merged += merged;
        account.expired += expired;
        stats.written += 1;
        stats.merged += merged;
        stats.expired += expired;
        ages[promise.age as usize].1 += 1;
    }
}

/// Takes [`book`] back, and the cursor to where it stood.
fn take_back(conn: &mut Conn, sub: u32, promise: &Promise, stats: &mut ShardStats, ages: &mut [(Option<i64>, u32)]) {
    let changes = promise.after - promise.before;
    stats.snapshots -= u64::from(promise.snapshot);
    if changes > 0 {
        let (merged, expired) = promise.passed_over();
        conn.account.written -= 1;
        conn.account.merged -= merged;
        conn.account.expired -= expired;
        stats.written -= 1;
        stats.merged -= merged;
        stats.expired -= expired;
        ages[promise.age as usize].1 -= 1;
    }
    let Some(cursor) = conn.subs.get_mut(sub) else { return };
    if promise.phase_before != Phase::Deltas {
        cursor.phase = promise.phase_before;
    }
    // Several pieces of one subscription: the first of them that was not begun is the lowest.
    cursor.seq = cursor.seq.min(promise.before);
    if let Some(pace) = &mut cursor.pace {
        pace.next_due_us = 0;
    }
    conn.subs.mark(sub);
}
