//! Removing segments that nobody needs any longer, beside writes and syncs: the system may take its time.

use super::files::Files;
use super::folder::segment_name;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Segments to be removed, beside writes, and reported when that has ended. Meanwhile the log does not
/// count them. One at a time: what is there must have no hole.
pub struct Removal {
    pub(super) files: Arc<dyn Files>,
    pub(super) dir: PathBuf,
    /// Bytes of each that is still there, by its first record.
    pub(super) left: BTreeMap<u64, u64>,
}

impl Removal {
    /// Waits for the disk. Returns how many are gone, and their bytes.
    ///
    /// # Errors
    /// The system's; some may have been removed.
    pub fn run(&mut self) -> io::Result<(u64, u64)> {
        let mut removed = (0, 0);
        // The oldest first: no hole, wherever it ends.
        while let Some((&first, &bytes)) = self.left.first_key_value() {
            self.files.remove(&self.dir.join(segment_name(first)))?;
            self.left.remove(&first);
            removed = (removed.0 + 1, removed.1 + bytes);
        }
        if removed.0 > 0 {
            self.files.sync_folder(&self.dir)?;
        }
        Ok(removed)
    }
}
