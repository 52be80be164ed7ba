//! More than one node: the order of events is a Redis stream per partition, which every node follows.
//!
//! ```text
//!  feed ─► any node ── append (Lua: epoch, Redis' own run, fence) ──► stream of the game's partition
//!                                                                          │ XREAD
//!            each node's own state of that partition ◄── follow ◄──────────┘
//! ```
//! | module | owns |
//! |---|---|
//! | [`keys`] | names in Redis; which partition a game belongs to |
//! | [`scripts`] | what has to happen at once in Redis, in Lua |
//! | [`link`] | one connection: to whom, whether that Redis will do, where a cluster's slot has moved, or is being moved |
//! | [`entry`] | an entry of the stream, and its records |
//! | [`log`] | the writing end: a thread a partition, which writes all that waits at once |
//! | [`follow`] | the reading end: a thread a partition, which hands on what it reads, in order |
//! | [`base`] | what a stream comes to, which newcomers begin with; and trimming |
//! | [`lease`] | which engine owns a partition, a thread each: what only one may write |
//! | [`predictions`] | what engines predict, published by a partition's owner, heard by every node |
//! | [`feed`] | a partition's stream of lines that feeds write to Redis themselves, read by its owner |
//! | [`nodes`] | which nodes there are, and which of them a client does best to connect to |
//! | [`registry`] | says in Redis that this node is there, under a name that no other has, and reads who else is |
//! | [`status`] | what is known of each partition: how late, which epoch, who owns it |
//!
//! Every node applies the same records in the same order with the same code, so that totals, `seq`s and frames
//! are the same everywhere: what a node knows is a function of a partition's stream alone. Knows no game and no
//! topic: a record is bytes here. Threads of its own, as what it waits for is a socket; nothing else waits for
//! them. Bounded: batches that wait (`cluster.queue_batches_max` a partition), bytes of an entry, the stream
//! (`cluster.stream_entries_max`), every wait for Redis (`cluster.timeout_ms`).

pub mod base;
pub mod entry;
pub mod feed;
pub mod follow;
pub mod keys;
pub mod lease;
pub mod link;
pub mod log;
pub mod nodes;
pub mod predictions;
pub mod registry;
pub mod scripts;
pub mod status;

pub use follow::{Delivery, Followers, Lost};
pub use keys::{Keys, partition_of};
pub use lease::Leases;
pub use link::{Link, LinkError};
pub use log::{By, Log};
pub use nodes::Nodes;
pub use registry::Registry;
pub use status::{PartitionStatus, Status};

use std::path::PathBuf;
use std::time::Duration;

/// What a node knows of its cluster before it asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Where Redis is: one address, or some of a Redis Cluster's. They may hold a password: never in a log.
    pub redis: Vec<String>,
    /// Whom to trust where an address begins with rediss://, and who this node is there.
    pub tls: Tls,
    /// Begins every key.
    pub prefix: String,
    /// Streams; the same on every node, for good.
    pub partitions: usize,
    /// This process: the node's name, and what tells it from the one before under that name.
    pub owner: String,
    /// When a write counts as safe.
    pub ack: Ack,
    /// Longest wait for an answer of Redis.
    pub timeout: Duration,
    /// How long an engine owns a partition after it last said so.
    pub lease: Duration,
    /// Batches that wait to be written, for each partition.
    pub queue_batches_max: usize,
    /// Entries of a partition's stream, from which on no more are taken.
    pub stream_entries_max: u64,
}

/// Files of certificates, in PEM; read whenever a connection is made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tls {
    /// Whose certificates are trusted; nothing for the system's own.
    pub ca: Option<PathBuf>,
    /// This node's certificate and its key, for a Redis that asks for them.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Whose word makes a write safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ack {
    /// The primary's.
    Primary,
    /// A replica's too (`WAIT`).
    Replica,
}
