//! A run as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! Every plot has a table with its numbers. Given a second run, each plot shows both (the other one
//! dashed) and a table says the ratio of every figure. What comes from outside (commands, faults,
//! names) is escaped. Bounded: a table of seconds has at most [`SECONDS_SHOWN_MAX`] rows.

mod plot;

use crate::report::{Figure, figures, floor_name, number, ratio, who};
use crate::shape::{Distribution, Floor, RunReport, Second};
use plot::{Axis, Plot, Series};
use std::fmt::Write as _;

/// Rows of the table of seconds; of a longer run it shows every n-th.
const SECONDS_SHOWN_MAX: usize = 240;

/// Widths and heights of the plots, in SVG units: one in a row, and two.
const WIDE: (f64, f64) = (860.0, 380.0);
const HALF: (f64, f64) = (480.0, 230.0);

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

/// The page of `report`, beside `other` where there is one.
pub(crate) fn page(report: &RunReport, other: Option<&RunReport>) -> String {
    let title = format!("{} · scorewire load test", escape(&report.scenario));
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<main>\n",
        include_str!("html/style.css")
    );
    // Writing to a string can't fail, here and below.
    _ = write!(html, "{}{}", head(report), tiles(report, other));
    html.push_str(&verdict_details(report));
    html.push_str(&latency(report, other));
    html.push_str(&by_event(report, other));
    html.push_str(&timeline(report, other));
    html.push_str(&all_figures(report, other));
    _ = write!(
        html,
        "<footer>Times are from the moment an event was due to its receipt, so a late post or a stalled server \
         makes them longer and never drops a sample. The floor repeats the same sends in a bare loop on the same machine.</footer>\n\
         </main>\n</body>\n</html>\n"
    );
    html
}

/// Text that means nothing to HTML.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn head(report: &RunReport) -> String {
    let (class, verdict) = match report.ok {
        true => ("good", "✓ Nothing lost, nothing wrong, every limit held".to_owned()),
        false if report.fault_count > 0 => ("bad", format!("✗ {} faults", number(report.fault_count as f64))),
        false if report.limits.iter().any(|limit| !limit.held) => ("bad", "✗ Over a limit".to_owned()),
        false => ("bad", "✗ Not right".to_owned()),
    };
    let machine = &report.machine;
    format!(
        "<header><div><p class=\"eyebrow\">Scorewire load test</p>\n<h1>{scenario}</h1></div>\n\
         <p class=\"verdict {class}\">{verdict}</p></header>\n\
         <p class=\"facts\">{who}, {events} events, {duration} s{coding} · {began} · {cores} cores, {model}, Linux {kernel}<br>\
         <code>{command}</code></p>\n",
        scenario = escape(&report.scenario),
        who = who(report),
        events = number(report.events as f64),
        duration = number((report.duration_s * 10.0).round() / 10.0),
        coding = if report.coding.is_empty() {
            String::new()
        } else {
            format!(", {}", escape(&report.coding))
        },
        began = utc(report.began_us),
        cores = machine.cores,
        model = escape(&machine.model),
        kernel = escape(&machine.kernel),
        command = escape(&report.command),
    )
}

/// `2026-09-13 17:04:05 UTC`.
fn utc(wall_us: u64) -> String {
    let seconds = wall_us / 1_000_000;
    // Days to a date in the Gregorian calendar whose years begin in March (H. Hinnant, "chrono-compatible
    // low-level date algorithms").
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153;
    let (day, month) = (
        day_of_year - (153 * months + 2) / 5 + 1,
        if months < 10 { months + 3 } else { months - 9 },
    );
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// The figures that one looks for first.
fn tiles(report: &RunReport, other: Option<&RunReport>) -> String {
    let mut wanted: Vec<(String, &str, String)> = vec![
        ("latency, p99 ms".into(), "ms", "99th percentile, due to receipt".into()),
        (
            "to the last client, p50 ms".into(),
            "ms",
            "until the last client, median event".into(),
        ),
        ("server CPU per delivery, µs".into(), "µs", "server CPU per delivery".into()),
    ];
    for floor in report.floors.iter().map(floor_name) {
        wanted.push((format!("CPU over {floor}"), "×", format!("server CPU over {floor}")));
        wanted.push((format!("{floor}: CPU per delivery, µs"), "µs", format!("CPU per delivery, {floor}")));
        wanted.push((format!("{floor}: latency, p99 ms"), "ms", format!("99th percentile, {floor}")));
    }
    wanted.push(("memory per connection, KiB".into(), "KiB", "memory per connection".into()));
    wanted.push(("deliveries".into(), "", "deliveries".into()));
    let figures = figures(report, other);
    let mut html = String::from("<div class=\"tiles\">\n");
    let found = wanted.iter().filter_map(|(name, unit, label)| {
        let figure = figures.iter().find(|figure| figure.name == *name)?;
        Some((figure, unit, label))
    });
    for (figure, unit, label) in found.take(8) {
        _ = write!(
            html,
            "<dl class=\"tile\"><dt>{}</dt><dd>{} <small>{unit}</small></dd>",
            escape(label),
            number(figure.this)
        );
        if let Some((before, times)) = figure.other.and_then(|before| Some((before, ratio(figure.this, before)?))) {
            _ = write!(html, "<dd class=\"was\">other run {}, × {times:.2}</dd>", number(before));
        }
        html.push_str("</dl>\n");
    }
    html + "</div>\n"
}

/// Limits, faults and what was not verified, where there are any.
fn verdict_details(report: &RunReport) -> String {
    let mut html = String::new();
    if !report.limits.is_empty() {
        html.push_str("<section>\n<h2>Limits</h2>\n");
        let rows = report.limits.iter().map(|limit| {
            let (class, verdict) = match &limit.reason {
                _ if limit.held => ("good", "✓ held".to_owned()),
                Some(reason) => ("bad", format!("✗ not held: {}", escape(reason))),
                None => ("bad", "✗ not held".to_owned()),
            };
            let cells = [number(limit.most), number(limit.measured)].map(|figure| format!("<td>{figure}</td>"));
            row(&limit.name, &format!("{}<td class=\"{class}\">{verdict}</td>", cells.concat()))
        });
        html.push_str(&table(
            "Limits given, and what was measured",
            &["limit", "at most", "measured", "verdict"],
            rows,
        ));
        html.push_str("</section>\n");
    }
    if !report.notes.is_empty() {
        html.push_str("<section>\n<h2>What was not verified</h2>\n<ul>\n");
        report.notes.iter().for_each(|note| html += &format!("<li>{}</li>\n", escape(note)));
        html.push_str("</ul>\n</section>\n");
    }
    if !report.faults.is_empty() {
        let told = report.faults.len() as u64;
        html.push_str("<section>\n<h2>What was wrong</h2>\n<ul class=\"faults\">\n");
        for fault in &report.faults {
            _ = writeln!(html, "<li>{}</li>", escape(fault));
        }
        if report.fault_count > told {
            _ = writeln!(html, "<li>and {} more</li>", number((report.fault_count - told) as f64));
        }
        html.push_str("</ul>\n</section>\n");
    }
    html
}

/// Percentiles of all deliveries: the server's, and the floors'.
fn latency(report: &RunReport, other: Option<&RunReport>) -> String {
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
fn by_event(report: &RunReport, other: Option<&RunReport>) -> String {
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

/// What happened second by second.
fn timeline(report: &RunReport, other: Option<&RunReport>) -> String {
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

/// Every figure; beside the other run's where there is one.
fn all_figures(report: &RunReport, other: Option<&RunReport>) -> String {
    let rows = figures(report, other).into_iter().map(|Figure { name, this, other: before }| {
        let mut cells = cell(Some(this));
        if other.is_some() {
            let times = before.and_then(|before| ratio(this, before));
            let times = times.map_or_else(|| "–".to_owned(), |times| format!("{times:.2}"));
            cells += &format!("{}<td>{times}</td>", cell(before));
        }
        row(&name, &cells)
    });
    let Some(other) = other else {
        return section("All figures", "", &table("Figures of this run", &["figure", "this run"], rows));
    };
    let note = format!(
        "Compared with <code>{}</code> of {}. Dashed lines above are that run's.",
        escape(&other.command),
        utc(other.began_us)
    );
    let head = ["figure", "this run", "compared with", "ratio"];
    format!(
        "<section>\n<h2>All figures</h2>\n<p class=\"note\">{note}</p>\n{}</section>\n",
        table("Figures of both runs", &head, rows)
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

fn compared(name: &str, dashed: bool) -> String {
    format!("{name}{}", if dashed { " (other run)" } else { "" })
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

fn section(title: &str, note: &str, inside: &str) -> String {
    let note = if note.is_empty() {
        String::new()
    } else {
        format!("<p class=\"note\">{note}</p>\n")
    };
    format!("<section>\n<h2>{title}</h2>\n{note}<div class=\"beside\">\n{inside}</div>\n</section>\n")
}

fn table(caption: &str, head: &[&str], rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    format!(
        "<div class=\"scroll\"><table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn row(name: &str, cells: &str) -> String {
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(name))
}

fn cell(figure: Option<f64>) -> String {
    format!("<td>{}</td>", figure.map_or_else(|| "–".to_owned(), number))
}

#[cfg(test)]
mod tests;
