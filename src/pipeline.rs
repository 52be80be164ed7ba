//! Wires it all: every thread, every channel and its capacity on one page.
//!
//! ```text
//!  thread        count                  fed by                                     capacity
//!  shard-N       server.shards          its listener                               server.backlog
//!                                       notices from owners of games (flume)       fanout.notices_max
//!                                       upgraded sockets, event streams (flume)    fanout.commands_max
//!  tls           server.tls_threads     handshakes (with server.tls_cert)          server.tls_handshakes_max
//!  log           1, with a log          batches of events (flume)                  store.queue_batches_max
//!  log-sync      1, with a log          what is written and not on disk            store.unsynced_bytes_max
//!  order         1, without a log, for  batches of events (flume)                  engine.jobs_max
//!                several engine-N
//!  engine-N      engine.threads         batches of events (flume)                  engine.jobs_max
//!  append-N,     1 a partition, in   batches of events (flume)                  cluster.queue_batches_max
//!  follow-N      a cluster           the partition's stream in Redis            –
//!  lease-N       1 a partition, of an its own looks                              –
//!                engine
//!  feed-N        1 a partition, of    lines of feeds in Redis, where this engine 256 entries at once
//!                an engine            owns the partition
//!  publish       1, of an engine      what it predicts (flume)                   1,024
//!  listen-N      1 a partition, with  what engines predict, by way of Redis      –
//!                predict.enabled
//!  answers-redis 1 each, of an edge   engines' answers to be looked for, or kept 256
//!  answers-disk                       (flume)
//!  nodes         1, in a cluster      its own looks, each second                 –
//!  predictor     1, with                games that moved (predict::board)          predict.games_max
//!                predict.enabled
//!  housekeeping  1, with a log          its own looks, each second                 one round at a time
//!  lineups       1                      changes of players that lineups have    fanout.notices_max
//!  contests      1                      changes of players that contests have   fanout.notices_max
//!  points        1                      its own looks                              every predict.points_every_ms
//!  side          ingest.threads + 1     requests with events (semaphore)           ingest.requests_max
//!                                       listeners for feeds, for operators         server.backlog
//!                                       tokens (tasks)                             one a connection
//!                                       looks at the log's health, memory, silent  –
//!                                       feeds, certificates and keys, a GPU
//!                                       words about traced events (flume)          traces.queue_max
//! ```
//! Events go side → log → engine → hub → shards → sockets, and never back; without a log side → engine, by way
//! of `order` where there are several.

mod archive;
mod bases;
mod bulletins;
mod cluster;
mod contests;
mod feeds;
mod gpu;
mod housekeeping;
mod keeper;
mod lineups;
mod log;
mod nodes;
mod points;
mod predictor;
mod traces;

use bulletins::Bulletins;
pub use cluster::Node;
pub use log::Machine;

use crate::clock::Clock;
use crate::cluster::predictions::Listeners;
use crate::cluster::{Lost, Nodes};
use crate::compaction::RetellError;
use crate::config::{Config, Role};
use crate::engine::{Shared, silence};
use crate::fanout::epoch::{Epoch, EpochName};
use crate::fanout::hub::{Hub, Inbox};
use crate::fanout::runner::{Command, Runner, Verify};
use crate::fanout::shard::{AuthRequest, Shard, ShardParts};
use crate::fanout::snapshot::GameReader;
use crate::fanout::sockets::{Sockets, WritePath, WriterRefused};
use crate::fanout::turns::Turns;
use crate::predict::board::Board;
use crate::predict::onnx::Backend;
use crate::recovery::new_epoch_name;
use crate::scoring::{RulesetError, Rulesets};
use crate::server::admission::Admission;
use crate::server::listen::Audience;
use crate::server::optimize::Optimizer;
use crate::server::tls::{self, Follower, Handshakes, TlsError};
use crate::server::{
    self, Addresses, App, Auth, Door, FeedRates, KeyFileError, Predictions, PredictorState, Routes, Slowest, Tiers, listen,
};
use crate::telemetry::{
    self, BoardMetrics, EngineMetrics, GpuMetrics, IngestMetrics, Levels, LogMetrics, MemoryMetrics, Refusals, ShardMetrics, TlsMetrics,
};
use flume::{Receiver, Sender, WeakSender};
use metrics_exporter_prometheus::PrometheusHandle;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A ruleset file is wrong.
    #[error("{0}")]
    Ruleset(#[from] RulesetError),
    /// The default ruleset is none of those there are.
    #[error("scoring.default_ruleset: unknown ruleset \"{0}\"; there are {1}")]
    DefaultRuleset(String, String),
    /// The write path that was insisted on cannot be had.
    #[error("{0}")]
    Writer(#[from] WriterRefused),
    /// The certificate or its key is no use.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// A file of keys is no use.
    #[error("{0}")]
    Keys(#[from] KeyFileError),
    /// An address cannot be bound.
    #[error("cannot listen on {address} ({key}): {error}{hint}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Its setting.
        key: &'static str,
        /// What the system says.
        error: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The event log cannot be used.
    #[error("the event log (store.dir): {0}")]
    Log(#[from] RetellError),
    /// The cluster cannot be joined.
    #[error("cannot join the cluster: {0}")]
    Cluster(String),
    /// Traces have nowhere to go.
    #[error("traces.endpoint: {0}")]
    Traces(String),
    /// The system gives no more threads or descriptors.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// A running server.
pub struct Running {
    /// What everything shares.
    pub app: Arc<App>,
    /// Where subscribers connect; the port picked where 0 was asked for.
    pub address: SocketAddr,
    /// Where feeds connect.
    pub ingest_address: SocketAddr,
    /// Where metrics are.
    pub admin_address: SocketAddr,
    stop: watch::Sender<bool>,
    /// Dropped when the drain is over: until then a listener for operators answers that it is not ready.
    over: watch::Sender<bool>,
    commands: Vec<Sender<Command>>,
    /// The listener of their own for feeds.
    feeds: Option<JoinHandle<io::Result<()>>>,
    /// Closed once every shard's thread has ended; a message says which ended first.
    ended: Receiver<usize>,
    /// Ends the log's housekeeping with it.
    housekeeping: Option<flume::Sender<()>>,
    /// Ends the following of lineups with it.
    #[expect(dead_code, reason = "held as long as it runs")]
    lineups: flume::Sender<()>,
    /// Ends the following of contests with it.
    #[expect(dead_code, reason = "held as long as it runs")]
    contests: flume::Sender<()>,
    /// Ends forecasts of points with it.
    points: Option<flume::Sender<()>>,
    /// Ends the predictor when it is closed.
    board: Option<Arc<Board>>,
    /// This node's place in its cluster.
    node: Option<Arc<Node>>,
    /// Ends with it who listens to what other nodes predict.
    #[expect(dead_code, reason = "held as long as it runs")]
    listeners: Option<Listeners>,
    /// Who sends traces.
    traces: Option<traces::Sending>,
}

/// Loads the rulesets: the built-in ones, and those in `scoring.rulesets_dir` over them.
///
/// # Errors
/// A file that is no ruleset, or a default that is not among them.
pub fn rulesets(config: &Config) -> Result<Rulesets, StartError> {
    let mut rulesets = Rulesets::embedded();
    let folder = &config.scoring.rulesets_dir;
    // The default one need not be there; one that somebody names must.
    if folder.exists() || *folder != Config::default().scoring.rulesets_dir {
        rulesets = rulesets.overlay(Rulesets::load_dir(folder)?)?;
    }
    let default = &config.scoring.default_ruleset;
    if rulesets.index(default).is_none() {
        let known: Vec<&str> = rulesets.iter().map(|(_, ruleset)| ruleset.name()).collect();
        return Err(StartError::DefaultRuleset(default.clone(), known.join(", ")));
    }
    Ok(rulesets)
}

/// Loads the certificate and settles what a TLS session is like; nothing where there is to be none.
///
/// # Errors
/// A file that is no certificate or key, two that do not go together, or a certificate that is out of date.
pub fn tls(config: &Config) -> Result<Option<tls::Settings>, StartError> {
    Ok(tls::settings(&config.server, Clock.wall_us())?)
}

/// Reads the keys that tokens are verified by.
///
/// # Errors
/// A file that is no use.
pub fn auth(config: &Config, rulesets: &Arc<Rulesets>) -> Result<Arc<Auth>, StartError> {
    Ok(Arc::new(Auth::new(config, rulesets.clone())?))
}

/// To be called when the process is about to end, whatever is still loading or predicting then.
pub fn leave() {
    if !crate::predict::onnx::leave(LEAVE_PATIENCE) {
        tracing::warn!("a model is still being run or loaded as the process ends");
    }
}

/// Longest wait for a model that is run or loaded as the process ends.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// Binds, starts every thread and returns. Call it inside the side runtime.
///
/// # Errors
/// Whatever keeps it from starting; nothing runs then.
pub fn start(config: Config) -> Result<Running, StartError> {
    start_on(config, Machine::this())
}

/// The same on a machine of a test's own.
///
/// # Errors
/// Those of [`start`].
pub fn start_on(mut config: Config, machine: Machine) -> Result<Running, StartError> {
    // First of all: a metric's handle that is found earlier counts nothing.
    let prometheus = config.metrics.enabled.then(|| page(&config));
    let rulesets = Arc::new(rulesets(&config)?);
    let (shard_count, commands_max) = (config.shards(), config.fanout.commands_max);
    let paths = WritePath::for_shards(config.fanout.writer, shard_count, config.fanout.slice_clients)?;
    let server = &config.server;
    let follower = server.tls_cert.as_ref().map(|_| Follower::new(server)).transpose()?;
    let settings = tls(&config)?;
    let auth = auth(&config, &rulesets)?;
    let shared = bind(server.bind, "server.bind", shard_count, server.backlog)?;
    let address = shared[0].local_addr()?;
    let apart = |at: Option<SocketAddr>, key| at.map(|at| bind(at, key, 1, server.backlog)).transpose();
    let ingest = apart(server.ingest_bind, "server.ingest_bind")?;
    let admin = apart(server.admin_bind, "server.admin_bind")?;

    // The port that was picked, where 0 was asked for.
    config.server.bind = address;
    let (stop, stopped) = watch::channel(false);
    let (over, is_over) = watch::channel(false);
    let (commands, mailboxes): (Vec<_>, Vec<_>) = (0..shard_count).map(|_| flume::bounded(commands_max)).unzip();
    let slowest = Slowest::of(&commands);
    let Begun {
        app,
        inboxes,
        board,
        inference,
        node,
        bulletins,
        listeners,
        traces,
    } = share(config, &machine, prometheus, rulesets, auth, slowest, stopped.clone())?;
    look_after(&app, &stopped);
    let handshakes = handshakes(settings, follower, &app, &stopped)?;
    let routes = Routes {
        clients: true,
        ingest: ingest.is_none(),
        admin: admin.is_none(),
    };
    let ingest = side_listener(&app, ingest, Routes::INGEST, &stopped)?;
    let ingest_address = ingest.as_ref().map_or(address, |(at, _)| *at);
    let admin = side_listener(&app, admin, Routes::ADMIN, &is_over)?;
    let admin_address = admin.map_or(address, |(at, _)| at);
    let housekeeping = housekeeping::start(&app, machine.files)?;
    let points = points::start(&app, inference, bulletins)?;
    let lineups = lineups::start(&app)?;
    let contests = contests::start(&app)?;
    let (ending, ended) = flume::bounded(shard_count);
    let parts = shared.into_iter().zip(inboxes).zip(paths).zip(mailboxes);
    for (index, (((listener, inbox), path), mailbox)) in parts.enumerate() {
        let door = Door {
            app: app.clone(),
            shard: Some(commands[index].clone()),
        };
        let shard = ShardThread {
            index,
            listener,
            inbox,
            path,
            commands: mailbox,
            door,
            routes,
            tls: handshakes.clone(),
            stop: stopped.clone(),
        };
        let ending = ending.clone();
        std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            let _ending = Ending(index, ending);
            shard.run();
        })?;
    }
    feeds::start(&app, node.as_ref(), &stopped)?;
    if let Some(node) = &node {
        nodes::begin(&node.registry, &app);
        tokio::spawn(cluster::watch(node.clone(), app.epoch.clone(), commands.clone(), stopped));
    }
    Ok(Running {
        app,
        address,
        ingest_address,
        admin_address,
        stop,
        over,
        commands,
        feeds: ingest.map(|(_, serving)| serving),
        ended,
        housekeeping,
        points,
        lineups,
        contests,
        board,
        node,
        listeners,
        traces,
    })
}

/// Starts who does TLS handshakes, where there are any, and who follows the certificate's files.
fn handshakes(
    settings: Option<tls::Settings>,
    follower: Option<Follower>,
    app: &App,
    stopped: &watch::Receiver<bool>,
) -> Result<Option<Arc<Handshakes>>, StartError> {
    // There with or without TLS: a metric that is missing looks like one that is broken.
    let metrics = TlsMetrics::new();
    let Some(settings) = settings else { return Ok(None) };
    settings.show_expiry(&metrics);
    let handshakes = Arc::new(Handshakes::start(settings.sessions, &app.config.server, metrics.clone())?);
    if let Some(follower) = follower {
        tokio::spawn(follower.follow(handshakes.clone(), metrics, stopped.clone()));
    }
    Ok(Some(handshakes))
}

/// Starts the tasks that look at something now and then.
fn look_after(app: &Arc<App>, stopped: &watch::Receiver<bool>) {
    tokio::spawn(app.auth.clone().watch());
    if let Some(budget) = keeper::budget(app.config.memory.budget_mib) {
        tokio::spawn(keeper::keep(app.clone(), budget, stopped.clone()));
    }
    // There with or without a GPU.
    let gpu_metrics = GpuMetrics::new();
    if let Some(number) = app.config.predict.gpu() {
        tokio::spawn(gpu::watch(number, gpu_metrics, stopped.clone()));
    }
    if let Some(log) = app.engine.log() {
        tokio::spawn(log::watch(log.clone()));
    }
}

/// What there is before anybody is let in.
struct Begun {
    /// What every door shares.
    app: Arc<App>,
    /// The shards' ends of their mailboxes.
    inboxes: Vec<Inbox>,
    /// Ends the predictor when it is closed.
    board: Option<Arc<Board>>,
    inference: Inference,
    node: Option<Arc<Node>>,
    bulletins: Bulletins,
    listeners: Option<Listeners>,
    traces: Option<traces::Sending>,
}

/// Who runs the models: found out by the first thread that loads one, once for all of them.
type Inference = Arc<LazyLock<Backend, Box<dyn FnOnce() -> Backend + Send>>>;

/// The topics, as yet none, and the shards' ends of their mailboxes.
fn hub(config: &Config, shards: usize) -> (Arc<Hub>, Vec<Inbox>) {
    let (mut hub, inboxes) = Hub::new(shards, config.hub_limits());
    // No topic takes a prediction each microsecond: a process before this one has not come so far. Below 2⁵³
    // until the year 2255.
    hub.count_from(Clock.wall_us().unsigned_abs());
    hub.limit_contests(config.contests.hub_limits());
    (Arc::new(hub), inboxes)
}

/// Starts the engine and the predictor.
fn share(
    config: Config,
    machine: &Machine,
    prometheus: Option<PrometheusHandle>,
    rulesets: Arc<Rulesets>,
    auth: Arc<Auth>,
    slowest: Slowest,
    stop: watch::Receiver<bool>,
) -> Result<Begun, StartError> {
    let shard_count = slowest.shards();
    let (hub, inboxes) = hub(&config, shard_count);
    let predict = &config.predict;
    let process: Arc<str> = new_epoch_name().into();
    let predicts = predict.enabled && config.cluster.role != Role::Edge;
    let board = predicts.then(|| Arc::new(Board::new(predict.board(), BoardMetrics::new())));
    let predictor = match (predicts, predict.enabled) {
        (true, _) => PredictorState::Starting,
        (false, true) => PredictorState::Relayed,
        (false, false) => PredictorState::Off,
    };
    let traces = traces::begin(&config)?;
    let tracer = traces.as_ref().map(|(tracer, _)| tracer.clone());
    let alone = Nodes::new(nodes::me(&config, &process));
    let (engine, epoch, node) = match cluster::start(&config, machine, &hub, board.as_ref(), &process, tracer.as_ref())? {
        Some((engine, node, epoch)) => (engine, epoch, Some(Arc::new(node))),
        None => {
            let shared = Shared::new(hub.clone(), config.engine_limits(), EngineMetrics::unseen());
            let (engine, epoch) = log::engine(&config, machine, shared, board.clone())?;
            (engine, Epoch::new(EpochName::alone(&epoch)), None)
        }
    };
    let engine = engine.traced(tracer);
    let traces = traces.map(|(tracer, exporter)| traces::run(&tracer, exporter));
    let games: GameReader = {
        let games = engine.games().clone();
        Arc::new(move |game| games.game(game))
    };
    // Of a cluster's nodes those say so that own partitions.
    if config.feeds.sources.len() > 1 && config.cluster.role != Role::Edge {
        let silence = Duration::from_millis(config.feeds.silence_ms);
        tokio::spawn(silence::watch(engine.clone(), silence, stop.clone()));
    }
    let projections = Arc::new(points::table(&config));
    let app = App {
        auth,
        contests: contests::restored(&config, machine, &hub, &rulesets)?,
        engine,
        hub,
        games,
        default_ruleset: rulesets.index(&config.scoring.default_ruleset).expect("`rulesets` has checked it"),
        rulesets,
        epoch: Arc::new(epoch),
        optimizer: Optimizer::start(&config, projections.clone())?,
        projections,
        nodes: node.as_ref().map_or_else(|| Arc::new(alone), |node| node.registry.nodes.clone()),
        tiers: Tiers::new(&config, node.as_ref().map(|node| &node.settings))?,
        process,
        clock: Clock,
        side: tokio::runtime::Handle::current(),
        ingest_permits: Arc::new(Semaphore::new(config.ingest.requests_max)),
        feed_rates: FeedRates::new(&config),
        ingest_metrics: IngestMetrics::new(),
        ingest_bytes: Arc::new(AtomicUsize::new(0)),
        memory: MemoryMetrics::new(),
        prometheus,
        levels: Levels::new(),
        log_metrics: LogMetrics::new(),
        shards: (0..shard_count).map(|_| Arc::default()).collect(),
        draining: AtomicBool::new(false),
        drain_began_us: OnceLock::new(),
        connections: Arc::default(),
        addresses: Addresses::new(config.server.connections_per_address_max),
        admission: Admission::new(&config.server),
        refusals: Refusals::new(),
        turned_away: AtomicU64::new(0),
        predictions: Predictions::new(predictor),
        slowest,
        stop,
        feeds: watch::Sender::new(0),
        config,
    };
    let app = Arc::new(app);
    let (bulletins, listeners) = Bulletins::start(&app.config, &app.hub, node.as_ref())?;
    let settings = app.config.predict.inference();
    let inference: Inference = Arc::new(LazyLock::new(Box::new(move || Backend::open(&settings))));
    if let Some(board) = &board {
        predictor::start(&app, board.clone(), inference.clone(), bulletins.clone())?;
    }
    Ok(Begun {
        app,
        inboxes,
        board,
        inference,
        node,
        bulletins,
        listeners,
        traces,
    })
}

fn bind(address: SocketAddr, key: &'static str, count: usize, backlog: i32) -> Result<Vec<TcpListener>, StartError> {
    listen::bind(address, count, backlog).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; something listens there already: stop it, or choose another with --bind (port 0 picks a free one)"
            }
            io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
            io::ErrorKind::AddrNotAvailable => "; that is not an address of this machine",
            _ => "",
        };
        StartError::Bind { address, key, error, hint }
    })
}

fn side_listener(
    app: &Arc<App>,
    listeners: Option<Vec<TcpListener>>,
    routes: Routes,
    stop: &watch::Receiver<bool>,
) -> io::Result<Option<(SocketAddr, JoinHandle<io::Result<()>>)>> {
    let Some(listener) = listeners.and_then(|mut listeners| listeners.pop()) else {
        return Ok(None);
    };
    let address = listener.local_addr()?;
    let router = server::router(
        Door {
            app: app.clone(),
            shard: None,
        },
        routes,
    );
    // No shard's thread: always open.
    let turns = Arc::default();
    let serving = tokio::spawn(listen::serve(
        listener,
        router,
        app.clone(),
        None,
        Audience::Staff,
        turns,
        stop.clone(),
    ));
    Ok(Some((address, serving)))
}

/// Says that a shard's thread has ended, by a panic too.
struct Ending(usize, Sender<usize>);

impl Drop for Ending {
    fn drop(&mut self) {
        // Nobody may be waiting any more.
        let _ = self.1.send(self.0);
    }
}

/// What one shard's thread is started with.
struct ShardThread {
    index: usize,
    listener: TcpListener,
    inbox: Inbox,
    path: WritePath,
    commands: Receiver<Command>,
    door: Door,
    routes: Routes,
    tls: Option<Arc<Handshakes>>,
    stop: watch::Receiver<bool>,
}

impl ShardThread {
    fn run(self) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, shard = self.index, "cannot start a shard");
                return;
            }
        };
        if let Err(error) = runtime.block_on(self.serve()) {
            tracing::error!(%error, "a shard ended");
        }
    }

    async fn serve(self) -> io::Result<()> {
        let app = self.door.app.clone();
        let shard = Shard::new(ShardParts {
            index: self.index,
            hub: app.hub.clone(),
            rulesets: app.rulesets.clone(),
            default_ruleset: app.default_ruleset,
            games: app.games.clone(),
            epoch: app.epoch.clone(),
            process: app.process.clone(),
            limits: app.config.shard_limits(),
        });
        let turns = Arc::<Turns>::default();
        let sockets = Sockets::new(self.path)?;
        let shard_itself = self.door.shard.clone();
        let accepting = tokio::spawn(listen::serve(
            self.listener,
            server::router(self.door, self.routes),
            app.clone(),
            self.tls,
            Audience::Everybody,
            turns.clone(),
            self.stop,
        ));
        let levels = app.shards[self.index].clone();
        let runner = Runner {
            shard,
            sockets,
            inbox: self.inbox,
            commands: self.commands,
            verify: verify(&app, shard_itself.as_ref()),
            turns,
            clock: app.clock,
            tracer: app.engine.tracer().cloned(),
            metrics: ShardMetrics::new(),
            levels,
            commands_waited: 0,
            survey: None,
            draining: false,
            closed: false,
        };
        let accepting = tokio::spawn(async move {
            // Plain requests under way finish; an accept loop that panicked has none.
            let ended = accepting.await.unwrap_or(Ok(()));
            if let Some(shard) = shard_itself {
                // Behind every socket that was handed over. A shard that is gone needs no telling.
                let _ = shard.send_async(Command::Closed).await;
            }
            ended
        });
        runner.run().await;
        accepting.await.unwrap_or(Ok(()))
    }
}

impl Running {
    /// Waits until a shard ends, which none does by itself.
    pub async fn shard_ended(&self) -> usize {
        self.ended.recv_async().await.unwrap_or(0)
    }

    /// Waits until what this node shows is no longer what its cluster has; for ever where there is none.
    pub async fn node_lost(&self) -> Lost {
        match &self.node {
            Some(node) => node.lost().await,
            None => std::future::pending().await,
        }
    }

    /// The drain, in this order: not ready any more; stop accepting; tell every client when to come
    /// back, flush and close; end. An address of its own for operators (`server.admin_bind`) answers up
    /// to the end. True where all went within `shutdown.drain_timeout_ms`.
    pub async fn drain(self) -> bool {
        let shutdown = &self.app.config.shutdown;
        self.app.draining.store(true, Ordering::Relaxed);
        self.app.drain_began_us.get_or_init(|| self.app.clock.steady_us());
        if let Some(node) = &self.node {
            node.registry.renew();
        }
        drop(self.housekeeping);
        drop(self.points);
        if let Some(board) = self.board {
            board.close();
        }
        // The only send that can fail is one that nobody waits for.
        let _ = self.stop.send(true);
        let all = async {
            for commands in &self.commands {
                // A shard that is gone has drained.
                let _ = commands
                    .send_async(Command::Drain {
                        reconnect_spread_ms: shutdown.reconnect_spread_ms,
                    })
                    .await;
            }
            for _ in 0..self.commands.len() {
                if self.ended.recv_async().await.is_err() {
                    break;
                }
            }
            if let Some(serving) = self.feeds {
                // If it panicked it has ended too.
                let _ = serving.await;
            }
            let _ = self.app.feeds.subscribe().wait_for(|feeds| *feeds == 0).await;
            if let Some(log) = self.app.engine.log()
                && let Err(error) = log.clone().close().await
            {
                tracing::warn!(%error, "the event log has no orderly end; the next start reads it all the same");
            }
            if let Some(traces) = self.traces {
                traces.end().await;
            }
        };
        let limit = Duration::from_millis(shutdown.drain_timeout_ms);
        let all_went = tokio::time::timeout(limit, all).await.is_ok();
        drop(self.over);
        all_went
    }
}

/// Has a shard's tokens verified on the side runtime.
fn verify(app: &Arc<App>, shard: Option<&Sender<Command>>) -> Verify {
    // A shard that kept itself company would never notice that nobody else is left.
    let (app, shard) = (app.clone(), shard.map(Sender::downgrade));
    Box::new(move |request| {
        let (app, shard) = (app.clone(), shard.as_ref().and_then(WeakSender::upgrade));
        let Some(shard) = shard else { return };
        app.side.clone().spawn(async move {
            let AuthRequest { conn, id, token } = request;
            let found = app.auth.grant(&token.0);
            // A shard that is gone needs no telling.
            let _ = shard.send_async(Command::Verified { conn, id, found }).await;
        });
    })
}

/// The page of metrics, with what its levels are held against.
fn page(config: &Config) -> PrometheusHandle {
    let page = telemetry::install();
    telemetry::show_limits(&limits(config));
    page
}

/// What the settings allow, by the names that the table of metrics has.
fn limits(config: &Config) -> [(&'static str, f64); 13] {
    let Config {
        server,
        fanout,
        engine,
        store,
        ..
    } = config;
    [
        ("connections", server.connections_max as f64),
        ("tls_handshakes", server.tls_handshakes_max as f64),
        ("topics", fanout.topics_max as f64),
        ("lineups", fanout.lineups_max as f64),
        ("ring_frames", fanout.ring_frames as f64),
        ("notices", fanout.notices_max as f64),
        ("commands", fanout.commands_max as f64),
        ("games", engine.games_max as f64),
        ("jobs", engine.jobs_max as f64),
        ("log_batches", store.queue_batches_max as f64),
        ("unsynced_bytes", store.unsynced_bytes_max as f64),
        ("store_bytes", store.bytes_max as f64),
        ("drain_seconds", config.shutdown.drain_timeout_ms as f64 / 1e3),
    ]
}

/// Raises the limit of open descriptors as far as this user may, and says how far that goes.
pub fn raise_descriptor_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // What cannot be raised stays as it is; the caller says what that means.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        );
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
