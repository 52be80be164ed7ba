//! Terms, players and entries as JSON lines.

use crate::contest::payouts::{BadPayouts, Cents, Payouts, Tier};
use crate::contest::{KnownPlayer, SLOT_BYTES_MAX, SLOTS_MAX, Slot, Terms};
use crate::model::{ContestId, GameId, Multiplier, PlayerId, ids};
use compact_str::CompactString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

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
    slots: Option<Vec<SlotLine>>,
    #[serde(default)]
    payouts: Option<serde_json::Value>,
    #[serde(default)]
    salary_cap: Option<u32>,
    #[serde(default)]
    games_min: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SlotLine {
    Name(String),
    Multiplied { slot: String, multiplier: serde_json::Number },
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

/// The first line of a body.
pub(super) fn terms(line: &str) -> Result<Terms, String> {
    let read: TermsLine<'_> = serde_json::from_str(line).map_err(|error| not_read("no contest's terms", &error))?;
    if !ids::is_well_formed(&read.contest) {
        return Err(bad_id("the contest's id", &read.contest));
    }
    if !ids::is_well_formed(&read.ruleset) {
        return Err(bad_id("the ruleset", &read.ruleset));
    }
    let name = read.name.as_deref().unwrap_or(&read.contest).trim();
    Ok(Terms {
        name: CompactString::from(super::cut(name)),
        id: ContestId::from_well_formed(&read.contest),
        ruleset: CompactString::from(&read.ruleset),
        slots: slots(read.slots)?,
        payouts: payouts(read.payouts).map_err(|bad| bad.to_string())?,
        salary_cap: read.salary_cap,
        games_min: read.games_min.unwrap_or(0),
    })
}

fn slots(lines: Option<Vec<SlotLine>>) -> Result<Box<[Slot]>, String> {
    let lines = lines.unwrap_or_else(|| CLASSIC.iter().map(|name| SlotLine::Name((*name).to_owned())).collect());
    if lines.is_empty() || lines.len() > SLOTS_MAX {
        return Err(format!("slots: {}; 1 to {SLOTS_MAX} are possible", lines.len()));
    }
    let slot = |(place, line): (usize, SlotLine)| {
        let (name, multiplier) = match line {
            SlotLine::Name(name) => (name, Some(Multiplier::ONE)),
            SlotLine::Multiplied { slot, multiplier } => (slot, hundredths(&multiplier).and_then(Multiplier::new)),
        };
        if name.len() > SLOT_BYTES_MAX || !ids::is_well_formed(&name) {
            return Err(format!(
                "slots[{place}]: a name must be 1 to {SLOT_BYTES_MAX} printable ASCII characters without spaces, such as \"QB\""
            ));
        }
        let multiplier = multiplier.ok_or_else(|| format!("slots[{place}]: multiplier must be 0.01 to 10, with at most two decimals"))?;
        Ok(Slot {
            name: CompactString::from(name),
            multiplier,
        })
    };
    lines.into_iter().enumerate().map(slot).collect()
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
