//! A sampled client's own books: every message parsed, totals applied, changes added up.

use crate::verify::points;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// Points in 1/10,000 by player, as a front end would keep them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    totals: BTreeMap<String, i64>,
}

impl Ledger {
    /// Applies a snapshot: what was there before is forgotten.
    pub(crate) fn snapshot(&mut self, message: &[u8]) -> Result<()> {
        self.totals.clear();
        self.each(message, |_, _| Ok(()))
    }

    /// Applies a delta, whose `change` must lead from the total held to the new one.
    pub(crate) fn delta(&mut self, message: &[u8]) -> Result<()> {
        let held = self.totals.clone();
        self.each(message, |player, total| {
            let id = player["player"].as_str().unwrap_or_default();
            let (change, before) = (points(&player["change"])?, held.get(id).copied());
            // A defence may enter with points it had before it was first shown.
            ensure!(
                before.is_none_or(|before| before + change == total),
                "changes of {id} add up to something other than its total"
            );
            Ok(())
        })
    }

    /// The totals held.
    pub(crate) fn totals(&self) -> &BTreeMap<String, i64> {
        &self.totals
    }

    fn each(&mut self, message: &[u8], mut check: impl FnMut(&Value, i64) -> Result<()>) -> Result<()> {
        let message: Value = serde_json::from_slice(message)?;
        for player in message["players"].as_array().into_iter().flatten() {
            let id = player["player"].as_str().context("a player without an id")?;
            let total = points(&player["points"])?;
            check(player, total)?;
            self.totals.insert(id.to_owned(), total);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_follow_and_a_change_that_does_not_fit_is_refused() {
        let mut ledger = Ledger::default();
        ledger.snapshot(br#"{"players":[{"player":"a","points":1.5}]}"#).unwrap();
        ledger
            .delta(br#"{"players":[{"player":"a","points":2,"change":0.5},{"player":"b","points":1,"change":1}]}"#)
            .unwrap();
        assert_eq!(
            ledger.totals().iter().map(|(id, n)| (id.as_str(), *n)).collect::<Vec<_>>(),
            [("a", 20_000), ("b", 10_000)]
        );
        assert!(ledger.delta(br#"{"players":[{"player":"a","points":3,"change":0.5}]}"#).is_err());
    }
}
