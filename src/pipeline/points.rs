//! The thread that forecasts players' points: it looks at games that moved, every `predict.points_every_ms`.
//!
//! It reads games as any reader does, and posts what follows: nobody waits for it, and where it ends scores and
//! predictions of plays go on. It looks for other versions of its models every `predict.reload_s`, and reads the
//! table of earlier games when there is the first game to forecast.

use super::Inference;
use super::bulletins::Bulletins;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::engine::Games;
use crate::fanout::hub::{Hub, Moved};
use crate::memory::Level;
use crate::model::{Bulletin, FeedTime, GameId, IngestTime, Seq, TopicName};
use crate::predict::onnx::Backend;
use crate::predict::points::file;
use crate::predict::points::forecaster::{Cause, Counts, Forecaster, Settings};
use crate::predict::points::models::{ModelCounts, Models};
use crate::predict::points::past::Past;
use crate::predict::points::projections::Projections;
use crate::predict::points::rules::Rules;
use crate::predict::points::versions::Versions;
use crate::predict::registry::ModelState;
use crate::priority::step_back;
use crate::server::App;
use crate::telemetry::PointsMetrics;
use flume::{Receiver, RecvTimeoutError, Sender};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Players whose seasons are computed in one run of the model.
const SEASONS_AT_ONCE: usize = 256;

/// Where nothing has been computed yet.
pub(super) fn table(config: &Config) -> Projections {
    Projections::new(config.scoring.default_ruleset.as_str().into(), config.predict.players_max)
}

/// Starts it, where points are to be forecast. It ends when what is returned is dropped.
pub(super) fn start(app: &Arc<App>, inference: Inference, bulletins: Bulletins) -> io::Result<Option<Sender<()>>> {
    // There with or without it: a metric that is missing looks like one that is broken.
    let metrics = PointsMetrics::new();
    let predict = &app.config.predict;
    // Edges run no models: what they are asked for goes up to engines.
    if !predict.enabled || predict.points_every_ms == 0 || app.config.cluster.role == config::Role::Edge {
        return Ok(None);
    }
    let (stop, stopped) = flume::bounded(1);
    let app = app.clone();
    std::thread::Builder::new().name("points".into()).spawn(move || {
        metrics.running.set(1.0);
        let _running = Running {
            gauge: metrics.running.clone(),
            table: app.projections.clone(),
        };
        step_back();
        run(&app, &inference, bulletins, metrics, &stopped);
    })?;
    Ok(Some(stop))
}

fn run(app: &App, inference: &Inference, bulletins: Bulletins, metrics: PointsMetrics, stopped: &Receiver<()>) {
    let predict = &app.config.predict;
    let mut watcher = Watcher::new(app, bulletins, metrics, Backend::clone(inference));
    let mut looks = Every::new(Duration::from_millis(predict.points_every_ms));
    let mut reloads = Every::new(predict.registry().reload);
    while wait(stopped, looks.due_us.min(reloads.due_us)) {
        let (is_reload_due, is_look_due) = (reloads.is_due(), looks.is_due());
        // Predictions are the first thing that memory is not spent on. What is skipped comes with the next turn.
        if app.hub.pressure().level() >= Level::Predictions {
            continue;
        }
        if is_reload_due {
            watcher.reload();
        }
        if is_look_due {
            watcher.look(|| history(&app.config));
        }
    }
}

/// Something that is to be done again and again.
struct Every {
    step_us: i64,
    /// When next, by the steady clock.
    due_us: i64,
}

impl Every {
    fn new(step: Duration) -> Every {
        let step_us = i64::try_from(step.as_micros()).unwrap_or(i64::MAX);
        Every {
            step_us,
            due_us: Clock.steady_us().saturating_add(step_us),
        }
    }

    /// Whether its time has come; then the next one is a step from now.
    fn is_due(&mut self) -> bool {
        let now_us = Clock.steady_us();
        let is_due = now_us >= self.due_us;
        if is_due {
            self.due_us = now_us.saturating_add(self.step_us);
        }
        is_due
    }
}

/// Waits until then. False where it is to end.
fn wait(stopped: &Receiver<()>, until_us: i64) -> bool {
    let wait_us = until_us.saturating_sub(Clock.steady_us()).max(0);
    matches!(
        stopped.recv_timeout(Duration::from_micros(wait_us.unsigned_abs())),
        Err(RecvTimeoutError::Timeout)
    )
}

/// Says that the thread has ended, by a panic too, and that its models serve no more.
struct Running {
    gauge: metrics::Gauge,
    table: Arc<Projections>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.gauge.set(0.0);
        self.table.set_models(Vec::new());
        if std::thread::panicking() {
            tracing::error!("nobody forecasts players' points any more: a defect; scores go on");
        }
    }
}

/// Players' earlier games, from the table that the settings name.
fn history(config: &Config) -> Past {
    let mut past = Past::new(config.predict.players_max);
    let Some(path) = &config.predict.history else { return past };
    let read = file::read(path, |when, sides| drop(past.take(when, sides)));
    let (players, left_out) = (past.len(), past.left_out());
    match read {
        Ok(games) => tracing::info!(file = %path.display(), games, players, left_out, "earlier games of players"),
        Err(error) => tracing::error!(file = %path.display(), players, "predict.history is read no further: {error}"),
    }
    past
}

/// What looks at games.
struct Watcher {
    shared: Games,
    hub: Arc<Hub>,
    bulletins: Bulletins,
    /// The `seq` of each game's topic when it was last looked at; nothing where it is to be looked at anew.
    seen: HashMap<GameId, Option<Seq>>,
    forecaster: Forecaster,
    /// Whether the table of earlier games was read.
    has_history: bool,
    versions: Versions,
    metrics: PointsMetrics,
    /// What the metrics have counted already.
    counted: (Counts, ModelCounts),
}

impl Watcher {
    fn new(app: &App, bulletins: Bulletins, metrics: PointsMetrics, backend: Backend) -> Watcher {
        let config = &app.config;
        let (rules, settings) = (
            Rules::of(app.rulesets.by_index(app.default_ruleset)),
            Settings {
                games_max: config.engine.games_max,
            },
        );
        let registry = config.predict.registry();
        let models = Models::new(registry.breaker_failures, registry.breaker_rest_us);
        let past = Past::new(config.predict.players_max);
        let mut watcher = Watcher {
            shared: app.engine.games().clone(),
            hub: app.hub.clone(),
            bulletins,
            seen: HashMap::new(),
            forecaster: Forecaster::new(rules, models, past, app.projections.clone(), settings),
            has_history: false,
            versions: Versions::new(backend, registry.models_dir),
            metrics,
            counted: Default::default(),
        };
        watcher.reload();
        watcher
    }

    /// Looks for other versions of the models. A new one is asked about all games.
    fn reload(&mut self) {
        if self.forecaster.look_for_models(&mut self.versions, Clock.now()) {
            self.seen.values_mut().for_each(|seq| *seq = None);
        }
        self.count();
    }

    fn look(&mut self, history: impl FnOnce() -> Past) {
        let games: Vec<GameId> = self.shared.games().into_iter().map(|(head, _)| head.game.clone()).collect();
        if games.is_empty() && self.seen.is_empty() {
            return;
        }
        let forecaster = &mut self.forecaster;
        if !std::mem::replace(&mut self.has_history, true) {
            forecaster.know(history());
        }
        let mut moved = Moved::default();
        for game in &games {
            let Some((seq, feed_ts, ingest)) = latest(&self.hub, game) else {
                continue;
            };
            if self.seen.insert(game.clone(), Some(seq)) == Some(Some(seq)) {
                continue;
            }
            let Some(lines) = self.shared.lines(game) else { continue };
            let now = Clock.now();
            if let Some(prediction) = forecaster.game(&lines, Cause { feed_ts, ingest, now }) {
                // A game that was let go of meanwhile has nobody to tell.
                self.bulletins.post(Bulletin::Prediction(Arc::new(prediction)), &mut moved);
            }
            self.hub.tell(&mut moved);
        }
        if self.seen.len() > games.len() {
            let gone: Vec<GameId> = self.seen.keys().filter(|game| !games.contains(game)).cloned().collect();
            for game in gone {
                self.seen.remove(&game);
                forecaster.gone(&game);
            }
        }
        while forecaster.seasons(Clock.now(), SEASONS_AT_ONCE) {}
        forecaster.show_models();
        self.count();
    }

    fn count(&mut self) {
        let (now, models) = (self.forecaster.counts(), self.forecaster.model_counts());
        let (before, models_before) = std::mem::replace(&mut self.counted, (now, models));
        let metrics = &self.metrics;
        metrics.by_baseline.increment(now.plain - before.plain);
        metrics.by_model.increment((now.told - now.plain) - (before.told - before.plain));
        metrics
            .left_out
            .increment((now.crowded + now.left_out) - (before.crowded + before.left_out));
        metrics.players.set(self.forecaster.past().len() as f64);
        let of_models = &metrics.models;
        of_models.loaded.increment(models.loaded - models_before.loaded);
        of_models.refused.increment(models.refused - models_before.refused);
        of_models.gone.increment(models.gone - models_before.gone);
        of_models.failed_runs.increment(models.failed_runs - models_before.failed_runs);
        of_models.cut_offs.increment(models.cut_offs - models_before.cut_offs);
        let list = self.forecaster.models();
        let count = |state| list.iter().filter(|model| model.state == state).count();
        of_models.show(
            count(ModelState::Serving),
            count(ModelState::Resting),
            count(ModelState::Withdrawn),
            count(ModelState::Refused),
        );
    }
}

/// Where a game's topic stands, and what moved it last.
fn latest(hub: &Hub, game: &GameId) -> Option<(Seq, Option<FeedTime>, IngestTime)> {
    let topic = hub.get(&TopicName::Game(game.clone()))?;
    topic.read(|history| {
        let last = history.last();
        let change = last.as_ref().map(|entry| &entry.change);
        let ingest = change.map_or_else(IngestTime::default, |change| change.ingest);
        Some((history.head, change.and_then(|change| change.feed_ts), ingest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::registry::{ModelInfo, Role};

    #[test]
    fn when_the_thread_ends_its_models_serve_no_more() {
        let table = Arc::new(table(&Config::default()));
        let running = Running {
            gauge: metrics::Gauge::noop(),
            table: table.clone(),
        };
        table.set_models(vec![ModelInfo {
            name: "points".into(),
            version: "1".into(),
            role: Role::Champion,
            state: ModelState::Serving,
            why: None,
            running: None,
        }]);
        drop(running);
        assert!(table.models().is_empty());
    }
}
