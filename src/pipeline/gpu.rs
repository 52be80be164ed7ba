//! A GPU's memory and use as metrics, read off once a second on the side runtime, where there is one.

use crate::predict::gpu::{GpuUse, Meter, NoGpu};
use crate::telemetry::GpuMetrics;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_secs(1);

/// Runs until told to stop, or until the GPU says nothing more. Nothing happens where there is none.
pub(super) async fn watch(number: u8, metrics: GpuMetrics, mut stop: watch::Receiver<bool>) {
    let mut meter = match blocking(move || Meter::open(number)).await {
        Ok(meter) => meter,
        Err(error) => {
            tracing::debug!(%error, "no metrics of a GPU");
            return;
        }
    };
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // Nobody is left who could say so: as good as said.
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let read = blocking(move || {
            let now = meter.read()?;
            Ok((meter, now))
        });
        let (back, now): (Meter, GpuUse) = match read.await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "the GPU's metrics stay as they are from here on");
                return;
            }
        };
        meter = back;
        metrics.memory_used.set(now.memory_used_bytes as f64);
        metrics.use_ratio.set(now.ratio);
    }
}

/// Off the runtime's threads: a driver may take its time.
async fn blocking<T: Send + 'static>(ask: impl FnOnce() -> Result<T, NoGpu> + Send + 'static) -> Result<T, NoGpu> {
    let asked = tokio::task::spawn_blocking(ask).await;
    asked.unwrap_or_else(|error| Err(NoGpu::Driver(error.to_string())))
}
