//! Reads a contest's body as it arrives: terms, players, entries.
//!
//! A body is lines. The first is the contest's terms, a JSON object; lines with `"player"` may follow, each one of the
//! table by which entries name players; then come the entries: JSON lines with `"entry"`, or a site's CSV with its
//! heading (see `reader/csv.rs`). Terms and players may also be given beforehand.
//!
//! Owns what is held of a body: one line that is not whole yet, and the entries so far. A line that is wrong is
//! counted, the first of them are told of one by one, and the rest stands; only terms that are none, or too much of
//! something, end it. Never panics on any bytes. Bounded by [`Limits`].

mod csv;
mod json;
mod roster;

use super::builder::Builder;
use super::definition::Definition;
use super::{Limits, Players, TERMS_BYTES_MAX, Terms};
use crate::model::PlayerId;
use csv::Columns;
use roster::Checked;
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// A line that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// Its number in the body, from 1.
    pub line: u64,
    /// What is wrong with it, for people.
    pub what: String,
}

/// What became of a body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Its lines.
    pub lines: u64,
    /// Entries taken.
    pub entries: u64,
    /// Lines left out.
    pub bad: u64,
    /// The first of them, in order.
    pub bad_lines: Vec<BadLine>,
}

/// Why there is no contest, for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The terms are wrong.
    #[error("line {line}: {what}")]
    Terms {
        /// The line.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// More of something than [`Limits`] has room for.
    #[error("line {line}: more than {max} {of}")]
    TooMany {
        /// The line.
        line: u64,
        /// Of what.
        of: &'static str,
        /// The limit.
        max: usize,
    },
    /// No entry was left.
    #[error("no entry in {} lines, {} of them wrong{}", .0.lines, .0.bad, first(.0))]
    Empty(Report),
}

fn first(report: &Report) -> String {
    let of = |bad: &BadLine| format!("; line {}: {}", bad.line, bad.what);
    report.bad_lines.first().map_or_else(String::new, of)
}

/// Longest sentence about a line: it may repeat some of it.
const WHAT_BYTES_MAX: usize = 300;

/// What the lines to come are.
#[derive(Debug)]
enum Stage {
    /// The first line has the terms.
    Terms,
    /// Players, or the first of the entries.
    Table,
    /// Entries, JSON lines.
    Json,
    /// Entries under a heading.
    Csv(Columns),
}

/// Reads a body.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    players: Players,
    stage: Stage,
    builder: Option<Builder>,
    /// The beginning of a line whose end has not come.
    held: Vec<u8>,
    /// The line being read is too long: the rest of it is dropped.
    overlong: bool,
    report: Report,
    checked: Checked,
}

impl Reader {
    /// One of a body that begins with its terms. `players` are known beforehand.
    pub fn new(players: Players, limits: Limits) -> Reader {
        Reader {
            limits,
            players,
            stage: Stage::Terms,
            builder: None,
            held: Vec::new(),
            overlong: false,
            report: Report::default(),
            checked: Checked::default(),
        }
    }

    /// The terms, once they were read.
    pub fn terms(&self) -> Option<&Terms> {
        self.builder.as_ref().map(Builder::terms)
    }

    /// What became of the lines so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Takes the next bytes of the body, cut anywhere.
    ///
    /// # Errors
    /// [`Refused`]: there will be no contest, and nothing more need be read.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Refused> {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            if self.held.is_empty() && !self.overlong {
                self.line(line)?;
                continue;
            }
            self.hold(line);
            self.held_line()?;
        }
        self.hold(rest);
        Ok(())
    }

    /// All of the body has come.
    ///
    /// # Errors
    /// [`Refused`], as for [`Reader::feed`], and where no entry was left.
    pub fn finish(mut self) -> Result<(Definition, Report), Refused> {
        if !self.held.is_empty() || self.overlong {
            self.held_line()?;
        }
        let Some(builder) = self.builder else {
            let what = "the body is empty; it begins with the contest's terms, a JSON object".to_owned();
            return Err(Refused::Terms { line: 1, what });
        };
        let (mut report, limits, players) = (self.report, self.limits, self.players);
        let read = builder.entry_count() as u64;
        let mut twice = 0;
        let game_of = |player: &PlayerId| players.get(player).and_then(|known| known.game.clone());
        let definition = builder.finish(game_of, |line, id, first| {
            twice += 1;
            refuse(
                &mut report,
                &limits,
                u64::from(line),
                format!("entry {id} stands twice; the first is on line {first}"),
            );
        });
        report.bad_lines.sort_by_key(|bad| bad.line);
        report.bad_lines.truncate(limits.bad_lines_max);
        report.entries = read - twice;
        match report.entries {
            0 => Err(Refused::Empty(report)),
            _ => Ok((definition, report)),
        }
    }

    /// Keeps the beginning of a line.
    fn hold(&mut self, part: &[u8]) {
        if self.overlong || self.held.len() + part.len() > self.line_bytes_max() {
            self.overlong = true;
            self.held.clear();
        } else {
            self.held.extend_from_slice(part);
        }
    }

    fn held_line(&mut self) -> Result<(), Refused> {
        let held = std::mem::take(&mut self.held);
        if std::mem::take(&mut self.overlong) {
            return self.too_long();
        }
        let done = self.line(&held);
        self.held = held;
        self.held.clear();
        done
    }

    /// Longest line, now.
    fn line_bytes_max(&self) -> usize {
        match self.stage {
            Stage::Terms => TERMS_BYTES_MAX,
            _ => self.limits.line_bytes_max,
        }
    }

    fn too_long(&mut self) -> Result<(), Refused> {
        self.report.lines += 1;
        let what = format!("longer than {} bytes", self.line_bytes_max());
        self.wrong(what)
    }

    /// A line that is wrong: left out, unless nothing is there to leave it out of.
    fn wrong(&mut self, what: String) -> Result<(), Refused> {
        let line = self.report.lines;
        if matches!(self.stage, Stage::Terms) {
            return Err(Refused::Terms { line, what });
        }
        refuse(&mut self.report, &self.limits, line, what);
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Refused> {
        if line.len() > self.line_bytes_max() {
            return self.too_long();
        }
        self.report.lines += 1;
        let line = if self.report.lines == 1 {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        } else {
            line
        };
        let Ok(line) = std::str::from_utf8(line) else {
            return self.wrong("is not UTF-8".to_owned());
        };
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        let done = match &self.stage {
            Stage::Terms => self.terms_line(line),
            Stage::Table => return self.table_line(line),
            Stage::Json => self.json_line(line),
            Stage::Csv(_) => self.csv_line(line),
        };
        match done {
            Ok(()) => self.within_limits(),
            Err(what) => self.wrong(what),
        }
    }

    fn within_limits(&self) -> Result<(), Refused> {
        let line = self.report.lines;
        let too_many = |of, max| Err(Refused::TooMany { line, of, max });
        let entries = self.builder.as_ref().map_or(0, Builder::entry_count);
        let distinct = self.builder.as_ref().map_or(0, Builder::player_count);
        match () {
            () if entries > self.limits.entries_max => too_many("entries", self.limits.entries_max),
            () if distinct > self.players_max() => too_many("players in entries", self.players_max()),
            () if self.players.len() > self.limits.table_max => too_many("players in the table", self.limits.table_max),
            () => Ok(()),
        }
    }

    /// One entry may add so many players beyond it before it is noticed.
    fn players_max(&self) -> usize {
        self.limits.players_max.min(super::PLAYERS_MAX - super::SLOTS_MAX)
    }

    fn terms_line(&mut self, line: &str) -> Result<(), String> {
        let (terms, positions) = json::terms(line)?;
        self.builder = Some(Builder::new(terms));
        self.checked = Checked::new(positions);
        self.stage = Stage::Table;
        Ok(())
    }

    /// A player of the table, or the first line of the entries.
    fn table_line(&mut self, line: &str) -> Result<(), Refused> {
        if line.starts_with('{') && !json::is_entry(line) {
            return match json::player(line) {
                Ok(player) => {
                    self.players.add(player);
                    self.within_limits()
                }
                Err(what) => self.wrong(what),
            };
        }
        if line.starts_with('{') {
            self.stage = Stage::Json;
            return match self.json_line(line) {
                Ok(()) => self.within_limits(),
                Err(what) => self.wrong(what),
            };
        }
        let slots = self.builder.as_ref().map_or(&[][..], |builder| &builder.terms().slots);
        match Columns::read(line, slots) {
            Ok(columns) => {
                self.stage = Stage::Csv(columns);
                Ok(())
            }
            // The next may be the heading, or an entry.
            Err(what) => self.wrong(what),
        }
    }

    fn json_line(&mut self, line: &str) -> Result<(), String> {
        let entry = json::entry(line)?;
        let Some(builder) = &mut self.builder else { return Ok(()) };
        let cells = entry.lineup.iter().map(|cell| &**cell);
        self.checked.read(builder.terms(), &self.players, cells)?;
        take(builder, self.report.lines, &entry.entry, entry.name.as_deref(), &self.checked)
    }

    fn csv_line(&mut self, line: &str) -> Result<(), String> {
        let (Stage::Csv(columns), Some(builder)) = (&mut self.stage, &mut self.builder) else {
            return Ok(());
        };
        let Some(entry) = columns.entry(line, builder.terms())? else {
            return Ok(());
        };
        self.checked.read(builder.terms(), &self.players, entry.cells)?;
        take(builder, self.report.lines, entry.id, entry.name, &self.checked)
    }
}

fn take(builder: &mut Builder, line: u64, id: &str, name: Option<&str>, checked: &Checked) -> Result<(), String> {
    if !crate::model::ids::is_well_formed(id) {
        return Err(json::bad_id("the entry's id", id));
    }
    let name = name.unwrap_or_default();
    let plain: Cow<'_, str> = match name.chars().any(char::is_control) {
        true => name.chars().filter(|c| !c.is_control()).collect(),
        false => name.into(),
    };
    let name = cut(plain.trim());
    builder.add(u32::try_from(line).unwrap_or(u32::MAX), id, name, checked.roster());
    Ok(())
}

/// A name as far as there is room for it.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(super::NAME_BYTES_MAX)]
}

fn refuse(report: &mut Report, limits: &Limits, line: u64, mut what: String) {
    report.bad += 1;
    what.truncate(what.floor_char_boundary(WHAT_BYTES_MAX));
    // Twice as many as are told of: those that are found last may stand first.
    if report.bad_lines.len() < 2 * limits.bad_lines_max {
        report.bad_lines.push(BadLine { line, what });
    }
}
