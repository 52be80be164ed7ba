//! The one order of all events: what every source hands in, and what it is told.
//!
//! Batches come from many requests at once. Where there is one owner they go straight to it; where there
//! are several, a thread puts them into one order first. Bounded: `jobs_max` batches wait, each for a
//! second at most.

use super::owner::{Job, Owners, Parcel};
use super::{Outcome, Shared};
use crate::model::{Event, Origin};
use flume::{Receiver, Sender};
use std::sync::Arc;
use std::time::Duration;

/// The way in.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    way: Way,
    /// The owners' queues, to see how much waits there.
    jobs: Vec<flume::WeakSender<Job>>,
    ended: Receiver<usize>,
}

/// How batches reach their owners.
#[derive(Clone)]
enum Way {
    /// Straight to the only one.
    Straight(Arc<Owners>),
    /// In the order in which the thread `order` takes them.
    Ordered(Sender<Parcel>),
}

/// Why events were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// An owner's queue stays full.
    #[error("the engine is behind; try again in a moment")]
    Busy,
    /// An owner is gone: the process is about to end.
    #[error("the engine has stopped")]
    Stopped,
}

/// Events of one source, each with its place in the request, in the order in which they count.
pub struct Batch {
    events: Vec<(usize, Event)>,
    origin: Origin,
}

/// How long a batch waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Events reach these owners from here. Their threads end when the last [`Engine`] is dropped.
    pub fn new(owners: Owners) -> Engine {
        let shared = owners.shared.clone();
        let jobs = owners.jobs.iter().map(Sender::downgrade).collect();
        let ended = owners.ended.clone();
        let way = match owners.jobs.len() {
            1 => Way::Straight(Arc::new(owners)),
            _ => Way::Ordered(in_order(owners)),
        };
        Engine { shared, way, jobs, ended }
    }

    /// Waits until an owner ends, which none does by itself: what it owned can be trusted no longer. Its
    /// thread stays, to let go of what is left in its queue.
    pub async fn owner_ended(&self) -> usize {
        self.ended.recv_async().await.unwrap_or(0)
    }

    /// What readers see.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
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

    /// An empty batch.
    pub fn batch(&self, origin: impl Into<Origin>) -> Batch {
        Batch {
            events: Vec::new(),
            origin: origin.into(),
        }
    }

    /// Hands events in and waits until all have been applied.
    ///
    /// # Errors
    /// Those of [`Engine::hand_over`] and [`UnderWay::outcomes`].
    pub async fn submit(&self, events: Vec<(usize, Event)>, origin: impl Into<Origin>) -> Result<Vec<(usize, Outcome)>, SubmitError> {
        let mut batch = self.batch(origin);
        for (place, event) in events {
            batch.add(place, event);
        }
        self.hand_over(batch).await?.outcomes().await
    }

    /// Hands a batch in; its events are applied while the caller prepares more. Batches of one caller
    /// count in the order in which they are handed over.
    ///
    /// # Errors
    /// There is no room, or nobody to apply them.
    pub async fn hand_over(&self, batch: Batch) -> Result<UnderWay, SubmitError> {
        let Batch { events, origin } = batch;
        let expected = events.len();
        // Room for every message that may come: whoever applies never waits for whoever asked.
        let (done, finished) = flume::bounded(expected.max(1));
        let parcel = Parcel { events, origin, done };
        let sent = async {
            match &self.way {
                Way::Straight(owners) => owners.jobs[0].send_async(Job::Apply(parcel)).await.is_ok(),
                Way::Ordered(order) => order.send_async(parcel).await.is_ok(),
            }
        };
        match tokio::time::timeout(ROOM_WAIT, sent).await {
            Err(_) => Err(SubmitError::Busy),
            Ok(false) => Err(SubmitError::Stopped),
            Ok(true) => Ok(UnderWay { expected, finished }),
        }
    }
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
    /// Adds an event; `place` comes back with its outcome.
    pub fn add(&mut self, place: usize, event: Event) {
        self.events.push((place, event));
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

/// Events that their owners apply.
pub struct UnderWay {
    /// How many.
    expected: usize,
    finished: Receiver<Vec<(usize, Outcome)>>,
}

impl UnderWay {
    /// What became of each event, by its place in the request; in no promised order.
    ///
    /// # Errors
    /// An owner is gone.
    pub async fn outcomes(self) -> Result<Vec<(usize, Outcome)>, SubmitError> {
        let mut outcomes = Vec::new();
        while outcomes.len() < self.expected {
            let some = self.finished.recv_async().await.map_err(|_| SubmitError::Stopped)?;
            if outcomes.is_empty() {
                outcomes = some;
            } else {
                outcomes.extend(some);
            }
        }
        Ok(outcomes)
    }
}
