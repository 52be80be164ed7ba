//! Versions of models: which are loaded, which of a task's answers a game, which are taken out of service.
//!
//! ```text
//!  program, folder ──► loader (a thread) ──► news ──► Registry (the predictor's) ──► arm, run, scored, list
//!                      loads, warms up                 swaps between batches, in `turn`
//! ```
//! | module | owns | never |
//! |---|---|---|
//! | `task` | what models are asked; versions' numbers | – |
//! | [`manifest`](Manifest) | what a model's file is, and whether that makes sense | reads a file |
//! | `folder` | what is in the folder, whether it changed | what it means |
//! | `loader` | what is loaded, what is refused and why | which version answers |
//! | `shipped` | the models inside the program | – |
//! | `slot` | a loaded version: its features, its runs | which games it answers |
//! | `breaker` | when a version that fails is left alone | why it fails |
//! | `split`, `duel` | which games a challenger gets; when it has lost | – |
//! | `serve`, `info` | what may be set, what is told | – |
//!
//! What is loaded follows from the program, the folder and the settings alone, the same after a restart; only
//! versions that were taken out of service, or moved to the CPU, begin again. It keeps no outcomes but the last of
//! each arm of a comparison, and never decides whether a prediction is good enough to be shown. Bounds:
//! `predict.versions_max`, `predict.compare_outcomes`; the loader's and the manifest's own.
//! docs/decisions/021-model-registry.md says why so.

mod breaker;
mod duel;
pub(in crate::predict) mod folder;
mod info;
mod loader;
mod manifest;
mod serve;
mod shipped;
mod slot;
mod split;
mod task;

pub use info::{ModelInfo, ModelState, Role, Running};
pub use manifest::{Digest, MANIFEST_BYTES_MAX, Manifest, ManifestError};
pub use serve::{Arms, MODELS_DIR, RegistrySettings, Serve};
pub use shipped::{SHIPPED, Shipped};
pub use slot::Probabilities;
pub use task::{NoNumber, Number, Task};

pub(in crate::predict) use breaker::{Breaker, Turn};
pub(in crate::predict) use loader::LOOKS_MAX;
pub(in crate::predict) use manifest::Head;
pub(in crate::predict) use task::parts;

use crate::model::GameId;
use crate::predict::features::Features;
use crate::predict::onnx::{Backend, Device, RunError};
use crate::telemetry::RegistryMetrics;
use duel::{Duel, Side};
use loader::{Ends, Loader, News, Request};
use slot::Slot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A version of a model, as long as it is loaded: one that is loaded anew from a changed file is another `Arc`. Who
/// keeps what one answered compares with [`Arc::ptr_eq`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Version {
    /// What it answers.
    pub task: Task,
    /// Its name.
    pub name: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
}

/// The versions of all models. One thread's own, the predictor's.
pub struct Registry {
    settings: RegistrySettings,
    metrics: RegistryMetrics,
    /// What is loaded, `versions_max` at most.
    slots: Vec<Slot>,
    /// What of the folder is not taken, and why, by `NAME-VERSION`.
    refused: BTreeMap<String, String>,
    /// Who answers what, by the task's index.
    roles: [Roles; Task::ALL.len()],
    /// Features of a run, for the next one's room.
    batch: Vec<f32>,
    loader: Option<Ends>,
}

/// Who answers a task, by place among the slots.
#[derive(Default)]
struct Roles {
    champion: Option<usize>,
    challenger: Option<usize>,
    comparison: Option<Comparison>,
    /// The last complaint about the settings.
    complaint: Option<String>,
}

struct Comparison {
    champion: Arc<Version>,
    challenger: Arc<Version>,
    duel: Duel,
}

impl Comparison {
    fn is_of(&self, champion: &Arc<Version>, challenger: &Arc<Version>) -> bool {
        Arc::ptr_eq(&self.champion, champion) && Arc::ptr_eq(&self.challenger, challenger)
    }
}

impl Registry {
    /// Loads the shipped models and those of the folder, and waits for them for `load_wait` at most: what takes
    /// longer is taken in by [`Registry::turn`] when it is ready. What is refused is logged, counted and listed.
    pub fn open(backend: Backend, settings: RegistrySettings, metrics: RegistryMetrics) -> Registry {
        Registry::open_with(backend, settings, metrics, SHIPPED)
    }

    fn open_with(backend: Backend, settings: RegistrySettings, metrics: RegistryMetrics, shipped: &'static [Shipped]) -> Registry {
        let (every, load_wait) = (settings.reload, settings.load_wait);
        let loader = Loader::new(backend, &settings, shipped);
        let mut registry = Registry::new(settings, metrics);
        match loader.start(every) {
            Ok(ends) => {
                // Too late is no error: they come with a turn.
                let _ = ends.looked.recv_timeout(load_wait);
                registry.loader = Some(ends);
                registry.take_news();
            }
            Err(error) => tracing::error!(%error, "no thread for models: nothing is loaded, history answers"),
        }
        registry
    }

    fn new(settings: RegistrySettings, metrics: RegistryMetrics) -> Registry {
        Registry {
            settings,
            metrics,
            slots: Vec::new(),
            refused: BTreeMap::new(),
            roles: Default::default(),
            batch: Vec::new(),
            loader: None,
        }
    }

    /// Who is to answer a game: the challenger, where the game is in its share and it is fit, or the champion.
    /// Nothing where no version is loaded, or the one that is was cut off.
    pub fn arm(&self, task: Task, game: &GameId) -> Option<Arc<Version>> {
        let roles = &self.roles[task.index()];
        let fit = |place: Option<usize>| place.map(|place| &self.slots[place]).filter(|slot| slot.is_fit());
        let share = self.settings.serve.arms(task).share;
        let slot = fit(roles.challenger)
            .filter(|_| split::place(game) < share)
            .or_else(|| fit(roles.champion))?;
        Some(slot.version.clone())
    }

    /// Runs rows of all features, of which the version's own are picked: a row of probabilities for each, in the
    /// order of [`Task::classes`]. `now_us` is by the clock of [`Registry::turn`].
    ///
    /// # Errors
    /// No row has an answer then: the version is not loaded any more or cut off, or its backend failed, or gave what
    /// are no probabilities.
    pub fn run(&mut self, version: &Arc<Version>, rows: &[Features], out: &mut Vec<Probabilities>, now_us: i64) -> Result<(), RunError> {
        out.clear();
        let Some(slot) = self.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.version, version)) else {
            return Err(RunError::Failed("it is not loaded any more".into()));
        };
        let ran = slot.run(rows, &mut self.batch, out, now_us);
        if ran.result.is_err() {
            self.metrics.failed_runs.increment(1);
        }
        let device = slot.serving().device;
        match (ran.turn, &ran.result) {
            (Turn::CutOff, Err(error)) => {
                self.metrics.cut_offs.increment(1);
                tracing::warn!(model = slot.stem, %device, "the model fails again and again and is left alone for a while: {error}");
            }
            (Turn::Back, _) => tracing::info!(model = slot.stem, "the model answers again"),
            _ => {}
        }
        let request = match ran.turn {
            // Each time: the loader may have had no room, or the file may have been gone.
            Turn::CutOff | Turn::StillOff => Some(Request::OnCpu(slot.stem.clone())),
            Turn::Back => Some(Request::Stay(slot.stem.clone())),
            Turn::Same => None,
        };
        if let Some(request) = request.filter(|_| device != Device::Cpu) {
            self.ask(request);
        }
        if ran.turn != Turn::Same {
            self.show();
        }
        ran.result
    }

    /// Whether a version of that number is loaded.
    pub fn is_loaded(&self, task: Task, version: &str) -> bool {
        let is_it = |held: &Version| held.task == task && *held.version == *version;
        self.slots.iter().any(|slot| is_it(&slot.version))
    }

    /// Counts an outcome: the log loss, in nats, of what a version said. A challenger that has lost goes out of
    /// service until it is loaded anew.
    pub fn scored(&mut self, version: &Arc<Version>, log_loss: f64) {
        let Some(comparison) = &mut self.roles[version.task.index()].comparison else {
            return;
        };
        let side = match () {
            () if Arc::ptr_eq(&comparison.champion, version) => Side::Champion,
            () if Arc::ptr_eq(&comparison.challenger, version) => Side::Challenger,
            () => return,
        };
        let Some(lost) = comparison.duel.add(side, log_loss) else { return };
        let challenger = comparison.challenger.clone();
        tracing::warn!(
            task = version.task.name(),
            version = %challenger.version,
            log_loss = lost.challenger,
            champions_log_loss = lost.champion,
            outcomes = self.settings.compare_outcomes,
            "the challenger is worse than the champion, which has all games again"
        );
        self.metrics.returns.increment(1);
        if let Some(slot) = self.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.version, &challenger)) {
            slot.is_withdrawn = true;
        }
        self.assign();
    }

    /// Between batches: takes in what was loaded, and lets what was cut off be tried again. Never waits.
    pub fn turn(&mut self, now_us: i64) {
        self.take_news();
        let mut any = false;
        for slot in &mut self.slots {
            let was_fit = slot.is_fit();
            slot.turn(now_us);
            any |= slot.is_fit() != was_fit;
        }
        if any {
            self.show();
        }
    }

    /// Every version that is loaded or refused, by name and version.
    pub fn list(&self) -> Vec<ModelInfo> {
        let mut slots: Vec<(usize, &Slot)> = self.slots.iter().enumerate().collect();
        slots.sort_by_key(|(_, slot)| (slot.manifest.task, &slot.manifest.number));
        let loaded = slots.into_iter().map(|(place, slot)| slot.info(self.role(place)));
        let refused = self.refused.iter().map(ModelInfo::refused);
        loaded.chain(refused).collect()
    }

    fn role(&self, place: usize) -> Role {
        let roles = &self.roles[self.slots[place].manifest.task.index()];
        match Some(place) {
            place if place == roles.champion => Role::Champion,
            place if place == roles.challenger => Role::Challenger,
            _ => Role::Spare,
        }
    }

    fn take_news(&mut self) {
        let Some(ends) = &self.loader else { return };
        let news: Vec<News> = ends.news.try_iter().collect();
        if news.is_empty() {
            if ends.news.is_disconnected() {
                tracing::error!("the thread that loads models ended; what is loaded stays");
                self.loader = None;
            }
            return;
        }
        for one in news {
            self.take(one);
        }
        self.assign();
    }

    fn take(&mut self, news: News) {
        match news {
            News::Loaded(loaded) => {
                self.metrics.loaded.increment(1);
                self.refused.remove(&loaded.stem);
                let (serving, file) = (loaded.model.serving(), &loaded.manifest.file);
                tracing::info!(model = loaded.stem, file, backend = serving.backend, device = %serving.device, "model loaded");
                let breaker = Breaker::new(self.settings.breaker_failures, self.settings.breaker_rest_us);
                let slot = Slot::new(*loaded, breaker);
                match self.slots.iter_mut().find(|held| held.stem == slot.stem) {
                    Some(held) => {
                        let model = slot.replace(held);
                        self.ask(Request::Drop(Box::new(model)));
                    }
                    None => self.slots.push(slot),
                }
            }
            News::Refused { stem, why } => {
                self.metrics.refused.increment(1);
                tracing::error!(model = stem, "model refused: {why}");
                self.refused.insert(stem, why);
            }
            News::Settled { stem } => drop(self.refused.remove(&stem)),
            News::Gone { stem } => {
                if let Some(place) = self.slots.iter().position(|slot| slot.stem == stem) {
                    self.metrics.gone.increment(1);
                    tracing::info!(model = stem, "model gone from the folder, and let go of");
                    self.slots.swap_remove(place);
                }
            }
        }
    }

    /// Asks the loader, which may be busy for long: what finds no room is left.
    fn ask(&self, request: Request) {
        if let Some(ends) = &self.loader {
            // A model is then dropped here; a device that fails is asked for again when it fails again.
            let _ = ends.requests.try_send(request);
        }
    }

    /// Who answers what, from what is loaded and set.
    fn assign(&mut self) {
        for task in Task::ALL {
            let arms = self.settings.serve.arms(task);
            let of_task = || self.slots.iter().enumerate().filter(|(_, slot)| slot.manifest.task == task);
            let numbered = |number: &Number| of_task().find(|(_, slot)| slot.manifest.number == *number).map(|(place, _)| place);
            let champion = match &arms.champion {
                Some(number) => numbered(number),
                None => of_task()
                    .filter(|(_, slot)| Some(&slot.manifest.number) != arms.challenger.as_ref())
                    .max_by_key(|(_, slot)| &slot.manifest.number)
                    .map(|(place, _)| place),
            };
            let named = arms.challenger.as_ref().and_then(numbered);
            let challenger = named.filter(|&place| !self.slots[place].is_withdrawn);
            let missing = match (&arms.champion, &arms.challenger) {
                (Some(number), _) if champion.is_none() => Some(format!("champion {number} is not loaded: history answers")),
                (_, Some(number)) if named.is_none() => Some(format!("challenger {number} is not loaded: the champion has its games")),
                _ => None,
            };
            let version = |place: Option<usize>| place.map(|place| &self.slots[place].version);
            let both = version(champion).zip(version(challenger));
            let roles = &mut self.roles[task.index()];
            let kept = roles.comparison.take();
            roles.comparison = both.map(|(champion, challenger)| {
                kept.filter(|kept| kept.is_of(champion, challenger)).unwrap_or_else(|| Comparison {
                    champion: champion.clone(),
                    challenger: challenger.clone(),
                    duel: Duel::new(self.settings.compare_outcomes, self.settings.compare_margin),
                })
            });
            (roles.champion, roles.challenger) = (champion, challenger);
            if let Some(missing) = missing.as_ref().filter(|_| roles.complaint != missing) {
                tracing::warn!("predict.serve.{}: {missing}", task.name());
            }
            roles.complaint = missing;
        }
        self.show();
    }

    /// Counts the versions by state, for the metrics.
    fn show(&self) {
        let count = |state| self.slots.iter().filter(|slot| slot.state() == state).count();
        self.metrics.show(
            count(ModelState::Serving),
            count(ModelState::Resting),
            count(ModelState::Withdrawn),
            self.refused.len(),
        );
    }
}

#[cfg(test)]
mod tests;
