//! A prediction or an outcome as one line of JSON, for other nodes to show.
//!
//! Whoever reads one may read anything: what is no prediction of that game is refused, here and not where it is
//! shown. The game itself is not in it, but for its id: each node has its own.

use crate::model::ids::is_well_formed;
use crate::model::prediction::{DriveEnd, ForecastKind, PlayCall, PlayerForecast, Source, Tally, Verdict};
use crate::model::{
    Bulletin, FeedTime, Forecast, GameHead, GameId, IngestTime, Outcome, PlayId, PlayerId, Points, Prediction, Probability, Seq, Side,
    StateTime, Team,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most players of a forecast that is read.
const PLAYERS_MAX: usize = 4_096;
/// Times, in microseconds, and points, in ten-thousandths, are below: as far as a JSON number is exact.
const NUMBER_MAX: i64 = 1 << 53;

/// The line.
#[derive(Serialize, Deserialize)]
struct Line {
    game: String,
    /// How far the game was there where it was said: its `seq`.
    state: Seq,
    after_play: Option<String>,
    /// The model and its version; nothing where history says so.
    model: Option<(String, String)>,
    feed_ts: Option<i64>,
    ingest: i64,
    says: Says,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Says {
    Prediction {
        confidence: u16,
        expires_us: i64,
        forecast: Foretold,
    },
    Outcome {
        play: Option<String>,
        verdict: Judged,
        probability: u16,
        right: u32,
        calls: u32,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Foretold {
    NextPlay {
        pass: u16,
        kinds: [u16; 5],
    },
    Drive {
        team: String,
        ends: [u16; 5],
    },
    Win {
        home: u16,
    },
    Points {
        ruleset: String,
        players: Vec<(String, i64, i64, i64)>,
    },
}

/// What was called and what happened, by names.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Judged {
    NextPlay(String, String),
    Drive(String, String),
    Win(String, Option<String>),
}

/// Why a line is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no such line.
    #[error("no line of a prediction: {0}")]
    Json(String),
    /// A part of it says what cannot be.
    #[error("{0} is out of its range")]
    Part(&'static str),
}

/// A bulletin that another node said, but for its game.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its game.
    pub game: GameId,
    /// The game's `seq` where it was said.
    pub state: Seq,
    line: Arc<Parts>,
}

/// All but the game.
#[derive(Clone, Debug)]
struct Parts {
    after_play: Option<PlayId>,
    source: Source,
    feed_ts: Option<FeedTime>,
    ingest: IngestTime,
    says: Said,
}

#[derive(Clone, Debug)]
enum Said {
    Prediction {
        confidence: Probability,
        expires_us: i64,
        forecast: Forecast,
    },
    Outcome {
        play: Option<PlayId>,
        verdict: Verdict,
        probability: Probability,
        tally: Tally,
    },
}

impl Told {
    /// What it is about.
    pub fn kind(&self) -> ForecastKind {
        match &self.line.says {
            Said::Prediction { forecast, .. } => forecast.kind(),
            Said::Outcome { verdict, .. } => verdict.kind(),
        }
    }

    /// When the event came in that led to it.
    pub fn ingest(&self) -> IngestTime {
        self.line.ingest
    }

    /// The bulletin, of a game that this node knows, made here at `made`.
    pub fn bulletin(&self, head: Arc<GameHead>, made: StateTime) -> Bulletin {
        let Parts {
            after_play,
            source,
            feed_ts,
            ingest,
            says,
        } = (*self.line).clone();
        match says {
            Said::Prediction {
                confidence,
                expires_us,
                forecast,
            } => Bulletin::Prediction(Arc::new(Prediction {
                head,
                after_play,
                forecast,
                confidence,
                source,
                expires_us,
                feed_ts,
                ingest,
                made,
            })),
            Said::Outcome {
                play,
                verdict,
                probability,
                tally,
            } => Bulletin::Outcome(Arc::new(Outcome {
                head,
                play,
                after_play,
                verdict,
                probability,
                source,
                tally,
                feed_ts,
                ingest,
                made,
            })),
        }
    }
}

/// The line of a bulletin that was said where the game had come to `state`.
pub fn write(bulletin: &Bulletin, state: Seq) -> Vec<u8> {
    let id = |play: &Option<PlayId>| play.as_ref().map(|play| play.as_str().to_owned());
    let by = |source: &Source| match source {
        Source::Model { name, version } => Some((name.to_string(), version.to_string())),
        Source::Historical => None,
    };
    let line = match bulletin {
        Bulletin::Prediction(told) => Line {
            game: told.head.game.as_str().to_owned(),
            state,
            after_play: id(&told.after_play),
            model: by(&told.source),
            feed_ts: told.feed_ts.map(|ts| ts.0),
            ingest: told.ingest.0,
            says: Says::Prediction {
                confidence: told.confidence.get(),
                expires_us: told.expires_us,
                forecast: foretold(&told.forecast),
            },
        },
        Bulletin::Outcome(told) => Line {
            game: told.head.game.as_str().to_owned(),
            state,
            after_play: id(&told.after_play),
            model: by(&told.source),
            feed_ts: told.feed_ts.map(|ts| ts.0),
            ingest: told.ingest.0,
            says: Says::Outcome {
                play: id(&told.play),
                verdict: judged(&told.verdict),
                probability: told.probability.get(),
                right: told.tally.right,
                calls: told.tally.calls,
            },
        },
    };
    serde_json::to_vec(&line).expect("text and numbers can be written")
}

fn foretold(forecast: &Forecast) -> Foretold {
    match forecast {
        Forecast::NextPlay { pass, kinds } => Foretold::NextPlay {
            pass: pass.get(),
            kinds: kinds.map(Probability::get),
        },
        Forecast::Drive { team, ends } => Foretold::Drive {
            team: team.as_str().to_owned(),
            ends: ends.map(Probability::get),
        },
        Forecast::Win { home } => Foretold::Win { home: home.get() },
        Forecast::Points { ruleset, players } => {
            let player = |of: &PlayerForecast| (of.player.as_str().to_owned(), of.points.0, of.low.0, of.high.0);
            Foretold::Points {
                ruleset: ruleset.to_string(),
                players: players.iter().map(player).collect(),
            }
        }
    }
}

/// Names of the sides here: teams may be unknown.
const SIDES: [(Side, &str); 2] = [(Side::Home, "home"), (Side::Away, "away")];

fn side_name(side: Side) -> String {
    let (_, name) = SIDES[usize::from(side != Side::Home)];
    name.to_owned()
}

fn judged(verdict: &Verdict) -> Judged {
    match verdict {
        Verdict::NextPlay { call, actual } => Judged::NextPlay(call.name().to_owned(), actual.name().to_owned()),
        Verdict::Drive { call, actual } => Judged::Drive(call.name().to_owned(), actual.name().to_owned()),
        Verdict::Win { call, actual } => Judged::Win(side_name(*call), actual.map(side_name)),
    }
}

/// Reads a line.
///
/// # Errors
/// It is none, or says what cannot be.
pub fn read(line: &[u8]) -> Result<Told, Unreadable> {
    let line: Line = serde_json::from_slice(line).map_err(|error| Unreadable::Json(error.to_string()))?;
    let parts = Parts {
        after_play: play("after_play", line.after_play)?,
        source: source(line.model)?,
        feed_ts: line.feed_ts.map(|ts| number("feed_ts", ts)).transpose()?.map(FeedTime),
        ingest: IngestTime(number("ingest", line.ingest)?),
        says: said(line.says)?,
    };
    Ok(Told {
        game: GameId::new(&line.game).ok_or(Unreadable::Part("game"))?,
        state: line.state,
        line: Arc::new(parts),
    })
}

fn said(says: Says) -> Result<Said, Unreadable> {
    Ok(match says {
        Says::Prediction {
            confidence,
            expires_us,
            forecast: told,
        } => Said::Prediction {
            confidence: probability("confidence", confidence)?,
            expires_us: number("expires_us", expires_us)?,
            forecast: forecast(told)?,
        },
        Says::Outcome {
            play: of,
            verdict: told,
            probability: given,
            right,
            calls,
        } => Said::Outcome {
            play: play("play", of)?,
            verdict: verdict(&told)?,
            probability: probability("probability", given)?,
            tally: (right <= calls)
                .then_some(Tally { right, calls })
                .ok_or(Unreadable::Part("right"))?,
        },
    })
}

fn number(name: &'static str, value: i64) -> Result<i64, Unreadable> {
    (0..NUMBER_MAX).contains(&value).then_some(value).ok_or(Unreadable::Part(name))
}

fn points(value: i64) -> Result<Points, Unreadable> {
    let is_known = (-NUMBER_MAX..NUMBER_MAX).contains(&value);
    is_known.then_some(Points(value)).ok_or(Unreadable::Part("points"))
}

fn probability(name: &'static str, value: u16) -> Result<Probability, Unreadable> {
    Probability::new(value).ok_or(Unreadable::Part(name))
}

/// Those of all that may happen: they add up.
fn probabilities(name: &'static str, values: [u16; 5]) -> Result<[Probability; 5], Unreadable> {
    let sum: u32 = values.iter().map(|value| u32::from(*value)).sum();
    if sum != u32::from(Probability::SCALE) {
        return Err(Unreadable::Part(name));
    }
    Ok(values.map(|value| Probability::new(value).expect("none is more than their sum")))
}

fn play(name: &'static str, id: Option<String>) -> Result<Option<PlayId>, Unreadable> {
    id.map(|id| PlayId::new(&id).ok_or(Unreadable::Part(name))).transpose()
}

fn name(name: &'static str, text: String) -> Result<Arc<str>, Unreadable> {
    is_well_formed(&text).then(|| text.into()).ok_or(Unreadable::Part(name))
}

fn source(model: Option<(String, String)>) -> Result<Source, Unreadable> {
    Ok(match model {
        None => Source::Historical,
        Some((of, version)) => Source::Model {
            name: name("model", of)?,
            version: name("version", version)?,
        },
    })
}

fn forecast(told: Foretold) -> Result<Forecast, Unreadable> {
    Ok(match told {
        Foretold::NextPlay { pass, kinds } => Forecast::NextPlay {
            pass: probability("pass", pass)?,
            kinds: probabilities("kinds", kinds)?,
        },
        Foretold::Drive { team, ends } => Forecast::Drive {
            team: Team::new(&team).ok_or(Unreadable::Part("team"))?,
            ends: probabilities("ends", ends)?,
        },
        Foretold::Win { home } => Forecast::Win {
            home: probability("home", home)?,
        },
        Foretold::Points { players, .. } if players.len() > PLAYERS_MAX => return Err(Unreadable::Part("players")),
        Foretold::Points { ruleset, players } => {
            let player = |(id, mean, low, high): (String, i64, i64, i64)| {
                Ok(PlayerForecast {
                    player: PlayerId::new(&id).ok_or(Unreadable::Part("player"))?,
                    points: points(mean)?,
                    low: points(low)?,
                    high: points(high)?,
                })
            };
            Forecast::Points {
                ruleset: name("ruleset", ruleset)?,
                players: players.into_iter().map(player).collect::<Result<_, _>>()?,
            }
        }
    })
}

fn verdict(told: &Judged) -> Result<Verdict, Unreadable> {
    let call_of = |name: &str| PlayCall::ALL.into_iter().find(|call| call.name() == name);
    let end_of = |name: &str| DriveEnd::ALL.into_iter().find(|end| end.name() == name);
    let side_of = |name: &str| SIDES.iter().find(|(_, of)| *of == name).map(|(side, _)| *side);
    let found = match told {
        Judged::NextPlay(call, actual) => call_of(call)
            .zip(call_of(actual))
            .map(|(call, actual)| Verdict::NextPlay { call, actual }),
        Judged::Drive(call, actual) => end_of(call)
            .zip(end_of(actual))
            .map(|(call, actual)| Verdict::Drive { call, actual }),
        Judged::Win(call, None) => side_of(call).map(|call| Verdict::Win { call, actual: None }),
        Judged::Win(call, Some(actual)) => side_of(call).zip(side_of(actual)).map(|(call, actual)| Verdict::Win {
            call,
            actual: Some(actual),
        }),
    };
    found.ok_or(Unreadable::Part("verdict"))
}

#[cfg(test)]
mod tests;
