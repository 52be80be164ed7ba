//! The launch of the kernel, by cudarc. Driver and NVRTC are opened at run time.

#![expect(
    unsafe_code,
    reason = "whether libraries are there must be asked before cudarc looks, and a launch cannot be checked by the compiler"
)]

use super::NoDevice;
use super::flat::Flat;
use crate::contest::simulate::{Odds, Simulation};
use cudarc::driver::sys::{CUdevice_attribute, CUfunction_attribute};
use cudarc::driver::{CudaContext, CudaFunction, CudaSlice, CudaStream, DriverError, LaunchConfig, PushKernelArg};
use cudarc::nvrtc::{CompileOptions, Ptx, compile_ptx_with_opts};
use std::sync::Arc;

/// Threads of a block, and the most blocks for each of the device's processors.
const THREADS: u32 = 512;
const BLOCKS_MAX: u32 = 4;

/// Words of shared memory that the kernel needs whatever the contest: two, and two for each thread.
const ALWAYS_NEAR: usize = 2 + 2 * THREADS as usize;

pub(super) struct Device {
    name: String,
    stream: Arc<CudaStream>,
    kernel: CudaFunction,
    processors: u32,
    /// Bytes of shared memory that a block may have.
    near_max: usize,
}

impl Device {
    pub(super) fn open(number: u8) -> Result<Device, NoDevice> {
        // SAFETY: as for NVRTC below.
        if !unsafe { cudarc::driver::sys::is_culib_present() } {
            return Err(NoDevice::Missing("no NVIDIA driver (libcuda) is installed".into()));
        }
        let count = CudaContext::device_count().map_err(driver)?;
        if i32::from(number) >= count {
            return Err(NoDevice::Missing(format!("there are {count} GPUs, so no number {number}")));
        }
        let context = CudaContext::new(number.into()).map_err(driver)?;
        let kernel = context
            .load_module(compiled(context.compute_capability().map_err(driver)?)?)
            .and_then(|module| module.load_function("simulate"))
            .map_err(driver)?;
        let attribute = |which| context.attribute(which).map_err(driver);
        let near_max = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        kernel
            .set_attribute(CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, near_max)
            .map_err(driver)?;
        Ok(Device {
            name: context.name().map_err(driver)?,
            stream: context.new_stream().map_err(driver)?,
            kernel,
            processors: attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?.max(1) as u32,
            near_max: near_max.max(0) as usize,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn load(&self, simulation: &Simulation) -> Result<Loaded, NoDevice> {
        let flat = Flat::new(simulation);
        let near = (ALWAYS_NEAR + flat.near_words) * size_of::<u32>();
        let is_near = near <= self.near_max;
        let near = if is_near { near } else { ALWAYS_NEAR * size_of::<u32>() };
        let at_once = self
            .kernel
            .occupancy_max_active_blocks_per_multiprocessor(THREADS, near, None)
            .map_err(driver)?;
        let (free, _) = self.stream.context().mem_get_info().map_err(driver)?;
        let own = (flat.own_words * size_of::<u32>()) as u64;
        let all = (flat.words.len() * size_of::<u32>() + flat.rosters * (size_of::<u64>() + 3 * size_of::<u32>())) as u64;
        let room = (free as u64 / 2).saturating_sub(all) / own;
        if room == 0 {
            return Err(NoDevice::Memory {
                needed: all + own,
                free: free as u64,
            });
        }
        let blocks = (self.processors * at_once.clamp(1, BLOCKS_MAX)).min(room.try_into().unwrap_or(u32::MAX));
        let stream = &self.stream;
        Ok(Loaded {
            plan: stream.clone_htod(&flat.words).map_err(driver)?,
            own: stream.alloc_zeros(flat.own_words * blocks as usize).map_err(driver)?,
            cents: stream.alloc_zeros(flat.rosters).map_err(driver)?,
            marks: stream.alloc_zeros(3 * flat.rosters).map_err(driver)?,
            flat: Flat { words: Vec::new(), ..flat },
            stream: stream.clone(),
            kernel: self.kernel.clone(),
            blocks,
            near: near as u32,
            is_near,
        })
    }
}

pub(super) struct Loaded {
    /// Its words are on the device.
    flat: Flat,
    plan: CudaSlice<u32>,
    own: CudaSlice<u32>,
    cents: CudaSlice<u64>,
    marks: CudaSlice<u32>,
    stream: Arc<CudaStream>,
    kernel: CudaFunction,
    blocks: u32,
    near: u32,
    is_near: bool,
}

impl Loaded {
    pub(super) fn run(&mut self, seed: u64, first: u64, draws: u32) -> Result<Odds, NoDevice> {
        let (own_words, is_near) = (self.flat.own_words as u64, u32::from(self.is_near));
        self.stream.memset_zeros(&mut self.cents).map_err(driver)?;
        self.stream.memset_zeros(&mut self.marks).map_err(driver)?;
        let mut launch = self.stream.launch_builder(&self.kernel);
        launch.arg(&self.plan).arg(&mut self.own).arg(&own_words).arg(&is_near);
        launch.arg(&mut self.cents).arg(&mut self.marks).arg(&seed).arg(&first).arg(&draws);
        let shape = LaunchConfig {
            grid_dim: (self.blocks, 1, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: self.near,
        };
        // SAFETY: the arguments are those of `simulate` in kernel.cu, in number, order and width. `plan` is as `Flat::new`
        // writes it, so every place in it lies inside it, every row of a roster is below the number of rows, and every
        // total is below the range (`Simulation::new` works out the least and the most of all). `own` has `own_words` for
        // each of `blocks`; shared memory has two words, two for each thread, and `near_words` where `is_near`. `cents`
        // has a number for each roster and `marks` three. All live until the stream has been waited for, below.
        unsafe { launch.launch(shape) }.map_err(driver)?;
        let cents = self.stream.clone_dtoh(&self.cents).map_err(driver)?;
        let marks = self.stream.clone_dtoh(&self.marks).map_err(driver)?;
        self.stream.synchronize().map_err(driver)?;
        Ok(self.flat.odds(draws, &cents, &marks))
    }
}

/// The kernel for a compute capability.
fn compiled((major, minor): (i32, i32)) -> Result<Ptx, NoDevice> {
    // SAFETY: it opens and closes a library by a name of NVIDIA's, whose initialisers have no precondition; whoever can
    // place another library there can replace this program, too. Without this question cudarc panics.
    if !unsafe { cudarc::nvrtc::sys::is_culib_present() } {
        return Err(NoDevice::Missing("no NVRTC (libnvrtc, of the CUDA toolkit) is installed".into()));
    }
    let options = CompileOptions {
        options: vec![format!("--gpu-architecture=compute_{major}{minor}")],
        ..CompileOptions::default()
    };
    compile_ptx_with_opts(include_str!("kernel.cu"), options).map_err(|error| NoDevice::Compiler(error.to_string()))
}

fn driver(error: DriverError) -> NoDevice {
    NoDevice::Driver(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NVRTC needs no GPU: where its library is, the kernel compiles for each kind of device that is in use.
    #[test]
    fn nvrtc_takes_the_kernel_where_it_is_installed() {
        for capability in [(7, 5), (8, 0), (8, 6), (9, 0), (10, 0)] {
            match compiled(capability) {
                Ok(ptx) => assert!(ptx.to_src().contains(".visible .entry simulate(")),
                Err(NoDevice::Missing(what)) => eprintln!("not compiled for {capability:?}: {what}"),
                Err(error) => panic!("{capability:?}: {error}"),
            }
        }
    }
}
