//! Loads what is in the program and in the folder, on a thread of its own: building an engine may take minutes.
//!
//! A look at the folder finds what is new, changed or gone. A version is handed over loaded and warmed up, or
//! refused; what it was before stays until then. A file that is not the one its manifest names is taken for one
//! that is still being copied, and refused only when it stays so for [`LOOKS_MAX`] looks. Bounds:
//! `predict.versions_max` loaded, [`folder::MANIFESTS_MAX`] looked at, [`NEWS_MAX`] waiting.

use super::folder::{self, Stamp};
use super::manifest::{MANIFEST_BYTES_MAX, Manifest, ManifestError};
use super::serve::{MODELS_DIR, RegistrySettings};
use super::shipped::Shipped;
use super::slot::answers_probabilities;
use crate::clock::Clock;
use crate::predict::onnx::{Backend, MODEL_BYTES_MAX, Model, Signature};
use crate::priority::step_back;
use flume::{Receiver, RecvTimeoutError, Sender};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Looks in which something must be so before it is believed: a file that is cut short, and one that is gone.
pub(in crate::predict) const LOOKS_MAX: u32 = 3;

/// Most news that wait to be taken in: more than a look can have.
const NEWS_MAX: usize = 4 * folder::MANIFESTS_MAX;
/// Most requests that wait to be served: a few for each version.
const REQUESTS_MAX: usize = 64;

/// What became of a version, by `NAME-VERSION`.
pub(super) enum News {
    /// It may serve, instead of what was loaded under its name.
    Loaded(Box<Loaded>),
    /// What is in the folder is not taken. What was loaded stays.
    Refused { stem: String, why: String },
    /// Nothing is wrong with what is in the folder, or nothing is there any more.
    Settled { stem: String },
    /// What was loaded is to go.
    Gone { stem: String },
}

/// A version that is ready to run.
pub(super) struct Loaded {
    pub(super) stem: String,
    pub(super) manifest: Manifest,
    pub(super) model: Model,
    pub(super) loaded_us: i64,
}

/// What the loader is asked for.
pub(super) enum Request {
    /// Load it anew on the CPU: its device fails.
    OnCpu(String),
    /// Its device answers again.
    Stay(String),
    /// End a model, which takes time.
    Drop(Box<Model>),
}

/// The other ends of a running loader.
pub(super) struct Ends {
    pub(super) news: Receiver<News>,
    pub(super) requests: Sender<Request>,
    /// A word once the first look is over.
    pub(super) looked: Receiver<()>,
}

pub(super) struct Loader {
    backend: Backend,
    folder: PathBuf,
    shipped: &'static [Shipped],
    versions_max: usize,
    /// What the folder had.
    entries: BTreeMap<String, Entry>,
    /// What is loaded.
    held: BTreeMap<String, Held>,
    /// What was said of the folder last.
    complaint: Option<String>,
}

#[derive(Default)]
struct Entry {
    /// As it was at the last look.
    seen: Option<(Result<Manifest, Trouble>, Option<Stamp>)>,
    /// Looks that did not find it.
    absent: u32,
    /// Looks that found it incomplete, and why.
    incomplete: Option<(u32, String)>,
}

struct Held {
    manifest: Manifest,
    /// Its bytes, where they are in the program.
    shipped: Option<&'static [u8]>,
    on_cpu: OnCpu,
}

/// What became of a wish to have a version on the CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OnCpu {
    NotAsked,
    Moved,
    /// It could not be loaded there, which was told.
    Failed,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Trouble {
    /// It may be being copied.
    Incomplete(String),
    Refused(String),
}

impl Loader {
    pub(super) fn new(backend: Backend, settings: &RegistrySettings, shipped: &'static [Shipped]) -> Loader {
        Loader {
            backend,
            folder: settings.models_dir.clone(),
            shipped,
            versions_max: settings.versions_max,
            entries: BTreeMap::new(),
            held: BTreeMap::new(),
            complaint: None,
        }
    }

    /// Runs until the other ends are dropped.
    pub(super) fn start(mut self, every: Duration) -> io::Result<Ends> {
        let (news, told) = flume::bounded(NEWS_MAX);
        let (asking, requests) = flume::bounded(REQUESTS_MAX);
        let (first, looked) = flume::bounded(1);
        std::thread::Builder::new().name("models".into()).spawn(move || {
            // Nobody left to tell is found below.
            let mut tell = |one| drop(news.send(one));
            self.take_shipped(&mut tell);
            self.look(&mut tell);
            // Who waits for it may have left.
            let _ = first.try_send(());
            step_back();
            let mut looked_us = Clock.steady_us();
            loop {
                // However many requests come in between: what is believed after some looks has been so for that long.
                let since = Duration::from_micros((Clock.steady_us() - looked_us).unsigned_abs());
                match requests.recv_timeout(every.saturating_sub(since)) {
                    Ok(request) => self.serve(request, &mut tell),
                    Err(RecvTimeoutError::Timeout) => {
                        self.look(&mut tell);
                        looked_us = Clock.steady_us();
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Ends {
            news: told,
            requests: asking,
            looked,
        })
    }

    /// Loads what is in the program.
    pub(super) fn take_shipped(&mut self, tell: &mut impl FnMut(News)) {
        for shipped in self.shipped {
            self.take_one_shipped(shipped, tell);
        }
    }

    fn take_one_shipped(&mut self, shipped: &Shipped, tell: &mut impl FnMut(News)) {
        let stem = shipped.stem.to_owned();
        let loaded = Manifest::parse(&stem, shipped.manifest)
            .map_err(|error| error.to_string())
            .and_then(|manifest| load(&stem, manifest, shipped.model, &self.backend));
        match loaded {
            Ok(loaded) => {
                let held = Held {
                    manifest: loaded.manifest.clone(),
                    shipped: Some(shipped.model),
                    on_cpu: OnCpu::NotAsked,
                };
                self.held.insert(stem, held);
                tell(News::Loaded(loaded));
            }
            Err(why) => {
                tell(News::Gone { stem: stem.clone() });
                tell(News::Refused { stem, why });
            }
        }
    }

    /// Looks at the folder. One that cannot be read changes nothing.
    pub(super) fn look(&mut self, tell: &mut impl FnMut(News)) {
        let stems = match folder::stems(&self.folder) {
            Ok(stems) => stems,
            Err(error) => {
                self.complain(&error);
                return;
            }
        };
        self.complaint = None;
        self.forget(&stems, tell);
        for stem in &stems {
            self.settle(stem, tell);
        }
    }

    fn complain(&mut self, error: &io::Error) {
        // The default one need not be there; one that somebody names must.
        if error.kind() == io::ErrorKind::NotFound && self.folder.as_os_str() == MODELS_DIR && self.entries.is_empty() {
            return;
        }
        let complaint = format!("predict.models_dir {}: {error}; what is loaded stays", self.folder.display());
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!("{complaint}");
            self.complaint = Some(complaint);
        }
    }

    /// Takes in what is new or changed.
    fn settle(&mut self, stem: &str, tell: &mut impl FnMut(News)) {
        let manifest = self.manifest(stem);
        let model = manifest
            .as_ref()
            .ok()
            .and_then(|manifest| folder::stamp(&self.folder.join(&manifest.file)));
        let seen = Some((manifest.clone(), model));
        let entry = self.entries.entry(stem.to_owned()).or_default();
        entry.absent = 0;
        if entry.seen == seen {
            if let Some((looks, why)) = &mut entry.incomplete {
                *looks = looks.saturating_add(1);
                if *looks == LOOKS_MAX {
                    let (stem, why) = (stem.to_owned(), why.clone());
                    tell(News::Refused { stem, why });
                }
            }
            return;
        }
        entry.seen = seen;
        entry.incomplete = None;
        let stem = stem.to_owned();
        match manifest.and_then(|manifest| self.take_in(&stem, manifest)) {
            Ok(Some(loaded)) => tell(News::Loaded(loaded)),
            Ok(None) => tell(News::Settled { stem }),
            Err(Trouble::Refused(why)) => tell(News::Refused { stem, why }),
            Err(Trouble::Incomplete(why)) => self.entries.entry(stem).or_default().incomplete = Some((1, why)),
        }
    }

    fn manifest(&self, stem: &str) -> Result<Manifest, Trouble> {
        let file = format!("{stem}.json");
        let bytes =
            folder::read(&self.folder.join(&file), MANIFEST_BYTES_MAX).map_err(|error| Trouble::Incomplete(format!("{file}: {error}")))?;
        Manifest::parse(stem, &bytes).map_err(|error| {
            let why = format!("its manifest {error}");
            match error {
                ManifestError::NoManifest(_) => Trouble::Incomplete(why),
                _ => Trouble::Refused(why),
            }
        })
    }

    /// Loads a version from the folder; nothing where just that is loaded.
    fn take_in(&mut self, stem: &str, manifest: Manifest) -> Result<Option<Box<Loaded>>, Trouble> {
        let bytes = self.bytes(&manifest)?;
        let held = self.held.get(stem);
        if held.is_some_and(|held| held.manifest == manifest) {
            return Ok(None);
        }
        if held.is_none() && self.held.len() >= self.versions_max {
            let why = format!(
                "as many as predict.versions_max, {}, are loaded; raise it, or remove one",
                self.versions_max
            );
            return Err(Trouble::Refused(why));
        }
        let loaded = load(stem, manifest.clone(), &bytes, &self.backend).map_err(Trouble::Refused)?;
        let held = Held {
            manifest,
            shipped: None,
            on_cpu: OnCpu::NotAsked,
        };
        self.held.insert(stem.to_owned(), held);
        Ok(Some(loaded))
    }

    /// The bytes of the model that a manifest of the folder names.
    fn bytes(&self, manifest: &Manifest) -> Result<Vec<u8>, Trouble> {
        let file = &manifest.file;
        let bytes =
            folder::read(&self.folder.join(file), MODEL_BYTES_MAX).map_err(|error| Trouble::Incomplete(format!("{file}: {error}")))?;
        if bytes.len() > MODEL_BYTES_MAX {
            return Err(Trouble::Refused(format!("{file} has more than {MODEL_BYTES_MAX} bytes")));
        }
        if folder::sha256(&bytes) != manifest.sha256 {
            let why = format!("{file} is not the file that its manifest names (another SHA-256); copy both anew");
            return Err(Trouble::Incomplete(why));
        }
        Ok(bytes)
    }

    /// Lets go of what is gone for good: a folder that is being replaced is empty for a moment.
    fn forget(&mut self, stems: &BTreeSet<String>, tell: &mut impl FnMut(News)) {
        let mut gone = Vec::new();
        for (stem, entry) in &mut self.entries {
            if !stems.contains(stem) {
                entry.absent += 1;
                if entry.absent == LOOKS_MAX {
                    gone.push(stem.clone());
                }
            }
        }
        for stem in gone {
            self.entries.remove(&stem);
            tell(News::Settled { stem: stem.clone() });
            if self.held.get(&stem).is_none_or(|held| held.shipped.is_some()) {
                continue;
            }
            self.held.remove(&stem);
            // There is room for what found none.
            for (stem, entry) in &mut self.entries {
                if !self.held.contains_key(stem) {
                    entry.seen = None;
                }
            }
            match self.shipped.iter().find(|shipped| shipped.stem == stem) {
                Some(shipped) => self.take_one_shipped(shipped, tell),
                None => tell(News::Gone { stem }),
            }
        }
    }

    pub(super) fn serve(&mut self, request: Request, tell: &mut impl FnMut(News)) {
        match request {
            Request::OnCpu(stem) => self.move_to_cpu(stem, tell),
            Request::Stay(stem) => self.stay(stem, tell),
            Request::Drop(model) => drop(model),
        }
    }

    /// Whoever asks does so again while its device fails: told once where it cannot be.
    fn move_to_cpu(&mut self, stem: String, tell: &mut impl FnMut(News)) {
        // It may have gone meanwhile, or be there by now.
        let Some(held) = self.held.get(&stem).filter(|held| held.on_cpu != OnCpu::Moved) else {
            return;
        };
        let before = held.on_cpu;
        let bytes = match held.shipped {
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.bytes(&held.manifest),
        };
        let loaded = bytes
            .map_err(|(Trouble::Incomplete(why) | Trouble::Refused(why))| why)
            .and_then(|bytes| load(&stem, held.manifest.clone(), &bytes, &self.backend.on_cpu()));
        let (now, news) = match loaded {
            Ok(loaded) => (OnCpu::Moved, Some(News::Loaded(loaded))),
            Err(why) => {
                let why = format!("its device fails, and on the CPU it cannot be loaded: {why}");
                let refused = News::Refused { stem: stem.clone(), why };
                (OnCpu::Failed, (before != OnCpu::Failed).then_some(refused))
            }
        };
        if let Some(held) = self.held.get_mut(&stem) {
            held.on_cpu = now;
        }
        news.into_iter().for_each(tell);
    }

    /// That the CPU cannot have it does not matter any more. What else is wrong in the folder the next look tells anew.
    fn stay(&mut self, stem: String, tell: &mut impl FnMut(News)) {
        let Some(held) = self.held.get_mut(&stem).filter(|held| held.on_cpu == OnCpu::Failed) else {
            return;
        };
        held.on_cpu = OnCpu::NotAsked;
        if let Some(entry) = self.entries.get_mut(&stem) {
            entry.seen = None;
        }
        tell(News::Settled { stem });
    }
}

fn load(stem: &str, manifest: Manifest, bytes: &[u8], backend: &Backend) -> Result<Box<Loaded>, String> {
    let signature = Signature::new(manifest.columns.len(), &[(&manifest.output, manifest.task.classes().len())]);
    let mut model = backend
        .load(stem, bytes, &signature)
        .map_err(|error| format!("it {}", error.refusal))?;
    let answers = model.run(&vec![0.0; manifest.columns.len()]).map_err(|error| error.to_string())?;
    if !answers_probabilities(answers.row(0, 0)) {
        return Err(format!(
            "\"{}\" of zeros are no probabilities; export it with them",
            manifest.output
        ));
    }
    Ok(Box::new(Loaded {
        stem: stem.to_owned(),
        loaded_us: Clock.wall_us(),
        manifest,
        model,
    }))
}
