//! The shape of a ruleset file, as people write it.
//!
//! Owns the TOML keys and nothing of their meaning: [`super::compile`] checks them. Unknown keys are
//! refused. Bounded by [`FILE_BYTES_MAX`].
//!
//! An amount of points is a TOML integer, float or string. A float is read by the shortest decimal
//! that stands for it, which is the one that was typed (`0.04` is 400/10,000, not the binary fraction
//! near it); more than four decimals are refused, never rounded.

use super::RulesetError;
use crate::model::Points;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use toml::value::Datetime;

/// Longest ruleset file, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1024;

/// An amount of points, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Points);

/// One ruleset as it is written. Its name is the name of its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesetFile {
    /// Name for people.
    pub title: String,
    /// What it covers and what it leaves out.
    #[serde(default)]
    pub description: String,
    /// Where the rules are published. Comes together with `read_on`.
    pub source: Option<String>,
    /// The day they were read there.
    pub read_on: Option<Datetime>,
    /// Points for one of a stat.
    #[serde(default)]
    pub weights: BTreeMap<String, Amount>,
    /// Points for every so many of a stat.
    #[serde(default)]
    pub per: Vec<Per>,
    /// Bonuses.
    #[serde(default)]
    pub threshold: Vec<Threshold>,
    /// Points by the range in which a stat lies.
    #[serde(default)]
    pub tier: Vec<Tier>,
    /// Points for a field goal by its distance.
    #[serde(default)]
    pub field_goals: Vec<Row>,
    /// What players of a position are paid instead.
    #[serde(default)]
    pub positions: BTreeMap<String, Position>,
}

/// `[[per]]`: "1 point per 25 yards".
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Per {
    /// Of which stat.
    pub stat: String,
    /// How many make one step.
    pub every: i32,
    /// Points for each step.
    pub points: Amount,
    /// What happens to a step that is not complete.
    pub rounding: Rounding,
}

/// What a part of a step is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Nothing, in either direction: 49 yards are one step of 25, and so are -49 one step lost; -24
    /// cost nothing. Leagues without fractional points score whole steps gained or lost.
    Down,
    /// Nothing, and a step begun downwards is lost in full: -1 yard costs a step. For the rare league
    /// that rounds to the lower whole number.
    Floor,
    /// Its share, which has to fit in four decimals: then it is a weight, written as people say it.
    None,
}

/// `[[threshold]]`: a bonus, once a game. Each one that is reached pays, so a second threshold on the
/// same stat pays on top of the first; it is taken back when a correction brings the stat below.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Of which stat.
    pub stat: String,
    /// How many earn it.
    pub at_least: i32,
    /// What it pays.
    pub points: Amount,
}

/// `[[tier]]`: exactly one of the rows pays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Of which stat.
    pub stat: String,
    /// The ranges, in order, without gap or overlap, from 0 (or below) up; the last has no `to`.
    pub rows: Vec<Row>,
}

/// A range, both ends included, and what it pays.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// First value in it.
    pub from: i32,
    /// Last value in it; absent in the last row.
    pub to: Option<i32>,
    /// What it pays.
    pub points: Amount,
}

/// `[positions.TE]`: what differs for players of a position. `DST` is every team defence.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Weights that stand in place of the common ones. Bonuses, tiers and steps are for everybody.
    pub weights: BTreeMap<String, Amount>,
}

impl RulesetFile {
    /// Reads `text`; `file` names it in errors.
    ///
    /// # Errors
    /// [`RulesetError::Invalid`] with the line, for what is not TOML, an unknown or missing key, or
    /// an amount that is not exact.
    pub fn parse(file: &str, text: &str) -> Result<RulesetFile, RulesetError> {
        let invalid = |at: String, problem: String| RulesetError::Invalid {
            file: file.to_owned(),
            at,
            problem,
        };
        if text.len() > FILE_BYTES_MAX {
            return Err(invalid(
                "size".into(),
                format!("{} bytes; at most {FILE_BYTES_MAX} are read", text.len()),
            ));
        }
        toml::from_str(text).map_err(|error| {
            let upto = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..upto].iter().filter(|b| **b == b'\n').count();
            let problem: Vec<&str> = error.message().lines().map(str::trim).collect();
            invalid(format!("line {line}"), problem.join("; "))
        })
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        struct AmountVisitor;

        impl Visitor<'_> for AmountVisitor {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("points, such as 6, 0.04 or \"0.04\"")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Amount, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Amount, E> {
                // `Display` writes the shortest decimal that reads back as `value`, never an exponent.
                self.visit_str(&value.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                Points::parse(text)
                    .map(Amount)
                    .ok_or_else(|| E::custom(format!("`{text}` is no exact amount of points: a decimal with at most 4 places")))
            }
        }

        deserializer.deserialize_any(AmountVisitor)
    }
}
