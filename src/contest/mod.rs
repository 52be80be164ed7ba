//! Live contests: entries of players in slots, ranked exactly after every change of a player's points.
//!
//! ```text
//!  body ──► Reader ──► Definition ──► Board ──► Standings: rank, payout, cut lines, leaders
//!                                       ▲
//!                 points of a player ───┘ set()
//! ```
//! Owns what a contest is ([`Definition`]: terms, payouts, entries), how its entries are read from the sites' files
//! ([`Reader`]), what every entry has ([`Board`]) and where that puts it ([`Standings`]). Points are whole multiples
//! of a quantum, money is whole cents, no float takes part. Never does I/O, reads no clock, has no threads and
//! knows nobody who watches; the draws of [`simulate`] alone have threads. Bounded by [`Limits`], [`SLOTS_MAX`] and the limits of [`payouts`]; [`Board`] says
//! what an entry takes in memory, and `cargo bench --bench contest` what a change costs.

pub mod board;
pub mod builder;
pub mod codec;
pub mod definition;
pub mod dictionary;
pub mod generate;
pub mod payouts;
pub mod players;
pub mod reader;
pub mod simulate;
pub mod standings;

#[cfg(test)]
mod tests;

pub use board::Board;
pub use codec::Damaged;
pub use definition::{Definition, Slot, Terms};
pub use payouts::{BadPayouts, Cents, Payouts, Share, Tier};
pub use players::{KnownPlayer, Players};
pub use reader::{BadLine, Reader, Refused, Report};
pub use standings::{Cut, Distribution, Standing, Standings};

/// Most slots of an entry.
pub const SLOTS_MAX: usize = 32;
/// Most distinct players of a contest: each has a number of 16 bits.
pub const PLAYERS_MAX: usize = 65_535;
/// Longest name of a slot, in bytes.
pub const SLOT_BYTES_MAX: usize = 16;
/// Longest name of a contest or an entry, in bytes; longer ones are cut.
pub const NAME_BYTES_MAX: usize = 96;

/// An entry's place in its contest, in an order of the contest's own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryIndex(pub u32);

/// A player's place among those of a contest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PlayerIndex(pub u16);

/// What a contest may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Entries; one takes about 50 bytes once it is read (see [`Board`]), about twice that while it is.
    pub entries_max: usize,
    /// Distinct players; at most [`PLAYERS_MAX`].
    pub players_max: usize,
    /// Players in the table by which entries name them.
    pub table_max: usize,
    /// Bytes of one line of a body.
    pub line_bytes_max: usize,
    /// Lines that are told of one by one among those that were refused.
    pub bad_lines_max: usize,
}

impl Limits {
    /// Those that hold where settings say nothing else.
    pub const DEFAULT: Limits = Limits {
        entries_max: 2_000_000,
        players_max: 4_096,
        table_max: 20_000,
        line_bytes_max: 16 * 1024,
        bad_lines_max: 100,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
