//! A cluster's handles.

use super::table::{
    CLUSTER_CLOCK, CLUSTER_CONNECTED, CLUSTER_LATE, CLUSTER_LEASE_CHANGES, CLUSTER_LISTED, CLUSTER_NODES, CLUSTER_OWNED, CLUSTER_RECORDS,
    TIER_REQUESTS,
};
use super::{counter, counter_with, gauge};
use metrics::{Counter, Gauge};

/// What this node is in its cluster.
pub struct ClusterMetrics {
    /// Whether each partition's stream can be read.
    pub connected: Gauge,
    /// Since when it can't, or was not heard of.
    pub late: Gauge,
    /// Partitions that this node owns.
    pub owned: Gauge,
    /// Times that it took or lost one.
    pub lease_changes: Counter,
    /// Records read of all streams.
    pub records: Counter,
}

impl ClusterMetrics {
    /// Finds the handles.
    pub fn new() -> ClusterMetrics {
        ClusterMetrics {
            connected: gauge(&CLUSTER_CONNECTED),
            late: gauge(&CLUSTER_LATE),
            owned: gauge(&CLUSTER_OWNED),
            lease_changes: counter(&CLUSTER_LEASE_CHANGES),
            records: counter(&CLUSTER_RECORDS),
        }
    }
}

impl Default for ClusterMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What this node is among the others.
pub struct NodesMetrics {
    /// How many there are.
    pub nodes: Gauge,
    /// Whether the others know this one.
    pub listed: Gauge,
    /// How far its clock is ahead of Redis'.
    pub clock_offset: Gauge,
}

impl NodesMetrics {
    /// Finds the handles.
    pub fn new() -> NodesMetrics {
        NodesMetrics {
            nodes: gauge(&CLUSTER_NODES),
            listed: gauge(&CLUSTER_LISTED),
            clock_offset: gauge(&CLUSTER_CLOCK),
        }
    }
}

impl Default for NodesMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What became of a question that went up a tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TierResult {
    /// An engine's answer was passed on.
    Answered,
    /// The engine has none either.
    Unknown,
    /// None came in time.
    Late,
    /// The engine failed, or refused.
    Failed,
    /// As many were under way as may.
    Busy,
    /// No engine is known.
    Nobody,
}

/// Counts them.
pub struct TierMetrics([Counter; 6]);

impl TierMetrics {
    /// Finds the handles.
    pub fn new() -> TierMetrics {
        let results = ["answered", "unknown", "late", "failed", "busy", "nobody"];
        TierMetrics(results.map(|result| counter_with(&TIER_REQUESTS, "result", result)))
    }

    /// Counts one.
    pub fn count(&self, result: TierResult) {
        self.0[result as usize].increment(1);
    }
}

impl Default for TierMetrics {
    fn default() -> Self {
        Self::new()
    }
}
