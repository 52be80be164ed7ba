//! Predictions through real sockets, posted as the predictor posts them; and one of each kind, for tests of bytes.

use super::support::client::Client;
use super::support::events::game;
use super::support::holdings::Holdings;
use super::support::server::{Server, Way};
use super::support::{eventually, run, sse::Stream};
use scorewire::fanout::Hub;
use scorewire::fanout::hub::Moved;
use scorewire::fanout::sockets::WriterSetting;
use scorewire::model::prediction::{DriveEnd, PlayCall, PlayerForecast, Source, Tally, Verdict};
use scorewire::model::{
    Bulletin, FeedTime, Forecast, GameHead, GameId, IngestTime, Outcome, PlayId, PlayerId, Points, Prediction, Probability, Side,
    StateTime, Team,
};
use scorewire::wire::Coding;
use serde_json::json;
use std::sync::Arc;

/// Far from now.
const EXPIRES_US: i64 = 4_000_000_000_000_000;

/// Has the hub post what was said, and tell the shards.
pub(crate) fn post(hub: &Hub, bulletin: Bulletin) {
    let mut moved = Moved::default();
    assert!(hub.predict(bulletin, &mut moved), "the game is there");
    hub.tell(&mut moved);
}

fn probability(ten_thousandths: u16) -> Probability {
    Probability::new(ten_thousandths).expect("a probability")
}

fn head(game: &str, teams: Option<[&str; 2]>) -> Arc<GameHead> {
    let team = |name| Team::new(name).expect("a team");
    Arc::new(GameHead {
        game: GameId::new(game).expect("an id"),
        teams: teams.map(|[home, away]| (team(home), team(away))),
        kickoff: None,
    })
}

fn model() -> Source {
    Source::Model {
        name: "micro".into(),
        version: "1".into(),
    }
}

fn said(head: &Arc<GameHead>, after: &str, forecast: Forecast, source: Source) -> Bulletin {
    Bulletin::Prediction(Arc::new(Prediction {
        head: head.clone(),
        after_play: PlayId::new(after),
        forecast,
        confidence: probability(7_688),
        source,
        expires_us: EXPIRES_US,
        feed_ts: Some(FeedTime(1_500_000_000_000_000)),
        ingest: IngestTime(1_500_000_000_080_000),
        made: StateTime(0),
    }))
}

fn judged(head: &Arc<GameHead>, verdict: Verdict, source: Source, tally: Tally) -> Bulletin {
    Bulletin::Outcome(Arc::new(Outcome {
        head: head.clone(),
        play: PlayId::new("1250"),
        after_play: PlayId::new("1234"),
        verdict,
        probability: probability(2_312),
        source,
        tally,
        feed_ts: None,
        ingest: IngestTime(1_500_000_001_080_000),
        made: StateTime(0),
    }))
}

fn next_play(head: &Arc<GameHead>, after: &str) -> Bulletin {
    let forecast = Forecast::NextPlay {
        pass: probability(7_688),
        kinds: [2_300, 7_650, 40, 10, 0].map(probability),
    };
    said(head, after, forecast, model())
}

fn drive(head: &Arc<GameHead>, after: &str) -> Bulletin {
    let forecast = Forecast::Drive {
        team: Team::new("NE").expect("a team"),
        ends: [2_500, 2_000, 3_500, 1_000, 1_000].map(probability),
    };
    said(head, after, forecast, Source::Historical)
}

fn points(head: &Arc<GameHead>, players: &[&str]) -> Bulletin {
    let player = |id: &&str| PlayerForecast {
        player: PlayerId::new(id).expect("an id"),
        points: Points(184_000),
        low: Points(-2_500),
        high: Points(260_001),
    };
    let forecast = Forecast::Points {
        ruleset: "draftkings".into(),
        players: players.iter().map(player).collect(),
    };
    said(head, "1234", forecast, model())
}

/// One of each kind that the wire knows, of a game of NE and HOU.
pub(crate) fn each_kind(game: &str) -> Vec<Bulletin> {
    let head = head(game, Some(["NE", "HOU"]));
    let nobody = self::head(game, None);
    let tally = |right, calls| Tally { right, calls };
    let win = |head, home| said(head, "1234", Forecast::Win { home: probability(home) }, model());
    vec![
        next_play(&head, "1234"),
        drive(&head, "1234"),
        win(&head, 6_100),
        win(&nobody, 0),
        points(&head, &["00-1", "dst:NE"]),
        points(&head, &[]),
        judged(
            &head,
            Verdict::NextPlay {
                call: PlayCall::Pass,
                actual: PlayCall::Run,
            },
            model(),
            tally(40, 47),
        ),
        judged(
            &head,
            Verdict::Drive {
                call: DriveEnd::Punt,
                actual: DriveEnd::Punt,
            },
            Source::Historical,
            tally(40, 47),
        ),
        next_play(&head, "1250"),
    ]
}

/// A prediction of such a game's next play.
fn next_of(game: &str) -> Bulletin {
    next_play(&head(game, Some(["NE", "HOU"])), "1200")
}

/// The end of such a game.
pub(crate) fn tie(game: &str) -> Bulletin {
    let verdict = Verdict::Win {
        call: Side::Home,
        actual: None,
    };
    judged(&head(game, Some(["NE", "HOU"])), verdict, model(), Tally { right: 40, calls: 48 })
}

const TOPIC: &str = "predictions:G";

async fn begun(way: Way) -> Server {
    let server = Server::start_on(way, |_| ());
    server
        .post_lines(game("G", 1, "live", ["NE", "HOU"], 1_500_000_000, [0, 0]).into_bytes())
        .await;
    server
}

/// Clients of both codings, one who comes late, one who comes back, and plain HTTP hold the same.
async fn follow(way: Way) {
    let server = begun(way).await;
    let hub = server.running.app.hub.clone();
    let mut clients = Vec::new();
    for coding in Coding::ALL {
        let mut client = Client::connect_in(&server, coding).await;
        client.subscribe(&[TOPIC.to_owned()], "fanduel").await;
        client.catch_up(&server).await;
        assert_eq!(client.holdings.of(TOPIC, "").predictions.len(), 0, "nothing is predicted yet");
        clients.push(client);
    }
    let mut away = Client::connect(&server).await;
    away.subscribe(&[TOPIC.to_owned()], "fanduel").await;
    away.catch_up(&server).await;
    let (held, epoch) = away.cut();
    for bulletin in each_kind("G") {
        post(&hub, bulletin);
        for client in &mut clients {
            client.catch_up(&server).await;
        }
    }
    let mut late = Client::connect(&server).await;
    late.subscribe(&[TOPIC.to_owned()], "fanduel").await;
    let mut back = Client::come_back(&server, held).await;
    assert_eq!(back.resume(&[TOPIC.to_owned()], "fanduel", &epoch).await, 1);
    clients.extend([late, back]);
    for client in &mut clients {
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        let held = client.holdings.of(TOPIC, "");
        assert_eq!(held.predictions.keys().collect::<Vec<_>>(), ["next_play", "points", "win"]);
        assert_eq!(held.predictions["next_play"]["after_play"], "1250");
        assert_eq!(held.tally, json!({"right": 40, "calls": 47}));
    }
    post(&hub, tie("G"));
    for client in &mut clients {
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        assert!(client.holdings.of(TOPIC, "").predictions.is_empty(), "the game is over");
    }
    drop(clients);
    server.end().await;
}

#[test]
fn predictions_arrive_and_expire_over_plain_sockets() {
    run(follow(Way::Plain(WriterSetting::Auto)));
}

#[test]
fn predictions_arrive_and_expire_over_tls() {
    run(follow(Way::Tls));
}

#[test]
fn an_event_stream_resumes_with_what_has_not_expired() {
    run(async {
        let server = begun(Way::Plain(WriterSetting::Auto)).await;
        let hub = server.running.app.hub.clone();
        let topics = [TOPIC.to_owned(), "slate".to_owned()];
        let open = async |holdings, id| Stream::open(&server, &topics, "fanduel", holdings, id).await;
        let mut stream = open(Holdings::default(), None).await;
        stream.catch_up(&server).await;
        let (mut early, late) = (each_kind("G"), tie("G"));
        let last = early.split_off(early.len() - 1);
        for bulletin in early {
            post(&hub, bulletin);
        }
        stream.catch_up(&server).await;
        let Stream { holdings, last_id, .. } = stream;
        for bulletin in last {
            post(&hub, bulletin);
        }
        let mut stream = open(holdings, last_id).await;
        assert_eq!(stream.next().await.unwrap()["after_play"], "1250", "and no snapshot before it");
        stream.holdings.assert_equal_http(&server).await;
        post(&hub, late);
        stream.catch_up(&server).await;
        stream.holdings.assert_equal_http(&server).await;
        drop(stream);
        server.end().await;
    });
}

#[test]
fn a_start_ends_what_was_predicted_before_it() {
    run(async {
        let server = begun(Way::Plain(WriterSetting::Auto)).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&[TOPIC.to_owned()], "fanduel").await;
        post(&server.running.app.hub, next_of("G"));
        client.catch_up(&server).await;
        let seq = client.holdings.of(TOPIC, "").seq;
        server.end().await;
        let server = begun(Way::Plain(WriterSetting::Auto)).await;
        let mut client = Client::connect(&server).await;
        let epoch = client.epoch.clone();
        for bulletin in each_kind("G") {
            post(&server.running.app.hub, bulletin);
        }
        // As after a restart under the same epoch: what the client holds is of nobody that this process knows.
        let message = json!({"op": "subscribe", "topics": [TOPIC], "epoch": epoch, "since": {TOPIC: seq}});
        let reply = client.ask(message).await;
        assert_eq!(
            (&reply["topics"][0]["how"], &reply["topics"][0]["reason"]),
            (&json!("snapshot"), &json!("too_old"))
        );
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        drop(client);
        server.end().await;
    });
}

async fn predicting(confidence: f64) -> Server {
    let server = Server::start_on(Way::Plain(WriterSetting::Auto), move |config| {
        config.predict.enabled = true;
        config.predict.confidence = confidence;
    });
    server
        .post_lines(game("G", 1, "live", ["NE", "HOU"], 1_500_000_000, [0, 0]).into_bytes())
        .await;
    eventually("the predictor is at work", || async {
        server.get("/readyz").await.json()["predictions"]["state"] == "serving"
    })
    .await;
    server
}

pub(crate) fn snap(after: &str, down: u8, distance: u8) -> String {
    format!(
        r#"{{"type":"situation","game":"G","after_play":"{after}","rev":1,"clock":{{"quarter":1,"seconds_left":600}},"down":{down},"distance":{distance},"yards_to_goal":50,"possession":"NE"}}"#
    )
}

pub(crate) fn run_of(play: &str, down: u8, distance: u8) -> String {
    format!(
        r#"{{"type":"play","game":"G","play":"{play}","order":{play},"rev":1,"play_type":"run","clock":{{"quarter":1,"seconds_left":600}},"situation":{{"down":{down},"distance":{distance},"yards_to_goal":50,"possession":"NE"}},"stats":[{{"player":"runner","team":"NE","stat":10,"yards":3}}]}}"#
    )
}

/// Where no model is sure history answers, and what happens judges it.
#[test]
fn a_snap_is_predicted_and_judged_by_the_play() {
    run(async {
        let server = predicting(1.0).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&[TOPIC.to_owned()], "fanduel").await;
        client.catch_up(&server).await;
        server
            .post_lines((run_of("10", 1, 10) + "\n" + &snap("10", 2, 7)).into_bytes())
            .await;
        let said = loop {
            let said = client.next().await.expect("a prediction");
            if said["type"] == "prediction" && said["kind"] == "next_play" {
                break said;
            }
        };
        assert_eq!((&said["source"], &said["after_play"]), (&json!("historical"), &json!("10")));
        server.post_lines(run_of("20", 2, 7).into_bytes()).await;
        let said = loop {
            let said = client.next().await.expect("an outcome");
            if said["type"] == "outcome" {
                break said;
            }
        };
        assert_eq!((&said["play"], &said["actual"]), (&json!("20"), &json!("run")));
        assert_eq!(said["tally"], json!({"right": 0, "calls": 0}), "history's calls are not counted");
        drop(client);
        eventually("figures of history", || async {
            let models = server.json("/v1/models").await;
            models["figures"][0]["version"] == "historical" && models["figures"][0]["figures"]["outcomes"] == 1
        })
        .await;
        let mut judged = 0.0;
        for (sure, result) in [("yes", "right"), ("yes", "wrong"), ("no", "right"), ("no", "wrong")] {
            let of = format!("model=\"next_play\",version=\"historical\",sure=\"{sure}\",result=\"{result}\"");
            judged += server.metric(&format!("scorewire_model_outcomes_total{{{of}}}")).await;
        }
        assert_eq!(judged, 1.0, "the page shows the same");
        server.end().await;
    });
}

/// The shipped models answer, with a name and a version.
#[test]
fn the_shipped_models_predict() {
    run(async {
        let server = predicting(0.7).await;
        server
            .post_lines((run_of("10", 1, 10) + "\n" + &snap("10", 3, 15)).into_bytes())
            .await;
        eventually("a model is sure of a pass on third and long", || async {
            let shown = server.json("/v1/snapshot?topics=predictions:G").await;
            let predictions = shown["snapshots"][0]["predictions"].clone();
            let of = |kind: &str| {
                predictions
                    .as_array()
                    .and_then(|all| all.iter().find(|p| p["kind"] == kind).cloned())
            };
            let Some(next) = of("next_play") else { return false };
            assert_eq!(
                (&next["source"], &next["model"], &next["call"]),
                (&json!("model"), &json!("next_play"), &json!("pass"))
            );
            of("drive").is_some_and(|drive| drive["source"] == "model") && of("win").is_some_and(|win| win["source"] == "model")
        })
        .await;
        assert_eq!(server.metric("scorewire_predictor_running").await, 1.0);
        server.end().await;
    });
}
