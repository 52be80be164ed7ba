//! When games kick off and who the players are: the optional tables beside recorded documents.
//!
//! `schedule.csv` (`game_id`, `date`, `time_et`) and `players.csv` (`game_id`, `gsis_id`,
//! `full_name`, `position`, `team`); columns are found by their heading. Without a row, a game kicks
//! off at 1:00 PM Eastern on the date its id begins with. Eastern time is UTC−5, UTC−4 from the second
//! Sunday of March to the first of November (the rule since 2007). Bounded: [`TABLE_BYTES_MAX`] a table.

use super::timeline::TimelineError;
use crate::model::{GameId, PlayerId, PlayerInfo, Team};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest table read, in bytes.
pub const TABLE_BYTES_MAX: u64 = 16 << 20;

const HOUR_S: i64 = 3_600;

/// What the tables say, by game.
#[derive(Debug, Default)]
pub struct Schedule {
    kickoffs: BTreeMap<GameId, i64>,
    rosters: BTreeMap<GameId, Vec<PlayerInfo>>,
}

impl Schedule {
    /// Reads the tables that stand in the given folders; the first folder that has one wins.
    pub fn load(folders: &[PathBuf]) -> Result<Schedule, TimelineError> {
        let mut schedule = Schedule::default();
        let first = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        if let Some(path) = first("schedule.csv") {
            each_row(&path, &["game_id", "date", "time_et"], |row| {
                let kickoff = eastern(row[1], row[2]).ok_or("date must be YYYY-MM-DD and time_et H:MM")?;
                schedule.kickoffs.insert(GameId::new(row[0]).ok_or("no game id")?, kickoff);
                Ok(())
            })?;
        }
        if let Some(path) = first("players.csv") {
            each_row(&path, &["game_id", "gsis_id", "full_name", "position", "team"], |row| {
                let game = GameId::new(row[0]).ok_or("no game id")?;
                schedule.rosters.entry(game).or_default().push(PlayerInfo {
                    player: PlayerId::new(row[1]).ok_or("no player id")?,
                    name: Some(row[2].to_owned()).filter(|name| !name.is_empty()),
                    team: Team::new(row[4]),
                    position: Some(row[3].into()).filter(|position: &compact_str::CompactString| !position.is_empty()),
                });
                Ok(())
            })?;
        }
        Ok(schedule)
    }

    /// Kickoff in microseconds since the Unix epoch; nothing for a game neither listed nor named by a date.
    pub fn kickoff(&self, game: &GameId) -> Option<i64> {
        let by_id = || {
            let date = game.as_str().get(..8)?;
            let part = |range: std::ops::Range<usize>| date.get(range)?.parse().ok();
            kickoff_us(part(0..4)?, part(4..6)?, part(6..8)?, 13 * HOUR_S)
        };
        self.kickoffs.get(game).copied().or_else(by_id)
    }

    /// The players listed for a game.
    pub fn roster(&self, game: &GameId) -> &[PlayerInfo] {
        self.rosters.get(game).map_or(&[], Vec::as_slice)
    }
}

/// Calls `row` with the wanted columns of each line of a table with a heading.
fn each_row(path: &Path, wanted: &[&str], mut row: impl FnMut(&[&str]) -> Result<(), &'static str>) -> Result<(), TimelineError> {
    let bad = |line: usize, reason: String| TimelineError::Table {
        path: path.to_owned(),
        line,
        reason,
    };
    let io = |source| TimelineError::Io {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(io)?.len() > TABLE_BYTES_MAX {
        return Err(bad(1, format!("larger than {TABLE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    let mut lines = text.lines().enumerate();
    let heading = cells(lines.next().map_or("", |(_, line)| line).trim_start_matches('\u{feff}'));
    let place = |name: &&str| {
        heading
            .iter()
            .position(|cell| cell == name)
            .ok_or_else(|| bad(1, format!("no column {name}")))
    };
    let places: Vec<usize> = wanted.iter().map(place).collect::<Result<_, _>>()?;
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells = cells(line);
        let picked: Option<Vec<&str>> = places.iter().map(|place| cells.get(*place).map(String::as_str)).collect();
        let picked = picked.ok_or_else(|| bad(number + 1, "too few columns".to_owned()))?;
        row(&picked).map_err(|reason| bad(number + 1, reason.to_owned()))?;
    }
    Ok(())
}

/// The cells of a line; a cell in double quotes may hold commas, and `""` for a quote.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.last_mut().expect("there is always one cell");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    cells
}

/// A date and a time as schedules print it. Without AM or PM it is an afternoon or evening, but for
/// games in Europe, which begin at half past nine in the morning.
fn eastern(date: &str, time: &str) -> Option<i64> {
    let mut parts = date.trim().splitn(3, '-');
    let (year, month, day) = (
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    );
    let upper = time.trim().to_ascii_uppercase();
    let digits = upper.trim_end_matches(|c: char| !c.is_ascii_digit());
    let (hour, minute) = digits.split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
        return None;
    }
    let is_morning = match &upper[digits.len()..] {
        suffix if suffix.contains('A') => true,
        suffix if suffix.contains('P') => false,
        _ => (hour, minute) == (9, 30),
    };
    let hour = match hour {
        12 if is_morning => 0,
        12.. => hour,
        _ if is_morning => hour,
        _ => hour + 12,
    };
    kickoff_us(year, month, day, hour * HOUR_S + minute * 60)
}

/// Microseconds since the Unix epoch of a wall-clock second of a day in New York.
fn kickoff_us(year: i64, month: i64, day: i64, second: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let today = days_from_civil(year, month, day);
    let is_summer = (sunday_from(year, 3, 8)..sunday_from(year, 11, 1)).contains(&today);
    let offset = if is_summer { 4 } else { 5 };
    Some((today * 24 * HOUR_S + second + offset * HOUR_S) * 1_000_000)
}

/// The first Sunday on or after a day, in days since the Unix epoch (a Thursday).
fn sunday_from(year: i64, month: i64, day: i64) -> i64 {
    let first = days_from_civil(year, month, day);
    first + (3 - first).rem_euclid(7)
}

/// Days since the Unix epoch of a date of the Gregorian calendar
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eastern_times_become_utc() {
        let utc = |date, time| eastern(date, time).unwrap() / 1_000_000;
        // 2017-09-24 13:00 EDT and 2015-12-13 13:00 EST.
        assert_eq!(utc("2017-09-24", "1:00"), 1_506_272_400);
        assert_eq!(utc("2015-12-13", "1:00"), 1_450_029_600);
        assert_eq!(utc("2017-09-24", "9:30"), 1_506_272_400 - 7 * HOUR_S / 2);
        assert_eq!(utc("2017-09-24", "8:30"), 1_506_272_400 + 15 * HOUR_S / 2);
        assert_eq!(utc("2017-11-23", "12:30"), utc("2017-11-23", "12:30 PM"));
        assert_eq!(utc("2017-09-24", "10:20") - utc("2017-09-24", "10:20 AM"), 12 * HOUR_S);
    }

    #[test]
    fn summer_time_begins_and_ends_on_its_sundays() {
        let offset = |date: &str| {
            let day = eastern(date, "1:00").unwrap() / 1_000_000 % (24 * HOUR_S);
            day / HOUR_S - 13
        };
        assert_eq!((offset("2018-03-10"), offset("2018-03-11")), (5, 4));
        assert_eq!((offset("2018-11-03"), offset("2018-11-04")), (4, 5));
        assert_eq!((offset("2015-10-31"), offset("2015-11-01")), (4, 5));
    }

    #[test]
    fn a_game_without_a_row_begins_at_one_on_its_date() {
        let schedule = Schedule::default();
        let kickoff = |id| schedule.kickoff(&GameId::new(id).unwrap());
        assert_eq!(kickoff("2017092499"), Some(1_506_272_400_000_000));
        assert_eq!((kickoff("friendly"), kickoff("2017990199"), kickoff("1")), (None, None, None));
    }

    #[test]
    fn cells_may_be_quoted() {
        assert_eq!(cells("a,\"b,\"\"c\"\"\",,d"), ["a", "b,\"c\"", "", "d"]);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (date, time) in [
            ("2017-9", "1:00"),
            ("2017-13-01", "1:00"),
            ("2017-09-01", "25:00"),
            ("2017-09-01", "noon"),
        ] {
            assert_eq!(eastern(date, time), None, "{date} {time}");
        }
    }
}
