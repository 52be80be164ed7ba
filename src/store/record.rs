//! A record's bytes: length (u32), CRC-32 (u32), kind (u8), source (u8), ingest time (i64, µs), body; all
//! little endian. The length counts from the kind on, the checksum is over the same bytes.

use crate::model::{IngestTime, Origin, SourceId};

/// Longest record in bytes, from its kind on: far above any line's limit. A length above is damage.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// Bytes before those that the length counts.
pub(super) const PREFIX_BYTES: usize = 8;
/// Fewest bytes that the length counts: kind, source, ingest time.
pub(super) const FIXED_BYTES: usize = 10;

/// A record's place in the log, from 1. It is not written: it follows from the position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Lsn(pub u64);

impl std::fmt::Display for Lsn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// An event; the body is its line, as decoded.
    Event = 1,
    /// The source is silent for a game; the body is the game's id.
    Silent = 2,
    /// A game is let go of; the body is its id.
    Expired = 3,
    /// Which records are on disk, and which comes next. The log's own: has no `lsn`.
    Mark = 4,
    /// An orderly end. The log's own: has no `lsn`.
    Closed = 5,
    /// Stands for records that a repair had to leave out; the body is how many (u64). The log's own.
    Gap = 6,
}

impl Kind {
    /// The kind of that number.
    pub(super) fn from_number(number: u8) -> Option<Kind> {
        [Kind::Event, Kind::Silent, Kind::Expired, Kind::Mark, Kind::Closed, Kind::Gap]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }

    /// Whether such a record is the caller's: it has an `lsn` and is replayed.
    pub fn is_content(self) -> bool {
        matches!(self, Kind::Event | Kind::Silent | Kind::Expired)
    }
}

/// One record, borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// What it is.
    pub kind: Kind,
    /// Who said it, and when it came in. The source is a place in the names of its segment's header.
    pub origin: Origin,
    /// What it says.
    pub body: &'a [u8],
}

/// Appends a record's bytes to `out`. Callers do this for their own records, so that the checksum is not
/// the log thread's work.
///
/// # Panics
/// A body that makes a record longer than [`RECORD_BYTES_MAX`]: lines have a lower limit.
pub fn frame(record: &Record<'_>, out: &mut Vec<u8>) {
    frame_numbered(record.kind as u8, record.origin, record.body, out);
}

/// The same with a kind of any number.
pub(super) fn frame_numbered(kind: u8, origin: Origin, body: &[u8], out: &mut Vec<u8>) {
    let length = FIXED_BYTES + body.len();
    assert!(length <= RECORD_BYTES_MAX, "a line is longer than any may be");
    let start = out.len();
    out.reserve(PREFIX_BYTES + length);
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    out.push(origin.source.0);
    out.extend_from_slice(&origin.ingest.0.to_le_bytes());
    out.extend_from_slice(body);
    let checksum = crc32fast::hash(&out[start + PREFIX_BYTES..]);
    out[start + 4..start + PREFIX_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// Cuts records that were written one after the other, as [`frame`] does, apart again. Ends where a length does not
/// fit; a checksum is not looked at.
pub fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, _) = bytes.split_first_chunk::<4>()?;
        let end = PREFIX_BYTES.checked_add(u32::from_le_bytes(*length) as usize)?;
        let (record, rest) = bytes.split_at_checked(end)?;
        bytes = rest;
        Some(record)
    })
}

/// Reads records that were written one after the other, as [`frame`] does; ends at the first that can't be read, or
/// that is none of the caller's kinds.
pub fn records(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let raw = parse(bytes).ok()?;
        let kind = Kind::from_number(raw.kind).filter(|kind| kind.is_content())?;
        bytes = &bytes[raw.bytes..];
        Some(Record {
            kind,
            origin: raw.origin,
            body: raw.body,
        })
    })
}

/// A record whose checksum is right; its kind may be anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    pub(super) kind: u8,
    pub(super) origin: Origin,
    pub(super) body: &'a [u8],
    /// All its bytes, the prefix included.
    pub(super) bytes: usize,
}

/// Why no record can be read somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unreadable {
    /// It goes on beyond the end of the file.
    Short,
    /// No record has this length.
    Length(u32),
    /// The checksum is another.
    Checksum,
}

/// Reads the record at the start of `bytes`, which are not empty.
pub(super) fn parse(bytes: &[u8]) -> Result<Raw<'_>, Unreadable> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Unreadable::Short);
    };
    let length = u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
    let checksum = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]);
    if !(FIXED_BYTES..=RECORD_BYTES_MAX).contains(&(length as usize)) {
        return Err(Unreadable::Length(length));
    }
    let Some(covered) = rest.get(..length as usize) else {
        return Err(Unreadable::Short);
    };
    if crc32fast::hash(covered) != checksum {
        return Err(Unreadable::Checksum);
    }
    let mut ingest = [0; 8];
    ingest.copy_from_slice(&covered[2..FIXED_BYTES]);
    Ok(Raw {
        kind: covered[0],
        origin: Origin {
            source: SourceId(covered[1]),
            ingest: IngestTime(i64::from_le_bytes(ingest)),
        },
        body: &covered[FIXED_BYTES..],
        bytes: PREFIX_BYTES + length as usize,
    })
}

/// Body of a mark: `synced` and everything before it is on disk, `next` is the next record's place.
const MARK_BODY_BYTES: usize = 16;

/// All bytes of a mark.
pub(super) const MARK_BYTES: usize = PREFIX_BYTES + FIXED_BYTES + MARK_BODY_BYTES;

/// How a mark begins: its length.
pub(super) const MARK_BEGINS: [u8; 4] = ((FIXED_BYTES + MARK_BODY_BYTES) as u32).to_le_bytes();

/// What a mark says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    /// The last record that was on disk, with all before it.
    pub(super) synced: u64,
    /// The record that comes next.
    pub(super) next: u64,
}

impl Mark {
    pub(super) fn frame(self, out: &mut Vec<u8>) {
        let mut body = [0; MARK_BODY_BYTES];
        body[..8].copy_from_slice(&self.synced.to_le_bytes());
        body[8..].copy_from_slice(&self.next.to_le_bytes());
        frame(&own(Kind::Mark, &body), out);
    }

    pub(super) fn read(body: &[u8]) -> Option<Mark> {
        let (synced, next) = body.split_first_chunk::<8>()?;
        Some(Mark {
            synced: u64::from_le_bytes(*synced),
            next: number(next)?,
        })
    }
}

/// A record of the log itself.
pub(super) fn own(kind: Kind, body: &[u8]) -> Record<'_> {
    Record {
        kind,
        origin: Origin::default(),
        body,
    }
}

/// A body that is one number.
pub(super) fn number(body: &[u8]) -> Option<u64> {
    body.try_into().ok().map(u64::from_le_bytes)
}
