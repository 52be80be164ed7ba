//! Subscribing, resuming and leaving.

use super::Shard;
use super::conn::{ConnKey, Kind};
use super::inbound::{ENTRY_WORK, TOPIC_WORK};
use super::mirror::Mirror;
use super::subs::{Cursor, Pace, Phase};
use crate::fanout::epoch::EpochName;
use crate::fanout::lineups::Lineup;
use crate::memory::RETRY_AFTER_S;
use crate::model::{Seq, TopicName};
use crate::scoring::RulesetIndex;
use crate::wire::client::{AskedLineup, Subscribe, Unsubscribe};
use crate::wire::close::CloseReason;
use crate::wire::message::{How, ServerMessage, SubscribedTopic, Subscriptions, TopicRefused};

/// Said of a lineup that is not there.
const UNKNOWN_LINEUP: (&str, &str) = ("unknown_lineup", "no such lineup here, or not any more: send it with op lineup");

/// What a client asks of one topic.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub(super) ruleset: RulesetIndex,
    /// What the client holds of this very history.
    pub(super) since: Option<Result<Seq, &'static str>>,
    pub(super) gap_us: u32,
}

/// A subscription that was made.
pub(super) struct Begun {
    /// Its topic's head, as clients are told.
    head: Seq,
    how: How,
    /// Under which ruleset; nothing where the topic has none.
    ruleset: Option<RulesetIndex>,
    /// Entries copied, where nobody here watched the topic yet.
    copied: usize,
}

impl Shard {
    /// Subscribes to each topic that can be had. Returns what that came to, as [`TOPIC_WORK`] counts.
    pub(super) fn subscribe(&mut self, key: ConnKey, request: Subscribe) -> usize {
        let Some(ruleset) = self.ruleset(key, request.id, request.ruleset.as_deref()) else {
            return 0;
        };
        if self.names_too_many(key, request.id, &request.topics) {
            return 0;
        }
        let mut work = request.topics.len() * TOPIC_WORK;
        let (epoch, asked) = (self.parts.epoch.name(), request.epoch.as_deref().unwrap_or_default());
        let gap_us = gap_us(request.max_rate_hz);
        let (mut topics, mut errors) = (Vec::new(), Vec::new());
        for topic in request.topics {
            let since = request
                .since
                .get(&topic)
                .map(|seq| if resumes(&epoch, asked, &topic) { Ok(*seq) } else { Err("epoch") });
            match self.subscribe_to(key, &topic, Wish { ruleset, since, gap_us }) {
                Ok(begun) => {
                    work += begun.copied * ENTRY_WORK;
                    topics.push(self.subscribed_to(topic, &begun));
                }
                Err((code, message)) => errors.push(TopicRefused {
                    topic: shorten(topic),
                    code,
                    message,
                }),
            }
        }
        let reply = Subscriptions {
            id: request.id,
            name: None,
            topics: &topics,
            errors: &errors,
        };
        self.say(key, &ServerMessage::Subscribed(reply));
        work
    }

    /// Subscribes to the sum of a lineup, which is made where there is none like it. Returns what that came to, as
    /// [`TOPIC_WORK`] counts.
    pub(super) fn subscribe_lineup(&mut self, key: ConnKey, request: AskedLineup) -> usize {
        let Some(ruleset) = self.ruleset(key, request.id, request.ruleset.as_deref()) else {
            return 0;
        };
        let rulesets = self.parts.rulesets.clone();
        let lineup = match Lineup::new((ruleset, rulesets.by_index(ruleset)), &request.slots) {
            Ok(lineup) => lineup,
            Err(bad) => {
                self.refuse(key, request.id, "bad_lineup", &bad.to_string());
                return 0;
            }
        };
        let work = lineup.slots.len() * TOPIC_WORK;
        let same_epoch = request.epoch.as_deref() == Some(self.parts.epoch.name().text());
        let wish = Wish {
            ruleset,
            since: request.since.map(|seq| if same_epoch { Ok(seq) } else { Err("epoch") }),
            gap_us: gap_us(request.max_rate_hz),
        };
        let name = TopicName::Lineup(lineup.id.clone());
        let topic = name.to_string();
        let begun = self.may_begin(key, &name, ruleset).and_then(|_| {
            self.has_room_for(key, &lineup)?;
            let defined = self.parts.hub.define(lineup, rulesets.by_index(ruleset));
            defined.map_err(|(code, message)| (code, message.to_owned()))?;
            self.subscribe_to(key, &topic, wish)
        });
        let (mut topics, mut errors) = (Vec::new(), Vec::new());
        match begun {
            Ok(begun) => topics.push(self.subscribed_to(topic, &begun)),
            Err((code, message)) => errors.push(TopicRefused { topic, code, message }),
        }
        let reply = Subscriptions {
            id: request.id,
            name: request.name.as_deref(),
            topics: &topics,
            errors: &errors,
        };
        self.say(key, &ServerMessage::Subscribed(reply));
        work
    }

    fn subscribed_to(&self, topic: String, begun: &Begun) -> SubscribedTopic {
        SubscribedTopic {
            topic,
            ruleset: begun.ruleset.map(|ruleset| self.parts.rulesets.by_index(ruleset).name().to_owned()),
            begins: Some((begun.head, begun.how)),
        }
    }

    /// Leaves each topic that was subscribed to. Returns what that came to, as [`TOPIC_WORK`] counts.
    pub(super) fn unsubscribe(&mut self, key: ConnKey, request: Unsubscribe) -> usize {
        let Some(ruleset) = self.ruleset(key, request.id, request.ruleset.as_deref()) else {
            return 0;
        };
        if self.names_too_many(key, request.id, &request.topics) {
            return 0;
        }
        let work = request.topics.len() * TOPIC_WORK;
        let (mut topics, mut errors) = (Vec::new(), Vec::new());
        for topic in request.topics {
            let name = TopicName::parse(&topic).ok();
            let sub = name.as_ref().and_then(|name| self.find_sub(key, name, ruleset));
            match sub {
                Some((sub, ruleset)) => {
                    self.drop_sub(key, sub);
                    let ruleset = name
                        .filter(TopicName::has_ruleset)
                        .map(|_| self.parts.rulesets.by_index(ruleset).name().to_owned());
                    topics.push(SubscribedTopic {
                        topic,
                        ruleset,
                        begins: None,
                    });
                }
                None => {
                    let message = "there is no such subscription".to_owned();
                    errors.push(TopicRefused {
                        topic: shorten(topic),
                        code: "not_subscribed",
                        message,
                    });
                }
            }
        }
        let reply = Subscriptions {
            id: request.id,
            name: None,
            topics: &topics,
            errors: &errors,
        };
        self.say(key, &ServerMessage::Unsubscribed(reply));
        work
    }

    /// Refuses a request for more topics than a client may hold: the answer to a message stays in
    /// proportion to it, bad topics included.
    fn names_too_many(&mut self, key: ConnKey, id: Option<i64>, topics: &[String]) -> bool {
        let subscriptions_max = self.parts.limits.subscriptions_max;
        let too_many = topics.len() > subscriptions_max;
        if too_many {
            let message = format!(
                "{} topics in one message; a client may hold {subscriptions_max} subscriptions",
                topics.len()
            );
            self.stats.refused_subscriptions += 1;
            self.refuse(key, id, "too_many_subscriptions", &message);
        }
        too_many
    }

    /// The ruleset of that name; an error reply where there is none.
    fn ruleset(&mut self, key: ConnKey, id: Option<i64>, name: Option<&str>) -> Option<RulesetIndex> {
        let Some(name) = name else {
            return Some(self.parts.default_ruleset);
        };
        let found = self.parts.rulesets.index(name);
        if found.is_none() {
            let known: Vec<&str> = self.parts.rulesets.iter().map(|(_, ruleset)| ruleset.name()).collect();
            let message = format!("unknown ruleset \"{}\"; there are {}", shorten(name.to_owned()), known.join(", "));
            self.refuse(key, id, "unknown_ruleset", &message);
        }
        found
    }

    /// Makes (or remakes) one subscription.
    pub(super) fn subscribe_to(&mut self, key: ConnKey, topic: &str, wish: Wish) -> Result<Begun, (&'static str, String)> {
        let name = TopicName::parse(topic).map_err(|error| ("unknown_topic", error.to_string()))?;
        let ruleset = self
            .ruleset_of(&name, wish.ruleset)
            .map_err(|(code, message)| (code, message.to_owned()))?;
        // Before anything ends: whoever subscribes again keeps what it has.
        let mut mirror = self.may_begin(key, &name, ruleset)?;
        if let Some(place) = mirror
            && let Some(sub) = self.conn(key).and_then(|conn| conn.subs.find(place as u32, ruleset))
        {
            self.drop_sub(key, sub);
            mirror = mirror.filter(|place| self.mirrors.contains(*place));
        }
        let subscriptions_max = self.parts.limits.subscriptions_max;
        if self.conn(key).is_none_or(|conn| conn.subs.len() >= subscriptions_max) {
            self.stats.refused_subscriptions += 1;
            return Err((
                "too_many_subscriptions",
                format!("a client may hold {subscriptions_max} subscriptions"),
            ));
        }
        let watched = mirror.is_some();
        let Some(mirror) = self.mirror(mirror, &name) else {
            // It was let go of since.
            if let Err((code, message)) = self.ruleset_of(&name, wish.ruleset) {
                return Err((code, message.to_owned()));
            }
            self.stats.refused_topics += 1;
            return Err(("too_many_topics", "the server holds as many topics as it may".to_owned()));
        };
        let head = self.mirrors[mirror].head;
        let (how, seq) = begin(&self.mirrors[mirror], wish.since);
        let phase = match how {
            How::Resumed => Phase::Resumed,
            How::Snapshot(_) => Phase::Snapshot,
        };
        let place = self.mirrors[mirror].subscribers.len() as u32;
        let mut cursor = Cursor::new(mirror as u32, place, seq, ruleset, phase);
        cursor.pace = (wish.gap_us > 0).then(|| {
            Box::new(Pace {
                gap_us: wish.gap_us,
                next_due_us: 0,
                timer_us: None,
            })
        });
        let conn = &mut self.conns[key.index as usize];
        let sub = conn.subs.insert(cursor);
        conn.account.offered += head - seq;
        self.stats.offered += head - seq;
        self.levels.pending += (head - seq) as i64;
        self.levels.subscriptions += 1;
        self.subscribed[ruleset.place()] += 1;
        self.mirrors[mirror].subscribers.push((key.index, sub));
        if conn.mark(sub) {
            self.dirty.push_back(key);
        }
        Ok(Begun {
            head: head.wrapping_add(self.mirrors[mirror].shift),
            how,
            ruleset: name.has_ruleset().then_some(ruleset),
            copied: if watched { 0 } else { self.mirrors[mirror].ring.len() },
        })
    }

    /// Whether a client may begin to watch a topic: its mirror, where somebody here watches it already.
    fn may_begin(&mut self, key: ConnKey, name: &TopicName, ruleset: RulesetIndex) -> Result<Option<usize>, (&'static str, String)> {
        if !self.may_read(key, name, ruleset) {
            let message = "the token does not allow to read this topic under this ruleset".to_owned();
            return Err(("forbidden", message));
        }
        let mirror = self.known_mirror(name);
        if mirror.is_none() && self.takes_no_topics() {
            self.stats.shed_subscriptions += 1;
            let message = format!("memory is short, and nobody here watches that topic: try again in {RETRY_AFTER_S} s");
            return Err(("overloaded", message));
        }
        Ok(mirror)
    }

    /// Whether a client may watch one more lineup. Each may make a topic for each of its players, so that all slots of a
    /// client's lineups count as subscriptions do.
    fn has_room_for(&mut self, key: ConnKey, lineup: &Lineup) -> Result<(), (&'static str, String)> {
        let subscriptions_max = self.parts.limits.subscriptions_max;
        let others = self.conns.get(key.index as usize).into_iter().flat_map(|conn| conn.subs.iter());
        let others = others.filter_map(|cursor| self.mirrors[cursor.mirror as usize].topic.lineup());
        let slots: usize = others.filter(|other| other.id != lineup.id).map(|other| other.slots.len()).sum();
        if slots + lineup.slots.len() <= subscriptions_max {
            return Ok(());
        }
        self.stats.refused_subscriptions += 1;
        let message = format!("a client's lineups may have {subscriptions_max} slots together");
        Err(("too_many_subscriptions", message))
    }

    /// Under which ruleset a topic is watched, where `asked` is asked for; an error of a lineup, a contest or an entry
    /// that is not there.
    fn ruleset_of(&self, name: &TopicName, asked: RulesetIndex) -> Result<RulesetIndex, (&'static str, &'static str)> {
        match name {
            TopicName::Lineup(_) => {
                let topic = self.parts.hub.get(name);
                let lineup = topic.as_ref().and_then(|topic| topic.lineup());
                lineup.map(|lineup| lineup.ruleset).ok_or(UNKNOWN_LINEUP)
            }
            TopicName::Contest(_) | TopicName::Entry(_) => self.parts.hub.contest_ruleset(name),
            name if name.has_ruleset() => Ok(asked),
            _ => Ok(self.parts.default_ruleset),
        }
    }

    fn find_sub(&mut self, key: ConnKey, name: &TopicName, ruleset: RulesetIndex) -> Option<(u32, RulesetIndex)> {
        let ruleset = self.ruleset_of(name, ruleset).ok()?;
        let mirror = self.known_mirror(name)?;
        let sub = self.conn(key)?.subs.find(mirror as u32, ruleset)?;
        Some((sub, ruleset))
    }

    /// The mirror of that topic, where somebody here watches it.
    fn known_mirror(&self, name: &TopicName) -> Option<usize> {
        let topic = self.parts.hub.get(name)?;
        self.mirror_of.get(&topic.id).copied()
    }

    /// That mirror brought up to date, or a new one where nobody here watched the topic yet.
    fn mirror(&mut self, known: Option<usize>, name: &TopicName) -> Option<usize> {
        if let Some(mirror) = known {
            // Others here may be behind; they are told now instead of a moment later, or after its rest.
            self.moved(mirror);
            return Some(mirror);
        }
        let topic = self.parts.hub.watch(name, self.parts.index)?;
        let id = topic.id;
        let mut mirror = Mirror::new(topic);
        mirror.sync(self.ring_frames(), self.parts.limits.coalesce_frames_max);
        self.levels.mirrored += mirror.held_bytes() as i64;
        let place = self.mirrors.insert(mirror);
        self.mirror_of.insert(id, place);
        Some(place)
    }

    /// Ends a subscription; what was pending for it is abandoned.
    pub(super) fn drop_sub(&mut self, key: ConnKey, sub: u32) {
        let conn = &mut self.conns[key.index as usize];
        let Some(cursor) = conn.subs.remove(sub) else { return };
        let mirror = &mut self.mirrors[cursor.mirror as usize];
        let pending = mirror.head - cursor.seq;
        conn.account.abandoned += pending;
        self.stats.abandoned += pending;
        self.levels.pending -= pending as i64;
        self.levels.subscriptions -= 1;
        self.subscribed[cursor.ruleset.place()] -= 1;
        mirror.subscribers.swap_remove(cursor.place as usize);
        if let Some(&(moved_conn, moved_sub)) = mirror.subscribers.get(cursor.place as usize)
            && let Some(moved) = self.conns[moved_conn as usize].subs.get_mut(moved_sub)
        {
            moved.place = cursor.place;
        }
        if self.mirrors[cursor.mirror as usize].subscribers.is_empty() {
            let mirror = self.mirrors.remove(cursor.mirror as usize);
            self.mirror_of.remove(&mirror.topic.id);
            self.levels.mirrored -= mirror.held_bytes() as i64;
            self.parts.hub.unwatch(&mirror.topic, self.parts.index);
        }
    }

    /// Ends all subscriptions to a topic that is no more, and says so to whom they were. An event stream ends with it:
    /// its events' ids have a place for each of its topics.
    pub(super) fn end_topic(&mut self, mirror: usize, now_us: i64) {
        let Some(over) = self.mirrors.get(mirror) else { return };
        let name = over.topic.name.clone();
        for (index, sub) in over.subscribers.clone() {
            let Some(conn) = self.conns.get_mut(index as usize) else { continue };
            let (key, kind) = (conn.key(index), conn.kind);
            let Some(ruleset) = conn.subs.get_mut(sub).map(|cursor| cursor.ruleset) else {
                continue;
            };
            let ended = SubscribedTopic {
                topic: name.to_string(),
                ruleset: Some(self.parts.rulesets.by_index(ruleset).name().to_owned()),
                begins: None,
            };
            let topics = &[ended];
            let message = "the contest was deleted: what was subscribed of it has ended";
            let ended = ServerMessage::Ended {
                code: "contest_deleted",
                message,
                topics,
            };
            self.drop_sub(key, sub);
            self.say(key, &ended);
            if kind == Kind::EventStream {
                self.close(key, CloseReason::Normal, now_us);
            }
        }
    }

    pub(super) fn drop_all_subs(&mut self, key: ConnKey) {
        let places = self.conn(key).map_or(0, |conn| conn.subs.places());
        for sub in 0..places {
            self.drop_sub(key, sub);
        }
    }
}

/// Whether what a client holds of a topic by the epoch that it names is of this history.
fn resumes(epoch: &EpochName, asked: &str, topic: &str) -> bool {
    *asked == **epoch.text() || TopicName::parse(topic).is_ok_and(|topic| epoch.resumes(asked, &topic))
}

/// Least time between two frames of a subscription, in microseconds.
fn gap_us(max_rate_hz: Option<f64>) -> u32 {
    max_rate_hz.map_or(0, |rate| (1_000_000.0 / rate) as u32)
}

/// How a subscription begins, and where its cursor stands.
fn begin(mirror: &Mirror, since: Option<Result<Seq, &'static str>>) -> (How, Seq) {
    let since = since.map(|told| told.and_then(|told| mirror.seq_of(told).ok_or("too_old")));
    match since {
        None => (How::Snapshot("fresh"), mirror.head),
        Some(Err(reason)) => (How::Snapshot(reason), mirror.head),
        Some(Ok(seq)) if seq > mirror.head => (How::Snapshot("ahead"), mirror.head),
        Some(Ok(seq)) if !mirror.reaches(seq) => (How::Snapshot("too_old"), mirror.head),
        Some(Ok(seq)) => (How::Resumed, seq),
    }
}

/// A client's own text, as far as an error repeats it.
pub(super) fn shorten(text: String) -> String {
    if text.chars().count() <= 80 {
        text
    } else {
        text.chars().take(80).chain("…".chars()).collect()
    }
}
