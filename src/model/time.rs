//! Times that cannot be mixed up. All are microseconds since the Unix epoch; none is read here.

/// The feed's own clock, as it came. Decides nothing; comes back in every frame it caused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FeedTime(pub i64);

/// When an event's effect was worked out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StateTime(pub i64);

/// When this server took the event in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct IngestTime(pub i64);
