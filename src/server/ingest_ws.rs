//! `GET /v1/ingest`: the same lines as text messages, each answered.
//!
//! One task per feed on the side runtime. A message is one or more lines; its answer carries its
//! number. Bounded: `unacked_max` messages are read ahead of their answers, `body_bytes_max` a message.

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
        let bytes_max = app.config.ingest.body_bytes_max;
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

async fn serve(app: &Arc<App>, socket: Socket) {
    let (mut out, mut messages) = socket.split();
    let mut number = 0u64;
    // What is not read yet waits in the feed's own socket: reading stops while a message is taken in.
    while let Some(message) = messages.next().await {
        let text = match message {
            Ok(Message::Text(text)) => text,
            Ok(Message::Binary(_)) => {
                close(&mut out, CloseCode::Unsupported, "events are text messages").await;
                return;
            }
            Ok(_) => continue,
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                close(&mut out, CloseCode::Size, "message_too_big").await;
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "a feed's connection ended");
                return;
            }
        };
        number += 1;
        let answer = answer(app, number, text.as_bytes().to_vec()).await;
        if out.send(Message::text(answer)).await.is_err() {
            return;
        }
    }
}

async fn answer(app: &Arc<App>, number: u64, text: Vec<u8>) -> String {
    let mut body = Vec::new();
    let busy = |body: &mut Vec<u8>| {
        Json::new(body).object(|json| {
            json.text("type", "slow_down").count("ack", number).count("retry_after_ms", 1000);
        });
    };
    let Ok(permit) = app.ingest_permits.clone().try_acquire_owned() else {
        busy(&mut body);
        return String::from_utf8(body).unwrap_or_default();
    };
    let side = app.clone();
    let taken = app.side.spawn(async move {
        let _permit = permit;
        take_in(&side, &text).await
    });
    match taken.await {
        Ok(Ok(report)) => {
            Json::new(&mut body).object(|json| {
                json.count("ack", number);
                report.write(json);
            });
        }
        Ok(Err(error)) if error.is_busy() => busy(&mut body),
        Ok(Err(error)) => {
            Json::new(&mut body).object(|json| {
                json.count("ack", number)
                    .count("accepted", 0)
                    .count("duplicate", 0)
                    .list_at("rejected", |list| {
                        list.object(|json| {
                            json.count("line", 1);
                            error.write(json);
                        });
                    });
            });
        }
        Err(_) => busy(&mut body),
    }
    String::from_utf8(body).unwrap_or_default()
}

async fn close(out: &mut futures_util::stream::SplitSink<Socket, Message>, code: CloseCode, reason: &'static str) {
    // The feed may be gone already.
    let _ = out
        .send(Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        })))
        .await;
}
