//! What was sent when to whom: the work of a run, for the floor to repeat.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// The sends of a run, in order of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    /// Clients connected, whether anything is sent to them or not.
    pub(crate) clients: usize,
    /// One for each event.
    pub(crate) sends: Vec<Sending>,
}

/// One event on its way to those who follow it.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    /// When it is due, in microseconds from the start.
    pub(crate) at_us: u64,
    /// The clients' numbers, each once, ascending.
    pub(crate) to: Arc<[u32]>,
    /// What each of them gets, in bytes, headers included.
    pub(crate) bytes: u32,
}

/// A [`Trace`] on its way to a child process: lists of recipients once each, as differences.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PackedTrace {
    clients: usize,
    lists: Vec<Vec<u32>>,
    /// Due (µs), the list's number, bytes.
    sends: Vec<(u64, usize, u32)>,
}

impl Trace {
    /// Every event to every client, at a steady pace.
    pub(crate) fn steady(clients: usize, events: usize, interval_us: u64, bytes: u32) -> Self {
        Self::rotating(clients, clients, events, interval_us, bytes)
    }

    /// Every event to `recipients` of the clients at a steady pace: each to those after the last one's.
    pub(crate) fn rotating(clients: usize, recipients: usize, events: usize, interval_us: u64, bytes: u32) -> Self {
        let mut lists: HashMap<usize, Arc<[u32]>> = HashMap::new();
        let sends = (0..events).map(|event| {
            let first = if recipients >= clients { 0 } else { event * recipients % clients };
            let to = lists.entry(first).or_insert_with(|| {
                let mut to: Vec<u32> = (first..first + recipients.min(clients))
                    .map(|number| (number % clients) as u32)
                    .collect();
                to.sort_unstable();
                to.into()
            });
            Sending {
                at_us: event as u64 * interval_us,
                to: to.clone(),
                bytes,
            }
        });
        Self {
            clients,
            sends: sends.collect(),
        }
    }

    /// Deliveries in all.
    pub(crate) fn deliveries(&self) -> u64 {
        self.sends.iter().map(|sending| sending.to.len() as u64).sum()
    }

    /// For a child process.
    pub(crate) fn pack(&self) -> PackedTrace {
        let mut numbers: HashMap<*const u32, usize> = HashMap::new();
        let mut packed = PackedTrace {
            clients: self.clients,
            ..PackedTrace::default()
        };
        for sending in &self.sends {
            let number = *numbers.entry(sending.to.as_ptr()).or_insert_with(|| {
                let mut last = 0;
                let differences = sending.to.iter().map(|&number| number - std::mem::replace(&mut last, number));
                packed.lists.push(differences.collect());
                packed.lists.len() - 1
            });
            packed.sends.push((sending.at_us, number, sending.bytes));
        }
        packed
    }
}

impl PackedTrace {
    /// The trace again; nothing where it names a list that isn't there.
    pub(crate) fn unpack(&self) -> Option<Trace> {
        let lists: Vec<Arc<[u32]>> = self
            .lists
            .iter()
            .map(|differences| {
                let sums = differences.iter().scan(0u32, |sum, difference| {
                    *sum = sum.wrapping_add(*difference);
                    Some(*sum)
                });
                sums.collect()
            })
            .collect();
        let sends = self.sends.iter().map(|&(at_us, list, bytes)| {
            let to = lists.get(list)?.clone();
            Some(Sending { at_us, to, bytes })
        });
        Some(Trace {
            clients: self.clients,
            sends: sends.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_survives_the_way_to_a_child() {
        let trace = Trace::rotating(10, 4, 6, 1_000, 300);
        let wire = serde_json::to_string(&trace.pack()).unwrap();
        let there = serde_json::from_str::<PackedTrace>(&wire).unwrap().unpack().unwrap();
        assert_eq!((there.clients, there.deliveries()), (10, 24));
        for (here, there) in trace.sends.iter().zip(&there.sends) {
            assert_eq!((here.at_us, &here.to, here.bytes), (there.at_us, &there.to, there.bytes));
        }
        assert_eq!(trace.pack().lists.len(), 5, "the sixth event goes where the first went");
    }

    #[test]
    fn recipients_go_round() {
        let to: Vec<Vec<u32>> = Trace::rotating(5, 3, 3, 1, 1)
            .sends
            .iter()
            .map(|sending| sending.to.to_vec())
            .collect();
        assert_eq!(to, [vec![0, 1, 2], vec![0, 3, 4], vec![1, 2, 3]]);
        assert_eq!(Trace::rotating(5, 9, 2, 1, 1).deliveries(), 10, "not more than there are");
        assert_eq!(Trace::steady(5, 2, 1, 1).deliveries(), 10);
    }

    #[test]
    fn a_list_that_is_missing_is_noticed() {
        let packed = PackedTrace {
            sends: vec![(0, 1, 1)],
            ..PackedTrace::default()
        };
        assert!(packed.unpack().is_none());
    }
}
