//! A server small enough to be read at a glance: it speaks just enough of the protocol, scores the
//! load test's plays by itself, and can be told to get one thing wrong.

mod form;

use crate::wire;
use form::Form;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

/// What the fake server does wrong. The client it picks on is the fourth to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Nothing.
    Good,
    /// Nothing: one client gets plays 3 and 4 as one merged frame.
    Merges,
    /// That frame does not say when its first play was.
    MergesNameless,
    /// That frame calls its last play its first, too.
    MergesLate,
    /// That frame has one cause.
    MergesCauseless,
    /// No frame says what caused it.
    OmitsCauses,
    /// One client never gets play 4.
    DropsOne,
    /// One client never gets the last play.
    DropsLast,
    /// One client's frame of play 4 has a digit changed.
    Corrupts,
    /// One client's frame of play 4 has the first byte of its payload changed.
    Garbles,
    /// Everybody is told a wrong total in play 5.
    WrongTotal,
    /// One client is closed at play 4.
    Closes,
    /// Everybody gets the first play before the snapshot.
    SnapshotLate,
    /// The frames are right, the list of the game's players is not.
    WrongHttp,
    /// The frames are right, the snapshots by HTTP are not.
    WrongSnapshot,
    /// Whoever comes back is told to go on where they were, but misses the next change.
    ResumesBadly,
    /// Grants neither the binary coding nor compression.
    GrantsNothing,
    /// Grants the binary coding, and sends text.
    ForgetsItsWord,
    /// A `pong` names another ping.
    PongsBadly,
    /// A play sent again counts again.
    CountsRepeats,
    /// Play 4 is called a duplicate, and is lost.
    CallsNewsRepeat,
    /// Catches are the passer's, in every frame and snapshot.
    CreditsAnother,
    /// Receivers never move, in any frame or snapshot.
    ForgetsReceivers,
    /// Everybody has a yard more than they gained, in every frame and snapshot.
    AddsAYard,
    /// Whoever comes back begins anew.
    NeverResumes,
    /// Nobody is told a single stat, in any frame, snapshot or list.
    OmitsStats,
    /// One client's frame of play 4 is of a `seq` that no run gets to.
    Leaps,
    /// The same of a snapshot instead.
    LeapsBySnapshot,
    /// Nobody is sent a change.
    SaysNothing,
    /// Play 4 is taken and answered 429, once.
    AsksToWait,
    /// The post with play 4 is answered 500, and not taken.
    Fails,
    /// With play 4 it hangs up on everybody, and answers nobody any more.
    Dies,
    /// Snapshots by HTTP are not to be had.
    NoLastWord,
    /// Points are those of DraftKings, whatever was asked for, in every frame and snapshot.
    PaysByOtherRules,
}

/// Where a [`Manner::Leaps`] ends.
pub const LEAP: u64 = 1_000_000_000_000_000;

/// The fourth to subscribe.
const PICKED: usize = 3;

struct Subscriber {
    socket: TcpStream,
    form: Form,
    topics: Vec<String>,
    /// The next change is not for it.
    misses: bool,
}

#[derive(Default)]
struct State {
    game: String,
    /// What the last to subscribe asked for.
    ruleset: String,
    /// What plays were taken.
    plays: BTreeSet<String>,
    /// `stats` of every player.
    stats: BTreeMap<String, BTreeMap<&'static str, i64>>,
    /// They are told to nobody.
    omits_stats: bool,
    /// Points after each seq, the first entry before any.
    history: Vec<BTreeMap<String, f64>>,
    /// By topic, the delta that led to each seq.
    deltas: BTreeMap<String, Vec<Value>>,
    /// In the order in which they subscribed.
    clients: Vec<Subscriber>,
    /// Somebody was asked to wait.
    asked_to_wait: bool,
    is_dead: bool,
}

impl State {
    /// The stats of a player as they are told.
    fn shown(&self, id: &str) -> Value {
        let stats = self.stats.get(id).filter(|_| !self.omits_stats);
        json!(stats.cloned().unwrap_or_default())
    }
}

/// Serves in the background until the process ends; its address.
pub fn start(manner: Manner, last_seq: usize) -> SocketAddr {
    let state = Arc::new(Mutex::new(State {
        history: vec![BTreeMap::new()],
        omits_stats: manner == Manner::OmitsStats,
        ..State::default()
    }));
    wire::listen(move |stream| serve(stream, &state, manner, last_seq))
}

fn serve(mut output: TcpStream, state: &Mutex<State>, manner: Manner, last_seq: usize) {
    let mut input = BufReader::new(output.try_clone().unwrap());
    while let Some((head, body)) = wire::request(&mut input) {
        if manner == Manner::Dies && dies(&body, &mut state.lock().unwrap()) {
            return;
        }
        if head.starts_with("GET /v1/ws ") {
            return upgrade(&head, input, output, state, manner);
        }
        if head.starts_with("POST /v1/events ") {
            post(&body, &mut output, state, manner, last_seq);
            continue;
        }
        let answer = if head.starts_with("GET /v1/rulesets ") {
            wire::RULESETS.to_owned()
        } else if head.starts_with("GET /metrics ") {
            "scorewire_slow_clients 0\n".to_owned()
        } else if manner == Manner::NoLastWord && head.starts_with("GET /v1/snapshot") {
            json!({"epoch": "e"}).to_string()
        } else if let Some(query) = head.strip_prefix("GET /v1/snapshot?topics=") {
            let state = state.lock().unwrap();
            let topics = query.split('&').next().unwrap_or_default().split(',');
            let wrong = if manner == Manner::WrongSnapshot { 1.0 } else { 0.0 };
            json!({"epoch": "e", "snapshots": topics.map(|topic| snapshot(&state, topic, wrong)).collect::<Vec<_>>()}).to_string()
        } else {
            players(&state.lock().unwrap(), manner).to_string()
        };
        wire::answer(&mut output, 200, "", &answer);
    }
}

/// Whether the server is dead by now, of a request with `body`.
fn dies(body: &str, state: &mut State) -> bool {
    state.is_dead |= body.contains(r#""play":"4""#);
    if state.is_dead {
        state.clients.clear();
    }
    state.is_dead
}

fn post(lines: &str, output: &mut TcpStream, state: &Mutex<State>, manner: Manner, last_seq: usize) {
    if manner == Manner::Fails && lines.contains(r#""play":"4""#) {
        return wire::answer(output, 500, "", "broken");
    }
    let accepted = lines
        .lines()
        .filter(|line| take(&serde_json::from_str(line).unwrap(), &mut state.lock().unwrap(), manner, last_seq))
        .count();
    let mut state = state.lock().unwrap();
    if manner == Manner::AsksToWait && state.plays.len() >= 4 && !std::mem::replace(&mut state.asked_to_wait, true) {
        return wire::answer(output, 429, "Retry-After: 1\r\n", "");
    }
    let answer = json!({"accepted": accepted, "duplicate": lines.lines().count() - accepted, "rejected": []});
    wire::answer(output, 200, "", &answer.to_string());
}

fn upgrade(head: &str, mut input: BufReader<TcpStream>, mut output: TcpStream, state: &Mutex<State>, manner: Manner) {
    let mut form = match manner {
        Manner::GrantsNothing => Form::default(),
        _ => Form::asked(head),
    };
    let granted = form.granted();
    form.bin &= manner != Manner::ForgetsItsWord;
    wire::switch(&mut output, &granted);
    // In two parts, so that clients see a frame split over reads; then a ping, which must be answered.
    let welcome = form.frame(&json!({"type": "welcome", "session": "s", "epoch": "e", "server_us": 1, "limits": {}}));
    output.write_all(&welcome[..9]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
    output.write_all(&welcome[9..]).unwrap();
    output.write_all(b"\x89\x02hi").unwrap();
    let Some(subscribe) = asked(&mut input, &mut output, form, manner) else {
        return;
    };
    assert_eq!(subscribe["op"], "subscribe");
    let topics: Vec<String> = serde_json::from_value(subscribe["topics"].clone()).unwrap();
    let mut state = state.lock().unwrap();
    state.ruleset = subscribe["ruleset"].as_str().unwrap().to_owned();
    let (mut granted, mut frames) = (Vec::new(), Vec::new());
    for topic in &topics {
        let deltas = state.deltas.get(topic).map_or(&[][..], Vec::as_slice);
        let mut grant = json!({"topic": topic, "ruleset": state.ruleset, "seq": deltas.len(), "how": "snapshot", "reason": "fresh"});
        match subscribe["since"][topic].as_u64() {
            Some(since) if subscribe["epoch"] == "e" && manner != Manner::NeverResumes => {
                grant["how"] = json!("resumed");
                frames.extend(deltas[since as usize..].iter().map(|delta| form.frame(delta)));
            }
            _ => frames.push(form.frame(&snapshot(&state, topic, 0.0))),
        }
        granted.push(grant);
    }
    let subscribed = json!({"type": "subscribed", "id": 1, "topics": granted, "errors": []});
    output.write_all(&form.frame(&subscribed)).unwrap();
    if manner == Manner::SnapshotLate {
        let early =
            json!({"type": "delta", "topic": topics[0], "ruleset": state.ruleset, "seq": 1, "prev": 0, "feed_ts": 1, "players": []});
        output.write_all(&form.frame(&early)).unwrap();
    }
    output.write_all(&frames.concat()).unwrap();
    state.clients.push(Subscriber {
        socket: output,
        form,
        topics,
        misses: manner == Manner::ResumesBadly && subscribe["epoch"] == "e",
    });
}

/// Answers what a probe asks. The subscription of another client, once that has answered the ping, too;
/// nothing where this one leaves.
fn asked(input: &mut impl Read, output: &mut TcpStream, form: Form, manner: Manner) -> Option<Value> {
    let (mut ponged, mut subscribe) = (false, None);
    while !ponged || subscribe.is_none() {
        let message = wire::read_masked(input)?;
        if message == b"hi" {
            ponged = true;
            continue;
        }
        let message = form.read(&message);
        let (id, topic) = (message["id"].as_u64().unwrap(), &message["topics"][0]);
        let answers = match message["op"].as_str().unwrap() {
            "ping" if manner == Manner::PongsBadly => vec![json!({"type": "pong", "id": id + 1, "server_us": 1})],
            "ping" => vec![json!({"type": "pong", "id": id, "server_us": 1})],
            "unsubscribe" => vec![json!({"type": "unsubscribed", "id": id, "topics": [{"topic": topic}], "errors": []})],
            _ if topic.as_str().unwrap().ends_with("-probe") => vec![
                json!({"type": "subscribed", "id": id, "topics": [{"topic": topic, "seq": 0, "how": "snapshot"}], "errors": []}),
                json!({"type": "snapshot", "topic": topic, "seq": 0, "points": 0, "stats": {}}),
            ],
            _ => {
                subscribe = Some(message);
                continue;
            }
        };
        output
            .write_all(&answers.iter().flat_map(|answer| form.frame(answer)).collect::<Vec<u8>>())
            .ok()?;
    }
    subscribe
}

/// What a topic shows now.
fn snapshot(state: &State, topic: &str, wrong: f64) -> Value {
    let seq = state.deltas.get(topic).map_or(0, Vec::len);
    let mut snapshot = json!({"type": "snapshot", "topic": topic, "ruleset": state.ruleset, "seq": seq, "reason": "subscribe"});
    let points = |id: &str| state.history.last().unwrap().get(id).copied().unwrap_or(0.0) + wrong;
    match topic.strip_prefix("player:") {
        Some(id) => {
            snapshot["points"] = json!(points(id));
            snapshot["stats"] = state.shown(id);
        }
        None => {
            let players = state
                .stats
                .keys()
                .map(|id| json!({"player": id, "points": points(id), "stats": state.shown(id)}));
            snapshot["players"] = players.collect();
        }
    }
    snapshot
}

/// Whether the event is news.
fn take(event: &Value, state: &mut State, manner: Manner, last_seq: usize) -> bool {
    match event["type"].as_str().unwrap() {
        "game" => announce(event, state),
        "play" => {
            let play = event["play"].as_str().unwrap();
            let is_news = state.plays.insert(play.to_owned()) || manner == Manner::CountsRepeats;
            if !is_news || (manner == Manner::CallsNewsRepeat && play == "4") {
                return false;
            }
            // Play has begun: from now on the defences have allowed nothing.
            for (_, stats) in state.stats.iter_mut().filter(|(id, _)| id.starts_with("dst:")) {
                stats.insert("points_allowed", 0);
            }
            event["stats"]
                .as_array()
                .unwrap()
                .iter()
                .for_each(|stat| credit(state, stat, manner));
            let has_bonuses = state.ruleset == "draftkings" || manner == Manner::PaysByOtherRules;
            let points = |stats| {
                if has_bonuses {
                    points(stats) + bonuses(stats)
                } else {
                    points(stats)
                }
            };
            let points = state.stats.iter().map(|(id, stats)| (id.clone(), points(stats))).collect();
            state.history.push(points);
            send_play(event, state, manner, last_seq);
        }
        _ => {}
    }
    true
}

/// Takes in a game and its defences. Both move from nothing to being there, before anybody subscribes.
fn announce(event: &Value, state: &mut State) {
    state.game = event["game"].as_str().unwrap().to_owned();
    for side in ["home", "away"] {
        let id = format!("dst:{}", event[side].as_str().unwrap());
        if state.stats.insert(id.clone(), BTreeMap::new()).is_none() {
            state.deltas.insert(format!("player:{id}"), vec![Value::Null]);
        }
    }
}

fn credit(state: &mut State, stat: &Value, manner: Manner) {
    let (id, player) = (stat["stat"].as_i64().unwrap(), stat["player"].as_str().unwrap());
    let yards = stat["yards"].as_i64().unwrap() + i64::from(manner == Manner::AddsAYard);
    let player = match (manner, id) {
        (Manner::CreditsAnother, 21 | 22) => player.replace("-w", "-q"),
        (Manner::ForgetsReceivers, 21 | 22) => return,
        _ => player.to_owned(),
    };
    let stats = state.stats.entry(player).or_default();
    let mut add = |names: &[(&'static str, i64)]| {
        for (name, value) in names {
            *stats.entry(name).or_default() += value;
        }
    };
    match id {
        10 | 11 => add(&[("rushing_attempts", 1), ("rushing_yards", yards), ("rushing_tds", id - 10)]),
        15 | 16 => add(&[
            ("passing_attempts", 1),
            ("completions", 1),
            ("passing_yards", yards),
            ("passing_tds", id - 15),
        ]),
        _ => add(&[("receptions", 1), ("receiving_yards", yards), ("receiving_tds", id - 21)]),
    }
}

/// What DraftKings and PPR agree on.
fn points(stats: &BTreeMap<&'static str, i64>) -> f64 {
    let get = |name| stats.get(name).copied().unwrap_or(0) as f64;
    let nothing_allowed = if stats.contains_key("points_allowed") { 10.0 } else { 0.0 };
    let sum = nothing_allowed
        + get("passing_yards") / 25.0
        + get("passing_tds") * 4.0
        + (get("rushing_yards") + get("receiving_yards")) / 10.0
        + (get("rushing_tds") + get("receiving_tds")) * 6.0
        + get("receptions");
    (sum * 1e4).round() / 1e4
}

/// What DraftKings pays beyond that.
fn bonuses(stats: &BTreeMap<&'static str, i64>) -> f64 {
    let far = [("passing_yards", 300), ("rushing_yards", 100), ("receiving_yards", 100)];
    let reached = far.iter().filter(|(name, from)| stats.get(name).is_some_and(|yards| yards >= from));
    3.0 * reached.count() as f64
}

fn send_play(event: &Value, state: &mut State, manner: Manner, last_seq: usize) {
    let play = state.history.len() - 1;
    let mut frames = vec![delta(state, manner)];
    frames.extend(player_deltas(state, manner));
    for mut all in frames {
        all["feed_ts"] = event["ts"].clone();
        if manner != Manner::OmitsCauses {
            all["cause"] = json!({"game": state.game, "play": event["play"], "rev": 1, "kind": "play"});
        }
        let topic = all["topic"].as_str().unwrap().to_owned();
        let deltas = state.deltas.entry(topic.clone()).or_default();
        let merged = deltas
            .last()
            .filter(|earlier| earlier.is_object())
            .map(|earlier| merged(earlier, &all, manner));
        deltas.push(all.clone());
        for (number, client) in state.clients.iter_mut().enumerate() {
            if manner == Manner::SaysNothing || !client.topics.contains(&topic) || std::mem::take(&mut client.misses) {
                continue;
            }
            let picked = number == PICKED;
            let frame = |message: &Value| client.form.frame(message);
            let bytes = match (manner, play, &merged) {
                (Manner::Merges | Manner::MergesNameless | Manner::MergesLate | Manner::MergesCauseless, 3 | 4, merged) if picked => {
                    match merged {
                        Some(merged) if play == 4 => frame(merged),
                        _ => continue,
                    }
                }
                (Manner::DropsOne, 4, _) if picked => continue,
                (Manner::DropsLast, play, _) if picked && play == last_seq => continue,
                (Manner::Corrupts, 4, _) if picked => {
                    let mut wrong = all.clone();
                    let shown = if wrong["players"].is_array() {
                        &mut wrong["players"][0]
                    } else {
                        &mut wrong
                    };
                    shown["points"] = json!(shown["points"].as_f64().unwrap() + 0.1);
                    frame(&wrong)
                }
                (Manner::Garbles, 4, _) if picked => {
                    let mut bytes = frame(&all);
                    // No JSON, no wire type of protobuf, no kind of block of deflate begins so.
                    let payload = if bytes[1] < 126 { 2 } else { 4 };
                    bytes[payload] |= 0x06;
                    bytes
                }
                (Manner::Leaps | Manner::LeapsBySnapshot, 4, _) if picked => {
                    let mut wrong = all.clone();
                    wrong["seq"] = json!(LEAP);
                    wrong["causes"] = json!([wrong["cause"].take()]);
                    wrong["causes_omitted"] = json!(LEAP - 4);
                    wrong["feed_ts_first"] = wrong["feed_ts"].clone();
                    if manner == Manner::LeapsBySnapshot {
                        wrong["type"] = json!("snapshot");
                    }
                    frame(&wrong)
                }
                (Manner::Closes, 4, _) if picked => vec![0x88, 2, 0x0f, 0xa1],
                _ => frame(&all),
            };
            drop(client.socket.write_all(&bytes));
        }
    }
}

/// Two changes in one frame.
fn merged(earlier: &Value, later: &Value, manner: Manner) -> Value {
    let mut merged = later.clone();
    merged["prev"] = earlier["prev"].clone();
    if earlier["change"].is_number() {
        merged["change"] = sum(&earlier["change"], &later["change"]);
    }
    for player in earlier["players"].as_array().into_iter().flatten() {
        let players = merged["players"].as_array_mut().unwrap();
        match players.iter_mut().find(|other| other["player"] == player["player"]) {
            Some(other) => other["change"] = sum(&player["change"], &other["change"]),
            None => players.push(player.clone()),
        }
    }
    let cause = merged["cause"].take();
    merged["causes"] = match manner {
        Manner::MergesCauseless => json!([cause]),
        _ => json!([earlier["cause"], cause]),
    };
    match manner {
        Manner::MergesNameless => {}
        Manner::MergesLate => merged["feed_ts_first"] = later["feed_ts"].clone(),
        _ => merged["feed_ts_first"] = earlier["feed_ts"].clone(),
    }
    merged
}

fn sum(one: &Value, other: &Value) -> Value {
    json!(((one.as_f64().unwrap() + other.as_f64().unwrap()) * 1e4).round() / 1e4)
}

/// A delta for each player whom the last play moved.
fn player_deltas(state: &State, manner: Manner) -> Vec<Value> {
    let play = state.history.len() - 1;
    let (before, after) = (&state.history[play - 1], &state.history[play]);
    let wrong = if manner == Manner::WrongTotal && play == 5 { 1.0 } else { 0.0 };
    let moved = after.iter().filter(|(id, points)| before.get(*id) != Some(points));
    moved
        .map(|(id, points)| {
            let topic = format!("player:{id}");
            let prev = state.deltas.get(&topic).map_or(0, Vec::len);
            let change = ((points - before.get(id).unwrap_or(&0.0)) * 1e4).round() / 1e4;
            json!({"type": "delta", "topic": topic, "ruleset": state.ruleset, "seq": prev + 1, "prev": prev,
                "points": points + wrong, "change": change, "stats": state.shown(id)})
        })
        .collect()
}

fn delta(state: &State, manner: Manner) -> Value {
    let (prev, seq) = (state.history.len() - 2, state.history.len() - 1);
    let (before, after) = (&state.history[prev], &state.history[seq]);
    let wrong = if manner == Manner::WrongTotal && seq == 5 { 1.0 } else { 0.0 };
    let moved = after.iter().filter(|(id, points)| before.get(*id) != Some(points));
    let players: Vec<Value> = moved
        .map(|(id, points)| {
            let change = ((points - before.get(id).unwrap_or(&0.0)) * 1e4).round() / 1e4;
            json!({"player": id, "points": points + wrong, "change": change, "stats": state.shown(id)})
        })
        .collect();
    json!({"type": "delta", "topic": format!("game:{}", state.game), "ruleset": state.ruleset, "seq": seq, "prev": prev,
        "players": players})
}

fn players(state: &State, manner: Manner) -> Value {
    let wrong = if manner == Manner::WrongHttp { 1.0 } else { 0.0 };
    let last = state.history.last().unwrap();
    last.iter()
        .map(|(id, points)| json!({"player": id, "points": points + wrong, "stats": state.shown(id)}))
        .collect()
}
