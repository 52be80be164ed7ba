//! The handles of players' points: forecasts, what they are made from, and what did not fit.

use super::RegistryMetrics;
use super::table::*;
use super::{counter, counter_with, gauge};
use metrics::{Counter, Gauge};

/// The handles.
pub struct PointsMetrics {
    /// Forecasts of a game's players that a model made.
    pub by_model: Counter,
    /// Those that the baseline made.
    pub by_baseline: Counter,
    /// The models, beside those of plays.
    pub models: RegistryMetrics,
    /// Games and players for which there was no room, and players' games that were not kept.
    pub left_out: Counter,
    /// Players of whom earlier games are known.
    pub players: Gauge,
    /// 1 while the thread runs.
    pub running: Gauge,
}

impl PointsMetrics {
    /// Finds the handles.
    pub fn new() -> PointsMetrics {
        let by = |source| counter_with(&POINTS_FORECASTS, "source", source);
        PointsMetrics {
            by_model: by("model"),
            by_baseline: by("historical"),
            models: RegistryMetrics::new(),
            left_out: counter(&POINTS_LEFT_OUT),
            players: gauge(&POINTS_PLAYERS),
            running: gauge(&POINTS_RUNNING),
        }
    }
}

impl Default for PointsMetrics {
    fn default() -> Self {
        Self::new()
    }
}
