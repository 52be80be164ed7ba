//! What has happened: one [`Game`] per game, changed by one thread, read by anyone.
//!
//! Owns stat lines and each game's clock, situation and score; turns an admitted event into a
//! [`crate::model::Change`]. Never computes points (see `scoring`), knows no topic and no client,
//! reads no clock. Bounded by the sequencer's plays per game and by `players_max` here.

pub mod cards;
pub mod credit;
pub mod game;

pub use cards::Cards;
pub use game::{Game, PlayerSlot};

#[cfg(test)]
mod tests;
