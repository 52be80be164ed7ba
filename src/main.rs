//! Scorewire.
fn main() {}
