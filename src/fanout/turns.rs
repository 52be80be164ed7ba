//! Shares a shard's thread between its clients and the HTTP that runs beside them.
//!
//! A runtime runs whoever is ready in the order they woke, so that after a thousand clients connected
//! at once a thousand handshakes stand before the next slice of writes. Here they take turns: while the
//! shard has something to write, only `POLLS_IN_A_TURN` of the others run between two slices, in the
//! order they came; half of a turn is for those who are new, so that a request that comes whole does not
//! stand behind a thousand that drip in. Bounded by the connections: each waits in one place, however
//! often it is woken there, and takes it along when it ends.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// How often others run between two slices. A handshake takes two or three of up to 0.1 ms.
const POLLS_IN_A_TURN: usize = 16;
/// How often a future runs before it is not new any more.
const NEW_POLLS: u32 = 4;

/// Who may run now. A shard's lock is taken by its thread alone.
#[derive(Default)]
pub struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    /// Whether the shard has something to write.
    is_busy: bool,
    /// Polls of this turn that nobody who waited is given.
    left: usize,
    /// The next place in a queue.
    next: u64,
    new: Queue,
    old: Queue,
}

/// Those who wait, by place.
#[derive(Default)]
struct Queue(BTreeMap<u64, Waker>);

impl Queue {
    /// Wakes the first so many; how many are left to be given.
    fn call(&mut self, polls: usize) -> usize {
        let called = std::iter::from_fn(|| self.0.pop_first()).take(polls);
        polls - called.map(|(_, waker)| waker.wake()).count()
    }
}

impl Turns {
    /// The shard has more to write: the others get a turn first.
    pub(super) fn pass(&self) {
        let mut state = self.0.lock();
        state.is_busy = true;
        let half = POLLS_IN_A_TURN / 2;
        let left = state.new.call(half);
        let left = state.old.call(half + left);
        state.left = state.new.call(left);
    }

    /// The shard has nothing to write: everybody may run.
    pub(super) fn open(&self) {
        let mut state = self.0.lock();
        state.is_busy = false;
        state.new.call(usize::MAX);
        state.old.call(usize::MAX);
    }

    /// Runs a future in turns.
    pub async fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut ticket = Ticket {
            turns: self,
            place: None,
            polls: 0,
        };
        poll_fn(|context| match ticket.poll(context) {
            Poll::Ready(()) => future.as_mut().poll(context),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// What one future takes turns with.
struct Ticket<'a> {
    turns: &'a Turns,
    /// Its place in the queue. Where the queue does not know it any more, it has been called.
    place: Option<u64>,
    /// How often the future has run.
    polls: u32,
}

impl Ticket<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.turns.0.lock();
        let State { new, old, .. } = state;
        let queue = if self.polls < NEW_POLLS { new } else { old };
        if let Some(place) = self.place {
            if let Some(waker) = queue.0.get_mut(&place) {
                waker.clone_from(context.waker());
                return Poll::Pending;
            }
            self.place = None;
        } else if state.is_busy {
            if state.left == 0 {
                queue.0.insert(state.next, context.waker().clone());
                self.place = Some(state.next);
                state.next += 1;
                return Poll::Pending;
            }
            state.left -= 1;
        }
        self.polls = self.polls.saturating_add(1);
        Poll::Ready(())
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut state = self.turns.0.lock();
            state.new.0.remove(&place);
            state.old.0.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests;
