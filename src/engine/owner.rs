//! The threads that own games, and who brings them their events.
//!
//! A game belongs to the thread that its id hashes to, for good; its events apply there in order. What
//! is delivered has an order already, and its effect follows from that alone, however many owners there
//! are; only where a topic shows several games may owners overtake each other. Bounded: `jobs_max` jobs
//! wait for each.

use super::{Gathered, Outcome, Shared};
use crate::clock::Clock;
use crate::model::{Event, GameId, Origin, PlayerInfo, SourceId, StateTime, TraceMark};
use crate::traces::{Carried, Stage, Tracer};
use flume::{Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What goes through in one order with everything else.
pub enum Parcel {
    /// Events.
    Events(Events),
    /// A game to be let go of; who hears whether it was there.
    Expire(GameId, Sender<bool>),
    /// A feed is silent about a game.
    Silent(SourceId, GameId),
}

/// Events with their places in the request, and who hears what became of them.
pub struct Events {
    pub(super) events: Vec<(usize, Event)>,
    pub(super) origin: Origin,
    /// The record of the first of them in its partition's stream; 0 without a cluster.
    pub(super) first: u64,
    /// Takes a message for some of them at a time.
    pub(super) done: Sender<Vec<(usize, Outcome)>>,
    /// Those that are traced, by their places.
    pub(super) traced: Carried,
}

/// Place of an event whose outcome another partition tells.
pub(super) const ELSEWHERE: usize = usize::MAX;

/// What an owner is to do.
pub(super) enum Job {
    /// Apply events; player lists are among them where there is no other owner.
    Apply(Events),
    /// Tell its games who these players are. The directory knows.
    Introduce(Arc<Vec<PlayerInfo>>, Origin),
    /// Let a game go, and say whether it was there.
    Expire(GameId, Sender<bool>),
    /// A feed is silent about one of its games.
    Silent(SourceId, GameId),
    /// Say that everything before this is done.
    Reach(Sender<()>),
}

impl Parcel {
    /// Events that another node took in, from record `first` of their partition's stream on; nobody here waits for
    /// what becomes of them. `traced` names places among them.
    pub fn foreign(events: Vec<Event>, origin: Origin, first: u64, traced: Carried) -> Parcel {
        Parcel::Events(Events {
            events: events.into_iter().enumerate().collect(),
            origin,
            first,
            done: flume::bounded(1).0,
            traced,
        })
    }

    /// A game to be let go of, by another node's word.
    pub fn foreign_expiry(game: GameId) -> Parcel {
        Parcel::Expire(game, flume::bounded(1).0)
    }

    /// The same from record `first` of its partition's stream on.
    #[must_use]
    pub fn from_record(mut self, record: u64) -> Parcel {
        if let Parcel::Events(events) = &mut self {
            events.first = record;
        }
        self
    }
}

impl From<Parcel> for Job {
    fn from(parcel: Parcel) -> Job {
        match parcel {
            Parcel::Events(events) => Job::Apply(events),
            Parcel::Expire(game, done) => Job::Expire(game, done),
            Parcel::Silent(source, game) => Job::Silent(source, game),
        }
    }
}

/// The owners' threads. They end when this is dropped.
pub struct Owners {
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: Vec<Sender<Job>>,
    /// Says which owner has ended.
    pub(super) ended: Receiver<usize>,
}

impl Owners {
    /// Starts the threads.
    pub fn start(shared: Arc<Shared>) -> Owners {
        let threads = shared.limits.threads;
        let (ending, ended) = flume::bounded(threads);
        let jobs = (0..threads)
            .map(|thread| owner(&shared, thread, Ending(thread, ending.clone())))
            .collect();
        Owners { shared, jobs, ended }
    }

    /// Starts a thread for each of several partitions.
    pub fn of_partitions(partitions: &[Arc<Shared>]) -> Vec<Owners> {
        let (ending, ended) = flume::bounded(partitions.len());
        let owners = |(partition, shared): (usize, &Arc<Shared>)| Owners {
            shared: shared.clone(),
            jobs: vec![owner(shared, partition, Ending(partition, ending.clone()))],
            ended: ended.clone(),
        };
        partitions.iter().enumerate().map(owners).collect()
    }

    /// Brings events to their owners; waits where one has no room. What is brought next counts after it.
    /// Where an owner is gone its events are let go of, which whoever waits for them is told.
    pub fn deliver(&self, mut parcel: Parcel) {
        if let Parcel::Events(events) = &mut parcel
            && !events.traced.is_empty()
        {
            events.traced.come_through(Clock.steady_us());
        }
        // A send fails where the owner is gone.
        match (parcel, &self.jobs[..]) {
            (parcel, [only]) => drop(only.send(parcel.into())),
            (Parcel::Events(events), _) => self.split(events),
            (Parcel::Expire(game, done), jobs) => drop(jobs[self.shared.owner_of(&game)].send(Job::Expire(game, done))),
            (Parcel::Silent(source, game), jobs) => drop(jobs[self.shared.owner_of(&game)].send(Job::Silent(source, game))),
        }
    }

    /// Brings each owner its own.
    fn split(&self, events: Events) {
        let Events {
            events,
            origin,
            done,
            traced,
            ..
        } = events;
        let mut by_owner: Vec<Vec<(usize, Event)>> = vec![Vec::new(); self.jobs.len()];
        for (place, event) in events {
            match event {
                Event::Players(infos) => {
                    self.apply(&mut by_owner, origin, &done, &traced);
                    let outcome = self.introduce(infos, origin);
                    // As below.
                    let _ = done.send(outcome.map_or_else(Vec::new, |outcome| vec![(place, outcome)]));
                }
                event => {
                    let owner = event.game().map_or(0, |game| self.shared.owner_of(game));
                    by_owner[owner].push((place, event));
                }
            }
        }
        self.apply(&mut by_owner, origin, &done, &traced);
    }

    fn apply(&self, by_owner: &mut [Vec<(usize, Event)>], origin: Origin, done: &Sender<Vec<(usize, Outcome)>>, traced: &Carried) {
        for (jobs, events) in self.jobs.iter().zip(by_owner) {
            if events.is_empty() {
                continue;
            }
            let traced = traced.only(|place| events.iter().any(|(of, _)| *of == place));
            let events = Events {
                events: std::mem::take(events),
                origin,
                first: 0,
                done: done.clone(),
                traced,
            };
            // As above.
            let _ = jobs.send(Job::Apply(events));
        }
    }

    /// Takes a player list in between what came before it, which every owner has applied by then, and
    /// what comes after. Nothing where an owner is gone.
    fn introduce(&self, infos: Vec<PlayerInfo>, origin: Origin) -> Option<Outcome> {
        self.reach()?;
        let outcome = self.shared.meet(&infos);
        let infos = Arc::new(infos);
        for jobs in &self.jobs {
            jobs.send(Job::Introduce(infos.clone(), origin)).ok()?;
        }
        // An answer says that what was accepted can be read.
        self.reach()?;
        Some(outcome)
    }

    /// Waits until the owners have done all that they were brought.
    fn reach(&self) -> Option<()> {
        let (reached, all) = flume::bounded(self.jobs.len());
        for jobs in &self.jobs {
            jobs.send(Job::Reach(reached.clone())).ok()?;
        }
        drop(reached);
        (all.iter().count() == self.jobs.len()).then_some(())
    }
}

/// Starts one thread.
fn owner(shared: &Arc<Shared>, thread: usize, ending: Ending) -> Sender<Job> {
    let (sender, receiver) = flume::bounded(shared.limits.jobs_max);
    let shared = shared.clone();
    std::thread::Builder::new()
        .name(format!("engine-{thread}"))
        .spawn(move || until_unneeded(&receiver, ending, |jobs| own(&shared, thread, jobs)))
        .expect("the system gives the process its first threads");
    sender
}

/// Says that an owner has ended, by a panic too.
pub(super) struct Ending(pub(super) usize, pub(super) Sender<usize>);

impl Drop for Ending {
    fn drop(&mut self) {
        // Nobody may be waiting any more.
        let _ = self.1.try_send(self.0);
    }
}

// An event takes its owner about 1.5 µs: `scorewire-loadtest run ingest`, `server_cpu_us_per_event_engine`.

/// Events after which the shards are told what moved while nothing else waits: some 50 µs' worth.
const EVENTS_PER_NOTICE: usize = 32;
/// The same while more batches wait, some 1.5 ms' worth: whoever watches is told the same in fewer, merged
/// frames.
const EVENTS_PER_NOTICE_BEHIND: usize = 1024;
/// Events for which the clock is read once: some 12 µs' worth, which latencies may be out by.
const EVENTS_PER_CLOCK: usize = 8;

/// Runs an owner, and what is left to do once it has ended: by a panic, it left jobs in its queue, and
/// more may come. Whoever waits for one of them is told when it is dropped.
pub(super) fn until_unneeded(jobs: &Receiver<Job>, ending: Ending, own: impl FnOnce(&Receiver<Job>)) {
    // Nothing that it owned is used again, but to be read until the process ends.
    let _ = catch_unwind(AssertUnwindSafe(|| own(jobs)));
    drop(ending);
    jobs.iter().for_each(drop);
}

/// Does what an owner is asked to, until nobody is left to ask.
pub(super) fn own(shared: &Shared, thread: usize, jobs: &Receiver<Job>) {
    let mut owner = Owner {
        shared,
        games_of: shared.partition.is_none().then_some(thread),
        gathered: Gathered::default(),
        untold: 0,
        untold_traces: Vec::new(),
    };
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Apply(events) => owner.apply(events, jobs),
            Job::Introduce(infos, origin) => owner.introduce(&infos, origin, StateTime(Clock.steady_us())),
            // Whoever asked may have gone; below too.
            Job::Expire(game, done) => {
                let _ = done.send(shared.expire(&game));
            }
            Job::Silent(source, game) => {
                if shared.silent(source, &game, StateTime(Clock.steady_us())) {
                    tracing::warn!(%game, source = source.rank(), "a feed is silent while another goes on: others fill in");
                }
            }
            Job::Reach(reached) => {
                let _ = reached.send(());
            }
        }
        shared.count(&mut owner.gathered);
    }
}

struct Owner<'a> {
    shared: &'a Shared,
    /// Which of the state's games are its own; all of them in a partition.
    games_of: Option<usize>,
    gathered: Gathered,
    /// Events since the shards were told.
    untold: usize,
    /// Traced ones among them, and when they were applied; as many as may be traced in a second at most.
    untold_traces: Vec<(Arc<Tracer>, TraceMark, i64)>,
}

impl Owner<'_> {
    fn apply(&mut self, events: Events, jobs: &Receiver<Job>) {
        let Events {
            events,
            origin,
            first,
            done,
            mut traced,
        } = events;
        if !traced.is_empty() {
            traced.reach(Stage::Queue, Clock.steady_us(), Stage::Queue);
        }
        let shared = self.shared;
        let mut outcomes = Vec::with_capacity(events.len());
        let mut now = StateTime(0);
        for (nth, (place, event)) in events.iter().enumerate() {
            if nth % EVENTS_PER_CLOCK == 0 {
                now = StateTime(Clock.steady_us());
            }
            if let Event::Players(infos) = event {
                let outcome = shared.meet(infos);
                if *place != ELSEWHERE {
                    outcomes.push((*place, outcome));
                }
                self.introduce(infos, origin, now);
                continue;
            }
            self.gathered.record = first + nth as u64;
            let outcome = match traced.of(*place) {
                None => shared.apply_at(event, origin, now, &mut self.gathered),
                Some(trace) => self.apply_traced(event, origin, trace),
            };
            outcomes.push((*place, outcome));
            self.untold += 1;
            // Not after every event: to look for more jobs takes a lock that those who bring them take.
            let is_idle = || self.untold.is_multiple_of(EVENTS_PER_NOTICE) && jobs.is_empty();
            if self.untold >= EVENTS_PER_NOTICE_BEHIND || shared.hub.is_due(&self.gathered.moved) || is_idle() {
                self.tell();
            }
        }
        if jobs.is_empty() {
            self.tell();
        }
        shared.count(&mut self.gathered);
        // Whoever asked may have gone.
        let _ = done.send(outcomes);
    }

    /// Applies a traced event, and says when.
    fn apply_traced(&mut self, event: &Event, origin: Origin, (tracer, trace): (&Arc<Tracer>, TraceMark)) -> Outcome {
        let began_us = Clock.steady_us();
        self.gathered.trace = Some(trace);
        let outcome = self.shared.apply_at(event, origin, StateTime(began_us), &mut self.gathered);
        self.gathered.trace = None;
        let applied_us = Clock.steady_us();
        tracer.applied(trace, (began_us, applied_us), outcome.name());
        self.untold_traces.push((tracer.clone(), trace, applied_us));
        outcome
    }

    /// Goes through every game of this owner; what happened before does not wait for that.
    fn introduce(&mut self, infos: &[PlayerInfo], origin: Origin, now: StateTime) {
        self.tell();
        self.shared.introduce(infos, self.games_of, origin.ingest, now, &mut self.gathered);
    }

    fn tell(&mut self) {
        self.shared.tell(&mut self.gathered);
        self.untold = 0;
        if !self.untold_traces.is_empty() {
            let now_us = Clock.steady_us();
            for (tracer, trace, applied_us) in self.untold_traces.drain(..) {
                tracer.notified(trace, applied_us, now_us);
            }
        }
    }
}
