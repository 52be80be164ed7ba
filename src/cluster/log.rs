//! The writing end: a thread a partition, which writes all batches that wait as one entry.
//!
//! What a batch carries stays here, under the entry's name, until the partition's follower reads the entry
//! back: what this node does, and when, follows from the stream alone, for its own batches too. Whoever wrote
//! is told once Redis has taken the entry (and, with [`Ack::Replica`], one of its replicas). Bounded:
//! `queue_batches_max` batches wait to be written, as many entries to be read back; one entry is under way.

use super::follow::Pending;
use super::link::{Link, LinkError, explain, is_alive, is_moving};
use super::scripts::{ANOTHER_HISTORY, APPEND, FENCED, FULL, JOIN};
use super::status::Status;
use super::{Ack, Keys, Settings};
use crate::clock::Clock;
use crate::recovery::new_epoch_name;
use crate::store::{Batch, Refused, Ticket};
use flume::{Receiver, Sender, TrySendError};
use redis::RedisError;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::oneshot;

/// Bytes of records, from which on no more batches join an entry.
const ENTRY_BYTES: usize = 1 << 20;
/// From one try to the next, while a Redis Cluster moves the partition.
const MOVING_EVERY: Duration = Duration::from_millis(20);
/// Answers that take longer than Redis may take for one command and for connecting anew.
const PATIENCE: u32 = 3;

/// Who may write a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// Any node.
    Anyone,
    /// The engine that owns the partition.
    Owner,
}

/// The way into all partitions. Clones share it; its threads end with the last one.
pub struct Log<T> {
    queues: Arc<[Sender<Waiting<T>>]>,
    patience: Duration,
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Log<T> {
        Log {
            queues: self.queues.clone(),
            patience: self.patience,
        }
    }
}

struct Waiting<T> {
    batch: Batch<T>,
    by: By,
    answer: oneshot::Sender<Result<(), Refused>>,
}

impl<T: Send + 'static> Log<T> {
    /// Starts the threads. What batches carry goes to `pending`, of which there is one a partition.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: &Arc<Settings>, status: &Arc<Status>, pending: &[Arc<Pending<T>>]) -> std::io::Result<Log<T>> {
        let mut queues = Vec::new();
        for (partition, pending) in pending.iter().enumerate() {
            let (queue, waiting) = flume::bounded(settings.queue_batches_max);
            queues.push(queue);
            let appender = Appender {
                keys: Keys::new(&settings.prefix, partition),
                settings: settings.clone(),
                status: status.clone(),
                pending: pending.clone(),
                partition,
                joined: None,
                written: 0,
            };
            let thread = std::thread::Builder::new().name(format!("append-{partition}"));
            thread.spawn(move || appender.run(&waiting))?;
        }
        Ok(Log {
            queues: queues.into(),
            patience: settings.timeout * PATIENCE,
        })
    }

    /// Hands a batch over to be written into a partition's stream.
    ///
    /// # Errors
    /// As many wait as may.
    pub fn submit(&self, partition: usize, batch: Batch<T>, by: By) -> Result<Ticket, Refused> {
        let (answer, answered) = oneshot::channel();
        match self.queues[partition].try_send(Waiting { batch, by, answer }) {
            Ok(()) => Ok(Ticket::new(answered, self.patience)),
            Err(TrySendError::Full(_)) => Err(Refused::Full),
            Err(TrySendError::Disconnected(_)) => Err(Refused::Stopped),
        }
    }

    /// How long whoever hands a batch over waits for it at most.
    pub fn patience(&self) -> Duration {
        self.patience
    }
}

/// Writes one partition's entries.
struct Appender<T> {
    partition: usize,
    keys: Keys,
    settings: Arc<Settings>,
    status: Arc<Status>,
    pending: Arc<Pending<T>>,
    joined: Option<Joined>,
    /// Entries that were tried.
    written: u64,
}

/// A connection through which the partition is known.
struct Joined {
    link: Link,
    epoch: String,
}

impl<T> Appender<T> {
    fn run(mut self, waiting: &Receiver<Waiting<T>>) {
        while let Ok(first) = waiting.recv() {
            let by = first.by;
            let mut bytes = first.batch.records.len();
            let mut batches = vec![first];
            let mut other = None;
            while bytes < ENTRY_BYTES
                && let Ok(next) = waiting.try_recv()
            {
                if next.by != by {
                    other = Some(next);
                    break;
                }
                bytes += next.batch.records.len();
                batches.push(next);
            }
            self.write(batches, by);
            if let Some(other) = other {
                let by = other.by;
                self.write(vec![other], by);
            }
        }
    }

    /// Writes batches as one entry, and tells those who wait what came of it.
    fn write(&mut self, batches: Vec<Waiting<T>>, by: By) {
        self.written += 1;
        let name = format!("{}-{}-{}", self.settings.owner, self.partition, self.written);
        let (mut records, mut count, mut carried, mut answers) = (Vec::new(), 0, Vec::new(), Vec::new());
        for Waiting { batch, answer, .. } in batches {
            records.extend_from_slice(&batch.records);
            count += batch.count;
            carried.push((batch.count, batch.payload));
            answers.push(answer);
        }
        // Before it is written: the follower may read it before Redis' answer is here.
        let written = match self.pending.put(&name, carried, self.settings.queue_batches_max) {
            true => self.append(&name, count, &records, by),
            false => Err(Refused::Full),
        };
        if written.is_err() {
            // It may be in the stream all the same: then it is read as somebody else's.
            self.pending.take(&name);
        }
        for answer in answers {
            // Nobody may be waiting any more.
            let _ = answer.send(written.clone());
        }
    }

    fn append(&mut self, name: &str, count: u32, records: &[u8], by: By) -> Result<(), Refused> {
        let fence = match (by, self.status.of(self.partition).fence.load(Relaxed)) {
            (By::Anyone, _) => String::new(),
            (By::Owner, 0) => return Err(unavailable("this node does not own the partition")),
            (By::Owner, fence) => fence.to_string(),
        };
        let give_up_us = Clock.steady_us() + self.settings.timeout.as_micros() as i64;
        let mut tries = 0;
        loop {
            tries += 1;
            let joined = match self.joined.take() {
                Some(joined) => Ok(joined),
                None => join(&self.settings, &self.keys),
            };
            let mut joined = match joined {
                Ok(joined) => joined,
                Err(LinkError::Moving { .. }) if Clock.steady_us() < give_up_us => {
                    std::thread::sleep(MOVING_EVERY);
                    continue;
                }
                Err(error) => return Err(unavailable(&error.to_string())),
            };
            let mut append = APPEND.key(&self.keys.meta);
            append
                .key(&self.keys.log)
                .arg(&joined.epoch)
                .arg(&joined.link.run)
                .arg(count)
                .arg(name);
            append.arg(records).arg(self.settings.stream_entries_max).arg(&fence);
            let appended: Result<u64, RedisError> = joined.link.run_script(&append);
            let error = match appended.and_then(|_| self.confirm(&mut joined)) {
                Ok(safe) => {
                    self.joined = Some(joined);
                    return safe;
                }
                Err(error) => error,
            };
            match error.code() {
                // Nothing was written; by the history that has begun it may be.
                Some(ANOTHER_HISTORY) if tries == 1 => continue,
                Some(FENCED) => self.status.of(self.partition).fence.store(0, Relaxed),
                _ => {}
            }
            let what = match error.code() {
                Some(FULL) => "the partition's stream is full: no engine has taken it up (cluster.stream_entries_max)".to_owned(),
                _ => explain("cluster.redis", &error).to_string(),
            };
            // A redirected one is used no more.
            if is_alive(&error) {
                self.joined = Some(joined);
            }
            // Nothing was written: the partition is elsewhere, or on its way.
            if is_moving(&error) && Clock.steady_us() < give_up_us {
                std::thread::sleep(MOVING_EVERY);
                continue;
            }
            return Err(unavailable(&what));
        }
    }

    /// Waits for a replica, where one is to have it.
    fn confirm(&self, joined: &mut Joined) -> Result<Result<(), Refused>, RedisError> {
        if self.settings.ack == Ack::Primary {
            return Ok(Ok(()));
        }
        let wait_ms = (self.settings.timeout / 2).as_millis() as u64;
        let replicas: u64 = joined.link.ask(redis::cmd("WAIT").arg(1).arg(wait_ms))?;
        Ok(match replicas {
            0 => Err(Refused::Slow),
            _ => Ok(()),
        })
    }
}

fn unavailable(reason: &str) -> Refused {
    Refused::Unavailable { reason: reason.into() }
}

/// Connects to a partition's Redis, and begins a new epoch where another process wrote to it last.
fn join(settings: &Settings, keys: &Keys) -> Result<Joined, LinkError> {
    let mut link = Link::open(settings, &keys.meta)?;
    let (epoch, _) = begin(&mut link, keys).map_err(|error| explain("cluster.redis", &error))?;
    Ok(Joined { link, epoch })
}

/// The partition's epoch, and how many records it has.
pub(super) fn begin(link: &mut Link, keys: &Keys) -> Result<(String, u64), RedisError> {
    let mut join = JOIN.key(&keys.meta);
    join.key(&keys.log).key(&keys.base).arg(&link.run).arg(new_epoch_name());
    link.run_script(&join)
}
