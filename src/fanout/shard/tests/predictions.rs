//! A topic of predictions: what is worth nothing any more is sent to nobody, and every chain holds.

use super::rig::{PREDICTIONS_FROM as FROM, Rig, SECOND};
use crate::fanout::hub::{Hub, HubLimits};
use crate::fanout::lineups::LineupLimits;
use crate::fanout::shard::{ConnKey, Kind};
use crate::model::prediction::{DriveEnd, PlayCall, PlayerForecast, Source, Tally, Verdict};
use crate::model::{
    Bulletin, FeedTime, Forecast, GameHead, GameId, IngestTime, Outcome, PlayId, PlayerId, Points, Prediction, Probability, Side,
    StateTime, Team, TopicName,
};
use crate::wire::Form;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const TOPIC: &str = "predictions:G";
const HOUR_US: i64 = 3_600 * SECOND;

fn probability(ten_thousandths: u16) -> Probability {
    Probability::new(ten_thousandths).unwrap()
}

fn head() -> Arc<GameHead> {
    let team = |name| Team::new(name).unwrap();
    Arc::new(GameHead {
        game: GameId::new("G").unwrap(),
        teams: Some((team("NE"), team("HOU"))),
        kickoff: None,
    })
}

pub(super) fn prediction(rig: &Rig, after: &str, forecast: Forecast) -> Bulletin {
    let now = rig.now();
    Bulletin::Prediction(Arc::new(Prediction {
        head: head(),
        after_play: PlayId::new(after),
        forecast,
        confidence: probability(7_688),
        source: Source::Model {
            name: "m".into(),
            version: "1".into(),
        },
        expires_us: now.wall_us + HOUR_US,
        feed_ts: Some(FeedTime(7)),
        ingest: IngestTime(now.wall_us),
        made: StateTime(now.steady_us),
    }))
}

pub(super) fn next_play() -> Forecast {
    Forecast::NextPlay {
        pass: probability(7_688),
        kinds: [2_300, 7_600, 50, 40, 10].map(probability),
    }
}

pub(super) fn drive() -> Forecast {
    Forecast::Drive {
        team: Team::new("NE").unwrap(),
        ends: [2_500, 2_000, 3_500, 1_000, 1_000].map(probability),
    }
}

pub(super) fn win() -> Forecast {
    Forecast::Win { home: probability(6_100) }
}

pub(super) fn points() -> Forecast {
    let player = PlayerForecast {
        player: PlayerId::new("R").unwrap(),
        points: Points(184_000),
        low: Points(112_000),
        high: Points(260_000),
    };
    Forecast::Points {
        ruleset: "draftkings".into(),
        players: vec![player],
    }
}

pub(super) fn outcome(verdict: Verdict, right: u32, calls: u32) -> Bulletin {
    Bulletin::Outcome(Arc::new(Outcome {
        head: head(),
        play: PlayId::new("2"),
        after_play: PlayId::new("1"),
        verdict,
        probability: probability(2_312),
        source: Source::Historical,
        tally: Tally { right, calls },
        feed_ts: None,
        ingest: IngestTime(1),
        made: StateTime(1),
    }))
}

fn ran(right: u32, calls: u32) -> Bulletin {
    let (call, actual) = (PlayCall::Pass, PlayCall::Run);
    outcome(Verdict::NextPlay { call, actual }, right, calls)
}

/// Game `G` is there, and the predictor has said so much of it.
pub(super) fn rig(forecasts: impl IntoIterator<Item = Forecast>) -> Rig {
    let mut rig = Rig::new();
    rig.play();
    for forecast in forecasts {
        predict(&mut rig, "1", forecast);
    }
    rig
}

fn predict(rig: &mut Rig, after: &str, forecast: Forecast) {
    let bulletin = prediction(rig, after, forecast);
    assert!(rig.predict(bulletin));
}

/// `seq` after [`FROM`] of each frame, `prev` likewise, and its kind (of an outcome too) or its type.
fn told(frames: &[Value]) -> Vec<(Option<u64>, u64, String)> {
    let after = |seq: &Value| seq.as_u64().map(|seq| seq - FROM);
    let told = frames.iter().filter(|frame| frame["seq"].is_u64()).map(|frame| {
        let name = if frame["type"] == "prediction" {
            &frame["kind"]
        } else {
            &frame["type"]
        };
        (
            after(&frame["prev"]),
            after(&frame["seq"]).unwrap(),
            name.as_str().unwrap().to_owned(),
        )
    });
    told.collect()
}

fn read(rig: &mut Rig, key: ConnKey) -> Vec<(Option<u64>, u64, String)> {
    rig.pump();
    told(&rig.read(key))
}

fn chain(entries: &[(u64, u64, &str)]) -> Vec<(Option<u64>, u64, String)> {
    entries
        .iter()
        .map(|(prev, seq, name)| (Some(*prev), *seq, (*name).to_owned()))
        .collect()
}

#[test]
fn without_a_predictor_a_snapshot_shows_nothing() {
    let mut rig = Rig::new();
    let key = rig.client();
    rig.say(key, &format!(r#"{{"op":"subscribe","topics":["{TOPIC}"],"ruleset":"fanduel"}}"#));
    rig.pump();
    let frames = rig.read(key);
    assert_eq!(
        frames[0]["topics"][0],
        json!({"topic": TOPIC, "seq": FROM, "how": "snapshot", "reason": "fresh"}),
        "there is no ruleset"
    );
    let mut snapshot = frames[1].clone();
    snapshot.as_object_mut().unwrap().remove("encode_us");
    let expected = json!({"type": "snapshot", "topic": TOPIC, "seq": FROM, "predictions": [],
        "tally": {"right": 0, "calls": 0}, "reason": "subscribe"});
    assert_eq!(snapshot, expected);
}

#[test]
fn a_client_who_keeps_up_is_sent_everything_in_turn() {
    let mut rig = rig([]);
    let key = rig.subscriber(TOPIC);
    for (place, forecast) in [next_play(), drive(), win(), points()].into_iter().enumerate() {
        predict(&mut rig, "1", forecast.clone());
        let (seq, name) = (place as u64 + 1, forecast.kind().name());
        assert_eq!(read(&mut rig, key), chain(&[(seq - 1, seq, name)]));
    }
    assert!(rig.predict(ran(41, 47)));
    assert_eq!(read(&mut rig, key), chain(&[(4, 5, "outcome")]));
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.written, account.expired, pending), (5, 5, 0, 0));
}

#[test]
fn what_comes_together_leaves_together_under_the_frames_of_all() {
    let mut rig = rig([]);
    let keys = [rig.subscriber(TOPIC), rig.subscriber(TOPIC)];
    for forecast in [next_play(), drive(), win()] {
        predict(&mut rig, "1", forecast);
    }
    rig.pump();
    let all = keys.map(|key| rig.wire.sent[&key].clone());
    assert_eq!(all[0], all[1]);
    let stats = &rig.shard.stats;
    let encoded = [&stats.prediction_to_encode, &stats.state_to_encode].map(|of| of.counts().iter().sum::<u32>());
    assert_eq!(encoded, [3, 0], "each once, and none among scores");
    assert_eq!(
        read(&mut rig, keys[0]),
        chain(&[(0, 1, "next_play"), (1, 2, "drive"), (2, 3, "win")])
    );
}

#[test]
fn whoever_was_behind_is_sent_the_newest_of_each_kind() {
    let mut rig = rig([]);
    let key = rig.subscriber(TOPIC);
    rig.room(key, 0);
    for after in ["1", "2", "3"] {
        for forecast in [next_play(), drive(), win()] {
            predict(&mut rig, after, forecast);
        }
        assert!(rig.predict(ran(1, 2)));
    }
    predict(&mut rig, "4", next_play());
    rig.pump();
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.written, account.expired, pending), (13, 0, 0, 13));
    rig.room(key, usize::MAX);
    let frames = rig.read(key);
    assert_eq!(
        told(&frames),
        chain(&[(0, 10, "drive"), (10, 11, "win"), (11, 12, "outcome"), (12, 13, "next_play")])
    );
    assert_eq!(frames[3]["after_play"], "4");
    let (account, pending) = rig.account(key);
    let counts = (account.offered, account.written, account.merged, account.expired, pending);
    assert_eq!(counts, (13, 4, 0, 9, 0));
}

/// A frame that its socket took in part is finished; what was not begun may expire still.
#[test]
fn a_frame_that_was_begun_is_finished() {
    let mut rig = rig([]);
    let key = rig.subscriber(TOPIC);
    rig.room(key, 10);
    predict(&mut rig, "1", next_play());
    predict(&mut rig, "1", drive());
    rig.pump();
    predict(&mut rig, "2", next_play());
    predict(&mut rig, "2", drive());
    rig.pump();
    rig.room(key, usize::MAX);
    assert_eq!(
        read(&mut rig, key),
        chain(&[(0, 1, "next_play"), (1, 3, "next_play"), (3, 4, "drive")])
    );
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.written, account.expired, pending), (4, 3, 1, 0));
}

#[test]
fn an_outcome_ends_the_prediction_that_it_judges_and_no_other() {
    let mut rig = rig([next_play(), drive()]);
    assert!(rig.predict(ran(3, 4)));
    let shown = |rig: &mut Rig| {
        let key = rig.client();
        rig.say(key, &format!(r#"{{"op":"subscribe","topics":["{TOPIC}"]}}"#));
        rig.pump();
        let snapshot = rig.read(key).remove(1);
        let kinds: Vec<Value> = snapshot["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["kind"].clone())
            .collect();
        (kinds, snapshot["tally"].clone())
    };
    assert_eq!(shown(&mut rig), (vec![json!("drive")], json!({"right": 3, "calls": 4})));
    predict(&mut rig, "2", next_play());
    assert_eq!(shown(&mut rig).0, ["drive", "next_play"]);
    predict(&mut rig, "2", win());
    let actual = Some(Side::Away);
    assert!(rig.predict(outcome(Verdict::Win { call: Side::Home, actual }, 3, 5)));
    assert_eq!(shown(&mut rig), (vec![], json!({"right": 3, "calls": 5})), "the game is over");
}

/// The outcome of a drive stood for that of the play that had ended it: whoever was behind held on to the
/// prediction of a play that was over.
#[test]
fn an_outcome_stands_for_none_of_another_kind() {
    let mut rig = rig([next_play(), drive()]);
    let key = rig.subscriber(TOPIC);
    rig.room(key, 0);
    let (call, actual) = (DriveEnd::Punt, DriveEnd::Touchdown);
    for bulletin in [ran(1, 1), ran(1, 2), outcome(Verdict::Drive { call, actual }, 1, 3)] {
        assert!(rig.predict(bulletin));
    }
    rig.room(key, usize::MAX);
    let frames = rig.read(key);
    assert_eq!(told(&frames), chain(&[(2, 4, "outcome"), (4, 5, "outcome")]));
    let kinds: Vec<&Value> = frames.iter().map(|frame| &frame["kind"]).collect();
    assert_eq!(kinds, ["next_play", "drive"]);
}

#[test]
fn whoever_comes_back_is_sent_what_has_not_expired_since() {
    let mut rig = rig([win(), next_play(), drive(), next_play(), drive()]);
    let back = |rig: &mut Rig, since: u64| {
        let key = rig.client();
        let message = json!({"op": "subscribe", "topics": [TOPIC], "epoch": "e1", "since": {TOPIC: since}});
        rig.say(key, &message.to_string());
        rig.pump();
        let frames = rig.read(key);
        (
            frames[0]["topics"][0]["how"].clone(),
            frames[0]["topics"][0]["reason"].clone(),
            told(&frames[1..]),
        )
    };
    let resumed = |entries: &[(u64, u64, &str)]| (json!("resumed"), json!(null), chain(entries));
    assert_eq!(
        back(&mut rig, FROM),
        resumed(&[(0, 1, "win"), (1, 4, "next_play"), (4, 5, "drive")])
    );
    assert_eq!(back(&mut rig, FROM + 2), resumed(&[(2, 4, "next_play"), (4, 5, "drive")]));
    assert_eq!(back(&mut rig, FROM + 4), resumed(&[(4, 5, "drive")]));
    assert_eq!(back(&mut rig, FROM + 5), resumed(&[]));
    let snapshot = |reason: &str| (json!("snapshot"), json!(reason), vec![(None, 5, "snapshot".to_owned())]);
    assert_eq!(back(&mut rig, FROM + 6), snapshot("ahead"));
    // Of a process before this one, of which nothing is known here.
    assert_eq!(back(&mut rig, FROM - 1), snapshot("too_old"));
}

#[test]
fn a_ring_that_forgets_scores_forgets_no_prediction() {
    let mut rig = rig([win()]);
    let key = rig.subscriber(TOPIC);
    rig.room(key, 0);
    for _ in 0..100 {
        predict(&mut rig, "1", next_play());
        rig.pump();
    }
    rig.room(key, usize::MAX);
    // Ten times the ring of this rig.
    assert_eq!(read(&mut rig, key), chain(&[(1, 101, "next_play")]));
}

#[test]
fn a_rate_limit_passes_over_what_has_expired() {
    let mut rig = rig([]);
    let key = rig.client();
    rig.say(key, &format!(r#"{{"op":"subscribe","topics":["{TOPIC}"],"max_rate_hz":0.5}}"#));
    rig.pump();
    rig.read(key);
    predict(&mut rig, "1", next_play());
    assert_eq!(read(&mut rig, key), chain(&[(0, 1, "next_play")]), "at once");
    for after in ["2", "3"] {
        predict(&mut rig, after, next_play());
        predict(&mut rig, after, win());
        assert_eq!(read(&mut rig, key), []);
    }
    rig.pass(2 * SECOND);
    assert_eq!(read(&mut rig, key), chain(&[(1, 4, "next_play"), (4, 5, "win")]));
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.written, account.expired, pending), (5, 3, 2, 0));
}

#[test]
fn when_its_game_is_let_go_of_it_shows_nothing_and_takes_nothing() {
    let mut rig = rig([next_play(), win()]);
    let (key, slow) = (rig.subscriber(TOPIC), rig.subscriber(TOPIC));
    rig.room(slow, 0);
    predict(&mut rig, "2", next_play());
    rig.pump();
    assert_eq!(read(&mut rig, key), chain(&[(2, 3, "next_play")]));
    rig.expire_unnoticed("G");
    let late = prediction(&rig, "3", next_play());
    assert!(!rig.predict(late.clone()), "the predictor read the game before that");
    rig.room(slow, usize::MAX);
    for key in [key, slow] {
        rig.pump();
        let frames = rig.read(key);
        assert_eq!(told(&frames), [(None, 4, "snapshot".to_owned())]);
        assert_eq!((&frames[0]["reason"], &frames[0]["predictions"]), (&json!("new_game"), &json!([])));
        let (account, pending) = rig.account(key);
        assert_eq!((account.offered - account.written - account.expired, pending), (0, 0));
    }
}

#[test]
fn a_game_that_nobody_knows_takes_no_prediction() {
    let mut rig = Rig::new();
    let bulletin = prediction(&rig, "1", win());
    assert!(!rig.predict(bulletin));
    assert!(rig.hub.get(&TopicName::parse(TOPIC).unwrap()).is_none());
}

#[test]
fn a_topic_of_which_nothing_was_said_is_forgotten_with_its_last_watcher() {
    let limits = HubLimits {
        ring_frames: 1,
        topics_max: 2,
        notices_max: 1,
        lineups: LineupLimits::DEFAULT,
    };
    let (mut hub, _inboxes) = Hub::new(1, limits);
    hub.count_from(FROM);
    for game in 0..10 {
        let name = TopicName::parse(&format!("predictions:{game}")).unwrap();
        let topic = hub.watch(&name, 0).expect("there is room");
        hub.unwatch(&topic, 0);
        assert!(hub.get(&name).is_none());
    }
    assert_eq!(hub.standings().topics, [], "and a start knows nothing of it");
}

#[test]
fn a_snapshot_leaves_out_what_is_past_its_time() {
    let mut rig = rig([next_play()]);
    rig.now_us += HOUR_US / 2;
    predict(&mut rig, "1", win());
    rig.now_us += HOUR_US / 2;
    let key = rig.client();
    rig.say(key, &format!(r#"{{"op":"subscribe","topics":["{TOPIC}"]}}"#));
    rig.pump();
    let snapshot = rig.read(key).remove(1);
    assert_eq!(snapshot["predictions"].as_array().unwrap().len(), 1, "{snapshot}");
    assert_eq!(snapshot["predictions"][0]["probabilities"], json!({"NE": 0.61, "HOU": 0.39}));
}

/// A snapshot that was made for the one before was given to whoever came later, with what was over meanwhile.
#[test]
fn a_snapshot_that_others_got_leaves_it_out_too() {
    let mut rig = rig([win()]);
    let kinds = |rig: &mut Rig| {
        let key = rig.client();
        rig.say(key, &format!(r#"{{"op":"subscribe","topics":["{TOPIC}"]}}"#));
        rig.pump();
        rig.read(key).remove(1)["predictions"].as_array().unwrap().len()
    };
    rig.now_us += HOUR_US - SECOND;
    assert_eq!((kinds(&mut rig), kinds(&mut rig)), (1, 1));
    rig.now_us += SECOND;
    assert_eq!(kinds(&mut rig), 0);
}

/// Whoever was away or behind for so long that the newest predictions are past their time is sent what is not, and
/// then where the topic stands.
#[test]
fn what_is_past_its_time_is_sent_to_nobody() {
    let mut rig = rig([win()]);
    let slow = rig.subscriber(TOPIC);
    rig.room(slow, 0);
    predict(&mut rig, "2", drive());
    rig.now_us += HOUR_US / 2;
    predict(&mut rig, "2", points());
    assert!(rig.predict(ran(1, 1)));
    rig.pump();
    let back = |rig: &mut Rig| {
        let key = rig.client();
        let message = json!({"op": "subscribe", "topics": [TOPIC], "epoch": "e1", "since": {TOPIC: FROM}});
        rig.say(key, &message.to_string());
        rig.pump();
        (key, rig.read(key).split_off(1))
    };
    rig.now_us += HOUR_US / 2;
    // The first two are past their time, and something follows.
    let (key, frames) = back(&mut rig);
    assert_eq!(told(&frames), chain(&[(0, 3, "points"), (3, 4, "outcome")]));
    predict(&mut rig, "3", drive());
    assert_eq!(read(&mut rig, key), chain(&[(4, 5, "drive")]));
    rig.now_us += HOUR_US;
    // Of what is left the outcome alone counts, and it does not lead to the head.
    let (key, frames) = back(&mut rig);
    let snapshot = |seq| (None, seq, "snapshot".to_owned());
    assert_eq!(told(&frames), [chain(&[(0, 4, "outcome")]), vec![snapshot(5)]].concat());
    assert_eq!((&frames[1]["reason"], &frames[1]["predictions"]), (&json!("expired"), &json!([])));
    let (account, pending) = rig.account(key);
    assert_eq!((account.offered, account.written, account.expired, pending), (5, 2, 3, 0));
    rig.room(slow, usize::MAX);
    assert_eq!(read(&mut rig, slow), [chain(&[(1, 4, "outcome")]), vec![snapshot(5)]].concat());
    predict(&mut rig, "4", next_play());
    for key in [slow, key] {
        assert_eq!(read(&mut rig, key), chain(&[(5, 6, "next_play")]));
    }
}

#[test]
fn a_stream_of_events_resumes_as_a_socket_does() {
    let mut rig = rig([win(), next_play(), drive(), next_play()]);
    let ruleset = rig.shard.parts.default_ruleset;
    let key = rig.shard.connect(Kind::EventStream, rig.now());
    rig.shard
        .subscribe_stream(key, &[TOPIC.to_owned()], ruleset, Some(Ok(&[FROM + 2])))
        .unwrap();
    rig.pump();
    let events = rig.read_events(key);
    let data: Vec<Value> = events.iter().map(|(_, data)| data.clone()).collect();
    assert_eq!(told(&data), chain(&[(2, 3, "drive"), (3, 4, "next_play")]));
    let ids: Vec<&str> = events.iter().map(|(id, _)| &**id).collect();
    assert_eq!(ids, ["e1.1003", "e1.1004"]);
}

#[test]
fn whoever_takes_frames_compressed_is_sent_them_so() {
    let mut rig = rig([]);
    let plain = rig.subscriber(TOPIC);
    let deflated = rig.client_of(Form {
        deflated: true,
        ..Form::PLAIN
    });
    rig.say(deflated, &format!(r#"{{"op":"subscribe","topics":["{TOPIC}"]}}"#));
    rig.pump();
    rig.wire.sent.clear();
    predict(&mut rig, "2", drive());
    rig.pump();
    let bytes = [plain, deflated].map(|key| rig.wire.sent[&key].clone());
    assert_eq!([bytes[0][0], bytes[1][0]], [0x81, 0xc1], "the second is a compressed message");
    assert!(bytes[1].len() < bytes[0].len());
}
