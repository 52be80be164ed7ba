//! Strategies: feeds of one small game that contradict themselves in every way a feed can, but never
//! say two things under one revision.

use super::{clock, game_id, play_id, player, team};
use crate::model::{
    Event, FeedTime, GameEvent, GameStatus, PlayEvent, PlayKind, Retraction, Rev, Score, Situation, SituationEvent, StatRecord, Team,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Ids that credit something, those with rules of their own, and a few that credit nothing.
const STATS: &[u16] = &[
    3, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 24, 25, 26, 28, 33, 34, 46, 56, 59, 60, 62, 64, 69, 70, 72, 73, 75, 77, 79, 83, 84, 86,
    89, 104, 106, 108, 115, 404,
];

/// Most records name the two teams of the game; some one that has no part in it.
fn arb_team() -> impl Strategy<Value = Team> {
    prop_oneof![10 => Just("AAA"), 10 => Just("BBB"), 1 => Just("CCC")].prop_map(team)
}

fn arb_record() -> impl Strategy<Value = StatRecord> {
    let stat = prop_oneof![3 => prop::sample::select(STATS), 1 => Just(89)];
    (prop::option::weighted(0.9, 0..6u8), arb_team(), stat, -20..100i16).prop_map(|(who, team, stat, yards)| StatRecord {
        player: who.map(|n| player(&format!("p-{n}"))),
        team,
        stat,
        yards,
    })
}

fn arb_situation() -> impl Strategy<Value = Situation> {
    (1..=4u8, prop::option::of(arb_team())).prop_map(|(down, possession)| Situation {
        down: Some(down),
        possession,
        ..Situation::default()
    })
}

fn arb_score() -> impl Strategy<Value = Score> {
    (0..40u16, 0..40u16, any::<bool>()).prop_map(|(a, b, swapped)| {
        let mut score = vec![(team("AAA"), a), (team("BBB"), b)];
        if swapped {
            score.reverse();
        }
        Score(score.into())
    })
}

/// Play ids: numbers, which are their own order, and some that say nothing of it.
fn arb_id() -> impl Strategy<Value = String> {
    let opaque = prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned);
    prop_oneof![2 => (1..=9u32).prop_map(|n| (n * 10).to_string()), 1 => opaque]
}

fn arb_play() -> impl Strategy<Value = Event> {
    let order = prop::option::weighted(0.1, 0..120u64);
    let shown = (order, prop::option::of(0..900u16), prop::option::of(arb_situation()));
    (arb_id(), 1..4u64, shown, prop::collection::vec(arb_record(), 0..5)).prop_map(|(id, rev, (order, left, situation), stats)| {
        Event::Play(PlayEvent {
            game: game_id(),
            play: play_id(&id),
            rev,
            ts: Some(FeedTime(rev as i64)),
            order,
            kind: PlayKind::Other,
            no_play: false,
            clock: left.map(clock),
            situation,
            stats: stats.into(),
        })
    })
}

fn arb_retraction() -> impl Strategy<Value = Event> {
    (arb_id(), 1..4u64).prop_map(|(id, rev)| {
        Event::Retract(Retraction {
            game: game_id(),
            play: play_id(&id),
            rev,
            ts: None,
        })
    })
}

fn arb_snap() -> impl Strategy<Value = Event> {
    let scores = (prop::option::of(arb_score()), prop::option::of(arb_score()));
    let after = prop::option::weighted(0.9, arb_id());
    let shown = (prop::option::of(0..900u16), prop::option::of(arb_situation()));
    (after, 1..4u64, shown, scores).prop_map(|(after, rev, (left, situation), (score, timeouts))| {
        Event::Situation(SituationEvent {
            game: game_id(),
            after_play: after.as_deref().map(play_id),
            rev,
            ts: None,
            clock: left.map(clock),
            situation: situation.unwrap_or_default(),
            score,
            timeouts,
        })
    })
}

fn arb_game() -> impl Strategy<Value = Event> {
    let status = prop::sample::select(vec![
        GameStatus::Scheduled,
        GameStatus::Live,
        GameStatus::Halftime,
        GameStatus::Final,
    ]);
    let teams = prop_oneof![6 => Just(("AAA", "BBB")), 1 => Just(("BBB", "CCC"))];
    (1..5u64, status, teams, prop::option::of(arb_score())).prop_map(|(rev, status, (home, away), score)| {
        Event::Game(GameEvent {
            game: game_id(),
            rev,
            ts: None,
            status,
            home: team(home),
            away: team(away),
            kickoff: Some(1),
            score,
        })
    })
}

/// An item and its revision: what a feed may say once only.
fn key(event: &Event) -> (u8, String, Rev) {
    let id = |id: Option<&crate::model::PlayId>| id.map_or_else(String::new, ToString::to_string);
    match event {
        Event::Play(e) => (0, id(Some(&e.play)), e.rev),
        Event::Retract(e) => (0, id(Some(&e.play)), e.rev),
        Event::Situation(e) => (1, id(e.after_play.as_ref()), e.rev),
        Event::Game(e) => (2, String::new(), e.rev),
        Event::Players(_) => unreachable!("no player lists here"),
    }
}

/// The events of one game, in no order.
pub(super) fn arb_feed() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        24 => arb_play(),
        4 => arb_retraction(),
        8 => arb_snap(),
        2 => arb_game(),
    ];
    prop::collection::vec(event, 1..40).prop_map(|mut events| {
        let mut said = BTreeSet::new();
        events.retain(|event| said.insert(key(event)));
        events
    })
}
