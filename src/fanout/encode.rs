//! From ring entries to frames: what a delta, a merged delta and a snapshot say.
//!
//! Points are worked out here, from stat lines, so a ruleset costs nothing until somebody asks for it
//! and is right from its first frame. Pure: time is passed in.

use super::bulletins::Posted;
use super::lineups::{self, Lineup, SlotNow};
use super::topic::{Entry, Topic};
use crate::model::change::{Change, GameHead, GameView, PlayerCard, ViewMoved};
use crate::model::prediction::Tally;
use crate::model::{Bulletin, PlayerMove, Points, Seq, StatLine, Team, TopicName};
use crate::scoring::Ruleset;
use crate::state::PlayerSlot;
use crate::wire::Form;
use crate::wire::message::{
    About, CauseShown, Delta, EventTimes, GameShown, LineupShown, Moved, PlayerShown, ServerMessage, Shown, SlotShown, Snapshot, Stats,
    Told, Who,
};
use crate::wire::ws::Frame;
use smallvec::SmallVec;
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
    /// What the frame has to look like.
    pub form: Form,
    /// When the turn began, for `encode_us`.
    pub wall_us: i64,
    /// What clients are told of a `seq`, as [`History::shift`](super::topic::History::shift) says.
    pub shift: Seq,
}

/// A delta that takes a client from right before the first of `entries` to the last; more than one is
/// a merged frame. `entries` must not be empty nor cross into a new game. `total` is what a lineup comes to after
/// the last; other topics have none.
pub fn delta<'a>(subject: Subject<'_>, entries: impl IntoIterator<Item = &'a Entry>, total: Option<Points>) -> Frame {
    let entries: SmallVec<[&Entry; 16]> = entries.into_iter().collect();
    let entries = &entries[..];
    let (first, last) = (entries[0], entries[entries.len() - 1]);
    let (newest, oldest) = times(entries);
    subject.form.frame(&ServerMessage::Delta(Delta {
        about: about(subject, last.seq),
        prev: (first.seq - 1).wrapping_add(subject.shift),
        moved: match &subject.topic.name {
            TopicName::Player(_) => Moved::Player(player_moved(subject.ruleset, entries)),
            TopicName::Team(team) => game_moved(subject.ruleset, entries, Some(team)),
            TopicName::Game(_) => game_moved(subject.ruleset, entries, None),
            TopicName::Slate => Moved::Slate(games_moved(entries)),
            TopicName::Lineup(_) => Moved::Lineup(lineup_moved(subject, entries, total.unwrap_or_default())),
            TopicName::Predictions(_) => unreachable!("a topic of predictions has bulletins and no changes"),
            TopicName::Contest(_) | TopicName::Entry(_) => unreachable!("a topic of contests has views and no changes"),
        },
        causes: causes(subject.topic, entries),
        causes_omitted: entries.len().saturating_sub(CAUSES_MAX) as u64,
        newest,
        oldest,
        // A turn reads the clock once, and what comes in during it is sent by it.
        encode_us: subject.wall_us.max(newest.ingest_us),
    }))
}

/// A prediction or an outcome for a client who holds `prev`.
pub fn bulletin(subject: Subject<'_>, posted: &Posted, prev: Seq) -> Frame {
    let (about, encode_us) = (about(subject, posted.seq), subject.wall_us);
    subject.form.frame(&match &posted.bulletin {
        Bulletin::Prediction(prediction) => ServerMessage::Prediction(Told {
            about,
            prev,
            says: prediction,
            encode_us: encode_us.max(prediction.ingest.0),
        }),
        Bulletin::Outcome(outcome) => ServerMessage::Outcome(Told {
            about,
            prev,
            says: outcome,
            encode_us: encode_us.max(outcome.ingest.0),
        }),
    })
}

pub(super) fn about(subject: Subject<'_>, seq: Seq) -> About<'_> {
    let topic = &subject.topic.name;
    About {
        topic,
        ruleset: topic.has_ruleset().then(|| subject.ruleset.name()),
        seq: seq.wrapping_add(subject.shift),
    }
}

fn player_moved<'a>(ruleset: &Ruleset, entries: &[&'a Entry]) -> PlayerShown<'a> {
    let (first, last) = (entries[0].player(), entries[entries.len() - 1].player());
    let (before, line) = (first.before(), last.after());
    let after = points(ruleset, &last.who.card, &line);
    let is_new = before == StatLine::ZERO || entries.iter().any(|entry| entry.player().has_new_card());
    PlayerShown {
        player: &last.who.card.player,
        who: is_new.then(|| who(&last.who.card, &last.who.team)),
        points: after,
        change: Some(after - points(ruleset, &first.who_before().card, &before)),
        stats: Stats::of(&line, entries.iter().flat_map(|entry| entry.player().delta.moved())),
    }
}

fn game_moved<'a>(ruleset: &Ruleset, entries: &[&'a Entry], team: Option<&Team>) -> Moved<'a> {
    let moved = entries
        .iter()
        .fold(ViewMoved::default(), |moved, entry| moved.or(entry.change.view_moved));
    let last = &entries[entries.len() - 1].change;
    // Who starts from nothing is told everything, not only what this change moved.
    let game = match entries[0].seq {
        1 => GameShown::whole(&last.head, &last.view),
        _ => GameShown::moved(&last.head, &last.view, moved),
    };
    // By slot, in the order in which they happened.
    let mut moves: SmallVec<[&PlayerMove; 8]> = entries.iter().flat_map(|entry| &entry.change.moves).collect();
    moves.sort_by_key(|player| player.slot);
    let players = moves.chunk_by(|a, b| a.slot == b.slot);
    Moved::Game(game, players.filter_map(|moves| moved_in_game(ruleset, moves, team)).collect())
}

/// What one player's moves come to; nothing where the topic's team is not concerned.
fn moved_in_game<'a>(ruleset: &Ruleset, moves: &[&'a PlayerMove], team: Option<&Team>) -> Option<PlayerShown<'a>> {
    let is_of = |of: &Team| team.is_none_or(|team| of == team);
    let concerned = |player: &&&PlayerMove| is_of(&player.who.team) || is_of(&player.who_before().team);
    let first = *moves.iter().find(concerned)?;
    let last = *moves.iter().rfind(concerned)?;
    // A team shows nothing of a player who is not its own: who leaves ends at zero.
    let before = if is_of(&first.who_before().team) {
        first.before()
    } else {
        StatLine::ZERO
    };
    let after = if is_of(&last.who.team) { last.after() } else { StatLine::ZERO };
    let total = points(ruleset, &last.who.card, &after);
    let is_transferred = moves.iter().any(|player| player.is_transferred());
    let shown = before.shown().chain(after.shown()).map(|(stat, _)| stat).filter(|_| is_transferred);
    let is_new = before == StatLine::ZERO || first.has_new_card() || is_transferred;
    Some(PlayerShown {
        player: &last.who.card.player,
        who: is_new.then(|| who(&last.who.card, &last.who.team)),
        points: total,
        change: Some(total - points(ruleset, &first.who_before().card, &before)),
        stats: Stats::of(&after, moves.iter().flat_map(|player| player.delta.moved()).chain(shown)),
    })
}

fn lineup_moved<'a>(subject: Subject<'a>, entries: &[&'a Entry], total: Points) -> LineupShown<'a> {
    let slots = subject.topic.lineup().map_or(&[][..], |lineup| &lineup.slots);
    let moved = |(place, slot): (usize, &'a lineups::Slot)| {
        let of_slot = |entry: &&'a Entry| {
            let moves = &entry.change.moves;
            let is_moved = entry.place & 1 << place != 0;
            moves.iter().find(|player| is_moved && player.who.card.player == slot.player)
        };
        let moves: SmallVec<[&'a PlayerMove; 4]> = entries.iter().filter_map(of_slot).collect();
        let game = || {
            let last = entries.iter().rfind(|entry| entry.place & 1 << place != 0)?;
            Some(&last.change.head.game)
        };
        let player = moved_in_game(subject.ruleset, &moves, None)?;
        let before = player.points - player.change.unwrap_or_default();
        let now = slot.multiplier.of(player.points);
        Some(SlotShown {
            slot: &slot.name,
            multiplier: None,
            // Who is new to the client is so with the game.
            game: player.who.as_ref().and_then(|_| game()),
            player: PlayerShown {
                points: now,
                change: Some(now - slot.multiplier.of(before)),
                ..player
            },
        })
    };
    let slots: Vec<SlotShown<'a>> = slots.iter().enumerate().filter_map(moved).collect();
    LineupShown {
        points: total,
        change: Some(slots.iter().filter_map(|slot| slot.player.change).sum()),
        slots,
    }
}

fn who<'a>(card: &'a PlayerCard, team: &'a Team) -> Who<'a> {
    Who {
        name: &card.name,
        team: Some(team),
        position: card.position.as_deref(),
    }
}

fn games_moved<'a>(entries: &[&'a Entry]) -> SmallVec<[GameShown<'a>; 2]> {
    // By game, in the order in which they happened.
    let mut changes: SmallVec<[&'a Change; 8]> = entries.iter().map(|entry| &*entry.change).collect();
    changes.sort_by(|a, b| a.head.game.cmp(&b.head.game));
    let mut games = SmallVec::new();
    for changes in changes.chunk_by(|a, b| a.head.game == b.head.game) {
        let last = changes[changes.len() - 1];
        let moved = changes
            .iter()
            .fold(ViewMoved::default(), |moved, change| moved.or(change.view_moved));
        games.push(GameShown::moved(&last.head, &last.view, moved).on_scoreboard());
    }
    games
}

/// Scoring plays, corrections and finals first.
fn causes<'a>(topic: &Topic, entries: &[&'a Entry]) -> SmallVec<[CauseShown<'a>; 1]> {
    let of_player = matches!(topic.name, TopicName::Player(_));
    let shown = |entry: &&'a Entry| CauseShown {
        game: &entry.change.head.game,
        cause: &entry.change.cause,
        stats: of_player.then(|| &entry.player().delta),
    };
    let (urgent, calm) = (
        || entries.iter().filter(|entry| entry.change.cause.urgent),
        || entries.iter().filter(|entry| !entry.change.cause.urgent),
    );
    urgent().chain(calm()).take(CAUSES_MAX).map(shown).collect()
}

/// Times of the newest event and, where there are several, of the oldest.
fn times(entries: &[&Entry]) -> (EventTimes, Option<EventTimes>) {
    let of = |entry: &&Entry| EventTimes::of(entry.change.feed_ts, entry.change.ingest);
    let pick = |pick: fn(i64, i64) -> i64| {
        let both = |a: EventTimes, b: EventTimes| EventTimes {
            feed_us: a.feed_us.zip(b.feed_us).map(|(a, b)| pick(a, b)).or(a.feed_us).or(b.feed_us),
            ingest_us: pick(a.ingest_us, b.ingest_us),
        };
        entries[1..].iter().map(of).fold(of(&entries[0]), both)
    };
    (pick(i64::max), (entries.len() > 1).then(|| pick(i64::min)))
}

/// What a `player:` topic shows.
pub(super) struct PlayerNow<'a> {
    /// Its head.
    pub seq: Seq,
    /// The last change; nothing before the first.
    pub last: Option<&'a Entry>,
    /// Who, for a player of whom nothing happened yet.
    pub card: &'a PlayerCard,
}

/// A snapshot of a `player:` topic.
pub(super) fn player_snapshot(subject: Subject<'_>, now: PlayerNow<'_>, reason: &str) -> Frame {
    let shows = match now.last {
        Some(entry) => {
            let player = entry.player();
            let shown = player_shown(subject.ruleset, &player.who.card, &player.who.team, &player.after());
            Shown::Player(shown, Some(&entry.change.head.game))
        }
        None => {
            let nothing = PlayerShown {
                player: &now.card.player,
                who: Some(Who {
                    name: &now.card.name,
                    team: None,
                    position: None,
                }),
                points: Points::ZERO,
                change: None,
                stats: Stats::shown(&StatLine::ZERO),
            };
            Shown::Player(nothing, None)
        }
    };
    snapshot(subject, now.seq, shows, reason)
}

fn player_shown<'a>(ruleset: &Ruleset, card: &'a PlayerCard, team: &'a Team, line: &StatLine) -> PlayerShown<'a> {
    PlayerShown {
        player: &card.player,
        who: Some(who(card, team)),
        points: points(ruleset, card, line),
        change: None,
        stats: Stats::shown(line),
    }
}

pub(super) fn snapshot(subject: Subject<'_>, seq: Seq, shows: Shown<'_>, reason: &str) -> Frame {
    subject.form.frame(&ServerMessage::Snapshot(Snapshot {
        about: about(subject, seq),
        shows,
        reason,
        encode_us: subject.wall_us,
    }))
}

/// What a `game:` or `team:` topic shows.
pub(super) struct GameNow<'a> {
    /// Its head.
    pub seq: Seq,
    /// Teams and kickoff; nothing for a game not announced.
    pub game: Option<(&'a GameHead, &'a GameView)>,
    /// Its players.
    pub players: &'a [PlayerSlot],
}

/// A snapshot of a `game:` or `team:` topic.
pub(super) fn game_snapshot(subject: Subject<'_>, now: GameNow<'_>, reason: &str) -> Frame {
    let team = match &subject.topic.name {
        TopicName::Team(team) => Some(team),
        _ => None,
    };
    let game = now.game.map(|(head, view)| GameShown::whole(head, view));
    let shows = Shown::Game(game, players_shown(subject.ruleset, now.players, team).collect());
    snapshot(subject, now.seq, shows, reason)
}

/// The players of a game, or of one team, as snapshots and plain HTTP list them.
pub fn players_shown<'a>(ruleset: &Ruleset, players: &'a [PlayerSlot], team: Option<&Team>) -> impl Iterator<Item = PlayerShown<'a>> {
    let is_listed = move |slot: &&PlayerSlot| slot.is_listed() && team.is_none_or(|team| slot.who.team == *team);
    let shown = |slot: &'a PlayerSlot| player_shown(ruleset, &slot.who.card, &slot.who.team, &slot.line());
    players.iter().filter(is_listed).map(shown)
}

/// A snapshot of the slate.
pub(super) fn slate_snapshot(subject: Subject<'_>, seq: Seq, games: &[(Arc<GameHead>, GameView)], reason: &str) -> Frame {
    let shown = games.iter().map(|(head, view)| GameShown::whole(head, view).on_scoreboard());
    snapshot(subject, seq, Shown::Slate(shown.collect()), reason)
}

/// A snapshot of a topic of predictions: those that count still, and the calls so far.
pub(super) fn predictions_snapshot(subject: Subject<'_>, seq: Seq, posted: &[Posted], reason: &str) -> Frame {
    let (mut predictions, mut tally) = (Vec::new(), Tally::default());
    for posted in posted {
        match &posted.bulletin {
            Bulletin::Prediction(prediction) if posted.bulletin.expires_us() > subject.wall_us => predictions.push(&**prediction),
            Bulletin::Prediction(_) => {}
            Bulletin::Outcome(outcome) => tally = outcome.tally,
        }
    }
    snapshot(subject, seq, Shown::Predictions(predictions, tally), reason)
}

/// A snapshot of a lineup: every slot.
pub(super) fn lineup_snapshot(
    subject: Subject<'_>,
    seq: Seq,
    lineup: &Lineup,
    (total, slots): (Points, &[SlotNow]),
    reason: &str,
) -> Frame {
    let shown = lineup.slots.iter().zip(slots).map(|(slot, now)| {
        let nothing = PlayerShown {
            player: &slot.player,
            who: None,
            points: Points::ZERO,
            change: None,
            stats: Stats::shown(&StatLine::ZERO),
        };
        let player = now.last.as_ref().map_or(nothing, |entry| {
            let player = entry.player();
            player_shown(subject.ruleset, &player.who.card, &player.who.team, &player.after())
        });
        SlotShown {
            slot: &slot.name,
            multiplier: slot.multiplier.hundredths(),
            game: now.last.as_ref().map(|entry| &entry.change.head.game),
            player: PlayerShown {
                points: now.points,
                ..player
            },
        }
    });
    let shows = LineupShown {
        points: total,
        change: None,
        slots: shown.collect(),
    };
    snapshot(subject, seq, Shown::Lineup(shows), reason)
}
