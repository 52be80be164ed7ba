//! NVIDIA's driver, by cudarc and NVML. Both libraries are opened at run time.

#![expect(
    unsafe_code,
    reason = "whether the driver's library is there must be asked first: cudarc panics without it"
)]

use super::{Gpu, GpuUse, NoGpu};
use cudarc::driver::{CudaContext, DriverError, sys};
use nvml_wrapper::Nvml;

pub(super) fn is_present() -> bool {
    is_driver_there() && CudaContext::device_count().is_ok_and(|count| count > 0)
}

/// Whether `libcuda` can be opened.
fn is_driver_there() -> bool {
    // SAFETY: it opens and closes a library by the name of NVIDIA's driver, whose initialisers have no
    // precondition; whoever can place another library there can replace this program, too.
    unsafe { sys::is_culib_present() }
}

pub(super) fn look(number: u8) -> Result<Gpu, NoGpu> {
    if !is_driver_there() {
        return Err(NoGpu::NoDevice("no NVIDIA driver (libcuda) is installed".into()));
    }
    let count = CudaContext::device_count().map_err(driver)?;
    if i32::from(number) >= count {
        return Err(NoGpu::NoDevice(format!("there are {count}, so no number {number}")));
    }
    let context = CudaContext::new(number.into()).map_err(driver)?;
    context.new_stream().and_then(|stream| stream.synchronize()).map_err(driver)?;
    let (free, total) = context.mem_get_info().map_err(driver)?;
    Ok(Gpu {
        name: context.name().map_err(driver)?,
        capability: context.compute_capability().map_err(driver)?,
        memory_bytes: total as u64,
        memory_free_bytes: free as u64,
    })
}

fn driver(error: DriverError) -> NoGpu {
    NoGpu::Driver(error.to_string())
}

/// NVML, open.
pub(super) struct Meter {
    nvml: Nvml,
    number: u32,
}

impl Meter {
    pub(super) fn open(number: u8) -> Result<Meter, NoGpu> {
        let absent = |error: nvml_wrapper::error::NvmlError| NoGpu::NoDevice(format!("NVML: {error}"));
        let nvml = Nvml::init().map_err(absent)?;
        let number = u32::from(number);
        nvml.device_by_index(number).map_err(absent)?;
        Ok(Meter { nvml, number })
    }

    pub(super) fn read(&self) -> Result<GpuUse, NoGpu> {
        let failed = |error: nvml_wrapper::error::NvmlError| NoGpu::Driver(format!("NVML: {error}"));
        let device = self.nvml.device_by_index(self.number).map_err(failed)?;
        let memory = device.memory_info().map_err(failed)?;
        let percent = device.utilization_rates().map_err(failed)?.gpu;
        Ok(GpuUse {
            memory_used_bytes: memory.used,
            ratio: f64::from(percent) / 100.0,
        })
    }
}
