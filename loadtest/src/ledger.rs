//! A sampled client's own books: every message parsed, totals applied, changes added up.

use crate::verify::points;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// Points in 1/10,000 by player (of a `game:` topic) or by `player:` topic, as a front end would keep
/// them. At most one `game:` topic.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    totals: BTreeMap<String, i64>,
}

impl Ledger {
    /// Applies a snapshot: what was there of its topic is forgotten.
    pub(crate) fn snapshot(&mut self, message: &Value) -> Result<()> {
        if message["players"].is_array() {
            self.totals.retain(|id, _| id.starts_with("player:"));
        }
        self.each(message, |_, _, _| Ok(()))
    }

    /// Applies a delta, whose `change` must lead from the total held to the new one.
    pub(crate) fn delta(&mut self, message: &Value) -> Result<()> {
        self.each(message, |shown, before, total| {
            let change = points(&shown["change"])?;
            // A defence may enter a game with points it had before it was first shown.
            ensure!(
                before.is_none_or(|before| before + change == total),
                "changes of {} add up to something other than its total",
                id(shown)?
            );
            Ok(())
        })
    }

    /// Holds these books against the server's own last word on a topic.
    pub(crate) fn settle(&self, snapshot: &Value) -> Result<()> {
        for shown in shown(snapshot) {
            let (id, told) = (id(shown)?, points(&shown["points"])?);
            // A player who never moved need not have been shown.
            let held = self.totals.get(id).copied().unwrap_or(0);
            ensure!(
                held == told,
                "books kept by one client say {held}/10000 for {id}, the server {told}/10000"
            );
        }
        Ok(())
    }

    /// The totals held.
    pub(crate) fn totals(&self) -> &BTreeMap<String, i64> {
        &self.totals
    }

    fn each(&mut self, message: &Value, check: impl Fn(&Value, Option<i64>, i64) -> Result<()>) -> Result<()> {
        for shown in shown(message) {
            let (id, total) = (id(shown)?, points(&shown["points"])?);
            let before = self.totals.insert(id.to_owned(), total);
            check(shown, before, total)?;
        }
        Ok(())
    }
}

/// What has points in a message: the players of a game, or the message itself.
fn shown(message: &Value) -> &[Value] {
    match &message["players"] {
        Value::Array(players) => players,
        _ if message["points"].is_number() => std::slice::from_ref(message),
        _ => &[],
    }
}

/// Under which id its points are kept.
fn id(shown: &Value) -> Result<&str> {
    let id = shown["player"].as_str().or_else(|| shown["topic"].as_str());
    id.context("points without a player")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn totals_follow_and_a_change_that_does_not_fit_is_refused() {
        let mut ledger = Ledger::default();
        ledger.snapshot(&json!({"players":[{"player":"a","points":1.5}]})).unwrap();
        ledger
            .delta(&json!({"players":[{"player":"a","points":2,"change":0.5},{"player":"b","points":1,"change":1}]}))
            .unwrap();
        assert_eq!(
            ledger.totals().iter().map(|(id, n)| (id.as_str(), *n)).collect::<Vec<_>>(),
            [("a", 20_000), ("b", 10_000)]
        );
        assert!(ledger.delta(&json!({"players":[{"player":"a","points":3,"change":0.5}]})).is_err());
    }

    #[test]
    fn players_followed_by_themselves_are_kept_by_topic() {
        let mut ledger = Ledger::default();
        ledger.snapshot(&json!({"topic":"player:a","points":1.5})).unwrap();
        ledger.snapshot(&json!({"topic":"player:b","points":0})).unwrap();
        ledger.delta(&json!({"topic":"player:a","points":2,"change":0.5})).unwrap();
        ledger.settle(&json!({"topic": "player:a", "points": 2})).unwrap();
        let error = ledger.settle(&json!({"topic": "player:b", "points": 1})).unwrap_err();
        assert!(error.to_string().contains("0/10000 for player:b, the server 10000"), "{error}");
        assert!(ledger.delta(&json!({"topic":"player:b","points":2,"change":1})).is_err());
    }
}
