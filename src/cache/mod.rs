//! Answers kept for a while: layers, each with its time to live, asked in order.
//!
//! | module | owns |
//! |---|---|
//! | [`key`] | what an answer is kept under |
//! | [`memory`] | the layer of this process, on quick_cache |
//! | [`shared`] | the layer in Redis, which a cluster's nodes share |
//! | [`disk`] | the layer in a folder, which outlives the process |
//! | [`sealed`] | an answer as bytes outside of the process, and whether they are what was written |
//! | [`flights`] | what is being asked now: who asks for the same waits for that |
//!
//! What one layer has and others lack is put there, with what is left of its time: an answer is as old as it is
//! wherever it is found, and never looks younger. A layer that fails is counted and passed over. Knows nothing of
//! what is kept. Bounded: each layer by its own bytes, its queue and how long anybody waits for it.

pub mod disk;
pub mod flights;
pub mod key;
pub mod memory;
pub mod sealed;
pub mod shared;

pub use disk::Disk;
pub use flights::{Flights, Turn};
pub use key::Key;
pub use memory::Memory;
pub use shared::Shared;

use crate::telemetry::CacheLayerMetrics;
use futures_util::future::BoxFuture;

/// A value, and when it was true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept<V> {
    /// What is kept.
    pub value: V,
    /// When it was asked for, in microseconds of the process' steady clock; below 0 before it began.
    pub born_us: i64,
}

impl<V> Kept<V> {
    /// How old it is.
    pub fn age_us(&self, now_us: i64) -> i64 {
        now_us.saturating_sub(self.born_us).max(0)
    }
}

/// A layer can't be asked, not in time, or has rubbish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed;

/// What a layer has.
pub type Looked<V> = Result<Option<Kept<V>>, Failed>;

/// One place where values are kept.
pub trait Layer<V>: Send + Sync {
    /// What is there, however old; within a time of the layer's own.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Looked<V>>;

    /// Keeps a value for `left_us`, sooner or later; nobody waits for that.
    ///
    /// # Errors
    /// It can't be kept now.
    fn put(&self, key: &Key, kept: Kept<V>, left_us: i64) -> Result<(), Failed>;
}

/// What a layer's values are good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Serves {
    /// They will do.
    Always,
    /// They will do where nothing better is to be had.
    Fallback,
}

/// A layer's place among the others.
pub struct Place<V> {
    /// The layer.
    pub layer: Box<dyn Layer<V>>,
    /// The oldest that it gives, in microseconds.
    pub ttl_us: i64,
    /// What for.
    pub serves: Serves,
    /// Counts what becomes of looks.
    pub metrics: CacheLayerMetrics,
}

/// Layers in the order in which they are asked.
pub struct Cache<V> {
    places: Vec<Place<V>>,
    now_us: Box<dyn Fn() -> i64 + Send + Sync>,
}

impl<V: Clone> Cache<V> {
    /// One of these layers, by this steady clock.
    pub fn new(places: Vec<Place<V>>, now_us: impl Fn() -> i64 + Send + Sync + 'static) -> Cache<V> {
        let now_us = Box::new(now_us);
        Cache { places, now_us }
    }

    /// Whether any layer serves so.
    pub fn serves(&self, serves: Serves) -> bool {
        self.places.iter().any(|place| place.serves == serves)
    }

    /// What the first of the layers that serve so has; layers that are asked sooner get it too, as do those to fall
    /// back on.
    pub async fn look(&self, key: &Key, serves: Serves) -> Option<Kept<V>> {
        for (nth, place) in self.places.iter().enumerate().filter(|(_, place)| place.serves == serves) {
            match place.layer.get(key).await {
                Ok(Some(kept)) if kept.age_us((self.now_us)()) <= place.ttl_us => {
                    place.metrics.hit.increment(1);
                    // What the first has it was given with the others.
                    if nth > 0 {
                        self.spread(key, &kept, Some(nth));
                    }
                    return Some(kept);
                }
                Ok(_) => place.metrics.miss.increment(1),
                Err(Failed) => place.metrics.failed.increment(1),
            }
        }
        None
    }

    /// Keeps a value in every layer.
    pub fn keep(&self, key: &Key, kept: &Kept<V>) {
        self.spread(key, kept, None);
    }

    fn spread(&self, key: &Key, kept: &Kept<V>, from: Option<usize>) {
        let age_us = kept.age_us((self.now_us)());
        for (nth, place) in self.places.iter().enumerate() {
            let left_us = place.ttl_us - age_us;
            // What lies between the first and where it was found has just been asked, and had none.
            if Some(nth) != from && left_us > 0 && place.layer.put(key, kept.clone(), left_us).is_err() {
                place.metrics.failed.increment(1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
