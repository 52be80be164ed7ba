//! The lower part of the page: tables of stages, models, clients and partitions, each with its heading.

use super::line::{Line, Style, foreign, foreign_end};
use super::look::{Model, SlowClient};
use super::page::{GAP, heading, labelled};
use super::window::Window;
use crate::figures::{bytes, count, duration, percent, short};
use crate::telemetry::Metric;
use crate::telemetry::table::*;

/// A time within which a score should get through each stage, in seconds.
const PROMISED_S: f64 = 0.010;

/// Columns of the table of stages.
pub(super) const STAGE_COLUMNS: usize = 39;

/// Stages in the order of an event's way; then what goes beside it.
const STAGES: [(&str, &Metric, bool); 10] = [
    ("feed → ingest", &FEED_LAG, false),
    ("ingest → state", &INGEST_TO_STATE, true),
    ("state → encode", &STATE_TO_ENCODE, true),
    ("encode → written", &ENCODE_TO_WRITTEN, true),
    ("fan-out walk", &WALK, false),
    ("prediction", &PREDICTION_DELAY, false),
    ("model run", &INFERENCE, false),
    ("state → lineups", &STATE_TO_LINEUPS, false),
    ("forecast → encode", &PREDICTION_TO_ENCODE, false),
    ("TLS handshake", &HANDSHAKE, false),
];

/// How long each stage took. A `!` is at what is over the time that scores are promised in.
pub(super) fn stage_table(window: &Window<'_>) -> Vec<Line> {
    let mut lines = vec![heading(format!("{:<17}{:>7}{:>9}{:>6}", "STAGE", "p50", "p99 ", "a s"))];
    for (name, metric, is_promised) in STAGES {
        let delays = window.delays(metric);
        let at = |share| delays.quantile(share);
        let told = |at: Option<f64>| at.map_or_else(|| "–".to_owned(), duration);
        let rate = if window.seconds > 0.0 {
            delays.count() / window.seconds
        } else {
            f64::NAN
        };
        let is_over = is_promised && at(0.99).is_some_and(|p99| p99 > PROMISED_S);
        let (style, mark) = if is_over { (Style::Warn, "!") } else { (Style::Plain, " ") };
        lines.push(
            Line::of(Style::Plain, format!("{name:<17}{:>7}", told(at(0.5))))
                .add(style, format!("{:>8}{mark}", told(at(0.99))))
                .add(Style::Dim, format!("{:>6}", short(rate))),
        );
    }
    lines
}

/// The versions of models: what each is, and how right it was beside history on the same snaps.
pub(super) fn model_table(window: &Window<'_>, columns: usize) -> Vec<Line> {
    let is_wide = columns >= 50;
    let row = |name: &str, right: &str, history: &str, state: &str| match is_wide {
        true => format!("{name:<19}{right:>7}{history:>9}  {state}"),
        false => format!("{name:<19}{right:>7}  {state}"),
    };
    let mut lines = vec![heading(row("MODEL", "right", "history", "state"))];
    match &window.now.models {
        Ok(told) => {
            let accuracy = |name: &str, version: &str| {
                let found = told
                    .figures
                    .iter()
                    .find(|figures| figures.model == name && figures.version == version);
                found.and_then(|figures| figures.figures.accuracy)
            };
            let shown = |accuracy: Option<f64>| accuracy.map_or_else(|| "–".to_owned(), percent);
            for model in &told.models {
                let (style, state) = state_of(model);
                let (right, history) = (accuracy(&model.name, &model.version), accuracy(&model.name, "historical"));
                let name = model_name(&model.name, &model.version);
                let text = row(&name, &shown(right), &shown(history.filter(|_| right.is_some())), &state);
                lines.push(Line::of(style, text));
            }
            if told.models.is_empty() {
                lines.push(Line::of(Style::Dim, "none are loaded"));
            }
        }
        Err(why) => {
            lines.extend(models_by_metrics(window).into_iter().map(|(name, right)| {
                let history = "–";
                Line::of(Style::Plain, row(&name, &percent(right), history, "?"))
            }));
            lines.push(Line::of(Style::Dim, format!("states: {}", foreign(why, columns.saturating_sub(8)))));
        }
    }
    lines
}

fn model_name(name: &str, version: &str) -> String {
    foreign_end(&format!("{name}-{version}"), 19)
}

/// What a version does; `why` where it does nothing.
fn state_of(model: &Model) -> (Style, String) {
    let state = match (&*model.state, &*model.role) {
        ("serving", role) => foreign(role, 10),
        (state, _) => foreign(state, 10),
    };
    let device = model.device.as_deref().filter(|device| *device != "cpu");
    let more = model
        .why
        .as_deref()
        .or(device)
        .map_or_else(String::new, |more| format!(" {}", foreign(more, 60)));
    let style = if model.state == "serving" { Style::Plain } else { Style::Warn };
    (style, state + &more)
}

/// Versions and how right they were, where only the metrics tell.
fn models_by_metrics(window: &Window<'_>) -> Vec<(String, f64)> {
    let samples = window.samples(&MODEL_FIGURES).iter();
    let accuracy = samples.filter(|sample| sample.label("figure") == Some("accuracy"));
    accuracy
        .map(|sample| {
            let label = |name| sample.label(name).unwrap_or("?");
            (model_name(label("model"), label("version")), sample.value)
        })
        .collect()
}

/// Who is furthest behind.
pub(super) fn client_table(window: &Window<'_>, columns: usize) -> Vec<Line> {
    let is_wide = columns >= 110;
    let row = |[behind, pending, stuck, subscriptions, held, kind, address, session]: [&str; 8]| {
        let line = format!("{behind:>8}{pending:>9}{stuck:>9}{subscriptions:>6}");
        match is_wide {
            true => format!("{line}{held:>10}  {kind:<13}{address:<24}{session}"),
            false => format!("{line}  {address:<24}{session}"),
        }
    };
    let mut lines = vec![heading(row([
        "BEHIND", "pending", "stuck", "subs", "held", "kind", "from", "session",
    ]))];
    match &window.now.clients {
        Ok(told) if told.clients.is_empty() => lines.push(Line::of(Style::Dim, "        nobody is behind")),
        Ok(told) => lines.extend(told.clients.iter().map(|client| {
            let SlowClient {
                address, kind, session, ..
            } = client;
            let (oldest, stuck) = (client.oldest_ms, client.stuck_ms);
            let ms = |ms: u64| duration(ms as f64 / 1e3);
            let text = row([
                &ms(oldest.max(stuck.unwrap_or(0))),
                &count(client.pending),
                &stuck.map_or_else(|| "–".to_owned(), ms),
                &count(client.subscriptions),
                &bytes(client.held_bytes),
                &foreign(kind, 12),
                &address.as_deref().map_or_else(|| "–".to_owned(), |address| foreign(address, 23)),
                &foreign_end(session, 25),
            ]);
            Line::of(if stuck.is_some() { Style::Warn } else { Style::Plain }, text)
        })),
        Err(why) => lines.push(Line::of(Style::Dim, format!("        {}", foreign(why, 60)))),
    }
    lines
}

/// The partitions that the server says something of: whatever metric has a label of that name.
pub(super) fn partition_table(window: &Window<'_>) -> Vec<Line> {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, samples) in window.now.page.all().filter(|(name, _)| !name.ends_with("_bucket")) {
        for sample in samples {
            let Some(partition) = sample.label("partition") else { continue };
            let labels = sample.labels_but("partition").map(|(_, value)| format!(" {}", foreign(value, 16)));
            let name = foreign(name.trim_start_matches("scorewire_"), 32);
            let cell = format!("{name}{} {}", labels.collect::<String>(), short(sample.value));
            match rows.iter_mut().find(|(known, _)| *known == partition) {
                Some((_, cells)) => cells.push(cell),
                None => rows.push((partition, vec![cell])),
            }
        }
    }
    if rows.is_empty() {
        return vec![labelled("partition").add(Style::Plain, " none: this node runs by itself")];
    }
    // Ten comes after nine.
    rows.sort_by_key(|(partition, _)| (partition.len(), *partition));
    let mut lines = vec![heading("PARTITION".to_owned())];
    let row =
        |(partition, cells): &(&str, Vec<String>)| Line::of(Style::Plain, format!("{:>9}  {}", foreign(partition, 9), cells.join(GAP)));
    lines.extend(rows.iter().map(row));
    lines
}
