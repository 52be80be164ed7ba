//! From a stat line to fantasy points, by rulesets that are data.
//!
//! Owns the shape of a ruleset file ([`mod@file`]), the checks that turn one into something that can
//! score ([`compile`]), the scoring itself ([`compiled`]) and the set of rulesets a server knows
//! ([`registry`]). Never sees a play, a topic or a client, and reads no file but the rulesets it is
//! pointed at, at start. Scoring is a pure function of the stat line and the player's position; it
//! uses no float and allocates nothing.
//! Bounded: [`registry::RULESETS_MAX`] rulesets of at most [`file::FILE_BYTES_MAX`] bytes and
//! [`compile::RULES_MAX`] rules each, every amount within [`compile::POINTS_ABS_MAX`].

pub mod compile;
pub mod compiled;
pub mod file;
pub mod registry;

#[cfg(test)]
mod tests;

pub use compiled::{PositionIndex, Ruleset};
pub use registry::{RulesetIndex, Rulesets};

use std::path::PathBuf;

/// Why rulesets could not be loaded. Every one of them stops the start: a person has to mend a file.
#[derive(Debug, thiserror::Error)]
pub enum RulesetError {
    /// A file or folder could not be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file is not a ruleset: not TOML, an unknown key, an unknown stat, a contradiction.
    #[error("{file}: {at}: {problem}")]
    Invalid {
        /// The file, as it was named.
        file: String,
        /// The key (`weights.passing_yards`) or line in it.
        at: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// The name of a file cannot be the name of a ruleset.
    #[error("{file}: `{name}` cannot name a ruleset: 1 to 64 printable ASCII characters, none of space , \" \\ / < > &")]
    Name {
        /// The file.
        file: String,
        /// The name that it would have.
        name: String,
    },
    /// More rulesets than [`registry::RULESETS_MAX`].
    #[error("{count} rulesets, but at most {max} can be loaded")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
}
