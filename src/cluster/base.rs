//! Bases in Redis: what a partition's stream comes to up to some record, as bytes that are the caller's business.
//!
//! The engine that owns a partition puts the next one there, fenced, and trims the stream in the same script: it
//! keeps what the base before does not cover, so that nobody who began with that one, or was away for as long, finds
//! a hole. Bounded: what follows a base is read `READ_ENTRIES` entries at a time, up to `stream_entries_max`.

use super::entry::{Body, Entry};
use super::link::{Link, LinkError, explain};
use super::scripts::BASE;
use super::{Keys, Settings};
use redis::RedisError;
use redis::streams::StreamRangeReply;

/// Entries read at once.
const READ_ENTRIES: usize = 256;

/// A connection to one partition's base.
pub struct Bases {
    link: Link,
    keys: Keys,
}

/// How far a partition is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Its epoch.
    pub epoch: String,
    /// The last record of the stream.
    pub written: u64,
    /// The last record that the base covers; 0 where there is none.
    pub covered: u64,
}

impl Bases {
    /// Connects.
    ///
    /// # Errors
    /// Redis can't be used.
    pub fn open(settings: &Settings, partition: usize) -> Result<Bases, LinkError> {
        let keys = Keys::new(&settings.prefix, partition);
        let link = Link::open(settings, &keys.meta)?;
        Ok(Bases { link, keys })
    }

    /// How far the partition is; nothing where nobody has begun it.
    ///
    /// # Errors
    /// Redis can't be used.
    pub fn extent(&mut self) -> Result<Option<Extent>, LinkError> {
        let mut ask = redis::cmd("HMGET");
        ask.arg(&self.keys.meta).arg("epoch").arg("n").arg("base");
        let (epoch, written, covered): (Option<String>, Option<u64>, Option<u64>) = self.link.ask(&ask).map_err(broken)?;
        Ok(epoch.map(|epoch| Extent {
            epoch,
            written: written.unwrap_or(0),
            covered: covered.unwrap_or(0),
        }))
    }

    /// The base, where there is one.
    ///
    /// # Errors
    /// Redis can't be used.
    pub fn newest(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        self.link.ask(redis::cmd("GET").arg(&self.keys.base)).map_err(broken)
    }

    /// Hands out the entries after record `covered`, up to record `upto`, as long as `each` says to go on.
    ///
    /// # Errors
    /// Redis can't be used.
    pub fn since(&mut self, covered: u64, upto: u64, mut each: impl FnMut(Entry) -> bool) -> Result<(), LinkError> {
        let mut reached = covered;
        while reached < upto {
            let mut range = redis::cmd("XRANGE");
            range.arg(&self.keys.log).arg(format!("({reached}-0")).arg(format!("{upto}-0"));
            range.arg("COUNT").arg(READ_ENTRIES);
            let range: StreamRangeReply = self.link.ask(&range).map_err(broken)?;
            let entries: Vec<Entry> = range.ids.iter().filter_map(Entry::read).collect();
            let Some(last) = entries.last() else { break };
            reached = last.last;
            if !entries.into_iter().all(&mut each) {
                break;
            }
        }
        Ok(())
    }

    /// Puts the base in its place that covers what is written up to `lsn`, and lets go of entries that end before
    /// record `keep_from`. Returns how many those were.
    ///
    /// # Errors
    /// Redis can't be used, the partition is no longer owned by whoever has this fence, or another epoch has begun.
    pub fn put(&mut self, epoch: &str, fence: u64, lsn: u64, bytes: &[u8], keep_from: u64) -> Result<u64, LinkError> {
        let mut put = BASE.key(&self.keys.meta);
        put.key(&self.keys.log).key(&self.keys.base);
        put.arg(epoch).arg(fence).arg(lsn).arg(bytes).arg(keep_from);
        self.link.run_script(&put).map_err(broken)
    }
}

/// The records that an entry holds: none, where it begins an epoch.
pub fn records_of(entry: Entry) -> (u64, u32, Vec<u8>) {
    let (first, count) = (entry.first(), entry.count);
    match entry.body {
        Body::Records(records) => (first, count, records),
        Body::Epoch(_) => (first, count, Vec::new()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: RedisError) -> LinkError {
    explain("cluster.redis", &error)
}
