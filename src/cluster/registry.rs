//! Says in Redis that this node is there, and reads who else is: one thread, a command a second.
//!
//! All entries are fields of one hash, by the nodes' names, each with when it was renewed, by Redis' own clock, and by
//! which process. A name belongs to the process that renews it; what was not renewed for `HELD` is anybody's. Who ends in
//! an orderly way takes its entry back. Nothing waits for this thread but a start (for its name) and an end.
//!
//! Bounded: one command under way, waited for `cluster.timeout_ms`; `cluster.nodes_max` entries are read, and entries that
//! nobody renews are removed by whoever comes by.

use super::Settings;
use super::link::{Link, LinkError, explain, is_alive};
use super::nodes::{ENTRY_BYTES_MAX, Entry, Nodes, Seen, Standing};
use crate::clock::Clock;
use flume::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;
use redis::{RedisError, Script};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How often a node renews its entry.
const BEAT: Duration = Duration::from_secs(1);
/// How long an entry that is not renewed keeps its name for its process.
const HELD: Duration = Duration::from_secs(4);
/// Between two tries for a name that another process has.
const TRY_EVERY: Duration = Duration::from_millis(200);
/// What a time is off by at most that was worked out from two that are whole milliseconds.
const MS_LOST: i64 = 2;
/// Longest wait at an end until the entry is taken back.
const LEAVE_PATIENCE: Duration = Duration::from_secs(1);
/// A clock that is further from Redis' is named.
const AHEAD_US_MAX: i64 = 1_000_000;
/// How often that is said again.
const WARN_EVERY_US: i64 = 600_000_000;

/// Renews this process' entry, where nobody else has the name, and reads all of them.
///
/// Keys: the hash. Arguments: the node's name, its process, its entry, for how many milliseconds it holds, how many are
/// read. Answers Redis' time (seconds, microseconds); how many entries there are, or 0 where another process has the
/// name; and of each that is read (then of that one alone) how many milliseconds ago it was renewed, and itself.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function age(value)
  local at = tonumber(string.match(value, '^(%d+) '))
  return at and now - at or -1
end
local function holds(ms)
  return ms >= 0 and ms < tonumber(ARGV[4])
end
local mine = redis.call('HGET', KEYS[1], ARGV[1])
if mine and holds(age(mine)) and string.match(mine, '^%d+ (%S+) ') ~= ARGV[2] then
  return {time[1], time[2], '0', string.format('%.0f', age(mine)), mine}
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4] * 10)
local read, count = {time[1], time[2], '0'}, 0
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local ms = age(all[at + 1])
  if not holds(ms) then
    redis.call('HDEL', KEYS[1], all[at])
  else
    count = count + 1
    if count <= tonumber(ARGV[5]) then
      read[#read + 1] = string.format('%.0f', ms)
      read[#read + 1] = all[at + 1]
    end
  end
end
read[3] = string.format('%.0f', count)
return read
",
    )
});

/// Takes an entry back, where it is this process'.
///
/// Keys: the hash. Arguments: the node's name, its process.
static LEAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local mine = redis.call('HGET', KEYS[1], ARGV[1])
if mine and string.match(mine, '^%d+ (%S+) ') == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
",
    )
});

/// Why a node can't have its place among the others.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Redis can't be asked.
    #[error("{0}")]
    Link(#[from] LinkError),
    /// Another process goes by this node's name.
    #[error(
        "another node is called {:?} and {how}: process {} on {}, {}, version {}; give this one another name (cluster.node), or stop that one",
        .holder.node, .holder.process, .holder.listens, .holder.role, .holder.version
    )]
    Taken {
        /// The other one.
        holder: Box<Entry>,
        /// What was seen of it.
        how: String,
    },
    /// The system gives no more threads.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// What this node says of itself, asked each time.
type Ask = Box<dyn Fn() -> Standing + Send>;

/// This node's place among the others. Dropping it gives the place up.
pub struct Registry {
    /// Who there is.
    pub nodes: Arc<Nodes>,
    ask: Arc<Mutex<Option<Ask>>>,
    wake: Option<Sender<()>>,
    over: Receiver<()>,
}

impl Registry {
    /// Takes the name, waiting for `patience` at most where a process had it that is no longer alive, and starts the
    /// thread that keeps it. Until [`Registry::begin`] the node is one that is not ready.
    ///
    /// # Errors
    /// Another process has the name and renews it, Redis can't be asked, or there are no more threads.
    pub fn join(settings: &Arc<Settings>, me: Entry, nodes_max: usize, patience: Duration) -> Result<Registry, RegistryError> {
        let (wake, woken) = flume::bounded(1);
        let (ended, over) = flume::bounded(1);
        let registry = Registry {
            nodes: Arc::new(Nodes::new(me)),
            ask: Arc::default(),
            wake: Some(wake),
            over,
        };
        let mut keeper = Keeper {
            key: format!("{}:{{nodes}}:here", settings.prefix),
            settings: settings.clone(),
            nodes: registry.nodes.clone(),
            ask: registry.ask.clone(),
            nodes_max,
            link: None,
            holder: None,
            crowd: false,
            differing: Vec::new(),
            warned_us: None,
        };
        keeper.claim(patience)?;
        std::thread::Builder::new().name("nodes".into()).spawn(move || {
            keeper.run(&woken);
            // Nobody may be waiting any more.
            let _ = ended.send(());
        })?;
        Ok(registry)
    }

    /// The node is ready: from now on `ask` says how it is.
    pub fn begin(&self, ask: impl Fn() -> Standing + Send + 'static) {
        *self.ask.lock() = Some(Box::new(ask));
        self.renew();
    }

    /// Has the entry renewed now, as something has changed that others should know.
    pub fn renew(&self) {
        if let Some(wake) = &self.wake {
            // One that waits already will do.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Registry {
    /// Takes the entry back, so that a restart finds the name free at once.
    fn drop(&mut self) {
        self.wake = None;
        // Where Redis does not answer, it runs out.
        let _ = self.over.recv_timeout(LEAVE_PATIENCE);
    }
}

/// What Redis answered.
struct Answer {
    /// Its clock, in microseconds.
    redis_us: i64,
    /// How many entries there are; 0: another process has the name.
    count: usize,
    /// How many milliseconds ago the first was renewed, readable or not.
    first_age_ms: i64,
    /// Each with how many milliseconds ago it was renewed.
    entries: Vec<(i64, Entry)>,
}

struct Keeper {
    settings: Arc<Settings>,
    key: String,
    nodes: Arc<Nodes>,
    ask: Arc<Mutex<Option<Ask>>>,
    nodes_max: usize,
    link: Option<Link>,
    /// The process that has the name, where that is another one.
    holder: Option<String>,
    /// Whether there are more nodes than are read.
    crowd: bool,
    /// Nodes of other versions or rules.
    differing: Vec<String>,
    /// When it was last said that clocks are apart.
    warned_us: Option<i64>,
}

impl Keeper {
    fn claim(&mut self, patience: Duration) -> Result<(), RegistryError> {
        let give_up_us = Clock.steady_us() + patience.as_micros() as i64;
        let mut renewed: Option<(String, i64)> = None;
        let mut has_waited = false;
        loop {
            let answer = self.ask_redis()?;
            if answer.count > 0 {
                self.take(answer);
                return Ok(());
            }
            let age_ms = answer.first_age_ms;
            let unreadable = || Entry {
                node: self.nodes.me.node.clone(),
                process: "(its entry can't be read)".to_owned(),
                ..Entry::default()
            };
            let entry = answer.entries.into_iter().next().map_or_else(unreadable, |(_, entry)| entry);
            // When that one was renewed, by Redis' clock: later than at the last look, and somebody renews it.
            let at_ms = answer.redis_us / 1_000 - age_ms;
            let is_alive = renewed.is_some_and(|(process, before_ms)| process == entry.process && at_ms > before_ms + MS_LOST);
            if is_alive || Clock.steady_us() >= give_up_us {
                let how = match is_alive {
                    true => "is alive".to_owned(),
                    false => format!("was {age_ms} ms ago (waited cluster.start_timeout_ms, {} ms)", patience.as_millis()),
                };
                let holder = Box::new(entry);
                return Err(RegistryError::Taken { holder, how });
            }
            if !std::mem::replace(&mut has_waited, true) {
                tracing::info!(
                    node = entry.node,
                    process = entry.process,
                    "a process before this one had the name: waiting to see whether it is alive, {} s at most",
                    HELD.as_secs()
                );
            }
            renewed = Some((entry.process, at_ms));
            std::thread::sleep(TRY_EVERY);
        }
    }

    fn run(mut self, woken: &Receiver<()>) {
        while woken.recv_timeout(BEAT) != Err(RecvTimeoutError::Disconnected) {
            match self.ask_redis() {
                Ok(answer) => self.take(answer),
                // Who follows the streams has said so.
                Err(error) => {
                    tracing::debug!("nodes: {error}");
                    self.nodes.listed.store(false, Relaxed);
                }
            }
        }
        if let Some(link) = &mut self.link {
            let me = &self.nodes.me;
            // Where it does not come to that, it runs out.
            let _: Result<i64, RedisError> = LEAVE.key(&self.key).arg(&me.node).arg(&me.process).invoke(link.connection());
        }
    }

    fn entry(&self) -> Entry {
        let standing = self.ask.lock().as_ref().map(|ask| ask());
        let mut entry = self.nodes.me.clone();
        entry.standing = standing.unwrap_or(Standing {
            draining: true,
            ..Standing::default()
        });
        entry.standing.wall_us = Clock.wall_us();
        entry.standing.ahead_us = self.nodes.ahead_us.load(Relaxed);
        entry
    }

    fn ask_redis(&mut self) -> Result<Answer, LinkError> {
        let entry = self.entry().to_json();
        if self.link.is_none() {
            self.link = Some(Link::open(&self.settings, &self.key)?);
        }
        let Some(link) = &mut self.link else {
            return Err(LinkError::Address("names no address".to_owned()));
        };
        let before = Clock.now();
        let me = &self.nodes.me;
        let asked: Result<Vec<Vec<u8>>, RedisError> = RENEW
            .key(&self.key)
            .arg(&me.node)
            .arg(&me.process)
            .arg(entry)
            .arg(HELD.as_millis() as u64)
            .arg(self.nodes_max)
            .invoke(link.connection());
        let took_us = Clock.steady_us() - before.steady_us;
        let error = match asked {
            Ok(parts) => {
                let answer = read(&parts);
                // Half way, or so: the error is half of what it took.
                let ahead_us = before.wall_us + took_us / 2 - answer.redis_us;
                self.nodes.ahead_us.store(ahead_us, Relaxed);
                self.compare_clocks(ahead_us, took_us / 2);
                return Ok(answer);
            }
            Err(error) => error,
        };
        if !is_alive(&error) {
            self.link = None;
        }
        Err(explain("cluster.redis", &error))
    }

    fn compare_clocks(&mut self, ahead_us: i64, error_us: i64) {
        let is_apart = ahead_us.abs() - error_us > AHEAD_US_MAX;
        let now_us = Clock.steady_us();
        if is_apart && self.warned_us.is_none_or(|at_us| now_us - at_us >= WARN_EVERY_US) {
            self.warned_us = Some(now_us);
            let seconds = ahead_us.abs() as f64 / 1e6;
            let side = if ahead_us > 0 { "ahead of" } else { "behind" };
            tracing::warn!("this machine's clock is {seconds:.1} s {side} Redis': one of them is wrong (chronyc tracking, on both)");
        } else if !is_apart && self.warned_us.take().is_some() {
            tracing::info!("this machine's clock and Redis' go together again");
        }
    }

    fn take(&mut self, answer: Answer) {
        let is_listed = answer.count > 0;
        self.nodes.listed.store(is_listed, Relaxed);
        if !is_listed {
            let holder = answer.entries.into_iter().next().map(|(_, entry)| entry).unwrap_or_default();
            if self.holder.as_ref() != Some(&holder.process) {
                tracing::warn!(
                    node = self.nodes.me.node,
                    "another process took this node's name while it was held up: {} on {}; clients are not sent here until one of them ends",
                    holder.process,
                    holder.listens
                );
                self.holder = Some(holder.process);
            }
            return;
        }
        if self.holder.take().is_some() {
            tracing::info!(node = self.nodes.me.node, "this node has its name again");
        }
        let is_crowd = answer.count > self.nodes_max;
        if is_crowd && !self.crowd {
            tracing::warn!(nodes = answer.count, "more nodes than are looked at: raise cluster.nodes_max");
        }
        self.crowd = is_crowd;
        let now_us = Clock.steady_us();
        let others = answer.entries.into_iter().filter(|(_, entry)| entry.node != self.nodes.me.node);
        let others: Vec<Seen> = others
            .map(|(age_ms, entry)| Seen {
                entry,
                heard_us: now_us - age_ms * 1_000,
            })
            .collect();
        self.compare_versions(&others);
        self.nodes.set(others, now_us);
    }

    /// Says which nodes are of another version, whenever those are others.
    fn compare_versions(&mut self, others: &[Seen]) {
        let me = &self.nodes.me;
        let differ = |entry: &&Entry| entry.version != me.version || entry.rules != me.rules;
        let differing = others.iter().map(|seen| &seen.entry).filter(differ);
        let mut differing: Vec<String> = differing.map(|entry| difference(me, entry)).collect();
        differing.sort_unstable();
        if differing != self.differing && !differing.is_empty() {
            let shown = differing[..differing.len().min(SHOWN_MAX)].join(", ");
            tracing::warn!(
                nodes = differing.len(),
                "nodes differ from this one (version {}): {shown}",
                me.version
            );
        }
        self.differing = differing;
    }
}

/// Differing nodes that one line names.
const SHOWN_MAX: usize = 4;

fn difference(me: &Entry, other: &Entry) -> String {
    match other.rules == me.rules {
        true => format!("{} has version {}", other.node, other.version),
        false => format!(
            "{} has version {} and other rules of counting (engine.*_max, version), so another epoch",
            other.node, other.version
        ),
    }
}

/// Reads Redis' answer; what is no entry is left out.
fn read(parts: &[Vec<u8>]) -> Answer {
    let text = |at: usize| parts.get(at).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default();
    let number = |at: usize| text(at).parse::<i64>().unwrap_or(0);
    let entry = |at: usize| {
        let value = Some(text(at)).filter(|value| value.len() <= ENTRY_BYTES_MAX + 64)?;
        let (_, rest) = value.split_once(' ')?;
        let (process, json) = rest.split_once(' ')?;
        Entry::read(json).filter(|entry| entry.process == process)
    };
    Answer {
        redis_us: number(0) * 1_000_000 + number(1),
        count: usize::try_from(number(2)).unwrap_or(0),
        first_age_ms: number(3),
        entries: (3..parts.len().saturating_sub(1))
            .step_by(2)
            .filter_map(|at| Some((number(at), entry(at + 1)?)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_entry_is_left_out() {
        let entry = r#"{"node":"a","process":"p1","role":"edge","version":"1","rules":"0"}"#;
        let good = format!("1700 p1 {entry}");
        let of_other = format!("1700 p2 {entry}");
        let parts = ["1700", "250000", "4", "12", &good, "3", &of_other, "x", "rubbish", "5"];
        let answer = read(&parts.map(|part| part.as_bytes().to_vec()));
        assert_eq!((answer.redis_us, answer.count), (1_700_250_000, 4));
        assert_eq!(answer.entries.len(), 1);
        assert_eq!((answer.entries[0].0, answer.entries[0].1.node.as_str()), (12, "a"));
        assert_eq!(read(&[]).count, 0);
        assert_eq!(read(&[vec![0xff], vec![0xff], vec![0xff], vec![0xff], vec![0xff]]).entries.len(), 0);
    }
}
