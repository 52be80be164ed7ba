//! The recorded games: where tests find them, and the tables beside them that others kept. The unit
//! tests of the library read them by this very file (`src/test_support.rs`).

use super::skipped::skipped;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A folder of the recorded data. Says so where it is absent; with `CI=true` that is a failure.
pub(crate) fn data(part: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = std::env::var_os("SCOREWIRE_DATA").map_or_else(|| here.join("../shared/data/nfl"), PathBuf::from);
    let folder = root.join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(&format!("no recorded games in {} (set SCOREWIRE_DATA)", folder.display()));
    None
}

/// A line of a table, by the headings of its columns.
pub(crate) type Row = BTreeMap<String, String>;

/// The rows of a CSV file, of which the last column alone may be quoted.
pub(crate) fn table(file: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let heading: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let values = line.splitn(heading.len(), ',').map(str::to_owned);
        heading.iter().map(|h| (*h).to_owned()).zip(values).collect()
    };
    lines.map(row).collect()
}

/// Whom a row is about: game and player.
pub(crate) fn who(row: &Row) -> (String, String) {
    (row["game_id"].clone(), row["gsis_id"].clone())
}

/// Of whom a week's recording is known to differ from what `truth` says.
pub(crate) fn known(week: &Path, truth: &str) -> BTreeSet<(String, String)> {
    let rows = table(&week.join("known_mismatches.csv"));
    rows.iter().filter(|row| row["truth"] == truth).map(who).collect()
}
