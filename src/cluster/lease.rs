//! Which engine owns a partition: one thread that takes those that nobody owns, and keeps them.
//!
//! A lease runs out by itself where its engine dies or is held up. Whoever takes it next has a higher fence, and what
//! the one before still writes is refused by Redis, in the very script that would write it. Bounded: one command
//! a partition at a time, each waited for `cluster.timeout_ms`.

use super::link::{Link, explain, is_alive};
use super::scripts::{LEASE, RELEASE};
use super::status::Status;
use super::{Keys, Settings};
use redis::RedisError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What is shared with the thread.
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
    /// Starts the thread, which writes each partition's fence into `status`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: &Arc<Settings>, status: &Arc<Status>) -> std::io::Result<Leases> {
        let leases = Leases {
            stop: Arc::default(),
            changes: Arc::default(),
        };
        let mut holder = Holder {
            settings: settings.clone(),
            status: status.clone(),
            stop: leases.stop.clone(),
            changes: leases.changes.clone(),
            partitions: (0..settings.partitions).map(|place| Held::new(&settings.prefix, place)).collect(),
        };
        let thread = std::thread::Builder::new().name("leases".into());
        thread.spawn(move || holder.run())?;
        Ok(leases)
    }
}

struct Held {
    keys: Keys,
    link: Option<Link>,
}

impl Held {
    fn new(prefix: &str, partition: usize) -> Held {
        Held {
            keys: Keys::new(prefix, partition),
            link: None,
        }
    }
}

struct Holder {
    settings: Arc<Settings>,
    status: Arc<Status>,
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    partitions: Vec<Held>,
}

/// Looks at a lease before it runs out.
const LOOKS: u32 = 3;

impl Holder {
    fn run(&mut self) {
        let every = self.settings.lease / LOOKS;
        while !self.stop.load(Relaxed) {
            self.round();
            std::thread::sleep(every.max(Duration::from_millis(10)));
        }
        for partition in 0..self.partitions.len() {
            self.release(partition);
        }
    }

    /// Looks at each partition once. Where Redis does not answer, this node owns nothing that it knows of.
    fn round(&mut self) {
        for partition in 0..self.partitions.len() {
            let fence = self.look(partition).unwrap_or(0);
            self.set(partition, fence);
        }
    }

    fn set(&self, partition: usize, fence: u64) {
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
    fn look(&mut self, partition: usize) -> Option<u64> {
        let held = &mut self.partitions[partition];
        if held.link.is_none() {
            held.link = Link::open(&self.settings, &held.keys.meta).ok();
        }
        let link = held.link.as_mut()?;
        let asked: Result<u64, RedisError> = LEASE
            .key(&held.keys.meta)
            .key(&held.keys.lease)
            .arg(&self.settings.owner)
            .arg(self.settings.lease.as_millis() as u64)
            .invoke(link.connection());
        match asked {
            Ok(fence) => Some(fence),
            Err(error) => {
                tracing::debug!(partition, "lease: {}", explain("cluster.redis", &error));
                if !is_alive(&error) {
                    held.link = None;
                }
                None
            }
        }
    }

    fn release(&mut self, partition: usize) {
        if self.status.of(partition).fence.load(Relaxed) == 0 {
            return;
        }
        self.set(partition, 0);
        let held = &mut self.partitions[partition];
        if let Some(link) = &mut held.link {
            // Where it does not come to that, it runs out.
            let _: Result<i64, RedisError> = RELEASE.key(&held.keys.lease).arg(&self.settings.owner).invoke(link.connection());
        }
    }
}
