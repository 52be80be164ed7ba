//! Where what is predicted goes: to this process' own clients, or, in a cluster, to all nodes.
//!
//! In a cluster every node shows what came over the channel of the game's partition, the engine that said so too: so
//! all show the same, whichever of them a client is connected to, and no engine shows what another one would not.
//! What is older than what a game has shown already is left out.

use super::Node;
use crate::clock::Clock;
use crate::cluster::predictions::{Count, Deliver, Heard, Listeners, Publisher, Sent, Told};
use crate::cluster::{Settings, Status, partition_of};
use crate::config::{Config, Role};
use crate::fanout::hub::{Hub, Moved};
use crate::memory::Level;
use crate::model::prediction::ForecastKind;
use crate::model::{Bulletin, GameHead, GameId, IngestTime, Seq, StateTime, TopicName};
use crate::predict::told;
use crate::telemetry::{ClusterPredictionMetrics, prediction_delays};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// Changes that a game may be ahead of here where something was predicted of it: more is no place that it has come to.
const AHEAD_MAX: Seq = 1_000;

/// The way of all that is predicted.
#[derive(Clone)]
pub(super) struct Bulletins {
    hub: Arc<Hub>,
    /// Of a node of a cluster; and how many partitions there are.
    nodes: Option<(Option<Publisher>, usize)>,
}

impl Bulletins {
    /// The way of this process; and who listens to what others say, while that is held.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn start(config: &Config, hub: &Arc<Hub>, node: Option<&Arc<Node>>) -> io::Result<(Bulletins, Option<Listeners>)> {
        // There with or without a cluster: a metric that is missing looks like one that is broken.
        let metrics = Arc::new(ClusterPredictionMetrics::new());
        let mut bulletins = Bulletins {
            hub: hub.clone(),
            nodes: None,
        };
        let Some(node) = node else { return Ok((bulletins, None)) };
        let (settings, status): (&Arc<Settings>, &Arc<Status>) = (&node.settings, &node.status);
        bulletins.nodes = Some((None, settings.partitions));
        if !config.predict.enabled {
            return Ok((bulletins, None));
        }
        if config.cluster.role == Role::Engine {
            let counted = metrics.clone();
            let count: Count = Arc::new(move |sent| match sent {
                Sent::Published => counted.published.increment(1),
                Sent::Crowded => counted.crowded.increment(1),
                Sent::Late | Sent::Fenced => counted.outdated.increment(1),
                Sent::Failed => counted.failed.increment(1),
            });
            bulletins.nodes = Some((Some(Publisher::start(settings, status, count)?), settings.partitions));
        }
        let deliver = (0..settings.partitions).map(|_| {
            let mut shown = Shown {
                hub: hub.clone(),
                metrics: metrics.clone(),
                games_max: config.engine.games_max,
                states: HashMap::new(),
            };
            let deliver: Deliver = Box::new(move |heard| shown.take(&heard));
            deliver
        });
        let listeners = Listeners::start(settings, deliver.collect())?;
        Ok((bulletins, Some(listeners)))
    }

    /// Has a bulletin told to whoever is to be told; see [`Hub::predict`]. False where this process' clients are not
    /// told by that.
    pub(super) fn post(&self, bulletin: Bulletin, moved: &mut Moved) -> bool {
        let (publisher, partitions) = match &self.nodes {
            None => return self.hub.predict(bulletin, moved),
            // An engine that owns the partition says so.
            Some((None, _)) => return false,
            Some((Some(publisher), partitions)) => (publisher, *partitions),
        };
        let game = bulletin.game();
        let partition = partition_of(game, partitions);
        if publisher.owns(partition)
            && let Some((_, state)) = standing(&self.hub, game)
        {
            let what = if matches!(bulletin, Bulletin::Prediction(_)) { "p" } else { "o" };
            publisher.offer(Told {
                partition,
                name: format!("{game} {} {what}", bulletin.kind().name()),
                body: told::write(&bulletin, state),
                expires_us: bulletin.expires_us(),
            });
        }
        false
    }
}

/// A game as its topic shows it, and how far that is; nothing where it is not there.
fn standing(hub: &Hub, game: &GameId) -> Option<(Arc<GameHead>, Seq)> {
    let topic = hub.get(&TopicName::Game(game.clone()))?;
    topic.read(|history| Some((history.game()?.clone(), history.head)))
}

/// What one partition's games have shown.
struct Shown {
    hub: Arc<Hub>,
    metrics: Arc<ClusterPredictionMetrics>,
    games_max: usize,
    /// How far each game was when the last was said of each kind.
    states: HashMap<GameId, [Seq; ForecastKind::ALL.len()]>,
}

impl Shown {
    fn take(&mut self, heard: &Heard<'_>) {
        let (body, is_now) = match heard {
            Heard::Now(body) => (body, true),
            Heard::Before(body) => (body, false),
            Heard::Late => return self.metrics.late.increment(1),
            Heard::Rubbish => return self.metrics.invalid.increment(1),
        };
        match told::read(body) {
            Ok(told) => self.show(&told, is_now),
            Err(error) => {
                tracing::debug!("somebody else publishes predictions: {error}");
                self.metrics.invalid.increment(1);
            }
        }
    }

    fn show(&mut self, told: &told::Told, is_now: bool) {
        // What is first to go where memory is short.
        if self.hub.pressure().level() >= Level::Predictions {
            return self.metrics.shed.increment(1);
        }
        let Some((head, state)) = standing(&self.hub, &told.game) else {
            self.states.remove(&told.game);
            return self.metrics.unknown.increment(1);
        };
        if told.state > state.saturating_add(AHEAD_MAX) {
            return self.metrics.invalid.increment(1);
        }
        let now = Clock.now();
        let bulletin = told.bulletin(head, StateTime(now.steady_us));
        if bulletin.expires_us() <= now.wall_us {
            return self.metrics.late.increment(1);
        }
        if self.states.len() >= self.games_max && !self.states.contains_key(&told.game) {
            // Of games that were let go of.
            self.states.clear();
        }
        let last = self.states.entry(told.game.clone()).or_default();
        let last = &mut last[told.kind() as usize];
        if told.state < *last {
            return self.metrics.late.increment(1);
        }
        *last = told.state;
        let delay = prediction_delays().of(&bulletin);
        let mut moved = Moved::default();
        if !self.hub.predict(bulletin, &mut moved) {
            return self.metrics.unknown.increment(1);
        }
        self.hub.tell(&mut moved);
        self.metrics.shown.increment(1);
        if let Some(delay) = delay.filter(|_| is_now && told.ingest() != IngestTime::default()) {
            delay.record(Clock.wall_us() - told.ingest().0);
        }
    }
}
