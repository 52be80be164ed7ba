//! Latency of deliveries: over all of them, by event (its first and its last client), and second by second.
//!
//! Every time is measured from the moment the event was **due**, not from when it went out: a server
//! (or a poster) that stalls makes the numbers worse instead of making samples disappear (no
//! coordinated omission). Bounded: 3 significant digits from 1 µs to 10 minutes over the run, two
//! numbers per event, and 2 digits for each of the first [`SECONDS_MAX`] seconds.

use crate::shape::{Distribution, Second};
use hdrhistogram::{Counter, Histogram};
use serde::{Deserialize, Serialize};

/// Longest latency told apart, in microseconds; longer ones count as this.
const LATENCY_US_MAX: u64 = 600_000_000;

/// Seconds that the timeline tells apart; later deliveries are missing in it, and in it alone.
const SECONDS_MAX: usize = 2 * 60 * 60;

/// Where the curve of a distribution has points: so many for each halving of the distance to 1 …
const CURVE_STEPS: u32 = 3;
/// … and so many halvings: 1 in a million lies beyond the last point but the slowest.
const CURVE_HALVINGS: u32 = 20;

/// Why a second takes every latency.
const GROWS: &str = "the histogram of a second resizes itself";

/// Latencies of the deliveries of a run.
pub(crate) struct Latency {
    all: Histogram<u64>,
    /// For each event, the earliest and the latest receipt so far in µs after it was due; 0 for none.
    by_event: Vec<(u64, u64)>,
    /// By the second of receipt, counted from the start.
    by_second: Vec<Histogram<u32>>,
}

/// A [`Latency`] on its way from a child process: `(value_us, count)` pairs of the buckets in use.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LatencyCounts {
    all: Vec<(u64, u64)>,
    by_event: Vec<(u64, u64)>,
    by_second: Vec<Vec<(u64, u64)>>,
}

impl Latency {
    /// An empty record for `events` events.
    pub(crate) fn new(events: usize) -> Self {
        Self {
            all: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("1 µs to 10 minutes in 3 digits are valid bounds"),
            by_event: vec![(0, 0); events],
            by_second: Vec::new(),
        }
    }

    /// Notes that one client had event `event`, due `due_us` after the start, `latency_us` after that.
    pub(crate) fn record(&mut self, event: usize, due_us: u64, latency_us: u64) {
        let latency_us = latency_us.clamp(1, LATENCY_US_MAX);
        self.all.saturating_record(latency_us);
        if let Some(times) = self.by_event.get_mut(event) {
            widen(times, (latency_us, latency_us));
        }
        let second = ((due_us + latency_us) / 1_000_000) as usize;
        if second < SECONDS_MAX {
            self.second(second).record(latency_us).expect(GROWS);
        }
    }

    /// The 99th percentile so far, in microseconds.
    pub(crate) fn p99_us(&self) -> u64 {
        self.all.value_at_quantile(0.99)
    }

    /// What a child process sends to its parent.
    pub(crate) fn counts(&self) -> LatencyCounts {
        LatencyCounts {
            all: pairs(&self.all),
            by_event: self.by_event.clone(),
            by_second: self.by_second.iter().map(pairs).collect(),
        }
    }

    /// Adds what a child process measured.
    pub(crate) fn add(&mut self, other: &LatencyCounts) {
        for &(value_us, count) in &other.all {
            self.all.saturating_record_n(value_us, count);
        }
        for (mine, theirs) in self.by_event.iter_mut().zip(&other.by_event) {
            widen(mine, *theirs);
        }
        for (second, counts) in other.by_second.iter().enumerate().take(SECONDS_MAX) {
            let mine = self.second(second);
            for &(value_us, count) in counts {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                mine.record_n(value_us.min(LATENCY_US_MAX), count).expect(GROWS);
            }
        }
    }

    /// Over all deliveries.
    pub(crate) fn distribution(&self) -> Distribution {
        describe(&self.all)
    }

    /// Over events, until the first client had it.
    pub(crate) fn first(&self) -> Distribution {
        self.over_events(|&(first_us, _)| first_us)
    }

    /// Over events, until the last client had it.
    pub(crate) fn last(&self) -> Distribution {
        self.over_events(|&(_, last_us)| last_us)
    }

    /// Deliveries and their latency by the second of receipt, every second up to the last delivery.
    pub(crate) fn timeline(&self) -> Vec<Second> {
        let ms = |histogram: &Histogram<u32>, quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        let seconds = self.by_second.iter().enumerate();
        seconds
            .map(|(at_s, histogram)| Second {
                at_s: at_s as u64,
                deliveries: histogram.len(),
                p50_ms: ms(histogram, 0.5),
                p99_ms: ms(histogram, 0.99),
                ..Second::default()
            })
            .collect()
    }

    fn over_events(&self, which: impl Fn(&(u64, u64)) -> u64) -> Distribution {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, LATENCY_US_MAX, 3).expect("as in `new`");
        for us in self.by_event.iter().map(which).filter(|&us| us > 0) {
            histogram.saturating_record(us);
        }
        describe(&histogram)
    }

    fn second(&mut self, second: usize) -> &mut Histogram<u32> {
        while self.by_second.len() <= second {
            // It grows with what it is given: a quiet second costs next to nothing.
            let mut histogram = Histogram::new_with_max(2, 2).expect("2 digits are a valid precision");
            histogram.auto(true);
            self.by_second.push(histogram);
        }
        &mut self.by_second[second]
    }
}

fn widen(times: &mut (u64, u64), (first_us, last_us): (u64, u64)) {
    times.0 = match (times.0, first_us) {
        (0, only) | (only, 0) => only,
        (mine, theirs) => mine.min(theirs),
    };
    times.1 = times.1.max(last_us);
}

fn pairs<C: Counter>(histogram: &Histogram<C>) -> Vec<(u64, u64)> {
    histogram
        .iter_recorded()
        .map(|step| (step.value_iterated_to(), step.count_at_value().as_u64()))
        .collect()
}

fn describe(histogram: &Histogram<u64>) -> Distribution {
    if histogram.is_empty() {
        return Distribution::default();
    }
    let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    let steps = 0..=CURVE_STEPS * CURVE_HALVINGS;
    let fractions = steps
        .map(|step| 1.0 - 0.5f64.powf(f64::from(step) / f64::from(CURVE_STEPS)))
        .chain([1.0]);
    Distribution {
        count: histogram.len(),
        p50_ms: ms(0.5),
        p90_ms: ms(0.9),
        p99_ms: ms(0.99),
        p999_ms: ms(0.999),
        max_ms: ms(1.0),
        curve: fractions.map(|fraction| (round(fraction, 1e8), ms(fraction))).collect(),
    }
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_add_up_to_one_record() {
        let mut here = Latency::new(2);
        let mut there = Latency::new(2);
        for us in 1..=50 {
            here.record(0, 0, us * 1_000);
            there.record(1, 2_500_000, (50 + us) * 1_000);
        }
        there.record(0, 0, 500);
        let wire = serde_json::to_string(&there.counts()).unwrap();
        here.add(&serde_json::from_str(&wire).unwrap());

        let all = here.distribution();
        assert_eq!(all.count, 101);
        assert!((all.p50_ms - 50.0).abs() < 0.1, "p50 {}", all.p50_ms);
        assert!((all.max_ms - 100.0).abs() < 0.2, "max {}", all.max_ms);
        let (first, last) = (here.first(), here.last());
        assert!((first.p50_ms - 0.5).abs() < 0.01, "the earlier of 1 and 0.5, {}", first.p50_ms);
        assert!((last.p50_ms - 50.0).abs() < 0.1 && (last.max_ms - 100.0).abs() < 0.2, "{last:?}");
        let timeline: Vec<(u64, u64, u64)> = here
            .timeline()
            .iter()
            .map(|second| (second.at_s, second.deliveries, second.p99_ms.round() as u64))
            .collect();
        assert_eq!(timeline, [(0, 51, 50), (1, 0, 0), (2, 50, 100)]);
    }

    #[test]
    fn the_curve_rises_and_lies_closer_towards_the_slowest() {
        let mut latency = Latency::new(0);
        for us in 1..=100_000 {
            latency.record(0, 0, us);
        }
        let curve = latency.distribution().curve;
        assert_eq!((curve[0].0, curve[curve.len() - 1].0), (0.0, 1.0));
        assert!(curve.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1), "{curve:?}");
        let beyond_p99 = curve.iter().filter(|(fraction, _)| *fraction > 0.99).count();
        assert!(
            (50..=80).contains(&curve.len()) && beyond_p99 > 20,
            "{beyond_p99} of {}",
            curve.len()
        );
    }

    #[test]
    fn an_empty_record_is_all_zero() {
        let none = Latency::new(3);
        assert_eq!((none.distribution().max_ms, none.last().count, none.timeline().len()), (0.0, 0, 0));
    }

    #[test]
    fn what_comes_later_than_the_timeline_reaches_counts_elsewhere() {
        let mut latency = Latency::new(1);
        latency.record(0, (SECONDS_MAX as u64) * 1_000_000, 1_000);
        assert_eq!((latency.distribution().count, latency.timeline().len()), (1, 0));
    }
}
