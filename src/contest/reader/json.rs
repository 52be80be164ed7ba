//! Terms, players and entries as JSON lines.

use super::roster::Positions;
use crate::contest::payouts::{BadPayouts, Payouts, Tier};
use crate::contest::{GAMES_MAX, KnownPlayer, SLOT_BYTES_MAX, SLOTS_MAX, Slot, Terms};
use crate::model::{Cents, ContestId, GameId, Multiplier, PlayerId, ids};
use compact_str::CompactString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Positions that a slot may name.
const POSITIONS_MAX: usize = 16;

/// DraftKings Classic: what a contest has that says nothing of slots.
const CLASSIC: [&str; 9] = ["QB", "RB", "RB", "WR", "WR", "WR", "TE", "FLEX", "DST"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsLine<'a> {
    contest: Cow<'a, str>,
    #[serde(default)]
    name: Option<String>,
    ruleset: String,
    #[serde(default)]
    slots: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    payouts: Option<serde_json::Value>,
    #[serde(default)]
    salary_cap: Option<u32>,
    #[serde(default)]
    games_min: Option<u32>,
    #[serde(default)]
    games: Vec<String>,
}

/// A slot that says more than its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlotLine {
    slot: String,
    #[serde(default)]
    multiplier: Option<serde_json::Number>,
    #[serde(default)]
    positions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierLine {
    from: u32,
    to: Option<u32>,
    amount: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlayerLine<'a> {
    player: Cow<'a, str>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    site_id: Option<serde_json::Value>,
    #[serde(default)]
    position: Option<String>,
    #[serde(default)]
    salary: Option<u32>,
    #[serde(default)]
    game: Option<String>,
}

/// An entry, its cells as they stand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryLine<'a> {
    #[serde(borrow)]
    pub(super) entry: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) lineup: Cells<'a>,
}

/// At most so many cells are kept that a roster that is too long can be told of.
pub(super) type Cells<'a> = Vec<Borrowed<'a>>;

/// A text that is copied only where it was escaped.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Borrowed<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Whether a line looks like an entry's.
pub(super) fn is_entry(line: &str) -> bool {
    #[derive(Deserialize)]
    struct Either {
        #[serde(default)]
        entry: Option<IgnoredAny>,
        #[serde(default)]
        lineup: Option<IgnoredAny>,
    }
    serde_json::from_str::<Either>(line).is_ok_and(|line| line.entry.is_some() || line.lineup.is_some())
}

fn not_read(what: &str, error: &serde_json::Error) -> String {
    // The line is named by who reads it; within a line the column is what helps.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    format!("{what}: {message}, at column {}", error.column())
}

/// An id that is none.
pub(super) fn bad_id(what: &str, id: &str) -> String {
    let id: String = id.chars().take(ids::ID_BYTES_MAX).collect();
    format!("{what} `{id}` must be 1 to 64 printable ASCII characters without spaces, commas, quotes or slashes")
}

/// The first line of a body; and by slot, who may be in it.
pub(super) fn terms(line: &str) -> Result<(Terms, Box<[Positions]>), String> {
    let read: TermsLine<'_> = serde_json::from_str(line).map_err(|error| not_read("no contest's terms", &error))?;
    if !ids::is_well_formed(&read.contest) {
        return Err(bad_id("the contest's id", &read.contest));
    }
    if !ids::is_well_formed(&read.ruleset) {
        return Err(bad_id("the ruleset", &read.ruleset));
    }
    let name = read.name.as_deref().unwrap_or(&read.contest).trim();
    let (slots, positions) = slots(read.slots)?.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let terms = Terms {
        name: CompactString::from(super::cut(name)),
        id: ContestId::from_well_formed(&read.contest),
        ruleset: CompactString::from(&read.ruleset),
        slots: slots.into(),
        payouts: payouts(read.payouts).map_err(|bad| bad.to_string())?,
        salary_cap: read.salary_cap,
        games_min: read.games_min.unwrap_or(0),
        games: games(&read.games)?,
    };
    Ok((terms, positions.into()))
}

fn games(ids: &[String]) -> Result<Box<[GameId]>, String> {
    if ids.len() > GAMES_MAX {
        return Err(format!("games: {}; at most {GAMES_MAX}", ids.len()));
    }
    ids.iter().map(|id| GameId::new(id).ok_or_else(|| bad_id("the game", id))).collect()
}

fn slots(lines: Option<Vec<serde_json::Value>>) -> Result<Vec<(Slot, Positions)>, String> {
    let lines = lines.unwrap_or_else(|| CLASSIC.map(serde_json::Value::from).into());
    if lines.is_empty() || lines.len() > SLOTS_MAX {
        return Err(format!("slots: {}; 1 to {SLOTS_MAX} are possible", lines.len()));
    }
    let slot = |(place, line)| slot(line).map_err(|what| format!("slots[{place}]: {what}"));
    lines.into_iter().enumerate().map(slot).collect()
}

fn slot(line: serde_json::Value) -> Result<(Slot, Positions), String> {
    let line = match line {
        serde_json::Value::String(slot) => SlotLine {
            slot,
            multiplier: None,
            positions: Vec::new(),
        },
        other => serde_json::from_value(other).map_err(|error| error.to_string())?,
    };
    let is_name = |name: &String| name.len() <= SLOT_BYTES_MAX && ids::is_well_formed(name);
    if !is_name(&line.slot) {
        return Err(format!(
            "a name must be 1 to {SLOT_BYTES_MAX} printable ASCII characters without spaces, such as \"QB\""
        ));
    }
    if line.positions.len() > POSITIONS_MAX || !line.positions.iter().all(is_name) {
        return Err(format!("positions must be at most {POSITIONS_MAX} names such as \"QB\""));
    }
    let multiplier = match &line.multiplier {
        None => Some(Multiplier::ONE),
        Some(number) => hundredths(number).and_then(Multiplier::new),
    };
    let slot = Slot {
        name: CompactString::from(line.slot),
        multiplier: multiplier.ok_or("multiplier must be 0.01 to 10, with at most two decimals")?,
    };
    Ok((slot, line.positions.into_iter().map(CompactString::from).collect()))
}

/// A number of at most two decimals, in 1/100. A number is read as the shortest decimal that stands for it, which is the
/// one that was typed.
fn hundredths(number: &serde_json::Number) -> Option<u32> {
    Cents::parse(&plain(number)?).and_then(|hundredths| u32::try_from(hundredths.0).ok())
}

fn plain(number: &serde_json::Number) -> Option<String> {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Some(whole.to_string()),
        // `Display` of a float writes the shortest decimal that reads back as it, never an exponent.
        (None, Some(float)) => Some(float.to_string()),
        _ => None,
    }
}

fn payouts(table: Option<serde_json::Value>) -> Result<Payouts, BadPayouts> {
    let rows: Vec<TierLine> = match table {
        None => return Ok(Payouts::default()),
        Some(serde_json::Value::String(text)) => return Payouts::parse(&text),
        Some(table) => serde_json::from_value(table).map_err(|error| BadPayouts(error.to_string()))?,
    };
    let tier = |(row, line): (usize, TierLine)| {
        let amount = match &line.amount {
            serde_json::Value::String(text) => Cents::parse(text),
            serde_json::Value::Number(number) => plain(number).and_then(|text| Cents::parse(&text)),
            _ => None,
        };
        let each = amount.ok_or_else(|| BadPayouts(format!("row {}: amount must be a decimal with at most two places", row + 1)))?;
        Ok(Tier {
            first: line.from,
            last: line.to.unwrap_or(line.from),
            each,
        })
    };
    Payouts::new(rows.into_iter().enumerate().map(tier).collect::<Result<_, BadPayouts>>()?)
}

/// A line of the table of players.
pub(super) fn player(line: &str) -> Result<KnownPlayer, String> {
    let read: PlayerLine<'_> = serde_json::from_str(line).map_err(|error| not_read("neither a player nor an entry", &error))?;
    let player = PlayerId::new(&read.player).ok_or_else(|| bad_id("the player's id", &read.player))?;
    let game = match &read.game {
        Some(game) => Some(GameId::new(game).ok_or_else(|| bad_id("the game", game))?),
        None => None,
    };
    let site_id = match read.site_id {
        None => None,
        Some(serde_json::Value::String(text)) if ids::is_well_formed(&text) => Some(CompactString::from(text)),
        Some(serde_json::Value::Number(number)) => Some(CompactString::from(number.to_string())),
        Some(_) => return Err("site_id must be a number or a text without spaces".to_owned()),
    };
    Ok(KnownPlayer {
        player,
        name: CompactString::from(super::cut(read.name.as_deref().unwrap_or_default().trim())),
        site_id,
        position: read.position.map(|position| CompactString::from(super::cut(&position))),
        salary: read.salary,
        game,
    })
}

/// A line of the entries.
pub(super) fn entry(line: &str) -> Result<EntryLine<'_>, String> {
    serde_json::from_str(line).map_err(|error| not_read("no entry", &error))
}
