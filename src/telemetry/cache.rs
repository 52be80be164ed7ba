//! Handles of the cache's metrics.

use super::table::{CACHE_BYTES, CACHE_ENTRIES, CACHE_REQUESTS};
use super::{Metric, gauge_with};
use metrics::{Counter, Gauge};

/// A layer of a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheLayer {
    /// Of this process.
    Memory,
    /// Of the cluster.
    Redis,
    /// Of this machine.
    Disk,
}

/// What becomes of looks into one layer, and what is in it.
#[derive(Clone)]
pub struct CacheLayerMetrics {
    /// It had what was looked for.
    pub hit: Counter,
    /// It had not, or too old.
    pub miss: Counter,
    /// It could not be asked, had rubbish, or could not keep something.
    pub failed: Counter,
    /// Bytes of what it has.
    pub bytes: Gauge,
    /// How many it has.
    pub entries: Gauge,
}

impl CacheLayerMetrics {
    /// Finds the handles.
    pub fn new(layer: CacheLayer) -> CacheLayerMetrics {
        let layer = match layer {
            CacheLayer::Memory => "memory",
            CacheLayer::Redis => "redis",
            CacheLayer::Disk => "disk",
        };
        let level = |metric: &Metric| match layer {
            // How much others keep there is not looked at.
            "redis" => Gauge::noop(),
            layer => gauge_with(metric, "layer", layer),
        };
        CacheLayerMetrics {
            hit: requests(layer, "hit"),
            miss: requests(layer, "miss"),
            failed: requests(layer, "failed"),
            bytes: level(&CACHE_BYTES),
            entries: level(&CACHE_ENTRIES),
        }
    }

    /// Handles that nobody sees.
    pub fn unseen() -> CacheLayerMetrics {
        CacheLayerMetrics {
            hit: Counter::noop(),
            miss: Counter::noop(),
            failed: Counter::noop(),
            bytes: Gauge::noop(),
            entries: Gauge::noop(),
        }
    }
}

#[expect(clippy::disallowed_macros, reason = "handles are made in this module's parent and here")]
fn requests(layer: &'static str, result: &'static str) -> Counter {
    metrics::counter!(CACHE_REQUESTS.name, "layer" => layer, "result" => result)
}
