//! Contests on disk, beside the event log; nowhere where there is none.

use crate::contest::{Definition, Limits, PLAYERS_MAX};
use crate::fanout::Hub;
use crate::model::{ContestId, IngestTime};
use crate::scoring::Rulesets;
use crate::store::{self, Files, OpenError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What a stored contest may hold.
const STORED: Limits = Limits {
    entries_max: u32::MAX as usize,
    players_max: PLAYERS_MAX,
    ..Limits::DEFAULT
};

/// Where contests are stored.
pub struct ContestStore {
    place: Option<(PathBuf, Arc<dyn Files>)>,
    /// Those being read.
    pub(super) permits: Arc<Semaphore>,
}

impl ContestStore {
    /// In that folder; nothing: nowhere, and contests end with the process. So many may be read at once.
    pub fn new(place: Option<(PathBuf, Arc<dyn Files>)>, posts_max: usize) -> ContestStore {
        ContestStore {
            place,
            permits: Arc::new(Semaphore::new(posts_max)),
        }
    }

    /// Stores a contest; it is on disk once this returns.
    pub(super) fn put(&self, definition: &Definition, posted: IngestTime) -> io::Result<()> {
        let Some((dir, files)) = &self.place else { return Ok(()) };
        let mut body = Vec::new();
        definition.write_to(&mut body)?;
        store::put_contest(&**files, dir, definition.id(), posted, &body)
    }

    /// Removes a contest; it is gone for good once this returns.
    pub(super) fn remove(&self, id: &ContestId) -> io::Result<()> {
        let Some((dir, files)) = &self.place else { return Ok(()) };
        store::remove_contest(&**files, dir, id)
    }

    /// Takes all that is stored into the hub. Returns how many contests that are, and what a person should hear of
    /// those that are not taken; their files stay.
    ///
    /// # Errors
    /// A file can't be read: the start stops, as it does for the log's own.
    pub fn restore(&self, hub: &Hub, rulesets: &Rulesets) -> Result<(usize, Vec<String>), OpenError> {
        let Some((dir, files)) = &self.place else {
            return Ok((0, Vec::new()));
        };
        let (mut count, mut warnings) = (0, Vec::new());
        for file in store::contests(dir, &**files)? {
            let stored = file.load(&**files)?;
            // Whatever the limits are now: it was taken.
            let Ok(definition) = Definition::read_from(&mut stored.body(), &STORED) else {
                let what = "what is in it cannot be read";
                return Err(OpenError::DamagedContest { file: file.path, what });
            };
            let not_taken = |why: String| {
                format!(
                    "the contest {} is not served: {why}; its file stays: {}",
                    file.id,
                    file.path.display()
                )
            };
            let Some(index) = rulesets.index(&definition.terms().ruleset) else {
                warnings.push(not_taken(format!(
                    "there is no ruleset \"{}\" any more",
                    definition.terms().ruleset
                )));
                continue;
            };
            match hub.contests().place(definition.id(), definition.entry_count()) {
                Ok(place) => drop(place.begin(definition, (index, rulesets.by_index(index)), stored.posted)),
                Err(error) => {
                    warnings.push(not_taken(error.to_string()));
                    continue;
                }
            }
            count += 1;
        }
        Ok((count, warnings))
    }
}
