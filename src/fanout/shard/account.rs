//! What became of every change: nothing is dropped without a name.

use crate::wire::close::CloseReason;

/// What became of the changes offered to one client (or to all of a shard's).
///
/// `offered = written + merged + expired + abandoned + pending`, where pending is counted apart, cursor
/// by cursor ([`super::Shard::pending`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Changes of topics the client was subscribed to.
    pub offered: u64,
    /// Frames begun to be written for them.
    pub written: u64,
    /// Changes that another frame stood for: k changes in one frame are 1 written and k − 1 merged.
    pub merged: u64,
    /// Predictions and outcomes that something newer had put an end to before they were sent. A score never
    /// expires.
    pub expired: u64,
    /// Changes whose client left or unsubscribed first.
    pub abandoned: u64,
}

impl Account {
    /// Adds another account.
    pub fn add(&mut self, other: &Account) {
        self.offered += other.offered;
        self.written += other.written;
        self.merged += other.merged;
        self.expired += other.expired;
        self.abandoned += other.abandoned;
    }
}

/// Latencies in powers of two of a microsecond: cheap enough to take for every delivery.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Latencies {
    counts: [u32; Latencies::BUCKETS],
    total_us: u64,
}

impl Latencies {
    /// How many buckets there are; the last takes whatever is longer.
    pub const BUCKETS: usize = 32;

    /// Counts one. Negative times (a clock set back) count as the shortest.
    #[inline]
    pub fn record(&mut self, us: i64) {
        self.record_many(us, 1);
    }

    /// Counts that many of the same length.
    #[inline]
    pub fn record_many(&mut self, us: i64, count: u32) {
        self.counts[Latencies::bucket(us)] += count;
        self.total_us += us.max(0) as u64 * u64::from(count);
    }

    /// The bucket of that length: number n holds what is shorter than 2ⁿ µs.
    #[inline]
    pub fn bucket(us: i64) -> usize {
        let bucket = 64 - us.max(0).leading_zeros() as usize;
        bucket.min(Latencies::BUCKETS - 1)
    }

    /// How many there are in each bucket.
    pub fn counts(&self) -> &[u32; Latencies::BUCKETS] {
        &self.counts
    }

    /// All of them added up, in microseconds.
    pub fn total_us(&self) -> u64 {
        self.total_us
    }
}

/// What happened in a shard since it was last asked.
#[derive(Clone, Debug, Default)]
pub struct ShardStats {
    /// Connections taken in.
    pub opened: u64,
    /// Connections ended, by reason.
    pub closed: [u64; CloseReason::ALL.len()],
    /// Changes offered to all clients.
    pub offered: u64,
    /// Frames written for them, merged, expired, abandoned.
    pub written: u64,
    /// See [`Account::merged`].
    pub merged: u64,
    /// See [`Account::expired`].
    pub expired: u64,
    /// See [`Account::abandoned`].
    pub abandoned: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Bytes that sockets took.
    pub bytes: u64,
    /// Bytes of the frames that were compressed, before and after.
    pub deflate_in_bytes: u64,
    /// See [`ShardStats::deflate_in_bytes`].
    pub deflate_out_bytes: u64,
    /// Write calls that a socket refused or took in part.
    pub refused: u64,
    /// Client messages read.
    pub messages: u64,
    /// Client messages answered with an error.
    pub bad_messages: u64,
    /// Times every topic was looked at since notices were dropped.
    pub resyncs: u64,
    /// Walks put off because their topic was being walked or at rest.
    pub rested: u64,
    /// From a frame's encoding to its first byte written, per delivery to those who were subscribed then.
    pub encode_to_written: Latencies,
    /// From an event's effect being worked out to its frame's encoding, per frame encoded; scores alone.
    pub state_to_encode: Latencies,
    /// From a prediction's or an outcome's making to its frame's encoding, per frame encoded.
    pub prediction_to_encode: Latencies,
    /// From the first client of a walk to the last.
    pub walk: Latencies,
    /// Subscriptions refused because the server holds as many topics as it may.
    pub refused_topics: u64,
    /// Subscriptions refused because memory is short.
    pub shed_subscriptions: u64,
    /// Subscriptions, or messages with too many of them, refused because a client holds as many as it may.
    pub refused_subscriptions: u64,
    /// Bytes of frames made here or taken over from the shard that made them.
    pub(super) encoded_bytes: u64,
}

/// How much there is of what, kept up as it changes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Levels {
    /// Changes that subscribers have yet to be sent. Below zero for the moment between a snapshot that is
    /// ahead of a mirror and the mirror's being brought up to date.
    pub(super) pending: i64,
    pub(super) subscriptions: usize,
    /// Clients whose socket refused bytes.
    pub(super) blocked: usize,
    /// Bytes of mirrors.
    pub(super) mirrored: i64,
}
