//! Entries as sites write them.
//!
//! - **Standings**: a column `EntryId`, `EntryName` and a `Lineup` in one cell, each player after the name of his slot
//!   (`QB Tom Brady RB … DST Patriots`), in any order of slots. What stands beside it (`Rank`, `Points`, `%Drafted`) is not
//!   read, and neither are rows that only list players.
//! - **Entries**: a column `Entry ID` and one for each slot (`QB,RB,RB,…`), with `Name (number)`, `number:Name`, a number, an
//!   id or a name in each cell. Rows without an entry's id only list players.
//!
//! A cell may be quoted; a line break within quotes is none.

use crate::contest::{Slot, Terms};
use compact_str::CompactString;

/// Most columns of a line that are looked at.
const COLUMNS_MAX: usize = 128;

/// An entry, its cells as they stand, by slot.
pub(super) struct Entry<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) cells: EntryCells<'a>,
}

impl<'a> Iterator for EntryCells<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.next().map(|cell| &**cell)
    }
}

/// An entry's cells.
pub(super) struct EntryCells<'a>(std::slice::Iter<'a, CompactString>);

#[derive(Debug)]
enum Rosters {
    /// All of it in one column.
    Lineup(usize),
    /// By slot: its column.
    Columns(Vec<usize>),
}

/// What stands where under a heading.
#[derive(Debug)]
pub(super) struct Columns {
    id: usize,
    name: Option<usize>,
    rosters: Rosters,
    /// The line that was read last.
    cells: Vec<CompactString>,
    /// By slot.
    by_slot: Vec<CompactString>,
}

impl Columns {
    /// Reads a heading.
    pub(super) fn read(line: &str, slots: &[Slot]) -> Result<Columns, String> {
        let mut heading = Vec::new();
        split(line, &mut heading);
        let is = |cell: &CompactString, name: &str| cell.trim().replace([' ', '_'], "").eq_ignore_ascii_case(name);
        let find = |name: &str| heading.iter().position(|cell| is(cell, name));
        let Some(id) = find("EntryId") else {
            let line: String = line.chars().take(80).collect();
            return Err(format!(
                "neither a JSON object nor a heading with a column EntryId or \"Entry ID\": `{line}`"
            ));
        };
        let rosters = match find("Lineup") {
            Some(lineup) => Rosters::Lineup(lineup),
            None => Rosters::Columns(slot_columns(&heading, slots)?),
        };
        Ok(Columns {
            id,
            name: find("EntryName"),
            rosters,
            cells: heading,
            by_slot: Vec::new(),
        })
    }

    /// The entry of that line, or nothing where it has none.
    pub(super) fn entry<'a>(&'a mut self, line: &str, terms: &Terms) -> Result<Option<Entry<'a>>, String> {
        split(line, &mut self.cells);
        let cell = |column: usize| self.cells.get(column).map_or("", |cell| cell.trim());
        let id = cell(self.id);
        self.by_slot.clear();
        match &self.rosters {
            Rosters::Lineup(column) => {
                let lineup = cell(*column);
                if id.is_empty() && lineup.is_empty() {
                    return Ok(None);
                }
                by_slot(lineup, &terms.slots, &mut self.by_slot)?;
            }
            Rosters::Columns(columns) => {
                if id.is_empty() && columns.first().is_none_or(|column| cell(*column).is_empty()) {
                    return Ok(None);
                }
                self.by_slot.extend(columns.iter().map(|column| CompactString::from(cell(*column))));
            }
        }
        Ok(Some(Entry {
            id,
            name: self.name.map(cell),
            cells: EntryCells(self.by_slot.iter()),
        }))
    }
}

/// For each slot the next column of its name.
fn slot_columns(heading: &[CompactString], slots: &[Slot]) -> Result<Vec<usize>, String> {
    let mut taken = vec![false; heading.len()];
    let column = |slot: &Slot| {
        let is_next = |(place, cell): (usize, &CompactString)| !taken[place] && cell.trim().eq_ignore_ascii_case(&slot.name);
        let place = heading.iter().enumerate().position(is_next);
        if let Some(place) = place {
            taken[place] = true;
        }
        place.ok_or_else(|| {
            format!(
                "the heading has neither a column Lineup nor one for each slot: {} is missing",
                slot.name
            )
        })
    };
    slots.iter().map(column).collect()
}

/// Puts a lineup's players where its slots are.
fn by_slot(lineup: &str, slots: &[Slot], players: &mut Vec<CompactString>) -> Result<(), String> {
    players.resize(slots.len(), CompactString::default());
    let mut at: Option<usize> = None;
    for word in lineup.split_whitespace() {
        if slots.iter().any(|slot| *slot.name == *word) {
            let is_free = |(place, slot): (usize, &Slot)| *slot.name == *word && players[place].is_empty() && Some(place) != at;
            let free = slots.iter().enumerate().position(is_free);
            at = Some(free.ok_or_else(|| format!("more {word} than there are slots"))?);
            continue;
        }
        let Some(place) = at else {
            let word: String = word.chars().take(40).collect();
            return Err(format!("the lineup begins with `{word}`, which is no slot"));
        };
        let player = &mut players[place];
        if !player.is_empty() {
            player.push(' ');
        }
        player.push_str(word);
    }
    let missing = players.iter().filter(|player| player.is_empty()).count();
    match players.iter().position(CompactString::is_empty) {
        Some(place) => Err(format!(
            "{} players, but there are {} slots: nobody is in {}",
            slots.len() - missing,
            slots.len(),
            slots[place].name
        )),
        None => Ok(()),
    }
}

/// The cells of a line, quotes taken off.
fn split(line: &str, cells: &mut Vec<CompactString>) {
    cells.clear();
    let mut rest = line;
    while cells.len() < COLUMNS_MAX {
        let mut cell = CompactString::default();
        if let Some(quoted) = rest.trim_start().strip_prefix('"') {
            rest = unquote(quoted, &mut cell);
        }
        let end = rest.find(',').unwrap_or(rest.len());
        cell.push_str(&rest[..end]);
        cells.push(cell);
        if end == rest.len() {
            break;
        }
        rest = &rest[end + 1..];
    }
}

/// Reads up to the closing quote, doubled ones as one; gives what stands behind it.
fn unquote<'l>(text: &'l str, cell: &mut CompactString) -> &'l str {
    let mut rest = text;
    while let Some(end) = rest.find('"') {
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => return rest,
        }
    }
    cell.push_str(rest);
    ""
}
