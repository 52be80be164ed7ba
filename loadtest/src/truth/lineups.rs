//! What lineups must show: by the feed, what their players do.
//!
//! Players of several games move a lineup in the order in which the server came to them, which is not quite that of the
//! feed. So on the way a frame must name an event that moves one of the lineup's players, and at the end it must have
//! been moved as often as there are such events, and show of each player what the feed says.

use super::{Faults, Truth};
use crate::judge::Moved;
use crate::lineups::Lineups;
use crate::verify::{number, points};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A lineup of players whose topics are known.
#[derive(Debug)]
pub(super) struct Lineup {
    name: String,
    /// By the numbers of their topics.
    players: Vec<u32>,
    /// Its `seq` before the run.
    began: u64,
}

impl Truth {
    /// What follows for `lineups` of these players. `began`: how the server showed them before the run.
    pub(crate) fn of_lineups(mut self, lineups: &Lineups, began: &[Value]) -> Result<Self> {
        let lineups = lineups.rosters.iter().zip(began).map(|(roster, began)| {
            Ok(Lineup {
                name: began["topic"].as_str().context("topic is missing")?.to_owned(),
                players: roster.clone(),
                began: number(began, "seq")?,
            })
        });
        self.lineups = Some(lineups.collect::<Result<_>>()?);
        Ok(self)
    }

    /// How many changes surely move a lineup.
    pub(super) fn changes_due(&self, lineup: &Lineup) -> u64 {
        self.events(lineup).values().filter(|is_sure| **is_sure).count() as u64
    }

    /// [`Truth::check`] of lineups.
    pub(super) fn check_lineups(&self, lineups: &[Lineup], moves: &[Moved], last: &[Value]) -> Faults {
        let mut faults = Faults::default();
        let mut named: Vec<BTreeSet<(u64, u32)>> = vec![BTreeSet::new(); lineups.len()];
        for moved in moves {
            named[moved.topic as usize].insert((moved.seq, moved.event));
        }
        for ((lineup, named), last) in lineups.iter().zip(named).zip(last) {
            let events = self.events(lineup);
            for (seq, event) in named {
                let verdict = events.contains_key(&event).then_some(());
                let verdict = verdict.with_context(|| format!("event {event} moved it to seq {seq} and is about none of its players"));
                faults.add(&lineup.name, verdict);
            }
            if !last.is_null() {
                faults.add(&lineup.name, self.check_lineup(lineup, &events, last));
            }
        }
        faults
    }

    /// The events of the run that move one of its players, and whether that is sure.
    fn events(&self, lineup: &Lineup) -> BTreeMap<u32, bool> {
        let mut events = BTreeMap::new();
        let moves = lineup.players.iter().flat_map(|&player| &self.topics[player as usize].moves);
        for (event, is_sure) in moves.filter_map(|shown| Some((shown.event?, shown.is_sure))) {
            *events.entry(event).or_insert(false) |= is_sure;
        }
        events
    }

    fn check_lineup(&self, lineup: &Lineup, events: &BTreeMap<u32, bool>, last: &Value) -> Result<()> {
        let (least, most) = (events.values().filter(|is_sure| **is_sure).count(), events.len());
        let moved = number(last, "seq")?.checked_sub(lineup.began).context("seq went back")?;
        ensure!(
            (least as u64..=most as u64).contains(&moved),
            "was moved {moved} times; by the feed {least} to {most} events move it"
        );
        let slots = last["slots"].as_array().context("slots are missing")?;
        ensure!(
            slots.len() == lineup.players.len(),
            "ended with {} slots of {}",
            slots.len(),
            lineup.players.len()
        );
        let mut sum = 0;
        for &player in &lineup.players {
            let topic = &self.topics[player as usize];
            let id = topic.name.strip_prefix("player:").unwrap_or(&topic.name);
            let slot = slots.iter().find(|slot| slot["player"] == id);
            let slot = slot.with_context(|| format!("ended without {id}"))?;
            topic.check_line(slot, self.rules).with_context(|| id.to_owned())?;
            sum += points(&slot["points"])?;
        }
        let shown = points(&last["points"])?;
        ensure!(shown == sum, "ended with {shown}/10000 points, and its slots come to {sum}/10000");
        Ok(())
    }
}
