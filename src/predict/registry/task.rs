//! What models are asked, and how versions are numbered and found by name.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;
use std::str::FromStr;

/// Most numbers of a version, and most digits of each.
const NUMBERS_MAX: usize = 4;
const DIGITS_MAX: usize = 9;

/// Names of models that are not versions of a task here: forecasts of points, which others load.
pub(super) const ELSEWHERE: [&str; 3] = ["points", "season", "season_team"];

/// What a model is asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Task {
    /// The kind of the coming play, its formation unknown.
    NextPlay,
    /// The same, its formation known.
    NextPlayFormed,
    /// How the drive under way ends.
    Drive,
    /// Whether the team with the ball wins.
    Win,
}

impl Task {
    /// All of them, by their index.
    pub const ALL: [Task; 4] = [Task::NextPlay, Task::NextPlayFormed, Task::Drive, Task::Win];

    /// Its name in manifests, settings and answers.
    pub fn name(self) -> &'static str {
        match self {
            Task::NextPlay => "next_play",
            Task::NextPlayFormed => "next_play_formed",
            Task::Drive => "drive",
            Task::Win => "win",
        }
    }

    /// What a row of answers is about, in the answers' order.
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Task::NextPlay | Task::NextPlayFormed => &["run", "pass", "punt", "field_goal", "other"],
            Task::Drive => &["touchdown", "field_goal", "punt", "turnover", "other"],
            Task::Win => &["loss", "win"],
        }
    }

    /// Its place in [`Task::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether features that tell of the snap's own formation are known when it is asked.
    pub(super) fn knows_formation(self) -> bool {
        self == Task::NextPlayFormed
    }
}

/// The number of a version: one to four numbers with dots between, `2` or `1.10`, compared as numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(SmallVec<[u32; NUMBERS_MAX]>);

/// What is no number of a version.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no version: take a number, or several with dots between, as \"2\" or \"1.10\"")]
pub struct NoNumber(String);

impl FromStr for Number {
    type Err = NoNumber;

    fn from_str(text: &str) -> Result<Number, NoNumber> {
        let one = |part: &str| {
            let is_plain = part == "0" || !part.starts_with('0');
            let is_number = (1..=DIGITS_MAX).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            // So a version has one way to be written.
            (is_number && is_plain).then(|| part.parse().ok()).flatten()
        };
        let numbers: Option<SmallVec<[u32; NUMBERS_MAX]>> = text.split('.').take(NUMBERS_MAX + 1).map(one).collect();
        numbers
            .filter(|numbers| numbers.len() <= NUMBERS_MAX)
            .map(Number)
            .ok_or_else(|| NoNumber(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, number) in self.0.iter().enumerate() {
            let dot = if place > 0 { "." } else { "" };
            write!(out, "{dot}{number}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Number {
    type Error = NoNumber;

    fn try_from(text: String) -> Result<Number, NoNumber> {
        text.parse()
    }
}

impl From<Number> for String {
    fn from(number: Number) -> String {
        number.to_string()
    }
}

/// The name and the version of `NAME-VERSION`; nothing where that is no such name.
pub(in crate::predict) fn parts(stem: &str) -> Option<(&str, Number)> {
    let (name, number) = stem.rsplit_once('-')?;
    Some((name, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers_and_have_one_way_to_be_written() {
        let ordered = ["0", "1", "1.0", "1.2", "1.10", "2", "10", "999999999.0.0.1"];
        for pair in ordered.windows(2) {
            let [low, high] = [pair[0], pair[1]].map(|text| text.parse::<Number>().unwrap());
            assert!(low < high, "{low} {high}");
            assert_eq!((low.to_string(), high.to_string()), (pair[0].to_owned(), pair[1].to_owned()));
        }
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "01",
            "1.00",
            "-1",
            "+1",
            "1a",
            "v1",
            "1.2.3.4.5",
            "1000000000",
            "１",
        ] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_end_with_a_version() {
        assert_eq!(parts("next_play-1.2"), Some(("next_play", "1.2".parse().unwrap())));
        for stem in ["history", "next_play-", "next_play", "next_play-x", "-"] {
            assert_eq!(parts(stem), None, "{stem}");
        }
    }
}
