//! Group commit as a state machine: the writing end of the log, and the batches that wait until they are on
//! disk.
//!
//! No threads, and the time is a parameter: [`super::log`] steps it from its two threads, a simulation by
//! hand. Bounded: what waits has been written and is not on disk, so by `unsynced_bytes_max`.

pub use super::append::Sync;
use super::append::{Appender, Gauges, Limits};
use super::header::Header;
use super::open::Opening;
use super::record::Lsn;
pub use super::remove::Removal;
use super::replay::OpenError;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// When what a batch carries is handed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Once it is written: a killed process loses nothing that anybody saw.
    Group,
    /// Once it is on disk: a lost machine loses nothing that anybody saw.
    Sync,
}

/// How the log works.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When what a batch carries is handed on.
    pub durability: Durability,
    /// Bytes after which a new segment begins.
    pub segment_bytes: u64,
    /// Batches that wait to be written.
    pub queue_batches_max: usize,
    /// Bytes written and not yet on disk; more batches are refused.
    pub unsynced_bytes_max: usize,
    /// From the beginning of a sync to that of the next, at least.
    pub group_wait_us: u64,
    /// How long a batch waits for room, and then for its commit.
    pub commit_timeout_ms: u64,
    /// From one try of a disk that fails to the next; batches between are refused at once.
    pub retry_ms: u64,
}

/// Records that belong together, and what is handed on once they are in the log.
#[derive(Clone, Debug)]
pub struct Batch<T> {
    /// Records, one after the other, as [`super::frame`] writes them; of the caller's kinds alone.
    pub records: Vec<u8>,
    /// How many they are.
    pub count: u32,
    /// What they are about.
    pub payload: T,
}

/// A batch that is on disk.
#[derive(Debug)]
pub struct Settled<T, A> {
    /// Who is to be told.
    pub answer: A,
    /// What is to be handed on before that; nothing where it was handed on when it was written.
    pub payload: Option<T>,
}

struct Pending<T, A> {
    last: u64,
    settled: Settled<T, A>,
}

/// The log that is written to. `A` is who waits for a batch.
pub struct GroupCommit<T, A> {
    appender: Appender,
    durability: Durability,
    /// Batches that were written, in order, until they are on disk.
    pending: VecDeque<Pending<T, A>>,
}

impl<T, A> GroupCommit<T, A> {
    /// Begins a new segment after what `opening`, which has the lock and is to be kept as long, has found.
    ///
    /// # Errors
    /// The segment can't be written.
    pub fn begin(opening: &mut Opening, header: Header, settings: &Settings) -> Result<Self, OpenError> {
        let us = |ms: u64| i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let limits = Limits {
            segment_bytes: settings.segment_bytes,
            unsynced_bytes_max: settings.unsynced_bytes_max,
            retry_us: us(settings.retry_ms),
        };
        Ok(GroupCommit {
            appender: Appender::begin(opening, header, limits)?,
            durability: settings.durability,
            pending: VecDeque::new(),
        })
    }

    pub(super) fn gauges(&self) -> &Arc<Gauges> {
        self.appender.gauges()
    }

    /// The last record written.
    pub fn written(&self) -> Lsn {
        Lsn(self.appender.written())
    }

    /// The last record known to be on disk.
    pub fn synced(&self) -> Lsn {
        Lsn(self.appender.synced())
    }

    /// Writes batches, in one write. Returns what is to be handed on now, in order, and leaves none behind.
    ///
    /// # Errors
    /// Nothing was written, or nothing that counts; the reason is for people. The batches are still there,
    /// without their records, so that whoever waits can be told.
    pub fn write(&mut self, batches: &mut Vec<(Batch<T>, A)>, now_us: i64) -> Result<Vec<T>, Arc<str>> {
        let mut records = Vec::new();
        let mut count = 0;
        for (batch, _) in &mut *batches {
            count += u64::from(batch.count);
            match records.is_empty() {
                true => records = std::mem::take(&mut batch.records),
                false => records.extend_from_slice(&std::mem::take(&mut batch.records)),
            }
        }
        let mut last = self.appender.written();
        if !records.is_empty() {
            self.appender.write(records, count, now_us)?;
        }
        let mut handing_on = Vec::with_capacity(batches.len());
        for (batch, answer) in batches.drain(..) {
            last += u64::from(batch.count);
            let payload = match self.durability {
                Durability::Group => {
                    handing_on.push(batch.payload);
                    None
                }
                Durability::Sync => Some(batch.payload),
            };
            let settled = Settled { answer, payload };
            self.pending.push_back(Pending { last, settled });
        }
        Ok(handing_on)
    }

    /// What a sync would have to do; nothing where all is on disk or no file can be synced. At most one is
    /// under way.
    pub fn sync(&self) -> Option<Sync> {
        self.appender.sync()
    }

    /// Takes in what came of a sync, which took `took_us`.
    pub fn sync_ended(&mut self, sync: &Sync, result: io::Result<()>, took_us: u64, now_us: i64) {
        self.appender.sync_ended(sync, result, took_us, now_us);
    }

    /// Takes the batches that are on disk, in order.
    pub fn settled(&mut self) -> Vec<Settled<T, A>> {
        let synced = self.appender.synced();
        let count = self.pending.partition_point(|pending| pending.last <= synced);
        self.pending.drain(..count).map(|pending| pending.settled).collect()
    }

    /// Lets go of those that wait: nobody will tell them.
    pub fn abandon(&mut self) {
        self.pending.clear();
    }

    /// While the disk fails: when it may be tried again.
    pub fn heals_at(&self) -> Option<i64> {
        self.appender.heals_at()
    }

    /// Tries the disk again, where it failed and the time has come.
    pub fn heal(&mut self, now_us: i64) {
        self.appender.heal(now_us);
    }

    /// Ends the log in order: all on disk, and a record that says so.
    ///
    /// # Errors
    /// The end could not be written; the reason is for people.
    pub fn close(&mut self, now_us: i64) -> Result<(), Arc<str>> {
        self.appender.close(now_us)
    }

    /// Takes out the segments that hold nothing from `lsn` on, to be removed. At most one removal is under
    /// way.
    pub fn removal(&mut self, lsn: Lsn) -> Removal {
        self.appender.removal(lsn)
    }

    /// Takes in what came of a removal: what could not be removed counts again.
    pub fn removal_ended(&mut self, removal: Removal) {
        self.appender.removal_ended(removal);
    }
}
