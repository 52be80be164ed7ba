//! Fans with a lineup each, who come, go, read slowly and resume like everybody else.
//!
//! What a lineup shows at a `seq` is nobody's to say beforehand: the thread that adds them up may be overrun, and then
//! looks again. So each frame must lead on from the one before, its slots must come to its points, and each slot must
//! show what its player's topic showed at some time, never going back. In the end it shows what that shows now.

use super::Sim;
use crate::chance::Chance;
use crate::client::count;
use crate::frames::{Extension, Got, client_frame, next_frame};
use crate::lineups::{Books, some_players, times};
use crate::proto;
use scorewire::fanout::shard::{ConnKey, Kind};
use scorewire::memory::Level;
use scorewire::model::TopicName;
use scorewire::wire::{Coding, Form};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FANS: usize = 2;
const RULESET: &str = "te_premium";

pub(super) struct Fan {
    shard: usize,
    key: Option<ConnKey>,
    form: Form,
    /// Whom the lineup has, and what they count for in 1/100.
    players: Vec<(String, i64)>,
    topic: Option<String>,
    /// Of what it holds.
    epoch: String,
    books: Books,
    /// By player: his topic's `seq` that the slot shows, at the earliest.
    since: BTreeMap<String, u64>,
    asked: bool,
    buffer: Vec<u8>,
}

pub(super) fn some(topics: &[TopicName], chance: &mut Chance) -> Vec<Fan> {
    let fan = |_| Fan {
        shard: 0,
        key: None,
        form: Form::PLAIN,
        players: some_players(topics, chance),
        topic: None,
        epoch: String::new(),
        books: Books::default(),
        since: BTreeMap::new(),
        asked: false,
        buffer: Vec::new(),
    };
    (0..FANS).map(fan).collect()
}

impl Fan {
    /// The process that it was connected to is gone.
    pub(super) fn cut_off(&mut self) {
        self.key = None;
    }
}

impl Sim {
    /// A fan does something.
    pub(super) fn cheer(&mut self) {
        let fan = self.chance.below(FANS);
        match self.fans[fan].key {
            None => self.fan_comes(fan),
            Some(_) if self.chance.percent(5) => self.fan_leaves(fan),
            Some(_) if !self.fans[fan].asked => self.fan_asks(fan),
            Some(key) => {
                let room = self.chance.between(1, 4_000);
                self.world.make_room(self.fans[fan].shard, key, room);
            }
        }
        self.fan_reads(fan);
    }

    /// Everybody is there, has asked, and reads.
    pub(super) fn fans_heal(&mut self) {
        for fan in 0..FANS {
            if self.fans[fan].key.is_none() {
                self.fan_comes(fan);
            }
            if let Some(key) = self.fans[fan].key {
                self.world.make_room(self.fans[fan].shard, key, usize::MAX / 4);
            }
            if !self.fans[fan].asked {
                self.fan_asks(fan);
            }
            self.fan_reads(fan);
        }
    }

    pub(super) fn fans_are_right(&self) {
        for fan in &self.fans {
            assert!(fan.key.is_some() && fan.asked, "a fan came back and asked");
            let topic = fan.topic.as_ref().expect("and was told the topic");
            for (player, hundredths) in &fan.players {
                let due = self.slot_at(player, *hundredths, self.oracle.head(&format!("player:{player}")));
                assert_eq!(fan.books.slots[topic][player], due, "{player} in the end");
            }
        }
    }

    fn slot_at(&self, player: &str, hundredths: i64, seq: u64) -> i64 {
        let ruleset = self.world.rulesets.get(RULESET).expect("one of these tests");
        times(self.oracle.view(&format!("player:{player}"), seq, ruleset).line.points, hundredths)
    }

    fn fan_comes(&mut self, fan: usize) {
        if self.world.hub.pressure().level() >= Level::Newcomers {
            return;
        }
        let shard = self.chance.below(self.world.shards.len());
        let form = Form {
            coding: *self.chance.pick(&Coding::ALL),
            deflated: self.chance.percent(50),
        };
        let room = self.chance.between(0, 8_000);
        let key = self.world.connect(shard, Kind::WebSocket(form), room);
        let one = &mut self.fans[fan];
        (one.shard, one.key, one.form, one.asked) = (shard, Some(key), form, false);
        one.buffer.clear();
        if one.epoch != self.world.epoch {
            one.epoch = self.world.epoch.clone();
            (one.books, one.since) = (Books::default(), BTreeMap::new());
        }
    }

    fn fan_leaves(&mut self, fan: usize) {
        let one = &mut self.fans[fan];
        if let Some(key) = one.key.take() {
            self.world.hang_up(one.shard, key);
        }
    }

    fn fan_asks(&mut self, fan: usize) {
        let one = &self.fans[fan];
        let slots: Vec<Value> = one
            .players
            .iter()
            .map(|(player, hundredths)| json!({"slot": "X", "player": player, "multiplier": *hundredths as f64 / 100.0}))
            .collect();
        let mut asked = json!({"op": "lineup", "id": 1, "ruleset": RULESET, "slots": slots});
        let held = one.topic.as_ref().and_then(|topic| one.books.held.get(topic));
        if let Some((_, seq)) = held
            && self.chance.percent(70)
        {
            (asked["epoch"], asked["since"]) = (json!(one.epoch), json!(seq));
        }
        let message = match one.form.coding {
            Coding::Json => client_frame(1, true, asked.to_string().as_bytes(), [1, 2, 3, 4]),
            Coding::Bin => client_frame(2, true, &proto::client_message(&asked), [1, 2, 3, 4]),
        };
        self.fans[fan].asked = self.fan_says(fan, message);
    }

    /// Whether the server takes anything just now.
    fn fan_says(&mut self, fan: usize, mut message: Vec<u8>) -> bool {
        let one = &self.fans[fan];
        let Some(key) = one.key else { return false };
        let (now, shard) = (self.world.now(), &mut self.world.shards[one.shard]);
        if shard.reading_paused(key) {
            return false;
        }
        let _ = shard.received(key, &mut message, now);
        true
    }

    fn fan_reads(&mut self, fan: usize) {
        let one = &mut self.fans[fan];
        let Some(key) = one.key else { return };
        let socket = self.world.sockets[one.shard].by_conn.get_mut(&key).expect("open");
        one.buffer.append(&mut socket.sent);
        let is_over = socket.closed.is_some() || socket.finished;
        let extension = if one.form.deflated { Extension::Deflate } else { Extension::None };
        let buffer = std::mem::take(&mut one.buffer);
        let mut rest = &buffer[..];
        while let Some((got, taken)) = next_frame(rest, extension) {
            rest = &rest[taken..];
            match got {
                Got::Text(text) => self.fan_is_told(fan, &serde_json::from_str(&text).expect("JSON")),
                Got::Binary(message) => self.fan_is_told(fan, &proto::server_message(&message)),
                Got::Ping(payload) => drop(self.fan_says(fan, client_frame(0xa, true, &payload, [7, 7, 7, 7]))),
                Got::Pong(_) | Got::Close(_) => {}
            }
        }
        self.fans[fan].buffer = rest.to_vec();
        if is_over {
            self.fan_leaves(fan);
        }
    }

    fn fan_is_told(&mut self, fan: usize, message: &Value) {
        match message["type"].as_str().expect("a type") {
            "subscribed" => {
                let topic = &message["topics"][0];
                self.fans[fan].asked = topic.is_object();
                self.fans[fan].topic = topic["topic"].as_str().map(str::to_owned).or(self.fans[fan].topic.take());
                count(&mut self.tally, &format!("lineup {}", topic["how"].as_str().unwrap_or("refused")));
            }
            kind @ ("snapshot" | "delta") => {
                let what = message["reason"].as_str().unwrap_or(kind);
                count(&mut self.tally, &format!("lineup {what}"));
                if message["causes"].is_array() {
                    count(&mut self.tally, "lineup merged");
                }
                self.fans[fan].books.take(message);
                self.slots_were_shown(fan);
            }
            "error" => self.fans[fan].asked = false,
            _ => {}
        }
    }

    /// Each slot shows what the player's topic showed when it last did, or later.
    fn slots_were_shown(&mut self, fan: usize) {
        let one = &self.fans[fan];
        let slots = &one.books.slots[one.topic.as_ref().expect("an answer comes first")];
        let mut since = BTreeMap::new();
        for (player, hundredths) in &one.players {
            let (shown, from) = (slots[player], one.since.get(player).copied().unwrap_or(0));
            let head = self.oracle.head(&format!("player:{player}"));
            let seq = (from..=head).find(|seq| self.slot_at(player, *hundredths, *seq) == shown);
            let seq = seq.unwrap_or_else(|| panic!("{player} never showed {shown} from {from} to {head}"));
            since.insert(player.clone(), seq);
        }
        self.fans[fan].since = since;
    }
}
