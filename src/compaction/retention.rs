//! Which games are let go of, and when; and when the log is rewritten without them.
//!
//! A game that is final goes `keep_finished` after the last word on it that counted; earlier, the one of which
//! nothing was heard for longest first, while log and snapshots take more than `bytes_max`. Others never
//! go. The decision is a record in the log, in order with events, so that whoever tells the log again
//! lets go at the same place. What a game took on disk is free once the segments that tell of it are covered
//! by every snapshot that is kept.

use super::compactor::{Compacted, CompactionError, Compactor, SNAPSHOTS_KEPT};
use crate::clock::Clock;
use crate::engine::Shared;
use crate::model::{GameId, IngestTime};
use crate::priority::step_back;
use crate::store::{Files, Lsn, OpenError, snapshot};
use flume::{Receiver, RecvTimeoutError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The log that is written to, as far as housekeeping goes.
pub trait Log: Send {
    /// The last record written, and how many segments there are with how many bytes.
    fn figures(&self) -> Figures;

    /// Appends that these games are let go of, and lets them go in that order. Waits until that is so.
    ///
    /// # Errors
    /// Why that could not be, for people.
    fn expire(&self, games: &[GameId]) -> Result<(), String>;

    /// Removes segments that hold nothing from `lsn` on.
    ///
    /// # Errors
    /// The system's.
    fn remove_before(&self, lsn: Lsn) -> io::Result<()>;
}

/// Figures of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// The last record written.
    pub written: Lsn,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How long what is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// For how long a final game is kept after the last word that counted, in microseconds.
    pub keep_finished_us: i64,
    /// Most bytes of log and snapshots, as far as finished games can make room.
    pub bytes_max: u64,
    /// Fewest bytes of whole segments for which a snapshot is made.
    pub snapshot_every_bytes: u64,
}

impl Retention {
    /// How many of the first of `finished` have been so for long enough.
    pub fn overdue(&self, finished: &[(GameId, IngestTime)], now: IngestTime) -> usize {
        let is_over = |heard: &IngestTime| now.0.saturating_sub(heard.0) >= self.keep_finished_us;
        finished.iter().take_while(|(_, heard)| is_over(heard)).count()
    }
}

/// Does what is due now and then, on a thread of its own.
pub struct Housekeeper<L> {
    /// The log.
    pub log: L,
    /// Its folder.
    pub dir: PathBuf,
    /// Its files.
    pub files: Arc<dyn Files>,
    /// The server's state.
    pub shared: Arc<Shared>,
    /// Makes snapshots.
    pub compactor: Compactor,
    /// What goes when.
    pub retention: Retention,
    /// Games were let go of to make room as of this record: what that gave is known once every snapshot that
    /// is kept covers it.
    pub room_made_at: Lsn,
}

/// What was done in a round.
#[derive(Debug, Default)]
pub struct Round {
    /// Games let go of because they were over for long.
    pub overdue: usize,
    /// Games let go of to make room.
    pub for_room: usize,
    /// The snapshot that was made.
    pub compacted: Option<Compacted>,
    /// Bytes of log and snapshots after it.
    pub bytes: u64,
}

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
pub enum HousekeepingError {
    /// There is no snapshot.
    #[error(transparent)]
    Compaction(#[from] CompactionError),
    /// The files can't be listed.
    #[error(transparent)]
    Files(#[from] OpenError),
    /// Games could not be let go of.
    #[error("games that are over for long can't be let go of: {0}")]
    Expire(String),
    /// Segments that are no longer needed stay.
    #[error("segments that are no longer needed can't be removed: {0}")]
    Remove(io::Error),
}

/// From one round to the next, where no segment is complete before.
const ROUND_EVERY_US: i64 = 3_600_000_000;
/// How often it is looked whether a segment is complete.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl<L: Log> Housekeeper<L> {
    /// Does rounds until `stop` is dropped: at once, hourly, and when a segment is complete. Runs with little
    /// priority where the system allows it.
    pub fn run(mut self, stop: &Receiver<()>, mut told: impl FnMut(Result<Round, HousekeepingError>)) {
        step_back();
        let mut last = None;
        loop {
            let now_us = Clock.steady_us();
            let segments = self.log.figures().segments;
            if last.is_none_or(|(at_us, seen)| seen != segments || now_us - at_us >= ROUND_EVERY_US) {
                told(self.round(IngestTime(Clock.wall_us())));
                last = Some((now_us, self.log.figures().segments));
            }
            match stop.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does what is due at `now`.
    ///
    /// # Errors
    /// What could not be done; the next round tries again.
    pub fn round(&mut self, now: IngestTime) -> Result<Round, HousekeepingError> {
        let mut round = Round::default();
        let mut finished = self.shared.finished();
        round.overdue = self.retention.overdue(&finished, now);
        self.expire(&mut finished, round.overdue)?;
        round.compacted = self.compact(self.retention.snapshot_every_bytes)?;
        round.bytes = self.bytes()?;
        if round.bytes <= self.retention.bytes_max {
            return Ok(round);
        }
        if let Some(compacted) = self.compact(1)? {
            round.compacted = Some(compacted);
            round.bytes = self.bytes()?;
        }
        let covered = snapshot::snapshots(&self.dir, &*self.files)?
            .get(SNAPSHOTS_KEPT - 1)
            .map_or(Lsn(0), |oldest| oldest.lsn);
        if round.bytes > self.retention.bytes_max && covered >= self.room_made_at {
            // Not all at once: a part may be enough.
            round.for_room = finished.len().div_ceil(4);
            self.expire(&mut finished, round.for_room)?;
            self.room_made_at = self.log.figures().written;
        }
        Ok(round)
    }

    /// Lets the first `count` go.
    fn expire(&self, finished: &mut Vec<(GameId, IngestTime)>, count: usize) -> Result<(), HousekeepingError> {
        let games: Vec<GameId> = finished.drain(..count).map(|(game, _)| game).collect();
        match games.is_empty() {
            true => Ok(()),
            false => self.log.expire(&games).map_err(HousekeepingError::Expire),
        }
    }

    fn compact(&self, bytes_min: u64) -> Result<Option<Compacted>, HousekeepingError> {
        let compacted = self.compactor.compact(bytes_min)?;
        if let Some(needed_from) = compacted.as_ref().and_then(|compacted| compacted.needed_from) {
            self.log.remove_before(needed_from).map_err(HousekeepingError::Remove)?;
        }
        Ok(compacted)
    }

    /// Bytes of log and snapshots.
    fn bytes(&self) -> Result<u64, HousekeepingError> {
        let snapshots = snapshot::snapshots(&self.dir, &*self.files)?;
        let of_snapshots: u64 = snapshots.iter().map(|snapshot| snapshot.bytes).sum();
        Ok(self.log.figures().bytes + of_snapshots)
    }
}
