//! Stalled: everybody on one game; some clients stop reading until their sockets refuse bytes, read
//! again, and so on. What happens to the others?
//!
//! Phases take turns in one run, so that both are measured on the same machine in the same minute:
//! everybody reads; then some stop, and once their sockets are full the second measurement begins.
//! What happens while sockets fill, and while those who stalled catch up, counts for neither.

use super::broadcast;
use crate::job::Stalling;
use crate::latency::Latency;
use crate::run::{self, Act, Settings};
use crate::shape::{Distribution, RunReport, Second};
use anyhow::{Result, ensure};
use std::ops::Range;
use std::time::Duration;

/// Share of the sockets that must refuse bytes when the measurement begins.
const REFUSING_SHARE: f64 = 0.9;

/// Most turns of a run.
const TURNS_MAX: u32 = 100;

/// How it is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Share of the clients that stall: one in so many.
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
    let every = one_in(shape.share)?;
    ensure!((1..=TURNS_MAX).contains(&shape.turns), "turns must be 1 to {TURNS_MAX}");
    let us = |duration: Duration| duration.as_micros() as u64;
    let (reads_us, full_us) = (us(shape.phase), us(shape.phase + shape.fill));
    let again_us = full_us + us(shape.phase);
    let turn_us = again_us + us(shape.catch_up);
    let events = u64::from(shape.turns) * turn_us / us(shape.interval).max(1);
    let (_, mut plan) = broadcast::plan(settings, events as usize, shape.interval)?;
    plan.scenario = "stalled";
    plan.stalling = Some(Stalling {
        every,
        receive_buffer_bytes: shape.receive_buffer_bytes,
    });
    // Two phases a turn, everybody reading and some stalled; one more for all that is in between.
    plan.schedule.set_phases(|due_us| match (due_us / turn_us, due_us % turn_us) {
        (turn, at) if at < reads_us => 2 * turn as u8,
        (turn, at) if at >= full_us && at < again_us => 2 * turn as u8 + 1,
        _ => 2 * shape.turns as u8,
    });
    let stalling = settings.clients / every;
    ensure!(stalling > 0, "too few clients for one in {every} to stall");
    let refusing = (stalling as f64 * REFUSING_SHARE) as usize;
    for turn in 0..u64::from(shape.turns) {
        let acts = [(reads_us, Act::Stall), (full_us, Act::Refusing(refusing)), (again_us, Act::Read)];
        plan.acts.extend(acts.map(|(at_us, act)| (turn * turn_us + at_us, act)));
    }
    let mut outcome = run::run(settings, plan, |_, _| Ok(()))?;
    let distribution = |phase: usize| outcome.phases.get(phase).map(Latency::distribution).unwrap_or_default();
    let turns: Vec<[Distribution; 2]> = (0..shape.turns as usize)
        .map(|turn| [distribution(2 * turn), distribution(2 * turn + 1)])
        .collect();
    if !outcome.is_cut_short {
        unmeasured(&turns).into_iter().for_each(|fault| outcome.fault(fault));
    }
    let measured = || turns.iter().filter(|turn| turn.iter().all(|phase| phase.count > 0));
    let over = |figure: &dyn Fn(&[Distribution; 2]) -> f64| sorted(measured().map(figure).collect());
    let ratios = over(&|[reading, stalled]| stalled.p99_ms / reading.p99_ms);
    let seconds = &outcome.report.timeline;
    let cores = |from_us, to_us| cores(seconds, shape.turns, turn_us, from_us..to_us);
    let figures = [
        ("clients_stalling", Some(stalling as f64)),
        ("reading_p50_ms", median(&over(&|[reading, _]| reading.p50_ms))),
        ("reading_p99_ms", median(&over(&|[reading, _]| reading.p99_ms))),
        ("stalled_p50_ms", median(&over(&|[_, stalled]| stalled.p50_ms))),
        ("stalled_p99_ms", median(&over(&|[_, stalled]| stalled.p99_ms))),
        ("stalled_p99_ratio", median(&ratios)),
        ("stalled_p99_ratio_least", ratios.first().copied()),
        ("stalled_p99_ratio_most", ratios.last().copied()),
        ("reading_server_cores", cores(0, reads_us)),
        ("stalled_server_cores", cores(full_us, again_us)),
    ];
    let known = figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?)));
    outcome.report.extra.extend(known);
    Ok(outcome.report)
}

/// How far a share may be from 1/n: it may be typed with three digits.
const SHARE_ERROR_MAX: f64 = 0.005;

/// Of how many clients one stalls; a share that is not one in so many is refused.
fn one_in(share: f64) -> Result<usize> {
    ensure!(
        share > 0.0 && share <= 0.5,
        "the share of clients that stall must be over 0 and at most 0.5"
    );
    let (fewer, more) = ((1.0 / share).floor(), (1.0 / share).ceil());
    let every = (1.0 / share).round();
    ensure!(
        (share * every - 1.0).abs() <= SHARE_ERROR_MAX,
        "one client in so many stalls: a share of {share} can't be had, {:.3} (one in {fewer}) and {:.3} (one in {more}) can",
        1.0 / fewer,
        1.0 / more
    );
    Ok(every as usize)
}

/// The server's CPU, in cores, over the whole seconds of those phases that take `phase` of each turn, in
/// microseconds; nothing where it was not looked at.
fn cores(seconds: &[Second], turns: u32, turn_us: u64, phase: Range<u64>) -> Option<f64> {
    let is_within = |second: &&Second| {
        let (turn, at_us) = (second.at_s * 1_000_000 / turn_us, second.at_s * 1_000_000 % turn_us);
        turn < u64::from(turns) && at_us >= phase.start && at_us + 1_000_000 <= phase.end
    };
    let cores: Vec<f64> = seconds.iter().filter(is_within).filter_map(|second| second.server_cores).collect();
    (!cores.is_empty()).then(|| cores.iter().sum::<f64>() / cores.len() as f64)
}

/// The phases of which there is no sample: whatever is said of them says nothing.
fn unmeasured(turns: &[[Distribution; 2]]) -> Vec<String> {
    let named = |[reading, stalled]: &[Distribution; 2]| [(reading.count, "everybody read"), (stalled.count, "some were stalled")];
    let phases = (1..)
        .zip(turns)
        .flat_map(|(number, turn)| named(turn).map(|(count, when)| (number, count, when)));
    let empty = phases.filter(|(_, count, _)| *count == 0);
    empty
        .map(|(number, _, when)| format!("turn {number}: nothing was received and measured while {when}"))
        .collect()
}

/// Ascending; what could not be measured is left out.
fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.retain(|figure| figure.is_finite());
    figures.sort_by(f64::total_cmp);
    figures
}

fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_client_in_so_many() {
        for (share, every) in [(0.5, 2), (0.333, 3), (0.1, 10), (0.143, 7), (0.001, 1_000)] {
            assert_eq!(one_in(share).unwrap(), every, "{share}");
        }
        for share in [0.4, 0.3, 0.45] {
            assert!(one_in(share).is_err(), "{share}");
        }
        let said = one_in(0.4).unwrap_err().to_string();
        assert!(said.contains("0.500 (one in 2) and 0.333 (one in 3)"), "{said}");
        for share in [0.0, -0.1, 0.6, f64::NAN] {
            assert!(one_in(share).unwrap_err().to_string().contains("at most 0.5"), "{share}");
        }
    }

    #[test]
    fn the_server_is_looked_at_in_whole_seconds_of_a_phase() {
        let second = |at_s: u64| Second {
            at_s,
            server_cores: (at_s != 6).then_some(at_s as f64),
            ..Second::default()
        };
        // Two turns of 4.5 s: 0 to 4.5 and 4.5 to 9; of each the 2 s from its second 1 on.
        let seconds: Vec<Second> = (0..12).map(second).collect();
        let cores = |turns| cores(&seconds, turns, 4_500_000, 1_000_000..3_000_000);
        assert_eq!(cores(1), Some(1.5), "seconds 1 and 2");
        assert_eq!(cores(2), Some(1.5), "second 6 was not looked at");
        assert_eq!(cores(3), Some((1.0 + 2.0 + 10.0 + 11.0) / 4.0), "9 to 13.5: seconds 10 and 11");
        assert_eq!(cores(0), None);
    }

    #[test]
    fn a_phase_without_a_sample_is_a_fault() {
        let phase = |count| Distribution {
            count,
            ..Distribution::default()
        };
        assert_eq!(unmeasured(&[[phase(1), phase(2)]]), Vec::<String>::new());
        let faults = unmeasured(&[[phase(1), phase(2)], [phase(0), phase(0)]]);
        assert_eq!(faults.len(), 2);
        assert!(faults[0].contains("turn 2") && faults[0].contains("everybody read"), "{faults:?}");
    }
}
