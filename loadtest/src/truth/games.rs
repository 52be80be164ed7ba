//! What stands in each game by the lines posted so far: plays by their highest revision, and the stat
//! lines of those who are followed.

use crate::gsis::{self, Line, SAFETY};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Where the topics of players and defences are found by name.
pub(super) type Topics = HashMap<String, u32>;

/// What an event did to a topic's stat line, as far as its game goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touch {
    pub(super) topic: u32,
    /// What is shown of it changed; else the server may have its reasons to show something.
    pub(super) is_sure: bool,
}

/// A play's stat record.
#[derive(Debug, Clone)]
struct Record {
    /// The player's topic, where he is followed.
    player: Option<u32>,
    team: String,
    stat: u64,
    yards: i64,
}

/// What somebody who is followed has in one game.
#[derive(Debug, Clone, Default)]
struct Held {
    line: Line,
    /// Records that stand and name him.
    records: i64,
    /// The team whose defence it is.
    defends: Option<String>,
    /// Teams for which he was ever named.
    teams: BTreeSet<String>,
}

/// What the feed last said of a game as a whole.
#[derive(Debug, Default)]
struct Announced {
    status: String,
    sides: [String; 2],
    score: BTreeMap<String, i64>,
}

/// One game.
#[derive(Debug, Default)]
pub(super) struct Game {
    kickoff: Option<u64>,
    announced: Option<Announced>,
    /// The records of the plays that stand.
    plays: HashMap<String, Vec<Record>>,
    /// The score after each play, or at the start.
    told: HashMap<Option<String>, BTreeMap<String, i64>>,
    held: BTreeMap<u32, Held>,
}

impl Game {
    /// When it kicks off, where the feed has said.
    pub(super) fn kickoff(&self) -> Option<u64> {
        self.kickoff
    }

    /// Whether it has begun.
    pub(super) fn begun(&self) -> bool {
        let is_on = self.announced.as_ref().is_some_and(|game| game.status != "scheduled");
        is_on || self.plays.values().any(|records| !records.is_empty())
    }

    /// What a topic has in this game.
    pub(super) fn line(&self, topic: u32) -> Line {
        self.held.get(&topic).map(|held| held.line.clone()).unwrap_or_default()
    }

    /// The points a followed defence allowed; nothing for a player, and before the game has begun.
    pub(super) fn allowed(&self, topic: u32) -> Option<i64> {
        let team = self.held.get(&topic)?.defends.as_ref()?;
        if !self.shows_allowed(team) {
            return None;
        }
        let playing = self.playing();
        let others: Vec<&&str> = playing.iter().filter(|other| *other != team).collect();
        let [other] = others[..] else { return Some(0) };
        Some((self.scored(other) - self.points_of(other, gsis::scored_by_defence)).max(0))
    }

    /// Takes in a line that counts, and tells whose stat lines it touched.
    pub(super) fn apply(&mut self, event: &Value, topics: &Topics) -> Vec<Touch> {
        let records = match event["type"].as_str() {
            Some("play") => records(event, topics),
            _ => Vec::new(),
        };
        self.meet(event, &records, topics);
        let play = event["play"].as_str().unwrap_or_default();
        let old = self.plays.get(play).into_iter().flatten();
        let mut touched: BTreeSet<u32> = old.chain(&records).filter_map(|record| record.player).collect();
        touched.extend(self.held.iter().filter(|(_, held)| held.defends.is_some()).map(|(&topic, _)| topic));
        let before: Vec<_> = touched.iter().map(|&topic| (topic, self.shown(topic))).collect();
        self.take(event, play, records);
        let touches = before.into_iter().filter_map(|(topic, before)| {
            let after = self.shown(topic);
            let is_sure = after.0 != before.0 || (after.1 && !before.1) || after.2 != before.2;
            let held = &self.held[&topic];
            // Whose team is in dispute may be moved from one to the other.
            let may = held.defends.is_some() || held.teams.len() > 1;
            (is_sure || may).then_some(Touch { topic, is_sure })
        });
        touches.collect()
    }

    /// Makes room for everybody whom an event names.
    fn meet(&mut self, event: &Value, records: &[Record], topics: &Topics) {
        let sides = [&event["home"], &event["away"]].into_iter().filter_map(Value::as_str);
        let named: Vec<&str> = sides.chain(records.iter().map(|record| record.team.as_str())).collect();
        for team in named {
            if let Some(&topic) = topics.get(&format!("player:dst:{team}")) {
                self.held.entry(topic).or_default().defends = Some(team.to_owned());
            }
        }
        for record in records {
            if let Some(player) = record.player {
                self.held.entry(player).or_default().teams.insert(record.team.clone());
            }
        }
    }

    /// What is shown of somebody: stats, whether at all, whether points allowed.
    fn shown(&self, topic: u32) -> (Line, bool, bool) {
        let held = &self.held[&topic];
        let team = held.defends.as_deref();
        let is_announced = team.is_some_and(|team| self.is_announced(team));
        let is_listed = held.records > 0 || is_announced;
        (held.line.clone(), is_listed, team.is_some_and(|team| self.shows_allowed(team)))
    }

    fn take(&mut self, event: &Value, play: &str, records: Vec<Record>) {
        match event["type"].as_str() {
            Some("game") => {
                let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                self.kickoff = event["kickoff"].as_u64().or(self.kickoff);
                self.announced = Some(Announced {
                    status: text("status"),
                    sides: [text("home"), text("away")],
                    score: score(event),
                });
            }
            Some("situation") => {
                self.told.insert(event["after_play"].as_str().map(str::to_owned), score(event));
            }
            Some("play") => {
                self.credit(&records, 1);
                let old = self.plays.insert(play.to_owned(), records);
                self.credit(&old.unwrap_or_default(), -1);
            }
            Some("retract") => {
                let old = self.plays.remove(play);
                self.credit(&old.unwrap_or_default(), -1);
            }
            _ => {}
        }
    }

    fn credit(&mut self, records: &[Record], sign: i64) {
        let by_team: HashMap<String, u32> = self
            .held
            .iter()
            .filter_map(|(&topic, held)| Some((held.defends.clone()?, topic)))
            .collect();
        for (place, record) in records.iter().enumerate() {
            let player = record.player.map(|topic| (topic, gsis::player(record.stat, record.yards)));
            let counts = counts(records, place);
            let defence = by_team.get(&record.team).map(|&topic| {
                let credits = if counts { gsis::defence(record.stat) } else { Vec::new() };
                (topic, credits)
            });
            for (topic, credits) in player.into_iter().chain(defence) {
                let held = self.held.entry(topic).or_default();
                held.records += sign;
                credits.into_iter().for_each(|(name, amount)| held.line.add(name, sign * amount));
            }
        }
    }

    fn is_announced(&self, team: &str) -> bool {
        self.announced.iter().flat_map(|game| &game.sides).any(|side| side == team)
    }

    /// A defence shows its points allowed from when the game has begun, if its team plays in it.
    fn shows_allowed(&self, team: &str) -> bool {
        self.begun() && self.playing().contains(team)
    }

    /// The teams: those announced, else those that records name.
    fn playing(&self) -> BTreeSet<&str> {
        match &self.announced {
            Some(game) => game.sides.iter().map(String::as_str).collect(),
            None => self.plays.values().flatten().map(|record| record.team.as_str()).collect(),
        }
    }

    /// What a team has scored: what the final score says; before that, what plays add up to or any
    /// situation tells whose play stands, whichever is more.
    fn scored(&self, team: &str) -> i64 {
        let over = self.announced.as_ref().filter(|game| game.status == "final");
        if let Some(&last_word) = over.and_then(|game| game.score.get(team)) {
            return last_word;
        }
        let stands = |play: &Option<String>| play.as_ref().is_none_or(|play| self.plays.contains_key(play));
        let told = self.told.iter().filter(|(play, _)| stands(play));
        let told = told.filter_map(|(_, score)| score.get(team)).max().copied().unwrap_or(0);
        told.max(self.points_of(team, gsis::scored) + self.points_of(team, gsis::scored_by_defence))
    }

    /// What the plays that stand put on the scoreboard for a team.
    fn points_of(&self, team: &str, points: impl Fn(u64) -> i64) -> i64 {
        let by_play = self.plays.values().map(|records| {
            let of_team = (0..records.len()).filter(|&place| records[place].team == team && counts(records, place));
            of_team.map(|place| points(records[place].stat)).sum::<i64>()
        });
        by_play.sum()
    }
}

/// Whether a record counts for its team: of a safety the first alone does.
fn counts(records: &[Record], place: usize) -> bool {
    let record = &records[place];
    let same = |other: &Record| other.stat == SAFETY && other.team == record.team;
    record.stat != SAFETY || !records[..place].iter().any(same)
}

fn records(event: &Value, topics: &Topics) -> Vec<Record> {
    let stats = event["stats"].as_array().into_iter().flatten();
    let records = stats.map(|stat| Record {
        player: stat["player"].as_str().and_then(|id| topics.get(&format!("player:{id}"))).copied(),
        team: stat["team"].as_str().unwrap_or_default().to_owned(),
        stat: stat["stat"].as_u64().unwrap_or(0),
        yards: stat["yards"].as_i64().unwrap_or(0),
    });
    records.collect()
}

fn score(event: &Value) -> BTreeMap<String, i64> {
    let teams = event["score"].as_object().into_iter().flatten();
    teams.filter_map(|(team, points)| Some((team.clone(), points.as_i64()?))).collect()
}
