//! A shard's copy of one topic's ring, with the frames as this shard sends them.
//!
//! The entries are shared, the frames are this shard's own: no reference count is touched by two
//! shards during a walk.

use super::batch::Piece;
use super::walks::Rest;
use crate::fanout::topic::{Entry, FrameKey, Topic};
use crate::model::Seq;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// A frame and when it was encoded.
pub(super) type Encoded = (Piece, i64);

/// A ring entry and its frames, where it is sent as it is.
pub(super) struct Mirrored {
    pub(super) entry: Entry,
    pub(super) frames: Option<Box<OwnFrames>>,
}

/// A ring entry's frames by their keys.
pub(super) type OwnFrames = SmallVec<[(FrameKey, Encoded); 1]>;

/// Frames that several clients want in a row: kept while the topic's head stays.
pub(super) struct Shared {
    pub(super) key: FrameKey,
    /// What the frame follows; nothing for a snapshot.
    pub(super) after: Option<Seq>,
    pub(super) reason: &'static str,
    pub(super) seq: Seq,
    pub(super) frame: Encoded,
}

/// Most frames kept in [`Mirror::shared`].
const SHARED_MAX: usize = 32;

/// A connection's place, and its subscription's.
pub(super) type Subscriber = (u32, u32);

/// One topic as a shard sees it.
pub(super) struct Mirror {
    pub(super) topic: Arc<Topic>,
    pub(super) head: Seq,
    /// The last `seq` from which on the topic showed nothing.
    cleared: Seq,
    pub(super) ring: VecDeque<Mirrored>,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) shared: Vec<Shared>,
    /// When its next walk may begin.
    pub(super) rest: Rest,
    /// Moved during the last walk or the rest after it: those served already are to be told when that is over.
    pub(super) moved: bool,
    /// Whether it is in the shard's list of those to be looked at.
    pub(super) is_news: bool,
    /// Where in its round of the subscribers the next walk begins, as a fraction of 2³².
    turn: u32,
}

impl Mirror {
    pub(super) fn new(topic: Arc<Topic>) -> Mirror {
        Mirror {
            topic,
            head: 0,
            cleared: 0,
            ring: VecDeque::new(),
            subscribers: Vec::new(),
            shared: Vec::new(),
            rest: Rest::Over,
            moved: false,
            is_news: false,
            turn: 0,
        }
    }

    /// Takes over what was published since. False where nothing was.
    pub(super) fn sync(&mut self, ring_frames: usize) -> bool {
        let before = self.head;
        self.topic.read(|history| {
            if history.head == before {
                return;
            }
            let missing = (history.head - before) as usize;
            if missing > history.ring_len() {
                self.ring.clear();
            }
            self.ring
                .extend(history.after(before).map(|entry| Mirrored { entry, frames: None }));
            (self.head, self.cleared) = (history.head, history.cleared());
        });
        if self.head == before {
            return false;
        }
        let surplus = self.ring.len().saturating_sub(ring_frames);
        self.ring.drain(..surplus);
        self.shared.clear();
        true
    }

    /// Whether the deltas that follow `seq` are all in the ring.
    pub(super) fn reaches(&self, seq: Seq) -> bool {
        seq == self.head || (seq < self.head && self.ring.front().is_some_and(|first| first.entry.seq <= seq + 1))
    }

    /// The ring place of the entry that follows `seq`, which the ring reaches.
    pub(super) fn place_after(&self, seq: Seq) -> usize {
        self.ring.len() - (self.head - seq) as usize
    }

    /// Whether the topic showed nothing at some time after `seq`: its game was let go of.
    pub(super) fn is_cleared_after(&self, seq: Seq) -> bool {
        seq < self.cleared
    }

    /// Whether the topic begins to show another game after `seq`, which the ring reaches.
    pub(super) fn changes_game_after(&self, seq: Seq) -> bool {
        self.ring.iter().skip(self.place_after(seq)).any(|mirrored| mirrored.entry.new_game)
    }

    /// Whether a scoring play, a correction or a final follows `seq`, as far as the ring reaches back.
    pub(super) fn is_urgent_after(&self, seq: Seq) -> bool {
        self.ring
            .iter()
            .rev()
            .take_while(|mirrored| mirrored.entry.seq > seq)
            .any(|mirrored| mirrored.entry.change.cause.urgent)
    }

    /// The subscribers in the order of the next walk, which begins with another one each time, so that nobody
    /// is always last. Steps of the golden ratio, so that every place gets its turn, whatever the count.
    pub(super) fn in_turn(&mut self) -> (&[Subscriber], &[Subscriber]) {
        self.turn = self.turn.wrapping_add(0x9E37_79B9);
        let start = (u64::from(self.turn) * self.subscribers.len() as u64) >> 32;
        let (last, first) = self.subscribers.split_at(start as usize);
        (first, last)
    }

    pub(super) fn share(&mut self, shared: Shared) {
        if self.shared.len() >= SHARED_MAX {
            self.shared.swap_remove(0);
        }
        self.shared.push(shared);
    }
}
