//! Feeds over `GET /v1/ingest`, and the totals that do not depend on how events came.

use super::support::events::{game, play};
use super::support::run;
use super::support::server::{Http, Server};
use super::support::wire::{Wire, connect};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A feed's WebSocket.
pub(crate) struct Feed(WebSocketStream<Box<dyn Wire>>);

impl Feed {
    /// Connects, over TLS where the server speaks it.
    pub(crate) async fn connect(server: &Http) -> Feed {
        let wired = connect(server.address(), server.tls(), None).await;
        let url = "ws://127.0.0.1/v1/ingest";
        Feed(tokio_tungstenite::client_async(url, wired.stream).await.unwrap().0)
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn answer(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn every_message_of_a_feed_is_answered_in_order() {
    run(async {
        let server = Server::start(|_| ());
        let mut feed = Feed::connect(&server).await;
        let begin = game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]);
        let one = play("g1", 1, 1, &[("x-1", "AAA", 10, 7)]);
        let two = play("g1", 2, 1, &[("x-1", "AAA", 10, 3)]);
        let messages = [
            begin.clone(),
            one.clone(),
            one.clone(),
            format!("{two}\n{{\"type\":\"play\"\n{one}"),
            "nonsense".to_owned(),
            play("g1", 1, 2, &[("x-1", "AAA", 10, 9)]),
        ];
        // All at once: answers come in order.
        for message in &messages {
            feed.say(message).await;
        }
        let mut answers = Vec::new();
        for _ in &messages {
            answers.push(feed.answer().await);
        }
        let told = |answer: &Value| (answer["ack"].clone(), answer["accepted"].clone(), answer["duplicate"].clone());
        let expected = [(1, 1, 0), (2, 1, 0), (3, 0, 1), (4, 1, 1), (5, 0, 0), (6, 1, 0)];
        for ((answer, (ack, accepted, duplicate)), message) in answers.iter().zip(expected).zip(&messages) {
            assert_eq!(told(answer), (json!(ack), json!(accepted), json!(duplicate)), "{message}: {answer}");
        }
        assert_eq!(answers[3]["rejected"].as_array().unwrap().len(), 1, "{}", answers[3]);
        assert_eq!(answers[3]["rejected"][0]["line"], 2);
        assert_eq!(answers[4]["rejected"][0]["code"], answers[3]["rejected"][0]["code"]);
        assert_eq!(answers[0]["rejected"], json!([]));
        let players = server.json("/v1/games/g1/players?ruleset=standard").await;
        let runner = players.as_array().unwrap().iter().find(|player| player["player"] == "x-1").unwrap();
        assert_eq!((&runner["points"], &runner["stats"]["rushing_yards"]), (&json!(1.2), &json!(12)));
        drop(feed);
        server.end().await;
    });
}

#[test]
fn a_feed_that_sends_bytes_is_closed_with_a_code() {
    run(async {
        let server = Server::start(|_| ());
        let mut feed = Feed::connect(&server).await;
        feed.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
        let mut closed = None;
        while let Some(Ok(message)) = feed.0.next().await {
            if let Message::Close(Some(frame)) = message {
                closed = Some(u16::from(frame.code));
            }
        }
        assert_eq!(closed, Some(1003));
        server.end().await;
    });
}

/// How often a list of players moves a game must not depend on how a body is cut.
#[test]
fn a_player_list_in_a_body_does_what_it_does_alone() {
    let lines = [
        play("g1", 1, 1, &[("x-1", "AAA", 10, 3)]),
        r#"{"type":"players","players":[{"player":"x-1","position":"TE"}]}"#.to_owned(),
        play("g1", 2, 1, &[("x-1", "AAA", 10, 4)]),
        r#"{"type":"players","players":[{"player":"x-1","position":"RB"}]}"#.to_owned(),
    ];
    let topics = ["game:g1".to_owned(), "player:x-1".to_owned()];
    let heads = async |bodies: &[String]| {
        let server = Server::start(|_| ());
        for body in bodies {
            server.post_lines(body.clone().into_bytes()).await;
        }
        let heads = server.heads(&topics).await;
        server.end().await;
        heads
    };
    run(async {
        let alone = heads(&lines).await;
        assert_eq!(heads(&[lines.join("\n")]).await, alone);
        assert_eq!(alone["player:x-1"], 4, "each of them moves who has a line");
    });
}
