//! Scorewire.
#![cfg_attr(test, allow(clippy::unwrap_used))]
pub mod fanout;
pub mod feed;
pub mod model;
pub mod scoring;
pub mod state;
pub mod wire;
