//! A cluster's handles.

use super::table::{CLUSTER_CONNECTED, CLUSTER_LATE, CLUSTER_LEASE_CHANGES, CLUSTER_OWNED, CLUSTER_RECORDS};
use super::{counter, gauge};
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
