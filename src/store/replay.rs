//! Reading the log from its files, in order, each record once. Changes nothing.

use super::files::Files;
use super::folder::SegmentFile;
use super::record::{Lsn, Record};
use super::scan::{Item, Problem, Scan, Stop};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Why the log can't be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{}: another process uses this event log; stop it, or give each a folder of its own (--data-dir)", .0.display())]
    InUse(PathBuf),
    /// The system said no.
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Bytes that were on disk can't be read.
    #[error(
        "{}, byte {offset}: {problem}. This is record {lsn}, which was safely on disk; nothing was changed. \
         `scorewire log repair --data-dir {}` sets the damaged bytes aside and keeps all that can be read",
        file.display(), folder_of(file).display()
    )]
    Corrupt {
        /// The segment.
        file: PathBuf,
        /// Where in it the record begins.
        offset: u64,
        /// The record's place in the log.
        lsn: Lsn,
        /// What is wrong.
        problem: Problem,
    },
    /// A contest's file can't be read.
    #[error(
        "{}: {what}. This is a contest, which was safely on disk; nothing was changed. \
         `scorewire log repair --data-dir {}` sets the file aside; then post the contest again",
        file.display(), folder_of(file).display()
    )]
    DamagedContest {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A later version wrote a record that this one does not know.
    #[error("{}, byte {offset}: a record of kind {kind}, written by a later version", file.display())]
    Later {
        /// The segment.
        file: PathBuf,
        /// Where in it the record begins.
        offset: u64,
        /// Its kind.
        kind: u8,
    },
    /// A later version wrote the file.
    #[error("{}: format {version}, written by a later version", file.display())]
    LaterFormat {
        /// The segment.
        file: PathBuf,
        /// Its format.
        version: u32,
    },
    /// The caller's header is longer than one may be.
    #[error("the epoch, boot id or names of sources are too long for a log's header")]
    HeaderTooLong,
}

impl OpenError {
    /// For `map_err`: what was tried, and on what.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_owned();
        move |error| OpenError::Io { action, path, error }
    }

    pub(super) fn corrupt(file: &Path, offset: usize, lsn: u64, problem: Problem) -> OpenError {
        OpenError::Corrupt {
            file: file.to_owned(),
            offset: offset as u64,
            lsn: Lsn(lsn),
            problem,
        }
    }

    /// What stopped a scan that must not stop.
    pub(super) fn stopped(file: &Path, scan: &Scan<'_>, stop: Stop) -> OpenError {
        match stop {
            Stop::Bad(problem) => OpenError::corrupt(file, scan.at, scan.next, problem),
            Stop::Later(kind) => OpenError::Later {
                file: file.to_owned(),
                offset: scan.at as u64,
                kind,
            },
        }
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// What was replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Replayed {
    /// Records handed out.
    pub records: u64,
    /// Records that are not there because a repair had to leave them out.
    pub missing: u64,
}

/// A segment and where it stops to count: where the next one begins, or the last one's tail.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) file: SegmentFile,
    pub(super) until: u64,
}

/// Pairs each segment with where the next one begins; the last one counts until `end`.
pub(super) fn counted(segments: &[SegmentFile], end: u64) -> Vec<Counted> {
    let begins = segments.iter().skip(1).map(|next| next.first).chain([end]);
    let counted = segments.iter().cloned().zip(begins);
    counted.map(|(file, until)| Counted { file, until }).collect()
}

/// Hands out every record from `from` on that counts, with the names of its segment's sources, until the
/// caller breaks off.
pub(super) fn replay(
    files: &dyn Files,
    segments: &[Counted],
    from: Lsn,
    mut each: impl FnMut(Lsn, &[String], Record<'_>) -> ControlFlow<()>,
) -> Result<Replayed, OpenError> {
    let mut replayed = Replayed::default();
    for Counted { file, until } in segments.iter().filter(|segment| segment.until > from.0) {
        let bytes = file.read(files)?;
        let (header, begin) = file.header(&bytes)?;
        let mut scan = Scan::new(&bytes, begin, file.first);
        while scan.next < *until {
            let item = match scan.step() {
                Some(Ok(item)) => item,
                Some(Err(stop)) => return Err(OpenError::stopped(&file.path, &scan, stop)),
                None => return Err(OpenError::corrupt(&file.path, scan.at, scan.next, Problem::Ends(*until))),
            };
            match item {
                Item::Content(lsn, record) if lsn >= from => {
                    replayed.records += 1;
                    if each(lsn, &header.sources, record).is_break() {
                        return Ok(replayed);
                    }
                }
                Item::Gap(count) => replayed.missing += count,
                Item::Content(..) | Item::Mark(_) | Item::Closed => {}
            }
        }
        if scan.next > *until {
            // Only a gap takes more than one step, and repair never makes one that goes beyond.
            return Err(OpenError::corrupt(&file.path, scan.at, *until, Problem::Nonsense));
        }
    }
    Ok(replayed)
}
