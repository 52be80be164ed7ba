//! A cluster's handles.

use super::table::{
    CLUSTER_BASES, CLUSTER_CONNECTED, CLUSTER_LATE, CLUSTER_LEASE_CHANGES, CLUSTER_OWNED, CLUSTER_RECORDS, CLUSTER_SINCE_BASE,
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
    /// Of what new nodes begin with.
    pub bases: BaseMetrics,
}

/// Bases of partitions.
#[derive(Clone)]
pub struct BaseMetrics {
    /// Made.
    pub made: Counter,
    /// Those that could not be.
    pub failed: Counter,
    /// Records that none covers.
    pub behind: Gauge,
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
            bases: BaseMetrics {
                made: counter_with(&CLUSTER_BASES, "result", "made"),
                failed: counter_with(&CLUSTER_BASES, "result", "failed"),
                behind: gauge(&CLUSTER_SINCE_BASE),
            },
        }
    }
}

impl Default for ClusterMetrics {
    fn default() -> Self {
        Self::new()
    }
}
