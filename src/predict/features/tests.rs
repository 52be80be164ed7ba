//! The features of a made-up game, against the file that `training/golden` writes.

use super::*;
use crate::model::{Clock, GameHead, GameId, GameStatus, PlayId, RecapSnap, Team};
use crate::predict::history::History;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

const DAY_US: i64 = 86_400_000_000;

#[derive(Deserialize)]
struct Golden {
    day: i64,
    home: String,
    away: String,
    names: Vec<String>,
    plays: Vec<GoldenPlay>,
}

#[derive(Deserialize)]
struct GoldenPlay {
    id: u64,
    kind: String,
    quarter: u8,
    seconds_left: u16,
    down: u8,
    distance: u8,
    yards_to_goal: u8,
    shotgun: bool,
    no_huddle: bool,
    yards: i16,
    timeouts: u16,
    timeouts_against: u16,
    at_home: bool,
    /// Points that it brought the offence.
    brings: u8,
    /// Of the snap that it was taken from; none where there was none.
    features: Vec<f64>,
}

impl GoldenPlay {
    fn side(&self) -> Side {
        if self.at_home { Side::Home } else { Side::Away }
    }

    fn spot(&self) -> Spot {
        let down = (self.down > 0).then_some(self.down);
        Spot {
            down,
            distance: down.map(|_| self.distance),
            yards_to_goal: Some(self.yards_to_goal),
            possession: Some(self.side()),
            shotgun: Some(self.shotgun),
            no_huddle: Some(self.no_huddle),
        }
    }

    fn clock(&self) -> Option<Clock> {
        Some(Clock {
            quarter: self.quarter,
            seconds_left: self.seconds_left,
        })
    }

    fn played(&self) -> RecapPlay {
        let mut points = [0; 2];
        points[self.side().index()] = self.brings;
        RecapPlay {
            id: PlayId::new(&self.id.to_string()).unwrap(),
            order: self.id,
            kind: PlayKind::from_name(&self.kind),
            no_play: self.kind == "no_play",
            clock: self.clock(),
            spot: self.spot(),
            yards: self.yards,
            first_down: false,
            turnover: false,
            timeout: false,
            touchdown: None,
            points,
        }
    }
}

fn folder(of: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

#[test]
fn features_equal_those_that_models_are_trained_on() {
    let golden: Golden = serde_json::from_slice(&std::fs::read(folder("tests/golden/play_features.json")).unwrap()).unwrap();
    assert_eq!(golden.names, NAMES);
    let expectation = Expectation::load(&folder("config/models/expectation.json")).unwrap();
    let history = History::load(&folder("config/models/history.json")).unwrap();
    let teams = [&golden.home, &golden.away].map(|team| Team::new(team).unwrap());
    let pasts = teams.each_ref().map(|team| history.before(team, Some(golden.day * DAY_US)));
    let [home, away] = teams;
    let mut recap = Recap {
        head: Arc::new(GameHead {
            game: GameId::new("made-up").unwrap(),
            teams: Some((home, away)),
            kickoff: Some(golden.day * DAY_US),
        }),
        status: GameStatus::Live,
        score: Some([0; 2]),
        timeouts: None,
        plays: Vec::new(),
        snap: None,
    };
    let (mut memo, mut compared) = (Memo::default(), 0);
    for play in &golden.plays {
        if !play.features.is_empty() {
            let by_side = |offence, defence| if play.at_home { [offence, defence] } else { [defence, offence] };
            recap.timeouts = Some(by_side(play.timeouts, play.timeouts_against));
            recap.snap = Some(RecapSnap {
                after_play: recap.plays.last().map(|play| play.id.clone()),
                clock: play.clock(),
                spot: play.spot(),
            });
            let coming = of(&recap, pasts.each_ref(), &expectation, &mut memo).unwrap();
            for ((name, online), offline) in NAMES.iter().zip(coming.features).zip(&play.features) {
                let off = (f64::from(online) - offline).abs();
                assert!(
                    off <= 1e-5 * offline.abs().max(1.0),
                    "{name} before play {}: {online}, trained on {offline}",
                    play.id
                );
            }
            compared += 1;
        }
        let played = play.played();
        if let Some(score) = &mut recap.score {
            (0..2).for_each(|side| score[side] += u16::from(played.points[side]));
        }
        recap.plays.push(played);
    }
    assert!(compared > 80, "{compared} snaps");
}
