//! Which versions of the models of points serve: the program's own, and over them those of a folder.
//!
//! A look acts on what it has seen three times in a row: a file that is being copied changes from look to
//! look, and a folder that is being replaced is empty for a moment only. The first look acts at once. Of each model
//! the highest version that is whole and fits is taken, none below the program's; what is broken is refused, what
//! serves stays, also where its own file is broken since. A folder that cannot be read changes nothing. Bounded: as
//! many manifests as the registry looks at, and one version of each model loaded.

use super::manifest::Manifest;
use super::models::{Loaded, Models};
use super::task::Task;
use crate::predict::onnx::{Backend, MODEL_BYTES_MAX};
use crate::predict::registry::folder::{self, Stamp};
use crate::predict::registry::{LOOKS_MAX, MANIFEST_BYTES_MAX, Number, parts};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// What a folder has: by `NAME-VERSION` the manifest and the model, as they are.
type Seen = BTreeMap<String, [Option<Stamp>; 2]>;

/// A model inside the program.
struct Shipped {
    stem: &'static str,
    manifest: &'static [u8],
    model: &'static [u8],
}

macro_rules! shipped {
    ($stem:literal) => {
        Shipped {
            stem: $stem,
            manifest: include_bytes!(concat!("../../../config/models/", $stem, ".json")),
            model: include_bytes!(concat!("../../../config/models/", $stem, ".onnx")),
        }
    };
}

/// By the places of [`Task::ALL`].
const SHIPPED: [Shipped; Task::ALL.len()] = [shipped!("points-1"), shipped!("season-1"), shipped!("season_team-1")];

/// What is in the program alone.
#[cfg(test)]
pub(super) fn shipped(backend: &Backend) -> Models {
    let mut models = Models::new(5, 30_000_000);
    Versions::new(backend.clone(), PathBuf::from("nowhere")).look(&mut models, 0);
    models
}

/// Looks at a folder of models.
pub struct Versions {
    backend: Backend,
    folder: PathBuf,
    /// What the last looks saw, and how many they were.
    seen: (Seen, u32),
    /// What was acted on; nothing before the first look.
    acted: Option<Seen>,
    /// Why what fails on its device is not on the CPU yet.
    stuck: [Option<String>; Task::ALL.len()],
}

impl Versions {
    /// Of that folder, over what is in the program.
    pub fn new(backend: Backend, folder: PathBuf) -> Versions {
        Versions {
            backend,
            folder,
            seen: (Seen::new(), 0),
            acted: None,
            stuck: Default::default(),
        }
    }

    /// Looks at the folder and puts what is to serve into its place, stamped with the time by the system's clock.
    /// Whether that is another than before.
    pub fn look(&mut self, models: &mut Models, wall_us: i64) -> bool {
        let before = models.counts().loaded;
        // The registry, which looks at the same folder, says why one cannot be read.
        if let Ok(seen) = self.see() {
            let looks = if self.seen.0 == seen { self.seen.1.saturating_add(1) } else { 1 };
            self.seen = (seen, looks);
        }
        let is_settled = self.seen.1 >= LOOKS_MAX && self.acted.as_ref() != Some(&self.seen.0);
        if self.acted.is_none() || is_settled {
            let seen = self.seen.0.clone();
            for task in Task::ALL {
                self.settle(task, &seen, models, wall_us);
            }
            self.acted = Some(seen);
        }
        for task in Task::ALL {
            self.rescue(task, models, wall_us);
        }
        models.counts().loaded != before
    }

    fn see(&self) -> io::Result<Seen> {
        let stems = folder::stems_of(&self.folder, |name| Task::ALL.iter().any(|task| task.name() == name))?;
        let stamps = |stem: &str| [".json", ".onnx"].map(|end| folder::stamp(&self.folder.join(format!("{stem}{end}"))));
        Ok(stems.into_iter().map(|stem| (stem.clone(), stamps(&stem))).collect())
    }

    /// Takes the highest version of a model that is whole and fits.
    fn settle(&self, task: Task, seen: &Seen, models: &mut Models, wall_us: i64) {
        let shipped = &SHIPPED[task as usize];
        let number = |stem: &str| parts(stem).filter(|(name, _)| *name == task.name()).map(|(_, number)| number);
        let least = number(shipped.stem);
        let mut stems: Vec<(Number, &str)> = seen.keys().filter_map(|stem| Some((number(stem)?, &**stem))).collect();
        stems.retain(|(number, _)| Some(number) >= least.as_ref());
        stems.sort_unstable();
        let before = models.held(task).map(|held| held.manifest.stem());
        let (mut refused, mut is_found) = (BTreeMap::new(), false);
        for (_, stem) in stems.into_iter().rev() {
            match self.take(task, stem, models, wall_us) {
                Ok(()) => is_found = true,
                Err(why) => drop(refused.insert(stem.to_owned(), why)),
            }
            // One that serves and whose files are broken since stays.
            is_found |= models.held(task).is_some_and(|held| held.manifest.stem() == stem);
            if is_found {
                break;
            }
        }
        if !is_found && let Err(why) = self.take_shipped(shipped, task, models, wall_us) {
            refused.insert(shipped.stem.to_owned(), why);
        }
        models.refuse(task, refused);
        let after = models.held(task).map(|held| held.manifest.stem());
        let is_gone = |before: &String| after.as_ref() != Some(before) && before != shipped.stem && !seen.contains_key(before);
        if let Some(before) = before.filter(is_gone) {
            models.let_go(&before);
        }
    }

    /// Has a version of the folder serve, unless it does.
    fn take(&self, task: Task, stem: &str, models: &mut Models, wall_us: i64) -> Result<(), String> {
        let path = self.folder.join(format!("{stem}.json"));
        let bytes = folder::read(&path, MANIFEST_BYTES_MAX).map_err(|error| format!("{stem}.json: {error}"))?;
        let manifest = Manifest::parse(task, stem, &bytes).map_err(|error| format!("its manifest {error}"))?;
        let bytes = self.bytes(&manifest)?;
        if models.held(task).is_none_or(|held| held.manifest != manifest) {
            models.put(Loaded::of(&self.backend, manifest, &bytes, false, wall_us)?);
        }
        Ok(())
    }

    /// The bytes of a model of the folder.
    fn bytes(&self, manifest: &Manifest) -> Result<Vec<u8>, String> {
        let file = format!("{}.onnx", manifest.stem());
        let bytes = folder::read(&self.folder.join(&file), MODEL_BYTES_MAX).map_err(|error| format!("{file}: {error}"))?;
        if bytes.len() > MODEL_BYTES_MAX {
            return Err(format!("{file} has more than {MODEL_BYTES_MAX} bytes"));
        }
        if folder::sha256(&bytes) != manifest.sha256 {
            return Err(format!(
                "{file} is not the file that its manifest names (another SHA-256); copy both anew"
            ));
        }
        Ok(bytes)
    }

    /// Has the program's own serve, unless it does.
    fn take_shipped(&self, shipped: &Shipped, task: Task, models: &mut Models, wall_us: i64) -> Result<(), String> {
        if models.held(task).is_none_or(|held| !held.is_shipped) {
            let manifest = Manifest::parse(task, shipped.stem, shipped.manifest).map_err(|error| error.to_string())?;
            models.put(Loaded::of(&self.backend, manifest, shipped.model, true, wall_us)?);
        }
        Ok(())
    }

    /// Loads what fails on its device anew on the CPU. Tried at each look until it is done, and complained of once.
    fn rescue(&mut self, task: Task, models: &mut Models, wall_us: i64) {
        let Some(held) = models.wants_cpu(task) else { return };
        let (manifest, is_shipped) = (held.manifest.clone(), held.is_shipped);
        let bytes = match is_shipped {
            true => Ok(SHIPPED[task as usize].model.to_vec()),
            false => self.bytes(&manifest),
        };
        match bytes.and_then(|bytes| Loaded::of(&self.backend.on_cpu(), manifest, &bytes, is_shipped, wall_us)) {
            Ok(loaded) => {
                self.stuck[task as usize] = None;
                models.put(loaded);
            }
            Err(why) if self.stuck[task as usize].as_ref() != Some(&why) => {
                tracing::error!(model = task.name(), "cannot be loaded on the CPU: {why}");
                self.stuck[task as usize] = Some(why);
            }
            Err(_) => {}
        }
    }
}
