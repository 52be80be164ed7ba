//! Which engine owns a partition: a thread each, which takes it where nobody owns it, and keeps it.
//!
//! A lease runs out by itself where its engine dies or is held up. Whoever takes it next has a higher fence, and what
//! the one before still writes is refused by Redis, in the very script that would write it. A thread a partition, as
//! the masters of a Redis Cluster fail one by one: waiting for one of them must cost no lease at another.
//!
//! The first engine takes all. Where others come, each keeps its share and gives back what is above, one partition
//! after the other; what nobody takes it takes again, and keeps for a while. Bounded: one command a partition at a
//! time, waited for no longer than a lease lasts, and `cluster.timeout_ms`.

use super::link::{Link, explain, is_alive};
use super::scripts::{LEASE, RELEASE};
use super::status::Status;
use super::{Keys, Settings};
use redis::RedisError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// What is shared with the threads.
#[derive(Debug)]
pub struct Leases {
    stop: Arc<AtomicBool>,
    /// Times that this node took or lost a partition.
    pub changes: Arc<AtomicU64>,
    /// Engines that share the partitions, this one included, as far as is known.
    pub engines: Arc<AtomicUsize>,
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

impl Leases {
    /// Starts the threads, each of which writes its partition's fence into `status`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: &Arc<Settings>, status: &Arc<Status>) -> std::io::Result<Leases> {
        let leases = Leases {
            stop: Arc::default(),
            changes: Arc::default(),
            engines: Arc::new(AtomicUsize::new(1)),
        };
        // What is answered later is about a lease that has run out.
        let settings = Arc::new(Settings {
            timeout: settings.timeout.min(settings.lease),
            ..Settings::clone(settings)
        });
        for partition in 0..settings.partitions {
            let mut holder = Holder {
                partition,
                keys: Keys::new(&settings.prefix, partition),
                settings: settings.clone(),
                status: status.clone(),
                stop: leases.stop.clone(),
                changes: leases.changes.clone(),
                engines: leases.engines.clone(),
                keeps: 0,
                link: None,
            };
            let thread = std::thread::Builder::new().name(format!("lease-{partition}"));
            thread.spawn(move || holder.run())?;
        }
        Ok(leases)
    }
}

struct Holder {
    partition: usize,
    keys: Keys,
    settings: Arc<Settings>,
    status: Arc<Status>,
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    engines: Arc<AtomicUsize>,
    /// Looks until it gives back what is above its share.
    keeps: u32,
    link: Option<Link>,
}

/// Looks at a lease before it runs out.
const LOOKS: u32 = 3;
/// Leases that another engine has time for to take what was given back.
const OFFERED_LEASES: u32 = 2;
/// Looks for which what nobody took then is kept: a minute and more, by default.
const LOOKS_KEPT: u32 = 256;
/// An engine that died is known to be gone within that time: until then nothing is given back to it.
const HEARD_OF_WITHIN: Duration = Duration::from_secs(5);

impl Holder {
    fn run(&mut self) {
        let every = (self.settings.lease / LOOKS).max(Duration::from_millis(10));
        while !self.stop.load(Relaxed) {
            // Where Redis does not answer, this node does not own it, as far as it knows.
            let fence = self.look().unwrap_or(0);
            self.set(fence);
            if fence == 0 || !self.is_more_than_share() {
                // Whose partition it was may be dead without anybody knowing.
                self.keeps = self.keeps.max((HEARD_OF_WITHIN.as_micros() / every.as_micros()) as u32);
            } else if self.keeps > 0 {
                self.keeps -= 1;
            } else if self.is_next() {
                self.release();
                self.keeps = LOOKS_KEPT;
                std::thread::sleep(self.settings.lease * OFFERED_LEASES);
                continue;
            }
            std::thread::sleep(every);
        }
        self.release();
    }

    fn owned(&self) -> Vec<bool> {
        self.status.all().map(|partition| partition.fence.load(Relaxed) > 0).collect()
    }

    fn is_more_than_share(&self) -> bool {
        next_to_give_back(&self.owned(), self.engines.load(Relaxed)).is_some()
    }

    /// Whether this partition is the one to give back.
    fn is_next(&self) -> bool {
        next_to_give_back(&self.owned(), self.engines.load(Relaxed)) == Some(self.partition)
    }

    fn set(&self, fence: u64) {
        let partition = self.partition;
        let before = self.status.of(partition).fence.swap(fence, Relaxed);
        if before != fence {
            self.changes.fetch_add(1, Relaxed);
            match fence {
                0 => tracing::warn!(partition, "this engine no longer owns the partition"),
                fence => tracing::info!(partition, fence, "this engine owns the partition"),
            }
        }
    }

    /// This node's fence of the partition, which it takes where nobody owns it; 0 where somebody else does.
    fn look(&mut self) -> Option<u64> {
        if self.link.is_none() {
            self.link = Link::open(&self.settings, &self.keys.meta).ok();
        }
        let link = self.link.as_mut()?;
        let mut lease = LEASE.key(&self.keys.meta);
        lease.key(&self.keys.lease).arg(&self.settings.owner);
        lease.arg(self.settings.lease.as_millis() as u64);
        let asked: Result<u64, RedisError> = link.run_script(&lease);
        match asked {
            Ok(fence) => Some(fence),
            Err(error) => {
                tracing::debug!(self.partition, "lease: {}", explain("cluster.redis", &error));
                if !is_alive(&error) {
                    self.link = None;
                }
                None
            }
        }
    }

    fn release(&mut self) {
        if self.status.of(self.partition).fence.load(Relaxed) == 0 {
            return;
        }
        self.set(0);
        if let Some(link) = &mut self.link {
            let mut release = RELEASE.key(&self.keys.lease);
            // Where it does not come to that, it runs out.
            let _: Result<i64, RedisError> = link.run_script(release.arg(&self.settings.owner));
        }
    }
}

/// What an engine that owns these of all partitions, and is one of so many, gives back next: the last one, where it has
/// more than its share. So one goes at a time, and never too many.
fn next_to_give_back(owned: &[bool], engines: usize) -> Option<usize> {
    let share = owned.len().div_ceil(engines.max(1));
    let count = owned.iter().filter(|is_owned| **is_owned).count();
    (count > share).then(|| owned.iter().rposition(|is_owned| *is_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::next_to_give_back;

    /// What is left to an engine that gives back until it may not.
    fn left(partitions: usize, engines: usize) -> usize {
        let mut owned = vec![true; partitions];
        while let Some(partition) = next_to_give_back(&owned, engines) {
            owned[partition] = false;
        }
        owned.iter().filter(|is_owned| **is_owned).count()
    }

    #[test]
    fn an_engine_keeps_its_share() {
        assert_eq!(left(12, 1), 12);
        assert_eq!(left(12, 2), 6);
        assert_eq!(left(12, 5), 3);
        assert_eq!(left(4, 9), 1);
        assert_eq!(left(12, 0), 12, "nobody has been heard of, itself included");
    }

    #[test]
    fn the_last_one_goes_first() {
        assert_eq!(next_to_give_back(&[true, false, true, true, false], 3), Some(3));
        assert_eq!(next_to_give_back(&[true, true, false, false], 2), None);
    }
}
