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

/// Most feeds that may tell of one game.
pub const SOURCES_MAX: usize = 8;

/// Which feed said something, by rank: 0 is the primary. Ranks from [`SOURCES_MAX`] on count as the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SourceId(pub u8);

impl SourceId {
    /// The names of all ranks, for metrics and logs.
    pub const RANKS: [&'static str; SOURCES_MAX] = ["primary", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];

    /// Its rank, from 0, below [`SOURCES_MAX`].
    pub fn index(self) -> usize {
        usize::from(self.0).min(SOURCES_MAX - 1)
    }

    /// The name of its rank.
    pub fn rank(self) -> &'static str {
        Self::RANKS[self.index()]
    }
}

/// Where an event comes from, and since when it is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// Who said it.
    pub source: SourceId,
    /// When it came in.
    pub ingest: IngestTime,
}

/// What the primary said, or the only feed there is.
impl From<IngestTime> for Origin {
    fn from(ingest: IngestTime) -> Origin {
        Origin {
            source: SourceId::default(),
            ingest,
        }
    }
}

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By a clock that nobody sets, since this process began: for intervals.
    pub steady_us: i64,
    /// By the system's clock, since the Unix epoch: for what is shown. May jump, either way.
    pub wall_us: i64,
}
