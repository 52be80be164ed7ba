//! Revisions: two recorded pairs of documents, and recorded games changed at random by a seed.

use super::test_support::{Receiver, json_of, made_up, records_of};
use super::{Adapter, Document, Formation, Moment, timeline};
use crate::model::{Event, FeedTime};
use crate::test_support::Random;
use crate::test_support::recorded::data;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn poll(adapter: &mut Adapter, value: &Value) -> (Document, Vec<Event>) {
    let doc = Document::from_json(value).unwrap();
    let events = adapter.poll(&doc, FeedTime(1));
    (doc, events)
}

/// Plays, corrections (plays of a later revision), retractions.
fn counts(events: &[Event]) -> (usize, usize, usize) {
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    (
        count(|event| matches!(event, Event::Play(play) if play.rev == 1)),
        count(|event| matches!(event, Event::Play(play) if play.rev > 1)),
        count(|event| matches!(event, Event::Retract(_))),
    )
}

/// The two revisions of the `place`-th recorded pair, old first.
fn pair(folder: &Path, place: usize) -> [PathBuf; 2] {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of = |kind: &str| {
        files
            .iter()
            .filter(|file| file.to_string_lossy().contains(kind))
            .nth(place)
            .unwrap()
            .clone()
    };
    [of(".old."), of(".new.")]
}

fn recorded_pair_ends_as_new_alone(place: usize, expected: (usize, usize, usize)) {
    let Some(folder) = data("corrections/raw") else { return };
    let [old, new] = pair(&folder, place).map(|file| json_of(&file));
    let mut adapter = Adapter::new(Formation::Hidden);
    let mut receiver = Receiver::default();
    let (_, first) = poll(&mut adapter, &old);
    let (doc, second) = poll(&mut adapter, &new);
    first.iter().chain(&second).for_each(|event| receiver.take(event));
    assert_eq!(counts(&second), expected);
    assert_eq!(receiver.records(), records_of(&doc));
    let mut alone = Receiver::default();
    let (_, events) = poll(&mut Adapter::new(Formation::Hidden), &new);
    events.iter().for_each(|event| alone.take(event));
    assert_eq!(receiver.lines(), alone.lines());
    assert!(poll(&mut adapter, &new).1.is_empty());
}

#[test]
fn plays_delivered_twice_are_retracted_by_the_next_revision() {
    recorded_pair_ends_as_new_alone(0, (0, 0, 25));
}

#[test]
fn a_play_added_years_later_is_one_play_and_renumbering_is_nothing() {
    recorded_pair_ends_as_new_alone(1, (1, 0, 0));
}

#[test]
fn the_timeline_polls_revisions_after_the_game() {
    let Some(folder) = data("corrections") else { return };
    let played = timeline(&folder, Formation::Hidden).unwrap();
    let latest: Vec<Document> = played.latest().cloned().collect();
    let moments: Vec<Moment> = played.collect();
    let events: Vec<Event> = moments.into_iter().flat_map(|moment| moment.events).collect();
    let retracted = counts(&events).2;
    assert_eq!((latest.len(), retracted), (2, 25));
    let mut receiver = Receiver::default();
    events.iter().for_each(|event| receiver.take(event));
    let mut records = latest.iter().flat_map(records_of).collect::<Vec<_>>();
    let mut held = receiver
        .plays()
        .map(|play| (play.play.clone(), play.stats.to_vec()))
        .collect::<Vec<_>>();
    records.sort();
    held.sort();
    assert_eq!(held, records);
}

/// A document under change: the plays as (drive, id, body) and those taken out.
struct Workshop {
    game: String,
    value: Value,
    removed: Vec<(String, String, Value)>,
}

const KINDS: usize = 7;

impl Workshop {
    fn new(value: Value) -> Workshop {
        let game = value.as_object().unwrap().keys().find(|key| *key != "nextupdate").unwrap().clone();
        Workshop {
            game,
            value,
            removed: Vec::new(),
        }
    }

    fn plays(&self) -> Vec<(String, String)> {
        let drives = self.value[&self.game]["drives"].as_object().unwrap();
        let of = |(drive, body): (&String, &Value)| {
            let ids = body
                .get("plays")
                .and_then(Value::as_object)
                .map(|plays| plays.keys().cloned().collect::<Vec<_>>());
            ids.into_iter().flatten().map(|id| (drive.clone(), id)).collect::<Vec<_>>()
        };
        drives.iter().flat_map(of).collect()
    }

    fn plays_of(&mut self, drive: &str) -> &mut serde_json::Map<String, Value> {
        self.value[&self.game]["drives"][drive]["plays"].as_object_mut().unwrap()
    }

    /// One change; whether it may have changed what the document means.
    fn change(&mut self, random: &mut Random) -> bool {
        let plays = self.plays();
        let kind = if plays.is_empty() { 1 } else { random.below(KINDS) };
        let (drive, id) = plays.get(random.below(plays.len().max(1))).cloned().unwrap_or_default();
        match kind {
            0 => {
                self.remove(&drive, &id);
            }
            1 => {
                let place = random.below(self.removed.len().max(1));
                if place < self.removed.len() {
                    let (drive, id, body) = self.removed.swap_remove(place);
                    self.plays_of(&drive).insert(id, body);
                }
            }
            2 => {
                let copy = self.plays_of(&drive)[&id].clone();
                let free = 90_000 + random.below(9_000);
                self.plays_of(&drive).insert(free.to_string(), copy);
            }
            3 => {
                for (drive, id) in plays {
                    each_record(&mut self.plays_of(&drive)[&id], |record| {
                        record["sequence"] = json!(random.below(99))
                    });
                }
                return false;
            }
            kind => self.change_record(&drive, &id, kind, random),
        }
        true
    }

    fn remove(&mut self, drive: &str, id: &str) {
        // A play may stand in several drives: out of all of them.
        let body = self.plays_of(drive)[id].clone();
        for (other, play) in self.plays() {
            if play == id {
                self.plays_of(&other).remove(id);
            }
        }
        self.removed.push((drive.to_owned(), id.to_owned(), body));
    }

    fn change_record(&mut self, drive: &str, id: &str, kind: usize, random: &mut Random) {
        let Some(players) = self.plays_of(drive)[id]["players"]
            .as_object_mut()
            .filter(|players| !players.is_empty())
        else {
            return;
        };
        let player = players.keys().nth(random.below(players.len())).unwrap().clone();
        let mut records = players.remove(&player).unwrap().as_array().unwrap().clone();
        let place = random.below(records.len());
        match kind {
            4 => drop(records.remove(place)),
            5 => records[place]["yards"] = json!(random.below(60)),
            _ => {
                let moved = records.remove(place);
                players.insert(format!("x-{}", random.below(20)), json!([moved]));
            }
        }
        if !records.is_empty() {
            players.insert(player, Value::Array(records));
        }
    }
}

fn each_record(play: &mut Value, mut change: impl FnMut(&mut Value)) {
    for records in play["players"].as_object_mut().unwrap().values_mut() {
        records.as_array_mut().unwrap().iter_mut().for_each(&mut change);
    }
}

/// Changes a document time and again: what was delivered, whole, shuffled and repeated, must equal
/// the latest document; a change of `sequence` numbers alone must deliver nothing.
fn survives_changes(value: Value, seed: u64, rounds: usize) {
    let context = || format!("seed {seed}: run with SCOREWIRE_SEED={seed}");
    let mut random = Random(seed);
    let mut workshop = Workshop::new(value);
    let mut adapter = Adapter::new(Formation::Shown);
    let mut receiver = Receiver::default();
    let mut delivered = Vec::new();
    let mut latest = Document::from_json(&workshop.value).unwrap();
    for round in 0..=rounds {
        let before = latest.clone();
        let changed = round == 0 || workshop.change(&mut random);
        let (doc, events) = poll(&mut adapter, &workshop.value);
        assert!(changed || events.is_empty(), "{}: {events:?}", context());
        assert!(round == 0 || doc != before || events.is_empty(), "{}: {events:?}", context());
        events.iter().for_each(|event| receiver.take(event));
        assert_eq!(receiver.records(), records_of(&doc), "{}", context());
        delivered.extend(events);
        latest = doc;
    }
    let mut shuffled = Receiver::default();
    for place in (1..delivered.len()).rev() {
        delivered.swap(place, random.below(place + 1));
        shuffled.take(&delivered[place]);
    }
    delivered.iter().for_each(|event| shuffled.take(event));
    assert_eq!(shuffled.records(), records_of(&latest), "{}", context());
}

fn seed() -> u64 {
    std::env::var("SCOREWIRE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20)
}

#[test]
fn a_made_up_game_survives_any_change() {
    for seed in seed()..seed() + 40 {
        let mut value = made_up();
        value["9900000001"]["drives"]["2"]["plays"].as_object_mut().unwrap().remove("110");
        survives_changes(value, seed, 60);
    }
}

#[test]
fn recorded_games_survive_any_change() {
    let Some(folder) = data("dev/2017w03/raw") else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (file, seed) in files.iter().take(4).zip(seed()..) {
        survives_changes(json_of(file), seed, 40);
    }
}

#[test]
fn a_play_that_comes_back_is_a_new_revision() {
    let mut adapter = Adapter::new(Formation::Hidden);
    let whole = made_up();
    let mut less = whole.clone();
    less["9900000001"]["drives"]["2"]["plays"].as_object_mut().unwrap().remove("130");
    poll(&mut adapter, &whole);
    let (_, gone) = poll(&mut adapter, &less);
    assert!(matches!(&gone[..], [Event::Retract(play)] if play.rev == 2), "{gone:?}");
    let (_, back) = poll(&mut adapter, &whole);
    assert!(matches!(&back[..], [Event::Play(play)] if play.rev == 3), "{back:?}");
}

#[test]
fn a_score_or_name_that_changes_is_told_once() {
    let mut adapter = Adapter::new(Formation::Hidden);
    let mut value = made_up();
    poll(&mut adapter, &value);
    value["9900000001"]["away"]["score"]["T"] = json!(8);
    let (_, events) = poll(&mut adapter, &value);
    assert!(matches!(&events[..], [Event::Game(game)] if game.rev == 2), "{events:?}");
    assert!(poll(&mut adapter, &value).1.is_empty());
}
