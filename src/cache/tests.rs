//! Layers of the test's own, and a clock that it sets.

use super::*;
use futures_util::FutureExt;
use futures_util::future::ready;
use metrics::{Counter, Gauge};
use parking_lot::Mutex;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// A layer that keeps all, for ever, or fails.
#[derive(Default)]
struct Fake {
    has: Mutex<HashMap<Key, (Kept<u32>, i64)>>,
    fails: AtomicBool,
    looks: AtomicU64,
}

impl Layer<u32> for Arc<Fake> {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Looked<u32>> {
        self.looks.fetch_add(1, Relaxed);
        let found = self.has.lock().get(key).map(|(kept, _)| kept.clone());
        let looked = if self.fails.load(Relaxed) { Err(Failed) } else { Ok(found) };
        Box::pin(ready(looked))
    }

    fn put(&self, key: &Key, kept: Kept<u32>, left_us: i64) -> Result<(), Failed> {
        if self.fails.load(Relaxed) {
            return Err(Failed);
        }
        self.has.lock().insert(key.clone(), (kept, left_us));
        Ok(())
    }
}

/// A cache of three layers that keep for 10, 100 and 1,000 µs, the last to fall back on.
struct World {
    cache: Cache<u32>,
    fakes: [Arc<Fake>; 3],
    /// Hits, misses and failures of each.
    counts: [[Arc<AtomicU64>; 3]; 3],
    now_us: Arc<AtomicI64>,
    key: Key,
}

const TTLS_US: [i64; 3] = [10, 100, 1_000];

impl World {
    fn new() -> World {
        let fakes: [Arc<Fake>; 3] = Default::default();
        let counts: [[Arc<AtomicU64>; 3]; 3] = Default::default();
        let places = (0..3).map(|nth| {
            let [hit, miss, failed] = counts[nth].clone().map(Counter::from_arc);
            Place {
                layer: Box::new(fakes[nth].clone()) as Box<dyn Layer<u32>>,
                ttl_us: TTLS_US[nth],
                serves: if nth == 2 { Serves::Fallback } else { Serves::Always },
                metrics: CacheLayerMetrics {
                    hit,
                    miss,
                    failed,
                    bytes: Gauge::noop(),
                    entries: Gauge::noop(),
                },
            }
        });
        let now_us = Arc::new(AtomicI64::new(0));
        let now = now_us.clone();
        World {
            cache: Cache::new(places.collect(), move || now.load(Relaxed)),
            fakes,
            counts,
            now_us,
            key: Key::new("k"),
        }
    }

    fn keep(&self, value: u32, born_us: i64) {
        self.cache.keep(&self.key, &Kept { value, born_us });
    }

    fn look(&self, serves: Serves) -> Option<(u32, i64)> {
        let found = self.cache.look(&self.key, serves).now_or_never().unwrap();
        found.map(|kept| (kept.value, kept.born_us))
    }

    fn counts(&self, layer: usize) -> [u64; 3] {
        self.counts[layer].each_ref().map(|count| count.load(Relaxed))
    }

    /// When what a layer has was true, and what it was said to have left.
    fn has(&self, layer: usize) -> Option<(i64, i64)> {
        let has = self.fakes[layer].has.lock();
        has.get(&self.key).map(|(kept, left_us)| (kept.born_us, *left_us))
    }

    fn forget(&self, layer: usize) {
        self.fakes[layer].has.lock().clear();
    }
}

#[test]
fn layers_are_asked_in_order_and_each_for_its_time() {
    let world = World::new();
    assert_eq!(world.look(Serves::Always), None);
    assert_eq!([0, 1, 2].map(|layer| world.counts(layer)), [[0, 1, 0], [0, 1, 0], [0, 0, 0]]);
    world.keep(7, 0);
    world.now_us.store(10, Relaxed);
    assert_eq!(world.look(Serves::Always), Some((7, 0)));
    assert_eq!(world.fakes[1].looks.load(Relaxed), 1, "who has it is the last that is asked");
    world.now_us.store(11, Relaxed);
    assert_eq!(world.look(Serves::Always), Some((7, 0)));
    assert_eq!([world.counts(0), world.counts(1)], [[1, 2, 0], [1, 1, 0]]);
    world.now_us.store(101, Relaxed);
    assert_eq!(world.look(Serves::Always), None);
    assert_eq!(world.look(Serves::Fallback), Some((7, 0)));
    world.now_us.store(1_001, Relaxed);
    assert_eq!(world.look(Serves::Fallback), None);
}

#[test]
fn what_one_layer_has_the_others_get_with_what_is_left_of_its_time() {
    let world = World::new();
    world.keep(7, 0);
    world.forget(0);
    world.forget(2);
    world.now_us.store(4, Relaxed);
    assert_eq!(world.look(Serves::Always), Some((7, 0)));
    assert_eq!(
        [world.has(0), world.has(1), world.has(2)],
        [Some((0, 6)), Some((0, 100)), Some((0, 996))]
    );
    // Of what is too old for the first there is nothing left there.
    world.forget(0);
    world.now_us.store(50, Relaxed);
    assert_eq!(world.look(Serves::Always), Some((7, 0)));
    assert_eq!(world.has(0), None);
    world.forget(1);
    assert_eq!(world.look(Serves::Fallback), Some((7, 0)));
    assert_eq!((world.has(0), world.has(1)), (None, Some((0, 50))));
}

#[test]
fn a_layer_that_fails_is_counted_and_passed_over() {
    let world = World::new();
    world.fakes[0].fails.store(true, Relaxed);
    world.keep(7, 0);
    assert_eq!(world.counts(0), [0, 0, 1], "it could not keep it");
    assert_eq!(world.look(Serves::Always), Some((7, 0)));
    assert_eq!(
        (world.counts(0), world.counts(1)),
        ([0, 0, 3], [1, 0, 0]),
        "asked in vain, and given it in vain"
    );
    world.fakes[1].fails.store(true, Relaxed);
    assert_eq!(world.look(Serves::Always), None);
    assert_eq!(world.look(Serves::Fallback), Some((7, 0)));
}

proptest! {
    /// Whatever is kept, lost and looked for: nothing is given that is older than its layers allow, nothing that was
    /// never kept, and nothing as if it were younger.
    #[test]
    fn nothing_looks_younger_than_it_is(steps in prop::collection::vec((0..6u8, 0..120i64), 1..60)) {
        let world = World::new();
        let mut kept: Vec<i64> = Vec::new();
        for (step, by) in steps {
            let now_us = world.now_us.fetch_add(by, Relaxed) + by;
            match step {
                0 => {
                    // Asked for a while ago, which took until now.
                    let born_us = now_us - by / 2;
                    world.keep(kept.len() as u32, born_us);
                    kept.push(born_us);
                }
                layer @ 1..=3 => world.forget(usize::from(layer) - 1),
                look => {
                    let (serves, ttl_us) = if look == 4 { (Serves::Always, 100) } else { (Serves::Fallback, 1_000) };
                    if let Some((value, born_us)) = world.look(serves) {
                        prop_assert_eq!(kept.get(value as usize), Some(&born_us));
                        prop_assert!(now_us - born_us <= ttl_us);
                    }
                }
            }
        }
    }
}
