//! From facts to traces: one span for an event's way on this node, and one below it for each stage.
//!
//! A trace is over a fixed time after its event came in: nobody knows how many shards show an event, or whether one
//! does. What is said of it later is let go of. Pure: time is passed in. Bounded: [`OPEN_MAX`] traces, each with
//! [`SPANS_MAX`] spans.

use super::{Began, Fact, Note, Stage};
use crate::model::TraceMark;
use std::collections::{HashMap, VecDeque};

/// Traces open at once.
pub(super) const OPEN_MAX: usize = 1024;
/// Spans of one trace: three for each of 63 shards, and the rest.
pub(super) const SPANS_MAX: usize = 256;

/// A trace that is over.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) began: Began,
    /// The stages, as they were told.
    pub(super) stages: Vec<Told>,
}

/// A stage that an event came through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) stage: Stage,
    pub(super) from_us: i64,
    pub(super) to_us: i64,
    pub(super) note: Note,
}

impl Finished {
    /// When its last stage ended, by the clock that nobody sets.
    pub(super) fn end_us(&self) -> i64 {
        let ends = self.stages.iter().map(|told| told.to_us);
        ends.fold(self.began.at.steady_us, i64::max)
    }
}

/// What there is no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct LeftOut {
    pub(super) traces: u64,
    pub(super) spans: u64,
}

#[derive(Default)]
pub(super) struct Assembler {
    open: HashMap<TraceMark, Finished>,
    /// Those that are open, the oldest first.
    order: VecDeque<(i64, TraceMark)>,
    left_out: LeftOut,
}

impl Assembler {
    pub(super) fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Began(began) => self.begin(*began),
            Fact::Did {
                trace,
                stage,
                from_us,
                to_us,
                note,
            } => {
                // One that is over, or that there was no room for, which was counted then.
                let Some(open) = self.open.get_mut(&trace) else { return };
                if open.stages.len() >= SPANS_MAX {
                    self.left_out.spans += 1;
                    return;
                }
                let told = |stage, from_us: i64, to_us: i64, note| Told {
                    stage,
                    from_us,
                    to_us: to_us.max(from_us),
                    note,
                };
                if stage == Stage::Encode {
                    // The shard may have been awake for something else when the event was applied.
                    let applied_us = open.stages.iter().find(|told| told.stage == Stage::Apply).map(|told| told.to_us);
                    let waited = applied_us.filter(|applied_us| *applied_us < from_us);
                    open.stages
                        .extend(waited.map(|applied_us| told(Stage::Wait, applied_us, from_us, note)));
                }
                open.stages.push(told(stage, from_us, to_us, note));
            }
        }
    }

    fn begin(&mut self, began: Began) {
        // The very same line twice in one request is one trace.
        let is_known = self.open.values().any(|open| open.began.ids == began.ids);
        if is_known || self.open.len() >= OPEN_MAX {
            self.left_out.traces += 1;
            return;
        }
        let (mark, at_us) = (began.mark, began.at.steady_us);
        let stages = Vec::new();
        self.open.insert(mark, Finished { began, stages });
        self.order.push_back((at_us, mark));
    }

    /// Takes out the traces of events that came in before `before_us`.
    pub(super) fn finish(&mut self, before_us: i64) -> Vec<Finished> {
        let mut over = Vec::new();
        while let Some((_, mark)) = self.order.front().filter(|(at_us, _)| *at_us < before_us) {
            over.extend(self.open.remove(mark));
            self.order.pop_front();
        }
        over
    }

    /// What was left out since the last call.
    pub(super) fn take_left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }
}
