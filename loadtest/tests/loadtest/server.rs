//! The server itself, for what no fake one does.

use scorewire::config::{Config, Durability};
use scorewire::pipeline::{self, Running};
use std::net::SocketAddr;
use tokio::runtime::{Builder, Runtime};

/// One whose patience is short.
pub(crate) struct Server {
    runtime: Runtime,
    running: Running,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut config = Config::default();
        config.server.bind = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.shards = 2;
        config.server.header_read_timeout_ms = 1_000;
        config.clients.message_timeout_ms = 1_000;
        config.clients.stall_timeout_ms = 2_000;
        config.clients.close_timeout_ms = 300;
        config.store.durability = Durability::Memory;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let running = runtime.block_on(async { pipeline::start(config) }).unwrap();
        Self { runtime, running }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.running.address)
    }

    pub(crate) fn has_contests(&self) -> bool {
        self.running.app.hub.contests().counts().0 > 0
    }

    /// Whether all were gone in time.
    pub(crate) fn drain(self) -> bool {
        let Self { runtime, running } = self;
        runtime.block_on(running.drain())
    }
}
