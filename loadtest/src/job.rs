//! What the children that hold WebSocket clients are told to do, and what they tell of it.

use crate::schedule::Schedule;
use crate::target::Target;
use crate::upgrade::Protocol;
use serde::{Deserialize, Serialize};

/// WebSocket clients that verify what they get.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Clients {
    /// The server's WebSocket endpoint.
    pub(crate) server: Target,
    /// How messages are written, and whether compressed.
    pub(crate) protocol: Protocol,
    /// Number of the first client, so that faults name clients uniquely.
    pub(crate) first: usize,
    /// The topics that each client subscribes to, by number, ascending; one list a client.
    pub(crate) rosters: Vec<Vec<u32>>,
    /// The names of the topics.
    pub(crate) topics: Vec<String>,
    /// The ruleset of all subscriptions.
    pub(crate) ruleset: String,
    /// How many clients also keep totals of their own.
    pub(crate) sample: usize,
    /// When events are due.
    pub(crate) schedule: Schedule,
    /// The game of a script whose plays are the events; without one, totals are held against each other.
    pub(crate) script: Option<String>,
    /// Whether to ask the kernel when data arrived.
    pub(crate) kernel_times: bool,
    /// Connections under way at once.
    pub(crate) opening_max: usize,
    /// Clients that stop reading when told to.
    pub(crate) stalling: Option<Stalling>,
}

/// Which clients stop reading when told to, and how soon their sockets are full then.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Stalling {
    /// One client in so many.
    pub(crate) every: usize,
    /// Their kernel receive buffers (`SO_RCVBUF`), in bytes.
    pub(crate) receive_buffer_bytes: usize,
}

/// One cut of all connections, and how everybody came back.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Round {
    /// From the cut until every client was connected and right again; nothing where that never came.
    pub(crate) back_us: Option<u64>,
    /// Topics that went on where the client had been.
    pub(crate) resumed: u64,
    /// Topics that began with a snapshot.
    pub(crate) snapshots: u64,
}

impl Round {
    /// What the rounds of processes are added to.
    pub(crate) fn none() -> Self {
        Self {
            back_us: Some(0),
            resumed: 0,
            snapshots: 0,
        }
    }

    /// Adds another process's part: everybody is back when the last one is.
    pub(crate) fn add(&mut self, other: Round) {
        self.back_us = self.back_us.zip(other.back_us).map(|(one, other)| one.max(other));
        self.resumed += other.resumed;
        self.snapshots += other.snapshots;
    }
}
