//! Which events of a batch are traced, on the batch's way through the house: nearly always none.

use super::{Note, Parent, Stage, Tracer};
use crate::clock::Clock;
use crate::model::{Event, Now, Origin, TraceMark};
use smallvec::SmallVec;
use std::sync::Arc;

/// The traced ones among a batch's events. An empty one is a null pointer.
#[derive(Clone, Default)]
pub struct Carried(Option<Box<Few>>);

#[derive(Clone)]
struct Few {
    tracer: Arc<Tracer>,
    events: SmallVec<[One; 2]>,
}

#[derive(Clone, Copy)]
struct One {
    /// The event's place in its request.
    place: usize,
    trace: TraceMark,
    /// When the stage before ended.
    at_us: i64,
    /// The stage that ends when it is handed on to its owner.
    next: Stage,
}

impl Carried {
    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// One more, which has come so far at `at_us` and goes through `next`.
    fn add(&mut self, tracer: &Arc<Tracer>, place: usize, (trace, at_us): (TraceMark, i64), next: Stage) {
        let new = || {
            Box::new(Few {
                tracer: tracer.clone(),
                events: SmallVec::new(),
            })
        };
        self.0.get_or_insert_with(new).events.push(One { place, trace, at_us, next });
    }

    /// One more that another node took in, where it is sampled.
    pub fn follow(&mut self, tracer: &Arc<Tracer>, place: usize, event: &Event, line: &[u8], origin: Origin) {
        if let Some((trace, at_us)) = tracer.follow(event, line, origin) {
            self.add(tracer, place, (trace, at_us), Stage::Read);
        }
    }

    /// The trace of the event of that place.
    pub fn of(&self, place: usize) -> Option<(&Arc<Tracer>, TraceMark)> {
        let few = self.0.as_ref()?;
        let one = few.events.iter().find(|one| one.place == place)?;
        Some((&few.tracer, one.trace))
    }

    /// All have come through a stage, and go on to the next.
    pub fn reach(&mut self, stage: Stage, now_us: i64, next: Stage) {
        let Some(few) = &mut self.0 else { return };
        for one in &mut few.events {
            few.tracer.did(one.trace, stage, (one.at_us, now_us), Note::Nothing);
            (one.at_us, one.next) = (now_us, next);
        }
    }

    /// All have come through what they went on to, and wait for their owners.
    pub fn come_through(&mut self, now_us: i64) {
        let next = self.0.as_ref().and_then(|few| few.events.first()).map(|one| one.next);
        if let Some(stage) = next {
            self.reach(stage, now_us, Stage::Queue);
        }
    }

    /// All are safe, or can't be told to be, since they were handed on.
    pub fn committed(&self, is_safe: bool, now_us: i64) {
        let Some(few) = &self.0 else { return };
        let note = if is_safe { Note::Nothing } else { Note::Failed };
        for one in &few.events {
            few.tracer.did(one.trace, Stage::Commit, (one.at_us, now_us), note);
        }
    }

    /// Those of the places that `has` names.
    pub fn only(&self, has: impl Fn(usize) -> bool) -> Carried {
        let Some(few) = &self.0 else { return Carried::default() };
        let events: SmallVec<_> = few.events.iter().filter(|one| has(one.place)).copied().collect();
        let tracer = few.tracer.clone();
        Carried((!events.is_empty()).then(|| Box::new(Few { tracer, events })))
    }
}

/// Picks from events that are taken in those that are traced.
#[derive(Clone)]
pub struct Picking {
    tracer: Arc<Tracer>,
    /// When the request was there; nothing where it was not said.
    since: Option<Now>,
    /// What the feed asked for, for the first event.
    asked: Option<Parent>,
}

impl Picking {
    /// For events that come in now.
    pub fn new(tracer: &Arc<Tracer>) -> Picking {
        Picking {
            tracer: tracer.clone(),
            since: None,
            asked: None,
        }
    }

    /// Of a request that was there at `since`, in which the feed asks for what `asked` says of its first event.
    pub fn of_request(&mut self, since: Now, asked: Option<Parent>) {
        (self.since, self.asked) = (Some(since), asked);
    }

    /// Adds an event to `carried`, where it is traced.
    pub fn pick(&mut self, carried: &mut Carried, place: usize, event: &Event, line: &[u8], origin: Origin) {
        let asked = if event.game().is_some() { self.asked.take() } else { None };
        let since = *self.since.get_or_insert_with(|| Clock.now());
        if let Some(trace) = self.tracer.take_in(event, line, origin, since, asked) {
            carried.add(&self.tracer, place, (trace, since.steady_us), Stage::Decode);
        }
    }
}
