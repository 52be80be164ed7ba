//! A game's plays so far, folded into what features are made of.

use super::super::expectation::{Expected, Seen};
use super::super::history::Tally;
use super::{PlayCall, call_of, clock_left, is_timeout};
use crate::model::{PlayKind, Recap, RecapPlay, Side};
use std::collections::VecDeque;

/// Calls that the window looks back.
const RECENT: usize = 10;

/// A run or a dropback that stands.
pub(super) struct Call {
    pub(super) dropback: bool,
    pub(super) yards: i16,
    pub(super) shotgun: Option<bool>,
    /// Above expectation.
    pub(super) residual: f64,
    pub(super) gained_enough: bool,
}

/// The drive under way, after its first call.
#[derive(Clone, Copy)]
pub(super) struct Drive {
    pub(super) calls: u32,
    pub(super) dropbacks: u32,
    /// Seconds left in the game at the last call.
    pub(super) last_game_left: u16,
    pub(super) after_incompletion: bool,
}

/// What came between the last snap and the coming one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    Timeout,
    Penalty,
}

/// A game's plays so far.
#[derive(Default)]
pub(super) struct Fold {
    /// By side.
    pub(super) tallies: [Tally; 2],
    pub(super) interruption: Option<Interruption>,
    /// By side: the last [`RECENT`].
    calls: [VecDeque<Call>; 2],
    offence: Option<Side>,
    drive: Option<Drive>,
    /// Points so far, by side.
    points: [i32; 2],
    /// Points on the scoreboard that no play brought: of tries that the play list lacks.
    unlisted: [i32; 2],
    /// Who scored a touchdown whose try has not come yet.
    try_due: Option<Side>,
}

impl Fold {
    /// Nothing yet of that game.
    pub(super) fn new(recap: &Recap) -> Fold {
        let brought = |side: usize| recap.plays.iter().map(|play| i32::from(play.points[side])).sum::<i32>();
        let unlisted = |score: [u16; 2]| [0, 1].map(|side| (i32::from(score[side]) - brought(side)).max(0));
        Fold {
            unlisted: recap.score.map_or([0; 2], unlisted),
            ..Fold::default()
        }
    }

    /// The side's last calls, the latest last.
    pub(super) fn last_calls(&self, side: Side) -> &VecDeque<Call> {
        &self.calls[side.index()]
    }

    /// The drive under way, where it is that side's and has a call.
    pub(super) fn drive_of(&self, side: Side) -> Option<&Drive> {
        self.drive.as_ref().filter(|_| self.offence == Some(side))
    }

    /// The next play.
    pub(super) fn take(&mut self, play: &RecapPlay, expected: impl FnOnce(Seen) -> Expected) {
        self.count_try(play);
        let before = self.points;
        for (points, brought) in self.points.iter_mut().zip(play.points) {
            *points += i32::from(brought);
        }
        match play.kind {
            _ if is_timeout(play) => {
                self.interruption = Some(Interruption::Timeout);
                return;
            }
            PlayKind::NoPlay => {
                self.interruption = Some(Interruption::Penalty);
                return;
            }
            PlayKind::Other => return,
            _ => self.interruption = None,
        }
        let Some(offence) = play.spot.possession else { return };
        if self.offence != Some(offence) || is_kick(play.kind) {
            (self.offence, self.drive) = (Some(offence), None);
        }
        let dropback = match call_of(play) {
            Some(PlayCall::Pass) => true,
            Some(PlayCall::Run) => false,
            _ => return,
        };
        let Some(seen) = seen(play, offence, before) else { return };
        let expected = expected(seen);
        let call = Call {
            dropback,
            yards: play.yards,
            shotgun: seen.formation.map(|(shotgun, _)| shotgun),
            residual: f64::from(u8::from(dropback)) - expected.blind.probability,
            gained_enough: gained_enough(&seen, play.yards),
        };
        self.count(offence, &seen, &call, f64::from(u8::from(dropback)) - expected.formed.probability);
        let (_, last_game_left) = clock_left(seen.quarter, seen.seconds_left);
        let begun = self.drive.map_or((0, 0), |drive| (drive.calls, drive.dropbacks));
        self.drive = Some(Drive {
            calls: begun.0 + 1,
            dropbacks: begun.1 + u32::from(dropback),
            last_game_left,
            after_incompletion: dropback && play.yards == 0,
        });
        let calls = &mut self.calls[offence.index()];
        if calls.len() == RECENT {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    /// Counts the point of a try that the play list lacks: where another play than a try follows a touchdown,
    /// and the scoreboard has it.
    fn count_try(&mut self, play: &RecapPlay) {
        if is_timeout(play) || matches!(play.kind, PlayKind::NoPlay | PlayKind::Other) {
            return;
        }
        if let Some(side) = self.try_due.take()
            && !matches!(play.kind, PlayKind::ExtraPoint | PlayKind::TwoPoint)
            && self.unlisted[side.index()] > 0
        {
            self.unlisted[side.index()] -= 1;
            self.points[side.index()] += 1;
        }
        self.try_due = play.touchdown;
    }

    fn count(&mut self, offence: Side, seen: &Seen, call: &Call, formed_residual: f64) {
        let one = |is: bool| f64::from(u8::from(is));
        let yards = f64::from(call.yards);
        let tally = &mut self.tallies[offence.index()];
        tally.calls += 1.0;
        tally.residual += call.residual;
        if let Some((shotgun, no_huddle)) = seen.formation {
            tally.formed += 1.0;
            tally.no_huddle += one(no_huddle);
            tally.shotgun += one(shotgun);
            let residual = if shotgun {
                &mut tally.shotgun_residual
            } else {
                &mut tally.under_center_residual
            };
            *residual += formed_residual;
        }
        let (count, residual) = match seen.down {
            1 => (&mut tally.first, &mut tally.first_residual),
            2 => (&mut tally.second, &mut tally.second_residual),
            _ => (&mut tally.late, &mut tally.late_residual),
        };
        *count += 1.0;
        *residual += call.residual;
        if seen.distance <= 2 {
            tally.short += 1.0;
            tally.short_residual += call.residual;
        }
        let (count, total, successes) = if call.dropback {
            (&mut tally.passes, &mut tally.pass_yards, &mut tally.pass_successes)
        } else {
            (&mut tally.runs, &mut tally.run_yards, &mut tally.run_successes)
        };
        *count += 1.0;
        *total += yards;
        *successes += one(call.gained_enough);
        let opponent = &mut self.tallies[offence.opponent().index()];
        opponent.faced += 1.0;
        opponent.faced_residual += call.residual;
        opponent.faced_yards += yards;
    }
}

/// A play that ends a drive, or follows its end.
pub(crate) fn is_kick(kind: PlayKind) -> bool {
    use PlayKind::{ExtraPoint, FieldGoal, Kickoff, Punt, TwoPoint};
    matches!(kind, Kickoff | Punt | FieldGoal | ExtraPoint | TwoPoint)
}

/// What the call was answered to; nothing where too little is told.
fn seen(play: &RecapPlay, offence: Side, points: [i32; 2]) -> Option<Seen> {
    let clock = play.clock?;
    Some(Seen {
        down: play.spot.down?,
        distance: play.spot.distance?,
        yards_to_goal: play.spot.yards_to_goal?,
        quarter: clock.quarter,
        seconds_left: clock.seconds_left,
        lead: points[offence.index()] - points[offence.opponent().index()],
        formation: play.spot.shotgun.zip(play.spot.no_huddle),
    })
}

/// Whether a call gained 40% of the distance on first down, 60% on second, all of it later.
fn gained_enough(seen: &Seen, yards: i16) -> bool {
    let needed = match seen.down {
        1 => 4,
        2 => 6,
        _ => 10,
    };
    i32::from(yards) * 10 >= i32::from(seen.distance) * needed
}
