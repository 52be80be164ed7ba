//! A run as one page that needs nothing else: no script, no font, no picture from anywhere.
//!
//! Every plot has a table with its numbers. Given a second run, each plot shows both (the other one
//! dashed) and a table says the ratio of every figure. What comes from outside (commands, faults,
//! names) is escaped.

mod element;
mod plot;
mod seconds;
mod times;

use crate::report::{Figure, figures, floor_name, number, ratio, who};
use crate::shape::RunReport;
use element::{cell, escape, list, row, section, table};
use std::fmt::Write as _;

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
    html.push_str(&times::latency(report, other));
    html.push_str(&times::by_event(report, other));
    html.push_str(&seconds::timeline(report, other));
    html.push_str(&all_figures(report, other));
    _ = write!(
        html,
        "<footer>Times are from the moment an event was due to its receipt, so a late post or a stalled server \
         makes them longer and never drops a sample. The floor repeats the same sends in a bare loop on the same machine.</footer>\n\
         </main>\n</body>\n</html>\n"
    );
    html
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
    html.push_str(&list("What was not verified", "notes", &report.notes));
    let untold = report.fault_count.saturating_sub(report.faults.len() as u64);
    let more = (untold > 0 && !report.faults.is_empty()).then(|| format!("and {} more", number(untold as f64)));
    let faults: Vec<String> = report.faults.iter().cloned().chain(more).collect();
    html.push_str(&list("What was wrong", "faults", &faults));
    html
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

/// As it is called beside the other run's.
fn compared(name: &str, dashed: bool) -> String {
    format!("{name}{}", if dashed { " (other run)" } else { "" })
}

#[cfg(test)]
mod tests;
