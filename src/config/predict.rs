//! `[predict]`: what is predicted, which models answer, who runs them, and on what.

use crate::predict::board::BoardLimits;
use crate::predict::onnx::{BackendSetting, DeviceSetting, Precision, Settings};
use crate::predict::predictor;
use crate::predict::registry::{MODELS_DIR, RegistrySettings, Serve, Task};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// How long a start waits for the models; those that take longer serve when they are ready.
const LOAD_WAIT: Duration = Duration::from_secs(10);

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
    pub history: Option<PathBuf>,
    pub players_max: usize,
    pub points_every_ms: u64,
    pub models_dir: PathBuf,
    pub reload_s: u64,
    pub versions_max: usize,
    pub compare_outcomes: usize,
    pub compare_margin: f64,
    pub breaker_failures: u32,
    pub breaker_rest_s: u64,
    pub serve: Serve,
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
            history: None,
            players_max: 8_192,
            points_every_ms: 10_000,
            models_dir: MODELS_DIR.into(),
            reload_s: 5,
            versions_max: 16,
            compare_outcomes: 200,
            compare_margin: 0.02,
            breaker_failures: 5,
            breaker_rest_s: 30,
            serve: Serve::default(),
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
            serve: self.serve.clone(),
            versions_max: self.versions_max,
            compare_outcomes: self.compare_outcomes,
            compare_margin: self.compare_margin,
            breaker_failures: self.breaker_failures,
            breaker_rest_us: i64::try_from(self.breaker_rest_s.saturating_mul(1_000_000)).unwrap_or(i64::MAX),
            reload: Duration::from_secs(self.reload_s),
            load_wait: LOAD_WAIT,
        }
    }

    /// What must be in a range.
    pub(super) fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 8] {
        [
            ("predict.expires_ms", self.expires_ms, 1_000..=3_600_000),
            ("predict.games_max", self.games_max as u64, 1..=100_000),
            ("predict.batch_wait_us", self.batch_wait_us, 0..=1_000_000),
            ("predict.reload_s", self.reload_s, 1..=86_400),
            // Those that ship are loaded in any case.
            ("predict.versions_max", self.versions_max as u64, Task::ALL.len() as u64..=64),
            ("predict.compare_outcomes", self.compare_outcomes as u64, 10..=100_000),
            ("predict.breaker_failures", self.breaker_failures.into(), 1..=1_000),
            ("predict.breaker_rest_s", self.breaker_rest_s, 1..=86_400),
        ]
    }

    /// Whether what is no whole number makes sense.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(0.5..=1.0).contains(&self.confidence) {
            return Err(format!("predict.confidence must be 0.5 to 1, not {}", self.confidence));
        }
        if !(0.0..=10.0).contains(&self.compare_margin) {
            return Err(format!("predict.compare_margin must be 0 to 10, not {}", self.compare_margin));
        }
        self.serve.check()
    }

    /// The number of the GPU to look at, if any may be used.
    pub fn gpu(&self) -> Option<u8> {
        match self.device {
            DeviceSetting::Auto => Some(0),
            DeviceSetting::Only(device) => device.gpu(),
        }
    }
}
