//! A cluster's handles.

use super::table::{
    CLUSTER_BASES, CLUSTER_CLOCK, CLUSTER_CONNECTED, CLUSTER_FEED_LAG, CLUSTER_FEED_LINES, CLUSTER_FEED_WAITING, CLUSTER_LATE,
    CLUSTER_LEASE_CHANGES, CLUSTER_LISTED, CLUSTER_NODES, CLUSTER_OWNED, CLUSTER_PREDICTIONS, CLUSTER_RECORDS, CLUSTER_SINCE_BASE,
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

/// What becomes of predictions between nodes.
pub struct ClusterPredictionMetrics {
    /// Redis has published it for this engine.
    pub published: Counter,
    /// Too many waited to be published.
    pub crowded: Counter,
    /// Its time had passed, or the partition was another engine's, when its turn came.
    pub outdated: Counter,
    /// Redis did not take it.
    pub failed: Counter,
    /// Heard, and shown to this node's clients.
    pub shown: Counter,
    /// Heard when something newer was shown, or after its time.
    pub late: Counter,
    /// Of a game that is not here.
    pub unknown: Counter,
    /// No prediction of an engine.
    pub invalid: Counter,
    /// Memory was short.
    pub shed: Counter,
}

impl ClusterPredictionMetrics {
    /// Finds the handles.
    pub fn new() -> ClusterPredictionMetrics {
        let result = |result| counter_with(&CLUSTER_PREDICTIONS, "result", result);
        ClusterPredictionMetrics {
            published: result("published"),
            crowded: result("crowded"),
            outdated: result("outdated"),
            failed: result("failed"),
            shown: result("shown"),
            late: result("late"),
            unknown: result("unknown"),
            invalid: result("invalid"),
            shed: result("shed"),
        }
    }
}

impl Default for ClusterPredictionMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What becomes of lines that feeds write to Redis.
#[derive(Clone)]
pub struct ClusterFeedMetrics {
    /// They changed something, or may have.
    pub accepted: Counter,
    /// They were known.
    pub duplicate: Counter,
    /// They have no effect.
    pub rejected: Counter,
}

impl ClusterFeedMetrics {
    /// Finds the handles.
    pub fn new() -> ClusterFeedMetrics {
        let outcome = |outcome| counter_with(&CLUSTER_FEED_LINES, "outcome", outcome);
        ClusterFeedMetrics {
            accepted: outcome("accepted"),
            duplicate: outcome("duplicate"),
            rejected: outcome("rejected"),
        }
    }
}

impl Default for ClusterFeedMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// How much of that waits.
pub struct ClusterFeedLevels {
    /// Entries.
    pub waiting: Gauge,
    /// How old the oldest was.
    pub lag: Gauge,
}

impl ClusterFeedLevels {
    /// Finds the handles.
    pub fn new() -> ClusterFeedLevels {
        ClusterFeedLevels {
            waiting: gauge(&CLUSTER_FEED_WAITING),
            lag: gauge(&CLUSTER_FEED_LAG),
        }
    }
}

impl Default for ClusterFeedLevels {
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
    /// One was kept.
    Cached,
    /// The same was being asked.
    Joined,
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
pub struct TierMetrics([Counter; 8]);

impl TierMetrics {
    /// Finds the handles.
    pub fn new() -> TierMetrics {
        let results = ["answered", "cached", "joined", "unknown", "late", "failed", "busy", "nobody"];
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
