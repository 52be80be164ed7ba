//! The layer of this process. Bounded by bytes: what is seldom asked for goes first (quick_cache's S3-FIFO).

use super::{Failed, Kept, Key, Layer, Looked};
use crate::telemetry::CacheLayerMetrics;
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// What an entry takes besides key and answer: the cache's own, and two counted allocations.
const ENTRY_BYTES: u64 = 200;
/// What an answer is thought to have, for how many there may be.
const USUAL_BYTES: u64 = 1_024;

/// Answers in memory.
pub struct Memory {
    cache: Cache<Key, Kept<Bytes>, Weight>,
    metrics: CacheLayerMetrics,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Kept<Bytes>> for Weight {
    fn weight(&self, key: &Key, kept: &Kept<Bytes>) -> u64 {
        ENTRY_BYTES + (key.text().len() + key.name().len() + kept.value.len()) as u64
    }
}

impl Memory {
    /// Room for that many bytes.
    pub fn new(bytes_max: u64, metrics: CacheLayerMetrics) -> Memory {
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes_max / USUAL_BYTES).max(1) as usize)
            .weight_capacity(bytes_max)
            // One lock: shards would each have a part of the room, too small for a long answer.
            .shards(1)
            .build()
            .expect("both capacities are given");
        let cache = Cache::with_options(options, Weight, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Memory { cache, metrics }
    }
}

impl Layer<Bytes> for Memory {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Looked<Bytes>> {
        Box::pin(ready(Ok(self.cache.get(key))))
    }

    fn put(&self, key: &Key, kept: Kept<Bytes>, _: i64) -> Result<(), Failed> {
        self.cache.insert(key.clone(), kept);
        self.metrics.bytes.set(self.cache.weight() as f64);
        self.metrics.entries.set(self.cache.len() as f64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn it_keeps_to_its_bytes() {
        let memory = Memory::new(100_000, CacheLayerMetrics::unseen());
        let kept = |bytes| Kept {
            value: Bytes::from(vec![0; bytes]),
            born_us: 0,
        };
        for nth in 0..1_000 {
            memory.put(&Key::new(&format!("k{nth}")), kept(1_000), 1).unwrap();
            assert!(memory.cache.weight() <= 100_000);
        }
        assert!(memory.cache.len() > 40, "{} are kept", memory.cache.len());
        let long = Key::new("long");
        memory.put(&long, kept(200_000), 1).unwrap();
        assert_eq!(memory.get(&long).now_or_never(), Some(Ok(None)));
        assert!(memory.cache.weight() <= 100_000);
    }
}
