//! The server's messages as JSON objects; plain HTTP shows games and players the same way.

use super::{Json, write_text};
use crate::model::{Clock, Points, Score, Situation, TopicName};
use crate::wire::message::{
    About, CauseShown, Delta, EventTimes, GameShown, How, LineupShown, Moved, PlayerShown, ServerMessage, Shown, Snapshot, SubscribedTopic,
    Subscriptions, Welcome, Who,
};

/// Appends a message.
pub fn write(message: &ServerMessage<'_>, out: &mut Vec<u8>) {
    Json::new(out).object(|json| match message {
        ServerMessage::Delta(delta) => json.delta(delta),
        ServerMessage::Snapshot(snapshot) => json.snapshot(snapshot),
        ServerMessage::Prediction(told) => json.prediction(told),
        ServerMessage::Outcome(told) => json.outcome(told),
        ServerMessage::Welcome(welcome) => json.welcome(welcome),
        ServerMessage::Subscribed(reply) => json.subscriptions("subscribed", reply),
        ServerMessage::Unsubscribed(reply) => json.subscriptions("unsubscribed", reply),
        ServerMessage::Pong { id, server_us } => {
            json.reply("pong", *id).integer("server_us", *server_us);
        }
        ServerMessage::Error { id, code, message } => {
            json.reply("error", *id).text("code", code).text("message", message);
        }
        ServerMessage::Ended { code, message, topics } => {
            json.reply("error", None).text("code", code).text("message", message);
            json.list_at("topics", |list| {
                for topic in *topics {
                    list.object(|json| json.subscription(topic));
                }
            });
        }
        ServerMessage::Authorized { id, expires_in_ms } => {
            json.reply("authorized", *id);
            expires_in_ms.map(|ms| json.count("expires_in_ms", ms));
        }
        ServerMessage::AuthExpiring { expires_in_ms } => {
            json.text("type", "auth_expiring").count("expires_in_ms", *expires_in_ms);
        }
        ServerMessage::Status { late_ms } => {
            json.text("type", "status").count("late_ms", *late_ms);
        }
        ServerMessage::Goodbye {
            reason,
            reconnect_after_ms,
        } => {
            json.text("type", "goodbye")
                .text("code", reason.name())
                .count("reconnect_after_ms", *reconnect_after_ms);
        }
    });
}

impl Json<'_> {
    fn welcome(&mut self, welcome: &Welcome<'_>) {
        let limits = &welcome.limits;
        self.text("type", "welcome")
            .text("session", welcome.session)
            .text("epoch", welcome.epoch)
            .integer("server_us", welcome.server_us)
            .object_at("limits", |json| {
                json.count("subscriptions", limits.subscriptions)
                    .count("message_bytes", limits.message_bytes)
                    .integer("ping_interval_ms", limits.ping_interval_ms)
                    .integer("silence_timeout_ms", limits.silence_timeout_ms)
                    .integer("stall_timeout_ms", limits.stall_timeout_ms)
                    .count("ring_frames", limits.ring_frames)
                    .count("messages_per_second", limits.messages_per_second)
                    .count("messages_burst", limits.messages_burst)
                    .integer("message_timeout_ms", limits.message_timeout_ms);
            });
    }

    fn reply(&mut self, kind: &str, id: Option<i64>) -> &mut Self {
        self.text("type", kind);
        if let Some(id) = id {
            self.integer("id", id);
        }
        self
    }

    fn subscriptions(&mut self, kind: &str, reply: &Subscriptions<'_>) {
        self.reply(kind, reply.id);
        reply.name.map(|name| self.text("name", name));
        self.list_at("topics", |list| {
            for topic in reply.topics {
                list.object(|json| json.subscription(topic));
            }
        });
        self.list_at("errors", |list| {
            for error in reply.errors {
                list.object(|json| {
                    json.text("topic", &error.topic)
                        .text("code", error.code)
                        .text("message", &error.message);
                });
            }
        });
    }

    fn subscription(&mut self, topic: &SubscribedTopic) {
        self.text("topic", &topic.topic);
        topic.ruleset.as_ref().map(|ruleset| self.text("ruleset", ruleset));
        if let Some((seq, how)) = topic.begins {
            self.count("seq", seq);
            match how {
                How::Resumed => self.text("how", "resumed"),
                How::Snapshot(reason) => self.text("how", "snapshot").text("reason", reason),
            };
        }
    }

    pub(super) fn about(&mut self, kind: &str, about: &About<'_>) -> &mut Self {
        self.text("type", kind).topic(about.topic);
        if let Some(ruleset) = about.ruleset {
            self.text("ruleset", ruleset);
        }
        self.count("seq", about.seq)
    }

    fn topic(&mut self, topic: &TopicName) -> &mut Self {
        let (kind, id) = topic.parts();
        self.key("topic");
        write_text(kind, self.out);
        // The id goes inside the quotes; it holds nothing to escape.
        self.out.pop();
        self.out.extend_from_slice(id.as_bytes());
        self.out.push(b'"');
        self
    }

    fn snapshot(&mut self, snapshot: &Snapshot<'_>) {
        self.about("snapshot", &snapshot.about);
        match &snapshot.shows {
            Shown::Player(player, game) => {
                self.points("points", player.points).stats("stats", player.stats.iter());
                if let Some(who) = &player.who {
                    self.who(who);
                }
                if let Some(game) = game {
                    self.text("game", game.as_str());
                }
            }
            Shown::Game(game, players) => {
                if let Some(game) = game {
                    self.game(game);
                }
                self.players(players);
            }
            Shown::Slate(games) => self.games(games),
            Shown::Predictions(predictions, tally) => self.predictions(predictions, *tally),
            Shown::Lineup(lineup) => self.lineup(lineup),
            Shown::Contest(contest) => self.contest(contest),
            Shown::Entry(entry) => self.entry(entry),
        }
        self.text("reason", snapshot.reason).integer("encode_us", snapshot.encode_us);
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        self.about("delta", &delta.about).count("prev", delta.prev);
        match &delta.moved {
            Moved::Player(player) => self.totals(player),
            Moved::Game(game, players) => {
                self.parts(game);
                self.players(players);
            }
            Moved::Slate(games) => self.games(games),
            Moved::Lineup(lineup) => self.lineup(lineup),
            Moved::Contest(contest) => self.contest(contest),
            Moved::Entry(entry) => self.entry(entry),
        }
        if !matches!(delta.moved, Moved::Contest(_) | Moved::Entry(_)) {
            self.causes(delta);
        }
        self.times(["feed_ts", "ingest_us"], delta.newest);
        if let Some(oldest) = delta.oldest {
            self.times(["feed_ts_first", "ingest_us_first"], oldest);
        }
        self.integer("encode_us", delta.encode_us);
    }

    /// `cause` of one change, or the `causes` of several.
    fn causes(&mut self, delta: &Delta<'_>) {
        if delta.about.seq == delta.prev + 1
            && let [only] = &delta.causes[..]
        {
            self.object_at("cause", |json| json.cause(only));
            return;
        }
        self.list_at("causes", |list| {
            for cause in &delta.causes {
                list.object(|json| json.cause(cause));
            }
        });
        if delta.causes_omitted > 0 {
            self.count("causes_omitted", delta.causes_omitted);
        }
    }

    fn cause(&mut self, shown: &CauseShown<'_>) {
        self.text("game", shown.game.as_str());
        if let Some(play) = &shown.cause.play {
            self.text("play", play.as_str());
        }
        self.count("rev", shown.cause.rev).text("kind", shown.cause.kind.name());
        if let Some(stats) = shown.stats() {
            self.stats("stats", stats);
        }
    }

    pub(super) fn times(&mut self, [feed, ingest]: [&str; 2], times: EventTimes) {
        if let Some(feed_us) = times.feed_us {
            self.integer(feed, feed_us);
        }
        self.integer(ingest, times.ingest_us);
    }

    fn players(&mut self, players: &[PlayerShown<'_>]) {
        self.list_at("players", |list| {
            for player in players {
                list.player(player);
            }
        });
    }

    /// A player of a game as a list item.
    pub fn player(&mut self, player: &PlayerShown<'_>) -> &mut Self {
        self.object(|json| {
            json.text("player", player.player.as_str()).totals(player);
        })
    }

    fn lineup(&mut self, lineup: &LineupShown<'_>) {
        self.points("points", lineup.points);
        if let Some(change) = lineup.change {
            self.points("change", change);
        }
        self.list_at("slots", |list| {
            for slot in &lineup.slots {
                list.object(|json| {
                    json.text("slot", slot.slot).text("player", slot.player.player.as_str());
                    slot.game.map(|game| json.text("game", game.as_str()));
                    slot.multiplier
                        .map(|hundredths| json.points("multiplier", Points(i64::from(hundredths) * (Points::SCALE / 100))));
                    json.totals(&slot.player);
                });
            }
        });
    }

    fn totals(&mut self, player: &PlayerShown<'_>) {
        if let Some(who) = &player.who {
            self.who(who);
        }
        self.points("points", player.points);
        if let Some(change) = player.change {
            self.points("change", change);
        }
        self.stats("stats", player.stats.iter());
    }

    fn who(&mut self, who: &Who<'_>) {
        self.text("name", who.name);
        who.team.map(|team| self.text("team", team.as_str()));
        who.position.map(|position| self.text("position", position));
    }

    fn games(&mut self, games: &[GameShown<'_>]) {
        self.list_at("games", |list| {
            for game in games {
                list.object(|json| json.game(game));
            }
        });
    }

    /// The fields of a game, its id among them.
    pub fn game(&mut self, game: &GameShown<'_>) {
        self.text("game", game.head.game.as_str()).parts(game);
    }

    /// The parts of a game that are told; `null` for one that is not known any more.
    fn parts(&mut self, game: &GameShown<'_>) {
        if game.with_head {
            if let Some((home, away)) = &game.head.teams {
                self.text("home", home.as_str()).text("away", away.as_str());
            }
            game.head.kickoff.map(|kickoff| self.integer("kickoff", kickoff));
        }
        let (view, parts) = (game.view, game.parts);
        if parts.status {
            self.text("status", view.status.name());
        }
        if parts.clock {
            view.clock.map(|clock| self.clock(clock));
        }
        if parts.situation {
            view.situation.as_ref().map(|situation| self.situation(situation));
            view.timeouts.as_ref().map(|timeouts| self.score("timeouts", timeouts));
        }
        if parts.score {
            view.score.as_ref().map(|score| self.score("score", score));
        }
        let gone = [
            ("clock", game.gone.clock),
            ("situation", game.gone.situation),
            ("timeouts", game.gone.timeouts),
            ("score", game.gone.score),
        ];
        for (key, _) in gone.into_iter().filter(|(_, gone)| *gone) {
            self.key(key);
            self.out.extend_from_slice(b"null");
        }
    }

    fn clock(&mut self, clock: Clock) -> &mut Self {
        self.object_at("clock", |json| {
            json.count("quarter", clock.quarter.into())
                .count("seconds_left", clock.seconds_left.into());
        })
    }

    /// The score, or timeouts.
    fn score(&mut self, key: &str, score: &Score) -> &mut Self {
        self.object_at(key, |json| {
            for (team, points) in &score.0 {
                json.count(team.as_str(), (*points).into());
            }
        })
    }

    fn situation(&mut self, situation: &Situation) -> &mut Self {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::{SubscribedTopic, TopicRefused};

    #[test]
    fn replies_have_the_documented_shape() {
        let mut out = Vec::new();
        let topics = [SubscribedTopic {
            topic: "slate".into(),
            ruleset: None,
            begins: Some((3, How::Snapshot("fresh"))),
        }];
        let errors = [TopicRefused {
            topic: "x:1".into(),
            code: "unknown_topic",
            message: "no".into(),
        }];
        let reply = Subscriptions {
            id: Some(1),
            name: None,
            topics: &topics,
            errors: &errors,
        };
        write(&ServerMessage::Subscribed(reply), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"type":"subscribed","id":1,"topics":[{"topic":"slate","seq":3,"how":"snapshot","reason":"fresh"}],"errors":[{"topic":"x:1","code":"unknown_topic","message":"no"}]}"#
        );
    }
}
