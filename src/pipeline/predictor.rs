//! The predictor, wired: a thread that takes the news of games from the board and tells the hub what follows.
//!
//! Nobody waits for it. What fails in it ends it, once, with a line in the log: scores go on.

use super::Inference;
use super::bulletins::Bulletins;
use crate::clock::Clock;
use crate::engine::Games;
use crate::fanout::hub::{Hub, Moved};
use crate::memory::Level;
use crate::model::prediction::Bulletin;
use crate::model::{GameId, GameStatus, IngestTime};
use crate::predict::board::{Board, News, Notice, Taken};
use crate::predict::expectation::Expectation;
use crate::predict::features::Features;
use crate::predict::historical::Tables;
use crate::predict::history::History;
use crate::predict::onnx::{Backend, RunError};
use crate::predict::predictor::{Effort, Knowledge, Models, Predictor};
use crate::predict::probabilities::Row;
use crate::predict::registry::{Registry, Task, Version};
use crate::server::{App, PredictorState};
use crate::telemetry::{PredictorMetrics, RegistryMetrics};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for news, after which figures are shown all the same.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often figures are shown, in microseconds.
const SHOW_US: i64 = 1_000_000;

/// Starts it. It ends when the board is closed.
pub(super) fn start(app: &Arc<App>, board: Arc<Board>, inference: Inference, bulletins: Bulletins) -> io::Result<()> {
    let app = app.clone();
    let thread = std::thread::Builder::new().name("predictor".into());
    thread.spawn(move || {
        let metrics = PredictorMetrics::new();
        let ran = catch_unwind(AssertUnwindSafe(|| run(&app, &board, &inference, &bulletins, &metrics)));
        metrics.running.set(0.0);
        if ran.is_err() {
            app.predictions.set_state(PredictorState::Stopped);
            tracing::error!("the predictor ended by a fault (above): no predictions until a restart, scores go on");
        }
    })?;
    Ok(())
}

fn run(app: &App, board: &Board, inference: &Inference, bulletins: &Bulletins, metrics: &PredictorMetrics) {
    let predict = &app.config.predict;
    let serving = inference.serving();
    let models = Timed {
        registry: Registry::open(Backend::clone(inference), predict.registry(), RegistryMetrics::new()),
        metrics,
    };
    let mut predictor = Predictor::new(models, knowledge(&predict.models_dir), predict.predictor());
    let shared = app.engine.games();
    let mut work = Work {
        app,
        metrics,
        shared,
        hub: &app.hub,
        bulletins,
        moved: Moved::default(),
    };
    work.step(&mut predictor, &over(shared), Effort::Whole);
    metrics.backend(serving.backend);
    metrics.running.set(1.0);
    app.predictions.set_state(PredictorState::Serving(serving.backend));
    let mut notices = Vec::new();
    let mut show_at_us = i64::MIN;
    loop {
        match board.take(&mut notices, PATIENCE) {
            Taken::Closed => return,
            // What is first to go where memory is short. The next news of a game finds it as it then is.
            Taken::News if app.hub.pressure().level() >= Level::Predictions => work.step(&mut predictor, &notices, Effort::JudgeAlone),
            Taken::News => work.step(&mut predictor, &notices, Effort::Whole),
            Taken::Nothing => {}
        }
        predictor.turn(app.clock.now());
        let now_us = app.clock.steady_us();
        if now_us >= show_at_us {
            show_at_us = now_us + SHOW_US;
            metrics.figures(predictor.tracker().tracked());
            app.predictions.set_models(report(&predictor, app, serving.backend));
        }
    }
}

/// What ships, and over it what is in the folder of the models.
fn knowledge(folder: &Path) -> Knowledge {
    let shipped = Knowledge::shipped();
    Knowledge {
        expectation: or_shipped(folder, "expectation.json", Expectation::load, shipped.expectation),
        history: or_shipped(folder, "history.json", History::load, shipped.history),
        tables: or_shipped(folder, "historical.json", Tables::load, shipped.tables),
    }
}

fn or_shipped<T>(folder: &Path, name: &str, load: impl FnOnce(&Path) -> io::Result<T>, shipped: T) -> T {
    let file = folder.join(name);
    match load(&file) {
        Ok(loaded) => loaded,
        Err(error) if error.kind() == io::ErrorKind::NotFound => shipped,
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "no use: what is inside the program is taken");
            shipped
        }
    }
}

/// Games that are over already, by kickoff: they are their teams' history.
fn over(shared: &Games) -> Vec<Notice> {
    let games = shared.games().into_iter().filter(|(_, view)| view.status == GameStatus::Final);
    let notice = |game: GameId| Notice {
        game,
        news: News::Found,
        ingest: IngestTime::default(),
        feed_ts: None,
    };
    games.map(|(head, _)| notice(head.game.clone())).collect()
}

/// What a step needs of everything else.
struct Work<'a> {
    app: &'a App,
    metrics: &'a PredictorMetrics,
    shared: &'a Games,
    hub: &'a Hub,
    bulletins: &'a Bulletins,
    moved: Moved,
}

impl Work<'_> {
    fn step<M: Models>(&mut self, predictor: &mut Predictor<M>, notices: &[Notice], effort: Effort) {
        let Work {
            app,
            metrics,
            shared,
            hub,
            bulletins,
            moved,
        } = self;
        let mut told = Vec::new();
        let mut publish = |bulletin: Bulletin| {
            let delay = metrics.delays.of(&bulletin);
            let ingest = match &bulletin {
                Bulletin::Prediction(prediction) => prediction.ingest,
                Bulletin::Outcome(outcome) => outcome.ingest,
            };
            // A game that is gone meanwhile is told of to nobody; what goes to other nodes too is timed as it comes back.
            let is_told = bulletins.post(bulletin, moved);
            // What was found at the start came in long ago.
            if let Some(delay) = delay.filter(|_| is_told && ingest != IngestTime::default()) {
                told.push((delay, ingest));
            }
        };
        predictor.step(notices, effort, app.clock.now(), &|game| shared.recap(game), &mut publish);
        hub.tell(moved);
        // From here on the shards know.
        let now_us = app.clock.wall_us();
        told.iter().for_each(|(delay, ingest)| delay.record(now_us - ingest.0));
        metrics.record(&predictor.take_counts());
    }
}

/// The registry, with an eye on the time it takes.
struct Timed<'a> {
    registry: Registry,
    metrics: &'a PredictorMetrics,
}

impl Models for Timed<'_> {
    fn arm(&self, task: Task, game: &GameId) -> Option<Arc<Version>> {
        self.registry.arm(task, game)
    }

    fn run(&mut self, version: &Arc<Version>, rows: &[Features], out: &mut Vec<Row>, now_us: i64) -> Result<(), RunError> {
        let begun_us = Clock.steady_us();
        let answered = self.registry.run(version, rows, out, now_us);
        self.metrics.inference.record(Clock.steady_us() - begun_us);
        answered
    }

    fn is_loaded(&self, task: Task, version: &str) -> bool {
        self.registry.is_loaded(task, version)
    }

    fn scored(&mut self, version: &Arc<Version>, log_loss: f64) {
        self.registry.scored(version, log_loss);
    }

    fn turn(&mut self, now_us: i64) {
        self.registry.turn(now_us);
    }
}

/// What `GET /v1/models` answers.
fn report(predictor: &Predictor<Timed<'_>>, app: &App, backend: &str) -> Vec<u8> {
    let figures = predictor.tracker().tracked().iter().map(|tracked| {
        serde_json::json!({
            "model": tracked.task.name(),
            "version": &*tracked.version,
            "figures": tracked.figures.means(),
            "kinds": tracked.kinds.as_ref().map(|kinds| kinds.means()),
        })
    });
    let picks = app.projections.picks();
    let picks = picks.iter().map(|horizon| {
        let pick = &horizon.pick;
        let errors = pick.errors();
        let error = |arm: usize| errors.map(|errors| errors[arm]);
        serde_json::json!({
            "horizon": horizon.name,
            "version": horizon.version,
            "answers": pick.leader().name(),
            "judged": pick.judged(),
            "error": {"model": error(0), "baseline": error(1)},
        })
    });
    let mut models = predictor.models().registry.list();
    models.extend(app.projections.models());
    let tonight = predictor.tonight(app.clock.now());
    let report = serde_json::json!({
        "backend": backend,
        "models": models,
        "figures": figures.collect::<Vec<_>>(),
        "points": picks.collect::<Vec<_>>(),
        "tonight": {"right": tonight.right, "calls": tonight.calls},
    });
    report.to_string().into_bytes()
}
