//! Integration tests: one binary, a module each.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod corrections;
mod recorded_truth;
mod replay_clients;
mod stalled;
mod support;
