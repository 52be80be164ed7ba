//! What happened second by second. Bounded: the table has at most [`SECONDS_SHOWN_MAX`] rows.

use super::compared;
use super::element::{cell, escape, row, section, table};
use super::plot::{Axis, HALF, Plot, Series};
use crate::report::number;
use crate::shape::{RunReport, Second};
use std::fmt::Write as _;

/// Rows of the table of seconds; of a longer run it shows every n-th.
pub(super) const SECONDS_SHOWN_MAX: usize = 240;

/// What happened second by second.
pub(super) fn timeline(report: &RunReport, other: Option<&RunReport>) -> String {
    let plots = [
        over_time(
            "rate",
            "Deliveries a second",
            "",
            report,
            other,
            &[("deliveries", 0, |second| Some(second.deliveries as f64))],
        ),
        over_time(
            "seconds",
            "Latency of the deliveries of each second",
            "ms",
            report,
            other,
            &[
                ("p50", 0, |second| (second.deliveries > 0).then_some(second.p50_ms)),
                ("p99", 1, |second| (second.deliveries > 0).then_some(second.p99_ms)),
            ],
        ),
        over_time(
            "cores",
            "Server CPU",
            "cores",
            report,
            other,
            &[("server", 0, |second| second.server_cores)],
        ),
        over_time(
            "rss",
            "Server memory",
            "MiB resident",
            report,
            other,
            &[("server", 0, |second| Some(second.server_rss_kib? as f64 / 1024.0))],
        ),
    ];
    if plots.iter().all(Option::is_none) {
        return String::new();
    }
    let mut html = String::from("<div class=\"small\">\n");
    for plot in plots.into_iter().flatten() {
        _ = write!(html, "<div><h3>{}</h3>\n{}</div>\n", escape(&plot.title), plot.html());
    }
    html.push_str("</div>\n");
    html.push_str(&seconds_table(&report.timeline));
    section("Second by second", "", &html)
}

/// What a second has, where it has it.
type Reading = fn(&Second) -> Option<f64>;

fn over_time(
    id: &'static str,
    title: &str,
    unit: &str,
    report: &RunReport,
    other: Option<&RunReport>,
    readings: &[(&str, usize, Reading)],
) -> Option<Plot> {
    let mut series = Vec::new();
    for (run, dashed) in [(Some(report), false), (other, true)] {
        for (name, colour, reading) in readings {
            let seconds = run.map_or(&[][..], |run| &run.timeline);
            series.push(Series {
                name: compared(name, dashed),
                colour: *colour,
                dashed,
                points: seconds
                    .iter()
                    .filter_map(|second| Some((second.at_s as f64, reading(second)?)))
                    .collect(),
            });
        }
    }
    series.retain(|series| !series.points.is_empty());
    let points = || series.iter().flat_map(|series| &series.points);
    let (end_s, most) = points().fold((0f64, 0f64), |(end_s, most), &(at_s, value)| (end_s.max(at_s), most.max(value)));
    let label = if unit.is_empty() { "a second" } else { unit };
    let y = match id {
        "seconds" => Axis::fitting(label, points().map(|point| point.1)),
        _ => Axis::linear(label, most),
    };
    (!series.is_empty()).then(|| Plot {
        id,
        title: title.to_owned(),
        description: format!("{title}, over {} seconds; at most {} {label}.", number(end_s + 1.0), number(most)),
        size: HALF,
        x: Axis::linear("seconds from the start", end_s),
        y,
        series,
    })
}

fn seconds_table(timeline: &[Second]) -> String {
    let every = timeline.len().div_ceil(SECONDS_SHOWN_MAX).max(1);
    let rows = timeline.iter().step_by(every).map(|second| {
        let rss_mib = second.server_rss_kib.map(|kib| kib as f64 / 1024.0);
        let figures = [
            Some(second.deliveries as f64),
            Some(second.p50_ms),
            Some(second.p99_ms),
            second.server_cores,
            rss_mib,
        ];
        row(&second.at_s.to_string(), &figures.map(cell).concat())
    });
    let head = ["second", "deliveries", "p50 ms", "p99 ms", "server cores", "server MiB"];
    let which = if every == 1 { String::new() } else { format!(" (one of {every})") };
    let table = table(&format!("Every second{which}"), &head, rows);
    format!("<details><summary>The same as a table</summary>\n{table}</details>\n")
}
