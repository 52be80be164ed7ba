//! The reading end: a thread a partition, which hands on the stream's records in order, from wherever Redis is.
//!
//! While Redis can't be reached it tries again, and says why. What it reads then must go on from where it stood:
//! where the entry that it read last is no longer there, or another one has its place, what this node has shown
//! never happened, and the node has to begin anew ([`Lost`]). Bounded: what was read and not yet taken over
//! (`READ_ENTRIES` entries).

use super::entry::{Body, Entry};
use super::link::{Link, explain};
use super::log::begin;
use super::status::Status;
use super::{Keys, Settings};
use flume::{Receiver, Sender};
use parking_lot::Mutex;
use redis::RedisError;
use redis::streams::{StreamRangeReply, StreamReadReply};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Entries read at once.
const READ_ENTRIES: usize = 256;
/// How long a read waits for an entry: how often Redis is heard of where nothing happens.
const READ_WAIT: Duration = Duration::from_millis(200);
/// From one try to the next, while Redis can't be used.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// What batches carried, by the name of the entry that they were written as, until it is read back.
#[derive(Debug)]
pub struct Pending<T>(Mutex<HashMap<String, Vec<(u32, T)>>>);

impl<T> Default for Pending<T> {
    fn default() -> Pending<T> {
        Pending(Mutex::default())
    }
}

impl<T> Pending<T> {
    /// Keeps what an entry carries; false where as many as that have not been read back yet.
    pub(super) fn put(&self, name: &str, carried: Vec<(u32, T)>, entries_max: usize) -> bool {
        let mut pending = self.0.lock();
        let has_room = pending.len() < entries_max;
        if has_room {
            pending.insert(name.to_owned(), carried);
        }
        has_room
    }

    pub(super) fn take(&self, name: &str) -> Option<Vec<(u32, T)>> {
        self.0.lock().remove(name)
    }
}

/// What was read.
#[derive(Debug)]
pub struct Delivery<T> {
    /// The number of the first record.
    pub first: u64,
    /// How many records there are.
    pub count: u32,
    /// What they say.
    pub body: Body,
    /// What this node's own batches carried, with how many records each has; nothing where another node wrote them.
    pub own: Option<Vec<(u32, T)>>,
}

/// Why what this node shows is not what the stream leads to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Lost {
    /// Redis lost what this node has read.
    #[error("partition {0}: Redis no longer has what this node has shown (it came back without its last writes)")]
    WentBack(usize),
    /// What comes next was trimmed before this node read it.
    #[error("partition {0}: what comes next was trimmed from the stream while this node was away")]
    FellBehind(usize),
}

/// Where a follower begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Records known.
    pub reached: u64,
    /// The entry that ended there, where it is known.
    pub name: Option<String>,
}

/// The threads. They end when this is dropped.
#[derive(Debug)]
pub struct Followers {
    stop: Arc<AtomicBool>,
    /// Says what was lost; the thread that says so has ended.
    pub lost: Receiver<Lost>,
}

impl Drop for Followers {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// One partition's share of what followers work with.
pub struct Share<T> {
    /// Where to begin.
    pub from: Position,
    /// This node's own batches.
    pub pending: Arc<Pending<T>>,
    /// Takes what is read, in order; where it waits, the follower does.
    pub deliver: Box<dyn FnMut(Delivery<T>) + Send>,
}

impl Followers {
    /// Starts a thread for each partition.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start<T: Send + 'static>(settings: &Arc<Settings>, status: &Arc<Status>, shares: Vec<Share<T>>) -> std::io::Result<Followers> {
        let stop = Arc::new(AtomicBool::new(false));
        let (losing, lost) = flume::bounded(shares.len());
        for (partition, share) in shares.into_iter().enumerate() {
            let follower = Follower {
                partition,
                keys: Keys::new(&settings.prefix, partition),
                settings: settings.clone(),
                status: status.clone(),
                at: share.from,
                pending: share.pending,
                deliver: share.deliver,
                stop: stop.clone(),
            };
            let losing: Sender<Lost> = losing.clone();
            let thread = std::thread::Builder::new().name(format!("follow-{partition}"));
            thread.spawn(move || {
                if let Err(what) = follower.run() {
                    // As large as there are threads, each of which says it once.
                    let _ = losing.try_send(what);
                }
            })?;
        }
        Ok(Followers { stop, lost })
    }
}

struct Follower<T> {
    partition: usize,
    keys: Keys,
    settings: Arc<Settings>,
    status: Arc<Status>,
    at: Position,
    pending: Arc<Pending<T>>,
    deliver: Box<dyn FnMut(Delivery<T>) + Send>,
    stop: Arc<AtomicBool>,
}

/// Why a connection is given up.
enum Broken {
    /// It, or what is at its other end.
    Link(String),
    Lost(Lost),
}

impl<T> Follower<T> {
    fn run(mut self) -> Result<(), Lost> {
        while !self.stop.load(Relaxed) {
            let why = match Link::open(&self.settings, &self.keys.meta) {
                Ok(mut link) => match self.follow(&mut link) {
                    Ok(()) => return Ok(()),
                    Err(Broken::Lost(lost)) => return Err(lost),
                    Err(Broken::Link(why)) => why,
                },
                Err(error) => error.to_string(),
            };
            let status = self.status.of(self.partition);
            // One line for all of them: they mostly have the same trouble at once.
            if status.set_trouble(Some(why.clone())) && self.partition == 0 {
                tracing::warn!("{why}: what clients are shown is late until Redis answers");
            }
            std::thread::sleep(RETRY_EVERY);
        }
        Ok(())
    }

    /// Reads until told to stop.
    fn follow(&mut self, link: &mut Link) -> Result<(), Broken> {
        let broken = |error: RedisError| Broken::Link(explain("cluster.redis", &error).to_string());
        let (epoch, records) = begin(link, &self.keys).map_err(broken)?;
        self.check(link, records)?;
        let status = self.status.clone();
        let status = status.of(self.partition);
        self.status.set_epoch(self.partition, &epoch);
        status.heard();
        if status.set_trouble(None) && self.partition == 0 && status.has_begun.load(Relaxed) {
            tracing::info!("Redis answers again");
        }
        link.wait_for(READ_WAIT + self.settings.timeout).map_err(broken)?;
        loop {
            if self.at.reached >= records {
                status.has_begun.store(true, Relaxed);
            }
            if self.stop.load(Relaxed) {
                return Ok(());
            }
            let mut read = redis::cmd("XREAD");
            read.arg("COUNT").arg(READ_ENTRIES).arg("BLOCK").arg(READ_WAIT.as_millis() as u64);
            read.arg("STREAMS").arg(&self.keys.log).arg(format!("{}-0", self.at.reached));
            let read: Option<StreamReadReply> = link.ask(&read).map_err(broken)?;
            status.heard();
            for of in read.into_iter().flat_map(|read| read.keys).flat_map(|key| key.ids) {
                match Entry::read(&of) {
                    Some(entry) => self.take(entry)?,
                    // It has no number: whoever wrote it wrote past the script, and what is behind it has.
                    None => tracing::error!(
                        key = self.keys.log,
                        id = of.id,
                        "somebody else writes into the stream: the entry is left out"
                    ),
                }
            }
        }
    }

    /// Whether the stream still leads to where this node stands.
    fn check(&self, link: &mut Link, records: u64) -> Result<(), Broken> {
        let broken = |error: RedisError| Broken::Link(explain("cluster.redis", &error).to_string());
        let at = self.at.reached;
        if records < at {
            return Err(Broken::Lost(Lost::WentBack(self.partition)));
        }
        let mut first = redis::cmd("XRANGE");
        first.arg(&self.keys.log).arg("-").arg("+").arg("COUNT").arg(1);
        let first: StreamRangeReply = link.ask(&first).map_err(broken)?;
        let first = first.ids.first().and_then(Entry::read).map_or(records + 1, |entry| entry.first());
        if first > at + 1 {
            return Err(Broken::Lost(Lost::FellBehind(self.partition)));
        }
        let Some(name) = self.at.name.as_ref().filter(|_| at >= first) else {
            return Ok(());
        };
        let mut last = redis::cmd("XRANGE");
        last.arg(&self.keys.log).arg(format!("{at}-0")).arg(format!("{at}-0"));
        let last: StreamRangeReply = link.ask(&last).map_err(broken)?;
        match last.ids.first().and_then(Entry::read) {
            Some(entry) if entry.name == *name => Ok(()),
            _ => Err(Broken::Lost(Lost::WentBack(self.partition))),
        }
    }

    fn take(&mut self, entry: Entry) -> Result<(), Broken> {
        if entry.last <= self.at.reached {
            return Ok(());
        }
        // An entry is written and read as one: nobody stands in the middle of it.
        if entry.first() != self.at.reached + 1 {
            return Err(Broken::Lost(Lost::FellBehind(self.partition)));
        }
        if let Body::Epoch(name) = &entry.body {
            tracing::warn!(
                partition = self.partition,
                epoch = name,
                "a new epoch: another Redis process, or one that was restarted"
            );
            self.status.set_epoch(self.partition, name);
        }
        let own = self.pending.take(&entry.name);
        (self.deliver)(Delivery {
            first: entry.first(),
            count: entry.count,
            body: entry.body,
            own,
        });
        self.at.reached = entry.last;
        self.at.name = Some(entry.name);
        self.status.of(self.partition).reached.store(entry.last, Relaxed);
        Ok(())
    }
}
