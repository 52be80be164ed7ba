//! What the server turned away or ended for something of its own, gathered from the metrics that count it.

use super::line::{Line, Style, foreign};
use super::page::{figures, fitted, heading, labelled, whole};
use super::window::{Part, Window};
use crate::figures::short;
use crate::telemetry::Metric;
use crate::telemetry::table::*;

/// Something that the server refused, or ended.
struct Refusal<'a> {
    what: &'static str,
    part: Part<'a>,
}

fn refusals<'a>(window: &Window<'a>) -> Vec<Refusal<'a>> {
    const ENDED: [&str; 5] = ["stalled", "overloaded", "silent", "too_many_messages", "unfinished_message"];
    const GOOD: [&str; 2] = ["ok", "done"];
    const EVENTS_REFUSED: [&str; 6] = [
        "rejected",
        "full",
        "too_many_games",
        "too_many_players",
        "directory_full",
        "game_expired",
    ];
    let counted: [(&'static str, &Metric, &str); 11] = [
        ("connections", &REFUSED_CONNECTIONS, "reason"),
        ("requests", &REFUSED_REQUESTS, "reason"),
        ("events", &EVENTS, "outcome"),
        ("tokens", &AUTH_CHECKS, "outcome"),
        ("for want of a token", &AUTH_REFUSED, "scope"),
        ("topics", &REFUSED_TOPICS, "reason"),
        ("TLS handshakes", &HANDSHAKES, "outcome"),
        ("shed", &MEMORY_SHED, "what"),
        ("clients closed", &CLOSED, "reason"),
        ("feeds closed", &FEEDS_CLOSED, "reason"),
        ("models", &MODEL_LOADS, "result"),
    ];
    let is_refusal = |what: &str, value: &str| match what {
        "events" => EVENTS_REFUSED.contains(&value),
        "clients closed" | "feeds closed" => ENDED.contains(&value),
        "models" => value == "refused",
        _ => !GOOD.contains(&value),
    };
    let mut found: Vec<Refusal<'a>> = Vec::new();
    for (what, metric, label) in counted {
        let parts = window.parts(metric, label).into_iter();
        let parts = parts.filter(|part| part.total > 0.0 && is_refusal(what, part.value));
        found.extend(parts.map(|part| Refusal { what, part }));
    }
    for (what, metric) in [("foreign pages", &ORIGINS_REFUSED), ("lineups", &LINEUPS_REFUSED)] {
        let part = Part {
            value: "",
            total: window.level(metric),
            rate: window.rate(metric),
        };
        found.extend((part.total > 0.0).then_some(Refusal { what, part }));
    }
    // Rates of one look alone are no numbers: then by how many there were.
    let weight = |refusal: &Refusal<'_>| (refusal.part.rate.max(0.0), refusal.part.total);
    found.sort_by(|one, other| {
        let (one, other) = (weight(one), weight(other));
        other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1))
    });
    found
}

/// All of it in one line: how much comes now, how much came, and what most of it is.
pub(super) fn refused_line(window: &Window<'_>, columns: usize) -> Line {
    let found = refusals(window);
    let total: f64 = found.iter().map(|refusal| refusal.part.total).sum();
    if total == 0.0 {
        return figures("refused", vec!["nothing since the start".to_owned()], columns);
    }
    let rate: f64 = found.iter().map(|refusal| refusal.part.rate).sum();
    let most = found.iter().take(3);
    let most = most.map(|refusal| format!("{} {} {}", refusal.what, foreign(refusal.part.value, 20), whole(refusal.part.total)));
    let style = if rate > 0.0 { Style::Warn } else { Style::Plain };
    let all = [
        (style, format!("{}/s", short(rate))),
        (Style::Plain, format!("{} since the start", whole(total))),
    ];
    let parts = all.into_iter().chain(most.map(|part| (Style::Plain, part)));
    fitted(labelled("refused"), parts, columns)
}

/// What was refused, a line each.
pub(super) fn refusal_table(window: &Window<'_>) -> Vec<Line> {
    let mut lines = vec![heading(format!(
        "{:<34}{:>10}{:>14}",
        "REFUSED OR ENDED", "a second", "since start"
    ))];
    let found = refusals(window);
    if found.is_empty() {
        lines.push(Line::of(Style::Dim, "nothing since the start"));
    }
    for Refusal { what, part } in found {
        let name = format!("{what} {}", foreign(part.value, 20));
        let style = if part.rate > 0.0 { Style::Warn } else { Style::Plain };
        lines.push(Line::of(
            style,
            format!("{name:<34}{:>10}{:>14}", short(part.rate), whole(part.total)),
        ));
    }
    lines
}
