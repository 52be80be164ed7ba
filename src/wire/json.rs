//! A small JSON writer, and the server's messages in it.
//!
//! Writes into a byte buffer that becomes the frame; numbers are integers and fixed-point points, so
//! no float is formatted. Every text is escaped, `<` and `&` included: nothing from a feed is markup.

use super::close::CloseReason;
use crate::model::change::{Cause, GameHead, GameView, ViewMoved};
use crate::model::stat::write_value;
use crate::model::{Clock, GameId, Points, Score, Seq, Situation, Stat};

/// Writes one JSON object after another into a buffer.
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// Whether the next item is the first of its object or list.
    first: bool,
}

impl<'a> Json<'a> {
    /// A writer at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Json<'a> {
        Json { out, first: true }
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    /// `{…}` as a value or list item.
    pub fn object(&mut self, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.separate();
        self.nested(b'{', b'}', write)
    }

    fn nested(&mut self, open: u8, close: u8, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.out.push(open);
        write(&mut Json {
            out: self.out,
            first: true,
        });
        self.out.push(close);
        self
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// `"key":{…}`
    pub fn object_at(&mut self, key: &str, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.key(key);
        self.nested(b'{', b'}', write)
    }

    /// `"key":[…]`
    pub fn list_at(&mut self, key: &str, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.key(key);
        self.nested(b'[', b']', write)
    }

    /// `[…]` as a value.
    pub fn list(&mut self, write: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.separate();
        self.nested(b'[', b']', write)
    }

    /// `"key":"text"`
    pub fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        write_text(text, self.out);
        self
    }

    /// `"key":"text"`, printed.
    pub fn print(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        self.text(key, &value.to_string())
    }

    /// `"key":7`
    pub fn integer(&mut self, key: &str, value: i64) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// `"key":7`, of a count or `seq`.
    pub fn count(&mut self, key: &str, value: u64) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// `"key":true`
    pub fn boolean(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// `"key":23.48`
    pub fn points(&mut self, key: &str, points: Points) -> &mut Self {
        self.key(key);
        points.write_json(self.out);
        self
    }

    /// A count as a list item.
    pub fn item(&mut self, value: i64) -> &mut Self {
        self.separate();
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// Points as a list item.
    pub fn points_item(&mut self, points: Points) -> &mut Self {
        self.separate();
        points.write_json(self.out);
        self
    }

    /// `"key":{"passing_yards":267,…}`, values in inner units.
    pub fn stats(&mut self, key: &str, stats: impl Iterator<Item = (Stat, i32)>) -> &mut Self {
        self.object_at(key, |json| {
            for (stat, value) in stats {
                json.key(stat.name());
                write_value(stat, value, json.out);
            }
        })
    }

    /// `"clock":{…}`
    pub fn clock(&mut self, clock: Clock) -> &mut Self {
        self.object_at("clock", |json| {
            json.count("quarter", clock.quarter.into())
                .count("seconds_left", clock.seconds_left.into());
        })
    }

    /// `"score":{"NE":14,…}`, or timeouts.
    pub fn score(&mut self, key: &str, score: &Score) -> &mut Self {
        self.object_at(key, |json| {
            for (team, points) in &score.0 {
                json.count(team.as_str(), (*points).into());
            }
        })
    }

    /// `"situation":{…}`, known fields alone.
    pub fn situation(&mut self, situation: &Situation) -> &mut Self {
        self.object_at("situation", |json| {
            let numbers = [
                ("down", situation.down),
                ("distance", situation.distance),
                ("yards_to_goal", situation.yards_to_goal),
            ];
            for (key, value) in numbers {
                value.map(|value| json.count(key, value.into()));
            }
            situation.possession.as_ref().map(|team| json.text("possession", team.as_str()));
            situation.shotgun.map(|value| json.boolean("shotgun", value));
            situation.no_huddle.map(|value| json.boolean("no_huddle", value));
        })
    }

    /// The parts of a game's view that moved; `null` for one that is not known any more.
    pub fn view_moved(&mut self, view: &GameView, moved: ViewMoved) -> &mut Self {
        self.view(view, moved);
        let gone = [
            ("clock", moved.clock && view.clock.is_none()),
            ("situation", moved.situation && view.situation.is_none()),
            ("score", moved.score && view.score.is_none()),
        ];
        for (key, _) in gone.into_iter().filter(|(_, gone)| *gone) {
            self.key(key);
            self.out.extend_from_slice(b"null");
        }
        self
    }

    /// The parts of a game's view that `parts` names, as far as they are known.
    pub fn view(&mut self, view: &GameView, parts: ViewMoved) -> &mut Self {
        if parts.status {
            self.text("status", view.status.name());
        }
        if let Some(clock) = view.clock
            && parts.clock
        {
            self.clock(clock);
        }
        if parts.situation {
            view.situation.as_ref().map(|situation| self.situation(situation));
            view.timeouts.as_ref().map(|timeouts| self.score("timeouts", timeouts));
        }
        if let Some(score) = &view.score
            && parts.score
        {
            self.score("score", score);
        }
        self
    }

    /// `"home"`, `"away"`, `"kickoff"`, where known.
    pub fn head(&mut self, head: &GameHead) -> &mut Self {
        if let Some((home, away)) = &head.teams {
            self.text("home", home.as_str()).text("away", away.as_str());
        }
        if let Some(kickoff) = head.kickoff {
            self.integer("kickoff", kickoff);
        }
        self
    }

    /// The fields of a cause.
    pub fn cause(&mut self, game: &GameId, cause: &Cause) -> &mut Self {
        self.text("game", game.as_str());
        if let Some(play) = &cause.play {
            self.text("play", play.as_str());
        }
        self.count("rev", cause.rev).text("kind", cause.kind.name())
    }
}

/// All of a view.
pub const WHOLE_VIEW: ViewMoved = ViewMoved {
    status: true,
    clock: true,
    situation: true,
    score: true,
};

/// Appends a JSON string, quotes included.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'<' => out.extend_from_slice(b"\\u003c"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// How a subscription begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// The deltas since the client's `seq` follow.
    Resumed,
    /// A snapshot follows, for that reason: `fresh`, `epoch`, `too_old`, `ahead`.
    Snapshot(&'static str),
}

/// One line of a `subscribed` reply.
pub struct SubscribedTopic {
    /// The topic, as asked for.
    pub topic: String,
    /// The ruleset, where the topic has one.
    pub ruleset: Option<String>,
    /// The topic's head.
    pub seq: Seq,
    /// How it begins.
    pub how: How,
}

/// One line of its `errors`.
pub struct TopicRefused {
    /// The topic, as asked for.
    pub topic: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Writes `subscribed` or `unsubscribed`.
pub fn write_subscribed(kind: &str, id: Option<i64>, topics: &[SubscribedTopic], errors: &[TopicRefused], out: &mut Vec<u8>) {
    Json::new(out).object(|json| {
        json.text("type", kind);
        id.map(|id| json.integer("id", id));
        json.list_at("topics", |list| {
            for topic in topics {
                list.object(|json| {
                    json.text("topic", &topic.topic);
                    topic.ruleset.as_ref().map(|ruleset| json.text("ruleset", ruleset));
                    if kind == "subscribed" {
                        json.count("seq", topic.seq);
                        match topic.how {
                            How::Resumed => json.text("how", "resumed"),
                            How::Snapshot(reason) => json.text("how", "snapshot").text("reason", reason),
                        };
                    }
                });
            }
        });
        if !errors.is_empty() {
            json.list_at("errors", |list| {
                for error in errors {
                    list.object(|json| {
                        json.text("topic", &error.topic)
                            .text("code", error.code)
                            .text("message", &error.message);
                    });
                }
            });
        }
    });
}

/// Writes an `error`.
pub fn write_error(id: Option<i64>, code: &str, message: &str, out: &mut Vec<u8>) {
    Json::new(out).object(|json| {
        json.text("type", "error");
        id.map(|id| json.integer("id", id));
        json.text("code", code).text("message", message);
    });
}

/// Writes a `pong`.
pub fn write_pong(id: Option<i64>, server_us: i64, out: &mut Vec<u8>) {
    Json::new(out).object(|json| {
        json.text("type", "pong");
        id.map(|id| json.integer("id", id));
        json.integer("server_us", server_us);
    });
}

/// Writes a `goodbye`.
pub fn write_goodbye(reason: CloseReason, reconnect_after_ms: u64, out: &mut Vec<u8>) {
    Json::new(out).object(|json| {
        json.text("type", "goodbye")
            .text("code", reason.name())
            .count("reconnect_after_ms", reconnect_after_ms);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let mut out = Vec::new();
        write_text("</script>\"\\\u{1}\n&é", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#""\u003c/script>\"\\\u0001\n\u0026é""#);
    }

    #[test]
    fn replies_have_the_documented_shape() {
        let mut out = Vec::new();
        let topics = [SubscribedTopic {
            topic: "slate".into(),
            ruleset: None,
            seq: 3,
            how: How::Snapshot("fresh"),
        }];
        let errors = [TopicRefused {
            topic: "x:1".into(),
            code: "unknown_topic",
            message: "no".into(),
        }];
        write_subscribed("subscribed", Some(1), &topics, &errors, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"type":"subscribed","id":1,"topics":[{"topic":"slate","seq":3,"how":"snapshot","reason":"fresh"}],"errors":[{"topic":"x:1","code":"unknown_topic","message":"no"}]}"#
        );
    }
}
