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

/// A distribution around a promise, which powers of two would blur: by bounds of its own, told one at a time.
#[derive(Debug)]
pub struct Promised<const BOUNDS: usize> {
    bounds_us: [u64; BOUNDS],
    counts: [AtomicU64; BOUNDS],
    longer: AtomicU64,
    total_us: AtomicU64,
}

impl<const BOUNDS: usize> Promised<BOUNDS> {
    /// Bounds in microseconds, the lowest first.
    pub(super) const fn new(bounds_us: [u64; BOUNDS]) -> Promised<BOUNDS> {
        Promised {
            bounds_us,
            counts: [const { AtomicU64::new(0) }; BOUNDS],
            longer: AtomicU64::new(0),
            total_us: AtomicU64::new(0),
        }
    }

    /// Counts one. Negative times (a clock set back) count as none.
    pub fn record(&self, us: i64) {
        let us = us.max(0) as u64;
        let place = self.bounds_us.iter().position(|bound| us <= *bound);
        place
            .map_or(&self.longer, |place| &self.counts[place])
            .fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Adds the lines of a Prometheus histogram under one label.
    pub(super) fn write(&self, name: &str, label: &str, lines: &mut String) {
        let mut below = 0;
        for (bound_us, count) in self.bounds_us.iter().zip(&self.counts) {
            below += count.load(Ordering::Relaxed);
            let seconds = *bound_us as f64 / 1e6;
            writeln!(lines, "{name}_bucket{{{label},le=\"{seconds}\"}} {below}").expect("memory");
        }
        below += self.longer.load(Ordering::Relaxed);
        let sum = self.total_us.load(Ordering::Relaxed) as f64 / 1e6;
        writeln!(
            lines,
            "{name}_bucket{{{label},le=\"+Inf\"}} {below}\n{name}_sum{{{label}}} {sum}\n{name}_count{{{label}}} {below}"
        )
        .expect("memory");
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

    #[test]
    fn what_is_promised_has_a_bound_of_its_own() {
        let delays = Promised::new([1_000, 5_000]);
        [-1, 1_000, 5_000, 5_001].into_iter().for_each(|us| delays.record(us));
        let mut lines = String::new();
        delays.write("x_seconds", "kind=\"y\"", &mut lines);
        let expected = [
            "x_seconds_bucket{kind=\"y\",le=\"0.001\"} 2",
            "x_seconds_bucket{kind=\"y\",le=\"0.005\"} 3",
            "x_seconds_bucket{kind=\"y\",le=\"+Inf\"} 4",
            "x_seconds_sum{kind=\"y\"} 0.011001",
            "x_seconds_count{kind=\"y\"} 4",
        ];
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    }
}
