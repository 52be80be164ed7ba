//! What engines predict, told to all nodes: a channel a partition, by which its owner publishes.
//!
//! A hint, not truth: what nobody hears is not sent again, but for the last one of each name, which a hash keeps for
//! who comes later. Redis publishes for the partition's owner alone (its fence, checked in the script that publishes),
//! so that two engines never speak by turns. What is heard carries that fence and a number: what is older than what was
//! heard before is left out, and so is what has a fence that no engine has.
//!
//! Knows no game: what is said is bytes here. Bounded: `WAITING_MAX` wait to be published, and whoever hands one over
//! never waits; a connection that fails is left alone for `REST`; [`BODY_BYTES_MAX`] bytes each; `NAMES_MAX` names
//! are kept, for `KEPT`.

use super::link::{Link, LinkError, explain, is_alive};
use super::scripts::{FENCED, PREDICT};
use super::status::Status;
use super::{Keys, Settings};
use crate::clock::Clock;
use flume::{Receiver, Sender, TrySendError};
use redis::{PushInfo, PushKind, RedisError, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;

/// What waits to be published, from which on more is dropped: a snap of each of 300 games.
const WAITING_MAX: usize = 1_024;
/// Longest body that is published or heard: a forecast of 1,000 players takes a third of it.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// Names that a partition keeps the last one of; eight are a game's.
const NAMES_MAX: usize = 1_024;
/// For how long they are kept after the last was published.
const KEPT: Duration = Duration::from_secs(3_600);
/// How long a partition whose Redis failed is not tried again; what comes meanwhile is dropped.
const REST: Duration = Duration::from_millis(500);
/// From one try to listen to the next.
const RETRY_EVERY: Duration = Duration::from_millis(200);
/// How long nobody asks again whose a partition is, once somebody has said so who lied.
const LOOK_REST: Duration = Duration::from_secs(1);
/// Begins all that is published: another way of writing has another number.
const FORMAT: &str = "1";

/// What became of what was to be published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// Redis has published it.
    Published,
    /// Too much waits already.
    Crowded,
    /// It was worth nothing any more when its turn came.
    Late,
    /// This node no longer owns the partition.
    Fenced,
    /// Redis did not take it.
    Failed,
}

/// Something to be published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Where.
    pub partition: usize,
    /// A later one of the same name takes its place, for who comes later.
    pub name: String,
    /// What is said.
    pub body: Vec<u8>,
    /// From when on it is worth nothing, by the system's clock.
    pub expires_us: i64,
}

/// Counts what became of things.
pub type Count = Arc<dyn Fn(Sent) + Send + Sync>;

/// The way out. Its thread ends with the last of its clones.
#[derive(Clone)]
pub struct Publisher {
    queue: Sender<Told>,
    status: Arc<Status>,
    count: Count,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: &Arc<Settings>, status: &Arc<Status>, count: Count) -> std::io::Result<Publisher> {
        let (queue, waiting) = flume::bounded(WAITING_MAX);
        let partitions = (0..settings.partitions).map(|partition| Way {
            keys: Keys::new(&settings.prefix, partition),
            link: None,
            rests_until_us: i64::MIN,
            said: 0,
        });
        let mut speaker = Speaker {
            settings: settings.clone(),
            status: status.clone(),
            count: count.clone(),
            partitions: partitions.collect(),
        };
        let thread = std::thread::Builder::new().name("publish".into());
        thread.spawn(move || speaker.run(&waiting))?;
        let status = status.clone();
        Ok(Publisher { queue, status, count })
    }

    /// Whether this node is the one that publishes in that partition.
    pub fn owns(&self, partition: usize) -> bool {
        self.status.of(partition).fence.load(Relaxed) > 0
    }

    /// Hands something over, where it counts; never waits.
    pub fn offer(&self, told: Told) {
        match self.queue.try_send(told) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => (self.count)(Sent::Crowded),
            Err(TrySendError::Disconnected(_)) => (self.count)(Sent::Failed),
        }
    }
}

/// The way into one partition.
struct Way {
    keys: Keys,
    link: Option<Link>,
    /// By the steady clock.
    rests_until_us: i64,
    /// What was published, or tried.
    said: u64,
}

struct Speaker {
    settings: Arc<Settings>,
    status: Arc<Status>,
    count: Count,
    partitions: Vec<Way>,
}

impl Speaker {
    fn run(&mut self, waiting: &Receiver<Told>) {
        while let Ok(told) = waiting.recv() {
            let sent = self.publish(&told);
            (self.count)(sent);
        }
    }

    fn publish(&mut self, told: &Told) -> Sent {
        let way = &mut self.partitions[told.partition];
        let fence = self.status.of(told.partition).fence.load(Relaxed);
        if fence == 0 {
            return Sent::Fenced;
        }
        if told.expires_us <= Clock.wall_us() {
            return Sent::Late;
        }
        if told.body.len() > BODY_BYTES_MAX || Clock.steady_us() < way.rests_until_us {
            return Sent::Failed;
        }
        way.said += 1;
        let published = way.publish(&self.settings, fence, told);
        if published == Sent::Failed {
            way.rests_until_us = Clock.steady_us() + REST.as_micros() as i64;
        }
        published
    }
}

impl Way {
    fn publish(&mut self, settings: &Settings, fence: u64, told: &Told) -> Sent {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => match Link::open(settings, &self.keys.meta) {
                Ok(link) => link,
                Err(error) => {
                    tracing::debug!(partition = told.partition, "predictions: {error}");
                    return Sent::Failed;
                }
            },
        };
        let mut publish = PREDICT.key(&self.keys.meta);
        publish.key(&self.keys.predictions).key(&self.keys.predicted);
        publish.arg(fence).arg(write(fence, self.said, &told.body)).arg(&told.name);
        publish.arg(KEPT.as_millis() as u64).arg(NAMES_MAX);
        let Err(error) = link.run_script::<i64>(&publish) else {
            self.link = Some(link);
            return Sent::Published;
        };
        tracing::debug!(partition = told.partition, "predictions: {}", explain("cluster.redis", &error));
        if is_alive(&error) {
            self.link = Some(link);
        }
        if error.code() == Some(FENCED) { Sent::Fenced } else { Sent::Failed }
    }
}

/// What is put on the channel.
fn write(fence: u64, number: u64, body: &[u8]) -> Vec<u8> {
    let mut said = format!("{FORMAT} {fence} {number} ").into_bytes();
    said.extend_from_slice(body);
    said
}

/// What somebody put on the channel: whose it is and its number, and what is said. Nothing where it is none of ours.
fn read(said: &[u8]) -> Option<(u64, u64, &[u8])> {
    let mut parts = said.splitn(4, |byte| *byte == b' ');
    if parts.next()? != FORMAT.as_bytes() {
        return None;
    }
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
    let (fence, number) = (number()?, number()?);
    let body = parts.next()?;
    (fence > 0 && body.len() <= BODY_BYTES_MAX).then_some((fence, number, body))
}

/// What was heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// What the partition's owner said just now.
    Now(&'a [u8]),
    /// What it said before this node listened.
    Before(&'a [u8]),
    /// Older than what was heard before.
    Late,
    /// Nothing that an engine says.
    Rubbish,
}

/// Takes what is heard of one partition.
pub type Deliver = Box<dyn FnMut(Heard<'_>) + Send>;

/// The threads that listen, one a partition. They end when this is dropped.
#[derive(Debug)]
pub struct Listeners {
    stop: Arc<AtomicBool>,
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

impl Listeners {
    /// Starts them, with one to deliver to for each partition.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: &Arc<Settings>, deliver: Vec<Deliver>) -> std::io::Result<Listeners> {
        let listeners = Listeners { stop: Arc::default() };
        for (partition, deliver) in deliver.into_iter().enumerate() {
            let listener = Listener {
                partition,
                keys: Keys::new(&settings.prefix, partition),
                settings: settings.clone(),
                fence: 0,
                look_at_us: i64::MIN,
                at: (0, 0),
                deliver,
                stop: listeners.stop.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("listen-{partition}"));
            thread.spawn(move || listener.run())?;
        }
        Ok(listeners)
    }
}

struct Listener {
    partition: usize,
    keys: Keys,
    settings: Arc<Settings>,
    /// Of who owns the partition, as last asked.
    fence: u64,
    /// When it may be asked again, by the steady clock.
    look_at_us: i64,
    /// What was heard last: whose, and its number.
    at: (u64, u64),
    deliver: Deliver,
    stop: Arc<AtomicBool>,
}

impl Listener {
    fn run(mut self) {
        while !self.stop.load(Relaxed) {
            // Who follows the stream says what is wrong with Redis.
            if let Err(why) = self.listen() {
                tracing::debug!(partition = self.partition, "predictions: {why}");
            }
            std::thread::sleep(RETRY_EVERY);
        }
    }

    /// Listens until told to stop, or the connection is no use any more.
    fn listen(&mut self) -> Result<(), String> {
        let broken = |error: RedisError| explain("cluster.redis", &error).to_string();
        let mut link = Link::open_to_listen(&self.settings, &self.keys.meta).map_err(|error| error.to_string())?;
        #[expect(clippy::disallowed_methods, reason = "the library takes no other; emptied after each answer")]
        let (push, pushed) = mpsc::channel();
        link.connection().set_push_sender(push);
        self.subscribe(&mut link).map_err(broken)?;
        self.recall().map_err(|error| error.to_string())?;
        let mut channel = link.connection().as_pubsub();
        while !self.stop.load(Relaxed) {
            match channel.get_message() {
                Ok(_) => {}
                // Where nothing is said: is Redis there?
                Err(error) if error.is_timeout() => drop(channel.ping::<Value>().map_err(broken)?),
                Err(error) => return Err(broken(error)),
            }
            for PushInfo { kind, data } in pushed.try_iter() {
                match (kind, &data[..]) {
                    (PushKind::SMessage | PushKind::Message, [_, Value::BulkString(said)]) => self.hear(said),
                    (PushKind::SUnsubscribe | PushKind::Unsubscribe | PushKind::Disconnection, _) => {
                        return Err("the channel is elsewhere now".to_owned());
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Subscribes, to a sharded channel where Redis has those.
    fn subscribe(&self, link: &mut Link) -> Result<(), RedisError> {
        let mut refused = None;
        for command in ["SSUBSCRIBE", "SUBSCRIBE"] {
            let command = redis::cmd(command).arg(&self.keys.predictions).get_packed_command();
            link.connection().send_packed_command(&command)?;
            match link.connection().recv_response()? {
                Value::ServerError(error) => refused = Some(error),
                _ => return Ok(()),
            }
        }
        Err(refused.map_or_else(|| RedisError::from(std::io::Error::other("no answer")), RedisError::from))
    }

    /// Asks whose the partition is, on a connection of its own: the other one listens.
    fn look(&mut self) -> Result<Link, LinkError> {
        let mut link = Link::open(&self.settings, &self.keys.meta)?;
        let asked = link.ask(redis::cmd("HGET").arg(&self.keys.meta).arg("fence"));
        let fence: Option<u64> = asked.map_err(|error| explain("cluster.redis", &error))?;
        self.fence = fence.unwrap_or(0);
        Ok(link)
    }

    /// Delivers what was said last, as far as it was not heard.
    fn recall(&mut self) -> Result<(), LinkError> {
        let broken = |error: RedisError| explain("cluster.redis", &error);
        let mut link = self.look()?;
        let names: usize = link.ask(redis::cmd("HLEN").arg(&self.keys.predicted)).map_err(broken)?;
        if names > NAMES_MAX {
            (self.deliver)(Heard::Rubbish);
            return Ok(());
        }
        let last: Vec<Vec<u8>> = link.ask(redis::cmd("HVALS").arg(&self.keys.predicted)).map_err(broken)?;
        let mut last: Vec<_> = last.iter().map(|said| read(said)).collect();
        last.sort_unstable_by_key(|said| said.map(|(fence, number, _)| (fence, number)));
        for said in last {
            match said {
                Some((fence, number, body)) if fence <= self.fence => {
                    if (fence, number) > self.at {
                        self.at = (fence, number);
                        (self.deliver)(Heard::Before(body));
                    }
                }
                _ => (self.deliver)(Heard::Rubbish),
            }
        }
        Ok(())
    }

    fn hear(&mut self, said: &[u8]) {
        let Some((fence, number, body)) = read(said) else {
            (self.deliver)(Heard::Rubbish);
            return;
        };
        let now_us = Clock.steady_us();
        if fence > self.fence && now_us >= self.look_at_us {
            // Another engine owns the partition now, or somebody says so.
            self.look_at_us = match self.look() {
                Ok(_) if fence <= self.fence => now_us,
                _ => now_us + LOOK_REST.as_micros() as i64,
            };
        }
        if fence > self.fence {
            (self.deliver)(Heard::Rubbish);
        } else if (fence, number) <= self.at {
            (self.deliver)(Heard::Late);
        } else {
            self.at = (fence, number);
            (self.deliver)(Heard::Now(body));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_rubbish_is_not() {
        assert_eq!(read(&write(3, 17, b"a b  c")), Some((3, 17, &b"a b  c"[..])));
        let long = write(1, 1, &vec![b'x'; BODY_BYTES_MAX + 1]);
        let rubbish: [&[u8]; 9] = [
            b"",
            b"1",
            b"1 3 17",
            b"2 3 17 x",
            b"1 0 17 x",
            b"1 -3 17 x",
            b"1 3 99999999999999999999 x",
            b"1 \xff 17 x",
            &long,
        ];
        for said in rubbish {
            assert_eq!(read(said), None, "{:?}", String::from_utf8_lossy(&said[..said.len().min(40)]));
        }
    }
}
