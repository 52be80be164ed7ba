//! Recorded documents of one or many games as one stream of events in time.
//!
//! A folder of `*.json` and `*.json.gz` (or its `raw/`) is read; every game is announced at the
//! first kickoff of all, then shown play by play from its own kickoff, all games merged by time.
//! Where several documents are of one game, the first is shown play by play to the end and each
//! later one is polled a minute after the one before, as the revision it is. First is the first by
//! file name, but a name with `.old.` stands before all others and one with `.new.` after.
//!
//! Never sleeps and reads no clock: whoever plays the stream decides how fast. Bounded by
//! [`FILES_MAX`] documents, which are all read before the first event.

use super::adapter::{Adapter, Formation};
use super::document::{DOCUMENT_BYTES_MAX, Document, DocumentError};
use super::reveal::{Revealer, Shown};
use super::schedule::Schedule;
use crate::model::{Event, FeedTime, GameId};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most documents in one timeline: a whole season, preseason and all.
pub const FILES_MAX: usize = 1_024;

/// From a game's end, or its last revision, to the next.
const REVISION_US: i64 = 60_000_000;

/// Why a timeline cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// Nothing to play.
    #[error("{}: no games: expected GameCenter documents, *.json or *.json.gz, in it or in its raw/", path.display())]
    NoGames {
        /// The folder that was searched.
        path: PathBuf,
    },
    /// More than [`FILES_MAX`].
    #[error("{}: {count} documents, at most {FILES_MAX} can be played", path.display())]
    TooMany {
        /// The folder that was searched.
        path: PathBuf,
        /// How many it has.
        count: usize,
    },
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A document is damaged.
    #[error("{}: {source}", path.display())]
    Document {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// A table beside the documents is damaged.
    #[error("{}, line {line}: {reason}", path.display())]
    Table {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// What a poller saw at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Microseconds since the first kickoff of all games; never falls.
    pub due_us: i64,
    /// The feed's clock then.
    pub ts: FeedTime,
    /// What was new; never empty.
    pub events: Vec<Event>,
}

/// The events of recorded games, in time: an iterator of [`Moment`]s.
#[derive(Debug)]
pub struct Timeline {
    adapter: Adapter,
    games: Vec<Recorded>,
    steps: std::vec::IntoIter<Planned>,
    first_kickoff: i64,
}

/// The documents of one game, first revision first.
#[derive(Debug)]
struct Recorded {
    kickoff: i64,
    first: Revealer,
    later: Vec<Document>,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    due_us: i64,
    game: usize,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Pregame,
    Shown(Shown),
    Later(usize),
}

/// Reads a document, or a folder of them with the tables beside it (in the folder, its parent or its
/// `raw/`), and plans when what is seen.
pub fn timeline(path: &Path, formation: Formation) -> Result<Timeline, TimelineError> {
    let files = documents_in(path)?;
    let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
    let mut folders = vec![folder.to_owned()];
    folders.extend(folder.parent().map(Path::to_owned));
    folders.push(folder.join("raw"));
    let schedule = Schedule::load(&folders)?;
    let mut by_game: BTreeMap<GameId, Vec<Document>> = BTreeMap::new();
    for file in &files {
        let doc = read(file)?;
        by_game.entry(doc.game.clone()).or_default().push(doc);
    }
    // A game whose kickoff nobody knows begins with the first that is known.
    let first_kickoff = by_game.keys().filter_map(|game| schedule.kickoff(game)).min().unwrap_or(0);
    let mut adapter = Adapter::new(formation);
    let mut games = Vec::with_capacity(by_game.len());
    for (game, docs) in by_game {
        let mut docs = docs.into_iter();
        let Some(first) = docs.next() else { continue };
        let kickoff = schedule.kickoff(&game);
        adapter.announce(game.clone(), kickoff, schedule.roster(&game).to_vec());
        games.push(Recorded {
            kickoff: kickoff.unwrap_or(first_kickoff),
            first: Revealer::new(first),
            later: docs.collect(),
        });
    }
    games.sort_by_key(|game| game.kickoff);
    let steps = plan(&games, first_kickoff).into_iter();
    Ok(Timeline {
        adapter,
        games,
        steps,
        first_kickoff,
    })
}

impl Timeline {
    /// How many games it plays.
    pub fn games_count(&self) -> usize {
        self.games.len()
    }

    /// The documents as recorded, the last revision of each game, by kickoff.
    pub fn latest(&self) -> impl Iterator<Item = &Document> {
        self.games
            .iter()
            .map(|game| game.later.last().unwrap_or_else(|| game.first.recorded()))
    }

    fn document(&self, step: Planned) -> Document {
        let game = &self.games[step.game];
        match step.what {
            What::Pregame => game.first.pregame(),
            What::Shown(shown) => game.first.document(shown),
            What::Later(place) => game.later[place].clone(),
        }
    }
}

impl Iterator for Timeline {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        loop {
            let step = self.steps.next()?;
            let ts = FeedTime(self.first_kickoff + step.due_us);
            let doc = self.document(step);
            let events = self.adapter.poll(&doc, ts);
            if !events.is_empty() {
                return Some(Moment {
                    due_us: step.due_us,
                    ts,
                    events,
                });
            }
        }
    }
}

fn plan(games: &[Recorded], first_kickoff: i64) -> Vec<Planned> {
    let pregame = |game| Planned {
        due_us: 0,
        game,
        what: What::Pregame,
    };
    let mut steps: Vec<Planned> = (0..games.len()).map(pregame).collect();
    for (game, recorded) in games.iter().enumerate() {
        let mut add = |due_us, what| steps.push(Planned { due_us, game, what });
        let kickoff_us = recorded.kickoff - first_kickoff;
        let mut end_us = kickoff_us;
        for step in recorded.first.steps() {
            end_us = kickoff_us + step.elapsed_us;
            add(end_us, What::Shown(step.shown));
        }
        for place in 0..recorded.later.len() {
            end_us += REVISION_US;
            add(end_us, What::Later(place));
        }
    }
    // Stable: at one time, games stay in order of kickoff and each game in its own.
    steps.sort_by_key(|step| step.due_us);
    steps
}

/// The documents of a folder, in the order their revisions are played; a file is itself.
fn documents_in(path: &Path) -> Result<Vec<PathBuf>, TimelineError> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = listed(path)?;
    let raw = path.join("raw");
    if files.is_empty() && raw.is_dir() {
        files = listed(&raw)?;
    }
    if files.is_empty() {
        return Err(TimelineError::NoGames { path: path.to_owned() });
    }
    if files.len() > FILES_MAX {
        return Err(TimelineError::TooMany {
            path: path.to_owned(),
            count: files.len(),
        });
    }
    files.sort_by_cached_key(|file| {
        let name = name(file);
        let rank = i8::from(name.contains(".new.")) - i8::from(name.contains(".old."));
        (rank, name)
    });
    Ok(files)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, TimelineError> {
    let io = |source| TimelineError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let file = entry.map_err(io)?.path();
        let name = name(&file);
        if (name.ends_with(".json") || name.ends_with(".json.gz")) && file.is_file() {
            files.push(file);
        }
    }
    Ok(files)
}

fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path) -> Result<Document, TimelineError> {
    let io = |source| TimelineError::Io {
        path: path.to_owned(),
        source,
    };
    let damaged = |source| TimelineError::Document {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    Document::read(&bytes).map_err(damaged)
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
