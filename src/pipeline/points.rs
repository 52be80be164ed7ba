//! The thread that forecasts players' points: it looks at games that moved, every `predict.points_every_ms`.
//!
//! It reads games as any reader does, and posts what follows: nobody waits for it, and where it ends scores and
//! predictions of plays go on. Models are loaded, and the table of earlier games is read, when there is the
//! first game to forecast.

use super::Inference;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::Shared;
use crate::fanout::hub::{Hub, Moved};
use crate::memory::Level;
use crate::model::{Bulletin, FeedTime, GameId, IngestTime, Seq, TopicName};
use crate::predict::points::file;
use crate::predict::points::forecaster::{Cause, Counts, Forecaster, Settings};
use crate::predict::points::models::Models;
use crate::predict::points::past::Past;
use crate::predict::points::projections::Projections;
use crate::predict::points::rules::Rules;
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
pub(super) fn start(app: &Arc<App>, inference: Inference) -> io::Result<Option<Sender<()>>> {
    // There with or without it: a metric that is missing looks like one that is broken.
    let metrics = PointsMetrics::new();
    if !app.config.predict.enabled || app.config.predict.points_every_ms == 0 {
        return Ok(None);
    }
    let (stop, stopped) = flume::bounded(1);
    let mut watcher = Watcher {
        shared: app.engine.shared().clone(),
        hub: app.hub.clone(),
        seen: HashMap::new(),
        forecaster: None,
        metrics,
        counted: Counts::default(),
        failed_runs: 0,
    };
    let (app, every) = (app.clone(), Duration::from_millis(app.config.predict.points_every_ms));
    std::thread::Builder::new().name("points".into()).spawn(move || {
        watcher.metrics.running.set(1.0);
        let _running = Running(watcher.metrics.running.clone());
        while wait(&stopped, every) {
            // Predictions are the first thing that memory is not spent on.
            if app.hub.pressure().level() < Level::Predictions {
                watcher.look(|| open(&app, &inference));
            }
        }
    })?;
    Ok(Some(stop))
}

/// Waits. False where it is to end.
fn wait(stopped: &Receiver<()>, every: Duration) -> bool {
    matches!(stopped.recv_timeout(every), Err(RecvTimeoutError::Timeout))
}

/// Says that the thread has ended, by a panic too.
struct Running(metrics::Gauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(0.0);
        if std::thread::panicking() {
            tracing::error!("nobody forecasts players' points any more: a defect; scores go on");
        }
    }
}

/// Loads what forecasts are made from.
fn open(app: &App, inference: &Inference) -> Forecaster {
    let config = &app.config;
    let mut past = Past::new(config.predict.players_max);
    if let Some(path) = &config.predict.history {
        let read = file::read(path, |when, sides| past.take(when, sides));
        let (players, left_out) = (past.len(), past.left_out());
        match read {
            Ok(games) => tracing::info!(file = %path.display(), games, players, left_out, "earlier games of players"),
            Err(error) => tracing::error!(file = %path.display(), players, "predict.history is read no further: {error}"),
        }
    }
    let rules = Rules::of(app.rulesets.by_index(app.default_ruleset));
    let settings = Settings {
        games_max: config.engine.games_max,
    };
    let models = Models::open(inference, &config.predict.models_dir);
    Forecaster::new(rules, models, past, app.projections.clone(), settings)
}

/// What looks at games.
struct Watcher {
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    /// The `seq` of each game's topic when it was last looked at.
    seen: HashMap<GameId, Seq>,
    forecaster: Option<Forecaster>,
    metrics: PointsMetrics,
    /// What the metrics have counted already.
    counted: Counts,
    failed_runs: u64,
}

impl Watcher {
    fn look(&mut self, open: impl FnOnce() -> Forecaster) {
        let games: Vec<GameId> = self.shared.games().into_iter().map(|(head, _)| head.game.clone()).collect();
        if games.is_empty() && self.seen.is_empty() {
            return;
        }
        let forecaster = self.forecaster.get_or_insert_with(open);
        let mut moved = Moved::default();
        for game in &games {
            let Some((seq, feed_ts, ingest)) = latest(&self.hub, game) else {
                continue;
            };
            if self.seen.insert(game.clone(), seq) == Some(seq) {
                continue;
            }
            let Some(lineup) = self.shared.lineup(game) else { continue };
            let now = Clock.now();
            if let Some(prediction) = forecaster.game(&lineup, Cause { feed_ts, ingest, now }) {
                // A game that was let go of meanwhile has nobody to tell.
                self.hub.predict(Bulletin::Prediction(Arc::new(prediction)), &mut moved);
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
        let (now, failed_runs, players) = (forecaster.counts(), forecaster.failed_runs(), forecaster.past().len());
        self.count(now, failed_runs, players);
    }

    fn count(&mut self, now: Counts, failed_runs: u64, players: usize) {
        let before = std::mem::replace(&mut self.counted, now);
        let metrics = &self.metrics;
        metrics.by_baseline.increment(now.plain - before.plain);
        metrics.by_model.increment((now.told - now.plain) - (before.told - before.plain));
        metrics
            .left_out
            .increment((now.crowded + now.left_out) - (before.crowded + before.left_out));
        metrics.failed_runs.increment(failed_runs - self.failed_runs);
        self.failed_runs = failed_runs;
        metrics.players.set(players as f64);
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
