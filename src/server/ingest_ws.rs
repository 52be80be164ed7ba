//! `GET /v1/ingest`: the same lines as text messages, each answered.
//!
//! A message is one or more lines; its answer carries its number. They are taken in on the side
//! runtime, in order. Bounded: `unacked_max` messages of `message_bytes_max` are read ahead of their
//! answers; one beyond is not taken in, and its feed told to slow down and send it again. A message or a
//! pong must come within `silence_timeout_ms`, an answer be taken within `stall_timeout_ms`. Ends with
//! the close codes of subscribers.

use super::auth::Feeder;
use super::error::ApiError;
use super::ingest::take_in;
use super::listen::stopped;
use super::stall::Stalling;
use super::turned_away::FULL_MS;
use super::upgrade::accept;
use super::{App, Door, Slot};
use crate::model::SourceId;
use crate::telemetry::Refusal;
use crate::wire::close::CloseReason;
use crate::wire::json::{self, Json};
use crate::wire::message::ServerMessage;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A feed's WebSocket.
pub(super) async fn feed(State(door): State<Door>, feeder: Feeder, request: Request) -> Result<Response, ApiError> {
    let (response, upgrade) = accept(request)?;
    let feeds_max = door.config.ingest.feeds_max;
    if *door.feeds.borrow() >= feeds_max {
        door.refusals.count(Refusal::TooManyFeeds);
        let message = format!("{feeds_max} feeds are connected already");
        return Err(ApiError::unavailable("too_many_feeds", message).come_back_after(door.spread_ms(FULL_MS)));
    }
    let counted = (Slot::take_one_more(&door.connections), Open::count(&door.feeds));
    let app = door.app.clone();
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Stalling<TcpStream>>>() else {
            return;
        };
        let Ok(stream) = parts.io.into_inner().into_inner().into_std() else {
            return;
        };
        let side = app.side.clone();
        side.spawn(async move {
            let _counted = counted;
            // A socket that the system will not wait for is as good as gone.
            if let Ok(stream) = TcpStream::from_std(stream) {
                Feed::new(app, feeder, stream, parts.read_buf.to_vec()).await.serve().await;
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

/// Longer than any connection lasts; what a token says may be longer than the time can tell.
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Messages with their numbers.
type Numbered = Vec<(u64, Vec<u8>)>;

struct Feed {
    app: Arc<App>,
    /// Who it is, and until when it may feed.
    feeder: Feeder,
    socket: WebSocketStream<TcpStream>,
    /// Messages so far.
    number: u64,
    /// Read ahead.
    waiting: Numbered,
    /// Being taken in, and how many those are.
    job: Option<JoinHandle<Vec<String>>>,
    under_way: usize,
}

/// What happens next to a feed.
enum Next {
    Stop,
    Answers(Vec<String>),
    Message(Option<Result<Message, Error>>),
    Ping,
    Silence,
    Expiry,
}

impl Feed {
    async fn new(app: Arc<App>, feeder: Feeder, stream: TcpStream, early: Vec<u8>) -> Feed {
        let bytes_max = app.config.ingest.message_bytes_max;
        let config = WebSocketConfig::default()
            .max_message_size(Some(bytes_max))
            .max_frame_size(Some(bytes_max))
            .read_buffer_size(16 * 1024);
        let socket = WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
        Feed {
            app,
            feeder,
            socket,
            number: 0,
            waiting: Vec::new(),
            job: None,
            under_way: 0,
        }
    }

    async fn serve(mut self) {
        let reason = match self.talk().await {
            Ok(()) => CloseReason::Draining,
            Err(reason) => reason,
        };
        tracing::debug!(reason = reason.name(), "a feed's connection ends");
        self.end(reason).await;
    }

    /// Takes messages in until told to stop.
    async fn talk(&mut self) -> Result<(), CloseReason> {
        let clients = &self.app.config.clients;
        let silence = Duration::from_millis(clients.silence_timeout_ms);
        let ping = Duration::from_millis(clients.ping_interval_ms.max(1));
        let mut pings = tokio::time::interval_at(Instant::now() + ping, ping);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let stopped = stopped(self.app.stop.clone());
        tokio::pin!(stopped);
        let mut silent_at = Instant::now() + silence;
        let until = self.feeder.until_us.map(|until_us| {
            let left_us = until_us.saturating_sub(self.app.clock.wall_us()).max(0);
            Instant::now() + Duration::from_micros(left_us as u64).min(A_YEAR)
        });
        loop {
            self.begin_job();
            let Feed { job, socket, .. } = self;
            let next = tokio::select! {
                biased;
                () = &mut stopped => Next::Stop,
                answers = async { job.as_mut().expect("checked by the branch").await }, if job.is_some() =>
                    Next::Answers(answers.unwrap_or_default()),
                message = socket.next() => Next::Message(message),
                _ = pings.tick() => Next::Ping,
                () = sleep_until(silent_at) => Next::Silence,
                () = sleep_until(until.unwrap_or(silent_at)), if until.is_some() => Next::Expiry,
            };
            match next {
                Next::Stop => return self.goodbye().await,
                Next::Answers(answers) => self.answer(answers).await?,
                Next::Message(message) => {
                    self.take(message).await?;
                    silent_at = Instant::now() + silence;
                }
                Next::Ping => self.say(Message::Ping(Default::default())).await?,
                Next::Silence => return Err(CloseReason::Silent),
                Next::Expiry => return Err(CloseReason::AuthExpired),
            }
        }
    }

    fn begin_job(&mut self) {
        if self.job.is_none() && !self.waiting.is_empty() {
            self.under_way = self.waiting.len();
            let messages = std::mem::take(&mut self.waiting);
            self.job = Some(tokio::spawn(take_in_all(self.app.clone(), self.feeder.source, messages)));
        }
    }

    async fn answer(&mut self, answers: Vec<String>) -> Result<(), CloseReason> {
        (self.job, self.under_way) = (None, 0);
        for answer in answers {
            self.say(Message::text(answer)).await?;
        }
        Ok(())
    }

    async fn take(&mut self, message: Option<Result<Message, Error>>) -> Result<(), CloseReason> {
        let text = match message {
            None => return Err(CloseReason::Gone),
            Some(Err(error)) => return Err(reason_of(&error)),
            Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
            Some(Ok(Message::Binary(_))) => return Err(CloseReason::Unsupported),
            Some(Ok(_)) => return Ok(()),
        };
        self.number += 1;
        if self.waiting.len() + self.under_way < self.app.config.ingest.unacked_max {
            self.waiting.push((self.number, text));
            return Ok(());
        }
        self.app.refusals.count(Refusal::Busy);
        let waiting = ApiError::busy(1, "there are too many messages without an answer");
        self.say(Message::text(slow_down(self.number, SOON_MS, &waiting))).await
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

    /// Answers what was being taken in; what was only read ahead has no answer and comes again.
    async fn goodbye(&mut self) -> Result<(), CloseReason> {
        if let Some(job) = self.job.take() {
            let answers = job.await.unwrap_or_default();
            self.answer(answers).await?;
        }
        let goodbye = ServerMessage::Goodbye {
            reason: CloseReason::Draining,
            reconnect_after_ms: 500,
        };
        let goodbye = written(|out| json::write(&goodbye, out));
        self.say(Message::text(goodbye)).await
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

/// When a feed may send again what found the server busy, in milliseconds.
const SOON_MS: u64 = 1_000;

/// The message was not taken in, or not confirmed; the same may be sent again.
fn slow_down(number: u64, after_ms: u64, why: &ApiError) -> String {
    object(|json| {
        json.text("type", "slow_down")
            .count("ack", number)
            .count("retry_after_ms", after_ms);
        why.write(json);
    })
}

fn object(write: impl FnOnce(&mut Json<'_>)) -> String {
    written(|out| {
        Json::new(out).object(write);
    })
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut body = Vec::new();
    write(&mut body);
    String::from_utf8(body).expect("the writer takes text and gives text")
}

/// Takes messages in, one after the other, and answers each.
async fn take_in_all(app: Arc<App>, source: SourceId, messages: Numbered) -> Vec<String> {
    let mut answers = Vec::with_capacity(messages.len());
    for (number, text) in messages {
        if let Err(too_fast) = app.feed_rates.check(source, app.clock.steady_us()) {
            app.refusals.count(too_fast.refusal);
            answers.push(slow_down(number, too_fast.after_ms, &ApiError::too_fast(too_fast)));
            continue;
        }
        // Waits for its turn among the requests; the messages read ahead are bounded.
        let Ok(_permit) = app.ingest_permits.acquire().await else {
            return answers;
        };
        answers.push(match take_in(&app, &text, source).await {
            Ok(report) => object(|json| {
                json.count("ack", number);
                report.write(json);
            }),
            Err(error) if error.asks_to_come_again() => {
                if let Some(refusal) = error.refusal() {
                    app.refusals.count(refusal);
                }
                slow_down(number, SOON_MS, &error)
            }
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
