//! What models of points are asked, and how their answers look.

use super::{features, season};

/// What a model is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// A player's points to come in this game.
    Points,
    /// A player's points in the coming games of a season.
    Season,
    /// A club's points in the coming games of a season.
    Club,
}

/// A middle, a low and a high end.
const THREE: [&str; 3] = ["median", "low", "high"];
const SIX: [&str; 6] = [
    "per_game_median",
    "per_game_low",
    "per_game_high",
    "total_a_week_median",
    "total_a_week_low",
    "total_a_week_high",
];

impl Task {
    /// All of them, by their place.
    pub const ALL: [Task; 3] = [Task::Points, Task::Season, Task::Club];

    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Task::Points => "points",
            Task::Season => "season",
            Task::Club => "season_team",
        }
    }

    /// The names of its features, in order.
    pub fn features(self) -> Vec<String> {
        match self {
            Task::Points => features::names(),
            Task::Season => season::names(),
            Task::Club => season::club_names(),
        }
    }

    /// What an answer has, in order: for each thing asked a middle, a low and a high end.
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Task::Season => &SIX,
            Task::Points | Task::Club => &THREE,
        }
    }

    /// Values of an answer.
    pub fn width(self) -> usize {
        self.classes().len()
    }

    /// The name of its output.
    pub(super) fn output(self) -> &'static str {
        match self {
            Task::Points => "remaining",
            Task::Season => "coming",
            Task::Club => "per_game",
        }
    }

    /// Whether it is told of a ruleset.
    pub(super) fn knows_rules(self) -> bool {
        !matches!(self, Task::Club)
    }
}
