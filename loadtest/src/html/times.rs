//! How long it took: by percentile of the deliveries, and by event.

use super::compared;
use super::element::{cell, row, section, table};
use super::plot::{Axis, Plot, Series, WIDE};
use crate::report::{floor_name, number};
use crate::shape::{Distribution, Floor, RunReport};

/// The colours of the server's times, and of those it has beside its main ones.
const SERVER: usize = 0;
const FIRST: usize = 3;

/// Times that belong together in a plot and its table.
struct Times<'r> {
    name: String,
    colour: usize,
    dashed: bool,
    times: &'r Distribution,
}

/// Percentiles of all deliveries: the server's, and the floors'.
pub(super) fn latency(report: &RunReport, other: Option<&RunReport>) -> String {
    let all = both(report, other, |run| {
        let kernel = run
            .latency_kernel
            .iter()
            .map(|times| ("to the client's kernel".to_owned(), FIRST, times));
        let floors = run
            .floors
            .iter()
            .map(|floor| (floor_name(floor), floor_colour(floor), &floor.latency));
        std::iter::once(("server".to_owned(), SERVER, &run.latency))
            .chain(kernel)
            .chain(floors)
            .collect()
    });
    let most = all.iter().map(|one| 1.0 - 0.5 / one.times.count.max(1) as f64).fold(0.0, f64::max);
    let plot = Plot {
        id: "latency",
        title: "Latency by percentile".to_owned(),
        description: format!(
            "Milliseconds from due to receipt against the percentile, each further nine taking the same room. {}",
            said(&all)
        ),
        size: WIDE,
        x: Axis::percentiles("percentile", most),
        y: Axis::fitting("ms", all.iter().flat_map(|one| [one.times.p50_ms, one.times.max_ms])),
        series: all.iter().map(|one| one.series(percentile_points)).collect(),
    };
    let note = "From the moment an event was due to its receipt by each client. A line that stays flat to the right has no slow few.";
    section("Latency", note, &(plot.html() + &times_table("Latency in milliseconds", &all)))
}

/// How long until the first and until the last client had each event.
pub(super) fn by_event(report: &RunReport, other: Option<&RunReport>) -> String {
    let all = both(report, other, |run| {
        let own = [("last client", SERVER, &run.last), ("first client", FIRST, &run.first)];
        let own = own.map(|(name, colour, times)| (name.to_owned(), colour, times));
        let floors = run.floors.iter();
        let floors = floors.map(|floor| (format!("last client, {}", floor_name(floor)), floor_colour(floor), &floor.last));
        own.into_iter().chain(floors).collect()
    });
    let plot = Plot {
        id: "events",
        title: "Events by the time until their first and their last client".to_owned(),
        description: format!("Share of events that took at most so many milliseconds. {}", said(&all)),
        size: WIDE,
        x: Axis::fitting("ms", all.iter().flat_map(|one| one.times.curve.iter().map(|&(_, ms)| ms))),
        y: Axis::linear("% of events", 100.0),
        series: all.iter().map(|one| one.series(share_points)).collect(),
    };
    let note =
        "The room between the first and the last client of an event is the time it takes to serve everybody: the spread of fairness.";
    section(
        "First and last client",
        note,
        &(plot.html() + &times_table("Milliseconds by event", &all)),
    )
}

impl Times<'_> {
    fn series(&self, points: fn(&Distribution) -> Vec<(f64, f64)>) -> Series {
        Series {
            name: self.name.clone(),
            colour: self.colour,
            dashed: self.dashed,
            points: points(self.times),
        }
    }
}

/// The times of both runs that have any, this run's first.
fn both<'r>(
    report: &'r RunReport,
    other: Option<&'r RunReport>,
    collect: fn(&'r RunReport) -> Vec<(String, usize, &'r Distribution)>,
) -> Vec<Times<'r>> {
    let mut all = Vec::new();
    for (run, dashed) in [(Some(report), false), (other, true)] {
        let named = run.map(collect).unwrap_or_default().into_iter();
        all.extend(named.filter(|(_, _, times)| times.count > 0).map(|(name, colour, times)| Times {
            name: compared(&name, dashed),
            colour,
            dashed,
            times,
        }));
    }
    all
}

/// The same floor has the same colour in every plot and both runs.
fn floor_colour(floor: &Floor) -> usize {
    match (floor.via.as_str(), floor.threads) {
        ("send", 1) => 1,
        ("io_uring", 1) => 2,
        ("send", _) => 4,
        _ => 5,
    }
}

/// `(fraction, ms)`; the slowest lies where its share of the samples begins.
fn percentile_points(times: &Distribution) -> Vec<(f64, f64)> {
    let most = 1.0 - 0.5 / times.count.max(1) as f64;
    times.curve.iter().map(|&(fraction, ms)| (fraction.min(most), ms)).collect()
}

/// `(ms, percent of samples)`.
fn share_points(times: &Distribution) -> Vec<(f64, f64)> {
    times.curve.iter().map(|&(fraction, ms)| (ms, fraction * 100.0)).collect()
}

/// A plot in words.
fn said(all: &[Times<'_>]) -> String {
    let each = all.iter().map(|Times { name, times, .. }| {
        let [p50, p99, max] = [times.p50_ms, times.p99_ms, times.max_ms].map(number);
        format!("{name}: median {p50}, 99th percentile {p99}, slowest {max}.")
    });
    each.collect::<Vec<_>>().join(" ")
}

fn times_table(caption: &str, all: &[Times<'_>]) -> String {
    let rows = all.iter().map(|Times { name, times, .. }| {
        let figures = [times.p50_ms, times.p90_ms, times.p99_ms, times.p999_ms, times.max_ms].map(|ms| cell(Some(ms)));
        row(name, &(figures.concat() + &cell(Some(times.count as f64))))
    });
    table(caption, &["", "p50", "p90", "p99", "p99.9", "slowest", "samples"], rows)
}
