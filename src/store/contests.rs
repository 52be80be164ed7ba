//! Contests: each in a file of its own beside the log, `contest-{id}.contest`, which appears whole or not at all.
//!
//! A contest never changes once it is there, and what its entries have follows from the events: so no record tells of
//! it, and no snapshot has to keep it. Its file is there from before the answer to who posted it, until it is deleted.
//! Games are let go of some days after their end, so that what its players had by then is kept beside it,
//! `contest-{id}.points`: in the same form, points (i64) by player.
//! The file is a magic (8 bytes), the format's version (u32), when it was posted (i64), how many bytes follow (u64), a
//! CRC-32 over posted, length and those bytes (u32), all little endian; they are the [`Definition`]'s. An id's bytes
//! other than `a-z`, `0-9`, `-` and `_` stand in the name as `%` and two hexadecimal digits, so that names differ on
//! disks that take capitals for small letters. Bounded by who writes; reading holds one file in memory.

use super::files::Files;
use super::folder::write_whole;
use super::replay::OpenError;
use crate::contest::{Definition, Limits, PLAYERS_MAX};
use crate::model::{ContestId, IngestTime, Points};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// First bytes of every such file.
const MAGIC: [u8; 8] = *b"scorecon";
/// Version of the format, the definition's included: raised by whoever changes a byte's meaning.
const VERSION: u32 = 2;
/// What a stored contest may hold: whatever the limits are now, it was taken.
const STORED: Limits = Limits {
    entries_max: u32::MAX as usize,
    players_max: PLAYERS_MAX,
    ..Limits::DEFAULT
};
/// Magic, version, posted, length, checksum.
const HEADER_BYTES: usize = 32;
const PREFIX: &str = "contest-";
const SUFFIX: &str = ".contest";
const SETTLED: &str = ".points";
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
    /// What was posted.
    pub definition: Definition,
    /// By player: what he had when his games were over, where that was stored.
    pub settled: Option<Box<[Points]>>,
}

fn file_name(id: &ContestId, suffix: &str) -> String {
    let mut name = PREFIX.to_owned();
    for byte in id.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            other => write!(name, "%{other:02x}").expect("a string takes all"),
        }
    }
    name + suffix
}

fn id_of(name: &str, suffix: &str) -> Option<ContestId> {
    let mut rest = name.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
    let mut id = String::new();
    while let Some(first) = rest.chars().next() {
        let (taken, byte) = match first {
            '%' => (3, u8::from_str_radix(rest.get(1..3)?, 16).ok()?),
            plain => (plain.len_utf8(), u8::try_from(plain).ok()?),
        };
        id.push(char::from(byte));
        rest = &rest[taken..];
    }
    ContestId::new(&id).filter(|id| file_name(id, suffix) == name)
}

/// Whether a file of that name is a contest's that was set aside.
pub fn is_contest_set_aside(name: &str) -> bool {
    let is_one = |name: &str| [SUFFIX, SETTLED].iter().any(|suffix| id_of(name, suffix).is_some());
    name.strip_suffix(ASIDE).is_some_and(is_one)
}

/// Stores a contest. Once this returns it is there for good.
///
/// # Errors
/// The system's; it is not there then, or may or may not be after a restart.
pub fn put_contest(files: &dyn Files, dir: &Path, definition: &Definition, posted: IngestTime) -> io::Result<()> {
    let mut body = Vec::new();
    definition.write_to(&mut body)?;
    put(files, &dir.join(file_name(definition.id(), SUFFIX)), posted, &body)
}

/// Stores what a contest's players had, in the contest's order. Once this returns it is there for good.
///
/// # Errors
/// The system's; what was there before is there still.
pub fn put_settled(files: &dyn Files, dir: &Path, definition: &Definition, posted: IngestTime, points: &[Points]) -> io::Result<()> {
    let body: Vec<u8> = points.iter().flat_map(|points| points.0.to_le_bytes()).collect();
    put(files, &dir.join(file_name(definition.id(), SETTLED)), posted, &body)
}

fn put(files: &dyn Files, path: &Path, posted: IngestTime, body: &[u8]) -> io::Result<()> {
    let posted = posted.0.to_le_bytes();
    let length = (body.len() as u64).to_le_bytes();
    let checksum = checksum(&posted, &length, body).to_le_bytes();
    let parts = [&MAGIC[..], &VERSION.to_le_bytes(), &posted, &length, &checksum, body];
    write_whole(files, path, &parts).map(drop)
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
    remove_if_there(files, &dir.join(file_name(id, SETTLED)))?;
    remove_if_there(files, &dir.join(file_name(id, SUFFIX)))?;
    files.sync_folder(dir)
}

/// Removes what is stored of the points of a contest's players.
///
/// # Errors
/// The system's.
pub fn remove_settled(files: &dyn Files, dir: &Path, id: &ContestId) -> io::Result<()> {
    remove_if_there(files, &dir.join(file_name(id, SETTLED)))
}

fn remove_if_there(files: &dyn Files, path: &Path) -> io::Result<()> {
    match files.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a contest of that id is stored, whatever is in it.
///
/// # Errors
/// The system's.
pub fn has_contest(files: &dyn Files, dir: &Path, id: &ContestId) -> io::Result<bool> {
    // Not by listing the folder: there may be thousands.
    match files.open(&dir.join(file_name(id, SUFFIX))) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
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
            let id = id_of(&name, SUFFIX)?;
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
        let (posted, mut body) = checked(&self.path, &bytes)?;
        let definition = Definition::read_from(&mut body, &STORED).map_err(|_| damaged(&self.path, "what is in it cannot be read"))?;
        let settled = self.settled(files, posted, definition.players().len())?;
        Ok(StoredContest {
            posted,
            definition,
            settled,
        })
    }

    /// What is stored of its players' points; nothing where that is of a contest before it, of the same id.
    fn settled(&self, files: &dyn Files, posted: IngestTime, players: usize) -> Result<Option<Box<[Points]>>, OpenError> {
        let path = self.path.with_extension(&SETTLED[1..]);
        let bytes = match files.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpenError::io("read", &path)(error)),
        };
        let (of, body) = checked(&path, &bytes)?;
        let (points, rest) = body.as_chunks::<8>();
        let is_its = of == posted && points.len() == players && rest.is_empty();
        Ok(is_its.then(|| points.iter().map(|bytes| Points(i64::from_le_bytes(*bytes))).collect()))
    }
}

/// Gives a contest's file another name, `….bad`, under which it counts as none. Returns where it is now.
///
/// # Errors
/// The system says no.
pub fn set_contest_aside(files: &dyn Files, path: &Path) -> Result<PathBuf, OpenError> {
    let mut aside = path.to_owned().into_os_string();
    aside.push(ASIDE);
    let aside = PathBuf::from(aside);
    files.rename(path, &aside).map_err(OpenError::io("rename", path))?;
    let dir = path.parent().unwrap_or(Path::new("."));
    files.sync_folder(dir).map_err(OpenError::io("sync", dir))?;
    Ok(aside)
}

fn damaged(path: &Path, what: &'static str) -> OpenError {
    let file = path.to_owned();
    OpenError::DamagedContest { file, what }
}

/// When it was posted, and what follows the header; every byte checked.
fn checked<'b>(path: &Path, bytes: &'b [u8]) -> Result<(IngestTime, &'b [u8]), OpenError> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(damaged(path, "it is cut short"));
    };
    if header[..8] != MAGIC {
        return Err(damaged(path, "it does not begin as a contest's file does"));
    }
    let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if version > VERSION {
        let file = path.to_owned();
        return Err(OpenError::LaterFormat { file, version });
    }
    if version < VERSION {
        return Err(damaged(path, "its format was never part of a release"));
    }
    let (posted, length) = (&header[12..20], &header[20..28]);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    if number(length) != body.len() as u64 {
        return Err(damaged(path, "it is cut short, or has more than it should"));
    }
    if u64::from(checksum(posted, length, body)) != number(&header[28..]) {
        return Err(damaged(path, "its checksum is another"));
    }
    Ok((IngestTime(number(posted) as i64), body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::builder::Builder;
    use crate::contest::{Payouts, Slot, Terms};
    use crate::model::{GameId, Multiplier, PlayerId};
    use crate::store::faults::FaultyFiles;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_says_which_contest_it_is(id in "[!-~]{1,64}") {
            if let Some(id) = ContestId::new(&id) {
                let name = file_name(&id, SUFFIX);
                prop_assert!(name.bytes().all(|byte| !byte.is_ascii_uppercase() && byte != b'/'), "{}", name);
                prop_assert_eq!(id_of(&name, SUFFIX), Some(id));
            }
        }
    }

    fn contest(id: &str) -> Definition {
        let terms = Terms {
            id: ContestId::new(id).unwrap(),
            name: "Sunday".into(),
            ruleset: "draftkings".into(),
            slots: Box::new([Slot {
                name: "QB".into(),
                multiplier: Multiplier::ONE,
            }]),
            payouts: Payouts::parse("1:10").unwrap(),
            salary_cap: None,
            games_min: 0,
            games: Box::default(),
        };
        let mut builder = Builder::new(terms);
        builder.add(1, "e1", "fan", &[PlayerId::new("90-0000001").unwrap()]);
        builder.finish(|_| GameId::new("2099010100"), |_, _, _| ())
    }

    #[test]
    fn what_is_stored_is_there_whole_or_said_to_be_damaged() {
        let (files, dir) = (FaultyFiles::new(1), Path::new("/log"));
        files.make_folder(dir).unwrap();
        let [a, b] = ["c:A", "c:a"].map(contest);
        put_contest(&files, dir, &a, IngestTime(7)).unwrap();
        put_contest(&files, dir, &b, IngestTime(8)).unwrap();
        let found = contests(dir, &files).unwrap();
        assert_eq!(found.iter().map(|file| &file.id).collect::<Vec<_>>(), [a.id(), b.id()]);
        let stored = found[0].load(&files).unwrap();
        assert_eq!((stored.posted, &stored.definition, stored.settled), (IngestTime(7), &a, None));
        let whole = files.read(&found[0].path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            files.create(&found[0].path).unwrap().append(&bytes).unwrap();
            assert!(found[0].load(&files).is_err(), "byte {at}");
            files.create(&found[0].path).unwrap().append(&whole[..at]).unwrap();
            assert!(found[0].load(&files).is_err(), "cut at {at}");
        }
        set_contest_aside(&files, &found[0].path).unwrap();
        assert!(has_contest(&files, dir, b.id()).unwrap());
        remove_contest(&files, dir, b.id()).unwrap();
        remove_contest(&files, dir, b.id()).unwrap();
        assert!(!has_contest(&files, dir, b.id()).unwrap());
        assert_eq!(contests(dir, &files).unwrap(), []);
    }

    #[test]
    fn what_players_had_is_kept_beside_their_contest() {
        let (files, dir) = (FaultyFiles::new(1), Path::new("/log"));
        files.make_folder(dir).unwrap();
        let contest = contest("c1");
        put_contest(&files, dir, &contest, IngestTime(7)).unwrap();
        put_settled(&files, dir, &contest, IngestTime(7), &[Points(-12_400)]).unwrap();
        let settled = || contests(dir, &files).unwrap()[0].load(&files).map(|stored| stored.settled);
        assert_eq!(settled().unwrap(), Some(Box::from([Points(-12_400)])));
        // Of one that was posted again, or of other players, it says nothing.
        for (posted, points) in [(8, &[Points(1)][..]), (7, &[Points(1), Points(2)])] {
            put_settled(&files, dir, &contest, IngestTime(posted), points).unwrap();
            assert_eq!(settled().unwrap(), None);
        }
        let path = dir.join(file_name(contest.id(), SETTLED));
        files.create(&path).unwrap().append(b"scorecon").unwrap();
        assert!(settled().is_err());
        remove_contest(&files, dir, contest.id()).unwrap();
        assert_eq!(files.list(dir).unwrap(), []);
    }
}
