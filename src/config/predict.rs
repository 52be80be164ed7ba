//! `[predict]`: what is predicted, who runs the models, and on what.

use crate::predict::board::BoardLimits;
use crate::predict::onnx::{BackendSetting, DeviceSetting, Precision, Settings};
use crate::predict::predictor;
use crate::predict::registry::RegistrySettings;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Predict {
    pub enabled: bool,
    pub confidence: f64,
    pub expires_ms: u64,
    pub games_max: usize,
    pub batch_wait_us: u64,
    pub backend: BackendSetting,
    pub onnxruntime: Option<PathBuf>,
    pub device: DeviceSetting,
    pub precision: Precision,
    pub engine_cache_dir: PathBuf,
    pub models_dir: PathBuf,
    pub versions_max: usize,
}

impl Default for Predict {
    fn default() -> Self {
        Predict {
            enabled: true,
            confidence: 0.70,
            expires_ms: 60_000,
            games_max: 1_024,
            batch_wait_us: 1_000,
            backend: BackendSetting::Auto,
            onnxruntime: None,
            device: DeviceSetting::Auto,
            precision: Precision::Fp32,
            engine_cache_dir: "scorewire-engines".into(),
            models_dir: "config/models".into(),
            versions_max: 16,
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

    /// Bounds of the board that tells the predictor which games moved.
    pub fn board(&self) -> BoardLimits {
        BoardLimits {
            games_max: self.games_max,
            batch_wait: Duration::from_micros(self.batch_wait_us),
        }
    }

    /// How predictions are made.
    pub fn predictor(&self) -> predictor::Settings {
        predictor::Settings {
            confidence: self.confidence as f32,
            expires_us: i64::try_from(self.expires_ms.saturating_mul(1_000)).unwrap_or(i64::MAX),
            games_max: self.games_max,
            versions_max: self.versions_max,
        }
    }

    /// Which models answer.
    pub fn registry(&self) -> RegistrySettings {
        RegistrySettings {
            models_dir: self.models_dir.clone(),
        }
    }

    /// What must be in a range.
    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 4] {
        [
            ("predict.expires_ms", self.expires_ms, 1_000..=3_600_000),
            ("predict.games_max", self.games_max as u64, 1..=100_000),
            ("predict.batch_wait_us", self.batch_wait_us, 0..=1_000_000),
            ("predict.versions_max", self.versions_max as u64, 4..=64),
        ]
    }

    /// Whether what is no whole number makes sense.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.confidence {
            confidence if (0.5..=1.0).contains(&confidence) => Ok(()),
            confidence => Err(format!("predict.confidence must be 0.5 to 1, not {confidence}")),
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
