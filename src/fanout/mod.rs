//! From a change to every subscriber's socket.
//!
//! ```text
//!  change ──► hub: rings of topics (published, shared) ──► a notice per shard that watches
//!                                                               │
//!        shard: mirror of each watched ring, cursors, dirty list ┘──► writer ──► sockets
//! ```
//! Owns rings, cursors and the write path; a topic's ring is the truth and a notice only says "look".
//! A notice that finds its channel full is dropped and the shard told to look everywhere, so a slow
//! shard never stalls an engine and never misses a change. Never decides what happened (`state`) and
//! never blocks. Bounds: `ring_frames` per topic, `topics_max`, `subscriptions_max` per client,
//! `replies_bytes_max` per client, `notices_max` per shard.

pub mod bulletins;
pub mod contests;
pub mod encode;
pub mod epoch;
pub mod grant;
pub mod hub;
pub mod lineups;
pub mod runner;
pub mod shard;
pub mod slots;
pub mod snapshot;
pub mod sockets;
pub mod tls;
pub mod topic;
pub mod turns;

pub use hub::Hub;
pub use topic::{Entry, Topic};
