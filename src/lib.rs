//! Scorewire.
#![cfg_attr(test, allow(clippy::unwrap_used))]
pub mod clock;
pub mod command;
pub mod config;
pub mod engine;
pub mod fanout;
pub mod feed;
pub mod model;
pub mod pipeline;
pub mod scoring;
pub mod server;
pub mod source;
pub mod state;
pub mod telemetry;
pub mod wire;
