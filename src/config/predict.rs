//! `[predict]`: who runs the models, and on what.

use crate::predict::onnx::{BackendSetting, DeviceSetting, Precision, Settings};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Predict {
    pub backend: BackendSetting,
    pub onnxruntime: Option<PathBuf>,
    pub device: DeviceSetting,
    pub precision: Precision,
    pub engine_cache_dir: PathBuf,
    pub history: Option<PathBuf>,
    pub players_max: usize,
    pub points_every_ms: u64,
}

impl Default for Predict {
    fn default() -> Self {
        Predict {
            backend: BackendSetting::Auto,
            onnxruntime: None,
            device: DeviceSetting::Auto,
            precision: Precision::Fp32,
            engine_cache_dir: "scorewire-engines".into(),
            history: None,
            players_max: 8_192,
            points_every_ms: 2_000,
        }
    }
}

impl Predict {
    /// What inference is asked for.
    pub fn inference(&self) -> Settings {
        Settings {
            backend: self.backend,
            device: self.device,
            precision: self.precision,
            onnxruntime: self.onnxruntime.clone(),
            engine_cache_dir: self.engine_cache_dir.clone(),
        }
    }

    /// The number of the GPU to look at, if any may be used.
    pub fn gpu(&self) -> Option<u8> {
        match self.device {
            DeviceSetting::Auto => Some(0),
            DeviceSetting::Only(device) => device.gpu(),
        }
    }
}
