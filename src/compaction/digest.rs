//! What becomes of each record of a log when it is rewritten, and the rewriting.
//!
//! Everything is told to a state of its own first, so that it is known what had an effect and where each
//! topic stands; and is then read once more, to be written. Records of games that were let go of, and such
//! without an effect, are left out. Whose records they are, a log's or a partition's, is the caller's. Bounded:
//! four bytes a record.

use super::directory::{Directory, list_of};
use super::state::{self, State};
use super::{Effect, RetellError, Teller, name_of, tell_snapshot};
use crate::engine::Shared;
use crate::feed::{Decoder, Limits};
use crate::model::{GameId, SourceId, StateTime};
use crate::store::snapshot::Part;
use crate::store::{Header, Lsn, OpenError, RECORD_BYTES_MAX, Record, Snapshot, SnapshotWriter};
use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;

/// Hears of records, one after the other, with the names of the feeds that they are of, until it breaks off.
pub(super) type Each<'e> = dyn FnMut(Lsn, &[String], Record<'_>) -> ControlFlow<()> + 'e;

/// The records after a snapshot, up to the last one that the next is to cover. They can be read again.
pub(super) trait Rest {
    /// The last one.
    fn upto(&self) -> Lsn;

    /// How many numbers, from `from` on, no record ever had.
    fn unused(&self, from: Lsn) -> u64;

    /// Hands them out from `from` on.
    ///
    /// # Errors
    /// They can't be read.
    fn read(&self, from: Lsn, each: &mut Each<'_>) -> Result<(), OpenError>;
}

/// The rewriting of one log, decided on.
pub(super) struct Digest<'a> {
    before: Option<&'a Snapshot>,
    rest: &'a dyn Rest,
    shared: &'a Shared,
    plan: Plan,
}

impl<'a> Digest<'a> {
    /// Tells everything to `shared`, which is empty, and decides on each record. What is odd goes to `warnings`.
    ///
    /// # Errors
    /// Something can't be read or understood.
    pub(super) fn of(
        before: Option<&'a Snapshot>,
        rest: &'a dyn Rest,
        shared: &'a Shared,
        ranks: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<Digest<'a>, RetellError> {
        let mut teller = Teller::new(shared, ranks, StateTime::default());
        let mut plan = Plan::default();
        if let Some(before) = before {
            let told = tell_snapshot(before, &mut teller, |_, record, effect| {
                plan.add(&before.header.sources, record, effect, Kept::Before);
            })?;
            warnings.extend(told.warnings);
            plan.missing = told.missing;
        }
        let from = Digest::from(before);
        let mut records = 0;
        rest.read(from, &mut |lsn, sources, record| {
            records += 1;
            let effect = teller.tell(lsn, sources, &record);
            plan.add(sources, &record, &effect, Kept::New);
            ControlFlow::Continue(())
        })?;
        // In the place of each of the others stands a gap: what was read has no holes.
        let others = rest.upto().0 + 1 - from.0 - records - rest.unused(from);
        plan.missing = plan.missing.saturating_add(others);
        Ok(Digest {
            before,
            rest,
            shared,
            plan,
        })
    }

    fn from(before: Option<&Snapshot>) -> Lsn {
        Lsn(before.map_or(0, |before| before.lsn.0) + 1)
    }

    /// What the snapshot begins with, which otherwise is `header`.
    pub(super) fn header(&self, header: &Header) -> Header {
        Header {
            sources: self.plan.sources.clone(),
            ..header.clone()
        }
    }

    /// How many of the records, of which `kept` were kept, were left out.
    pub(super) fn left_out(&self, kept: u64) -> u64 {
        (self.plan.fates.len() as u64).saturating_sub(kept)
    }

    /// Writes what was decided on. Returns the writer, and how many records it was given.
    pub(super) fn write<'f>(&self, writer: SnapshotWriter<'f>) -> Result<(SnapshotWriter<'f>, u64), Failed> {
        let mut output = Output::new(&self.plan, writer);
        if let Some(before) = self.before {
            for part in before.parts() {
                if let Part::Record(lsn, record) = part {
                    output.record(lsn, &before.header.sources, record)?;
                }
            }
        }
        let mut failed = None;
        let mut each = |lsn, sources: &[String], record: Record<'_>| match output.record(lsn, sources, record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        };
        self.rest.read(Digest::from(self.before), &mut each).map_err(Failed::Read)?;
        failed.map_or(Ok(()), Err)?;
        output.finish(self.shared)
    }
}

/// What did not go well.
pub(super) enum Failed {
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

    fn finish(mut self, shared: &Shared) -> Result<(SnapshotWriter<'f>, u64), Failed> {
        if let Some((directory, _)) = &mut self.directory {
            self.kept += directory.write(&mut self.writer)?;
        }
        let writer = &mut self.writer;
        let state = State {
            remains: shared.remains(),
            missing: self.plan.missing,
        };
        state::write(&state, |piece| writer.state(piece))?;
        Ok((self.writer, self.kept))
    }
}
