//! What goes wrong between a stadium and a reader: wrong first versions, plays that never were,
//! repeats, late plays, gaps.
//!
//! Owns the defects and their rates. Every defect heals before the game's final line: applied by
//! revision, a troubled game holds the same plays as an untroubled one of the same seed. Bounded:
//! at most one defect a play.

use super::game::Timed;
use super::play::other;
use super::rng::Rng;
use super::roster::{COVER, LINE, RB, RUSH, Roster, Slot};
use crate::model::gsis::YARDS_ABS_MAX;
use crate::model::{Event, FeedTime, PlayEvent, PlayId, Retraction, StatRecord};

const SECOND_US: u64 = 1_000_000;

/// How often what goes wrong, each in 10,000 plays. At most one befalls a play; rates that add up to
/// more than 10,000 are shares of what does.
///
/// Scores in `game` and `situation` events are those of the plays as they finally stand: a first
/// version that was wrong about a touchdown never shows in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Trouble {
    /// First sent wrong (yards, player, a shared sack, a touchdown), then put right under `rev` 2,
    /// 20 s to 10 min later. Only plays with a run, a catch or a sack; the rate is of those.
    pub corrections: u32,
    /// Sent a second time under another id, which is taken back 30 s to 5 min later.
    pub retractions: u32,
    /// Repeated as it was, up to 2 min later.
    pub duplicates: u32,
    /// Sent 20 s to 2 min late, so that later plays overtake it.
    pub late: u32,
    /// Missing, and delivered only 3 to 12 min later.
    pub gaps: u32,
}

impl Trouble {
    /// Nothing goes wrong.
    pub const NONE: Trouble = Trouble {
        corrections: 0,
        retractions: 0,
        duplicates: 0,
        late: 0,
        gaps: 0,
    };

    /// A feed on an ordinary day: one to two corrections a game, the rest rarer.
    pub const LIVE: Trouble = Trouble {
        corrections: 120,
        retractions: 10,
        duplicates: 60,
        late: 40,
        gaps: 10,
    };

    /// Plays of 10,000 that anything befalls.
    fn total(&self) -> u32 {
        [self.corrections, self.retractions, self.duplicates, self.late, self.gaps]
            .iter()
            .fold(0, |sum, rate| sum.saturating_add(*rate))
    }
}

/// The game's events as they arrive where things go wrong, in the order of their due times.
pub(super) fn afflict(events: Vec<Timed>, trouble: Trouble, sides: &[Roster; 2], rng: &mut Rng) -> Vec<Timed> {
    if trouble == Trouble::NONE {
        return events;
    }
    let Some(end_us) = events.last().map(|last| last.due_us.saturating_sub(1)) else {
        return events;
    };
    let mut out = Vec::with_capacity(events.len() + events.len() / 8);
    for timed in events {
        match timed.event {
            Event::Play(play) => befall(play, timed.due_us, end_us, trouble, sides, rng, &mut out),
            event => out.push(Timed {
                due_us: timed.due_us,
                event,
            }),
        }
    }
    out.sort_by_key(|timed| timed.due_us);
    out
}

/// Sends one play with whatever befalls it, all of it by `end_us`.
fn befall(play: PlayEvent, due_us: u64, end_us: u64, trouble: Trouble, sides: &[Roster; 2], rng: &mut Rng, out: &mut Vec<Timed>) {
    let due_us = due_us.min(end_us);
    let mut push = |due_us, event| out.push(Timed { due_us, event });
    let after = |rng: &mut Rng, low: i64, high: i64| {
        let later_us = due_us + rng.between(low * 1_000, high * 1_000) as u64 * (SECOND_US / 1_000);
        later_us.min(end_us)
    };
    let roll = rng.below(u64::from(trouble.total().max(10_000))) as u32;
    let mut limit = 0;
    let mut falls = |rate: u32| {
        limit = u32::saturating_add(limit, rate);
        roll < limit
    };
    if falls(trouble.corrections) {
        let wrong = misread(&play, sides, rng);
        let Some((wrong, reviewed)) = wrong else {
            return push(due_us, Event::Play(play));
        };
        let put_right_us = if reviewed { after(rng, 20, 90) } else { after(rng, 30, 600) };
        let shift_us = (put_right_us - due_us) as i64;
        let right = PlayEvent {
            rev: 2,
            ts: play.ts.map(|ts| FeedTime(ts.0 + shift_us)),
            ..play
        };
        push(due_us, Event::Play(wrong));
        push(put_right_us, Event::Play(right));
    } else if falls(trouble.retractions) {
        let taken_back_us = after(rng, 30, 300);
        let (phantom, retraction) = phantom(&play, taken_back_us - due_us);
        push(due_us, Event::Play(play));
        push((due_us + SECOND_US / 2).min(end_us), Event::Play(phantom));
        push(taken_back_us, Event::Retract(retraction));
    } else if falls(trouble.duplicates) {
        push(due_us, Event::Play(play.clone()));
        push(after(rng, 0, 120), Event::Play(play));
    } else if falls(trouble.late) {
        push(after(rng, 20, 120), Event::Play(play));
    } else if falls(trouble.gaps) {
        push(after(rng, 180, 720), Event::Play(play));
    } else {
        push(due_us, Event::Play(play));
    }
}

/// The same play under an id of its own, and its retraction.
fn phantom(play: &PlayEvent, shift_us: u64) -> (PlayEvent, Retraction) {
    let order = play.order.unwrap_or_default() + 1;
    let id = PlayId::new(itoa::Buffer::new().format(order)).expect("digits are well-formed");
    let phantom = PlayEvent {
        play: id.clone(),
        order: Some(order),
        ..play.clone()
    };
    let retraction = Retraction {
        game: play.game.clone(),
        play: id,
        rev: 2,
        ts: play.ts.map(|ts| FeedTime(ts.0.saturating_add_unsigned(shift_us))),
    };
    (phantom, retraction)
}

/// A wrong first version of the play and whether it was the referees who saw it wrong; nothing where
/// the play has nothing to get wrong.
fn misread(play: &PlayEvent, sides: &[Roster; 2], rng: &mut Rng) -> Option<(PlayEvent, bool)> {
    let mut wrong = play.clone();
    let has = |stat: u16| play.stats.iter().any(|r| r.stat == stat);
    if has(83) || has(84) {
        share_sack(&mut wrong, sides, rng);
        return Some((wrong, false));
    }
    if !(has(10) || has(11) || has(21) || has(22)) || has(23) || has(24) {
        return None;
    }
    match rng.below(100) {
        0..=54 => change_yards(&mut wrong, rng),
        55..=84 => change_player(&mut wrong, sides, rng),
        _ if has(52) || has(53) || has(93) => change_yards(&mut wrong, rng),
        _ => {
            change_touchdown(&mut wrong);
            return Some((wrong, true));
        }
    }
    Some((wrong, false))
}

/// Runner or passer and receiver gained a yard or a few more or less.
fn change_yards(play: &mut PlayEvent, rng: &mut Rng) {
    let by = rng.between(1, 4) as i16 * if rng.permille(500) { 1 } else { -1 };
    for record in &mut play.stats {
        if matches!(record.stat, 10 | 11 | 15 | 16 | 21 | 22 | 113) {
            record.yards = (record.yards + by).clamp(-YARDS_ABS_MAX, YARDS_ABS_MAX);
        }
    }
}

/// Somebody else ran or caught.
fn change_player(play: &mut PlayEvent, sides: &[Roster; 2], rng: &mut Rng) {
    let credited = play.stats.iter().find(|r| matches!(r.stat, 10 | 11 | 21 | 22));
    let Some((roster, slot)) = credited.and_then(|r| find(sides, r)) else {
        return;
    };
    let another = if (RB..LINE.start).contains(&slot) {
        other(RB, LINE.start - RB, slot, rng)
    } else {
        RB
    };
    let was = roster.id(slot).clone();
    for record in &mut play.stats {
        if record.player.as_ref() == Some(&was) && !matches!(record.stat, 14..=16 | 111) {
            record.player = Some(roster.id(another).clone());
        }
    }
}

/// A touchdown that was none, or none that was one.
fn change_touchdown(play: &mut PlayEvent) {
    for record in &mut play.stats {
        record.stat = match record.stat {
            10 => 11,
            11 => 10,
            15 => 16,
            16 => 15,
            21 => 22,
            22 => 21,
            stat => stat,
        };
    }
}

/// A sack shared that was one man's, or one man's that was shared.
fn share_sack(play: &mut PlayEvent, sides: &[Roster; 2], rng: &mut Rng) {
    if let Some(whole) = play.stats.iter().position(|r| r.stat == 83) {
        play.stats[whole].stat = 84;
        let half = play.stats[whole].clone();
        let helper = find(sides, &half).map(|(roster, slot)| {
            let helper = if RUSH.contains(&slot) {
                other(RUSH.start, RUSH.len(), slot, rng)
            } else {
                COVER.start
            };
            roster.id(helper).clone()
        });
        play.stats.push(StatRecord { player: helper, ..half });
    } else if let Some(first) = play.stats.iter().position(|r| r.stat == 84) {
        play.stats[first].stat = 83;
        play.stats.retain(|r| r.stat != 84);
    }
}

/// Whom a record is about.
fn find<'a>(sides: &'a [Roster; 2], record: &StatRecord) -> Option<(&'a Roster, Slot)> {
    let roster = sides.iter().find(|roster| roster.team == record.team)?;
    let player = record.player.as_ref()?;
    let slot = roster.players.iter().position(|p| p.player == *player)?;
    Some((roster, slot))
}
