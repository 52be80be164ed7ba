//! What has happened: one [`Game`] per game, changed by one thread, read by anyone.
//!
//! ```text
//! event ─ game ─┬─ roster  who is in it: slots, teams
//!               ├─ credit  what a play's records add up to
//!               ├─ items   plays and snaps that stand; the latest clock, situation, score
//!               └─▶ Change (totals after, differences, why)
//! ```
//!
//! Owns stat lines and each game's clock, situation and score; turns an admitted event into a
//! [`crate::model::Change`]. Never computes points (see `scoring`), knows no topic and no client,
//! reads no clock. Bounded by the sequencer's plays per game and by `players_max` here.

pub mod cards;
mod credit;
pub mod game;
mod gist;
mod items;
mod roster;

pub use cards::Cards;
pub use game::Game;
pub use roster::PlayerSlot;

#[cfg(test)]
mod tests;
