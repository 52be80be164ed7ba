//! What an engine keeps on its own disk of the partitions that it owned: segments of records, as `scorewire log`
//! reads them.
//!
//! A folder for each time that it owned a partition, `DIR/cluster/pNN-FIRST-EPOCH`, as another engine may have
//! what is between two of them: each is a log of its own, which begins with the partition's base. Never read by a
//! cluster's node. Bounded: `store.bytes_max` in all; the oldest files go.

use crate::store::{Files, Header, Lsn, snapshot, write_segment};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The archive.
pub(super) struct Archive {
    dir: PathBuf,
    files: Arc<dyn Files>,
    bytes_max: u64,
    /// Of each partition, where it goes on, and with which record.
    open: Vec<Option<(PathBuf, u64)>>,
}

impl Archive {
    /// In `store_dir`.
    pub(super) fn new(store_dir: &Path, files: Arc<dyn Files>, bytes_max: u64, partitions: usize) -> Archive {
        Archive {
            dir: store_dir.join("cluster"),
            files,
            bytes_max,
            open: vec![None; partitions],
        }
    }

    /// Keeps records of a partition, from `first` up to `last`; `base` is what all before them comes to.
    ///
    /// # Errors
    /// The system's; what is missing then is a hole between two folders.
    pub(super) fn keep(
        &mut self,
        partition: usize,
        (first, last): (u64, u64),
        header: &Header,
        records: &[u8],
        base: Option<&[u8]>,
    ) -> io::Result<()> {
        let files = &*self.files;
        let folder = match self.open[partition].take().filter(|(_, next)| *next == first) {
            Some((folder, _)) => folder,
            None => {
                let folder = self.dir.join(format!("p{partition:02}-{first:020}-{}", header.epoch));
                files.make_folder(&folder)?;
                if let Some(base) = base {
                    snapshot::put(files, &folder, Lsn(first - 1), base)?;
                }
                folder
            }
        };
        write_segment(files, &folder, Lsn(first), header, records)?;
        self.open[partition] = Some((folder, last + 1));
        self.make_room()
    }

    /// Removes the oldest files while all take more than they may.
    fn make_room(&self) -> io::Result<()> {
        let mut kept: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
        for folder in std::fs::read_dir(&self.dir)? {
            for file in std::fs::read_dir(folder?.path())? {
                let file = file?;
                let metadata = file.metadata()?;
                kept.push((metadata.modified()?, file.path(), metadata.len()));
            }
        }
        kept.sort_unstable();
        let mut bytes: u64 = kept.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, path, length) in kept {
            if bytes <= self.bytes_max {
                break;
            }
            self.files.remove(&path)?;
            bytes -= length;
            // Where it is not empty yet it stays.
            let _ = path.parent().map(std::fs::remove_dir);
        }
        Ok(())
    }
}
