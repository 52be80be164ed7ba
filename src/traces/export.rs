//! Sends finished traces: one request at a time, each once. What the collector does not take is let go of, and counted.
//!
//! A task of the side runtime. It looks at the queue now and then and is woken by nobody, so that who says something
//! of a traced event pays no more than the queue's lock.

use super::assemble::{Assembler, Finished};
use super::{Fact, Settings, otlp};
use crate::clock::Clock;
use crate::source::SourceError;
use crate::source::caller::{Bounds, Caller};
use crate::telemetry::TraceMetrics;
use bytes::Bytes;
use flume::Receiver;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Traces that wait for the collector.
pub(super) const WAITING_MAX: usize = 512;
/// Traces of one request.
const REQUEST_TRACES: usize = 64;
/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Longest wait for the collector as the server ends.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// Longest answer of a collector.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Where traces go.
const PATH: &str = "/v1/traces";

/// Sends what a tracer is told.
pub struct Exporter {
    settings: Settings,
    facts: Receiver<Fact>,
    assembler: Assembler,
    waiting: VecDeque<Finished>,
    caller: Arc<Caller>,
    metrics: TraceMetrics,
    /// Whether the collector did not take the last ones.
    is_failing: bool,
}

/// What came of a request.
enum Sent {
    Taken { rejected_spans: u64 },
    Refused(String),
    Unreachable(String),
}

/// A request under way, and how many traces are in it.
struct Sending {
    traces: u64,
    answer: JoinHandle<Sent>,
}

impl Exporter {
    pub(super) fn new(settings: Settings, facts: Receiver<Fact>, metrics: TraceMetrics) -> Result<Exporter, String> {
        let caller = Caller::new(&settings.endpoint).map_err(|error| error.to_string())?;
        Ok(Exporter {
            settings,
            facts,
            assembler: Assembler::default(),
            waiting: VecDeque::new(),
            caller: Arc::new(caller),
            metrics,
            is_failing: false,
        })
    }

    /// Sends traces until `stop` is sent or dropped, then once more what there is.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let settle_us = i64::try_from(self.settings.settle.as_micros()).unwrap_or(i64::MAX);
        let mut sending: Option<Sending> = None;
        loop {
            tokio::select! {
                _ = &mut stop => break,
                sent = async { (&mut sending.as_mut().expect("checked by the branch").answer).await }, if sending.is_some() => {
                    let traces = sending.take().map_or(0, |sending| sending.traces);
                    self.note(traces, sent.unwrap_or_else(|error| Sent::Unreachable(error.to_string())));
                }
                // While the collector is slow the queue is looked at all the same.
                _ = looks.tick() => self.look(Clock.steady_us().saturating_sub(settle_us)),
            }
            if sending.is_none() {
                sending = self.send();
            }
        }
        self.look(i64::MAX);
        let wait = LAST_WAIT.min(self.settings.timeout);
        let last = async {
            while let Some(Sending { traces, answer }) = sending.take().or_else(|| self.send()) {
                let sent = answer.await.unwrap_or_else(|error| Sent::Unreachable(error.to_string()));
                self.note(traces, sent);
            }
        };
        // Whoever ends the server does not wait long for a collector; what it has not taken then is not counted.
        let _ = tokio::time::timeout(wait, last).await;
    }

    /// Takes in what was told, and finishes the traces of events that came in before `before_us`.
    fn look(&mut self, before_us: i64) {
        // As many as there are now: a flood of them does not keep the collector waiting.
        for fact in self.facts.try_iter().take(self.settings.queue_max) {
            self.assembler.take(fact);
        }
        for trace in self.assembler.finish(before_us) {
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push_back(trace);
            } else {
                self.metrics.dropped_backlog.increment(1);
            }
        }
        let left_out = self.assembler.take_left_out();
        self.metrics.dropped_backlog.increment(left_out.traces);
        self.metrics.spans_dropped.increment(left_out.spans);
    }

    /// Begins a request with the traces that wait longest; nothing where none waits.
    fn send(&mut self) -> Option<Sending> {
        let count = self.waiting.len().min(REQUEST_TRACES);
        let traces: Vec<Finished> = self.waiting.drain(..count).collect();
        (count > 0).then(|| {
            let body = Bytes::from(otlp::request(&self.settings, &traces));
            let (caller, wait) = (self.caller.clone(), self.settings.timeout);
            Sending {
                traces: count as u64,
                answer: tokio::spawn(async move { post(&caller, body, wait).await }),
            }
        })
    }

    fn note(&mut self, traces: u64, sent: Sent) {
        let metrics = &self.metrics;
        let failed = match sent {
            Sent::Taken { rejected_spans } => {
                metrics.requests_taken.increment(1);
                metrics.exported.increment(traces);
                metrics.spans_dropped.increment(rejected_spans);
                None
            }
            Sent::Refused(why) => {
                metrics.requests_refused.increment(1);
                Some(why)
            }
            Sent::Unreachable(why) => {
                metrics.requests_unreachable.increment(1);
                Some(why)
            }
        };
        let was_failing = std::mem::replace(&mut self.is_failing, failed.is_some());
        let endpoint = &self.settings.endpoint;
        match failed {
            Some(why) => {
                metrics.dropped_failed.increment(traces);
                if !was_failing {
                    tracing::warn!(endpoint, why, "the collector takes no traces: they are let go of until it does");
                }
            }
            None if was_failing => tracing::info!(endpoint, "the collector takes traces again"),
            None => {}
        }
    }
}

async fn post(caller: &Caller, body: Bytes, wait: Duration) -> Sent {
    let bounds = Bounds {
        wait,
        bytes_max: ANSWER_BYTES_MAX,
    };
    match caller.post(PATH, "application/json", body, bounds).await {
        Ok(answer) if answer.status.is_success() => Sent::Taken {
            rejected_spans: rejected_spans(&answer.body),
        },
        Ok(answer) => Sent::Refused(format!("it answers {}", answer.status)),
        Err(SourceError::Unreachable { error, .. }) => Sent::Unreachable(error),
        Err(error) => Sent::Unreachable(error.to_string()),
    }
}

/// Spans that the collector says it did not take of a request that it took.
fn rejected_spans(answer: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    // A 64-bit number is a text there; some write a number.
    let of_text = || rejected.as_str().and_then(|text| text.parse().ok());
    rejected.as_u64().or_else(of_text).unwrap_or(0).min(MOST_SPANS)
}

/// Spans that a request may have: what a collector says beyond that is not believed.
const MOST_SPANS: u64 = (REQUEST_TRACES * (super::assemble::SPANS_MAX + 1)) as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_left_out_is_read() {
        for (answer, rejected) in [
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#, 3),
            (r#"{"partialSuccess":{"rejectedSpans":4}}"#, 4),
            (r#"{"partialSuccess":{}}"#, 0),
            ("{}", 0),
            ("", 0),
            ("rubbish", 0),
            (r#"{"partialSuccess":{"rejectedSpans":"-1"}}"#, 0),
            (r#"{"partialSuccess":{"rejectedSpans":"18446744073709551615"}}"#, MOST_SPANS),
        ] {
            assert_eq!(rejected_spans(answer.as_bytes()), rejected, "{answer}");
        }
    }
}
