//! One client: its subscriptions and the little that waits for it.

use super::ShardLimits;
use super::access::Reads;
use super::account::Account;
use super::batch::Piece;
use super::subs::Subs;
use crate::wire::Form;
use crate::wire::close::CloseReason;
use crate::wire::ws::Reader;
use std::collections::VecDeque;

/// A connection of one shard. The generation tells it from an earlier one in the same place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnKey {
    /// Its place.
    pub index: u32,
    /// Which connection in that place.
    pub generation: u32,
}

impl ConnKey {
    /// A number for spreading clients over a time: strides of a prime walk through any range.
    pub(super) fn stride(self) -> u64 {
        u64::from(self.generation).wrapping_mul(7919)
    }
}

/// How a client is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// WebSocket frames, both ways.
    WebSocket(Form),
    /// WebSocket frames, both ways, and each message goes back as it came: nothing is subscribed to.
    Echo(Form),
    /// Server-sent events, one way; its subscriptions are made when it connects.
    EventStream,
}

impl Kind {
    /// How messages look to it.
    pub fn form(self) -> Form {
        match self {
            Kind::WebSocket(form) | Kind::Echo(form) => form,
            Kind::EventStream => Form::PLAIN,
        }
    }

    /// Whether it sends frames of its own.
    pub fn is_websocket(self) -> bool {
        matches!(self, Kind::WebSocket(_) | Kind::Echo(_))
    }

    fn reader(self) -> Reader {
        match self {
            Kind::Echo(form) => Reader::of_any_type(form),
            Kind::WebSocket(_) | Kind::EventStream => Reader::new(self.form()),
        }
    }
}

/// A piece that the socket took in part.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) piece: Piece,
    pub(super) offset: usize,
}

/// Bytes received and not yet understood. Adding to their end and taking from their front costs what is
/// added or taken, however few at a time; they take up four times their room at most.
#[derive(Default)]
pub(super) struct Stash {
    bytes: Vec<u8>,
    /// How many at the front have been taken.
    taken: usize,
}

impl Stash {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What has not been taken.
    pub(super) fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.taken..]
    }

    /// Takes all but the last `rest` bytes.
    pub(super) fn take_to(&mut self, rest: usize) {
        self.taken = self.bytes.len() - rest;
        if self.taken >= rest {
            // Moving the rest costs no more than reading what was before it did.
            self.bytes.drain(..self.taken);
            self.bytes.shrink_to(2 * rest);
            self.taken = 0;
        }
    }
}

/// What a client has only while something is up: an idle one has none of it.
#[derive(Default)]
pub(super) struct Busy {
    /// Bytes received and not yet understood: an incomplete frame, or messages for whose replies there
    /// is no room.
    pub(super) stash: Stash,
    pub(super) replies: VecDeque<Piece>,
    pub(super) replies_bytes: usize,
    pub(super) partial: Option<Partial>,
    /// Since when the socket has taken no byte, though some were offered.
    pub(super) stuck_since_us: Option<i64>,
    pub(super) closing: Option<Closing>,
    /// Since when a message that began is not all there; not while its reading is paused.
    pub(super) incomplete_since_us: Option<i64>,
    /// Set by a drain until the client has everything: when to come back, in milliseconds, and since
    /// when it is leaving.
    pub(super) leaving: Option<(u64, i64)>,
}

/// A client that is being closed.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    pub(super) reason: CloseReason,
    /// Bytes that it has said since.
    pub(super) said: u32,
    pub(super) since_us: i64,
}

impl Busy {
    fn is_over(&self) -> bool {
        self.stash.is_empty()
            && self.replies.is_empty()
            && self.partial.is_none()
            && self.stuck_since_us.is_none()
            && self.incomplete_since_us.is_none()
            && self.closing.is_none()
            && self.leaving.is_none()
    }
}

/// What looking at a client once a second finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// Nothing is to be done.
    Well,
    /// It is to be asked whether it is still there.
    Ping,
    /// It is to be closed, with a close frame.
    Close(CloseReason),
    /// It is to be cut off: it had its close frame.
    Cut(CloseReason),
}

/// One client.
pub(super) struct Conn {
    pub(super) generation: u32,
    pub(super) kind: Kind,
    /// Whether it is in the shard's list of those who are behind.
    pub(super) dirty: bool,
    /// Whether it is in the shard's list of those who are waiting for a reply.
    pub(super) answering: bool,
    pub(super) blocked: bool,
    /// Whether the last write found the socket full: what is pending then goes out merged.
    pub(super) lagging: bool,
    pub(super) read_paused: bool,
    /// Whether it waits to be read, behind others.
    pub(super) unread: bool,
    pub(super) finished: bool,
    /// Whether its token is being looked at: nothing more is read from it until then.
    pub(super) verifying: bool,
    pub(super) reads: Reads,
    pub(super) busy: Option<Box<Busy>>,
    pub(super) subs: Subs,
    pub(super) account: Account,
    pub(super) heard_us: i64,
    pub(super) pinged_us: i64,
    /// Up to when what it has said is paid for, at `messages_per_second_max`.
    pub(super) said_until_us: i64,
    pub(super) reader: Reader,
}

impl Conn {
    pub(super) fn new(kind: Kind, generation: u32, now_us: i64) -> Conn {
        Conn {
            generation,
            kind,
            dirty: false,
            answering: false,
            blocked: false,
            lagging: false,
            read_paused: false,
            unread: false,
            finished: false,
            verifying: false,
            reads: Reads::Everything,
            busy: None,
            subs: Subs::default(),
            account: Account::default(),
            heard_us: now_us,
            pinged_us: now_us,
            said_until_us: now_us,
            reader: kind.reader(),
        }
    }

    /// The key of the connection, which is at this place.
    #[inline]
    pub(super) fn key(&self, index: u32) -> ConnKey {
        ConnKey {
            index,
            generation: self.generation,
        }
    }

    /// Notes that a subscription has something pending. True where the client joins those who are behind.
    #[inline]
    pub(super) fn mark(&mut self, sub: u32) -> bool {
        self.subs.mark(sub) && self.joins_dirty()
    }

    /// True where the client joins those who are behind. One whose socket refuses bytes is taken up again
    /// when it says that it is writable.
    #[inline]
    pub(super) fn joins_dirty(&mut self) -> bool {
        !self.blocked && !std::mem::replace(&mut self.dirty, true)
    }

    /// Marks what the client's own rate limits hold back: there will be no later.
    pub(super) fn mark_held_back(&mut self) {
        for place in 0..self.subs.places() {
            if let Some(pace) = self.subs.get_mut(place).and_then(|cursor| cursor.pace.as_mut()) {
                pace.next_due_us = 0;
                self.subs.mark(place);
            }
        }
    }

    /// When the timer goes off that is set for a subscription with a rate limit.
    pub(super) fn timer(&mut self, sub: u32) -> Option<&mut Option<i64>> {
        Some(&mut self.subs.get_mut(sub)?.pace.as_mut()?.timer_us)
    }

    /// Looks at the client; a ping that is due counts as sent.
    pub(super) fn look(&mut self, limits: &ShardLimits, now_us: i64) -> Look {
        if let Some(busy) = &self.busy {
            if let Some((_, since)) = busy.leaving
                && self.blocked
                && now_us - since > limits.close_timeout_us
            {
                return Look::Cut(CloseReason::Draining);
            }
            if let Some(closing) = busy.closing {
                let is_over = now_us - closing.since_us > limits.close_timeout_us;
                return if is_over { Look::Cut(closing.reason) } else { Look::Well };
            }
            if busy.stuck_since_us.is_some_and(|since| now_us - since > limits.stall_timeout_us) {
                return Look::Close(CloseReason::Stalled);
            }
            if busy
                .incomplete_since_us
                .is_some_and(|since| now_us - since > limits.message_timeout_us)
            {
                return Look::Close(CloseReason::Unfinished);
            }
        }
        if self.kind.is_websocket() && now_us - self.heard_us > limits.silence_timeout_us {
            return Look::Close(CloseReason::Silent);
        }
        if now_us - self.pinged_us > limits.ping_interval_us && !self.has_replies() {
            // A slow client too, or it would be taken for a silent one: one ping waits for it.
            self.pinged_us = now_us;
            return Look::Ping;
        }
        Look::Well
    }

    /// Takes a time in which nobody was heard off whatever is held against the client.
    pub(super) fn excuse(&mut self, us: i64, now_us: i64) {
        let later = |since: &mut i64| *since = (*since + us).min(now_us);
        later(&mut self.heard_us);
        if let Some(busy) = &mut self.busy {
            busy.stuck_since_us.iter_mut().for_each(later);
            busy.incomplete_since_us.iter_mut().for_each(later);
            busy.closing.iter_mut().for_each(|closing| later(&mut closing.since_us));
            busy.leaving.iter_mut().for_each(|(_, since)| later(since));
        }
    }

    /// Counts one more message of the client's. False where that is one too many.
    pub(super) fn may_say_more(&mut self, limits: &ShardLimits, now_us: i64) -> bool {
        if limits.messages_per_second_max == 0 {
            return true;
        }
        let each_us = (1_000_000 / limits.messages_per_second_max as i64).max(1);
        self.said_until_us = self.said_until_us.max(now_us) + each_us;
        self.said_until_us - now_us <= each_us.saturating_mul(limits.messages_burst as i64)
    }

    /// Something whole came: what comes after it begins anew.
    pub(super) fn said_whole(&mut self) {
        if !self.reader.is_within_message()
            && let Some(busy) = &mut self.busy
        {
            busy.incomplete_since_us = None;
        }
    }

    /// All that came has been looked at: whether it ends within a message.
    pub(super) fn looked_at(&mut self, now_us: i64) {
        let is_incomplete = !self.is_closing()
            && !self.read_paused
            && (self.reader.is_within_message() || self.busy.as_ref().is_some_and(|busy| !busy.stash.is_empty()));
        if is_incomplete {
            self.busy().incomplete_since_us.get_or_insert(now_us);
        } else if let Some(busy) = &mut self.busy {
            busy.incomplete_since_us = None;
        }
    }

    /// What is up with the client; made where nothing was.
    pub(super) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// Gives back what an idle client does not need.
    pub(super) fn relax(&mut self) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_over()) {
            self.busy = None;
        }
    }

    /// Counts what is let pass as the client is being closed; true once that is more than `bytes_max`. Nothing
    /// where it is not.
    pub(super) fn talks_on(&mut self, bytes: usize, bytes_max: usize) -> Option<bool> {
        let closing = self.busy.as_mut()?.closing.as_mut()?;
        closing.said = closing.said.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        Some(closing.said as usize > bytes_max)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.closing.is_some())
    }

    pub(super) fn has_replies(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| !busy.replies.is_empty())
    }

    pub(super) fn replies_bytes(&self) -> usize {
        self.busy.as_ref().map_or(0, |busy| busy.replies_bytes)
    }

    /// Takes what was received and not yet understood.
    pub(super) fn take_stash(&mut self) -> Stash {
        self.busy.as_mut().map(|busy| std::mem::take(&mut busy.stash)).unwrap_or_default()
    }

    pub(super) fn held_bytes(&self) -> usize {
        let busy = self.busy.as_ref().map_or(0, |busy| {
            let partial = busy.partial.as_ref().map_or(0, |partial| partial.piece.bytes().len());
            busy.replies_bytes + busy.stash.len() + partial
        });
        busy + self.reader.held_bytes()
    }

    pub(super) fn push_reply(&mut self, piece: Piece) {
        let busy = self.busy();
        busy.replies_bytes += piece.bytes().len();
        busy.replies.push_back(piece);
    }

    /// The first reply has begun to be written.
    pub(super) fn pop_reply(&mut self) {
        if let Some(busy) = &mut self.busy
            && let Some(reply) = busy.replies.pop_front()
        {
            busy.replies_bytes -= reply.bytes().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a plain list: what is added comes out in order, whatever is taken when, and room is in
        /// proportion to what is left.
        #[test]
        fn a_stash_is_a_queue(acts in proptest::collection::vec((0..300usize, 0..400usize), 1..200)) {
            let (mut stash, mut queue) = (Stash::default(), Vec::new());
            for (number, (added, taken)) in acts.into_iter().enumerate() {
                let bytes = vec![number as u8; added];
                stash.add(&bytes);
                queue.extend(bytes);
                queue.drain(..taken.min(queue.len()));
                stash.take_to(queue.len());
                prop_assert_eq!(stash.rest(), &queue[..]);
                prop_assert!(stash.bytes.len() <= 2 * stash.len());
                prop_assert!(stash.bytes.capacity() <= 4 * stash.len() + 8);
            }
        }
    }

    /// All that was there was copied each time something was added: a client that sent a long message a
    /// few bytes at a time cost the square of its length.
    #[test]
    fn a_byte_at_a_time_costs_a_byte_at_a_time() {
        let mut stash = Stash::default();
        let (mut moves, mut capacity) = (0, 0);
        for byte in 0..65_536 {
            stash.add(&[byte as u8]);
            stash.take_to(stash.len());
            moves += usize::from(capacity != stash.bytes.capacity());
            capacity = stash.bytes.capacity();
        }
        assert!(moves <= 16, "{moves} times");
    }
}
