//! From games' lines to forecasts: what players will have at the end, and in the coming games of a season.
//!
//! One thread's own; it reads no clock and does no I/O. It keeps earlier games, and of a game under way what both
//! arms said first in each quarter, to judge them by the final line. Everything told is a function of the
//! lines and the earlier games as they then are, so a correction, a retraction or a restart needs nothing
//! undone. Bounded: [`PLAYERS_MAX`] players of a game, [`Settings::games_max`] games.

mod game;
mod judge;
mod season;

use super::calendar::{self, When};
use super::models::{ModelCounts, Models};
use super::past::{Past, Result, club};
use super::pick::Pick;
use super::projections::{Expected, Horizon, Projections};
use super::rules::Rules;
use super::task::Task;
use super::versions::Versions;
use crate::model::prediction::{Prediction, Source};
use crate::model::{FeedTime, GameId, GameLines, GameStatus, IngestTime, Now, PlayerId, Team};
use crate::predict::registry::ModelInfo;
use judge::Said;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Most players of a game that are forecast: those with the most points.
pub const PLAYERS_MAX: usize = 256;

/// What may be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Games watched.
    pub games_max: usize,
}

/// What led to a forecast.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// The feed's clock.
    pub feed_ts: Option<FeedTime>,
    /// When it came in.
    pub ingest: IngestTime,
    /// The time.
    pub now: Now,
}

/// What was done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Forecasts of games.
    pub told: u64,
    /// Those without a model's word.
    pub plain: u64,
    /// Games beyond the limit.
    pub crowded: u64,
    /// Players without a place in the table, or among those of whom earlier games are known.
    pub left_out: u64,
}

/// Makes forecasts of points.
pub struct Forecaster {
    rules: Rules,
    models: Models,
    past: Past,
    table: Arc<Projections>,
    settings: Settings,
    games: HashMap<GameId, Watched>,
    picks: [Pick; super::features::MOMENTS as usize],
    season_pick: Pick,
    /// What was said of the next games of players of whom an earlier one is known.
    season_said: HashMap<PlayerId, [f64; 2]>,
    /// What is said of clubs' coming games, while the earlier ones stay as they are.
    club_said: HashMap<Team, Expected>,
    /// Players whose seasons are to be computed anew.
    due: BTreeSet<PlayerId>,
    /// Players of whom, or of whose clubs, the model that serves gave no answer: they will be due again.
    unanswered: BTreeSet<PlayerId>,
    counts: Counts,
}

/// A game that is watched.
#[derive(Default)]
struct Watched {
    /// First in each quarter.
    said: [Option<Said>; super::features::MOMENTS as usize],
    is_over: bool,
    /// Whether it is final, and was told so.
    is_told: bool,
    /// Where it stands among the earlier games.
    taken: Option<Place>,
}

/// Where a game stands among the earlier ones: its week and its clubs, home first.
type Place = (When, [Team; 2]);

fn place(lines: &GameLines) -> Option<Place> {
    let head = &lines.head;
    let (home, away) = head.teams.as_ref()?;
    Some((calendar::when(head.kickoff?)?, [club(home), club(away)]))
}

impl Forecaster {
    /// Of earlier games, with whichever models there are. What it computes goes into `table`.
    pub fn new(rules: Rules, models: Models, past: Past, table: Arc<Projections>, settings: Settings) -> Forecaster {
        let mut forecaster = Forecaster {
            rules,
            models,
            past,
            table,
            settings,
            games: HashMap::new(),
            picks: Default::default(),
            season_pick: Pick::default(),
            season_said: HashMap::new(),
            club_said: HashMap::new(),
            due: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            counts: Counts::default(),
        };
        forecaster.all_due();
        forecaster.show_picks();
        forecaster
    }

    /// Looks at a game that moved: puts its players' projections into the table, and makes the frame that tells
    /// of them. Nothing comes of a game without teams or a kickoff, or before its season's first week; no frame of
    /// one without players, and of a final game one alone, whatever is corrected later.
    pub fn game(&mut self, lines: &GameLines, cause: Cause) -> Option<Prediction> {
        let head = &lines.head;
        let place = place(lines);
        self.move_to(&head.game, place.as_ref());
        let place = place?;
        if !self.games.contains_key(&head.game) {
            if self.games.len() >= self.settings.games_max {
                self.counts.crowded += 1;
                return None;
            }
            self.games.insert(head.game.clone(), Watched::default());
        }
        self.models.turn(cause.now.steady_us);
        let prediction = self.forecast(lines, &place, cause);
        let is_final = lines.status == GameStatus::Final;
        if is_final {
            self.finish(lines, &place);
        }
        let watched = self.games.get_mut(&head.game)?;
        let was_told = std::mem::replace(&mut watched.is_told, is_final && prediction.is_some());
        let prediction = prediction.filter(|_| !(is_final && was_told))?;
        self.counts.told += 1;
        self.counts.plain += u64::from(prediction.source == Source::Historical);
        Some(prediction)
    }

    /// A game cannot be read any more. What it brought to players' earlier games stays.
    pub fn gone(&mut self, game: &GameId) {
        self.games.remove(game);
        self.table.forget(game);
    }

    /// Takes in a game that is over, told by somebody else.
    pub fn take(&mut self, when: When, sides: &[Result; 2]) {
        let latest = self.past.latest();
        let gone = self.past.take(when, sides);
        self.forget_seasons(&gone);
        self.past_moved(latest, sides.each_ref().map(|side| &side.club));
    }

    /// A game's kickoff or teams may be told otherwise: takes it back from where it was not.
    fn move_to(&mut self, game: &GameId, place: Option<&Place>) {
        let Some(watched) = self.games.get_mut(game) else { return };
        let Some((when, clubs)) = watched.taken.take_if(|taken| Some(&*taken) != place) else {
            return;
        };
        let latest = self.past.latest();
        let gone = self.past.take_back(game, when, &clubs);
        self.forget_seasons(&gone);
        self.past_moved(latest, clubs.each_ref());
    }

    /// Who is in no game any more has no season.
    fn forget_seasons(&mut self, gone: &[PlayerId]) {
        for player in gone {
            self.season_said.remove(player);
            self.due.remove(player);
            self.unanswered.remove(player);
        }
        self.table.forget_seasons(gone);
    }

    /// Whose seasons are to be computed anew after the earlier games of two clubs have moved.
    fn past_moved(&mut self, latest: Option<When>, clubs: [&Team; 2]) {
        self.club_said.clear();
        if self.past.latest() != latest {
            // Weeks over are everybody's.
            self.all_due();
            return;
        }
        let of_both = self.past.players().filter(|(_, last)| clubs.contains(&&last.club));
        self.due.extend(of_both.map(|(player, _)| player.clone()));
    }

    /// Earlier games.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        Counts {
            left_out: self.counts.left_out + self.past.left_out(),
            ..self.counts
        }
    }

    /// What became of models so far.
    pub fn model_counts(&self) -> ModelCounts {
        self.models.counts()
    }

    /// Looks for other versions of the models. Whether one serves from here on, or the same anew: then all seasons are
    /// computed anew. Another version is not judged by what the one before it said.
    pub fn look_for_models(&mut self, versions: &mut Versions, now: Now) -> bool {
        let before = Task::ALL.map(|task| self.models.held(task).map(|held| held.manifest.clone()));
        let is_new = versions.look(&mut self.models, now.wall_us);
        for (task, before) in Task::ALL.into_iter().zip(&before) {
            if self.models.held(task).map(|held| &held.manifest) != before.as_ref() {
                self.forget_judgement(task);
            }
        }
        if is_new {
            self.club_said.clear();
            self.all_due();
        }
        self.show_models();
        is_new
    }

    /// Forgets how a task's model did, and what it said that is still to be judged.
    fn forget_judgement(&mut self, task: Task) {
        match task {
            Task::Points => {
                self.picks = Default::default();
                self.games.values_mut().for_each(|watched| watched.said = Default::default());
            }
            Task::Season => {
                self.season_pick = Pick::default();
                self.season_said.clear();
            }
            Task::Club => {}
        }
        self.show_picks();
    }

    /// How the models are.
    pub fn models(&self) -> Vec<ModelInfo> {
        self.models.list()
    }

    /// Shows that in the table.
    pub fn show_models(&self) {
        self.table.set_models(self.models());
    }

    /// Takes in all earlier games at once, in place of those that are known.
    pub fn know(&mut self, past: Past) {
        let before = std::mem::replace(&mut self.past, past);
        self.counts.left_out += before.left_out();
        let gone = before.players().map(|(player, _)| player).filter(|player| !self.past.knows(player));
        let gone: Vec<PlayerId> = gone.cloned().collect();
        self.forget_seasons(&gone);
        self.club_said.clear();
        self.all_due();
    }

    fn all_due(&mut self) {
        self.unanswered.clear();
        self.due.extend(self.past.players().map(|(player, _)| player.clone()));
    }

    fn show_picks(&self) {
        let version = |task| self.models.held(task).map(|held| held.manifest.number.to_string());
        let judged = |name, task, pick| Horizon {
            name,
            version: version(task),
            pick,
        };
        let names = ["kickoff", "quarter_1", "quarter_2", "quarter_3"].into_iter();
        let of_game = names.zip(self.picks).map(|(name, pick)| judged(name, Task::Points, pick));
        let of_season = judged("season", Task::Season, self.season_pick);
        self.table.set_picks(of_game.chain([of_season]).collect());
    }
}
