//! What running a model takes, by backend and batch, on one thread: a run's median and 99th percentile in µs, by
//! the wall's clock and by the thread's (which leaves out that others had the core), rows a second, and how long
//! loading took.
//!
//! `cargo bench --bench infer` takes every `*.onnx` of `config/models`, or of the folder that `SCOREWIRE_MODELS`
//! names. ONNX Runtime takes part where its library is found: `ORT_DYLIB_PATH=$(deploy/fetch-onnxruntime)`.
//! `SCOREWIRE__PREDICT__DEVICE` and the like choose a device. Percentiles are what a promise is about, so each
//! run is timed by itself, its clocks' half a microsecond included.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use rustix::time::{ClockId, clock_gettime};
use scorewire::config::Config;
use scorewire::predict::onnx::{Backend, BackendSetting, Model, Signature};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH_ROWS: [usize; 6] = [1, 8, 32, 64, 256, 1024];

/// Runs of one backend and batch, and the longest that they may take together.
const RUNS: usize = 5_000;
const BUDGET: Duration = Duration::from_secs(3);

fn main() {
    let folder = std::env::var_os("SCOREWIRE_MODELS").map_or_else(|| PathBuf::from("config/models"), PathBuf::from);
    let models = models(&folder);
    if models.is_empty() {
        println!("skipped: no *.onnx in {}; SCOREWIRE_MODELS names another folder", folder.display());
        return;
    }
    let mut settings = Config::load(None, std::env::vars_os()).unwrap().predict.inference();
    println!(
        "{:<24} {:<18} {:>5} {:>9} {:>9} {:>9} {:>9} {:>11} {:>8}",
        "model", "backend", "rows", "p50 µs", "p99 µs", "CPU p50", "CPU p99", "rows/CPU s", "load ms"
    );
    for model in &models {
        for backend in [BackendSetting::OnnxRuntime, BackendSetting::Tract] {
            settings.backend = backend;
            let backend = Backend::open(&settings);
            let serving = backend.serving();
            let signature = Signature::read(&std::fs::read(model).unwrap()).unwrap();
            let begun = now();
            let mut loaded = backend.load_file(model, &signature).unwrap();
            let load_ms = begun.elapsed().as_secs_f64() * 1e3;
            for rows in BATCH_ROWS {
                let (wall, cpu) = times(&mut loaded, rows);
                println!(
                    "{:<24} {:<18} {rows:>5} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>11.0} {load_ms:>8.1}",
                    model.file_stem().unwrap().to_string_lossy(),
                    format!("{} {}", serving.backend, serving.device),
                    quantile(&wall, 50),
                    quantile(&wall, 99),
                    quantile(&cpu, 50),
                    quantile(&cpu, 99),
                    rows as f64 * cpu.len() as f64 * 1e6 / cpu.iter().sum::<f64>(),
                );
            }
        }
    }
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

/// The times of runs over rows that differ, by the wall's clock and the thread's, in µs, the shortest first.
fn times(model: &mut Model, rows: usize) -> (Vec<f64>, Vec<f64>) {
    let width = model.signature().features();
    // About what scaled features are: -1 to 1, no two rows the same.
    let mut state = 1_u32;
    let batch: Vec<f32> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
    .take(rows * width)
    .collect();
    let (mut wall, mut cpu) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
    let begun = now();
    while wall.len() < RUNS && (begun.elapsed() < BUDGET || wall.len() < 100) {
        let (run, cpu_before) = (now(), cpu_us());
        std::hint::black_box(model.run(&batch).unwrap());
        cpu.push(cpu_us() - cpu_before);
        wall.push(run.elapsed().as_secs_f64() * 1e6);
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
