//! What clients say.

use super::Shard;
use super::batch::Piece;
use super::conn::{Closing, ConnKey, Kind, Stash};
use super::subscribe::{Wish, shorten};
use super::{CloseReason, Writer};
use crate::model::{Now, Seq};
use crate::scoring::RulesetIndex;
use crate::wire::Form;
use crate::wire::client::{AskedLineup, BadMessage, ClientMessage, Subscribe, Unsubscribe};
use crate::wire::close::ComeBack;
use crate::wire::message::ServerMessage;
use crate::wire::ws::{Frame, MessageType, Said};
use tokio_tungstenite::tungstenite::protocol::frame::coding::Control;

/// What a reader does next with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Reads on.
    On,
    /// Stops until [`Shard::take_resumed`] names the connection, and [`Shard::resume`] says so.
    Paused,
    /// Stops for good: the connection is to be hung up on, by [`Shard::gone`].
    Over,
}

/// What one client may have done in a row: bytes of its messages, inflated, [`MESSAGE_WORK`] for each, and
/// what it asks for of topics. About a third of a millisecond; the message under way is finished.
pub(super) const WORK_MAX: usize = 256 * 1024;
const MESSAGE_WORK: usize = 256;
/// For each topic that is subscribed to or left: as long as so many bytes.
pub(super) const TOPIC_WORK: usize = 1024;
/// For each entry copied because nobody here watched its topic yet: some 40 ns until it is let go of.
pub(super) const ENTRY_WORK: usize = 32;

impl Shard {
    /// Bytes from a WebSocket client. They are unmasked in place; what is not understood yet is kept.
    pub fn received(&mut self, key: ConnKey, bytes: &mut [u8], now: Now) -> Reading {
        let talk_bytes_max = self.parts.limits.message_bytes_max;
        let Some(conn) = self.conn(key) else { return Reading::On };
        conn.heard_us = now.steady_us;
        // What it had under way when it was closed is let pass, and no more.
        match conn.talks_on(bytes.len(), talk_bytes_max) {
            None => {}
            Some(false) => return Reading::On,
            Some(true) => return Reading::Over,
        }
        let mut stash = conn.take_stash();
        if !stash.is_empty() {
            stash.add(bytes);
            return self.read_stash(key, stash, now);
        }
        let mut rest = bytes;
        let reading = self.read_messages(key, &mut rest, now);
        if !rest.is_empty() {
            stash.add(rest);
            self.keep_stash(key, stash);
        }
        self.looked_at(key, now);
        reading
    }

    fn looked_at(&mut self, key: ConnKey, now: Now) {
        if let Some(conn) = self.conn(key) {
            conn.looked_at(now.steady_us);
        }
    }

    fn read_stash(&mut self, key: ConnKey, mut stash: Stash, now: Now) -> Reading {
        let mut rest = stash.rest();
        let reading = self.read_messages(key, &mut rest, now);
        let rest = rest.len();
        stash.take_to(rest);
        if rest > 0 {
            self.keep_stash(key, stash);
        }
        self.looked_at(key, now);
        reading
    }

    /// Keeps what is not understood yet, unless there is nothing more to understand.
    fn keep_stash(&mut self, key: ConnKey, stash: Stash) {
        if let Some(conn) = self.conn(key)
            && !conn.is_closing()
        {
            conn.busy().stash = stash;
        }
    }

    /// Takes whole messages off the front of `input`.
    fn read_messages(&mut self, key: ConnKey, input: &mut &mut [u8], now: Now) -> Reading {
        let limits = &self.parts.limits;
        let (message_bytes_max, replies_bytes_max) = (limits.message_bytes_max, limits.replies_bytes_max);
        let mut work = 0;
        loop {
            let place = self.conns.get_mut(key.index as usize);
            let Some(conn) = place.filter(|conn| conn.generation == key.generation) else {
                return Reading::On;
            };
            if conn.is_closing() {
                return Reading::On;
            }
            if conn.replies_bytes() >= replies_bytes_max || conn.verifying {
                conn.read_paused = true;
                return Reading::Paused;
            }
            if work > WORK_MAX {
                // Others first: few bytes can be many messages, inflate to many more, and ask for much.
                conn.read_paused = true;
                self.resumed.push(key);
                return Reading::Paused;
            }
            match conn.reader.next(input, message_bytes_max, &mut self.inflater) {
                Ok(Some(said)) => {
                    conn.said_whole();
                    if !conn.may_say_more(&self.parts.limits, now.steady_us) {
                        self.too_many_messages(key, now);
                        return Reading::On;
                    }
                    work += MESSAGE_WORK + said.bytes();
                    work += self.said(key, said, now);
                }
                Ok(None) => return Reading::On,
                Err(reason) => {
                    self.close(key, reason, now.steady_us);
                    return Reading::On;
                }
            }
        }
    }

    /// Goes on with a client that [`Shard::take_resumed`] named: with what it said already. Call it before
    /// its socket is read.
    pub fn resume(&mut self, key: ConnKey, now: Now) -> Reading {
        let replies_bytes_max = self.parts.limits.replies_bytes_max;
        let Some(conn) = self.conn(key) else { return Reading::On };
        conn.read_paused = false;
        if conn.is_closing() {
            return Reading::On;
        }
        if conn.replies_bytes() >= replies_bytes_max || conn.verifying {
            conn.read_paused = true;
            return Reading::Paused;
        }
        let stash = conn.take_stash();
        self.read_stash(key, stash, now)
    }

    /// Does what a client asks for. Returns what that came to besides reading it, in the unit of [`WORK_MAX`].
    fn said(&mut self, key: ConnKey, said: Said, now: Now) -> usize {
        match said {
            Said::Message(message_type, message) => {
                self.stats.messages += 1;
                match self.conn(key).map(|conn| conn.kind) {
                    Some(Kind::WebSocket(form)) => return self.asked(key, form.coding.read(&message), now),
                    Some(Kind::Echo(form)) => self.echo(key, form, message_type, &message),
                    Some(Kind::EventStream) | None => {}
                }
            }
            Said::Ping(payload) => self.reply(key, Frame::control(Control::Pong, &payload)),
            Said::Pong => {}
            Said::Close => self.close(key, CloseReason::Normal, now.steady_us),
        }
        0
    }

    /// Does what a message asks for. Returns what [`Shard::said`] does.
    fn asked(&mut self, key: ConnKey, message: Result<ClientMessage, BadMessage>, now: Now) -> usize {
        match message {
            Ok(
                ClientMessage::Subscribe(Subscribe { id, .. })
                | ClientMessage::Unsubscribe(Unsubscribe { id, .. })
                | ClientMessage::Lineup(AskedLineup { id, .. }),
            ) if self.awaits_token(key) => {
                let message = "a token is needed first: send {\"op\":\"auth\",\"token\":…}";
                self.refuse(key, id, "unauthorized", message);
            }
            Ok(ClientMessage::Subscribe(request)) => return self.subscribe(key, request),
            Ok(ClientMessage::Unsubscribe(request)) => return self.unsubscribe(key, request),
            Ok(ClientMessage::Lineup(request)) => return self.subscribe_lineup(key, request),
            Ok(ClientMessage::Ping(id)) => self.say(
                key,
                &ServerMessage::Pong {
                    id,
                    server_us: now.wall_us,
                },
            ),
            Ok(ClientMessage::Auth(id, token)) => return self.authorize(key, id, token),
            Err(bad) => self.refuse(key, bad.id, bad.code, &bad.message),
        }
        0
    }

    /// Sends a message back, compressed where frames are that everyone gets.
    fn echo(&mut self, key: ConnKey, form: Form, message_type: MessageType, message: &[u8]) {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(message);
        let plain = match message_type {
            MessageType::Text => Frame::text(write),
            MessageType::Binary => Frame::binary(write),
        };
        let deflated = form.deflated.then(|| self.deflater.frame(&plain)).flatten();
        self.reply(key, deflated.unwrap_or(plain));
    }

    fn too_many_messages(&mut self, key: ConnKey, now: Now) {
        let per_second_max = self.parts.limits.messages_per_second_max;
        let message = format!("a client may send {per_second_max} messages a second; come back when told");
        self.refuse(key, None, "too_many_messages", &message);
        self.close(key, CloseReason::TooManyMessages, now.steady_us);
    }

    pub(super) fn refuse(&mut self, key: ConnKey, id: Option<i64>, code: &str, message: &str) {
        self.stats.bad_messages += 1;
        let message = shorten_message(message);
        let message = &message;
        self.say(key, &ServerMessage::Error { id, code, message });
    }

    pub(super) fn ping(&mut self, key: ConnKey) {
        let kind = self.conn(key).map(|conn| conn.kind);
        match kind {
            Some(Kind::WebSocket(_) | Kind::Echo(_)) => self.reply(key, Frame::control(Control::Ping, b"")),
            Some(Kind::EventStream) => {
                if let Some(conn) = self.conn(key) {
                    conn.push_reply(Piece::text(b": still here\n\n"));
                    self.answer(key);
                }
            }
            None => {}
        }
    }

    /// Begins to close: nothing more but what waits, when to come back where that is wanted (a drain has
    /// said so already), then the close frame. Pending changes are abandoned.
    pub fn close(&mut self, key: ConnKey, reason: CloseReason, now_us: i64) {
        if self.conn(key).is_none_or(|conn| conn.is_closing()) {
            return;
        }
        self.drop_all_subs(key);
        self.accesses.forget(key);
        if let ComeBack::After { least_ms } = reason.come_back()
            && reason != CloseReason::Draining
        {
            self.say_goodbye(key, reason, least_ms + key.stride() % least_ms);
        }
        if let Some(conn) = self.conn(key) {
            let busy = conn.busy();
            busy.closing = Some(Closing {
                reason,
                said: 0,
                since_us: now_us,
            });
            // It is not told goodbye once it has its close frame.
            busy.leaving = None;
            busy.stash = Stash::default();
            busy.incomplete_since_us = None;
            if conn.kind.is_websocket() {
                conn.push_reply(Piece::frame(Frame::close(reason)));
            }
            self.answer(key);
        }
    }

    /// Ends a connection at once.
    pub(super) fn remove(&mut self, key: ConnKey, reason: CloseReason, writer: &mut impl Writer) {
        self.drop_all_subs(key);
        self.accesses.forget(key);
        if let Some(conn) = self.conn(key) {
            let blocked = conn.blocked;
            self.levels.blocked -= usize::from(blocked);
            self.conns.remove(key.index as usize);
            self.stats.closed[reason as usize] += 1;
            writer.close(key, reason);
        }
    }

    /// Subscribes an event stream; `since` is what its last event's id said of each topic, a topic that is
    /// listed twice counting once.
    ///
    /// # Errors
    /// The first topic that was refused: code and message.
    pub fn subscribe_stream(
        &mut self,
        key: ConnKey,
        topics: &[String],
        ruleset: RulesetIndex,
        since: Option<Result<&[Seq], &'static str>>,
    ) -> Result<(), (&'static str, String)> {
        let mut listed: Vec<&String> = Vec::new();
        for topic in topics {
            if listed.contains(&topic) {
                continue;
            }
            let place = listed.len();
            listed.push(topic);
            let since = since.map(|since| since.and_then(|seqs| seqs.get(place).copied().ok_or("epoch")));
            self.subscribe_to(key, topic, Wish { ruleset, since, gap_us: 0 })
                .map_err(|(code, message)| (code, format!("{}: {message}", shorten(topic.clone()))))?;
        }
        Ok(())
    }
}

fn shorten_message(message: &str) -> String {
    message.chars().take(300).collect()
}
