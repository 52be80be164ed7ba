//! What the doors do where memory is short, and the account of whose it is.

use super::App;
use super::error::ApiError;
use crate::memory::{Account, BODY_BYTES_MAX, Level, Owner, RETRY_AFTER_S};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A change in a ring: 16 bytes there and, with five topics that share it, a fifth of its 500.
const RING_ENTRY_BYTES: u64 = 116;
/// A connection in its shard; docs/memory.md adds it up, as the next two.
const CONNECTION_BYTES: u64 = 1024;
/// A subscription beyond the first: its cursor and its entry at the topic.
const SUBSCRIPTION_BYTES: u64 = 40;
/// What a connection over TLS has besides.
const SESSION_BYTES: u64 = 7_680;
/// The kernel's share of a byte in a send buffer: it takes twice what it is told.
const KERNEL_FACTOR: u64 = 2;

impl App {
    /// How short memory is.
    pub(crate) fn level(&self) -> Level {
        self.hub.pressure().level()
    }

    /// Bytes that the kernel holds for clients whose socket is full, at most. Who takes what is sent leaves
    /// nothing there.
    pub fn kernel_bytes(&self) -> u64 {
        let slow: usize = self.shards.iter().map(|shard| shard.slow.load(Ordering::Relaxed)).sum();
        slow as u64 * self.config.fanout.send_buffer_bytes as u64 * KERNEL_FACTOR
    }

    /// Whose memory it is. Takes each topic's lock in turn: not for a shard's thread.
    pub fn account(&self) -> Account {
        let rings = self.hub.rings();
        let sum = |level: &dyn Fn(&crate::fanout::runner::ShardLevels) -> u64| self.shards.iter().map(|shard| level(shard)).sum::<u64>();
        let connections = sum(&|shard| shard.connections.load(Ordering::Relaxed) as u64);
        let subscriptions = sum(&|shard| shard.subscriptions.load(Ordering::Relaxed) as u64);
        let session_bytes = if self.config.server.tls_cert.is_some() { SESSION_BYTES } else { 0 };
        Owner::ALL.map(|owner| {
            let bytes = match owner {
                Owner::Rings => rings.entries as u64 * RING_ENTRY_BYTES,
                Owner::Frames => rings.frame_bytes as u64,
                Owner::Mirrors => sum(&|shard| shard.mirrored_bytes.load(Ordering::Relaxed)),
                Owner::Clients => connections * (CONNECTION_BYTES + session_bytes) + subscriptions * SUBSCRIPTION_BYTES,
                Owner::Kernel => self.kernel_bytes(),
                Owner::Ingest => self.ingest_bytes.load(Ordering::Relaxed) as u64,
                Owner::Log => self.engine.log().map_or(0, |log| log.levels().unsynced_bytes),
                Owner::Contests => self.hub.contests().all().iter().map(|contest| contest.heap_bytes() as u64).sum(),
            };
            (owner, bytes)
        })
    }

    /// Whether a new client may come in.
    ///
    /// # Errors
    /// 503 where memory is short.
    pub(super) fn take_newcomer(&self) -> Result<(), ApiError> {
        if self.level() < Level::Newcomers {
            return Ok(());
        }
        self.memory.shed_connections.increment(1);
        Err(overloaded("memory is short: nobody new is taken in"))
    }

    /// Whether histories are told.
    ///
    /// # Errors
    /// 503 where memory is short.
    pub(super) fn tell_history(&self) -> Result<(), ApiError> {
        if self.level() < Level::History {
            return Ok(());
        }
        self.memory.shed_histories.increment(1);
        Err(overloaded("memory is short: histories are not kept whole"))
    }

    /// Longest body of events that is taken in now, in bytes.
    pub(super) fn body_bytes_max(&self) -> usize {
        let configured = self.config.ingest.body_bytes_max;
        match self.level() >= Level::Newcomers {
            true => configured.min(BODY_BYTES_MAX),
            false => configured,
        }
    }

    /// What a body is told that is longer than `bytes_max`: whether it is too long at any time, or for now.
    pub(super) fn body_too_long(&self, bytes_max: usize) -> ApiError {
        if bytes_max == self.config.ingest.body_bytes_max {
            let message = format!("a body may have {bytes_max} bytes; send the events in several");
            return ApiError::with_status(axum::http::StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message);
        }
        self.body_shed(bytes_max)
    }

    fn body_shed(&self, bytes_max: usize) -> ApiError {
        self.memory.shed_bodies.increment(1);
        overloaded(&format!(
            "memory is short: a body may have {bytes_max} bytes for now; send the events in several, or later"
        ))
    }

    /// Takes a message of an ingest WebSocket into the account, for as long as it waits.
    ///
    /// # Errors
    /// 503 where memory is short and the message long.
    pub(super) fn hold_message(&self, bytes: usize) -> Result<Held, ApiError> {
        if self.level() >= Level::Newcomers && bytes > BODY_BYTES_MAX {
            return Err(self.body_shed(BODY_BYTES_MAX));
        }
        let mut held = Held::nothing(&self.ingest_bytes);
        held.grow(bytes);
        Ok(held)
    }
}

/// 503, with when to try again.
pub(super) fn overloaded(message: &str) -> ApiError {
    ApiError::unavailable("overloaded", message).send_again_after(u64::from(RETRY_AFTER_S) * 1000)
}

/// Bytes of one body or message, counted among those of all while it is held.
pub(super) struct Held {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Held {
    pub(super) fn nothing(all: &Arc<AtomicUsize>) -> Held {
        Held {
            all: all.clone(),
            bytes: 0,
        }
    }

    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
