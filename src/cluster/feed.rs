//! Lines of feeds that write to Redis themselves: a stream a partition, which its owner reads.
//!
//! An entry has two fields: `source`, the feed's name, and `line`, one line as it would be posted. What is in the
//! stream was not taken in yet: once it is safe in the log, its entries go, by a script that compares the fence. So
//! the stream's beginning is the position, and whoever owns the partition next begins there. An engine that dies in
//! between leaves entries that the next one takes in again; the sequencer knows them.
//!
//! Knows no event: lines are bytes here. Bounded: `READ_ENTRIES` entries at once; as long as a stream grows is up to
//! who writes it (`MAXLEN`).

use super::link::{Link, explain, is_alive};
use super::scripts::{FENCED, TAKEN};
use super::status::Status;
use super::{Keys, Settings};
use redis::{RedisError, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Entries read at once.
const READ_ENTRIES: usize = 256;
/// How long a read waits for an entry.
const READ_WAIT: Duration = Duration::from_millis(200);
/// From one look whether this node owns the partition to the next, and from one try to the next.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An entry as somebody wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fed {
    /// Its id.
    pub id: String,
    /// Names and values, in order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Fed {
    /// The value of a field that is there once; nothing where it is not there, or twice.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.fields.iter().filter(|(is, _)| is == name.as_bytes());
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// When it was written, by Redis' clock in milliseconds; nothing where whoever wrote it chose the id otherwise.
    pub fn written_ms(&self) -> Option<i64> {
        self.id.split_once('-')?.0.parse().ok()
    }

    /// The id that comes right after this one.
    fn next_id(&self) -> Option<String> {
        let (ms, nth) = self.id.split_once('-')?;
        let (ms, nth) = (ms.parse::<u64>().ok()?, nth.parse::<u64>().ok()?);
        Some(match nth.checked_add(1) {
            Some(nth) => format!("{ms}-{nth}"),
            None => format!("{}-0", ms.checked_add(1)?),
        })
    }
}

/// Why entries could not be taken in now: they are read again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotNow(pub String);

/// Takes entries in; returns once they are safe. With none it is told that none wait.
pub type Take = Box<dyn FnMut(&[Fed]) -> Result<(), NotNow> + Send>;

/// The threads that read, one a partition. They end when this is dropped.
#[derive(Debug)]
pub struct Feeds {
    stop: Arc<AtomicBool>,
    /// Entries left in each partition's stream when it was last looked at; 0 of those that others own.
    pub waiting: Vec<Arc<AtomicU64>>,
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

impl Feeds {
    /// Starts them, with one to take entries in for each partition.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: &Arc<Settings>, status: &Arc<Status>, takes: Vec<Take>) -> std::io::Result<Feeds> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut left = Vec::new();
        for (partition, take) in takes.into_iter().enumerate() {
            let waiting: Arc<AtomicU64> = Arc::default();
            left.push(waiting.clone());
            let reader = Reader {
                partition,
                keys: Keys::new(&settings.prefix, partition),
                settings: settings.clone(),
                status: status.clone(),
                take,
                waiting,
                stop: stop.clone(),
                trouble: None,
            };
            let thread = std::thread::Builder::new().name(format!("feed-{partition}"));
            thread.spawn(move || reader.run())?;
        }
        Ok(Feeds { stop, waiting: left })
    }
}

struct Reader {
    partition: usize,
    keys: Keys,
    settings: Arc<Settings>,
    status: Arc<Status>,
    take: Take,
    waiting: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// What was wrong last, so that it is said once.
    trouble: Option<String>,
}

impl Reader {
    fn run(mut self) {
        while !self.stop.load(Relaxed) {
            if self.fence() > 0
                && let Err(why) = self.read()
                && self.trouble.as_ref() != Some(&why)
            {
                tracing::warn!(key = self.keys.events, "lines of feeds in Redis are not taken in: {why}");
                self.trouble = Some(why);
            }
            if self.fence() == 0 {
                // What waits is another engine's.
                self.waiting.store(0, Relaxed);
                let _ = (self.take)(&[]);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn fence(&self) -> u64 {
        self.status.of(self.partition).fence.load(Relaxed)
    }

    /// Reads for as long as this node owns the partition.
    fn read(&mut self) -> Result<(), String> {
        let broken = |error: RedisError| explain("cluster.redis", &error).to_string();
        let mut link = Link::open(&self.settings, &self.keys.meta).map_err(|error| error.to_string())?;
        link.wait_for(READ_WAIT + self.settings.timeout).map_err(broken)?;
        loop {
            let fence = self.fence();
            if fence == 0 || self.stop.load(Relaxed) {
                return Ok(());
            }
            let mut read = redis::cmd("XREAD");
            read.arg("COUNT").arg(READ_ENTRIES).arg("BLOCK").arg(READ_WAIT.as_millis() as u64);
            read.arg("STREAMS").arg(&self.keys.events).arg("0-0");
            let entries = entries(link.ask(&read).map_err(broken)?);
            let waiting = link.ask(redis::cmd("XLEN").arg(&self.keys.events)).map_err(broken)?;
            self.waiting.store(waiting, Relaxed);
            (self.take)(&entries).map_err(|NotNow(why)| why)?;
            if self.trouble.take().is_some() {
                tracing::info!(key = self.keys.events, "lines of feeds in Redis are taken in again");
            }
            let Some(last) = entries.last() else { continue };
            // Behind the last id there is nobody can write another entry.
            let next = last.next_id().unwrap_or_default();
            let mut taken = TAKEN.key(&self.keys.meta);
            taken.key(&self.keys.events).arg(fence).arg(next);
            match link.run_script::<u64>(&taken) {
                Ok(left) => self.waiting.store(left, Relaxed),
                // Whoever owns it now takes them in again, which does no harm.
                Err(error) if error.code() == Some(FENCED) && is_alive(&error) => {
                    self.status.of(self.partition).fence.store(0, Relaxed);
                    return Ok(());
                }
                Err(error) => return Err(broken(error)),
            }
        }
    }
}

/// The entries of one stream that `XREAD` answers.
fn entries(answer: Value) -> Vec<Fed> {
    let list = |value: Value| match value {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    let text = |value: Value| match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into_bytes(),
        _ => Vec::new(),
    };
    let streams = list(answer).into_iter().filter_map(|stream| list(stream).into_iter().nth(1));
    let entry = |entry: Value| {
        let mut parts = list(entry).into_iter();
        let id = String::from_utf8(text(parts.next()?)).ok()?;
        let mut fields = parts.next().map(list).unwrap_or_default().into_iter();
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            pairs.push((text(name), text(value)));
        }
        Some(Fed { id, fields: pairs })
    };
    streams.flat_map(list).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn fed(id: &str, fields: &[(&str, &str)]) -> Fed {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Fed {
            id: id.to_owned(),
            fields: fields.iter().map(|(name, value)| (bytes(name), bytes(value))).collect(),
        }
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let fields = ["line", "a", "source", "b", "line", "c"].map(text).to_vec();
        let entry = Value::Array(vec![text("7-1"), Value::Array(fields)]);
        let answer = Value::Array(vec![Value::Array(vec![text("key"), Value::Array(vec![entry])])]);
        let read = entries(answer);
        assert_eq!(read, [fed("7-1", &[("line", "a"), ("source", "b"), ("line", "c")])]);
        assert_eq!(read[0].field("source"), Some(&b"b"[..]));
        assert_eq!(read[0].field("line"), None, "which of the two?");
        assert_eq!(read[0].field("lines"), None);
        assert_eq!(entries(Value::Nil), []);
        assert_eq!(entries(Value::Int(3)), []);
    }

    #[test]
    fn what_comes_after_an_entry_has_the_next_id() {
        let max = u64::MAX;
        for (id, next) in [
            ("7-1", Some("7-2".to_owned())),
            (&format!("7-{max}"), Some("8-0".to_owned())),
            (&format!("{max}-{max}"), None),
        ] {
            assert_eq!(fed(id, &[]).next_id(), next, "{id}");
        }
    }
}
