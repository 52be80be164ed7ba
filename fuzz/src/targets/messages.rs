//! What the server says, of any texts and numbers: JSON is JSON, nothing in it is markup, and the binary
//! coding says the same.

use super::choices::Choices;
use super::predictions;
use crate::frames::{Extension, Got, next_frame};
use crate::proto;
use scorewire::model::{Points, Prediction, TopicName};
use scorewire::wire::message::{About, How, ServerMessage, Shown, Snapshot, SubscribedTopic, Subscriptions, Told, TopicRefused};
use scorewire::wire::{Coding, Form};
use serde_json::Value;

pub(crate) fn both_codings(input: &[u8]) {
    let mut choices = Choices::new(input);
    let id = choices.flag().then(|| choices.number() as i64);
    points(Points(choices.number() as i64));
    let (code, message) = (choices.text(), choices.text());
    let error = same(&ServerMessage::Error {
        id,
        code: &code,
        message: &message,
    });
    assert_eq!(error["message"], message);
    assert_eq!(error["id"].as_i64(), id);

    let topics: Vec<SubscribedTopic> = (0..choices.below(4)).map(|_| subscribed(&mut choices)).collect();
    let errors: Vec<TopicRefused> = (0..choices.below(4)).map(|_| refused(&mut choices)).collect();
    let name = choices.flag().then(|| choices.text());
    let reply = |topics, errors| Subscriptions {
        id,
        name: name.as_deref(),
        topics,
        errors,
    };
    let said = same(&ServerMessage::Subscribed(reply(&topics, &errors)));
    assert_eq!(said["name"].as_str(), name.as_deref());
    for (topic, said) in topics.iter().zip(said["topics"].as_array().expect("a list")) {
        assert_eq!(said["topic"], topic.topic);
        assert_eq!(said["seq"].as_u64(), topic.begins.map(|(seq, _)| seq));
    }
    for (error, said) in errors.iter().zip(said["errors"].as_array().expect("a list")) {
        assert_eq!(
            (&said["topic"], &said["message"]),
            (&error.topic.as_str().into(), &error.message.as_str().into())
        );
    }
    same(&ServerMessage::Unsubscribed(reply(&topics, &errors)));
    let pong = same(&ServerMessage::Pong {
        id,
        server_us: choices.number() as i64,
    });
    assert_eq!(pong["id"].as_i64(), id);
    predicted(&mut choices);
}

/// A prediction, an outcome, and a snapshot of predictions.
fn predicted(choices: &mut Choices<'_>) {
    let (prediction, outcome) = (predictions::prediction(choices), predictions::outcome(choices));
    let topic = TopicName::Predictions(prediction.head.game.clone());
    let (seq, prev, encode_us) = (choices.number().max(1), choices.number(), choices.number() as i64);
    let about = || About {
        topic: &topic,
        ruleset: None,
        seq,
    };
    let said = same(&ServerMessage::Prediction(Told {
        about: about(),
        prev,
        says: &prediction,
        encode_us,
    }));
    assert_eq!((said["seq"].as_u64(), said["prev"].as_u64()), (Some(seq), Some(prev)));
    assert_eq!(said["expires_us"].as_i64(), Some(prediction.expires_us));
    let said = same(&ServerMessage::Outcome(Told {
        about: about(),
        prev,
        says: &outcome,
        encode_us,
    }));
    assert_eq!(said["right"] == true, said["call"] == said["actual"]);
    let others: Vec<Prediction> = (0..choices.below(4)).map(|_| predictions::prediction(choices)).collect();
    let said = same(&ServerMessage::Snapshot(Snapshot {
        about: about(),
        shows: Shown::Predictions(others.iter().collect(), predictions::tally(choices)),
        reason: "subscribe",
        encode_us,
    }));
    assert_eq!(said["predictions"].as_array().map(Vec::len), Some(others.len()));
}

fn subscribed(choices: &mut Choices<'_>) -> SubscribedTopic {
    let how = [How::Resumed, How::Snapshot("fresh"), How::Snapshot("too_old")];
    SubscribedTopic {
        topic: choices.text(),
        ruleset: choices.flag().then(|| choices.text()),
        begins: choices.flag().then(|| (choices.number(), *choices.pick(&how))),
    }
}

fn refused(choices: &mut Choices<'_>) -> TopicRefused {
    TopicRefused {
        topic: choices.text(),
        code: "unknown_topic",
        message: choices.text(),
    }
}

/// What the message is in JSON; the binary coding must say the same.
fn same(message: &ServerMessage<'_>) -> Value {
    let [json, bin] = Coding::ALL.map(|coding| {
        let form = Form { coding, deflated: false };
        let frame = form.frame(message);
        let (got, taken) = next_frame(frame.bytes(), Extension::None).expect("a whole frame");
        assert_eq!(taken, frame.bytes().len());
        match got {
            Got::Text(text) => {
                assert!(!text.contains(['<', '&']) && !text.chars().any(|char| char < ' '), "{text}");
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
            }
            Got::Binary(bytes) => proto::server_message(&bytes),
            other => panic!("no message: {other:?}"),
        }
    });
    assert_eq!(json, bin);
    json
}

fn points(points: Points) {
    let mut text = Vec::new();
    points.write_json(&mut text);
    let text = String::from_utf8(text).expect("digits");
    serde_json::from_str::<f64>(&text).expect("a JSON number");
    // The least one has no counterpart, as of all integers.
    if points.0 != i64::MIN {
        assert_eq!(Points::parse(&text), Some(points), "{text}");
    }
}
