//! What was sent when to whom: the work of a run, for the floor to repeat.

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

impl Trace {
    /// Every event to every client, at a steady pace.
    pub(crate) fn steady(clients: usize, events: usize, interval_us: u64, bytes: u32) -> Self {
        let to: Arc<[u32]> = (0..clients as u32).collect();
        let sends = (0..events as u64).map(|event| Sending {
            at_us: event * interval_us,
            to: to.clone(),
            bytes,
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
}
