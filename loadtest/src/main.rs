//! Load test for Scorewire.
fn main() {}
