//! What follows from two looks: levels from the later one, rates and delays from the difference.
//!
//! A counter that is lower than it was belongs to a process that began anew; then all that it has counts, as
//! Prometheus has it.

use super::exposition::{Exposition, Sample};
use super::histogram::Histogram;
use super::look::Look;
use crate::telemetry::Metric;
use std::collections::VecDeque;

/// Time over which rates and delays are taken. Shards hand their counts over once a second: over less than a few of
/// those a rate would flicker.
pub(super) const WINDOW_US: i64 = 5_500_000;

/// The last looks at a server.
pub(super) struct History {
    name: String,
    looks: VecDeque<Look>,
    lost: Option<Lost>,
}

/// A look that came to nothing.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Lost {
    /// When it did, by the clock that nobody sets.
    pub(super) at_us: i64,
    pub(super) why: String,
}

impl History {
    /// A history that begins with this look.
    pub(super) fn new(name: String, first: Look) -> History {
        History {
            name,
            looks: VecDeque::from([first]),
            lost: None,
        }
    }

    /// Adds a look, and forgets those that are too old to be compared with it.
    pub(super) fn add(&mut self, look: Look) {
        self.lost = None;
        while self.looks.len() > 1 && look.steady_us - self.looks[0].steady_us > WINDOW_US {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// A look that came to nothing, at this time by the clock that nobody sets.
    pub(super) fn lose(&mut self, now_us: i64, why: String) {
        self.lost = Some(Lost { at_us: now_us, why });
    }

    /// The last looks as a window.
    pub(super) fn window(&self) -> Window<'_> {
        let now = &self.looks[self.looks.len() - 1];
        let seconds = (now.steady_us - self.looks[0].steady_us) as f64 / 1e6;
        Window {
            name: &self.name,
            then: &self.looks[0],
            now,
            seconds,
            lost: self.lost.as_ref(),
        }
    }
}

/// The time between two looks. Rates of one look alone are no numbers.
pub(super) struct Window<'a> {
    /// The server's address.
    pub(super) name: &'a str,
    then: &'a Look,
    /// The later look.
    pub(super) now: &'a Look,
    /// How long it is.
    pub(super) seconds: f64,
    /// Where the last question had no answer.
    pub(super) lost: Option<&'a Lost>,
}

/// A label and its value.
pub(super) type Labelled<'a> = (&'a str, &'a str);

/// How much was counted under one label's value.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Part<'a> {
    /// The label's value.
    pub(super) value: &'a str,
    /// All of it since the server's start.
    pub(super) total: f64,
    /// What came a second.
    pub(super) rate: f64,
}

impl<'a> Window<'a> {
    /// Whether the server has that metric.
    pub(super) fn has(&self, metric: &Metric) -> bool {
        !self.now.page.of(metric.name).is_empty()
    }

    /// A metric now, all its labels together.
    pub(super) fn level(&self, metric: &Metric) -> f64 {
        sum(&self.now.page, metric, None)
    }

    /// A metric now, under one label's value.
    pub(super) fn level_of(&self, metric: &Metric, label: Labelled<'_>) -> f64 {
        sum(&self.now.page, metric, Some(label))
    }

    /// The samples of a metric now.
    pub(super) fn samples(&self, metric: &Metric) -> &'a [Sample] {
        self.now.page.of(metric.name)
    }

    /// How much a counter gained a second.
    pub(super) fn rate(&self, metric: &Metric) -> f64 {
        self.gain(metric, None) / self.seconds
    }

    /// The same under one label's value.
    pub(super) fn rate_of(&self, metric: &Metric, label: Labelled<'_>) -> f64 {
        self.gain(metric, Some(label)) / self.seconds
    }

    /// How much a counter gained; nothing where there is only one look.
    pub(super) fn gained(&self, metric: &Metric) -> f64 {
        if self.seconds > 0.0 { self.gain(metric, None) } else { 0.0 }
    }

    fn gain(&self, metric: &Metric, label: Option<Labelled<'_>>) -> f64 {
        let (then, now) = (sum(&self.then.page, metric, label), sum(&self.now.page, metric, label));
        if now >= then { now - then } else { now }
    }

    /// A counter by the values of one of its labels, in the page's order.
    pub(super) fn parts(&self, metric: &Metric, label: &str) -> Vec<Part<'a>> {
        let mut parts: Vec<Part<'a>> = Vec::new();
        for sample in self.samples(metric) {
            let Some(value) = sample.label(label) else { continue };
            if parts.iter().all(|part| part.value != value) {
                parts.push(Part {
                    value,
                    total: self.level_of(metric, (label, value)),
                    rate: self.rate_of(metric, (label, value)),
                });
            }
        }
        parts
    }

    /// What a histogram counted within the window; of one look alone, since the server's start.
    pub(super) fn delays(&self, metric: &Metric) -> Histogram {
        let now = Histogram::read(&self.now.page, metric.name);
        match self.seconds > 0.0 {
            true => now.since(&Histogram::read(&self.then.page, metric.name)),
            false => now,
        }
    }
}

fn sum(page: &Exposition, metric: &Metric, label: Option<Labelled<'_>>) -> f64 {
    let samples = page.of(metric.name).iter();
    let counted = samples.filter(|sample| label.is_none_or(|(name, value)| sample.label(name) == Some(value)));
    counted.map(|sample| sample.value).filter(|value| !value.is_nan()).sum()
}
