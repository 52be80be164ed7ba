//! The exact bytes of every kind of message, times fixed: `tests/golden/frames.jsonl`, and the same in
//! the binary coding: `tests/golden/frames.bin.txt`.
//!
//! A change of the wire shows up as a difference here, on purpose. `SCOREWIRE_BLESS=1` writes the files
//! anew; read the difference before committing it.

use crate::frames::{Extension, Got, client_frame, next_frame};
use crate::predictions::{each_kind, post, tie};
use crate::proto;
use crate::world::{Settings, World, rulesets};
use scorewire::contest::{self, Players, Reader};
use scorewire::fanout::contests::{Drawn, Odds};
use scorewire::fanout::shard::{ConnKey, Kind};
use scorewire::feed::{Decoder, Limits};
use scorewire::model::contest::Cents;
use scorewire::model::{IngestTime, StateTime};
use scorewire::wire::{Coding, Form};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

struct Script {
    world: World,
    key: ConnKey,
    coding: Coding,
    out: String,
    /// What the server said, in the JSON form.
    said: Vec<Value>,
}

impl Script {
    fn say(&mut self, text: &str) {
        let frame = match self.coding {
            Coding::Json => client_frame(1, true, text.as_bytes(), [1, 2, 3, 4]),
            Coding::Bin => client_frame(2, true, &binary(text), [1, 2, 3, 4]),
        };
        let mut bytes = frame.clone();
        let now = self.world.now();
        self.world.shards[0].received(self.key, &mut bytes, now);
        self.out.push_str(if self.coding == Coding::Bin { "\n" } else { "" });
        writeln!(self.out, "# {text}").expect("memory");
        if self.coding == Coding::Bin {
            self.hex('<', &binary(text));
        }
        self.listen();
    }

    fn feed(&mut self, lines: &[&str]) {
        for line in lines {
            self.world.now_us += 1_000;
            let event = Decoder::new(Limits::default()).line(line.as_bytes()).expect("a good line");
            let now = self.world.now();
            self.world.shared.apply(event, IngestTime(now.wall_us), StateTime(now.steady_us));
        }
        self.told(&format!("{} more events", lines.len()));
    }

    fn told(&mut self, why: &str) {
        self.out.push_str(if self.coding == Coding::Bin { "\n" } else { "" });
        writeln!(self.out, "# {why}").expect("memory");
        self.listen();
    }

    fn listen(&mut self) {
        self.world.settle();
        let socket = self.world.sockets[0].by_conn.get_mut(&self.key).expect("open");
        let sent = std::mem::take(&mut socket.sent);
        let mut rest = &sent[..];
        while let Some((got, taken)) = next_frame(rest, Extension::None) {
            match got {
                Got::Text(text) => {
                    writeln!(self.out, "{text}").expect("memory");
                    self.said.push(serde_json::from_str(&text).expect("JSON"));
                }
                Got::Binary(message) => {
                    let json = proto::server_message(&message);
                    writeln!(self.out, "# {json}").expect("memory");
                    self.hex('>', &message);
                    self.said.push(json);
                }
                other => writeln!(self.out, "# {other:?} {:02x?}", &rest[..taken]).expect("memory"),
            }
            rest = &rest[taken..];
        }
        assert!(rest.is_empty());
    }

    /// Bytes, 32 a line; each with the text that it may be.
    fn hex(&mut self, direction: char, bytes: &[u8]) {
        for line in bytes.chunks(32) {
            let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let text: String = line
                .iter()
                .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' })
                .collect();
            writeln!(self.out, "{direction} {hex:64}  {text}").expect("memory");
        }
    }
}

/// A client's message in the binary coding; one that the schema does not have as an unknown field.
fn binary(text: &str) -> Vec<u8> {
    match text {
        r#"{"op":"dance"}"# => vec![15 << 3 | 2, 0],
        text => proto::client_message(&serde_json::from_str(text).expect("JSON")),
    }
}

const PLAYERS: &str = r#"{"type":"players","players":[{"player":"Q","name":"Quentin <Q> \"Q\" Back","team":"NE","position":"QB"},{"player":"W","name":"Wide Réceiver","team":"NE","position":"WR"}]}"#;
const SCHEDULED: &str = r#"{"type":"game","game":"G","status":"scheduled","home":"NE","away":"HOU","kickoff":1800000000000000}"#;
const LIVE: &str = r#"{"type":"game","game":"G","rev":2,"ts":5,"status":"live","home":"NE","away":"HOU","kickoff":1800000000000000,"score":{"NE":0,"HOU":0}}"#;
const SNAP: &str = r#"{"type":"situation","game":"G","ts":6,"clock":{"quarter":1,"seconds_left":900},"down":1,"distance":10,"yards_to_goal":75,"possession":"NE","timeouts":{"NE":3,"HOU":3},"shotgun":true,"no_huddle":false}"#;
const PASS: &str = r#"{"type":"play","game":"G","play":"10","ts":7,"play_type":"pass","clock":{"quarter":1,"seconds_left":870},"stats":[{"player":"Q","team":"NE","stat":15,"yards":24},{"player":"W","team":"NE","stat":21,"yards":24}]}"#;
const SACK: &str = r#"{"type":"play","game":"G","play":"20","ts":8,"clock":{"quarter":1,"seconds_left":840},"stats":[{"player":"Q","team":"NE","stat":20,"yards":-7},{"player":"D","team":"HOU","stat":84,"yards":-7}]}"#;
const TOUCHDOWN: &str = r#"{"type":"play","game":"G","play":"30","ts":9,"stats":[{"player":"Q","team":"NE","stat":16,"yards":60},{"player":"W","team":"NE","stat":22,"yards":60}]}"#;
const CORRECTED: &str = r#"{"type":"play","game":"G","play":"10","rev":2,"ts":10,"clock":{"quarter":1,"seconds_left":870},"stats":[{"player":"Q","team":"NE","stat":15,"yards":21},{"player":"W","team":"NE","stat":21,"yards":21}]}"#;
const TAKEN_BACK: &str = r#"{"type":"retract","game":"G","play":"30","rev":2,"ts":11}"#;
const POSITION: &str = r#"{"type":"players","players":[{"player":"W","position":"TE"}]}"#;
const NEXT_GAME: &str = r#"{"type":"play","game":"H","play":"1","ts":12,"stats":[{"player":"Q","team":"NE","stat":15,"yards":5}]}"#;
const NEXT_LIVE: &str = r#"{"type":"game","game":"H","ts":13,"status":"live","home":"BUF","away":"NE","kickoff":1800600000000000}"#;

/// A captain, who catches from the next, and one of whom nothing is known.
const SLOTS: &str = r#"{"slot":"CPT","player":"W","multiplier":1.5},{"slot":"QB","player":"Q"},{"slot":"K","player":"Z"}"#;
const PASS_AGAIN: &str = r#"{"type":"play","game":"H","play":"2","ts":14,"stats":[{"player":"Q","team":"NE","stat":15,"yards":11},{"player":"W","team":"NE","stat":21,"yards":11}]}"#;

const ONLY_PLAY: &str = r#"{"type":"play","game":"K","play":"1","clock":{"quarter":1,"seconds_left":900},"situation":{"down":1,"distance":10},"stats":[{"player":"R","team":"NE","stat":10,"yards":5}]}"#;
// With its only play, the game's clock and situation are gone too: they are sent as null.
const NO_PLAY_AFTER_ALL: &str = r#"{"type":"retract","game":"K","play":"1","rev":2}"#;

fn transcript(coding: Coding) -> (String, Vec<Value>) {
    let mut world = World::new(&Settings::default(), 0);
    let form = Form { coding, ..Form::PLAIN };
    let mut script = Script {
        key: world.connect(0, Kind::WebSocket(form), usize::MAX / 4),
        world,
        coding,
        out: String::new(),
        said: Vec::new(),
    };
    script.told("connected");
    script.say(r#"{"op":"ping","id":1}"#);
    script.say(r#"{"op":"dance"}"#);
    script.say(r#"{"op":"subscribe","id":2,"topics":["player:Q","game:G","slate","plyer:1","team:NE"],"ruleset":"ppr"}"#);
    for line in [PLAYERS, SCHEDULED, LIVE, SNAP, PASS, SACK, TOUCHDOWN, CORRECTED, TAKEN_BACK] {
        script.feed(&[line]);
    }
    script.say(r#"{"op":"subscribe","id":3,"topics":["player:W","game:G"],"ruleset":"te_premium"}"#);
    script.feed(&[POSITION]);
    script.say(r#"{"op":"unsubscribe","id":4,"topics":["game:G","slate"],"ruleset":"te_premium"}"#);
    script.say(r#"{"op":"subscribe","id":5,"topics":["player:Q"],"ruleset":"ppr","epoch":"e1","since":{"player:Q":1}}"#);
    script.say(r#"{"op":"subscribe","id":6,"topics":["player:Q"],"ruleset":"ppr","epoch":"e0","since":{"player:Q":1}}"#);
    let plays: Vec<String> = (40..60).map(|play| PASS.replace(r#""10""#, &format!("\"{play}\""))).collect();
    let mut plays: Vec<&str> = plays.iter().map(String::as_str).collect();
    plays.push(CORRECTED_AGAIN);
    script.feed(&plays);
    script.feed(&[NEXT_LIVE, NEXT_GAME]);
    script.say(&format!(
        r#"{{"op":"lineup","id":11,"name":"mine & yours","ruleset":"ppr","slots":[{SLOTS}]}}"#
    ));
    script.feed(&[PASS_AGAIN]);
    script.feed(&[&PASS_AGAIN.replace(r#""play":"2""#, r#""play":"3""#)]);
    script.say(&format!(r#"{{"op":"lineup","id":12,"ruleset":"ppr","slots":[{SLOTS},{SLOTS}]}}"#));
    script.say(r#"{"op":"subscribe","id":7,"topics":["game:K"]}"#);
    script.feed(&[ONLY_PLAY]);
    script.feed(&[NO_PLAY_AFTER_ALL]);
    script.say(r#"{"op":"subscribe","id":8,"topics":["predictions:K"],"ruleset":"ppr"}"#);
    for bulletin in each_kind("K") {
        post(&script.world.hub, bulletin);
        script.told("a bulletin");
    }
    script.say(r#"{"op":"subscribe","id":9,"topics":["predictions:K"]}"#);
    post(&script.world.hub, tie("K"));
    script.told("a bulletin");
    script.say(r#"{"op":"subscribe","id":10,"topics":["predictions:K","predictions:a b"]}"#);
    contest(&mut script);
    script.world.shards[0].drain(1_000, script.world.now_us);
    script.told("the server drains");
    (script.out, script.said)
}

/// A contest of two entries: what is shown of it, what moves it, and its end.
fn contest(script: &mut Script) {
    const BODY: &[u8] =
        br#"{"contest":"c1","name":"One & all","ruleset":"ppr","slots":[{"slot":"CPT","multiplier":1.5},"FLEX"],"payouts":"1:100,2:25.50"}
{"entry":"e1","name":"fan (1/2)","lineup":["W","Q"]}
{"entry":"e2","lineup":["Q","W"]}"#;
    let mut reader = Reader::new(Players::default(), contest::Limits::DEFAULT);
    reader.feed(BODY).expect("a contest");
    let (definition, _) = reader.finish().expect("a contest");
    let (rulesets, id) = (rulesets(), definition.id().clone());
    let index = rulesets.index("ppr").expect("it is there");
    let contests = script.world.hub.clone();
    let place = contests.contests().place(&id, 2).expect("room");
    let begun = place.begin(definition, (index, rulesets.by_index(index)), IngestTime(1_700_000_000_000_000));
    script.say(r#"{"op":"subscribe","id":13,"topics":["contest:c1","entry:c1/e1","entry:c1/e3","contest:c2"]}"#);
    let caught = |play: u32, yards: i32| {
        format!(r#"{{"type":"play","game":"H","play":"{play}","ts":20,"stats":[{{"player":"W","team":"NE","stat":21,"yards":{yards}}}]}}"#)
    };
    script.feed(&[&caught(90, 30)]);
    script.feed(&[&caught(91, 7), &caught(92, 9)]);
    let drawn = |won, cashed, top1, cents| Drawn {
        won,
        cashed,
        top1,
        expected: Cents(cents),
    };
    let odds = Odds {
        at_us: 1_700_000_000_000_007,
        draws: 10_000,
        // In the contest's own order, which is not that of the ids.
        entries: [drawn(1_000, 10_000, 0, 3_295), drawn(9_000, 10_000, 9_000, 9_255)].into(),
    };
    contests.contests().drawn(&begun, odds);
    script.told("odds are drawn");
    assert!(contests.contests().remove(&id));
    script.told("the contest is deleted");
}

const CORRECTED_AGAIN: &str = r#"{"type":"play","game":"G","play":"10","rev":3,"ts":10,"stats":[]}"#;

const FILES: [(Coding, &str); 2] = [(Coding::Json, "frames.jsonl"), (Coding::Bin, "frames.bin.txt")];

#[test]
fn every_kind_of_message_has_its_bytes() {
    for (coding, file) in FILES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
        let (now, _) = transcript(coding);
        if std::env::var_os("SCOREWIRE_BLESS").is_some() {
            std::fs::write(&path, &now).expect("the folder is there");
        }
        let golden = std::fs::read_to_string(&path).expect("it is committed");
        for (number, (now, golden)) in now.lines().zip(golden.lines()).enumerate() {
            assert_eq!(now, golden, "line {} of {}; see this file's head", number + 1, path.display());
        }
        assert_eq!(now.lines().count(), golden.lines().count());
    }
}

/// The same script in another process, under other hash seeds, gives the same bytes: here at least twice.
#[test]
fn the_same_script_gives_the_same_bytes() {
    for (coding, _) in FILES {
        assert_eq!(transcript(coding), transcript(coding));
    }
}

/// Replies, snapshots and deltas alike.
#[test]
fn both_codings_say_the_same() {
    let [json, bin] = [Coding::Json, Coding::Bin].map(|coding| transcript(coding).1);
    assert!(json.len() > 50);
    assert_eq!(json.len(), bin.len());
    for (mut json, mut bin) in json.into_iter().zip(bin) {
        if json["code"] == "unknown_op" {
            // An unknown op has a name in one, a number in the other.
            json["message"] = Value::Null;
            bin["message"] = Value::Null;
        }
        assert_eq!(json, bin);
    }
}
