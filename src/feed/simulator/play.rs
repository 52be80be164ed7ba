//! What one play left behind: its stat records as the feed would carry them, and where it ended.
//!
//! Owns the draft of a play and the records that many kinds of play share (tackles, downs, fumbles).
//! Knows no clock and no score. Bounded: a draft holds at most [`RECORDS_MAX`] records.

use super::rng::Rng;
use super::roster::{self, Roster, Slot};
use crate::model::{PlayKind, StatRecord};
use smallvec::SmallVec;

/// Most records a play can have; a lateral that nobody stops comes nearest.
pub(super) const RECORDS_MAX: usize = 28;

/// Where the ball is and who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ball {
    /// Side with the ball: 0 home, 1 away.
    pub(super) side: usize,
    /// Yards to the other side's end zone, 1–99 before a snap.
    pub(super) to_goal: i16,
    /// Down 1–4.
    pub(super) down: u8,
    /// Yards to a first down.
    pub(super) distance: i16,
}

impl Ball {
    /// First down for `side`, that far from the end zone.
    pub(super) fn first(side: usize, to_goal: i16) -> Ball {
        let to_goal = to_goal.clamp(1, 99);
        Ball {
            side,
            to_goal,
            down: 1,
            distance: to_goal.min(10),
        }
    }

    /// The ball `yards` further on, the distance shortened; the down stays.
    pub(super) fn moved(self, yards: i16) -> Ball {
        Ball {
            to_goal: (self.to_goal - yards).clamp(1, 99),
            distance: self.distance - yards,
            ..self
        }
    }
}

/// How a play ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Down counted, ball moved.
    Gain(i16),
    /// A foul: ball moved, down played again unless it brought a first down.
    Flag {
        /// Yards the offence won.
        yards: i16,
        /// Whether it is first down whatever the distance.
        first_down: bool,
    },
    /// A side has the ball, first down.
    Possession {
        /// Which.
        side: usize,
        /// Its yards to go.
        to_goal: i16,
    },
    /// Touchdown: a try follows.
    Touchdown {
        /// By whom.
        side: usize,
    },
    /// Somebody kicks off: after field goals and tries.
    Kickoff {
        /// Who kicks.
        by: usize,
    },
    /// Free kick by the side that gave up a safety.
    Safety {
        /// Who kicks.
        by: usize,
    },
}

/// A play that has been played but has no id, time or place yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Kind on the wire.
    pub(super) kind: PlayKind,
    /// Whether it was nullified.
    pub(super) no_play: bool,
    /// Its records.
    pub(super) stats: SmallVec<[StatRecord; 4]>,
    /// How it ended.
    pub(super) end: End,
    /// Seconds it took off the clock.
    pub(super) seconds: u16,
    /// Whether the clock runs on afterwards.
    pub(super) clock_runs: bool,
}

impl Draft {
    /// An empty play of that kind.
    pub(super) fn new(kind: PlayKind) -> Draft {
        Draft {
            kind,
            no_play: false,
            stats: SmallVec::new(),
            end: End::Gain(0),
            seconds: 0,
            clock_runs: false,
        }
    }

    /// A record of a player.
    pub(super) fn add(&mut self, roster: &Roster, slot: Slot, stat: u16, yards: i16) {
        debug_assert!(self.stats.len() < RECORDS_MAX);
        self.stats.push(StatRecord {
            player: Some(roster.id(slot).clone()),
            team: roster.team.clone(),
            stat,
            yards,
        });
    }

    /// A record of the team as a whole.
    pub(super) fn add_team(&mut self, roster: &Roster, stat: u16, yards: i16) {
        debug_assert!(self.stats.len() < RECORDS_MAX);
        self.stats.push(StatRecord {
            player: None,
            team: roster.team.clone(),
            stat,
            yards,
        });
    }

    /// First-down and third- and fourth-down records of a play that counted. `how` is 3 for a run,
    /// 4 for a pass.
    pub(super) fn downs(&mut self, offence: &Roster, ball: Ball, made: bool, how: u16) {
        if made {
            self.add_team(offence, how, 0);
        }
        match (ball.down, made) {
            (3, true) => self.add_team(offence, 6, 0),
            (3, false) => self.add_team(offence, 7, 0),
            (4, true) => self.add_team(offence, 8, 0),
            (4, false) => self.add_team(offence, 9, 0),
            _ => {}
        }
    }

    /// Who made the tackle: alone, with help, or two together; sometimes the runner steps out.
    /// Returns the first of them.
    pub(super) fn tackle(&mut self, defence: &Roster, loss: i16, rng: &mut Rng) -> Slot {
        let first = roster::one_of(roster::DEFENCE, rng);
        let second = other(roster::DEFENCE.start, roster::DEFENCE.len(), first, rng);
        match rng.below(100) {
            0..=78 => self.add(defence, first, 79, 0),
            79..=86 => {
                self.add(defence, first, 80, 0);
                self.add(defence, second, 82, 0);
            }
            87..=96 => {
                self.add(defence, first, 82, 0);
                self.add(defence, second, 82, 0);
            }
            _ => return first,
        }
        if loss > 0 {
            self.add(defence, first, 120, 0);
            self.add(defence, first, 402, loss);
        }
        first
    }
}

/// Somebody else than `not` out of `count` slots from `start`.
pub(super) fn other(start: Slot, count: usize, not: Slot, rng: &mut Rng) -> Slot {
    let step = 1 + rng.below(count as u64 - 1) as usize;
    start + (not - start + step) % count
}

/// The two rosters and the ball, as one play sees them.
pub(super) struct Field<'a> {
    /// Side with the ball, or kicking off.
    pub(super) offence: &'a Roster,
    /// The other side.
    pub(super) defence: &'a Roster,
    /// The ball.
    pub(super) ball: Ball,
    /// Chance.
    pub(super) rng: &'a mut Rng,
}

impl Field<'_> {
    /// The side without the ball.
    pub(super) fn other_side(&self) -> usize {
        1 - self.ball.side
    }

    /// A ball the defence takes away `spot` yards from the end zone it defends, and carries `yards`
    /// back: records under `stat`, or under `stat + 1` where it goes all the way.
    pub(super) fn takeaway(&mut self, draft: &mut Draft, who: Slot, stat: u16, spot: i16, yards: i16) {
        let side = self.other_side();
        let needed = 100 - spot;
        if yards >= needed {
            draft.add(self.defence, who, stat + 1, needed);
            draft.end = End::Touchdown { side };
        } else {
            draft.add(self.defence, who, stat, yards);
            if self.rng.permille(600) {
                let chaser = roster::one_of(roster::QB..roster::LINE.end, self.rng);
                draft.add(self.offence, chaser, 79, 0);
            }
            draft.end = End::Possession {
                side,
                to_goal: needed - yards,
            };
        }
        draft.clock_runs = false;
    }
}
