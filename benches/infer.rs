//! What predicting takes on one thread, by backend: a model's run by batch, with rows a second and how long loading
//! took; then a whole step of the predictor for 32 games that have news at once (the plays before judged, features
//! of some 80 plays a game, every model that is asked, the gate). Each as median and 99th percentile in µs, by the wall's clock
//! and by the thread's, which leaves out that others had the core.
//!
//! `cargo bench --bench infer` takes every `*.onnx` of `config/models`, or of the folder that `SCOREWIRE_MODELS`
//! names. ONNX Runtime takes part where its library is found: `ORT_DYLIB_PATH=$(deploy/fetch-onnxruntime)`.
//! `SCOREWIRE__PREDICT__DEVICE` and the like choose a device. Percentiles are what a promise is about, so each
//! run is timed by itself, its clocks' half a microsecond included.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use rustix::time::{ClockId, clock_gettime};
use scorewire::config::{Config, Predict};
use scorewire::model::{
    Clock, GameHead, GameId, GameStatus, IngestTime, Now, PlayId, PlayKind, Recap, RecapPlay, RecapSnap, Side, Spot, Team,
};
use scorewire::predict::board::{News, Notice};
use scorewire::predict::onnx::{Backend, BackendSetting, Model, Signature};
use scorewire::predict::predictor::{Effort, Knowledge, Predictor};
use scorewire::predict::registry::{Registry, RegistrySettings};
use scorewire::telemetry::RegistryMetrics;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH_ROWS: [usize; 6] = [1, 8, 32, 64, 256, 1024];

/// Runs of one backend and batch, and the longest that they may take together.
const RUNS: usize = 5_000;
const BUDGET: Duration = Duration::from_secs(3);

/// Games of a step, and plays of each when a turn through them begins and ends.
const GAMES: usize = 32;
const PLAYS: std::ops::Range<usize> = 10..150;

fn main() {
    let folder = std::env::var_os("SCOREWIRE_MODELS").map_or_else(|| PathBuf::from("config/models"), PathBuf::from);
    let models = models(&folder);
    if models.is_empty() {
        println!("skipped: no *.onnx in {}; SCOREWIRE_MODELS names another folder", folder.display());
        return;
    }
    let predict = Config::load(None, std::env::vars_os()).unwrap().predict;
    let backends = backends(&predict);
    println!(
        "{:<24} {:<18} {:>5} {:>9} {:>9} {:>9} {:>9} {:>11} {:>8}",
        "model", "backend", "rows", "p50 µs", "p99 µs", "CPU p50", "CPU p99", "rows/CPU s", "load ms"
    );
    for model in &models {
        for backend in &backends {
            let signature = Signature::read(&std::fs::read(model).unwrap()).unwrap();
            let begun = now();
            let mut loaded = backend.load_file(model, &signature).unwrap();
            let load_ms = begun.elapsed().as_secs_f64() * 1e3;
            for rows in BATCH_ROWS {
                let batch = batch(rows * signature.features());
                let (wall, cpu) = timed(|| drop(std::hint::black_box(loaded.run(&batch).unwrap().rows(0))));
                println!(
                    "{:<24} {:<18} {rows:>5} {} {:>11.0} {load_ms:>8.1}",
                    model.file_stem().unwrap().to_string_lossy(),
                    who(&loaded),
                    quantiles(&wall, &cpu),
                    rows as f64 * cpu.len() as f64 * 1e6 / cpu.iter().sum::<f64>(),
                );
            }
        }
    }
    for backend in &backends {
        let settings = RegistrySettings {
            models_dir: folder.clone(),
            ..predict.registry()
        };
        step(backend, settings, &predict);
    }
}

/// ONNX Runtime where it is found, and tract.
fn backends(predict: &Predict) -> Vec<Backend> {
    let mut settings = predict.inference();
    settings.backend = BackendSetting::OnnxRuntime;
    let onnxruntime = Backend::open(&settings);
    let is_found = onnxruntime.serving() != Backend::built_in().serving();
    if !is_found {
        println!("skipped: no ONNX Runtime library; ORT_DYLIB_PATH=$(deploy/fetch-onnxruntime) brings one");
    }
    let found = is_found.then_some(onnxruntime);
    found.into_iter().chain([Backend::built_in()]).collect()
}

fn who(model: &Model) -> String {
    let serving = model.serving();
    format!("{} {}", serving.backend, serving.device)
}

/// A whole step, again and again: each game has one more play, and its next snap is coming.
fn step(backend: &Backend, settings: RegistrySettings, predict: &Predict) {
    let registry = Registry::open(backend.clone(), settings, RegistryMetrics::new());
    let mut predictor = Predictor::new(registry, Knowledge::shipped(), predict.predictor());
    let games: Vec<Recap> = (0..GAMES).map(game).collect();
    let notices: Vec<Notice> = games.iter().map(notice).collect();
    let (mut plays, mut told) = (PLAYS.start, 0_u64);
    let (wall, cpu) = timed(|| {
        let read = |id: &GameId| {
            let game = games.iter().find(|game| game.head.game == *id)?;
            Some(before(game, plays))
        };
        let now = Now {
            steady_us: told as i64,
            wall_us: told as i64,
        };
        predictor.step(&notices, Effort::Whole, now, &read, &mut |_| told += 1);
        plays = if plays + 1 < PLAYS.end { plays + 1 } else { PLAYS.start };
    });
    let counts = predictor.take_counts();
    assert_eq!((counts.failed, counts.crowded), (0, 0), "every row has its answer");
    let name = format!("{GAMES} games at once");
    println!(
        "{name:<24} {:<18} {:>5} {}  {:.1} rows of models a step, {:.1} known before",
        backend.serving().backend,
        "step",
        quantiles(&wall, &cpu),
        counts.answered as f64 / wall.len() as f64,
        counts.cached as f64 / wall.len() as f64
    );
}

fn notice(game: &Recap) -> Notice {
    Notice {
        game: game.head.game.clone(),
        news: News::Play,
        ingest: IngestTime(1),
        feed_ts: None,
    }
}

/// A game of runs and passes, to its end; which follows from its number.
fn game(number: usize) -> Recap {
    let team = |name: &str| Team::new(name).unwrap();
    let mut state = number as u32 + 1;
    let plays = (0..PLAYS.end).map(|place| play(place, &mut state)).collect();
    Recap {
        head: Arc::new(GameHead {
            game: GameId::new(&format!("g{number}")).unwrap(),
            teams: Some((team("NE"), team("HOU"))),
            kickoff: Some(1_506_272_400_000_000),
        }),
        status: GameStatus::Live,
        score: Some([7, 3]),
        timeouts: Some([3, 2]),
        plays,
        snap: None,
    }
}

fn play(place: usize, state: &mut u32) -> RecapPlay {
    let drawn = drawn(state);
    RecapPlay {
        id: PlayId::new(&place.to_string()).unwrap(),
        order: place as u64,
        kind: [PlayKind::Run, PlayKind::Pass][(drawn & 1) as usize],
        no_play: false,
        clock: clock(place),
        spot: Spot {
            down: Some((place % 3) as u8 + 1),
            distance: Some((drawn % 15) as u8 + 1),
            yards_to_goal: Some((drawn % 98) as u8 + 1),
            possession: Some([Side::Home, Side::Away][place / 6 % 2]),
            shotgun: None,
            no_huddle: None,
        },
        yards: (drawn % 12) as i16 - 2,
        first_down: place % 3 == 2,
        turnover: false,
        timeout: false,
        touchdown: None,
        points: [0; 2],
    }
}

fn clock(place: usize) -> Option<Clock> {
    let left = 3_600 - place * 3_600 / PLAYS.end;
    Some(Clock {
        quarter: (4 - left.saturating_sub(1) / 900) as u8,
        seconds_left: (left % 900) as u16,
    })
}

/// The game after so many plays: the next one's snap is coming.
fn before(game: &Recap, plays: usize) -> Recap {
    let next = &game.plays[plays];
    Recap {
        plays: game.plays[..plays].to_vec(),
        snap: Some(RecapSnap {
            after_play: game.plays.get(plays - 1).map(|play| play.id.clone()),
            clock: next.clock,
            spot: next.spot,
        }),
        head: game.head.clone(),
        ..*game
    }
}

fn quantiles(wall: &[f64], cpu: &[f64]) -> String {
    let [wall_p50, wall_p99, cpu_p50, cpu_p99] =
        [(wall, 50), (wall, 99), (cpu, 50), (cpu, 99)].map(|(times, percent)| quantile(times, percent));
    format!("{wall_p50:>9.1} {wall_p99:>9.1} {cpu_p50:>9.1} {cpu_p99:>9.1}")
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[sorted.len() * percent / 100]
}

fn models(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    found.sort();
    found
}

/// About what scaled features are: -1 to 1, no two rows the same.
fn batch(values: usize) -> Vec<f32> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| drawn(&mut state) as f32 / (1 << 23) as f32 - 1.0)
        .take(values)
        .collect()
}

/// 24 bits of chance.
fn drawn(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state >> 8
}

/// The times of runs, by the wall's clock and the thread's, in µs, the shortest first.
fn timed(mut run: impl FnMut()) -> (Vec<f64>, Vec<f64>) {
    let (mut wall, mut cpu) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
    let begun = now();
    while wall.len() < RUNS && (begun.elapsed() < BUDGET || wall.len() < 100) {
        let (run_begun, cpu_before) = (now(), cpu_us());
        run();
        cpu.push(cpu_us() - cpu_before);
        wall.push(run_begun.elapsed().as_secs_f64() * 1e6);
    }
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    (wall, cpu)
}

/// What this thread has had of a core.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

#[allow(clippy::disallowed_methods, reason = "a bench times what it runs")]
fn now() -> Instant {
    Instant::now()
}
