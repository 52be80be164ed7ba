//! Which parts of the page stand where, on a screen of a given size or on paper.

use super::alarms::alarms;
use super::line::{Line, Style};
use super::window::Window;
use super::{page, refusals, tables};

/// Columns and lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) lines: u16,
}

/// What the room below the figures is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Pane {
    /// Something of everything.
    #[default]
    Overview,
    /// Who is behind.
    Clients,
    /// Models, and how long each stage takes.
    Models,
    /// What was refused.
    Refusals,
    /// Partitions.
    Partitions,
    /// What it all means.
    Help,
}

impl Pane {
    /// Those that Tab goes through.
    const ROUND: [Pane; 5] = [Pane::Overview, Pane::Clients, Pane::Models, Pane::Refusals, Pane::Partitions];

    /// So many further.
    pub(super) fn turned(self, steps: isize) -> Pane {
        let place = Pane::ROUND.iter().position(|pane| *pane == self).unwrap_or(0) as isize;
        Pane::ROUND[(place + steps).rem_euclid(Pane::ROUND.len() as isize) as usize]
    }

    fn name(self) -> &'static str {
        match self {
            Pane::Overview => "overview",
            Pane::Clients => "slow clients",
            Pane::Models => "stages, models",
            Pane::Refusals => "refusals",
            Pane::Partitions => "partitions",
            Pane::Help => "help",
        }
    }
}

/// Lines of stages and models that an overview has at least, and of clients, their headings included.
const TABLES_MIN: usize = 7;
const CLIENTS_MIN: usize = 4;
/// Lines of clients and of refusals that it has where there is room for other parts, too.
const LIST_LINES: usize = 11;
/// Lines from which alarms get one each.
const TALL: u16 = 32;
/// Most of those.
const ALARMS_MAX: usize = 5;

const HELP: &[&str] = &[
    "q          end",
    "Tab, ← →   overview · slow clients · stages, models · refusals · partitions",
    "↑ ↓        scroll what does not fit",
    "?          this, and back",
    "",
    "Rates and stages are of the last five seconds or so, levels of the last look.",
    "STAGE      p50 and p99 of what was counted, within a bucket as Prometheus has it; a ! is",
    "           at a p99 over 10 ms. feed → ingest goes by the feed's clock.",
    "BEHIND     how long the oldest change waits for a client, or its socket takes nothing",
    "           (stuck). from: the address of its connection, a proxy's where there is one.",
    "MODEL      how often a version was right since the start, and history on the same snaps.",
    "refused    what was turned away; clients and feeds closed for something of their own.",
    "",
    "docs/operations.md says what to do, docs/metrics.md what each figure is.",
];

/// A screen: exactly as many lines as there are, none wider.
pub(super) fn screen(window: &Window<'_>, pane: Pane, scroll: usize, size: Size) -> Vec<Line> {
    let (columns, lines) = (usize::from(size.columns), usize::from(size.lines));
    let mut page = vec![page::head(window, columns)];
    if pane != Pane::Help {
        let alarms = alarms(window);
        match size.lines >= TALL {
            true => page.extend(page::alarm_lines(&alarms).into_iter().take(ALARMS_MAX)),
            false => page.push(page::alarm_line(&alarms, columns)),
        }
        page.extend(page::summary(window, columns));
    }
    let room = lines.saturating_sub(page.len() + 1);
    let list = match pane {
        Pane::Overview => overview(window, columns, room),
        Pane::Clients => tables::client_table(window, columns),
        Pane::Models => stages_and_models(window, columns),
        Pane::Refusals => refusals::refusal_table(window),
        Pane::Partitions => tables::partition_table(window),
        Pane::Help => HELP.iter().map(|line| Line::of(Style::Plain, *line)).collect(),
    };
    // The heading stays where it is; the last line is never scrolled past.
    let scroll = scroll.min(list.len().saturating_sub(room));
    page.extend(list.iter().take(1).cloned());
    page.extend(list.into_iter().skip(1 + scroll).take(room.saturating_sub(1)));
    page.resize(lines.saturating_sub(1), Line::new());
    page.push(footer(pane));
    page.truncate(lines);
    page.into_iter().map(|line| line.fit(columns)).collect()
}

/// How far a pane can be scrolled.
pub(super) fn scroll_max(window: &Window<'_>, pane: Pane, size: Size) -> usize {
    match pane {
        Pane::Overview | Pane::Help => 0,
        Pane::Clients => tables::client_table(window, usize::from(size.columns)).len(),
        Pane::Models => stages_and_models(window, usize::from(size.columns)).len(),
        Pane::Refusals => refusals::refusal_table(window).len(),
        Pane::Partitions => tables::partition_table(window).len(),
    }
}

fn footer(pane: Pane) -> Line {
    Line::of(Style::Dim, format!("q end · ? help · Tab: {}", pane.name()))
}

/// Everything, as long as it is.
pub(super) fn printed(window: &Window<'_>, size: Size) -> Vec<Line> {
    let columns = usize::from(size.columns);
    let mut page = vec![page::head(window, columns)];
    page.extend(page::alarm_lines(&alarms(window)));
    page.extend(page::summary(window, columns));
    for part in [
        stages_and_models(window, columns),
        tables::client_table(window, columns),
        tables::partition_table(window),
        refusals::refusal_table(window),
    ] {
        page.push(Line::new());
        page.extend(part);
    }
    page.truncate(usize::from(size.lines));
    page.into_iter().map(|line| line.fit(columns)).collect()
}

/// Stages, and models beside them where there is room.
fn stages_and_models(window: &Window<'_>, columns: usize) -> Vec<Line> {
    let mut stages = tables::stage_table(window).into_iter();
    let beside = columns.saturating_sub(tables::STAGE_COLUMNS + 1);
    if beside < 36 {
        return stages.chain(tables::model_table(window, columns)).collect();
    }
    let mut models = tables::model_table(window, beside).into_iter();
    let mut lines = Vec::new();
    loop {
        match (stages.next(), models.next()) {
            (None, None) => return lines,
            (stage, model) => {
                let stage = stage.unwrap_or_default().fit(tables::STAGE_COLUMNS + 1);
                lines.push(stage.join(model.unwrap_or_default()));
            }
        }
    }
}

/// Something of everything, as the room allows: first what there must be, then what helps, then what there is.
fn overview(window: &Window<'_>, columns: usize, room: usize) -> Vec<Line> {
    let parts = [
        (stages_and_models(window, columns), TABLES_MIN, usize::MAX),
        (tables::client_table(window, columns), CLIENTS_MIN, LIST_LINES),
        (tables::partition_table(window), 1, usize::MAX),
        (refusals::refusal_table(window), 0, LIST_LINES),
    ];
    let mut shares = [0; 4];
    let mut spare = room;
    let mut page = Vec::new();
    for round in 0..3 {
        for (share, (lines, least, wanted)) in shares.iter_mut().zip(&parts) {
            let aim = [*least, *wanted, usize::MAX][round].min(lines.len());
            let more = aim.saturating_sub(*share).min(spare);
            // A heading alone says nothing.
            if *share + more > 1 || lines.len() == 1 {
                *share += more;
                spare -= more;
            }
        }
    }
    for ((lines, ..), share) in parts.into_iter().zip(shares).filter(|(_, share)| *share > 0) {
        // What is left over sets the parts apart.
        if !page.is_empty() && spare > 0 {
            page.push(Line::new());
            spare -= 1;
        }
        page.extend(lines.into_iter().take(share));
    }
    page
}
