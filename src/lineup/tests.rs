//! The search against every lineup there is.

use super::portfolio::{Exposure, Plan, build};
use super::problem::{AnyOf, Item, ItemIndex, Limit, Problem, Range, Set, Spread, fillings};
use super::search::Budget;
use proptest::prelude::*;

const FREE: Budget<'static> = Budget {
    steps: u64::MAX,
    is_out: &|| false,
};

/// A slate small enough to write out every lineup: QB, 2 RB/FLEX, WR, DST by default.
#[derive(Debug, Clone)]
struct Slate {
    plan: Plan,
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
    fn set(&mut self, items: usize, percent: u64) -> Set {
        (0..items as ItemIndex).filter(|_| self.roll(100) < percent).collect()
    }
}

/// Classes: QB, RB, WR, DST; slots QB, RB, WR, FLEX, DST. Or, with two roles: captain and others.
fn slate(seed: u64) -> Slate {
    let dice = &mut Dice(seed);
    dice.roll(2);
    let is_showdown = dice.roll(4) == 0;
    let (counts, fillings) = match is_showdown {
        true => (vec![7, 7], fillings(&[0b0001, 0b1110], 0b1111)),
        false => (vec![4, 5, 5, 3], fillings(&[0b00001, 0b01010, 0b01100, 0b10000], 0b11111)),
    };
    let fillings = fillings.unwrap();
    let (mut items, mut values, mut teams) = (Vec::new(), Vec::new(), Vec::new());
    let flat = dice.roll(4) == 0;
    for (class, &count) in counts.iter().enumerate() {
        for nth in 0..count {
            let (player, team, salary, value) = match is_showdown && class == 1 {
                false => {
                    let salary = 20 + dice.roll(60) as i32;
                    let value = if flat { i64::from(salary) * 10 } else { dice.roll(400) as i64 - 20 };
                    (items.len() as u16, dice.roll(4) as u16, salary, value)
                }
                true => {
                    let captain: &Item = &items[nth];
                    (captain.player, teams[nth], captain.salary * 2 / 3, values[nth] * 2 / 3)
                }
            };
            let ownership = dice.roll(4000) as i32;
            let class = class as u8;
            items.push(Item {
                player,
                class,
                salary,
                ownership,
            });
            values.push(value);
            teams.push(team);
        }
    }
    let size = if is_showdown { 4 } else { 5 };
    let least = if dice.roll(3) == 0 { 150 + dice.roll(60) as i64 } else { 0 };
    let most = 180 + dice.roll(100) as i64;
    let problem = Problem {
        salary: Some(Range { least, most }),
        ownership: (dice.roll(4) == 0).then(|| Range {
            least: dice.roll(6000) as i64,
            most: 8000 + dice.roll(4000) as i64,
        }),
        items,
        ..Problem::default()
    };
    let count = problem.items.len();
    let mut plan = Plan {
        fillings,
        values,
        allowed: (0..count).map(|_| dice.roll(12) > 0).collect(),
        count: 1 + dice.roll(12) as usize,
        shared_max: size - 1,
        problem,
        ..Plan::default()
    };
    constrain(&mut plan, &teams, size, dice);
    Slate { plan }
}

fn constrain(plan: &mut Plan, teams: &[u16], size: usize, dice: &mut Dice) {
    let items = plan.problem.items.len();
    let team = |team: u16| {
        (0..items as ItemIndex)
            .filter(|item| teams[usize::from(*item)] == team)
            .collect::<Set>()
    };
    let problem = &mut plan.problem;
    if dice.roll(3) == 0 {
        problem.spreads.push(Spread {
            groups: teams.to_vec(),
            least: 2 + dice.roll(2) as u8,
        });
    }
    if dice.roll(3) == 0 {
        (0..4).for_each(|nth| problem.limits.push(Limit::most(team(nth), 1 + (size as u8) / 2)));
    }
    if dice.roll(2) == 0 {
        // With each of the first class, some of his team.
        for anchor in (0..items as ItemIndex)
            .filter(|item| problem.items[usize::from(*item)].class == 0)
            .collect::<Vec<_>>()
        {
            let mut mates = team(teams[usize::from(anchor)]);
            let only: Set = mates.iter().filter(|item| *item != anchor).collect();
            mates = only;
            let (least, most) = (1 + dice.roll(2) as u8, if dice.roll(2) == 0 { u8::MAX } else { 2 });
            problem.limits.push(Limit {
                members: mates,
                least,
                most,
                when: Some([anchor].into_iter().collect()),
            });
        }
    }
    if dice.roll(3) == 0 {
        let when = Some(dice.set(items, 10));
        problem.limits.push(Limit {
            members: dice.set(items, 40),
            least: dice.roll(2) as u8,
            most: 1 + dice.roll(2) as u8,
            when,
        });
    }
    if dice.roll(3) == 0 {
        problem.limits.push(Limit {
            members: dice.set(items, 30),
            least: dice.roll(2) as u8,
            most: 1 + dice.roll(2) as u8,
            when: None,
        });
    }
    for _ in 0..[0, 0, 1, 2][dice.roll(4) as usize] {
        let ways = (0..4).map(|nth| vec![Limit::least(team(nth), 2), Limit::least(team((nth + 1) % 4), 1)]);
        problem.any_ofs.push(AnyOf(ways.collect()));
    }
    if dice.roll(2) == 0 {
        plan.shared_max = size - 1 - dice.roll(3) as usize;
        let player = |item: usize| plan.problem.items[item].player;
        let others = |item: usize| {
            (0..items)
                .filter(move |other| *other != item && player(*other) == player(item))
                .map(|other| other as ItemIndex)
        };
        plan.twins = (0..items).map(|item| others(item).collect()).collect();
    }
    if dice.roll(2) == 0 {
        let most = 1 + plan.count / 2;
        plan.exposures.extend((0..items as ItemIndex).map(|item| Exposure {
            members: [item].into_iter().collect(),
            count: 1,
            least: 0,
            most,
        }));
    }
    if dice.roll(3) == 0 {
        plan.exposures.push(Exposure {
            members: team(0),
            count: 2,
            least: 0,
            most: 1,
        });
    }
    if dice.roll(4) == 0 {
        let item = dice.roll(items as u64) as ItemIndex;
        plan.allowed[usize::from(item)] = true;
        plan.locked.push(item);
    }
}

/// Every lineup of a plan, each once.
fn all(plan: &Plan) -> Vec<(i64, Vec<ItemIndex>)> {
    let items: Vec<ItemIndex> = (0..plan.problem.items.len() as ItemIndex)
        .filter(|item| plan.allowed[usize::from(*item)] || plan.locked.contains(item))
        .collect();
    let size: u8 = plan.fillings[0].iter().sum();
    let (mut found, mut lineup) = (Vec::new(), Vec::new());
    choose(plan, &items, usize::from(size), &mut lineup, &mut found);
    found.sort_by_key(|(value, _)| -value);
    found
}

fn choose(plan: &Plan, rest: &[ItemIndex], size: usize, lineup: &mut Vec<ItemIndex>, found: &mut Vec<(i64, Vec<ItemIndex>)>) {
    if lineup.len() == size {
        if is_lineup(plan, lineup) {
            found.push((lineup.iter().map(|item| plan.values[usize::from(*item)]).sum(), lineup.clone()));
        }
        return;
    }
    for (nth, &item) in rest.iter().enumerate() {
        lineup.push(item);
        choose(plan, &rest[nth + 1..], size, lineup, found);
        lineup.pop();
    }
}

fn is_lineup(plan: &Plan, lineup: &[ItemIndex]) -> bool {
    let problem = &plan.problem;
    let known = |item: &ItemIndex| &problem.items[usize::from(*item)];
    let mut counts = vec![0; plan.fillings[0].len()];
    lineup.iter().for_each(|item| counts[usize::from(known(item).class)] += 1);
    let mut players: Vec<u16> = lineup.iter().map(|item| known(item).player).collect();
    players.sort();
    players.dedup();
    let salary: i64 = lineup.iter().map(|item| i64::from(known(item).salary)).sum();
    let ownership: i64 = lineup.iter().map(|item| i64::from(known(item).ownership)).sum();
    plan.fillings.contains(&counts)
        && players.len() == lineup.len()
        && plan.locked.iter().all(|item| lineup.contains(item))
        && problem.salary.is_none_or(|range| range.has(salary))
        && problem.ownership.is_none_or(|range| range.has(ownership))
        && problem.limits.iter().all(|limit| limit.holds(lineup))
        && problem.any_ofs.iter().all(|any_of| any_of.first(lineup).is_some())
        && problem.spreads.iter().all(|spread| spread.holds(lineup))
}

/// What a lineup after these is worth at most.
fn next_best(plan: &Plan, all: &[(i64, Vec<ItemIndex>)], made: &[Vec<ItemIndex>]) -> Option<i64> {
    let is_free = |lineup: &[ItemIndex]| {
        made.iter().all(|other| plan.shared(other, lineup) <= plan.shared_max)
            && plan.exposures.iter().all(|exposure| {
                let used = made.iter().filter(|other| exposure.counts(other)).count();
                used < exposure.most || !exposure.counts(lineup)
            })
    };
    all.iter().find(|(_, lineup)| is_free(lineup)).map(|(value, _)| *value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, failure_persistence: None, ..ProptestConfig::default() })]

    /// Salary caps and floors, ownership, stacks, groups, any-ofs, two roles, ties, shared players, exposures.
    #[test]
    fn each_lineup_is_the_best_of_all_that_are_allowed(seed in 0u64..1_000_000) {
        let Slate { plan, .. } = slate(seed);
        let all = all(&plan);
        let portfolio = build(&plan, FREE, |_| ());
        let mut made: Vec<Vec<ItemIndex>> = Vec::new();
        for one in &portfolio.made {
            let lineup = &one.lineup;
            prop_assert!(is_lineup(&plan, &lineup.items), "{:?}", lineup);
            prop_assert_eq!(Some(lineup.value), next_best(&plan, &all, &made), "lineup {} of {}", made.len() + 1, plan.count);
            prop_assert_eq!(one.gap, 0);
            made.push(lineup.items.clone());
        }
        if made.len() < plan.count {
            prop_assert_eq!(next_best(&plan, &all, &made), None, "there is one more after {}", made.len());
        }
    }
}

/// A quarterback or one of two others in each of ten lineups: minimums of one class that only fit side by side.
#[test]
fn minimums_are_met_where_they_only_fit_side_by_side() {
    let mut plan = slate(3).plan;
    let problem = &mut plan.problem;
    problem.salary = Some(Range { least: 0, most: 1_000_000 });
    (problem.ownership, problem.limits, problem.any_ofs, problem.spreads) = (None, Vec::new(), Vec::new(), Vec::new());
    plan.allowed.fill(true);
    (plan.locked, plan.count) = (Vec::new(), 10);
    plan.shared_max = plan.fillings[0].iter().map(|count| usize::from(*count)).sum::<usize>() - 1;
    let of_first = (0..plan.problem.items.len() as ItemIndex).filter(|item| plan.problem.items[usize::from(*item)].class == 0);
    let mut quarterbacks: Vec<ItemIndex> = of_first.collect();
    quarterbacks.sort_by_key(|item| plan.values[usize::from(*item)]);
    let exposure = |item: ItemIndex| Exposure {
        members: [item].into_iter().collect(),
        count: 1,
        least: 5,
        most: 10,
    };
    plan.exposures = quarterbacks[..2].iter().map(|item| exposure(*item)).collect();
    let portfolio = build(&plan, FREE, |_| ());
    assert_eq!((portfolio.made.len(), portfolio.ended), (10, None));
    for exposure in &plan.exposures {
        assert_eq!(portfolio.made.iter().filter(|made| exposure.counts(&made.lineup.items)).count(), 5);
    }
    // One more of a third is too much.
    plan.exposures.push(Exposure {
        least: 1,
        ..exposure(quarterbacks[2])
    });
    assert!(build(&plan, FREE, |_| ()).ended.is_some());
}
