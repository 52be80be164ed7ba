//! What may yet become of a contest: its rest drawn many times, every entry scored in each draw.
//!
//! ```text
//! entries, prizes ──► Field ─┐
//!                            ├─► Simulation ── run(seed, draws) ──► Odds
//! players now ─────► tables ─┘
//! ```
//! | module | owns | never |
//! |---|---|---|
//! | `field` | rosters, equal ones once; prizes by place | points |
//! | `slate` | the players' tables | entries |
//! | `shape` | the distribution of what a player may yet bring | a draw |
//! | `correlation` | how points of one game hang together | a player |
//! | `normal` | random numbers by counter | state |
//! | `draw`, `rank`, `quanta` | a block of draws: points, totals, ranks, ties, prizes | floats |
//! | `run` | threads, and where they stop | waits for anything |
//! | [`gpu`] | the same draws by a kernel | answers where no device is |
//! | [`refresh`] | which contest is drawn next | a draw, a clock |
//!
//! Floats end where a player's table is made. From there on all is integers and every random number has a place of its
//! own, so that the answer to (contest, players, seed, draws) is the same on any machine, thread or device. Nothing here
//! reads a clock or does I/O. Bounded by what [`Field`] takes, by [`RANGE_MAX`], and by the caller's draws and threads:
//! each thread has room for 64 bytes an entry, or 96.

mod correlation;
mod draw;
mod field;
pub mod gpu;
mod normal;
mod odds;
mod quanta;
mod rank;
pub mod refresh;
mod run;
mod shape;
mod slate;

#[cfg(test)]
mod tests;

pub use correlation::Position;
pub use field::{ENTRIES_MAX, Field, PRIZE_MAX, Prize, ROWS_MAX, Row, SLOTS_MAX};
pub use odds::{EntryOdds, Odds};
pub use run::Simulation;
pub use shape::Rest;
pub use slate::{PlayerNow, Side};

use crate::model::Points;

/// Most different totals that a contest's entries can have, from the least to the most that can be, in quanta.
pub const RANGE_MAX: usize = 1 << 22;

/// Why a contest is not simulated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// No slot, too many, or rosters that are no multiple of them.
    #[error("rosters of {slots} slots: 1 to {SLOTS_MAX} are simulated, all of one size")]
    Slots {
        /// How many.
        slots: usize,
    },
    /// None, or too many.
    #[error("{entries} entries: 1 to {ENTRIES_MAX} are simulated")]
    Entries {
        /// How many.
        entries: usize,
    },
    /// Too many different pairs of player and multiplier.
    #[error("{rows} different pairs of player and multiplier: at most {ROWS_MAX} are simulated")]
    Rows {
        /// How many.
        rows: usize,
    },
    /// A roster names a pair that there is not.
    #[error("entry number {entry} has a player that is not among the contest's")]
    Roster {
        /// Its place.
        entry: usize,
    },
    /// A pair names a player that there is not.
    #[error("there is no player number {player}")]
    Player {
        /// Its number.
        player: u32,
    },
    /// A gap, or places out of order.
    #[error("prizes from place {first} on, where place {expected} comes next")]
    Places {
        /// Where it begins.
        first: u32,
        /// Where it would have to.
        expected: u32,
    },
    /// Nothing, or more than is reckoned with.
    #[error("a prize of {cents} cents: 1 to {PRIZE_MAX} are simulated")]
    Prize {
        /// How much.
        cents: u64,
    },
    /// Not above zero.
    #[error("a quantum of {quantum} points")]
    Quantum {
        /// Which.
        quantum: Points,
    },
    /// A player has points that are no multiple of the quantum.
    #[error("player number {player} has points that are no multiple of {quantum}")]
    OffGrid {
        /// Who.
        player: u32,
        /// Of what they would have to be.
        quantum: Points,
    },
    /// More than anybody can have.
    #[error("player number {player} has, or may get, points beyond what is reckoned with")]
    Points {
        /// Who.
        player: u32,
    },
    /// Totals lie too far apart for their grid.
    #[error("totals may lie {quanta} times {quantum} points apart: at most {RANGE_MAX} times is simulated")]
    Range {
        /// How far.
        quanta: usize,
        /// In what.
        quantum: Points,
    },
}
