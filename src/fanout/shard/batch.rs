//! A batch: several clients' writes, and what each does to its client's cursors.
//!
//! Clients who get the very same pieces share them. Bounded by a slice's clients and bytes; a client's
//! part by [`PIECES_MAX`] and `write_bytes_max`.

use super::conn::ConnKey;
use super::subs::Phase;
use crate::fanout::topic::FrameKey;
use crate::model::Seq;
use crate::wire::ws::Frame;
use std::rc::Rc;

/// Most pieces in one write: the kernel refuses more than 1,024, and a slice of writes has to end.
pub(super) const PIECES_MAX: usize = 64;

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
    #[inline]
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

/// What a piece does to its subscription's cursor, to be taken back where it is not begun to be written.
pub(super) struct Promise {
    /// The subscription; nothing for replies and for the rest of a piece already begun.
    pub(super) sub: Option<u32>,
    /// Where its cursor stood before, and stands after.
    pub(super) before: Seq,
    pub(super) after: Seq,
    pub(super) phase_before: Phase,
    pub(super) snapshot: bool,
    /// Whether what it passes over has expired; else it stands for that, merged.
    pub(super) expires: bool,
    /// Which of [`Batch::ages`] it counts to.
    pub(super) age: u32,
}

impl Promise {
    /// Changes besides the one that it is written for: merged, and expired.
    pub(super) fn passed_over(&self) -> (u64, u64) {
        let count = self.after - self.before - 1;
        if self.expires { (0, count) } else { (count, 0) }
    }
}

/// One client's part of a batch.
pub struct Item {
    /// Whose socket.
    pub conn: ConnKey,
    /// Bytes of the first piece that are already written.
    pub offset: usize,
    /// Its pieces; clients who get the very same ones share them.
    pub(super) first: u32,
    pub(super) count: u32,
    /// Bytes offered.
    pub(super) bytes: usize,
    /// The subscription, where its pieces were made for another client.
    pub(super) sub: Option<u32>,
    /// Whether the client has to be looked at after the write, however it went.
    pub(super) follow_up: bool,
    /// Filled in by the writer.
    pub wrote: Wrote,
}

impl Item {
    pub(super) fn pieces(&self) -> std::ops::Range<usize> {
        self.first as usize..(self.first + self.count) as usize
    }
}

/// The pieces of the last client that had nothing else pending than some changes of one topic: the next
/// one often gets the same.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    pub(super) mirror: u32,
    pub(super) key: FrameKey,
    pub(super) before: Seq,
    pub(super) after: Seq,
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) bytes: usize,
}

/// Several clients' writes, offered to the writer together.
#[derive(Default)]
pub struct Batch {
    pub(super) items: Vec<Item>,
    pub(super) pieces: Vec<Piece>,
    pub(super) promises: Vec<Promise>,
    pub(super) shared: Option<Shared>,
    /// When frames were encoded, and how many deliveries of this batch are of them; no time for those that
    /// a client is sent who was not there then.
    pub(super) ages: Vec<(Option<i64>, u32)>,
    pub(super) bytes: usize,
}

impl Batch {
    /// Each client's write: its pieces in order, less `offset` bytes of the first.
    pub fn items_mut(&mut self) -> impl Iterator<Item = (&mut Item, &[Piece])> {
        let pieces = &self.pieces;
        self.items.iter_mut().map(move |item| {
            let range = item.pieces();
            (item, &pieces[range])
        })
    }

    /// One more client's write, for tests of writers.
    #[cfg(test)]
    pub(in crate::fanout) fn offer(&mut self, conn: ConnKey, offset: usize, pieces: impl IntoIterator<Item = Piece>) {
        let first = self.pieces.len();
        let bytes = pieces.into_iter().map(|piece| self.push(piece, REPLY)).sum();
        let bytes_max = usize::MAX;
        self.close(conn, offset, &Room { first, bytes, bytes_max }, false);
    }

    /// One client's write is complete: everything since `room` began. False where that is nothing.
    pub(super) fn close(&mut self, conn: ConnKey, offset: usize, room: &Room, follow_up: bool) -> bool {
        let count = self.pieces.len() - room.first;
        if count > 0 {
            self.bytes += room.bytes;
            self.items.push(Item {
                conn,
                offset,
                first: room.first as u32,
                count: count as u32,
                bytes: room.bytes - offset,
                sub: None,
                follow_up,
                wrote: Wrote::Bytes(0),
            });
        }
        count > 0
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.pieces.clear();
        self.promises.clear();
        self.ages.clear();
        self.shared = None;
        self.bytes = 0;
    }

    pub(super) fn push(&mut self, piece: Piece, promise: Promise) -> usize {
        let bytes = piece.bytes().len();
        self.pieces.push(piece);
        self.promises.push(promise);
        bytes
    }

    /// The place of that time among the ages.
    pub(super) fn age(&mut self, encoded_us: Option<i64>) -> u32 {
        if self.ages.last().is_none_or(|(us, _)| *us != encoded_us) {
            self.ages.push((encoded_us, 0));
        }
        self.ages.len() as u32 - 1
    }
}

pub(super) const REPLY: Promise = Promise {
    sub: None,
    before: 0,
    after: 0,
    phase_before: Phase::Deltas,
    snapshot: false,
    expires: false,
    age: 0,
};

/// What goes into one write.
pub(super) struct Room {
    /// Where its pieces begin in the batch.
    pub(super) first: usize,
    pub(super) bytes: usize,
    pub(super) bytes_max: usize,
}

impl Room {
    /// Puts a piece into the write. False where that was the last one that fits.
    pub(super) fn take(&mut self, batch: &mut Batch, piece: Piece, promise: Promise) -> bool {
        self.bytes += batch.push(piece, promise);
        self.bytes < self.bytes_max && batch.pieces.len() - self.first < PIECES_MAX
    }
}
