//! Contests on disk, beside the event log; nowhere where there is none.

use crate::contest::Definition;
use crate::fanout::Hub;
use crate::fanout::contests::Contest;
use crate::model::{ContestId, IngestTime, Points};
use crate::scoring::Rulesets;
use crate::store::{self, Files, OpenError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where contests are stored.
#[derive(Clone)]
pub struct ContestStore {
    place: Option<(PathBuf, Arc<dyn Files>)>,
    /// Bodies being read.
    pub(super) posts: Arc<Semaphore>,
    /// Answers that look at every entry.
    pub(super) reads: Arc<Semaphore>,
}

impl ContestStore {
    /// In that folder; nothing: nowhere, and contests end with the process. So many may be posted, and looked through, at
    /// once.
    pub fn new(place: Option<(PathBuf, Arc<dyn Files>)>, (posts_max, reads_max): (usize, usize)) -> ContestStore {
        ContestStore {
            place,
            posts: Arc::new(Semaphore::new(posts_max)),
            reads: Arc::new(Semaphore::new(reads_max)),
        }
    }

    /// Stores a contest; it is on disk once this returns.
    pub(super) fn put(&self, definition: &Definition, posted: IngestTime) -> io::Result<()> {
        let Some((dir, files)) = &self.place else { return Ok(()) };
        store::put_contest(&**files, dir, definition, posted).inspect_err(|_| {
            // Who posted it is told that it is not there: it must not be after a restart.
            let _ = store::remove_contest(&**files, dir, definition.id());
        })
    }

    /// Whether a contest of that id is stored, be it one that is not served.
    pub(super) fn has(&self, id: &ContestId) -> io::Result<bool> {
        let Some((dir, files)) = &self.place else { return Ok(false) };
        store::has_contest(&**files, dir, id)
    }

    /// Removes a contest; it is gone for good once this returns.
    pub(super) fn remove(&self, id: &ContestId) -> io::Result<()> {
        let Some((dir, files)) = &self.place else { return Ok(()) };
        store::remove_contest(&**files, dir, id)
    }

    /// Stores what a contest's players had when it was over.
    ///
    /// # Errors
    /// The system's.
    pub fn settle(&self, contest: &Contest, points: &[Points]) -> io::Result<()> {
        let Some((dir, files)) = &self.place else { return Ok(()) };
        store::put_settled(&**files, dir, contest.definition(), contest.posted(), points)?;
        // Deleted meanwhile, it leaves nothing behind.
        match contest.is_over() {
            true => store::remove_settled(&**files, dir, contest.id()),
            false => Ok(()),
        }
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
            let not_taken = |why: String| {
                format!(
                    "the contest {} is not served: {why}; its file stays until it is deleted: {}",
                    file.id,
                    file.path.display()
                )
            };
            let Some(index) = rulesets.index(&stored.definition.terms().ruleset) else {
                let ruleset = &stored.definition.terms().ruleset;
                warnings.push(not_taken(format!("there is no ruleset \"{ruleset}\" any more")));
                continue;
            };
            match hub.contests().place(stored.definition) {
                Ok(coming) => drop(coming.begin(hub, (rulesets, index), stored.posted, stored.settled)),
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
