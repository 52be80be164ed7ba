//! Each client's roster as one lineup, whose sum it follows instead of its players.
//!
//! They are posted before anybody connects, as a lineup's topic has its name from the server, and subscribed to by that
//! name. Equal rosters are one lineup. The server forgets them when nobody watches them any more.

use crate::interrupt;
use crate::post::Http;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Slots of a lineup, at most: a server takes no more.
const SLOTS_MAX: usize = 32;

/// The lineups of a run.
#[derive(Debug, Clone)]
pub(crate) struct Lineups {
    /// The players' topics.
    pub(crate) players: Vec<String>,
    /// By lineup: whom it has, by number.
    pub(crate) rosters: Vec<Vec<u32>>,
}

impl Lineups {
    /// Those of the clients' `rosters`, and by client the number of its own.
    pub(crate) fn of(players: Vec<String>, rosters: Vec<Vec<u32>>) -> Result<(Self, Vec<u32>)> {
        let most = rosters.iter().map(Vec::len).max().unwrap_or(0);
        ensure!(
            most <= SLOTS_MAX,
            "a roster of {most} players is no lineup, which has at most {SLOTS_MAX} (--roster)"
        );
        let (mut known, mut distinct, mut whose) = (BTreeMap::new(), Vec::new(), Vec::with_capacity(rosters.len()));
        for roster in rosters {
            let number = *known.entry(roster).or_insert_with_key(|roster| {
                distinct.push(roster.clone());
                distinct.len() as u32 - 1
            });
            whose.push(number);
        }
        let lineups = Self {
            players,
            rosters: distinct,
        };
        Ok((lineups, whose))
    }

    /// Has the server make them; the names of their topics.
    pub(crate) fn post(&self, http: &mut Http, ruleset: &str) -> Result<Vec<String>> {
        let names = self.rosters.iter().map(|roster| {
            interrupt::check()?;
            let players = roster.iter().map(|&player| &self.players[player as usize]);
            let slots: Vec<Value> = players
                .map(|topic| json!({"slot": "FLEX", "player": topic.strip_prefix("player:").unwrap_or(topic)}))
                .collect();
            let answer = http.post("/v1/lineups", &json!({"ruleset": ruleset, "slots": slots}).to_string())?;
            let topic = answer["topic"].as_str().filter(|topic| topic.starts_with("lineup:"));
            Ok(topic.with_context(|| format!("not a lineup's topic: {answer}"))?.to_owned())
        });
        names.collect()
    }

    /// In how many clients' lineups each player is, where so many clients follow each lineup.
    pub(crate) fn owners(&self, followers: &[u64]) -> Vec<u64> {
        let mut owners = vec![0; self.players.len()];
        for (roster, followers) in self.rosters.iter().zip(followers) {
            roster.iter().for_each(|&player| owners[player as usize] += followers);
        }
        owners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rosters_are_one_lineup() {
        let players = ["player:a", "player:b", "player:c"].map(str::to_owned).to_vec();
        let rosters = vec![vec![0, 1], vec![1, 2], vec![0, 1]];
        let (lineups, whose) = Lineups::of(players.clone(), rosters).unwrap();
        assert_eq!((lineups.rosters.len(), whose), (2, vec![0, 1, 0]));
        assert_eq!(lineups.owners(&[2, 1]), [2, 3, 1]);
        let error = Lineups::of(players, vec![vec![0; 33]]).unwrap_err().to_string();
        assert!(error.contains("33 players") && error.contains("--roster"), "{error}");
    }
}
