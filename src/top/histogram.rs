//! Quantiles of what a histogram counted between two looks at it.
//!
//! By linear interpolation within a bucket, as Prometheus' `histogram_quantile` does it: what stands here is what a
//! dashboard shows for the same seconds. Nothing here is exact: a quantile lies in its bucket, and that is all.

use super::exposition::{Exposition, Sample};
use std::collections::BTreeMap;

/// How much a histogram has counted, at or below each bound, over all its labels.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Histogram {
    /// By bound, the lowest first; the last is infinite.
    buckets: Vec<(f64, f64)>,
}

/// One histogram's name, with what its buckets end in.
fn bucket_name(name: &str) -> String {
    format!("{name}_bucket")
}

impl Histogram {
    /// What a page says of the histogram of that name. Series with other labels are added up: they have the same
    /// bounds.
    pub(super) fn read(page: &Exposition, name: &str) -> Histogram {
        let mut buckets: BTreeMap<u64, f64> = BTreeMap::new();
        for sample in page.of(&bucket_name(name)) {
            if let Some(bound) = bound(sample).filter(|_| sample.value >= 0.0) {
                // Of bounds that are not negative the bits are in order.
                *buckets.entry(bound.to_bits()).or_default() += sample.value;
            }
        }
        Histogram {
            buckets: buckets.into_iter().map(|(bits, count)| (f64::from_bits(bits), count)).collect(),
        }
    }

    /// What was counted since an earlier look. Where it has fewer than then, it began anew: all of it.
    pub(super) fn since(&self, earlier: &Histogram) -> Histogram {
        let is_same = self.buckets.len() == earlier.buckets.len() && self.buckets.iter().zip(&earlier.buckets).all(|(a, b)| a.0 == b.0);
        if !is_same || self.count() < earlier.count() {
            return self.clone();
        }
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Histogram {
            buckets: pairs.map(|((bound, now), (_, then))| (*bound, (now - then).max(0.0))).collect(),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// The value at or below which a share of all lies; nothing where there is none. Beyond the last finite bound
    /// it is that bound: nobody knows more.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share.clamp(0.0, 1.0) * self.count();
        if self.count() <= 0.0 || !rank.is_finite() {
            return None;
        }
        let (mut from, mut below) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            if *count >= rank && *count > below {
                let within = (rank - below) / (count - below);
                return Some(if bound.is_finite() { from + (bound - from) * within } else { from });
            }
            if bound.is_finite() {
                from = *bound;
            }
            below = below.max(*count);
        }
        Some(from)
    }
}

/// A bucket's upper bound, where it is one.
fn bound(sample: &Sample) -> Option<f64> {
    let bound: f64 = sample.label("le")?.parse().ok()?;
    (bound >= 0.0).then_some(bound + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(counts: &[(&str, f64)]) -> Exposition {
        let lines: Vec<String> = counts
            .iter()
            .map(|(le, count)| format!("x_bucket{{le=\"{le}\"}} {count}"))
            .collect();
        Exposition::parse(&lines.join("\n"))
    }

    fn read(counts: &[(&str, f64)]) -> Histogram {
        Histogram::read(&page(counts), "x")
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let histogram = read(&[("0.001", 0.0), ("0.002", 90.0), ("0.004", 100.0), ("+Inf", 100.0)]);
        let at = |share| histogram.quantile(share).unwrap();
        assert_eq!(at(0.45), 0.0015);
        assert!((at(0.95) - 0.003).abs() < 1e-12);
        assert_eq!((at(0.0), at(1.0)), (0.001, 0.004));
        assert_eq!(
            read(&[("0.001", 5.0), ("+Inf", 10.0)]).quantile(0.99),
            Some(0.001),
            "beyond the last bound"
        );
    }

    #[test]
    fn only_what_came_since_counts() {
        let then = read(&[("0.001", 1_000.0), ("0.002", 1_000.0), ("+Inf", 1_000.0)]);
        let now = read(&[("0.001", 1_000.0), ("0.002", 1_010.0), ("+Inf", 1_010.0)]);
        let since = now.since(&then);
        assert_eq!((since.count(), since.quantile(0.5)), (10.0, Some(0.0015)));
        assert_eq!(now.since(&now).quantile(0.5), None, "nothing came");
        assert_eq!(then.since(&now), then, "it began anew");
        let other = read(&[("0.001", 1.0), ("0.5", 1.0), ("+Inf", 1.0)]);
        assert_eq!(now.since(&other), now, "it is another");
    }

    #[test]
    fn series_with_other_labels_are_added_up() {
        let text = "x_bucket{what=\"a\",le=\"1\"} 3\nx_bucket{what=\"a\",le=\"+Inf\"} 4\nx_bucket{what=\"b\",le=\"1.0\"} 1\nx_bucket{le=\"+Inf\",what=\"b\"} 1";
        let histogram = Histogram::read(&Exposition::parse(text), "x");
        assert_eq!(histogram.buckets, [(1.0, 4.0), (f64::INFINITY, 5.0)]);
    }

    #[test]
    fn none_is_none() {
        let none = read(&[]);
        assert_eq!(
            (none.count(), none.quantile(0.5), none.since(&none).quantile(0.5)),
            (0.0, None, None)
        );
    }

    proptest! {
        /// Against a plain list of values: the quantile is in the bucket of the value of that rank.
        #[test]
        fn a_quantile_is_in_the_right_bucket(values in proptest::collection::vec(0..2_000u32, 1..200), share in 0.01..1.0f64) {
            let bounds = [1u32, 10, 100, 1_000];
            let mut counts: Vec<(String, f64)> = bounds
                .iter()
                .map(|bound| (bound.to_string(), values.iter().filter(|value| *value <= bound).count() as f64))
                .collect();
            counts.push(("+Inf".to_owned(), values.len() as f64));
            let counts: Vec<(&str, f64)> = counts.iter().map(|(le, count)| (&**le, *count)).collect();
            let found = read(&counts).quantile(share).unwrap();
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let value = sorted[rank - 1];
            let upper = bounds.iter().find(|bound| value <= **bound).map_or(1_000, |bound| *bound);
            let lower = bounds.iter().rev().find(|bound| value > **bound).map_or(0, |bound| *bound);
            prop_assert!(found >= f64::from(lower.min(1_000)) && found <= f64::from(upper), "{found} for {value}");
        }

        #[test]
        fn no_page_makes_it_fail(counts in proptest::collection::vec((any::<String>(), any::<f64>()), 0..20), share in any::<f64>()) {
            let lines: Vec<String> = counts.iter().map(|(le, count)| format!("x_bucket{{le={le:?}}} {count}")).collect();
            let one = Histogram::read(&Exposition::parse(&lines.join("\n")), "x");
            let other = Histogram::read(&Exposition::parse(&lines[..lines.len() / 2].join("\n")), "x");
            let _ = (one.since(&other).quantile(share), other.since(&one).quantile(share));
        }
    }
}
