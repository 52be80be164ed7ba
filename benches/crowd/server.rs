//! The server that a crowd talks to, whole, in this process: listener, engine and shards on threads of
//! their own, default settings but for what the bench says.

use scorewire::config::{Config, Durability};
use scorewire::model::IngestTime;
use scorewire::pipeline::{self, Running};
use tokio::runtime::Runtime;

pub(crate) struct Server {
    runtime: Runtime,
    running: Running,
    plays: u64,
}

impl Server {
    /// On a free port of this machine alone, with that many shards; 0: one for each core.
    pub(crate) fn start(shards: usize) -> Server {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().expect("threads");
        let mut config = Config::default();
        config.server.bind = ([127, 0, 0, 1], 0).into();
        config.server.shards = shards;
        config.store.durability = Durability::Memory;
        // Plays follow each other at once: the figure is one play's, not the rest after the one before.
        config.fanout.rest_ms_max = 0;
        let running = runtime.block_on(async { pipeline::start(config) }).expect("it starts");
        Server {
            runtime,
            running,
            plays: 0,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.running.address.port()
    }

    /// Hands the engine the next play of the crowd's game; it has it applied on return, the crowd not.
    pub(crate) fn play(&mut self) {
        self.plays += 1;
        let batch = vec![(0, super::event(self.plays))];
        let submitted = self.runtime.block_on(self.running.app.engine.submit(batch, IngestTime(0)));
        assert!(submitted.is_ok(), "the engine has room");
    }

    /// Tells everyone and closes.
    pub(crate) fn end(self) {
        self.runtime.block_on(self.running.drain());
    }
}
