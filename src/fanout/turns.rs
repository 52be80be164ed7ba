//! Shares a shard's thread between its clients and the HTTP that runs beside them.
//!
//! A runtime runs whoever is ready in the order they woke, so that after a thousand clients connected
//! at once a thousand handshakes stand before the next slice of writes. Here they take turns: while the
//! shard has something to write, only `POLLS_IN_A_TURN` of the others run between two slices. Holds a
//! waker for each connection that waits, no more than there are connections.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// How often others run between two slices. A handshake takes two or three of up to 0.1 ms.
const POLLS_IN_A_TURN: usize = 16;

/// Who may run now. Its lock is taken by one thread alone.
#[derive(Default)]
pub struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    /// Whether the shard has something to write.
    is_busy: bool,
    left: usize,
    waiting: VecDeque<Waker>,
}

impl Turns {
    /// The shard has more to write: the others get a turn first.
    pub fn pass(&self) {
        let mut state = self.0.lock();
        (state.is_busy, state.left) = (true, POLLS_IN_A_TURN);
        let count = state.waiting.len().min(POLLS_IN_A_TURN);
        state.waiting.drain(..count).for_each(Waker::wake);
    }

    /// The shard has nothing to write: everybody may run.
    pub fn open(&self) {
        let mut state = self.0.lock();
        state.is_busy = false;
        state.waiting.drain(..).for_each(Waker::wake);
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if !state.is_busy {
            return Poll::Ready(());
        }
        if state.left == 0 {
            state.waiting.push_back(context.waker().clone());
            return Poll::Pending;
        }
        state.left -= 1;
        Poll::Ready(())
    }

    /// Runs a future in turns.
    pub async fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| match self.poll(context) {
            Poll::Ready(()) => future.as_mut().poll(context),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_busy_shard_lets_a_few_run_at_a_time_and_an_idle_one_all() {
        let (turns, woken) = (Turns::default(), Arc::new(Woken::default()));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let mut ran = |times: usize| (0..times).filter(|_| turns.poll(&mut context).is_ready()).count();
        assert_eq!(ran(100), 100, "a shard that has not begun is idle");
        turns.pass();
        assert_eq!(ran(100), POLLS_IN_A_TURN);
        turns.pass();
        assert_eq!(woken.0.load(Ordering::Relaxed), POLLS_IN_A_TURN);
        assert_eq!(ran(POLLS_IN_A_TURN), POLLS_IN_A_TURN);
        turns.open();
        assert_eq!(woken.0.load(Ordering::Relaxed), 100 - POLLS_IN_A_TURN);
        assert_eq!(ran(100), 100);
    }
}
