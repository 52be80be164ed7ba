//! Which engine owns a partition: a thread each, which takes it where nobody owns it, and keeps it.
//!
//! A lease runs out by itself where its engine dies or is held up. Whoever takes it next has a higher fence, and what
//! the one before still writes is refused by Redis, in the very script that would write it. A thread a partition, as
//! the masters of a Redis Cluster fail one by one: waiting for one of them must cost no lease at another. Bounded: one
//! command a partition at a time, waited for no longer than a lease lasts, and `cluster.timeout_ms`.

use super::link::{Link, explain, is_alive};
use super::scripts::{LEASE, RELEASE};
use super::status::Status;
use super::{Keys, Settings};
use redis::RedisError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What is shared with the threads.
#[derive(Debug)]
pub struct Leases {
    stop: Arc<AtomicBool>,
    /// Times that this node took or lost a partition.
    pub changes: Arc<AtomicU64>,
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
    link: Option<Link>,
}

/// Looks at a lease before it runs out.
const LOOKS: u32 = 3;

impl Holder {
    fn run(&mut self) {
        let every = self.settings.lease / LOOKS;
        while !self.stop.load(Relaxed) {
            // Where Redis does not answer, this node does not own it, as far as it knows.
            let fence = self.look().unwrap_or(0);
            self.set(fence);
            std::thread::sleep(every.max(Duration::from_millis(10)));
        }
        self.release();
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
