//! Lineups.
mod bound;
pub mod chance;
pub mod portfolio;
pub mod problem;
pub mod rules;
pub mod search;
mod shape;
#[cfg(test)]
mod tests;
