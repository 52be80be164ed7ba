//! Models run by ONNX Runtime, whose library is loaded when the process starts to predict.
//!
//! One library and one environment for the process (the crate allows no second), one session for each model and
//! thread, one thread inside a session: batches are small, and the other cores are the clients'.

use crate::predict::onnx::Serving;
use crate::predict::onnx::library::{Candidate, candidates};
use crate::predict::onnx::model::{Network, ROWS_MAX, RunError};
use crate::predict::onnx::setting::{Device, Precision};
use crate::predict::onnx::signature::{INPUT, Refusal};
use ort::LoadDynamicError;
use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;
use parking_lot::{Mutex, RwLock};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Rows of a batch that TensorRT builds engines for; more go in several.
const ENGINE_ROWS_MAX: usize = 64;

/// A product of a matrix, two features wide: what a device must be able to do to be of use.
const PROBE: &[u8] = include_bytes!("probe.onnx");
const PROBE_FEATURES: usize = 2;

/// Held while a library is tried, so that two who look at once find the same one.
static FOUND: Mutex<Option<Runtime>> = Mutex::new(None);

/// The library, loaded.
#[derive(Clone)]
pub(super) struct Runtime {
    environment: Environment,
}

/// What sessions are built for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Placement {
    pub(super) device: Device,
    pub(super) precision: Precision,
    /// Where TensorRT keeps engines.
    engines: PathBuf,
}

/// A place without a library of use.
#[derive(Debug, thiserror::Error)]
enum NoLibrary {
    /// None is there, or none that can be opened.
    #[error("{0}")]
    Absent(String),
    /// It is too old, or another.
    #[error("{0}")]
    Useless(String),
}

/// No library that is one, in all the places.
#[derive(Debug, thiserror::Error)]
#[error(
    "no ONNX Runtime library of use was found{0}; deploy/fetch-onnxruntime fetches one, predict.onnxruntime or ORT_DYLIB_PATH name one"
)]
pub(super) struct NotFound(String);

/// Held, shared, by whoever is inside the library.
static INSIDE: RwLock<()> = RwLock::new(());

/// Waits until nobody is inside the library, and lets nobody in from there on: a process that ends while a thread
/// is inside may crash in the library's own end. False where that takes longer.
pub(super) fn leave(patience: Duration) -> bool {
    let alone = INSIDE.try_write_for(patience);
    alone.map(std::mem::forget).is_some()
}

impl Placement {
    /// The precision is the asked one where the device has a choice.
    pub(super) fn new(device: Device, precision: Precision, engines: &Path) -> Placement {
        let precision = match device {
            Device::TensorRt(_) => precision,
            Device::Cpu | Device::Cuda(_) => Precision::Fp32,
        };
        Placement {
            device,
            precision,
            engines: engines.to_owned(),
        }
    }

    pub(super) fn cpu() -> Placement {
        Placement::new(Device::Cpu, Precision::Fp32, Path::new(""))
    }

    pub(super) fn serving(&self) -> Serving {
        Serving {
            backend: "onnxruntime",
            device: self.device,
            precision: self.precision,
        }
    }

    /// Most rows of one call.
    fn rows_max(&self) -> usize {
        match self.device {
            Device::TensorRt(_) => ENGINE_ROWS_MAX,
            Device::Cpu | Device::Cuda(_) => ROWS_MAX,
        }
    }

    /// What runs the graph's nodes, the best first; each an error where it cannot be had.
    fn providers(&self, features: usize) -> Vec<ExecutionProviderDispatch> {
        let cuda = |number: u8| CUDA::default().with_device_id(number.into()).build().error_on_failure();
        match self.device {
            Device::Cpu => Vec::new(),
            Device::Cuda(number) => vec![cuda(number)],
            Device::TensorRt(number) => {
                let shapes = |rows: usize| format!("{INPUT}:{rows}x{features}");
                let engines = self.engines.to_string_lossy();
                let tensorrt = TensorRT::default()
                    .with_device_id(number.into())
                    .with_fp16(self.precision == Precision::Fp16)
                    .with_engine_cache(true)
                    .with_engine_cache_path(&engines)
                    .with_timing_cache(true)
                    .with_timing_cache_path(&engines)
                    .with_profile_min_shapes(shapes(1))
                    .with_profile_opt_shapes(shapes(ENGINE_ROWS_MAX / 2))
                    .with_profile_max_shapes(shapes(ENGINE_ROWS_MAX));
                vec![tensorrt.build().error_on_failure(), cuda(number)]
            }
        }
    }
}

impl Runtime {
    /// The library that this process has loaded, or the first one that can be.
    pub(super) fn find(configured: Option<&Path>) -> Result<Runtime, NotFound> {
        let mut found = FOUND.lock();
        if let Some(runtime) = &*found {
            return Ok(runtime.clone());
        }
        let variable = std::env::var_os("ORT_DYLIB_PATH");
        let program = std::env::current_exe().ok();
        let mut useless = String::new();
        for Candidate { library, is_named } in candidates(configured, variable.as_deref(), program.as_deref()) {
            match Runtime::load_library(&library) {
                Ok(runtime) => return Ok(found.insert(runtime).clone()),
                // Somebody meant this one.
                Err(error) if is_named => tracing::warn!("ONNX Runtime's library {}: {error}", library.display()),
                Err(NoLibrary::Absent(_)) => {}
                // Writing to a text does not fail.
                Err(error) => drop(write!(useless, "; {}: {error}", library.display())),
            }
        }
        Err(NotFound(useless))
    }

    fn load_library(library: &Path) -> Result<Runtime, NoLibrary> {
        let _inside = INSIDE.read();
        let builder = ort::init_from(library).map_err(|error| match error {
            LoadDynamicError::Dlopen { error, .. } => NoLibrary::Absent(error.to_string()),
            error => NoLibrary::Useless(error.to_string()),
        })?;
        let environment = builder
            .with_name("scorewire")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|error| NoLibrary::Useless(error.to_string()))?;
        // It tells each run's steps from here on, else.
        environment.set_log_level(LogLevel::Warning);
        tracing::info!(library = %library.display(), build = ort::info(), "ONNX Runtime");
        Ok(Runtime { environment })
    }

    /// Whether a device can run a model at all, and all of it: a session that must not fall back.
    pub(super) fn probe(&self, placement: &Placement) -> Result<(), String> {
        if placement.device == Device::Cpu {
            return Ok(());
        }
        if let Device::TensorRt(_) = placement.device {
            let engines = &placement.engines;
            std::fs::create_dir_all(engines).map_err(|error| format!("predict.engine_cache_dir {}: {error}", engines.display()))?;
        }
        let probe = || -> ort::Result<Session> {
            let builder = self.builder(placement, PROBE_FEATURES)?;
            builder.with_disable_cpu_fallback()?.commit_from_memory(PROBE)
        };
        let inside = INSIDE.read();
        let session = probe().map_err(|error| error.to_string())?;
        drop(inside);
        let mut network = OrtNetwork {
            session: Some(session),
            features: PROBE_FEATURES,
            places: vec![0],
            placement: placement.clone(),
        };
        let mut answers = vec![Vec::new()];
        network
            .run(&[1.0, 2.0, 3.0, 4.0], &mut answers)
            .map_err(|error| error.to_string())?;
        match answers[0] == [5.0, 11.0] {
            true => Ok(()),
            false => Err(format!("it reckons wrongly: {:?} instead of [5, 11]", answers[0])),
        }
    }

    /// Builds a session; where the device refuses, on the CPU, with a warning.
    pub(super) fn load(
        &self,
        placement: &Placement,
        bytes: &[u8],
        features: usize,
        places: Vec<usize>,
    ) -> Result<Box<dyn Network>, Refusal> {
        let inside = INSIDE.read();
        let session = |placement: &Placement| self.builder(placement, features)?.commit_from_memory(bytes);
        let mut placement = placement.clone();
        let session = session(&placement).or_else(|error| {
            if placement.device == Device::Cpu {
                return Err(error);
            }
            tracing::warn!("{} does not take a model, the CPU runs it: {error}", placement.device);
            placement = Placement::cpu();
            session(&placement)
        });
        let session = session.map_err(|error| Refusal::Broken {
            by: "ONNX Runtime",
            error: error.to_string(),
        })?;
        drop(inside);
        Ok(Box::new(OrtNetwork {
            session: Some(session),
            features,
            places,
            placement,
        }))
    }

    fn builder(&self, placement: &Placement, features: usize) -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&self.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_log_level(LogLevel::Warning)?
            .with_execution_providers(placement.providers(features))?;
        Ok(builder)
    }
}

/// The library's own words, as part of this log.
fn log(level: LogLevel, category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => tracing::trace!(category, place, "ONNX Runtime: {message}"),
        LogLevel::Warning => tracing::debug!(category, place, "ONNX Runtime: {message}"),
        LogLevel::Error | LogLevel::Fatal => tracing::warn!(category, place, "ONNX Runtime: {message}"),
    }
}

/// A model by ONNX Runtime.
struct OrtNetwork {
    /// There until it is dropped.
    session: Option<Session>,
    features: usize,
    /// Where the wanted outputs stand among the graph's.
    places: Vec<usize>,
    /// What the session was built for.
    placement: Placement,
}

impl OrtNetwork {
    fn run_batch(&mut self, batch: &[f32], outputs: &mut [Vec<f32>]) -> ort::Result<()> {
        let _inside = INSIDE.read();
        let input = TensorRef::from_array_view(([batch.len() / self.features, self.features], batch))?;
        let session = self.session.as_mut().expect("it is there until this is dropped");
        let answers = session.run(ort::inputs![input])?;
        for (values, &place) in outputs.iter_mut().zip(&self.places) {
            let (_, answer) = answers[place].try_extract_tensor::<f32>()?;
            values.extend_from_slice(answer);
        }
        Ok(())
    }
}

impl Drop for OrtNetwork {
    fn drop(&mut self) {
        let _inside = INSIDE.read();
        drop(self.session.take());
    }
}

impl Network for OrtNetwork {
    fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
        for batch in features.chunks(self.placement.rows_max() * self.features) {
            self.run_batch(batch, outputs)
                .map_err(|error| RunError::Failed(format!("ONNX Runtime: {error}")))?;
        }
        Ok(())
    }

    fn serving(&self) -> Serving {
        self.placement.serving()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::skipped::skipped;

    #[test]
    fn what_is_no_library_is_an_error() {
        // A second environment is refused, so nobody may be about to make the first.
        let _alone = FOUND.lock();
        for library in ["/nowhere/libonnxruntime.so", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            assert!(Runtime::load_library(Path::new(library)).is_err(), "{library}");
        }
    }

    /// A device that took the probe may refuse a model: then that one is the CPU's, and says so.
    #[test]
    fn a_model_that_the_device_refuses_says_that_the_cpu_runs_it() {
        let Ok(runtime) = Runtime::find(None) else {
            return skipped("no ONNX Runtime library; deploy/fetch-onnxruntime fetches one and says what to set ORT_DYLIB_PATH to");
        };
        for device in [Device::Cuda(200), Device::TensorRt(200)] {
            let placement = Placement::new(device, Precision::Fp16, &std::env::temp_dir());
            let mut network = runtime.load(&placement, PROBE, PROBE_FEATURES, vec![0]).ok().unwrap();
            assert_eq!(network.serving(), Placement::cpu().serving());
            network.run(&[1.0; 2 * PROBE_FEATURES], &mut [Vec::new()]).unwrap();
        }
    }

    #[test]
    fn only_tensorrt_takes_half_precision_and_small_batches() {
        let placed = |device| Placement::new(device, Precision::Fp16, Path::new("engines"));
        let (cuda, tensorrt) = (placed(Device::Cuda(0)), placed(Device::TensorRt(1)));
        assert_eq!((cuda.precision, cuda.rows_max()), (Precision::Fp32, ROWS_MAX));
        assert_eq!((tensorrt.precision, tensorrt.rows_max()), (Precision::Fp16, ENGINE_ROWS_MAX));
        assert_eq!(tensorrt.providers(8).len(), 2, "what TensorRT leaves CUDA takes");
    }
}
