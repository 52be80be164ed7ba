//! What the model of a player's final points is told at a moment: as `training/scorewire_training/points.py`.
//!
//! Pure; computed in double precision and told in single, as there.

use super::calendar::When;
use super::line::{COLUMNS, Line, REC, REC_YDS, ROLE, RUSH_YDS};
use super::past::{GAMES, NEAR, PastGame};
use super::rules::{self, Rules};
use crate::model::Team;

/// Features of a moment, in the order of the golden file's names.
pub const FEATURES: usize = 79;

/// Quarter ends at which the model can be asked: the kickoff and those of quarters 1–3.
pub const MOMENTS: u8 = 4;

/// A player at a quarter's end.
pub struct AtEnd<'a> {
    /// Quarters over, 0–3.
    pub quarter: u8,
    /// The game's week.
    pub when: When,
    /// His club.
    pub club: &'a Team,
    /// Whether it plays at home.
    pub at_home: bool,
    /// What he has done.
    pub line: Line,
    /// What he had done at the quarter's end before.
    pub before: Line,
    /// What all of his club have done.
    pub club_line: Line,
    /// His club's points and its opponent's.
    pub score: [u16; 2],
    /// His earlier games, the newest first.
    pub past: &'a [&'a PastGame],
}

/// Values one after the other; how many they are is held by a test.
pub(super) struct Row(pub(super) Vec<f32>);

impl Row {
    pub(super) fn put(&mut self, value: f64) {
        self.0.push(value as f32);
    }

    pub(super) fn all(&mut self, values: impl IntoIterator<Item = f64>) {
        self.0.extend(values.into_iter().map(|value| value as f32));
    }
}

/// What a player's past comes to under a ruleset.
pub(super) struct Form {
    /// Points of each game, the newest first.
    pub(super) points: Vec<f64>,
    /// Games that are known, at most [`GAMES`].
    pub(super) games: usize,
}

impl Form {
    pub(super) fn of(past: &[&PastGame], rules: &Rules) -> Form {
        let points: Vec<f64> = past.iter().take(GAMES).map(|game| rules.points(&game.line)).collect();
        Form {
            games: points.len(),
            points,
        }
    }

    /// The mean of the last so many games, of those that are known; 0 where none is.
    pub(super) fn mean(&self, last: usize) -> f64 {
        mean(self.points.iter().copied(), last, self.games)
    }

    /// How far the last games were from their mean.
    pub(super) fn deviation(&self) -> f64 {
        let middle = self.mean(NEAR);
        mean(self.points.iter().map(|points| (points - middle).powi(2)), NEAR, self.games).sqrt()
    }
}

/// The mean of a number over a player's last games.
pub(super) fn mean(values: impl Iterator<Item = f64>, last: usize, games: usize) -> f64 {
    values.take(last).sum::<f64>() / games.clamp(1, last) as f64
}

/// The mean of one counter over the last games.
pub(super) fn mean_of(past: &[&PastGame], column: usize, last: usize) -> f64 {
    mean(past.iter().map(|game| game.line.get(column)), last, past.len())
}

/// A part of a whole; 0 of nothing.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole.max(1.0) } else { 0.0 }
}

/// A player's part in his club over the last games: of passes thrown, runs, catches.
pub(super) fn past_shares(past: &[&PastGame]) -> [f64; ROLE.len()] {
    std::array::from_fn(|place| {
        let near = || past.iter().take(NEAR);
        let own: f64 = near().map(|game| game.line.get(ROLE[place])).sum();
        let whole: f64 = near().map(|game| f64::from(game.club_role[place])).sum();
        share(own, whole)
    })
}

/// Adds the features of a moment to `out`.
pub fn put(at: &AtEnd<'_>, rules: &Rules, out: &mut Vec<f32>) {
    let mut row = Row(std::mem::take(out));
    row.all(rules.told());
    const _: () = assert!(rules::FEATURES == 7, "the first features are the ruleset's");
    row.all((0..MOMENTS).map(|quarter| f64::from(u8::from(quarter == at.quarter))));
    row.put(at.when.week.into());
    row.put(u8::from(at.at_home).into());
    let [own, other] = at.score.map(f64::from);
    row.all([own, other, own - other]);
    put_game(at, rules, &mut row);
    put_past(at, rules, &mut row);
    *out = row.0;
}

/// The line so far, and what of it came since the quarter's end before.
fn put_game(at: &AtEnd<'_>, rules: &Rules, row: &mut Row) {
    row.put(rules.points(&at.line));
    row.all((0..COLUMNS.len()).map(|column| at.line.get(column)));
    row.all(ROLE.map(|column| at.line.get(column) - at.before.get(column)));
    row.all(ROLE.map(|column| at.club_line.get(column)));
    row.all(ROLE.map(|column| share(at.line.get(column), at.club_line.get(column))));
    row.put(at.line.get(RUSH_YDS) + at.line.get(REC_YDS));
}

/// His last games.
fn put_past(at: &AtEnd<'_>, rules: &Rules, row: &mut Row) {
    let past = &at.past[..at.past.len().min(GAMES)];
    let near = &past[..past.len().min(NEAR)];
    let form = Form::of(past, rules);
    let in_season = || near.iter().filter(|game| game.when.season == at.when.season);
    let weeks_away = in_season()
        .next()
        .map_or(0, |last| (i16::from(at.when.week) - i16::from(last.when.week) - 1).max(0));
    row.put(past.len() as f64);
    row.put(in_season().count() as f64);
    row.put(near.iter().filter(|game| game.club == *at.club).count() as f64);
    row.put(weeks_away.into());
    row.all([form.mean(NEAR), form.mean(3)]);
    row.put(form.points.first().copied().unwrap_or(0.0));
    row.put(form.mean(GAMES));
    row.put(form.deviation());
    row.put(form.mean(NEAR) * (1.0 - f64::from(at.quarter) / f64::from(MOMENTS)));
    row.all((0..COLUMNS.len()).map(|column| mean_of(past, column, NEAR)));
    let [pass_att, rush_att, rec] = ROLE;
    row.all([pass_att, rush_att, rec, REC_YDS, RUSH_YDS].map(|column| mean_of(past, column, 3)));
    row.all(ROLE.map(|column| mean_of(past, column, 1)));
    row.all(past_shares(past));
    row.all(ROLE.map(|column| mean_of(past, column, GAMES)));
}
const _: () = assert!(REC == ROLE[2]);

/// The features' names, in order.
pub fn names() -> Vec<String> {
    let mut names = rule_names();
    let mut put = |prefix: &str, of: &[&str], suffix: &str| names.extend(of.iter().map(|name| format!("{prefix}{name}{suffix}")));
    let columns = COLUMNS.map(|(name, _)| name);
    let role = ROLE.map(|column| COLUMNS[column].0);
    put("quarter_", &["0", "1", "2", "3"], "");
    put("", &["week", "home", "score", "opp_score", "lead", "points"], "");
    put("line_", &columns, "");
    put("recent_", &role, "");
    put("team_", &role, "");
    put("share_", &role, "");
    put("", &["line_scrimmage_yds", "games", "games_season", "games_club", "weeks_away"], "");
    put("past_points", &["", "_3", "_1", "_16", "_sd"], "");
    put("", &["baseline_rest"], "");
    put("past_", &columns, "");
    put("past_", &role, "_3");
    put("past_", &["rec_yds", "rush_yds"], "_3");
    put("past_", &role, "_1");
    put("past_share_", &role, "");
    put("past_", &role, "_16");
    names
}

/// The names of the features that tell of a ruleset.
pub(super) fn rule_names() -> Vec<String> {
    let of = ["rec", "pass_td", "int", "fumbles_lost", "two_pt", "ret_td", "bonus"];
    of.map(|name| format!("rule_{name}")).to_vec()
}
