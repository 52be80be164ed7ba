//! `GET /v1/ingest`: the same lines as text messages, each answered.
//!
//! A message is one or more lines; its answer carries its number. They are taken in on the side
//! runtime, in order. Bounded: `unacked_max` messages of `message_bytes_max` are read ahead of their
//! answers; one beyond is not taken in, and its feed told to slow down and send it again.

use super::error::ApiError;
use super::ingest::take_in;
use super::upgrade::accept;
use super::{App, Door, Slot};
use crate::wire::json::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};

/// A feed's WebSocket.
pub async fn feed(State(door): State<Door>, request: Request) -> Result<Response, ApiError> {
    let (response, upgrade) = accept(request)?;
    let slot = Slot::take_one_more(&door.connections);
    let app = door.app.clone();
    tokio::spawn(async move {
        let _slot = slot;
        let Ok(upgraded) = upgrade.await else { return };
        let bytes_max = app.config.ingest.message_bytes_max;
        let config = WebSocketConfig::default()
            .max_message_size(Some(bytes_max))
            .max_frame_size(Some(bytes_max))
            .read_buffer_size(16 * 1024);
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        serve(&app, socket).await;
    });
    Ok(response)
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;
type Out = futures_util::stream::SplitSink<Socket, Message>;
/// Messages with their numbers.
type Numbered = Vec<(u64, Vec<u8>)>;

async fn serve(app: &Arc<App>, socket: Socket) {
    let (mut out, mut messages) = socket.split();
    let unacked_max = app.config.ingest.unacked_max;
    let (mut number, mut waiting, mut under_way) = (0u64, Numbered::new(), 0);
    let mut job: Option<JoinHandle<Vec<String>>> = None;
    loop {
        if job.is_none() && !waiting.is_empty() {
            under_way = waiting.len();
            job = Some(app.side.spawn(take_in_all(app.clone(), std::mem::take(&mut waiting))));
        }
        tokio::select! {
            biased;
            answers = async { job.as_mut().expect("checked by the branch").await }, if job.is_some() => {
                (job, under_way) = (None, 0);
                for answer in answers.unwrap_or_default() {
                    if out.send(Message::text(answer)).await.is_err() {
                        return;
                    }
                }
            }
            message = messages.next() => {
                let Some(text) = text_of(message, &mut out).await else { return };
                let Some(text) = text else { continue };
                number += 1;
                if waiting.len() + under_way < unacked_max {
                    waiting.push((number, text));
                } else if out.send(Message::text(slow_down(number))).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A message's text; nothing inside where it was a ping or the like, nothing at all where the feed is
/// done or has broken the rules, which it is told.
async fn text_of(message: Option<Result<Message, Error>>, out: &mut Out) -> Option<Option<Vec<u8>>> {
    match message? {
        Ok(Message::Text(text)) => Some(Some(text.as_bytes().to_vec())),
        Ok(Message::Binary(_)) => {
            close(out, CloseCode::Unsupported, "events are text messages").await;
            None
        }
        Ok(_) => Some(None),
        Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
            close(out, CloseCode::Size, "message_too_big").await;
            None
        }
        Err(error) => {
            tracing::debug!(%error, "a feed's connection ended");
            None
        }
    }
}

fn slow_down(number: u64) -> String {
    object(|json| {
        json.text("type", "slow_down").count("ack", number).count("retry_after_ms", 1000);
    })
}

fn object(write: impl FnOnce(&mut Json<'_>)) -> String {
    let mut body = Vec::new();
    Json::new(&mut body).object(write);
    String::from_utf8(body).expect("the writer takes text and gives text")
}

/// Takes messages in, one after the other, and answers each.
async fn take_in_all(app: Arc<App>, messages: Numbered) -> Vec<String> {
    let mut answers = Vec::with_capacity(messages.len());
    for (number, text) in messages {
        // Waits for its turn among the requests; the messages read ahead are bounded.
        let Ok(_permit) = app.ingest_permits.acquire().await else {
            return answers;
        };
        answers.push(match take_in(&app, &text).await {
            Ok(report) => object(|json| {
                json.count("ack", number);
                report.write(json);
            }),
            Err(error) if error.is_busy() => slow_down(number),
            Err(error) => object(|json| {
                json.count("ack", number)
                    .count("accepted", 0)
                    .count("duplicate", 0)
                    .list_at("rejected", |list| {
                        list.object(|json| {
                            json.count("line", 1);
                            error.write(json);
                        });
                    });
            }),
        });
    }
    answers
}

async fn close(out: &mut Out, code: CloseCode, reason: &'static str) {
    // The feed may be gone already.
    let _ = out
        .send(Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        })))
        .await;
}
