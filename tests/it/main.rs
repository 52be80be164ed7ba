//! Integration tests: one binary, a module each.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod chance;
mod client;
mod corrections;
mod frames;
mod oracle;
mod plan;
mod properties;
mod recorded_truth;
mod replay_clients;
mod sim;
mod stalled;
mod support;
mod view;
mod world;
