//! What hostile and innocent clients are made of: a server in this process, plain sockets that send
//! any bytes, and a good client that must never notice what others do.

pub(crate) mod binary;
pub(crate) mod door;
pub(crate) mod good;
pub(crate) mod http;
pub(crate) mod ws;

use scorewire::config::{Config, Durability};
use scorewire::pipeline::{self, Running};
use scorewire::server::App;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Nothing that is waited for takes this long; it ends a test that would hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a test has been at something.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "real processes and sockets take real time")]
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A server in this process, drained when it is dropped.
pub(crate) struct Server {
    runtime: Runtime,
    running: Option<Running>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::with(|_| {})
    }

    /// A server on a free port with changed settings.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::default();
        config.server.bind = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.shards = 2;
        config.store.durability = Durability::Memory;
        config.clients.close_timeout_ms = 300;
        config.shutdown.drain_timeout_ms = 1_000;
        change(&mut config);
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let running = runtime.block_on(async { pipeline::start(config) }).unwrap();
        let address = running.address;
        Server {
            runtime,
            running: Some(running),
            address,
        }
    }

    /// Waits until no further request with a long body may be under way.
    pub(crate) fn wait_for_no_permits(&self) {
        self.wait_until("no permits are left", |app| app.ingest_permits.available_permits() == 0);
    }

    /// Waits until so many connections count.
    pub(crate) fn wait_for_connections(&self, count: usize) {
        let what = format!("{count} connections are open");
        self.wait_until(&what, |app| app.connections.open() == count);
    }

    /// Connections that count, and addresses that have one.
    pub(crate) fn open(&self) -> (usize, usize) {
        let app = &self.running.as_ref().unwrap().app;
        (app.connections.open(), app.addresses.len())
    }

    /// Bytes of events that wait.
    pub(crate) fn ingest_bytes(&self) -> usize {
        self.running.as_ref().unwrap().app.ingest_bytes.load(Ordering::Relaxed)
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&App) -> bool) {
        let started = Stopwatch::start();
        while !is_so(&self.running.as_ref().unwrap().app) {
            assert!(started.elapsed() < PATIENCE, "never came about: {what}");
            binary::a_moment();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.drain());
        }
    }
}
