//! Plays from scrimmage that are not kicks: runs, passes, sacks, fouls, kneels, spikes, laterals.
//!
//! Owns their odds and their records. Where the odds come from: 32 recorded games. Never touches
//! clock or score.

use super::play::{Ball, Draft, End, Field, other};
use super::roster::{self, COVER, DEFENCE, LINE, QB, RUSH, Slot};
use super::tables;
use crate::model::PlayKind;
use crate::model::gsis::SAFETY;

/// Fumbles in 1,000, and how many of those go to the other side in 1,000.
const FUMBLE_RUN: (u32, u32) = (13, 450);
const FUMBLE_CATCH: (u32, u32) = (10, 420);
const FUMBLE_SACK: (u32, u32) = (130, 390);
/// Of 1,000 fumbles that are lost, how many are carried all the way back.
const FUMBLE_TOUCHDOWN: u32 = 90;
/// Of 1,000 interceptions, how many are carried all the way back.
const PICK_SIX: u32 = 75;

/// A handed-off run, or a quarterback's scramble.
pub(super) fn run(field: &mut Field<'_>, scramble: Scramble) -> Draft {
    let mut draft = Draft::new(PlayKind::Run);
    let (who, table) = match scramble {
        Scramble::Yes => (QB, &tables::SCRAMBLE),
        Scramble::No => (roster::carrier(field.rng), &tables::RUN),
    };
    let drawn = field.rng.quantile(table);
    let gain = escape(field, drawn);
    draft.seconds = 5 + field.rng.below(3) as u16;
    draft.clock_runs = !field.rng.permille(50);
    let ball = field.ball;
    // Close to the goal line runners stretch over it.
    let reach = if ball.to_goal <= 12 { 1 } else { 0 };
    if gain > 0 && gain + reach >= ball.to_goal {
        draft.downs(field.offence, ball, true, 3);
        draft.add(field.offence, who, 11, ball.to_goal);
        draft.end = End::Touchdown { side: ball.side };
        return draft;
    }
    if ball.to_goal - gain >= 100 {
        draft.add(field.offence, who, 10, ball.to_goal - 100);
        return safety(field, draft);
    }
    draft.end = End::Gain(gain);
    finish_gain(field, draft, who, Gained { gain, how: How::Run }, FUMBLE_RUN)
}

/// A loss into the own end zone mostly ends just short of it.
fn escape(field: &mut Field<'_>, gain: i16) -> i16 {
    let short = field.ball.to_goal - 99;
    if gain < short && field.rng.permille(750) { short } else { gain }
}

/// Whether a run began as a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scramble {
    /// The quarterback kept it.
    Yes,
    /// It was called.
    No,
}

struct Gained {
    gain: i16,
    how: How,
}

/// How a gain was made; the number is the record of a first down made so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Run = 3,
    Pass = 4,
}

/// The records after a gain short of the end zone: downs, tackle, fumble or foul.
fn finish_gain(field: &mut Field<'_>, mut draft: Draft, who: Slot, gained: Gained, fumbles: (u32, u32)) -> Draft {
    let ball = field.ball;
    let spot = ball.to_goal - gained.gain;
    if gained.how == How::Run {
        draft.add(field.offence, who, 10, gained.gain);
        if gained.gain < 0 {
            draft.add_team(field.offence, 95, gained.gain);
        }
    }
    let foul = field.rng.below(1_000);
    if foul < 16 && gained.gain > 3 {
        draft.tackle(field.defence, 0, field.rng);
        let holder = roster::one_of(LINE, field.rng);
        let yards = 10.min((100 - spot) / 2);
        draft.add(field.offence, holder, 93, yards);
        draft.end = End::Flag {
            yards: gained.gain - yards,
            first_down: false,
        };
        draft.clock_runs = false;
        return draft;
    }
    let rough = foul >= 988 && spot > 20;
    let made = gained.gain >= ball.distance;
    draft.downs(field.offence, ball, made, gained.how as u16);
    let tackler = draft.tackle(field.defence, (-gained.gain).max(0), field.rng);
    if rough {
        draft.add_team(field.offence, 5, 0);
        draft.add(field.defence, tackler, 93, 15.min(spot / 2));
        draft.end = End::Flag {
            yards: gained.gain + 15.min(spot / 2),
            first_down: true,
        };
        draft.clock_runs = false;
    } else if field.rng.permille(fumbles.0) {
        fumble(field, &mut draft, who, tackler, spot, fumbles.1);
    }
    draft
}

/// A ball on the ground, `spot` yards from the end zone.
fn fumble(field: &mut Field<'_>, draft: &mut Draft, who: Slot, forced_by: Slot, spot: i16, lost: u32) {
    let forced = field.rng.permille(720);
    draft.add(field.offence, who, if forced { 52 } else { 53 }, 0);
    if forced {
        draft.add(field.defence, forced_by, 91, 0);
    }
    if !field.rng.permille(lost) {
        draft.add(field.offence, who, if field.rng.permille(120) { 54 } else { 55 }, 0);
        return;
    }
    draft.add(field.offence, who, 106, 0);
    let recovers = other(DEFENCE.start, DEFENCE.len(), forced_by, field.rng);
    let yards = match field.rng.below(1_000) as u32 {
        roll if roll < FUMBLE_TOUCHDOWN => 100,
        roll if roll < 600 => 0,
        _ => field.rng.between(1, 12) as i16,
    };
    field.takeaway(draft, recovers, 59, spot.clamp(1, 99), yards);
}

/// A called pass: caught, dropped, intercepted, sacked or run.
pub(super) fn pass(field: &mut Field<'_>) -> Draft {
    match field.rng.below(1_000) {
        0..=65 => sack(field),
        66..=101 => run(field, Scramble::Yes),
        102..=120 => interception(field),
        121..=402 => incomplete(field),
        _ => completion(field),
    }
}

fn completion(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Pass);
    let ball = field.ball;
    let who = roster::target(field.rng);
    let drawn = field.rng.quantile(&tables::COMPLETION);
    // Close to the end zone a receiver gets there who would have been caught a little short.
    let reach = if ball.to_goal <= 25 { 3 } else { 0 };
    let scored = drawn + reach >= ball.to_goal && drawn > 0;
    let gain = if scored { ball.to_goal } else { drawn.max(ball.to_goal - 99) };
    let after = field.rng.quantile(&tables::AFTER_CATCH).min(gain + 5).max(0);
    draft.seconds = 5 + field.rng.below(4) as u16;
    draft.clock_runs = !field.rng.permille(90);
    draft.add(field.offence, QB, if scored { 16 } else { 15 }, gain);
    draft.add(field.offence, QB, 111, gain - after);
    draft.add(field.offence, who, if scored { 22 } else { 21 }, gain);
    draft.add(field.offence, who, 113, after);
    draft.add(field.offence, who, 115, 0);
    if field.rng.permille(85) {
        draft.add(field.defence, roster::one_of(RUSH, field.rng), 110, 0);
    }
    if scored {
        draft.downs(field.offence, ball, true, 4);
        draft.end = End::Touchdown { side: ball.side };
        return draft;
    }
    draft.end = End::Gain(gain);
    finish_gain(field, draft, who, Gained { gain, how: How::Pass }, FUMBLE_CATCH)
}

fn incomplete(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Pass);
    draft.seconds = 4 + field.rng.below(4) as u16;
    draft.downs(field.offence, field.ball, false, 4);
    draft.add(field.offence, QB, 14, 0);
    draft.add(field.offence, QB, 112, field.rng.quantile(&tables::INCOMPLETE_AIR));
    if field.rng.permille(960) {
        draft.add(field.offence, roster::target(field.rng), 115, 0);
    }
    if field.rng.permille(310) {
        draft.add(field.defence, roster::one_of(COVER, field.rng), 85, 0);
    }
    if field.rng.permille(130) {
        draft.add(field.defence, roster::one_of(RUSH, field.rng), 110, 0);
    }
    draft
}

fn interception(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Pass);
    let air = field.rng.quantile(&tables::INCOMPLETE_AIR);
    let who = roster::one_of(COVER, field.rng);
    draft.seconds = 6 + field.rng.below(5) as u16;
    draft.downs(field.offence, field.ball, false, 4);
    draft.add(field.offence, QB, 19, 0);
    draft.add(field.offence, QB, 112, air);
    draft.add(field.offence, roster::target(field.rng), 115, 0);
    draft.add(field.defence, who, 85, 0);
    let spot = field.ball.to_goal - air;
    if spot <= 0 {
        draft.add(field.defence, who, 25, 0);
        draft.end = End::Possession {
            side: field.other_side(),
            to_goal: 80,
        };
        return draft;
    }
    let spot = spot.min(99);
    let yards = if field.rng.permille(PICK_SIX) {
        100
    } else {
        field.rng.quantile(&tables::INTERCEPTION_RETURN)
    };
    field.takeaway(&mut draft, who, 25, spot, yards);
    draft
}

fn sack(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Sack);
    let ball = field.ball;
    let drawn = field.rng.quantile(&tables::SACK);
    let yards = escape(field, drawn).max(ball.to_goal - 100);
    let first = roster::one_of(RUSH, field.rng);
    draft.seconds = 5 + field.rng.below(4) as u16;
    draft.clock_runs = true;
    draft.downs(field.offence, ball, false, 4);
    draft.add(field.offence, QB, 20, yards);
    if field.rng.permille(70) {
        let second = other(RUSH.start, RUSH.len(), first, field.rng);
        for who in [first, second] {
            draft.add(field.defence, who, 82, 0);
            draft.add(field.defence, who, 84, yards);
            draft.add(field.defence, who, 110, 0);
        }
    } else {
        draft.add(field.defence, first, 79, 0);
        draft.add(field.defence, first, 83, yards);
        if field.rng.permille(900) {
            draft.add(field.defence, first, 110, 0);
        }
        draft.add(field.defence, first, 120, 0);
        draft.add(field.defence, first, 402, -yards);
    }
    if ball.to_goal - yards >= 100 {
        draft.add(field.defence, first, SAFETY, 0);
        draft.end = End::Safety { by: ball.side };
        draft.clock_runs = false;
        return draft;
    }
    draft.end = End::Gain(yards);
    if field.rng.permille(FUMBLE_SACK.0) {
        fumble(field, &mut draft, QB, first, ball.to_goal - yards, FUMBLE_SACK.1);
    }
    draft
}

/// The runner is brought down in his own end zone. Both tacklers may carry the record: it counts once.
fn safety(field: &mut Field<'_>, mut draft: Draft) -> Draft {
    let first = roster::one_of(DEFENCE, field.rng);
    let second = other(DEFENCE.start, DEFENCE.len(), first, field.rng);
    draft.add(field.defence, first, 82, 0);
    draft.add(field.defence, second, 82, 0);
    draft.add(field.defence, first, SAFETY, 0);
    draft.add(field.defence, second, SAFETY, 0);
    draft.end = End::Safety { by: field.ball.side };
    draft.clock_runs = false;
    draft
}

/// A foul that nullifies the play.
pub(super) fn no_play(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::NoPlay);
    draft.no_play = true;
    let Ball { to_goal, distance, .. } = field.ball;
    match field.rng.below(100) {
        0..=57 => {
            let yards = field.rng.weighted(&[(48, 5), (47, 10), (5, 15)], 5).min((100 - to_goal) / 2);
            draft.add(field.offence, roster::one_of(LINE, field.rng), 93, yards);
            draft.end = End::Flag {
                yards: -yards,
                first_down: false,
            };
        }
        58..=60 => {
            let yards = 5.min((100 - to_goal) / 2);
            draft.add_team(field.offence, 93, yards);
            draft.end = End::Flag {
                yards: -yards,
                first_down: false,
            };
        }
        roll => {
            let yards = field.rng.weighted(&[(62, 5), (20, 15), (10, 22), (8, 34)], 5).min(to_goal / 2);
            let automatic = roll >= 80 || yards >= distance;
            if automatic {
                draft.add_team(field.offence, 5, 0);
            }
            draft.add(field.defence, roster::one_of(DEFENCE, field.rng), 93, yards);
            draft.end = End::Flag {
                yards,
                first_down: automatic,
            };
        }
    }
    draft
}

/// The quarterback kneels.
pub(super) fn kneel(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Kneel);
    draft.downs(field.offence, field.ball, false, 3);
    draft.add(field.offence, QB, 10, -1);
    draft.end = End::Gain(-1);
    draft.seconds = 2;
    draft.clock_runs = true;
    draft
}

/// The quarterback throws the ball into the ground.
pub(super) fn spike(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Spike);
    draft.downs(field.offence, field.ball, false, 4);
    draft.add(field.offence, QB, 14, 0);
    draft.seconds = 1;
    draft
}

/// The last play of a lost game: a catch, then laterals until somebody is caught.
pub(super) fn laterals(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Pass);
    let to_goal = field.ball.to_goal;
    let hands = field.rng.between(2, 5) as usize;
    let first = field.rng.below(5) as usize;
    let mut gains: Vec<i16> = (0..hands).map(|_| field.rng.between(-3, 12) as i16).collect();
    gains[0] = field.rng.between(4, 22) as i16;
    let scored = field.rng.permille(25);
    let total: i16 = gains.iter().sum();
    // The last one runs what is left, or as much as keeps the ball on the field.
    let wanted = if scored { to_goal } else { total.clamp(to_goal - 99, to_goal - 1) };
    gains[hands - 1] += wanted - total;
    draft.downs(field.offence, field.ball, wanted >= field.ball.distance, 4);
    draft.add(field.offence, QB, if scored { 16 } else { 15 }, wanted);
    draft.add(field.offence, QB, 111, gains[0]);
    for (nth, gain) in gains.iter().enumerate() {
        let who = roster::RB + (first + nth) % (LINE.start - roster::RB);
        let stat = match (nth, scored && nth == hands - 1) {
            (0, _) => 21,
            (_, true) => 24,
            (_, false) => 23,
        };
        draft.add(field.offence, who, stat, *gain);
        if nth == 0 {
            draft.add(field.offence, who, 115, 0);
        }
    }
    draft.seconds = 15;
    draft.end = if scored {
        End::Touchdown { side: field.ball.side }
    } else {
        draft.tackle(field.defence, 0, field.rng);
        End::Gain(wanted)
    };
    draft
}
