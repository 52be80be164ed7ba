//! A log's next snapshot, made from the last one and the segments after it.
//!
//! To read all of it, twice, is also a constant proof that the log can be read. Runs beside the server, on its
//! files alone: whole segments, which nobody writes to. Bounded: one state more, four bytes a record.

use super::digest::{Digest, Each, Failed, Rest};
use super::{RetellError, after, newest_good};
use crate::engine::Shared;
use crate::store::snapshot::{Rolled, keep_newest, rolled};
use crate::store::{self, Files, Lsn, OpenError, SnapshotWriter};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Snapshots that are kept.
pub const SNAPSHOTS_KEPT: usize = 2;

/// Makes snapshots of one log.
pub struct Compactor {
    dir: PathBuf,
    files: Arc<dyn Files>,
    ranks: Vec<String>,
    /// An empty state, which counts for no metric and has no subscribers.
    make: Box<dyn Fn() -> Shared + Send>,
}

/// A snapshot that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compacted {
    /// The last record that it covers.
    pub lsn: Lsn,
    /// Its bytes.
    pub bytes: u64,
    /// Records that it keeps.
    pub kept: u64,
    /// Records that it leaves out, and the snapshot before it did not.
    pub left_out: u64,
    /// Segments that hold nothing from this record on are needed no more; nothing before there are
    /// [`SNAPSHOTS_KEPT`] snapshots.
    pub needed_from: Option<Lsn>,
    /// What was wrong on the way, for the log.
    pub warnings: Vec<String>,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// The log can't be read: the next start would fail. Or the system says no to what became of old
    /// snapshots.
    #[error(transparent)]
    Read(#[from] RetellError),
    /// The snapshot can't be written.
    #[error("a snapshot in {}: {error}", dir.display())]
    Write {
        /// The log's folder.
        dir: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

impl From<OpenError> for CompactionError {
    fn from(error: OpenError) -> Self {
        CompactionError::Read(error.into())
    }
}

impl Compactor {
    /// For the log in `dir`. `ranks` are the configured names of feeds; `make` makes an empty state with
    /// the limits of the server's own, but for rings, which it needs none of.
    pub fn new(dir: &Path, files: Arc<dyn Files>, ranks: Vec<String>, make: impl Fn() -> Shared + Send + 'static) -> Compactor {
        Compactor {
            dir: dir.to_owned(),
            files,
            ranks,
            make: Box::new(make),
        }
    }

    /// Makes a snapshot of all whole segments, where at least `bytes_min` of them are not covered by one.
    ///
    /// # Errors
    /// The log can't be read, or the snapshot not be written; the log is as it was.
    pub fn compact(&self, bytes_min: u64) -> Result<Option<Compacted>, CompactionError> {
        let covered = store::snapshot::snapshots(&self.dir, &*self.files)?
            .first()
            .map_or(Lsn(0), |newest| newest.lsn);
        match rolled(&self.dir, &*self.files, covered)? {
            Some(rolled) if rolled.bytes >= bytes_min => self.compact_to(&rolled).map(Some),
            _ => Ok(None),
        }
    }

    fn compact_to(&self, rolled: &Rolled) -> Result<Compacted, CompactionError> {
        let (files, upto) = (&*self.files, rolled.upto);
        let newest = newest_good(&self.dir, files)?;
        let mut warnings: Vec<String> = newest.bad.iter().map(|(_, error)| error.to_string()).collect();
        let shared = (self.make)();
        after(newest.good.as_ref().map(|snapshot| snapshot.lsn), rolled.first, &warnings)?;
        let segments = Segments { of: self, upto };
        let digest = Digest::of(newest.good.as_ref(), &segments, &shared, &self.ranks, &mut warnings)?;
        let (bytes, kept) = self.write(&digest, rolled).map_err(|failed| match failed {
            Failed::Read(error) => error.into(),
            Failed::Write(error) => CompactionError::Write {
                dir: self.dir.clone(),
                error,
            },
        })?;
        let left_out = digest.left_out(kept);
        // They would count among those that are kept.
        for (bad, _) in newest.bad {
            bad.set_aside(files)?;
        }
        let oldest = keep_newest(&self.dir, files, SNAPSHOTS_KEPT)?;
        Ok(Compacted {
            lsn: upto,
            bytes,
            kept,
            left_out,
            needed_from: oldest.map(|lsn| Lsn(lsn.0 + 1)),
            warnings,
        })
    }

    /// Returns the snapshot's bytes and how many records it keeps.
    fn write(&self, digest: &Digest<'_>, rolled: &Rolled) -> Result<(u64, u64), Failed> {
        let writer = SnapshotWriter::create(&*self.files, &self.dir, rolled.upto, &digest.header(&rolled.header))?;
        let (writer, kept) = digest.write(writer)?;
        Ok((writer.finish()?.bytes, kept))
    }
}

/// The whole segments of a log.
struct Segments<'a> {
    of: &'a Compactor,
    upto: Lsn,
}

impl Rest for Segments<'_> {
    fn upto(&self) -> Lsn {
        self.upto
    }

    fn unused(&self, _: Lsn) -> u64 {
        0
    }

    fn read(&self, from: Lsn, each: &mut Each<'_>) -> Result<(), OpenError> {
        let upto = self.upto;
        let read = store::read(&self.of.dir, &*self.of.files, from, |lsn, sources, record| match lsn > upto {
            true => ControlFlow::Break(()),
            false => each(lsn, sources, record),
        });
        read.map(drop)
    }
}
