//! Drives: which plays belong together, and how they ended, by the rule of the labels that models learn from
//! (`training/scorewire_training/labels.py`).
//!
//! A drive is what one team snaps without a kickoff, a try or a halftime in between. Its end is known once
//! nothing can be added to it: by a kick, by the other team's coming snap, by the end of the game. Pure.

use super::features::{call_of, is_kick, is_timeout};
use crate::model::prediction::{DriveEnd, PlayCall};
use crate::model::{Clock, GameStatus, PlayKind, Recap, RecapPlay, Side};

/// One drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drive {
    /// The place of its first snap among the recap's plays.
    pub first: usize,
    /// The place of its last one so far.
    pub last: usize,
    /// How it ended; nothing while it goes on, or while that is not known.
    pub end: Option<DriveEnd>,
}

/// A snap from scrimmage: taken, or to come.
#[derive(Clone, Copy)]
struct Snap {
    offence: Side,
    half: u8,
}

/// The drives of a game, first to last.
pub fn drives(recap: &Recap) -> Vec<Drive> {
    let mut drives: Vec<(Drive, Snap)> = Vec::with_capacity(32);
    let mut is_open = false;
    for (place, play) in recap.plays.iter().enumerate() {
        if is_timeout(play) || play.no_play || matches!(play.kind, PlayKind::NoPlay | PlayKind::Other) {
            continue;
        }
        let Some(offence) = play.spot.possession else { continue };
        if play.spot.down.is_none() {
            is_open &= !is_kick(play.kind);
            continue;
        }
        let half = half(play.clock);
        let snap = Snap { offence, half };
        match drives.last_mut() {
            Some((drive, under_way)) if is_open && under_way.goes_on(snap) => drive.last = place,
            _ => {
                end_last(&mut drives, recap, Some(snap));
                let (first, last, end) = (place, place, None);
                drives.push((Drive { first, last, end }, snap));
            }
        }
        is_open = !matches!(play.kind, PlayKind::Punt | PlayKind::FieldGoal);
    }
    let coming = coming(recap);
    let goes_on = match (drives.last(), coming) {
        (Some((_, last)), Some(coming)) => is_open && last.goes_on(coming),
        _ => is_open && recap.status != GameStatus::Final,
    };
    if !goes_on {
        end_last(&mut drives, recap, coming);
    }
    drives.into_iter().map(|(drive, _)| drive).collect()
}

impl Snap {
    fn goes_on(self, next: Snap) -> bool {
        self.offence == next.offence && self.half == next.half
    }
}

/// The half of a clock, from 1; overtime is a third.
fn half(clock: Option<Clock>) -> u8 {
    clock.map_or(1, |clock| (clock.quarter / 2 + clock.quarter % 2).min(3))
}

/// The coming snap, where it is one from scrimmage.
fn coming(recap: &Recap) -> Option<Snap> {
    let snap = recap.snap.as_ref()?;
    snap.spot.down?;
    Some(Snap {
        offence: snap.spot.possession?,
        half: half(snap.clock),
    })
}

/// Says how the last drive ended, now that it has; `after`: the next one's first snap.
fn end_last(drives: &mut [(Drive, Snap)], recap: &Recap, after: Option<Snap>) {
    if let Some((drive, snap)) = drives.last_mut() {
        drive.end = end(&recap.plays[drive.last], *snap, after, recap.status);
    }
}

fn end(last: &RecapPlay, snap: Snap, after: Option<Snap>, status: GameStatus) -> Option<DriveEnd> {
    let is_call = matches!(call_of(last), Some(PlayCall::Run | PlayCall::Pass));
    Some(match last.kind {
        PlayKind::Punt => DriveEnd::Punt,
        PlayKind::FieldGoal if last.touchdown.is_none() && last.points[snap.offence.index()] > 0 => DriveEnd::FieldGoal,
        PlayKind::FieldGoal => DriveEnd::Other,
        _ if last.turnover => DriveEnd::Turnover,
        _ if last.touchdown.is_some() => DriveEnd::Touchdown,
        _ if last.spot.down == Some(4) && is_call && !last.first_down => match after {
            Some(after) if after.half == snap.half && after.offence != snap.offence => DriveEnd::Turnover,
            Some(_) => DriveEnd::Other,
            None if status == GameStatus::Final => DriveEnd::Other,
            // On downs, or at the end of a half: who snaps next will tell.
            None => return None,
        },
        _ => DriveEnd::Other,
    })
}
