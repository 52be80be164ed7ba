//! Snapshots: the log up to some record, rewritten, in one file: `snapshot-{lsn:020}.snap`.
//!
//! The file begins with a magic of its own and a segment's header, whose first `lsn` is the one after the
//! last record covered. Then come records as in segments, those that were kept, each under its own `lsn`:
//! a *place* says it where it does not follow from the one before. Then comes the *state*, which is the caller's, in
//! as many pieces as it likes; then the *end*: how many records and pieces there are, and a checksum over all
//! bytes before. Without an end a file is no snapshot. Never decides what is kept. Bounded: reading holds
//! the file in memory, writing `PART_BYTES` of it.

use super::files::{Files, LogFile};
use super::folder::segments;
use super::header::{self, Header};
use super::record::{Kind, Lsn, Raw, Record, frame, frame_numbered, number, parse};
use super::replay::OpenError;
use super::scan::Problem;
use crate::model::Origin;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// First bytes of every snapshot.
const MAGIC: [u8; 8] = *b"scoresnp";
/// Bytes gathered before they are written.
const PART_BYTES: usize = 1 << 20;
/// End of the name of a snapshot that was set aside.
const ASIDE: &str = ".bad";

/// Kinds that only snapshots have.
const PLACE: u8 = 33;
const STATE: u8 = 34;
const END: u8 = 35;

/// A snapshot's file, before its bytes are looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotFile {
    /// The last record that it covers.
    pub lsn: Lsn,
    /// Its length.
    pub bytes: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// What a snapshot is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// A record that was kept.
    Record(Lsn, Record<'a>),
    /// A piece of the state after all of them.
    State(&'a [u8]),
}

/// A snapshot that was read and found whole.
#[derive(Debug)]
pub struct Snapshot {
    /// Who wrote the last segment that it covers; its sources are those of all kept records.
    pub header: Header,
    /// The last record that it covers.
    pub lsn: Lsn,
    /// How many records it keeps.
    pub records: u64,
    bytes: Vec<u8>,
    /// Where the parts begin.
    begin: usize,
}

fn file_name(lsn: Lsn) -> String {
    format!("snapshot-{:020}.snap", lsn.0)
}

fn lsn_of(name: &str) -> Option<Lsn> {
    let digits = name.strip_prefix("snapshot-")?.strip_suffix(".snap")?;
    let lsn = Lsn(digits.parse().ok()?);
    (file_name(lsn) == name && lsn.0 > 0).then_some(lsn)
}

/// Whether a file of that name is a snapshot that was set aside; see [`SnapshotFile::set_aside`].
pub fn is_set_aside(name: &str) -> bool {
    name.strip_suffix(ASIDE).is_some_and(|name| lsn_of(name).is_some())
}

/// The snapshots of a folder, the newest first.
///
/// # Errors
/// The system says no.
pub fn snapshots(dir: &Path, files: &dyn Files) -> Result<Vec<SnapshotFile>, OpenError> {
    let listed = files.list(dir).map_err(OpenError::io("list", dir))?;
    let mut found: Vec<SnapshotFile> = listed
        .into_iter()
        .filter_map(|(name, bytes)| {
            let lsn = lsn_of(&name)?;
            let path = dir.join(name);
            Some(SnapshotFile { lsn, bytes, path })
        })
        .collect();
    found.sort_unstable_by_key(|snapshot| std::cmp::Reverse(snapshot.lsn));
    Ok(found)
}

/// The segments that are complete, all but the last one, as far as no snapshot covers them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rolled {
    /// The first record that any segment holds, covered or not.
    pub first: Lsn,
    /// Their last record.
    pub upto: Lsn,
    /// Their bytes.
    pub bytes: u64,
    /// Who wrote the last of them.
    pub header: Header,
}

/// The complete segments after `covered`; nothing where there are none.
///
/// # Errors
/// The system says no, or a header can't be read.
pub fn rolled(dir: &Path, files: &dyn Files, covered: Lsn) -> Result<Option<Rolled>, OpenError> {
    let found = segments(files, dir)?;
    let begins = found.iter().skip(1).map(|next| next.first);
    let after: Vec<_> = found.iter().zip(begins).filter(|(_, until)| *until > covered.0 + 1).collect();
    let Some((last, until)) = after.last() else { return Ok(None) };
    Ok(Some(Rolled {
        first: Lsn(found[0].first),
        upto: Lsn(until - 1),
        bytes: after.iter().map(|(segment, _)| segment.bytes).sum(),
        header: last.header(&last.read(files)?)?.0,
    }))
}

/// Removes all but the newest `count` snapshots, 1 or more. Returns the last record that the oldest of them
/// covers; nothing where there are fewer.
///
/// # Errors
/// The system says no.
pub fn keep_newest(dir: &Path, files: &dyn Files, count: usize) -> Result<Option<Lsn>, OpenError> {
    let found = snapshots(dir, files)?;
    for old in found.iter().skip(count) {
        files.remove(&old.path).map_err(OpenError::io("remove", &old.path))?;
    }
    Ok(found.get(count.saturating_sub(1)).map(|oldest| oldest.lsn))
}

/// Puts a snapshot of all records up to `lsn`, whose bytes are from elsewhere, into a folder.
///
/// # Errors
/// The system's; it is not there then.
pub fn put(files: &dyn Files, dir: &Path, lsn: Lsn, bytes: &[u8]) -> io::Result<()> {
    super::folder::write_whole(files, &dir.join(file_name(lsn)), &[bytes]).map(drop)
}

/// Sets every snapshot aside that is damaged. Returns them, what is wrong with each, and where it is now.
///
/// # Errors
/// The system says no, or a later version wrote one.
pub fn set_aside_damaged(dir: &Path, files: &dyn Files) -> Result<Vec<(SnapshotFile, OpenError, PathBuf)>, OpenError> {
    let mut damaged = Vec::new();
    for file in snapshots(dir, files)? {
        if let Err(error) = file.load(files) {
            if !matches!(error, OpenError::Corrupt { .. }) {
                return Err(error);
            }
            let aside = file.set_aside(files)?;
            damaged.push((file, error, aside));
        }
    }
    Ok(damaged)
}

impl SnapshotFile {
    /// Gives it another name, `….snap.bad`, under which it counts as none. Returns where it is now.
    ///
    /// # Errors
    /// The system says no.
    pub fn set_aside(&self, files: &dyn Files) -> Result<PathBuf, OpenError> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(ASIDE);
        let aside = PathBuf::from(aside);
        files.rename(&self.path, &aside).map_err(OpenError::io("rename", &self.path))?;
        Ok(aside)
    }

    /// Reads it and checks every byte.
    ///
    /// # Errors
    /// The system says no, a later version wrote it, or it is not whole.
    pub fn load(&self, files: &dyn Files) -> Result<Snapshot, OpenError> {
        let bytes = files.read(&self.path).map_err(OpenError::io("read", &self.path))?;
        let snapshot = Snapshot::read(bytes, &self.path)?;
        match snapshot.lsn == self.lsn {
            true => Ok(snapshot),
            false => Err(OpenError::corrupt(&self.path, 0, self.lsn.0, Problem::Header)),
        }
    }
}

impl Snapshot {
    /// Takes bytes that come from `path` for a snapshot, and checks every one.
    ///
    /// # Errors
    /// A later version wrote it, or it is not whole.
    pub fn read(bytes: Vec<u8>, path: &Path) -> Result<Snapshot, OpenError> {
        let no_header = || OpenError::corrupt(path, 0, 0, Problem::Header);
        let rest = bytes.strip_prefix(&MAGIC).ok_or_else(no_header)?;
        let (header, first, length) = Header::decode(rest).map_err(|unreadable| match unreadable {
            header::Unreadable::Later(version) => OpenError::LaterFormat {
                file: path.to_owned(),
                version,
            },
            header::Unreadable::Damaged => no_header(),
        })?;
        let lsn = Lsn(first.checked_sub(1).ok_or_else(no_header)?);
        let bad = |offset: usize, problem| OpenError::corrupt(path, offset, lsn.0, problem);
        let begin = MAGIC.len() + length;
        let mut snapshot = Snapshot {
            header,
            lsn,
            records: 0,
            bytes,
            begin,
        };
        let mut walk = Walk::new(&snapshot.bytes, begin);
        let mut parts = 0;
        loop {
            let at = walk.at;
            match walk.step() {
                None => return Err(bad(at, Problem::Short)),
                Some(Err(problem)) => return Err(bad(at, problem)),
                Some(Ok(Step::Later(kind))) => {
                    return Err(OpenError::Later {
                        file: path.to_owned(),
                        offset: at as u64,
                        kind,
                    });
                }
                Some(Ok(Step::Place)) => {}
                Some(Ok(Step::Part(part))) => {
                    parts += 1;
                    snapshot.records += u64::from(matches!(part, Part::Record(..)));
                    if matches!(part, Part::Record(record, _) if record > lsn) {
                        return Err(bad(at, Problem::Nonsense));
                    }
                }
                Some(Ok(Step::End(body))) => {
                    if walk.at != snapshot.bytes.len() || *body != end_of(parts, crc32fast::hash(&snapshot.bytes[..at])) {
                        return Err(bad(at, Problem::Nonsense));
                    }
                    return Ok(snapshot);
                }
            }
        }
    }

    /// Its records, then the pieces of the state, as they were written.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut walk = Walk::new(&self.bytes, self.begin);
        std::iter::from_fn(move || {
            loop {
                match walk.step()? {
                    Ok(Step::Part(part)) => return Some(part),
                    Ok(Step::Place) => {}
                    // It was found whole: this is the end.
                    Ok(Step::End(_) | Step::Later(_)) | Err(_) => return None,
                }
            }
        })
    }
}

/// What stands at some place.
enum Step<'a> {
    Part(Part<'a>),
    Place,
    End(&'a [u8]),
    Later(u8),
}

/// Reads a snapshot's bytes one after the other.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next record's place in the log.
    next: u64,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Walk<'a> {
        Walk { bytes, at, next: 1 }
    }

    /// The next thing; nothing at the end of the bytes.
    fn step(&mut self) -> Option<Result<Step<'a>, Problem>> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return None;
        }
        let step = parse(rest).map_err(Problem::from).and_then(|raw| {
            self.at += raw.bytes;
            self.understand(&raw)
        });
        Some(step)
    }

    fn understand(&mut self, raw: &Raw<'a>) -> Result<Step<'a>, Problem> {
        match (raw.kind, Kind::from_number(raw.kind).filter(|kind| kind.is_content())) {
            (_, Some(kind)) => {
                let record = Record {
                    kind,
                    origin: raw.origin,
                    body: raw.body,
                };
                let lsn = Lsn(self.next);
                self.next = self.next.checked_add(1).ok_or(Problem::Nonsense)?;
                Ok(Step::Part(Part::Record(lsn, record)))
            }
            (PLACE, _) => {
                let place = number(raw.body).ok_or(Problem::Nonsense)?;
                if place < self.next {
                    return Err(Problem::Position(place));
                }
                self.next = place;
                Ok(Step::Place)
            }
            (STATE, _) => Ok(Step::Part(Part::State(raw.body))),
            (END, _) => Ok(Step::End(raw.body)),
            (kind, _) => Ok(Step::Later(kind)),
        }
    }
}

/// Body of the end.
fn end_of(parts: u64, checksum: u32) -> [u8; 12] {
    let mut body = [0; 12];
    body[..8].copy_from_slice(&parts.to_le_bytes());
    body[8..].copy_from_slice(&checksum.to_le_bytes());
    body
}

/// Writes a snapshot, part by part. Where it goes to a file, that has its name, and is one, only once
/// [`SnapshotWriter::finish`] says so.
pub struct SnapshotWriter<'f> {
    /// Where it goes; nothing where it stays in memory.
    to: Option<Unfinished<'f>>,
    /// Not yet written.
    part: Vec<u8>,
    /// Of what was written.
    checksum: crc32fast::Hasher,
    next: u64,
    parts: u64,
}

/// A file on its way to be a snapshot.
struct Unfinished<'f> {
    files: &'f dyn Files,
    file: Arc<dyn LogFile>,
    lsn: Lsn,
    path: PathBuf,
    unfinished: PathBuf,
    bytes: u64,
    is_finished: bool,
}

impl<'f> SnapshotWriter<'f> {
    /// Begins the snapshot of all records up to `lsn`. `header.sources` are those of the records to come.
    ///
    /// # Errors
    /// The system's, or the header is too long.
    pub fn create(files: &'f dyn Files, dir: &Path, lsn: Lsn, header: &Header) -> io::Result<SnapshotWriter<'f>> {
        let path = dir.join(file_name(lsn));
        let unfinished = super::folder::unfinished(&path);
        let mut writer = SnapshotWriter::in_memory(lsn, header)?;
        writer.to = Some(Unfinished {
            files,
            file: files.create(&unfinished)?,
            lsn,
            path,
            unfinished,
            bytes: 0,
            is_finished: false,
        });
        Ok(writer)
    }

    /// The same, to be had as bytes.
    ///
    /// # Errors
    /// The header is too long.
    pub fn in_memory(lsn: Lsn, header: &Header) -> io::Result<SnapshotWriter<'f>> {
        let header = header.encode(lsn.0 + 1).ok_or(io::ErrorKind::InvalidInput)?;
        let mut part = Vec::with_capacity(PART_BYTES);
        part.extend_from_slice(&MAGIC);
        part.extend_from_slice(&header);
        Ok(SnapshotWriter {
            to: None,
            part,
            checksum: crc32fast::Hasher::new(),
            next: 1,
            parts: 0,
        })
    }

    /// Adds a record; after all that come before it in the log.
    ///
    /// # Errors
    /// The system's.
    pub fn record(&mut self, lsn: Lsn, record: &Record<'_>) -> io::Result<()> {
        if lsn.0 != self.next {
            frame_numbered(PLACE, Origin::default(), &lsn.0.to_le_bytes(), &mut self.part);
        }
        self.next = lsn.0 + 1;
        self.parts += 1;
        frame(record, &mut self.part);
        self.write(PART_BYTES)
    }

    /// Adds a piece of the state; after all records.
    ///
    /// # Errors
    /// The system's.
    pub fn state(&mut self, body: &[u8]) -> io::Result<()> {
        self.parts += 1;
        frame_numbered(STATE, Origin::default(), body, &mut self.part);
        self.write(PART_BYTES)
    }

    /// Ends it, and gives it its name once it is on disk.
    ///
    /// # Errors
    /// The system's: there is no snapshot then. It went to no file.
    pub fn finish(mut self) -> io::Result<SnapshotFile> {
        self.write(0)?;
        self.end();
        self.write(0)?;
        match &mut self.to {
            Some(to) => to.finish(),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Ends it; all of what stayed in memory.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.end();
        self.part
    }

    fn end(&mut self) {
        let mut checksum = self.checksum.clone();
        checksum.update(&self.part);
        frame_numbered(END, Origin::default(), &end_of(self.parts, checksum.finalize()), &mut self.part);
    }

    /// Writes what was gathered, once it is more than that.
    fn write(&mut self, bytes_min: usize) -> io::Result<()> {
        let Some(to) = &mut self.to else { return Ok(()) };
        if self.part.len() > bytes_min {
            self.checksum.update(&self.part);
            to.file.append(&self.part)?;
            to.bytes += self.part.len() as u64;
            self.part.clear();
        }
        Ok(())
    }
}

impl Unfinished<'_> {
    fn finish(&mut self) -> io::Result<SnapshotFile> {
        self.file.sync_data()?;
        self.files.rename(&self.unfinished, &self.path)?;
        self.is_finished = true;
        self.files.sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        Ok(SnapshotFile {
            lsn: self.lsn,
            bytes: self.bytes,
            path: self.path.clone(),
        })
    }
}

impl Drop for Unfinished<'_> {
    /// On a full disk, what was begun must not stay.
    fn drop(&mut self) {
        if !self.is_finished {
            // Where it stays all the same, it is removed when the log is opened.
            let _ = self.files.remove(&self.unfinished);
        }
    }
}

#[cfg(test)]
mod tests;
