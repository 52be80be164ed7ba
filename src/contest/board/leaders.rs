//! Who may be at the top, so that nobody looks for leaders among a million entries after every change.
//!
//! Every entry at or above a threshold is among those held, some more than once, beside some that have fallen since. An
//! entry that rises over the threshold is added while it is moved. When they are too many, or too few are left, the
//! threshold is set anew. Bounded by [`HELD_MAX`].

/// How many are to be at or above the threshold.
pub(super) const WANTED: u32 = 256;
/// Most that are held; beyond, the threshold is set anew.
const HELD_MAX: usize = 1 << 14;

/// Those who may lead.
#[derive(Debug)]
pub(super) struct Leaders {
    /// As cells have it.
    pub(super) threshold: u32,
    pub(super) held: Vec<u32>,
    /// Some may be missing.
    pub(super) lost: bool,
}

impl Leaders {
    pub(super) fn new() -> Leaders {
        Leaders {
            threshold: u32::MAX,
            held: Vec::new(),
            lost: true,
        }
    }

    pub(super) fn lose(&mut self) {
        self.lost = true;
        self.held.clear();
    }

    /// Whether more may be added.
    pub(super) fn has_room(&self) -> bool {
        self.held.len() <= HELD_MAX
    }

    /// After those who rose were added.
    pub(super) fn bound(&mut self) {
        if !self.has_room() {
            self.lose();
        }
    }
}
