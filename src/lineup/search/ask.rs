//! What a search is asked, and what it answers.
//!
//! Pure.

use super::super::problem::{ItemIndex, Limit};

/// A lineup: what is in it, by index, and what that comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineup {
    /// Sum of values.
    pub value: i64,
    /// Sum of salaries.
    pub salary: i64,
    /// Sum of ownerships.
    pub ownership: i64,
    /// Its items, in order.
    pub items: Vec<ItemIndex>,
}

/// What is asked of one search.
#[derive(Clone, Copy, Debug)]
pub(in crate::lineup) struct Ask<'a> {
    /// What each item is worth, 1/10,000 point.
    pub values: &'a [i64],
    /// Who may come in.
    pub allowed: &'a [bool],
    /// Who is in already.
    pub held: &'a [ItemIndex],
    /// How many of each class may come beside them.
    pub fillings: &'a [Vec<u8>],
    /// What must hold beside the problem's own limits.
    pub limits: &'a [Limit],
    /// Lineups that this one must differ from,
    pub chosen: &'a [Lineup],
    /// by sharing at most so many items with each;
    pub shared_max: usize,
    /// by item, who counts as shared with it, too.
    pub twins: &'a [Vec<ItemIndex>],
    /// Lineups wanted, at least; fewer are found where there are fewer.
    pub want: usize,
    /// Lineups kept at most: the best ones.
    pub keep: usize,
    /// No lineup is worth more, as is known already.
    pub ceiling: i64,
    /// How far below that, or below the bound, to look first.
    pub depth: i64,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub(in crate::lineup) struct Outcome {
    /// The best lineups, best first.
    pub lineups: Vec<Lineup>,
    /// No lineup is worth more than this; `None`: there is none at all.
    pub bound: Option<i64>,
    /// Every lineup worth more than this was found. `None`: every lineup at all was.
    pub above: Option<i64>,
    /// Work or time ran out: nothing is known of what lies between `above` and `bound` but what was found.
    pub is_cut: bool,
}

/// How far a search may go.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    /// Steps of the walk.
    pub steps: u64,
    /// Whether to stop now, whatever is left.
    pub is_out: &'a dyn Fn() -> bool,
}
