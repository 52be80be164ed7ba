//! The models inside the program: it predicts with nothing beside it.

/// A model's manifest and file.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// `NAME-VERSION`.
    pub(super) stem: &'static str,
    pub(super) manifest: &'static [u8],
    pub(super) model: &'static [u8],
}

macro_rules! shipped {
    ($($stem:literal),* $(,)?) => {
        &[$(Shipped {
            stem: $stem,
            manifest: include_bytes!(concat!("../../../config/models/", $stem, ".json")),
            model: include_bytes!(concat!("../../../config/models/", $stem, ".onnx")),
        }),*]
    };
}

/// Those of `config/models` that answer a [`Task`](super::Task); a test holds them below 2 MB together.
pub const SHIPPED: &[Shipped] = shipped!["drive-1", "next_play-1", "next_play_formed-1", "win-1"];

#[cfg(test)]
mod tests {
    use super::super::task::{Task, parts};
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_model_of_a_task_ships_and_they_stay_small() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/models");
        let is_of_a_task = |stem: &String| parts(stem).is_some_and(|(name, _)| Task::ALL.iter().any(|task| task.name() == name));
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".onnx").map(str::to_owned))
            .filter(is_of_a_task)
            .collect();
        assert_eq!(there, SHIPPED.iter().map(|shipped| shipped.stem.to_owned()).collect());
        let bytes: usize = SHIPPED.iter().map(|shipped| shipped.manifest.len() + shipped.model.len()).sum();
        assert!(
            bytes <= 2 * 1024 * 1024,
            "{bytes} bytes: have a folder of models beside the program instead"
        );
    }
}
