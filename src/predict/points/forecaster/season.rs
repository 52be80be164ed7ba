//! Players' coming games.
//!
//! The moment follows the games that are known, not a clock: a week is over for a club that has played it, and
//! for everybody once two games of later ones are known. So a server that is told an old season forecasts that one,
//! and one game whose kickoff is wrong moves its own clubs alone.

use super::Forecaster;
use super::game::{SPREAD, expected};
use crate::model::prediction::Source;
use crate::model::{Now, PlayerId, Team};
use crate::predict::points::calendar::{REGULAR_WEEKS, When};
use crate::predict::points::features::Form;
use crate::predict::points::past::{GAMES, NEAR, Past};
use crate::predict::points::pick::Arm;
use crate::predict::points::projections::SeasonProjection;
use crate::predict::points::season::{self, Between, ClubForm, PlayerForm};
use crate::predict::points::task::Task;

/// After every game.
const EVER: When = When {
    season: i16::MAX,
    week: u8::MAX,
};

/// Of a regular season's weeks each club has one without a game.
const GAMES_A_WEEK: f64 = 16.0 / 17.0;

/// Clubs' questions.
#[derive(Default)]
struct Clubs {
    names: Vec<Team>,
    rows: Vec<f32>,
}

/// One player's question.
struct Asked {
    player: PlayerId,
    club: Team,
    at: Between,
    games: usize,
    /// The mean of his last games, and its low and high end.
    baseline: [f64; 3],
}

impl Forecaster {
    /// Computes the seasons of at most so many players that are due. Returns whether more are. Who had no answer is
    /// told the baseline, and is due again once all others were told and no model is left alone.
    pub fn seasons(&mut self, now: Now, players_max: usize) -> bool {
        self.models.turn(now.steady_us);
        if self.due.is_empty() && ![Task::Season, Task::Club].iter().any(|task| self.models.rests(*task)) {
            self.due.append(&mut self.unanswered);
        }
        let (mut asked, mut rows, mut clubs) = (Vec::new(), Vec::new(), Clubs::default());
        let mut gone = Vec::new();
        while asked.len() < players_max
            && let Some(player) = self.due.pop_first()
        {
            match self.ask(&player, &mut rows, &mut clubs) {
                Some(one) => asked.push(one),
                None => gone.push(player),
            }
        }
        self.forget_seasons(&gone);
        if asked.is_empty() {
            return !self.due.is_empty();
        }
        let fits = self.rules.fits(&self.models.ranges(Task::Season));
        let answers = if fits { self.models.run(Task::Season, &rows) } else { None };
        self.ask_clubs(clubs);
        // Where no model serves, or none of such a ruleset, there is nobody to be asked again.
        let is_silent = fits && answers.is_none() && self.models.held(Task::Season).is_some();
        let has_clubs = self.models.held(Task::Club).is_some();
        let leads = self.season_pick.leader() == Arm::Model;
        let mut told = Vec::with_capacity(asked.len());
        for (place, asked) in asked.into_iter().enumerate() {
            let of_model = answers.as_ref().map(|(source, answers)| {
                let width = Task::Season.width();
                let answer: [f64; 6] = std::array::from_fn(|at| f64::from(answers[place * width + at]));
                let [middle, low, high, total @ ..] = answer;
                (source, [middle, low, high], total)
            });
            if let Some((_, [middle, ..], _)) = of_model {
                self.season_said.insert(asked.player.clone(), [middle, asked.baseline[0]]);
            } else {
                self.season_said.remove(&asked.player);
            }
            let weeks = f64::from(asked.at.weeks_left());
            let (source, per_game, a_week) = match of_model.filter(|_| leads) {
                Some((source, per_game, a_week)) => (source.clone(), per_game, a_week),
                None => (
                    Source::Historical,
                    asked.baseline,
                    asked.baseline.map(|points| points * GAMES_A_WEEK),
                ),
            };
            let club = self.club_said.get(&asked.club).map(|said| (asked.club, *said));
            if is_silent || has_clubs && club.is_none() {
                self.unanswered.insert(asked.player.clone());
            }
            let projection = SeasonProjection {
                season: asked.at.season,
                weeks_left: asked.at.weeks_left(),
                games: asked.games,
                per_game: expected(per_game),
                total: expected(a_week.map(|points| points * weeks)),
                club,
                source,
                computed_us: now.wall_us,
            };
            told.push((asked.player, projection));
        }
        self.counts.left_out += self.table.set_season(told);
        !self.due.is_empty()
    }

    /// Has the model say what clubs will score.
    fn ask_clubs(&mut self, clubs: Clubs) {
        if clubs.names.is_empty() {
            return;
        }
        let Some((_, answers)) = self.models.run(Task::Club, &clubs.rows) else {
            return;
        };
        for (club, answer) in clubs.names.into_iter().zip(answers.chunks_exact(Task::Club.width())) {
            let said = expected(std::array::from_fn(|at| f64::from(answer[at])));
            self.club_said.insert(club, said);
        }
    }

    /// Adds a player's features to `rows`, and his club's to `clubs` where nothing is said of it yet. Nothing of one
    /// who has not played in this season or the one before.
    fn ask(&self, player: &PlayerId, rows: &mut Vec<f32>, clubs: &mut Clubs) -> Option<Asked> {
        let past = self.past.of(player, EVER);
        let last = past.first()?;
        let games = self.past.of_club(&last.club, EVER);
        let at = between(&self.past, games.first().map(|game| game.when))?;
        if last.when.season < at.season - 1 {
            return None;
        }
        let form = PlayerForm {
            past: &past,
            since: games.iter().filter(|game| game.when > last.when).count().min(GAMES),
            club: ClubForm {
                games: &games,
                season_games: games.iter().filter(|game| game.when.season == at.season).count(),
            },
        };
        season::put(at, &form, &self.rules, rows);
        if !self.club_said.contains_key(&last.club) && !clubs.names.contains(&last.club) {
            season::put_club(at, &form.club, &mut clubs.rows);
            clubs.names.push(last.club.clone());
        }
        let points = Form::of(&past, &self.rules);
        let (middle, spread) = (points.mean(NEAR), SPREAD * points.deviation());
        Some(Asked {
            at,
            club: last.club.clone(),
            games: past.len(),
            baseline: [middle, middle - spread, middle + spread],
            player: player.clone(),
        })
    }
}

/// The moment of a club that has played last in that week.
fn between(past: &Past, played: Option<When>) -> Option<Between> {
    let latest = past.latest()?;
    let of_all = (latest.season, latest.week - 1);
    let of_club = played.map(|played| (played.season, played.week));
    let (season, weeks_over) = of_club.map_or(of_all, |of_club| of_club.max(of_all));
    Some(match weeks_over >= REGULAR_WEEKS {
        true => Between {
            season: season.saturating_add(1),
            weeks_over: 0,
        },
        false => Between { season, weeks_over },
    })
}
