//! What a cluster's partition comes to up to some record, as bytes that a node begins with instead of with all
//! of its stream; and the next such base, made from the last one and the entries after it.
//!
//! The bytes are those of a snapshot. Pure: who has them, and where the entries are, is the caller's. Bounded: as
//! `digest`; one state more while a base is made.

use super::digest::{Digest, Each, Failed, Rest};
use super::{RetellError, Teller, tell_snapshot};
use crate::engine::Shared;
use crate::model::StateTime;
use crate::store::{Header, Lsn, OpenError, Snapshot, SnapshotWriter, records};
use std::io;
use std::path::Path;

/// Records of a partition's stream that follow each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// The number of the first.
    pub first: u64,
    /// How many numbers it takes.
    pub count: u32,
    /// The records; none where the number is that of a new epoch.
    pub records: Vec<u8>,
}

impl Stretch {
    /// The number of the last.
    fn last(&self) -> u64 {
        (self.first + u64::from(self.count)).saturating_sub(1)
    }
}

/// Why there is no base, or none to begin with.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// What there is can't be read or understood.
    #[error(transparent)]
    Read(#[from] RetellError),
    /// The records do not follow each other.
    #[error("record {0} is missing from the stream")]
    Missing(u64),
    /// It can't be put together.
    #[error("{0}")]
    Write(#[from] io::Error),
}

impl From<OpenError> for BaseError {
    fn from(error: OpenError) -> BaseError {
        BaseError::Read(error.into())
    }
}

/// A base that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// The last record that it covers.
    pub lsn: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Records that it keeps.
    pub kept: u64,
    /// Records that it leaves out, and the base before it did not.
    pub left_out: u64,
    /// What was odd on the way, for the log.
    pub warnings: Vec<String>,
}

/// Makes the next base. `header` says who makes it and by what rules; its sources are the names of feeds by rank.
/// `shared` is empty and nobody's, and of the partition.
///
/// # Errors
/// The base before, or what follows it, can't be read; a record is missing.
pub fn next(before: Option<Vec<u8>>, since: &[Stretch], header: &Header, shared: &Shared) -> Result<Made, BaseError> {
    let before = before.map(read).transpose()?;
    let mut next = before.as_ref().map_or(0, |before| before.lsn.0) + 1;
    for stretch in since {
        if stretch.first != next {
            return Err(BaseError::Missing(next));
        }
        next = stretch.last() + 1;
    }
    let ranks = &header.sources;
    let (mut warnings, lsn) = (Vec::new(), Lsn(next - 1));
    let rest = Stretches { ranks, since, upto: lsn };
    let digest = Digest::of(before.as_ref(), &rest, shared, ranks, &mut warnings)?;
    let writer = SnapshotWriter::in_memory(lsn, &digest.header(header))?;
    let (writer, kept) = digest.write(writer).map_err(|failed| match failed {
        Failed::Read(error) => BaseError::from(error),
        Failed::Write(error) => BaseError::from(error),
    })?;
    Ok(Made {
        lsn: lsn.0,
        bytes: writer.into_bytes(),
        kept,
        left_out: digest.left_out(kept),
        warnings,
    })
}

/// Where a node stands that began with a base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begun {
    /// The last record that it covers.
    pub lsn: u64,
    /// By what rules it was made: by others, another state may come of the same stream.
    pub rules: u64,
    /// Records that were told.
    pub records: u64,
    /// What was odd, for the log.
    pub warnings: Vec<String>,
}

/// Brings `shared`, which is empty and which nobody reads yet, to where a base leads. `ranks` are the configured
/// names of feeds; `now` is when what is told counts as worked out.
///
/// # Errors
/// They are no base, or a later version's.
pub fn begin(bytes: Vec<u8>, shared: &Shared, ranks: &[String], now: StateTime) -> Result<Begun, BaseError> {
    let base = read(bytes)?;
    let mut teller = Teller::new(shared, ranks, now);
    let told = tell_snapshot(&base, &mut teller, |_, _, _| {})?;
    // Where feeds differ was noted when they began to.
    drop(shared.take_noted());
    Ok(Begun {
        lsn: base.lsn.0,
        rules: base.header.continuity,
        records: base.records,
        warnings: told.warnings,
    })
}

fn read(bytes: Vec<u8>) -> Result<Snapshot, OpenError> {
    Snapshot::read(bytes, Path::new("the partition's base in Redis"))
}

/// What follows a base.
struct Stretches<'a> {
    /// Names of feeds: what records of the stream say of their source is a place in them.
    ranks: &'a [String],
    since: &'a [Stretch],
    upto: Lsn,
}

impl Rest for Stretches<'_> {
    fn upto(&self) -> Lsn {
        self.upto
    }

    fn unused(&self, from: Lsn) -> u64 {
        let is_unused = |stretch: &&Stretch| stretch.first >= from.0 && stretch.records.is_empty();
        self.since.iter().filter(is_unused).map(|stretch| u64::from(stretch.count)).sum()
    }

    fn read(&self, from: Lsn, each: &mut Each<'_>) -> Result<(), OpenError> {
        let numbered = self
            .since
            .iter()
            .flat_map(|stretch| (stretch.first..).zip(records(&stretch.records)));
        for (lsn, record) in numbered.filter(|(lsn, _)| *lsn >= from.0) {
            if each(Lsn(lsn), self.ranks, record).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineLimits;
    use crate::feed::simulator::{Options, Simulator, Trouble};
    use crate::feed::write_line;
    use crate::model::{Event, GameId, Origin};
    use crate::store::{Kind, Record, frame};

    const LIMITS: EngineLimits = EngineLimits {
        threads: 1,
        jobs_max: 1,
        games_max: 100,
        plays_max: 1_000,
        game_players_max: 200,
        players_max: 5_000,
        expired_games_max: 10,
        sources: 2,
    };

    fn empty() -> Shared {
        Shared::beside(LIMITS).in_partition(3, 16)
    }

    fn header() -> Header {
        Header {
            epoch: "e".to_owned(),
            sources: vec!["a".to_owned(), "b".to_owned()],
            continuity: 7,
            ..Header::default()
        }
    }

    fn stretch(first: u64, kind: Kind, bodies: &[Vec<u8>]) -> Stretch {
        let mut records = Vec::new();
        let origin = Origin::default();
        bodies.iter().for_each(|body| frame(&Record { kind, origin, body }, &mut records));
        Stretch {
            first,
            count: bodies.len() as u32,
            records,
        }
    }

    /// A stream: a slate with all that goes wrong on one, a game of it let go of, and a new epoch now and then.
    fn stream() -> (Vec<Stretch>, Vec<GameId>) {
        let options = Options {
            seed: 4,
            games: 3,
            trouble: Trouble::LIVE,
            ..Options::default()
        };
        let events: Vec<Event> = Simulator::new(&options).flat_map(|step| step.events).collect();
        let mut games: Vec<GameId> = events.iter().filter_map(Event::game).cloned().collect();
        games.sort();
        games.dedup();
        let line = |event: &Event| {
            let mut line = Vec::new();
            write_line(event, &mut line);
            line
        };
        let lines: Vec<Vec<u8>> = events.iter().map(line).collect();
        let (mut stream, mut next) = (Vec::new(), 1);
        for (nth, lines) in lines.chunks(30).enumerate() {
            stream.push(stretch(next, Kind::Event, lines));
            next += lines.len() as u64;
            if nth % 5 == 0 {
                let (first, count, records) = (next, 1, Vec::new());
                stream.push(Stretch { first, count, records });
                next += 1;
            }
            if nth == 12 {
                stream.push(stretch(next, Kind::Expired, &[games[0].as_str().as_bytes().to_vec()]));
                next += 1;
            }
        }
        (stream, games)
    }

    fn tell(shared: &Shared, stream: &[Stretch]) {
        let header = header();
        let mut teller = Teller::new(shared, &header.sources, StateTime::default());
        for stretch in stream {
            for (lsn, record) in (stretch.first..).zip(records(&stretch.records)) {
                teller.tell(Lsn(lsn), &header.sources, &record);
            }
        }
    }

    #[test]
    fn a_base_and_what_follows_it_lead_to_the_same_as_all_of_the_stream() {
        let (stream, games) = stream();
        let whole = empty();
        tell(&whole, &stream);
        let mut base: Option<Made> = None;
        for cut in [0, 1, stream.len() / 3, stream.len() / 2, stream.len()] {
            let covered = base.as_ref().map_or(0, |base| base.lsn);
            let since: Vec<Stretch> = stream[..cut].iter().filter(|stretch| stretch.first > covered).cloned().collect();
            let made = next(base.map(|base| base.bytes), &since, &header(), &empty()).unwrap();
            assert_eq!(made.warnings, [""; 0]);
            let shared = empty();
            let begun = begin(made.bytes.clone(), &shared, &header().sources, StateTime::default()).unwrap();
            assert_eq!((begun.lsn, begun.rules, begun.records), (made.lsn, 7, made.kept));
            assert_eq!(begun.warnings, [""; 0]);
            tell(&shared, &stream[cut..]);
            assert_eq!(shared.remains(), whole.remains(), "after {cut} entries");
            assert_eq!(shared.cards.search("", 10_000), whole.cards.search("", 10_000));
            for game in &games {
                let of = |shared: &Shared| {
                    shared
                        .game(game)
                        .map(|game| format!("{:?}", (game.head, game.view, game.players, game.seq, game.team_seqs)))
                };
                assert_eq!(of(&shared), of(&whole), "after {cut} entries");
            }
            base = Some(made);
        }
        assert!(whole.game(&games[0]).is_none() && whole.game(&games[1]).is_some());
        assert!(base.unwrap().left_out > 0);
    }

    #[test]
    fn a_hole_and_rubbish_are_no_base() {
        let (mut stream, _) = stream();
        let missing = stream.remove(2).first;
        let hole = next(None, &stream, &header(), &empty());
        assert!(matches!(&hole, Err(BaseError::Missing(first)) if *first == missing), "{hole:?}");
        let mut bytes = next(None, &stream[..2], &header(), &empty()).unwrap().bytes;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let damaged = begin(bytes, &empty(), &[], StateTime::default()).unwrap_err();
        assert!(damaged.to_string().contains("base in Redis"), "{damaged}");
        assert!(begin(b"rubbish".to_vec(), &empty(), &[], StateTime::default()).is_err());
    }
}
