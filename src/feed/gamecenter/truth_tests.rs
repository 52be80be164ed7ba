//! The recorded weeks against box scores and DraftKings points that others kept: proves the reading
//! of the documents and the table of credits together, event by event through the timeline.

use super::teams::Teams;
use super::test_support::Receiver;
use super::{Formation, Moment, timeline};
use crate::model::gsis::{Against, SAFETY, scoring_points};
use crate::model::{Event, GameId, GameStatus, PlayEvent, PlayerId, Score, Stat, StatLine, Team};
use crate::test_support::recorded::{Row, data, known, table, who};
use crate::test_support::{BOX_SCORE, BOX_SCORE_ATTEMPTS, WEEKS};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn moments(folder: &Path) -> Vec<Moment> {
    timeline(folder, Formation::Shown).unwrap().collect()
}

/// What a week came to: lines, final scores and the points that no defence allowed.
struct Week {
    lines: BTreeMap<(GameId, PlayerId), StatLine>,
    finals: BTreeMap<GameId, Score>,
    not_allowed: BTreeMap<(GameId, Team), u16>,
}

fn week(folder: &Path) -> Week {
    let mut receiver = Receiver::default();
    let mut finals = BTreeMap::new();
    for event in moments(folder).iter().flat_map(|moment| &moment.events) {
        receiver.take(event);
        if let Event::Game(game) = event
            && game.status == GameStatus::Final
        {
            finals.insert(game.game.clone(), game.score.clone().unwrap());
        }
    }
    let mut not_allowed = BTreeMap::new();
    for play in receiver.plays() {
        let mut safeties = BTreeSet::new();
        for record in &play.stats {
            if let Some((points, Against::Offence)) = scoring_points(record.stat)
                && (record.stat != SAFETY || safeties.insert(&record.team))
            {
                *not_allowed.entry((play.game.clone(), record.team.clone())).or_default() += points;
            }
        }
    }
    Week {
        lines: receiver.lines(),
        finals,
        not_allowed,
    }
}

impl Week {
    fn line(&self, row: &Row) -> StatLine {
        let key = (GameId::new(&row["game_id"]).unwrap(), PlayerId::new(&row["gsis_id"]).unwrap());
        self.lines.get(&key).copied().unwrap_or_default()
    }
}

/// Rows of a truth file that differ, as (game, player).
fn box_differences(folder: &Path, week: &Week) -> (usize, BTreeSet<(String, String)>) {
    let rows = table(&folder.join("truth_pfr.csv"));
    let mut differ = BTreeSet::new();
    for row in &rows {
        let line = week.line(row);
        for (column, stat) in BOX_SCORE.iter().chain(&BOX_SCORE_ATTEMPTS) {
            let truth: f64 = row[*column].parse().unwrap();
            if f64::from(line.get(*stat)) != truth {
                println!("{} {} {column}: {} not {truth}", row["game_id"], row["name"], line.get(*stat));
                differ.insert(who(row));
            }
        }
    }
    (rows.len(), differ)
}

#[test]
fn every_box_score_of_both_weeks_is_met() {
    for (part, rows_count) in WEEKS.into_iter().zip([307, 309]) {
        let Some(folder) = data(part) else { return };
        let (count, differ) = box_differences(&folder, &week(&folder));
        assert_eq!(count, rows_count, "{part}");
        assert_eq!(differ, known(&folder, "pfr"), "{part}");
    }
}

/// DraftKings' classic scoring of offensive players, in hundredths.
fn draftkings(line: &StatLine) -> i32 {
    let get = |stat| line.get(stat);
    let bonus = |stat, from| if get(stat) >= from { 300 } else { 0 };
    4 * get(Stat::PassingYards) + 400 * get(Stat::PassingTds) - 100 * get(Stat::Interceptions)
        + bonus(Stat::PassingYards, 300)
        + 10 * (get(Stat::RushingYards) + get(Stat::ReceivingYards))
        + bonus(Stat::RushingYards, 100)
        + bonus(Stat::ReceivingYards, 100)
        + 600 * (get(Stat::RushingTds) + get(Stat::ReceivingTds) + get(Stat::ReturnTds) + get(Stat::FumbleRecoveryTds))
        + 100 * get(Stat::Receptions)
        - 100 * get(Stat::FumblesLost)
        + 200 * get(Stat::TwoPointConversions)
}

/// DraftKings' scoring of a defence that allowed so many points, in hundredths.
fn draftkings_defence(line: &StatLine, allowed: u16) -> i32 {
    let get = |stat| line.get(stat);
    let tier = match allowed {
        0 => 1_000,
        1..=6 => 700,
        7..=13 => 400,
        14..=20 => 100,
        21..=27 => 0,
        28..=34 => -100,
        35.. => -400,
    };
    // Sacks are held in halves.
    50 * get(Stat::Sacks)
        + 200 * (get(Stat::InterceptionsMade) + get(Stat::FumbleRecoveries) + get(Stat::Safeties))
        + 200 * (get(Stat::BlockedKicks) + get(Stat::DefensiveTwoPoints))
        + 600 * (get(Stat::DefensiveTds) + get(Stat::ReturnTds))
        + tier
}

fn hundredths(row: &Row) -> i32 {
    (row["dk_points"].parse::<f64>().unwrap() * 100.0).round() as i32
}

#[test]
fn draftkings_points_of_players_are_met() {
    let Some(folder) = data("dev/2017w03") else { return };
    let week = week(&folder);
    let rows = table(&folder.join("truth_dk_rotoguru.csv"));
    let (mut players, mut differ) = (0, BTreeSet::new());
    for row in rows.iter().filter(|row| row["pos"] != "DST" && row["pos"] != "DEF") {
        players += 1;
        let ours = if row["gsis_id"].is_empty() {
            0
        } else {
            draftkings(&week.line(row))
        };
        if ours != hundredths(row) {
            println!("{} {}: {ours} not {}", row["game_id"], row["name"], row["dk_points"]);
            differ.insert(who(row));
        }
    }
    assert_eq!(players, 396);
    assert_eq!(differ, known(&folder, "dk"));
}

#[test]
fn draftkings_points_of_defences_are_met() {
    let Some(folder) = data("dev/2017w03") else { return };
    let week = week(&folder);
    let rows = table(&folder.join("truth_dk_rotoguru.csv"));
    let mut count = 0;
    for row in rows.iter().filter(|row| row["pos"] == "DST" || row["pos"] == "DEF") {
        count += 1;
        let game = GameId::new(&row["game_id"]).unwrap();
        let [home, away] = [0, 1].map(|side| week.finals[&game].0[side].0.clone());
        let team = Teams { home, away }.resolve(&row["team"]).unwrap();
        let (opponent, points) = week.finals[&game].0.iter().find(|(t, _)| *t != team).unwrap();
        let own = week.not_allowed.get(&(game.clone(), opponent.clone())).copied().unwrap_or(0);
        let line = week.lines.get(&(game, PlayerId::dst(&team))).copied().unwrap_or_default();
        assert_eq!(
            draftkings_defence(&line, points - own),
            hundredths(row),
            "{} {}",
            row["game_id"],
            team
        );
    }
    assert_eq!(count, 32);
}

#[test]
fn every_game_ends_with_its_documents_score_and_nothing_is_dropped() {
    for part in WEEKS {
        let Some(folder) = data(part) else { return };
        let played = timeline(&folder, Formation::Hidden).unwrap();
        assert_eq!(played.games_count(), 16);
        assert!(played.latest().all(|doc| doc.dropped == Default::default()), "{part}");
        let week = week(&folder);
        for row in table(&folder.join("schedule.csv")) {
            let score = &week.finals[&GameId::new(&row["game_id"]).unwrap()];
            for side in ["home", "away"] {
                let points = score.of(&Team::new(&row[side]).unwrap());
                assert_eq!(points, row[&format!("{side}_score")].parse().ok(), "{}", row["game_id"]);
            }
        }
    }
}

#[test]
fn what_a_poller_saw_of_a_week_is_plausible() {
    for part in WEEKS {
        let Some(folder) = data(part) else { return };
        let mut last_us = 0;
        let mut scores: BTreeMap<GameId, Score> = BTreeMap::new();
        let mut plays = 0;
        for moment in moments(&folder) {
            assert!(moment.due_us >= last_us && !moment.events.is_empty());
            last_us = moment.due_us;
            for event in moment.events {
                match event {
                    Event::Game(game) => {
                        let score = game.score.unwrap();
                        let before = scores.insert(game.game, score.clone());
                        let rose = |before: Score| before.0.iter().zip(&score.0).all(|(b, now)| b.1 <= now.1);
                        assert!(before.is_none_or(rose), "{part}: a score fell to {score:?}");
                    }
                    Event::Play(PlayEvent { rev, .. }) => {
                        assert_eq!(rev, 1);
                        plays += 1;
                    }
                    Event::Retract(gone) => panic!("{gone:?}"),
                    Event::Situation(coming) => assert_eq!(coming.rev, 1),
                    Event::Players(_) => (),
                }
            }
        }
        assert!(plays > 2_500, "{plays}");
    }
}
