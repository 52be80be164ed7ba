//! `GET /v1/snapshot` and `GET /v1/history`: topics as they are, for those who do not subscribe.

use super::auth::Reader;
use super::error::{ApiError, json_bytes};
use super::query::Query;
use super::upgrade::header_texts;
use super::{App, Door};
use crate::fanout::encode::{self, Subject};
use crate::fanout::snapshot::{self, Taken};
use crate::model::TopicName;
use crate::scoring::Ruleset;
use crate::wire::Form;
use crate::wire::json::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::io::Write;

/// Which topics, under which ruleset.
#[derive(Deserialize)]
pub(super) struct SnapshotQuery {
    topics: Option<String>,
    ruleset: Option<String>,
}

/// Topics in one answer, at most.
const TOPICS_MAX: usize = 200;
/// Answers longer than this are compressed where the client takes it, in bytes.
const COMPRESS_BYTES_MIN: usize = 1024;

/// Reads a list of topics, `a,b`; one given twice counts once.
///
/// # Errors
/// 400 with the first that is none.
pub(super) fn parse_topics(list: Option<&str>) -> Result<Vec<TopicName>, ApiError> {
    let list: Vec<&str> = list.unwrap_or_default().split(',').filter(|topic| !topic.is_empty()).collect();
    if list.is_empty() || list.len() > TOPICS_MAX {
        let message = format!("topics must list 1 to {TOPICS_MAX} topics, such as topics=player:ID,game:ID");
        return Err(ApiError::bad_request("bad_topics", message));
    }
    let parse = |topic: &str| {
        TopicName::parse(topic).map_err(|error| {
            let topic: String = topic.chars().take(80).collect();
            ApiError::bad_request("unknown_topic", format!("{topic}: {error}"))
        })
    };
    let mut topics = Vec::with_capacity(list.len());
    for topic in list {
        let topic = parse(topic)?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    Ok(topics)
}

/// `GET /v1/snapshot?topics=a,b&ruleset=R`.
pub(super) async fn snapshot(
    State(door): State<Door>,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<SnapshotQuery>,
) -> Result<Response, ApiError> {
    let topics = parse_topics(query.topics.as_deref())?;
    let zip = header_texts(&headers, &header::ACCEPT_ENCODING).any(|text| text.contains("gzip"));
    let held: Vec<String> = header_texts(&headers, &header::IF_NONE_MATCH).map(str::to_owned).collect();
    let write = move |app: &App| {
        let (index, ruleset) = app.ruleset(query.ruleset.as_deref())?;
        reader.may(&topics, ruleset, index)?;
        let (etag, body) = compose(app, &reader, topics, ruleset)?;
        // Weak, as the same tag serves the body compressed or not.
        let holds = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == etag.trim_start_matches("W/");
        let unchanged = held.iter().flat_map(|list| list.split(',')).any(|tag| holds(tag.trim()));
        let mut response = match unchanged {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false if zip && body.len() > COMPRESS_BYTES_MIN => gzip(body),
            false => json_bytes(body),
        };
        let answer = response.headers_mut();
        answer.insert(
            header::ETAG,
            HeaderValue::from_str(&etag).expect("an epoch and numbers are a header value"),
        );
        // What a token was needed for is nobody else's.
        let keep = if reader.is_anybody() {
            "public, max-age=1"
        } else {
            "private, max-age=1"
        };
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        answer.insert(header::VARY, HeaderValue::from_static("accept-encoding, authorization"));
        Ok(response)
    };
    door.aside(write).await?
}

/// The snapshots as JSON, and a tag that changes when any of the topics does.
fn compose(app: &App, reader: &Reader, topics: Vec<TopicName>, ruleset: &Ruleset) -> Result<(String, Vec<u8>), ApiError> {
    let mut etag = format!("W/\"{}", app.epoch);
    let mut body = Vec::with_capacity(1024 * topics.len());
    body.extend_from_slice(format!("{{\"epoch\":\"{}\",\"snapshots\":[", app.epoch).as_bytes());
    for (place, name) in topics.into_iter().enumerate() {
        // Asking costs no memory: a topic that is not there is not made.
        let topic = match name {
            TopicName::Lineup(_) => app.lineup(reader, &name)?,
            TopicName::Contest(_) | TopicName::Entry(_) => app.view(reader, name)?,
            name => app.hub.get_or_empty(name),
        };
        let ruleset = topic.own_ruleset().map_or(ruleset, |own| app.rulesets.by_index(own));
        let subject = Subject {
            topic: &topic,
            ruleset,
            form: Form::PLAIN,
            wall_us: app.clock.wall_us(),
            shift: 0,
        };
        let Taken { told, frame, .. } = snapshot::take(&app.hub, &app.games, subject, "subscribe");
        etag.push_str(&format!("-{told}"));
        if place > 0 {
            body.push(b',');
        }
        body.extend_from_slice(frame.payload());
    }
    body.extend_from_slice(b"]}");
    etag.push('"');
    Ok((etag, body))
}

fn gzip(body: Vec<u8>) -> Response {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(&body).and_then(|()| encoder.finish()) {
        Ok(zipped) => {
            let mut response = json_bytes(zipped);
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        // Writing to memory does not fail; if it did, the plain body would serve.
        Err(_) => json_bytes(body),
    }
}

/// Which topic, under which ruleset.
#[derive(Deserialize)]
pub(super) struct HistoryQuery {
    topic: Option<String>,
    ruleset: Option<String>,
}

/// `GET /v1/history?topic=player:ID&ruleset=R`: `[[feed_ts, seq, points], …]`, oldest first, of the
/// current game as far back as the ring reaches. A change without a `feed_ts` has the one before it, or its arrival
/// where there is none: a plot then never mixes the feed's clock with this server's.
pub(super) async fn history(State(door): State<Door>, reader: Reader, Query(query): Query<HistoryQuery>) -> Result<Response, ApiError> {
    door.tell_history()?;
    let text = query.topic.unwrap_or_default();
    let name = match TopicName::parse(&text) {
        Ok(name @ TopicName::Player(_)) => name,
        Ok(_) => {
            return Err(ApiError::bad_request(
                "no_history",
                "a history of points is kept for player: topics",
            ));
        }
        Err(error) => return Err(ApiError::bad_request("unknown_topic", format!("topic: {error}"))),
    };
    door.aside(move |app| {
        let (index, ruleset) = app.ruleset(query.ruleset.as_deref())?;
        reader.may(std::slice::from_ref(&name), ruleset, index)?;
        Ok(json_bytes(points_of(app, &name, ruleset)))
    })
    .await?
}

fn points_of(app: &App, name: &TopicName, ruleset: &Ruleset) -> Vec<u8> {
    // Under the topic's lock a reference to each change is taken, and no more is done.
    let (shift, entries) = app.hub.get(name).map_or_else(Default::default, |topic| {
        topic.read(|history| (history.shift, history.of_this_game().collect::<Vec<_>>()))
    });
    let mut body = Vec::with_capacity(32 * entries.len() + 2);
    Json::new(&mut body).list(|list| {
        let mut last_ts = None;
        for entry in &entries {
            let player = entry.player();
            last_ts = entry.change.feed_ts.map(|ts| ts.0).or(last_ts);
            list.list(|item| {
                item.item(last_ts.unwrap_or(entry.change.ingest.0))
                    .item(entry.seq.wrapping_add(shift) as i64);
                item.points_item(encode::points(ruleset, &player.who.card, &player.after()));
            });
        }
    });
    body
}
