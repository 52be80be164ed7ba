//! Who is drawn next.

use crate::contest::generate::Chance;
use crate::contest::simulate::refresh::{Pace, Refresh, Slice};

const PACE: Pace = Pace {
    slice_us: 100_000,
    draws: 10_000,
    every_us: 2_000_000,
};

/// Draws the next slice at a given cost for each draw, and answers it.
fn draw(refresh: &mut Refresh<u8>, now_us: i64, draw_us: u64) -> Option<Slice<u8>> {
    let slice = refresh.next(now_us)?;
    refresh.begun(&slice, now_us);
    refresh.drawn(&slice, slice.draws, u64::from(slice.draws) * draw_us, false);
    Some(slice)
}

#[test]
fn a_contest_is_drawn_in_slices_until_it_is_sharp() {
    let mut refresh = Refresh::new(PACE);
    refresh.add(1, 10_000, 0);
    let mut next = 0;
    let mut slices = 0;
    while let Some(slice) = draw(&mut refresh, 0, 50) {
        assert_eq!((slice.first, slice.anew), (next, slices == 0));
        assert!(slice.draws > 0);
        next += u64::from(slice.draws);
        slices += 1;
    }
    assert_eq!(next, 10_000);
    // 200 µs a draw were guessed, 50 it took: slices grow to some 2,000 draws.
    assert!((5..=12).contains(&slices), "{slices}");
    assert_eq!(refresh.wakes_us(), None);
}

#[test]
fn who_is_watched_goes_first_and_then_who_has_waited() {
    let mut refresh = Refresh::new(PACE);
    for contest in 1..=4 {
        refresh.add(contest, 100, contest.into());
    }
    refresh.watched(4, 2);
    refresh.watched(3, 1);
    let first = |refresh: &mut Refresh<u8>| draw(refresh, 10, 1).map(|slice| slice.contest);
    // Both that are watched get odds; then theirs are sharpened if need be; then the others, by age.
    let order: Vec<Option<u8>> = (0..5).map(|_| first(&mut refresh)).collect();
    assert_eq!(order, [Some(3), Some(4), Some(1), Some(2), None]);
}

#[test]
fn first_odds_come_before_sharper_ones() {
    let mut refresh = Refresh::new(PACE);
    refresh.add(1, 1_000_000, 0);
    refresh.add(2, 1_000_000, 0);
    refresh.watched(1, 1);
    refresh.watched(2, 1);
    let one = draw(&mut refresh, 0, 20_000).unwrap();
    let two = draw(&mut refresh, 0, 20_000).unwrap();
    assert_eq!(((one.contest, one.anew), (two.contest, two.anew)), ((1, true), (2, true)));
    // A draw of this size takes 20 ms: a slice is one block, not longer than it has to be.
    assert_eq!(two.draws, 16);
}

#[test]
fn what_moves_all_the_time_is_taken_up_now_and_then() {
    let mut refresh = Refresh::new(PACE);
    refresh.add(1, 10_000, 0);
    let mut taken = 0;
    // Ten seconds in which something happens every 10 ms and a slice takes 100 ms.
    for now_ms in (0..10_000_i64).step_by(100) {
        for more in 0..10 {
            refresh.moved(1, (now_ms + 10 * more) * 1_000);
        }
        taken += u32::from(draw(&mut refresh, now_ms * 1_000, 50).is_some_and(|slice| slice.anew));
    }
    assert_eq!(taken, 5);
    assert_eq!(refresh.wakes_us(), Some(8_000_000 + PACE.every_us));
}

#[test]
fn a_state_is_kept_until_it_has_a_few_draws() {
    let mut refresh = Refresh::new(PACE);
    refresh.add(1, 1_000_000, 0);
    let mut now_us = 0;
    // A draw takes 100 ms: a slice is one block of 16, and a state could be taken with every second one.
    let anew: Vec<bool> = (0..33)
        .map(|_| {
            refresh.moved(1, now_us);
            let slice = draw(&mut refresh, now_us, 100_000).unwrap();
            now_us += 1_600_000;
            slice.anew
        })
        .collect();
    let taken: Vec<usize> = (0..33).filter(|at| anew[*at]).collect();
    assert_eq!(taken, [0, 16, 32]);
}

#[test]
fn news_during_a_slice_is_news_and_what_is_over_rests() {
    let mut refresh = Refresh::new(PACE);
    refresh.add(1, 100, 0);
    let slice = refresh.next(0).unwrap();
    refresh.begun(&slice, 0);
    refresh.moved(1, 5);
    refresh.drawn(&slice, slice.draws, 10, true);
    // Over, as its state was taken: not drawn again for that; for what moved since, once it may be taken.
    assert_eq!(refresh.next(10), None);
    let again = refresh.next(PACE.every_us).unwrap();
    assert!(again.anew && again.first == 0);
    refresh.remove(1);
    assert_eq!(
        (refresh.next(PACE.every_us), refresh.len(), refresh.is_empty(), refresh.entries()),
        (None, 0, true, 0)
    );
    // What is said of one that is gone is nothing.
    refresh.begun(&slice, 0);
    refresh.drawn(&slice, 1, 1, false);
    refresh.moved(1, 0);
}

/// One contest, as [`Refresh`] is told of it.
#[derive(Clone, Copy, Default)]
struct Told {
    watchers: usize,
    moved_us: Option<i64>,
    taken_us: Option<i64>,
    drawn: u32,
}

/// Whose turn it is, found by looking at all of them.
fn searched(all: &[Option<Told>], now_us: i64) -> Option<(u8, bool)> {
    let ranked = (0_u8..).zip(all).filter_map(|(contest, told)| {
        let told = (*told)?;
        let may_be_taken = told
            .taken_us
            .is_none_or(|taken_us| told.drawn >= 256 && now_us >= taken_us + PACE.every_us);
        let anew = told.moved_us.filter(|_| may_be_taken);
        let since = anew.or(told.taken_us.filter(|_| told.drawn < PACE.draws))?;
        Some(((told.watchers == 0, anew.is_none(), since), contest))
    });
    ranked.min().map(|((_, is_as_taken, _), contest)| (contest, !is_as_taken))
}

#[test]
fn the_order_is_that_of_a_search_through_all() {
    let mut chance = Chance::new(7);
    let mut below = |end: u64| chance.below(end);
    let (mut refresh, mut all, mut now_us, mut drawn) = (Refresh::new(PACE), [None::<Told>; 12], 0, 0);
    for step in 0..20_000 {
        now_us += below(40_000) as i64;
        let contest = below(all.len() as u64) as u8;
        let told = &mut all[usize::from(contest)];
        match below(8) {
            0 if told.is_none() => {
                refresh.add(contest, 100, now_us);
                *told = Some(Told {
                    moved_us: Some(now_us),
                    ..Told::default()
                });
            }
            1 if below(8) == 0 => {
                refresh.remove(contest);
                *told = None;
            }
            2 => {
                let watchers = below(2) as usize;
                refresh.watched(contest, watchers);
                told.iter_mut().for_each(|told| told.watchers = watchers);
            }
            3 | 4 => {
                refresh.moved(contest, now_us);
                told.iter_mut().for_each(|told| told.moved_us = told.moved_us.or(Some(now_us)));
            }
            _ => {
                let slice = refresh.next(now_us);
                assert_eq!(
                    slice.map(|slice| (slice.contest, slice.anew)),
                    searched(&all, now_us),
                    "step {step}"
                );
                let Some(slice) = slice else { continue };
                let told = all[usize::from(slice.contest)].as_mut().unwrap();
                let is_same = slice.anew && below(4) == 0;
                if slice.anew {
                    (told.moved_us, told.taken_us) = (None, Some(now_us));
                }
                if is_same {
                    refresh.same(&slice, now_us);
                    continue;
                }
                let draws = slice.draws.min(1 + below(6_000) as u32);
                refresh.begun(&slice, now_us);
                refresh.drawn(&slice, draws, u64::from(draws), false);
                told.drawn = draws + if slice.anew { 0 } else { told.drawn };
                drawn += 1;
            }
        }
    }
    assert!(drawn > 2_000, "{drawn}");
}
