//! What the feed itself says that `player:` topics, and lineups of them, must show: worked out from the posted lines alone, and
//! held against what the server said.
//!
//! By topic, every event that moves it with the points after it, and the stats at the end. A server that
//! credits the wrong player, forgets a play or never moves a topic agrees with itself, and not with this.
//! All of it is done before the clients connect and after they are gone. Bounded by the feed.
//!
//! A run's players have names of their own, so their topics begin at `seq` 0.

mod games;
mod lineups;

use crate::crew::FAULTS_TOLD_MAX;
use crate::gsis::Line;
use crate::judge::Moved;
use crate::revisions::Revisions;
use crate::rules::Rules;
use crate::verify::{number, points};
use anyhow::{Context as _, Result, ensure};
use games::{Game, Topics, Touch};
use lineups::Lineup;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// What the topics of a run must show.
#[derive(Debug)]
pub(crate) struct Truth {
    /// By number.
    topics: Vec<Topic>,
    /// What stats are worth; where that is not known, points can't be told.
    rules: Option<Rules>,
    /// By number, what is followed of these topics instead of them.
    lineups: Option<Vec<Lineup>>,
}

/// What one topic must show.
#[derive(Debug, Default)]
struct Topic {
    name: String,
    /// In the order of the feed.
    moves: Vec<Move>,
    /// The game it shows.
    game: Option<String>,
    /// In that game, at the end.
    line: Line,
    /// Points allowed by a defence, once its game has begun.
    allowed: Option<i64>,
}

/// An event that moves a topic.
#[derive(Debug, Clone, Copy)]
struct Move {
    /// Nothing for one before the run.
    event: Option<u32>,
    /// The moves up to this one that must happen, and the most that may.
    seqs: (u64, u64),
    /// Must happen: what is shown changes. Points allowed move a defence by ways that are not followed
    /// here event by event.
    is_sure: bool,
    /// In 1/10,000, after it; nothing for a defence, and where rules are not known.
    points: Option<i64>,
}

/// Faults, all counted and the first few in words.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// All of them.
    pub(crate) count: u64,
    /// The first few.
    pub(crate) told: Vec<String>,
}

impl Truth {
    /// What follows for `topics` under `ruleset` when `opening` is posted, and then `lines`, event by event. Where its
    /// rules are not known here, that is stats alone.
    pub(crate) fn of(opening: &[String], lines: &[String], topics: &[String], ruleset: &str) -> Result<Self> {
        let named: Topics = topics.iter().cloned().zip(0..).collect();
        let mut truth = Self {
            topics: topics.iter().map(|name| Topic::new(name)).collect(),
            rules: Rules::of(ruleset),
            lineups: None,
        };
        let (mut revisions, mut games) = (Revisions::default(), HashMap::<String, Game>::new());
        let events = opening.iter().map(|line| (None, line));
        for (event, line) in events.chain((0..).map(Some).zip(lines)) {
            let value: Value = serde_json::from_str(line).context("an event that is no JSON")?;
            let Some(name) = value["game"].as_str().filter(|_| revisions.counts(&value)) else {
                continue;
            };
            let touches = games.entry(name.to_owned()).or_default().apply(&value, &named);
            for touch in touches {
                let rules = truth.rules;
                truth.topics[touch.topic as usize].touch(event, touch, name, &games, rules);
            }
        }
        for (number, topic) in (0..).zip(&mut truth.topics) {
            if let Some(game) = topic.game.as_ref().and_then(|name| games.get(name)) {
                (topic.line, topic.allowed) = (game.line(number), game.allowed(number));
            }
        }
        Ok(truth)
    }

    /// Whether points are told, and not only stats.
    pub(crate) fn knows_points(&self) -> bool {
        self.rules.is_some()
    }

    /// How many changes must reach clients at least, where so many follow each topic or lineup.
    pub(crate) fn deliveries_due(&self, followers: &[u64]) -> u64 {
        let sure = |topic: &Topic| topic.moves.iter().filter(|shown| shown.is_sure && shown.event.is_some()).count() as u64;
        let changes: Vec<u64> = match &self.lineups {
            Some(lineups) => lineups.iter().map(|lineup| self.changes_due(lineup)).collect(),
            None => self.topics.iter().map(sure).collect(),
        };
        changes.iter().zip(followers).map(|(changes, followers)| changes * followers).sum()
    }

    /// Holds all that moved, as frames said, and the server's last word on each topic or lineup (null for one that
    /// nobody follows) against it.
    pub(crate) fn check(&self, moves: &[Moved], last: &[Value]) -> Faults {
        if let Some(lineups) = &self.lineups {
            return self.check_lineups(lineups, moves, last);
        }
        let mut faults = Faults::default();
        // Several processes may have seen the same frame.
        let moves: BTreeSet<_> = moves
            .iter()
            .map(|moved| (moved.topic, moved.seq, moved.event, moved.points))
            .collect();
        for (topic, seq, event, points) in moves {
            let topic = &self.topics[topic as usize];
            faults.add(&topic.name, topic.check_move(seq, event, points));
        }
        for (topic, last) in self.topics.iter().zip(last).filter(|(_, last)| !last.is_null()) {
            faults.add(&topic.name, topic.check_end(last, self.rules));
        }
        faults
    }
}

impl Topic {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn is_defence(&self) -> bool {
        self.name.starts_with("player:dst:")
    }

    /// An event touched its line in `game`: that shows if it is the game that the topic shows, or does from now on.
    fn touch(&mut self, event: Option<u32>, touch: Touch, game: &str, games: &HashMap<String, Game>, rules: Option<Rules>) {
        if self.game.as_deref() != Some(game) {
            let shown = self.game.as_ref().map(|name| (name.as_str(), &games[name]));
            if !touch.is_sure || shown.is_some_and(|shown| !takes_over(shown, (game, &games[game]))) {
                return;
            }
            self.game = Some(game.to_owned());
        }
        let (least, most) = self.moves.last().map_or((0, 0), |last| last.seqs);
        let rules = rules.filter(|_| !self.is_defence());
        self.moves.push(Move {
            event,
            seqs: (least + u64::from(touch.is_sure), most + 1),
            is_sure: touch.is_sure,
            points: rules.map(|rules| rules.player(&games[game].line(touch.topic))),
        });
    }

    fn check_move(&self, seq: u64, event: u32, points: Option<i64>) -> Result<()> {
        let place = self.moves.binary_search_by_key(&Some(event), |shown| shown.event);
        let place = place
            .ok()
            .with_context(|| format!("event {event} moved it to seq {seq} and is not about it"))?;
        let Move { seqs, points: due, .. } = self.moves[place];
        let least = seqs.0.max(1);
        ensure!(
            (least..=seqs.1).contains(&seq),
            "event {event} moved it to seq {seq}; {least} to {} events have moved it by then",
            seqs.1
        );
        let (Some(points), Some(due)) = (points, due) else {
            return Ok(());
        };
        ensure!(
            points == due,
            "{points}/10000 points after event {event} (seq {seq}), by the feed {due}/10000"
        );
        Ok(())
    }

    fn check_end(&self, last: &Value, rules: Option<Rules>) -> Result<()> {
        let seq = number(last, "seq")?;
        let (least, most) = self.moves.last().map_or((0, 0), |last| last.seqs);
        ensure!(
            (least..=most).contains(&seq),
            "ended at seq {seq}; by the feed {least} to {most} events move it"
        );
        self.check_line(last, rules)
    }

    /// What is shown of it at the end: every stat, and what they are worth.
    fn check_line(&self, last: &Value, rules: Option<Rules>) -> Result<()> {
        let mut told = last["stats"].as_object().context("stats are missing")?.clone();
        if let Some(due) = self.allowed {
            let allowed = told.remove("points_allowed").context("points_allowed is missing")?;
            ensure!(allowed == due, "ended with points_allowed {allowed}, by the feed {due}");
        }
        for name in told.keys().map(String::as_str).chain(self.line.names()) {
            let (shown, due) = (told.get(name).map_or(Ok(0), points)?, self.line.get(name));
            ensure!(shown == due, "ended with {name} {shown}/10000, by the feed {due}/10000");
        }
        let shown = points(&last["points"])?;
        let due = rules.map(|rules| match self.is_defence() {
            true => rules.defence(&self.line, self.allowed),
            false => rules.player(&self.line),
        });
        ensure!(
            due.is_none_or(|due| shown == due),
            "ended with {shown}/10000 points, by the feed {}/10000",
            due.unwrap_or_default()
        );
        Ok(())
    }
}

impl Faults {
    fn add(&mut self, name: &str, verdict: Result<()>) {
        let Err(error) = verdict else { return };
        self.count += 1;
        if self.told.len() < FAULTS_TOLD_MAX {
            self.told.push(format!("the feed and the server differ: {name}: {error:#}"));
        }
    }
}

/// Whether a game shows in the place of another: of those that have begun the one with the latest kickoff,
/// before any has the one with the first. Of equal ones the later by name.
fn takes_over(shown: (&str, &Game), other: (&str, &Game)) -> bool {
    let order = |(name, game): (&str, &Game)| (game.kickoff(), name.to_owned());
    match (shown.1.begun(), other.1.begun()) {
        (false, true) => true,
        (true, false) => false,
        (true, true) => order(shown) < order(other),
        (false, false) => match (shown.1.kickoff(), other.1.kickoff()) {
            (Some(shown), Some(other)) => other < shown,
            (shown, other) => shown.is_none() && other.is_some(),
        },
    }
}

#[cfg(test)]
mod tests;
