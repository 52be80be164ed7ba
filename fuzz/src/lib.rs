//! Fuzz targets. What each checks is in [`targets`], which `tests/it/fuzz.rs` runs too, over the seeds and
//! what fuzzing found, without a fuzzer. `fuzz/run` runs them all; docs/testing.md says more.

#![allow(clippy::unwrap_used, reason = "a target may fail")]

#[allow(dead_code, reason = "the simulation's; not all of it is used here")]
#[path = "../../tests/it/chance.rs"]
mod chance;
#[allow(dead_code, reason = "the simulation's; not all of it is used here")]
#[path = "../../tests/it/frames.rs"]
mod frames;
#[allow(dead_code, reason = "the simulation's; not all of it is used here")]
#[path = "../../tests/it/proto.rs"]
mod proto;
mod repository;
mod targets;
#[allow(dead_code, reason = "the simulation's; not all of it is used here")]
#[path = "../../tests/it/view.rs"]
mod view;
#[allow(dead_code, reason = "the simulation's; not all of it is used here")]
#[path = "../../tests/it/world.rs"]
mod world;

/// Runs a target on one input.
///
/// # Panics
/// Where what the target holds does not hold, and where there is no target of that name.
pub fn run(target: &str, input: &[u8]) {
    let (_, check) = targets::TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target of that name");
    check(input);
}
