//! What to do with an event that may be late, early, repeated, revised or dead.
//!
//! Owns the revisions seen per game item and gives each play its place; never touches stats. Bounded by
//! `plays_max` per game. Which of several feeds counts is [`super::arbitration`]'s.
//! For one item only the highest revision counts, so the order and repetition of events cannot
//! matter: a retraction is a revision without stats, and leaves a tombstone.

use super::arbitration::{BetweenFeeds, Differences, Feeds, Item, Ruling, Said, Waiting, Word};
use crate::model::{Event, IngestTime, Origin, PlayId, Rev, SOURCES_MAX, SourceId};
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
    /// A better feed's word on this item stands: no effect unless that feed falls silent.
    Outranked,
    /// An equal or lower revision: no effect.
    Duplicate,
    /// An equal or lower revision of a retracted play: no effect.
    Dead,
    /// The game has as many plays as a game may have: refused.
    Full,
}

impl Verdict {
    /// Every verdict, for metrics and tests.
    pub const ALL: [Verdict; 10] = [
        Verdict::Fresh,
        Verdict::Late,
        Verdict::Revision,
        Verdict::Revived,
        Verdict::Retracted,
        Verdict::RetractedUnseen,
        Verdict::Outranked,
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
            Verdict::Outranked => "outranked",
            Verdict::Duplicate => "duplicate",
            Verdict::Dead => "dead",
            Verdict::Full => "full",
        }
    }

    /// Whether the event has an effect on the game.
    pub fn counts(self) -> bool {
        self.is_remembered() && self != Verdict::Outranked
    }

    /// Whether the ledger is another after it: all others may be left out, and nothing that comes later is
    /// decided differently.
    pub fn is_remembered(self) -> bool {
        !matches!(self, Verdict::Duplicate | Verdict::Dead | Verdict::Full)
    }
}

/// What has been heard of an item; only plays die.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Heard {
    #[default]
    Never,
    Stands,
    Dead,
}

/// What stands of an item, and its revision.
type Held = (Heard, Rev);

struct Known {
    id: PlayId,
    play: Held,
    /// The snap after it.
    snap: Held,
}

/// The revisions of one game's items. The default is for one feed.
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
    opening: Held,
    game: Held,
    latest_order: u64,
    /// Where there may be several.
    feeds: Option<Box<Feeds>>,
}

/// What the ledger says of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admitted {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The place of the play that it is about: plays are counted from 0 in the order in which they are
    /// first named. Nothing for events about no play, and where the game is full.
    pub place: Option<u32>,
    /// What it brought about between feeds.
    pub between: BetweenFeeds,
}

/// A word that was outranked and stands now, since a better feed is silent.
#[derive(Debug)]
pub struct Filled {
    /// What it says.
    pub event: Event,
    /// When it came in.
    pub ingest: IngestTime,
    /// What becomes of it.
    pub admitted: Admitted,
}

/// What an event says of one item.
struct Claim<'a> {
    event: &'a Event,
    origin: Origin,
    rev: Rev,
    heard: Heard,
}

impl Ledger {
    /// A ledger of as many feeds as there may be, [`SOURCES_MAX`] at most.
    pub fn new(sources: usize) -> Ledger {
        let feeds = (sources > 1).then(|| Box::new(Feeds::new(sources.min(SOURCES_MAX) as u8)));
        Ledger {
            feeds,
            ..Ledger::default()
        }
    }

    /// Decides on an event of this game and remembers it. `plays_max` bounds each of plays and
    /// situations. Player lists are not the ledger's: they are always fresh.
    pub fn admit(&mut self, event: &Event, origin: Origin, plays_max: usize) -> Admitted {
        let claim = |rev, heard| Claim { event, origin, rev, heard };
        match event {
            Event::Play(play) => {
                let order = play.order.or_else(|| play.play.order()).unwrap_or(u64::MAX);
                let admitted = self.play(&play.play, &claim(play.rev, Heard::Stands), plays_max);
                match admitted.verdict {
                    Verdict::Fresh => Admitted {
                        verdict: self.in_order(order),
                        ..admitted
                    },
                    _ => admitted,
                }
            }
            Event::Retract(retraction) => self.play(&retraction.play, &claim(retraction.rev, Heard::Dead), plays_max),
            Event::Situation(situation) => {
                let claim = claim(situation.rev, Heard::Stands);
                self.snap(situation.after_play.as_ref(), &claim, plays_max)
            }
            Event::Game(game) => {
                let (verdict, between) = self.raise(Item::Game, &claim(game.rev, Heard::Stands));
                Admitted {
                    verdict,
                    place: None,
                    between,
                }
            }
            Event::Players(_) => Admitted {
                verdict: Verdict::Fresh,
                ..FULL
            },
        }
    }

    /// A play that stands from here, or is dead.
    fn play(&mut self, play: &PlayId, claim: &Claim<'_>, plays_max: usize) -> Admitted {
        let has_room = self.plays_count < plays_max;
        let Some(place) = self.place(play, has_room) else {
            return FULL;
        };
        let is_new = self.plays[place as usize].play.0 == Heard::Never;
        if is_new && !has_room {
            return FULL;
        }
        self.plays_count += usize::from(is_new);
        let (verdict, between) = self.raise(Item::Play(place), claim);
        Admitted {
            verdict,
            place: Some(place),
            between,
        }
    }

    /// The snap after that play, or before the first.
    fn snap(&mut self, after: Option<&PlayId>, claim: &Claim<'_>, plays_max: usize) -> Admitted {
        let has_room = self.snaps_count < plays_max;
        let place = match after {
            None => None,
            Some(play) => match self.place(play, has_room) {
                None => return FULL,
                place => place,
            },
        };
        let item = place.map_or(Item::Opening, Item::Snap);
        let is_new = self.held(item).0 == Heard::Never;
        if is_new && !has_room {
            return FULL;
        }
        self.snaps_count += usize::from(is_new);
        let (verdict, between) = self.raise(item, claim);
        Admitted { verdict, place, between }
    }

    /// What becomes of a claim on an item for which there is room.
    fn raise(&mut self, item: Item, claim: &Claim<'_>) -> (Verdict, BetweenFeeds) {
        let held = *self.held(item);
        let ruling = match &mut self.feeds {
            None if held.0 != Heard::Never && claim.rev <= held.1 => Ruling::Repeated(held.0),
            None => Ruling::Stands(BetweenFeeds::default()),
            Some(feeds) => {
                let word = Word {
                    source: SourceId(claim.origin.source.index() as u8),
                    rev: claim.rev,
                    heard: claim.heard,
                    said: Said::of(claim.event, &self.hasher),
                };
                feeds.weigh(item, word, held, claim.event, claim.origin.ingest)
            }
        };
        match ruling {
            Ruling::Stands(between) => (self.hold(item, (claim.heard, claim.rev)), between),
            Ruling::Outranked(between) => (Verdict::Outranked, between),
            Ruling::Repeated(Heard::Dead) if claim.heard == Heard::Stands => (Verdict::Dead, BetweenFeeds::default()),
            Ruling::Repeated(_) => (Verdict::Duplicate, BetweenFeeds::default()),
        }
    }

    /// An item stands so from here.
    fn hold(&mut self, item: Item, now: Held) -> Verdict {
        let before = std::mem::replace(self.held(item), now);
        match (before.0, now.0) {
            (Heard::Never | Heard::Dead, Heard::Dead) => Verdict::RetractedUnseen,
            (_, Heard::Dead) => Verdict::Retracted,
            (Heard::Never, _) => Verdict::Fresh,
            (Heard::Dead, _) => Verdict::Revived,
            (_, _) => Verdict::Revision,
        }
    }

    fn held(&mut self, item: Item) -> &mut Held {
        match item {
            Item::Play(place) => &mut self.plays[place as usize].play,
            Item::Snap(place) => &mut self.plays[place as usize].snap,
            Item::Opening => &mut self.opening,
            Item::Game => &mut self.game,
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
            play: Held::default(),
            snap: Held::default(),
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

/// Between feeds.
impl Ledger {
    /// That feed has fallen silent. No effect, and false, where it is so already or has spoken since another
    /// feed was ahead of it. Else fill in what waited ([`Ledger::fill`], until there is nothing more).
    pub fn silence(&mut self, source: SourceId) -> bool {
        self.feeds.as_mut().is_some_and(|feeds| feeds.silence(source))
    }

    /// The next of the words that waited for a feed's silence; it stands from here. Words that do not `fit`
    /// the game (any more) are left out.
    pub fn fill(&mut self, fits: impl Fn(&Event) -> bool) -> Option<Filled> {
        loop {
            let Waiting {
                item, word, event, ingest, ..
            } = self.feeds.as_mut()?.next()?;
            if !fits(&event) {
                continue;
            }
            let held = *self.held(item);
            let Some(between) = self.feeds.as_mut()?.hand(item, word, held) else {
                continue;
            };
            let place = match item {
                Item::Play(place) | Item::Snap(place) => Some(place),
                Item::Opening | Item::Game => None,
            };
            let verdict = self.hold(item, (word.heard, word.rev));
            return Some(Filled {
                event: *event,
                ingest,
                admitted: Admitted { verdict, place, between },
            });
        }
    }

    /// Whether that feed is silent.
    pub fn is_silent(&self, source: SourceId) -> bool {
        self.feeds.as_ref().is_some_and(|feeds| feeds.is_silent(source))
    }

    /// The feeds that are silent if they stay so: another feed has told something that they have not, since
    /// they last said anything. Each with a number that is another once it has spoken.
    pub fn behind(&self) -> impl Iterator<Item = (SourceId, u64)> {
        self.feeds.iter().flat_map(|feeds| feeds.behind())
    }

    /// Items on which feeds differ now.
    pub fn differences(&self) -> Differences {
        self.feeds.as_ref().map(|feeds| feeds.differences()).unwrap_or_default()
    }
}

const FULL: Admitted = Admitted {
    verdict: Verdict::Full,
    place: None,
    between: BetweenFeeds {
        differs: None,
        takeover: None,
    },
};

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
        events
            .iter()
            .map(|event| ledger.admit(event, Origin::default(), 3).verdict)
            .collect()
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
            let admitted = ledger.admit(&event, Origin::default(), 2);
            assert_eq!((admitted.verdict, admitted.place), (verdict, place), "{event:?}");
        }
    }
}
