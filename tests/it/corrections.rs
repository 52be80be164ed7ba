//! What a feed takes back or changes: recorded revisions of two games, and recorded plays changed by
//! a seed, each delivered for what it is.

use super::chance::Chance;
use super::support::client::Client;
use super::support::events::{games_of, lines, of_game, recorded};
use super::support::holdings::{Holdings, Totals, fixed};
use super::support::recorded::data;
use super::support::run;
use super::support::server::Server;
use scorewire::model::{Event, PlayEvent, PlayId, PlayerId, Retraction, StatRecord, Team};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

const RULESETS: [&str; 6] = ["draftkings", "fanduel", "half_ppr", "ppr", "standard", "yahoo"];

type Players = BTreeMap<String, Totals>;

/// Totals of everyone whom a game lists.
async fn totals(server: &Server, game: &str, ruleset: &str) -> Players {
    let answer = server.json(&format!("/v1/games/{game}/players?ruleset={ruleset}")).await;
    let read = |player: &Value| (player["player"].as_str().unwrap().to_owned(), Totals::read(player));
    answer.as_array().unwrap().iter().map(read).collect()
}

/// The document of that game and revision.
fn document(folder: &Path, game: &str, revision: &str) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(game) && name.contains(revision)
    };
    files.into_iter().find(wanted).unwrap()
}

/// One change per frame, however quickly they come.
fn unmerged() -> Server {
    Server::start(|config| {
        config.fanout.coalesce_frames_max = 4096;
        config.fanout.ring_frames = 4096;
    })
}

/// What the game shows, and its `seq`.
async fn shown_of(server: &Server, game: &str) -> (Value, Value) {
    let answer = server.json(&format!("/v1/snapshot?topics=game:{game}")).await;
    let mut snapshot = answer["snapshots"][0].clone();
    snapshot["encode_us"] = Value::Null;
    let players = snapshot["players"].as_array_mut().unwrap();
    // Whoever lost the last record is listed no more; nobody is told, as all of it is zero.
    players.retain(|player| Totals::read(player) != Totals::default());
    let seq = snapshot["seq"].take();
    (snapshot, seq)
}

/// A recorded pair of revisions before a client. Returns how often each kind of cause was named, of
/// the old document and of the new one, and how many plays the new one takes back.
async fn play_pair(folder: &Path, game: &str) -> ([BTreeMap<String, usize>; 2], usize) {
    let all = of_game(&recorded(folder), game);
    let old = of_game(&recorded(&document(folder, game, ".old.")), game);
    let (before, after) = all.split_at(old.len());
    let shape = |event: &Event| std::mem::discriminant(event);
    assert!(before.iter().map(shape).eq(old.iter().map(shape)), "the old document comes first");
    let server = unmerged();
    let mut client = Client::connect(&server).await;
    client.subscribe(&[format!("game:{game}"), "slate".to_owned()], "draftkings").await;
    server.post(before).await;
    client.catch_up(&server).await;
    let first = std::mem::take(&mut client.holdings.counts.kinds);
    let mut shown = shown_of(&server, game).await;
    for event in after {
        let report = server.post_lines(lines(std::slice::from_ref(event))).await;
        assert_eq!(report, (1, 0), "{event:?}");
        client.catch_up(&server).await;
        // A frame for each that changed anything, and for no other: a timeout or a punt taken back
        // scores nothing and shows nowhere.
        let now = shown_of(&server, game).await;
        assert_eq!(shown.0 != now.0, shown.1 != now.1, "{event:?}");
        shown = now;
    }
    let retracted = after.iter().filter(|event| matches!(event, Event::Retract(_))).count();
    let second = std::mem::take(&mut client.holdings.counts.kinds);
    client.holdings.assert_equal_http(&server).await;
    let alone = Server::start(|_| ());
    alone.post(&recorded(&document(folder, game, ".new."))).await;
    for ruleset in RULESETS {
        let ours = totals(&server, game, ruleset).await;
        assert!(ours.len() > 20, "{}", ours.len());
        assert_eq!(ours, totals(&alone, game, ruleset).await, "{game} {ruleset}");
    }
    drop(client);
    server.end().await;
    alone.end().await;
    ([first, second], retracted)
}

fn count(kinds: &BTreeMap<String, usize>, kind: &str) -> usize {
    kinds.get(kind).copied().unwrap_or(0)
}

#[test]
fn plays_delivered_twice_are_taken_back_one_by_one() {
    let Some(folder) = data("corrections/raw") else { return };
    let ([first, second], retracted) = run(play_pair(&folder, "2011120406"));
    assert_eq!(retracted, 25);
    assert_eq!((count(&first, "retraction"), count(&first, "correction")), (0, 0), "{first:?}");
    assert_eq!(
        (count(&second, "retraction"), count(&second, "play"), count(&second, "correction")),
        (21, 0, 0),
        "{second:?}"
    );
}

#[test]
fn a_play_added_later_is_one_play() {
    let Some(folder) = data("corrections/raw") else { return };
    let ([first, second], retracted) = run(play_pair(&folder, "2013111001"));
    assert_eq!(retracted, 0);
    assert_eq!((count(&first, "retraction"), count(&first, "correction")), (0, 0), "{first:?}");
    assert_eq!(
        (count(&second, "retraction"), count(&second, "play"), count(&second, "correction")),
        (0, 1, 0),
        "{second:?}"
    );
}

/// Gives every stat record of a document another `sequence`.
fn renumber(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(sequence) = fields.get_mut("sequence") {
                *sequence = Value::from(sequence.as_i64().unwrap_or(0) + 1000);
            }
            fields.values_mut().for_each(renumber);
        }
        Value::Array(items) => items.iter_mut().for_each(renumber),
        _ => {}
    }
}

fn zip_to(file: &Path, text: &[u8]) {
    let mut writer = flate2::write::GzEncoder::new(std::fs::File::create(file).unwrap(), flate2::Compression::fast());
    writer.write_all(text).unwrap();
    writer.finish().unwrap();
}

/// A folder with a recorded document and a second download that differs in `sequence` alone.
fn downloaded_twice(folder: &Path) -> PathBuf {
    let first = document(folder, "2013111001", ".old.");
    let mut text = Vec::new();
    let file = std::fs::File::open(first).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
    let mut value: Value = serde_json::from_slice(&text).unwrap();
    renumber(&mut value);
    let twice = std::env::temp_dir().join(format!("scorewire-renumbered-{}", std::process::id()));
    std::fs::create_dir_all(&twice).unwrap();
    zip_to(&twice.join("1.old.json.gz"), &text);
    let renumbered = serde_json::to_vec(&value).unwrap();
    assert_ne!(renumbered, text, "the second download differs");
    zip_to(&twice.join("1.new.json.gz"), &renumbered);
    twice
}

#[test]
fn a_download_with_other_sequence_numbers_sends_nothing() {
    let Some(folder) = data("corrections/raw") else { return };
    run(async {
        let twice = downloaded_twice(&folder);
        let (both, first) = (recorded(&twice), recorded(&twice.join("1.old.json.gz")));
        std::fs::remove_dir_all(&twice).unwrap();
        assert_eq!(both, first, "the second download is no news");
        let server = unmerged();
        let game = games_of(&both)[0].clone();
        let topics = [format!("game:{game}"), "slate".to_owned()];
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "ppr").await;
        server.post(&first).await;
        client.catch_up(&server).await;
        let (heads, frames) = (server.heads(&topics).await, client.holdings.counts.deltas);
        // A poller without a memory sends all of it again: duplicates, which nobody is told of.
        let (accepted, duplicate) = server.post_lines(lines(&both)).await;
        let players = both.iter().filter(|event| matches!(event, Event::Players(_))).count() as u64;
        assert_eq!((accepted, duplicate), (players, both.len() as u64 - players));
        client.barrier().await;
        assert_eq!((server.heads(&topics).await, client.holdings.counts.deltas), (heads, frames));
        drop(client);
        server.end().await;
    });
}

/// Recorded plays under change.
struct Plays {
    standing: BTreeMap<PlayId, PlayEvent>,
    retracted: BTreeMap<PlayId, PlayEvent>,
    /// Everyone, with the team that they play for.
    players: Vec<(PlayerId, Team)>,
}

impl Plays {
    fn of(events: &[Event]) -> Plays {
        let plays = events.iter().filter_map(|event| match event {
            Event::Play(play) if !play.stats.is_empty() => Some(play.clone()),
            _ => None,
        });
        let standing: BTreeMap<PlayId, PlayEvent> = plays.map(|play| (play.play.clone(), play)).collect();
        let records = standing.values().flat_map(|play| &play.stats);
        let player = |record: &StatRecord| Some((record.player.clone()?, record.team.clone()));
        let players: BTreeMap<PlayerId, Team> = records.filter_map(player).collect();
        Plays {
            standing,
            retracted: BTreeMap::new(),
            players: players.into_iter().collect(),
        }
    }

    /// One change, and the kind of cause that it is.
    fn change(&mut self, chance: &mut Chance) -> (Event, &'static str) {
        let kind = chance.below(6);
        if kind == 0 && !self.retracted.is_empty() {
            let place = chance.below(self.retracted.len());
            let id = self.retracted.keys().nth(place).unwrap().clone();
            let mut play = self.retracted.remove(&id).unwrap();
            play.rev += 1;
            self.standing.insert(id, play.clone());
            return (Event::Play(play), "correction");
        }
        let place = chance.below(self.standing.len());
        let id = self.standing.keys().nth(place).unwrap().clone();
        let play = self.standing.get_mut(&id).unwrap();
        play.rev += 1 + chance.below(2) as u64;
        if kind == 1 {
            let play = self.standing.remove(&id).unwrap();
            self.retracted.insert(id.clone(), play.clone());
            let (game, rev, ts) = (play.game, play.rev, play.ts);
            return (Event::Retract(Retraction { game, play: id, rev, ts }), "retraction");
        }
        let place = chance.below(play.stats.len().max(1));
        match (kind, play.stats.get_mut(place)) {
            (2, Some(record)) => record.yards = chance.below(90) as i16 - 20,
            (3, Some(record)) => {
                let (player, team) = self.players[chance.below(self.players.len())].clone();
                (record.player, record.team) = (Some(player), team);
            }
            (4, Some(_)) => drop(play.stats.remove(place)),
            (_, Some(record)) => {
                let twin = record.clone();
                play.stats.push(twin);
            }
            (_, None) => {}
        }
        (Event::Play(play.clone()), "correction")
    }
}

/// What moved between two answers must be what the frame said: the players, and by how much.
fn assert_told(frames: &[Value], before: &Players, after: &Players, kind: &str, context: &str) {
    let none = Totals::default();
    let mut moved: BTreeMap<&str, i64> = BTreeMap::new();
    for player in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(player).unwrap_or(&none), after.get(player).unwrap_or(&none));
        let is_new = !before.contains_key(player);
        if old != new || is_new {
            moved.insert(player, new.points - old.points);
        }
    }
    let mut told = BTreeMap::new();
    for frame in frames {
        assert_eq!(frame["cause"]["kind"], kind, "{context}: {frame}");
        for player in frame["players"].as_array().unwrap() {
            told.insert(player["player"].as_str().unwrap(), fixed(&player["change"]));
        }
    }
    assert_eq!(told, moved, "{context}");
}

/// Changes one game's plays again and again; the client sees each change for what it is, and all ends
/// where a server ends that only ever saw what stands.
async fn mutate(events: &[Event], game: &str, ruleset: &str, chance: &mut Chance, rounds: usize) {
    let server = unmerged();
    let topic = format!("game:{game}");
    let mut client = Client::connect(&server).await;
    client.subscribe(std::slice::from_ref(&topic), ruleset).await;
    server.post(events).await;
    client.catch_up(&server).await;
    let mut plays = Plays::of(events);
    let mut before = totals(&server, game, ruleset).await;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for round in 0..rounds {
        let (event, kind) = plays.change(chance);
        server.post_lines(lines(std::slice::from_ref(&event))).await;
        let head = server.heads([&topic]).await[&topic];
        let mut frames = Vec::new();
        while client.holdings.of(&topic, ruleset).seq < head {
            frames.push(client.next().await.unwrap());
        }
        let after = totals(&server, game, ruleset).await;
        assert_told(&frames, &before, &after, kind, &format!("round {round}: {event:?}"));
        *kinds.entry(kind).or_default() += frames.len();
        before = after;
    }
    assert!(kinds["correction"] > rounds / 5 && kinds["retraction"] > rounds / 20, "{kinds:?}");
    client.holdings.assert_equal_http(&server).await;
    let alone = Server::start(|_| ());
    let is_other = |event: &&Event| !matches!(event, Event::Play(play) if !play.stats.is_empty());
    let mut standing: Vec<Event> = events.iter().filter(is_other).cloned().collect();
    standing.extend(plays.standing.into_values().map(Event::Play));
    alone.post(&standing).await;
    for ruleset in RULESETS {
        assert_eq!(
            totals(&server, game, ruleset).await,
            totals(&alone, game, ruleset).await,
            "{ruleset}"
        );
    }
    client.holdings = Holdings::default();
    drop(client);
    server.end().await;
    alone.end().await;
}

#[test]
fn every_kind_of_correction_is_told_for_what_it_is() {
    let Some(folder) = data("dev/2017w03") else { return };
    run(async {
        let events = recorded(&folder);
        let mut chance = Chance::seeded(40);
        for (game, ruleset) in games_of(&events).iter().zip(["draftkings", "fanduel", "standard"]) {
            mutate(&of_game(&events, game), game, ruleset, &mut chance, 80).await;
        }
    });
}
