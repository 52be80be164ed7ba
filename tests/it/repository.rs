//! The repository as files: where they are and what they say.

use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file's text, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below `folder` whose name ends with `suffix`, by its path from the root, sorted.
pub(crate) fn files(folder: &str, suffix: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(folder), suffix, &mut found);
    let mut paths: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(root()).unwrap_or(path).display().to_string())
        .collect();
    paths.sort();
    paths
}

fn collect(folder: &Path, suffix: &str, found: &mut Vec<PathBuf>) {
    const LEFT_OUT: [&str; 3] = ["target", "node_modules", ".git"];
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if path.is_dir() && !LEFT_OUT.contains(&name) {
            collect(&path, suffix, found);
        } else if path.is_file() && name.ends_with(suffix) {
            found.push(path);
        }
    }
}

/// Whether tables that are generated should be written instead of compared.
pub(crate) fn is_blessing() -> bool {
    std::env::var_os("SCOREWIRE_BLESS").is_some_and(|value| value != "0")
}

/// Fails with all of them, one a line, and with what to do.
pub(crate) fn assert_none(problems: &[String], what_to_do: &str) {
    assert!(problems.is_empty(), "\n{}\n\n{what_to_do}\n", problems.join("\n"));
}
