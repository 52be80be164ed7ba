//! What a client holds, kept as a careful client would: every frame must follow what is held, and
//! totals, differences and causes must agree.

use super::server::Http;
use super::standing::Standing;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A JSON number in ten-thousandths.
pub(crate) fn fixed(value: &Value) -> i64 {
    (value.as_f64().unwrap_or_else(|| panic!("no number: {value}")) * 10_000.0).round() as i64
}

/// Points and stats, in ten-thousandths; stats at zero are left out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) points: i64,
    pub(crate) stats: BTreeMap<String, i64>,
}

impl Totals {
    pub(crate) fn read(value: &Value) -> Totals {
        let mut totals = Totals {
            points: fixed(&value["points"]),
            ..Totals::default()
        };
        totals.take_stats(&value["stats"]);
        totals
    }

    fn take_stats(&mut self, stats: &Value) {
        for (name, value) in stats.as_object().expect("stats") {
            match fixed(value) {
                0 => self.stats.remove(name),
                value => self.stats.insert(name.clone(), value),
            };
        }
    }

    /// Applies a delta's totals. Its `change` must lead from what was held to what is.
    fn apply(&mut self, delta: &Value) {
        let before = self.points;
        self.points = fixed(&delta["points"]);
        assert_eq!(
            before + fixed(&delta["change"]),
            self.points,
            "change leads from {before} in {delta}"
        );
        self.take_stats(&delta["stats"]);
    }

    fn is_nothing(&self) -> bool {
        *self == Totals::default()
    }
}

/// What is held of one topic under one ruleset.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) seq: u64,
    /// The game shown, for players and teams.
    pub(crate) game: Option<String>,
    /// A player's own totals.
    pub(crate) totals: Totals,
    /// A game's or team's players.
    pub(crate) players: BTreeMap<String, Totals>,
    /// Status, clock, score and so on: of the game, or of each game of the slate.
    pub(crate) views: BTreeMap<String, Map<String, Value>>,
    /// What is thought to come, by kind.
    pub(crate) predictions: BTreeMap<String, Value>,
    /// Calls, and right ones.
    pub(crate) tally: Value,
    /// The first snapshot's points and every `change` since, by player.
    summed: BTreeMap<String, i64>,
}

/// How many frames of each kind came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) deltas: usize,
    pub(crate) merged: usize,
    pub(crate) snapshots: BTreeMap<String, usize>,
    /// Causes named, by kind.
    pub(crate) kinds: BTreeMap<String, usize>,
}

/// Topic and ruleset (empty where the topic has none).
pub(crate) type Key = (String, String);

/// Everything a client holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) held: BTreeMap<Key, Held>,
    pub(crate) counts: Counts,
    /// Of contests and entries, by topic.
    pub(crate) standings: BTreeMap<String, Standing>,
}

const VIEW: [&str; 5] = ["status", "clock", "situation", "score", "timeouts"];

fn take_view(into: &mut Map<String, Value>, frame: &Value) {
    for name in VIEW {
        if let Some(value) = frame.get(name) {
            into.insert(name.to_owned(), value.clone());
        }
    }
}

fn list<'v>(frame: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    frame[name].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn key_of(frame: &Value) -> Key {
    (text(&frame["topic"]), text(&frame["ruleset"]))
}

impl Holdings {
    /// Takes a snapshot, a delta, a prediction or an outcome in; other messages are none of its business.
    pub(crate) fn take(&mut self, frame: &Value) {
        if Standing::is_of(frame) {
            match frame["type"].as_str() {
                Some("delta") => self.counts.deltas += 1,
                _ => *self.counts.snapshots.entry(text(&frame["reason"])).or_default() += 1,
            }
            self.standings.entry(text(&frame["topic"])).or_default().take(frame);
            return;
        }
        match frame["type"].as_str() {
            Some("snapshot") => {
                *self.counts.snapshots.entry(text(&frame["reason"])).or_default() += 1;
                self.held.entry(key_of(frame)).or_default().snapshot(frame);
            }
            Some("delta") => {
                self.counts.deltas += 1;
                let causes = causes_of(frame);
                self.counts.merged += usize::from(causes.is_none_or(|causes| causes.len() > 1));
                for cause in frame.get("cause").into_iter().chain(list(frame, "causes")) {
                    *self.counts.kinds.entry(text(&cause["kind"])).or_default() += 1;
                }
                let held = self.held.get_mut(&key_of(frame));
                held.unwrap_or_else(|| panic!("a delta before any snapshot: {frame}")).delta(frame);
            }
            Some("prediction" | "outcome") => {
                let held = self.held.get_mut(&key_of(frame));
                held.unwrap_or_else(|| panic!("told before any snapshot: {frame}")).told(frame);
            }
            _ => {}
        }
    }

    pub(crate) fn of(&self, topic: &str, ruleset: &str) -> &Held {
        let held = self.held.get(&(topic.to_owned(), ruleset.to_owned()));
        held.unwrap_or_else(|| panic!("nothing held of {topic} under {ruleset:?}"))
    }

    /// Everything held must be what plain HTTP answers.
    pub(crate) async fn assert_equal_http(&self, server: &Http) {
        for ((topic, ruleset), held) in &self.held {
            let (kind, id) = topic.split_once(':').unwrap_or((topic, ""));
            let game = match kind {
                "slate" => {
                    held.assert_equal_slate(server).await;
                    continue;
                }
                "predictions" => {
                    held.assert_equal_snapshot(server, topic).await;
                    continue;
                }
                "game" => id,
                _ => held.game.as_deref().expect("a player or team shows a game"),
            };
            let answer = server.json(&format!("/v1/games/{game}/players?ruleset={ruleset}")).await;
            let listed = answer.as_array().unwrap().iter();
            let of_topic = |player: &&Value| match kind {
                "team" => player["team"] == id,
                "player" => player["player"] == id,
                _ => true,
            };
            let totals = listed.filter(of_topic).map(|p| (text(&p["player"]), Totals::read(p)));
            let expected: BTreeMap<String, Totals> = totals.collect();
            let mut held_now = held.players.clone();
            if kind == "player" {
                held_now.insert(id.to_owned(), held.totals.clone());
            }
            // Whoever was taken off the list by a correction stays at nothing.
            held_now.retain(|player, totals| expected.contains_key(player) || !totals.is_nothing());
            assert_eq!(held_now, expected, "{topic} {ruleset}");
            for (player, totals) in &held_now {
                assert_eq!(
                    held.summed.get(player),
                    Some(&totals.points),
                    "the changes of {player} in {topic} {ruleset}"
                );
            }
        }
    }
}

/// The causes of a delta, all of them; nothing where some are omitted.
fn causes_of(delta: &Value) -> Option<Vec<&Value>> {
    let span = delta["seq"].as_u64().unwrap() - delta["prev"].as_u64().unwrap();
    let causes: Vec<&Value> = delta.get("cause").into_iter().chain(list(delta, "causes")).collect();
    let omitted = delta.get("causes_omitted").map_or(0, |count| count.as_u64().unwrap());
    assert!(delta.get("cause").is_some() == (span == 1), "one cause for one change: {delta}");
    assert_eq!(causes.len() as u64 + omitted, span, "a cause for every change: {delta}");
    assert!(causes.len() <= 16 && (omitted == 0 || causes.len() == 16), "{delta}");
    assert_eq!(delta.get("ingest_us_first").is_some(), span > 1, "{delta}");
    (omitted == 0).then_some(causes)
}

impl Held {
    fn snapshot(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64().unwrap();
        assert!(seq >= self.seq, "a snapshot goes back from {}: {frame}", self.seq);
        *self = Held {
            seq,
            game: frame["game"].as_str().map(str::to_owned),
            ..Held::default()
        };
        let topic = text(&frame["topic"]);
        if let Some(player) = topic.strip_prefix("player:") {
            self.totals = Totals::read(frame);
            self.summed.insert(player.to_owned(), self.totals.points);
        }
        for player in list(frame, "players") {
            let totals = Totals::read(player);
            self.summed.insert(text(&player["player"]), totals.points);
            self.players.insert(text(&player["player"]), totals);
        }
        for game in list(frame, "games") {
            take_view(self.views.entry(text(&game["game"])).or_default(), game);
        }
        for prediction in list(frame, "predictions") {
            self.predictions.insert(text(&prediction["kind"]), prediction.clone());
        }
        self.tally = frame["tally"].clone();
        take_view(self.views.entry(topic).or_default(), frame);
    }

    /// A prediction ends the one of its kind; an outcome the one that it judges, or all at the end of the game.
    fn told(&mut self, frame: &Value) {
        assert_eq!(frame["prev"].as_u64(), Some(self.seq), "the frame follows what is held: {frame}");
        self.seq = frame["seq"].as_u64().unwrap();
        let kind = text(&frame["kind"]);
        if frame["type"] == "prediction" {
            // As a snapshot lists it.
            let mut prediction = frame.clone();
            let fields = prediction.as_object_mut().expect("an object");
            fields.retain(|name, _| !["type", "topic", "seq", "prev", "encode_us"].contains(&name.as_str()));
            self.predictions.insert(kind, prediction);
            return;
        }
        self.tally = frame["tally"].clone();
        if kind == "win" {
            self.predictions.clear();
        }
        self.predictions.remove(&kind);
    }

    async fn assert_equal_snapshot(&self, server: &Http, topic: &str) {
        let answer = server.json(&format!("/v1/snapshot?topics={topic}")).await;
        let mut expected = Held::default();
        expected.snapshot(&answer["snapshots"][0]);
        let [held, now] = [self, &expected].map(|held| (held.seq, &held.predictions, &held.tally));
        assert_eq!(held, now, "{topic}");
    }

    fn delta(&mut self, frame: &Value) {
        assert_eq!(frame["prev"].as_u64(), Some(self.seq), "the frame follows what is held: {frame}");
        self.seq = frame["seq"].as_u64().unwrap();
        if self.game.is_none() {
            // Nothing had happened when it subscribed: the first cause says which game it is.
            let first = frame.get("cause").or_else(|| frame["causes"].get(0));
            self.game = first.map(|cause| text(&cause["game"]));
        }
        let topic = text(&frame["topic"]);
        if let Some(player) = topic.strip_prefix("player:") {
            let before = self.totals.clone();
            self.totals.apply(frame);
            *self.summed.entry(player.to_owned()).or_default() += fixed(&frame["change"]);
            assert_causes_add_up(&before, &self.totals, frame);
        }
        for player in list(frame, "players") {
            let id = text(&player["player"]);
            self.players.entry(id.clone()).or_default().apply(player);
            *self.summed.entry(id).or_default() += fixed(&player["change"]);
        }
        for game in list(frame, "games") {
            take_view(self.views.entry(text(&game["game"])).or_default(), game);
        }
        take_view(self.views.entry(topic).or_default(), frame);
    }

    async fn assert_equal_slate(&self, server: &Http) {
        let answer = server.json("/v1/snapshot?topics=slate").await;
        let now = &answer["snapshots"][0];
        let mut expected = Held::default();
        expected.snapshot(now);
        assert_eq!((self.seq, &self.views), (expected.seq, &expected.views), "slate");
        let all = server.json("/v1/games").await;
        for game in list(&all, "games") {
            if let Some(view) = self.views.get(game["game"].as_str().unwrap()) {
                assert_eq!((&view["status"], &view["score"]), (&game["status"], &game["score"]));
            }
        }
    }
}

/// A player's causes name the stats that each of them moved: together, the whole difference.
fn assert_causes_add_up(before: &Totals, after: &Totals, frame: &Value) {
    let Some(causes) = causes_of(frame) else { return };
    let mut moved: BTreeMap<String, i64> = BTreeMap::new();
    for (name, value) in causes.iter().flat_map(|cause| cause["stats"].as_object().expect("a cause's stats")) {
        *moved.entry(name.clone()).or_default() += fixed(value);
    }
    let mut expected: BTreeMap<String, i64> = after.stats.clone();
    for (name, value) in &before.stats {
        *expected.entry(name.clone()).or_default() -= value;
    }
    moved.retain(|_, value| *value != 0);
    expected.retain(|_, value| *value != 0);
    assert_eq!(moved, expected, "the causes' stats add up: {frame}");
}
