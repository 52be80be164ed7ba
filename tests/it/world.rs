//! The server without threads, sockets and clock: engine, hub and shards in one place, and sockets that
//! take as many bytes as they are told to.

use crate::chance::Chance;
use scorewire::engine::{EngineLimits, Shared};
use scorewire::fanout::Hub;
use scorewire::fanout::contests;
use scorewire::fanout::epoch::{Epoch, EpochName};
use scorewire::fanout::hub::{HubLimits, Inbox};
use scorewire::fanout::lineups::{Follower, LineupLimits};
use scorewire::fanout::shard::{Account, Batch, ConnKey, Kind, Shard, ShardLimits, ShardParts, Writer, Wrote};
use scorewire::model::Now;
use scorewire::scoring::Rulesets;
use scorewire::telemetry::EngineMetrics;
use scorewire::wire::close::CloseReason;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};

pub(crate) const EPOCH: &str = "e1";

/// One client's socket, the server's end.
#[derive(Default)]
pub(crate) struct Socket {
    /// Bytes that it takes before it is full.
    pub(crate) room: usize,
    /// It refused bytes and has not said since that it takes some.
    pub(crate) full: bool,
    pub(crate) broken: bool,
    /// The server is done writing.
    pub(crate) finished: bool,
    pub(crate) closed: Option<CloseReason>,
    /// What the client has yet to read.
    pub(crate) sent: Vec<u8>,
    whole_pieces: bool,
}

/// All sockets of one shard.
pub(crate) struct Sockets {
    pub(crate) by_conn: HashMap<ConnKey, Socket>,
    pub(crate) chance: Chance,
    /// Whether a socket with room may take less than all of it.
    pub(crate) cuts: bool,
    pub(crate) partial_writes: u64,
    pub(crate) refused_writes: u64,
}

impl Writer for Sockets {
    fn write(&mut self, batch: &mut Batch) {
        for (item, pieces) in batch.items_mut() {
            let socket = self.by_conn.get_mut(&item.conn).expect("the shard writes to open sockets");
            assert!(
                !socket.finished && socket.closed.is_none() && !socket.full,
                "nothing may be written now"
            );
            if socket.broken {
                item.wrote = Wrote::Broken;
                continue;
            }
            let offered: usize = pieces.iter().map(|piece| piece.bytes().len()).sum::<usize>() - item.offset;
            let mut taken = offered.min(socket.room);
            if self.cuts && self.chance.percent(10) {
                taken = self.chance.below(taken + 1);
            }
            if socket.whole_pieces {
                let mut fits = 0;
                for piece in pieces {
                    if fits + piece.bytes().len() > taken {
                        break;
                    }
                    fits += piece.bytes().len();
                }
                taken = fits;
            }
            let bytes = pieces.iter().flat_map(|piece| piece.bytes()).skip(item.offset).take(taken);
            socket.sent.extend(bytes);
            socket.room -= taken;
            socket.full = taken < offered;
            self.partial_writes += u64::from(taken > 0 && taken < offered);
            self.refused_writes += u64::from(taken == 0);
            item.wrote = Wrote::Bytes(taken);
        }
    }

    fn close(&mut self, conn: ConnKey, reason: CloseReason) {
        let socket = self.by_conn.get_mut(&conn).expect("it was open");
        assert_eq!(socket.closed.replace(reason), None, "a connection ends once");
    }

    fn finish(&mut self, conn: ConnKey) {
        let socket = self.by_conn.get_mut(&conn).expect("it was open");
        assert!(!socket.finished && socket.closed.is_none(), "a connection is finished once");
        socket.finished = true;
    }
}

/// What a world is made with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) shards: usize,
    pub(crate) hub_ring: usize,
    pub(crate) notices_max: usize,
    pub(crate) shard: ShardLimits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            shards: 1,
            hub_ring: 64,
            notices_max: 64,
            shard: ShardLimits {
                ring_frames: 64,
                subscriptions_max: 64,
                message_bytes_max: 65_536,
                messages_per_second_max: 0,
                messages_burst: 1,
                message_timeout_us: 3_600_000_000,
                replies_bytes_max: 65_536,
                coalesce_frames_max: 4,
                write_bytes_max: 65_536,
                compress_bytes_min: 200,
                slice_clients: 64,
                rest_us_max: 10_000,
                ping_interval_us: 25_000_000,
                silence_timeout_us: 60_000_000,
                stall_timeout_us: 30_000_000,
                close_timeout_us: 5_000_000,
                auth_wait_us: None,
            },
        }
    }
}

/// The built-in rulesets and one that pays by position.
pub(crate) fn rulesets() -> Arc<Rulesets> {
    static RULESETS: LazyLock<Arc<Rulesets>> = LazyLock::new(|| {
        let folder = crate::repository::root().join("tests/it/rulesets");
        let ours = Rulesets::load_dir(&folder).expect("the test's own rulesets are valid");
        Arc::new(Rulesets::embedded().overlay(ours).expect("they are few"))
    });
    RULESETS.clone()
}

/// Engine and hub.
pub(crate) struct Machine {
    pub(crate) hub: Arc<Hub>,
    pub(crate) shared: Arc<Shared>,
    inboxes: Vec<Inbox>,
}

impl Machine {
    /// Of a server's so manieth process: what outlives none counts from above all that those before it gave out.
    pub(crate) fn new(settings: &Settings, life: u64) -> Machine {
        let limits = HubLimits {
            ring_frames: settings.hub_ring,
            topics_max: 1000,
            notices_max: settings.notices_max,
            lineups: LineupLimits::DEFAULT,
        };
        let (mut hub, inboxes) = Hub::new(settings.shards, limits);
        hub.count_from(life << 32);
        let hub = Arc::new(hub);
        let shared = Arc::new(Shared::new(hub.clone(), engine_limits(), EngineMetrics::new()));
        Machine { hub, shared, inboxes }
    }
}

/// Engine, hub, shards and sockets.
pub(crate) struct World {
    pub(crate) settings: Settings,
    /// Of the history that is served.
    pub(crate) epoch: String,
    /// Processes so far.
    pub(crate) lives: u64,
    /// The steady clock.
    pub(crate) now_us: i64,
    /// How long a slice's writes take.
    pub(crate) writes_us: i64,
    /// By how much the wall's is ahead of it.
    pub(crate) wall_ahead_us: i64,
    pub(crate) hub: Arc<Hub>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) rulesets: Arc<Rulesets>,
    pub(crate) shards: Vec<Shard>,
    pub(crate) follower: Follower,
    pub(crate) contests: contests::Follower,
    pub(crate) sockets: Vec<Sockets>,
    inboxes: Vec<Inbox>,
    /// Sums of what shards said of themselves.
    pub(crate) totals: Vec<Account>,
    pub(crate) resyncs: u64,
    pub(crate) rested: u64,
    ticked_us: i64,
}

impl World {
    pub(crate) fn new(settings: &Settings, seed: u64) -> World {
        let Machine { hub, shared, inboxes } = Machine::new(settings, 0);
        let sockets = |index| Sockets {
            by_conn: HashMap::new(),
            chance: Chance::new(seed ^ index as u64),
            cuts: false,
            partial_writes: 0,
            refused_writes: 0,
        };
        let mut world = World {
            settings: settings.clone(),
            epoch: EPOCH.to_owned(),
            lives: 1,
            now_us: 0,
            writes_us: 0,
            wall_ahead_us: 1_800_000_000_000_000,
            shards: Vec::new(),
            sockets: (0..settings.shards).map(sockets).collect(),
            totals: vec![Account::default(); settings.shards],
            follower: Follower::new(hub.clone(), rulesets()),
            contests: contests::Follower::new(hub.clone(), rulesets()),
            hub,
            shared,
            rulesets: rulesets(),
            inboxes,
            resyncs: 0,
            rested: 0,
            ticked_us: 0,
        };
        world.shards = world.new_shards();
        world
    }

    fn new_shards(&self) -> Vec<Shard> {
        let shard = |index| {
            let games = self.shared.clone();
            Shard::new(ShardParts {
                index,
                hub: self.hub.clone(),
                rulesets: self.rulesets.clone(),
                default_ruleset: self.rulesets.index("draftkings").expect("built in"),
                games: Arc::new(move |game| games.game(game)),
                epoch: Arc::new(Epoch::new(EpochName::alone(&self.epoch))),
                process: self.epoch.as_str().into(),
                limits: self.settings.shard.clone(),
            })
        };
        (0..self.settings.shards).map(shard).collect()
    }

    /// Another process serves what `machine` holds; nobody is connected to it.
    pub(crate) fn restart(&mut self, machine: Machine, epoch: String) {
        let Machine { hub, shared, inboxes } = machine;
        (self.hub, self.shared, self.inboxes, self.epoch) = (hub, shared, inboxes, epoch);
        self.lives += 1;
        self.follower = Follower::new(self.hub.clone(), rulesets());
        self.contests = contests::Follower::new(self.hub.clone(), rulesets());
        self.shards = self.new_shards();
        for sockets in &mut self.sockets {
            sockets.by_conn.clear();
        }
        self.totals.fill(Account::default());
        self.ticked_us = self.now_us;
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            steady_us: self.now_us,
            wall_us: self.now_us + self.wall_ahead_us,
        }
    }

    pub(crate) fn connect(&mut self, shard: usize, kind: Kind, room: usize) -> ConnKey {
        let now = self.now();
        let key = self.shards[shard].connect(kind, now);
        let socket = Socket {
            room,
            whole_pieces: kind == Kind::EventStream,
            ..Socket::default()
        };
        self.sockets[shard].by_conn.insert(key, socket);
        key
    }

    /// Lets a shard look at what it was told, as its thread does.
    pub(crate) fn deliver(&mut self, shard: usize) {
        let inbox = &self.inboxes[shard];
        while let Ok(notice) = inbox.notices.try_recv() {
            self.shards[shard].notice(&notice);
        }
        if inbox.overflowed.swap(false, Ordering::AcqRel) {
            self.shards[shard].look_everywhere();
        }
    }

    /// One slice of a shard's writing.
    pub(crate) fn pump(&mut self, shard: usize) -> usize {
        let (now, written_us) = (self.now(), self.now_us + self.writes_us);
        self.shards[shard].pump(now, || written_us, &mut self.sockets[shard])
    }

    /// Moves time on, fires what comes due, and ticks once a second.
    pub(crate) fn pass(&mut self, us: i64) {
        self.now_us += us;
        let tick = self.now_us - self.ticked_us >= 1_000_000;
        for shard in &mut self.shards {
            shard.fire_timers(self.now_us);
            if tick {
                shard.tick();
                shard.close_slowest(self.now_us);
            }
        }
        if tick {
            self.follower.sweep(self.now_us);
            self.ticked_us = self.now_us;
        }
    }

    /// Gives a socket room; says so to the shard where the socket had been full.
    pub(crate) fn make_room(&mut self, shard: usize, key: ConnKey, room: usize) {
        let Some(socket) = self.sockets[shard].by_conn.get_mut(&key) else {
            return;
        };
        socket.room = socket.room.saturating_add(room);
        if std::mem::take(&mut socket.full) {
            self.shards[shard].writable(key);
        }
    }

    /// The client's end is closed.
    pub(crate) fn hang_up(&mut self, shard: usize, key: ConnKey) -> Option<Socket> {
        self.shards[shard].gone(key, &mut self.sockets[shard]);
        self.sockets[shard].by_conn.remove(&key)
    }

    /// Everything that is under way arrives; sockets take all.
    pub(crate) fn settle(&mut self) {
        self.follower.take(None);
        self.contests.take(None, || 0);
        for shard in 0..self.shards.len() {
            self.deliver(shard);
            while self.shards[shard].has_work() {
                self.pump(shard);
            }
        }
    }

    /// Adds up what shards did since the last call, and holds `offered = written + …` for all of them.
    pub(crate) fn check_totals(&mut self) {
        for (shard, total) in self.shards.iter_mut().zip(&mut self.totals) {
            let stats = shard.take_stats();
            total.add(&Account {
                offered: stats.offered,
                written: stats.written,
                merged: stats.merged,
                expired: stats.expired,
                abandoned: stats.abandoned,
            });
            self.resyncs += stats.resyncs;
            self.rested += stats.rested;
            assert_balanced(*total, shard.pending_by_cursor());
            assert_eq!(shard.pending(), shard.pending_by_cursor());
        }
    }
}

pub(crate) fn assert_balanced(account: Account, pending: u64) {
    let settled = account.written + account.merged + account.expired + account.abandoned;
    assert_eq!(account.offered, settled + pending, "{account:?} and {pending} pending");
}

pub(crate) fn engine_limits() -> EngineLimits {
    EngineLimits {
        threads: 1,
        sources: 1,
        jobs_max: 1,
        games_max: 100,
        plays_max: 10_000,
        game_players_max: 1_000,
        players_max: 10_000,
        expired_games_max: 100,
    }
}
