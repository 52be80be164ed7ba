//! Engine, hub and one shard, with sockets that take as many bytes as they have room for.

use crate::engine::{EngineLimits, Shared};
use crate::fanout::epoch::{Epoch, EpochName};
use crate::fanout::hub::{Hub, HubLimits, Inbox, Moved};
use crate::fanout::lineups::{Follower, LineupLimits};
use crate::fanout::shard::{Account, Batch, ConnKey, Kind, Reading, Shard, ShardLimits, ShardParts, Writer, Wrote};
use crate::feed::{Decoder, Limits};
use crate::model::{Bulletin, Event, GameId, IngestTime, Now, StateTime};
use crate::scoring::Rulesets;
use crate::telemetry::EngineMetrics;
use crate::wire::Form;
use crate::wire::close::CloseReason;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) const SECOND: i64 = 1_000_000;

/// Where the rig's topics of predictions begin to count.
pub(super) const PREDICTIONS_FROM: u64 = 1_000;

#[derive(Default)]
pub(super) struct Wire {
    pub(super) room: HashMap<ConnKey, usize>,
    pub(super) sent: HashMap<ConnKey, Vec<u8>>,
    pub(super) closed: Vec<(ConnKey, CloseReason)>,
    pub(super) finished: Vec<ConnKey>,
    /// In which order clients were written to.
    pub(super) order: Vec<ConnKey>,
}

impl Writer for Wire {
    fn write(&mut self, batch: &mut Batch) {
        for (item, pieces) in batch.items_mut() {
            let room = self.room.entry(item.conn).or_insert(usize::MAX);
            let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes()).copied().collect();
            let offered = &all[item.offset..];
            let taken = offered.len().min(*room);
            *room -= taken;
            self.order.push(item.conn);
            self.sent.entry(item.conn).or_default().extend_from_slice(&offered[..taken]);
            item.wrote = Wrote::Bytes(taken);
        }
    }

    fn close(&mut self, conn: ConnKey, reason: CloseReason) {
        self.closed.push((conn, reason));
    }

    fn finish(&mut self, conn: ConnKey) {
        self.finished.push(conn);
    }
}

pub(super) struct Rig {
    pub(super) hub: Arc<Hub>,
    shared: Arc<Shared>,
    pub(super) shard: Shard,
    inbox: Inbox,
    pub(super) follower: Follower,
    pub(super) wire: Wire,
    /// The steady clock.
    pub(super) now_us: i64,
    /// By how much the wall's is ahead of it.
    pub(super) wall_ahead_us: i64,
    plays: u64,
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::with(|_| ())
    }

    /// A rig whose limits were changed.
    pub(super) fn with(change: impl FnOnce(&mut ShardLimits)) -> Rig {
        let mut limits = ShardLimits {
            ring_frames: 8,
            subscriptions_max: 4,
            message_bytes_max: 4_096,
            messages_per_second_max: 0,
            messages_burst: 1,
            message_timeout_us: 3_600_000_000,
            replies_bytes_max: 1_000,
            coalesce_frames_max: 2,
            write_bytes_max: 65_536,
            compress_bytes_min: 200,
            slice_clients: 8,
            rest_us_max: 10_000,
            ping_interval_us: 25 * SECOND,
            silence_timeout_us: 60 * SECOND,
            stall_timeout_us: 30 * SECOND,
            close_timeout_us: 5 * SECOND,
            auth_wait_us: None,
        };
        change(&mut limits);
        let hub_limits = HubLimits {
            ring_frames: limits.ring_frames,
            topics_max: 100,
            notices_max: 100,
            lineups: LineupLimits {
                lineups_max: 4,
                ring_frames: 8,
                linger_us: 120 * SECOND,
            },
        };
        let (mut hub, mut inboxes) = Hub::new(1, hub_limits);
        hub.count_from(PREDICTIONS_FROM);
        let hub = Arc::new(hub);
        let engine = EngineLimits {
            threads: 1,
            sources: 1,
            jobs_max: 1,
            games_max: 10,
            plays_max: 1_000,
            game_players_max: 1_000,
            players_max: 1_000,
            expired_games_max: 100,
        };
        let shared = Arc::new(Shared::new(hub.clone(), engine, EngineMetrics::new()));
        let rulesets = Arc::new(Rulesets::embedded());
        let games = shared.clone();
        let shard = Shard::new(ShardParts {
            index: 0,
            hub: hub.clone(),
            default_ruleset: rulesets.index("ppr").unwrap(),
            rulesets: rulesets.clone(),
            games: Arc::new(move |game| games.game(game)),
            epoch: Arc::new(Epoch::new(EpochName::alone("e1"))),
            process: "p1".into(),
            limits,
        });
        Rig {
            follower: Follower::new(hub.clone(), rulesets),
            hub,
            shared,
            shard,
            inbox: inboxes.remove(0),
            wire: Wire::default(),
            now_us: 1_000 * SECOND,
            wall_ahead_us: 1_800_000_000 * SECOND,
            plays: 0,
        }
    }

    pub(super) fn now(&self) -> Now {
        Now {
            steady_us: self.now_us,
            wall_us: self.now_us + self.wall_ahead_us,
        }
    }

    /// A client who has read its welcome.
    pub(super) fn client(&mut self) -> ConnKey {
        self.client_of(Form::PLAIN)
    }

    /// The same, of messages that look so.
    pub(super) fn client_of(&mut self, form: Form) -> ConnKey {
        let key = self.shard.connect(Kind::WebSocket(form), self.now());
        self.pump();
        let welcome = self.read(key);
        assert_eq!(welcome[0]["type"], "welcome");
        key
    }

    /// A client who subscribed to `topic` and has its snapshot.
    pub(super) fn subscriber(&mut self, topic: &str) -> ConnKey {
        let key = self.client();
        self.say(key, &format!(r#"{{"op":"subscribe","topics":["{topic}"]}}"#));
        self.pump();
        let types: Vec<Value> = self.read(key).iter().map(|frame| frame["type"].clone()).collect();
        assert_eq!(types, ["subscribed", "snapshot"]);
        for key in self.shard.take_resumed() {
            assert_eq!(self.shard.resume(key, self.now()), Reading::On);
        }
        key
    }

    pub(super) fn feed(&mut self, line: &str) {
        self.apply_unnoticed(decoded(line));
        self.deliver();
    }

    /// Applies an event; the shard has not looked at the notice yet.
    pub(super) fn apply_unnoticed(&mut self, event: Event) {
        let now = self.now();
        self.shared.apply(event, IngestTime(now.wall_us), StateTime(now.steady_us));
    }

    /// The same of an event in a line.
    pub(super) fn apply_line_unnoticed(&mut self, line: &str) {
        self.apply_unnoticed(decoded(line));
    }

    /// That game is let go of; the shard has not looked at the notice yet.
    pub(super) fn expire_unnoticed(&mut self, game: &str) {
        assert!(self.shared.expire(&GameId::new(game).unwrap()), "{game} is there");
    }

    /// The predictor says something of game `G`. False where the game is not there.
    pub(super) fn predict(&mut self, bulletin: Bulletin) -> bool {
        let mut moved = Moved::default();
        let is_posted = self.hub.predict(bulletin, &mut moved);
        self.hub.tell(&mut moved);
        self.deliver();
        is_posted
    }

    /// Player `R` of game `G` gains a yard.
    pub(super) fn play(&mut self) {
        self.plays += 1;
        self.feed(&run_line("G", self.plays, 10));
    }

    /// The same; the shard has not looked at the notice yet.
    pub(super) fn play_unnoticed(&mut self) {
        self.plays += 1;
        self.apply_unnoticed(decoded(&run_line("G", self.plays, 10)));
    }

    /// The same with a touchdown.
    pub(super) fn touchdown(&mut self) {
        self.plays += 1;
        self.feed(&run_line("G", self.plays, 11));
    }

    /// Lineups follow; the shard is told what moved, and looks at it.
    pub(super) fn deliver(&mut self) {
        self.follower.take(None);
        self.tell();
        self.shard.look(self.now_us, &|| self.now_us, &mut self.wire);
    }

    /// The shard is told what moved, and has no time to look at it.
    pub(super) fn tell(&mut self) {
        while let Ok(notice) = self.inbox.notices.try_recv() {
            self.shard.notice(&notice);
        }
    }

    pub(super) fn pump(&mut self) {
        while self.shard.has_work() {
            let now = self.now();
            self.shard.pump(now, || now.steady_us, &mut self.wire);
        }
        let (stats, pending) = (self.shard.stats.clone(), self.shard.pending_by_cursor());
        let settled = stats.written + stats.merged + stats.expired + stats.abandoned;
        assert_eq!(stats.offered, settled + pending, "{stats:?}");
        assert_eq!(self.shard.pending(), pending);
        let mirrored: usize = self.shard.mirrors.iter().map(|(_, mirror)| mirror.counted_bytes()).sum();
        assert_eq!(self.shard.mirrored_bytes(), mirrored as u64);
    }

    /// A turn of looking that is over after one look.
    pub(super) fn look(&mut self) {
        self.shard.look(self.now_us, &|| i64::MAX, &mut self.wire);
    }

    /// Time passes: timers, a tick, writing.
    pub(super) fn pass(&mut self, us: i64) {
        self.now_us += us;
        self.shard.fire_timers(self.now_us);
        self.shard.tick();
        self.pump();
    }

    pub(super) fn say(&mut self, key: ConnKey, text: &str) -> Reading {
        self.shard.received(key, &mut masked(1, text.as_bytes()), self.now())
    }

    pub(super) fn room(&mut self, key: ConnKey, room: usize) {
        self.wire.room.insert(key, room);
        self.shard.writable(key);
        self.pump();
    }

    /// All that a WebSocket client was sent since it last read; control frames by their opcode.
    pub(super) fn read(&mut self, key: ConnKey) -> Vec<Value> {
        let bytes = self.wire.sent.remove(&key).unwrap_or_default();
        let mut rest = &bytes[..];
        let mut frames = Vec::new();
        while let [first, second, ..] = rest {
            let (length, at) = match second {
                126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
                127 => panic!("too long for these tests"),
                short => (usize::from(*short), 2),
            };
            let payload = &rest[at..at + length];
            frames.push(match first & 0x0f {
                1 => serde_json::from_slice(payload).unwrap(),
                opcode => Value::from(opcode),
            });
            rest = &rest[at + length..];
        }
        frames
    }

    /// What a stream was sent: id and data of each event.
    pub(super) fn read_events(&mut self, key: ConnKey) -> Vec<(String, Value)> {
        let bytes = self.wire.sent.remove(&key).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap();
        let events = text.split("\n\n").filter(|event| !event.is_empty());
        let parts = |event: &str| {
            let (id, data) = event.split_once('\n').unwrap();
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            (id.strip_prefix("id: ").unwrap().to_owned(), data)
        };
        events.map(parts).collect()
    }

    pub(super) fn account(&self, key: ConnKey) -> (Account, u64) {
        self.shard.account(key).unwrap()
    }
}

pub(super) fn run_line(game: &str, play: u64, stat: u16) -> String {
    format!(r#"{{"type":"play","game":"{game}","play":"{play}","stats":[{{"player":"R","team":"NE","stat":{stat},"yards":1}}]}}"#)
}

fn decoded(line: &str) -> Event {
    Decoder::new(Limits::default()).line(line.as_bytes()).unwrap()
}

/// A client's frame under the mask 0, which leaves bytes as they are.
pub(super) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// `seq` of every delta and snapshot among the frames, with `prev` where it has one.
pub(super) fn seqs(frames: &[Value]) -> Vec<(Option<u64>, u64)> {
    let data = frames
        .iter()
        .filter(|frame| frame["type"] == "delta" || frame["type"] == "snapshot");
    data.map(|frame| (frame["prev"].as_u64(), frame["seq"].as_u64().unwrap())).collect()
}
