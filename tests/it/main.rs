//! Integration tests: one binary, a module each.

mod chance;
mod client;
mod docs_sync;
mod frames;
mod golden;
mod oracle;
mod plan;
mod properties;
mod repository;
mod rust_text;
mod sim;
mod tidy;
mod view;
mod world;
