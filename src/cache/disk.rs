//! The layer in a folder, which outlives the process: a file for each answer, `NAME.answer`, there whole or not at all,
//! with a checksum.
//!
//! A thread of its own reads and writes. Answers bear the machine's time, which is all that a process has in common
//! with the one before; one from what is to come is rubbish. Several processes may share the folder. Bounded: bytes
//! and files (what was written longest ago goes first), what waits for the thread ([`QUEUE_MAX`]), how long anybody
//! waits for it. What is of another name in the folder is left alone. Nothing is synced: a file that a power cut tore
//! is rubbish, and goes when it is read.

use super::key::{NAME_CHARS, is_name};
use super::{Failed, Kept, Key, Layer, Looked, sealed};
use crate::clock::Clock;
use crate::telemetry::CacheLayerMetrics;
use bytes::Bytes;
use flume::{Receiver, Sender};
use futures_util::future::BoxFuture;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Answers that wait to be read or written.
pub const QUEUE_MAX: usize = 256;
/// Writes after which the folder is looked at anew: others may write there too.
const LOOK_EVERY: u64 = 1_000;
/// Age of a file half written that nobody writes any more.
const LEFT_BEHIND_US: i64 = 60_000_000;
const END: &str = ".answer";

/// What a folder may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of all files.
    pub bytes_max: u64,
    /// Files.
    pub files_max: usize,
    /// Bytes of one answer.
    pub answer_bytes_max: usize,
    /// Age at which a file goes, in microseconds.
    pub ttl_us: i64,
}

/// Answers on disk.
pub struct Disk {
    jobs: Sender<Job>,
    patience: Duration,
}

enum Job {
    Get(Key, oneshot::Sender<Looked<Bytes>>),
    Put(Key, Kept<Bytes>),
}

impl Disk {
    /// Starts its thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(path: PathBuf, limits: Limits, patience: Duration, metrics: CacheLayerMetrics) -> io::Result<Disk> {
        let (jobs, waiting) = flume::bounded(QUEUE_MAX);
        std::thread::Builder::new()
            .name("answers-disk".to_owned())
            .spawn(move || serve(Folder::new(path, limits), &waiting, &metrics))?;
        Ok(Disk { jobs, patience })
    }
}

impl Layer<Bytes> for Disk {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Looked<Bytes>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.jobs.try_send(Job::Get(key.clone(), answer)).map_err(|_| Failed)?;
            let answered = tokio::time::timeout(self.patience, answered).await;
            answered.ok().and_then(Result::ok).unwrap_or(Err(Failed))
        })
    }

    fn put(&self, key: &Key, kept: Kept<Bytes>, _: i64) -> Result<(), Failed> {
        self.jobs.try_send(Job::Put(key.clone(), kept)).map_err(|_| Failed)
    }
}

fn serve(mut folder: Folder, jobs: &Receiver<Job>, metrics: &CacheLayerMetrics) {
    let mut is_told = false;
    folder.look(Clock.wall_us());
    loop {
        metrics.bytes.set(folder.bytes as f64);
        metrics.entries.set(folder.files.len() as f64);
        let Ok(job) = jobs.recv() else { return };
        let now = Clock.now();
        // What was true at one time by the one clock was so at this by the other.
        let apart_us = now.wall_us - now.steady_us;
        match job {
            Job::Get(_, answer) if answer.is_closed() => {}
            Job::Get(key, answer) => {
                let found = folder.get(&key, now.wall_us);
                let looked = found.map_err(|_| Failed).map(|found| {
                    found.map(|(born_us, value)| Kept {
                        value,
                        born_us: born_us - apart_us,
                    })
                });
                // It may have given up by now.
                let _ = answer.send(looked);
            }
            Job::Put(key, kept) => match folder.put(&key, kept.born_us + apart_us, &kept.value, now.wall_us) {
                Ok(()) if std::mem::replace(&mut is_told, false) => tracing::info!("answers of engines are kept on disk again"),
                Ok(()) => {}
                Err(error) => {
                    metrics.failed.increment(1);
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(folder = %folder.path.display(), "answers of engines are not kept on disk: {error}");
                    }
                }
            },
        }
    }
}

/// The folder, and what is known to be in it.
struct Folder {
    path: PathBuf,
    limits: Limits,
    /// When each was written, and its bytes.
    files: HashMap<String, (i64, u64)>,
    /// The same by time.
    by_time: BTreeSet<(i64, String)>,
    bytes: u64,
    writes: u64,
}

impl Folder {
    fn new(path: PathBuf, limits: Limits) -> Folder {
        Folder {
            path,
            limits,
            files: HashMap::new(),
            by_time: BTreeSet::new(),
            bytes: 0,
            writes: 0,
        }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{END}"))
    }

    /// Sees what is there. A folder that is not there, or can't be read, has nothing.
    fn look(&mut self, now_us: i64) {
        (self.files, self.by_time, self.bytes) = Default::default();
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        for entry in entries.flatten() {
            let (Some(name), Ok(about)) = (entry.file_name().to_str().map(str::to_owned), entry.metadata()) else {
                continue;
            };
            let written = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let written_us = written.map_or(0, |at| at.as_micros() as i64);
            match name.strip_suffix(END) {
                Some(name) if is_name(name) && about.is_file() => self.note(name, written_us, about.len()),
                None if is_half_written(&name) && written_us < now_us - LEFT_BEHIND_US => drop(fs::remove_file(entry.path())),
                _ => {}
            }
        }
        self.make_room(now_us);
    }

    fn note(&mut self, name: &str, written_us: i64, bytes: u64) {
        self.forget(name);
        self.files.insert(name.to_owned(), (written_us, bytes));
        self.by_time.insert((written_us, name.to_owned()));
        self.bytes += bytes;
    }

    fn forget(&mut self, name: &str) {
        if let Some((written_us, bytes)) = self.files.remove(name) {
            self.by_time.remove(&(written_us, name.to_owned()));
            self.bytes -= bytes;
        }
    }

    /// What is over the limits goes, and what is too old to be of use.
    fn make_room(&mut self, now_us: i64) {
        while let Some((written_us, name)) = self.by_time.first().cloned() {
            let is_full = self.bytes > self.limits.bytes_max || self.files.len() > self.limits.files_max;
            if !is_full && now_us - written_us <= self.limits.ttl_us {
                return;
            }
            self.forget(&name);
            // Where it can't be removed it is found again at the next look.
            let _ = fs::remove_file(self.place(&name));
        }
    }

    /// An answer, and when it was true.
    ///
    /// # Errors
    /// The disk's; or what is there is rubbish.
    fn get(&mut self, key: &Key, now_us: i64) -> io::Result<Option<(i64, Bytes)>> {
        let place = self.place(key.name());
        let bytes_max = (self.limits.answer_bytes_max + sealed::BESIDES_BYTES_MAX) as u64;
        let sealed = match read(&place, bytes_max) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.forget(key.name());
                return Ok(None);
            }
            sealed => sealed?,
        };
        match sealed::open(key, sealed) {
            Some((born_us, answer)) if born_us <= now_us => Ok(Some((born_us, answer))),
            _ => {
                self.forget(key.name());
                fs::remove_file(place)?;
                Err(ErrorKind::InvalidData.into())
            }
        }
    }

    /// Keeps an answer that was true at `born_us`.
    ///
    /// # Errors
    /// The disk's; what was there before still is.
    fn put(&mut self, key: &Key, born_us: i64, answer: &[u8], now_us: i64) -> io::Result<()> {
        let sealed = sealed::seal(key, born_us, answer);
        // Its own for each process, and a process has one thread that writes.
        let half = self.path.join(format!("{}.{}.half", key.name(), std::process::id()));
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        let written = fs::write(&half, &sealed).and_then(|()| fs::rename(&half, self.place(key.name())));
        if let Err(error) = written {
            // What it took is given back, where it was begun.
            let _ = fs::remove_file(&half);
            return Err(error);
        }
        self.note(key.name(), now_us, sealed.len() as u64);
        self.writes += 1;
        match self.writes.is_multiple_of(LOOK_EVERY) {
            true => self.look(now_us),
            false => self.make_room(now_us),
        }
        Ok(())
    }
}

/// Whether a file of that name is one that [`Folder::put`] writes before it has its own.
fn is_half_written(name: &str) -> bool {
    name.ends_with(".half") && name.get(..NAME_CHARS).is_some_and(is_name)
}

/// A file of at most so many bytes.
fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Of a longer one the checksum is not where it is looked for.
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
