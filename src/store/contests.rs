//! Contests: each in a file of its own beside the log, `contest-{id}.contest`, which appears whole or not at all.
//!
//! A contest never changes once it is there, and what its entries have follows from the events: so no record tells of
//! it, and no snapshot has to keep it. Its file is there from before the answer to who posted it, until it is deleted.
//! The file is a magic (8 bytes), the format's version (u32), when it was posted (i64), how many bytes follow (u64), a
//! CRC-32 over posted, length and those bytes (u32), all little endian; what they mean is the caller's. An id's bytes
//! other than `a-z`, `0-9`, `-` and `_` stand in the name as `%` and two hexadecimal digits, so that names differ on
//! disks that take capitals for small letters. Bounded by who writes; reading holds one file in memory.

use super::files::Files;
use super::folder::write_whole;
use super::replay::OpenError;
use crate::model::{ContestId, IngestTime};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// First bytes of every such file.
const MAGIC: [u8; 8] = *b"scorecon";
/// Version of the format: raised by whoever changes a byte's meaning.
const VERSION: u32 = 1;
/// Magic, version, posted, length, checksum.
const HEADER_BYTES: usize = 32;
const PREFIX: &str = "contest-";
const SUFFIX: &str = ".contest";
/// End of the name of one that was set aside.
const ASIDE: &str = ".bad";

/// A contest's file, before its bytes are looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContestFile {
    /// Whose.
    pub id: ContestId,
    /// Its length.
    pub bytes: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// A file that was read and found whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredContest {
    /// When it was posted.
    pub posted: IngestTime,
    bytes: Vec<u8>,
}

impl StoredContest {
    /// What was stored.
    pub fn body(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }
}

fn file_name(id: &ContestId) -> String {
    let mut name = PREFIX.to_owned();
    for byte in id.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            other => write!(name, "%{other:02x}").expect("a string takes all"),
        }
    }
    name + SUFFIX
}

fn id_of(name: &str) -> Option<ContestId> {
    let mut rest = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let mut id = String::new();
    while let Some(first) = rest.chars().next() {
        let (taken, byte) = match first {
            '%' => (3, u8::from_str_radix(rest.get(1..3)?, 16).ok()?),
            plain => (plain.len_utf8(), u8::try_from(plain).ok()?),
        };
        id.push(char::from(byte));
        rest = &rest[taken..];
    }
    ContestId::new(&id).filter(|id| file_name(id) == name)
}

/// Whether a file of that name is a contest that was set aside.
pub fn is_contest_set_aside(name: &str) -> bool {
    name.strip_suffix(ASIDE).is_some_and(|name| id_of(name).is_some())
}

/// Stores a contest. Once this returns it is there for good.
///
/// # Errors
/// The system's; it is not there then, or may or may not be after a restart.
pub fn put_contest(files: &dyn Files, dir: &Path, id: &ContestId, posted: IngestTime, body: &[u8]) -> io::Result<()> {
    let posted = posted.0.to_le_bytes();
    let length = (body.len() as u64).to_le_bytes();
    let checksum = checksum(&posted, &length, body).to_le_bytes();
    let parts = [&MAGIC[..], &VERSION.to_le_bytes(), &posted, &length, &checksum, body];
    write_whole(files, &dir.join(file_name(id)), &parts).map(drop)
}

fn checksum(posted: &[u8], length: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    [posted, length, body].iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Removes a contest. Once this returns it is gone for good. One that is not there does no harm.
///
/// # Errors
/// The system's; it may come back with a restart.
pub fn remove_contest(files: &dyn Files, dir: &Path, id: &ContestId) -> io::Result<()> {
    match files.remove(&dir.join(file_name(id))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    files.sync_folder(dir)
}

/// The contests of a folder, by id.
///
/// # Errors
/// The system says no.
pub fn contests(dir: &Path, files: &dyn Files) -> Result<Vec<ContestFile>, OpenError> {
    let listed = files.list(dir).map_err(OpenError::io("list", dir))?;
    let mut found: Vec<ContestFile> = listed
        .into_iter()
        .filter_map(|(name, bytes)| {
            let id = id_of(&name)?;
            let path = dir.join(name);
            Some(ContestFile { id, bytes, path })
        })
        .collect();
    found.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

impl ContestFile {
    /// Reads it and checks every byte.
    ///
    /// # Errors
    /// The system says no, a later version wrote it, or it is not whole.
    pub fn load(&self, files: &dyn Files) -> Result<StoredContest, OpenError> {
        let bytes = files.read(&self.path).map_err(OpenError::io("read", &self.path))?;
        let damaged = |what: &'static str| OpenError::DamagedContest {
            file: self.path.clone(),
            what,
        };
        let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(damaged("it is cut short"));
        };
        if header[..8] != MAGIC {
            return Err(damaged("it does not begin as a contest's file does"));
        }
        let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        if version != VERSION {
            let file = self.path.clone();
            return Err(OpenError::LaterFormat { file, version });
        }
        let (posted, length) = (&header[12..20], &header[20..28]);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        if number(length) != body.len() as u64 {
            return Err(damaged("it is cut short, or has more than it should"));
        }
        if u64::from(checksum(posted, length, body)) != number(&header[28..]) {
            return Err(damaged("its checksum is another"));
        }
        Ok(StoredContest {
            posted: IngestTime(number(posted) as i64),
            bytes,
        })
    }

    /// Gives it another name, `….contest.bad`, under which it counts as none. Returns where it is now.
    ///
    /// # Errors
    /// The system says no.
    pub fn set_aside(&self, files: &dyn Files) -> Result<PathBuf, OpenError> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(ASIDE);
        let aside = PathBuf::from(aside);
        files.rename(&self.path, &aside).map_err(OpenError::io("rename", &self.path))?;
        let dir = self.path.parent().unwrap_or(Path::new("."));
        files.sync_folder(dir).map_err(OpenError::io("sync", dir))?;
        Ok(aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::faults::FaultyFiles;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_says_which_contest_it_is(id in "[!-~]{1,64}") {
            if let Some(id) = ContestId::new(&id) {
                let name = file_name(&id);
                prop_assert!(name.bytes().all(|byte| !byte.is_ascii_uppercase() && byte != b'/'), "{}", name);
                prop_assert_eq!(id_of(&name), Some(id));
            }
        }
    }

    #[test]
    fn what_is_stored_is_there_whole_or_said_to_be_damaged() {
        let (files, dir) = (FaultyFiles::new(1), Path::new("/log"));
        files.make_folder(dir).unwrap();
        let [a, b] = ["c:A", "c:a"].map(|id| ContestId::new(id).unwrap());
        put_contest(&files, dir, &a, IngestTime(7), b"entries").unwrap();
        put_contest(&files, dir, &b, IngestTime(8), b"").unwrap();
        let found = contests(dir, &files).unwrap();
        assert_eq!(found.iter().map(|file| file.id.clone()).collect::<Vec<_>>(), [a.clone(), b.clone()]);
        let stored = found[0].load(&files).unwrap();
        assert_eq!((stored.posted, stored.body()), (IngestTime(7), &b"entries"[..]));
        let whole = files.read(&found[0].path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            files.create(&found[0].path).unwrap().append(&bytes).unwrap();
            assert!(found[0].load(&files).is_err(), "byte {at}");
            files.create(&found[0].path).unwrap().append(&whole[..at]).unwrap();
            assert!(found[0].load(&files).is_err(), "cut at {at}");
        }
        found[0].set_aside(&files).unwrap();
        remove_contest(&files, dir, &b).unwrap();
        remove_contest(&files, dir, &b).unwrap();
        assert_eq!(contests(dir, &files).unwrap(), []);
    }
}
