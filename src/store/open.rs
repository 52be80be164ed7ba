//! Opening the log: takes the lock, and finds out how far the last segment can be trusted.
//!
//! Only the last segment can have a torn tail: another one begins after all before it was on disk. Earlier
//! segments are read, and checked, when they are replayed; the tail is cut after that, so a start that stops
//! leaves all as it was. Never logs: what was found is in [`Opening`].

use super::files::{Files, Lock};
use super::folder::{LOCK, SegmentFile, beside, keep_cut, segments};
use super::header::Header;
use super::record::{Lsn, Record};
use super::replay::{Counted, OpenError, Replayed, counted, replay};
use super::scan::{Item, Problem, Scan, Stop, synced};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A torn tail, and what becomes of it: see [`Opening::cut_torn`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The segment.
    pub file: PathBuf,
    /// Its length without the tail.
    pub offset: u64,
    /// Bytes of the tail.
    pub bytes: u64,
    /// The first record in it, as far as one is there.
    pub lsn: Lsn,
    /// Why it can't be read.
    pub problem: Problem,
    /// Where the bytes are once they are cut.
    pub kept: PathBuf,
}

/// A log that was opened and not yet begun: this process has its lock.
pub struct Opening {
    /// Who wrote the last segment; nothing in a new folder.
    pub header: Option<Header>,
    /// Whether the last process ended in order, or there was none.
    pub clean: bool,
    /// What is cut where the log is begun.
    pub cut: Option<Cut>,
    /// The first record that is there, or would be.
    pub first_lsn: Lsn,
    /// Where the log goes on.
    pub next_lsn: Lsn,
    /// Segments found.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    pub(super) files: Arc<dyn Files>,
    pub(super) dir: PathBuf,
    pub(super) files_found: Vec<SegmentFile>,
    /// The last record known to be on disk.
    pub(super) synced: u64,
    /// The records after it, without marks.
    pub(super) tail: Vec<u8>,
    /// The bytes of `cut`, until they are.
    torn: Vec<u8>,
    pub(super) lock: Box<dyn Lock>,
}

/// Opens the log in `dir`, which is made where it is missing. Changes nothing in it.
///
/// # Errors
/// Another process has it; the system says no; or bytes of the last segment that were on disk can't be
/// read.
pub fn open(dir: &Path, files: Arc<dyn Files>) -> Result<Opening, OpenError> {
    let lock = take_lock(dir, &*files)?;
    let mut files_found = segments(&*files, dir)?;
    let mut opening = Opening {
        header: None,
        clean: true,
        cut: None,
        first_lsn: Lsn(files_found.first().map_or(1, |segment| segment.first)),
        next_lsn: Lsn(1),
        segments: files_found.len(),
        bytes: 0,
        files: files.clone(),
        dir: dir.to_owned(),
        files_found: Vec::new(),
        synced: 0,
        tail: Vec::new(),
        torn: Vec::new(),
        lock,
    };
    if let Some(last) = files_found.last_mut() {
        let bytes = last.read(&*files)?;
        let found = examine(last, &bytes)?;
        if let Some(problem) = found.torn {
            let offset = found.end as u64;
            opening.torn = bytes[found.end..].to_vec();
            opening.cut = Some(Cut {
                file: last.path.clone(),
                offset,
                bytes: opening.torn.len() as u64,
                lsn: Lsn(found.next),
                problem,
                kept: beside(&last.path, "cut", offset),
            });
        }
        last.bytes = found.end as u64;
        opening.header = Some(found.header);
        opening.clean = found.closed && opening.cut.is_none();
        opening.next_lsn = Lsn(found.next);
        opening.synced = found.synced;
        opening.tail = found.tail;
    }
    opening.bytes = files_found.iter().map(|segment| segment.bytes).sum();
    opening.files_found = files_found;
    Ok(opening)
}

/// Takes the lock of the log in `dir`.
pub(super) fn take_lock(dir: &Path, files: &dyn Files) -> Result<Box<dyn Lock>, OpenError> {
    files.make_folder(dir).map_err(OpenError::io("make", dir))?;
    let lock = dir.join(LOCK);
    let taken = files.lock(&lock).map_err(OpenError::io("lock", &lock))?;
    taken.ok_or_else(|| OpenError::InUse(dir.to_owned()))
}

impl Opening {
    /// Hands out every record from `from` on, in order, with the names of the sources that its source is
    /// a place in.
    ///
    /// # Errors
    /// A file can't be read, or bytes of it that were on disk.
    pub fn replay(&self, from: Lsn, mut each: impl FnMut(Lsn, &[String], Record<'_>)) -> Result<Replayed, OpenError> {
        replay(&*self.files, &self.counted(), from, |lsn, sources, record| {
            each(lsn, sources, record);
            ControlFlow::Continue(())
        })
    }

    /// Cuts the torn tail, where there is one, and keeps it beside its segment. Whoever begins the log does
    /// this, once all was read that was on disk.
    ///
    /// # Errors
    /// The system's.
    pub fn cut_torn(&mut self) -> Result<(), OpenError> {
        let torn = std::mem::take(&mut self.torn);
        let Some(cut) = self.cut.as_ref().filter(|_| !torn.is_empty()) else {
            return Ok(());
        };
        keep_cut(&*self.files, cut, &torn)?;
        let done = self.files.open(&cut.file).and_then(|file| file.set_len(cut.offset));
        done.map_err(OpenError::io("cut", &cut.file))
    }

    fn counted(&self) -> Vec<Counted> {
        counted(&self.files_found, self.next_lsn.0)
    }
}

/// What the last segment holds.
pub(super) struct LastSegment {
    pub(super) header: Header,
    /// The last record known to be on disk.
    pub(super) synced: u64,
    /// The record that comes next.
    pub(super) next: u64,
    /// Where its readable bytes end.
    pub(super) end: usize,
    /// What is wrong there, where there are more bytes.
    pub(super) torn: Option<Problem>,
    /// Whether it ends in order.
    pub(super) closed: bool,
    /// Records after `synced`, without marks.
    pub(super) tail: Vec<u8>,
}

/// Reads the last segment up to where it can be read.
///
/// # Errors
/// What can't be read was on disk, or a later version wrote it.
pub(super) fn examine(file: &SegmentFile, bytes: &[u8]) -> Result<LastSegment, OpenError> {
    let (header, begin) = file.header(bytes)?;
    let mut last = LastSegment {
        header,
        synced: synced(&bytes[begin..]).max(file.first - 1),
        next: file.first,
        end: begin,
        torn: None,
        closed: false,
        tail: Vec::new(),
    };
    let mut scan = Scan::new(bytes, begin, file.first);
    while let Some(step) = scan.step() {
        match step {
            Ok(item) => {
                last.closed = matches!(item, Item::Closed);
                match item {
                    Item::Content(lsn, _) if lsn.0 > last.synced => last.tail.extend_from_slice(&bytes[last.end..scan.at]),
                    // A repair wrote it, and synced the file as it was then.
                    Item::Gap(_) => {
                        last.synced = last.synced.max(scan.next - 1);
                        last.tail.clear();
                    }
                    _ => {}
                }
            }
            Err(Stop::Bad(problem)) if scan.next > last.synced => {
                last.torn = Some(problem);
                last.closed = false;
                break;
            }
            Err(stop) => return Err(OpenError::stopped(&file.path, &scan, stop)),
        }
        (last.end, last.next) = (scan.at, scan.next);
    }
    Ok(last)
}
