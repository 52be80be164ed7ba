//! What holds for every seed: the same bytes, whole games, scores that follow from plays, defects
//! that heal.

use super::*;
use crate::model::gsis::{self, YARDS_ABS_MAX};
use crate::model::{Event, GameEvent, GameId, GameStatus, PlayEvent, PlayId, Score, StatRecord, Team};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Every defect far more often than in life.
const ROUGH: Trouble = Trouble {
    corrections: 2_000,
    retractions: 500,
    duplicates: 1_000,
    late: 1_000,
    gaps: 300,
};

fn options(seed: u64, trouble: Trouble) -> Options {
    Options {
        seed,
        games: GAMES_MAX,
        trouble,
        ..Options::default()
    }
}

fn events(options: &Options) -> Vec<Event> {
    Simulator::new(options).flat_map(|step| step.events).collect()
}

fn plays(options: &Options) -> Vec<PlayEvent> {
    let play = |event| match event {
        Event::Play(play) => Some(play),
        _ => None,
    };
    events(options).into_iter().filter_map(play).collect()
}

/// The plays that stand when all is said: the highest revision of each, no retracted ones.
fn standing(options: &Options) -> BTreeMap<(GameId, PlayId), Vec<StatRecord>> {
    let mut best: BTreeMap<_, (u64, Option<Vec<StatRecord>>)> = BTreeMap::new();
    for event in events(options) {
        let (key, rev, stats) = match event {
            Event::Play(p) => ((p.game, p.play), p.rev, Some(p.stats.to_vec())),
            Event::Retract(r) => ((r.game, r.play), r.rev, None),
            _ => continue,
        };
        let held = best.entry(key).or_default();
        if rev > held.0 {
            *held = (rev, stats);
        }
    }
    best.into_iter().filter_map(|(key, (_, stats))| Some((key, stats?))).collect()
}

/// Points of the records, a safety once for a team and play.
fn points(stats: &[StatRecord], team: &Team) -> u16 {
    let ours = || stats.iter().filter(|r| r.team == *team);
    let plain = ours().filter(|r| r.stat != gsis::SAFETY);
    let safety = if ours().any(|r| r.stat == gsis::SAFETY) { 2 } else { 0 };
    safety + plain.filter_map(|r| gsis::scoring_points(r.stat)).map(|(p, _)| p).sum::<u16>()
}

#[test]
fn one_seed_is_one_sunday_and_another_is_another() {
    let steps = |seed, trouble| Simulator::new(&options(seed, trouble)).collect::<Vec<Step>>();
    assert_eq!(steps(5, ROUGH), steps(5, ROUGH));
    assert_ne!(steps(5, ROUGH), steps(6, ROUGH));
}

/// The digest was computed on x86-64 Linux. A change of odds changes it, on purpose; anything else
/// that changes it breaks recorded expectations of other tests.
#[test]
fn the_plays_of_seed_one_are_pinned() {
    let mut digest = 0xcbf2_9ce4_8422_2325u64;
    let mut eat = |text: &str| {
        for byte in text.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for play in plays(&options(1, Trouble::LIVE)) {
        eat(&format!("{} {} {} {}", play.game, play.play, play.rev, play.ts.unwrap().0));
        for r in &play.stats {
            let player = r.player.as_ref().map_or("-", |p| p.as_str());
            eat(&format!(" {player} {} {} {}", r.team, r.stat, r.yards));
        }
    }
    assert_eq!(digest, 0xd6f5_7335_b381_d1f2, "found {digest:#x}");
}

#[test]
fn the_score_is_what_the_standing_plays_add_up_to() {
    for (seed, trouble) in [(11, Trouble::NONE), (12, Trouble::LIVE), (13, ROUGH)] {
        let options = options(seed, trouble);
        let mut scores: HashMap<(GameId, Team), u16> = HashMap::new();
        let finals = events(&options).into_iter().filter_map(|event| match event {
            Event::Game(game) if game.status == GameStatus::Final => Some(game),
            _ => None,
        });
        let finals: Vec<GameEvent> = finals.collect();
        assert_eq!(finals.len(), GAMES_MAX);
        for ((game, _), stats) in standing(&options) {
            let frame = finals.iter().find(|f| f.game == game).unwrap();
            for team in [&frame.home, &frame.away] {
                *scores.entry((game.clone(), team.clone())).or_default() += points(&stats, team);
            }
        }
        for game in finals {
            for team in [&game.home, &game.away] {
                let told = game.score.as_ref().and_then(|s: &Score| s.of(team));
                assert_eq!(
                    told,
                    scores.get(&(game.game.clone(), team.clone())).copied(),
                    "seed {seed} {game:?}"
                );
            }
        }
    }
}

#[test]
fn trouble_heals() {
    for seed in 20..24 {
        assert_eq!(
            standing(&options(seed, ROUGH)),
            standing(&options(seed, Trouble::NONE)),
            "seed {seed}"
        );
    }
}

#[test]
fn every_defect_happens_when_asked_for_and_none_otherwise() {
    let count = |trouble| {
        let (mut second, mut retracted, mut repeated, mut overtaken, mut scored_wrong) = (0, 0, 0, 0, 0);
        let mut seen: HashMap<(GameId, PlayId, u64), PlayEvent> = HashMap::new();
        let mut newest: HashMap<GameId, u64> = HashMap::new();
        for event in events(&options(31, trouble)) {
            match event {
                Event::Retract(_) => retracted += 1,
                Event::Play(play) => {
                    let earlier = seen.get(&(play.game.clone(), play.play.clone(), play.rev));
                    repeated += usize::from(earlier == Some(&play));
                    let first = seen.get(&(play.game.clone(), play.play.clone(), 1));
                    if play.rev == 2 {
                        second += 1;
                        let was = first.expect("the wrong version came first");
                        assert_ne!(was.stats, play.stats, "a correction corrects");
                        let scoring = |p: &PlayEvent| p.stats.iter().filter(|r| gsis::scoring_points(r.stat).is_some()).count();
                        scored_wrong += usize::from(scoring(was) != scoring(&play));
                    } else {
                        let newest = newest.entry(play.game.clone()).or_default();
                        overtaken += usize::from(earlier.is_none() && play.order.unwrap() < *newest);
                        *newest = play.order.unwrap().max(*newest);
                    }
                    seen.insert((play.game.clone(), play.play.clone(), play.rev), play);
                }
                _ => {}
            }
        }
        [second, retracted, repeated, overtaken, scored_wrong]
    };
    assert_eq!(count(Trouble::NONE), [0; 5]);
    let live = count(Trouble::LIVE);
    assert!((8..=40).contains(&live[0]), "one or two corrections a game: {live:?}");
    assert!(count(ROUGH).iter().all(|n| *n > 10), "{:?}", count(ROUGH));
}

#[test]
fn every_event_is_within_what_a_feed_may_say() {
    for trouble in [Trouble::NONE, ROUGH] {
        for play in plays(&Options {
            formation: true,
            ..options(41, trouble)
        }) {
            assert!(play.stats.len() <= 64);
            assert_eq!(play.play.order(), play.order);
            for record in &play.stats {
                assert!(gsis::effect(record.stat).is_some(), "{record:?}");
                assert!(record.yards.abs() <= YARDS_ABS_MAX, "{record:?}");
            }
            let Some(s) = play.situation else { continue };
            assert!(s.down.is_none_or(|down| (1..=4).contains(&down)));
            assert!(s.distance.is_none_or(|distance| (1..=99).contains(&distance)), "{s:?}");
            assert!(s.yards_to_goal.is_some_and(|yards| (1..=99).contains(&yards)));
        }
    }
}

#[test]
fn clocks_run_down_in_the_order_of_plays() {
    let mut last: HashMap<GameId, (u8, i32)> = HashMap::new();
    let mut plays = plays(&options(51, ROUGH));
    plays.sort_by_key(|play| play.order);
    for play in plays {
        let clock = play.clock.unwrap();
        let now = (clock.quarter, -i32::from(clock.seconds_left));
        let before = last.insert(play.game.clone(), now);
        assert!(
            before.is_none_or(|before| before <= now),
            "{} {}: {before:?} then {now:?}",
            play.game,
            play.play
        );
        assert!((1..=5).contains(&clock.quarter) && clock.seconds_left <= 900);
    }
}

#[test]
fn every_snap_is_announced_with_the_score_before_it() {
    let mut announced = HashMap::new();
    let mut last: HashMap<GameId, PlayId> = HashMap::new();
    let mut scores: HashMap<(GameId, Team), u16> = HashMap::new();
    for event in events(&options(61, Trouble::NONE)) {
        match event {
            Event::Situation(s) => {
                assert_eq!(s.after_play, last.get(&s.game).cloned());
                for (team, score) in &s.score.as_ref().unwrap().0 {
                    let so_far = scores.get(&(s.game.clone(), team.clone())).copied();
                    assert_eq!(*score, so_far.unwrap_or(0), "{} after {:?}", s.game, s.after_play);
                }
                announced.insert(s.game.clone(), s.situation);
            }
            Event::Play(play) => {
                if play.situation.is_some() {
                    assert_eq!(announced.remove(&play.game), play.situation, "{} {}", play.game, play.play);
                }
                for team in play.stats.iter().map(|r| r.team.clone()).collect::<HashSet<_>>() {
                    *scores.entry((play.game.clone(), team.clone())).or_default() += points(&play.stats, &team);
                }
                last.insert(play.game, play.play);
            }
            _ => {}
        }
    }
}

#[test]
fn formation_is_told_only_when_asked_for() {
    let told = |formation| {
        let plays = plays(&Options {
            formation,
            ..options(71, Trouble::NONE)
        });
        plays.iter().filter_map(|play| play.situation.as_ref()?.shotgun).count()
    };
    assert_eq!(told(false), 0);
    assert!(told(true) > 1_000);
}

#[test]
fn games_go_through_their_states_and_nothing_follows_the_final() {
    for trouble in [Trouble::NONE, ROUGH] {
        let mut states: HashMap<GameId, Vec<GameStatus>> = HashMap::new();
        let mut revs: HashMap<GameId, u64> = HashMap::new();
        let (mut due, mut live, mut most) = (0, HashSet::new(), 0);
        for step in Simulator::new(&options(81, trouble)) {
            assert!(step.due_us >= due && !step.events.is_empty());
            due = step.due_us;
            for event in step.events {
                let Some(game) = event.game().cloned() else { continue };
                let states = states.entry(game.clone()).or_default();
                assert_ne!(states.last(), Some(&GameStatus::Final), "{event:?}");
                let Event::Game(frame) = event else { continue };
                assert!(revs.insert(game.clone(), frame.rev).unwrap_or(0) < frame.rev);
                states.push(frame.status);
                match frame.status {
                    GameStatus::Live => _ = live.insert(game),
                    GameStatus::Final => _ = live.remove(&game),
                    _ => {}
                }
                most = most.max(live.len());
            }
        }
        assert!((10..=11).contains(&most), "{most} games at once");
        for mut states in states.into_values() {
            states.dedup();
            use GameStatus::{Final, Halftime, Live, Scheduled};
            assert_eq!(states, [Scheduled, Live, Halftime, Live, Final]);
        }
    }
}

#[test]
fn nothing_is_told_before_it_happened() {
    for trouble in [Trouble::NONE, ROUGH] {
        let options = options(85, trouble);
        for Step { due_us, events } in Simulator::new(&options) {
            for ts in events.iter().filter_map(Event::ts) {
                assert!(ts.0 <= options.kickoff_us + due_us as i64, "due {due_us}: {events:?}");
            }
        }
    }
}

#[test]
fn the_first_step_announces_every_player_and_game() {
    let first = Simulator::new(&options(91, Trouble::NONE)).next().unwrap();
    assert_eq!(first.due_us, 0);
    let known = first.events.iter().flat_map(|event| match event {
        Event::Players(players) => players.iter().map(|p| p.player.clone()).collect(),
        _ => Vec::new(),
    });
    let known: HashSet<_> = known.collect();
    for play in plays(&options(91, ROUGH)) {
        for record in &play.stats {
            assert!(record.player.as_ref().is_none_or(|p| known.contains(p)), "{record:?}");
        }
    }
}

#[test]
fn distinct_plays_are_distinct_and_as_many_as_asked_for() {
    for count in [0, 1, 5_000] {
        let plays = distinct_plays(3, count);
        let ids = plays.iter().map(|event| match event {
            Event::Play(play) => (play.game.clone(), play.play.clone()),
            other => panic!("{other:?}"),
        });
        let ids: HashSet<_> = ids.collect();
        assert_eq!((plays.len(), ids.len()), (count, count));
    }
}

#[test]
fn the_number_of_games_is_brought_into_range() {
    for (asked, given) in [(0, 1), (3, 3), (99, GAMES_MAX)] {
        let games = events(&Options {
            games: asked,
            ..options(1, Trouble::NONE)
        });
        let ids: HashSet<_> = games.iter().filter_map(|event| event.game().cloned()).collect();
        assert_eq!(ids.len(), given);
    }
}
