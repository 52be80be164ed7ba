//! Where events come from.

pub mod simulator;
