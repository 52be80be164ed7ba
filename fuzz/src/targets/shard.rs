//! A whole server but for its sockets, under any clients, feed and time: every frame follows what its client
//! holds, every change is accounted for, nothing grows, and once all is quiet everyone holds the same.

use super::choices::Choices;
use super::events::{self, GAMES, PLAYERS, TEAMS};
use super::peer::{Held, Name, Next, Peer, Since, plain};
use crate::frames::{client_frame, deflate};
use crate::proto;
use crate::world::{EPOCH, Settings, World, assert_balanced};
use scorewire::fanout::shard::{Kind, Reading, ShardLimits};
use scorewire::feed::Decoder;
use scorewire::model::{IngestTime, StateTime};
use scorewire::wire::{Coding, Form};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ACTS_MAX: usize = 300;
const PEERS: usize = 4;
const RULESETS: [&str; 3] = ["ppr", "draftkings", "te_premium"];
const ROOM: [usize; 8] = [usize::MAX / 4, 0, 1, 3, 40, 200, 1_000, 6_000];
const PAUSES_US: [i64; 8] = [1_000, 1, 20_000, 250_000, 1_000_000, 3_000_000, 11_000_000, 31_000_000];
/// Longest answer to one message here, and longest frame.
const REPLY_BYTES_MAX: usize = 8_000;
const FRAME_BYTES_MAX: usize = 40_000;

pub(crate) fn clients(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut rig = Rig::new(&mut choices);
    for _ in 0..ACTS_MAX {
        if choices.are_over() {
            break;
        }
        rig.act(&mut choices);
        rig.check();
    }
    rig.settle();
    rig.everyone_holds_the_same();
}

struct Rig {
    world: World,
    peers: [Option<Peer>; PEERS],
    held_bytes_max: usize,
    is_draining: bool,
}

impl Rig {
    fn new(choices: &mut Choices<'_>) -> Rig {
        let ring = *choices.pick(&[8, 1, 2, 30]);
        let limits = ShardLimits {
            ring_frames: *choices.pick(&[8, 1, 3, 64]),
            subscriptions_max: 12,
            message_bytes_max: 2_000,
            replies_bytes_max: *choices.pick(&[3_000, 500, 100_000]),
            coalesce_frames_max: *choices.pick(&[2, 1, 4]),
            write_bytes_max: *choices.pick(&[20_000, 200, 1_000]),
            compress_bytes_min: *choices.pick(&[200, 0]),
            slice_clients: *choices.pick(&[4, 1]),
            rest_us_max: *choices.pick(&[10_000, 0]),
            ping_interval_us: 10_000_000,
            silence_timeout_us: 30_000_000,
            stall_timeout_us: 12_000_000,
            ..Settings::default().shard
        };
        let held_bytes_max = limits.replies_bytes_max + 2 * limits.message_bytes_max + REPLY_BYTES_MAX + FRAME_BYTES_MAX;
        let settings = Settings {
            shards: 1,
            hub_ring: ring,
            notices_max: *choices.pick(&[12, 1]),
            shard: limits,
        };
        Rig {
            world: World::new(&settings, 0),
            peers: std::array::from_fn(|_| None),
            held_bytes_max,
            is_draining: false,
        }
    }

    fn act(&mut self, choices: &mut Choices<'_>) {
        let act = choices.below(32);
        let peer = choices.below(PEERS);
        if act >= 14 && self.peers[peer].is_none() {
            return self.connect(peer, choices);
        }
        match act {
            0..7 => self.feed(choices),
            7..10 => self.world.deliver(0),
            10..13 => {
                self.world.pump(0);
            }
            13 => {
                self.world.pass(*choices.pick(&PAUSES_US));
            }
            14..18 => self.subscribe(peer, choices),
            18 => self.unsubscribe(peer, choices),
            19..22 => {
                let room = *choices.pick(&ROOM);
                let key = self.peer(peer).key;
                self.world.make_room(0, key, room);
            }
            22 => self.send(peer, choices.bytes()),
            23 => {
                let (opcode, is_final, payload) = (choices.below(128) as u8, choices.flag(), choices.bytes());
                self.send(peer, &client_frame(opcode, is_final, payload, [1, 2, 3, 4]));
            }
            24 => {
                let message = choices.text();
                self.say(peer, message.as_bytes(), choices);
            }
            25 => {
                let ping = json!({"op": "ping", "id": choices.byte()});
                (0..=choices.below(40)).for_each(|_| self.ask(peer, &ping, choices));
            }
            26 => self.leave(peer),
            27 => self.socket(peer).broken = true,
            28 => self.world.wall_ahead_us += *choices.pick(&[-3_600_000_000, 1, 86_400_000_000]),
            29 => self.world.writes_us = *choices.pick(&[0, 100, 4_000]),
            30 if choices.below(8) == 7 => self.drain(),
            _ => self.read(peer),
        }
        (0..PEERS).for_each(|peer| self.read(peer));
        self.resume();
    }

    fn peer(&mut self, peer: usize) -> &mut Peer {
        self.peers[peer].as_mut().expect("it is connected")
    }

    fn socket(&mut self, peer: usize) -> &mut crate::world::Socket {
        let key = self.peer(peer).key;
        self.world.sockets[0].by_conn.get_mut(&key).expect("it is open")
    }

    /// An event, or a line of which nothing is known.
    fn feed(&mut self, choices: &mut Choices<'_>) {
        let event = match choices.below(16) {
            15 => Decoder::default().line(choices.bytes()).ok(),
            _ => Some(events::event(choices)),
        };
        if let Some(event) = event {
            let now = self.world.now();
            self.world.shared.apply(event, IngestTime(now.wall_us), StateTime(now.steady_us));
        }
    }

    fn connect(&mut self, peer: usize, choices: &mut Choices<'_>) {
        let kind = match choices.below(5) {
            4 => Kind::EventStream,
            form => Kind::WebSocket(Form {
                coding: Coding::ALL[form % 2],
                deflated: form >= 2,
            }),
        };
        let key = self.world.connect(0, kind, *choices.pick(&ROOM));
        self.peers[peer] = Some(Peer::new(kind, key));
        if kind == Kind::EventStream {
            self.open_stream(peer, choices);
        }
    }

    fn open_stream(&mut self, peer: usize, choices: &mut Choices<'_>) {
        let topics = topics(choices);
        let seqs: Vec<u64> = topics.iter().map(|_| u64::from(choices.byte())).collect();
        let since = match choices.below(3) {
            0 => None,
            1 => Some(Ok(&seqs[..])),
            _ => Some(Err("epoch")),
        };
        let rules = self.world.rulesets.index("ppr").expect("built in");
        let key = self.peer(peer).key;
        let taken = self.world.shards[0].subscribe_stream(key, &topics, rules, since);
        taken.expect("well-formed topics");
        for topic in topics {
            let held = Held {
                at: None,
                next: Next::Either,
            };
            let name = name(&topic, "ppr");
            self.peer(peer).subs.insert(name, held);
        }
    }

    fn subscribe(&mut self, peer: usize, choices: &mut Choices<'_>) {
        let (topics, ruleset) = (topics(choices), choices.word(&RULESETS));
        let mut since = Since::new();
        let one = self.peer(peer);
        for topic in &topics {
            let held = one.subs.get(&name(topic, ruleset)).and_then(|held| held.at.clone());
            match (choices.below(4), held) {
                (0 | 1, Some((seq, view))) => {
                    since.insert(topic.clone(), (seq, Some(view)));
                }
                (2, _) => {
                    since.insert(topic.clone(), (u64::from(choices.byte()), None));
                }
                _ => {}
            }
        }
        let seqs: Value = since.iter().map(|(topic, (seq, _))| (topic.clone(), json!(seq))).collect();
        let id = one.next_id;
        one.next_id += 1;
        one.asked.insert(id, since);
        let epoch = if choices.below(8) == 7 { "another" } else { EPOCH };
        let rate = choices.pick(&[None, None, Some(2.0), Some(0.5), Some(1_000.0)]);
        let request = json!({
            "op": "subscribe", "id": id, "topics": topics, "ruleset": ruleset, "since": seqs, "epoch": epoch, "max_rate_hz": rate,
        });
        self.ask(peer, &request, choices);
    }

    fn unsubscribe(&mut self, peer: usize, choices: &mut Choices<'_>) {
        let request = json!({"op": "unsubscribe", "topics": topics(choices), "ruleset": choices.word(&RULESETS)});
        self.ask(peer, &request, choices);
    }

    /// Says what is given as JSON in the client's own coding.
    fn ask(&mut self, peer: usize, request: &Value, choices: &mut Choices<'_>) {
        let message = match self.peer(peer).kind.form().coding {
            Coding::Json => request.to_string().into_bytes(),
            Coding::Bin => proto::client_message(request),
        };
        self.say(peer, &message, choices);
    }

    /// One message, whole or in fragments, compressed or not.
    fn say(&mut self, peer: usize, message: &[u8], choices: &mut Choices<'_>) {
        let form = self.peer(peer).kind.form();
        let opcode = match form.coding {
            Coding::Json => 1,
            Coding::Bin => 2,
        };
        let how = choices.below(4);
        let (opcode, payload) = match form.deflated && how % 2 == 1 {
            true => (0x40 | opcode, deflate(message)),
            false => (opcode, message.to_vec()),
        };
        let mask = [choices.byte(), 2, 3, 4];
        if how < 2 {
            return self.send(peer, &client_frame(opcode, true, &payload, mask));
        }
        let (head, tail) = payload.split_at(choices.below(256).min(payload.len()));
        self.send(peer, &client_frame(opcode, false, head, mask));
        self.send(peer, &client_frame(9, true, b"between", mask));
        self.send(peer, &client_frame(0, true, tail, mask));
    }

    /// Bytes to the server, as far as it reads.
    fn send(&mut self, peer: usize, bytes: &[u8]) {
        let now = self.world.now();
        let Some(one) = &mut self.peers[peer] else { return };
        if !one.kind.is_websocket() {
            return;
        }
        one.unsent.extend_from_slice(bytes);
        if !one.unsent.is_empty() && !self.world.shards[0].reading_paused(one.key) {
            let mut piece = std::mem::take(&mut one.unsent);
            self.world.shards[0].received(one.key, &mut piece, now);
        }
    }

    /// Goes on with those whose reading had stopped.
    fn resume(&mut self) {
        let now = self.world.now();
        for key in self.world.shards[0].take_resumed() {
            if self.world.shards[0].resume(key, now) == Reading::On
                && let Some(peer) = self.peers.iter().position(|peer| peer.as_ref().is_some_and(|peer| peer.key == key))
            {
                self.send(peer, b"");
            }
        }
    }

    /// A client reads what its socket holds, answers pings, and hangs up where it was closed.
    fn read(&mut self, peer: usize) {
        let Some(one) = &mut self.peers[peer] else { return };
        let socket = self.world.sockets[0].by_conn.get_mut(&one.key).expect("it is open");
        let sent = std::mem::take(&mut socket.sent);
        let is_over = socket.closed.is_some() || socket.finished;
        for ping in one.receive(&sent) {
            self.send(peer, &client_frame(0xa, true, &ping, [7, 7, 7, 7]));
        }
        if is_over {
            self.leave(peer);
        }
    }

    fn leave(&mut self, peer: usize) {
        if let Some(one) = self.peers[peer].take() {
            self.world.hang_up(0, one.key);
        }
    }

    fn drain(&mut self) {
        self.is_draining = true;
        self.world.shards[0].drain(1_000, self.world.now_us);
    }

    /// What must hold at every step.
    fn check(&mut self) {
        self.world.check_totals();
        for one in self.peers.iter().flatten() {
            let shard = &self.world.shards[0];
            let Some((account, pending)) = shard.account(one.key) else {
                continue;
            };
            assert_balanced(account, pending);
            let held = shard.held_bytes(one.key);
            assert!(held <= self.held_bytes_max, "{held} bytes wait for one client");
        }
    }

    /// No more trouble: whoever is there reads, and has time.
    fn settle(&mut self) {
        for peer in 0..PEERS {
            if self.peers[peer].is_some() && self.socket(peer).broken {
                self.leave(peer);
            }
        }
        for _ in 0..20 {
            for one in self.peers.iter().flatten() {
                self.world.make_room(0, one.key, usize::MAX / 4);
            }
            self.world.settle();
            self.world.pass(500_000);
            (0..PEERS).for_each(|peer| self.read(peer));
            self.resume();
            self.check();
        }
    }

    /// Whoever is still there has everything, and it is what one who comes now is shown.
    fn everyone_holds_the_same(&mut self) {
        let names: BTreeSet<Name> = self.peers.iter().flatten().flat_map(|peer| peer.subs.keys().cloned()).collect();
        if self.is_draining {
            assert!(self.peers.iter().flatten().next().is_none(), "all were let go");
            return;
        }
        for name in names {
            let key = self.world.connect(0, Kind::WebSocket(Form::PLAIN), usize::MAX / 4);
            let mut fresh = Peer::new(Kind::WebSocket(Form::PLAIN), key);
            let mut request = json!({"op": "subscribe", "topics": [name.0]});
            if !name.1.is_empty() {
                request["ruleset"] = name.1.clone().into();
            }
            let mut bytes = client_frame(1, true, request.to_string().as_bytes(), [0; 4]);
            let now = self.world.now();
            self.world.shards[0].received(key, &mut bytes, now);
            self.world.settle();
            let socket = self.world.hang_up(0, key).expect("it was there");
            fresh.receive(&socket.sent);
            let (head, shown) = fresh.subs[&name].at.as_ref().expect("a snapshot came");
            for one in self.peers.iter().flatten() {
                let Some(held) = one.subs.get(&name) else { continue };
                let (_, pending) = self.world.shards[0].account(one.key).expect("it is there");
                assert_eq!(pending, 0);
                assert!(held.next != Next::Snapshot, "{name:?}: the snapshot never came");
                if let Some((seq, view)) = &held.at {
                    assert_eq!(seq, head, "{name:?}");
                    assert_eq!(plain(*seq, view), plain(*head, shown), "{name:?}");
                }
            }
        }
    }
}

/// One to four topics, each once.
fn topics(choices: &mut Choices<'_>) -> Vec<String> {
    let some = (0..=choices.below(4)).map(|_| match choices.below(8) {
        0 => "slate".to_owned(),
        1 => format!("team:{}", choices.word(&TEAMS)),
        2 => format!("player:dst:{}", choices.word(&TEAMS)),
        3..6 => format!("game:{}", choices.word(&GAMES)),
        _ => format!("player:{}", choices.word(&PLAYERS)),
    });
    let distinct: BTreeSet<String> = some.collect();
    distinct.into_iter().collect()
}

fn name(topic: &str, ruleset: &str) -> Name {
    let ruleset = if topic == "slate" { "" } else { ruleset };
    (topic.to_owned(), ruleset.to_owned())
}
