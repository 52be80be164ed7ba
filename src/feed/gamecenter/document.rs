//! A GameCenter document as plain data.
//!
//! `{GAME: {home, away, drives: {N: {plays: {ID: …}}, crntdrv: n}, qtr, clock, …}, nextupdate}`,
//! plain or gzipped. What the feed writes loosely is settled here: numbers as text or floats, team
//! codes of other years, the team's own records under player `"0"`, plays listed in two drives.
//! `sequence` numbers and texts are not kept, so that two documents that mean the same are equal.
//! What the feed protocol's decoder would refuse, and a whole line with it, is left out here.
//! Bounded: [`DOCUMENT_BYTES_MAX`] bytes, unpacked.

use super::fields::{clock, integer, small, text, yards_to_goal};
use super::play::{Reader, is_marker, player_id};
use super::teams::Teams;
use crate::feed::decode::{NAME_CHARS_MAX, SCORE_MAX, TEAM_BYTES_MAX};
use crate::model::{Clock, GameId, GameStatus, PlayId, PlayKind, PlayerId, PlayerInfo, Score, Situation, StatRecord, Team};
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// Largest document read, in bytes after unpacking. A whole game is about half a megabyte.
pub const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// Quarters a score is split into; the fifth holds all overtime.
pub const QUARTERS: usize = 5;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It begins like gzip and does not unpack.
    #[error("not a readable gzip file: {0}")]
    Gzip(std::io::Error),
    /// Over [`DOCUMENT_BYTES_MAX`].
    #[error("larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    /// Not JSON.
    #[error("not JSON: {0}")]
    Json(serde_json::Error),
    /// No member of the top level is a game.
    #[error("no game in it: expected {{\"GAME\": {{\"home\": …, \"away\": …, \"drives\": …}}}}")]
    NoGame,
    /// A field that must be there is not.
    #[error("{path} is missing")]
    Missing {
        /// Where, with dots.
        path: String,
    },
    /// A field holds what it cannot.
    #[error("{path}: {reason}")]
    Bad {
        /// Where, with dots.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl DocumentError {
    pub(super) fn bad(path: String, reason: &'static str) -> DocumentError {
        DocumentError::Bad { path, reason }
    }
}

/// Stat records that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Their stat id is in no dictionary.
    pub unknown_stat: u32,
    /// No such player id, absurd yards, no team to be found, or too many of one play.
    pub unreadable: u32,
}

/// One team's points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TeamScore {
    /// By quarter, the fifth for all overtime.
    pub quarters: [u16; QUARTERS],
    /// All together, as the document says.
    pub total: u16,
}

impl TeamScore {
    /// Whether the quarters come to the total.
    pub(super) fn adds_up(&self) -> bool {
        self.quarters.iter().sum::<u16>() == self.total
    }
}

/// A play as the document has it, stat records sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct DocPlay {
    /// Its id.
    pub id: PlayId,
    /// Its place in the game: quarter, then play number.
    pub order: u64,
    /// Its quarter; the previous play's where it has none.
    pub quarter: u8,
    /// What it was.
    pub kind: PlayKind,
    /// Whether the text says `No Play`. Its records count all the same.
    pub no_play: bool,
    /// The clock at the snap.
    pub clock: Option<Clock>,
    /// Where it was run from; nothing for a timeout.
    pub situation: Option<Situation>,
    /// A multiset, sorted.
    pub stats: SmallVec<[StatRecord; 4]>,
}

/// The coming snap, as the document's head announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snap {
    /// The clock now.
    pub clock: Option<Clock>,
    /// Down, distance, place and possession.
    pub situation: Situation,
}

/// Everybody with a stat record, by id: name and team, no position.
pub type People = BTreeMap<PlayerId, PlayerInfo>;

/// A game as one download shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The game.
    pub game: GameId,
    /// Who plays.
    pub teams: Teams,
    /// Points of the home team and of the visitors.
    pub scores: [TeamScore; 2],
    /// Where the game stands.
    pub status: GameStatus,
    /// Timeouts left, home and visitors.
    pub timeouts: Option<[u16; 2]>,
    /// The coming snap, while the game is on.
    pub next: Option<Snap>,
    /// The plays, in game order. Remarks such as the end of a quarter are not among them.
    pub plays: Vec<Arc<DocPlay>>,
    /// Who the players are.
    pub people: Arc<People>,
    /// What was left out.
    pub dropped: Dropped,
}

impl Document {
    /// Reads a document, plain or gzipped (told by its first bytes).
    pub fn read(bytes: &[u8]) -> Result<Document, DocumentError> {
        let value = if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            let mut limited = MultiGzDecoder::new(bytes).take(DOCUMENT_BYTES_MAX as u64 + 1);
            limited.read_to_end(&mut unpacked).map_err(DocumentError::Gzip)?;
            json(&unpacked)?
        } else {
            json(bytes)?
        };
        Document::from_json(&value)
    }

    /// Reads a document that is JSON already.
    pub fn from_json(value: &Value) -> Result<Document, DocumentError> {
        let top = value.as_object().ok_or(DocumentError::NoGame)?;
        let is_game = |body: &Value| body.get("home").is_some() || body.get("away").is_some();
        let (id, body) = top.iter().find(|(_, body)| is_game(body)).ok_or(DocumentError::NoGame)?;
        let game = GameId::new(id).ok_or(DocumentError::NoGame)?;
        let teams = Teams {
            home: team(id, body, "home")?,
            away: team(id, body, "away")?,
        };
        if teams.home == teams.away {
            return Err(DocumentError::bad(format!("{id}.away.abbr"), "is the home team too"));
        }
        let mut dropped = Dropped::default();
        let entries = entries(body);
        let people = people(&teams, body, &entries);
        let plays = plays(&game, &entries, &teams, &people, &mut dropped)?;
        let status = status(body.get("qtr"), !plays.is_empty());
        let next = (status == GameStatus::Live).then(|| next(&teams, body)).flatten();
        let timeouts = timeouts(body);
        Ok(Document {
            game,
            scores: ["home", "away"].map(|side| score(&body[side])),
            teams,
            status,
            timeouts,
            next,
            plays,
            people: Arc::new(people),
            dropped,
        })
    }

    /// The score as events carry it.
    pub fn score(&self) -> Score {
        self.by_team(self.scores.map(|score| score.total))
    }

    /// A number for each team, home first.
    pub fn by_team(&self, [home, away]: [u16; 2]) -> Score {
        Score(SmallVec::from([(self.teams.home.clone(), home), (self.teams.away.clone(), away)]))
    }
}

fn json(bytes: &[u8]) -> Result<Value, DocumentError> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(DocumentError::TooLarge);
    }
    serde_json::from_slice(bytes).map_err(DocumentError::Json)
}

fn team(game: &str, body: &Value, side: &str) -> Result<Team, DocumentError> {
    let path = || format!("{game}.{side}.abbr");
    let code = body.get(side).and_then(|side| side.get("abbr")).and_then(Value::as_str);
    let code = code.ok_or_else(|| DocumentError::Missing { path: path() })?;
    let team = Team::new(code.trim()).filter(|team| team.as_str().len() <= TEAM_BYTES_MAX);
    team.ok_or_else(|| DocumentError::bad(path(), "not a team's abbreviation"))
}

fn score(side: &Value) -> TeamScore {
    let points = |key: &str| {
        let value = side.get("score").and_then(|score| score.get(key)).and_then(integer);
        value.and_then(|v| u16::try_from(v).ok()).filter(|v| *v <= SCORE_MAX).unwrap_or(0)
    };
    TeamScore {
        quarters: ["1", "2", "3", "4", "5"].map(points),
        total: points("T"),
    }
}

fn timeouts(body: &Value) -> Option<[u16; 2]> {
    let left = |side| small(body.get(side)?, "to", 0..=3).map(u16::from);
    Some([left("home")?, left("away")?])
}

fn status(quarter: Option<&Value>, has_plays: bool) -> GameStatus {
    let words = quarter.and_then(Value::as_str).unwrap_or("").to_ascii_lowercase();
    if words.contains("final") {
        GameStatus::Final
    } else if words.contains("half") {
        GameStatus::Halftime
    } else if words.contains("pre") {
        GameStatus::Scheduled
    } else if has_plays || quarter.and_then(integer).is_some_and(|quarter| quarter > 0) {
        GameStatus::Live
    } else {
        GameStatus::Scheduled
    }
}

fn next(teams: &Teams, body: &Value) -> Option<Snap> {
    let possession = teams.resolve(text(body, "posteam"))?;
    let yards_to_goal = Some(yards_to_goal(teams, text(body, "yl"), &possession)?);
    let down = small(body, "down", 1..=4);
    Some(Snap {
        clock: clock(small(body, "qtr", 1..=9), text(body, "clock")),
        situation: Situation {
            down,
            distance: down.and_then(|_| small(body, "togo", 0..=99)),
            yards_to_goal,
            possession: Some(possession),
            shotgun: None,
            no_huddle: None,
        },
    })
}

/// The play list's entries with their drives, drives in order.
fn entries(body: &Value) -> Vec<(&str, &Map<String, Value>)> {
    let drives = body.get("drives").and_then(Value::as_object);
    let mut found: Vec<(&str, &Map<String, Value>)> = drives
        .into_iter()
        .flatten()
        .filter_map(|(drive, body)| Some((drive.as_str(), body.get("plays")?.as_object()?)))
        .collect();
    found.sort_by_key(|(drive, _)| drive.parse::<u64>().unwrap_or(u64::MAX));
    found
}

/// Names and teams from the records, teams also from the running box scores of both sides.
fn people(teams: &Teams, body: &Value, entries: &[(&str, &Map<String, Value>)]) -> People {
    let mut people = People::new();
    let players = |entry| Value::as_object(Value::get(entry, "players")?);
    let everyone = entries.iter().flat_map(|(_, plays)| plays.values()).filter_map(players).flatten();
    for (id, records) in everyone {
        let Ok(Some(player)) = player_id(id) else { continue };
        let info = people.entry(player.clone()).or_insert_with(|| nobody(player));
        for record in records.as_array().into_iter().flatten() {
            let name = text(record, "playerName");
            if info.name.is_none() && is_name(name) {
                info.name = Some(name.to_owned());
            }
            info.team = info.team.take().or_else(|| teams.resolve(text(record, "clubcode")));
        }
    }
    for (side, team) in [("home", &teams.home), ("away", &teams.away)] {
        let groups = body.get(side).and_then(|side| side.get("stats")).and_then(Value::as_object);
        for (id, _) in groups
            .into_iter()
            .flat_map(|groups| groups.values())
            .filter_map(Value::as_object)
            .flatten()
        {
            if let Some(info) = people.get_mut(id.as_str()).filter(|info| info.team.is_none()) {
                info.team = Some(team.clone());
            }
        }
    }
    people
}

/// Whether a text can be shown as a name.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().nth(NAME_CHARS_MAX).is_none() && !text.chars().any(char::is_control)
}

fn nobody(player: PlayerId) -> PlayerInfo {
    PlayerInfo {
        player,
        name: None,
        team: None,
        position: None,
    }
}

/// All plays in game order. A play in two drives counts once, as the later drive has it.
fn plays(
    game: &GameId,
    entries: &[(&str, &Map<String, Value>)],
    teams: &Teams,
    people: &People,
    dropped: &mut Dropped,
) -> Result<Vec<Arc<DocPlay>>, DocumentError> {
    let mut last = BTreeMap::new();
    for (drive, plays) in entries {
        for (id, entry) in plays.iter().filter(|(_, entry)| !is_marker(entry)) {
            last.insert(id, (drive, entry));
        }
    }
    let mut reader = Reader { teams, people, dropped };
    let mut read = Vec::with_capacity(last.len());
    for (id, (drive, entry)) in last {
        read.push(reader.play(id, entry, &|| format!("{game}.drives.{drive}.plays.{id}"))?);
    }
    read.sort_by_key(|play| play.number);
    let mut quarter = 1;
    let mut plays = Vec::with_capacity(read.len());
    for play in read {
        let play = play.settle(quarter);
        quarter = play.quarter;
        plays.push(Arc::new(play));
    }
    plays.sort_by_key(|play| play.order);
    Ok(plays)
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
