//! What the models of coming games are told of a player and of a club: as `training/scorewire_training/season.py`.

use super::calendar::REGULAR_WEEKS;
use super::features::{Form, Row, mean, mean_of, past_shares, rule_names};
use super::line::{COLUMNS, ROLE};
use super::past::{ClubGame, GAMES, NEAR, PLAYS, PastGame};
use super::rules::Rules;

/// Features of a player.
pub const FEATURES: usize = 64;
/// Features of a club.
pub const CLUB_FEATURES: usize = 23;

/// A moment between two weeks of a regular season.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Between {
    /// The season.
    pub season: i16,
    /// Weeks of it that are over, 0–16.
    pub weeks_over: u8,
}

impl Between {
    /// Weeks to come.
    pub fn weeks_left(&self) -> u8 {
        REGULAR_WEEKS.saturating_sub(self.weeks_over)
    }
}

/// A club then.
pub struct ClubForm<'a> {
    /// Its games, the newest first.
    pub games: &'a [&'a ClubGame],
    /// How many of them are of this season.
    pub season_games: usize,
}

/// A player then.
pub struct PlayerForm<'a> {
    /// His games, the newest first.
    pub past: &'a [&'a PastGame],
    /// Games of his club since his last, at most [`GAMES`].
    pub since: usize,
    /// His club.
    pub club: ClubForm<'a>,
}

/// Adds a player's features to `out`.
pub fn put(at: Between, player: &PlayerForm<'_>, rules: &Rules, out: &mut Vec<f32>) {
    let mut row = Row(std::mem::take(out));
    let past = &player.past[..player.past.len().min(GAMES)];
    let form = Form::of(past, rules);
    let season_games = past.iter().filter(|game| game.when.season == at.season).count();
    row.all(rules.told());
    row.put(at.weeks_left().into());
    row.put(past.len() as f64);
    row.put(season_games as f64);
    row.put(player.since as f64);
    row.put(player.club.season_games.saturating_sub(season_games) as f64);
    row.all([form.mean(NEAR), form.mean(GAMES), form.mean(3)]);
    row.put(form.points.first().copied().unwrap_or(0.0));
    // Among games that are not known there is one of no points, but with all sixteen there is none.
    let least = if past.len() < GAMES { 0.0 } else { f64::NEG_INFINITY };
    row.put(form.points.iter().copied().fold(least, f64::max));
    row.put(form.deviation());
    row.put(if season_games > 0 { form.mean(season_games) } else { 0.0 });
    row.all((0..COLUMNS.len()).map(|column| mean_of(past, column, NEAR)));
    for column in ROLE {
        row.all([mean_of(past, column, 3), mean_of(past, column, GAMES)]);
    }
    row.all(past_shares(past));
    put_club_form(&player.club, &mut row);
    *out = row.0;
}

/// Adds a club's features to `out`.
pub fn put_club(at: Between, club: &ClubForm<'_>, out: &mut Vec<f32>) {
    let mut row = Row(std::mem::take(out));
    row.put(at.weeks_left().into());
    put_club_form(club, &mut row);
    *out = row.0;
}

/// A club's last games and plays; zeros where nothing is known.
fn put_club_form(club: &ClubForm<'_>, row: &mut Row) {
    let games = &club.games[..club.games.len().min(GAMES)];
    let had = |sum: usize, last: usize| mean(games.iter().map(|game| f64::from(game.had[sum])), last, games.len());
    let allowed = |last: usize| mean(games.iter().map(|game| f64::from(game.allowed[0])), last, games.len());
    row.put(games.len() as f64);
    row.put(club.season_games as f64);
    row.all((0..8).map(|sum| had(sum, NEAR)));
    row.all([had(0, GAMES), had(0, 3), allowed(NEAR), allowed(GAMES)]);
    let plays = last_plays(club.games);
    row.put(plays[0].min(PLAYS));
    row.all(plays[1..].iter().map(|sum| sum / plays[0].max(1.0)));
}

/// Sums over the newest games until there are [`PLAYS`] plays.
fn last_plays(games: &[&ClubGame]) -> [f64; 8] {
    let mut sums = [0.0; 8];
    for game in games {
        if sums[0] >= PLAYS {
            break;
        }
        for (sum, of_game) in sums.iter_mut().zip(game.plays) {
            *sum += f64::from(of_game);
        }
    }
    sums
}

/// The names of a player's features, in order.
pub fn names() -> Vec<String> {
    let mut names = rule_names();
    let mut put = |prefix: &str, of: &[&str]| names.extend(of.iter().map(|name| format!("{prefix}{name}")));
    let role = ROLE.map(|column| COLUMNS[column].0);
    put("", &["weeks_left", "games", "games_season", "since", "missed_season"]);
    put("past_points", &["", "_16", "_3", "_1", "_max", "_sd", "_season"]);
    put("past_", &COLUMNS.map(|(name, _)| name));
    for name in role {
        put("past_", &[&format!("{name}_3"), &format!("{name}_16")]);
    }
    put("past_share_", &role);
    put("", &CLUB_NAMES);
    names
}

/// The names of a club's features, in order.
pub fn club_names() -> Vec<String> {
    ["weeks_left"].into_iter().chain(CLUB_NAMES).map(str::to_owned).collect()
}

const CLUB_NAMES: [&str; CLUB_FEATURES - 1] = [
    "club_games",
    "club_season",
    "club_points",
    "club_pass_att",
    "club_rush_att",
    "club_rec",
    "club_pass_yds",
    "club_rush_yds",
    "club_pass_td",
    "club_rush_td",
    "club_points_16",
    "club_points_3",
    "club_allowed_points",
    "club_allowed_points_16",
    "plays",
    "plays_passes",
    "plays_yards",
    "plays_successes",
    "plays_turnovers",
    "plays_touchdowns",
    "plays_shotgun",
    "plays_first_downs",
];
