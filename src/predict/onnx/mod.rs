//! Models in ONNX, run by ONNX Runtime where its library is found, and by tract, which is built in, where not.
//!
//! ```text
//! Settings ──► Backend::open ──► Backend::load(file, Signature) ──► Model::run(rows × features) ──► Outputs
//!              probes the device  refuses what does not fit,         one thread's own
//!              once, never fails  warms up
//! ```
//! | module | owns |
//! |---|---|
//! | `setting` | what may be asked for: backend, device, precision |
//! | `signature` | what a model takes and gives, by its file and as expected |
//! | `model` | a loaded model: shapes and numbers looked at on every run |
//! | `library` | where ONNX Runtime's library is looked for |
//! | `runtime` | ONNX Runtime: sessions, devices, the probe |
//! | `tract` | tract: one plan for each of a few batch sizes |
//!
//! It never decides what to predict, and never ends the process: without a library tract runs the models, without
//! a device the CPU, and a file that does not fit is an error of whoever loads it. Bounds: [`MODEL_BYTES_MAX`],
//! [`ROWS_MAX`]. docs/decisions/018-inference-backends.md says why two.

mod library;
mod model;
mod runtime;
mod setting;
mod signature;
mod tract;

pub use model::{Model, Network, Outputs, ROWS_MAX, RunError};
pub use setting::{BackendSetting, Device, DeviceSetting, NoDeviceSetting, Precision};
pub use signature::{INPUT, Output, Refusal, Signature};

use crate::predict::gpu::{self, NoGpu};
use runtime::{Placement, Runtime};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tract::TractNetwork;

/// Largest file of a model, in bytes. Those that ship have less than a hundredth of it.
pub const MODEL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What was asked for: `[predict]` of the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Who is to run the models.
    pub backend: BackendSetting,
    /// On what.
    pub device: DeviceSetting,
    /// In which precision, where the device leaves a choice.
    pub precision: Precision,
    /// ONNX Runtime's library or its folder, looked at before the usual places.
    pub onnxruntime: Option<PathBuf>,
    /// Where TensorRT keeps the engines it built.
    pub engine_cache_dir: PathBuf,
}

/// Who runs a model, and on what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Serving {
    /// `onnxruntime` or `tract`.
    pub backend: &'static str,
    /// What it was found to run on.
    pub device: Device,
    /// In which precision.
    pub precision: Precision,
}

impl Serving {
    /// tract, which is always there.
    pub const BUILT_IN: Serving = Serving {
        backend: "tract",
        device: Device::Cpu,
        precision: Precision::Fp32,
    };
}

/// A model that is not taken.
#[derive(Debug, thiserror::Error)]
#[error("model {model}: {refusal}")]
pub struct LoadError {
    /// Its name or file.
    pub model: String,
    /// Why.
    pub refusal: Refusal,
}

/// Loads models. Cheap to clone; any thread may load.
#[derive(Clone)]
pub struct Backend {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    OnnxRuntime(Runtime, Placement),
    Tract,
}

impl Backend {
    /// Finds the library, probes the device, and says in the log what serves. What was asked for and cannot be
    /// had is one warning.
    ///
    /// The library that is found first is the process's for good: another one takes a restart.
    pub fn open(settings: &Settings) -> Backend {
        let engine = match settings.backend {
            BackendSetting::Tract => Engine::Tract,
            BackendSetting::Auto | BackendSetting::OnnxRuntime => find(settings),
        };
        if let (Engine::Tract, DeviceSetting::Only(device)) = (&engine, settings.device)
            && device != Device::Cpu
        {
            tracing::warn!("predict.device is {device}, which takes ONNX Runtime: tract runs the models on the CPU");
        }
        let backend = Backend { engine };
        let serving = backend.serving();
        tracing::info!(backend = serving.backend, device = %serving.device, precision = %serving.precision, "inference");
        backend
    }

    /// tract on the CPU: what is always there.
    pub fn built_in() -> Backend {
        Backend { engine: Engine::Tract }
    }

    /// The same on the CPU, for when the device is gone.
    pub fn on_cpu(&self) -> Backend {
        let engine = match &self.engine {
            Engine::OnnxRuntime(runtime, _) => Engine::OnnxRuntime(runtime.clone(), Placement::cpu()),
            Engine::Tract => Engine::Tract,
        };
        Backend { engine }
    }

    /// Who runs the models, and on what. One that the device does not take runs on the CPU: [`Model::serving`].
    pub fn serving(&self) -> Serving {
        match &self.engine {
            Engine::OnnxRuntime(_, placement) => placement.serving(),
            Engine::Tract => Serving::BUILT_IN,
        }
    }

    /// Loads a model from its file's bytes and warms it up: the first run is as fast as any. Where TensorRT
    /// serves, that can take minutes, unless the engine is kept from before.
    ///
    /// # Errors
    /// What does not fit, and what to do about it; `name` says of which model.
    pub fn load(&self, name: &str, bytes: &[u8], signature: &Signature) -> Result<Model, LoadError> {
        self.accept(bytes, signature).map_err(|refusal| LoadError {
            model: name.to_owned(),
            refusal,
        })
    }

    /// The same of a file, which is read no further than [`MODEL_BYTES_MAX`].
    ///
    /// # Errors
    /// Those of [`Backend::load`], and a file that cannot be read.
    pub fn load_file(&self, file: &Path, signature: &Signature) -> Result<Model, LoadError> {
        let refused = |refusal| LoadError {
            model: file.display().to_string(),
            refusal,
        };
        let bytes = read(file).map_err(|error| refused(Refusal::Unreadable(error)))?;
        self.accept(&bytes, signature).map_err(refused)
    }

    fn accept(&self, bytes: &[u8], signature: &Signature) -> Result<Model, Refusal> {
        if bytes.len() > MODEL_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let graph = signature::decode(bytes)?;
        let places = signature.places(&Signature::of(&graph)?)?;
        let network: Box<dyn Network> = match &self.engine {
            Engine::OnnxRuntime(runtime, placement) => runtime.load(placement, bytes, signature.features(), places)?,
            Engine::Tract => Box::new(TractNetwork::load(&graph, signature.features(), places)?),
        };
        Ok(Model::new(network, signature.clone())?)
    }
}

/// To be called when the process is about to end: waits until nobody runs or loads a model by ONNX Runtime, and from
/// there on whoever would waits for good. False where it takes longer than that.
pub fn leave(patience: Duration) -> bool {
    runtime::leave(patience)
}

/// ONNX Runtime on the best device there is, or tract.
fn find(settings: &Settings) -> Engine {
    let runtime = match Runtime::find(settings.onnxruntime.as_deref()) {
        Ok(runtime) => runtime,
        Err(error) if settings.backend == BackendSetting::OnnxRuntime || settings.onnxruntime.is_some() => {
            tracing::warn!("ONNX Runtime was asked for, and tract runs the models: {error}");
            return Engine::Tract;
        }
        Err(error) => {
            tracing::info!("tract runs the models: {error}");
            return Engine::Tract;
        }
    };
    let device = match settings.device {
        DeviceSetting::Auto if gpu::is_present() => Device::Cuda(0),
        DeviceSetting::Auto => Device::Cpu,
        DeviceSetting::Only(device) => device,
    };
    let placement = Placement::new(device, settings.precision, &settings.engine_cache_dir);
    let placement = match look(device).and_then(|()| runtime.probe(&placement)) {
        Ok(()) => placement,
        Err(error) => {
            tracing::warn!("{device} cannot run models, the CPU does: {error}");
            Placement::cpu()
        }
    };
    if settings.precision != placement.precision {
        tracing::info!(
            "predict.precision is {}, which TensorRT alone takes: {} it is",
            settings.precision,
            placement.precision
        );
    }
    Engine::OnnxRuntime(runtime, placement)
}

/// Asks the driver, which says more clearly what is wrong than a session does. A program built without the question
/// leaves it to the session.
fn look(device: Device) -> Result<(), String> {
    let Some(number) = device.gpu() else { return Ok(()) };
    match gpu::look(number) {
        Ok(gpu) => {
            tracing::info!(name = gpu.name, capability = ?gpu.capability, memory_bytes = gpu.memory_bytes, free = gpu.memory_free_bytes, "GPU");
            Ok(())
        }
        Err(NoGpu::NotBuilt) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than is taken, so that a longer file is known to be longer.
    File::open(file)?.take(MODEL_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
