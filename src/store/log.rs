//! The log's two threads, and who waits for them.
//!
//! `log` takes all batches that wait, writes them with one write and hands on what they carry. `log-sync`
//! is the only one that syncs: the first unsynced write at once, then at most one sync each
//! `group_wait_us`; it answers the tickets, and tries a failing disk again. With [`Durability::Sync`] what
//! a batch carries is handed on by `log-sync`, after the sync. Bounded: `queue_batches_max` batches wait,
//! `unsynced_bytes_max` bytes are not yet on disk.

use super::append::Gauges;
use super::files::Lock;
use super::group::{Batch, Durability, GroupCommit, Settings, Settled};
use super::header::Header;
use super::open::Opening;
use super::record::Lsn;
use super::replay::OpenError;
use crate::clock::Clock;
use flume::{Receiver, Sender, TryRecvError, TrySendError};
use parking_lot::{Condvar, Mutex};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::oneshot;

/// Bytes after which no more batches join a write.
const WRITE_BYTES: usize = 4 << 20;
/// A time that does not come.
const NEVER_US: i64 = i64::MAX;

/// Why a batch was not taken, or not confirmed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Too many batches wait. Nothing was written.
    #[error("the event log is behind; try again in a moment")]
    Full,
    /// The disk fails, or is too far behind. Nothing was written.
    #[error("{reason}")]
    Unavailable {
        /// For people: what failed, in the system's words.
        reason: Arc<str>,
    },
    /// It is not known in time whether it is on disk. Sending the same again does no harm.
    #[error("the event log did not confirm in time; send the same again")]
    Slow,
    /// The log has ended.
    #[error("the event log has stopped")]
    Stopped,
}

/// Figures of the log, at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    /// The last record written.
    pub written: Lsn,
    /// The last record known to be on disk.
    pub synced: Lsn,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of records written and not yet on disk.
    pub unsynced_bytes: u64,
    /// Batches that wait to be written.
    pub waiting: usize,
    /// Writes since the log was begun.
    pub writes: u64,
    /// Syncs since then.
    pub syncs: u64,
    /// Writes, syncs and new segments that failed since then.
    pub failures: u64,
    /// How long the last sync took, in microseconds.
    pub last_sync_us: u64,
    /// Whether batches are taken, and confirmed in time; see [`EventLog::trouble`].
    pub is_healthy: bool,
}

/// The log, begun. Clones share it; it ends with the last one, or by [`EventLog::close`].
pub struct EventLog<T> {
    queue: Sender<Work<T>>,
    shared: Arc<Shared<T>>,
    ended: Receiver<Result<(), Refused>>,
    timeout: Duration,
}

impl<T> Clone for EventLog<T> {
    fn clone(&self) -> EventLog<T> {
        EventLog {
            queue: self.queue.clone(),
            shared: self.shared.clone(),
            ended: self.ended.clone(),
            timeout: self.timeout,
        }
    }
}

/// A batch on its way.
#[must_use = "only its ticket says whether a batch is in the log"]
#[derive(Debug)]
pub struct Ticket {
    answer: oneshot::Receiver<Result<(), Refused>>,
    timeout: Duration,
}

enum Work<T> {
    Batch(Batch<T>, Answer),
    Close,
}

/// What both threads use.
struct Shared<T> {
    core: Mutex<Core<T>>,
    /// Something was written, or it is time to end.
    moved: Condvar,
    gauges: Arc<Gauges>,
    /// When the sync under way began, on the steady clock; never where there is none.
    sync_began_us: AtomicI64,
    /// Held by who removes segments, as long as that takes: one removal at a time, and `core` is free.
    removing: Mutex<()>,
}

struct Core<T> {
    group: GroupCommit<T, Answer>,
    /// One of the threads has ended.
    is_ending: bool,
}

/// Tells who waits what became of a batch.
type Answer = oneshot::Sender<Result<(), Refused>>;
type Deliver<T> = Box<dyn FnMut(T) + Send>;

impl Opening {
    /// Begins the log, in a new segment: `deliver` gets what each batch carries, in the log's order, once
    /// its records are in the log; where it waits, the log does.
    ///
    /// # Errors
    /// The segment can't be written.
    pub fn begin<T: Send + 'static>(
        mut self,
        header: Header,
        settings: Settings,
        deliver: impl FnMut(T) + Send + 'static,
    ) -> Result<EventLog<T>, OpenError> {
        let group = GroupCommit::begin(&mut self, header, &settings)?;
        let gauges = group.gauges().clone();
        let core = Mutex::new(Core { group, is_ending: false });
        let shared = Arc::new(Shared {
            core,
            moved: Condvar::new(),
            gauges,
            sync_began_us: AtomicI64::new(NEVER_US),
            removing: Mutex::new(()),
        });
        let (queue, work) = flume::bounded(settings.queue_batches_max);
        let (ending, ended) = flume::bounded(1);
        let deliver: Deliver<T> = Box::new(deliver);
        let (at_write, at_sync) = match settings.durability {
            Durability::Group => (Some(deliver), None),
            Durability::Sync => (None, Some(deliver)),
        };
        let (writing, syncing) = (shared.clone(), shared.clone());
        let wait_us = i64::try_from(settings.group_wait_us).unwrap_or(i64::MAX);
        let lock = self.lock;
        spawn("log", move || {
            // A panic ends the log; `writing` says so to the other thread, and is used no more.
            let _ = catch_unwind(AssertUnwindSafe(|| writing.write_all(&work, at_write)));
            // Whoever still brings a batch is told when it is dropped.
            work.iter().for_each(drop);
        });
        spawn("log-sync", move || {
            // Whoever waits for the end finds the lock free.
            let result = syncing.sync_all(wait_us, at_sync, lock);
            let _ = ending.send(result);
        });
        Ok(EventLog {
            queue,
            shared,
            ended,
            timeout: Duration::from_millis(settings.commit_timeout_ms),
        })
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(run).expect("the system gives the process its first threads");
}

impl<T> EventLog<T> {
    /// Hands a batch to the log; waits for room at most `commit_timeout_ms`. The log's order is that in
    /// which batches are taken here.
    ///
    /// # Errors
    /// There was no room, or the log has ended.
    pub async fn submit(&self, batch: Batch<T>) -> Result<Ticket, Refused> {
        let (answering, answer) = oneshot::channel();
        let timeout = self.timeout;
        match self.queue.try_send(Work::Batch(batch, answering)) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(_)) => return Err(Refused::Stopped),
            Err(TrySendError::Full(work)) => {
                let sent = tokio::time::timeout(timeout, self.queue.send_async(work)).await;
                sent.map_err(|_| Refused::Full)?.map_err(|_| Refused::Stopped)?;
            }
        }
        Ok(Ticket { answer, timeout })
    }

    /// The log's figures now. Never waits.
    pub fn levels(&self) -> Levels {
        let gauges = &self.shared.gauges;
        Levels {
            written: Lsn(gauges.written.load(Relaxed)),
            synced: Lsn(gauges.synced.load(Relaxed)),
            bytes: gauges.bytes.load(Relaxed),
            segments: gauges.segments.load(Relaxed),
            unsynced_bytes: gauges.unsynced_bytes.load(Relaxed),
            waiting: self.queue.len(),
            writes: gauges.writes.load(Relaxed),
            syncs: gauges.syncs.load(Relaxed),
            failures: gauges.failures.load(Relaxed),
            last_sync_us: gauges.last_sync_us.load(Relaxed),
            is_healthy: self.trouble().is_none(),
        }
    }

    /// Why batches are refused, or not confirmed within `commit_timeout_ms`, while they are not. Never waits.
    pub fn trouble(&self) -> Option<Arc<str>> {
        let refusing = self.shared.gauges.refusing.lock().clone();
        refusing.or_else(|| {
            let took_us = Clock.steady_us().saturating_sub(self.shared.sync_began_us.load(Relaxed));
            let took = Duration::from_micros(u64::try_from(took_us).unwrap_or(0));
            let is_late = took > self.timeout;
            is_late.then(|| format!("the event log: the disk is slow: a sync takes {} ms so far", took.as_millis()).into())
        })
    }

    /// Removes segments that hold nothing from `lsn` on; returns how many, and their bytes. Waits for the
    /// disk, while batches are written and committed: not for a task.
    ///
    /// # Errors
    /// The system's; some may have been removed.
    pub fn remove_before(&self, lsn: Lsn) -> io::Result<(u64, u64)> {
        let _removing = self.shared.removing.lock();
        let mut removal = self.shared.core.lock().group.removal(lsn);
        let removed = removal.run();
        self.shared.core.lock().group.removal_ended(removal);
        removed
    }

    /// Waits until the log has ended: by [`EventLog::close`], or by itself because one of its threads failed.
    /// For whoever comes first; others are told at once, as then it has ended.
    ///
    /// # Errors
    /// Its end could not be written.
    pub async fn ended(&self) -> Result<(), Refused> {
        self.ended.recv_async().await.unwrap_or(Ok(()))
    }

    /// Ends the log in order, once all that waits is on disk, and waits for that. Other handles find it
    /// stopped.
    ///
    /// # Errors
    /// The end could not be written. What was committed is on disk all the same.
    pub async fn close(self) -> Result<(), Refused> {
        // Somebody else may have ended it.
        let _ = self.queue.send_async(Work::Close).await;
        self.ended().await
    }
}

impl Ticket {
    /// For another log, which answers by the sender whose other end this is.
    pub(crate) fn new(answer: oneshot::Receiver<Result<(), Refused>>, timeout: Duration) -> Ticket {
        Ticket { answer, timeout }
    }

    /// Waits until the batch is on disk. With [`Durability::Group`] what it carries may be handed on a moment
    /// later: the two are different threads' work.
    ///
    /// # Errors
    /// It was refused, or it takes longer than `commit_timeout_ms`: it is in the log then, and may yet
    /// come to be on disk.
    pub async fn committed(self) -> Result<(), Refused> {
        match tokio::time::timeout(self.timeout, self.answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refused::Stopped),
            Err(_) => Err(Refused::Slow),
        }
    }
}

/// What the sync thread does next.
enum Step<T> {
    Settle(Vec<Settled<T, Answer>>),
    Sync,
    End,
}

impl<T> Shared<T> {
    /// The `log` thread.
    fn write_all(&self, work: &Receiver<Work<T>>, mut deliver: Option<Deliver<T>>) {
        let _ending = Ending(self);
        let mut taken = Vec::new();
        while let Ok(first) = work.recv() {
            let mut bytes = 0;
            let mut next = Ok(first);
            loop {
                match next {
                    Ok(Work::Batch(batch, answer)) => {
                        bytes += batch.records.len();
                        taken.push((batch, answer));
                    }
                    Ok(Work::Close) | Err(TryRecvError::Disconnected) => {
                        self.write(&mut taken, &mut deliver);
                        return;
                    }
                    Err(TryRecvError::Empty) => break,
                }
                if bytes >= WRITE_BYTES {
                    break;
                }
                next = work.try_recv();
            }
            if !self.write(&mut taken, &mut deliver) {
                return;
            }
        }
    }

    /// Writes what was taken, in one write, and hands it on; returns whether the log goes on.
    fn write(&self, taken: &mut Vec<(Batch<T>, Answer)>, deliver: &mut Option<Deliver<T>>) -> bool {
        let mut core = self.core.lock();
        if core.is_ending {
            taken.clear();
            return false;
        }
        let written = core.group.write(taken, Clock.steady_us());
        drop(core);
        // Where it failed the other thread tries the disk again in time.
        self.moved.notify_one();
        match written {
            Ok(handing_on) => {
                if let Some(deliver) = deliver {
                    handing_on.into_iter().for_each(deliver);
                }
            }
            Err(reason) => {
                for (_, answer) in taken.drain(..) {
                    let reason = reason.clone();
                    // Who waits may have gone.
                    let _ = answer.send(Err(Refused::Unavailable { reason }));
                }
            }
        }
        true
    }

    /// The `log-sync` thread: returns how the log ended, after the lock was let go.
    fn sync_all(&self, wait_us: i64, mut deliver: Option<Deliver<T>>, lock: Box<dyn Lock>) -> Result<(), Refused> {
        let _ending = Ending(self);
        let mut due_at = i64::MIN;
        loop {
            match self.step() {
                Step::Settle(settled) => settle(settled, &mut deliver),
                Step::Sync => {
                    let wait = due_at.saturating_sub(Clock.steady_us());
                    std::thread::sleep(Duration::from_micros(u64::try_from(wait).unwrap_or(0)));
                    due_at = self.sync().saturating_add(wait_us);
                }
                Step::End => break,
            }
        }
        let mut core = self.core.lock();
        let closed = core.group.close(Clock.steady_us());
        let settled = core.group.settled();
        // Who still waits is told by this that nobody will answer.
        core.group.abandon();
        drop(core);
        settle(settled, &mut deliver);
        drop(lock);
        closed.map_err(|reason| Refused::Unavailable { reason })
    }

    /// Waits for something to do.
    fn step(&self) -> Step<T> {
        let mut core = self.core.lock();
        loop {
            let now = Clock.steady_us();
            core.group.heal(now);
            let settled = core.group.settled();
            if !settled.is_empty() {
                return Step::Settle(settled);
            }
            if core.group.sync().is_some() {
                return Step::Sync;
            }
            if core.is_ending {
                return Step::End;
            }
            match core.group.heals_at() {
                Some(at) => {
                    let wait = u64::try_from(at.saturating_sub(now)).unwrap_or(0);
                    self.moved.wait_for(&mut core, Duration::from_micros(wait));
                }
                None => self.moved.wait(&mut core),
            }
        }
    }

    /// Syncs what is written by now; returns when it began.
    fn sync(&self) -> i64 {
        let began = Clock.steady_us();
        let sync = self.core.lock().group.sync();
        if let Some(sync) = sync {
            self.sync_began_us.store(began, Relaxed);
            let result = sync.run();
            self.sync_began_us.store(NEVER_US, Relaxed);
            let now = Clock.steady_us();
            let took_us = u64::try_from(now - began).unwrap_or(0);
            self.core.lock().group.sync_ended(&sync, result, took_us, now);
        }
        began
    }
}

fn settle<T>(settled: Vec<Settled<T, Answer>>, deliver: &mut Option<Deliver<T>>) {
    for one in settled {
        if let (Some(deliver), Some(payload)) = (deliver.as_mut(), one.payload) {
            deliver(payload);
        }
        // Who waits may have gone.
        let _ = one.answer.send(Ok(()));
    }
}

/// Says that a thread has ended, by a panic too: the other one does not go on alone.
struct Ending<'a, T>(&'a Shared<T>);

impl<T> Drop for Ending<'_, T> {
    fn drop(&mut self) {
        let mut core = self.0.core.lock();
        core.is_ending = true;
        if std::thread::panicking() {
            // Nobody will answer those who wait; this tells them.
            core.group.abandon();
        }
        self.0.moved.notify_all();
    }
}
