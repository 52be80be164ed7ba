//! Contests and entries in the server's messages: what a snapshot says of them, and what of it a delta does.

use crate::model::contest::{Cut, Distribution, EntryOdds, Leader};
use crate::model::{EntryNow, PlayerId, Points};

/// A contest: all of it in a snapshot, in a delta what moved.
pub struct ContestShown<'a> {
    /// Its name and how many entries it has; in a snapshot.
    pub head: Option<(&'a str, u32)>,
    /// The best entries.
    pub leaders: Option<&'a [Leader]>,
    /// The last places of the prize tiers.
    pub cuts: Option<&'a [Cut]>,
    /// The points of the last paid place.
    pub money_line: Option<Points>,
    /// How the entries are spread.
    pub distribution: Option<&'a Distribution>,
    /// When odds were drawn.
    pub odds_at: Option<i64>,
}

/// An entry: all of it in a snapshot, in a delta where it stands and the slots that moved.
pub struct EntryShown<'a> {
    /// Which; in a snapshot.
    pub head: Option<EntryHead<'a>>,
    /// Where it stands.
    pub now: &'a EntryNow,
    /// What its points changed by, in a delta.
    pub change: Option<Points>,
    /// The slots that are told.
    pub slots: Vec<EntrySlot<'a>>,
    /// What is likely to become of it, where that is new.
    pub odds: Option<&'a EntryOdds>,
}

/// What never changes of an entry.
pub struct EntryHead<'a> {
    /// Its contest.
    pub contest: &'a str,
    /// Its id there.
    pub entry: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Entries in all.
    pub entries: u32,
}

/// A slot of an entry.
pub struct EntrySlot<'a> {
    /// Its name.
    pub slot: &'a str,
    /// Who is in it.
    pub player: &'a PlayerId,
    /// What the entry has from it.
    pub points: Points,
    /// What it multiplies by, in 1/100; in a snapshot, where that is not 1.
    pub multiplier: Option<u32>,
}
