//! A GPU, where there is one.

use super::made_up::MadeUp;
use crate::contest::simulate::Simulation;
use crate::contest::simulate::gpu::{Device, NoDevice};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// On any machine, with or without the feature: the CPU's answer to the last cent, or why there is none, and no panic.
#[test]
fn a_device_says_what_the_cpu_build_says_or_why_it_is_not_there() {
    let device = match Device::open(0) {
        Ok(device) => device,
        Err(error) => {
            assert_eq!(error == NoDevice::NotBuilt, cfg!(not(feature = "cuda")), "{error}");
            assert!(matches!(error, NoDevice::NotBuilt | NoDevice::Missing(_)), "{error}");
            eprintln!("drawn on the CPU alone: {error}");
            return;
        }
    };
    for seed in 2_000..2_030 {
        let made_up = MadeUp::new(seed);
        let simulation = Simulation::new(Arc::new(made_up.field()), &made_up.players, made_up.quantum).unwrap();
        let mut loaded = device.load(&simulation).unwrap();
        for (first, draws) in [(0, 1), (seed << 31, 1_000)] {
            let wanted = simulation.run(seed, first, draws, NonZeroUsize::MIN, &|| true);
            assert_eq!(loaded.run(seed, first, draws), Ok(wanted), "seed {seed} on {}", device.name());
        }
    }
}
