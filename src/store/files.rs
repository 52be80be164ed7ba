//! A file system as the log needs it. [`DiskFiles`] is the disk's; [`super::faults`] has one that fails.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

/// A file that is written at its end. A handle stays with its file when the file is renamed or replaced.
pub trait LogFile: Send + Sync {
    /// Writes all of `bytes` at the end.
    ///
    /// # Errors
    /// The system's; any part of `bytes` may have been written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `length` bytes, which it has.
    ///
    /// # Errors
    /// The system's; the file is as it was.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Returns once what was written before the call is on disk.
    ///
    /// # Errors
    /// The system's. What was written since the last good sync may never reach the disk, even where a
    /// later call returns well.
    fn sync_data(&self) -> io::Result<()>;
}

/// Held as long as it lives, by one process at a time.
pub trait Lock: Send + Sync {}

/// A folder's files. Names appear and disappear for good only with [`Files::sync_folder`].
pub trait Files: Send + Sync {
    /// Makes the folder and those above it, where they are missing.
    ///
    /// # Errors
    /// The system's.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes the lock of that file, which is made where it is missing; nothing where another process has it.
    ///
    /// # Errors
    /// The system's.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;

    /// Names and lengths of the files in a folder, in any order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, folder: &Path) -> io::Result<Vec<(String, u64)>>;

    /// All bytes of a file.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A new, empty file, in place of one that has the name.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>>;

    /// A file that is there.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn LogFile>>;

    /// Gives a file another name, at once; who has that name is replaced.
    ///
    /// # Errors
    /// The system's; nothing was changed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's; nothing was changed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns once the folder's names are on disk.
    ///
    /// # Errors
    /// The system's.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The disk's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFiles;

impl Lock for File {}

impl LogFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write_all(bytes)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}

impl Files for DiskFiles {
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match (entry.file_name().into_string(), entry.metadata()) {
                (Ok(name), Ok(metadata)) if metadata.is_file() => files.push((name, metadata.len())),
                (_, Err(error)) if error.kind() != ErrorKind::NotFound => return Err(error),
                // A folder, a name that is none of ours, or a file that has just gone.
                _ => {}
            }
        }
        Ok(files)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Arc::new(OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        Ok(Arc::new(OpenOptions::new().append(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}
