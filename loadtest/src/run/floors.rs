//! The run's own trace, sent again by bare loops.

use super::{Outcome, Plan, Settings, finish, processes};
use crate::floor;
use crate::report;
use crate::shape::{Floor, RunReport, Server};
use crate::trace::{Sending, Trace};
use std::collections::{BTreeMap, HashSet};

/// Repeats the work with bare loops. One that fails is a fault: what the server did is known by then, and stands.
pub(super) fn add(settings: &Settings, plan: &Plan, available: u64, outcome: &mut Outcome) {
    let trace = trace(plan, outcome);
    // As many processes read beside the floor as beside the server.
    let readers = processes(settings, trace.clients, available);
    for &(via, threads) in &settings.floors {
        let name = via.name();
        let mut probe = None;
        let started = |t0_ns| probe = plan.probe.as_ref().map(|prober| prober.start(t0_ns));
        let floor = floor::measure(&trace, via, threads, readers, started);
        match finish(probe) {
            Ok(asked) => {
                let named = asked.map(|(what, figure)| (format!("probe_floor_{name}_{what}"), figure));
                outcome.report.extra.extend(named);
            }
            Err(error) => outcome.fault(format!("the probe beside the floor by {name}: {error:#}")),
        }
        match floor {
            Ok(mut floor) => {
                floor.cpu_ratio = outcome.report.server.as_ref().and_then(|server| cpu_ratio(server, &floor));
                outcome.report.floors.push(floor);
            }
            Err(error) => outcome.fault(format!("the floor by {name}: {error:#}")),
        }
    }
}

/// The server's CPU for the whole work over the bare loop's: a client with two changes in one write is
/// two deliveries of the server, and one of the loop.
fn cpu_ratio(server: &Server, floor: &Floor) -> Option<f64> {
    report::ratio(server.cpu_s * 1e6, floor.cpu_us_per_delivery * floor.deliveries as f64)
}

/// What was sent when to whom: by the script each event to everybody; else each event to those who
/// follow a topic that it moved, as the frames said.
fn trace(plan: &Plan, outcome: &Outcome) -> Trace {
    let clients = plan.rosters.len();
    let due = |event: u32| plan.schedule.due_us(event);
    if plan.script.is_some() {
        let bytes = bytes_each(&outcome.report);
        return Trace::steady(clients, plan.schedule.events(), due(1) - due(0), bytes);
    }
    let mut followers: Vec<Vec<u32>> = vec![Vec::new(); plan.topics.len()];
    for (client, roster) in plan.rosters.iter().enumerate() {
        roster.iter().for_each(|&topic| followers[topic as usize].push(client as u32));
    }
    // Several processes may have seen the same frame.
    let mut seen = HashSet::new();
    let mut by_event: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    let shown = outcome.tally.moves.iter().filter(|moved| moved.points.is_some());
    for moved in shown.filter(|moved| seen.insert((moved.topic, moved.seq))) {
        let recipients = by_event.entry(moved.event).or_default();
        for &client in &followers[moved.topic as usize] {
            *recipients.entry(client).or_default() += moved.bytes;
        }
    }
    let sends = by_event
        .iter()
        .filter(|(_, recipients)| !recipients.is_empty())
        .map(|(&event, recipients)| {
            let sum: u64 = recipients.values().map(|&bytes| u64::from(bytes)).sum();
            Sending {
                at_us: due(event),
                to: recipients.keys().copied().collect(),
                bytes: (sum / recipients.len() as u64) as u32,
            }
        });
    Trace {
        clients,
        sends: sends.collect(),
    }
}

/// What a delivery took of the bytes sent: where frames were merged, the floor sends no more than the server did.
fn bytes_each(report: &RunReport) -> u32 {
    report.frame_bytes.div_ceil(report.deliveries.max(1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_sends_what_the_server_sent_merged_or_not() {
        let bytes = |frame_bytes, frames, deliveries| {
            bytes_each(&RunReport {
                frame_bytes,
                frames,
                deliveries,
                ..RunReport::default()
            })
        };
        assert_eq!(bytes(600, 2, 2), 300);
        assert_eq!(bytes(600, 2, 4), 150, "half of the changes came in one frame with another");
        assert_eq!((bytes(0, 0, 0), bytes(1, 1, 3)), (0, 1));
    }
}
