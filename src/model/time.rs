//! Times that cannot be mixed up, in microseconds. None is read here.

/// The feed's own clock since the Unix epoch, as it came. Decides nothing; comes back in every frame it caused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FeedTime(pub i64);

/// When an event's effect was worked out, by the clock that nobody sets: comparable within this process alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StateTime(pub i64);

/// When this server took the event in, since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct IngestTime(pub i64);

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By a clock that nobody sets, since this process began: for intervals.
    pub steady_us: i64,
    /// By the system's clock, since the Unix epoch: for what is shown. May jump, either way.
    pub wall_us: i64,
}
