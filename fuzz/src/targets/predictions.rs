//! Any prediction and outcome, as a server could say it.

use super::choices::Choices;
use scorewire::model::prediction::{DriveEnd, PlayCall, PlayerForecast, Source, Tally, Verdict};
use scorewire::model::{
    FeedTime, Forecast, GameHead, GameId, IngestTime, Outcome, PlayId, PlayerId, Points, Prediction, Probability, Side, StateTime, Team,
};
use std::sync::Arc;

const IDS: [&str; 4] = ["1", "4000", "x-1", "dst:AAA"];

fn head(choices: &mut Choices<'_>) -> Arc<GameHead> {
    let team = |name| Team::new(name).expect("a team");
    Arc::new(GameHead {
        game: GameId::new(choices.word(&IDS)).expect("an id"),
        teams: choices.flag().then(|| (team("AAA"), team("BBB"))),
        kickoff: None,
    })
}

fn probability(choices: &mut Choices<'_>) -> Probability {
    let ten_thousandths = choices.number() % (u64::from(Probability::SCALE) + 1);
    Probability::new(ten_thousandths as u16).expect("not above 1")
}

fn play(choices: &mut Choices<'_>) -> Option<PlayId> {
    choices.flag().then(|| PlayId::new(choices.word(&IDS)).expect("an id"))
}

fn source(choices: &mut Choices<'_>) -> Source {
    match choices.flag() {
        true => Source::Historical,
        false => Source::Model {
            name: choices.text().into(),
            version: choices.text().into(),
        },
    }
}

fn feed_ts(choices: &mut Choices<'_>) -> Option<FeedTime> {
    choices.flag().then(|| FeedTime(choices.number() as i64))
}

fn points(choices: &mut Choices<'_>) -> Points {
    Points(choices.number() as i32 as i64)
}

fn forecast(choices: &mut Choices<'_>) -> Forecast {
    match choices.below(4) {
        0 => Forecast::NextPlay {
            pass: probability(choices),
            kinds: std::array::from_fn(|_| probability(choices)),
        },
        1 => Forecast::Drive {
            team: Team::new(choices.word(&["AAA", "B"])).expect("a team"),
            ends: std::array::from_fn(|_| probability(choices)),
        },
        2 => Forecast::Win {
            home: probability(choices),
        },
        _ => {
            let player = |choices: &mut Choices<'_>| PlayerForecast {
                player: PlayerId::new(choices.word(&IDS)).expect("an id"),
                points: points(choices),
                low: points(choices),
                high: points(choices),
            };
            Forecast::Points {
                ruleset: choices.text().into(),
                players: (0..choices.below(4)).map(|_| player(choices)).collect(),
            }
        }
    }
}

pub(super) fn prediction(choices: &mut Choices<'_>) -> Prediction {
    Prediction {
        head: head(choices),
        after_play: play(choices),
        forecast: forecast(choices),
        confidence: probability(choices),
        source: source(choices),
        expires_us: choices.number() as i64,
        feed_ts: feed_ts(choices),
        ingest: IngestTime(choices.number() as i64),
        made: StateTime(0),
    }
}

pub(super) fn tally(choices: &mut Choices<'_>) -> Tally {
    Tally {
        right: choices.number() as u32,
        calls: choices.number() as u32,
    }
}

pub(super) fn outcome(choices: &mut Choices<'_>) -> Outcome {
    let sides = [Side::Home, Side::Away];
    let verdict = match choices.below(3) {
        0 => Verdict::NextPlay {
            call: *choices.pick(&PlayCall::ALL),
            actual: *choices.pick(&PlayCall::ALL),
        },
        1 => Verdict::Drive {
            call: *choices.pick(&DriveEnd::ALL),
            actual: *choices.pick(&DriveEnd::ALL),
        },
        _ => Verdict::Win {
            call: *choices.pick(&sides),
            actual: choices.flag().then(|| *choices.pick(&sides)),
        },
    };
    Outcome {
        head: head(choices),
        play: play(choices),
        after_play: play(choices),
        verdict,
        probability: probability(choices),
        source: source(choices),
        tally: tally(choices),
        feed_ts: feed_ts(choices),
        ingest: IngestTime(choices.number() as i64),
        made: StateTime(0),
    }
}
