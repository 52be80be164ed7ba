//! The same draws on a GPU.
pub mod flat;
