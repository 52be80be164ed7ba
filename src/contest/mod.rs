//! Contests: entries that compete by their players' points.

pub mod simulate;
