//! A hub of one shard with an engine, in this process and on the bench's own thread: what a play goes
//! through before any socket. Bounded as a server with default settings is.

use scorewire::config::Config;
use scorewire::engine::{EngineLimits, Shared};
use scorewire::fanout::hub::{Hub, Inbox};
use scorewire::fanout::snapshot::GameReader;
use scorewire::model::{Event, IngestTime, StateTime};
use scorewire::telemetry::EngineMetrics;
use std::sync::Arc;

pub(crate) struct Rig {
    pub(crate) hub: Arc<Hub>,
    pub(crate) engine: Arc<Shared>,
    /// What a subscriber's snapshot reads.
    pub(crate) games: GameReader,
}

impl Rig {
    /// After those events. Also where the shard hears what moved; who has no shard only keeps it.
    pub(crate) fn after(events: impl IntoIterator<Item = Event>, at: IngestTime) -> (Rig, Inbox) {
        let config = Config::default();
        let (hub, mut inboxes) = Hub::new(1, config.hub_limits());
        let hub = Arc::new(hub);
        let limits = EngineLimits {
            threads: 1,
            ..config.engine_limits()
        };
        let engine = Arc::new(Shared::new(hub.clone(), limits, EngineMetrics::new()));
        for event in events {
            engine.apply(event, at, StateTime::default());
        }
        let games: GameReader = {
            let engine = engine.clone();
            Arc::new(move |game| engine.game(game))
        };
        (Rig { hub, engine, games }, inboxes.remove(0))
    }
}
