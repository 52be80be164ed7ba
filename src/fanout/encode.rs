//! From ring entries to frames: what a delta, a merged delta and a snapshot say.
//!
//! Points are worked out here, from stat lines, so a ruleset costs nothing until somebody asks for it
//! and is right from its first frame. Pure: time is passed in.

use super::topic::{Entry, Topic};
use crate::model::change::{Change, GameHead, GameView, PlayerCard, ViewMoved};
use crate::model::{PlayerMove, Points, Seq, Stat, StatLine, Team, TopicName};
use crate::scoring::Ruleset;
use crate::state::PlayerSlot;
use crate::wire::json::{Json, WHOLE_VIEW};
use crate::wire::ws::Frame;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most causes named in a merged frame.
const CAUSES_MAX: usize = 16;

/// What a line is worth under a ruleset.
pub fn points(ruleset: &Ruleset, card: &PlayerCard, line: &StatLine) -> Points {
    ruleset.score(line, ruleset.position_of(&card.player, card.position.as_deref()))
}

/// What a frame is about, besides what happened.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The topic.
    pub topic: &'a Topic,
    /// The ruleset; topics without one ignore it.
    pub ruleset: &'a Ruleset,
    /// Now, for `encode_us`.
    pub now_us: i64,
}

/// A delta that takes a client from right before the first of `entries` to the last; more than one is
/// a merged frame. `entries` must not be empty nor cross into a new game.
pub fn delta(subject: Subject<'_>, entries: &[Arc<Entry>]) -> Frame {
    let (first, last) = (&entries[0], &entries[entries.len() - 1]);
    Frame::text(|out| {
        Json::new(out).object(|json| {
            begin(json, "delta", subject, last.seq).count("prev", first.seq - 1);
            match &subject.topic.name {
                TopicName::Player(_) => player_delta(json, subject, entries),
                TopicName::Team(team) => game_delta(json, subject, entries, Some(team)),
                TopicName::Game(_) => game_delta(json, subject, entries, None),
                TopicName::Slate => slate_delta(json, entries),
            }
            causes(json, subject, entries);
            times(json, entries);
            json.integer("encode_us", subject.now_us);
        });
    })
}

fn begin<'j, 'o>(json: &'j mut Json<'o>, kind: &str, subject: Subject<'_>, seq: Seq) -> &'j mut Json<'o> {
    json.text("type", kind).print("topic", &subject.topic.name);
    if subject.topic.name.has_ruleset() {
        json.text("ruleset", subject.ruleset.name());
    }
    json.count("seq", seq)
}

fn player_delta(json: &mut Json<'_>, subject: Subject<'_>, entries: &[Arc<Entry>]) {
    let (first, last) = (entries[0].player(), entries[entries.len() - 1].player());
    let after = points(subject.ruleset, &last.card, &last.after());
    let before = points(subject.ruleset, first.card_before(), &first.before());
    if first.before() == StatLine::ZERO || entries.iter().any(|entry| entry.player().card_before.is_some()) {
        who(json, &last.card, &last.team);
    }
    json.points("points", after).points("change", after - before);
    json.stats(
        "stats",
        totals_of(entries.iter().flat_map(|entry| entry.player().delta.moved()), &last.after()),
    );
}

/// The totals, in `line`, of each of these stats once, in line order.
fn totals_of(stats: impl Iterator<Item = Stat>, line: &StatLine) -> impl Iterator<Item = (Stat, i32)> {
    let all = stats.fold(0u64, |all, stat| all | 1 << stat as u64);
    let line = *line;
    crate::model::stat::NAMES
        .iter()
        .filter(move |(stat, _)| all & (1 << *stat as u64) != 0)
        .map(move |(stat, _)| (*stat, line.get(*stat)))
}

fn game_delta(json: &mut Json<'_>, subject: Subject<'_>, entries: &[Arc<Entry>], team: Option<&Team>) {
    let moved = entries
        .iter()
        .fold(ViewMoved::default(), |moved, entry| moved.or(entry.change.view_moved));
    let last = &entries[entries.len() - 1].change;
    // Who starts from nothing is told everything, not only what this change moved.
    let from_nothing = entries[0].seq == 1;
    if moved.status || from_nothing {
        json.head(&last.head);
    }
    if from_nothing {
        json.view(&last.view, WHOLE_VIEW);
    } else {
        json.view_moved(&last.view, moved);
    }
    // By slot: the first move and the last that this topic shows.
    let mut players: BTreeMap<u32, (&PlayerMove, &PlayerMove)> = BTreeMap::new();
    let all = || entries.iter().flat_map(|entry| &entry.change.moves);
    let is_of = |of: &Team| team.is_none_or(|team| of == team);
    for player in all().filter(|player| is_of(&player.team) || is_of(player.team_before())) {
        players
            .entry(player.slot)
            .and_modify(|(_, last)| *last = player)
            .or_insert((player, player));
    }
    json.list_at("players", |list| {
        for (slot, (first, last)) in &players {
            // A team shows nothing of a player who is not its own: who leaves ends at zero.
            let line = |own: bool, line: StatLine| if own { line } else { StatLine::ZERO };
            let (old, new) = (
                line(is_of(first.team_before()), first.before()),
                line(is_of(&last.team), last.after()),
            );
            let after = points(subject.ruleset, &last.card, &new);
            let before = points(subject.ruleset, first.card_before(), &old);
            let moves = || all().filter(|player| player.slot == *slot);
            let is_transferred = moves().any(|player| player.team_before.is_some());
            let shown = old.shown().chain(new.shown()).map(|(stat, _)| stat).filter(|_| is_transferred);
            let moved = moves().flat_map(|player| player.delta.moved()).chain(shown);
            list.object(|json| {
                json.text("player", last.card.player.as_str());
                if old == StatLine::ZERO || first.card_before.is_some() || is_transferred {
                    who(json, &last.card, &last.team);
                }
                json.points("points", after).points("change", after - before);
                json.stats("stats", totals_of(moved, &new));
            });
        }
    });
}

fn who(json: &mut Json<'_>, card: &PlayerCard, team: &Team) {
    json.text("name", &card.name).text("team", team.as_str());
    card.position.as_ref().map(|position| json.text("position", position));
}

fn slate_delta(json: &mut Json<'_>, entries: &[Arc<Entry>]) {
    let mut games: BTreeMap<_, (ViewMoved, &Change)> = BTreeMap::new();
    for entry in entries {
        let change = &entry.change;
        let game = games.entry(&change.head.game).or_insert((ViewMoved::default(), change));
        *game = (game.0.or(change.view_moved), change);
    }
    json.list_at("games", |list| {
        for (moved, change) in games.values() {
            list.object(|json| {
                let moved = on_scoreboard(json, &change.head, *moved);
                json.view_moved(&change.view, moved);
            });
        }
    });
}

/// A game on the scoreboard: always its status, never its situation.
fn on_scoreboard(json: &mut Json<'_>, head: &GameHead, moved: ViewMoved) -> ViewMoved {
    json.text("game", head.game.as_str());
    if moved.status {
        json.head(head);
    }
    ViewMoved {
        status: true,
        situation: false,
        ..moved
    }
}

/// `cause` of one change, or the `causes` of several: scoring plays, corrections and finals first.
fn causes(json: &mut Json<'_>, subject: Subject<'_>, entries: &[Arc<Entry>]) {
    let of_player = matches!(subject.topic.name, TopicName::Player(_));
    let write = |json: &mut Json<'_>, entry: &Entry| {
        json.cause(&entry.change.head.game, &entry.change.cause);
        if of_player {
            json.stats("stats", entry.player().delta.iter().filter(|(stat, _)| *stat != Stat::Begun));
        }
    };
    if let [only] = entries {
        json.object_at("cause", |json| write(json, only));
        return;
    }
    let (urgent, calm): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.change.cause.urgent);
    json.list_at("causes", |list| {
        for entry in urgent.into_iter().chain(calm).take(CAUSES_MAX) {
            list.object(|json| write(json, entry));
        }
    });
    if entries.len() > CAUSES_MAX {
        json.count("causes_omitted", (entries.len() - CAUSES_MAX) as u64);
    }
}

fn times(json: &mut Json<'_>, entries: &[Arc<Entry>]) {
    let feed = |pick: fn(i64, i64) -> i64| entries.iter().filter_map(|entry| entry.change.feed_ts).map(|ts| ts.0).reduce(pick);
    let ingest = |pick: fn(i64, i64) -> i64| entries.iter().map(|entry| entry.change.ingest.0).reduce(pick);
    feed(i64::max).map(|ts| json.integer("feed_ts", ts));
    ingest(i64::max).map(|us| json.integer("ingest_us", us));
    if entries.len() > 1 {
        feed(i64::min).map(|ts| json.integer("feed_ts_first", ts));
        ingest(i64::min).map(|us| json.integer("ingest_us_first", us));
    }
}

/// What a `player:` topic shows.
pub struct PlayerNow<'a> {
    /// Its head.
    pub seq: Seq,
    /// The last change; nothing before the first.
    pub last: Option<&'a Entry>,
    /// Who, for a player of whom nothing happened yet.
    pub card: &'a PlayerCard,
}

/// A snapshot of a `player:` topic.
pub fn player_snapshot(subject: Subject<'_>, now: PlayerNow<'_>, reason: &str) -> Frame {
    Frame::text(|out| {
        Json::new(out).object(|json| {
            begin(json, "snapshot", subject, now.seq);
            match now.last {
                Some(entry) => {
                    let player = entry.player();
                    json.points("points", points(subject.ruleset, &player.card, &player.after()));
                    json.stats("stats", player.after().shown());
                    who(json, &player.card, &player.team);
                    json.text("game", entry.change.head.game.as_str());
                }
                None => {
                    json.points("points", Points::ZERO).stats("stats", std::iter::empty());
                    json.text("name", &now.card.name);
                }
            }
            json.text("reason", reason).integer("encode_us", subject.now_us);
        });
    })
}

/// What a `game:` or `team:` topic shows.
pub struct GameNow<'a> {
    /// Its head.
    pub seq: Seq,
    /// Teams and kickoff; nothing for a game not announced.
    pub game: Option<(&'a GameHead, &'a GameView)>,
    /// Its players.
    pub players: &'a [PlayerSlot],
}

/// A snapshot of a `game:` or `team:` topic.
pub fn game_snapshot(subject: Subject<'_>, now: GameNow<'_>, reason: &str) -> Frame {
    let team = match &subject.topic.name {
        TopicName::Team(team) => Some(team),
        _ => None,
    };
    Frame::text(|out| {
        Json::new(out).object(|json| {
            begin(json, "snapshot", subject, now.seq);
            if let Some((head, view)) = now.game {
                json.text("game", head.game.as_str()).head(head).view(view, WHOLE_VIEW);
            }
            json.list_at("players", |list| write_players(list, subject.ruleset, now.players, team));
            json.text("reason", reason).integer("encode_us", subject.now_us);
        });
    })
}

/// The players of a game, or of one team, as snapshots and plain HTTP list them.
pub fn write_players(list: &mut Json<'_>, ruleset: &Ruleset, players: &[PlayerSlot], team: Option<&Team>) {
    for slot in players
        .iter()
        .filter(|slot| slot.is_listed() && team.is_none_or(|team| slot.team == *team))
    {
        list.object(|json| {
            json.text("player", slot.card.player.as_str());
            who(json, &slot.card, &slot.team);
            json.points("points", points(ruleset, &slot.card, &slot.line))
                .stats("stats", slot.line.shown());
        });
    }
}

/// A snapshot of the slate.
pub fn slate_snapshot(subject: Subject<'_>, seq: Seq, games: &[(Arc<GameHead>, Arc<GameView>)], reason: &str) -> Frame {
    Frame::text(|out| {
        Json::new(out).object(|json| {
            begin(json, "snapshot", subject, seq);
            json.list_at("games", |list| {
                for (head, view) in games {
                    list.object(|json| {
                        let parts = on_scoreboard(json, head, WHOLE_VIEW);
                        json.view(view, parts);
                    });
                }
            });
            json.text("reason", reason).integer("encode_us", subject.now_us);
        });
    })
}
