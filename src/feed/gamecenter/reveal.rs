//! A recorded game shown again as a poller saw it: the same document, play by play.
//!
//! The running score follows from the stat records of the plays shown. A try that is missing in the
//! play list (after a returned touchdown) counts with the play after it, as far as the document's own
//! points of that quarter say that it was good; once a quarter is over, those hold. Times follow from the game clock, stretched to the length of a
//! broadcast. Never sleeps. Bounded by the document: at most plays + 3 steps.

use super::document::{DocPlay, Document, QUARTERS, Snap, TeamScore};
use crate::feed::decode::SCORE_MAX;
use crate::model::gsis::{SAFETY, scoring_points};
use crate::model::{GameStatus, PlayKind, Team};
use std::sync::Arc;

/// Time between kickoff and the end of regulation, halftime included: 3 h 10 min.
const BROADCAST_US: i64 = (3 * 60 + 10) * MINUTE_US;
/// Length of halftime: 12 min.
const HALFTIME_US: i64 = 12 * MINUTE_US;
const MINUTE_US: i64 = 60_000_000;
const SECOND_US: i64 = 1_000_000;
/// Real time that one second of the game clock takes.
const STRETCH_US: i64 = (BROADCAST_US - HALFTIME_US) / 3_600;
/// From the snap to the play being in the feed.
const REPORT_DELAY_US: i64 = 8 * SECOND_US;
/// Least time between two plays.
const PLAY_GAP_US: i64 = 5 * SECOND_US;
/// From the last play of a half or a game to the feed saying so.
const WHISTLE_US: i64 = 20 * SECOND_US;
/// Timeouts a team has in a half, and in overtime.
const TIMEOUTS: [u16; 2] = [3, 2];
/// What a touchdown brings, and a try at most.
const TOUCHDOWN: u16 = 6;
const TRY_MAX: u16 = 2;
/// A team takes a timeout.
const TIMEOUT_STAT: u16 = 68;

/// How much of the game a step shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// So many plays.
    Plays(usize),
    /// The plays of the first half, and halftime.
    Halftime(usize),
    /// Everything, as recorded.
    Final,
}

/// One document a poller would have seen, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Microseconds since this game's kickoff; never falls.
    pub elapsed_us: i64,
    /// What the document shows.
    pub shown: Shown,
}

/// A recorded document, ready to be shown bit by bit.
#[derive(Debug)]
pub struct Revealer {
    recorded: Document,
    points: Vec<[u16; 2]>,
}

impl Revealer {
    /// Takes a recorded document, normally one of a finished game.
    pub fn new(recorded: Document) -> Revealer {
        let mut points: Vec<[u16; 2]> = recorded.plays.iter().map(|play| play_points(&recorded, play)).collect();
        for side in [0, 1] {
            add_missing_tries(&recorded, side, &mut points);
        }
        Revealer { recorded, points }
    }

    /// The document as recorded.
    pub fn recorded(&self) -> &Document {
        &self.recorded
    }

    /// Before kickoff: teams, and nothing else.
    pub fn pregame(&self) -> Document {
        self.partial(0, GameStatus::Scheduled)
    }

    /// The document of a step.
    pub fn document(&self, shown: Shown) -> Document {
        match shown {
            Shown::Plays(count) => self.partial(count, GameStatus::Live),
            Shown::Halftime(count) => self.partial(count, GameStatus::Halftime),
            Shown::Final => Document {
                status: GameStatus::Final,
                next: None,
                ..self.recorded.clone()
            },
        }
    }

    /// All documents in the order a poller saw them, from the kickoff (no plays yet) to the end.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step {
            elapsed_us: 0,
            shown: Shown::Plays(0),
        }];
        let mut last_us = 0;
        for (place, snap_s) in self.snap_seconds().into_iter().enumerate() {
            let quarter = self.recorded.plays[place].quarter;
            if quarter > 2 && place > 0 && self.recorded.plays[place - 1].quarter <= 2 {
                last_us += WHISTLE_US;
                steps.push(Step {
                    elapsed_us: last_us,
                    shown: Shown::Halftime(place),
                });
            }
            let halftime_us = if quarter > 2 { HALFTIME_US } else { 0 };
            let due_us = snap_s * STRETCH_US + halftime_us + REPORT_DELAY_US;
            last_us = due_us.max(last_us + PLAY_GAP_US);
            steps.push(Step {
                elapsed_us: last_us,
                shown: Shown::Plays(place + 1),
            });
        }
        steps.push(Step {
            elapsed_us: last_us + WHISTLE_US,
            shown: Shown::Final,
        });
        steps
    }

    /// Game seconds gone at each snap. Single plays carry a wrong clock now and then: none may stand
    /// after a later play, timeouts (which are often listed late) aside.
    fn snap_seconds(&self) -> Vec<i64> {
        let plays = &self.recorded.plays;
        let overtime = |play: &&Arc<DocPlay>| play.quarter > 4;
        let left = |play: &Arc<DocPlay>| play.clock.map(|clock| i64::from(clock.seconds_left));
        let overtime_s = if plays.iter().filter(overtime).filter_map(left).all(|s| s <= 600) {
            600
        } else {
            900
        };
        let mut seconds: Vec<i64> = Vec::with_capacity(plays.len());
        for play in plays {
            let quarter = i64::from(play.quarter.max(1));
            let quarter_s = if quarter > 4 { overtime_s } else { 900 };
            let begin = (quarter - 1).min(4) * 900 + (quarter - 5).max(0) * overtime_s;
            let before = seconds.last().copied().unwrap_or(0).max(begin);
            seconds.push(left(play).map_or(before, |left| begin + (quarter_s - left).max(0)));
        }
        let mut earliest = i64::MAX;
        for (second, play) in seconds.iter_mut().zip(plays).rev() {
            if play.kind != PlayKind::Timeout {
                earliest = earliest.min(*second);
            }
            *second = earliest.min(*second);
        }
        seconds
    }

    fn partial(&self, count: usize, status: GameStatus) -> Document {
        let recorded = &self.recorded;
        let plays = &recorded.plays[..count.min(recorded.plays.len())];
        let coming = &recorded.plays[plays.len()..];
        let next = coming.iter().find_map(|play| {
            Some(Snap {
                clock: play.clock,
                situation: play.situation.clone()?,
            })
        });
        let begun = status != GameStatus::Scheduled;
        Document {
            game: recorded.game.clone(),
            teams: recorded.teams.clone(),
            scores: [0, 1].map(|side| self.score_after(plays, coming, side)),
            status,
            timeouts: begun.then(|| self.timeouts_left(plays, coming)),
            next: if begun { next } else { None },
            plays: plays.to_vec(),
            people: Arc::clone(&recorded.people),
            dropped: recorded.dropped,
        }
    }

    /// Quarters that are over as the document has them, the one being played from its plays.
    fn score_after(&self, plays: &[Arc<DocPlay>], coming: &[Arc<DocPlay>], side: usize) -> TeamScore {
        let recorded = self.recorded.scores[side];
        let playing = coming.first().map_or(u8::MAX, |play| play.quarter);
        let mut score = TeamScore::default();
        for (play, points) in plays.iter().zip(&self.points) {
            let quarter = quarter_of(play);
            score.quarters[quarter] = (score.quarters[quarter] + points[side]).min(SCORE_MAX);
        }
        if recorded.adds_up() {
            for (quarter, points) in (1u8..).zip(score.quarters.iter_mut()) {
                let total = recorded.quarters[usize::from(quarter) - 1];
                *points = if quarter < playing { total } else { (*points).min(total) };
            }
        }
        // No more than the feed protocol takes, whatever the records come to.
        score.total = score.quarters.iter().sum::<u16>().min(SCORE_MAX);
        score
    }

    fn timeouts_left(&self, plays: &[Arc<DocPlay>], coming: &[Arc<DocPlay>]) -> [u16; 2] {
        let half = |quarter: u8| quarter.clamp(1, 5).div_ceil(2);
        let now = half(coming.first().or(plays.last()).map_or(1, |play| play.quarter));
        let mut left = [TIMEOUTS[usize::from(now > 2)]; 2];
        let taken = plays.iter().filter(|play| half(play.quarter) == now).flat_map(|play| &play.stats);
        for record in taken.filter(|record| record.stat == TIMEOUT_STAT) {
            if let Some(side) = self.recorded.teams.side(&record.team) {
                left[side] = left[side].saturating_sub(1);
            }
        }
        left
    }
}

/// Where that play's quarter stands in a [`TeamScore`].
fn quarter_of(play: &DocPlay) -> usize {
    usize::from(play.quarter.max(1) - 1).min(QUARTERS - 1)
}

/// Adds one side's tries that are not in the play list to the plays after them: what a quarter's plays lack
/// of the document's points of it is shared out among its touchdowns that no try follows.
fn add_missing_tries(doc: &Document, side: usize, points: &mut [[u16; 2]]) {
    let recorded = doc.scores[side];
    if !recorded.adds_up() {
        return;
    }
    let mut lacking = recorded.quarters;
    for (play, points) in doc.plays.iter().zip(&*points) {
        let quarter = &mut lacking[quarter_of(play)];
        *quarter = quarter.saturating_sub(points[side]);
    }
    let mut untried: [Vec<usize>; QUARTERS] = Default::default();
    for (place, pair) in doc.plays.windows(2).enumerate() {
        let quarter = quarter_of(&pair[0]);
        let mut later = doc.plays[place + 1..].iter().map(|play| play.kind);
        let next = later.find(|kind| kind.is_snap() && *kind != PlayKind::NoPlay);
        let is_tried = matches!(next, Some(PlayKind::ExtraPoint | PlayKind::TwoPoint));
        if points[place][side] == TOUCHDOWN && !is_tried && quarter_of(&pair[1]) == quarter {
            untried[quarter].push(place + 1);
        }
    }
    for (mut lacking, after) in lacking.into_iter().zip(untried) {
        for (nth, place) in after.iter().enumerate() {
            let good = lacking.div_ceil((after.len() - nth) as u16).min(TRY_MAX);
            points[*place][side] += good;
            lacking -= good;
        }
    }
}

/// What a play brings each team on the scoreboard; a safety counts once, however many made it.
fn play_points(doc: &Document, play: &DocPlay) -> [u16; 2] {
    let mut points = [0; 2];
    let mut safeties: [Option<&Team>; 2] = [None; 2];
    for record in &play.stats {
        let (Some((worth, _)), Some(side)) = (scoring_points(record.stat), doc.teams.side(&record.team)) else {
            continue;
        };
        if record.stat == SAFETY && safeties[side].replace(&record.team).is_some() {
            continue;
        }
        points[side] += worth;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::super::test_support::made_up;
    use super::*;
    use serde_json::{Value, json};

    const GAME: &str = "9900000001";

    fn revealer(change: impl FnOnce(&mut Value)) -> Revealer {
        let mut value = made_up();
        change(&mut value[GAME]);
        Revealer::new(Document::from_json(&value).unwrap())
    }

    fn play(quarter: u8, time: &str, players: Value) -> Value {
        json!({"qtr": quarter, "time": time, "posteam": "AAA", "yrdln": "50", "down": 1, "ydstogo": 10, "players": players})
    }

    fn totals(revealer: &Revealer, count: usize) -> [u16; 2] {
        revealer.document(Shown::Plays(count)).scores.map(|score| score.total)
    }

    #[test]
    fn a_try_missing_in_the_list_counts_with_the_play_after_it() {
        let revealer = revealer(|game| {
            let none = json!({"0": []});
            let [next, later] = ["13:00", "12:00"].map(|time| play(1, time, none.clone()));
            game["drives"]["2"]["plays"] = json!({"140": next, "150": later, "300": play(2, "15:00", none)});
        });
        // Kickoff, pass, touchdown, two plays; the extra point is not in the list.
        assert_eq!([2, 3].map(|count| totals(&revealer, count)), [[0, 0], [0, 6]]);
        assert_eq!([4, 5, 6].map(|count| totals(&revealer, count)), [[0, 7]; 3]);
    }

    #[test]
    fn a_missing_try_that_failed_counts_nothing() {
        let revealer = revealer(|game| {
            game["away"]["score"] = json!({"1": 6, "T": 6});
            let later = play(2, "15:00", json!({"0": []}));
            game["drives"]["2"]["plays"] = json!({"140": play(1, "13:00", json!({"0": []})), "300": later});
        });
        assert_eq!([3, 4, 5].map(|count| totals(&revealer, count)), [[0, 6]; 3]);
    }

    #[test]
    fn a_safety_counts_once_however_many_made_it() {
        let revealer = revealer(|game| {
            let tackler = json!([{"clubcode": "AAA", "statId": 89, "yards": 0}]);
            game["home"]["score"] = json!({"2": 2, "T": 2});
            let safety = play(2, "9:00", json!({"d-1": tackler.clone(), "d-2": tackler}));
            game["drives"]["2"]["plays"]["300"] = safety;
            game["drives"]["2"]["plays"]["310"] = play(2, "8:00", json!({}));
        });
        assert_eq!(totals(&revealer, 5), [2, 7]);
    }

    #[test]
    fn times_never_fall_and_a_wrong_clock_holds_nobody_up() {
        let revealer = revealer(|game| {
            game["drives"]["1"]["plays"]["45"]["time"] = json!("1:00");
            game["drives"]["2"]["plays"]["300"] = play(3, "15:00", json!({}));
        });
        let steps = revealer.steps();
        assert!(steps.windows(2).all(|pair| pair[0].elapsed_us < pair[1].elapsed_us), "{steps:?}");
        let at = |shown| steps.iter().find(|step| step.shown == shown).unwrap().elapsed_us / SECOND_US;
        assert!(at(Shown::Plays(2)) < 200, "{steps:?}");
        assert!(at(Shown::Halftime(4)) < at(Shown::Plays(5)));
        assert_eq!(at(Shown::Plays(5)), (BROADCAST_US - HALFTIME_US) / 2 / SECOND_US + 12 * 60 + 7);
        assert_eq!(steps.last().unwrap().shown, Shown::Final);
    }

    #[test]
    fn timeouts_are_taken_and_come_back_with_the_half() {
        let revealer = revealer(|game| {
            let timeout = json!({"0": [{"clubcode": "JAX", "statId": 68, "yards": 0}]});
            game["drives"]["2"]["plays"]["300"] = play(2, "0:30", timeout);
            game["drives"]["2"]["plays"]["310"] = play(2, "0:30", json!({}));
            game["drives"]["2"]["plays"]["320"] = play(3, "15:00", json!({}));
            game["drives"]["2"]["plays"]["330"] = play(5, "10:00", json!({}));
        });
        let left = |count| revealer.document(Shown::Plays(count)).timeouts.unwrap();
        assert_eq!([4, 5, 6, 7].map(left), [[3, 3], [3, 2], [3, 3], [2, 2]]);
    }

    #[test]
    fn before_kickoff_there_are_teams_and_nothing_else() {
        let before = revealer(|_| ()).pregame();
        assert_eq!(
            (before.status, before.plays.len(), before.next, before.timeouts),
            (GameStatus::Scheduled, 0, None, None)
        );
    }
}
