//! From a coming snap to predictions: questions, one run of each version for all games, the gate.

use super::models::Models;
use super::watched::{Coming, Said, Watched, is_same};
use super::{BATCH_SIZES, Cause, Predictor};
use crate::model::prediction::{Bulletin, DriveEnd, Forecast, PlayCall, Prediction, Source};
use crate::model::{GameHead, Now, PlayId, Probability, Recap, Side, StateTime};
use crate::predict::features::{self, Features};
use crate::predict::probabilities::{Row, apportion, dropback, is_distribution};
use crate::predict::registry::{Task, Version};
use smallvec::SmallVec;
use std::sync::Arc;

/// A coming snap that somebody is to be told something of.
pub(super) struct Asked {
    head: Arc<GameHead>,
    after_play: Option<PlayId>,
    features: Features,
    offence: Side,
    cause: Cause,
    said: SmallVec<[Said; 3]>,
}

/// Rows for one version.
struct Run {
    version: Arc<Version>,
    /// Whose they are: places among those asked, and of their questions.
    places: Vec<(usize, usize)>,
    rows: Vec<Features>,
}

fn classes(task: Task) -> usize {
    match task {
        Task::NextPlay | Task::NextPlayFormed => PlayCall::ALL.len(),
        Task::Drive => DriveEnd::ALL.len(),
        Task::Win => 2,
    }
}

/// A row of exactly so many.
fn array<const N: usize>(row: &[f32]) -> [f32; N] {
    row.try_into().expect("an answer has the classes of its task")
}

impl<M: Models> Predictor<M> {
    /// What is to be asked of a game; nothing where no snap is coming, or where all that is known of it was said.
    pub(super) fn ask(&mut self, game: &mut Watched, recap: Recap, cause: Cause) -> Option<Asked> {
        let (home, away) = recap.head.teams.as_ref()?;
        let before = |team| self.knowledge.history.before(team, recap.head.kickoff);
        let pasts = [before(home), before(away)];
        let coming = features::of(&recap, pasts.each_ref(), &self.knowledge.expectation, &mut game.memo)?;
        let after_play = recap.snap?.after_play;
        if let Some(said) = &game.coming
            && said.after_play == after_play
            && is_same(&said.features, &coming.features)
            && said.expires_us > cause.now.wall_us
        {
            self.counts.cached += said.said.len() as u64;
            return None;
        }
        let next = if coming.formed { Task::NextPlayFormed } else { Task::NextPlay };
        let tasks = if coming.down.is_some() {
            &[next, Task::Drive, Task::Win][..]
        } else {
            &[Task::Win]
        };
        let question = |task: &Task| Said {
            task: *task,
            model: None,
            table: Row::from_slice(self.knowledge.tables.of(*task, &coming.features)),
        };
        Some(Asked {
            head: recap.head,
            after_play,
            said: tasks.iter().map(question).collect(),
            features: coming.features,
            offence: coming.offence,
            cause,
        })
    }

    /// Has the models answer: what is not known already in one run of each version.
    pub(super) fn answer(&mut self, asked: &mut [Asked], now: Now) {
        let mut runs: Vec<Run> = Vec::new();
        for (place, asked) in asked.iter_mut().enumerate() {
            let game = &asked.head.game;
            for (question, said) in asked.said.iter_mut().enumerate() {
                let Some(version) = self.models.arm(said.task, game) else {
                    continue;
                };
                if let Some(row) = self.games.get_mut(game).and_then(|game| game.cache.get(&version, &asked.features)) {
                    self.counts.cached += 1;
                    said.model = Some((version, row));
                    continue;
                }
                let run = match runs.iter_mut().position(|run| Arc::ptr_eq(&run.version, &version)) {
                    Some(run) => &mut runs[run],
                    None => {
                        runs.push(Run {
                            version,
                            places: Vec::new(),
                            rows: Vec::new(),
                        });
                        runs.last_mut().expect("one was added")
                    }
                };
                run.places.push((place, question));
                run.rows.push(asked.features);
            }
        }
        let mut out = Vec::new();
        for run in runs {
            out.clear();
            let rows = run.rows.len();
            let size = rows.next_power_of_two().trailing_zeros() as usize;
            self.counts.batches[size.min(BATCH_SIZES.len() - 1)] += 1;
            let answered = self.models.run(&run.version, &run.rows, &mut out, now.steady_us);
            if answered.is_err() || out.len() != rows {
                // Whoever runs them has said why; history answers.
                self.counts.failed += rows as u64;
                continue;
            }
            for ((place, question), row) in run.places.into_iter().zip(out.drain(..)) {
                let asked = &mut asked[place];
                let said = &mut asked.said[question];
                if !is_distribution(&row, classes(said.task)) {
                    self.counts.failed += 1;
                    continue;
                }
                self.counts.answered += 1;
                let game = self.games.get_mut(&asked.head.game).expect("it is watched");
                game.cache.put(run.version.clone(), asked.features, row.clone());
                said.model = Some((run.version.clone(), row));
            }
        }
    }

    /// Tells what was answered.
    pub(super) fn tell(&mut self, asked: Asked, publish: &mut impl FnMut(Bulletin)) {
        let expires_us = asked.cause.now.wall_us.saturating_add(self.settings.expires_us);
        let mut told = Vec::with_capacity(asked.said.len());
        for said in &asked.said {
            let (source, row) = self.source(said);
            let (forecast, confidence) = forecast(said.task, row, &asked);
            let is_model = matches!(source, Source::Model { .. });
            self.counts.told[forecast.kind() as usize][usize::from(!is_model)] += 1;
            let prediction = Arc::new(Prediction {
                head: asked.head.clone(),
                after_play: asked.after_play.clone(),
                forecast,
                confidence,
                source,
                expires_us,
                feed_ts: asked.cause.feed_ts,
                ingest: asked.cause.ingest,
                made: StateTime(asked.cause.now.steady_us),
            });
            publish(Bulletin::Prediction(prediction.clone()));
            told.push((said.clone(), prediction));
        }
        let game = self.games.get_mut(&asked.head.game).expect("it is watched");
        game.coming = Some(Coming {
            after_play: asked.after_play,
            features: asked.features,
            offence: asked.offence,
            expires_us,
            said: told,
        });
    }

    /// Whose word counts: a model's, if it is sure enough where a play is called; history's otherwise.
    fn source<'a>(&self, said: &'a Said) -> (Source, &'a Row) {
        let is_told = |row: &Row| match said.task {
            Task::NextPlay | Task::NextPlayFormed => {
                let pass = dropback(row);
                pass.max(1.0 - pass) >= self.settings.confidence
            }
            Task::Drive | Task::Win => true,
        };
        match &said.model {
            Some((version, row)) if is_told(row) => {
                let (name, version) = (version.name.clone(), version.version.clone());
                (Source::Model { name, version }, row)
            }
            _ => (Source::Historical, &said.table),
        }
    }
}

/// What is told of an answer, and how sure that is.
fn forecast(task: Task, row: &[f32], asked: &Asked) -> (Forecast, Probability) {
    match task {
        Task::NextPlay | Task::NextPlayFormed => {
            let kinds: [f32; 5] = array(row);
            let pass = dropback(row);
            let [pass, run] = apportion([pass, 1.0 - pass]);
            let kinds = apportion(kinds);
            (Forecast::NextPlay { pass, kinds }, pass.max(run))
        }
        Task::Drive => {
            let ends = apportion(array(row));
            let (home, away) = asked.head.teams.as_ref().expect("teams are known where a side has the ball");
            let team = if asked.offence == Side::Home { home } else { away };
            let best = ends.iter().max().copied().unwrap_or_default();
            (Forecast::Drive { team: team.clone(), ends }, best)
        }
        Task::Win => {
            let [lose, win] = apportion(array(row));
            let home = if asked.offence == Side::Home { win } else { lose };
            (Forecast::Win { home }, home.max(home.rest()))
        }
    }
}
