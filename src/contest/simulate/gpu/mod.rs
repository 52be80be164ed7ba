//! The same draws on a GPU, where there is one.
//!
//! Owns the kernel (`kernel.cu`, compiled by NVRTC when a device is opened), what a device is sent, and the launch. It gives
//! the integers that the CPU build gives. NVIDIA's driver and NVRTC are looked for when the process runs; without the
//! feature `cuda`, without either library or without a device, [`Device::open`] says which is missing, and the CPU does it.
//! Nothing panics and nothing is pretended. Bounded by half of the device's free memory.

#[cfg(feature = "cuda")]
mod cuda;
pub mod flat;

#[cfg(not(feature = "cuda"))]
mod cuda {
    //! In place of the launch, in a program built without it.

    use super::{NoDevice, Odds, Simulation};

    /// Never there.
    pub(super) enum Device {}

    impl Device {
        pub(super) fn open(_number: u8) -> Result<Device, NoDevice> {
            Err(NoDevice::NotBuilt)
        }

        pub(super) fn name(&self) -> &str {
            match *self {}
        }

        pub(super) fn load(&self, _simulation: &Simulation) -> Result<Loaded, NoDevice> {
            match *self {}
        }
    }

    /// Never there.
    pub(super) enum Loaded {}

    impl Loaded {
        pub(super) fn run(&mut self, _seed: u64, _first: u64, _draws: u32) -> Result<Odds, NoDevice> {
            match *self {}
        }
    }
}

use super::{Odds, Simulation};

/// Why a device does not draw.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoDevice {
    /// The program cannot ask.
    #[error("this program was built without the feature \"cuda\"")]
    NotBuilt,
    /// A library or a device is not there.
    #[error("{0}")]
    Missing(String),
    /// It is there, and it fails.
    #[error("the GPU's driver: {0}")]
    Driver(String),
    /// NVRTC does not compile the kernel.
    #[error("NVRTC: {0}")]
    Compiler(String),
    /// A contest needs more memory than there is.
    #[error("a contest that needs {needed} bytes on a device that has {free} free")]
    Memory {
        /// By the contest, with one block of threads.
        needed: u64,
        /// On the device.
        free: u64,
    },
}

/// A GPU with the kernel compiled for it.
pub struct Device(cuda::Device);

impl Device {
    /// Opens a GPU by its number and compiles the kernel for it, which takes about a second.
    ///
    /// # Errors
    /// What is missing, or fails.
    pub fn open(number: u8) -> Result<Device, NoDevice> {
        cuda::Device::open(number).map(Device)
    }

    /// As the driver calls it.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Sends it a simulation.
    ///
    /// # Errors
    /// Too large for it, or the device fails.
    pub fn load(&self, simulation: &Simulation) -> Result<Loaded, NoDevice> {
        self.0.load(simulation).map(Loaded)
    }
}

/// A simulation on a GPU.
pub struct Loaded(cuda::Loaded);

impl Loaded {
    /// Makes the draws from the one with number `first` on: the same as [`Simulation::run`] with the same seed. Waits for
    /// the device.
    ///
    /// # Errors
    /// The device fails. What it was to draw can be drawn on the CPU instead.
    pub fn run(&mut self, seed: u64, first: u64, draws: u32) -> Result<Odds, NoDevice> {
        self.0.run(seed, first, draws)
    }
}
