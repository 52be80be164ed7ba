//! The next snapshot, made from the last one and the segments after it: records of games that were let go
//! of, and such without an effect, are left out.
//!
//! Everything is told to a state of its own first, so that it is known what had an effect and where each
//! topic stands; and is then read once more, to be written. That is also a constant proof that the log can be
//! read. Runs beside the server, on its files alone: whole segments, which nobody writes to. Bounded: one
//! state more, four bytes a record.

use super::directory::{Directory, list_of};
use super::state::{self, State};
use super::{Effect, RetellError, Teller, after, name_of, newest_good, tell_snapshot};
use crate::engine::Shared;
use crate::feed::{Decoder, Limits};
use crate::model::{GameId, SourceId, StateTime};
use crate::store::snapshot::{Part, Rolled, keep_newest, rolled};
use crate::store::{self, Files, Header, Lsn, OpenError, RECORD_BYTES_MAX, Record, Snapshot, SnapshotWriter};
use std::collections::HashMap;
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
        let plan = self.tell(newest.good.as_ref(), rolled, &shared, &mut warnings)?;
        let written = self.write(newest.good.as_ref(), rolled, &shared, &plan);
        let (bytes, kept) = written.map_err(|failed| match failed {
            Failed::Read(error) => error.into(),
            Failed::Write(error) => CompactionError::Write {
                dir: self.dir.clone(),
                error,
            },
        })?;
        // They would count among those that are kept.
        for (bad, _) in newest.bad {
            bad.set_aside(files)?;
        }
        let oldest = keep_newest(&self.dir, files, SNAPSHOTS_KEPT)?;
        Ok(Compacted {
            lsn: upto,
            bytes,
            kept,
            left_out: plan.fates.len() as u64 - kept.min(plan.fates.len() as u64),
            needed_from: oldest.map(|lsn| Lsn(lsn.0 + 1)),
            warnings,
        })
    }

    /// Tells everything to `shared`, and decides on each record.
    fn tell(&self, snapshot: Option<&Snapshot>, rolled: &Rolled, shared: &Shared, warnings: &mut Vec<String>) -> Result<Plan, RetellError> {
        let mut teller = Teller::new(shared, &self.ranks, StateTime::default());
        let mut plan = Plan::default();
        if let Some(snapshot) = snapshot {
            let told = tell_snapshot(snapshot, &mut teller, |_, record, effect| {
                plan.add(&snapshot.header.sources, record, effect, Kept::Before);
            })?;
            warnings.extend(told.warnings);
            plan.missing = told.missing;
        }
        let from = after(snapshot.map(|snapshot| snapshot.lsn), rolled.first, warnings)?;
        let mut records = 0;
        store::read(&self.dir, &*self.files, from, |lsn, sources, record| {
            if lsn > rolled.upto {
                return ControlFlow::Break(());
            }
            records += 1;
            let effect = teller.tell(sources, &record);
            plan.add(sources, &record, &effect, Kept::New);
            ControlFlow::Continue(())
        })?;
        // In the place of each of the others stands a gap: what was read has no holes.
        plan.missing = plan.missing.saturating_add(rolled.upto.0 + 1 - from.0 - records);
        Ok(plan)
    }

    /// Writes what was decided on. Returns the snapshot's bytes and how many records it keeps.
    fn write(&self, snapshot: Option<&Snapshot>, rolled: &Rolled, shared: &Shared, plan: &Plan) -> Result<(u64, u64), Failed> {
        let upto = rolled.upto;
        let header = Header {
            sources: plan.sources.clone(),
            ..rolled.header.clone()
        };
        let writer = SnapshotWriter::create(&*self.files, &self.dir, upto, &header)?;
        let mut output = Output::new(plan, writer);
        for part in snapshot.iter().flat_map(|snapshot| snapshot.parts()) {
            if let (Part::Record(lsn, record), Some(snapshot)) = (part, snapshot) {
                output.record(lsn, &snapshot.header.sources, record)?;
            }
        }
        let from = Lsn(snapshot.map_or(0, |snapshot| snapshot.lsn.0) + 1);
        let mut failed = None;
        store::read(&self.dir, &*self.files, from, |lsn, sources, record| {
            if lsn > upto {
                return ControlFlow::Break(());
            }
            match output.record(lsn, sources, record) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })
        .map_err(Failed::Read)?;
        failed.map_or(Ok(()), Err)?;
        output.finish(shared)
    }
}

/// What did not go well.
enum Failed {
    Read(OpenError),
    Write(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Write(error)
    }
}

/// Whether a record was in the snapshot before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Before,
    New,
}

/// What becomes of a record, in four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fate(u32);

impl Fate {
    /// It had no effect.
    const LEFT_OUT: Fate = Fate(u32::MAX);
    /// It belongs to no game.
    const KEPT: Fate = Fate(u32::MAX - 1);
}

/// What becomes of each record.
#[derive(Default)]
struct Plan {
    fates: Vec<Fate>,
    /// Of each life of a game, whether it is over: a game that was let go of may come anew, long after.
    is_over: Vec<bool>,
    /// The present life of each game.
    current: HashMap<GameId, u32>,
    /// Names of the feeds of all kept records.
    sources: Vec<String>,
    /// Records that a repair had to leave out.
    missing: u64,
}

impl Plan {
    fn add(&mut self, sources: &[String], record: &Record<'_>, effect: &Effect, kept: Kept) {
        let fate = match effect {
            Effect::Told { is_missed: false, .. } if kept == Kept::New => Fate::LEFT_OUT,
            Effect::Told { game: Some(game), .. } => {
                let life = self.current.get(game).copied();
                Fate(life.unwrap_or_else(|| self.begin(game)))
            }
            Effect::Told { game: None, .. } => Fate::KEPT,
            Effect::Silent(game) => self.current.get(game).map_or(Fate::LEFT_OUT, |life| Fate(*life)),
            Effect::Expired(game) => {
                if let Some(life) = self.current.remove(game) {
                    self.is_over[life as usize] = true;
                }
                Fate::LEFT_OUT
            }
            // Not ours to judge.
            Effect::Unreadable => Fate::KEPT,
        };
        self.fates.push(fate);
        if fate != Fate::LEFT_OUT {
            let feed = feed_of(sources, record);
            if !self.sources.contains(&feed) {
                self.sources.push(feed);
            }
        }
    }

    fn begin(&mut self, game: &GameId) -> u32 {
        let life = self.is_over.len() as u32;
        self.is_over.push(false);
        self.current.insert(game.clone(), life);
        life
    }

    fn keeps(&self, fate: Fate) -> bool {
        match fate {
            Fate::KEPT => true,
            Fate::LEFT_OUT => false,
            Fate(life) => !self.is_over[life as usize],
        }
    }
}

/// The name of the feed that said this.
fn feed_of(sources: &[String], record: &Record<'_>) -> String {
    let source = record.origin.source;
    sources.get(usize::from(source.0)).cloned().unwrap_or_else(|| name_of(source))
}

/// Writes the records that are kept, as they come by once more.
struct Output<'p, 'f> {
    plan: &'p Plan,
    writer: SnapshotWriter<'f>,
    /// How many came by.
    nth: usize,
    kept: u64,
    /// Lists from before the first game, until one comes.
    directory: Option<(Directory, Decoder)>,
}

impl<'p, 'f> Output<'p, 'f> {
    fn new(plan: &'p Plan, writer: SnapshotWriter<'f>) -> Output<'p, 'f> {
        let limits = Limits {
            line_bytes_max: RECORD_BYTES_MAX,
            ..Limits::default()
        };
        Output {
            plan,
            writer,
            nth: 0,
            kept: 0,
            directory: Some((Directory::default(), Decoder::new(limits))),
        }
    }

    fn record(&mut self, lsn: Lsn, sources: &[String], mut record: Record<'_>) -> Result<(), Failed> {
        let fate = self.plan.fates.get(self.nth).copied().unwrap_or(Fate::LEFT_OUT);
        self.nth += 1;
        if !self.plan.keeps(fate) {
            return Ok(());
        }
        let feed = feed_of(sources, &record);
        let place = self.plan.sources.iter().position(|name| *name == feed);
        record.origin.source = SourceId(place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX));
        if let Some((directory, decoder)) = &mut self.directory {
            if let Some(list) = list_of(decoder, &record) {
                directory.add(lsn, record.origin, list);
                return Ok(());
            }
            self.kept += directory.write(&mut self.writer)?;
            self.directory = None;
        }
        self.kept += 1;
        Ok(self.writer.record(lsn, &record)?)
    }

    fn finish(mut self, shared: &Shared) -> Result<(u64, u64), Failed> {
        if let Some((directory, _)) = &mut self.directory {
            self.kept += directory.write(&mut self.writer)?;
        }
        let writer = &mut self.writer;
        let state = State {
            remains: shared.remains(),
            missing: self.plan.missing,
        };
        state::write(&state, |piece| writer.state(piece))?;
        Ok((self.writer.finish()?.bytes, self.kept))
    }
}
