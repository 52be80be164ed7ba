//! Integration tests: one binary, a module each.

mod chance;
mod client;
mod frames;
mod golden;
mod oracle;
mod plan;
mod properties;
mod sim;
mod view;
mod world;
