//! When a traced event was first shown here. Nothing is looked at but where a frame is made, which is once for all of
//! a shard's clients. Bounded: [`FOUND_MAX`] of one slice and [`SHOWN_MAX`] until they are taken; more are let go of.

use super::Shard;
use super::batch::{Batch, Wrote};
use crate::model::{Change, TraceMark, TraceShown};
use smallvec::SmallVec;

/// Traced events of one slice.
const FOUND_MAX: usize = 8;
/// Those shown and not yet taken.
const SHOWN_MAX: usize = 64;
/// The last ones that were shown: the same event is in several topics, and under several rulesets.
const RECENT: usize = 8;

/// What this shard has to say of traced events.
#[derive(Default)]
pub(super) struct Traces {
    found: SmallVec<[Found; 2]>,
    shown: Vec<(TraceMark, TraceShown)>,
    recent: [Option<TraceMark>; RECENT],
    next: usize,
}

struct Found {
    trace: TraceMark,
    turned_us: i64,
    /// The place of the client's write in its batch.
    item: usize,
}

impl Traces {
    /// A frame is made that shows these, for the write that is about to be the batch's `item`th.
    #[inline]
    pub(super) fn look<'a>(&mut self, changes: impl IntoIterator<Item = &'a Change>, turn_us: i64, item: usize) {
        for change in changes {
            if let Some(trace) = change.trace {
                self.find(trace, turn_us.max(change.applied.0), item);
            }
        }
    }

    fn find(&mut self, trace: TraceMark, turned_us: i64, item: usize) {
        if self.found.len() >= FOUND_MAX || self.recent.contains(&Some(trace)) {
            return;
        }
        self.recent[self.next % RECENT] = Some(trace);
        self.next = self.next.wrapping_add(1);
        self.found.push(Found { trace, turned_us, item });
    }

    /// Whether nothing was found in the slice that is being gathered.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.found.is_empty()
    }

    /// The slice was gathered, and written.
    pub(super) fn wrote(&mut self, batch: &Batch, encoded_us: i64, written_us: i64) {
        let clients = batch.items.len();
        for Found { trace, turned_us, item } in self.found.drain(..) {
            let refused = batch.items.get(item).is_none_or(|item| item.wrote != Wrote::Bytes(item.bytes));
            if self.shown.len() < SHOWN_MAX {
                let shown = TraceShown {
                    turned_us,
                    encoded_us,
                    written_us,
                    clients,
                    refused,
                };
                self.shown.push((trace, shown));
            }
        }
    }
}

impl Shard {
    /// Traced events that were first shown here since the last call.
    pub fn take_traced(&mut self) -> Vec<(TraceMark, TraceShown)> {
        std::mem::take(&mut self.traces.shown)
    }
}
