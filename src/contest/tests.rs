//! The board against a plain recompute, whatever is done to it.

use super::generate::{Chance, Slate};
use super::*;
use crate::model::{ContestId, Multiplier, Points};
use crate::scoring::Rulesets;
use compact_str::CompactString;
use proptest::prelude::*;
use std::sync::Arc;

pub(super) fn slots(names: &[(&str, u32)]) -> Box<[Slot]> {
    let slot = |(name, hundredths): &(&str, u32)| Slot {
        name: CompactString::new(name),
        multiplier: Multiplier::new(*hundredths).unwrap(),
    };
    names.iter().map(slot).collect()
}

const CLASSIC: [(&str, u32); 9] = [
    ("QB", 100),
    ("RB", 100),
    ("RB", 100),
    ("WR", 100),
    ("WR", 100),
    ("WR", 100),
    ("TE", 100),
    ("FLEX", 100),
    ("DST", 100),
];
const SHOWDOWN: [(&str, u32); 3] = [("CPT", 150), ("FLEX", 100), ("FLEX", 100)];

fn terms(slots_of: &[(&str, u32)], payouts: &str) -> Terms {
    Terms {
        id: ContestId::new("c1").unwrap(),
        name: CompactString::new("Contest"),
        ruleset: CompactString::new("draftkings"),
        slots: slots(slots_of),
        payouts: Payouts::parse(payouts).unwrap(),
        salary_cap: Some(60_000),
        games_min: 0,
    }
}

/// What the board should say, the plain way.
struct Plain {
    definition: Arc<Definition>,
    players: Vec<Points>,
}

impl Plain {
    fn points(&self) -> Vec<Points> {
        let of = |entry| {
            let roster = self.definition.roster(entry).zip(self.definition.slots());
            roster
                .map(|(player, slot)| slot.multiplier.of(self.players[usize::from(player.0)]))
                .sum()
        };
        self.definition.entries().map(of).collect()
    }

    fn check(&self, board: &mut Board) {
        let points = self.points();
        let mut order: Vec<u32> = (0..points.len() as u32).collect();
        order.sort_by_key(|entry| (-points[*entry as usize], *entry));
        let payouts = self.definition.payouts().clone();
        let count = order.len() as u32;
        let money_line = (payouts.places() > 0).then(|| points[order[payouts.places().min(count) as usize - 1] as usize]);
        let mut standings = board.standings();
        let mut paid = 0;
        let mut place = 0;
        while place < order.len() {
            let value = points[order[place] as usize];
            let tied = order[place..].iter().take_while(|entry| points[**entry as usize] == value).count();
            let sum: i64 = (place + 1..=place + tied).map(|place| paid_at(&payouts, place as u32)).sum();
            for entry in &order[place..place + tied] {
                let standing = standings.of(EntryIndex(*entry));
                assert_eq!(
                    (standing.points, standing.rank, standing.tied),
                    (value, place as u32 + 1, tied as u32)
                );
                assert_eq!(standing.payout.sum.0, sum);
                let below = order.len() - place - tied;
                assert_eq!(standing.percentile as usize, below * 10_000 / order.len());
                assert_eq!(standing.to_money, money_line.map(|line| value - line));
                let share = standing.payout;
                assert_eq!(share.each.0 * i64::from(share.tied) + share.rest.0, sum);
                assert!(share.rest.0 < i64::from(share.tied));
            }
            paid += sum;
            place += tied;
        }
        assert_eq!(paid, payouts.sum_to(count).0, "all of the pool is paid, and no more");
        for n in [1, 10, 100, 200] {
            let expected: Vec<u32> = order.iter().take(n).copied().collect();
            let leaders: Vec<u32> = standings.leaders(n).iter().map(|entry| entry.0).collect();
            assert_eq!(leaders, expected, "{n} leaders");
        }
        for from in [1, 3, order.len() / 2, order.len()] {
            let expected: Vec<u32> = order.iter().skip(from.max(1) - 1).take(7).copied().collect();
            let page: Vec<u32> = standings.page(from as u32, 7).iter().map(|entry| entry.0).collect();
            assert_eq!(page, expected, "from {from}");
        }
        for cut in standings.cuts() {
            assert_eq!(cut.points, points[order[cut.tier.last as usize - 1] as usize]);
        }
        let distribution = standings.distribution(20);
        assert!(distribution.counts.len() <= 20);
        for (bucket, found) in distribution.counts.iter().enumerate() {
            let from = distribution.from + Points(distribution.step.0 * bucket as i64);
            let upto = from + distribution.step;
            let expected = points.iter().filter(|points| **points >= from && **points < upto).count();
            assert_eq!(*found as usize, expected, "{from} to {upto}");
        }
        assert_eq!(distribution.counts.iter().map(|count| *count as usize).sum::<usize>(), order.len());
    }
}

fn paid_at(payouts: &Payouts, place: u32) -> i64 {
    let tier = payouts.tiers().iter().find(|tier| (tier.first..=tier.last).contains(&place));
    tier.map_or(0, |tier| tier.each.0)
}

/// Sets players up and down and checks after each batch.
fn run(definition: Definition, quantum: Points, seed: u64, batches: usize, unit: i64) {
    let definition = Arc::new(definition);
    let mut board = Board::new(definition.clone(), quantum);
    let mut plain = Plain {
        players: vec![Points::ZERO; definition.players().len()],
        definition,
    };
    plain.check(&mut board);
    let mut chance = Chance::new(seed);
    for batch in 0..batches {
        for _ in 0..1 + chance.below(6) {
            let player = chance.below(plain.players.len() as u64) as usize;
            let held = plain.players[player].0 / unit;
            let next = match chance.below(4) {
                // A correction takes something back, or everything.
                0 => held - chance.below(200) as i64,
                1 if batch % 3 == 0 => 0,
                _ => held + chance.below(400) as i64,
            };
            plain.players[player] = Points(next * unit);
            board.set(PlayerIndex(player as u16), Points(next * unit));
        }
        plain.check(&mut board);
    }
    let mut again = Board::new(board.definition().clone(), quantum);
    again.set_all(&plain.players);
    plain.check(&mut again);
}

#[test]
fn many_entries_stand_where_a_recompute_puts_them() {
    let slate = Slate::made_up(1);
    let payouts = "1:1000.01,2-3:500,4-100:25.5,101-9000:3";
    let definition = slate.contest(terms(&CLASSIC, payouts), 40_000, 7);
    run(definition, Points(200), 3, 12, 200);
}

#[test]
fn more_entries_than_a_block_stand_where_a_recompute_puts_them() {
    let slate = Slate::made_up(2);
    let definition = slate.contest(terms(&CLASSIC, "1-200000:1"), 70_000, 8);
    run(definition, Points(200), 4, 5, 200);
}

/// Points that are no multiple of the quantum, and so far apart that no 16 bits hold them.
#[test]
fn a_wrong_quantum_and_a_wide_range_are_right_too() {
    let slate = Slate::made_up(3);
    for (entries, unit) in [(300, 1), (40_000, 3_331), (40_000, 4_000), (33_000, 400_000)] {
        let definition = slate.contest(terms(&CLASSIC, "1:5,2-20:1"), entries, 9);
        run(definition, Points(200), 5, 6, unit);
    }
}

#[test]
fn the_quantum_is_what_every_slot_brings_a_multiple_of() {
    let rulesets = Rulesets::embedded();
    let draftkings = rulesets.by_index(rulesets.index("draftkings").unwrap());
    assert_eq!(Board::quantum(draftkings, &slots(&CLASSIC)), Points(200));
    assert_eq!(Board::quantum(draftkings, &slots(&SHOWDOWN)), Points(100));
    assert_eq!(Board::quantum(draftkings, &slots(&[("X", 133)])), Points(266));
    assert_eq!(Board::quantum(draftkings, &slots(&[("X", 1)])), Points(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_few_entries_stand_where_a_recompute_puts_them(seed in any::<u64>(), entries in 1usize..400, unit in prop::sample::select(vec![1i64, 200, 150_000])) {
        let slate = Slate::made_up(seed);
        let payouts = "1:100,2-3:50.01,4-10:7,11-350:0.01";
        run(slate.contest(terms(&CLASSIC, payouts), entries, seed), Points(200), seed, 4, unit);
        run(slate.contest(terms(&SHOWDOWN, payouts), entries, seed), Points(100), seed, 4, unit);
    }
}

#[test]
fn what_is_written_is_read_back_and_nothing_else_is() {
    for (count, slots_of) in [(1, &CLASSIC[..]), (700, &CLASSIC[..]), (90, &SHOWDOWN[..])] {
        let definition = Slate::made_up(5).contest(terms(slots_of, "1:10.01,2-5:1"), count, 3);
        let mut bytes = Vec::new();
        definition.write_to(&mut bytes).unwrap();
        let read = |bytes: &[u8]| Definition::read_from(&mut &*bytes, &Limits::DEFAULT);
        assert_eq!(read(&bytes).unwrap(), definition);
        let mut chance = Chance::new(count as u64);
        for _ in 0..400 {
            let mut wrong = bytes.clone();
            match chance.below(2) {
                0 => wrong.truncate(chance.below(bytes.len() as u64) as usize),
                _ => wrong[chance.below(bytes.len() as u64) as usize] ^= 1 << chance.below(8),
            }
            assert!(read(&wrong).is_err());
        }
        let few = Limits {
            entries_max: count - 1,
            ..Limits::DEFAULT
        };
        assert!(Definition::read_from(&mut &*bytes, &few).is_err());
    }
}

#[test]
fn names_and_ids_are_found_again() {
    let definition = Slate::made_up(6).contest(terms(&CLASSIC, ""), 500, 4);
    for entry in definition.entries() {
        let id = definition.entry_id(entry);
        assert_eq!(definition.find(id.as_str()), Some(entry));
    }
    for wrong in ["", "0", "2000000000", "9999999999", "x"] {
        assert_eq!(definition.find(wrong), None, "{wrong}");
    }
    let several = definition
        .entries()
        .find(|entry| definition.entry_name(*entry).contains("/"))
        .unwrap();
    let name = definition.entry_name(several);
    let (fan, numbers) = name.split_once(' ').unwrap();
    let of: usize = numbers.trim_end_matches(')').split_once('/').unwrap().1.parse().unwrap();
    let found = definition.search(&format!("{} (", fan.to_uppercase()), 1_000);
    assert!(found.contains(&several));
    assert!(found.len() <= of);
    assert!(definition.search("fan", 7).len() == 7);
}

proptest! {
    #[test]
    fn a_dictionary_holds_what_was_put_in(mut texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..80)) {
        texts.sort();
        texts.dedup();
        let mut packer = dictionary::Packer::default();
        texts.iter().for_each(|text| packer.push(text));
        let dictionary = packer.finish();
        let mut held = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            dictionary.read(place, &mut held);
            prop_assert_eq!(&held, text);
            prop_assert_eq!(dictionary.find(text), Some(place));
            let mut other = text.clone();
            other.push(7);
            prop_assert_eq!(dictionary.find(&other), texts.binary_search(&other).ok());
        }
        prop_assert_eq!(dictionary::Dictionary::unpack(dictionary.packed(), texts.len()), Some(dictionary));
    }
}
