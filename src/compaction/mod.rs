//! The room where the log is told again: after a start, and to rewrite it without games that are gone.
//!
//! ```text
//! newest good snapshot ──► records ─┐
//!                    └───► state ───┼──► Shared, as it was ──► the server's, or (private) the next snapshot's
//! segments after it ─────► records ─┘
//! ```
//! | module | owns |
//! |---|---|
//! | this | what a record does when it is told again; a snapshot and the segments after it as one |
//! | `state` | what a snapshot says besides records, as JSON |
//! | `directory` | player lists, folded |
//! | `digest` | what becomes of each record when a log is rewritten, and the rewriting |
//! | [`compactor`] | the next snapshot, made from files alone |
//! | [`base`] | the same of a cluster's partition, made from its stream; and to begin with it |
//! | [`retention`] | which games are let go of, and when |
//!
//! What is told here goes through the very code that live events go through. Reads no clock but in
//! retention's own thread; never changes a segment. Bounded: by the log's own bounds, as files are read one
//! at a time.

pub mod base;
pub mod compactor;
mod digest;
mod directory;
pub mod retention;
mod state;

use crate::engine::{Outcome, Shared};
use crate::feed::{Decoder, Limits};
use crate::model::{Event, GameId, Origin, SourceId, StateTime};
use crate::store::snapshot::{Part, snapshots};
use crate::store::{Files, Kind, Lsn, OpenError, Opening, RECORD_BYTES_MAX, Record, Snapshot, SnapshotFile};
use state::State;
use std::path::Path;

/// Why what was taken in can't be put together again.
#[derive(Debug, thiserror::Error)]
pub enum RetellError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The segments begin later than at the first record, and no snapshot leads up to there.
    #[error("the log begins with record {first}, and no good snapshot covers what was before{bad}")]
    NoBeginning {
        /// The first record there is.
        first: Lsn,
        /// What is wrong with the snapshots that are there.
        bad: String,
    },
    /// The segments end before the newest snapshot does.
    #[error("the log ends before record {0}, up to which the newest snapshot goes: segments are missing")]
    NoEnd(Lsn),
    /// A snapshot whose bytes are right says what this version does not understand.
    #[error("snapshot {lsn}: {what}")]
    Snapshot {
        /// The last record that it covers.
        lsn: Lsn,
        /// What is not understood.
        what: String,
    },
}

/// What was told again, and from what.
#[derive(Debug, Default)]
pub struct Retold {
    /// The last record that the snapshot covers, where there was one.
    pub snapshot: Option<Lsn>,
    /// Records told again.
    pub records: u64,
    /// Records of them that no longer can be read as events; they have no effect.
    pub unreadable: u64,
    /// Records that a repair had to leave out, also of those that the snapshot covers.
    pub missing: u64,
    /// Snapshots that are no good, and topics that a snapshot does not account for: for the log.
    pub warnings: Vec<String>,
}

/// What a record did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// An event: of which game, if of any, and whether it would be missed if it had not been told.
    Told { game: Option<GameId>, is_missed: bool },
    /// A feed is silent for that game.
    Silent(GameId),
    /// That game was let go of.
    Expired(GameId),
    /// The body is no event (any more).
    Unreadable,
}

/// Tells records to a state.
pub(crate) struct Teller<'a> {
    shared: &'a Shared,
    decoder: Decoder,
    /// Names of the feeds, by rank.
    ranks: &'a [String],
    now: StateTime,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(shared: &'a Shared, ranks: &'a [String], now: StateTime) -> Teller<'a> {
        // Whatever the limits are now: it was accepted once.
        let limits = Limits {
            line_bytes_max: RECORD_BYTES_MAX,
            ..Limits::default()
        };
        Teller {
            shared,
            decoder: Decoder::new(limits),
            ranks,
            now,
        }
    }

    /// Does once more what record `lsn` says. `sources` are the names of its segment.
    pub(crate) fn tell(&mut self, lsn: Lsn, sources: &[String], record: &Record<'_>) -> Effect {
        match record.kind {
            Kind::Event => {
                let Ok(event) = self.decoder.line(record.body) else {
                    return Effect::Unreadable;
                };
                let origin = Origin {
                    source: self.rank(sources, record.origin.source),
                    ..record.origin
                };
                self.event(lsn, event, origin)
            }
            Kind::Expired => match game_of(record.body) {
                Some(game) => {
                    self.shared.expire(&game);
                    Effect::Expired(game)
                }
                None => Effect::Unreadable,
            },
            Kind::Silent => match game_of(record.body) {
                Some(game) => {
                    let source = self.rank(sources, record.origin.source);
                    self.shared.silent(source, &game, self.now);
                    Effect::Silent(game)
                }
                None => Effect::Unreadable,
            },
            // The log's own are never handed out.
            Kind::Mark | Kind::Closed | Kind::Gap => Effect::Unreadable,
        }
    }

    fn event(&self, lsn: Lsn, event: Event, origin: Origin) -> Effect {
        let game = event.game().cloned();
        let is_news = match &event {
            Event::Players(infos) => infos.iter().any(|info| self.shared.cards.is_news(info)),
            _ => false,
        };
        let games = self.shared.game_count();
        let outcome = self.shared.apply_record(lsn.0, event, origin, self.now);
        let is_missed = match outcome {
            _ if game.is_none() => is_news,
            Outcome::Sequenced(verdict) => verdict.is_remembered(),
            Outcome::TooManyGames | Outcome::TooManyPlayers | Outcome::DirectoryFull | Outcome::GameExpired => false,
        };
        Effect::Told {
            game,
            // Also the first word of a game that was then refused.
            is_missed: is_missed || self.shared.game_count() > games,
        }
    }

    /// The rank that a feed has now, whatever it was when it said this: behind all others where it is none of
    /// the configured.
    fn rank(&self, sources: &[String], source: SourceId) -> SourceId {
        let Some(name) = sources.get(usize::from(source.0)) else {
            return source;
        };
        if let Some(number) = numbered(name) {
            return number;
        }
        let rank = self.ranks.iter().position(|rank| rank == name);
        SourceId(rank.and_then(|rank| u8::try_from(rank).ok()).unwrap_or(u8::MAX))
    }
}

/// Name, in a snapshot, of a feed that its segment has no name for.
fn name_of(source: SourceId) -> String {
    format!("#{}", source.0)
}

fn numbered(name: &str) -> Option<SourceId> {
    name.strip_prefix('#')?.parse().ok().map(SourceId)
}

fn game_of(body: &[u8]) -> Option<GameId> {
    GameId::new(std::str::from_utf8(body).ok()?)
}

/// Brings `shared`, which is empty and which nobody reads yet, to where the log in `dir` ends. `ranks` are the
/// configured names of feeds; `now` is when what is told counts as worked out.
///
/// # Errors
/// The log, or the only snapshot that leads up to it, can't be read or understood.
pub fn retell(
    opening: &Opening,
    dir: &Path,
    files: &dyn Files,
    shared: &Shared,
    ranks: &[String],
    now: StateTime,
) -> Result<Retold, RetellError> {
    let mut retold = Retold::default();
    let newest = newest_good(dir, files)?;
    let bad = newest.bad.iter().map(|(_, error)| error.to_string());
    retold.warnings.extend(bad);
    let mut teller = Teller::new(shared, ranks, now);
    if let Some(snapshot) = newest.good {
        if snapshot.lsn >= opening.next_lsn {
            return Err(RetellError::NoEnd(snapshot.lsn));
        }
        let told = tell_snapshot(&snapshot, &mut teller, |_, _, effect| {
            retold.unreadable += u64::from(*effect == Effect::Unreadable);
        })?;
        retold.warnings.extend(told.warnings);
        retold.missing = told.missing;
        retold.records = snapshot.records;
        retold.snapshot = Some(snapshot.lsn);
    }
    let from = after(retold.snapshot, opening.first_lsn, &retold.warnings)?;
    let replayed = opening.replay(from, |lsn, sources, record| {
        retold.unreadable += u64::from(teller.tell(lsn, sources, &record) == Effect::Unreadable);
    })?;
    retold.records += replayed.records;
    retold.missing = retold.missing.saturating_add(replayed.missing);
    // Where feeds differ was noted when they began to.
    drop(shared.take_noted());
    Ok(retold)
}

/// The first record after those that the snapshot covers. Segments, the first of which begins with record
/// `first`, must reach back to it; a gap that a repair left may stand there.
fn after(snapshot: Option<Lsn>, first: Lsn, warnings: &[String]) -> Result<Lsn, RetellError> {
    let from = Lsn(snapshot.map_or(0, |covered| covered.0) + 1);
    if first > from {
        let bad = warnings.iter().map(|warning| format!("; {warning}")).collect();
        return Err(RetellError::NoBeginning { first, bad });
    }
    Ok(from)
}

/// The newest snapshot that is whole, and newer ones that are not.
pub(crate) struct Newest {
    pub(crate) good: Option<Snapshot>,
    pub(crate) bad: Vec<(SnapshotFile, OpenError)>,
}

/// Looks for the newest snapshot that is whole.
pub(crate) fn newest_good(dir: &Path, files: &dyn Files) -> Result<Newest, OpenError> {
    let mut bad = Vec::new();
    for file in snapshots(dir, files)? {
        match file.load(files) {
            Ok(snapshot) => return Ok(Newest { good: Some(snapshot), bad }),
            Err(error @ OpenError::Corrupt { .. }) => bad.push((file, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(Newest { good: None, bad })
}

/// What a snapshot says besides what it brings a state to.
pub(crate) struct ToldSnapshot {
    /// Records of those that it covers that a repair had to leave out.
    pub(crate) missing: u64,
    /// Topics that its records lead elsewhere: for the log.
    pub(crate) warnings: Vec<String>,
}

/// Tells a snapshot's records, each of which `each` hears of, and then its state.
pub(crate) fn tell_snapshot(
    snapshot: &Snapshot,
    teller: &mut Teller<'_>,
    mut each: impl FnMut(Lsn, &Record<'_>, &Effect),
) -> Result<ToldSnapshot, RetellError> {
    let mut state = State::default();
    for part in snapshot.parts() {
        match part {
            Part::Record(lsn, record) => {
                let effect = teller.tell(lsn, &snapshot.header.sources, &record);
                each(lsn, &record, &effect);
            }
            Part::State(piece) => state::read(piece, &mut state).map_err(|what| RetellError::Snapshot { lsn: snapshot.lsn, what })?,
        }
    }
    let astray = teller.shared.take_over(state.remains).into_iter();
    let warn = |topic| format!("snapshot {}: its records do not lead {topic} to where it stood", snapshot.lsn);
    Ok(ToldSnapshot {
        missing: state.missing,
        warnings: astray.map(warn).collect(),
    })
}

#[cfg(test)]
mod tests;
