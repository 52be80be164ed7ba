//! The rulesets a server knows.
//!
//! Owns their names and order: sorted by name, so that the same files give the same indices. Reads a
//! folder once, at start, and never again. Bounded by [`RULESETS_MAX`].

use super::file::{FILE_BYTES_MAX, RulesetFile};
use super::{Ruleset, RulesetError, compile};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most rulesets a server knows, its own and a user's together.
pub const RULESETS_MAX: usize = 64;

/// The files of `config/rulesets`, built in so that the program runs anywhere.
const EMBEDDED: [(&str, &str); 6] = [
    ("draftkings", include_str!("../../config/rulesets/draftkings.toml")),
    ("fanduel", include_str!("../../config/rulesets/fanduel.toml")),
    ("half_ppr", include_str!("../../config/rulesets/half_ppr.toml")),
    ("ppr", include_str!("../../config/rulesets/ppr.toml")),
    ("standard", include_str!("../../config/rulesets/standard.toml")),
    ("yahoo", include_str!("../../config/rulesets/yahoo.toml")),
];

/// A ruleset's place in its [`Rulesets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulesetIndex(u8);

impl RulesetIndex {
    /// The place as a number, for tables indexed by ruleset.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// Rulesets by name and by index.
#[derive(Clone, Debug, Default)]
pub struct Rulesets(Vec<Ruleset>);

impl Rulesets {
    /// The rulesets that are built in.
    pub fn embedded() -> Rulesets {
        let read = |(name, text): &(&str, &str)| read_text(&format!("config/rulesets/{name}.toml"), name, text);
        let rulesets: Result<Vec<Ruleset>, RulesetError> = EMBEDDED.iter().map(read).collect();
        Rulesets::sorted(rulesets.expect("the built-in rulesets are valid: a test reads them"))
            .expect("the built-in rulesets are fewer than RULESETS_MAX")
    }

    /// Every `*.toml` in a folder, each named after its file. An empty folder gives no rulesets.
    ///
    /// # Errors
    /// The first file, by name, that cannot be read or is not a ruleset; too many of them.
    pub fn load_dir(folder: &Path) -> Result<Rulesets, RulesetError> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        check_count(paths.len())?;
        paths.sort();
        let rulesets: Result<Vec<Ruleset>, RulesetError> = paths.iter().map(read_file).collect();
        Rulesets::sorted(rulesets?)
    }

    /// These and `others`, which replace rulesets of the same name.
    ///
    /// # Errors
    /// [`RulesetError::TooMany`].
    pub fn overlay(self, others: Rulesets) -> Result<Rulesets, RulesetError> {
        let mut all = others.0;
        let kept: Vec<Ruleset> = self
            .0
            .into_iter()
            .filter(|mine| all.iter().all(|theirs| theirs.name() != mine.name()))
            .collect();
        all.extend(kept);
        Rulesets::sorted(all)
    }

    fn sorted(mut rulesets: Vec<Ruleset>) -> Result<Rulesets, RulesetError> {
        check_count(rulesets.len())?;
        rulesets.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(Rulesets(rulesets))
    }

    /// The index of the ruleset of that name.
    pub fn index(&self, name: &str) -> Option<RulesetIndex> {
        let place = self.0.binary_search_by(|ruleset| ruleset.name().cmp(name)).ok()?;
        Some(RulesetIndex(place as u8))
    }

    /// The ruleset of that name.
    pub fn get(&self, name: &str) -> Option<&Ruleset> {
        self.index(name).map(|index| self.by_index(index))
    }

    /// The ruleset at an index that these rulesets gave. Panics on the index of others that are more.
    #[inline]
    pub fn by_index(&self, index: RulesetIndex) -> &Ruleset {
        &self.0[index.place()]
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RulesetIndex, &Ruleset)> + '_ {
        self.0
            .iter()
            .enumerate()
            .map(|(place, ruleset)| (RulesetIndex(place as u8), ruleset))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check_count(count: usize) -> Result<(), RulesetError> {
    match count {
        0..=RULESETS_MAX => Ok(()),
        _ => Err(RulesetError::TooMany { count, max: RULESETS_MAX }),
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> RulesetError {
    RulesetError::Read {
        path: path.to_owned(),
        error,
    }
}

fn read_file(path: &PathBuf) -> Result<Ruleset, RulesetError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut text = String::new();
    // One byte more than allowed, so that a longer file is refused rather than cut.
    let mut bounded = File::open(path)
        .map_err(|error| unreadable(path, error))?
        .take(FILE_BYTES_MAX as u64 + 1);
    bounded.read_to_string(&mut text).map_err(|error| unreadable(path, error))?;
    read_text(&path.display().to_string(), &name, &text)
}

fn read_text(file: &str, name: &str, text: &str) -> Result<Ruleset, RulesetError> {
    compile::compile(file, name, &RulesetFile::parse(file, text)?)
}
