//! Who is asked what: from news of games to predictions, and from plays to outcomes.
//!
//! ```text
//! notices ─► recap ─► judge: what was predicted, against the plays that stand ─► Outcome
//!                 └─► features ─► cache, or one run of a model for all games ─► gate ─► Prediction
//! ```
//! It keeps no plays: features and outcomes are functions of the recap, so a correction, a retraction or a
//! restart gives what the game as it then is would have given. It keeps what it said and has not judged yet. What
//! was judged is not judged again when a play is corrected later. Reads no clock and does no I/O. Bounded:
//! [`Settings::games_max`] games, and of each a few answers and the forecasts of one game's snaps ([`OWED_MAX`]).

mod ask;
mod games;
mod judge;
mod models;
mod watched;

pub use models::Models;
pub use watched::OWED_MAX;

use super::board::{News, Notice};
use super::expectation::Expectation;
use super::historical::Tables;
use super::history::History;
use super::tracker::Tracker;
use crate::model::prediction::{Bulletin, ForecastKind, Tally};
use crate::model::{FeedTime, GameId, GameStatus, IngestTime, Now, Recap};
use games::Games;
use watched::{Kept, Watched};

/// What may be set.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Settings {
    /// The probability from which on a call is a model's; below, history's.
    pub confidence: f32,
    /// How long a prediction is worth something, in microseconds, if nothing happens.
    pub expires_us: i64,
    /// Games watched: those of which something that was said is not judged yet.
    pub games_max: usize,
    /// Versions of models that may be loaded at once.
    pub versions_max: usize,
}

/// How much a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effort {
    /// All of it.
    Whole,
    /// Nothing new is predicted: memory is short. What was said is judged and games that are gone are forgotten, so
    /// that nothing is left over.
    JudgeAlone,
}

/// What predictions are made from beside the models.
pub struct Knowledge {
    /// What a team's calls are measured against.
    pub expectation: Expectation,
    /// What teams did in earlier games.
    pub history: History,
    /// What usually happened.
    pub tables: Tables,
}

impl Knowledge {
    /// What ships with the models of this version.
    pub fn shipped() -> Knowledge {
        Knowledge {
            expectation: Expectation::shipped(),
            history: History::shipped(),
            tables: Tables::shipped(),
        }
    }
}

/// How long a game's calls count as tonight's, in microseconds after the last of them.
const TONIGHT_US: i64 = 12 * 3_600_000_000;

/// Batches are counted by their rows: up to 1, 2, 4, … 64, and more.
pub const BATCH_SIZES: [&str; 8] = ["1", "2", "4", "8", "16", "32", "64", "more"];

/// What was done since it was last asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Predictions, by the place of their kind in [`ForecastKind::ALL`]: a model's, and history's.
    pub told: [[u64; 2]; ForecastKind::ALL.len()],
    /// Outcomes, by kind: calls that were right, and wrong.
    pub judged: [[u64; 2]; ForecastKind::ALL.len()],
    /// Runs of a model, by the place of their rows in [`BATCH_SIZES`].
    pub batches: [u64; BATCH_SIZES.len()],
    /// Rows that a model answered.
    pub answered: u64,
    /// Rows answered from what was asked before.
    pub cached: u64,
    /// Rows without an answer that can be told.
    pub failed: u64,
    /// Notices of games beyond the limit, and games that made room before all that was said of them was judged.
    pub crowded: u64,
}

/// When something came in that led to a prediction or an outcome.
#[derive(Clone, Copy)]
struct Cause {
    feed_ts: Option<FeedTime>,
    ingest: IngestTime,
    now: Now,
}

/// The predictor. One thread's own.
pub struct Predictor<M> {
    models: M,
    knowledge: Knowledge,
    settings: Settings,
    games: Games,
    tracker: Tracker,
    counts: Counts,
}

impl<M: Models> Predictor<M> {
    /// Watches nothing yet.
    pub fn new(models: M, knowledge: Knowledge, settings: Settings) -> Predictor<M> {
        Predictor {
            models,
            knowledge,
            tracker: Tracker::new(settings.versions_max, settings.confidence),
            games: Games::new(settings.games_max, settings.expires_us),
            settings,
            counts: Counts::default(),
        }
    }

    /// Takes in models that were loaded meanwhile. Call it at every turn, also where no game moved.
    pub fn turn(&mut self, now: Now) {
        self.models.turn(now.steady_us);
    }

    /// Goes through games that moved, as `read` has them by now, all in one batch, and tells what follows: first
    /// how what was predicted turned out, then, unless `Effort` says otherwise, what is thought to come.
    pub fn step(
        &mut self,
        notices: &[Notice],
        effort: Effort,
        now: Now,
        read: &impl Fn(&GameId) -> Option<Recap>,
        publish: &mut impl FnMut(Bulletin),
    ) {
        let mut asked = Vec::with_capacity(notices.len());
        for notice in notices {
            let recap = if notice.news == News::Gone { None } else { read(&notice.game) };
            let Some(recap) = recap else {
                self.games.forget(&notice.game);
                continue;
            };
            let mut game = self.games.take(&notice.game);
            game.moved_us = now.steady_us;
            game.is_over = recap.status == GameStatus::Final;
            if !game.is_over {
                self.reopen(&mut game, &recap);
            }
            let cause = Cause {
                feed_ts: notice.feed_ts,
                ingest: notice.ingest,
                now,
            };
            self.judge(&mut game, &recap, cause, publish);
            let question = match (recap.status, effort) {
                (GameStatus::Final, _) => {
                    self.finish(&mut game, &recap);
                    None
                }
                (_, Effort::JudgeAlone) => None,
                (_, Effort::Whole) => self.ask(&mut game, recap, cause),
            };
            if self.games.put(notice.game.clone(), game, question.is_some()) {
                asked.extend(question);
            }
        }
        self.answer(&mut asked, now);
        for asked in asked {
            self.tell(asked, publish);
        }
    }

    /// A final game goes into its teams' history, once.
    fn finish(&mut self, game: &mut Watched, recap: &Recap) {
        let (Some(kickoff), Some((home, away)), Some(score)) = (recap.head.kickoff, &recap.head.teams, recap.score) else {
            return;
        };
        if !std::mem::replace(&mut game.kept.is_history, true) {
            let [of_home, of_away] = super::features::tallies(recap, &self.knowledge.expectation, &mut game.memo);
            self.knowledge.history.take(kickoff, [(home, of_home), (away, of_away)], score);
        }
    }

    /// A final game that goes on after all is history when it is final again.
    fn reopen(&mut self, game: &mut Watched, recap: &Recap) {
        if let (true, Some(kickoff), Some((home, away))) = (game.kept.is_history, recap.head.kickoff, &recap.head.teams) {
            game.kept.is_history = !self.knowledge.history.take_back(kickoff, [home, away]);
        }
    }

    /// What was done since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        Counts {
            crowded: std::mem::take(&mut self.games.crowded),
            ..std::mem::take(&mut self.counts)
        }
    }

    /// How well models and history do.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// What runs the models.
    pub fn models(&self) -> &M {
        &self.models
    }

    /// Calls of tonight's games that a model was sure enough of.
    pub fn tonight(&self, now: Now) -> Tally {
        let is_tonight = |kept: &&Kept| kept.called_us.is_some_and(|us| now.steady_us - us <= TONIGHT_US);
        let tallies = self.games.kept().filter(is_tonight).map(|kept| kept.tally);
        tallies.fold(Tally::default(), |sum, tally| Tally {
            right: sum.right + tally.right,
            calls: sum.calls + tally.calls,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
