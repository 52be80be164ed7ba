//! What to do with an event that may be late, early, repeated, revised or dead.
//!
//! Owns the revisions seen per game item and gives each play its place; never touches stats. Bounded by
//! `plays_max` per game.
//! For one item only the highest revision counts, so the order and repetition of events cannot
//! matter: a retraction is a revision without stats, and leaves a tombstone.

use crate::model::{Event, PlayId, Rev};
use foldhash::fast::RandomState;
use hashbrown::hash_table::{Entry, HashTable};
use std::hash::BuildHasher as _;

/// What becomes of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// First word on this item: it counts.
    Fresh,
    /// First word on this play, though a later play is already known: it counts.
    Late,
    /// A higher revision: it replaces what is there.
    Revision,
    /// A play that is back after a retraction, under a higher revision.
    Revived,
    /// A retraction of a play that is there.
    Retracted,
    /// A retraction of a play that never came or is retracted already: the tombstone stands.
    RetractedUnseen,
    /// An equal or lower revision: no effect.
    Duplicate,
    /// An equal or lower revision of a retracted play: no effect.
    Dead,
    /// The game has as many plays as a game may have: refused.
    Full,
}

impl Verdict {
    /// Every verdict, for metrics and tests.
    pub const ALL: [Verdict; 9] = [
        Verdict::Fresh,
        Verdict::Late,
        Verdict::Revision,
        Verdict::Revived,
        Verdict::Retracted,
        Verdict::RetractedUnseen,
        Verdict::Duplicate,
        Verdict::Dead,
        Verdict::Full,
    ];

    /// Stable name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Fresh => "fresh",
            Verdict::Late => "late",
            Verdict::Revision => "revision",
            Verdict::Revived => "revived",
            Verdict::Retracted => "retracted",
            Verdict::RetractedUnseen => "retracted_unseen",
            Verdict::Duplicate => "duplicate",
            Verdict::Dead => "dead",
            Verdict::Full => "full",
        }
    }

    /// Whether the event has an effect on the game.
    pub fn counts(self) -> bool {
        !matches!(self, Verdict::Duplicate | Verdict::Dead | Verdict::Full)
    }
}

/// What has been heard of a play.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Never,
    Stands,
    Dead,
}

struct Known {
    id: PlayId,
    play: Heard,
    play_rev: Rev,
    /// Of the snap after it, once that was heard of.
    snap: Option<Rev>,
}

/// The revisions of one game's items.
#[derive(Default)]
pub struct Ledger {
    /// By place, from 0, in the order in which they were first named.
    plays: Vec<Known>,
    /// Places in `plays`, found by the ids there.
    by_id: HashTable<u32>,
    hasher: RandomState,
    /// Of `plays`, those that were heard of themselves.
    plays_count: usize,
    /// Snaps, the opening one included.
    snaps_count: usize,
    opening: Option<Rev>,
    game: Option<Rev>,
    latest_order: u64,
}

/// What the ledger says of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admitted {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The place of the play that it is about: plays are counted from 0 in the order in which they are
    /// first named. Nothing for events about no play, and where the game is full.
    pub place: Option<u32>,
}

impl Ledger {
    /// Decides on an event of this game and remembers it. `plays_max` bounds each of plays and
    /// situations. Player lists are not the ledger's: they are always fresh.
    pub fn admit(&mut self, event: &Event, plays_max: usize) -> Admitted {
        match event {
            Event::Play(play) => {
                let order = play.order.or_else(|| play.play.order()).unwrap_or(u64::MAX);
                let admitted = self.play(&play.play, play.rev, Heard::Stands, plays_max);
                match admitted.verdict {
                    Verdict::Fresh => Admitted {
                        verdict: self.in_order(order),
                        ..admitted
                    },
                    _ => admitted,
                }
            }
            Event::Retract(retraction) => self.play(&retraction.play, retraction.rev, Heard::Dead, plays_max),
            Event::Situation(situation) => self.snap(situation.after_play.as_ref(), situation.rev, plays_max),
            Event::Game(game) => Admitted {
                verdict: raise(&mut self.game, game.rev, true),
                place: None,
            },
            Event::Players(_) => Admitted {
                verdict: Verdict::Fresh,
                place: None,
            },
        }
    }

    /// A play that stands from here, or is dead.
    fn play(&mut self, play: &PlayId, rev: Rev, now: Heard, plays_max: usize) -> Admitted {
        let has_room = self.plays_count < plays_max;
        let Some(place) = self.place(play, has_room) else {
            return FULL;
        };
        let known = &mut self.plays[place as usize];
        let verdict = match (known.play, now) {
            (Heard::Never, _) if !has_room => return FULL,
            (Heard::Never, Heard::Dead) => Verdict::RetractedUnseen,
            (Heard::Never, _) => Verdict::Fresh,
            (Heard::Dead, Heard::Stands) if rev <= known.play_rev => Verdict::Dead,
            _ if rev <= known.play_rev => Verdict::Duplicate,
            (Heard::Dead, Heard::Dead) => Verdict::RetractedUnseen,
            (_, Heard::Dead) => Verdict::Retracted,
            (Heard::Dead, _) => Verdict::Revived,
            (_, _) => Verdict::Revision,
        };
        self.plays_count += usize::from(known.play == Heard::Never);
        if verdict.counts() {
            (known.play, known.play_rev) = (now, rev);
        }
        Admitted {
            verdict,
            place: Some(place),
        }
    }

    /// The snap after that play, or before the first.
    fn snap(&mut self, after: Option<&PlayId>, rev: Rev, plays_max: usize) -> Admitted {
        let has_room = self.snaps_count < plays_max;
        let (place, snap) = match after {
            None => (None, &mut self.opening),
            Some(play) => {
                let Some(place) = self.place(play, has_room) else {
                    return FULL;
                };
                (Some(place), &mut self.plays[place as usize].snap)
            }
        };
        let verdict = raise(snap, rev, has_room);
        self.snaps_count += usize::from(verdict == Verdict::Fresh);
        match verdict {
            Verdict::Full => FULL,
            _ => Admitted { verdict, place },
        }
    }

    /// The place of a play, where it has one or there is room for it.
    fn place(&mut self, id: &PlayId, has_room: bool) -> Option<u32> {
        let plays = &self.plays;
        let hash = |id: &PlayId| self.hasher.hash_one(id);
        let of = |place: &u32| &plays[*place as usize].id;
        let vacant = match self.by_id.entry(hash(id), |place| of(place) == id, |place| hash(of(place))) {
            Entry::Occupied(known) => return Some(*known.get()),
            Entry::Vacant(vacant) => has_room.then_some(vacant)?,
        };
        let place = plays.len() as u32;
        vacant.insert(place);
        self.plays.push(Known {
            id: id.clone(),
            play: Heard::Never,
            play_rev: 0,
            snap: None,
        });
        Some(place)
    }

    /// Whether a fresh play comes after all others.
    fn in_order(&mut self, order: u64) -> Verdict {
        let is_late = order < self.latest_order;
        if order != u64::MAX {
            self.latest_order = self.latest_order.max(order);
        }
        if is_late { Verdict::Late } else { Verdict::Fresh }
    }
}

const FULL: Admitted = Admitted {
    verdict: Verdict::Full,
    place: None,
};

/// What becomes of a revision of something that is only ever replaced.
fn raise(known: &mut Option<Rev>, rev: Rev, has_room: bool) -> Verdict {
    match known {
        None if !has_room => Verdict::Full,
        Some(known) if rev <= *known => Verdict::Duplicate,
        _ => match known.replace(rev) {
            None => Verdict::Fresh,
            Some(_) => Verdict::Revision,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GameId, PlayEvent, PlayKind, Retraction, Situation, SituationEvent};

    fn play(id: &str, rev: Rev) -> Event {
        Event::Play(PlayEvent {
            game: GameId::new("g").unwrap(),
            play: PlayId::new(id).unwrap(),
            rev,
            ts: None,
            order: None,
            kind: PlayKind::Run,
            no_play: false,
            clock: None,
            situation: None,
            stats: Default::default(),
        })
    }

    fn retract(id: &str, rev: Rev) -> Event {
        Event::Retract(Retraction {
            game: GameId::new("g").unwrap(),
            play: PlayId::new(id).unwrap(),
            rev,
            ts: None,
        })
    }

    /// The snap after that play, or before the first.
    fn snap(after: Option<&str>, rev: Rev) -> Event {
        Event::Situation(SituationEvent {
            game: GameId::new("g").unwrap(),
            after_play: after.map(|play| PlayId::new(play).unwrap()),
            rev,
            ts: None,
            clock: None,
            situation: Situation::default(),
            score: None,
            timeouts: None,
        })
    }

    fn verdicts(events: &[Event]) -> Vec<Verdict> {
        let mut ledger = Ledger::default();
        events.iter().map(|event| ledger.admit(event, 3).verdict).collect()
    }

    #[test]
    fn only_a_higher_revision_counts() {
        use Verdict::*;
        assert_eq!(
            verdicts(&[
                play("1", 1),
                play("1", 1),
                play("1", 3),
                play("1", 2),
                retract("1", 3),
                retract("1", 4),
                play("1", 4),
                play("1", 5)
            ]),
            [Fresh, Duplicate, Revision, Duplicate, Duplicate, Retracted, Dead, Revived]
        );
    }

    #[test]
    fn a_tombstone_can_come_before_its_play() {
        use Verdict::*;
        assert_eq!(
            verdicts(&[retract("1", 2), play("1", 1), play("1", 3)]),
            [RetractedUnseen, Dead, Revived]
        );
    }

    #[test]
    fn late_plays_are_told_apart_and_the_number_of_plays_is_bounded() {
        use Verdict::*;
        assert_eq!(
            verdicts(&[play("5", 1), play("4", 1), play("6", 1), play("7", 1)]),
            [Fresh, Late, Fresh, Full]
        );
    }

    #[test]
    fn plays_and_situations_are_bounded_each_and_places_are_shared() {
        use Verdict::*;
        let mut ledger = Ledger::default();
        for (event, verdict, place) in [
            (snap(None, 1), Fresh, None),
            (snap(Some("a"), 1), Fresh, Some(0)),
            (snap(Some("b"), 1), Full, None),
            (play("a", 1), Fresh, Some(0)),
            (play("c", 1), Fresh, Some(1)),
            (play("d", 1), Full, None),
            (snap(Some("c"), 1), Full, None),
            (snap(Some("a"), 2), Revision, Some(0)),
            (snap(Some("a"), 2), Duplicate, Some(0)),
            (snap(None, 2), Revision, None),
            (retract("c", 2), Retracted, Some(1)),
        ] {
            assert_eq!(ledger.admit(&event, 2), Admitted { verdict, place }, "{event:?}");
        }
    }
}
