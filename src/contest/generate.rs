//! Contests made from a seed, for tests, benches and the load test: entries as fans would make them.
//!
//! Owns a generator of its own, so that a seed gives the same contest on every machine and with every build. Salaries and
//! ownership are told; an entry is nine players under the cap, drawn by ownership, no two alike in a slot. Never reads
//! anything and never is on a path that is in a hurry.

use super::builder::Builder;
use super::{Definition, Terms};
use crate::model::PlayerId;
use compact_str::CompactString;

/// Attempts at an entry under the cap, after which its dearest players are replaced by the cheapest.
const ATTEMPTS_MAX: usize = 64;

/// A stream of numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of that seed.
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }
}

/// A player whom fans may choose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Who.
    pub player: PlayerId,
    /// His position: `QB`, `RB`, `WR`, `TE`, `DST`.
    pub position: CompactString,
    /// What he costs.
    pub salary: u32,
    /// How much he is wanted: weights among those of his position.
    pub weight: u32,
}

/// Whom fans may choose from.
#[derive(Clone, Debug, Default)]
pub struct Slate {
    choices: Vec<Choice>,
}

/// How much the one at that place in his position's queue is wanted.
fn wanted(place: u64) -> u32 {
    let tail = place.saturating_sub(16);
    (10_000_000 / (place + 2) / (1 + tail * tail / 16)) as u32 + 1
}

/// The choices of one slot.
struct Pool {
    /// Places among the slate's choices.
    places: Vec<usize>,
    /// Weights up to and including each.
    sums: Vec<u64>,
    cheapest: usize,
}

impl Slate {
    /// One of those players.
    pub fn new(choices: Vec<Choice>) -> Slate {
        Slate { choices }
    }

    /// A slate made up: 32 teams, 12 players each. Of each position a few are wanted by many; the favourites are in 30 to 40 of
    /// 100 entries, as on Sundays.
    pub fn made_up(seed: u64) -> Slate {
        /// Position, how many of a team, what the first costs at least, and how much less each further one does.
        const TEAM: [(&str, u32, u32, u32); 5] = [
            ("QB", 2, 4_800, 600),
            ("RB", 3, 4_600, 700),
            ("WR", 4, 4_400, 500),
            ("TE", 2, 3_000, 300),
            ("DST", 1, 2_300, 0),
        ];
        const TEAMS: u32 = 32;
        let mut chance = Chance::new(seed);
        let mut choices = Vec::new();
        for (position, (name, of_team, dearest, less)) in (0..).zip(TEAM) {
            for depth in 0..of_team {
                let mut teams: Vec<u32> = (0..TEAMS).collect();
                for (queue, left) in (1..=TEAMS).rev().enumerate() {
                    let team = teams.swap_remove(chance.below(u64::from(left)) as usize);
                    let id = match name {
                        "DST" => format!("dst:T{team:02}"),
                        _ => format!("90-{:07}", team * 100 + position * 10 + depth),
                    };
                    choices.push(Choice {
                        player: PlayerId::from_well_formed(&id),
                        position: CompactString::new(name),
                        salary: dearest - less * depth + chance.below(21) as u32 * 100,
                        weight: wanted(queue as u64 + 1 + u64::from(depth * TEAMS)),
                    });
                }
            }
        }
        Slate { choices }
    }

    /// Whom fans may choose.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// A contest of `count` entries, ids and names as sites give them: each fan has 1 to 150.
    ///
    /// # Panics
    /// Where a slot has fewer than two choices for every slot that takes the same.
    pub fn contest(&self, terms: Terms, count: usize, seed: u64) -> Definition {
        let mut chance = Chance::new(seed);
        let slots = terms.slots.clone();
        let pools: Vec<Pool> = slots.iter().map(|slot| self.pool(&slot.name)).collect();
        let cap = terms.salary_cap.unwrap_or(u32::MAX);
        let mut builder = Builder::new(terms);
        let (mut fan, mut number, mut of) = (0u64, 0u64, 0u64);
        let mut id = 2_000_000_000u64;
        let mut roster = Vec::with_capacity(slots.len());
        for line in 0..count as u32 {
            if number == of {
                fan += 1;
                (number, of) = (
                    0,
                    if chance.below(10) < 7 {
                        1 + chance.below(3)
                    } else {
                        1 + chance.below(150)
                    },
                );
            }
            number += 1;
            id += 1 + chance.below(400);
            self.draw(&pools, cap, &mut chance, &mut roster);
            let players: Vec<PlayerId> = roster.iter().map(|place| self.choices[*place].player.clone()).collect();
            let name = if of == 1 {
                format!("fan{fan}")
            } else {
                format!("fan{fan} ({number}/{of})")
            };
            builder.add(line + 1, itoa::Buffer::new().format(id), &name, &players);
        }
        builder.finish(|_, _, _| ())
    }

    fn pool(&self, slot: &str) -> Pool {
        let fits = |choice: &Choice| match slot {
            "FLEX" => matches!(&*choice.position, "RB" | "WR" | "TE"),
            "CPT" | "UTIL" => true,
            slot => choice.position == slot,
        };
        let places: Vec<usize> = (0..self.choices.len()).filter(|place| fits(&self.choices[*place])).collect();
        let mut sum = 0;
        let sums = places.iter().map(|place| {
            sum += u64::from(self.choices[*place].weight);
            sum
        });
        let sums = sums.collect();
        let cheapest = (0..places.len())
            .min_by_key(|at| self.choices[places[*at]].salary)
            .unwrap_or_default();
        Pool { places, sums, cheapest }
    }

    /// Nine (or as many) different players under the cap.
    fn draw(&self, pools: &[Pool], cap: u32, chance: &mut Chance, roster: &mut Vec<usize>) {
        for attempt in 0..=ATTEMPTS_MAX {
            roster.clear();
            for (slot, pool) in pools.iter().enumerate() {
                let from = if attempt == ATTEMPTS_MAX && slot > 0 {
                    Some(pool.cheapest)
                } else {
                    None
                };
                roster.push(pool.one(from, roster, chance));
            }
            let cost: u32 = roster.iter().map(|place| self.choices[*place].salary).sum();
            if cost <= cap {
                return;
            }
        }
    }
}

impl Pool {
    /// One who is not taken: drawn, or the first from a place on.
    fn one(&self, from: Option<usize>, taken: &[usize], chance: &mut Chance) -> usize {
        let count = self.places.len();
        let mut at = from.unwrap_or_else(|| self.drawn(chance));
        for _ in 0..count {
            if !taken.contains(&self.places[at]) {
                return self.places[at];
            }
            at = if from.is_some() { (at + 1) % count } else { self.drawn(chance) };
        }
        // Luck that bad: whoever is free.
        let free = self.places.iter().find(|place| !taken.contains(place));
        *free.expect("a slot has more choices than an entry has slots")
    }

    fn drawn(&self, chance: &mut Chance) -> usize {
        let total = self.sums.last().copied().expect("a slot has choices");
        let draw = chance.below(total);
        self.sums.partition_point(|sum| *sum <= draw)
    }
}
