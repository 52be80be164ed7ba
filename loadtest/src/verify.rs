//! The right totals of a scripted game, known before the first play.
//!
//! `seq`, `prev` and the event belong together, every player who moved between `prev` and `seq` is
//! there with every stat that did, and totals, changes and stats are the right ones.

use crate::plays::{CAST, Line, Script, player_index};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Knows what the script's topic must show.
pub(crate) struct Oracle {
    script: Script,
    /// The topic's `seq` before the first play, from the first snapshot.
    base: Option<u64>,
}

impl Oracle {
    /// An oracle for `script`.
    pub(crate) fn new(script: Script) -> Self {
        Self { script, base: None }
    }

    /// The play that led to `seq`.
    pub(crate) fn event(&self, seq: u64) -> Option<u32> {
        let events = events_at(seq, self.base?).ok()?;
        events.checked_sub(1).map(|event| event as u32)
    }

    /// A snapshot at `seq`; the first one, which must come before the run has `begun`, says where it starts.
    pub(crate) fn snapshot(&mut self, seq: u64, value: &Value, begun: bool) -> Result<()> {
        ensure!(self.base.is_some() || !begun, "the first snapshot came after the first play");
        let base = *self.base.get_or_insert(seq);
        self.whole(events_at(seq, base)?, value)
    }

    /// A delta from `prev` to `seq`, caused by the plays from `oldest` to `newest`.
    pub(crate) fn delta(&self, prev: u64, seq: u64, [oldest, newest]: [Option<u32>; 2], value: &Value) -> Result<()> {
        let base = self.base.context("a delta before any snapshot")?;
        let (before, events) = (events_at(prev, base)?, events_at(seq, base)?);
        let totals = self.totals(events)?;
        let named = [(newest, seq, events, "feed_ts"), (oldest, prev + 1, before + 1, "feed_ts_first")];
        for (play, seq, due, name) in named {
            ensure!(
                play.is_some_and(|play| play as usize + 1 == due),
                "seq {seq} carries {name} {}; its play was posted with another",
                value[name]
            );
        }
        let shown = self.check_players(value, events, Some(before))?;
        let held = self.totals(before)?;
        for index in (0..CAST).filter(|&i| held[i] != totals[i]) {
            ensure!(shown[index], "player {index} of the cast moved between prev and seq and is missing");
        }
        Ok(())
    }

    /// The server's own last word must include every play that it took.
    pub(crate) fn settle(&self, seq: u64, value: &Value, taken: usize) -> Result<()> {
        let events = events_at(seq, self.base.context("no snapshot came")?)?;
        ensure!(events >= taken, "has {events} of {taken} plays");
        self.whole(events, value)
    }

    /// A message that shows everything after `events` plays.
    fn whole(&self, events: usize, value: &Value) -> Result<()> {
        let shown = self.check_players(value, events, None)?;
        for (index, line) in self.totals(events)?.iter().enumerate() {
            ensure!(
                shown[index] || *line == Line::default(),
                "player {index} of the cast has points and is missing"
            );
        }
        Ok(())
    }

    fn totals(&self, events: usize) -> Result<&[Line; CAST]> {
        self.script
            .totals(events)
            .with_context(|| format!("seq is past the last play, the {}th", self.script.events()))
    }

    /// Checks the players of the cast shown in a message whose state includes `events` plays, and
    /// tells which of them it shows. `before` is given for a delta.
    fn check_players(&self, value: &Value, events: usize, before: Option<usize>) -> Result<[bool; CAST]> {
        let mut shown = [false; CAST];
        let totals = self.totals(events)?;
        let held = before.map(|before| self.totals(before)).transpose()?;
        for player in value["players"].as_array().into_iter().flatten() {
            let Some(index) = check_player(player, held, totals)? else {
                continue;
            };
            shown[index] = true;
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

/// Whether a player is shown with what the cast's `totals` say: who of the cast it is, nothing for a
/// defence. All stats that are not 0 must be there or, after `held`, those that moved since.
pub(crate) fn check_player(player: &Value, held: Option<&[Line; CAST]>, totals: &[Line; CAST]) -> Result<Option<usize>> {
    let id = player["player"].as_str().context("a player without an id")?;
    let shown = player["stats"].as_object().with_context(|| format!("player {id} has no stats"))?;
    let Some(index) = player_index(id) else {
        let other = shown.keys().find(|name| *name != "points_allowed");
        ensure!(
            id.starts_with("dst:") && other.is_none(),
            "player {id} has {other:?}, and no play credits anybody but the cast"
        );
        return Ok(None);
    };
    let (held, line) = (held.map_or(Line::default(), |held| held[index]), totals[index]);
    let (got, due) = (points(&player["points"])?, line.points());
    ensure!(got == due, "player {id} has {got}/10000 points and must have {due}/10000");
    let unknown = shown.keys().find(|name| line.stats().iter().all(|(known, _)| known != name));
    ensure!(unknown.is_none(), "player {id} has {unknown:?}, with which no play credits anybody");
    for ((name, due), (_, held)) in line.stats().into_iter().zip(held.stats()) {
        match shown.get(name) {
            Some(value) => ensure!(
                value.as_f64() == Some(due as f64),
                "player {id} has {name} {value} and must have {due}"
            ),
            None => ensure!(due == held, "player {id} must have {name} {due}, which is left out"),
        }
    }
    Ok(Some(index))
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

/// A whole number that must be there.
pub(crate) fn number(value: &Value, name: &str) -> Result<u64> {
    value[name]
        .as_u64()
        .with_context(|| format!("{name} is missing or no whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn points_are_read_exactly_or_refused() {
        assert_eq!(points(&json!(24.44)).unwrap(), 244_400);
        assert_eq!(points(&json!(-0.0001)).unwrap(), -1);
        assert!(points(&json!(0.00005)).is_err());
        assert!(points(&Value::Null).is_err());
    }

    #[test]
    fn stats_must_be_there_and_no_others() {
        // A run for a yard, and a catch of 14 yards.
        let script = Script::new("g", 2);
        let [held, totals] = [1, 2].map(|plays| script.totals(plays).unwrap());
        let runner = |stats: Value| check_player(&json!({"player": "00-9900001", "points": 0.1, "stats": stats}), None, totals);
        assert_eq!(runner(json!({"rushing_attempts": 1, "rushing_yards": 1})).unwrap(), Some(1));
        let wrong = |stats: Value| runner(stats).unwrap_err().to_string();
        assert!(wrong(json!({"rushing_yards": 1})).contains("must have rushing_attempts 1, which is left out"));
        assert!(wrong(json!({})).contains("left out") && wrong(Value::Null).contains("has no stats"));
        assert!(wrong(json!({"rushing_attempts": 1, "rushing_yards": 1, "targets": 0})).contains("targets"));
        // What did not move is not told again.
        let moved = |player: &str, points: f64, stats: Value| {
            let player = json!({"player": player, "points": points, "stats": stats});
            check_player(&player, Some(held), totals)
        };
        moved("00-9900001", 0.1, json!({})).unwrap();
        let passer = json!({"passing_attempts": 1, "completions": 1, "passing_yards": 14});
        moved("00-9900000", 0.56, passer).unwrap();
        assert!(moved("00-9900000", 0.56, json!({"passing_yards": 14})).is_err());
        // Defences have but what they allow, and nobody else plays.
        assert_eq!(moved("dst:NE", 10.0, json!({"points_allowed": 0})).unwrap(), None);
        assert!(
            moved("dst:NE", 10.0, json!({"sacks": 1}))
                .unwrap_err()
                .to_string()
                .contains("sacks")
        );
        assert!(moved("00-9900010", 0.0, json!({})).is_err());
    }
}
