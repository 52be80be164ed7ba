//! Kickoffs, punts, field goals and tries: their odds and their records.
//!
//! Owns special teams. Where the odds come from: 32 recorded games. Never touches clock or score.

use super::play::{Draft, End, Field};
use super::rng::Rng;
use super::roster::{self, DEFENCE, K, P, QB, RB, RUSH, Slot, WR};
use super::tables;
use crate::model::PlayKind;

/// Yards from the line to where a field goal is kicked, plus the depth of the end zone.
const KICK_EXTRA: i16 = 18;
/// Longest field goal that is tried, in yards to the end zone.
pub(super) const FIELD_GOAL_TO_GOAL_MAX: i16 = 36;
/// Who brings kicks back.
const RETURNERS: [(u32, Slot); 3] = [(70, WR + 3), (20, RB + 2), (10, WR + 4)];

/// How a kickoff is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kick {
    /// Deep.
    Deep,
    /// Short, to get it back.
    Onside,
    /// After a safety, from the 20.
    Free,
}

/// A kickoff by `field.offence`.
pub(super) fn kickoff(field: &mut Field<'_>, kick: Kick) -> Draft {
    let mut draft = Draft::new(PlayKind::Kickoff);
    if kick == Kick::Onside {
        return onside(field, draft);
    }
    let receiver = field.other_side();
    if kick == Kick::Deep && field.rng.permille(680) {
        draft.add(field.offence, K, 44, 65);
        draft.add_team(field.defence, 51, 0);
        draft.add(field.offence, K, 410, field.rng.between(68, 75) as i16);
        draft.end = End::Possession {
            side: receiver,
            to_goal: 75,
        };
        return draft;
    }
    // Caught `at` yards in front of the end zone: behind it where that is negative.
    let at = match kick {
        Kick::Free => field.rng.between(10, 30) as i16,
        _ => field.rng.between(-5, 6) as i16,
    };
    let from = if kick == Kick::Free { 80 } else { 65 };
    draft.add(field.offence, K, if at <= 0 { 43 } else { 41 }, from - at);
    let reached = if field.rng.permille(8) {
        100 - at
    } else {
        field.rng.quantile(&tables::KICK_RETURN)
    };
    if at + reached < 20 {
        draft.add(field.offence, K, 42, 0);
    }
    draft.seconds = 5 + field.rng.below(4) as u16;
    bring_back(field, &mut draft, 45, at, reached);
    draft
}

fn onside(field: &mut Field<'_>, mut draft: Draft) -> Draft {
    let length = field.rng.between(9, 15) as i16;
    let who = field.rng.weighted(&RETURNERS, WR + 3);
    draft.add(field.offence, K, 41, length);
    draft.seconds = 2;
    let spot = 65 - length;
    if field.rng.permille(180) {
        let recovers = coverage(field.rng);
        draft.add(field.offence, recovers, 107, 0);
        draft.end = End::Possession {
            side: field.ball.side,
            to_goal: spot,
        };
    } else {
        draft.add(field.defence, who, 45, 0);
        draft.end = End::Possession {
            side: field.other_side(),
            to_goal: 100 - spot,
        };
    }
    draft
}

/// Somebody who runs under kicks.
fn coverage(rng: &mut Rng) -> Slot {
    if rng.permille(800) { roster::one_of(DEFENCE, rng) } else { WR + 4 }
}

/// A return from `at` yards in front of the own end zone, of `reached` yards.
fn bring_back(field: &mut Field<'_>, draft: &mut Draft, stat: u16, at: i16, reached: i16) {
    let who = field.rng.weighted(&RETURNERS, WR + 3);
    let side = field.other_side();
    if reached >= 100 - at {
        draft.add(field.defence, who, stat + 1, 100 - at);
        draft.end = End::Touchdown { side };
        return;
    }
    // Nobody is tackled in his own end zone here: he would have knelt.
    let reached = reached.max(1 - at);
    let spot = at + reached;
    draft.add(field.defence, who, stat, reached);
    let fumbled = field.rng.permille(if stat == 33 { 65 } else { 15 });
    if fumbled {
        let recovers = coverage(field.rng);
        draft.add(field.defence, who, 53, 0);
        draft.add(field.defence, who, 106, 0);
        draft.add(field.offence, recovers, 59, 0);
        draft.end = End::Possession {
            side: field.ball.side,
            to_goal: spot,
        };
        return;
    }
    if !field.rng.permille(60) {
        let tackler = coverage(field.rng);
        draft.add(field.offence, tackler, 79, 0);
    }
    let foul = if field.rng.permille(110) { 10.min(spot / 2) } else { 0 };
    if foul > 0 {
        draft.add(field.defence, roster::one_of(DEFENCE, field.rng), 93, foul);
    }
    draft.end = End::Possession {
        side,
        to_goal: 100 - spot + foul,
    };
}

/// A punt.
pub(super) fn punt(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::Punt);
    let to_goal = field.ball.to_goal;
    let side = field.other_side();
    draft.seconds = 5 + field.rng.below(5) as u16;
    if field.rng.permille(5) {
        return blocked_punt(field, draft);
    }
    let mut lands = to_goal - field.rng.quantile(&tables::PUNT);
    if lands <= 0 && field.rng.permille(450) {
        draft.add(field.offence, P, 32, to_goal);
        draft.add_team(field.defence, 40, 0);
        draft.end = End::Possession { side, to_goal: 80 };
        return draft;
    }
    if lands <= 0 {
        lands = field.rng.between(3, 15) as i16;
    }
    draft.add(field.offence, P, 29, to_goal - lands);
    let reached = if field.rng.permille(8) {
        100
    } else {
        field.rng.quantile(&tables::PUNT_RETURN)
    };
    match field.rng.below(100) {
        0..=46 => {
            if lands + reached < 20 {
                draft.add(field.offence, P, 30, 0);
            }
            bring_back(field, &mut draft, 33, lands, reached);
        }
        roll => {
            if lands < 20 {
                draft.add(field.offence, P, 30, 0);
            }
            match roll {
                47..=79 => draft.add(field.defence, WR + 3, 39, 0),
                81..=90 => draft.add_team(field.defence, 37, 0),
                _ => draft.add_team(field.defence, 38, 0),
            }
            draft.end = End::Possession {
                side,
                to_goal: 100 - lands,
            };
        }
    }
    draft
}

/// A punt that does not get away: taken where it lies, or carried all the way.
fn blocked_punt(field: &mut Field<'_>, mut draft: Draft) -> Draft {
    let side = field.other_side();
    let to_goal = 100 - field.ball.to_goal;
    draft.add(field.offence, P, 2, 0);
    draft.add(field.defence, roster::one_of(RUSH, field.rng), 86, 0);
    if field.rng.permille(250) {
        let who = roster::one_of(DEFENCE, field.rng);
        draft.add(field.defence, who, 64, to_goal);
        draft.end = End::Touchdown { side };
    } else {
        draft.end = End::Possession {
            side,
            to_goal: (to_goal - 8).max(1),
        };
    }
    draft
}

/// A field goal try.
pub(super) fn field_goal(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::FieldGoal);
    let side = field.other_side();
    let to_goal = field.ball.to_goal;
    let length = to_goal + KICK_EXTRA;
    let good = match length {
        ..=29 => 985,
        30..=39 => 930,
        40..=49 => 800,
        _ => 640,
    };
    draft.seconds = 4 + field.rng.below(2) as u16;
    let missed_at = End::Possession {
        side,
        to_goal: (100 - to_goal - 8).min(80),
    };
    if field.rng.permille(18) {
        draft.add(field.offence, K, 71, length);
        draft.add(field.defence, roster::one_of(RUSH, field.rng), 88, 0);
        draft.end = missed_at;
        if field.rng.permille(100) {
            draft.add(field.defence, roster::one_of(DEFENCE, field.rng), 64, 100 - to_goal);
            draft.end = End::Touchdown { side };
        }
    } else if field.rng.permille(good) {
        draft.add(field.offence, K, 70, length);
        draft.end = End::Kickoff { by: field.ball.side };
    } else {
        draft.add(field.offence, K, 69, length);
        draft.end = missed_at;
    }
    draft
}

/// The kick after a touchdown.
pub(super) fn extra_point(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::ExtraPoint);
    draft.end = End::Kickoff { by: field.ball.side };
    match field.rng.below(1_000) {
        0..=939 => draft.add(field.offence, K, 72, 0),
        940..=991 => draft.add(field.offence, K, 73, 0),
        roll => {
            let who = roster::one_of(RUSH, field.rng);
            draft.add(field.offence, K, 74, 0);
            draft.add(field.defence, who, 87, 0);
            if roll == 999 {
                draft.add(field.defence, who, 404, 0);
            }
        }
    }
    draft
}

/// A try for two.
pub(super) fn two_point(field: &mut Field<'_>) -> Draft {
    let mut draft = Draft::new(PlayKind::TwoPoint);
    draft.end = End::Kickoff { by: field.ball.side };
    let good = field.rng.permille(480);
    if field.rng.permille(650) {
        let who = roster::target(field.rng);
        draft.add(field.offence, QB, if good { 77 } else { 78 }, 0);
        draft.add(field.offence, who, if good { 104 } else { 105 }, 0);
    } else {
        let who = roster::carrier(field.rng);
        draft.add(field.offence, who, if good { 75 } else { 76 }, 0);
    }
    if !good && field.rng.permille(60) {
        let who = roster::one_of(DEFENCE, field.rng);
        let returned = field.rng.permille(400);
        draft.add(field.defence, who, 403, 0);
        if returned {
            draft.add(field.defence, who, 404, 0);
        }
    }
    draft
}
