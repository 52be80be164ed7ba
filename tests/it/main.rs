//! Integration tests: one binary, a module each.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod bad_frames;
mod bad_http;
mod bad_input;
mod bad_start;
mod binary;
mod binary_clients;
mod chance;
mod client;
mod compression;
mod corrections;
mod crash;
mod docs_sync;
mod drain;
mod echo;
mod event_files;
mod feeds;
mod frames;
mod fuzz;
mod golden;
mod hostile;
mod log_command;
mod memory;
mod oracle;
mod plain_http;
mod plan;
mod properties;
mod proto;
mod recorded_truth;
mod replay_clients;

mod repository;
mod rewritten_log;
mod rust_text;
mod sim;
mod stalled;
mod stopping;
mod subscriptions;
mod support;
mod tidy;
mod tls;
mod tls_crowds;
mod tls_reload;
mod two_feeds;
mod view;
mod world;
