//! What the tests with real sockets share: a server on a free port, clients that check every frame,
//! and the recorded games.

pub(crate) mod client;
pub(crate) mod events;
pub(crate) mod holdings;
pub(crate) mod moved;
pub(crate) mod recorded;
pub(crate) mod server;
pub(crate) mod skipped;
pub(crate) mod sse;
pub(crate) mod standing;
pub(crate) mod wire;

use scorewire::fanout::sockets::{WritePath, WriterSetting};
use std::time::Duration;

/// What a test waits for at most: long enough for any machine, short enough to notice a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

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
            Err(refused) => skipped::skipped(&refused.to_string()),
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
