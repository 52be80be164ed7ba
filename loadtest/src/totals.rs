//! The totals of many `player:` topics, or of lineups: what each showed at each `seq`, built up from the frames.
//!
//! A frame says what was there before (`points - change` at `prev`) and after; it is right only if
//! the before is what the frames so far lead to. Frames that lead to the same `seq` by different
//! ways, merged or not, must agree. By induction a client with an unbroken chain of `prev` holds what
//! the table holds, and at the end the table is held against `GET /v1/snapshot`.
//!
//! Bounded: the last [`STATES_MAX`] states of each topic.

use crate::verify::points;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// States kept of one topic; more than a server's ring reaches back.
const STATES_MAX: usize = 1_024;

/// What a topic shows at one `seq`. Values are in 1/10,000; a stat that is 0 is left out. A lineup has for stats the
/// points of its players, which its own must come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shown {
    points: i64,
    stats: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct State {
    shown: Shown,
    /// The event that led here, where a frame named it.
    event: Option<u32>,
}

/// What is known of one topic, by `seq`.
#[derive(Debug, Default)]
struct Topic {
    states: BTreeMap<u64, State>,
    /// Events that merged frames named as their first: what these led to, no frame need have shown.
    firsts: BTreeMap<u64, u32>,
}

/// The states of all topics, by number.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    topics: Vec<Topic>,
}

impl Totals {
    /// A table for `topics` topics of which nothing is known.
    pub(crate) fn new(topics: usize) -> Self {
        Self {
            topics: (0..topics).map(|_| Topic::default()).collect(),
        }
    }

    /// A snapshot shows the topic at `seq`.
    pub(crate) fn snapshot(&mut self, topic: u32, seq: u64, message: &Value) -> Result<()> {
        let shown = read(message, Shown::default())?;
        self.enter(topic, seq, shown, None).map(drop)
    }

    /// A delta leads from `prev` to `seq`, of which `event` was the last; the points since, where that was news.
    pub(crate) fn delta(&mut self, topic: u32, prev: u64, seq: u64, event: u32, message: &Value) -> Result<Option<i64>> {
        let before = self.topics[topic as usize]
            .states
            .get(&prev)
            .with_context(|| format!("prev {prev} is a state that nobody here was shown"))?;
        let held = before.shown.points;
        let after = read(message, before.shown.clone())?;
        let change = points(&message["change"]).context("change")?;
        ensure!(
            held + change == after.points,
            "points were {held}/10000 at seq {prev} and change by {change}/10000, which does not make {}/10000",
            after.points
        );
        let points = after.points;
        let is_news = self.enter(topic, seq, after, Some(event))?;
        Ok(is_news.then_some(points))
    }

    /// A merged frame names `event` as its first, which so led to `seq`. Whether that was news.
    pub(crate) fn first(&mut self, topic: u32, seq: u64, event: u32) -> Result<bool> {
        let topic = &mut self.topics[topic as usize];
        if let Some(known) = topic.event(seq) {
            same_event(known, event, seq)?;
            return Ok(false);
        }
        topic.firsts.insert(seq, event);
        if topic.firsts.len() > STATES_MAX {
            topic.firsts.pop_first();
        }
        Ok(true)
    }

    /// The event that led to `seq`.
    pub(crate) fn event(&self, topic: u32, seq: u64) -> Option<u32> {
        self.topics[topic as usize].event(seq)
    }

    /// Holds the table against the server's own last word; whoever got to its `seq` must hold just that.
    pub(crate) fn settle(&self, topic: u32, seq: u64, message: &Value) -> Result<()> {
        let told = read(message, Shown::default())?;
        let state = self.topics[topic as usize]
            .states
            .get(&seq)
            .with_context(|| format!("no frame led to seq {seq}"))?;
        same(&state.shown, &told, seq)
    }

    fn enter(&mut self, topic: u32, seq: u64, shown: Shown, event: Option<u32>) -> Result<bool> {
        let topic = &mut self.topics[topic as usize];
        let caused = topic.event(seq).zip(event);
        let states = &mut topic.states;
        if let Some(known) = states.get(&seq) {
            same(&known.shown, &shown, seq)?;
        }
        if let Some((known, told)) = caused {
            same_event(known, told, seq)?;
        }
        if let Some(known) = states.get_mut(&seq) {
            let news = known.event.is_none() && event.is_some();
            known.event = known.event.or(event);
            return Ok(news);
        }
        states.insert(seq, State { shown, event });
        if states.len() > STATES_MAX {
            states.pop_first();
        }
        Ok(event.is_some())
    }
}

impl Topic {
    /// The event that led to `seq`.
    fn event(&self, seq: u64) -> Option<u32> {
        let shown = self.states.get(&seq).and_then(|state| state.event);
        shown.or_else(|| self.firsts.get(&seq).copied())
    }
}

fn same_event(known: u32, told: u32, seq: u64) -> Result<()> {
    ensure!(
        known == told,
        "seq {seq} came of event {told} here and of event {known} by what was said before"
    );
    Ok(())
}

/// `shown` with the message's points, and its stats put over what was there.
fn read(message: &Value, mut shown: Shown) -> Result<Shown> {
    shown.points = points(&message["points"])?;
    let mut put = |name: &str, value: &Value| -> Result<i64> {
        let value = points(value).with_context(|| name.to_owned())?;
        let before = match value {
            0 => shown.stats.remove(name),
            value => shown.stats.insert(name.to_owned(), value),
        };
        Ok(value - before.unwrap_or(0))
    };
    let Some(slots) = message["slots"].as_array() else {
        let stats = message["stats"].as_object().context("stats are missing")?;
        for (name, value) in stats {
            put(name, value)?;
        }
        return Ok(shown);
    };
    for slot in slots {
        let player = slot["player"].as_str().context("a slot without a player")?;
        let change = put(player, &slot["points"])?;
        if !slot["change"].is_null() {
            let told = points(&slot["change"])?;
            ensure!(
                told == change,
                "{player} changed by {change}/10000, which is said to be {told}/10000"
            );
        }
    }
    let sum: i64 = shown.stats.values().sum();
    ensure!(
        sum == shown.points,
        "the slots come to {sum}/10000 points, which are said to be {}/10000",
        shown.points
    );
    Ok(shown)
}

fn same(known: &Shown, told: &Shown, seq: u64) -> Result<()> {
    ensure!(
        known.points == told.points,
        "points at seq {seq} are {}/10000 here and {}/10000 by what was said before",
        told.points,
        known.points
    );
    let names = known.stats.keys().chain(told.stats.keys());
    for name in names {
        let value = |shown: &Shown| shown.stats.get(name).copied().unwrap_or(0);
        ensure!(
            value(known) == value(told),
            "{name} at seq {seq} is {}/10000 here and {}/10000 by what was said before",
            value(told),
            value(known)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn started() -> Totals {
        let mut totals = Totals::new(2);
        totals
            .snapshot(1, 4, &json!({"points": 1.5, "stats": {"receptions": 1, "sacks": 0.5}}))
            .unwrap();
        let first = json!({"points": 2.5, "change": 1, "stats": {"receptions": 2}});
        assert_eq!(totals.delta(1, 4, 5, 7, &first).unwrap(), Some(25_000), "news");
        assert_eq!(totals.delta(1, 4, 5, 7, &first).unwrap(), None, "said again");
        let second = json!({"points": 1.5, "change": -1, "stats": {"receptions": 1}});
        totals.delta(1, 5, 6, 8, &second).unwrap();
        totals
    }

    #[test]
    fn frames_lead_from_state_to_state_and_the_end_is_held_against_the_server() {
        let mut totals = started();
        assert_eq!((totals.event(1, 5), totals.event(1, 4)), (Some(7), None));
        let merged = json!({"points": 1.5, "change": 0, "stats": {"receptions": 1}});
        totals.delta(1, 4, 6, 8, &merged).unwrap();
        totals
            .settle(1, 6, &json!({"points": 1.5, "stats": {"receptions": 1, "sacks": 0.5}}))
            .unwrap();
    }

    #[test]
    fn the_first_event_of_a_merged_frame_is_the_one_of_the_seq_after_its_prev() {
        let mut totals = started();
        assert!(!totals.first(1, 5, 7).unwrap(), "a frame led there");
        assert!(
            totals
                .first(1, 5, 8)
                .unwrap_err()
                .to_string()
                .contains("seq 5 came of event 8 here")
        );
        assert!(totals.first(1, 7, 20).unwrap() && !totals.first(1, 7, 20).unwrap());
        assert_eq!(totals.event(1, 7), Some(20));
        let message = json!({"points": 2.5, "change": 1, "stats": {"receptions": 2}});
        assert!(totals.delta(1, 6, 7, 21, &message).is_err());
        assert_eq!(
            totals.delta(1, 6, 7, 20, &message).unwrap(),
            Some(25_000),
            "what it led to is news still"
        );
    }

    #[test]
    fn a_lineup_is_the_sum_of_its_slots() {
        let slot = |player: &str, points: f64, change: f64| json!({"player": player, "points": points, "change": change});
        let mut totals = Totals::new(1);
        let snapshot =
            json!({"points": 3, "slots": [{"player": "a", "points": 1}, {"player": "b", "points": 2}, {"player": "c", "points": 0}]});
        totals.snapshot(0, 9, &snapshot).unwrap();
        let mut delta = |points: f64, slots: &[Value]| {
            let message = json!({"points": points, "change": points - 3.0, "slots": slots});
            totals.delta(0, 9, 10, 4, &message).map_err(|error| format!("{error:#}"))
        };
        assert!(delta(4.0, &[slot("a", 1.5, 0.5)]).unwrap_err().contains("the slots come to 35000"));
        assert!(delta(3.5, &[slot("a", 1.5, 1.5)]).unwrap_err().contains("a changed by 5000"));
        assert_eq!(delta(4.5, &[slot("a", 1.5, 0.5), slot("c", 1.0, 1.0)]), Ok(Some(45_000)));
        let slot = |player: &str, points: f64| json!({"player": player, "points": points});
        let end = |a: f64, b: f64| json!({"points": a + b + 1.0, "slots": [slot("a", a), slot("b", b), slot("c", 1.0)]});
        totals.settle(0, 10, &end(1.5, 2.0)).unwrap();
        let error = totals.settle(0, 10, &end(2.0, 1.5)).unwrap_err().to_string();
        assert!(error.contains("a at seq 10 is 20000/10000 here"), "{error}");
    }

    #[test]
    fn every_kind_of_wrong_total_is_named() {
        let mut totals = started();
        let mut delta = |prev, seq, message: Value| format!("{:#}", totals.delta(1, prev, seq, 9, &message).unwrap_err());
        assert!(delta(6, 7, json!({"points": 3, "change": 1, "stats": {}})).contains("does not make 30000"));
        assert!(delta(4, 6, json!({"points": 2, "change": 0.5, "stats": {}})).contains("points at seq 6"));
        assert!(delta(4, 6, json!({"points": 1.5, "change": 0, "stats": {"receptions": 3}})).contains("receptions at seq 6"));
        assert!(
            delta(5, 6, json!({"points": 1.5, "change": -1, "stats": {"receptions": 1}})).contains("came of event 9 here and of event 8")
        );
        assert!(delta(9, 10, json!({"points": 1, "change": 0, "stats": {}})).contains("nobody here was shown"));
        assert!(delta(6, 7, json!({"points": 1.5, "change": 0})).contains("stats are missing"));
        let settle = |seq, message: Value| format!("{:#}", totals.settle(1, seq, &message).unwrap_err());
        assert!(settle(6, json!({"points": 1.6, "stats": {}})).contains("points at seq 6"));
        assert!(settle(6, json!({"points": 1.5, "stats": {"receptions": 1}})).contains("sacks at seq 6"));
        assert!(settle(7, json!({"points": 1.5, "stats": {}})).contains("no frame led to seq 7"));
    }
}
