//! Sites, players' files and constraints: whatever they say, lineups keep the site's rules, or a reason is told.

use super::choices::Choices;
use scorewire::lineup::{Budget, Constraints, Site, optimize, read};
use std::collections::HashSet;

/// Steps of one search: enough for the slates that fit an input.
const STEPS: u64 = 20_000;

/// A site and how many lineups, then constraints, a players' file and, perhaps, a site's file, apart by NUL.
pub(crate) fn slate(input: &[u8]) {
    let mut choices = Choices::new(input);
    let names: Vec<&str> = Site::names().collect();
    let (name, count) = (choices.word(&names), 1 + choices.below(4));
    let Ok(text) = std::str::from_utf8(choices.rest()) else { return };
    let mut parts = text.splitn(3, '\0');
    let (constraints, file, own) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next());
    let site = match own {
        Some(own) => Site::parse(own),
        None => Site::built_in(name),
    };
    let constraints = Constraints::parse(constraints, constraints.starts_with('{'));
    let (Ok(site), Ok(constraints)) = (site, constraints) else { return };
    let Ok(players) = read(&site, file) else { return };
    let budget = Budget {
        steps: STEPS,
        is_out: &|| false,
    };
    match optimize(&site, &players, &constraints, count, budget, |_| ()) {
        Ok(answer) => {
            assert!(answer.lineups.len() <= count);
            assert_eq!(answer.complete, answer.lineups.len() == count);
            for lineup in &answer.lineups {
                let ids: HashSet<&str> = lineup.players.iter().map(|placed| placed.id.as_str()).collect();
                assert_eq!(ids.len(), lineup.players.len(), "nobody twice");
                let salary: i64 = lineup.players.iter().map(|placed| placed.salary).sum();
                assert_eq!(salary, lineup.salary);
                assert!(salary <= site.salary_cap);
                let points: i64 = lineup.players.iter().map(|placed| placed.projection.0.0).sum();
                assert_eq!(points, lineup.projection.0.0);
            }
            let _ = (answer.upload(&site), answer.text());
        }
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
        }
    }
}
