//! What this node knows of each partition. Written by the threads that talk to Redis, read by anybody.

use crate::clock::Clock;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// One partition, as this node sees it.
#[derive(Debug, Default)]
pub struct PartitionStatus {
    /// When Redis last answered who follows it, by the steady clock.
    heard_us: AtomicI64,
    /// The last record that was handed on here.
    pub reached: AtomicU64,
    /// This node's fence; 0 where it does not own the partition.
    pub fence: AtomicU64,
    /// The stream's epoch, once known.
    epoch: Mutex<Option<Arc<str>>>,
    /// Why Redis can't be used now; nothing where it can.
    trouble: Mutex<Option<String>>,
    /// Whether all was read that was there when this node began.
    pub has_begun: AtomicBool,
}

/// All partitions.
#[derive(Debug)]
pub struct Status {
    partitions: Vec<PartitionStatus>,
    /// Goes up whenever a partition's epoch is another.
    epochs: AtomicU64,
}

impl Status {
    /// Of partitions of which nothing is known.
    pub fn new(partitions: usize) -> Status {
        Status {
            partitions: (0..partitions).map(|_| PartitionStatus::default()).collect(),
            epochs: AtomicU64::new(0),
        }
    }

    /// One of them.
    pub fn of(&self, partition: usize) -> &PartitionStatus {
        &self.partitions[partition]
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &PartitionStatus> {
        self.partitions.iter()
    }

    /// A number that is another where any partition's epoch is.
    pub fn epochs_seen(&self) -> u64 {
        self.epochs.load(Relaxed)
    }

    /// Takes a partition's epoch in.
    pub(super) fn set_epoch(&self, partition: usize, name: &str) {
        let mut epoch = self.of(partition).epoch.lock();
        if epoch.as_deref() != Some(name) {
            *epoch = Some(name.into());
            self.epochs.fetch_add(1, Relaxed);
        }
    }

    /// How long ago Redis last answered who follows the partition of which that is longest, in microseconds.
    pub fn late_us(&self) -> i64 {
        let now_us = Clock.steady_us();
        let since = |partition: &PartitionStatus| now_us - partition.heard_us.load(Relaxed);
        self.partitions.iter().map(since).max().unwrap_or(0)
    }

    /// Why a partition can't be followed, of the first of which that is so.
    pub fn trouble(&self) -> Option<String> {
        self.partitions.iter().find_map(PartitionStatus::trouble)
    }
}

impl PartitionStatus {
    /// Redis has answered.
    pub(super) fn heard(&self) {
        self.heard_us.store(Clock.steady_us(), Relaxed);
    }

    /// The epoch's name, once known.
    pub fn epoch(&self) -> Option<Arc<str>> {
        self.epoch.lock().clone()
    }

    /// Why it can't be followed now.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// Says so. Returns whether that is another reason than before.
    pub(super) fn set_trouble(&self, trouble: Option<String>) -> bool {
        let mut known = self.trouble.lock();
        let is_news = *known != trouble;
        *known = trouble;
        is_news
    }
}
