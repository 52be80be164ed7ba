//! The simulator against the real load: 64 games, the figures measured on 2,816 recorded ones.
//!
//! A change is counted as there: a player of the offence, or a returner, whose DraftKings points
//! (bonuses at 300 and 100 yards included) differ after the play.

use super::*;
use crate::model::gsis::{self, Amount};
use crate::model::{Event, GameEvent, GameStatus, PlayEvent, PlayerId, Stat, StatLine};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A hundredth of a point.
fn draftkings(line: &StatLine) -> i32 {
    let per = |stat, each: i32| line.get(stat) * each;
    let bonus = |stat, from: i32| if line.get(stat) >= from { 300 } else { 0 };
    per(Stat::PassingYards, 4) + per(Stat::PassingTds, 400) - per(Stat::Interceptions, 100)
        + per(Stat::RushingYards, 10)
        + per(Stat::RushingTds, 600)
        + per(Stat::Receptions, 100)
        + per(Stat::ReceivingYards, 10)
        + per(Stat::ReceivingTds, 600)
        + per(Stat::ReturnTds, 600)
        + per(Stat::FumbleRecoveryTds, 600)
        + per(Stat::TwoPointConversions, 200)
        - per(Stat::FumblesLost, 100)
        + bonus(Stat::PassingYards, 300)
        + bonus(Stat::RushingYards, 100)
        + bonus(Stat::ReceivingYards, 100)
}

#[derive(Default)]
struct Measured {
    plays: Vec<usize>,
    records: Vec<usize>,
    touched: Vec<usize>,
    changed: [usize; 3],
    changes: usize,
    negative: usize,
    scorers: usize,
    points: u32,
    minutes: Vec<u64>,
    peaks: Vec<usize>,
    overtimes: usize,
    stats: BTreeMap<u16, usize>,
}

impl Measured {
    fn game(&mut self, plays: &mut [PlayEvent]) {
        plays.sort_by_key(|play| play.order);
        let mut lines: HashMap<PlayerId, StatLine> = HashMap::new();
        let mut scorers = HashSet::new();
        for play in plays.iter() {
            let mut before: HashMap<PlayerId, StatLine> = HashMap::new();
            for record in &play.stats {
                *self.stats.entry(record.stat).or_default() += 1;
                let Some(player) = &record.player else { continue };
                let line = lines.entry(player.clone()).or_default();
                before.entry(player.clone()).or_insert(*line);
                for (stat, amount) in gsis::effect(record.stat).unwrap().player {
                    let amount = match amount {
                        Amount::Count(n) => *n,
                        Amount::Yards => i32::from(record.yards),
                    };
                    line.add(*stat, amount);
                }
            }
            let mut changed = 0;
            for (player, was) in &before {
                let difference = draftkings(&lines[player]) - draftkings(was);
                if difference != 0 {
                    changed += 1;
                    self.negative += usize::from(difference < 0);
                    scorers.insert(player.clone());
                }
            }
            self.changes += changed;
            self.changed[changed.min(2)] += 1;
            self.touched.push(before.len());
            self.records.push(play.stats.len());
        }
        self.overtimes += usize::from(plays.iter().any(|p| p.clock.unwrap().quarter == 5));
        self.scorers += scorers.len();
        self.plays.push(plays.len());
    }

    fn slate(&mut self, seed: u64) {
        let options = Options {
            seed,
            games: GAMES_MAX,
            ..Options::default()
        };
        let mut games: BTreeMap<String, Vec<PlayEvent>> = BTreeMap::new();
        let mut due: Vec<u64> = Vec::new();
        for step in Simulator::new(&options) {
            for event in step.events {
                match event {
                    Event::Play(play) => {
                        due.push(step.due_us);
                        games.entry(play.game.to_string()).or_default().push(play);
                    }
                    Event::Game(GameEvent {
                        status: GameStatus::Final,
                        score: Some(score),
                        kickoff: Some(kickoff),
                        ..
                    }) => {
                        self.points += score.0.iter().map(|(_, points)| u32::from(*points)).sum::<u32>();
                        let lasted = options.kickoff_us + step.due_us as i64 - kickoff;
                        self.minutes.push(lasted as u64 / 60_000_000);
                    }
                    _ => {}
                }
            }
        }
        for plays in games.values_mut() {
            self.game(plays);
        }
        let in_a_minute = |from: u64| due.iter().filter(|at| (from..from + 60_000_000).contains(*at)).count();
        self.peaks.push(due.iter().map(|from| in_a_minute(*from)).max().unwrap());
    }
}

fn mean(values: &[usize]) -> f64 {
    values.iter().sum::<usize>() as f64 / values.len() as f64
}

fn quantile(values: &[usize], share: f64) -> usize {
    let mut values = values.to_vec();
    values.sort_unstable();
    values[((values.len() - 1) as f64 * share) as usize]
}

/// One figure next to the measured one.
fn close(what: &str, found: f64, real: f64, tolerance: f64) {
    println!("{what:<34} {found:>8.2}   real {real:>7.2} ± {tolerance}");
    assert!((found - real).abs() <= tolerance, "{what}: {found:.2}, real {real} ± {tolerance}");
}

#[test]
fn the_mixes_are_those_of_recorded_games() {
    let mut m = Measured::default();
    for seed in 1..=4 {
        m.slate(seed);
    }
    let games = m.plays.len() as f64;
    assert_eq!(games, 64.0);
    let plays = m.records.len() as f64;
    let [none, one, more] = m.changed.map(|part| 100.0 * part as f64 / plays);
    close("plays a game", mean(&m.plays), 177.0, 4.0);
    close("plays a game, p99", quantile(&m.plays, 0.99) as f64, 215.0, 12.0);
    close("records a play", mean(&m.records), 3.8, 0.1);
    close("records a play, p99", quantile(&m.records, 0.99) as f64, 9.0, 0.0);
    close("players touched a play", mean(&m.touched), 2.2, 0.12);
    close("plays that change nobody, %", none, 47.0, 1.5);
    close("plays that change one, %", one, 29.0, 1.5);
    close("plays that change two, %", more, 24.0, 1.5);
    close("negative changes, %", 100.0 * m.negative as f64 / m.changes as f64, 7.6, 0.7);
    close("plays a minute, peak of a Sunday", mean(&m.peaks), 22.0, 2.5);
    // Not in the table, from the 32 games at hand.
    close("players with a change a game", m.scorers as f64 / games, 19.0, 1.5);
    close("points on the scoreboard a game", f64::from(m.points) / games, 45.0, 4.0);
    close("minutes a game", m.minutes.iter().sum::<u64>() as f64 / games, 185.0, 10.0);
    assert!((1..=10).contains(&m.overtimes), "{} games of 64 with overtime", m.overtimes);
    assert!(*m.records.iter().max().unwrap() <= 28);
    assert!(*m.touched.iter().max().unwrap() <= 9);
}

#[test]
fn every_kind_of_record_comes_about_as_often_as_in_recorded_games() {
    let mut m = Measured::default();
    for seed in 1..=4 {
        m.slate(seed);
    }
    // Stat id, records a game in 32 recorded games.
    let recorded = [
        (3, 11.84),
        (4, 23.41),
        (6, 10.09),
        (7, 16.12),
        (10, 50.78),
        (11, 1.59),
        (14, 23.22),
        (15, 40.69),
        (16, 3.31),
        (20, 5.09),
        (21, 40.69),
        (22, 3.31),
        (29, 9.03),
        (33, 4.44),
        (44, 6.75),
        (68, 6.97),
        (70, 3.0),
        (72, 4.66),
        (79, 84.0),
        (82, 30.09),
        (83, 4.81),
        (85, 8.91),
        (93, 14.34),
        (110, 10.72),
        (111, 43.97),
        (112, 24.69),
        (113, 43.97),
        (115, 68.0),
    ];
    for (stat, real) in recorded {
        close(&format!("stat {stat} a game"), m.stats[&stat] as f64 / 64.0, real, real * 0.15);
    }
    // The rare ones happen at all.
    for stat in [19, 25, 26, 34, 45, 52, 53, 59, 60, 69, 71, 73, 75, 77, 84, 88, 89, 91, 104, 106] {
        assert!(m.stats.contains_key(&stat), "stat {stat}");
    }
}
