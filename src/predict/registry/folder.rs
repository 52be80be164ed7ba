//! The folder of models: what is in it, whether it changed, and no more read of it than a limit.

use super::manifest::Digest;
use super::task::{ELSEWHERE, parts};
use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Most entries of the folder, and most manifests among them; a folder with more is something else.
const ENTRIES_MAX: usize = 4_096;
pub(super) const MANIFESTS_MAX: usize = 64;

/// What tells one state of a file from the next: device, number, length, and when its content and its entry were
/// changed. A link is followed.
pub(in crate::predict) type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

/// The manifests in a folder, by `NAME-VERSION`, whatever they turn out to be; without those of [`ELSEWHERE`].
pub(super) fn stems(folder: &Path) -> io::Result<BTreeSet<String>> {
    stems_of(folder, |name| !ELSEWHERE.contains(&name))
}

/// Those of models with such a name.
pub(in crate::predict) fn stems_of(folder: &Path, is_name: impl Fn(&str) -> bool) -> io::Result<BTreeSet<String>> {
    let mut stems = BTreeSet::new();
    for (count, entry) in folder.read_dir()?.enumerate() {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
        let is_meant = |stem: &&str| parts(stem).is_some_and(|(name, _)| is_name(name));
        if let Some(stem) = stem.filter(is_meant) {
            stems.insert(stem.to_owned());
        }
        if count >= ENTRIES_MAX || stems.len() > MANIFESTS_MAX {
            return Err(io::Error::other(format!(
                "it has more than {MANIFESTS_MAX} manifests or {ENTRIES_MAX} entries; is it a folder of models?"
            )));
        }
    }
    Ok(stems)
}

/// A file as it is now; nothing where there is none.
pub(in crate::predict) fn stamp(path: &Path) -> Option<Stamp> {
    path.metadata().ok().map(|file| stamp_of(&file))
}

fn stamp_of(file: &Metadata) -> Stamp {
    let (modified, changed) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
    (file.dev(), file.ino(), file.len(), modified, changed)
}

/// A file's bytes, at most `bytes_max` and one more, by which a longer file is known.
pub(in crate::predict) fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    // A pipe would be waited for.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The SHA-256 of something.
pub(in crate::predict) fn sha256(bytes: &[u8]) -> Digest {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}
