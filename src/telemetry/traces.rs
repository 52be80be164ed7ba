//! The handles of traces.

use super::table::{TRACE_REQUESTS, TRACE_SPANS_DROPPED, TRACES_DROPPED, TRACES_EXPORTED};
use super::{counter, counter_with};
use metrics::Counter;

/// What becomes of traces.
#[derive(Clone)]
pub struct TraceMetrics {
    /// Traces that the collector took.
    pub exported: Counter,
    /// Traces not begun, as there were as many in that second as there may be.
    pub dropped_rate: Counter,
    /// Traces not begun, as the queue was full.
    pub dropped_queue: Counter,
    /// Traces that too many others were waiting with.
    pub dropped_backlog: Counter,
    /// Traces that the collector did not take.
    pub dropped_failed: Counter,
    /// Spans of traces that were sent without them.
    pub spans_dropped: Counter,
    /// Requests that the collector took.
    pub requests_taken: Counter,
    /// Those that it answered otherwise.
    pub requests_refused: Counter,
    /// Those that nobody answered in time.
    pub requests_unreachable: Counter,
}

impl TraceMetrics {
    /// Finds the handles.
    pub fn new() -> TraceMetrics {
        let dropped = |reason| counter_with(&TRACES_DROPPED, "reason", reason);
        let requests = |result| counter_with(&TRACE_REQUESTS, "result", result);
        TraceMetrics {
            exported: counter(&TRACES_EXPORTED),
            dropped_rate: dropped("rate"),
            dropped_queue: dropped("queue"),
            dropped_backlog: dropped("backlog"),
            dropped_failed: dropped("failed"),
            spans_dropped: counter(&TRACE_SPANS_DROPPED),
            requests_taken: requests("taken"),
            requests_refused: requests("refused"),
            requests_unreachable: requests("unreachable"),
        }
    }
}

impl Default for TraceMetrics {
    fn default() -> Self {
        Self::new()
    }
}
