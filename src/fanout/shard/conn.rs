//! One client: its cursors and the little that waits for it.

use super::account::Account;
use super::outbound::Piece;
use crate::model::Seq;
use crate::scoring::RulesetIndex;
use crate::wire::Form;
use crate::wire::close::CloseReason;
use crate::wire::ws::Reader;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// A connection of one shard. The generation tells it from an earlier one in the same place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnKey {
    /// Its place.
    pub index: u32,
    /// Which connection in that place.
    pub generation: u32,
}

/// How a client is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// WebSocket frames, both ways.
    WebSocket(Form),
    /// Server-sent events, one way; its subscriptions are made when it connects.
    EventStream,
}

impl Kind {
    /// How messages look to it.
    pub fn form(self) -> Form {
        match self {
            Kind::WebSocket(form) => form,
            Kind::EventStream => Form::PLAIN,
        }
    }

    /// Whether it sends frames of its own.
    pub fn is_websocket(self) -> bool {
        matches!(self, Kind::WebSocket(_))
    }
}

/// Where a subscription stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// A snapshot is due, for that reason.
    Snapshot(&'static str),
    /// Deltas follow from the cursor's `seq`.
    Deltas,
}

/// One subscription: how far the client has got in one topic.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) mirror: u32,
    /// Its place among the mirror's subscribers.
    pub(super) place: u32,
    /// What the client holds, or will once what is under way has arrived.
    pub(super) seq: Seq,
    pub(super) ruleset: RulesetIndex,
    pub(super) phase: Phase,
    /// Whether it is in the client's dirty list.
    pub(super) dirty: bool,
    /// When the timer that is set for it goes off.
    pub(super) timer_us: Option<i64>,
    /// Least time between two deltas; 0 for none.
    pub(super) gap_us: u32,
    /// Not before then.
    pub(super) next_due_us: i64,
}

/// A piece that the socket took in part.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) piece: Piece,
    pub(super) offset: usize,
}

/// One client.
pub(super) struct Conn {
    pub(super) generation: u32,
    pub(super) kind: Kind,
    pub(super) reader: Reader,
    /// Bytes received and not yet understood: an incomplete frame, or messages for whose replies there
    /// is no room.
    pub(super) stash: Vec<u8>,
    /// Freed places stay, so that a place names one subscription for as long as it lives.
    pub(super) subs: Vec<Option<Cursor>>,
    pub(super) dirty_subs: SmallVec<[u32; 4]>,
    pub(super) replies: VecDeque<Piece>,
    pub(super) replies_bytes: usize,
    pub(super) partial: Option<Partial>,
    pub(super) dirty: bool,
    pub(super) blocked: bool,
    /// Since when the socket has taken no byte, though some were offered.
    pub(super) stuck_since_us: Option<i64>,
    /// Whether the last write found the socket full: what is pending then goes out merged.
    pub(super) lagging: bool,
    pub(super) read_paused: bool,
    pub(super) closing: Option<(CloseReason, i64)>,
    /// Set by a drain until the client has everything: when to come back, in milliseconds, and since
    /// when it is leaving.
    pub(super) leaving: Option<(u64, i64)>,
    pub(super) finished: bool,
    pub(super) heard_us: i64,
    pub(super) pinged_us: i64,
    pub(super) account: Account,
}

impl Conn {
    pub(super) fn new(kind: Kind, generation: u32, now_us: i64) -> Conn {
        Conn {
            generation,
            kind,
            reader: Reader::new(kind.form().coding),
            stash: Vec::new(),
            subs: Vec::new(),
            dirty_subs: SmallVec::new(),
            replies: VecDeque::new(),
            replies_bytes: 0,
            partial: None,
            dirty: false,
            blocked: false,
            stuck_since_us: None,
            lagging: false,
            read_paused: false,
            closing: None,
            leaving: None,
            finished: false,
            heard_us: now_us,
            pinged_us: now_us,
            account: Account::default(),
        }
    }

    /// Notes that a subscription has something pending. True where the client was clean before.
    pub(super) fn mark(&mut self, sub: u32) -> bool {
        let Some(Some(cursor)) = self.subs.get_mut(sub as usize) else {
            return false;
        };
        if !std::mem::replace(&mut cursor.dirty, true) {
            self.dirty_subs.push(sub);
        }
        // A client whose socket refuses bytes is taken up again when it says that it is writable.
        !self.blocked && !std::mem::replace(&mut self.dirty, true)
    }

    /// Marks what the client's own rate limits hold back: there will be no later.
    pub(super) fn mark_held_back(&mut self) {
        for (place, cursor) in self.subs.iter_mut().enumerate() {
            let Some(cursor) = cursor else { continue };
            cursor.next_due_us = 0;
            if cursor.gap_us > 0 && !std::mem::replace(&mut cursor.dirty, true) {
                self.dirty_subs.push(place as u32);
            }
        }
    }

    pub(super) fn cursor_mut(&mut self, sub: u32) -> Option<&mut Cursor> {
        self.subs.get_mut(sub as usize)?.as_mut()
    }

    pub(super) fn cursors(&self) -> impl Iterator<Item = &Cursor> {
        self.subs.iter().flatten()
    }

    /// A place for a new subscription.
    pub(super) fn free_sub(&mut self) -> u32 {
        let place = self.subs.iter().position(Option::is_none).unwrap_or_else(|| {
            self.subs.push(None);
            self.subs.len() - 1
        });
        place as u32
    }

    pub(super) fn held_bytes(&self) -> usize {
        let partial = self.partial.as_ref().map_or(0, |partial| partial.piece.bytes().len());
        self.replies_bytes + self.stash.len() + self.reader.held_bytes() + partial
    }

    pub(super) fn push_reply(&mut self, piece: Piece) {
        self.replies_bytes += piece.bytes().len();
        self.replies.push_back(piece);
    }
}
