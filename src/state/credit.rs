//! From a play's stat records to what each stat line and each scoreboard gets: a pure sum.

use super::game::Roster;
use crate::model::gsis::{self, Against, Amount};
use crate::model::{Stat, StatDelta, StatRecord};
use smallvec::SmallVec;

/// What a play (or the difference of two revisions of one) adds up to.
#[derive(Default)]
pub(super) struct Credits {
    /// Differences by player slot.
    pub(super) lines: SmallVec<[(u32, StatDelta); 6]>,
    /// Points by team place in the roster: scored against the opponent's defence, or against its offence.
    pub(super) points: SmallVec<[(u8, Against, i32); 2]>,
}

impl Credits {
    /// Adds the records of a play (`sign` 1) or takes them back (`sign` −1).
    pub(super) fn add(&mut self, stats: &[StatRecord], sign: i32, roster: &mut Roster<'_>) {
        for (place, record) in stats.iter().enumerate() {
            let team = roster.team(&record.team);
            let counted = record.stat != gsis::SAFETY || first_safety_of_team(stats, place);
            if let Some((points, against)) = gsis::scoring_points(record.stat)
                && counted
            {
                self.points.push((team, against, sign * i32::from(points)));
            }
            let Some(effect) = gsis::effect(record.stat) else { continue };
            if let Some(player) = &record.player {
                let slot = roster.slot(player, &record.team);
                self.credit(slot, effect.player, record.yards, sign);
                if record.stat == FIELD_GOAL {
                    for bracket in gsis::field_goal_brackets(record.yards) {
                        self.line(slot).add(*bracket, sign);
                    }
                }
            }
            if !effect.defence.is_empty() && counted {
                let slot = roster.defence(team);
                self.credit(slot, effect.defence, record.yards, sign);
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
fn first_safety_of_team(stats: &[StatRecord], place: usize) -> bool {
    !stats[..place]
        .iter()
        .any(|earlier| earlier.stat == gsis::SAFETY && earlier.team == stats[place].team)
}
