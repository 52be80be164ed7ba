//! An engine's housekeeping, wired: a thread of little priority that lets finished games go, makes bases of the
//! partitions that it owns, archives what they cover, and so has streams trimmed.
//!
//! A base is made from Redis alone, the last one and the entries after it, so that an engine that has just taken a
//! partition over goes on where the one before was, and one that no longer owns it is refused. Bounded:
//! `STRETCH_BYTES` of a stream at a time.

use super::archive::Archive;
use crate::clock::Clock;
use crate::cluster::base::{Bases, records_of};
use crate::cluster::{LinkError, Settings, Status};
use crate::compaction::base::{self, BaseError, Stretch};
use crate::compaction::retention::Retention;
use crate::config::Config;
use crate::engine::{Engine, EngineLimits, Shared};
use crate::model::{GameId, IngestTime};
use crate::priority::step_back;
use crate::recovery;
use crate::store::{Files, Header, gap};
use crate::telemetry::BaseMetrics;
use flume::{Receiver, RecvTimeoutError};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::runtime::Handle;

/// How often it is looked what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked which games are over for long.
const RETENTION_EVERY_US: i64 = 60_000_000;
/// Bytes of a stream that a base covers at most, beyond the base before: what is read into memory for it.
const STRETCH_BYTES: usize = 64 << 20;
/// Of a stream's most entries, the part after which a base is made however few those are.
const STREAM_PART: u64 = 4;
/// Times `base_every_records`: records that a stream keeps at most for who was away.
const KEPT_TIMES: u64 = 10;

/// What the thread works with.
pub(super) struct Housekeeper {
    settings: Arc<Settings>,
    status: Arc<Status>,
    engine: Engine,
    runtime: Handle,
    limits: EngineLimits,
    sources: Vec<String>,
    retention: Retention,
    archive: Option<Archive>,
    every_records: u64,
    every_us: i64,
    keep: Keep,
    partitions: Vec<Partition>,
    metrics: BaseMetrics,
}

/// What is known of an owned partition.
#[derive(Default)]
struct Partition {
    bases: Option<Bases>,
    /// Since when there are records that no base covers.
    behind_since_us: Option<i64>,
    /// When it was looked which games are over for long.
    looked_us: Option<i64>,
    /// Records that no base covers.
    behind: u64,
    /// When bases were made that are younger than `Keep::us`, and the newest that is older: the first record that
    /// came after each.
    marks: VecDeque<(i64, u64)>,
}

/// How much of a stream is kept for who was away.
#[derive(Clone, Copy)]
struct Keep {
    /// What is younger, in microseconds.
    us: i64,
    /// But no more records than that.
    records_max: u64,
}

impl Partition {
    /// The first record to keep in the stream, as a base is made `now_us` of what is up to `written`, and the one
    /// before covers what is up to `covered`: nobody who begins with that one finds a hole.
    fn keep_from(&mut self, keep: Keep, now_us: i64, covered: u64, written: u64) -> u64 {
        self.marks.push_back((now_us, written + 1));
        // What is left at the front is the newest that is old enough, or the oldest there is.
        while self.marks.get(1).is_some_and(|(at_us, _)| now_us - at_us >= keep.us) {
            self.marks.pop_front();
        }
        let aged = self.marks.front().filter(|(at_us, _)| now_us - at_us >= keep.us);
        let young = aged.map_or(1, |(_, first)| *first);
        young.max((written + 1).saturating_sub(keep.records_max)).min(covered + 1)
    }
}

/// Why there is no base.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Redis(#[from] LinkError),
    #[error(transparent)]
    Base(#[from] BaseError),
}

impl Housekeeper {
    pub(super) fn new(
        config: &Config,
        settings: &Arc<Settings>,
        status: &Arc<Status>,
        engine: &Engine,
        files: Arc<dyn Files>,
        metrics: BaseMetrics,
    ) -> Self {
        let bytes_max = config.store.bytes_max;
        let is_kept = config.log_settings().is_some();
        Housekeeper {
            settings: settings.clone(),
            status: status.clone(),
            engine: engine.clone(),
            runtime: Handle::current(),
            limits: config.partition_limits(),
            sources: config.feeds.sources.clone(),
            retention: super::housekeeping::retention(config),
            archive: is_kept.then(|| Archive::new(&config.store.dir, files, bytes_max, settings.partitions)),
            every_records: config
                .cluster
                .base_every_records
                .min(settings.stream_entries_max / STREAM_PART)
                .max(1),
            every_us: i64::try_from(config.cluster.base_every_s * 1_000_000).unwrap_or(i64::MAX),
            keep: Keep {
                us: i64::try_from(config.cluster.base_keep_s * 1_000_000).unwrap_or(i64::MAX),
                records_max: config
                    .cluster
                    .base_every_records
                    .saturating_mul(KEPT_TIMES)
                    .min(settings.stream_entries_max / 2),
            },
            partitions: (0..settings.partitions).map(|_| Partition::default()).collect(),
            metrics,
        }
    }

    /// Starts the thread. It ends when what `stop` belongs to is dropped.
    pub(super) fn start(self, stop: Receiver<()>) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("housekeeping".into());
        thread.spawn(move || self.run(&stop)).map(drop)
    }

    fn run(mut self, stop: &Receiver<()>) {
        step_back();
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(LOOK_EVERY) {
            for partition in 0..self.partitions.len() {
                match self.status.of(partition).fence.load(Relaxed) {
                    0 => self.partitions[partition] = Partition::default(),
                    fence => self.look(partition, fence),
                }
            }
            let behind = self.partitions.iter().map(|partition| partition.behind).max();
            self.metrics.behind.set(behind.unwrap_or(0) as f64);
        }
    }

    /// Does what is due of a partition that this engine owns.
    fn look(&mut self, number: usize, fence: u64) {
        let now_us = Clock.steady_us();
        let partition = &mut self.partitions[number];
        if partition.looked_us.is_none_or(|at_us| now_us - at_us >= RETENTION_EVERY_US) {
            partition.looked_us = Some(now_us);
            self.let_go(number);
        }
        let Err(trouble) = self.cover(number, fence, now_us) else { return };
        self.partitions[number].bases = None;
        // While Redis is away others say so.
        if let Trouble::Base(error) = trouble {
            self.metrics.failed.increment(1);
            tracing::error!(partition = number, %error, "there is no base of the partition: its stream is not trimmed");
        }
    }

    /// Lets games go that are over for long.
    fn let_go(&self, number: usize) {
        let finished = self.engine.games().partitions()[number].finished();
        let count = self.retention.overdue(&finished, IngestTime(Clock.wall_us()));
        let overdue = finished.into_iter().take(count).map(|(game, _)| game);
        for game in overdue.collect::<Vec<GameId>>() {
            let expired = self.runtime.block_on(self.engine.expire(game, IngestTime(Clock.wall_us())));
            if let Err(error) = expired {
                tracing::warn!(partition = number, %error, "a game that is over for long can't be let go of now");
                return;
            }
        }
    }

    /// Makes a base where one is due.
    fn cover(&mut self, number: usize, fence: u64, now_us: i64) -> Result<(), Trouble> {
        let partition = &mut self.partitions[number];
        let bases = match &mut partition.bases {
            Some(bases) => bases,
            none => none.insert(Bases::open(&self.settings, number)?),
        };
        let Some(extent) = bases.extent()? else { return Ok(()) };
        partition.behind = extent.written.saturating_sub(extent.covered);
        if partition.behind == 0 {
            partition.behind_since_us = None;
            return Ok(());
        }
        let since_us = *partition.behind_since_us.get_or_insert(now_us);
        if partition.behind < self.every_records && now_us - since_us < self.every_us {
            return Ok(());
        }
        let (mut since, mut bytes) = (Vec::new(), 0);
        bases.since(extent.covered, extent.written, |entry| {
            bytes += entry.bytes();
            let (first, count, records) = records_of(entry);
            since.push(Stretch { first, count, records });
            bytes < STRETCH_BYTES
        })?;
        let header = Header {
            epoch: extent.epoch,
            sources: self.sources.clone(),
            continuity: recovery::rules(&self.limits),
            ..Header::default()
        };
        let private = Shared::beside(self.limits).in_partition(number, self.settings.partitions);
        let before = bases.newest()?;
        let made = base::next(before.clone(), &since, &header, &private)?;
        drop(private);
        // Before the stream is trimmed. Where the disk does not take it, the stream is trimmed all the same:
        // else Redis would be full in the end.
        let range = (extent.covered + 1, made.lsn);
        if let Some(archive) = &mut self.archive
            && let Err(error) = archive.keep(number, range, &header, &segment(&since), before.as_deref())
        {
            let (first, last) = range;
            tracing::error!(partition = number, first, last, %error, "the archive (store.dir) has a hole: these records are not in it");
        }
        let keep_from = partition.keep_from(self.keep, now_us, extent.covered, made.lsn);
        let bases = partition.bases.as_mut().expect("opened above");
        let trimmed = bases.put(&header.epoch, fence, made.lsn, &made.bytes, keep_from)?;
        partition.behind_since_us = None;
        partition.behind = extent.written.saturating_sub(made.lsn);
        self.metrics.made.increment(1);
        for warning in &made.warnings {
            tracing::warn!(partition = number, "{warning}");
        }
        let (bytes, kept, left_out) = (made.bytes.len(), made.kept, made.left_out);
        tracing::info!(
            partition = number,
            lsn = made.lsn,
            bytes,
            kept,
            left_out,
            trimmed,
            "a base was made"
        );
        Ok(())
    }
}

/// What the archive keeps of a stretch of a stream.
fn segment(since: &[Stretch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for stretch in since {
        match stretch.records.is_empty() {
            true => gap(u64::from(stretch.count), &mut bytes),
            false => bytes.extend_from_slice(&stretch.records),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Keep, Partition};

    const KEEP: Keep = Keep {
        us: 120,
        records_max: 1_000,
    };

    #[test]
    fn what_is_young_stays_and_what_a_newcomer_needs() {
        let mut partition = Partition::default();
        // Nothing is known of how old it is.
        assert_eq!(partition.keep_from(KEEP, 0, 0, 50), 1);
        assert_eq!(partition.keep_from(KEEP, 60, 50, 70), 1);
        // Who was there when the first base was made has all up to it.
        assert_eq!(partition.keep_from(KEEP, 120, 70, 90), 51);
        assert_eq!(partition.keep_from(KEEP, 179, 90, 95), 51);
        assert_eq!(partition.keep_from(KEEP, 180, 95, 96), 71);
        // The base before covers less than the last one that is old enough does not: only where it was made since.
        assert_eq!(partition.keep_from(KEEP, 9_000, 96, 97), 97);
        assert_eq!(partition.marks.len(), 2);
    }

    #[test]
    fn a_stream_that_grows_fast_keeps_less() {
        let mut partition = Partition::default();
        assert_eq!(
            partition.keep_from(KEEP, 0, 0, 5_000),
            1,
            "no base is there yet that somebody may begin with"
        );
        assert_eq!(partition.keep_from(KEEP, 1, 5_000, 5_600), 4_601);
        assert_eq!(partition.keep_from(KEEP, 2, 5_600, 9_000), 5_601);
    }

    #[test]
    fn without_an_age_it_is_what_came_since_the_base_before() {
        let mut partition = Partition::default();
        let keep = Keep { us: 0, ..KEEP };
        assert_eq!(partition.keep_from(keep, 5, 0, 50), 1);
        assert_eq!(partition.keep_from(keep, 6, 50, 70), 51);
    }
}
