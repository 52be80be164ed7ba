//! The one order of all events: what every source hands in, and what it is told.
//!
//! Batches come from many requests at once. Where there is an event log, its order is the one: what a batch
//! does is seen once it is written there, and confirmed once it is on disk. Without one they go straight to
//! the only owner, or through a thread that puts them into one order for several. Bounded: `jobs_max`
//! batches wait, each for a second at most; for the log `store.queue_batches_max`, each for
//! `store.commit_timeout_ms`.

use super::Outcome;
use super::games::Games;
use super::outcomes::{Commit, UnderWay};
use super::owner::{ELSEWHERE, Events, Job, Owners, Parcel};
use crate::clock::Clock;
use crate::cluster::{self, By, partition_of};
use crate::feed::write_line;
use crate::model::{Event, GameId, IngestTime, Now, Origin, SourceId};
use crate::store::{self, EventLog, Kind, Record, Refused};
use crate::traces::{Carried, Parent, Picking, Stage, Tracer};
use flume::{Receiver, Sender};
use std::sync::Arc;
use std::time::Duration;

/// The way in.
#[derive(Clone)]
pub struct Engine {
    games: Games,
    way: Way,
    /// The owners' queues, to see how much waits there.
    jobs: Vec<flume::WeakSender<Job>>,
    ended: Receiver<usize>,
    /// Says which events are traced; nothing where none is.
    tracer: Option<Arc<Tracer>>,
}

/// How batches reach their owners.
#[derive(Clone)]
enum Way {
    /// Straight to the only one.
    Straight(Arc<Owners>),
    /// In the order in which the thread `order` takes them.
    Ordered(Sender<Parcel>),
    /// Once they are in the log.
    Logged(EventLog<Parcel>),
    /// Once they are in their partitions' streams, and are read back from there.
    Clustered(
        cluster::Log<Parcel>,
        #[expect(dead_code, reason = "held: what follows the streams may end before")] Arc<[Arc<Owners>]>,
    ),
}

/// Why events were not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// An owner's queue stays full.
    #[error("the engine is behind; try again in a moment")]
    Busy,
    /// An owner is gone: the process is about to end.
    #[error("the engine has stopped")]
    Stopped,
    /// The event log did not take or did not confirm them.
    #[error("{0}")]
    Log(#[from] Refused),
}

/// Events of one source, each with its place in the request, in the order in which they count.
pub struct Batch {
    events: Vec<(usize, Event)>,
    origin: Origin,
    /// The same as records, where there is a log.
    records: Option<Vec<u8>>,
    /// Those of them that are traced, and who picks them.
    traced: Carried,
    picking: Option<Picking>,
}

/// How long a batch waits for room in an owner's queue. The log has a limit of its own.
const ROOM_WAIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Events reach these owners from here. Their threads end when the last [`Engine`] is dropped.
    pub fn new(owners: Owners) -> Engine {
        let begin = |owners: Owners| {
            let way = match owners.jobs.len() {
                1 => Way::Straight(Arc::new(owners)),
                _ => Way::Ordered(in_order(owners)),
            };
            Ok::<Way, std::convert::Infallible>(way)
        };
        let Ok(engine) = Engine::by_way(owners, begin);
        engine
    }

    /// The same through an event log, which `begin` begins and hands the owners to.
    ///
    /// # Errors
    /// Those of `begin`.
    pub fn logged<E>(owners: Owners, begin: impl FnOnce(Owners) -> Result<EventLog<Parcel>, E>) -> Result<Engine, E> {
        Engine::by_way(owners, |owners| begin(owners).map(Way::Logged))
    }

    fn by_way<E>(owners: Owners, begin: impl FnOnce(Owners) -> Result<Way, E>) -> Result<Engine, E> {
        let games = Games::new(vec![owners.shared.clone()]);
        let jobs = owners.jobs.iter().map(Sender::downgrade).collect();
        let ended = owners.ended.clone();
        let way = begin(owners)?;
        Ok(Engine {
            games,
            way,
            jobs,
            ended,
            tracer: None,
        })
    }

    /// Events reach these owners, one for each partition, by way of a cluster's `log`; whoever follows it hands on to
    /// them what it reads.
    pub fn clustered(partitions: &[Arc<Owners>], log: cluster::Log<Parcel>) -> Engine {
        let jobs = partitions.iter().flat_map(|owners| &owners.jobs);
        Engine {
            games: Games::new(partitions.iter().map(|owners| owners.shared.clone()).collect()),
            way: Way::Clustered(log, partitions.into()),
            jobs: jobs.map(Sender::downgrade).collect(),
            ended: partitions[0].ended.clone(),
            tracer: None,
        }
    }

    /// The same, with events traced that `tracer` picks.
    #[must_use]
    pub fn traced(self, tracer: Option<Arc<Tracer>>) -> Engine {
        Engine { tracer, ..self }
    }

    /// Who is told of traced events; nothing where none is traced.
    pub fn tracer(&self) -> Option<&Arc<Tracer>> {
        self.tracer.as_ref()
    }

    /// The event log, where there is one.
    pub fn log(&self) -> Option<&EventLog<Parcel>> {
        match &self.way {
            Way::Logged(log) => Some(log),
            Way::Straight(_) | Way::Ordered(_) | Way::Clustered(..) => None,
        }
    }

    /// Waits until an owner ends, which none does by itself: what it owned can be trusted no longer. Its
    /// thread stays, to let go of what is left in its queue.
    pub async fn owner_ended(&self) -> usize {
        self.ended.recv_async().await.unwrap_or(0)
    }

    /// Waits until the event log has ended; for ever where there is none.
    pub async fn log_ended(&self) {
        match self.log() {
            // How it ended says whoever closed it; nobody did, where this is waited for.
            Some(log) => drop(log.ended().await),
            None => std::future::pending().await,
        }
    }

    /// What readers see.
    pub fn games(&self) -> &Games {
        &self.games
    }

    /// Jobs waiting for the busiest owner.
    pub fn jobs_waiting(&self) -> usize {
        self.jobs
            .iter()
            .filter_map(|jobs| jobs.upgrade())
            .map(|jobs| jobs.len())
            .max()
            .unwrap_or(0)
    }

    /// Whether events are written somewhere before they take effect.
    fn has_records(&self) -> bool {
        matches!(self.way, Way::Logged(_) | Way::Clustered(..))
    }

    /// An empty batch.
    pub fn batch(&self, origin: impl Into<Origin>) -> Batch {
        Batch {
            events: Vec::new(),
            origin: origin.into(),
            records: self.has_records().then(Vec::new),
            traced: Carried::default(),
            picking: self.tracer.as_ref().map(Picking::new),
        }
    }

    /// Hands events in and waits until all have been applied and are safe.
    ///
    /// # Errors
    /// Those of [`Engine::hand_over`], [`UnderWay::outcomes`] and [`Commit::done`].
    pub async fn submit(&self, events: Vec<(usize, Event)>, origin: impl Into<Origin>) -> Result<Vec<(usize, Outcome)>, SubmitError> {
        let mut batch = self.batch(origin);
        let mut line = Vec::new();
        for (place, event) in events {
            line.clear();
            if batch.records.is_some() {
                write_line(&event, &mut line);
            }
            batch.add(place, event, &line);
        }
        let (outcomes, commit) = self.hand_over(batch).await?.outcomes().await?;
        commit.done().await?;
        Ok(outcomes)
    }

    /// Hands a batch in; its events are applied while the caller prepares more. Batches of one caller
    /// count in the order in which they are handed over.
    ///
    /// # Errors
    /// There is no room, or nobody to apply them.
    pub async fn hand_over(&self, batch: Batch) -> Result<UnderWay, SubmitError> {
        let Batch {
            events,
            origin,
            records,
            mut traced,
            ..
        } = batch;
        let expected = events.len();
        // Room for every message that may come: whoever applies never waits for whoever asked.
        let (done, finished) = flume::bounded(expected.max(1));
        let records = records.unwrap_or_default();
        if !traced.is_empty() {
            let next = match &self.way {
                Way::Ordered(_) => Stage::Order,
                Way::Straight(_) | Way::Logged(_) | Way::Clustered(..) => Stage::Log,
            };
            traced.reach(Stage::Decode, Clock.steady_us(), next);
        }
        let events = Events {
            events,
            origin,
            first: 0,
            done,
            traced: traced.clone(),
        };
        let sent = match &self.way {
            Way::Clustered(log, _) => by_partition(log, self.games.partitions().len(), events, &records),
            _ => self.send(Parcel::Events(events), records, expected).await,
        };
        let commit = sent.inspect_err(|_| traced.committed(false, Clock.steady_us()))?;
        Ok(UnderWay {
            expected,
            finished,
            commit,
            traced,
            patience: match &self.way {
                Way::Clustered(log, _) => Some(log.patience()),
                Way::Straight(_) | Way::Ordered(_) | Way::Logged(_) => None,
            },
        })
    }

    /// Lets a game go, in order with its events: see [`super::Shared::expire`]. False where there is no such game.
    ///
    /// # Errors
    /// There is no room, or nobody to do it.
    pub async fn expire(&self, game: GameId, at: IngestTime) -> Result<bool, SubmitError> {
        let (done, finished) = flume::bounded(1);
        let records = self.record(Kind::Expired, at.into(), &game);
        let commit = self.send(Parcel::Expire(game, done), records, 1).await?;
        match finished.recv_async().await {
            Ok(was_there) => commit.done().await.map(|()| was_there),
            Err(_) => Err(commit.why_not().await),
        }
    }

    /// Says that a feed is silent about a game, behind all that was handed in before; see
    /// [`super::Shared::silent`]. Does not wait until it has taken effect.
    ///
    /// # Errors
    /// There is no room, or nobody to tell.
    pub async fn silent(&self, source: SourceId, game: GameId, at: IngestTime) -> Result<(), SubmitError> {
        let records = self.record(Kind::Silent, Origin { source, ingest: at }, &game);
        self.send(Parcel::Silent(source, game), records, 1).await?;
        Ok(())
    }

    /// A record about a game, where there is a log.
    fn record(&self, kind: Kind, origin: Origin, game: &GameId) -> Vec<u8> {
        let mut records = Vec::new();
        if self.has_records() {
            let body = game.as_str().as_bytes();
            store::frame(&Record { kind, origin, body }, &mut records);
        }
        records
    }

    /// Sends a parcel on its way; in a cluster, where one is of one game, to its partition for the owner alone.
    async fn send(&self, parcel: Parcel, records: Vec<u8>, count: usize) -> Result<Commit, SubmitError> {
        match &self.way {
            Way::Straight(owners) => room(owners.jobs[0].send_async(parcel.into())).await,
            Way::Ordered(order) => room(order.send_async(parcel)).await,
            Way::Logged(log) => {
                let batch = store::Batch {
                    records,
                    count: u32::try_from(count).expect("a batch is part of a request"),
                    payload: parcel,
                };
                Ok(Commit::by(log.submit(batch).await?))
            }
            Way::Clustered(log, _) => {
                let partition = match &parcel {
                    Parcel::Expire(game, _) | Parcel::Silent(_, game) => partition_of(game, self.games.partitions().len()),
                    Parcel::Events(_) => 0,
                };
                let batch = store::Batch {
                    records,
                    count: u32::try_from(count).expect("a batch is part of a request"),
                    payload: parcel,
                };
                Ok(Commit::by(log.submit(partition, batch, By::Owner)?))
            }
        }
    }
}

/// Waits until an owner's queue has taken a parcel.
async fn room<E>(taken: impl Future<Output = Result<(), E>>) -> Result<Commit, SubmitError> {
    match tokio::time::timeout(ROOM_WAIT, taken).await {
        Ok(Ok(())) => Ok(Commit(None)),
        Ok(Err(_)) => Err(SubmitError::Stopped),
        Err(_) => Err(SubmitError::Busy),
    }
}

/// Events of one partition, with their places in the request, and the same as records.
type Part = (Vec<(usize, Event)>, Vec<u8>);

/// Sends events to the partitions that they belong to; player lists to all of them, so that each has the players of
/// its own games.
fn by_partition(log: &cluster::Log<Parcel>, partitions: usize, events: Events, records: &[u8]) -> Result<Commit, SubmitError> {
    let Events {
        events,
        origin,
        done,
        traced,
        ..
    } = events;
    let mut parts: Vec<Part> = vec![Part::default(); partitions];
    for ((place, event), record) in events.into_iter().zip(store::frames(records)) {
        if let Some(game) = event.game() {
            let (events, bytes) = &mut parts[partition_of(game, partitions)];
            events.push((place, event));
            bytes.extend_from_slice(record);
            continue;
        }
        for (partition, (events, bytes)) in parts.iter_mut().enumerate() {
            let place = if partition == 0 { place } else { ELSEWHERE };
            events.push((place, event.clone()));
            bytes.extend_from_slice(record);
        }
    }
    let mut tickets = Vec::new();
    for (partition, (events, records)) in parts.into_iter().enumerate().filter(|(_, (events, _))| !events.is_empty()) {
        let count = u32::try_from(events.len()).expect("a batch is part of a request");
        let (first, done) = (0, done.clone());
        let traced = traced.only(|place| events.iter().any(|(of, _)| *of == place));
        let payload = Parcel::Events(Events {
            events,
            origin,
            first,
            done,
            traced,
        });
        let batch = store::Batch { records, count, payload };
        tickets.push(log.submit(partition, batch, By::Anyone)?);
    }
    Ok(Commit::by_all(tickets))
}

/// Starts the thread that puts batches into one order.
fn in_order(owners: Owners) -> Sender<Parcel> {
    let (sender, parcels) = flume::bounded(owners.shared.limits.jobs_max);
    std::thread::Builder::new()
        .name("order".into())
        .spawn(move || parcels.into_iter().for_each(|parcel| owners.deliver(parcel)))
        .expect("the system gives the process its first threads");
    sender
}

impl Batch {
    /// Adds an event; `place` comes back with its outcome. `line` is what it was decoded from.
    pub fn add(&mut self, place: usize, event: Event, line: &[u8]) {
        if let Some(picking) = &mut self.picking {
            picking.pick(&mut self.traced, place, &event, line, self.origin);
        }
        self.events.push((place, event));
        if let Some(records) = &mut self.records {
            let record = Record {
                kind: Kind::Event,
                origin: self.origin,
                body: line,
            };
            store::frame(&record, records);
        }
    }

    /// Its events are of a request that was there at `since`, whose feed asks for what `asked` says of the first.
    pub fn of_request(&mut self, since: Now, asked: Option<Parent>) {
        if let Some(picking) = &mut self.picking {
            picking.of_request(since, asked);
        }
    }

    /// Where its events come from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
