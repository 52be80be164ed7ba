//! A made-up football Sunday that behaves like the real feed: same lines, same mixes, same defects.
//!
//! Owns a seeded, deterministic source of [`crate::model::Event`]s for the demo, tests, benches and
//! load. Never reads a clock, sleeps, sends or uses floats: it says when events are due, the caller
//! paces them. Bounded by the slate: at most [`GAMES_MAX`] games, played out in memory when made
//! (some 7,000 events).
//!
//! ```text
//! coach (which play) ─> scrimmage, kicks (what happened, stat records) ─> game (clock, drives, score)
//!   ─> lines (events) ─> trouble (corrections, repeats, gaps) ─> slate (games merged by due time)
//! ```
//!
//! All names are invented; team abbreviations are the usual ones. The odds are those of recorded
//! games, and a test holds the resulting mixes to what was measured.

mod coach;
mod game;
mod kicks;
mod lines;
mod play;
mod rng;
mod roster;
mod scrimmage;
mod slate;
mod tables;
mod trouble;

#[cfg(test)]
mod statistics;
#[cfg(test)]
mod tests;

pub(crate) use rng::Rng;
pub use slate::{GAMES_MAX, Options, Simulator, Step, distinct_plays};
pub use trouble::Trouble;
