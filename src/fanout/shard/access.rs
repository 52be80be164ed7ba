//! Who may read what: tokens that are awaited, verified elsewhere, renewed, and run out.
//!
//! Verifying takes too long for a shard's thread: whoever drives it takes the requests
//! ([`Shard::take_auth_requests`]), and tells it what was found ([`Shard::verified`]). Until then nothing
//! more is read from that client, so there is one request of each at most. A client who may read
//! everything for good costs nothing here.

use super::Shard;
use super::conn::{ConnKey, Kind};
use super::inbound::WORK_MAX;
use crate::fanout::grant::{EXPIRY_NOTICE_US, Grant};
use crate::model::{Now, TopicName};
use crate::scoring::RulesetIndex;
use crate::wire::client::Token;
use crate::wire::close::CloseReason;
use crate::wire::message::{ServerMessage, SubscribedTopic};
use foldhash::fast::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a client begins with.
#[derive(Clone, Debug)]
pub enum Access {
    /// It may read everything, for good.
    Open,
    /// It may read what its token says.
    Granted(Arc<Grant>),
    /// Its token is to come.
    Awaited,
}

/// A token to be verified.
#[derive(Debug)]
pub struct AuthRequest {
    /// Whose it is.
    pub conn: ConnKey,
    /// The request's id.
    pub id: Option<i64>,
    /// The token.
    pub token: Token,
}

/// What a client may read, as far as it itself knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reads {
    /// Everything, for good.
    Everything,
    /// What is held for it here says what.
    Limited,
}

/// What is held for a client whose reading is limited.
#[derive(Debug)]
pub(super) struct Held {
    /// Nothing while its token is awaited.
    grant: Option<Arc<Grant>>,
    /// When something is to be done, as [`Now::steady_us`].
    due_us: Option<i64>,
    /// When it ends.
    ends_us: Option<i64>,
}

/// Those of a shard whose reading is limited.
#[derive(Default)]
pub(super) struct Accesses {
    held: HashMap<ConnKey, Held, RandomState>,
    /// Each client's time once.
    due: BTreeSet<(i64, ConnKey)>,
    requests: Vec<AuthRequest>,
}

impl Accesses {
    fn hold(&mut self, key: ConnKey, held: Held) {
        self.forget(key);
        self.due.extend(held.due_us.map(|due_us| (due_us, key)));
        self.held.insert(key, held);
    }

    /// Nothing is due for that client any more, nor allowed to it.
    pub(super) fn forget(&mut self, key: ConnKey) {
        let held = self.held.remove(&key);
        if let Some(due_us) = held.and_then(|held| held.due_us) {
            self.due.remove(&(due_us, key));
        }
    }

    /// When the next of them is due.
    pub(super) fn next_due_us(&self) -> Option<i64> {
        self.due.first().map(|(due_us, _)| *due_us)
    }

    fn pop_due(&mut self, now_us: i64) -> Option<ConnKey> {
        let (_, key) = *self.due.first().filter(|(due_us, _)| *due_us <= now_us)?;
        self.due.pop_first();
        if let Some(held) = self.held.get_mut(&key) {
            held.due_us = None;
        }
        Some(key)
    }

    pub(super) fn awaits(&self, key: ConnKey) -> bool {
        self.held.get(&key).is_some_and(|held| held.grant.is_none())
    }
}

impl Shard {
    /// Takes a connection in. It is welcomed once it may read.
    pub fn connect_with(&mut self, kind: Kind, access: Access, now: Now) -> ConnKey {
        let key = self.take_in(kind, now);
        match access {
            Access::Open => self.welcome(key, now.wall_us),
            Access::Granted(grant) => {
                self.welcome(key, now.wall_us);
                self.limit(key, grant, now);
            }
            Access::Awaited => {
                let wait_us = self.parts.limits.auth_wait_us.unwrap_or(0);
                self.hold(key, None, Some(now.steady_us + wait_us), None);
            }
        }
        key
    }

    /// Tokens to be verified since the last call.
    pub fn take_auth_requests(&mut self) -> Vec<AuthRequest> {
        std::mem::take(&mut self.accesses.requests)
    }

    /// A client shows a token. Returns what that comes to, as [`WORK_MAX`] counts: others are served first.
    pub(super) fn authorize(&mut self, key: ConnKey, id: Option<i64>, token: Token) -> usize {
        if self.parts.limits.auth_wait_us.is_none() {
            self.refuse(
                key,
                id,
                "auth_not_needed",
                "this server asks for no token; everything can be read without one",
            );
            return 0;
        }
        if let Some(conn) = self.conn(key) {
            conn.verifying = true;
            self.accesses.requests.push(AuthRequest { conn: key, id, token });
        }
        WORK_MAX
    }

    /// What was found of a client's token: what it allows, or what is wrong with it.
    pub fn verified(&mut self, key: ConnKey, id: Option<i64>, found: Result<Arc<Grant>, &'static str>, now: Now) {
        let Some(conn) = self.conn(key) else { return };
        conn.verifying = false;
        if conn.is_closing() {
            return;
        }
        if conn.read_paused {
            self.resumed.push(key);
        }
        let awaited = self.accesses.awaits(key);
        match found {
            Ok(grant) => {
                let expires_us = grant.expires_us();
                let expires_in_ms = expires_us.map(|expires_us| (expires_us - now.wall_us).max(0) as u64 / 1000);
                self.say(key, &ServerMessage::Authorized { id, expires_in_ms });
                if awaited {
                    self.welcome(key, now.wall_us);
                }
                self.limit(key, grant, now);
                self.end_forbidden(key);
            }
            Err(message) => {
                self.refuse(key, id, "unauthorized", message);
                if awaited {
                    self.close(key, CloseReason::Unauthorized, now.steady_us);
                }
            }
        }
    }

    /// Whether a client's token is yet to come.
    pub(super) fn awaits_token(&self, key: ConnKey) -> bool {
        self.accesses.awaits(key)
    }

    /// Whether a client may read a topic under a ruleset.
    pub(super) fn may_read(&mut self, key: ConnKey, topic: &TopicName, ruleset: RulesetIndex) -> bool {
        match self.conn(key).map(|conn| conn.reads) {
            Some(Reads::Everything) => true,
            Some(Reads::Limited) => {
                let grant = self.accesses.held.get(&key).and_then(|held| held.grant.as_ref());
                grant.is_some_and(|grant| allows(grant, topic, ruleset))
            }
            None => false,
        }
    }

    /// Does what is due: tells a client that its token is about to expire, or ends it. Returns whether
    /// there was something.
    pub(super) fn fire_access(&mut self, now_us: i64) -> bool {
        let Some(key) = self.accesses.pop_due(now_us) else { return false };
        let held = self.accesses.held.get_mut(&key);
        let (ends_us, awaits) = held.map_or((None, true), |held| (held.ends_us, held.grant.is_none()));
        match ends_us.filter(|ends_us| *ends_us > now_us) {
            Some(ends_us) => {
                let grant = self.accesses.held.get(&key).and_then(|held| held.grant.clone());
                self.hold(key, grant, Some(ends_us), Some(ends_us));
                let expires_in_ms = (ends_us - now_us) as u64 / 1000;
                self.say(key, &ServerMessage::AuthExpiring { expires_in_ms });
            }
            None if awaits => {
                let message = "no token came in time; send {\"op\":\"auth\",\"token\":…} first";
                self.refuse(key, None, "unauthorized", message);
                self.close(key, CloseReason::Unauthorized, now_us);
            }
            None => {
                if self.conn(key).is_some_and(|conn| conn.kind == Kind::EventStream) {
                    // It has no close code to say so.
                    let goodbye = ServerMessage::Goodbye {
                        reason: CloseReason::AuthExpired,
                        reconnect_after_ms: 0,
                    };
                    self.say(key, &goodbye);
                }
                self.close(key, CloseReason::AuthExpired, now_us);
            }
        }
        true
    }

    /// Limits a client to what its token allows.
    fn limit(&mut self, key: ConnKey, grant: Arc<Grant>, now: Now) {
        if *grant == Grant::EVERYTHING {
            self.accesses.forget(key);
            if let Some(conn) = self.conn(key) {
                conn.reads = Reads::Everything;
            }
            return;
        }
        // From here on by the clock that nobody sets.
        let ends_us = grant
            .expires_us()
            .map(|expires_us| now.steady_us.saturating_add(expires_us.saturating_sub(now.wall_us)));
        self.hold(
            key,
            Some(grant),
            ends_us.map(|ends_us| ends_us.saturating_sub(EXPIRY_NOTICE_US)),
            ends_us,
        );
    }

    fn hold(&mut self, key: ConnKey, grant: Option<Arc<Grant>>, due_us: Option<i64>, ends_us: Option<i64>) {
        self.accesses.hold(key, Held { grant, due_us, ends_us });
        if let Some(conn) = self.conn(key) {
            conn.reads = Reads::Limited;
        }
    }

    /// Ends subscriptions that a new token does not allow, and names them.
    fn end_forbidden(&mut self, key: ConnKey) {
        let Some(grant) = self.accesses.held.get(&key).and_then(|held| held.grant.clone()) else {
            return;
        };
        let mut ended = Vec::new();
        for place in 0..self.conn(key).map_or(0, |conn| conn.subs.places()) {
            let Some(cursor) = self.conn(key).and_then(|conn| conn.subs.get_mut(place)) else {
                continue;
            };
            let (mirror, ruleset) = (cursor.mirror as usize, cursor.ruleset);
            let name = &self.mirrors[mirror].topic.name;
            if allows(&grant, name, ruleset) {
                continue;
            }
            ended.push(SubscribedTopic {
                topic: name.to_string(),
                ruleset: name.has_ruleset().then(|| self.parts.rulesets.by_index(ruleset).name().to_owned()),
                begins: None,
            });
            self.drop_sub(key, place);
        }
        if !ended.is_empty() {
            let message = "the token does not allow to read these any more: their subscriptions have ended";
            self.say(
                key,
                &ServerMessage::Ended {
                    code: "forbidden",
                    message,
                    topics: &ended,
                },
            );
        }
    }
}

fn allows(grant: &Grant, topic: &TopicName, ruleset: RulesetIndex) -> bool {
    grant.allows_topic(topic) && (!topic.has_ruleset() || grant.allows_ruleset(ruleset))
}
