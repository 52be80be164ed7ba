//! What a model is told of a coming snap: a function of a game's recap, equal to the training features.
//!
//! The plays that stand are folded in their order, each time anew: the situation, this game's calls of the team
//! with the ball measured against [`Expectation`], its last ten and last three, the drive, the clock's pace, and
//! what both teams did in earlier games. `training/scorewire_training/features.py` does the same; a golden file
//! that it writes is compared field by field. Of the snap's own formation only the last three names tell, which
//! the models without formation leave out. Bounded by the plays of a game. Pure.

mod fold;

use super::expectation::{Expectation, Expected, Memo, Seen};
use super::history::{HOME_POINTS, Past, Tally};
use crate::model::{PlayCall, PlayKind, Recap, RecapPlay, Side, Spot};
pub(super) use fold::is_kick;
use fold::{Fold, Interruption};

/// Every feature, in the order of [`Features`].
pub const NAMES: [&str; 82] = [
    "down_1",
    "down_2",
    "down_3",
    "down_4",
    "distance",
    "distance_short",
    "yards_to_goal",
    "goal_to_go",
    "quarter",
    "overtime",
    "half_left",
    "half_last_150",
    "game_left",
    "game_last_420",
    "lead",
    "lead_sign",
    "lead_late",
    "lead_last_300",
    "lead_by_time",
    "points",
    "points_against",
    "timeouts",
    "timeouts_against",
    "at_home",
    "expected",
    "game_calls",
    "game_residual",
    "game_shotgun",
    "game_no_huddle",
    "game_shotgun_residual",
    "game_under_center_residual",
    "game_down_residual",
    "game_short_residual",
    "game_run_yards",
    "game_pass_yards",
    "game_run_success",
    "game_pass_success",
    "opponent_residual",
    "window_calls",
    "window_residual",
    "window_dropbacks",
    "window_shotgun",
    "window_yards",
    "drive_calls",
    "drive_dropbacks",
    "pace",
    "after_incompletion",
    "after_timeout",
    "after_penalty",
    "last_1_call",
    "last_1_yards",
    "last_1_shotgun",
    "last_1_residual",
    "last_1_success",
    "last_2_call",
    "last_2_yards",
    "last_2_shotgun",
    "last_2_residual",
    "last_2_success",
    "last_3_call",
    "last_3_yards",
    "last_3_shotgun",
    "last_3_residual",
    "last_3_success",
    "past_calls",
    "past_residual",
    "past_first_residual",
    "past_second_residual",
    "past_late_residual",
    "past_short_residual",
    "past_shotgun",
    "past_no_huddle",
    "past_shotgun_residual",
    "past_under_center_residual",
    "past_run_yards",
    "past_pass_yards",
    "opponent_past_residual",
    "opponent_past_yards",
    "rating",
    "shotgun",
    "no_huddle",
    "expected_formed",
];

/// The features of one snap, by the places of [`NAMES`].
pub type Features = [f32; NAMES.len()];

/// Timeouts of a team of which none is told.
const TIMEOUTS: u16 = 3;

/// A coming snap of which enough is known.
struct Snap {
    spot: Spot,
    offence: Side,
    /// 1 to 4; 0 for a kick.
    down: u8,
    distance: u8,
    yards_to_goal: u8,
    quarter: u8,
    seconds_left: u16,
    /// Of the offence, and against it.
    points: [i32; 2],
    timeouts: [u16; 2],
}

/// What can be told of the coming snap.
pub struct Coming {
    /// Its features.
    pub features: Features,
    /// Who has the ball.
    pub offence: Side,
    /// 1 to 4; nothing for a kickoff or a try.
    pub down: Option<u8>,
    /// Whether its formation is known.
    pub formed: bool,
}

/// Seconds left in the half and in the game; in overtime both are those of the period.
pub(super) fn clock_left(quarter: u8, seconds_left: u16) -> (u16, u16) {
    match quarter {
        1..=4 => (
            u16::from((4 - quarter) % 2) * 900 + seconds_left,
            u16::from(4 - quarter) * 900 + seconds_left,
        ),
        _ => (seconds_left, seconds_left),
    }
}

/// The kind of call that a play was; nothing of one that a penalty undid, or that is no play from scrimmage.
pub fn call_of(play: &RecapPlay) -> Option<PlayCall> {
    play.spot.down?;
    match play.kind {
        _ if is_timeout(play) => None,
        PlayKind::Run => Some(PlayCall::Run),
        PlayKind::Pass | PlayKind::Sack => Some(PlayCall::Pass),
        PlayKind::Punt => Some(PlayCall::Punt),
        PlayKind::FieldGoal => Some(PlayCall::FieldGoal),
        PlayKind::Kneel | PlayKind::Spike => Some(PlayCall::Other),
        _ => None,
    }
}

/// Whether the table that models learn from has it as a timeout: a play challenged in vain is one there.
pub(super) fn is_timeout(play: &RecapPlay) -> bool {
    play.timeout || play.kind == PlayKind::Timeout
}

/// The features of the coming snap; nothing where none is coming, or too little of it is told.
pub fn of(recap: &Recap, pasts: [&Past; 2], expectation: &Expectation, memo: &mut Memo) -> Option<Coming> {
    let snap = snap(recap)?;
    let mut fold = Fold::new(recap);
    for (place, play) in recap.plays.iter().enumerate() {
        fold.take(play, |seen| memo.of(place, seen, expectation));
    }
    let formation = snap.spot.shotgun.zip(snap.spot.no_huddle);
    let expected = match snap.down {
        0 => Expected::default(),
        down => expectation.of(&Seen {
            down,
            distance: snap.distance,
            yards_to_goal: snap.yards_to_goal,
            quarter: snap.quarter,
            seconds_left: snap.seconds_left,
            lead: snap.points[0] - snap.points[1],
            formation,
        }),
    };
    Some(Coming {
        features: row(&snap, &fold, pasts, expected),
        offence: snap.offence,
        down: snap.spot.down,
        formed: formation.is_some(),
    })
}

/// What each side called in the game, home first.
pub fn tallies(recap: &Recap, expectation: &Expectation, memo: &mut Memo) -> [Tally; 2] {
    let mut fold = Fold::new(recap);
    for (place, play) in recap.plays.iter().enumerate() {
        fold.take(play, |seen| memo.of(place, seen, expectation));
    }
    fold.tallies
}

fn snap(recap: &Recap) -> Option<Snap> {
    let coming = recap.snap.as_ref()?;
    let (spot, clock) = (coming.spot, coming.clock?);
    let offence = spot.possession?;
    // As if counted from the offence.
    let by_offence = |both: [u16; 2]| [both[offence.index()], both[offence.opponent().index()]];
    Some(Snap {
        spot,
        offence,
        down: spot.down.unwrap_or(0),
        distance: if spot.down.is_some() { spot.distance? } else { 0 },
        yards_to_goal: spot.yards_to_goal?,
        quarter: clock.quarter,
        seconds_left: clock.seconds_left,
        points: by_offence(recap.score.unwrap_or_default()).map(i32::from),
        timeouts: by_offence(recap.timeouts.unwrap_or([TIMEOUTS; 2])),
    })
}

/// A mean, as if `weight` more had been seen at `prior`.
fn shrunk(total: f64, count: f64, weight: f64, prior: f64) -> f64 {
    (total + weight * prior) / (count + weight)
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// A row in the making.
struct Row {
    values: Features,
    len: usize,
}

impl Row {
    fn add<const N: usize>(&mut self, values: [f64; N]) {
        for value in values {
            self.values[self.len] = value as f32;
            self.len += 1;
        }
    }
}

fn row(snap: &Snap, fold: &Fold, pasts: [&Past; 2], expected: Expected) -> Features {
    let mut row = Row {
        values: [0.0; NAMES.len()],
        len: 0,
    };
    add_situation(&mut row, snap, expected);
    add_game(&mut row, snap, fold);
    add_window(&mut row, snap, fold);
    add_last(&mut row, snap, fold);
    add_past(&mut row, snap, pasts);
    row.add([
        flag(snap.spot.shotgun == Some(true)),
        flag(snap.spot.no_huddle == Some(true)),
        expected.formed.log_odds,
    ]);
    debug_assert_eq!(row.len, NAMES.len(), "every name has its value");
    row.values
}

fn add_situation(row: &mut Row, snap: &Snap, expected: Expected) {
    let (half, game) = clock_left(snap.quarter, snap.seconds_left);
    let (half, game) = (f64::from(half), f64::from(game));
    let lead = snap.points[0] - snap.points[1];
    let clamped = |max: i32| f64::from(lead.clamp(-max, max));
    row.add([1, 2, 3, 4].map(|down| flag(snap.down == down)));
    row.add([
        f64::from(snap.distance.min(30)),
        flag(snap.down > 0 && snap.distance <= 2),
        f64::from(snap.yards_to_goal),
        flag(snap.down > 0 && snap.distance >= snap.yards_to_goal),
        f64::from(snap.quarter.min(4)),
        flag(snap.quarter > 4),
        half,
        half.min(150.0),
        game,
        game.min(420.0),
        clamped(35),
        f64::from(lead.signum()),
        if game < 900.0 { clamped(28) } else { 0.0 },
        if game < 300.0 { clamped(28) } else { 0.0 },
        clamped(35) / (game / 60.0 + 1.0).sqrt(),
        f64::from(snap.points[0]),
        f64::from(snap.points[1]),
        f64::from(snap.timeouts[0]),
        f64::from(snap.timeouts[1]),
        flag(snap.offence == Side::Home),
        expected.blind.log_odds,
    ]);
}

fn add_game(row: &mut Row, snap: &Snap, fold: &Fold) {
    let tally = &fold.tallies[snap.offence.index()];
    let opponent = &fold.tallies[snap.offence.opponent().index()];
    let (on_down, on_down_residual) = match snap.down {
        1 => (tally.first, tally.first_residual),
        2 => (tally.second, tally.second_residual),
        _ => (tally.late, tally.late_residual),
    };
    row.add([
        tally.calls,
        shrunk(tally.residual, tally.calls, 12.0, 0.0),
        shrunk(tally.shotgun, tally.formed, 8.0, 0.55),
        shrunk(tally.no_huddle, tally.formed, 8.0, 0.08),
        shrunk(tally.shotgun_residual, tally.shotgun, 10.0, 0.0),
        shrunk(tally.under_center_residual, tally.formed - tally.shotgun, 10.0, 0.0),
        shrunk(on_down_residual, on_down, 8.0, 0.0),
        shrunk(tally.short_residual, tally.short, 4.0, 0.0),
        shrunk(tally.run_yards, tally.runs, 6.0, 4.2),
        shrunk(tally.pass_yards, tally.passes, 8.0, 6.2),
        shrunk(tally.run_successes, tally.runs, 6.0, 0.45),
        shrunk(tally.pass_successes, tally.passes, 8.0, 0.45),
        shrunk(opponent.faced_residual, opponent.faced, 12.0, 0.0),
    ]);
}

fn add_window(row: &mut Row, snap: &Snap, fold: &Fold) {
    let calls = fold.last_calls(snap.offence);
    let (count, formed) = (
        calls.len() as f64,
        calls.iter().filter(|call| call.shotgun.is_some()).count() as f64,
    );
    let sum = |of: fn(&fold::Call) -> f64| calls.iter().map(of).sum::<f64>();
    let drive = fold.drive_of(snap.offence);
    let (_, game_left) = clock_left(snap.quarter, snap.seconds_left);
    row.add([
        count,
        shrunk(sum(|call| call.residual), count, 4.0, 0.0),
        shrunk(sum(|call| flag(call.dropback)), count, 3.0, 0.58),
        shrunk(sum(|call| flag(call.shotgun == Some(true))), formed, 3.0, 0.55),
        shrunk(sum(|call| f64::from(call.yards)), count, 4.0, 5.5),
        drive.map_or(0.0, |drive| f64::from(drive.calls)),
        drive.map_or(0.0, |drive| f64::from(drive.dropbacks)),
        drive.map_or(-1.0, |drive| {
            f64::from((i32::from(drive.last_game_left) - i32::from(game_left)).clamp(-60, 60))
        }),
        flag(drive.is_some_and(|drive| drive.after_incompletion)),
        flag(fold.interruption == Some(Interruption::Timeout)),
        flag(fold.interruption == Some(Interruption::Penalty)),
    ]);
}

fn add_last(row: &mut Row, snap: &Snap, fold: &Fold) {
    let sign = |is: bool| if is { 1.0 } else { -1.0 };
    let mut last = fold.last_calls(snap.offence).iter().rev();
    for _ in 0..3 {
        row.add(last.next().map_or([0.0; 5], |call| {
            [
                sign(call.dropback),
                f64::from(call.yards.clamp(-15, 40)),
                call.shotgun.map_or(0.0, sign),
                call.residual,
                sign(call.gained_enough),
            ]
        }));
    }
}

fn add_past(row: &mut Row, snap: &Snap, pasts: [&Past; 2]) {
    let (past, opponent) = (pasts[snap.offence.index()], pasts[snap.offence.opponent().index()]);
    let tally = &past.tally;
    let at_home = if snap.offence == Side::Home { HOME_POINTS } else { -HOME_POINTS };
    row.add([
        tally.calls.min(600.0),
        shrunk(tally.residual, tally.calls, 100.0, 0.0),
        shrunk(tally.first_residual, tally.first, 50.0, 0.0),
        shrunk(tally.second_residual, tally.second, 50.0, 0.0),
        shrunk(tally.late_residual, tally.late, 40.0, 0.0),
        shrunk(tally.short_residual, tally.short, 20.0, 0.0),
        shrunk(tally.shotgun, tally.formed, 60.0, 0.55),
        shrunk(tally.no_huddle, tally.formed, 60.0, 0.08),
        shrunk(tally.shotgun_residual, tally.shotgun, 80.0, 0.0),
        shrunk(tally.under_center_residual, tally.formed - tally.shotgun, 80.0, 0.0),
        shrunk(tally.run_yards, tally.runs, 60.0, 4.2),
        shrunk(tally.pass_yards, tally.passes, 80.0, 6.2),
        shrunk(opponent.tally.faced_residual, opponent.tally.faced, 100.0, 0.0),
        shrunk(opponent.tally.faced_yards, opponent.tally.faced, 100.0, 5.5),
        past.rating - opponent.rating + at_home,
    ]);
}

#[cfg(test)]
mod tests;
