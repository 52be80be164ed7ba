//! Integration tests: one binary, a module each.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod docs_sync;
mod repository;
mod rust_text;
mod tidy;
