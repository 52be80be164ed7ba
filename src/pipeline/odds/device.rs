//! What draws: a GPU where the program can use one and there is one, else threads of the least priority.

use crate::contest::simulate::gpu::{Device, Loaded, NoDevice};
use crate::contest::simulate::{Odds, Simulation};
use std::num::NonZeroUsize;

/// What draws.
pub(super) struct Draws {
    threads: NonZeroUsize,
    gpu: Option<Device>,
}

/// A contest's state on the GPU, where it was sent there.
#[derive(Default)]
pub(super) struct Sent(Option<Loaded>);

/// What drew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    /// So many threads at once.
    Threads(u64),
    Gpu,
}

impl Draws {
    /// Looks for the GPU of that number; says in one line of the log what draws.
    pub(super) fn open(threads: usize, gpu: Option<u8>) -> Draws {
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let gpu = match gpu.map(Device::open) {
            Some(Ok(device)) => {
                tracing::info!(gpu = device.name(), "contest odds are drawn on the GPU");
                Some(device)
            }
            Some(Err(why)) => {
                tracing::info!("contest odds are drawn on the CPU: {why}");
                None
            }
            None => {
                tracing::info!("contest odds are drawn on the CPU: predict.device says so");
                None
            }
        };
        Draws { threads, gpu }
    }

    /// On that many threads of the processor.
    #[cfg(test)]
    pub(super) fn on(threads: NonZeroUsize) -> Draws {
        Draws { threads, gpu: None }
    }

    /// Draws; the same whatever draws, which is told as well. A GPU that fails is not asked again.
    pub(super) fn run(
        &mut self,
        (simulation, sent): (&Simulation, &mut Sent),
        seed: u64,
        (first, draws): (u64, u32),
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> (Odds, By) {
        if let Some(device) = &self.gpu {
            let loaded = match sent.0.take() {
                Some(loaded) => Ok(loaded),
                None => device.load(simulation),
            };
            let ran = loaded.and_then(|mut loaded| {
                let odds = loaded.run(seed, first, draws)?;
                sent.0 = Some(loaded);
                Ok(odds)
            });
            match ran {
                Ok(odds) => return (odds, By::Gpu),
                Err(why @ NoDevice::Memory { .. }) => {
                    tracing::debug!("one contest's odds are drawn on the CPU: {why}");
                }
                Err(why) => {
                    tracing::warn!("contest odds are drawn on the CPU from here on: {why}");
                    self.gpu = None;
                }
            }
        }
        let odds = simulation.run(seed, first, draws, self.threads, go_on);
        (odds, By::Threads(self.threads.get() as u64))
    }
}
