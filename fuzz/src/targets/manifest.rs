//! Manifests of models: what is taken leads out of no folder and names features that there are.

use scorewire::predict::features;
use scorewire::predict::registry::Manifest;
use std::collections::BTreeSet;

/// A line with the file's name, and the file.
pub(crate) fn of_a_model(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (stem, bytes) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(stem) = std::str::from_utf8(stem) else { return };
    match Manifest::parse(stem, bytes) {
        Ok(manifest) => {
            assert_eq!(stem, format!("{}-{}", manifest.task.name(), manifest.number));
            assert!(manifest.file.ends_with(".onnx") && !manifest.file.starts_with('.'));
            assert!(!manifest.file.contains(['/', '\\', '\0']), "{:?}", manifest.file);
            let columns: BTreeSet<usize> = manifest.columns.iter().copied().collect();
            assert_eq!(columns.len(), manifest.columns.len(), "each once");
            assert!(columns.last().is_some_and(|last| *last < features::NAMES.len()));
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.chars().count() < 1_000 && !said.contains('\n'), "{said:?}");
        }
    }
}
