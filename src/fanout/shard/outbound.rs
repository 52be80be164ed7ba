//! What to write next: a batch of clients, each with everything it has pending, in one write.

use super::conn::{Conn, ConnKey, Partial, Phase};
use super::due::{Due, EventIds, Making, due};
use super::{Shard, Writer};
use crate::model::Seq;
use crate::wire::ws::Frame;
use std::rc::Rc;

/// Bytes for one socket, shared by every client of this shard that gets them.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A WebSocket frame.
    Frame(Rc<Frame>),
    /// Any other text.
    Text(Rc<[u8]>),
}

impl Piece {
    /// A frame.
    pub fn frame(frame: Frame) -> Piece {
        Piece::Frame(Rc::new(frame))
    }

    /// Any other text.
    pub fn text(text: &[u8]) -> Piece {
        Piece::Text(text.into())
    }

    /// A server-sent event without an id.
    pub(super) fn event(payload: &[u8]) -> Piece {
        Piece::Text([b"data: ", payload, b"\n\n"].concat().into())
    }

    /// What goes to the socket.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Piece::Frame(frame) => frame.bytes(),
            Piece::Text(text) => text,
        }
    }
}

/// What became of an offered write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrote {
    /// The socket took so many bytes; fewer than offered means that it is full.
    Bytes(usize),
    /// The connection is broken.
    Broken,
}

/// What one piece stands for, to be settled once it has begun to be written.
struct Promise {
    /// The subscription; nothing for replies and for the rest of a piece already begun.
    sub: Option<u32>,
    /// Where its cursor stands then.
    seq: Seq,
    snapshot: bool,
    encoded_us: i64,
}

/// One client's part of a batch.
pub struct Item {
    /// Whose socket.
    pub conn: ConnKey,
    /// Bytes of the first piece that are already written.
    pub offset: usize,
    first: usize,
    count: usize,
    /// Filled in by the writer.
    pub wrote: Wrote,
}

/// Several clients' writes, offered to the writer together.
#[derive(Default)]
pub struct Batch {
    items: Vec<Item>,
    pieces: Vec<Piece>,
    promises: Vec<Promise>,
}

impl Batch {
    /// Each client's write: its pieces in order, less `offset` bytes of the first.
    pub fn items_mut(&mut self) -> impl Iterator<Item = (&mut Item, &[Piece])> {
        let pieces = &self.pieces;
        self.items.iter_mut().map(move |item| {
            let range = item.first..item.first + item.count;
            (item, &pieces[range])
        })
    }

    fn clear(&mut self) {
        self.items.clear();
        self.pieces.clear();
        self.promises.clear();
    }

    fn push(&mut self, piece: Piece, promise: Promise) -> usize {
        let bytes = piece.bytes().len();
        self.pieces.push(piece);
        self.promises.push(promise);
        bytes
    }
}

const REPLY: Promise = Promise {
    sub: None,
    seq: 0,
    snapshot: false,
    encoded_us: 0,
};

/// Timers kept before any is looked at again.
pub(super) const TIMERS_MIN: usize = 1024;

/// Most pieces in one write.
const PIECES_MAX: usize = 64;

impl Shard {
    /// Serves up to `slice_clients` clients that have something pending. `clock` is read after the
    /// writes, for latencies. Returns how many were served.
    pub fn pump(&mut self, now_us: i64, clock: impl Fn() -> i64, writer: &mut impl Writer) -> usize {
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        while batch.items.len() < self.parts.limits.slice_clients {
            let Some(key) = self.dirty.pop_front() else { break };
            self.gather(key, now_us, &mut batch);
        }
        for mirror in std::mem::take(&mut self.stale) {
            self.refresh(mirror as usize, now_us);
        }
        if !batch.items.is_empty() {
            writer.write(&mut batch);
        }
        let written_us = clock();
        for place in 0..batch.items.len() {
            self.settle(&batch, place, written_us, writer);
        }
        self.tidy_timers();
        // Not while gathering: what a client says next may move topics and mark clients of this batch.
        for key in std::mem::take(&mut self.idle) {
            self.after_write(key, written_us);
            self.finish_if_done(key, writer);
        }
        if self.dirty.is_empty() {
            self.stats.walk_ends(written_us);
        }
        let served = batch.items.len();
        batch.clear();
        self.batch = batch;
        served
    }

    /// Puts everything that a client has pending into the batch, as far as one write goes.
    fn gather(&mut self, key: ConnKey, now_us: i64, batch: &mut Batch) {
        let Some(conn) = self
            .conns
            .get_mut(key.index as usize)
            .filter(|conn| conn.generation == key.generation)
        else {
            return;
        };
        conn.dirty = false;
        if conn.blocked {
            return;
        }
        let first = batch.pieces.len();
        let mut room = self.parts.limits.write_bytes_max;
        let mut take = |batch: &mut Batch, piece: Piece, promise: Promise| {
            room = room.saturating_sub(batch.push(piece, promise));
            room > 0 && batch.pieces.len() - first < PIECES_MAX
        };
        let mut more = true;
        if let Some(partial) = &conn.partial {
            more = take(batch, partial.piece.clone(), REPLY);
        }
        for reply in &conn.replies {
            if !more {
                break;
            }
            more = take(batch, reply.clone(), REPLY);
        }
        let form = conn.kind.form();
        let behind = conn.partial.is_some() || conn.lagging;
        let mut next = 0;
        let mut ids = EventIds::of(conn);
        while more && next < conn.dirty_subs.len() {
            let sub = conn.dirty_subs[next];
            next += 1;
            let Some(Some(cursor)) = conn.subs.get_mut(sub as usize) else {
                continue;
            };
            let mirror = &mut self.mirrors[cursor.mirror as usize];
            let mut making = Making {
                now_us,
                deflater: &mut self.deflater,
                stats: &mut self.stats,
            };
            let frames = due(&self.parts, mirror, cursor, form, behind, &mut making);
            match frames {
                Due::Later(due_us) => {
                    if cursor.timer_us.replace(due_us) != Some(due_us) {
                        self.timers.push(std::cmp::Reverse((due_us, key, sub)));
                    }
                }
                Due::Now(frames) => {
                    for (seq, snapshot, (piece, encoded_us)) in frames {
                        if seq > mirror.head {
                            self.stale.push(cursor.mirror);
                        }
                        let piece = ids
                            .as_mut()
                            .map_or(piece.clone(), |ids| ids.event(sub, seq, &piece, &self.parts.epoch));
                        more = take(
                            batch,
                            piece,
                            Promise {
                                sub: Some(sub),
                                seq,
                                snapshot,
                                encoded_us,
                            },
                        );
                    }
                }
            }
        }
        let count = batch.pieces.len() - first;
        let offset = conn.partial.as_ref().map_or(0, |partial| partial.offset);
        // Subscriptions looked at are clean, unless `settle` finds that they were not written.
        for sub in conn.dirty_subs.drain(..next) {
            if let Some(Some(cursor)) = conn.subs.get_mut(sub as usize) {
                cursor.dirty = false;
            }
        }
        if count > 0 {
            batch.items.push(Item {
                conn: key,
                offset,
                first,
                count,
                wrote: Wrote::Bytes(0),
            });
        } else {
            self.idle.push(key);
        }
    }

    /// Takes over what became of one client's write.
    fn settle(&mut self, batch: &Batch, place: usize, now_us: i64, writer: &mut impl Writer) {
        let item = &batch.items[place];
        let key = item.conn;
        let Some(conn) = self
            .conns
            .get_mut(key.index as usize)
            .filter(|conn| conn.generation == key.generation)
        else {
            return;
        };
        let Wrote::Bytes(bytes) = item.wrote else {
            self.gone(key, writer);
            return;
        };
        self.stats.bytes += bytes as u64;
        let mut left = bytes + item.offset;
        let had_partial = conn.partial.take().is_some();
        let mut full = false;
        for at in item.first..item.first + item.count {
            let (piece, promise) = (&batch.pieces[at], &batch.promises[at]);
            let resumed = had_partial && at == item.first;
            let begun = left > 0 || resumed;
            if !begun {
                full = true;
                // Not begun: the cursor stays, and later this may be merged with what follows.
                if let Some(sub) = promise.sub {
                    conn.dirty_again(sub);
                }
                continue;
            }
            if !resumed {
                begin_piece(conn, promise, &mut self.stats, now_us);
            }
            let length = piece.bytes().len();
            if left < length {
                full = true;
                conn.partial = Some(Partial {
                    piece: piece.clone(),
                    offset: left,
                });
            }
            left = left.saturating_sub(length);
        }
        if full {
            self.stats.refused += 1;
            if conn.stuck_since_us.is_none() || bytes > 0 {
                conn.stuck_since_us = Some(now_us);
            }
            (conn.blocked, conn.lagging) = (true, true);
            self.resume_if_room(key, now_us);
            return;
        }
        (conn.lagging, conn.stuck_since_us) = (false, None);
        self.after_write(key, now_us);
        self.finish_if_done(key, writer);
    }

    /// A write went through: goes on reading where that had stopped, and on writing what is left.
    fn after_write(&mut self, key: ConnKey, now_us: i64) {
        self.depart_if_served(key, now_us);
        let Some(conn) = self.conn(key) else { return };
        if !conn.replies.is_empty() || !conn.dirty_subs.is_empty() {
            self.mark_dirty(key);
        }
        self.resume_if_room(key, now_us);
    }

    fn resume_if_room(&mut self, key: ConnKey, now_us: i64) {
        let replies_bytes_max = self.parts.limits.replies_bytes_max;
        if self
            .conn(key)
            .is_some_and(|conn| conn.read_paused && conn.replies_bytes < replies_bytes_max)
        {
            self.resume_reading(key, now_us);
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
            conn.and_then(|conn| conn.cursor_mut(*sub))
                .is_some_and(|cursor| cursor.timer_us == Some(*due))
        });
        self.timers_max = 2 * self.timers.len() + TIMERS_MIN;
    }

    fn finish_if_done(&mut self, key: ConnKey, writer: &mut impl Writer) {
        let Some(conn) = self.conn(key) else { return };
        if conn.closing.is_some() && conn.replies.is_empty() && conn.partial.is_none() && !conn.finished {
            conn.finished = true;
            writer.finish(key);
        }
    }
}

impl Conn {
    fn dirty_again(&mut self, sub: u32) {
        let Some(Some(cursor)) = self.subs.get_mut(sub as usize) else {
            return;
        };
        if !std::mem::replace(&mut cursor.dirty, true) {
            self.dirty_subs.push(sub);
        }
    }
}

/// A piece has begun to be written: its cursor moves and the account is settled.
fn begin_piece(conn: &mut Conn, promise: &Promise, stats: &mut super::ShardStats, now_us: i64) {
    let Some(sub) = promise.sub else {
        if let Some(reply) = conn.replies.pop_front() {
            conn.replies_bytes -= reply.bytes().len();
        }
        return;
    };
    let Some(Some(cursor)) = conn.subs.get_mut(sub as usize) else {
        return;
    };
    let changes = promise.seq - cursor.seq;
    cursor.seq = promise.seq;
    cursor.phase = Phase::Deltas;
    stats.snapshots += u64::from(promise.snapshot);
    if changes > 0 {
        // A snapshot at the start is no change: the first change after it goes at once.
        cursor.next_due_us = now_us + i64::from(cursor.gap_us);
        conn.account.written += 1;
        conn.account.merged += changes - 1;
        stats.written += 1;
        stats.merged += changes - 1;
        stats.encode_to_written.record(now_us - promise.encoded_us);
    }
}
