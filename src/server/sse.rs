//! `GET /v1/sse`: the same frames as server-sent events, for where WebSocket is blocked.

use super::auth::Reader;
use super::error::ApiError;
use super::memory::overloaded;
use super::query::Query;
use super::snapshots::parse_topics;
use super::{Connections, Door};
use crate::fanout::epoch::EpochName;
use crate::fanout::runner::{Command, EventStream};
use crate::fanout::shard::{Access, ConnKey};
use crate::fanout::sockets::STREAM_PIECES;
use crate::model::{Seq, TopicName};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use flume::Sender;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::Deserialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};

/// Which topics, under which ruleset, from where on.
#[derive(Deserialize)]
pub(super) struct EventsQuery {
    topics: Option<String>,
    ruleset: Option<String>,
    last_event_id: Option<String>,
}

/// The event stream. `Last-Event-ID` (or `last_event_id`, for a page's first connection) resumes.
pub(super) async fn events(
    State(door): State<Door>,
    reader: Reader,
    Query(query): Query<EventsQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let (request, _) = request.into_parts();
    let topics = parse_topics(query.topics.as_deref())?;
    let (index, ruleset) = door.ruleset(query.ruleset.as_deref())?;
    reader.may(&topics, ruleset, index)?;
    let names = topics;
    let topics: Vec<String> = names.iter().map(ToString::to_string).collect();
    let Some(shard) = door.shard.clone() else {
        return Err(ApiError::not_found("not_found", "this address serves no subscribers"));
    };
    door.take_newcomer()?;
    let connections = door.admit(&request)?;
    let last = request
        .headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
        .or(query.last_event_id);
    let since = last.map(|id| resume_from(&id, &door.epoch.name(), &names));
    let (body, pieces) = mpsc::channel(STREAM_PIECES);
    let (opened, answer) = oneshot::channel();
    let stopping = || ApiError::unavailable("stopping", "the server is stopping");
    let request = EventStream {
        topics,
        ruleset: index,
        access: reader.grant().cloned().map_or(Access::Open, Access::Granted),
        since,
        body,
        opened,
    };
    shard.send_async(Command::EventStream(request)).await.map_err(|_| stopping())?;
    let conn = answer.await.map_err(|_| stopping())?.map_err(|(code, message)| match code {
        "overloaded" => overloaded(&message),
        "unknown_lineup" | "unknown_contest" | "unknown_entry" => ApiError::not_found(code, message),
        _ => ApiError::bad_request(code, message),
    })?;
    let mut response = Response::new(Body::new(StreamBody::new(Pieces {
        pieces,
        conn,
        shard,
        connections,
    })));
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // A proxy that buffers would hold scores back.
    answer.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Reads an event's id, `EPOCH.SEQ-SEQ-…`, a `seq` for each topic. Opaque to clients.
/// A topic that can't be resumed from there has a `seq` that is ahead of any history.
fn resume_from(id: &str, epoch: &EpochName, topics: &[TopicName]) -> Result<Vec<Seq>, &'static str> {
    let (history, seqs) = id.split_once('.').ok_or("epoch")?;
    let seqs: Vec<Seq> = seqs
        .split('-')
        .map(|seq| seq.parse().map_err(|_| "epoch"))
        .collect::<Result<_, _>>()?;
    // The id of a stream of other topics says nothing of these.
    if seqs.len() != topics.len() || !topics.iter().any(|topic| epoch.resumes(history, topic)) {
        return Err("epoch");
    }
    let resumed = |(topic, seq): (&TopicName, Seq)| if epoch.resumes(history, topic) { seq } else { Seq::MAX };
    Ok(topics.iter().zip(seqs).map(resumed).collect())
}

/// A response's body: what the shard wrote, and a word to the shard each time there is room again.
struct Pieces {
    pieces: mpsc::Receiver<Bytes>,
    conn: ConnKey,
    shard: Sender<Command>,
    #[expect(dead_code, reason = "held for as long as the stream is open")]
    connections: Arc<Connections>,
}

impl futures_util::Stream for Pieces {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let full = self.pieces.len() == STREAM_PIECES;
        let piece = self.pieces.poll_recv(context);
        if full {
            let (shard, conn) = (self.shard.clone(), self.conn);
            // Where its commands are full this is said later, by a task of its own, but never left unsaid.
            if shard.try_send(Command::Writable(conn)).is_err() {
                tokio::spawn(async move { shard.send_async(Command::Writable(conn)).await });
            }
        }
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // Where its commands are full, the shard notices by itself when it next writes.
        let _ = self.shard.try_send(Command::Gone(self.conn));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_this_history_resumes() {
        let [player, slate, game] = ["player:1", "slate", "game:1"].map(|name| TopicName::parse(name).unwrap());
        let alone = EpochName::alone("e1");
        let three = [player.clone(), slate.clone(), game];
        assert_eq!(resume_from("e1.5-0-7", &alone, &three), Ok(vec![5, 0, 7]));
        for id in ["e2.5", "e1", "e1.x", "", "e1.5-6"] {
            assert_eq!(resume_from(id, &alone, &three[..1]), Err("epoch"), "{id}");
        }
        let node = EpochName::of_node("e1", "b");
        assert_eq!(resume_from("e1-b.5-0-7", &node, &three), Ok(vec![5, 0, 7]));
        assert_eq!(resume_from("e1-a.5-0-7", &node, &three), Ok(vec![5, Seq::MAX, 7]));
        assert_eq!(resume_from("e1-a.5", &node, &[slate]), Err("epoch"));
        assert_eq!(resume_from("e2-b.5", &node, &[player]), Err("epoch"));
    }
}
