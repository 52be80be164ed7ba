//! What a forecast of points reads: lines now and at the quarter ends.

use super::harness::Harness;
use super::{Random, clock, game, play, play_event, retract};
use crate::model::{Clock, Event, GameLines, GameStatus, PlayEvent, Side, Stat};

/// A run of so many yards, or a pass of the quarter, in that quarter.
fn run(id: &str, rev: u64, quarter: u8, yards: i16) -> Event {
    Event::Play(PlayEvent {
        clock: Some(Clock { quarter, ..clock(60) }),
        ..play_event(id, rev, &[("runner", "AAA", 10, yards), ("tackler", "BBB", 79, 0)])
    })
}

fn lines<'a>(events: impl IntoIterator<Item = &'a Event>) -> GameLines {
    Harness::of(events).game.lines()
}

/// A runner's yards at the ends of quarters 1–3, and now.
fn yards(lines: &GameLines) -> [i32; 4] {
    let runner = lines
        .players
        .iter()
        .find(|player| player.who.card.player.as_str() == "runner")
        .unwrap();
    let [one, two, three] = runner.ends.each_ref().map(|end| end.get(Stat::RushingYards));
    [one, two, three, runner.now.get(Stat::RushingYards)]
}

#[test]
fn a_line_at_a_quarters_end_is_the_plays_up_to_it_that_stand_in_any_order() {
    let announced = game(1, GameStatus::Live, Some(&[("BBB", 3), ("AAA", 7)]));
    let events = [
        announced,
        run("10", 1, 1, 5),
        run("20", 1, 2, 7),
        run("30", 1, 4, 100),
        run("40", 1, 5, 1_000),
        run("50", 1, 3, 50),
        // Corrected, taken back, and without a clock.
        run("10", 2, 1, 4),
        retract("50", 2),
        play("60", 1, &[("runner", "AAA", 10, 10_000)]),
    ];
    let told = lines(&events);
    assert_eq!(yards(&told), [4, 11, 11, 11_111]);
    assert_eq!(
        (told.score, told.last_play.as_ref().map(|play| play.as_str())),
        (Some([7, 3]), Some("60"))
    );
    let names: Vec<(&str, Option<Side>)> = told
        .players
        .iter()
        .map(|player| (player.who.card.player.as_str(), player.side))
        .collect();
    assert_eq!(
        names,
        [("runner", Some(Side::Home)), ("tackler", Some(Side::Away))],
        "and no defences"
    );
    for seed in 0..50 {
        assert_eq!(yards(&lines(&Random(seed).shuffled(&events))), yards(&told), "{seed}");
    }
}

#[test]
fn where_nothing_came_since_a_quarters_end_its_line_is_the_line_now() {
    let events: Vec<Event> = (0..60).map(|nth| run(&nth.to_string(), 1, 1 + nth as u8 / 20, nth)).collect();
    let told = lines(&Random(7).shuffled(&events));
    let [.., third, now] = yards(&told);
    assert_eq!((third, now), (59 * 60 / 2, 59 * 60 / 2), "three quarters of twenty runs");
}
