//! `GET /v1/snapshot` and `GET /v1/history`: topics as they are, for those who do not subscribe.

use super::Door;
use super::error::{ApiError, json_bytes};
use super::query::Query;
use super::upgrade::header_texts;
use crate::fanout::encode::{self, Subject};
use crate::fanout::snapshot;
use crate::fanout::topic::{Topic, TopicId};
use crate::model::TopicName;
use crate::wire::json::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::io::Write;
use std::sync::Arc;

/// Which topics, under which ruleset.
#[derive(Deserialize)]
pub struct SnapshotQuery {
    topics: Option<String>,
    ruleset: Option<String>,
}

/// Topics in one answer, at most.
pub const TOPICS_MAX: usize = 200;
/// Answers longer than this are compressed where the client takes it, in bytes.
const COMPRESS_BYTES_MIN: usize = 1024;

/// Reads a list of topics, `a,b`; one given twice counts once.
///
/// # Errors
/// 400 with the first that is none.
pub fn parse_topics(list: Option<&str>) -> Result<Vec<TopicName>, ApiError> {
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
pub async fn snapshot(State(door): State<Door>, headers: HeaderMap, Query(query): Query<SnapshotQuery>) -> Result<Response, ApiError> {
    let topics = parse_topics(query.topics.as_deref())?;
    let (_, ruleset) = door.ruleset(query.ruleset.as_deref())?;
    let name = ruleset.name().to_owned();
    let app = door.app.clone();
    let zip = header_texts(&headers, &header::ACCEPT_ENCODING).any(|text| text.contains("gzip"));
    let known = headers.get(header::IF_NONE_MATCH).cloned();
    let taken = door.side.spawn_blocking(move || {
        let (_, ruleset) = app.ruleset(Some(&name))?;
        let mut etag = format!("\"{}", app.epoch);
        let mut body = Vec::with_capacity(1024 * topics.len());
        body.extend_from_slice(format!("{{\"epoch\":\"{}\",\"snapshots\":[", app.epoch).as_bytes());
        for (place, name) in topics.into_iter().enumerate() {
            // Asking costs no memory: a topic that is not there is not made.
            let topic = app.hub.get(&name).unwrap_or_else(|| Arc::new(Topic::new(TopicId(u32::MAX), name)));
            let subject = Subject {
                topic: &topic,
                ruleset,
                now_us: app.clock.now_us(),
            };
            let (seq, frame) = snapshot::take(&app.hub, &app.games, subject, "subscribe");
            etag.push_str(&format!("-{seq}"));
            if place > 0 {
                body.push(b',');
            }
            body.extend_from_slice(frame.payload());
        }
        body.extend_from_slice(b"]}");
        etag.push('"');
        Ok((etag, body))
    });
    let (etag, body) = taken
        .await
        .map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))??;
    let etag = HeaderValue::from_str(&etag).expect("an epoch and numbers are a header value");
    let unchanged = known.is_some_and(|known| known == etag);
    let zipped = if zip && !unchanged && body.len() > COMPRESS_BYTES_MIN {
        door.side.spawn_blocking(move || gzip(body)).await.ok()
    } else {
        Some((body, false))
    };
    let (body, is_zipped) = zipped.ok_or_else(|| ApiError::unavailable("stopping", "the server is stopping"))?;
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json_bytes(body)
    };
    let answer = response.headers_mut();
    answer.insert(header::ETAG, etag);
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=1"));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_zipped {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn gzip(body: Vec<u8>) -> (Vec<u8>, bool) {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(&body).and_then(|()| encoder.finish()) {
        Ok(zipped) => (zipped, true),
        Err(_) => (body, false),
    }
}

/// Which topic, under which ruleset.
#[derive(Deserialize)]
pub struct HistoryQuery {
    topic: Option<String>,
    ruleset: Option<String>,
}

/// `GET /v1/history?topic=player:ID&ruleset=R`: `[[feed_ts, seq, points], …]`, oldest first, of the
/// current game as far back as the ring reaches. Changes without a `feed_ts` give their arrival.
pub async fn history(State(door): State<Door>, Query(query): Query<HistoryQuery>) -> Result<Response, ApiError> {
    let text = query.topic.unwrap_or_default();
    let (_, ruleset) = door.ruleset(query.ruleset.as_deref())?;
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
    let entries = door.hub.get(&name).map_or_else(Vec::new, |topic| {
        topic.read(|history| {
            let from = history.ring.iter().rposition(|entry| entry.new_game).unwrap_or(0);
            history.ring.iter().skip(from).cloned().collect::<Vec<_>>()
        })
    });
    let mut body = Vec::with_capacity(32 * entries.len() + 2);
    Json::new(&mut body).list(|list| {
        for entry in &entries {
            let player = entry.player();
            list.list(|item| {
                item.item(entry.change.feed_ts.map_or(entry.change.ingest.0, |ts| ts.0))
                    .item(entry.seq as i64);
                item.points_item(encode::points(ruleset, &player.card, &player.after));
            });
        }
    });
    Ok(json_bytes(body))
}
