//! What may be asked for: backend, device, precision, as the settings write them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Who is to run the models.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendSetting {
    /// ONNX Runtime where its library is found, tract where not.
    Auto,
    /// ONNX Runtime; tract, with a warning, where its library is not found.
    OnnxRuntime,
    /// tract.
    Tract,
}

/// In which precision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits, as trained.
    Fp32,
    /// 16 bits inside, where the device has them: TensorRT.
    Fp16,
}

/// What models run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Device {
    /// The processor.
    Cpu,
    /// A GPU by CUDA, by its number.
    Cuda(u8),
    /// A GPU by TensorRT, by its number.
    TensorRt(u8),
}

/// What models are to run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceSetting {
    /// The first GPU by CUDA where there is one, the CPU where not.
    Auto,
    /// This one; the CPU, with a warning, where it cannot be had.
    Only(Device),
}

/// What names no device.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no device: take auto, cpu, cuda:0 or tensorrt:0 (the number is the GPU's)")]
pub struct NoDeviceSetting(String);

impl Device {
    /// Its kind: `cpu`, `cuda` or `tensorrt`.
    pub fn kind(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::TensorRt(_) => "tensorrt",
        }
    }

    /// The GPU's number, where it is one.
    pub fn gpu(self) -> Option<u8> {
        match self {
            Device::Cpu => None,
            Device::Cuda(number) | Device::TensorRt(number) => Some(number),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.gpu() {
            None => out.write_str(self.kind()),
            Some(number) => write!(out, "{}:{number}", self.kind()),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
        })
    }
}

impl FromStr for DeviceSetting {
    type Err = NoDeviceSetting;

    fn from_str(text: &str) -> Result<DeviceSetting, NoDeviceSetting> {
        let wrong = || NoDeviceSetting(text.chars().take(40).collect());
        match text.split_once(':') {
            None if text == "auto" => Ok(DeviceSetting::Auto),
            None if text == "cpu" => Ok(DeviceSetting::Only(Device::Cpu)),
            Some((kind @ ("cuda" | "tensorrt"), number)) => {
                let number = number.parse().map_err(|_| wrong())?;
                let device = if kind == "cuda" {
                    Device::Cuda(number)
                } else {
                    Device::TensorRt(number)
                };
                Ok(DeviceSetting::Only(device))
            }
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for DeviceSetting {
    type Error = NoDeviceSetting;

    fn try_from(text: String) -> Result<DeviceSetting, NoDeviceSetting> {
        text.parse()
    }
}

impl From<DeviceSetting> for String {
    fn from(setting: DeviceSetting) -> String {
        match setting {
            DeviceSetting::Auto => "auto".into(),
            DeviceSetting::Only(device) => device.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for (text, device) in [
            ("auto", DeviceSetting::Auto),
            ("cpu", DeviceSetting::Only(Device::Cpu)),
            ("cuda:0", DeviceSetting::Only(Device::Cuda(0))),
            ("tensorrt:3", DeviceSetting::Only(Device::TensorRt(3))),
        ] {
            assert_eq!(text.parse::<DeviceSetting>().unwrap(), device);
            assert_eq!(String::from(device), text);
        }
        for text in [
            "", "gpu", "cuda", "cuda:", "cuda:-1", "cuda:256", "cpu:0", "CUDA:0", "rocm:0", "cuda:0:1",
        ] {
            assert!(text.parse::<DeviceSetting>().is_err(), "{text}");
        }
    }
}
