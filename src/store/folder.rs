//! Names in the log's folder, and files that appear in it whole or not at all.

use super::files::{Files, LogFile};
use super::header::{self, Header};
use super::open::Cut;
use super::record::{Kind, Lsn, frame, own};
use super::replay::OpenError;
use super::scan::Problem;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most cut tails that are kept; the oldest go.
pub const CUTS_MAX: usize = 16;

/// Held by the process whose log it is.
pub(super) const LOCK: &str = "lock";
/// End of the name of a file that is not complete.
const UNFINISHED: &str = ".new";
/// Digits of an `lsn` in a name: as many as the largest has.
const DIGITS: usize = 20;

/// A segment's file, before its bytes are looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SegmentFile {
    pub(super) first: u64,
    pub(super) bytes: u64,
    pub(super) path: PathBuf,
}

/// Name of the segment that begins at `first`.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.log")
}

fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|first| is_number && *first > 0)
}

/// The segments of a folder in order.
pub(super) fn segments(files: &dyn Files, dir: &Path) -> Result<Vec<SegmentFile>, OpenError> {
    let listed = files.list(dir).map_err(OpenError::io("list", dir))?;
    let mut segments: Vec<SegmentFile> = listed
        .into_iter()
        .filter_map(|(name, bytes)| {
            let first = first_of(&name)?;
            let path = dir.join(name);
            Some(SegmentFile { first, bytes, path })
        })
        .collect();
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments)
}

impl SegmentFile {
    /// Its bytes.
    pub(super) fn read(&self, files: &dyn Files) -> Result<Vec<u8>, OpenError> {
        files.read(&self.path).map_err(OpenError::io("read", &self.path))
    }

    /// The header of these bytes, and its length.
    pub(super) fn header(&self, bytes: &[u8]) -> Result<(Header, usize), OpenError> {
        match Header::decode(bytes) {
            Ok((header, first, length)) if first == self.first => Ok((header, length)),
            Err(header::Unreadable::Later(version)) => Err(OpenError::LaterFormat {
                file: self.path.clone(),
                version,
            }),
            Ok(_) | Err(header::Unreadable::Damaged) => Err(OpenError::corrupt(&self.path, 0, self.first, Problem::Header)),
        }
    }
}

/// The name of a file until it is complete.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// Writes a file of these parts under another name, syncs it, gives it its name and syncs the folder: who
/// finds the name finds all of it. Returns a handle to append to it.
pub(super) fn write_whole(files: &dyn Files, path: &Path, parts: &[&[u8]]) -> io::Result<Arc<dyn LogFile>> {
    let unfinished = &unfinished(path);
    let write = || {
        let file = files.create(unfinished)?;
        parts.iter().try_for_each(|part| file.append(part))?;
        file.sync_data()?;
        files.rename(unfinished, path)?;
        Ok(file)
    };
    let file = write().inspect_err(|_: &io::Error| {
        // It may not even be there, and what opens the log next removes it.
        let _ = files.remove(unfinished);
    })?;
    files.sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    Ok(file)
}

/// Writes records that were put in order elsewhere, from record `first` on, as a segment of the log in `dir`.
/// `records` are as [`super::frame`] and [`gap`] write them.
///
/// # Errors
/// The system's, or the header is too long; the segment is not there then.
pub fn write_segment(files: &dyn Files, dir: &Path, first: Lsn, header: &Header, records: &[u8]) -> io::Result<()> {
    let header = header.encode(first.0).ok_or(io::ErrorKind::InvalidInput)?;
    write_whole(files, &dir.join(segment_name(first.0)), &[&header, records]).map(drop)
}

/// Appends what stands for so many numbers that no record has.
pub fn gap(count: u64, out: &mut Vec<u8>) {
    frame(&own(Kind::Gap, &count.to_le_bytes()), out);
}

/// Removes files that were never complete.
pub(super) fn remove_unfinished(files: &dyn Files, dir: &Path) -> Result<(), OpenError> {
    let listed = files.list(dir).map_err(OpenError::io("list", dir))?;
    for (name, _) in listed.iter().filter(|(name, _)| name.ends_with(UNFINISHED)) {
        let path = dir.join(name);
        files.remove(&path).map_err(OpenError::io("remove", &path))?;
    }
    Ok(())
}

/// Keeps a torn tail beside its segment, and lets go of the oldest such files.
pub(super) fn keep_cut(files: &dyn Files, cut: &Cut, bytes: &[u8]) -> Result<(), OpenError> {
    write_whole(files, &cut.kept, &[bytes]).map_err(OpenError::io("write", &cut.kept))?;
    let dir = cut.file.parent().unwrap_or(Path::new("."));
    let listed = files.list(dir).map_err(OpenError::io("list", dir))?;
    let mut cuts: Vec<(u64, u64, String)> = listed
        .into_iter()
        .filter_map(|(name, _)| {
            let (segment, offset) = name.split_once(".cut-")?;
            Some((first_of(segment)?, offset.parse().ok()?, name))
        })
        .collect();
    cuts.sort_unstable();
    for (_, _, name) in cuts.iter().take(cuts.len().saturating_sub(CUTS_MAX)) {
        let path = dir.join(name);
        files.remove(&path).map_err(OpenError::io("remove", &path))?;
    }
    Ok(())
}

/// Name of a file that holds bytes of `segment` from `offset` on: `{segment}.{why}-{offset}`.
pub(super) fn beside(segment: &Path, why: &str, offset: u64) -> PathBuf {
    let mut name = segment.as_os_str().to_owned();
    name.push(format!(".{why}-{offset}"));
    PathBuf::from(name)
}
