//! Distributions of times, counted in bulk and shown as Prometheus histograms.
//!
//! The recorder of counters and gauges would take one sample at a time, 55 ns each, and hold them until
//! somebody asks. A shard counts its deliveries for itself and adds a second's worth here at once.

use super::Metric;
use crate::fanout::shard::Latencies;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// A distribution, in powers of two of a microsecond.
#[derive(Debug)]
pub struct Delays {
    metric: &'static Metric,
    counts: [AtomicU64; Latencies::BUCKETS],
    total_us: AtomicU64,
}

/// Bounds are shown from 2³ µs (8 µs) to 2²⁴ µs (17 s).
const SHOWN: std::ops::RangeInclusive<usize> = 3..=24;

impl Delays {
    pub(super) const fn new(metric: &'static Metric) -> Delays {
        Delays {
            metric,
            counts: [const { AtomicU64::new(0) }; Latencies::BUCKETS],
            total_us: AtomicU64::new(0),
        }
    }

    /// Counts one.
    pub fn record(&self, us: i64) {
        self.counts[Latencies::bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(us.max(0) as u64, Ordering::Relaxed);
    }

    /// Counts many.
    pub fn add(&self, latencies: &Latencies) {
        for (mine, more) in self.counts.iter().zip(latencies.counts()).filter(|(_, more)| **more > 0) {
            mine.fetch_add(u64::from(*more), Ordering::Relaxed);
        }
        self.total_us.fetch_add(latencies.total_us(), Ordering::Relaxed);
    }

    /// Writes the histogram as Prometheus reads it.
    pub(super) fn write(&self, page: &mut String) {
        let Metric { name, help, .. } = self.metric;
        let mut below = 0;
        let mut lines = format!("# HELP {name} {help}\n# TYPE {name} histogram\n");
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            if SHOWN.contains(&bucket) {
                let seconds = (1u64 << bucket) as f64 / 1e6;
                writeln!(lines, "{name}_bucket{{le=\"{seconds}\"}} {below}").expect("memory");
            }
        }
        let sum = self.total_us.load(Ordering::Relaxed) as f64 / 1e6;
        writeln!(
            lines,
            "{name}_bucket{{le=\"+Inf\"}} {below}\n{name}_sum {sum}\n{name}_count {below}\n"
        )
        .expect("memory");
        page.push_str(&lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::WALK;

    #[test]
    fn what_is_counted_is_shown_at_or_below_its_bound() {
        let delays = Delays::new(&WALK);
        let mut many = Latencies::default();
        many.record_many(8, 3);
        many.record(i64::MAX);
        delays.add(&many);
        delays.record(7);
        delays.record(-1);
        let mut page = String::new();
        delays.write(&mut page);
        let value = |start: &str| {
            let line = page.lines().find(|line| line.starts_with(start)).unwrap();
            line.rsplit(' ').next().unwrap().to_owned()
        };
        assert_eq!(value("scorewire_fanout_walk_seconds_bucket{le=\"0.000008\"}"), "2");
        assert_eq!(value("scorewire_fanout_walk_seconds_bucket{le=\"0.000016\"}"), "5");
        assert_eq!(value("scorewire_fanout_walk_seconds_bucket{le=\"16.777216\"}"), "5");
        assert_eq!(value("scorewire_fanout_walk_seconds_bucket{le=\"+Inf\"}"), "6");
        assert_eq!(value("scorewire_fanout_walk_seconds_count"), "6");
    }
}
