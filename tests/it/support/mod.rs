//! What the tests with real sockets share: a server on a free port, clients that check every frame,
//! and the recorded games.

pub(crate) mod client;
pub(crate) mod events;
pub(crate) mod holdings;
pub(crate) mod server;
pub(crate) mod sse;
pub(crate) mod wire;

use scorewire::fanout::sockets::{WritePath, WriterSetting};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder of the recorded data. Says so where it is absent; with `CI=true` that is a failure.
pub(crate) fn data(part: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = std::env::var_os("SCOREWIRE_DATA").map_or_else(|| here.join("../shared/data/nfl"), PathBuf::from);
    let folder = root.join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no recorded games in {} (set SCOREWIRE_DATA)", folder.display());
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "with CI=true no test may be skipped");
    None
}

/// What a test waits for at most: long enough for any machine, short enough to notice a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test on a runtime of its own, and fails where it hangs.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let output = runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("the test hangs") });
    runtime.shutdown_timeout(Duration::from_secs(1));
    output
}

/// Runs a test once for each way of writing to sockets. Says so where the kernel refuses io_uring.
pub(crate) fn on_both_writers(test: impl AsyncFn(WriterSetting)) {
    for writer in [WriterSetting::Send, WriterSetting::Uring] {
        match WritePath::for_shards(writer, 1, 1) {
            Ok(_) => run(test(writer)),
            Err(refused) => println!("skipped: {refused}"),
        }
    }
}

/// Asks again and again until `check` holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let waiting = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let patience = PATIENCE / 4;
    assert!(tokio::time::timeout(patience, waiting).await.is_ok(), "never happened: {what}");
}

/// A small seeded generator (splitmix64). The seed can be given by `SCOREWIRE_SEED`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Starts from `SCOREWIRE_SEED`, else from `seed`, and says which.
    pub(crate) fn seeded(seed: u64) -> Random {
        let seed = std::env::var("SCOREWIRE_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(seed);
        println!("seed {seed}: run again with SCOREWIRE_SEED={seed}");
        Random(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}
