//! Whether there is a GPU, what it is called, its memory and use.
//!
//! NVIDIA's driver and NVML are looked for when the process runs: what is built with the feature `cuda` runs on a
//! machine without either. Without the feature only `/dev` is looked at. Nothing is computed here, and there are no
//! kernels (docs/decisions/018-inference-backends.md says why).

#[cfg(feature = "cuda")]
mod nvidia;

#[cfg(not(feature = "cuda"))]
mod nvidia {
    //! In place of the driver's, in a program built without it.

    use super::{Gpu, GpuUse, NoGpu};
    use std::path::Path;

    pub(super) fn is_present() -> bool {
        Path::new("/dev/nvidiactl").exists()
    }

    pub(super) fn look(_number: u8) -> Result<Gpu, NoGpu> {
        Err(NoGpu::NotBuilt)
    }

    /// Never there.
    pub(super) enum Meter {}

    impl Meter {
        pub(super) fn open(_number: u8) -> Result<Meter, NoGpu> {
            Err(NoGpu::NotBuilt)
        }

        pub(super) fn read(&self) -> Result<GpuUse, NoGpu> {
            match *self {}
        }
    }
}

/// A GPU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gpu {
    /// As the driver calls it.
    pub name: String,
    /// CUDA's compute capability, such as (9, 0).
    pub capability: (i32, i32),
    /// Its memory, in bytes.
    pub memory_bytes: u64,
    /// What of it is free, in bytes.
    pub memory_free_bytes: u64,
}

/// How busy a GPU is, whoever keeps it so.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GpuUse {
    /// Memory in use, in bytes.
    pub memory_used_bytes: u64,
    /// Part of the time in which something ran on it, 0 to 1, over the driver's last sample (at most a second).
    pub ratio: f64,
}

/// Why nothing is known of a GPU.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoGpu {
    /// The program cannot ask.
    #[error("this program was built without the feature \"cuda\"")]
    NotBuilt,
    /// No driver, or no such device.
    #[error("no device: {0}")]
    NoDevice(String),
    /// There is one, and it fails.
    #[error("the GPU's driver: {0}")]
    Driver(String),
}

/// Whether a driver and a device are there, as far as can be told without using them.
pub fn is_present() -> bool {
    nvidia::is_present()
}

/// Asks the driver for a GPU by its number, and has it make a context and a stream and wait for it: a device that
/// answers that is alive. Takes as long as a context takes to make.
///
/// # Errors
/// No driver, no device, or one that fails.
pub fn look(number: u8) -> Result<Gpu, NoGpu> {
    nvidia::look(number)
}

/// Reads a GPU's memory and use, again and again.
pub struct Meter(nvidia::Meter);

impl Meter {
    /// Opens NVML for a GPU by its number.
    ///
    /// # Errors
    /// No library, or no such device.
    pub fn open(number: u8) -> Result<Meter, NoGpu> {
        nvidia::Meter::open(number).map(Meter)
    }

    /// What it is now.
    ///
    /// # Errors
    /// The device is gone, or does not say.
    pub fn read(&self) -> Result<GpuUse, NoGpu> {
        self.0.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On any machine, with or without the feature: an answer, and no panic.
    #[test]
    fn a_gpu_is_there_or_said_not_to_be() {
        match look(0) {
            Ok(gpu) => assert!(is_present() && !gpu.name.is_empty() && gpu.memory_free_bytes <= gpu.memory_bytes),
            Err(error) => assert_eq!(error == NoGpu::NotBuilt, cfg!(not(feature = "cuda")), "{error}"),
        }
        assert!(look(255).is_err());
        assert!(Meter::open(255).is_err());
        if let Ok(meter) = Meter::open(0) {
            let used = meter.read().unwrap();
            assert!((0.0..=1.0).contains(&used.ratio) && used.memory_used_bytes > 0);
        }
    }
}
