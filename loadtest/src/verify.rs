//! Is a message right? Checked once for each distinct message, by comparison for everybody else.
//!
//! The server encodes a change once, so the clients get the very same bytes. A message that equals,
//! byte for byte, one that was parsed and found right is right; anything else is parsed as JSON and
//! checked in full against the script: `seq`, `prev` and `feed_ts` belong together, every player
//! who moved between `prev` and `seq` is there, and totals, changes and stats are the right ones.
//! The client then checks that `prev` is the `seq` it holds. So by induction a client with an
//! unbroken chain from its snapshot holds the right totals; a sample of clients proves it again
//! with totals of its own ([`crate::ledger`]).
//!
//! Bounded: the last [`KNOWN_MAX`] distinct messages are kept to compare with.

use crate::plays::{CAST, Line, RULESET, Script, player_index};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::collections::VecDeque;

/// Distinct messages kept to compare with.
const KNOWN_MAX: usize = 64;

/// What a right message says. `events` counts the plays that the state after it includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The whole state.
    Snapshot {
        /// Of the state.
        seq: u64,
        /// Plays in it.
        events: usize,
    },
    /// From the state at `prev` to the one at `seq`.
    Delta {
        /// Of the state after.
        seq: u64,
        /// Of the state before.
        prev: u64,
        /// Plays in the state after.
        events: usize,
    },
    /// Nothing that moves the topic.
    Aside,
}

/// Knows what every message must say.
pub(crate) struct Oracle {
    script: Script,
    topic: String,
    interval_us: u64,
    /// The topic's `seq` before the first play, from the first snapshot.
    base: Option<u64>,
    /// The first play's `ts`, once the run has begun.
    ts0_us: Option<u64>,
    /// Newest first.
    known: VecDeque<(Box<[u8]>, Meaning)>,
    /// Messages parsed.
    pub(crate) parsed: u64,
    /// Messages that equalled a known one.
    pub(crate) compared: u64,
}

impl Oracle {
    /// An oracle for a run of `script`, a play every `interval_us`.
    pub(crate) fn new(script: Script, interval_us: u64) -> Self {
        let topic = script.topic();
        Self {
            script,
            topic,
            interval_us,
            base: None,
            ts0_us: None,
            known: VecDeque::new(),
            parsed: 0,
            compared: 0,
        }
    }

    /// The run begins: play 0 carries `ts0_us`.
    pub(crate) fn start(&mut self, ts0_us: u64) {
        self.ts0_us = Some(ts0_us);
    }

    /// What `message` says, or what is wrong with it.
    pub(crate) fn read(&mut self, message: &[u8]) -> Result<Meaning> {
        if let Some((_, meaning)) = self.known.iter().find(|(bytes, _)| **bytes == *message) {
            self.compared += 1;
            return Ok(*meaning);
        }
        self.parsed += 1;
        let value: Value = serde_json::from_slice(message).context("a message that is no JSON")?;
        let meaning = self.judge(&value).with_context(|| excerpt(message))?;
        if meaning != Meaning::Aside {
            self.known.truncate(KNOWN_MAX - 1);
            self.known.push_front((message.into(), meaning));
        }
        Ok(meaning)
    }

    fn judge(&mut self, value: &Value) -> Result<Meaning> {
        match value["type"].as_str().context("a message without a type")? {
            "snapshot" => self.snapshot(value),
            "delta" => self.delta(value),
            "subscribed" => match value["errors"].as_array() {
                Some(errors) if !errors.is_empty() => bail!("the subscription was refused"),
                _ => Ok(Meaning::Aside),
            },
            "error" => bail!("the server answered with an error"),
            "goodbye" => bail!("the server is going away"),
            _ => Ok(Meaning::Aside),
        }
    }

    fn snapshot(&mut self, value: &Value) -> Result<Meaning> {
        self.check_topic(value)?;
        let seq = number(value, "seq")?;
        ensure!(
            self.base.is_some() || self.ts0_us.is_none(),
            "the first snapshot came after the first play"
        );
        let base = *self.base.get_or_insert(seq);
        let events = events_at(seq, base)?;
        let totals = self
            .script
            .totals(events)
            .with_context(|| format!("seq {seq} is past the last play"))?;
        let shown = self.check_players(value, events, None)?;
        for (index, line) in totals.iter().enumerate() {
            ensure!(
                shown[index] || *line == Line::default(),
                "player {index} of the cast has points and is missing"
            );
        }
        Ok(Meaning::Snapshot { seq, events })
    }

    fn delta(&self, value: &Value) -> Result<Meaning> {
        self.check_topic(value)?;
        let (seq, prev) = (number(value, "seq")?, number(value, "prev")?);
        let base = self.base.context("a delta before any snapshot")?;
        ensure!(seq > prev, "seq {seq} does not follow prev {prev}");
        let (before, events) = (events_at(prev, base)?, events_at(seq, base)?);
        let ts0_us = self.ts0_us.context("a delta before the first play")?;
        let totals = self
            .script
            .totals(events)
            .with_context(|| format!("seq {seq} is past the last play"))?;
        let feed_ts = number(value, "feed_ts")?;
        let meant = ts0_us + (events as u64 - 1) * self.interval_us;
        ensure!(
            feed_ts == meant,
            "seq {seq} carries feed_ts {feed_ts}; its play was posted with {meant}"
        );
        let shown = self.check_players(value, events, Some(before))?;
        let held = self.script.totals(before).context("prev is past the last play")?;
        for index in (0..CAST).filter(|&i| held[i] != totals[i]) {
            ensure!(shown[index], "player {index} of the cast moved between prev and seq and is missing");
        }
        Ok(Meaning::Delta { seq, prev, events })
    }

    fn check_topic(&self, value: &Value) -> Result<()> {
        ensure!(value["topic"] == self.topic.as_str(), "not the topic {}", self.topic);
        ensure!(value["ruleset"] == RULESET, "not the ruleset {RULESET}");
        Ok(())
    }

    /// Checks the players of the cast shown in a message whose state includes `events` plays, and
    /// tells which of them it shows. `before` is given for a delta.
    fn check_players(&self, value: &Value, events: usize, before: Option<usize>) -> Result<[bool; CAST]> {
        let mut shown = [false; CAST];
        let totals = self.script.totals(events).context("past the last play")?;
        let held = before.and_then(|before| self.script.totals(before));
        for player in value["players"].as_array().into_iter().flatten() {
            let Some(index) = player["player"].as_str().and_then(player_index) else {
                continue;
            };
            shown[index] = true;
            check_line(player, &totals[index])?;
            if let Some(held) = held {
                let change = totals[index].points() - held[index].points();
                ensure!(
                    points(&player["change"])? == change,
                    "player {index} of the cast must change by {change}/10000"
                );
            }
        }
        Ok(shown)
    }
}

/// Whether a player's `points` and the `stats` shown are those of `line`.
pub(crate) fn check_line(player: &Value, line: &Line) -> Result<()> {
    let (id, due) = (&player["player"], line.points());
    let got = points(&player["points"])?;
    ensure!(got == due, "player {id} has {got}/10000 points and must have {due}/10000");
    for (name, value) in player["stats"].as_object().into_iter().flatten() {
        if let Some(due) = line.stat(name) {
            ensure!(
                value.as_f64() == Some(due as f64),
                "player {id} has {name} {value} and must have {due}"
            );
        }
    }
    Ok(())
}

/// Points as the protocol writes them (at most 4 decimals), in 1/10,000.
pub(crate) fn points(value: &Value) -> Result<i64> {
    let number = value.as_f64().context("points that are no number")?;
    let scaled = number * 10_000.0;
    ensure!(
        (scaled - scaled.round()).abs() < 1e-3 && scaled.abs() < 1e15,
        "{number} has more than 4 decimals"
    );
    Ok(scaled.round() as i64)
}

/// One play moves the topic by one `seq`.
fn events_at(seq: u64, base: u64) -> Result<usize> {
    let events = seq
        .checked_sub(base)
        .with_context(|| format!("seq {seq} is before {base}, where the run began"))?;
    usize::try_from(events).context("an absurd seq")
}

fn number(value: &Value, name: &str) -> Result<u64> {
    value[name]
        .as_u64()
        .with_context(|| format!("{name} is missing or no whole number"))
}

fn excerpt(message: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(message).chars().take(160).collect();
    format!("in {text}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TS0: u64 = 1_700_000_000_000_000;

    fn oracle() -> Oracle {
        let mut oracle = Oracle::new(Script::new("g", 10), 250_000);
        let start = json!({"type": "snapshot", "topic": "game:g", "ruleset": RULESET, "seq": 40, "players": []});
        assert_eq!(
            oracle.read(start.to_string().as_bytes()).unwrap(),
            Meaning::Snapshot { seq: 40, events: 0 }
        );
        oracle.start(TS0);
        oracle
    }

    /// The right delta from `before` plays to `after`.
    fn delta(before: usize, after: usize) -> Value {
        let script = Script::new("g", 10);
        let (held, totals) = (script.totals(before).unwrap(), script.totals(after).unwrap());
        let players: Vec<Value> = (0..CAST)
            .filter(|&i| held[i] != totals[i])
            .map(|i| {
                let (old, new) = (held[i].points(), totals[i].points());
                let stats = json!({"rushing_yards": totals[i].stat("rushing_yards"), "targets": 1});
                json!({"player": crate::plays::player_id(i), "points": new as f64 / 1e4, "change": (new - old) as f64 / 1e4, "stats": stats})
            })
            .collect();
        json!({"type": "delta", "topic": "game:g", "ruleset": RULESET, "seq": 40 + after, "prev": 40 + before,
            "feed_ts": TS0 + (after as u64 - 1) * 250_000, "players": players})
    }

    fn verdict(value: &Value) -> Result<Meaning> {
        oracle().read(value.to_string().as_bytes())
    }

    #[test]
    fn right_deltas_pass_merged_or_not_and_the_second_is_compared() {
        let mut oracle = oracle();
        for (before, after) in [(0, 1), (1, 2), (2, 9)] {
            let bytes = delta(before, after).to_string();
            for _ in 0..2 {
                let seq = 40 + after as u64;
                assert_eq!(
                    oracle.read(bytes.as_bytes()).unwrap(),
                    Meaning::Delta {
                        seq,
                        prev: 40 + before as u64,
                        events: after
                    }
                );
            }
        }
        assert_eq!((oracle.parsed, oracle.compared), (4, 3));
    }

    #[test]
    fn every_kind_of_wrong_delta_is_named() {
        let wrong = |path: &str, value: Value| {
            let mut message = delta(2, 5);
            *message.pointer_mut(path).unwrap() = value;
            format!("{:#}", verdict(&message).unwrap_err())
        };
        assert!(wrong("/players/0/points", json!(1.5)).contains("must have"));
        assert!(wrong("/players/0/change", json!(0)).contains("must change by"));
        assert!(wrong("/players/0/stats/rushing_yards", json!(7777)).contains("rushing_yards"));
        assert!(wrong("/players", json!([])).contains("is missing"));
        assert!(wrong("/feed_ts", json!(TS0)).contains("feed_ts"));
        assert!(wrong("/prev", json!(45)).contains("does not follow"));
        assert!(wrong("/prev", json!(12)).contains("before 40"));
        assert!(wrong("/seq", json!(51)).contains("past the last play"));
        assert!(wrong("/topic", json!("game:other")).contains("topic"));
        assert!(wrong("/type", json!("goodbye")).contains("going away"));
    }

    #[test]
    fn points_are_read_exactly_or_refused() {
        assert_eq!(points(&json!(24.44)).unwrap(), 244_400);
        assert_eq!(points(&json!(-0.0001)).unwrap(), -1);
        assert!(points(&json!(0.00005)).is_err());
        assert!(points(&Value::Null).is_err());
    }
}
