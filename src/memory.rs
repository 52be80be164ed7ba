//! One budget for the whole process's memory: how much is too much, and what goes first.
//!
//! Owns the policy and the word about it ([`Pressure`]); holds nothing that could be shed. Who does asks
//! for the [`Level`] and gives back its own: rings and their readers, the doors. Data goes one way: nobody
//! answers. The policy is pure; [`system`] reads what the machine says. See `docs/memory.md`.

pub mod system;

use std::sync::atomic::{AtomicU8, Ordering};

/// What is shed, in this order; each level sheds what those before it do, too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum Level {
    /// Nothing.
    #[default]
    Calm,
    /// Predictions: none are made.
    Predictions,
    /// History: rings keep a quarter, and no frame that nobody needs now.
    History,
    /// What is kept for rulesets to which nobody subscribes.
    IdleRulesets,
    /// Who is new: clients, topics that nobody watches yet, long bodies of events.
    Newcomers,
    /// The slowest clients, a few at a time.
    Slowest,
}

/// When whoever is refused may come again, in seconds.
pub const RETRY_AFTER_S: u32 = 10;

/// Longest body of events that is taken in from [`Level::Newcomers`] on, inflated, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Clients that a shard is closing at once at [`Level::Slowest`]; each has `clients.close_timeout_ms` to go.
pub const CLOSING_MAX: usize = 8;

impl Level {
    /// Every level, in order.
    pub const ALL: [Level; 6] = [
        Level::Calm,
        Level::Predictions,
        Level::History,
        Level::IdleRulesets,
        Level::Newcomers,
        Level::Slowest,
    ];

    /// What it sheds beyond the one before it, for people.
    pub fn sheds(self) -> &'static str {
        match self {
            Level::Calm => "nothing",
            Level::Predictions => "predictions: none are made",
            Level::History => "history: three quarters of each ring",
            Level::IdleRulesets => "what is kept for rulesets without subscribers",
            Level::Newcomers => "new clients, new topics and long bodies, told when to come again",
            Level::Slowest => "the slowest clients, told when to come back",
        }
    }

    /// The share of the budget at which it begins, in percent.
    pub fn begins_at(self) -> u64 {
        match self {
            Level::Calm => 0,
            Level::Predictions => 75,
            Level::History => 80,
            Level::IdleRulesets => 85,
            Level::Newcomers => 90,
            Level::Slowest => 95,
        }
    }

    /// The share below which it ends, in percent: ten points lower, but five where clients are closed, so that no
    /// more go than must.
    fn ends_at(self) -> u64 {
        match self {
            Level::Slowest => 90,
            other => other.begins_at().saturating_sub(10),
        }
    }

    /// The level that follows this one, a second later. Up at once, as far as it takes; down one at a time
    /// and only where it has fallen well below where it began, so that what was given back is not asked for again at once.
    pub fn step(self, used_bytes: u64, budget_bytes: u64) -> Level {
        let share = |percent: u64| u128::from(budget_bytes) * u128::from(percent);
        let used = u128::from(used_bytes) * 100;
        let reached = Level::ALL.into_iter().rfind(|level| used >= share(level.begins_at()));
        let reached = reached.unwrap_or_default();
        if reached >= self {
            return reached;
        }
        if used < share(self.ends_at()) { self.below() } else { self }
    }

    fn below(self) -> Level {
        Level::ALL[(self as usize).saturating_sub(1)]
    }

    /// Changes that a ring keeps of those that it may.
    pub fn ring_frames(self, ring_frames: usize) -> usize {
        if self >= Level::History {
            ring_frames.div_ceil(4)
        } else {
            ring_frames
        }
    }
}

/// The level, for everyone to read.
#[derive(Debug, Default)]
pub struct Pressure(AtomicU8);

impl Pressure {
    /// The level now.
    #[inline]
    pub fn level(&self) -> Level {
        Level::ALL[self.0.load(Ordering::Relaxed) as usize]
    }

    /// Sets it; one task does.
    pub fn set(&self, level: Level) {
        self.0.store(level as u8, Ordering::Relaxed);
    }
}

/// Whose memory it is, as far as it is accounted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// Changes in the rings of topics.
    Rings,
    /// Frames kept beside them for all shards.
    Frames,
    /// The shards' own copies of rings and frames.
    Mirrors,
    /// Connections, their cursors and sessions.
    Clients,
    /// The kernel's send buffers of clients whose socket is full.
    Kernel,
    /// Bodies of events under way.
    Ingest,
    /// Records of the event log that are not on disk yet.
    Log,
    /// Contests: their entries and boards.
    Contests,
}

impl Owner {
    /// Every owner.
    pub const ALL: [Owner; 8] = [
        Owner::Rings,
        Owner::Frames,
        Owner::Mirrors,
        Owner::Clients,
        Owner::Kernel,
        Owner::Ingest,
        Owner::Log,
        Owner::Contests,
    ];

    /// The metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Owner::Rings => "rings",
            Owner::Frames => "frames",
            Owner::Mirrors => "mirrors",
            Owner::Clients => "clients",
            Owner::Kernel => "kernel",
            Owner::Ingest => "ingest",
            Owner::Log => "log",
            Owner::Contests => "contests",
        }
    }
}

/// Bytes by owner: estimates, but for frames and bodies.
pub type Account = [(Owner, u64); Owner::ALL.len()];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUDGET: u64 = 1_000;

    #[test]
    fn levels_begin_where_they_say_and_all_at_once() {
        for (used, level) in [
            (0, Level::Calm),
            (749, Level::Calm),
            (750, Level::Predictions),
            (800, Level::History),
            (850, Level::IdleRulesets),
            (900, Level::Newcomers),
            (950, Level::Slowest),
            (u64::MAX, Level::Slowest),
        ] {
            assert_eq!(Level::Calm.step(used, BUDGET), level, "{used}");
        }
        assert!(Level::ALL.is_sorted_by_key(|level| level.begins_at()));
        assert!(Level::ALL.iter().enumerate().all(|(place, level)| *level as usize == place));
    }

    #[test]
    fn levels_end_one_at_a_time_and_later_than_they_began() {
        let mut level = Level::Slowest;
        assert_eq!(level.step(900, BUDGET), Level::Slowest);
        for below in Level::ALL.into_iter().rev().skip(1) {
            level = level.step(0, BUDGET);
            assert_eq!(level, below);
        }
        assert_eq!(level.step(0, BUDGET), Level::Calm);
        assert_eq!(Level::History.step(700, BUDGET), Level::History);
        assert_eq!(Level::History.step(699, BUDGET), Level::Predictions);
    }

    proptest! {
        /// What is used moving by less than the gap between begin and end never goes back and forth.
        #[test]
        fn small_moves_do_not_flap(start in 0..1_200u64, moves in proptest::collection::vec(0..50u64, 1..40)) {
            let mut level = Level::Calm;
            for _ in 0..10 {
                level = level.step(start + 49, BUDGET);
            }
            let settled = level;
            for moved in moves {
                level = level.step(start + moved, BUDGET);
                prop_assert_eq!(level, settled);
            }
        }

        #[test]
        fn more_is_never_a_lower_level(from in 0..6usize, used in 0..2_000u64, more in 0..2_000u64) {
            let from = Level::ALL[from];
            prop_assert!(from.step(used, BUDGET) <= from.step(used + more, BUDGET));
        }
    }
}
