//! What to do with an event that may be late, early, repeated, revised or dead.
//!
//! Owns the revisions seen per game item; never touches stats. Bounded by `plays_max` per game.
//! For one item only the highest revision counts, so the order and repetition of events cannot
//! matter: a retraction is a revision without stats, and leaves a tombstone.

use crate::model::{Event, PlayId, Rev};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

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

#[derive(Clone, Copy)]
struct Known {
    rev: Rev,
    dead: bool,
}

/// The revisions of one game's items.
#[derive(Default)]
pub struct Ledger {
    plays: HashMap<PlayId, Known, RandomState>,
    situations: HashMap<Option<PlayId>, Rev, RandomState>,
    game: Option<Rev>,
    latest_order: u64,
}

impl Ledger {
    /// Decides on an event of this game and remembers it. `plays_max` bounds each of plays and
    /// situations. Player lists are not the ledger's: they are always fresh.
    pub fn admit(&mut self, event: &Event, plays_max: usize) -> Verdict {
        match event {
            Event::Play(play) => {
                let order = play.order.or_else(|| play.play.order()).unwrap_or(u64::MAX);
                self.play(&play.play, play.rev, order, plays_max)
            }
            Event::Retract(retraction) => self.retract(&retraction.play, retraction.rev, plays_max),
            Event::Situation(situation) => {
                if let Some(known) = self.situations.get_mut(&situation.after_play) {
                    return raise(known, situation.rev);
                }
                if self.situations.len() >= plays_max {
                    return Verdict::Full;
                }
                self.situations.insert(situation.after_play.clone(), situation.rev);
                Verdict::Fresh
            }
            Event::Game(game) => match &mut self.game {
                Some(known) => raise(known, game.rev),
                None => {
                    self.game = Some(game.rev);
                    Verdict::Fresh
                }
            },
            Event::Players(_) => Verdict::Fresh,
        }
    }

    fn play(&mut self, play: &PlayId, rev: Rev, order: u64, plays_max: usize) -> Verdict {
        let is_full = self.plays.len() >= plays_max;
        match self.plays.entry(play.clone()) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                match (rev > known.rev, known.dead) {
                    (false, true) => Verdict::Dead,
                    (false, false) => Verdict::Duplicate,
                    (true, was_dead) => {
                        *known = Known { rev, dead: false };
                        if was_dead { Verdict::Revived } else { Verdict::Revision }
                    }
                }
            }
            Entry::Vacant(_) if is_full => Verdict::Full,
            Entry::Vacant(place) => {
                place.insert(Known { rev, dead: false });
                let late = order < self.latest_order;
                if order != u64::MAX {
                    self.latest_order = self.latest_order.max(order);
                }
                if late { Verdict::Late } else { Verdict::Fresh }
            }
        }
    }

    fn retract(&mut self, play: &PlayId, rev: Rev, plays_max: usize) -> Verdict {
        let is_full = self.plays.len() >= plays_max;
        match self.plays.entry(play.clone()) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                match (rev > known.rev, known.dead) {
                    (false, _) => Verdict::Duplicate,
                    (true, was_dead) => {
                        *known = Known { rev, dead: true };
                        if was_dead { Verdict::RetractedUnseen } else { Verdict::Retracted }
                    }
                }
            }
            Entry::Vacant(_) if is_full => Verdict::Full,
            Entry::Vacant(place) => {
                place.insert(Known { rev, dead: true });
                Verdict::RetractedUnseen
            }
        }
    }
}

fn raise(known: &mut Rev, rev: Rev) -> Verdict {
    if rev > *known {
        *known = rev;
        Verdict::Revision
    } else {
        Verdict::Duplicate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GameId, PlayEvent, PlayKind, Retraction};

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

    fn verdicts(events: &[Event]) -> Vec<Verdict> {
        let mut ledger = Ledger::default();
        events.iter().map(|event| ledger.admit(event, 3)).collect()
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
}
