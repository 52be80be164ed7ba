//! The upper part of the page: where and how the server is, what stands out, and a line of figures about each of
//! its parts.

use super::alarms::{Alarm, is_on, last_heard_s};
use super::line::{Line, Style, foreign};
use super::refusals::refused_line;
use super::window::{Part, Window};
use crate::figures::{bytes, clock_time, count, duration, percent, short};
use crate::telemetry::table::*;

/// Columns of what stands before a line's figures.
const LABEL: usize = 9;
/// What separates figures.
pub(super) const GAP: &str = " · ";

/// A line that begins with what it is about.
pub(super) fn labelled(label: &str) -> Line {
    Line::of(Style::Dim, format!("{label:LABEL$}"))
}

/// A line of figures, those that matter most first: what does not fit whole is left out.
pub(super) fn fitted(mut line: Line, parts: impl IntoIterator<Item = (Style, String)>, columns: usize) -> Line {
    for (place, (style, text)) in parts.into_iter().enumerate() {
        let gap = if place == 0 { "" } else { GAP };
        if place > 0 && line.columns() + gap.chars().count() + text.chars().count() > columns {
            break;
        }
        line.push(Style::Dim, gap);
        line.push(style, text);
    }
    line
}

/// A line of figures about one thing.
pub(super) fn figures(label: &str, parts: Vec<String>, columns: usize) -> Line {
    fitted(labelled(label), parts.into_iter().map(|part| (Style::Plain, part)), columns)
}

/// A figure without a fraction.
pub(super) fn whole(number: f64) -> String {
    count(number.max(0.0) as u64)
}

fn size(number: f64) -> String {
    bytes(number.max(0.0) as u64)
}

/// A table's first line.
pub(super) fn heading(text: String) -> Line {
    Line::of(Style::Strong, text)
}

/// Where this is, how it is, and when.
pub(super) fn head(window: &Window<'_>, columns: usize) -> Line {
    let readiness = &window.now.readiness;
    let (style, state) = match (window.lost, readiness.ready) {
        (Some(_), _) => (Style::Bad, "not reachable"),
        (None, true) => (Style::Good, "ready"),
        (None, false) => (Style::Bad, "not ready"),
    };
    let answered = duration(window.now.answered_us as f64 / 1e6);
    let epoch = readiness
        .epoch
        .as_deref()
        .map_or_else(|| "–".to_owned(), |epoch| foreign(epoch, 20));
    let parts = [
        (Style::Plain, foreign(window.name, 40)),
        (style, state.to_owned()),
        (Style::Dim, format!("{} UTC", clock_time(window.now.wall_us))),
        (Style::Dim, format!("answers in {answered}")),
        (Style::Dim, format!("epoch {epoch}")),
    ];
    fitted(Line::of(Style::Strong, "scorewire top  "), parts, columns)
}

/// What stands out, in one line.
pub(super) fn alarm_line(alarms: &[Alarm], columns: usize) -> Line {
    if alarms.is_empty() {
        return Line::of(Style::Good, "nothing stands out");
    }
    let mut line = Line::new();
    for (place, alarm) in alarms.iter().enumerate() {
        let left = alarms.len() - place;
        let more = format!(" +{left} more");
        let gap = if place == 0 { "" } else { GAP };
        let room = if left > 1 { columns.saturating_sub(more.len()) } else { columns };
        if place > 0 && line.columns() + gap.chars().count() + alarm.text.chars().count() > room {
            return line.add(Style::Warn, more);
        }
        line.push(Style::Dim, gap);
        line.push(alarm.style, &*alarm.text);
    }
    line
}

/// What stands out, a line each.
pub(super) fn alarm_lines(alarms: &[Alarm]) -> Vec<Line> {
    match alarms {
        [] => vec![alarm_line(alarms, 0)],
        some => some
            .iter()
            .map(|alarm| Line::of(alarm.style, format!("! {}", alarm.text)))
            .collect(),
    }
}

/// The figures: one line about each part of the server.
pub(super) fn summary(window: &Window<'_>, columns: usize) -> Vec<Line> {
    let lines = [
        clients_line,
        feed_line,
        games_line,
        out_line,
        queues_line,
        memory_line,
        log_line,
        refused_line,
        models_line,
    ];
    lines.iter().map(|line| line(window, columns)).collect()
}

fn clients_line(window: &Window<'_>, columns: usize) -> Line {
    let slow = window.level(&SLOW);
    let (opened, closed) = (short(window.rate(&OPENED)), short(window.rate(&CLOSED)));
    let parts = [
        (Style::Plain, format!("{} connected", whole(window.level(&CONNECTIONS)))),
        (Style::Plain, format!("{} subscriptions", whole(window.level(&SUBSCRIPTIONS)))),
        (if slow > 0.0 { Style::Warn } else { Style::Plain }, format!("{} slow", whole(slow))),
        (Style::Plain, format!("+{opened}/s −{closed}/s")),
    ];
    fitted(labelled("clients"), parts, columns)
}

fn feed_line(window: &Window<'_>, columns: usize) -> Line {
    let mut parts = vec![format!("{} events/s", short(window.rate(&EVENTS)))];
    parts.extend(last_heard_s(window).map(|heard_s| format!("heard {} ago", duration(heard_s))));
    parts.extend(busiest(window.parts(&EVENTS, "outcome"), 4));
    figures("feeds", parts, columns)
}

/// The parts of which most comes, by name and rate.
fn busiest(mut parts: Vec<Part<'_>>, count: usize) -> Vec<String> {
    parts.retain(|part| part.rate > 0.0);
    parts.sort_by(|one, other| other.rate.total_cmp(&one.rate));
    let said = parts.iter().take(count);
    said.map(|part| format!("{} {}", foreign(part.value, 16), short(part.rate)))
        .collect()
}

fn games_line(window: &Window<'_>, columns: usize) -> Line {
    let mut held = format!("{} held", whole(window.level(&GAMES)));
    if let Ok(told) = &window.now.games {
        let on = told.games.iter().filter(|game| is_on(game.status.as_deref())).count();
        let over = told.games.iter().filter(|game| game.status.as_deref() == Some("final")).count();
        held += &format!(" ({on} on, {over} final)");
    }
    let parts = vec![
        held,
        format!("{} players", whole(window.level(&PLAYERS))),
        format!("{} topics", whole(window.level(&TOPICS))),
        format!("{} lineups", whole(window.level(&LINEUPS))),
    ];
    figures("games", parts, columns)
}

fn out_line(window: &Window<'_>, columns: usize) -> Line {
    let delivered = |outcome| window.rate_of(&FRAMES, ("outcome", outcome));
    let merged = delivered("merged") / delivered("offered");
    let mut parts = vec![
        format!("{} changes/s", short(window.rate(&CHANGES))),
        format!("{} frames/s", short(delivered("written") + window.rate(&SNAPSHOTS))),
        format!(
            "{}/s",
            if window.seconds > 0.0 {
                size(window.rate(&BYTES))
            } else {
                "–".to_owned()
            }
        ),
        format!("{} pending", whole(window.level(&PENDING))),
    ];
    if merged > 0.0 {
        parts.push(format!("{} merged", percent(merged)));
    }
    figures("out", parts, columns)
}

fn queues_line(window: &Window<'_>, columns: usize) -> Line {
    let writers = window.parts(&WRITERS, "writer");
    let writers = writers.iter().filter(|part| part.total > 0.0);
    let writers: Vec<String> = writers
        .map(|part| format!("{:.0} by {}", part.total, foreign(part.value, 8)))
        .collect();
    let parts = vec![
        format!("engine {}", whole(window.level(&JOBS))),
        format!("log {}", whole(window.level(&LOG_WAITING))),
        format!("notices {}", whole(window.level(&NOTICES))),
        format!("newcomers {}", whole(window.level(&COMMANDS))),
        format!("fullest ring {}", whole(window.level(&RING_FULLEST))),
        format!("shards {}", writers.join(", ")),
    ];
    figures("queues", parts, columns)
}

fn memory_line(window: &Window<'_>, columns: usize) -> Line {
    let (resident, budget) = (window.level(&MEMORY_RESIDENT), window.level(&MEMORY_BUDGET));
    let held = match budget > 0.0 {
        true => format!("{} of {} ({})", size(resident), size(budget), percent(resident / budget)),
        false => format!("{}, no budget", size(resident)),
    };
    let mut owners = window.parts(&MEMORY, "owner");
    owners.retain(|owner| owner.total >= 1.0);
    owners.sort_by(|one, other| other.total.total_cmp(&one.total));
    let owners: Vec<String> = owners
        .iter()
        .take(3)
        .map(|owner| format!("{} {}", foreign(owner.value, 8), size(owner.total)))
        .collect();
    let gpu =
        (window.level(&GPU_MEMORY) > 0.0).then(|| format!("GPU {} {}", size(window.level(&GPU_MEMORY)), percent(window.level(&GPU_USE))));
    figures("memory", [held].into_iter().chain(owners).chain(gpu).collect(), columns)
}

fn log_line(window: &Window<'_>, columns: usize) -> Line {
    if window.level(&LOG_SEGMENTS) == 0.0 {
        return figures("log", vec!["none: nothing outlives the process".to_owned()], columns);
    }
    let is_healthy = window.level(&LOG_HEALTHY) > 0.0;
    let (style, state) = if is_healthy {
        (Style::Good, "healthy")
    } else {
        (Style::Bad, "FAILING")
    };
    let rest = [
        format!("sync {}", duration(window.level(&LOG_SYNC_LAST))),
        format!("{}/s", short(window.rate(&LOG_SYNCS))),
        format!("{} not on disk", size(window.level(&LOG_UNSYNCED))),
        format!("{} in {}", size(window.level(&LOG_BYTES)), files(window.level(&LOG_SEGMENTS))),
        format!("{} records", whole(window.level(&LOG_RECORDS))),
    ];
    let rest = rest.into_iter().map(|part| (Style::Plain, part));
    fitted(labelled("log"), [(style, state.to_owned())].into_iter().chain(rest), columns)
}

fn files(number: f64) -> String {
    format!("{} file{}", whole(number), if number == 1.0 { "" } else { "s" })
}

fn models_line(window: &Window<'_>, columns: usize) -> Line {
    let predictions = &window.now.readiness.predictions;
    let mut parts = vec![match &predictions.backend {
        Some(backend) => format!("{} by {}", foreign(&predictions.state, 10), foreign(backend, 14)),
        None if predictions.state.is_empty() => "–".to_owned(),
        None => foreign(&predictions.state, 10),
    }];
    if predictions.state == "serving" {
        let tonight = window.now.models.as_ref().ok().and_then(|told| told.tonight);
        if let Some(tonight) = tonight.filter(|tonight| tonight.calls > 0) {
            parts.push(format!("tonight {} of {} right", tonight.right, tonight.calls));
        }
        parts.push(format!("{} a second", short(window.rate(&PREDICTIONS))));
        parts.push(format!("{} failed runs", whole(window.level(&MODEL_FAILED_RUNS))));
        parts.push(format!("{} cut-offs", whole(window.level(&MODEL_CUT_OFFS))));
    }
    figures("predicts", parts, columns)
}
