//! Which engine owns a partition: one thread that takes leases, keeps them, and gives back what is above its share.
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
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// What is shared with the thread.
#[derive(Debug)]
pub struct Leases {
    stop: Arc<AtomicBool>,
    /// Engines that share the partitions, this one included; at least 1.
    pub engines: Arc<AtomicUsize>,
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
            engines: Arc::new(AtomicUsize::new(1)),
            changes: Arc::default(),
        };
        let mut holder = Holder {
            settings: settings.clone(),
            status: status.clone(),
            stop: leases.stop.clone(),
            engines: leases.engines.clone(),
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
    /// Looks in a row in which nobody owned it.
    free: u32,
}

impl Held {
    fn new(prefix: &str, partition: usize) -> Held {
        Held {
            keys: Keys::new(prefix, partition),
            link: None,
            free: 0,
        }
    }
}

struct Holder {
    settings: Arc<Settings>,
    status: Arc<Status>,
    stop: Arc<AtomicBool>,
    engines: Arc<AtomicUsize>,
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

    /// Looks at each partition once.
    fn round(&mut self) {
        let share = self.partitions.len().div_ceil(self.engines.load(Relaxed).max(1));
        let mut held = self.held();
        // One a round: whoever has too few takes it in the meantime.
        let mut may_release = true;
        for partition in 0..self.partitions.len() {
            let has = self.status.of(partition).fence.load(Relaxed) > 0;
            if has && held > share && std::mem::take(&mut may_release) {
                self.release(partition);
                continue;
            }
            // Beyond its share it takes what nobody else has taken meanwhile.
            let wants = has || held < share || self.partitions[partition].free >= LOOKS;
            let fence = self.look(partition, wants).unwrap_or(0);
            held += usize::from(fence > 0 && !has);
            self.set(partition, fence);
        }
    }

    fn held(&self) -> usize {
        self.status.all().filter(|partition| partition.fence.load(Relaxed) > 0).count()
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

    /// This node's fence of the partition; 0 where it is not the owner.
    fn look(&mut self, partition: usize, wants: bool) -> Option<u64> {
        let held = &mut self.partitions[partition];
        if held.link.is_none() {
            held.link = Link::open(&self.settings, &held.keys.meta).ok();
        }
        let link = held.link.as_mut()?;
        let asked: Result<(u64, String), RedisError> = LEASE
            .key(&held.keys.meta)
            .key(&held.keys.lease)
            .arg(&self.settings.owner)
            .arg(self.settings.lease.as_millis() as u64)
            .arg(u8::from(wants))
            .invoke(link.connection());
        match asked {
            Ok((fence, holder)) => {
                held.free = if holder.is_empty() { held.free + 1 } else { 0 };
                Some(fence)
            }
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
