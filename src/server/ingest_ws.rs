//! `GET /v1/ingest`: the same lines as text messages, each answered.
//!
//! One task per feed on the side runtime. A message is one or more lines; its answer carries its
//! number. What is not read yet waits in the feed's own socket: reading stops while a message is taken
//! in. Bounded: `body_bytes_max` a message, `silence_timeout_ms` for a message or a pong to come,
//! `stall_timeout_ms` for an answer to be taken. Ends with the close codes of subscribers.

use super::error::ApiError;
use super::ingest::take_in;
use super::listen::stopped;
use super::upgrade::accept;
use super::{App, Door, Slot};
use crate::wire::close::CloseReason;
use crate::wire::json::{self, Json};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A feed's WebSocket.
pub async fn feed(State(door): State<Door>, request: Request) -> Result<Response, ApiError> {
    let (response, upgrade) = accept(request)?;
    let counted = (Slot::take_one_more(&door.connections), Open::count(&door.feeds));
    let app = door.app.clone();
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
            return;
        };
        let Ok(stream) = parts.io.into_inner().into_std() else { return };
        let side = app.side.clone();
        side.spawn(async move {
            let _counted = counted;
            // A socket that the system will not wait for is as good as gone.
            if let Ok(stream) = TcpStream::from_std(stream) {
                Feed::new(app, stream, parts.read_buf.to_vec()).await.serve().await;
            }
        });
    });
    Ok(response)
}

/// One of the ingest WebSockets that a drain waits for.
struct Open(watch::Sender<usize>);

impl Open {
    fn count(feeds: &watch::Sender<usize>) -> Open {
        feeds.send_modify(|feeds| *feeds += 1);
        Open(feeds.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|feeds| *feeds -= 1);
    }
}

struct Feed {
    app: Arc<App>,
    socket: WebSocketStream<TcpStream>,
    number: u64,
}

impl Feed {
    async fn new(app: Arc<App>, stream: TcpStream, early: Vec<u8>) -> Feed {
        let bytes_max = app.config.ingest.body_bytes_max;
        let config = WebSocketConfig::default()
            .max_message_size(Some(bytes_max))
            .max_frame_size(Some(bytes_max))
            .read_buffer_size(16 * 1024);
        let socket = WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
        Feed { app, socket, number: 0 }
    }

    async fn serve(mut self) {
        let reason = self.talk().await;
        tracing::debug!(reason = reason.name(), "a feed's connection ends");
        self.end(reason).await;
    }

    /// Takes messages in until there is a reason to stop.
    async fn talk(&mut self) -> CloseReason {
        let clients = &self.app.config.clients;
        let silence = Duration::from_millis(clients.silence_timeout_ms);
        let ping = Duration::from_millis(clients.ping_interval_ms.max(1));
        let mut pings = tokio::time::interval_at(Instant::now() + ping, ping);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stopped = stopped(self.app.stop.clone());
        tokio::pin!(stopped);
        let mut silent_at = Instant::now() + silence;
        loop {
            let said = tokio::select! {
                biased;
                () = &mut stopped => return self.goodbye().await,
                message = self.socket.next() => match message {
                    None => return CloseReason::Gone,
                    Some(Err(error)) => return reason_of(&error),
                    Some(Ok(Message::Text(text))) => Some(text),
                    Some(Ok(Message::Binary(_))) => return CloseReason::Unsupported,
                    Some(Ok(_)) => None,
                },
                _ = pings.tick() => {
                    if let Err(reason) = self.say(Message::Ping(Default::default())).await {
                        return reason;
                    }
                    continue;
                }
                () = sleep_until(silent_at) => return CloseReason::Silent,
            };
            if let Some(text) = said {
                self.number += 1;
                let answer = answer(&self.app, self.number, text.as_bytes().to_vec()).await;
                if let Err(reason) = self.say(Message::text(answer)).await {
                    return reason;
                }
            }
            silent_at = Instant::now() + silence;
        }
    }

    /// Says something; a feed that does not take it is not waited for without end.
    async fn say(&mut self, message: Message) -> Result<(), CloseReason> {
        let stall = Duration::from_millis(self.app.config.clients.stall_timeout_ms);
        match timeout(stall, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CloseReason::Gone),
            Err(_) => Err(CloseReason::Stalled),
        }
    }

    async fn goodbye(&mut self) -> CloseReason {
        let mut text = Vec::new();
        json::write_goodbye(CloseReason::Draining, 500, &mut text);
        let text = String::from_utf8(text).unwrap_or_default();
        match self.say(Message::text(text)).await {
            Ok(()) => CloseReason::Draining,
            Err(reason) => reason,
        }
    }

    /// Says why, hangs up, and gives the feed a moment to read it.
    async fn end(mut self, reason: CloseReason) {
        let wait = Duration::from_millis(self.app.config.clients.close_timeout_ms);
        if reason == CloseReason::Gone {
            return;
        }
        let close = Message::Close(Some(CloseFrame {
            code: reason.code().into(),
            reason: reason.name().into(),
        }));
        // The feed may be gone already; then there is nobody to tell.
        let _ = timeout(wait, async {
            self.socket.send(close).await.ok()?;
            let stream = self.socket.get_mut();
            stream.shutdown().await.ok()?;
            let mut unread = [0; 4096];
            while stream.read(&mut unread).await.ok()? > 0 {}
            Some(())
        })
        .await;
    }
}

fn reason_of(error: &Error) -> CloseReason {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooBig,
        Error::Utf8(_) => CloseReason::NotUtf8,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Gone,
        Error::Protocol(_) => CloseReason::Protocol,
        _ => CloseReason::Gone,
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
    let taken = take_in(app, &text).await;
    drop(permit);
    match taken {
        Ok(report) => {
            Json::new(&mut body).object(|json| {
                json.count("ack", number);
                report.write(json);
            });
        }
        Err(error) if error.is_busy() => busy(&mut body),
        Err(error) => {
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
    }
    String::from_utf8(body).unwrap_or_default()
}
