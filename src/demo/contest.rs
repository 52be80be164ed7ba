//! The demo's contest: made-up entries over a slate's players, so that there are ranks to watch.
//!
//! Owns who enters it, by a seed; its names are invented. It is in memory alone: each slate has one of its own, and
//! the one before is let go of. Bounded: [`ENTRIES`] entries, some 50 bytes each.

use crate::contest::builder::Builder;
use crate::contest::{Definition, Payouts, Slot, Terms};
use crate::fanout::Hub;
use crate::feed::simulator::Rng;
use crate::model::{ContestId, Event, IngestTime, Multiplier, PlayerId};
use crate::scoring::{RulesetIndex, Rulesets};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries of the demo's contest.
pub const ENTRIES: u32 = 10_000;
/// Nine of ten dollars that 10,000 fans pay for a $20 entry, for one in five of them.
const PAYOUTS: &str = "1:20000,2:10000,3:5000,4-10:1000,11-50:250,51-100:120,101-500:75,501-2000:60";
/// Each slot, and who may stand in it.
const SLOTS: [(&str, &[&str]); 9] = [
    ("QB", &["QB"]),
    ("RB", &["RB"]),
    ("RB", &["RB"]),
    ("WR", &["WR"]),
    ("WR", &["WR"]),
    ("WR", &["WR"]),
    ("TE", &["TE"]),
    ("FLEX", &["RB", "WR", "TE"]),
    ("DST", &["DST"]),
];
const FANS: [&str; 12] = [
    "gridiron_gus",
    "fourth_and_long",
    "pocket-presence",
    "waiver.wire",
    "hailmary88",
    "bootleg",
    "flea_flicker",
    "redzone_ruth",
    "twominutedrill",
    "moss_it",
    "prevent_defense",
    "sunday.scaries",
];
/// Tells this stream of chance from the slate's own of the same seed.
const STREAM: u64 = 0xC0_47E5;

/// Where contests are held, and the rules they may have.
#[derive(Clone)]
pub struct Floor {
    /// Where contests are held.
    pub hub: Arc<Hub>,
    /// Every ruleset.
    pub rulesets: Arc<Rulesets>,
    /// The one that is used where there is no `draftkings`.
    pub default_ruleset: RulesetIndex,
}

impl Floor {
    /// Begins the contest of a slate, whose players its first events announce. Its id, where it could begin.
    pub(super) fn begin(&self, announced: &[Event], seed: u64, now: IngestTime) -> Option<ContestId> {
        let index = self.rulesets.index("draftkings").unwrap_or(self.default_ruleset);
        let ruleset = self.rulesets.by_index(index);
        let definition = definition(announced, ruleset.name(), seed)?;
        let id = definition.id().clone();
        match self.hub.contests().place(&id, definition.entry_count()) {
            Ok(place) => {
                place.begin(definition, (index, ruleset), now);
                Some(id)
            }
            Err(error) => {
                tracing::warn!(%error, "the demo has no contest this time");
                None
            }
        }
    }

    /// Ends it. Who watches it is told so.
    pub(super) fn end(&self, id: &ContestId) {
        self.hub.contests().remove(id);
    }
}

/// The contest; nothing where a position has nobody.
fn definition(announced: &[Event], ruleset: &str, seed: u64) -> Option<Definition> {
    let players = by_position(announced);
    let slot = |name: &str| Slot {
        name: name.into(),
        multiplier: Multiplier::ONE,
    };
    let mut builder = Builder::new(Terms {
        id: ContestId::new(&format!("sunday-{seed}"))?,
        name: "Sunday Ten Thousand".into(),
        ruleset: ruleset.into(),
        slots: SLOTS.iter().map(|(name, _)| slot(name)).collect(),
        payouts: Payouts::parse(PAYOUTS).expect("a test reads them"),
        salary_cap: None,
        games_min: 0,
    });
    let mut rng = Rng::new(seed, STREAM);
    let fans = FANS.len() as u32;
    let each = ENTRIES.div_ceil(fans);
    for number in 0..ENTRIES {
        let name = format!("{} ({}/{each})", FANS[(number % fans) as usize], number / fans + 1);
        builder.add(number, &format!("e{}", number + 1), &name, &roster(&players, &mut rng)?);
    }
    Some(builder.finish(|_, _, _| {}))
}

fn by_position(announced: &[Event]) -> BTreeMap<&str, Vec<PlayerId>> {
    let mut players: BTreeMap<&str, Vec<PlayerId>> = BTreeMap::new();
    let mut teams = Vec::new();
    for event in announced {
        let Event::Players(told) = event else { continue };
        for info in told {
            players
                .entry(info.position.as_deref().unwrap_or_default())
                .or_default()
                .push(info.player.clone());
            teams.extend(&info.team);
        }
    }
    teams.sort_unstable();
    teams.dedup();
    players.insert("DST", teams.into_iter().map(PlayerId::dst).collect());
    players
}

/// Somebody for each slot, nobody twice.
fn roster(players: &BTreeMap<&str, Vec<PlayerId>>, rng: &mut Rng) -> Option<Vec<PlayerId>> {
    let mut roster: Vec<PlayerId> = Vec::with_capacity(SLOTS.len());
    for (_, positions) in SLOTS {
        let position = positions[rng.below(positions.len() as u64) as usize];
        let free: Vec<&PlayerId> = players.get(position)?.iter().filter(|player| !roster.contains(player)).collect();
        // The lower of two, so that some are in many entries and most in few, as in a real field.
        let count = free.len() as u64;
        let at = rng.below(count).min(rng.below(count));
        roster.push((*free.get(at as usize)?).clone());
    }
    Some(roster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::simulator::{Options, Simulator};

    fn announced(games: usize) -> Vec<Event> {
        let options = Options {
            games,
            ..Options::default()
        };
        Simulator::new(&options).next().unwrap().events
    }

    #[test]
    fn every_slate_has_enough_players_and_the_same_seed_the_same_entries() {
        for games in 1..=2 {
            let contest = definition(&announced(games), "draftkings", 7).unwrap();
            assert_eq!(contest.entry_count(), ENTRIES as usize);
            assert_eq!(contest, definition(&announced(games), "draftkings", 7).unwrap());
            assert_ne!(contest.rosters(), definition(&announced(games), "draftkings", 8).unwrap().rosters());
        }
        assert_eq!(definition(&[], "draftkings", 1), None);
    }

    #[test]
    fn prizes_are_less_than_the_fees() {
        let tiers = Payouts::parse(PAYOUTS).unwrap();
        let paid: i64 = tiers
            .tiers()
            .iter()
            .map(|tier| tier.each.0 * i64::from(tier.last - tier.first + 1))
            .sum();
        let fees = i64::from(ENTRIES) * 2_000;
        assert!(paid < fees && paid > fees * 8 / 10, "{paid} of {fees}");
    }

    #[test]
    fn nobody_stands_in_an_entry_twice() {
        let players = announced(1);
        let players = by_position(&players);
        let mut rng = Rng::new(3, STREAM);
        for _ in 0..1_000 {
            let mut roster = roster(&players, &mut rng).unwrap();
            assert_eq!(roster.len(), SLOTS.len());
            roster.sort_unstable();
            roster.dedup();
            assert_eq!(roster.len(), SLOTS.len());
        }
    }
}
