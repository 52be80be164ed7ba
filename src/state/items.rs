//! What stands in a game, play by play, and which of it is the latest.
//!
//! Owns the plays and the coming snaps, each at the revision that stands; four marks: where the latest
//! clock, situation, timeouts and score are; and the highest score told of each team. All of them are
//! maxima over what stands, so they do not depend on the order in which it came:
//! - an item's place is the feed's `order`, else its id where that is a number, else 0; a play stands
//!   before the snap after it; ties go by id;
//! - the highest score of a team does not depend on places either: it is the greatest that any snap says;
//! - a snap after a retracted play is dead with it;
//! - a snap's score counts only once its play is there, so that a scoreboard that is ahead of the play
//!   list does not count against a defence what the list may yet explain.

use super::credit::Credited;
use super::gist::Gist;
use crate::model::{Clock, PlayId, Score, Situation, SituationEvent, Team};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A play as it stands.
pub(super) struct Play {
    pub(super) clock: Option<Clock>,
    pub(super) situation: Option<Situation>,
    pub(super) gist: Gist,
    pub(super) credits: Credited,
}

// A season's plays may be held.
const _: () = assert!(size_of::<Play>() <= 104);

/// A coming snap.
struct Snap {
    clock: Option<Clock>,
    situation: Situation,
    score: Option<Arc<Score>>,
    timeouts: Option<Arc<Score>>,
}

enum Standing {
    /// Only its snap has been heard of.
    Unheard,
    Stands(Play),
    Retracted,
}

struct Item {
    id: PlayId,
    /// As told with the play that stands, else its id where that is a number, else 0.
    order: u64,
    play: Standing,
    /// What comes after it.
    snap: Option<Box<Snap>>,
}

impl Item {
    /// What plays go by.
    fn place(&self) -> (u64, &PlayId) {
        (self.order, &self.id)
    }
}

/// The place of the snap before the first play.
const OPENING: u32 = u32::MAX;

/// Where in the game something is shown: in a play, or in the snap after it.
#[derive(Clone, Copy)]
struct Mark {
    order: u64,
    is_snap: bool,
    item: u32,
}

#[derive(Clone, Copy, Default)]
struct Marks {
    clock: Option<Mark>,
    situation: Option<Mark>,
    timeouts: Option<Mark>,
    score: Option<Mark>,
}

/// The items of one game.
#[derive(Default)]
pub(super) struct Items {
    /// By place, as the caller counts plays.
    items: Vec<Item>,
    opening: Option<Box<Snap>>,
    marks: Marks,
    /// By team: the highest score that a snap tells whose play is there, and the place of that snap.
    highest: BTreeMap<Team, (u16, u32)>,
}

impl Items {
    /// Puts a play where it belongs and returns what stood there.
    pub(super) fn put(&mut self, place: u32, id: &PlayId, order: Option<u64>, play: Play) -> Option<Play> {
        let item = self.item(place, id);
        item.order = order.unwrap_or_else(|| default_order(id));
        let old = std::mem::replace(&mut item.play, Standing::Stands(play));
        self.moved(place);
        self.retell(place, None);
        old.standing()
    }

    /// Takes a play back, with the snap after it, and returns what stood there.
    pub(super) fn retract(&mut self, place: u32, id: &PlayId) -> Option<Play> {
        let item = self.item(place, id);
        let old = std::mem::replace(&mut item.play, Standing::Retracted);
        let untold = item.snap.as_ref().and_then(|snap| snap.score.clone());
        self.moved(place);
        self.retell(place, untold.as_deref());
        old.standing()
    }

    /// Puts a coming snap where it belongs: after the play at `place`, or before the first.
    pub(super) fn snap(&mut self, place: Option<u32>, event: SituationEvent) {
        let snap = Box::new(Snap {
            clock: event.clock,
            situation: event.situation,
            score: event.score.map(Arc::new),
            timeouts: event.timeouts.map(Arc::new),
        });
        let (place, old) = match event.after_play {
            Some(play) => {
                let place = place.expect("a snap after a play has that play's place");
                (place, self.item(place, &play).snap.replace(snap))
            }
            None => (OPENING, self.opening.replace(snap)),
        };
        match &old {
            Some(_) => self.moved(place),
            None => self.consider(place),
        }
        self.retell(place, old.as_ref().and_then(|old| old.score.as_deref()));
    }

    /// The latest clock.
    pub(super) fn clock(&self) -> Option<Clock> {
        match self.at(self.marks.clock)? {
            Shown::Play(play) => play.clock,
            Shown::Snap(snap) => snap.clock,
        }
    }

    /// The latest situation.
    pub(super) fn situation(&self) -> Option<&Situation> {
        match self.at(self.marks.situation)? {
            Shown::Play(play) => play.situation.as_ref(),
            Shown::Snap(snap) => Some(&snap.situation),
        }
    }

    /// The latest timeouts.
    pub(super) fn timeouts(&self) -> Option<&Arc<Score>> {
        match self.at(self.marks.timeouts)? {
            Shown::Play(_) => None,
            Shown::Snap(snap) => snap.timeouts.as_ref(),
        }
    }

    /// The score of the latest snap whose play is there.
    pub(super) fn score(&self) -> Option<&Arc<Score>> {
        match self.at(self.marks.score)? {
            Shown::Play(_) => None,
            Shown::Snap(snap) => snap.score.as_ref(),
        }
    }

    /// The highest score of that team that any snap tells whose play is there.
    pub(super) fn highest_score(&self, team: &Team) -> Option<u16> {
        self.highest.get(team).map(|(points, _)| *points)
    }

    /// The play at that place, where one stands.
    pub(super) fn play_at(&self, place: u32) -> Option<&Play> {
        match &self.items.get(place as usize)?.play {
            Standing::Stands(play) => Some(play),
            Standing::Unheard | Standing::Retracted => None,
        }
    }

    /// What the snap after the play at that place tells, or the one before the first.
    pub(super) fn told_at(&self, place: Option<u32>) -> Option<(Option<Clock>, &Situation, Option<&Score>)> {
        let snap = match place {
            None => self.opening.as_deref(),
            Some(place) => self.items.get(place as usize)?.snap.as_deref(),
        };
        snap.map(|snap| (snap.clock, &snap.situation, snap.score.as_deref()))
    }

    /// As many plays as there may be: those heard of in any way.
    pub(super) fn plays_max(&self) -> usize {
        self.items.len()
    }

    /// The plays that stand, each with its id and order, in no order.
    pub(super) fn plays(&self) -> impl Iterator<Item = (&PlayId, u64, &Play)> {
        self.items.iter().filter_map(|item| match &item.play {
            Standing::Stands(play) => Some((&item.id, item.order, play)),
            Standing::Unheard | Standing::Retracted => None,
        })
    }

    /// The coming snap, with the play that it follows: the latest of those that were told and whose play was
    /// not taken back, unless a later play has put the ball in play.
    pub(super) fn coming(&self) -> Option<(Option<&PlayId>, Option<Clock>, &Situation)> {
        let is_live = |item: &&Item| item.snap.is_some() && !matches!(item.play, Standing::Retracted);
        let last = self.items.iter().filter(is_live).max_by_key(|item| item.place());
        let (after, snap) = match last {
            Some(item) => (Some(item), item.snap.as_deref()?),
            None => (None, self.opening.as_deref()?),
        };
        let is_taken = self.items.iter().any(|item| match &item.play {
            Standing::Stands(play) => play.gist.kind.is_snap() && after.is_none_or(|after| item.place() > after.place()),
            Standing::Unheard | Standing::Retracted => false,
        });
        (!is_taken).then(|| (after.map(|item| &item.id), snap.clock, &snap.situation))
    }

    /// The item of the play at that place, which is the next one where it is not known yet.
    fn item(&mut self, place: u32, id: &PlayId) -> &mut Item {
        let place = place as usize;
        if place == self.items.len() {
            self.items.push(Item {
                id: id.clone(),
                order: default_order(id),
                play: Standing::Unheard,
                snap: None,
            });
        }
        let item = &mut self.items[place];
        // Else one play's credits would be taken for another's, and totals be wrong from there on.
        assert!(item.id == *id, "a play keeps its place");
        item
    }

    /// Brings the marks up to date after something at `place` was replaced.
    fn moved(&mut self, place: u32) {
        let marks = [self.marks.clock, self.marks.situation, self.marks.timeouts, self.marks.score];
        if marks.iter().flatten().all(|mark| mark.item != place) {
            return self.consider(place);
        }
        // What was the latest may be so no more.
        self.marks = Marks::default();
        self.consider(OPENING);
        for item in 0..self.items.len() as u32 {
            self.consider(item);
        }
    }

    /// Brings the highest scores up to date after something at `place` was replaced, which said `before`.
    fn retell(&mut self, place: u32, before: Option<&Score>) {
        let now = told(&self.items, self.opening.as_deref(), place);
        let has_fallen = |team: &Team| {
            let held = self.highest.get(team).filter(|(_, by)| *by == place);
            held.is_some_and(|(points, _)| now.and_then(|now| now.of(team)).is_none_or(|now| now < *points))
        };
        if before.is_none_or(|before| !before.0.iter().any(|(team, _)| has_fallen(team))) {
            return self.raise(place);
        }
        // Another snap may tell the highest now.
        self.highest.clear();
        self.raise(OPENING);
        for item in 0..self.items.len() as u32 {
            self.raise(item);
        }
    }

    fn raise(&mut self, place: u32) {
        let now = told(&self.items, self.opening.as_deref(), place);
        for (team, points) in now.iter().flat_map(|score| &score.0) {
            match self.highest.get_mut(team) {
                Some(highest) if highest.0 >= *points => {}
                Some(highest) => *highest = (*points, place),
                None => {
                    self.highest.insert(team.clone(), (*points, place));
                }
            }
        }
    }

    fn consider(&mut self, place: u32) {
        let mut marks = self.marks;
        let raise = |latest: &mut Option<Mark>, shows: bool, mark: Mark| {
            if shows && latest.is_none_or(|current| self.is_later(mark, current)) {
                *latest = Some(mark);
            }
        };
        let (order, snap, is_heard) = match self.items.get(place as usize) {
            None => (0, self.opening.as_deref(), true),
            Some(item) => {
                let order = item.order;
                let mark = Mark {
                    order,
                    is_snap: false,
                    item: place,
                };
                if let Standing::Stands(play) = &item.play {
                    raise(&mut marks.clock, play.clock.is_some(), mark);
                    raise(&mut marks.situation, play.situation.is_some(), mark);
                }
                match &item.play {
                    Standing::Unheard => (order, item.snap.as_deref(), false),
                    Standing::Stands(_) => (order, item.snap.as_deref(), true),
                    Standing::Retracted => (order, None, true),
                }
            }
        };
        if let Some(snap) = snap {
            let mark = Mark {
                order,
                is_snap: true,
                item: place,
            };
            raise(&mut marks.clock, snap.clock.is_some(), mark);
            raise(&mut marks.situation, snap.situation != Situation::default(), mark);
            raise(&mut marks.timeouts, snap.timeouts.is_some(), mark);
            raise(&mut marks.score, snap.score.is_some() && is_heard, mark);
        }
        self.marks = marks;
    }

    fn is_later(&self, a: Mark, b: Mark) -> bool {
        let id = |mark: Mark| self.items.get(mark.item as usize).map(|item| &item.id);
        (a.order, a.is_snap)
            .cmp(&(b.order, b.is_snap))
            .then_with(|| id(a).cmp(&id(b)))
            .is_ge()
    }

    fn at(&self, mark: Option<Mark>) -> Option<Shown<'_>> {
        let mark = mark?;
        let item = self.items.get(mark.item as usize);
        match item {
            None => self.opening.as_deref().map(Shown::Snap),
            Some(item) if mark.is_snap => item.snap.as_deref().map(Shown::Snap),
            Some(Item {
                play: Standing::Stands(play),
                ..
            }) => Some(Shown::Play(play)),
            Some(_) => None,
        }
    }
}

/// The place in the game of a play of which no `order` is told.
fn default_order(id: &PlayId) -> u64 {
    id.order().unwrap_or(0)
}

/// The score that the snap at `place` tells, where its play is there.
fn told<'a>(items: &'a [Item], opening: Option<&'a Snap>, place: u32) -> Option<&'a Score> {
    let snap = match items.get(place as usize) {
        None => opening,
        Some(item) => item.snap.as_deref().filter(|_| matches!(item.play, Standing::Stands(_))),
    };
    snap?.score.as_deref()
}

enum Shown<'a> {
    Play(&'a Play),
    Snap(&'a Snap),
}

impl Standing {
    fn standing(self) -> Option<Play> {
        match self {
            Standing::Stands(play) => Some(play),
            Standing::Unheard | Standing::Retracted => None,
        }
    }
}
