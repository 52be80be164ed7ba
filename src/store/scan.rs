//! A segment's bytes as a sequence of records. Bytes in, records or what is wrong with them out; no I/O.
//!
//! Damage is told from a torn tail by the marks: a record at or before the last place that any readable
//! mark calls synced was on disk, and must be readable. Marks behind the damage count, too; an event's
//! line can't pass for one, since a mark has bytes that JSON has not.

use super::record::{Kind, Lsn, MARK_BEGINS, MARK_BYTES, Mark, Raw, Record, Unreadable, number, parse};
use memchr::memmem;

/// What is wrong with some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// A record goes on beyond the end of the file.
    #[error("a record is cut short")]
    Short,
    /// No record has this length.
    #[error("a record says that it is {0} bytes long, which none is")]
    Length(u32),
    /// A record's checksum is another.
    #[error("a record's checksum does not match")]
    Checksum,
    /// A record of the log itself says what can't be.
    #[error("a record of the log itself makes no sense")]
    Nonsense,
    /// The write says that it begins with another record.
    #[error("this write began with record {0}: some before it are missing, or here twice")]
    Position(u64),
    /// The header can't be read.
    #[error("the file's header is damaged")]
    Header,
    /// The file ends before the next one begins.
    #[error("the file ends before record {0}, with which the next one begins")]
    Ends(u64),
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Problem {
        match unreadable {
            Unreadable::Short => Problem::Short,
            Unreadable::Length(length) => Problem::Length(length),
            Unreadable::Checksum => Problem::Checksum,
        }
    }
}

/// Why reading stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// Bytes that are no record.
    Bad(Problem),
    /// A record of a kind that is not known here.
    Later(u8),
}

/// What was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'a> {
    Content(Lsn, Record<'a>),
    Mark(Mark),
    Closed,
    /// Records that a repair left out.
    Gap(u64),
}

/// Reads record after record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    /// Where the next record begins, or the one that can't be read.
    pub(super) at: usize,
    /// The next record's place in the log.
    pub(super) next: u64,
}

impl<'a> Scan<'a> {
    /// Reads from byte `at` on, where record `next` is.
    pub(super) fn new(bytes: &'a [u8], at: usize, next: u64) -> Scan<'a> {
        Scan { bytes, at, next }
    }

    /// The next record; nothing at the end. After an error it stays where it is.
    pub(super) fn step(&mut self) -> Option<Result<Item<'a>, Stop>> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return None;
        }
        Some(match parse(rest) {
            Ok(raw) => self.item(raw),
            Err(unreadable) => Err(Stop::Bad(unreadable.into())),
        })
    }

    fn item(&mut self, raw: Raw<'a>) -> Result<Item<'a>, Stop> {
        let kind = Kind::from_number(raw.kind).ok_or(Stop::Later(raw.kind))?;
        let nonsense = Stop::Bad(Problem::Nonsense);
        let (item, records) = match kind {
            Kind::Event | Kind::Silent | Kind::Expired => {
                let (origin, body) = (raw.origin, raw.body);
                (Item::Content(Lsn(self.next), Record { kind, origin, body }), 1)
            }
            Kind::Mark => {
                let mark = Mark::read(raw.body).filter(|mark| mark.synced < mark.next).ok_or(nonsense)?;
                if mark.next != self.next {
                    return Err(Stop::Bad(Problem::Position(mark.next)));
                }
                (Item::Mark(mark), 0)
            }
            Kind::Closed => (Item::Closed, 0),
            Kind::Gap => {
                let count = number(raw.body).ok_or(nonsense)?;
                (Item::Gap(count), count)
            }
        };
        self.next = self.next.checked_add(records).ok_or(nonsense)?;
        self.at += raw.bytes;
        Ok(item)
    }
}

/// The marks that can be read in `bytes`, whatever stands between them, each with where it begins.
pub(super) fn marks(bytes: &[u8]) -> impl Iterator<Item = (usize, Mark)> {
    memmem::find_iter(bytes, &MARK_BEGINS).filter_map(|at| {
        let raw = parse(bytes.get(at..at + MARK_BYTES)?).ok()?;
        let mark = Mark::read(raw.body).filter(|mark| mark.synced < mark.next)?;
        (raw.kind == Kind::Mark as u8).then_some((at, mark))
    })
}

/// The last record that a mark in `bytes` calls synced; 0 without marks.
pub(super) fn synced(bytes: &[u8]) -> u64 {
    marks(bytes).map(|(_, mark)| mark.synced).max().unwrap_or(0)
}

/// Where, from byte `at` on, a record can be read again; the end where none can.
pub(super) fn resume(bytes: &[u8], at: usize) -> usize {
    (at..bytes.len())
        .find(|at| parse(&bytes[*at..]).is_ok_and(|raw| Kind::from_number(raw.kind).is_some()))
        .unwrap_or(bytes.len())
}
