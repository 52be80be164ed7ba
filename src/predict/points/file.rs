//! Earlier games from a table: a row for each game, player and quarter, with the running totals at its end.
//!
//! The layout is that of the tables which models learn from, plain or compressed by gzip. Rows of a game stand
//! together. Only the last quarter of each player counts; an empty line says nothing. What is in the file is hostile
//! until it is parsed:
//! bounded by [`FILE_BYTES_MAX`], [`LINE_BYTES_MAX`] and [`GAME_PLAYERS_MAX`]; the first line that makes no sense
//! ends the reading, and what was read before it stays.

use super::calendar::{REGULAR_WEEKS, WEEKS, When};
use super::line::{COLUMNS, Line};
use super::past::{PlaySums, Result as ClubResult, club};
use crate::model::{PlayerId, Team};
use flate2::read::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Most bytes of a table, unpacked: fifty seasons.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most bytes of a line.
pub const LINE_BYTES_MAX: usize = 4_096;
/// Most players of one game.
pub const GAME_PLAYERS_MAX: usize = 1_024;

/// Why a table is not read any further.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// A line that makes no sense.
    #[error("line {line}: {problem}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong, with its column.
        problem: String,
    },
}

/// Columns that are needed beside those of a line.
const NAMES: [&str; 9] = [
    "game_id",
    "season",
    "season_type",
    "week",
    "gsis_id",
    "team",
    "opponent",
    "quarter",
    "team_score",
];

/// Where each column stands.
struct Header {
    columns: usize,
    named: [usize; NAMES.len()],
    line: [usize; COLUMNS.len()],
}

/// A game that is being read.
struct Game {
    id: String,
    when: When,
    /// Its clubs, with their points after the last quarter told.
    clubs: Vec<(Team, u16)>,
    /// By player: the place of the club, the last quarter, the line then.
    players: HashMap<PlayerId, (usize, u8, Line)>,
}

/// Reads a table and tells `take` of every game in it, in the file's order. Returns how many there were.
///
/// # Errors
/// A file that cannot be read, or a line that makes no sense; games told before it stay told.
pub fn read(path: &Path, take: impl FnMut(When, &[ClubResult; 2])) -> Result<u64, FileError> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        parse(BufReader::new(MultiGzDecoder::new(file).take(FILE_BYTES_MAX)), take)
    } else {
        parse(BufReader::new(file.take(FILE_BYTES_MAX)), take)
    }
}

/// The same of anything that can be read.
///
/// # Errors
/// Those of [`read`].
pub fn parse(mut input: impl BufRead, mut take: impl FnMut(When, &[ClubResult; 2])) -> Result<u64, FileError> {
    let mut text = Vec::new();
    let (mut header, mut game): (Option<Header>, Option<Game>) = (None, None);
    let (mut games, mut number) = (0, 0);
    loop {
        text.clear();
        number += 1;
        let wrong = |problem: String| FileError::Line { line: number, problem };
        let bytes = input.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut text)?;
        if bytes == 0 {
            break;
        }
        if bytes > LINE_BYTES_MAX {
            return Err(wrong(format!("more than {LINE_BYTES_MAX} bytes")));
        }
        let line = std::str::from_utf8(&text).map_err(|_| wrong("is not UTF-8".into()))?;
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            continue;
        }
        let cells: Vec<&str> = line.split(',').collect();
        let Some(header) = &header else {
            header = Some(Header::of(&cells).map_err(wrong)?);
            continue;
        };
        let row = Row::of(header, &cells).map_err(wrong)?;
        if game.as_ref().is_some_and(|game| game.id != row.game) {
            games += 1;
            game.take().expect("there is one").tell(&mut take);
        }
        game.get_or_insert_with(|| Game::of(&row)).add(row).map_err(wrong)?;
    }
    if let Some(game) = game {
        games += 1;
        game.tell(&mut take);
    }
    Ok(games)
}

impl Header {
    fn of(cells: &[&str]) -> Result<Header, String> {
        let place = |name: &str| {
            let place = cells.iter().position(|cell| *cell == name);
            place.ok_or_else(|| format!("there is no column \"{name}\""))
        };
        let mut header = Header {
            columns: cells.len(),
            named: Default::default(),
            line: Default::default(),
        };
        for (at, name) in header.named.iter_mut().zip(NAMES) {
            *at = place(name)?;
        }
        for (at, (name, _)) in header.line.iter_mut().zip(COLUMNS) {
            *at = place(name)?;
        }
        Ok(header)
    }
}

/// One line of the table.
struct Row<'a> {
    game: &'a str,
    when: When,
    player: PlayerId,
    clubs: [Team; 2],
    quarter: u8,
    score: u16,
    line: Line,
}

impl<'a> Row<'a> {
    fn of(header: &Header, cells: &[&'a str]) -> Result<Row<'a>, String> {
        if cells.len() != header.columns {
            return Err(format!("{} columns where the first line has {}", cells.len(), header.columns));
        }
        let [game, season, kind, week, player, own, other, quarter, score] = header.named.map(|place| cells[place]);
        let team = |text: &str, column: &str| Team::new(text).map(|team| club(&team)).ok_or_else(|| no(column, text));
        let week: u8 = number(week, "week")?;
        let week = match kind {
            "REG" => week,
            "POST" => week.saturating_add(REGULAR_WEEKS).min(WEEKS),
            other => return Err(no("season_type", other)),
        };
        if !(1..=WEEKS).contains(&week) {
            return Err(no("week", &week.to_string()));
        }
        let mut line = Line::default();
        for ((value, place), (name, _)) in line.0.iter_mut().zip(header.line).zip(COLUMNS) {
            *value = match cells[place] {
                "" => 0,
                text => number(text, name)?,
            };
        }
        Ok(Row {
            game,
            when: When {
                season: number(season, "season")?,
                week,
            },
            player: PlayerId::new(player).ok_or_else(|| no("gsis_id", player))?,
            clubs: [team(own, "team")?, team(other, "opponent")?],
            quarter: number(quarter, "quarter")?,
            score: number(score, "team_score")?,
            line,
        })
    }
}

fn no(column: &str, text: &str) -> String {
    let text: String = text.chars().take(40).collect();
    format!("column \"{column}\": {text:?} is none")
}

fn number<N: std::str::FromStr>(text: &str, column: &str) -> Result<N, String> {
    text.parse().map_err(|_| no(column, text))
}

impl Game {
    fn of(row: &Row<'_>) -> Game {
        Game {
            id: row.game.to_owned(),
            when: row.when,
            clubs: row.clubs.iter().map(|club| (club.clone(), 0)).collect(),
            players: HashMap::new(),
        }
    }

    fn add(&mut self, row: Row<'_>) -> Result<(), String> {
        let Some(club) = self.clubs.iter().position(|(club, _)| *club == row.clubs[0]) else {
            return Err(no("team", row.clubs[0].as_str()));
        };
        // Points go up from quarter to quarter.
        let score = &mut self.clubs[club].1;
        *score = row.score.max(*score);
        if self.players.len() >= GAME_PLAYERS_MAX && !self.players.contains_key(&row.player) {
            return Err(format!("more than {GAME_PLAYERS_MAX} players of a game"));
        }
        let known = self.players.entry(row.player).or_insert((club, 0, Line::default()));
        if row.quarter >= known.1 {
            *known = (club, row.quarter, row.line);
        }
        Ok(())
    }

    fn tell(self, take: &mut impl FnMut(When, &[ClubResult; 2])) {
        let side = |place: usize| ClubResult {
            game: None,
            club: self.clubs[place].0.clone(),
            score: self.clubs[place].1,
            players: self
                .players
                .iter()
                .filter(|(_, (club, ..))| *club == place)
                .map(|(player, (_, _, line))| (player.clone(), *line))
                .collect(),
            plays: PlaySums::default(),
        };
        take(self.when, &[side(0), side(1)]);
    }
}
