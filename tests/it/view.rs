//! What a topic shows, as a client of the documented protocol puts it together.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Points in 1/10,000, stats in halves: exact.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) team: String,
    pub(crate) points: i64,
    pub(crate) stats: BTreeMap<String, i64>,
}

/// One topic's state; a kind of topic fills only its own part.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) game: Option<String>,
    /// The line of a `player:` topic.
    pub(crate) line: Line,
    /// Status, clock and so on of a `game:` or `team:` topic.
    pub(crate) board: BTreeMap<String, Value>,
    /// Its players.
    pub(crate) players: BTreeMap<String, Line>,
    /// The games of the slate.
    pub(crate) games: BTreeMap<String, BTreeMap<String, Value>>,
}

const BOARD: [&str; 8] = ["status", "clock", "situation", "score", "timeouts", "home", "away", "kickoff"];

pub(crate) fn units(points: &Value) -> i64 {
    (points.as_f64().expect("points are a number") * 10_000.0).round() as i64
}

pub(crate) fn halves(value: &Value) -> i64 {
    (value.as_f64().expect("a stat is a number") * 2.0).round() as i64
}

impl View {
    /// The state that a snapshot gives.
    pub(crate) fn of_snapshot(frame: &Value) -> View {
        let mut view = View::default();
        if let Some(game) = frame["game"].as_str() {
            view.game = Some(game.to_owned());
        }
        view.apply(frame);
        view
    }

    /// Takes a frame's totals over: all that a client ever has to do.
    pub(crate) fn apply(&mut self, frame: &Value) {
        if !frame["points"].is_null() {
            self.line.points = units(&frame["points"]);
            put_stats(&mut self.line, &frame["stats"]);
        }
        put_board(&mut self.board, frame);
        for player in list(frame, "players") {
            let line = self.players.entry(text(player, "player")).or_default();
            if let Some(team) = player["team"].as_str() {
                line.team = team.to_owned();
            }
            line.points = units(&player["points"]);
            put_stats(line, &player["stats"]);
        }
        for game in list(frame, "games") {
            put_board(self.games.entry(text(game, "game")).or_default(), game);
        }
    }

    /// Without what says nothing: counters at zero.
    pub(crate) fn plain(&self) -> View {
        let mut plain = self.clone();
        plain.line.stats.retain(|_, value| *value != 0);
        plain.line.team.clear();
        for line in plain.players.values_mut() {
            line.stats.retain(|_, value| *value != 0);
        }
        plain
    }

    /// The same, without players at zero who are not in `listed`: a correction took them off the list, or
    /// to another team, and nothing was left to say of them.
    pub(crate) fn plain_beside(&self, listed: &View) -> View {
        let mut plain = self.plain();
        let is_left = |player: &String, line: &Line| listed.players.contains_key(player) || !line.stats.is_empty() || line.points != 0;
        plain.players.retain(|player, line| is_left(player, line));
        plain
    }

    /// The points of each player, those of a `player:` topic under no name.
    pub(crate) fn points(&self) -> BTreeMap<String, i64> {
        let of_players = self.players.iter().map(|(player, line)| (player.clone(), line.points));
        of_players.chain([(String::new(), self.line.points)]).collect()
    }
}

pub(crate) fn list<'a>(frame: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    frame[key].as_array().into_iter().flatten()
}

pub(crate) fn text(value: &Value, key: &str) -> String {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is a text in {value}"))
        .to_owned()
}

fn put_stats(line: &mut Line, stats: &Value) {
    for (name, value) in stats.as_object().into_iter().flatten() {
        line.stats.insert(name.clone(), halves(value));
    }
}

fn put_board(board: &mut BTreeMap<String, Value>, frame: &Value) {
    let none = Map::new();
    let frame = frame.as_object().unwrap_or(&none);
    for key in BOARD {
        match frame.get(key) {
            Some(Value::Null) => {
                board.remove(key);
            }
            Some(value) => {
                board.insert(key.to_owned(), value.clone());
            }
            None => {}
        }
    }
}
