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

/// A future that takes turns, and how often it was woken and has run.
struct Task<'a> {
    woken: Arc<Woken>,
    ran: Arc<AtomicUsize>,
    future: std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>,
}

impl<'a> Task<'a> {
    fn new(turns: &'a Turns) -> Task<'a> {
        let ran = Arc::<AtomicUsize>::default();
        let counter = ran.clone();
        let future = Box::pin(turns.run(poll_fn(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Poll::Pending
        })));
        Task {
            woken: Arc::default(),
            ran,
            future,
        }
    }

    /// True where it ran.
    fn poll(&mut self) -> bool {
        let before = self.ran.load(Ordering::Relaxed);
        let waker = Waker::from(self.woken.clone());
        assert!(self.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        self.ran.load(Ordering::Relaxed) > before
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::Relaxed)
    }
}

fn tasks(turns: &Turns, count: usize) -> Vec<Task<'_>> {
    (0..count).map(|_| Task::new(turns)).collect()
}

fn ran(tasks: &mut [Task<'_>]) -> usize {
    tasks.iter_mut().filter_map(|task| task.poll().then_some(())).count()
}

fn waiting(turns: &Turns) -> usize {
    let state = turns.0.lock();
    state.new.0.len() + state.old.0.len()
}

#[test]
fn a_busy_shard_lets_a_few_run_at_a_time_and_an_idle_one_all() {
    let turns = Turns::default();
    let mut tasks = tasks(&turns, 100);
    assert_eq!(ran(&mut tasks), 100, "a shard that has not begun is idle");
    turns.pass();
    assert_eq!(ran(&mut tasks), POLLS_IN_A_TURN);
    turns.pass();
    let woken: usize = tasks.iter().map(Task::woken).sum();
    assert_eq!(woken, POLLS_IN_A_TURN);
    assert_eq!(ran(&mut tasks), POLLS_IN_A_TURN);
    turns.open();
    assert_eq!(ran(&mut tasks), 100);
}

#[test]
fn whoever_is_polled_often_while_waiting_holds_one_place() {
    let turns = Turns::default();
    let mut tasks = tasks(&turns, POLLS_IN_A_TURN + 1);
    turns.pass();
    assert_eq!(ran(&mut tasks), POLLS_IN_A_TURN);
    // The first that waits is woken over and over, as by bytes that drip in; then the others come.
    tasks.rotate_right(1);
    for _ in 0..1000 {
        assert!(!tasks[0].poll());
    }
    assert_eq!(ran(&mut tasks[1..]), 0);
    assert_eq!(waiting(&turns), tasks.len());
    turns.pass();
    let woken: Vec<usize> = tasks.iter().map(Task::woken).collect();
    assert_eq!(woken[..POLLS_IN_A_TURN], [1; POLLS_IN_A_TURN], "each once");
    assert_eq!(woken[POLLS_IN_A_TURN], 0);
    assert_eq!(ran(&mut tasks), POLLS_IN_A_TURN);
}

#[test]
fn those_who_wait_run_before_those_who_come() {
    let turns = Turns::default();
    let mut first = tasks(&turns, 2 * POLLS_IN_A_TURN);
    turns.pass();
    assert_eq!(ran(&mut first), POLLS_IN_A_TURN);
    turns.pass();
    let mut second = tasks(&turns, 1);
    assert_eq!(ran(&mut second), 0, "the turn is for those who were there");
    assert_eq!(ran(&mut first[POLLS_IN_A_TURN..]), POLLS_IN_A_TURN);
    turns.pass();
    assert_eq!(second[0].woken(), 1);
    assert_eq!(ran(&mut second), 1);
    assert_eq!(ran(&mut first), POLLS_IN_A_TURN - 1, "what is left of the turn");
}

#[test]
fn whoever_ends_leaves_the_queue() {
    let turns = Turns::default();
    let mut three = tasks(&turns, 3);
    turns.pass();
    assert_eq!(ran(&mut tasks(&turns, POLLS_IN_A_TURN)), POLLS_IN_A_TURN);
    assert_eq!(ran(&mut three), 0);
    assert_eq!(waiting(&turns), 3);
    three.truncate(1);
    assert_eq!(waiting(&turns), 1);
    turns.pass();
    // Called, and gone before it ran.
    drop(three);
    assert_eq!(waiting(&turns), 0);
}

#[test]
fn whoever_is_new_does_not_stand_behind_all_who_are_not() {
    let turns = Turns::default();
    let mut old = tasks(&turns, 10 * POLLS_IN_A_TURN);
    for _ in 0..NEW_POLLS {
        assert_eq!(ran(&mut old), old.len());
    }
    turns.pass();
    assert_eq!(ran(&mut old), POLLS_IN_A_TURN);
    let mut new = tasks(&turns, POLLS_IN_A_TURN);
    assert_eq!(ran(&mut new), 0);
    turns.pass();
    assert_eq!(ran(&mut new), POLLS_IN_A_TURN / 2, "half of a turn is for those who are new");
    assert_eq!(ran(&mut old), POLLS_IN_A_TURN / 2, "and half for the others");
}
