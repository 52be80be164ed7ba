//! Stalled: everybody on one game; some clients stop reading until their sockets refuse bytes, read
//! again, and so on. What happens to the others?
//!
//! Phases take turns in one run, so that both are measured on the same machine in the same minute:
//! everybody reads; then some stop, and once their sockets are full the second measurement begins.
//! What happens while sockets fill, and while those who stalled catch up, counts for neither.

use super::broadcast;
use crate::job::Stalling;
use crate::run::{self, Act, Settings};
use crate::shape::RunReport;
use anyhow::{Result, ensure};
use std::time::Duration;

/// Share of the sockets that must refuse bytes when the measurement begins.
const REFUSING_SHARE: f64 = 0.9;

/// Phases of the run by number: everybody reads, some stalled, and in between.
const READING: u8 = 0;
const STALLED: u8 = 1;
const BETWEEN: u8 = 2;

/// How it is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Share of the clients that stall.
    pub(crate) share: f64,
    /// Times that they do.
    pub(crate) turns: u32,
    /// Each measurement.
    pub(crate) phase: Duration,
    /// For the sockets to fill.
    pub(crate) fill: Duration,
    /// For those who stalled to catch up.
    pub(crate) catch_up: Duration,
    /// Between plays.
    pub(crate) interval: Duration,
    /// Kernel receive buffer of those who stall.
    pub(crate) receive_buffer_bytes: usize,
}

/// Runs it.
pub(crate) fn run(settings: &Settings, shape: &Shape) -> Result<RunReport> {
    ensure!(
        shape.share > 0.0 && shape.share <= 0.5,
        "the share of clients that stall must be over 0 and at most 0.5"
    );
    let us = |duration: Duration| duration.as_micros() as u64;
    let (reads_us, full_us) = (us(shape.phase), us(shape.phase + shape.fill));
    let again_us = full_us + us(shape.phase);
    let turn_us = again_us + us(shape.catch_up);
    let events = u64::from(shape.turns) * turn_us / us(shape.interval).max(1);
    let (_, mut plan) = broadcast::plan(settings, events as usize, shape.interval)?;
    plan.scenario = "stalled";
    let every = (1.0 / shape.share).round() as usize;
    plan.stalling = Some(Stalling {
        every,
        receive_buffer_bytes: shape.receive_buffer_bytes,
    });
    plan.schedule.set_phases(|due_us| match due_us % turn_us {
        at if at < reads_us => READING,
        at if at >= full_us && at < again_us => STALLED,
        _ => BETWEEN,
    });
    let stalling = settings.clients / every;
    ensure!(stalling > 0, "too few clients for one in {every} to stall");
    let refusing = (stalling as f64 * REFUSING_SHARE) as usize;
    for turn in 0..u64::from(shape.turns) {
        let acts = [(reads_us, Act::Stall), (full_us, Act::Refusing(refusing)), (again_us, Act::Read)];
        plan.acts.extend(acts.map(|(at_us, act)| (turn * turn_us + at_us, act)));
    }
    let mut outcome = run::run(settings, plan, |_, _| Ok(()))?;
    let phase = |number: u8| outcome.phases.get(usize::from(number)).map(|phase| phase.distribution());
    let figures = [
        ("clients_stalling", Some(stalling as f64)),
        ("reading_p50_ms", phase(READING).map(|phase| phase.p50_ms)),
        ("reading_p99_ms", phase(READING).map(|phase| phase.p99_ms)),
        ("stalled_p50_ms", phase(STALLED).map(|phase| phase.p50_ms)),
        ("stalled_p99_ms", phase(STALLED).map(|phase| phase.p99_ms)),
        (
            "stalled_p99_ratio",
            phase(STALLED)
                .zip(phase(READING))
                .map(|(stalled, reading)| stalled.p99_ms / reading.p99_ms),
        ),
    ];
    let known = figures
        .into_iter()
        .filter_map(|(name, figure)| Some((name.to_owned(), figure.filter(|figure| figure.is_finite())?)));
    outcome.report.extra.extend(known);
    Ok(outcome.report)
}
