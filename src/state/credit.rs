//! From a play's stat records to what each stat line and each scoreboard gets: a pure sum.

use super::roster::Tally;
use crate::model::gsis::{self, Against, Amount};
use crate::model::{Stat, StatDelta};
use smallvec::SmallVec;

/// The slot of a record that names no player.
pub(super) const NOBODY: u16 = u16::MAX;

/// A stat record with its player and team as places in the game's roster.
#[derive(Clone, Copy)]
pub(super) struct Credit {
    /// Slot of the player, or [`NOBODY`].
    pub(super) slot: u16,
    /// Place of the team's tally.
    pub(super) team: u8,
    pub(super) stat: u16,
    pub(super) yards: i16,
}

/// The records of a play. Kept for each play of each game, so small: few plays have more than six.
pub(super) type Credited = SmallVec<[Credit; 6]>;

/// What a play (or the difference of two revisions of one) adds up to.
#[derive(Default)]
pub(super) struct Credits {
    /// Differences by player slot.
    pub(super) lines: SmallVec<[(u32, StatDelta); 4]>,
    /// Points by place of the team's tally, and whom they count against.
    pub(super) points: SmallVec<[(u8, Against, i32); 2]>,
}

impl Credits {
    /// Adds the records of a play (`sign` 1) or takes them back (`sign` −1).
    pub(super) fn add(&mut self, records: &[Credit], sign: i32, tallies: &[Tally]) {
        for (place, record) in records.iter().enumerate() {
            let counted = record.stat != gsis::SAFETY || is_first_safety_of_team(records, place);
            if let Some((points, against)) = gsis::scoring_points(record.stat)
                && counted
            {
                self.points.push((record.team, against, sign * i32::from(points)));
            }
            let Some(effect) = gsis::effect(record.stat) else { continue };
            if record.slot != NOBODY {
                let slot = u32::from(record.slot);
                self.credit(slot, effect.player, record.yards, sign);
                if record.stat == FIELD_GOAL {
                    for bracket in gsis::field_goal_brackets(record.yards) {
                        self.line(slot).add(*bracket, sign);
                    }
                }
            }
            if counted {
                self.credit(tallies[record.team as usize].defence, effect.defence, record.yards, sign);
            }
        }
    }

    fn credit(&mut self, slot: u32, credits: &[(Stat, Amount)], yards: i16, sign: i32) {
        if credits.is_empty() {
            return;
        }
        let line = self.line(slot);
        for (stat, amount) in credits {
            line.add(
                *stat,
                sign * match amount {
                    Amount::Count(count) => *count,
                    Amount::Yards => i32::from(yards),
                },
            );
        }
    }

    /// The difference of one player, empty at first.
    pub(super) fn line(&mut self, slot: u32) -> &mut StatDelta {
        let place = self.lines.iter().position(|(s, _)| *s == slot).unwrap_or_else(|| {
            self.lines.push((slot, StatDelta::default()));
            self.lines.len() - 1
        });
        &mut self.lines[place].1
    }
}

const FIELD_GOAL: u16 = 70;

/// A safety counts once for a team and play, however many tacklers carry it.
fn is_first_safety_of_team(records: &[Credit], place: usize) -> bool {
    !records[..place]
        .iter()
        .any(|earlier| earlier.stat == gsis::SAFETY && earlier.team == records[place].team)
}
