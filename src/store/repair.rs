//! Makes a damaged log readable: sets bytes that can't be read aside and keeps what is before and after.
//!
//! A segment is written anew, whole, where something in it is bad; a gap record stands for the records that
//! are lost, so that all others keep their place. How many those are, the next mark says. A torn tail is
//! left to who begins the log: see [`super::Opening::cut_torn`].

use super::contests::contests;
use super::files::Files;
use super::folder::{SegmentFile, beside, gap, segments, write_whole};
use super::header::Header;
use super::open::take_lock;
use super::record::{MARK_BYTES, parse};
use super::replay::OpenError;
use super::scan::{Item, Problem, Scan, Stop, resume, synced};
use super::snapshot::set_aside_damaged;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One place that was repaired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repaired {
    /// The segment.
    pub file: PathBuf,
    /// Where in it the bytes began.
    pub offset: u64,
    /// How many bytes were bad.
    pub bytes: u64,
    /// What was wrong with them.
    pub problem: Problem,
    /// Records that are lost.
    pub missing: u64,
    /// Where the bytes are now, where there were any.
    pub kept: Option<PathBuf>,
}

/// Repairs the log in `dir`; what is fine stays as it is.
///
/// # Errors
/// A process uses the log, the system says no, or a later version wrote it. Files that were not reached
/// are as they were.
pub fn repair(dir: &Path, files: &dyn Files) -> Result<Vec<Repaired>, OpenError> {
    let _lock = take_lock(dir, files)?;
    let found = segments(files, dir)?;
    let mut headers = Headers::default();
    for file in &found {
        let header = file.read(files).and_then(|bytes| file.header(&bytes));
        headers.0.push(header.ok().map(|(header, _)| header));
    }
    let mut all = snapshots_set_aside(dir, files)?;
    all.extend(contests_set_aside(dir, files)?);
    for (nth, file) in found.iter().enumerate() {
        let until = found.get(nth + 1).map(|next| next.first);
        let bytes = file.read(files)?;
        let mut rewriting = Rewriting::begin(file, &bytes, until, || headers.nearest(nth))?;
        rewriting.run()?;
        if rewriting.bad.is_empty() {
            continue;
        }
        for bad in &rewriting.bad {
            let range = bad.range.clone();
            let kept = (!range.is_empty()).then(|| beside(&file.path, "bad", range.start as u64));
            if let Some(kept) = &kept {
                write_whole(files, kept, &[&bytes[range.clone()]]).map_err(OpenError::io("write", kept))?;
            }
            all.push(Repaired {
                file: file.path.clone(),
                offset: range.start as u64,
                bytes: range.len() as u64,
                problem: bad.problem,
                missing: bad.missing,
                kept,
            });
        }
        write_whole(files, &file.path, &[&rewriting.out]).map_err(OpenError::io("write", &file.path))?;
    }
    Ok(all)
}

/// A damaged snapshot is set aside whole: segments, or the one before, have what it had.
fn snapshots_set_aside(dir: &Path, files: &dyn Files) -> Result<Vec<Repaired>, OpenError> {
    let damaged = set_aside_damaged(dir, files)?.into_iter();
    let repaired = damaged.filter_map(|(file, error, aside)| match error {
        OpenError::Corrupt { offset, problem, .. } => Some(Repaired {
            file: file.path,
            offset,
            bytes: file.bytes,
            problem,
            missing: 0,
            kept: Some(aside),
        }),
        _ => None,
    });
    Ok(repaired.collect())
}

/// A damaged contest is set aside whole: who posted it has it.
fn contests_set_aside(dir: &Path, files: &dyn Files) -> Result<Vec<Repaired>, OpenError> {
    let mut all = Vec::new();
    for file in contests(dir, files)? {
        match file.load(files) {
            Ok(_) => {}
            Err(OpenError::DamagedContest { .. }) => all.push(Repaired {
                offset: 0,
                bytes: file.bytes,
                problem: Problem::Nonsense,
                missing: 0,
                kept: Some(file.set_aside(files)?),
                file: file.path,
            }),
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The headers that can be read, by segment.
#[derive(Default)]
struct Headers(Vec<Option<Header>>);

impl Headers {
    /// Who may have written segment `nth`: the one before, or the one after.
    fn nearest(&self, nth: usize) -> Header {
        let before = self.0[..nth].iter().rev().flatten().next();
        before
            .or_else(|| self.0[nth..].iter().flatten().next())
            .cloned()
            .unwrap_or_default()
    }
}

struct Bad {
    range: Range<usize>,
    problem: Problem,
    missing: u64,
}

/// A segment on its way to be readable.
struct Rewriting<'a> {
    file: &'a SegmentFile,
    bytes: &'a [u8],
    /// Where the next segment begins.
    until: Option<u64>,
    /// The last record that was on disk: damage after it is a torn tail.
    synced: u64,
    scan: Scan<'a>,
    out: Vec<u8>,
    bad: Vec<Bad>,
}

impl<'a> Rewriting<'a> {
    fn begin(
        file: &'a SegmentFile,
        bytes: &'a [u8],
        until: Option<u64>,
        stand_in: impl FnOnce() -> Header,
    ) -> Result<Rewriting<'a>, OpenError> {
        let mut rewriting = Rewriting {
            file,
            bytes,
            until,
            synced: until.map_or_else(|| synced(bytes).max(file.first - 1), |until| until - 1),
            scan: Scan::new(bytes, 0, file.first),
            out: Vec::with_capacity(bytes.len()),
            bad: Vec::new(),
        };
        match file.header(bytes) {
            Ok((_, begin)) => {
                rewriting.out.extend_from_slice(&bytes[..begin]);
                rewriting.scan.at = begin;
            }
            Err(OpenError::Corrupt { problem, .. }) => {
                let header = stand_in().encode(file.first).ok_or(OpenError::HeaderTooLong)?;
                rewriting.out.extend_from_slice(&header);
                rewriting.leave_out(resume(bytes, 0), problem);
            }
            Err(error) => return Err(error),
        }
        Ok(rewriting)
    }

    fn run(&mut self) -> Result<(), OpenError> {
        while self.until.is_none_or(|until| self.scan.next < until) {
            let (at, next) = (self.scan.at, self.scan.next);
            match self.scan.step() {
                Some(Ok(_)) if self.until.is_some_and(|until| self.scan.next > until) => {
                    // A gap of more records than there are until then.
                    let to = self.scan.at;
                    self.scan = Scan::new(self.bytes, at, next);
                    self.leave_out(to, Problem::Nonsense);
                }
                Some(Ok(_)) => self.out.extend_from_slice(&self.bytes[at..self.scan.at]),
                Some(Err(Stop::Bad(problem))) if self.scan.next <= self.synced => match problem {
                    // The mark itself is fine.
                    Problem::Position(next) if next > self.scan.next => self.leave_out(at, problem),
                    Problem::Position(_) => self.leave_out(at + MARK_BYTES, problem),
                    _ => self.leave_out(resume(self.bytes, at + 1), problem),
                },
                Some(Err(Stop::Bad(_))) => break,
                Some(Err(stop)) => return Err(OpenError::stopped(&self.file.path, &self.scan, stop)),
                None => {
                    let Some(until) = self.until else { break };
                    self.leave_out(at, Problem::Ends(until));
                }
            }
        }
        // A torn tail, or what no longer counts.
        self.out.extend_from_slice(&self.bytes[self.scan.at..]);
        Ok(())
    }

    /// Leaves out the bytes up to `to`, and goes on there; a gap stands for the records in them.
    fn leave_out(&mut self, to: usize, problem: Problem) {
        let next = self.next_at(to).max(self.scan.next);
        let next = self.until.map_or(next, |until| next.min(until));
        let missing = next - self.scan.next;
        if missing > 0 {
            gap(missing, &mut self.out);
        }
        self.bad.push(Bad {
            range: self.scan.at..to,
            problem,
            missing,
        });
        self.scan = Scan::new(self.bytes, to, next);
    }

    /// The place of the record at byte `at`: by the next mark, else by where the next segment begins. What
    /// else is lost until there counts as lost before `at`: a record may seem later than it is, and be
    /// applied once more, but not earlier.
    fn next_at(&self, mut at: usize) -> u64 {
        let mut records = 0u64;
        while at < self.bytes.len() {
            let Ok(raw) = parse(&self.bytes[at..]) else {
                at = resume(self.bytes, at + 1);
                continue;
            };
            let mut one = Scan::new(&self.bytes[..at + raw.bytes], at, 1);
            match one.step() {
                Some(Ok(Item::Mark(mark))) => return mark.next.saturating_sub(records),
                Some(Err(Stop::Bad(Problem::Position(next)))) => return next.saturating_sub(records),
                _ => records = records.saturating_add(one.next - 1),
            }
            at += raw.bytes;
        }
        self.until.map_or(0, |until| until.saturating_sub(records))
    }
}
