//! The predictor on made-up games, with models that answer as they are told to; and on the recorded weeks.

mod calls;
mod drive_ends;
mod games;
mod offline;
mod places;

use super::{Effort, Knowledge, Models, Predictor, Settings};
use crate::model::prediction::{Bulletin, Outcome, Prediction, Tally};
use crate::model::{Clock, GameHead, GameId, GameStatus, IngestTime, Now, PlayId, PlayKind, Recap, RecapPlay, RecapSnap, Side, Spot, Team};
use crate::predict::board::{News, Notice};
use crate::predict::features::Features;
use crate::predict::onnx::RunError;
use crate::predict::probabilities::Row;
use crate::predict::registry::{Task, Version};
use std::sync::Arc;

pub(crate) const SETTINGS: Settings = Settings {
    confidence: 0.7,
    expires_us: 60_000_000,
    games_max: 4,
    versions_max: 4,
};

const DAY_US: i64 = 86_400_000_000;

fn game() -> GameId {
    GameId::new("g").unwrap()
}

/// The kickoff of a made-up game, after all that ships.
const KICKOFF_US: i64 = 20_000 * DAY_US;

/// A game between AAA and BBB that has just begun.
pub(crate) fn begun() -> Recap {
    let team = |name| Team::new(name).unwrap();
    Recap {
        head: Arc::new(GameHead {
            game: game(),
            teams: Some((team("AAA"), team("BBB"))),
            kickoff: Some(KICKOFF_US),
        }),
        status: GameStatus::Live,
        score: Some([0; 2]),
        timeouts: Some([3; 2]),
        plays: Vec::new(),
        snap: None,
    }
}

fn spot(offence: Side, down: u8) -> Spot {
    Spot {
        down: (down > 0).then_some(down),
        distance: (down > 0).then_some(10),
        yards_to_goal: Some(50),
        possession: Some(offence),
        shotgun: None,
        no_huddle: None,
    }
}

fn clock(quarter: u8) -> Option<Clock> {
    Some(Clock {
        quarter,
        seconds_left: 600,
    })
}

/// A play of the first quarter; a down of 0 is none.
fn play(id: u64, kind: PlayKind, offence: Side, down: u8) -> RecapPlay {
    RecapPlay {
        id: PlayId::new(&id.to_string()).unwrap(),
        order: id,
        kind,
        no_play: kind == PlayKind::NoPlay,
        clock: clock(1),
        spot: spot(offence, down),
        yards: 0,
        first_down: false,
        turnover: false,
        timeout: false,
        touchdown: None,
        points: [0; 2],
    }
}

impl Recap {
    /// The same, with the next snap announced.
    pub(crate) fn coming(mut self, offence: Side, down: u8) -> Recap {
        self.snap = Some(RecapSnap {
            after_play: self.plays.last().map(|play| play.id.clone()),
            clock: clock(1),
            spot: spot(offence, down),
        });
        self
    }

    /// The same, of another game.
    fn of(mut self, game: &str) -> Recap {
        let head = GameHead {
            game: GameId::new(game).unwrap(),
            ..self.head.as_ref().clone()
        };
        self.head = Arc::new(head);
        self
    }

    /// The same, with that play made.
    fn and(mut self, play: RecapPlay) -> Recap {
        self.plays.push(play);
        self.snap = None;
        self
    }
}

/// What each task is answered.
struct Told {
    versions: [Arc<Version>; 4],
    kinds: [f32; 5],
    is_failing: bool,
    runs: Vec<(Task, usize)>,
    scored: Vec<(Task, f64)>,
}

impl Told {
    fn new(kinds: [f32; 5]) -> Told {
        let version = |task: Task| {
            Arc::new(Version {
                task,
                name: task.name().into(),
                version: "7".into(),
            })
        };
        Told {
            versions: Task::ALL.map(version),
            kinds,
            is_failing: false,
            runs: Vec::new(),
            scored: Vec::new(),
        }
    }
}

impl Models for Told {
    fn arm(&self, task: Task, _: &GameId) -> Option<Arc<Version>> {
        self.versions.iter().find(|version| version.task == task).cloned()
    }

    fn run(&mut self, version: &Arc<Version>, rows: &[Features], out: &mut Vec<Row>, _: i64) -> Result<(), RunError> {
        self.runs.push((version.task, rows.len()));
        if self.is_failing {
            return Err(RunError::Failed("the device is gone".to_owned()));
        }
        let row: &[f32] = match version.task {
            Task::NextPlay | Task::NextPlayFormed => &self.kinds,
            Task::Drive => &[0.1, 0.2, 0.4, 0.2, 0.1],
            Task::Win => &[0.25, 0.75],
        };
        out.extend(rows.iter().map(|_| Row::from_slice(row)));
        Ok(())
    }

    fn is_loaded(&self, task: Task, version: &str) -> bool {
        self.versions.iter().any(|held| held.task == task && *held.version == *version)
    }

    fn scored(&mut self, version: &Arc<Version>, log_loss: f64) {
        self.scored.push((version.task, log_loss));
    }

    fn turn(&mut self, _: i64) {}
}

/// A predictor and what it said.
struct Rig {
    predictor: Predictor<Told>,
    now: Now,
}

impl Rig {
    fn new(kinds: [f32; 5]) -> Rig {
        Rig {
            predictor: Predictor::new(Told::new(kinds), Knowledge::shipped(), SETTINGS),
            now: Now {
                steady_us: 1_000,
                wall_us: 2_000,
            },
        }
    }

    /// The game moved, and stands like this.
    fn moved(&mut self, recap: &Recap) -> Vec<Bulletin> {
        self.hears(News::Play, Some(recap))
    }

    fn hears(&mut self, news: News, recap: Option<&Recap>) -> Vec<Bulletin> {
        let notice = Notice {
            game: recap.map_or_else(game, |recap| recap.head.game.clone()),
            news,
            ingest: IngestTime(77),
            feed_ts: None,
        };
        let mut said = Vec::new();
        self.predictor
            .step(&[notice], Effort::Whole, self.now, &|_| recap.cloned(), &mut |bulletin| {
                said.push(bulletin)
            });
        said
    }
}

fn predictions(said: &[Bulletin]) -> Vec<Arc<Prediction>> {
    let prediction = |bulletin: &Bulletin| match bulletin {
        Bulletin::Prediction(prediction) => Some(prediction.clone()),
        Bulletin::Outcome(_) => None,
    };
    said.iter().filter_map(prediction).collect()
}

fn outcomes(said: &[Bulletin]) -> Vec<Arc<Outcome>> {
    let outcome = |bulletin: &Bulletin| match bulletin {
        Bulletin::Outcome(outcome) => Some(outcome.clone()),
        Bulletin::Prediction(_) => None,
    };
    said.iter().filter_map(outcome).collect()
}

fn tally(right: u32, calls: u32) -> Tally {
    Tally { right, calls }
}
