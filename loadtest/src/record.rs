//! Everything that is written down about one delivery: how late it was, of which event, in which phase of the run.

use crate::latency::{Latency, LatencyCounts};
use crate::schedule::Schedule;

/// When bytes were received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receipt {
    /// By the client, monotonic nanoseconds.
    pub(crate) now_ns: u64,
    /// By its kernel, nanoseconds of the wall clock, where it was asked to note that.
    pub(crate) kernel_ns: Option<u64>,
}

/// The latencies of one process's clients.
pub(crate) struct Record {
    /// When the schedule begins (monotonic).
    t0_ns: u64,
    /// The same by the wall clock.
    ts0_us: u64,
    all: Latency,
    /// Until the kernel had it.
    kernel: Latency,
    /// By phase; empty where there is one alone.
    phases: Vec<Latency>,
}

impl Record {
    /// Nothing yet, of the events of `schedule`.
    pub(crate) fn new(schedule: &Schedule) -> Self {
        let phases = if schedule.phases() > 1 { schedule.phases() } else { 0 };
        Self {
            t0_ns: 0,
            ts0_us: 0,
            all: Latency::new(schedule.events()),
            kernel: Latency::new(0),
            phases: (0..phases).map(|_| Latency::new(0)).collect(),
        }
    }

    /// The schedule begins at `t0_ns` (monotonic), which is `ts0_us` by the wall clock.
    pub(crate) fn start(&mut self, t0_ns: u64, ts0_us: u64) {
        (self.t0_ns, self.ts0_us) = (t0_ns, ts0_us);
    }

    /// A client had `event`.
    pub(crate) fn delivery(&mut self, schedule: &Schedule, event: u32, receipt: Receipt) {
        let due_us = schedule.due_us(event);
        let late_us = (receipt.now_ns.saturating_sub(self.t0_ns) / 1_000).saturating_sub(due_us);
        self.all.record(event as usize, due_us, late_us);
        if let Some(kernel_ns) = receipt.kernel_ns {
            self.kernel
                .record(0, due_us, (kernel_ns / 1_000).saturating_sub(self.ts0_us + due_us));
        }
        if let Some(phase) = self.phases.get_mut(schedule.phase(event)) {
            phase.record(0, due_us, late_us);
        }
    }

    /// The 99th percentile so far, in microseconds.
    pub(crate) fn p99_us(&self) -> u64 {
        self.all.p99_us()
    }

    /// All of it, until the kernel had it, and by phase.
    pub(crate) fn counts(&self) -> (LatencyCounts, LatencyCounts, Vec<LatencyCounts>) {
        let phases = self.phases.iter().map(Latency::counts).collect();
        (self.all.counts(), self.kernel.counts(), phases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_counts_from_when_its_event_was_due() {
        let mut schedule = Schedule::steady(3, 600_000);
        schedule.set_phases(|due_us| u8::from(due_us == 600_000));
        let mut record = Record::new(&schedule);
        record.start(1, 5_000_000);
        for (event, at_us) in [(0, 100), (0, 300), (1, 600_700), (2, 1_200_050)] {
            let kernel_ns = (event == 2).then_some((5_000_000 + at_us - 20) * 1_000);
            let now_ns = 1 + at_us * 1_000;
            record.delivery(&schedule, event, Receipt { now_ns, kernel_ns });
        }
        let all = |counts: &LatencyCounts| {
            let mut latency = Latency::new(3);
            latency.add(counts);
            latency
        };
        let (counts, kernel, phases) = record.counts();
        assert_eq!((all(&kernel).distribution().count, all(&kernel).distribution().max_ms), (1, 0.03));
        assert_eq!(all(&counts).distribution().count, 4);
        assert_eq!((all(&counts).last().max_ms, all(&counts).first().p50_ms), (0.7, 0.1));
        assert_eq!(
            phases.iter().map(|phase| all(phase).distribution().count).collect::<Vec<_>>(),
            [3, 1]
        );
    }
}
