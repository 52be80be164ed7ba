//! The server's messages in the binary coding. Numbers are those of `docs/scorewire.v1.proto`.

use super::{BYTES, Fields, zigzag};
use crate::model::change::CauseKind;
use crate::model::{Clock, GameStatus, Score, Situation, Stat};
use crate::wire::message::{
    About, CauseShown, Delta, EventTimes, GameShown, How, LineupShown, Moved, PlayerShown, ServerMessage, Shown, Snapshot, SubscribedTopic,
    Subscriptions, Welcome, Who,
};

/// Appends a message.
pub fn write(message: &ServerMessage<'_>, out: &mut Vec<u8>) {
    let mut top = Fields { out };
    match message {
        ServerMessage::Delta(delta) => top.message(2, |fields| fields.delta(delta)),
        ServerMessage::Snapshot(snapshot) => top.message(3, |fields| fields.snapshot(snapshot)),
        ServerMessage::Prediction(told) => top.message(12, |fields| fields.prediction(told)),
        ServerMessage::Outcome(told) => top.message(13, |fields| fields.outcome(told)),
        ServerMessage::Welcome(welcome) => top.message(4, |fields| fields.welcome(welcome)),
        ServerMessage::Subscribed(reply) => top.id(reply.id).message(5, |fields| fields.subscriptions(reply)),
        ServerMessage::Unsubscribed(reply) => top.id(reply.id).message(6, |fields| fields.subscriptions(reply)),
        ServerMessage::Pong { id, server_us } => top.id(*id).message(7, |fields| {
            fields.int(1, *server_us);
        }),
        ServerMessage::Error { id, code, message } => top.id(*id).message(8, |fields| {
            fields.text(1, code).text(2, message);
        }),
        ServerMessage::Ended { code, message, topics } => top.message(8, |fields| {
            fields.text(1, code).text(2, message);
            for topic in *topics {
                fields.message(3, |fields| fields.subscription(topic));
            }
        }),
        ServerMessage::Authorized { id, expires_in_ms } => top.id(*id).message(10, |fields| {
            if let Some(ms) = expires_in_ms {
                fields.some_uint(1, *ms);
            }
        }),
        ServerMessage::AuthExpiring { expires_in_ms } => top.message(11, |fields| {
            fields.uint(1, *expires_in_ms);
        }),
        ServerMessage::Status { late_ms } => top.message(14, |fields| {
            fields.uint(1, *late_ms);
        }),
        ServerMessage::Goodbye {
            reason,
            reconnect_after_ms,
        } => top.message(9, |fields| {
            fields.text(1, reason.name()).uint(2, *reconnect_after_ms);
        }),
    };
}

impl Fields<'_> {
    fn id(&mut self, id: Option<i64>) -> &mut Self {
        if let Some(id) = id {
            self.some_int(1, id);
        }
        self
    }

    fn welcome(&mut self, welcome: &Welcome<'_>) {
        let limits = &welcome.limits;
        self.text(1, welcome.session)
            .text(2, welcome.epoch)
            .int(3, welcome.server_us)
            .message(4, |fields| {
                fields
                    .uint(1, limits.subscriptions)
                    .uint(2, limits.message_bytes)
                    .int(3, limits.ping_interval_ms)
                    .int(4, limits.silence_timeout_ms)
                    .int(5, limits.stall_timeout_ms)
                    .uint(6, limits.ring_frames)
                    .uint(7, limits.messages_per_second)
                    .uint(8, limits.messages_burst)
                    .int(9, limits.message_timeout_ms);
            });
    }

    fn subscriptions(&mut self, reply: &Subscriptions<'_>) {
        for topic in reply.topics {
            self.message(1, |fields| fields.subscription(topic));
        }
        for error in reply.errors {
            self.message(2, |fields| {
                fields.text(1, &error.topic).text(2, error.code).text(3, &error.message);
            });
        }
        reply.name.map(|name| self.some_text(3, name));
    }

    fn lineup(&mut self, slots: u32, lineup: &LineupShown<'_>) {
        self.some_sint(5, lineup.points.0);
        if let Some(change) = lineup.change {
            self.some_sint(6, change.0);
        }
        for slot in &lineup.slots {
            let player = &slot.player;
            self.message(slots, |fields| {
                fields.text(1, slot.slot).text(2, player.player.as_str()).sint(3, player.points.0);
                if let Some(change) = player.change {
                    fields.some_sint(4, change.0);
                }
                fields.stats(5, player.stats.iter());
                if let Some(who) = &player.who {
                    fields.who([6, 7, 8], who);
                }
                slot.multiplier.map(|hundredths| fields.some_uint(9, hundredths.into()));
                slot.game.map(|game| fields.some_text(10, game.as_str()));
            });
        }
    }

    fn subscription(&mut self, topic: &SubscribedTopic) {
        self.text(1, &topic.topic);
        topic.ruleset.as_ref().map(|ruleset| self.some_text(2, ruleset));
        if let Some((seq, how)) = topic.begins {
            self.begins(seq, how);
        }
    }

    fn begins(&mut self, seq: u64, how: How) {
        self.some_uint(3, seq);
        match how {
            How::Resumed => self.some_text(4, "resumed"),
            How::Snapshot(reason) => self.some_text(4, "snapshot").some_text(5, reason),
        };
    }

    pub(super) fn about(&mut self, about: &About<'_>) -> &mut Self {
        let (kind, id) = about.topic.parts();
        self.tag(1, BYTES);
        self.varint((kind.len() + id.len()) as u64);
        self.out.extend_from_slice(kind.as_bytes());
        self.out.extend_from_slice(id.as_bytes());
        if let Some(ruleset) = about.ruleset {
            self.some_text(2, ruleset);
        }
        self.uint(3, about.seq)
    }

    fn snapshot(&mut self, snapshot: &Snapshot<'_>) {
        self.about(&snapshot.about).text(4, snapshot.reason);
        match &snapshot.shows {
            Shown::Player(player, game) => {
                self.totals_of_topic(player);
                if let Some(game) = game {
                    self.some_text(6, game.as_str());
                }
            }
            Shown::Game(game, players) => {
                if let Some(game) = game {
                    self.some_text(6, game.head.game.as_str()).parts(game);
                }
                self.players(players);
            }
            Shown::Slate(games) => self.games(games),
            Shown::Predictions(predictions, tally) => self.predictions(predictions, *tally, snapshot.encode_us),
            Shown::Lineup(lineup) => self.lineup(28, lineup),
            Shown::Contest(contest) => self.contest(30, contest),
            Shown::Entry(entry) => self.entry(31, entry),
        }
        self.int(13, snapshot.encode_us);
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        self.about(&delta.about).uint(4, delta.prev);
        match &delta.moved {
            Moved::Player(player) => self.totals_of_topic(player),
            Moved::Game(game, players) => {
                self.parts(game);
                self.players(players);
            }
            Moved::Slate(games) => self.games(games),
            Moved::Lineup(lineup) => self.lineup(29, lineup),
            Moved::Contest(contest) => self.contest(30, contest),
            Moved::Entry(entry) => self.entry(31, entry),
        }
        for cause in &delta.causes {
            self.message(12, |fields| fields.cause(cause));
        }
        self.int(13, delta.encode_us).times([14, 15], delta.encode_us, delta.newest);
        if let Some(oldest) = delta.oldest {
            self.times([27, 28], delta.encode_us, oldest);
        }
        self.uint(26, delta.causes_omitted);
    }

    pub(super) fn times(&mut self, [ingest, feed]: [u32; 2], encode_us: i64, times: EventTimes) {
        self.some_sint(ingest, encode_us.wrapping_sub(times.ingest_us));
        if let Some(feed_us) = times.feed_us {
            self.some_sint(feed, encode_us.wrapping_sub(feed_us));
        }
    }

    fn cause(&mut self, shown: &CauseShown<'_>) {
        self.text(1, shown.game.as_str());
        if let Some(play) = &shown.cause.play {
            self.some_text(2, play.as_str());
        }
        let kind = match shown.cause.kind {
            CauseKind::Play => 0,
            CauseKind::Correction => 1,
            CauseKind::Retraction => 2,
            CauseKind::Game => 3,
        };
        self.uint(3, shown.cause.rev).uint(4, kind);
        if let Some(stats) = shown.stats() {
            self.stats(5, stats);
        }
    }

    /// A stat's field has its place in a line as number, from 1.
    fn stats(&mut self, field: u32, stats: impl Iterator<Item = (Stat, i32)>) -> &mut Self {
        self.message(field, |fields| {
            for (stat, value) in stats {
                fields.some_uint(stat as u32 + 1, zigzag(value.into()));
            }
        })
    }

    fn totals_of_topic(&mut self, player: &PlayerShown<'_>) {
        self.some_sint(5, player.points.0);
        if let Some(change) = player.change {
            self.some_sint(6, change.0);
        }
        self.stats(7, player.stats.iter());
        if let Some(who) = &player.who {
            self.who([23, 24, 25], who);
        }
    }

    fn players(&mut self, players: &[PlayerShown<'_>]) {
        for player in players {
            self.message(8, |fields| {
                fields.text(1, player.player.as_str()).sint(2, player.points.0);
                if let Some(change) = player.change {
                    fields.some_sint(3, change.0);
                }
                fields.stats(4, player.stats.iter());
                if let Some(who) = &player.who {
                    fields.who([5, 6, 7], who);
                }
            });
        }
    }

    fn who(&mut self, [name, team, position]: [u32; 3], who: &Who<'_>) {
        self.some_text(name, who.name);
        who.team.map(|value| self.some_text(team, value.as_str()));
        who.position.map(|value| self.some_text(position, value));
    }

    /// The parts of the game that a topic shows.
    fn parts(&mut self, game: &GameShown<'_>) {
        if game.parts.status {
            self.some_uint(17, status(game.view.status));
        }
        if game.parts.situation {
            game.view.situation.as_ref().map(|situation| self.situation(10, situation));
            game.view.timeouts.as_ref().map(|timeouts| self.counts(18, timeouts));
        }
        self.clock_and_score([9, 11, 19], game).head([20, 21, 22], game);
    }

    fn games(&mut self, games: &[GameShown<'_>]) {
        for game in games {
            self.message(16, |fields| {
                fields
                    .text(1, game.head.game.as_str())
                    .uint(2, status(game.view.status))
                    .clock_and_score([3, 4, 5], game)
                    .head([6, 7, 8], game);
            });
        }
    }

    fn clock_and_score(&mut self, [clock, score, gone]: [u32; 3], game: &GameShown<'_>) -> &mut Self {
        if game.parts.clock {
            game.view.clock.map(|value| self.clock(clock, value));
        }
        if game.parts.score {
            game.view.score.as_ref().map(|value| self.counts(score, value));
        }
        let parts = [
            (game.gone.clock, 1),
            (game.gone.situation, 2),
            (game.gone.score, 3),
            (game.gone.timeouts, 4),
        ];
        if parts.iter().any(|(gone, _)| *gone) {
            // A packed list: a length, then the values.
            self.message(gone, |list| {
                for (_, part) in parts.into_iter().filter(|(gone, _)| *gone) {
                    list.varint(part);
                }
            });
        }
        self
    }

    fn head(&mut self, [home, away, kickoff]: [u32; 3], game: &GameShown<'_>) {
        if game.with_head {
            if let Some((host, guest)) = &game.head.teams {
                self.some_text(home, host.as_str()).some_text(away, guest.as_str());
            }
            game.head.kickoff.map(|time| self.some_int(kickoff, time));
        }
    }

    fn clock(&mut self, field: u32, clock: Clock) -> &mut Self {
        self.message(field, |fields| {
            fields.uint(1, clock.quarter.into()).uint(2, clock.seconds_left.into());
        })
    }

    /// The score, or timeouts. An entry of a map is a message of key and value.
    fn counts(&mut self, field: u32, counts: &Score) -> &mut Self {
        self.message(field, |fields| {
            for (team, count) in &counts.0 {
                fields.message(1, |entry| {
                    entry.text(1, team.as_str()).uint(2, (*count).into());
                });
            }
        })
    }

    fn situation(&mut self, field: u32, situation: &Situation) -> &mut Self {
        self.message(field, |fields| {
            let numbers = [(1, situation.down), (2, situation.distance), (3, situation.yards_to_goal)];
            for (field, value) in numbers {
                value.map(|value| fields.some_uint(field, value.into()));
            }
            situation.possession.as_ref().map(|team| fields.some_text(4, team.as_str()));
            situation.shotgun.map(|value| fields.some_uint(5, value.into()));
            situation.no_huddle.map(|value| fields.some_uint(6, value.into()));
        })
    }
}

fn status(status: GameStatus) -> u64 {
    match status {
        GameStatus::Scheduled => 0,
        GameStatus::Live => 1,
        GameStatus::Halftime => 2,
        GameStatus::Final => 3,
    }
}
