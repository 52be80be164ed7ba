//! What is in the log, for people: reads only, takes no lock. Works on a copy, and on the log of a running
//! server, where the last segment ends in the middle of what is being written.

use super::files::Files;
use super::folder::{SegmentFile, segments};
use super::header::Header;
use super::open::examine;
use super::record::{Lsn, Record};
use super::replay::{OpenError, Replayed, counted, replay};
use super::scan::{Item, Problem, Scan, Stop};
use crate::model::IngestTime;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// One segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentSummary {
    /// Its file.
    pub file: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// Who wrote it; nothing where that can't be read.
    pub header: Option<Header>,
    /// Where it begins.
    pub first: Lsn,
    /// The record that comes after those that count.
    pub next: Lsn,
    /// Records that count.
    pub records: u64,
    /// Records that a repair had to leave out.
    pub missing: u64,
    /// When the first and the last of them came in.
    pub ingest: Option<(IngestTime, IngestTime)>,
    /// Whether it ends in order.
    pub closed: bool,
    /// Where it can't be read on, and why; bytes after a later segment's beginning don't matter.
    pub stops: Option<(u64, Problem)>,
}

/// What a log holds that can be read whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Segments.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The first record.
    pub first: Lsn,
    /// The record that comes next.
    pub next: Lsn,
    /// Records.
    pub records: u64,
    /// Records that a repair had to leave out.
    pub missing: u64,
    /// Bytes at the end that are no whole record: a torn tail, or what is being written.
    pub torn_bytes: u64,
}

/// Each segment, as far as it can be read.
///
/// # Errors
/// The system says no, or a later version wrote the log.
pub fn inspect(dir: &Path, files: &dyn Files) -> Result<Vec<SegmentSummary>, OpenError> {
    let found = segments(files, dir)?;
    let all = counted(&found, u64::MAX);
    all.iter().map(|segment| summary(&segment.file, segment.until, files)).collect()
}

fn summary(file: &SegmentFile, until: u64, files: &dyn Files) -> Result<SegmentSummary, OpenError> {
    let bytes = file.read(files)?;
    let mut summary = SegmentSummary {
        file: file.path.clone(),
        bytes: bytes.len() as u64,
        header: None,
        first: Lsn(file.first),
        next: Lsn(file.first),
        records: 0,
        missing: 0,
        ingest: None,
        closed: false,
        stops: None,
    };
    let begin = match file.header(&bytes) {
        Ok((header, begin)) => {
            summary.header = Some(header);
            begin
        }
        Err(OpenError::Corrupt { problem, .. }) => {
            summary.stops = Some((0, problem));
            return Ok(summary);
        }
        Err(error) => return Err(error),
    };
    let mut scan = Scan::new(&bytes, begin, file.first);
    while scan.next < until {
        let item = match scan.step() {
            Some(Ok(item)) => item,
            Some(Err(Stop::Bad(problem))) => {
                summary.stops = Some((scan.at as u64, problem));
                break;
            }
            Some(Err(stop)) => return Err(OpenError::stopped(&file.path, &scan, stop)),
            None if until == u64::MAX => break,
            None => {
                summary.stops = Some((scan.at as u64, Problem::Ends(until)));
                break;
            }
        };
        summary.closed = matches!(item, Item::Closed);
        match item {
            Item::Content(_, record) => {
                let ingest = record.origin.ingest;
                summary.records += 1;
                summary.ingest = Some((summary.ingest.map_or(ingest, |(first, _)| first), ingest));
            }
            Item::Gap(count) => summary.missing += count,
            Item::Mark(_) | Item::Closed => {}
        }
    }
    summary.next = Lsn(scan.next);
    Ok(summary)
}

/// Reads everything and says what it is.
///
/// # Errors
/// The first thing that would stop a start.
pub fn verify(dir: &Path, files: &dyn Files) -> Result<Verified, OpenError> {
    let mut verified = Verified::default();
    let replayed = walk(dir, files, Lsn(0), Some(&mut verified), |_, _, _| ControlFlow::Continue(()))?;
    verified.records = replayed.records;
    verified.missing = replayed.missing;
    Ok(verified)
}

/// Hands out every record from `from` on that can be read, until the caller breaks off; see
/// [`super::Opening::replay`].
///
/// # Errors
/// Those of a start.
pub fn read(
    dir: &Path,
    files: &dyn Files,
    from: Lsn,
    each: impl FnMut(Lsn, &[String], Record<'_>) -> ControlFlow<()>,
) -> Result<Replayed, OpenError> {
    walk(dir, files, from, None, each)
}

fn walk(
    dir: &Path,
    files: &dyn Files,
    from: Lsn,
    verified: Option<&mut Verified>,
    each: impl FnMut(Lsn, &[String], Record<'_>) -> ControlFlow<()>,
) -> Result<Replayed, OpenError> {
    let found = segments(files, dir)?;
    let (mut next, mut torn_bytes) = (1, 0);
    if let Some(last) = found.last() {
        let bytes = last.read(files)?;
        let examined = examine(last, &bytes)?;
        next = examined.next;
        torn_bytes = (bytes.len() - examined.end) as u64;
    }
    if let Some(verified) = verified {
        verified.segments = found.len();
        verified.bytes = found.iter().map(|segment| segment.bytes).sum();
        verified.first = Lsn(found.first().map_or(1, |segment| segment.first));
        verified.next = Lsn(next);
        verified.torn_bytes = torn_bytes;
    }
    replay(files, &counted(&found, next), from, each)
}
