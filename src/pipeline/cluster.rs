//! A cluster's node, wired: a state and an owner for each partition, fed by the partition's stream alone; and who tells
//! clients when that is late, or is another history.

use super::bases::Housekeeper;
use super::{Machine, StartError, nodes};
use crate::clock::Clock;
use crate::cluster::base::Bases;
use crate::cluster::{
    self, Delivery, Followers, Leases, Link, LinkError, Lost, PartitionStatus, Registry, Status, entry::Body, follow::Share,
};
use crate::compaction::base::{self, Begun};
use crate::config::{Config, Role};
use crate::engine::{Engine, Owners, Parcel, Shared};
use crate::fanout::epoch::{Epoch, EpochName};
use crate::fanout::hub::Hub;
use crate::fanout::runner::Command;
use crate::feed::{Decoder, Limits};
use crate::model::{Event, GameId, Origin, StateTime};
use crate::predict::board::Board;
use crate::recovery;
use crate::store::{Kind, RECORD_BYTES_MAX, records};
use crate::telemetry::{ClusterMetrics, EngineMetrics, NodesMetrics};
use crate::traces::{Carried, Tracer};
use flume::Sender;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;

/// A node's place in its cluster, while it runs.
pub struct Node {
    /// What is known of each partition.
    pub status: Arc<Status>,
    /// What it goes by.
    pub(super) settings: Arc<cluster::Settings>,
    /// The threads that read the streams; dropping it ends them.
    followers: Followers,
    /// The thread that keeps leases, of an engine.
    leases: Option<Leases>,
    /// Ends an engine's housekeeping with it.
    #[expect(dead_code, reason = "held as long as it runs")]
    housekeeping: Option<Sender<()>>,
    /// The thread that keeps its place among the others.
    pub(super) registry: Registry,
    metrics: ClusterMetrics,
    nodes_metrics: NodesMetrics,
    /// By what rules this process works `seq`s out.
    rules: u64,
    /// By what rules the bases that it began with were made, by partition, where they are others.
    begun_by: Vec<Option<u64>>,
    /// Names this process.
    process: String,
    late_after: Duration,
}

/// What a partition is told again at a start is read at most so long after Redis has it.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Starts the node's threads, and waits until all is read that Redis has.
///
/// # Errors
/// Redis can't be used, or not in time; or the cluster is another than the settings say.
pub(super) fn start(
    config: &Config,
    machine: &Machine,
    hub: &Arc<Hub>,
    board: Option<&Arc<Board>>,
    process: &str,
    tracer: Option<&Arc<Tracer>>,
) -> Result<Option<(Engine, Node, Epoch)>, StartError> {
    // There with or without a cluster: a metric that is missing looks like one that is broken.
    let (metrics, nodes_metrics) = (ClusterMetrics::new(), NodesMetrics::new());
    let me = nodes::me(config, process);
    let owner = format!("{}/{process}", me.node);
    let Some(settings) = config.cluster.settings(owner) else {
        return Ok(None);
    };
    let settings = Arc::new(settings);
    agree(config, &settings)?;
    let registry = nodes::join(config, &settings, me)?;
    let limits = config.partition_limits();
    let rules = recovery::rules(&limits);
    // What a base tells was counted when it came.
    let uncounted = |partition| Shared::new(hub.clone(), limits, EngineMetrics::unseen()).in_partition(partition, settings.partitions);
    let partitions: Vec<Shared> = (0..settings.partitions).map(uncounted).collect();
    let begun = begin(config, &settings, &partitions)?;
    let counted = |shared: Shared| {
        let shared = shared.counted(EngineMetrics::new());
        Arc::new(match board {
            Some(board) => shared.notified(board.clone()),
            None => shared,
        })
    };
    let partitions: Vec<Arc<Shared>> = partitions.into_iter().map(counted).collect();
    let owners: Vec<Arc<Owners>> = Owners::of_partitions(&partitions).into_iter().map(Arc::new).collect();
    let status = Arc::new(Status::new(settings.partitions));
    let pending: Vec<_> = owners.iter().map(|_| Arc::default()).collect();
    let log = cluster::Log::start(&settings, &status, &pending)?;
    let shares = owners.iter().zip(&pending).zip(&begun).map(|((owners, pending), begun)| Share {
        from: cluster::follow::Position {
            reached: begun.as_ref().map_or(0, |begun| begun.lsn),
            name: None,
        },
        pending: pending.clone(),
        deliver: Box::new(teller(owners.clone(), tracer.cloned())),
    });
    let followers = Followers::start(&settings, &status, shares.collect())?;
    let node = Node {
        followers,
        leases: None,
        housekeeping: None,
        registry,
        metrics,
        nodes_metrics,
        rules,
        begun_by: begun
            .iter()
            .map(|begun| begun.as_ref().map(|begun| begun.rules).filter(|by| *by != rules))
            .collect(),
        process: process.to_owned(),
        settings: settings.clone(),
        late_after: Duration::from_millis(config.cluster.late_after_ms),
        status,
    };
    node.wait(Duration::from_millis(config.cluster.start_timeout_ms))?;
    let engine = Engine::clustered(&owners, log);
    let is_engine = config.cluster.role == Role::Engine;
    let leases = is_engine.then(|| Leases::start(&settings, &node.status)).transpose()?;
    let housekeeping = is_engine.then(|| {
        let (stop, stopped) = flume::bounded(0);
        let metrics = node.metrics.bases.clone();
        let housekeeper = Housekeeper::new(config, &settings, &node.status, &engine, machine.files.clone(), metrics);
        housekeeper.start(stopped).map(|()| stop)
    });
    let housekeeping = housekeeping.transpose()?;
    let node = Node {
        leases,
        housekeeping,
        ..node
    };
    let epoch = Epoch::new(node.epoch());
    tracing::info!(role = ?config.cluster.role, node = settings.owner, partitions = settings.partitions, games = partitions.iter().map(|shared| shared.game_count()).sum::<usize>(), "joined the cluster");
    Ok(Some((engine, node, epoch)))
}

/// Begins all partitions, each with its base, where it has one; at once, as each has most of its work to itself.
fn begin(config: &Config, settings: &cluster::Settings, partitions: &[Shared]) -> Result<Vec<Option<Begun>>, StartError> {
    std::thread::scope(|scope| {
        let begin = |(partition, shared)| scope.spawn(move || begin_one(config, settings, partition, shared));
        let threads: Vec<_> = partitions.iter().enumerate().map(begin).collect();
        let begun = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        begun.collect()
    })
}

fn begin_one(config: &Config, settings: &cluster::Settings, partition: usize, shared: &Shared) -> Result<Option<Begun>, StartError> {
    let refused = |what: String| StartError::Cluster(format!("partition {partition}: {what}"));
    let base = Bases::open(settings, partition).and_then(|mut bases| bases.newest());
    let Some(base) = base.map_err(|error| refused(error.to_string()))? else {
        return Ok(None);
    };
    let begun = base::begin(base, shared, &config.feeds.sources, StateTime(Clock.steady_us()));
    let begun = begun.map_err(|error| refused(error.to_string()))?;
    for warning in &begun.warnings {
        tracing::warn!(partition, "{warning}");
    }
    Ok(Some(begun))
}

/// What must be the same on all nodes, or they would not work out the same: whoever comes first says it, and who comes
/// later must agree.
fn agree(config: &Config, settings: &cluster::Settings) -> Result<(), StartError> {
    let key = format!("{}:{{nodes}}:cluster", settings.prefix);
    let ours = format!(
        "format=1 partitions={} feeds.sources={}",
        settings.partitions,
        config.feeds.sources.join(",")
    );
    let give_up_us = Clock.steady_us() + config.cluster.start_timeout_ms as i64 * 1_000;
    let mut is_told = false;
    let theirs = loop {
        match say_or_read(settings, &key, &ours) {
            Ok(theirs) => break theirs,
            // Whatever starts a machine starts Redis beside the nodes, or fails over meanwhile.
            Err(error) if error.may_pass() && Clock.steady_us() < give_up_us => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!("{error}: waiting for cluster.start_timeout_ms");
                }
                std::thread::sleep(LOOK_EVERY);
            }
            Err(error) => return Err(StartError::Cluster(error.to_string())),
        }
    };
    if theirs == ours {
        return Ok(());
    }
    let what = format!("the cluster was begun with \"{theirs}\", and this node is set to \"{ours}\": make them equal (key {key})");
    Err(StartError::Cluster(what))
}

/// What the cluster was begun with: this, where nobody has begun it.
fn say_or_read(settings: &cluster::Settings, key: &str, ours: &str) -> Result<String, LinkError> {
    let mut link = Link::open(settings, key)?;
    let refused = |error: redis::RedisError| cluster::link::explain("cluster.redis", &error);
    let _: i64 = link.ask(redis::cmd("SETNX").arg(key).arg(ours)).map_err(refused)?;
    link.ask(redis::cmd("GET").arg(key)).map_err(refused)
}

impl Node {
    /// Waits until each partition's stream was read up to where it was.
    fn wait(&self, timeout: Duration) -> Result<(), StartError> {
        let give_up_us = Clock.steady_us() + timeout.as_micros() as i64;
        while !self.status.all().all(|partition| partition.has_begun.load(Relaxed)) {
            if let Ok(lost) = self.followers.lost.try_recv() {
                return Err(StartError::Cluster(lost.to_string()));
            }
            if Clock.steady_us() > give_up_us {
                let why = self.status.trouble().unwrap_or_else(|| "there is too much to read".to_owned());
                let what = format!("{why} (waited cluster.start_timeout_ms, {} ms)", timeout.as_millis());
                return Err(StartError::Cluster(what));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// The history's name, as clients of this node are told.
    fn epoch(&self) -> EpochName {
        let name = |partition: &PartitionStatus, begun_by: &Option<u64>| {
            let name = partition.epoch().unwrap_or_default();
            match begun_by {
                // What is the same from here on need not have been before.
                Some(rules) => format!("{name}-{rules:x}").into(),
                None => name,
            }
        };
        let partitions = self.status.all().zip(&self.begun_by);
        let names: Vec<Arc<str>> = partitions.map(|(partition, begun_by)| name(partition, begun_by)).collect();
        EpochName::of_node(&recovery::name_of_histories(self.rules, &names), &self.process)
    }

    /// Waits until what this node shows is no longer what Redis has.
    pub async fn lost(&self) -> Lost {
        match self.followers.lost.recv_async().await {
            Ok(lost) => lost,
            // Its threads end only where it says so.
            Err(_) => std::future::pending().await,
        }
    }

    /// Sets the levels that metrics show.
    fn read_levels(&self) {
        let metrics = &self.metrics;
        let owned = self.status.all().filter(|partition| partition.fence.load(Relaxed) > 0).count();
        metrics.connected.set(f64::from(u8::from(self.status.trouble().is_none())));
        metrics.late.set(self.status.late_us().max(0) as f64 / 1e6);
        metrics.owned.set(owned as f64);
        metrics
            .records
            .absolute(self.status.all().map(|partition| partition.reached.load(Relaxed)).sum());
        if let Some(leases) = &self.leases {
            metrics.lease_changes.absolute(leases.changes.load(Relaxed));
            leases.engines.store(self.registry.nodes.engines(Clock.steady_us()), Relaxed);
        }
        nodes::read_levels(&self.registry.nodes, &self.nodes_metrics);
    }
}

/// Looks after the node until told to stop: clients are told what is late, and that a history is another.
pub(super) async fn watch(node: Arc<Node>, epoch: Arc<Epoch>, shards: Vec<Sender<Command>>, mut stop: watch::Receiver<bool>) {
    let mut seen = node.status.epochs_seen();
    let mut told_us: Option<i64> = None;
    let mut looks = tokio::time::interval(WATCH_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        node.read_levels();
        let now = node.status.epochs_seen();
        if now != seen {
            seen = now;
            epoch.rename(node.epoch());
            tell(&shards, || Command::Renamed).await;
        }
        let late_us = node.status.late_us();
        let is_late = late_us > node.late_after.as_micros() as i64;
        node.registry.nodes.late.store(is_late, Relaxed);
        let now_us = Clock.steady_us();
        let is_due = told_us.is_none_or(|at_us| now_us - at_us >= TELL_EVERY.as_micros() as i64);
        if is_late && is_due {
            told_us = Some(now_us);
            tell(&shards, || Command::Late((late_us / 1_000).unsigned_abs())).await;
        } else if !is_late && told_us.take().is_some() {
            tell(&shards, || Command::Late(0)).await;
        }
    }
}

/// How often the watch looks.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// How often clients are told again that data is late.
const TELL_EVERY: Duration = Duration::from_secs(10);

async fn tell(shards: &[Sender<Command>], command: impl Fn() -> Command) {
    for shard in shards {
        // It has ended: nobody is left there to be told.
        let _ = shard.send_async(command()).await;
    }
}

/// Hands on to a partition's owner what its stream says.
fn teller(owners: Arc<Owners>, tracer: Option<Arc<Tracer>>) -> impl FnMut(Delivery<Parcel>) + Send {
    // Whatever the limits are here: it was accepted once.
    let mut decoder = Decoder::new(Limits {
        line_bytes_max: RECORD_BYTES_MAX,
        ..Limits::default()
    });
    move |delivery| {
        let Body::Records(bytes) = delivery.body else { return };
        if let Some(own) = delivery.own {
            let mut record = delivery.first;
            for (count, parcel) in own {
                owners.deliver(parcel.from_record(record));
                record += u64::from(count);
            }
            return;
        }
        foreign(&mut decoder, &bytes, delivery.first, tracer.as_ref(), |parcel| {
            owners.deliver(parcel)
        });
    }
}

/// Events of one origin that follow each other, and the record of the first.
struct Run {
    origin: Origin,
    first: u64,
    events: Vec<Event>,
    /// Those that are traced, by their places.
    traced: Carried,
}

impl Run {
    fn goes_on(&self, origin: Origin, record: u64) -> bool {
        self.origin == origin && self.first + self.events.len() as u64 == record
    }

    fn parcel(self) -> Parcel {
        Parcel::foreign(self.events, self.origin, self.first, self.traced)
    }
}

/// What another node wrote, from record `first` on.
fn foreign(decoder: &mut Decoder, bytes: &[u8], first: u64, tracer: Option<&Arc<Tracer>>, mut deliver: impl FnMut(Parcel)) {
    let mut run: Option<Run> = None;
    for (record, number) in records(bytes).zip(first..) {
        let origin = record.origin;
        let game = || GameId::new(std::str::from_utf8(record.body).ok()?);
        let parcel = match record.kind {
            Kind::Event => match decoder.line(record.body) {
                Ok(event) => {
                    if let Some(over) = run.take_if(|run| !run.goes_on(origin, number)) {
                        deliver(over.parcel());
                    }
                    let begin = || Run {
                        origin,
                        first: number,
                        events: Vec::new(),
                        traced: Carried::default(),
                    };
                    let run = run.get_or_insert_with(begin);
                    if let Some(tracer) = tracer {
                        run.traced.follow(tracer, run.events.len(), &event, record.body, origin);
                    }
                    run.events.push(event);
                    continue;
                }
                Err(error) => {
                    tracing::error!(
                        record = number,
                        error = error.message,
                        "a record can't be read: it has no effect here"
                    );
                    None
                }
            },
            Kind::Expired => game().map(Parcel::foreign_expiry),
            Kind::Silent => game().map(|game| Parcel::Silent(origin.source, game)),
            Kind::Mark | Kind::Closed | Kind::Gap => None,
        };
        let before = run.take().map(Run::parcel);
        before.into_iter().chain(parcel).for_each(&mut deliver);
    }
    run.into_iter().map(Run::parcel).for_each(deliver);
}
