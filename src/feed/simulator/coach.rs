//! What the sidelines decide: which play, how fast, and when to stop the clock.
//!
//! Owns the odds of decisions. Where they come from: 32 recorded games, dropbacks by down and
//! distance. Never plays anything.

use super::kicks::FIELD_GOAL_TO_GOAL_MAX;
use super::play::Ball;
use super::rng::Rng;

/// A decision for the coming snap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Hand it off.
    Run,
    /// Drop back.
    Pass,
    /// Punt it away.
    Punt,
    /// Try a field goal.
    FieldGoal,
    /// Run the clock out.
    Kneel,
    /// Stop the clock.
    Spike,
    /// Throw it around: the last play of a game not yet quite lost.
    Laterals,
}

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Quarter, 5 in overtime.
    pub(super) quarter: u8,
    /// Seconds left in it.
    pub(super) left: u16,
    /// The ball.
    pub(super) ball: Ball,
    /// Points the side with the ball is ahead.
    pub(super) lead: i32,
    /// Timeouts of the side with the ball and of the other.
    pub(super) timeouts: [u8; 2],
    /// How much more often the side passes than others, in 1,000ths.
    pub(super) pass_tilt: i32,
    /// Seconds that this game's snaps come later than elsewhere.
    pub(super) pace_s: i8,
}

impl View {
    /// Whether the side with the ball is in a hurry.
    pub(super) fn hurried(&self) -> bool {
        match self.quarter {
            2 => self.left <= 120 && self.lead < 17,
            4 => self.lead < 0 && self.left <= 300,
            _ => false,
        }
    }

    /// Whether it would rather see the clock run.
    fn milking(&self) -> bool {
        self.quarter == 4 && self.lead > 0 && self.left <= 420
    }

    /// Seconds from the end of a play to the next snap while the clock runs.
    pub(super) fn tempo(&self, rng: &mut Rng) -> u16 {
        let (low, high) = if self.hurried() {
            (10, 20)
        } else if self.milking() {
            (35, 41)
        } else {
            (31, 44)
        };
        (rng.between(low, high) + i64::from(self.pace_s)).max(8) as u16
    }

    /// Who stops the running clock now: 0 the side with the ball, 1 the other.
    pub(super) fn timeout(&self, rng: &mut Rng) -> Option<usize> {
        let late = self.left <= 150 && matches!(self.quarter, 2 | 4);
        let (who, chance) = match (late, self.quarter, self.lead) {
            (true, 2, _) => (usize::from(rng.permille(300)), 330),
            (true, _, lead) if lead < 0 && self.left <= 100 => (0, 450),
            (true, _, lead) if lead > 0 && lead <= 16 => (1, 650),
            (true, ..) => (0, 120),
            (false, 3 | 4, _) => (usize::from(rng.permille(400)), 58),
            _ => (usize::from(rng.permille(400)), 34),
        };
        (self.timeouts[who] > 0 && rng.permille(chance)).then_some(who)
    }

    /// The call.
    pub(super) fn call(&self, clock_runs: bool, rng: &mut Rng) -> Call {
        let Ball { down, to_goal, .. } = self.ball;
        let in_range = to_goal <= FIELD_GOAL_TO_GOAL_MAX;
        let snaps_left = 4u16.saturating_sub(u16::from(down)) + 1;
        let stoppable = 40 * u16::from(self.timeouts[1]);
        if self.quarter == 4 && self.lead > 0 && self.left + stoppable <= 40 * snaps_left {
            return Call::Kneel;
        }
        if self.quarter == 2 && self.left <= 20 && to_goal > 65 && down < 4 {
            return Call::Kneel;
        }
        let last = self.left <= 8;
        if last && in_range && (self.quarter == 2 || (self.quarter >= 4 && (-3..=0).contains(&self.lead))) {
            return Call::FieldGoal;
        }
        if last && self.quarter == 4 && (-8..0).contains(&self.lead) && to_goal > 30 && rng.permille(600) {
            return Call::Laterals;
        }
        if clock_runs && self.hurried() && self.left <= 60 && down < 4 && self.timeouts[0] == 0 && rng.permille(250) {
            return Call::Spike;
        }
        if down == 4 {
            return self.fourth_down(in_range, rng);
        }
        self.run_or_pass(rng)
    }

    fn fourth_down(&self, in_range: bool, rng: &mut Rng) -> Call {
        let Ball { distance, to_goal, .. } = self.ball;
        let desperate = self.quarter >= 4 && self.lead < 0 && self.left <= 240;
        let go = match (desperate, in_range) {
            (true, true) => self.lead < -3,
            (true, false) => true,
            (false, _) => distance <= 2 && to_goal <= 60 && rng.permille(if distance <= 1 { 300 } else { 110 }),
        };
        if go {
            self.run_or_pass(rng)
        } else if in_range {
            Call::FieldGoal
        } else {
            Call::Punt
        }
    }

    fn run_or_pass(&self, rng: &mut Rng) -> Call {
        let base = match (self.ball.down, self.ball.distance) {
            (1, ..=3) => 350,
            (1, _) => 475,
            (2, ..=3) => 355,
            (2, 4..=7) => 530,
            (2, _) => 655,
            (_, ..=3) => 590,
            (_, 4..=7) => 940,
            _ => 920,
        };
        let moment = match (self.quarter, self.lead) {
            (4, lead) if lead < -8 => 230,
            (4, lead) if lead < 0 => 110,
            (4, lead) if lead > 8 => -230,
            (4, lead) if lead > 0 => -110,
            _ if self.hurried() => 200,
            _ => 0,
        };
        let chance = (base + moment + self.pass_tilt).clamp(60, 980);
        if rng.permille(chance.unsigned_abs()) {
            Call::Pass
        } else {
            Call::Run
        }
    }
}
