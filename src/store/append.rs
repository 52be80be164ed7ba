//! The writing end of the log as a state machine: no threads, and the time is a parameter.
//!
//! Owns the segment that is written to and the bytes that are not yet known to be on disk. A write that
//! fails is taken back by cutting the file to its last whole record. Where that fails, too, or a sync
//! failed, the file is given up: a new segment begins at the first record that is not on disk, with all
//! of them, written again from memory ([`Appender::begin_segment`]). A segment that is full ends the
//! same way, so this is no rare path. A disk that failed counts as healed once it has taken as many bytes
//! as it did not take ([`Appender::heal`]). Bounded: `unsynced_bytes_max`; one try each `retry_us` while
//! the disk fails.

use super::files::{Files, LogFile};
use super::folder::{remove_unfinished, segment_name, write_whole};
use super::header::Header;
use super::open::Opening;
use super::record::{Kind, Lsn, MARK_BYTES, Mark, frame, own};
use super::remove::Removal;
use super::replay::OpenError;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the writing end may hold and how it goes on after a failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) segment_bytes: u64,
    pub(super) unsynced_bytes_max: usize,
    pub(super) retry_us: i64,
}

/// Figures of the writing end, for readers on other threads.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pub(super) written: AtomicU64,
    pub(super) synced: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) segments: AtomicU64,
    pub(super) unsynced_bytes: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) last_sync_us: AtomicU64,
    /// Why batches are refused.
    pub(super) refusing: Mutex<Option<Arc<str>>>,
}

/// The segment that is written to.
struct Segment {
    first: u64,
    file: Arc<dyn LogFile>,
    /// Its whole records.
    bytes: u64,
    /// What its last mark calls synced.
    marked: u64,
}

/// Records that were written and are not yet known to be on disk.
struct Unsynced {
    last: u64,
    bytes: Vec<u8>,
}

/// Why batches are refused, and from when on the next one may try.
struct Failing {
    reason: Arc<str>,
    retry_at: i64,
    /// Most bytes that could not be written at once since it fails.
    bytes: usize,
}

/// A sync to be made, beside writes, and reported when it has ended.
pub struct Sync {
    pub(super) file: Arc<dyn LogFile>,
    generation: u64,
    upto: u64,
}

impl Sync {
    /// Waits for the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn run(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The writing end.
pub(super) struct Appender {
    files: Arc<dyn Files>,
    dir: PathBuf,
    header: Header,
    limits: Limits,
    /// Nothing where the last one was given up.
    segment: Option<Segment>,
    /// Counts segments: what comes of a sync of an earlier one no longer matters.
    generation: u64,
    written: u64,
    synced: u64,
    unsynced: VecDeque<Unsynced>,
    unsynced_bytes: usize,
    failing: Option<Failing>,
    /// Why a batch was refused, where too much waits for the disk; until less does.
    slow: Option<Arc<str>>,
    /// Bytes of each segment by its first record, the one written to included.
    segments: BTreeMap<u64, u64>,
    /// Their sum.
    bytes: u64,
    scratch: Vec<u8>,
    gauges: Arc<Gauges>,
}

impl Appender {
    /// Begins a new segment after what `opening` found. What was written but not known to be on disk is
    /// written again first: an earlier process may have been told that its sync failed.
    pub(super) fn begin(opening: &mut Opening, header: Header, limits: Limits) -> Result<Appender, OpenError> {
        header.encode(1).ok_or(OpenError::HeaderTooLong)?;
        remove_unfinished(&*opening.files, &opening.dir)?;
        opening.cut_torn()?;
        let tail = std::mem::take(&mut opening.tail);
        let mut appender = Appender {
            files: opening.files.clone(),
            dir: opening.dir.clone(),
            header: opening.header.clone().unwrap_or_default(),
            limits,
            segment: None,
            generation: 0,
            written: opening.next_lsn.0 - 1,
            synced: opening.synced,
            unsynced: VecDeque::new(),
            unsynced_bytes: 0,
            failing: None,
            slow: None,
            segments: opening.files_found.iter().map(|file| (file.first, file.bytes)).collect(),
            bytes: opening.bytes,
            scratch: Vec::new(),
            gauges: Arc::default(),
        };
        if !tail.is_empty() {
            appender.hold(appender.written, tail);
            appender
                .begin_segment()
                .map_err(OpenError::io("begin a segment in", &opening.dir))?;
        }
        appender.header = header;
        appender
            .begin_segment()
            .map_err(OpenError::io("begin a segment in", &opening.dir))?;
        Ok(appender)
    }

    pub(super) fn gauges(&self) -> &Arc<Gauges> {
        &self.gauges
    }

    pub(super) fn synced(&self) -> u64 {
        self.synced
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// While the disk fails: when it may be tried again.
    pub(super) fn heals_at(&self) -> Option<i64> {
        self.failing.as_ref().map(|failing| failing.retry_at)
    }

    /// Writes framed records, `count` in all, in one write; they are readable after that, but not on disk.
    ///
    /// # Errors
    /// Nothing was written, or nothing that counts; the reason is for people.
    pub(super) fn write(&mut self, records: Vec<u8>, count: u64, now: i64) -> Result<(), Arc<str>> {
        if let Some(failing) = self.failing.as_ref().filter(|failing| now < failing.retry_at) {
            return Err(failing.reason.clone());
        }
        // A write that is larger alone goes through where none waits: the disk is not slow then.
        if self.unsynced_bytes > 0 && self.unsynced_bytes + records.len() > self.limits.unsynced_bytes_max {
            let reason: Arc<str> = format!("the event log: the disk is slow: {} bytes wait for it", self.unsynced_bytes).into();
            self.slow = Some(reason.clone());
            self.publish();
            return Err(reason);
        }
        let is_full = |segment: &Segment| segment.bytes >= self.limits.segment_bytes;
        if self.segment.as_ref().is_none_or(is_full) {
            let bytes = MARK_BYTES + records.len();
            let begun = self.begin_segment();
            begun.map_err(|error| self.fail("a new segment", bytes, &error, now))?;
        }
        self.begin_scratch();
        self.scratch.extend_from_slice(&records);
        self.append_scratch(now)?;
        self.written += count;
        self.hold(self.written, records);
        self.failing = None;
        self.gauges.writes.fetch_add(1, Relaxed);
        self.publish();
        Ok(())
    }

    /// What a sync would have to do; nothing where all is on disk or no file can be synced.
    pub(super) fn sync(&self) -> Option<Sync> {
        let segment = self.segment.as_ref().filter(|_| self.written > self.synced)?;
        Some(Sync {
            file: segment.file.clone(),
            generation: self.generation,
            upto: self.written,
        })
    }

    /// Takes in what came of a sync, which took `took_us`. Where all is on disk now, a mark says so.
    pub(super) fn sync_ended(&mut self, sync: &Sync, result: io::Result<()>, took_us: u64, now: i64) {
        self.gauges.syncs.fetch_add(1, Relaxed);
        self.gauges.last_sync_us.store(took_us, Relaxed);
        match result {
            // A new segment has begun meanwhile, with all that this one is about.
            _ if sync.generation != self.generation => {}
            Ok(()) => {
                self.is_synced(sync.upto);
                self.mark(now);
            }
            Err(error) => {
                self.give_up();
                self.fail("sync", 0, &error, now);
                // Another file may do better, at once.
                self.failing.iter_mut().for_each(|failing| failing.retry_at = now);
            }
        }
        self.publish();
    }

    /// Tries the disk again, where it failed and the time has come: by a new segment in place of one that
    /// was given up, then by as many bytes as it did not take. Fewer would prove nothing: a full disk still
    /// has room for a mark.
    pub(super) fn heal(&mut self, now: i64) {
        let due = self.failing.as_ref().filter(|failing| now >= failing.retry_at);
        let Some(bytes) = due.map(|failing| failing.bytes) else { return };
        let begun = match self.segment {
            None => self.begin_segment().map_err(|error| ("a new segment", error)),
            Some(_) => Ok(()),
        };
        match begun.and_then(|()| self.probe(bytes).map_err(|error| ("write", error))) {
            Ok(()) => {
                self.failing = None;
                self.mark(now);
            }
            Err((what, error)) => drop(self.fail(what, bytes, &error, now)),
        }
        self.publish();
    }

    /// Writes that many bytes, and cuts them off again. Should they stay, they are a torn tail: no record
    /// has no length.
    fn probe(&mut self, bytes: usize) -> io::Result<()> {
        let Some(segment) = self.segment.as_ref().filter(|_| bytes > 0) else {
            return Ok(());
        };
        self.scratch.clear();
        self.scratch.resize(bytes, 0);
        let written = segment.file.append(&self.scratch);
        let cut = self.cut_back();
        written.and(cut)
    }

    /// Ends the log in order: all on disk, and a record that says so.
    pub(super) fn close(&mut self, now: i64) -> Result<(), Arc<str>> {
        if self.segment.is_none() {
            self.begin_segment().map_err(|error| self.fail("a new segment", 0, &error, now))?;
        }
        if let Some(sync) = self.sync() {
            let result = sync.file.sync_data();
            self.sync_ended(&sync, result, 0, now);
            if self.segment.is_none() {
                self.begin_segment().map_err(|error| self.fail("a new segment", 0, &error, now))?;
            }
        }
        self.begin_scratch();
        frame(&own(Kind::Closed, &[]), &mut self.scratch);
        self.append_scratch(now)?;
        let synced = self.segment.as_ref().map_or(Ok(()), |segment| segment.file.sync_data());
        synced.map_err(|error| self.fail("sync", 0, &error, now))
    }

    /// Takes out the segments of which every record is before `lsn`; never the last.
    pub(super) fn removal(&mut self, lsn: Lsn) -> Removal {
        // The last one that begins there or before holds it, or is the last of all.
        let stays = self.segments.range(..=lsn.0).next_back().map_or(0, |(first, _)| *first);
        let stay = self.segments.split_off(&stays);
        let left = std::mem::replace(&mut self.segments, stay);
        self.bytes -= left.values().sum::<u64>();
        self.publish();
        let (files, dir) = (self.files.clone(), self.dir.clone());
        Removal { files, dir, left }
    }

    /// Takes in what came of a removal: what could not be removed counts again.
    pub(super) fn removal_ended(&mut self, removal: Removal) {
        self.bytes += removal.left.values().sum::<u64>();
        self.segments.extend(removal.left);
        self.publish();
    }

    /// A new segment from the first record on that is not on disk, with all such records. After it they
    /// are; the segment before no longer counts from there on.
    fn begin_segment(&mut self) -> io::Result<()> {
        // Whatever happens below, the file before may count no longer: nothing more goes there.
        self.give_up();
        let first = self.synced + 1;
        let header = self.header.encode(first).ok_or(io::ErrorKind::InvalidInput)?;
        let mut mark = Vec::with_capacity(MARK_BYTES);
        let (synced, next) = (self.synced, first);
        Mark { synced, next }.frame(&mut mark);
        let held = self.unsynced.iter().map(|unsynced| unsynced.bytes.as_slice());
        let parts: Vec<&[u8]> = [header.as_slice(), mark.as_slice()].into_iter().chain(held).collect();
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        let file = write_whole(&*self.files, &self.dir.join(segment_name(first)), &parts)?;
        let marked = self.synced;
        self.segment = Some(Segment {
            first,
            file,
            bytes,
            marked,
        });
        let replaced = self.segments.insert(first, bytes);
        self.bytes = self.bytes + bytes - replaced.unwrap_or(0);
        self.is_synced(self.written);
        self.publish();
        Ok(())
    }

    fn give_up(&mut self) {
        self.segment = None;
        self.generation += 1;
    }

    /// Says in the file that all is on disk, for who finds it after the process has ended.
    fn mark(&mut self, now: i64) {
        let is_due = self.segment.as_ref().is_some_and(|segment| segment.marked < self.synced);
        if is_due && self.synced == self.written {
            self.begin_scratch();
            // What comes next meets the same failure, and says so to somebody.
            let _ = self.append_scratch(now);
        }
    }

    fn begin_scratch(&mut self) {
        let (synced, next) = (self.synced, self.written + 1);
        self.scratch.clear();
        Mark { synced, next }.frame(&mut self.scratch);
    }

    /// Appends `scratch`, which begins with a mark; all of it, or nothing that counts.
    fn append_scratch(&mut self, now: i64) -> Result<(), Arc<str>> {
        let Some(segment) = &mut self.segment else {
            return Err("the event log: there is no segment to write to".into());
        };
        let Err(error) = segment.file.append(&self.scratch) else {
            segment.bytes += self.scratch.len() as u64;
            segment.marked = self.synced;
            self.bytes += self.scratch.len() as u64;
            self.segments.insert(segment.first, segment.bytes);
            return Ok(());
        };
        // Where that fails the file is given up, which is all there is to do.
        let _ = self.cut_back();
        Err(self.fail("write", self.scratch.len(), &error, now))
    }

    /// Cuts the segment to its whole records; one that can't be cut is given up.
    fn cut_back(&mut self) -> io::Result<()> {
        let cut = self.segment.as_ref().map_or(Ok(()), |segment| segment.file.set_len(segment.bytes));
        if cut.is_err() {
            self.give_up();
        }
        cut
    }

    fn hold(&mut self, last: u64, bytes: Vec<u8>) {
        self.unsynced_bytes += bytes.len();
        self.unsynced.push_back(Unsynced { last, bytes });
    }

    fn is_synced(&mut self, upto: u64) {
        self.synced = upto;
        self.slow = None;
        while self.unsynced.front().is_some_and(|unsynced| unsynced.last <= upto) {
            let unsynced = self.unsynced.pop_front();
            self.unsynced_bytes -= unsynced.map_or(0, |unsynced| unsynced.bytes.len());
        }
    }

    /// Notes a failure to write `bytes`, as far as it is about how many; returns why batches are refused now.
    fn fail(&mut self, what: &str, bytes: usize, error: &io::Error, now: i64) -> Arc<str> {
        let reason: Arc<str> = format!("the event log: {what}: {error}").into();
        let before = self.failing.as_ref().map_or(0, |failing| failing.bytes);
        self.failing = Some(Failing {
            reason: reason.clone(),
            retry_at: now.saturating_add(self.limits.retry_us),
            bytes: bytes.max(before),
        });
        self.gauges.failures.fetch_add(1, Relaxed);
        self.publish();
        reason
    }

    fn publish(&self) {
        let gauges = &self.gauges;
        gauges.written.store(self.written, Relaxed);
        gauges.synced.store(self.synced, Relaxed);
        gauges.bytes.store(self.bytes, Relaxed);
        gauges.segments.store(self.segments.len() as u64, Relaxed);
        gauges.unsynced_bytes.store(self.unsynced_bytes as u64, Relaxed);
        let failing = self.failing.as_ref().map(|failing| &failing.reason);
        let refusing = failing.or(self.slow.as_ref());
        let mut published = gauges.refusing.lock();
        if published.as_ref() != refusing {
            *published = refusing.cloned();
        }
    }
}
