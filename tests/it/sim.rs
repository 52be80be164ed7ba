//! The whole fan-out under one seed and virtual time: slow, broken, rude and returning clients, a feed
//! with every defect, notices that get lost. Safe at every step; then everything heals, and everyone
//! holds the right totals.
//!
//! A failure names its seed; `SCOREWIRE_SEED=n` runs that one alone, `SCOREWIRE_SIM_SEEDS=n` runs n.

use crate::chance::Chance;
use crate::client::{Client, Facts, Request, Sub, Tally, count};
use crate::frames::{client_frame, client_text};
use crate::oracle::Oracle;
use crate::plan::plan;
use crate::world::{EPOCH, Settings, World, assert_balanced};
use scorewire::engine::Shared;
use scorewire::fanout::shard::{Kind, Reading, ShardLimits};
use scorewire::fanout::{Hub, hub::HubLimits};
use scorewire::model::{Event, GameId, IngestTime, PlayId};
use scorewire::telemetry::EngineMetrics;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

const CLIENTS: usize = 7;
const RULESETS: [&str; 4] = ["draftkings", "ppr", "te_premium", "fanduel"];
/// Fewest seeds over which everything interesting is demanded to have happened.
const SEEDS_FOR_ALL: u64 = 16;

#[test]
fn everyone_is_right_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("SCOREWIRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("SCOREWIRE_SIM_SEEDS").unwrap_or(20) + 1,
    };
    let mut tally = Tally::new();
    let many = seeds.end - seeds.start >= SEEDS_FOR_ALL;
    for seed in seeds {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Sim::new(seed).run()));
        match ran {
            Ok(happened) => happened
                .into_iter()
                .for_each(|(what, times)| *tally.entry(what).or_default() += times),
            Err(panic) => {
                eprintln!("seed {seed} failed; again: SCOREWIRE_SEED={seed} cargo test --test it sim::");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{tally:#?}");
    if many {
        let missing: Vec<&&str> = INTERESTING.iter().filter(|what| !tally.contains_key(**what)).collect();
        assert!(missing.is_empty(), "never happened: {missing:?} of {tally:#?}");
    }
}

/// What a run over many seeds must have met at least once, or it proves little.
const INTERESTING: [&str; 31] = [
    "begins ahead",
    "begins epoch",
    "begins fresh",
    "begins too_old",
    "broken socket",
    "change abandoned",
    "closed 1000",
    "closed 1002",
    "closed 1003",
    "closed 1007",
    "closed 1009",
    "closed 4001",
    "closed 4002",
    "error bad_message",
    "error unknown_ruleset",
    "merged",
    "merged by rate",
    "partial write",
    "reading paused",
    "refused too_many_subscriptions",
    "refused unknown_topic",
    "refused write",
    "resumed at the head",
    "resumed behind",
    "resync",
    "snapshot lagged",
    "snapshot new_game",
    "stalled without a word",
    "stream resumed",
    "unsubscribed",
    "pong",
];

struct Sim {
    chance: Chance,
    world: World,
    oracle: Oracle,
    events: VecDeque<Event>,
    applied: Vec<Event>,
    topics: Vec<String>,
    clients: Vec<Client>,
    tally: Tally,
    /// Most that may wait for one client.
    held_bytes_max: usize,
}

impl Sim {
    fn new(seed: u64) -> Sim {
        let mut chance = Chance::new(seed);
        let settings = settings(&mut chance);
        let plan = plan(seed, chance.between(1, 2), 400, &mut chance);
        let mut world = World::new(&settings, seed);
        world.sockets.iter_mut().for_each(|sockets| sockets.cuts = true);
        let mut topics: Vec<String> = plan.topics.iter().map(ToString::to_string).collect();
        topics.extend(["player:nobody".to_owned(), "game:never".to_owned()]);
        let clients = (0..CLIENTS).map(|_| Client::new(chance.below(settings.shards))).collect();
        let limits = &settings.shard;
        Sim {
            oracle: Oracle::new(&plan.topics),
            events: plan.events.into(),
            applied: Vec::new(),
            held_bytes_max: limits.replies_bytes_max + 2 * limits.message_bytes_max + REPLY_BYTES_MAX + PARTIAL_BYTES_MAX,
            chance,
            world,
            topics,
            clients,
            tally: Tally::new(),
        }
    }

    fn run(mut self) -> Tally {
        while !self.events.is_empty() {
            self.step();
            self.check();
        }
        self.heal();
        self.everyone_is_right();
        same_totals_as_what_stands(&self.world.shared, &self.applied);
        for sockets in &self.world.sockets {
            *self.tally.entry("partial write".into()).or_default() += sockets.partial_writes;
            *self.tally.entry("refused write".into()).or_default() += sockets.refused_writes;
        }
        *self.tally.entry("resync".into()).or_default() += self.world.resyncs;
        *self.tally.entry("change abandoned".into()).or_default() += self.world.totals.iter().map(|total| total.abandoned).sum::<u64>();
        self.tally.retain(|_, times| *times > 0);
        self.tally
    }

    fn step(&mut self) {
        let shard = self.chance.below(self.world.shards.len());
        match self.chance.below(100) {
            0..30 => self.feed(),
            30..45 => self.world.deliver(shard),
            45..70 => {
                self.world.pump(shard);
            }
            70..82 => {
                let (client, room) = (self.chance.below(CLIENTS), self.chance.between(1, 6_000));
                if let Some(key) = self.clients[client].key
                    && !self.is_frozen(client)
                {
                    self.world.make_room(self.clients[client].shard, key, room);
                }
            }
            82..92 => {
                let client = self.chance.below(CLIENTS);
                self.act(client);
            }
            92..99 => {
                let us = self.chance.between(1_000, 900_000) as i64;
                self.world.pass(us);
            }
            _ => {
                let us = self.chance.between(1_000_000, 9_000_000) as i64;
                self.world.pass(us);
            }
        }
        self.world.now_us += 1;
        for client in 0..CLIENTS {
            self.read(client);
        }
    }

    /// Every third client stops reading for good now and then, until it connects anew.
    fn is_frozen(&self, client: usize) -> bool {
        client.is_multiple_of(3) && self.clients[client].key.is_some_and(|key| key.generation % 4 == 3)
    }

    fn feed(&mut self) {
        for _ in 0..self.chance.between(1, 3) {
            let Some(event) = self.events.pop_front() else { return };
            self.applied.push(event.clone());
            let ingest = IngestTime(self.world.now_us);
            self.oracle.apply(&self.world.hub, &self.world.shared, event, ingest);
        }
    }

    fn act(&mut self, client: usize) {
        if self.clients[client].key.is_none() {
            return self.come_back(client);
        }
        if self.clients[client].kind == Kind::EventStream {
            if self.chance.percent(15) {
                self.leave(client);
            }
            return;
        }
        match self.chance.below(100) {
            0..50 => self.subscribe(client),
            50..65 => self.unsubscribe(client),
            65..75 => {
                let id = self.chance.below(100);
                self.say(client, &json!({"op": "ping", "id": id}).to_string());
            }
            75..80 => self.leave(client),
            80..83 => {
                count(&mut self.tally, "broken socket");
                let (shard, key) = (self.clients[client].shard, self.clients[client].key.expect("connected"));
                if let Some(socket) = self.world.sockets[shard].by_conn.get_mut(&key) {
                    socket.broken = true;
                }
                self.clients[client].keep();
            }
            83..86 => self.clients[client].mute = true,
            86..93 => self.clients[client].keep(),
            93..95 => self.flood(client),
            _ => self.misbehave(client),
        }
    }

    fn leave(&mut self, client: usize) {
        let one = &mut self.clients[client];
        if let Some(key) = one.key.take() {
            self.world.hang_up(one.shard, key);
        }
    }

    fn come_back(&mut self, client: usize) {
        let shard = self.chance.below(self.world.shards.len());
        let kind = if client % 4 == 1 { Kind::EventStream } else { Kind::WebSocket };
        let room = self.chance.between(0, 8_000);
        let key = self.world.connect(shard, kind, room);
        self.clients[client].connected(kind, shard, key);
        match kind {
            Kind::WebSocket => {
                // As after a lost connection: all that was held, at once, from where it stood.
                self.clients[client].epoch = EPOCH.to_owned();
                for ruleset in RULESETS {
                    let held = |name: &&(String, String)| name.1 == ruleset || name.1.is_empty() && ruleset == RULESETS[0];
                    let topics: Vec<String> = self.clients[client].saved.keys().filter(held).map(|name| name.0.clone()).collect();
                    if !topics.is_empty() && self.chance.percent(70) {
                        self.ask(client, topics, Some(ruleset), None);
                    }
                }
            }
            Kind::EventStream => self.open_stream(client),
        }
    }

    fn open_stream(&mut self, client: usize) {
        let one = &mut self.clients[client];
        let resumes = !one.stream.is_empty() && self.chance.percent(70);
        if !resumes {
            one.last_id = None;
            one.stream = (0..self.chance.between(1, 5))
                .map(|_| self.chance.pick(&self.topics).clone())
                .collect();
        }
        let ruleset = self.world.rulesets.index("ppr").expect("built in");
        let since: Option<Vec<u64>> = one.last_id.as_ref().map(|id| {
            let (epoch, seqs) = id.split_once('.').expect("an id of ours");
            assert_eq!(epoch, EPOCH);
            seqs.split('-').map(|seq| seq.parse().expect("a number")).collect()
        });
        let (shard, key) = (one.shard, one.key.expect("connected"));
        let since_ref = since.as_deref().map(Ok);
        self.world.shards[shard]
            .subscribe_stream(key, &one.stream, ruleset, since_ref, self.world.now_us)
            .expect("well-formed topics");
        let mut distinct: Vec<&String> = Vec::new();
        for topic in &one.stream {
            if !distinct.contains(&topic) {
                distinct.push(topic);
            }
        }
        let distinct: Vec<String> = distinct.into_iter().cloned().collect();
        for (place, topic) in distinct.into_iter().enumerate() {
            let ruleset = if topic == "slate" { "" } else { "ppr" };
            let name = (topic, ruleset.to_owned());
            // The id of the last event says what the client holds of each topic.
            let said = since.as_ref().map(|since| since[place]);
            let held = one.saved.get(&name).filter(|(seq, _)| Some(*seq) == said).cloned();
            if let Some(seq) = said
                && seq != u64::MAX
            {
                count(&mut self.tally, "stream resumed");
                assert!(held.is_some(), "an id that speaks of {seq} of {name:?}, which the client never saw");
            }
            one.expect_stream(name, held);
        }
    }

    fn subscribe(&mut self, client: usize) {
        let mut topics: Vec<String> = (0..self.chance.between(1, 4))
            .map(|_| self.chance.pick(&self.topics).clone())
            .collect();
        if self.chance.percent(10) {
            let odd = ["plyer:1", "game:a b", "slates", "", "player:"];
            topics.push((*self.chance.pick(&odd)).to_owned());
        }
        let ruleset = match self.chance.below(12) {
            0 => Some("no_such_rules"),
            1..4 => None,
            _ => Some(*self.chance.pick(&RULESETS)),
        };
        let rate = self.chance.percent(30).then(|| *self.chance.pick(&[0.5, 2.0, 10.0]));
        self.ask(client, topics, ruleset, rate);
    }

    fn ask(&mut self, client: usize, mut topics: Vec<String>, ruleset: Option<&str>, rate: Option<f64>) {
        topics.sort();
        topics.dedup();
        let one = &mut self.clients[client];
        let id = one.next_id;
        one.next_id += 1;
        let mut request = Request {
            gap_us: rate.map_or(0, |rate| (1_000_000.0 / rate) as i64),
            right_epoch: self.chance.percent(90),
            since: BTreeMap::new(),
        };
        for topic in &topics {
            let rules = if topic == "slate" { "" } else { ruleset.unwrap_or("draftkings") };
            let name = (topic.clone(), rules.to_owned());
            let current = one
                .subs
                .get(&name)
                .filter(|sub| !sub.awaiting)
                .map(|sub| (sub.seq, sub.view.clone()));
            let held = if self.chance.percent(50) {
                current
            } else {
                one.saved.get(&name).cloned()
            };
            match held {
                Some(_) if self.chance.percent(5) => {
                    request.since.insert(topic.clone(), (1_000_000, None));
                }
                Some((seq, view)) if self.chance.percent(70) => {
                    request.since.insert(topic.clone(), (seq, Some(view)));
                }
                _ => {}
            }
        }
        let since: BTreeMap<&String, u64> = request.since.iter().map(|(topic, (seq, _))| (topic, *seq)).collect();
        let mut message = json!({"op": "subscribe", "id": id, "topics": topics, "since": since});
        if let Some(ruleset) = ruleset {
            message["ruleset"] = ruleset.into();
        }
        if let Some(rate) = rate {
            message["max_rate_hz"] = rate.into();
        }
        message["epoch"] = (if request.right_epoch { EPOCH } else { "another" }).into();
        one.requests.insert(id, request);
        self.say(client, &message.to_string());
    }

    fn unsubscribe(&mut self, client: usize) {
        let names: Vec<_> = self.clients[client].subs.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let (topic, ruleset) = self.chance.pick(&names).clone();
        let mut message = json!({"op": "unsubscribe", "id": 0, "topics": [topic]});
        if !ruleset.is_empty() {
            message["ruleset"] = ruleset.into();
        }
        self.say(client, &message.to_string());
    }

    /// Far more questions than the client will read answers to.
    fn flood(&mut self, client: usize) {
        for id in 0..60 {
            self.say(client, &json!({"op": "ping", "id": id}).to_string());
        }
    }

    fn misbehave(&mut self, client: usize) {
        let bytes = match self.chance.below(12) {
            0..5 => client_text("{\"op\":", &mut self.chance),
            5 => client_frame(2, true, b"binary", [1, 2, 3, 4]),
            6 => client_frame(1, true, &[0xff, 0xfe], [1, 2, 3, 4]),
            7 => client_frame(1, true, &[b' '; 3_000], [1, 2, 3, 4]),
            8 => vec![0x81, 0x02, b'{', b'}'],
            9 => client_frame(0xc, true, b"", [0; 4]),
            _ => client_frame(8, true, &1000u16.to_be_bytes(), [9, 9, 9, 9]),
        };
        self.send(client, &bytes);
    }

    fn say(&mut self, client: usize, text: &str) {
        let bytes = client_text(text, &mut self.chance);
        self.send(client, &bytes);
    }

    /// Bytes to the server in pieces of any size, as far as it reads.
    fn send(&mut self, client: usize, bytes: &[u8]) {
        let one = &mut self.clients[client];
        let Some(key) = one.key else { return };
        one.unsent.extend(bytes);
        let shard = &mut self.world.shards[one.shard];
        while !one.unsent.is_empty() && !shard.reading_paused(key) {
            let length = self.chance.between(1, one.unsent.len());
            let mut piece: Vec<u8> = one.unsent.drain(..length).collect();
            if shard.received(key, &mut piece, self.world.now_us) == Reading::Paused {
                count(&mut self.tally, "reading paused");
            }
        }
    }

    /// The client reads what its socket holds, answers pings, and hangs up where it was closed.
    fn read(&mut self, client: usize) {
        let one = &mut self.clients[client];
        let Some(key) = one.key else { return };
        let socket = self.world.sockets[one.shard].by_conn.get_mut(&key).expect("open");
        let sent = std::mem::take(&mut socket.sent);
        let (closed, finished) = (socket.closed, socket.finished);
        let facts = Facts {
            oracle: &self.oracle,
            rulesets: &self.world.rulesets,
        };
        let pings = if sent.is_empty() {
            Vec::new()
        } else {
            one.receive(&sent, self.world.now_us, &facts, &mut self.tally)
        };
        if let Some(reason) = closed {
            if one.closed.is_none() {
                count(&mut self.tally, &format!("{} without a word", reason.name()));
            }
            return self.leave(client);
        }
        if finished && self.chance.percent(50) {
            return self.leave(client);
        }
        if !self.clients[client].mute {
            for ping in pings {
                self.send(client, &client_frame(0xa, true, &ping, [7, 7, 7, 7]));
            }
        }
        self.resume_sending();
    }

    fn resume_sending(&mut self) {
        for shard in 0..self.world.shards.len() {
            for key in self.world.shards[shard].take_resumed() {
                let resumed = |client: &Client| client.key == Some(key) && client.shard == shard;
                if let Some(client) = self.clients.iter().position(resumed) {
                    self.send(client, b"");
                }
            }
        }
    }

    /// What must hold at every step.
    fn check(&mut self) {
        self.world.check_totals();
        for client in &self.clients {
            let Some(key) = client.key else { continue };
            let shard = &self.world.shards[client.shard];
            let Some((account, pending)) = shard.account(key) else { continue };
            assert_balanced(account, pending);
            let held = shard.held_bytes(key);
            assert!(held <= self.held_bytes_max, "{held} bytes wait for one client");
        }
    }

    /// No more events, no more trouble: everyone is connected, reads, and has time.
    fn heal(&mut self) {
        for client in 0..CLIENTS {
            self.clients[client].mute = false;
            let one = &self.clients[client];
            let broken = one.key.is_some_and(|key| self.world.sockets[one.shard].by_conn[&key].broken);
            if broken || self.is_frozen(client) {
                self.leave(client);
            }
        }
        for _ in 0..120 {
            for client in 0..CLIENTS {
                if self.clients[client].key.is_none() {
                    self.come_back(client);
                }
                if let Some(key) = self.clients[client].key {
                    self.world.make_room(self.clients[client].shard, key, usize::MAX / 4);
                }
            }
            self.world.settle();
            self.world.pass(200_000);
            for client in 0..CLIENTS {
                self.read(client);
            }
            self.check();
        }
    }

    fn everyone_is_right(&self) {
        let facts = Facts {
            oracle: &self.oracle,
            rulesets: &self.world.rulesets,
        };
        for (number, client) in self.clients.iter().enumerate() {
            let key = client.key.expect("everyone came back");
            let (_, pending) = self.world.shards[client.shard].account(key).expect("and stayed");
            assert_eq!(pending, 0, "client {number} has everything");
            let subscribed: Vec<(&_, &Sub)> = client.subs.iter().collect();
            for (name, sub) in subscribed {
                assert!(!sub.awaiting, "client {number} never got the snapshot of {name:?}");
                assert_eq!(sub.seq, self.oracle.head(&name.0), "client {number} stands at the head of {name:?}");
                sub.check(name, &facts);
            }
        }
    }
}

/// Longest answer to one message here.
const REPLY_BYTES_MAX: usize = 4_000;
/// Longest frame here.
const PARTIAL_BYTES_MAX: usize = 40_000;

fn settings(chance: &mut Chance) -> Settings {
    let ring = chance.between(3, 30);
    Settings {
        shards: chance.between(1, 3),
        hub_ring: ring,
        notices_max: chance.between(1, 12),
        shard: ShardLimits {
            ring_frames: chance.between(ring / 2, ring * 2),
            subscriptions_max: 12,
            message_bytes_max: 2_000,
            replies_bytes_max: chance.between(500, 3_000),
            coalesce_frames_max: chance.between(1, 4),
            write_bytes_max: chance.between(200, 20_000),
            slice_clients: chance.between(1, CLIENTS),
            ping_interval_us: 10_000_000,
            silence_timeout_us: 30_000_000,
            stall_timeout_us: 12_000_000,
            close_timeout_us: 4_000_000,
        },
    }
}

/// Another server that is told only what stands in the end, once and in order, has the same totals.
fn same_totals_as_what_stands(shared: &Shared, applied: &[Event]) {
    let mut stands: BTreeMap<(GameId, PlayId), (u64, &Event)> = BTreeMap::new();
    let mut games: BTreeMap<GameId, (u64, &Event)> = BTreeMap::new();
    for event in applied {
        match event {
            Event::Play(e) => newest(&mut stands, (e.game.clone(), e.play.clone()), e.rev, event),
            Event::Retract(e) => newest(&mut stands, (e.game.clone(), e.play.clone()), e.rev, event),
            Event::Game(e) => newest(&mut games, e.game.clone(), e.rev, event),
            _ => {}
        }
    }
    let limits = HubLimits {
        ring_frames: 1,
        topics_max: 1,
        notices_max: 1,
    };
    let (hub, _inboxes) = Hub::new(1, limits);
    let plain = Shared::new(Arc::new(hub), crate::world::engine_limits(), EngineMetrics::new());
    let situations = applied.iter().filter(|event| matches!(event, Event::Situation(_)));
    let items = games.values().chain(stands.values()).map(|(_, event)| *event);
    for event in items.chain(situations) {
        plain.apply(event.clone(), IngestTime(0));
    }
    for (head, _) in shared.games() {
        let lines = |shared: &Shared| {
            let game = shared.game(&head.game).expect("announced or played");
            let lines = game.players.into_iter().map(|slot| (slot.card.player.clone(), slot.line));
            lines.filter(|(_, line)| *line != Default::default()).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(lines(shared), lines(&plain), "{}", head.game);
    }
}

fn newest<'e, K: Ord>(items: &mut BTreeMap<K, (u64, &'e Event)>, key: K, rev: u64, event: &'e Event) {
    let held = items.entry(key).or_insert((rev, event));
    if rev > held.0 {
        *held = (rev, event);
    }
}
