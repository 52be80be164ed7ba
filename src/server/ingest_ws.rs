//! `GET /v1/ingest`: the same lines as text messages, each answered.
//!
//! A message is one or more lines; its answer carries its number. They are taken in on the side
//! runtime, in order. Bounded: `unacked_max` messages of `message_bytes_max`, all in the account of memory,
//! are read ahead of their answers; one beyond is not taken in, and its feed told to slow down and send it
//! again. A message or a pong must come within `silence_timeout_ms`, an answer be taken within
//! `stall_timeout_ms`. Ends with the close codes of subscribers, and with its token.

use super::auth::Feeder;
use super::error::ApiError;
use super::feed_socket::{FeedSocket, take_over};
use super::ingest::take_in;
use super::listen::stopped;
use super::memory::Held;
use super::turned_away::FULL_MS;
use super::upgrade::accept;
use super::{App, Door, Slot};
use crate::fanout::grant::EXPIRY_NOTICE_US;
use crate::telemetry::Refusal;
use crate::wire::close::{CloseReason, ComeBack};
use crate::wire::json::{self, Json};
use crate::wire::message::ServerMessage;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// A feed's WebSocket.
pub(super) async fn feed(State(door): State<Door>, feeder: Feeder, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let connections = door.connections_of(&parts)?;
    let (response, upgrade) = accept(Request::from_parts(parts, body))?;
    let feeds_max = door.config.ingest.feeds_max;
    let Some(open) = Open::take(&door.feeds, feeds_max) else {
        door.refusals.count(Refusal::TooManyFeeds);
        let message = format!("{feeds_max} feeds are connected already");
        return Err(ApiError::unavailable("too_many_feeds", message).come_back_after(door.spread_ms(FULL_MS)));
    };
    let counted = (Slot::take_one_more(&connections), open);
    let app = door.app.clone();
    door.side.spawn(async move {
        let _counted = counted;
        let Ok(upgraded) = upgrade.await else { return };
        // A socket that the system will not wait for is as good as gone.
        if let Some((socket, early)) = take_over(upgraded) {
            Feed::new(app, feeder, socket, early.to_vec()).await.serve().await;
        }
    });
    Ok(response)
}

/// One of the ingest WebSockets that a drain waits for.
struct Open(watch::Sender<usize>);

impl Open {
    /// Counts one more; nothing where there are `feeds_max`.
    fn take(feeds: &watch::Sender<usize>, feeds_max: usize) -> Option<Open> {
        let has_room = feeds.send_if_modified(|feeds| {
            let has_room = *feeds < feeds_max;
            *feeds += usize::from(has_room);
            has_room
        });
        has_room.then(|| Open(feeds.clone()))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|feeds| *feeds -= 1);
    }
}

/// Longer than any connection lasts; what a token says may be longer than the time can tell.
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

/// When a feed's token ends.
struct Expiry {
    ends: Instant,
    /// When something is to be done about it: to say so, then to end.
    due: Instant,
}

impl Expiry {
    /// By a clock that nobody sets from here on; nothing where it does not end.
    fn of(feeder: Feeder, wall_us: i64) -> Option<Expiry> {
        let left = Duration::from_micros(feeder.until_us?.saturating_sub(wall_us).max(0).cast_unsigned()).min(A_YEAR);
        let now = Instant::now();
        Some(Expiry {
            ends: now + left,
            due: now + left.saturating_sub(Duration::from_micros(EXPIRY_NOTICE_US.cast_unsigned())),
        })
    }
}

/// A message that waits for its turn.
struct Waiting {
    /// How many came before it, and one.
    number: u64,
    text: Vec<u8>,
    #[expect(dead_code, reason = "it counts for as long as the message is there")]
    held: Held,
}

struct Feed {
    app: Arc<App>,
    /// Who it is, and until when it may feed.
    feeder: Feeder,
    expiry: Option<Expiry>,
    socket: WebSocketStream<FeedSocket>,
    /// Messages so far.
    number: u64,
    /// Read ahead.
    waiting: Vec<Waiting>,
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
    async fn new(app: Arc<App>, feeder: Feeder, socket: FeedSocket, early: Vec<u8>) -> Feed {
        let bytes_max = app.config.ingest.message_bytes_max;
        let config = WebSocketConfig::default()
            .max_message_size(Some(bytes_max))
            .max_frame_size(Some(bytes_max))
            .read_buffer_size(16 * 1024);
        let socket = WebSocketStream::from_partially_read(socket, early, Role::Server, Some(config)).await;
        Feed {
            expiry: Expiry::of(feeder, app.clock.wall_us()),
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
        self.app.ingest_metrics.closed(reason);
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
        loop {
            self.begin_job();
            let Feed { job, socket, expiry, .. } = self;
            let due = expiry.as_ref().map(|expiry| expiry.due);
            let next = tokio::select! {
                // A feed that never pauses comes after all that is due to it.
                biased;
                () = &mut stopped => Next::Stop,
                () = sleep_until(due.unwrap_or(silent_at)), if due.is_some() => Next::Expiry,
                answers = async { job.as_mut().expect("checked by the branch").await }, if job.is_some() =>
                    Next::Answers(answers.unwrap_or_default()),
                _ = pings.tick() => Next::Ping,
                message = socket.next() => Next::Message(message),
                () = sleep_until(silent_at) => Next::Silence,
            };
            match next {
                Next::Stop => return self.finish().await,
                Next::Answers(answers) => self.answer(answers).await?,
                Next::Message(message) => {
                    self.take(message).await?;
                    silent_at = Instant::now() + silence;
                }
                Next::Ping => self.say(Message::Ping(Default::default())).await?,
                Next::Silence => return Err(CloseReason::Silent),
                Next::Expiry => self.expire().await?,
            }
        }
    }

    fn begin_job(&mut self) {
        if self.job.is_none() && !self.waiting.is_empty() {
            self.under_way = self.waiting.len();
            let messages = std::mem::take(&mut self.waiting);
            self.job = Some(tokio::spawn(take_in_all(self.app.clone(), self.feeder, messages)));
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
            // A close frame, answered.
            None => return Err(CloseReason::Normal),
            Some(Err(error)) => return Err(reason_of(&error)),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(CloseReason::Unsupported),
            Some(Ok(_)) => return Ok(()),
        };
        self.number += 1;
        match self.hold(text.len()) {
            Ok(held) => {
                let (number, text) = (self.number, text.as_bytes().to_vec());
                self.waiting.push(Waiting { number, text, held });
                Ok(())
            }
            Err(refused) => {
                let answer = refusal_of(&self.app, self.number, &refused);
                self.say(Message::text(answer)).await
            }
        }
    }

    /// Holds one more message of so many bytes.
    fn hold(&self, bytes: usize) -> Result<Held, ApiError> {
        if self.waiting.len() + self.under_way < self.app.config.ingest.unacked_max {
            self.app.hold_message(bytes)
        } else {
            Err(ApiError::busy("there are too many messages without an answer"))
        }
    }

    /// Says that the token is about to end, or ends with it.
    async fn expire(&mut self) -> Result<(), CloseReason> {
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        let left = expiry.ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(CloseReason::AuthExpired);
        }
        expiry.due = expiry.ends;
        let expires_in_ms = left.as_millis() as u64;
        self.tell(&ServerMessage::AuthExpiring { expires_in_ms }).await
    }

    async fn tell(&mut self, message: &ServerMessage<'_>) -> Result<(), CloseReason> {
        self.say(Message::text(written(|out| json::write(message, out)))).await
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
    async fn finish(&mut self) -> Result<(), CloseReason> {
        if let Some(job) = self.job.take() {
            let answers = job.await.unwrap_or_default();
            self.answer(answers).await?;
        }
        Ok(())
    }

    /// Says why and when to come back, hangs up, and gives the feed a moment to read it.
    async fn end(mut self, reason: CloseReason) {
        let wait = Duration::from_millis(self.app.config.clients.close_timeout_ms);
        if matches!(reason, CloseReason::Gone | CloseReason::Normal) {
            return;
        }
        let close = Message::Close(Some(CloseFrame {
            code: reason.code().into(),
            reason: reason.name().into(),
        }));
        // The feed may be gone already; then there is nobody to tell.
        let _ = timeout(wait, async {
            if let ComeBack::After { least_ms } = reason.come_back() {
                let reconnect_after_ms = self.app.spread_ms(least_ms);
                self.tell(&ServerMessage::Goodbye {
                    reason,
                    reconnect_after_ms,
                })
                .await
                .ok()?;
            }
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

/// Counts a refusal and says so: `slow_down` where the message was not taken in, or not confirmed, and the same
/// may be sent again; else an answer that names what is wrong.
fn refusal_of(app: &App, number: u64, refused: &ApiError) -> String {
    if let Some(refusal) = refused.refusal() {
        app.refusals.count(refusal);
    }
    object(|json| match refused.send_again_ms() {
        Some(after_ms) => {
            json.text("type", "slow_down")
                .count("ack", number)
                .count("retry_after_ms", after_ms);
            refused.write(json);
        }
        None => {
            json.count("ack", number)
                .count("accepted", 0)
                .count("duplicate", 0)
                .list_at("rejected", |list| {
                    list.object(|json| {
                        json.count("line", 1);
                        refused.write(json);
                    });
                });
        }
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
async fn take_in_all(app: Arc<App>, feeder: Feeder, messages: Vec<Waiting>) -> Vec<String> {
    let mut answers = Vec::with_capacity(messages.len());
    for message in messages {
        // Waits for its turn among the requests; the messages read ahead are bounded.
        let Ok(_permit) = app.ingest_permits.acquire().await else {
            return answers;
        };
        answers.push(match take_in(&app, &message.text, feeder, None).await {
            Ok(report) => object(|json| {
                json.count("ack", message.number);
                report.write(json);
            }),
            Err(refused) => refusal_of(&app, message.number, &refused),
        });
    }
    answers
}
