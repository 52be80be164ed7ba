//! Integration tests: one binary, a module each.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod chance;
mod client;
mod corrections;
mod drain;
mod feeds;
mod frames;
mod oracle;
mod plain_http;
mod plan;
mod properties;
mod recorded_truth;
mod replay_clients;
mod sim;
mod stalled;
mod subscriptions;
mod support;
mod view;
mod world;
