//! Integration tests: one binary, a module each.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod bad_frames;
mod bad_http;
mod bad_input;
mod bad_start;
mod hostile;
mod stopping;
