//! The handles of a GPU; both stay 0 where there is none.

use super::gauge;
use super::table::*;
use metrics::Gauge;

/// The handles of a GPU's memory and use.
pub struct GpuMetrics {
    /// Bytes of its memory in use.
    pub memory_used: Gauge,
    /// Part of the time in which something ran on it, 0 to 1.
    pub use_ratio: Gauge,
}

impl GpuMetrics {
    /// Finds the handles.
    pub fn new() -> GpuMetrics {
        GpuMetrics {
            memory_used: gauge(&GPU_MEMORY),
            use_ratio: gauge(&GPU_USE),
        }
    }
}

impl Default for GpuMetrics {
    fn default() -> Self {
        Self::new()
    }
}
