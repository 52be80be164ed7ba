//! Lineups.
mod bound;
pub mod problem;
pub mod rules;
pub mod search;
mod shape;
