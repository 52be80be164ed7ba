//! A recorded or simulated Sunday as the feed of a run.
//!
//! Event lines are taken as they are but for two things. Names of games, players and teams get a
//! prefix of the run's own, so that runs one after the other on the same server don't meet. And an
//! event's `ts` becomes the moment at which it is due: its distance from the first one, divided by
//! the speed. Bounded by the file: [`FILE_BYTES_MAX`].

use crate::feed::{Feed, Player};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest file of events taken, in bytes.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Where the events come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A file of event lines.
    File(PathBuf),
    /// `scorewire simulate`, this many games.
    Simulated {
        /// The program.
        program: PathBuf,
        /// Games.
        games: u32,
        /// The same seed gives the same games.
        seed: u64,
    },
}

/// How a Sunday is played.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// The run's own prefix of names.
    pub(crate) prefix: String,
    /// How many times faster than it was.
    pub(crate) speed: f64,
    /// Where the run ends, in microseconds; the Sunday begins anew, with other games, until then, or
    /// ends by itself where `again` is not set.
    pub(crate) until_us: u64,
    /// See `until_us`.
    pub(crate) again: bool,
    /// Microseconds since the Unix epoch that the kickoffs are told by.
    pub(crate) began_us: u64,
}

impl Source {
    /// Its feed.
    pub(crate) fn feed(&self, pace: &Pace) -> Result<Feed> {
        match self {
            Source::File(path) => {
                let name = || format!("--events {}", path.display());
                feed(&read_file(path).with_context(name)?, pace).with_context(name)
            }
            Source::Simulated { program, games, seed } => feed(&simulate(program, *games, *seed)?, pace),
        }
    }
}

/// Where `scorewire` is, unless it was said: beside this program.
pub(crate) fn program_beside() -> Result<PathBuf> {
    let own = std::env::current_exe().context("the own binary can't be found")?;
    Ok(own.with_file_name("scorewire"))
}

fn read_file(path: &Path) -> Result<String> {
    let bytes = std::fs::metadata(path).context("it can't be read")?.len();
    ensure!(bytes <= FILE_BYTES_MAX, "it has {bytes} bytes, at most {FILE_BYTES_MAX} are taken");
    std::fs::read_to_string(path).context("it can't be read as text")
}

fn simulate(program: &Path, games: u32, seed: u64) -> Result<String> {
    let mut command = Command::new(program);
    command.args(["simulate", "--out", "-", "--games", &games.to_string(), "--seed", &seed.to_string()]);
    let output = command.output().with_context(|| {
        format!(
            "{} can't be started to simulate the games; build it (cargo build --release), name it with --scorewire, or give --events",
            program.display()
        )
    })?;
    if !output.status.success() {
        bail!("{} simulate: {}", program.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("the simulated games are no text")
}

/// The feed of a Sunday with these event lines.
fn feed(lines: &str, pace: &Pace) -> Result<Feed> {
    let lines = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let events = lines.map(|(number, line)| event(line).with_context(|| format!("line {}", number + 1)));
    let events: Vec<Value> = events.collect::<Result<_>>()?;
    ensure!(!events.is_empty(), "there is no event in it");
    let times: Vec<u64> = events.iter().filter_map(|event| event["ts"].as_u64()).collect();
    let first_us = times
        .iter()
        .copied()
        .min()
        .context("no event has a \"ts\": nothing says when they happened")?;
    let span_us = times.iter().max().map_or(0, |last| last - first_us);
    let mut feed = Feed {
        players: players(&events, &pace.prefix),
        ..Feed::default()
    };
    let (mut turn, mut begins_us) = (0, 0);
    while begins_us < pace.until_us && (turn == 0 || pace.again) {
        let turn_of = Turn {
            pace,
            number: turn,
            first_us,
            begins_us,
        };
        turn_of.add(&events, &mut feed);
        turn += 1;
        // A minute of the Sunday between one and the next.
        begins_us += turn_of.scaled(span_us + 60_000_000).max(1_000_000);
    }
    Ok(feed)
}

fn event(line: &str) -> Result<Value> {
    let event: Value = serde_json::from_str(line).context("no JSON: each line must be an event (NDJSON)")?;
    ensure!(event["type"].is_string(), "no event: it has no \"type\"");
    Ok(event)
}

/// One time through the Sunday.
struct Turn<'a> {
    pace: &'a Pace,
    number: u32,
    /// The first event's time.
    first_us: u64,
    /// When that is due.
    begins_us: u64,
}

impl Turn<'_> {
    fn scaled(&self, us: u64) -> u64 {
        (us as f64 / self.pace.speed) as u64
    }

    fn add(&self, events: &[Value], feed: &mut Feed) {
        let mut is_opening = true;
        let mut at_us = self.begins_us;
        for event in events {
            let mut event = event.clone();
            let ts = event["ts"].as_u64();
            self.rename(&mut event);
            let is_players = event["type"] == "players";
            is_opening &= is_players || event["status"] == "scheduled";
            if is_players || (is_opening && self.number == 0) {
                // Players are the same each time.
                if self.number == 0 {
                    feed.opening.push(event.to_string());
                }
                continue;
            }
            // In the order of the file: a late line was late.
            at_us = at_us.max(self.begins_us + self.scaled(ts.unwrap_or(self.first_us) - self.first_us));
            if at_us >= self.pace.until_us {
                break;
            }
            feed.add(at_us, event.to_string());
        }
    }

    fn rename(&self, event: &mut Value) {
        let Some(event) = event.as_object_mut() else { return };
        event.remove("ts");
        let prefix = &self.pace.prefix;
        if let Some(Value::String(game)) = event.get_mut("game") {
            *game = format!("{prefix}{}-{game}", self.number);
        }
        if let Some(kickoff) = event.get_mut("kickoff")
            && let Some(at_us) = kickoff.as_u64()
        {
            let since_us = self.scaled(at_us.saturating_sub(self.first_us));
            *kickoff = (self.pace.began_us + self.begins_us + since_us).into();
        }
        rename(event, prefix);
    }
}

/// Puts `prefix` before the names of players and teams, however deep.
fn rename(object: &mut Map<String, Value>, prefix: &str) {
    for (key, value) in object {
        match (key.as_str(), value) {
            ("player" | "team" | "home" | "away" | "possession", Value::String(name)) if !name.is_empty() && name != "0" => {
                name.insert_str(0, prefix);
            }
            ("score" | "timeouts", Value::Object(teams)) => {
                *teams = std::mem::take(teams)
                    .into_iter()
                    .map(|(team, value)| (format!("{prefix}{team}"), value))
                    .collect();
            }
            (_, Value::Object(inner)) => rename(inner, prefix),
            (_, Value::Array(list)) => list
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|inner| rename(inner, prefix)),
            _ => {}
        }
    }
}

/// Who can be followed: those who are credited or whose position scores, and the teams' defences.
fn players(events: &[Value], prefix: &str) -> Vec<Player> {
    const SCORING: [&str; 6] = ["QB", "RB", "FB", "WR", "TE", "K"];
    let mut plays: BTreeMap<&str, u64> = BTreeMap::new();
    let mut positions: BTreeMap<&str, &str> = BTreeMap::new();
    for event in events {
        for stat in event["stats"].as_array().into_iter().flatten() {
            let player = stat["player"].as_str().filter(|id| !id.is_empty() && *id != "0");
            player.into_iter().for_each(|id| *plays.entry(id).or_default() += 1);
        }
        for player in event["players"].as_array().into_iter().flatten() {
            if let (Some(id), Some(position)) = (player["player"].as_str(), player["position"].as_str()) {
                positions.insert(id, position);
            }
        }
    }
    let unknown = plays.keys().filter(|id| !positions.contains_key(*id)).map(|&id| (id, ""));
    let known = positions
        .iter()
        .filter(|(_, position)| SCORING.contains(position))
        .map(|(&id, &position)| (id, position));
    let mut players: Vec<Player> = known
        .chain(unknown)
        .map(|(id, position)| Player {
            topic: format!("player:{prefix}{id}"),
            position: position.to_owned(),
            plays: plays.get(id).copied().unwrap_or(0),
        })
        .collect();
    let teams = events
        .iter()
        .flat_map(|event| [event["home"].as_str(), event["away"].as_str()])
        .flatten();
    let mut teams: Vec<&str> = teams.collect();
    teams.sort_unstable();
    teams.dedup();
    players.extend(teams.into_iter().map(|team| Player {
        topic: format!("player:dst:{prefix}{team}"),
        position: "DST".to_owned(),
        plays: 0,
    }));
    players
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"
{"type":"players","players":[{"player":"a","name":"A","team":"NE","position":"QB"},{"player":"l","team":"NE","position":"OL"}]}
{"type":"game","game":"g","ts":1000000,"status":"scheduled","home":"NE","away":"HOU","kickoff":1000000,"score":{"NE":0,"HOU":0}}
{"type":"game","game":"g","ts":1000000,"rev":2,"status":"live","home":"NE","away":"HOU","kickoff":1000000}
{"type":"play","game":"g","play":"1","ts":3000000,"situation":{"possession":"NE"},"stats":[{"player":"a","team":"NE","stat":15,"yards":2},{"team":"HOU","stat":51,"yards":0},{"player":"0","team":"HOU","stat":51,"yards":0}]}
{"type":"retract","game":"g","play":"1","ts":2000000,"rev":2}
"#;

    fn pace(again: bool) -> Pace {
        Pace {
            prefix: "x-".to_owned(),
            speed: 2.0,
            until_us: 40_000_000,
            again,
            began_us: 5_000_000_000,
        }
    }

    #[test]
    fn a_sunday_is_posted_at_its_pace_under_names_of_its_own() {
        let feed = feed(LINES, &pace(false)).unwrap();
        assert_eq!((feed.opening.len(), feed.lines.len()), (2, 3));
        let due: Vec<u64> = (0..3).map(|event| feed.schedule.due_us(event)).collect();
        assert_eq!(due, [0, 1_000_000, 1_000_001], "the late line stays late");
        let game: Value = serde_json::from_str(&feed.opening[1]).unwrap();
        assert_eq!((&game["game"], &game["home"]), (&"x-0-g".into(), &"x-NE".into()));
        assert_eq!(
            (&game["score"]["x-HOU"], &game["kickoff"], &game["ts"]),
            (&0.into(), &5_000_000_000u64.into(), &Value::Null)
        );
        let play: Value = serde_json::from_str(&feed.lines[1]).unwrap();
        assert_eq!((&play["play"], &play["situation"]["possession"]), (&"1".into(), &"x-NE".into()));
        assert_eq!(
            (&play["stats"][0]["player"], &play["stats"][2]["player"]),
            (&"x-a".into(), &"0".into())
        );
        let who: Vec<(&str, &str, u64)> = feed
            .players
            .iter()
            .map(|p| (p.topic.as_str(), p.position.as_str(), p.plays))
            .collect();
        assert_eq!(
            who,
            [
                ("player:x-a", "QB", 1),
                ("player:dst:x-HOU", "DST", 0),
                ("player:dst:x-NE", "DST", 0)
            ]
        );
    }

    #[test]
    fn what_is_no_feed_is_refused_with_the_line() {
        let refused = |lines: &str| format!("{:#}", super::feed(lines, &pace(false)).unwrap_err());
        assert!(refused("").contains("no event in it") && refused("\n \n").contains("no event in it"));
        let list = refused(&format!("{}\n[1]", LINES.trim()));
        assert!(list.starts_with("line 6: no event"), "{list}");
        assert!(
            refused("\ngame,play\n1,2").starts_with("line 2: no JSON"),
            "{}",
            refused("\ngame,play")
        );
        assert!(refused(r#"{"type":"game"}"#).contains("no event has a \"ts\""));
    }

    #[test]
    fn a_loop_plays_other_games_with_the_same_players() {
        let feed = feed(LINES, &pace(true)).unwrap();
        // 2 s of Sunday and a minute between, twice as fast: at 0 s and 31 s, the second time with the announcement.
        assert_eq!((feed.opening.len(), feed.lines.len()), (2, 3 + 4));
        assert!(
            feed.lines[3].contains("x-1-g") && feed.lines[3].contains("scheduled"),
            "{}",
            feed.lines[3]
        );
        assert_eq!(feed.schedule.due_us(3), 31_000_000);
    }
}
