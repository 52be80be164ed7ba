//! What clients do: come, subscribe, leave, return, talk too much, break the rules.

use super::{RULESETS, Sim};
use crate::client::{Held, Request, count};
use crate::frames::{client_frame, client_message};
use crate::proto;
use scorewire::fanout::shard::{Kind, Reading};
use scorewire::memory::Level;
use scorewire::wire::{Coding, Form};
use serde_json::json;
use std::collections::BTreeMap;

/// Opcodes of messages.
const TEXT: u8 = 1;
const BINARY: u8 = 2;

impl Sim {
    pub(super) fn act(&mut self, client: usize) {
        if self.clients[client].key.is_none() {
            return self.come_back(client);
        }
        if self.clients[client].kind == Kind::EventStream {
            if self.chance.percent(15) {
                self.leave(client);
            }
            return;
        }
        // Who has fallen silent stays so, and is closed for it if that lasts.
        if self.clients[client].mute {
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

    pub(super) fn leave(&mut self, client: usize) {
        let one = &mut self.clients[client];
        if let Some(key) = one.key.take() {
            self.world.hang_up(one.shard, key);
        }
    }

    pub(super) fn come_back(&mut self, client: usize) {
        if self.world.hub.pressure().level() >= Level::Newcomers {
            return count(&mut self.tally, "turned away");
        }
        let shard = self.chance.below(self.world.shards.len());
        let kind = match client % 4 {
            1 => Kind::EventStream,
            place => Kind::WebSocket(Form {
                coding: *self.chance.pick(&Coding::ALL),
                deflated: place == 2,
            }),
        };
        let room = self.chance.between(0, 8_000);
        let key = self.world.connect(shard, kind, room);
        self.clients[client].connected(kind, shard, key);
        (self.clients[client].epoch, self.clients[client].life) = (self.world.epoch.clone(), self.world.lives);
        match kind {
            Kind::WebSocket(_) => {
                // As after a lost connection: all that was held, at once, from where it stood.
                for ruleset in RULESETS {
                    let held = |name: &&(String, String)| name.1 == ruleset || name.1.is_empty() && ruleset == RULESETS[0];
                    let topics: Vec<String> = self.clients[client].saved.keys().filter(held).map(|name| name.0.clone()).collect();
                    if !topics.is_empty() && self.chance.percent(70) {
                        self.ask(client, topics, Some(ruleset), None);
                    }
                }
            }
            Kind::EventStream => self.open_stream(client),
            Kind::Echo(_) => unreachable!("of {client}'s kind there is none"),
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
        let since: Option<Result<Vec<u64>, &'static str>> = one.last_id.as_ref().map(|id| {
            let (epoch, seqs) = id.split_once('.').expect("an id of ours");
            if epoch != self.world.epoch {
                count(&mut self.tally, "stream of another epoch");
                return Err("epoch");
            }
            Ok(seqs.split('-').map(|seq| seq.parse().expect("a number")).collect())
        });
        let (shard, key) = (one.shard, one.key.expect("connected"));
        let since_ref = since.as_ref().map(|since| since.as_deref().map_err(|reason| *reason));
        self.world.shards[shard]
            .subscribe_stream(key, &one.stream, ruleset, since_ref)
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
            let said = since.as_ref().and_then(|since| since.as_ref().ok()).map(|since| since[place]);
            let is_it = |held: &&Held| Some(held.seq) == said && held.epoch == self.world.epoch;
            let held = one.saved.get(&name).filter(is_it).cloned();
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
        let mut held: Vec<(&String, Held)> = Vec::new();
        for topic in &topics {
            let rules = if topic == "slate" { "" } else { ruleset.unwrap_or("draftkings") };
            let name = (topic.clone(), rules.to_owned());
            let current = one.subs.get(&name).filter(|sub| !sub.awaiting).map(|sub| one.held(sub));
            let wanted = if self.chance.percent(50) {
                current
            } else {
                one.saved.get(&name).cloned()
            };
            held.extend(wanted.map(|wanted| (topic, wanted)));
        }
        // A message speaks of one epoch.
        let epoch = held.first().map_or(&self.world.epoch, |(_, held)| &held.epoch).clone();
        let is_told = self.chance.percent(90);
        let mut request = Request {
            gap_us: rate.map_or(0, |rate| (1_000_000.0 / rate) as i64),
            right_epoch: is_told && epoch == self.world.epoch,
            since: BTreeMap::new(),
            is_of_another_life: false,
        };
        for (topic, held) in held.into_iter().filter(|(_, held)| held.epoch == epoch) {
            if self.chance.percent(5) {
                request.since.insert(topic.clone(), (1_000_000, None));
            } else if self.chance.percent(70) {
                request.is_of_another_life |= held.life != self.world.lives;
                request.since.insert(topic.clone(), (held.seq, Some(held.view)));
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
        message["epoch"] = (if is_told { epoch.as_str() } else { "another" }).into();
        self.clients[client].requests.insert(id, request);
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
        let opcode = self.opcode(client);
        let bytes = match self.chance.below(14) {
            0..5 => client_message(opcode, b"{\"op\":", self.clients[client].extension(), &mut self.chance),
            5 => client_frame(3 - opcode, true, b"of the other coding", [1, 2, 3, 4]),
            6 | 12 | 13 => client_frame(1, true, &[0xff, 0xfe], [1, 2, 3, 4]),
            7 => client_frame(1, true, &[b' '; 3_000], [1, 2, 3, 4]),
            8 => vec![0x81, 0x02, b'{', b'}'],
            9 => client_frame(0xc, true, b"", [0; 4]),
            _ => client_frame(8, true, &1000u16.to_be_bytes(), [9, 9, 9, 9]),
        };
        self.send(client, &bytes);
    }

    /// The opcode of a client's messages.
    fn opcode(&self, client: usize) -> u8 {
        match self.clients[client].kind.form().coding {
            Coding::Json => TEXT,
            Coding::Bin => BINARY,
        }
    }

    /// Says what is given as JSON in the client's own coding.
    fn say(&mut self, client: usize, text: &str) {
        let (opcode, message) = match self.opcode(client) {
            TEXT => (TEXT, text.as_bytes().to_vec()),
            opcode => (opcode, proto::client_message(&serde_json::from_str(text).expect("a request"))),
        };
        let bytes = client_message(opcode, &message, self.clients[client].extension(), &mut self.chance);
        self.send(client, &bytes);
    }

    /// Bytes to the server in pieces of any size, as far as it reads.
    pub(super) fn send(&mut self, client: usize, bytes: &[u8]) {
        let one = &mut self.clients[client];
        let Some(key) = one.key else { return };
        one.unsent.extend(bytes);
        let now = self.world.now();
        let shard = &mut self.world.shards[one.shard];
        while !one.unsent.is_empty() && !shard.reading_paused(key) {
            let length = self.chance.between(1, one.unsent.len());
            let mut piece: Vec<u8> = one.unsent.drain(..length).collect();
            if shard.received(key, &mut piece, now) == Reading::Paused {
                count(&mut self.tally, "reading paused");
            }
        }
    }
}
