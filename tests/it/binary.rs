//! The binary coding says what JSON says, in less than half of the bytes; its numbers are the schema's.

use crate::proto;
use crate::support::events::recorded;
use crate::support::recorded::data;
use crate::world::{engine_limits, rulesets};
use proptest::prelude::*;
use scorewire::engine::Shared;
use scorewire::fanout::encode::{self, Subject};
use scorewire::fanout::hub::{Hub, HubLimits};
use scorewire::fanout::lineups::LineupLimits;
use scorewire::fanout::snapshot::{self, GameReader};
use scorewire::fanout::{Entry, Topic};
use scorewire::feed::simulator::{Options, Simulator};
use scorewire::feed::{Decoder, Limits};
use scorewire::model::stat::NAMES;
use scorewire::model::{Event, IngestTime, Stat, StateTime, TopicName};
use scorewire::scoring::{Ruleset, Rulesets};
use scorewire::telemetry::EngineMetrics;
use scorewire::wire::ws::Frame;
use scorewire::wire::{Coding, Form};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most that the binary coding may take of JSON's bytes, in percent.
const PERCENT_MAX: u64 = 45;
/// How long after the feed's own time an event comes in, and its frame is encoded.
const FEED_DELAY_US: i64 = 80_000;
const ENCODE_DELAY_US: i64 = 150;

const BIN: Form = Form {
    coding: Coding::Bin,
    ..Form::PLAIN
};

/// An engine with everything that its topics have shown.
struct Slate {
    hub: Arc<Hub>,
    games: GameReader,
    topics: Vec<Arc<Topic>>,
    rulesets: Arc<Rulesets>,
}

impl Slate {
    fn of(events: impl IntoIterator<Item = Event>) -> Slate {
        let limits = HubLimits {
            ring_frames: 100_000,
            topics_max: 10_000,
            notices_max: 1,
            lineups: LineupLimits::DEFAULT,
        };
        let (hub, _inboxes) = Hub::new(1, limits);
        let hub = Arc::new(hub);
        let engine = Arc::new(Shared::new(hub.clone(), engine_limits(), EngineMetrics::new()));
        let mut names = vec![TopicName::Slate];
        let mut now_us = 1_800_000_000_000_000;
        for event in events {
            let sent = event.ts().filter(|ts| ts.0 > 0);
            now_us = sent.and_then(|ts| ts.0.checked_add(FEED_DELAY_US)).unwrap_or(now_us + 1_000);
            engine.apply(event, IngestTime(now_us), StateTime::default());
        }
        for (head, _) in engine.games() {
            let now = engine.game(&head.game).expect("a game");
            names.push(TopicName::Game(head.game.clone()));
            names.extend(now.team_seqs.iter().map(|(team, ..)| TopicName::Team(team.clone())));
            names.extend(now.players.iter().map(|slot| TopicName::Player(slot.who.card.player.clone())));
        }
        names.sort();
        names.dedup();
        let topics = names.iter().filter_map(|name| hub.get(name)).collect();
        Slate {
            hub,
            games: Arc::new(move |game| engine.game(game)),
            topics,
            rulesets: rulesets(),
        }
    }

    /// Every delta, one by one and merged, and every snapshot: in both codings, which must say the same.
    fn compare(&self, ruleset: &str) -> BTreeMap<String, Bytes> {
        let ruleset = self.rulesets.get(ruleset).expect("it is there");
        let mut sums: BTreeMap<String, Bytes> = BTreeMap::new();
        for topic in &self.topics {
            let kind = topic.name.parts().0.trim_end_matches(':');
            let entries: Vec<Entry> = topic.read(|history| history.after(0).collect());
            // Nobody is sent a delta across the beginning of another game.
            for entries in entries.chunk_by(|_, next| !next.new_game) {
                for count in [1, 3, 20] {
                    let label = if count == 1 { "delta" } else { "merged delta" };
                    for entries in entries.chunks(count) {
                        let now_us = entries[entries.len() - 1].change.ingest.0 + ENCODE_DELAY_US;
                        sums.entry(format!("{kind} {label}"))
                            .or_default()
                            .add(both(topic, ruleset, now_us, |subject| encode::delta(subject, entries, None)));
                    }
                }
            }
            let bytes = both(topic, ruleset, 1_800_000_000_000_000, |subject| {
                snapshot::take(&self.hub, &self.games, subject, "subscribe").frame
            });
            sums.entry(format!("{kind} snapshot")).or_default().add(bytes);
        }
        sums
    }
}

#[derive(Default)]
struct Bytes {
    frames: u64,
    json: u64,
    bin: u64,
}

impl Bytes {
    fn add(&mut self, other: Bytes) {
        self.frames += other.frames;
        self.json += other.json;
        self.bin += other.bin;
    }

    fn percent(&self) -> f64 {
        100.0 * self.bin as f64 / self.json as f64
    }
}

fn both(topic: &Topic, ruleset: &Ruleset, wall_us: i64, frame: impl Fn(Subject<'_>) -> Frame) -> Bytes {
    let of = |form| {
        frame(Subject {
            topic,
            ruleset,
            form,
            wall_us,
            shift: 0,
        })
    };
    let (json, bin) = (of(Form::PLAIN), of(BIN));
    let said: Value = serde_json::from_slice(json.payload()).expect("JSON");
    assert_eq!(proto::server_message(bin.payload()), said);
    Bytes {
        frames: 1,
        json: json.bytes().len() as u64,
        bin: bin.bytes().len() as u64,
    }
}

#[test]
fn a_feeds_clock_may_say_anything() {
    let plays = [i64::MIN, -1, 0, i64::MAX].into_iter().enumerate().map(|(place, ts)| {
        let line = format!(
            r#"{{"type":"play","game":"G","play":"{place}","ts":{ts},"stats":[{{"player":"x-1","team":"AAA","stat":10,"yards":3}}]}}"#
        );
        Decoder::new(Limits::default()).line(line.as_bytes()).expect("a good line")
    });
    let sums = Slate::of(plays).compare("draftkings");
    assert_eq!((sums["game delta"].frames, sums["game merged delta"].frames), (4, 3));
}

/// Prints a table, and holds every kind of frame to the limit.
fn hold(title: &str, sums: &BTreeMap<String, Bytes>) {
    println!("{title}: frames, bytes of JSON, of binary, percent");
    let mut deltas = Bytes::default();
    for (label, bytes) in sums {
        println!(
            "  {label:20} {:7} {:9} {:9} {:6.1}",
            bytes.frames,
            bytes.json,
            bytes.bin,
            bytes.percent()
        );
        assert!(bytes.bin * 100 <= bytes.json * PERCENT_MAX, "{label}: {:.1} %", bytes.percent());
        if label.ends_with(" delta") && !label.contains("merged") {
            deltas.add(Bytes { ..*bytes });
        }
    }
    println!(
        "  {:20} {:7} {:9} {:9} {:6.1}",
        "all deltas",
        deltas.frames,
        deltas.json,
        deltas.bin,
        deltas.percent()
    );
    assert!(deltas.frames > 1_000, "{}", deltas.frames);
}

#[test]
fn a_recorded_week_is_said_in_less_than_half_of_the_bytes() {
    let Some(folder) = data("dev/2017w03") else { return };
    hold("2017, week 3", &Slate::of(recorded(&folder)).compare("draftkings"));
}

#[test]
fn the_simulation_is_said_in_less_than_half_of_the_bytes() {
    let options = Options {
        games: 2,
        ..Options::default()
    };
    let events = Simulator::new(&options).flat_map(|step| step.events);
    hold("simulated", &Slate::of(events).compare("te_premium"));
}

#[test]
fn every_stat_has_its_field() {
    let fields = proto::message("Stats");
    for (stat, name) in NAMES.iter().filter(|(stat, _)| *stat != Stat::Begun) {
        let field = fields
            .get_field(*stat as u32 + 1)
            .unwrap_or_else(|| panic!("{name} is not in the schema"));
        let unit = if stat.units() == 2 { "_halves" } else { "" };
        assert_eq!(field.name(), format!("{name}{unit}"));
    }
    assert_eq!(fields.fields().count(), NAMES.len() - 1);
}

fn request() -> impl Strategy<Value = Value> {
    let text = || "[ -~é]{0,12}";
    let id = prop::option::of(any::<i64>());
    let topics = prop::collection::vec(text(), 1..5);
    let resume = prop::option::of((text(), prop::collection::hash_map(text(), any::<u64>(), 0..4)));
    let rate = prop::option::of((1..=100_000u32).prop_map(|hundredths| f64::from(hundredths) / 100.0));
    let rest = (prop::option::of(text()), resume, rate);
    let op = prop::sample::select(vec!["subscribe", "unsubscribe", "ping", "auth"]);
    (op, id, topics, rest).prop_map(|(op, id, topics, (ruleset, resume, rate))| {
        let (epoch, since) = resume.unzip();
        let mut request = json!({"op": op, "id": id});
        if op.ends_with("subscribe") {
            request["topics"] = json!(topics);
            request["ruleset"] = json!(ruleset);
        }
        if op == "subscribe" {
            request["max_rate_hz"] = json!(rate);
            request["epoch"] = json!(epoch);
            request["since"] = json!(since);
        }
        // What is absent is null in JSON, and not there in binary.
        request
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What another implementation writes is read as the same request in JSON is.
    #[test]
    fn a_request_is_the_same_in_both_codings(request in request()) {
        let json = Coding::Json.read(request.to_string().as_bytes());
        prop_assert!(json.is_ok());
        prop_assert_eq!(Coding::Bin.read(&proto::client_message(&request)), json);
    }
}
