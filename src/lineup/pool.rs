//! Players, as a site's file has them.
//!
//! Pure: it is handed the text. Bounded by [`FILE_BYTES_MAX`] and [`PLAYERS_MAX`].

use super::csv::{self, Line};
use super::site::Site;
use crate::model::Points;
use std::collections::HashMap;

/// Longest players' file, in bytes.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// Most rows of one.
pub const PLAYERS_MAX: usize = 2_000;
/// Lines in which the header is looked for.
const HEADER_WITHIN: usize = 30;
/// Columns of one's own, whatever the site.
const PROJECTION: [&str; 4] = ["Projection", "Proj", "FPTS", "Projected Points"];
const OWNERSHIP: [&str; 3] = ["Ownership", "Own", "pOWN"];
const STDDEV: [&str; 2] = ["StdDev", "SD"];

/// A row: a player, or a player in some of his roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Player {
    /// The site's number.
    pub id: String,
    /// His name.
    pub name: String,
    /// His positions.
    pub positions: Vec<String>,
    /// Slots that this row may fill; empty: those of his positions.
    pub slots: Vec<String>,
    /// What he costs.
    pub salary: i32,
    /// His team.
    pub team: String,
    /// The team he plays against, where it is known.
    pub opponent: String,
    /// His game, `AWAY@HOME`.
    pub game: String,
    /// When it begins, in minutes of the file's own clock.
    pub kickoff: Option<i64>,
    /// Points expected.
    pub projection: Option<Points>,
    /// Share of others' lineups that have him, in 1/100 percent.
    pub ownership: Option<i32>,
    /// How far points stray.
    pub stddev: Option<Points>,
    /// Hurt or out, as the site says it.
    pub status: String,
    /// Where in the file; 0: not from one.
    pub line: usize,
}

/// What is wrong with a players' file: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PoolError(pub String);

/// Reads a players' file.
///
/// # Errors
/// The first line that can't be right.
pub fn read(site: &Site, text: &str) -> Result<Vec<Player>, PoolError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(PoolError(format!("a players' file may have {FILE_BYTES_MAX} bytes")));
    }
    let lines = csv::parse(text).map_err(PoolError)?;
    let (first, header) = header(site, &lines)?;
    let mut players = Vec::new();
    for line in &lines[first..] {
        if let Some(player) = header
            .player(line)
            .map_err(|problem| PoolError(format!("line {}: {problem}", line.number)))?
        {
            players.push(player);
        }
        if players.len() > PLAYERS_MAX {
            return Err(PoolError(format!("more than {PLAYERS_MAX} players")));
        }
    }
    if players.is_empty() {
        return Err(PoolError("there are no players under the header".to_owned()));
    }
    check(site, &players)?;
    Ok(players)
}

/// What no two rows have alike: name, team, positions, slots.
type Row<'a> = (String, &'a str, &'a [String], &'a [String]);

/// Refuses players who are there twice.
///
/// # Errors
/// The first of them.
pub fn check(site: &Site, players: &[Player]) -> Result<(), PoolError> {
    let mut ids: HashMap<&str, &Player> = HashMap::new();
    let mut rows: HashMap<Row<'_>, &Player> = HashMap::new();
    for player in players {
        let key = (
            player.name.to_lowercase(),
            player.team.as_str(),
            &player.positions[..],
            &player.slots[..],
        );
        let twice = match player.id.is_empty() {
            true => None,
            false => ids.insert(&player.id, player),
        };
        if let Some(other) = twice.or(rows.insert(key, player)) {
            let (name, line, before) = (&player.name, player.line, other.line);
            return Err(PoolError(match line {
                0 => format!("{name} ({}) is there twice; leave one out", player.id),
                _ => format!("line {line}: {name} is in line {before} already; delete one of the two"),
            }));
        }
        let fits = |slot: &super::site::SlotKind| takes(&slot.name, &slot.positions, player);
        if !site.slots.iter().any(fits) {
            let (place, what) = (at(player), player.positions.join("/"));
            let title = &site.title;
            return Err(PoolError(format!(
                "{place}{}: no slot of {title} takes a {what}; is this the right --site?",
                player.name
            )));
        }
    }
    Ok(())
}

fn at(player: &Player) -> String {
    match player.line {
        0 => String::new(),
        line => format!("line {line}: "),
    }
}

/// Whether a player may stand in a slot of that name.
pub(super) fn takes(slot: &str, positions: &[String], player: &Player) -> bool {
    let is_named = player.slots.is_empty() || player.slots.iter().any(|name| name == slot);
    is_named && player.positions.iter().any(|position| positions.contains(position))
}

/// Where each thing is in a line: one column, or several with blanks between.
struct Header {
    id: Vec<usize>,
    name: Vec<usize>,
    position: Vec<usize>,
    slots: Vec<usize>,
    salary: Vec<usize>,
    team: Vec<usize>,
    opponent: Vec<usize>,
    game: Vec<usize>,
    kickoff: Vec<usize>,
    points: Vec<usize>,
    status: Vec<usize>,
    projection: Vec<usize>,
    ownership: Vec<usize>,
    stddev: Vec<usize>,
}

/// The header, and the line after it.
fn header(site: &Site, lines: &[Line]) -> Result<(usize, Header), PoolError> {
    let columns = &site.columns;
    let needed = [&columns.name, &columns.position, &columns.salary, &columns.team];
    let is_header = |line: &&Line| needed.iter().all(|names| find(line, names).is_some());
    let Some(at) = lines.iter().take(HEADER_WITHIN).position(|line| is_header(&line)) else {
        let names: Vec<&str> = needed.iter().map(|names| names[0].as_str()).collect();
        let missing = lines.first().map(|line| {
            let is_missing = |names: &&&Vec<String>| find(line, names).is_none();
            needed
                .iter()
                .filter(is_missing)
                .map(|names| names[0].as_str())
                .collect::<Vec<_>>()
                .join(", ")
        });
        let missing = missing.map_or(String::new(), |missing| format!("; line 1 lacks {missing}"));
        let title = &site.title;
        return Err(PoolError(format!(
            "no line has the columns {} of {title}{missing}; is this the right --site?",
            names.join(", ")
        )));
    };
    let line = &lines[at];
    let column = |names: &[String]| find(line, names).unwrap_or_default();
    let own = |names: &[&str]| column(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let header = Header {
        id: column(&columns.id),
        name: column(&columns.name),
        position: column(&columns.position),
        slots: column(&columns.slots),
        salary: column(&columns.salary),
        team: column(&columns.team),
        opponent: column(&columns.opponent),
        game: column(&columns.game),
        kickoff: column(&columns.kickoff),
        points: column(&columns.points),
        status: column(&columns.status),
        projection: own(&PROJECTION),
        ownership: own(&OWNERSHIP),
        stddev: own(&STDDEV),
    };
    Ok((at + 1, header))
}

/// The columns of the first name that the line has.
fn find(line: &Line, names: &[String]) -> Option<Vec<usize>> {
    // The players' part of an entries template stands right of the entries: the last of equal names.
    let one = |name: &str| line.fields.iter().rposition(|field| field.eq_ignore_ascii_case(name.trim()));
    names.iter().find_map(|name| match one(name) {
        Some(column) => Some(vec![column]),
        None => name.split(" + ").map(one).collect::<Option<Vec<usize>>>(),
    })
}

impl Header {
    fn player(&self, line: &Line) -> Result<Option<Player>, String> {
        let text = |columns: &[usize]| {
            let parts = columns.iter().filter_map(|column| line.fields.get(*column)).map(String::as_str);
            parts.collect::<Vec<_>>().join(" ").trim().to_owned()
        };
        let (name, salary) = (text(&self.name), text(&self.salary));
        if name.is_empty() && salary.is_empty() {
            return Ok(None);
        }
        let list = |text: &str| {
            text.split('/')
                .map(|part| part.trim().to_uppercase())
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
        };
        let salary =
            dollars(&salary).ok_or_else(|| format!("{name}: the salary is \"{salary}\"; a whole number from 0 to 1000000 is needed"))?;
        let number = |columns: &[usize], what: &str| -> Result<Option<Points>, String> {
            let text = text(columns);
            match text.is_empty() {
                true => Ok(None),
                false => decimal(&text)
                    .map(Some)
                    .ok_or_else(|| format!("{name}: the {what} is \"{text}\"; a number is needed")),
            }
        };
        let projection = match number(&self.projection, "projection")? {
            Some(projection) => Some(projection),
            None => number(&self.points, "site's number of points")?,
        };
        let ownership = text(&self.ownership);
        let percent = decimal(ownership.trim_end_matches('%').trim());
        if !ownership.is_empty() && percent.is_none_or(|percent| !(0..=1_000_000).contains(&percent.0)) {
            return Err(format!(
                "{name}: the ownership is \"{ownership}\"; a percentage from 0 to 100 is needed"
            ));
        }
        let positions = list(&text(&self.position));
        let team = text(&self.team).to_uppercase();
        if positions.is_empty() || team.is_empty() {
            return Err(format!("{name}: there is no {}", if team.is_empty() { "team" } else { "position" }));
        }
        let (game, begins) = game_of(&text(&self.game));
        let sides = game.split_once('@');
        let other = sides.map(|(away, home)| if away == team { home } else { away }.to_owned());
        let opponent = text(&self.opponent).to_uppercase();
        Ok(Some(Player {
            id: text(&self.id),
            slots: list(&text(&self.slots)),
            positions,
            salary,
            opponent: if opponent.is_empty() { other.unwrap_or_default() } else { opponent },
            kickoff: begins.or_else(|| kickoff(&text(&self.kickoff))),
            game,
            team,
            projection,
            ownership: percent.map(|percent| (percent.0 / 100) as i32),
            stddev: number(&self.stddev, "standard deviation")?,
            status: text(&self.status),
            line: line.number,
            name,
        }))
    }
}

fn dollars(text: &str) -> Option<i32> {
    let plain: String = text.chars().filter(|c| !matches!(c, '$' | ',')).collect();
    let units = decimal(&plain)?.0;
    let whole = units.checked_rem(Points::SCALE)? == 0;
    let dollars = i32::try_from(units / Points::SCALE).ok()?;
    (whole && !plain.is_empty() && (0..=1_000_000).contains(&dollars)).then_some(dollars)
}

/// A decimal with any number of places, rounded to 1/10,000, half away from zero. At most a million.
pub fn decimal(text: &str) -> Option<Points> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !is_numeric(whole) || !is_numeric(fraction) || whole.len() > 9 {
        return None;
    }
    let digit = |place: usize| fraction.as_bytes().get(place).map_or(0, |byte| i64::from(byte - b'0'));
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let units = (0..4).fold(whole, |units, place| units * 10 + digit(place)) + i64::from(digit(4) >= 5);
    (units <= 1_000_000 * Points::SCALE).then_some(Points(sign * units))
}

/// `NE@HOU 09/24/2017 01:00PM ET`: the game, and when it begins.
fn game_of(text: &str) -> (String, Option<i64>) {
    let (game, rest) = text.split_once(' ').unwrap_or((text, ""));
    match game.contains('@') {
        true => (game.to_uppercase(), kickoff(rest)),
        // "Postponed", "Final": no game is named.
        false => (String::new(), None),
    }
}

/// `09/24/2017 01:00PM ET` or `2017-09-24T13:00`, in minutes; the time zone is the file's own, and is not looked at.
pub fn kickoff(text: &str) -> Option<i64> {
    let mut parts = text.split([' ', 'T']).filter(|part| !part.is_empty());
    let (date, time) = (parts.next()?, parts.next()?);
    let numbers = |text: &str, by: char| text.split(by).map(|part| part.parse::<i64>().ok()).collect::<Option<Vec<i64>>>();
    let (year, month, day) = match (numbers(date, '/').as_deref(), numbers(date, '-').as_deref()) {
        (Some(&[month, day, year]), _) | (_, Some(&[year, month, day])) => (year, month, day),
        _ => return None,
    };
    let upper = time.trim_end_matches('Z').to_uppercase();
    let (clock, half) = match upper.strip_suffix("PM") {
        Some(clock) => (clock.to_owned(), Some(12)),
        None => match upper.strip_suffix("AM") {
            Some(clock) => (clock.to_owned(), Some(0)),
            None => (upper.clone(), None),
        },
    };
    let clock = numbers(&clock, ':')?;
    let (&hour, &minute) = (clock.first()?, clock.get(1)?);
    let hour = half.map_or(hour, |half| hour % 12 + half);
    let is_good = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (1970..3000).contains(&year);
    // Days in the order of the calendar, which is all that is asked of them.
    is_good.then_some((((year * 12 + month) * 31 + day) * 24 + hour) * 60 + minute)
}
