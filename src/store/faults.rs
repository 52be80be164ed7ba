//! Files in memory that fail on demand, for tests and simulations: full and failing disks, killed
//! processes, power cuts. Everything left to chance comes from one seed; reads no clock.
//!
//! What a power cut leaves, as file systems do: each write that was not synced is there, gone, torn or
//! zeros, independently of the others; names, and cuts of files, that were not synced are there in order,
//! up to some moment. What a failed sync was about is read as before and lost with the power, whatever a
//! later sync says.

use super::files::{Files, Lock, LogFile};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A disk in memory. Clones share it.
#[derive(Clone)]
pub struct FaultyFiles(Arc<Shared>);

struct Shared {
    disk: Mutex<Disk>,
    /// Syncs or removals go on.
    released: Condvar,
}

/// What a call does, as far as faults go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// Appending to a file.
    Write,
    /// Syncing a file or the folder.
    Sync,
    /// Making, renaming, removing or cutting a file.
    Name,
}

struct Disk {
    chance: Chance,
    names: BTreeMap<PathBuf, u64>,
    names_synced: BTreeMap<PathBuf, u64>,
    /// Since names were synced.
    name_changes: Vec<NameChange>,
    inodes: HashMap<u64, Inode>,
    inodes_made: u64,
    /// Handles and locks of an earlier life are dead.
    life: u64,
    locks: HashSet<PathBuf>,
    capacity: Option<u64>,
    is_read_only: bool,
    syncs_wait: bool,
    removals_wait: bool,
    /// Removals that wait now.
    removals_waiting: usize,
    /// Percent of calls that fail.
    failing_percent: usize,
    /// Calls that fail: each after how many others of its sort.
    script: Vec<(Call, u64)>,
}

enum NameChange {
    Set(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Default)]
struct Inode {
    /// What is read.
    bytes: Vec<u8>,
    /// What is on disk.
    synced: Vec<u8>,
    /// What is not.
    changes: Vec<Change>,
}

enum Change {
    Write {
        at: usize,
        bytes: Vec<u8>,
        /// A sync of it failed: it never reaches the disk.
        is_lost: bool,
    },
    SetLen(usize),
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

impl FaultyFiles {
    /// An empty disk on which nothing fails.
    pub fn new(seed: u64) -> FaultyFiles {
        FaultyFiles(Arc::new(Shared {
            disk: Mutex::new(Disk {
                chance: Chance(seed),
                names: BTreeMap::new(),
                names_synced: BTreeMap::new(),
                name_changes: Vec::new(),
                inodes: HashMap::new(),
                inodes_made: 0,
                life: 0,
                locks: HashSet::new(),
                capacity: None,
                is_read_only: false,
                syncs_wait: false,
                removals_wait: false,
                removals_waiting: 0,
                failing_percent: 0,
                script: Vec::new(),
            }),
            released: Condvar::new(),
        }))
    }

    /// The call after the next `after` ones of its sort fails, once; a write after part of it was written.
    pub fn fail(&self, call: Call, after: u64) {
        self.0.disk.lock().script.push((call, after));
    }

    /// Of all calls that change something, `percent` fail.
    pub fn fail_by_chance(&self, percent: usize) {
        self.0.disk.lock().failing_percent = percent;
    }

    /// The disk holds that many bytes in all, or any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.0.disk.lock().capacity = bytes;
    }

    /// Nothing can be changed, from now on or no longer.
    pub fn set_read_only(&self, is_read_only: bool) {
        self.0.disk.lock().is_read_only = is_read_only;
    }

    /// Lets syncs of files wait, or go on.
    pub fn hold_syncs(&self, held: bool) {
        self.0.disk.lock().syncs_wait = held;
        self.0.released.notify_all();
    }

    /// Lets removals of files wait, or go on.
    pub fn hold_removals(&self, held: bool) {
        self.0.disk.lock().removals_wait = held;
        self.0.released.notify_all();
    }

    /// How many removals wait now.
    pub fn removals_waiting(&self) -> usize {
        self.0.disk.lock().removals_waiting
    }

    /// From now on nothing fails, and there is room.
    pub fn mend(&self) {
        let mut disk = self.0.disk.lock();
        disk.script.clear();
        disk.failing_percent = 0;
        disk.capacity = None;
        disk.is_read_only = false;
        disk.syncs_wait = false;
        disk.removals_wait = false;
        drop(disk);
        self.0.released.notify_all();
    }

    /// The process is killed: its handles and locks are dead, all that it wrote is there.
    pub fn kill(&self) {
        self.0.disk.lock().end_life();
        self.0.released.notify_all();
    }

    /// The power goes: what was not synced is there, gone, torn or zeros, by chance.
    pub fn cut_power(&self) {
        let mut disk = self.0.disk.lock();
        disk.end_life();
        disk.lose_names();
        let Disk { inodes, chance, names, .. } = &mut *disk;
        let named: HashSet<u64> = names.values().copied().collect();
        inodes.retain(|inode, _| named.contains(inode));
        // In order: chance has to go the same way each time.
        for inode in names.values() {
            if let Some(inode) = inodes.get_mut(inode) {
                inode.lose(chance);
            }
        }
        drop(disk);
        self.0.released.notify_all();
    }

    /// Turns bits of one byte of a file over, on disk, as rot does.
    ///
    /// # Panics
    /// There is no such byte.
    pub fn rot(&self, path: &Path, offset: usize, bits: u8) {
        let mut disk = self.0.disk.lock();
        let inode = disk.inode(path).expect("the file is there");
        inode.bytes[offset] ^= bits;
        if let Some(byte) = inode.synced.get_mut(offset) {
            *byte ^= bits;
        }
    }
}

impl Disk {
    fn end_life(&mut self) {
        self.life += 1;
        self.locks.clear();
        self.syncs_wait = false;
        self.removals_wait = false;
    }

    fn inode(&mut self, path: &Path) -> io::Result<&mut Inode> {
        let inode = self.names.get(path).ok_or(ErrorKind::NotFound)?;
        self.inodes.get_mut(inode).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Whether this call fails.
    fn meet(&mut self, call: Call) -> io::Result<()> {
        if self.is_read_only {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        let mut is_scripted = false;
        self.script.retain_mut(|(sort, after)| {
            let is_due = *sort == call && *after == 0;
            is_scripted |= is_due;
            *after -= u64::from(*sort == call && !is_due);
            !is_due
        });
        if is_scripted || self.failing_percent > 0 && self.chance.below(100) < self.failing_percent {
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        let lengths = self.names.values().filter_map(|inode| self.inodes.get(inode));
        lengths.map(|inode| inode.bytes.len() as u64).sum()
    }

    fn write(&mut self, inode: u64, bytes: &[u8]) -> io::Result<()> {
        let failed = self.meet(Call::Write);
        let free = self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()));
        let room = usize::try_from(free).unwrap_or(usize::MAX).min(bytes.len());
        let written = match &failed {
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => 0,
            Err(_) => self.chance.below(room + 1),
            Ok(()) => room,
        };
        // A file without a name and a handle's life is over for everybody but its writer.
        if let Some(inode) = self.inodes.get_mut(&inode).filter(|_| written > 0) {
            inode.changes.push(Change::Write {
                at: inode.bytes.len(),
                bytes: bytes[..written].to_vec(),
                is_lost: false,
            });
            inode.bytes.extend_from_slice(&bytes[..written]);
        }
        failed?;
        if written < bytes.len() {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self, inode: u64) -> io::Result<()> {
        let met = self.meet(Call::Sync);
        let Disk { inodes, chance, .. } = self;
        let Some(inode) = inodes.get_mut(&inode) else { return met };
        match met {
            Ok(()) => inode.sync(),
            Err(_) => inode.lose_for_good(chance),
        }
        met
    }

    fn lose_names(&mut self) {
        let kept = self.chance.below(self.name_changes.len() + 1);
        let mut names = self.names_synced.clone();
        for change in self.name_changes.drain(..).take(kept) {
            change.apply(&mut names);
        }
        self.names_synced = names.clone();
        self.names = names;
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            NameChange::Set(path, inode) => drop(names.insert(path.clone(), *inode)),
            NameChange::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            NameChange::Remove(path) => drop(names.remove(path)),
        }
    }
}

impl Inode {
    fn sync(&mut self) {
        for change in self.changes.drain(..) {
            match change {
                Change::Write { is_lost: true, .. } => {}
                Change::Write { at, bytes, .. } => put(&mut self.synced, at, &bytes),
                Change::SetLen(length) => self.synced.resize(length, 0),
            }
        }
    }

    /// A sync failed: part of what it was about counts as synced from now on, and is not.
    fn lose_for_good(&mut self, chance: &mut Chance) {
        for change in &mut self.changes {
            if let Change::Write { is_lost, .. } = change {
                *is_lost |= chance.below(4) > 0;
            }
        }
    }

    /// The power goes.
    fn lose(&mut self, chance: &mut Chance) {
        let mut left = std::mem::take(&mut self.synced);
        for change in self.changes.drain(..) {
            match change {
                // What is written after a cut is not there without it.
                Change::SetLen(_) if chance.below(2) == 0 => break,
                Change::SetLen(length) => left.resize(length, 0),
                Change::Write { is_lost: true, .. } => {}
                Change::Write { at, bytes, .. } => match chance.below(4) {
                    0 => put(&mut left, at, &bytes),
                    1 => put(&mut left, at, &bytes[..chance.below(bytes.len() + 1)]),
                    2 => put(&mut left, at, &vec![0; bytes.len()]),
                    _ => {}
                },
            }
        }
        self.bytes = left.clone();
        self.synced = left;
    }
}

fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if !bytes.is_empty() {
        to.resize(to.len().max(at + bytes.len()), 0);
        to[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// A file as one life of the process has it.
struct Handle {
    files: FaultyFiles,
    inode: u64,
    life: u64,
}

impl Handle {
    fn disk(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.files.0.disk.lock();
        if disk.life == self.life {
            Ok(disk)
        } else {
            Err(io::Error::other("the process was killed"))
        }
    }
}

impl LogFile for Handle {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk()?.write(self.inode, bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.meet(Call::Name)?;
        if let Some(inode) = disk.inodes.get_mut(&self.inode) {
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(inode.bytes.len());
            inode.bytes.truncate(length);
            inode.changes.push(Change::SetLen(length));
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk()?;
        while disk.syncs_wait && disk.life == self.life {
            self.files.0.released.wait(&mut disk);
        }
        drop(disk);
        self.disk()?.sync(self.inode)
    }
}

struct Held {
    files: FaultyFiles,
    path: PathBuf,
    life: u64,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut disk = self.files.0.disk.lock();
        if disk.life == self.life {
            disk.locks.remove(&self.path);
        }
    }
}

impl Files for FaultyFiles {
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut disk = self.0.disk.lock();
        if !disk.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held {
            files: self.clone(),
            path: path.to_owned(),
            life: disk.life,
        })))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, u64)>> {
        let disk = self.0.disk.lock();
        let inside = disk.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        let listed = inside.filter_map(|(path, inode)| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some((name, disk.inodes.get(inode)?.bytes.len() as u64))
        });
        Ok(listed.collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.0.disk.lock().inode(path)?.bytes.clone())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        let mut disk = self.0.disk.lock();
        disk.meet(Call::Name)?;
        disk.inodes_made += 1;
        let inode = disk.inodes_made;
        disk.inodes.insert(inode, Inode::default());
        disk.change_name(NameChange::Set(path.to_owned(), inode));
        Ok(Arc::new(Handle {
            files: self.clone(),
            inode,
            life: disk.life,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        let disk = self.0.disk.lock();
        let inode = *disk.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(Handle {
            files: self.clone(),
            inode,
            life: disk.life,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.0.disk.lock();
        disk.meet(Call::Name)?;
        disk.inode(from)?;
        disk.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.0.disk.lock();
        disk.removals_waiting += 1;
        while disk.removals_wait {
            self.0.released.wait(&mut disk);
        }
        disk.removals_waiting -= 1;
        disk.meet(Call::Name)?;
        disk.inode(path)?;
        disk.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut disk = self.0.disk.lock();
        disk.meet(Call::Sync)?;
        disk.name_changes.clear();
        disk.names_synced = disk.names.clone();
        let named: HashSet<u64> = disk.names.values().copied().collect();
        disk.inodes.retain(|inode, _| named.contains(inode));
        Ok(())
    }
}
