//! The next snapshot, made from the last one and the segments after it: records of games that were let go
//! of, and such without an effect, are left out.
//!
//! Everything is told to a state of its own first, so that it is known what had an effect and where each
//! topic stands; and is then read once more, to be written. That is also a constant proof that the log can be
//! read. Runs beside the server, on its files alone: whole segments, which nobody writes to. Bounded: one
//! state more, four bytes a record.

use super::directory::{Directory, list_of};
use super::{Effect, RetellError, Teller, name_of, newest_good, state, tell_snapshot};
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
    /// The log can't be read: the next start would fail.
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
        let plan = self.tell(newest.good.as_ref(), upto, &shared, &mut warnings)?;
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
            let mut aside = bad.path.clone().into_os_string();
            aside.push(".bad");
            files.rename(&bad.path, Path::new(&aside)).map_err(|error| CompactionError::Write {
                dir: self.dir.clone(),
                error,
            })?;
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

    /// Tells everything up to `upto` to `shared`, and decides on each record.
    fn tell(&self, snapshot: Option<&Snapshot>, upto: Lsn, shared: &Shared, warnings: &mut Vec<String>) -> Result<Plan, RetellError> {
        let mut teller = Teller::new(shared, &self.ranks, StateTime::default());
        let mut plan = Plan::default();
        if let Some(snapshot) = snapshot {
            let astray = tell_snapshot(snapshot, &mut teller, |_, record, effect| {
                plan.add(&snapshot.header.sources, record, effect, Kept::Before);
            })?;
            let warn = |topic| format!("snapshot {}: its records do not lead {topic} to where it stood", snapshot.lsn);
            warnings.extend(astray.into_iter().map(warn));
        }
        let from = Lsn(snapshot.map_or(0, |snapshot| snapshot.lsn.0) + 1);
        let mut expected = from;
        store::read(&self.dir, &*self.files, from, |lsn, sources, record| {
            if lsn > upto || (expected == from && lsn > from) {
                return ControlFlow::Break(());
            }
            expected = Lsn(lsn.0 + 1);
            let effect = teller.tell(sources, &record);
            plan.add(sources, &record, &effect, Kept::New);
            ControlFlow::Continue(())
        })?;
        if expected == from {
            return Err(RetellError::NoBeginning {
                first: from,
                bad: String::new(),
            });
        }
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

/// One life of a game: a game that was let go of may come anew, long after.
#[derive(Clone, Copy, Default)]
struct Life {
    is_over: bool,
    /// Several feeds told of it, or one was called silent: then a word without an effect may still say that
    /// its feed is there.
    has_feeds: bool,
    /// The feed that spoke first, by its place among all.
    feed: Option<u16>,
}

/// What becomes of each record.
#[derive(Default)]
struct Plan {
    fates: Vec<Fate>,
    lives: Vec<Life>,
    /// The present life of each game.
    current: HashMap<GameId, u32>,
    /// Names of the feeds of all kept records.
    sources: Vec<String>,
}

impl Plan {
    fn add(&mut self, sources: &[String], record: &Record<'_>, effect: &Effect, kept: Kept) {
        let fate = match effect {
            Effect::Told {
                game: Some(game),
                is_missed,
            } => {
                let life = self.current.get(game).copied();
                let has_feeds = life.is_some_and(|life| self.hear(life, sources, record));
                match *is_missed || has_feeds || kept == Kept::Before {
                    true => Fate(life.unwrap_or_else(|| self.begin(game))),
                    false => Fate::LEFT_OUT,
                }
            }
            Effect::Told { game: None, is_missed } => match *is_missed || kept == Kept::Before {
                true => Fate::KEPT,
                false => Fate::LEFT_OUT,
            },
            Effect::Silent(game) => match self.current.get(game).copied() {
                Some(life) => {
                    self.lives[life as usize].has_feeds = true;
                    Fate(life)
                }
                None => Fate::LEFT_OUT,
            },
            Effect::Expired(game) => {
                if let Some(life) = self.current.remove(game) {
                    self.lives[life as usize].is_over = true;
                }
                Fate::LEFT_OUT
            }
            // Not ours to judge.
            Effect::Unreadable => Fate::KEPT,
        };
        self.fates.push(fate);
        if fate != Fate::LEFT_OUT {
            self.feed(sources, record);
        }
    }

    /// The place of the record's feed among all.
    fn feed(&mut self, sources: &[String], record: &Record<'_>) -> u16 {
        let name = feed_of(sources, record);
        let place = self.sources.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.sources.push(name);
            self.sources.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// Whether several feeds tell of that game, this record's included.
    fn hear(&mut self, life: u32, sources: &[String], record: &Record<'_>) -> bool {
        let feed = self.feed(sources, record);
        let life = &mut self.lives[life as usize];
        let first = *life.feed.get_or_insert(feed);
        life.has_feeds |= first != feed;
        life.has_feeds
    }

    fn begin(&mut self, game: &GameId) -> u32 {
        let life = self.lives.len() as u32;
        self.lives.push(Life::default());
        self.current.insert(game.clone(), life);
        life
    }

    fn keeps(&self, fate: Fate) -> bool {
        match fate {
            Fate::KEPT => true,
            Fate::LEFT_OUT => false,
            Fate(life) => !self.lives[life as usize].is_over,
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
        state::write(&shared.remains(), |piece| writer.state(piece))?;
        Ok((self.writer.finish()?.bytes, self.kept))
    }
}
