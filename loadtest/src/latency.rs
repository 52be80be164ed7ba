//! Latency of deliveries: a histogram over all of them, and when the last client of each event had it.
//!
//! Every time is measured from the moment the event was **meant** to go out, not from when it did:
//! a server (or a poster) that stalls makes the numbers worse instead of making samples disappear
//! (no coordinated omission). Bounded: 3 significant digits from 1 µs to 10 minutes, and one
//! number per event.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest latency told apart, in microseconds; longer ones count as this.
const LATENCY_US_MAX: u64 = 600_000_000;

/// Latencies of the deliveries of a run.
pub(crate) struct Latency {
    histogram: Histogram<u64>,
    /// For each event, the latest receipt so far in µs after its intended start; 0 for none.
    last_us: Vec<u64>,
}

/// A [`Latency`] on its way from a child process: `(value_us, count)` pairs, and the last receipt of each event.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LatencyCounts {
    counts: Vec<(u64, u64)>,
    last_us: Vec<u64>,
}

/// The figures that a report prints, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct LatencyMs {
    /// Half of all deliveries took at most this long.
    pub(crate) p50: f64,
    /// 99 of 100 deliveries took at most this long.
    pub(crate) p99: f64,
    /// The slowest delivery.
    pub(crate) max: f64,
    /// The median, over events, of the time until the last client had the event.
    pub(crate) last_p50: f64,
}

impl Latency {
    /// An empty record for `events` events.
    pub(crate) fn new(events: usize) -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("1 µs to 10 minutes in 3 digits are valid bounds");
        Self {
            histogram,
            last_us: vec![0; events],
        }
    }

    /// Notes that one client had event `index` `latency_us` after it was meant to go out.
    pub(crate) fn record(&mut self, index: usize, latency_us: u64) {
        let latency_us = latency_us.max(1);
        self.histogram.saturating_record(latency_us);
        if let Some(last) = self.last_us.get_mut(index) {
            *last = (*last).max(latency_us);
        }
    }

    /// The 99th percentile so far, in microseconds.
    pub(crate) fn p99_us(&self) -> u64 {
        self.histogram.value_at_quantile(0.99)
    }

    /// What a child process sends to its parent.
    pub(crate) fn counts(&self) -> LatencyCounts {
        let counts = self
            .histogram
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect();
        LatencyCounts {
            counts,
            last_us: self.last_us.clone(),
        }
    }

    /// Adds what a child process measured.
    pub(crate) fn add(&mut self, other: &LatencyCounts) {
        for &(value_us, count) in &other.counts {
            self.histogram.saturating_record_n(value_us, count);
        }
        for (mine, theirs) in self.last_us.iter_mut().zip(&other.last_us) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// The figures of a report.
    pub(crate) fn summary(&self) -> LatencyMs {
        let ms = |us: u64| us as f64 / 1_000.0;
        let mut last: Vec<u64> = self.last_us.iter().copied().filter(|&us| us > 0).collect();
        last.sort_unstable();
        LatencyMs {
            p50: ms(self.histogram.value_at_quantile(0.5)),
            p99: ms(self.histogram.value_at_quantile(0.99)),
            max: ms(if self.histogram.is_empty() { 0 } else { self.histogram.max() }),
            last_p50: ms(last.get(last.len() / 2).copied().unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_add_up_to_one_record() {
        let mut here = Latency::new(2);
        let mut there = Latency::new(2);
        for us in 1..=50 {
            here.record(0, us * 1_000);
            there.record(1, (50 + us) * 1_000);
        }
        here.add(&there.counts());
        let all = here.summary();
        assert!((all.p50 - 50.0).abs() < 0.1, "p50 {}", all.p50);
        assert!((all.p99 - 99.0).abs() < 0.2, "p99 {}", all.p99);
        assert!((all.max - 100.0).abs() < 0.2, "max {}", all.max);
        assert!((all.last_p50 - 100.0).abs() < 0.2, "the later of 50 and 100, {}", all.last_p50);
    }

    #[test]
    fn an_empty_record_is_all_zero() {
        let none = Latency::new(3).summary();
        assert_eq!((none.p50, none.p99, none.max, none.last_p50), (0.0, 0.0, 0.0, 0.0));
    }
}
