//! Properties of a game's state, held against a second, naive way of working it out ([`oracle`]), and
//! the rules one by one. Every event passes through [`harness`], which checks what every change says.

mod allowed;
mod arbitrary;
mod causes;
mod feeds;
mod harness;
mod items;
mod lines;
mod oracle;
mod order;
mod people;
mod recap;

use crate::model::{
    Clock, Event, GameEvent, GameId, GameStatus, PlayEvent, PlayId, PlayKind, PlayerId, Retraction, Rev, Score, Situation, SituationEvent,
    StatRecord, Team,
};

fn game_id() -> GameId {
    GameId::new("g-1").unwrap()
}

fn play_id(id: &str) -> PlayId {
    PlayId::new(id).unwrap()
}

fn player(id: &str) -> PlayerId {
    PlayerId::new(id).unwrap()
}

fn team(id: &str) -> Team {
    Team::new(id).unwrap()
}

fn score(points: &[(&str, u16)]) -> Score {
    Score(points.iter().map(|(id, points)| (team(id), *points)).collect())
}

/// A record: player (`-` for the team itself), team, stat, yards.
type Record<'a> = (&'a str, &'a str, u16, i16);

fn record(&(who, of, stat, yards): &Record<'_>) -> StatRecord {
    StatRecord {
        player: (who != "-").then(|| player(who)),
        team: team(of),
        stat,
        yards,
    }
}

fn play_event(id: &str, rev: Rev, records: &[Record<'_>]) -> PlayEvent {
    PlayEvent {
        game: game_id(),
        play: play_id(id),
        rev,
        ts: None,
        order: None,
        kind: PlayKind::Other,
        no_play: false,
        clock: None,
        situation: None,
        stats: records.iter().map(record).collect(),
    }
}

fn play(id: &str, rev: Rev, records: &[Record<'_>]) -> Event {
    Event::Play(play_event(id, rev, records))
}

/// A play without records that shows a clock.
fn timed(id: &str, rev: Rev, order: Option<u64>, seconds_left: u16) -> Event {
    let clock = Some(clock(seconds_left));
    Event::Play(PlayEvent {
        order,
        clock,
        ..play_event(id, rev, &[])
    })
}

fn clock(seconds_left: u16) -> Clock {
    Clock { quarter: 1, seconds_left }
}

fn retract(id: &str, rev: Rev) -> Event {
    Event::Retract(Retraction {
        game: game_id(),
        play: play_id(id),
        rev,
        ts: None,
    })
}

fn snap_event(after: Option<&str>, rev: Rev) -> SituationEvent {
    SituationEvent {
        game: game_id(),
        after_play: after.map(play_id),
        rev,
        ts: None,
        clock: None,
        situation: Situation::default(),
        score: None,
        timeouts: None,
    }
}

/// The coming snap with a score.
fn scored(after: Option<&str>, rev: Rev, points: &[(&str, u16)]) -> Event {
    Event::Situation(SituationEvent {
        score: Some(score(points)),
        ..snap_event(after, rev)
    })
}

/// AAA at home to BBB.
fn game(rev: Rev, status: GameStatus, points: Option<&[(&str, u16)]>) -> Event {
    Event::Game(GameEvent {
        game: game_id(),
        rev,
        ts: None,
        status,
        home: team("AAA"),
        away: team("BBB"),
        kickoff: Some(1),
        score: points.map(score),
    })
}

/// A small seeded generator (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// The events in another order, a third of them more than once.
    fn shuffled(&mut self, events: &[Event]) -> Vec<Event> {
        let mut all = events.to_vec();
        for _ in 0..events.len() / 3 {
            all.push(events[self.below(events.len())].clone());
        }
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
        all
    }
}
