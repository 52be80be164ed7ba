//! Events of a small world: few games, plays and people, so that they meet.

use super::choices::Choices;
use scorewire::model::{
    Clock, Event, FeedTime, GameEvent, GameId, GameStatus, PlayEvent, PlayId, PlayKind, PlayerId, PlayerInfo, Retraction, Score, Situation,
    SituationEvent, StatRecord, Team, gsis,
};

pub(super) const GAMES: [&str; 2] = ["g1", "g2"];
pub(super) const PLAYERS: [&str; 4] = ["p1", "p2", "p3", "p4"];
pub(super) const TEAMS: [&str; 3] = ["AA", "BB", "CC"];
const PLAYS: [&str; 6] = ["1", "2", "3", "20", "21", "300"];

/// Any event, of any kind.
pub(super) fn event(choices: &mut Choices<'_>) -> Event {
    match choices.below(8) {
        0..4 => Event::Play(play(choices)),
        4 => Event::Retract(Retraction {
            game: game(choices),
            play: play_id(choices),
            rev: rev(choices),
            ts: ts(choices),
        }),
        5 => Event::Situation(SituationEvent {
            game: game(choices),
            after_play: choices.flag().then(|| play_id(choices)),
            rev: rev(choices),
            ts: ts(choices),
            clock: clock(choices),
            situation: situation(choices),
            score: score(choices),
            timeouts: score(choices),
        }),
        6 => Event::Game(announcement(choices)),
        _ => Event::Players((0..=choices.below(3)).map(|_| person(choices)).collect()),
    }
}

fn play(choices: &mut Choices<'_>) -> PlayEvent {
    PlayEvent {
        game: game(choices),
        play: play_id(choices),
        rev: rev(choices),
        ts: ts(choices),
        order: None,
        kind: choices.pick(&PlayKind::NAMES).0,
        no_play: false,
        clock: clock(choices),
        situation: choices.flag().then(|| situation(choices)),
        stats: (0..choices.below(5)).map(|_| record(choices)).collect(),
    }
}

fn record(choices: &mut Choices<'_>) -> StatRecord {
    let stat = u16::from(choices.byte());
    StatRecord {
        player: (choices.below(8) < 7).then(|| player(choices)),
        team: team(choices),
        stat: if gsis::effect(stat).is_some() { stat } else { 10 },
        yards: i16::from(choices.byte()) % (gsis::YARDS_ABS_MAX + 1) * if choices.flag() { -1 } else { 1 },
    }
}

fn announcement(choices: &mut Choices<'_>) -> GameEvent {
    let home = choices.below(TEAMS.len());
    let away = (home + 1 + choices.below(TEAMS.len() - 1)) % TEAMS.len();
    let named = |place: usize| Team::new(TEAMS[place]).expect("well-formed");
    let statuses = [GameStatus::Live, GameStatus::Scheduled, GameStatus::Halftime, GameStatus::Final];
    GameEvent {
        game: game(choices),
        rev: rev(choices),
        ts: ts(choices),
        status: *choices.pick(&statuses),
        home: named(home),
        away: named(away),
        // Days apart at times: the slate is of one day.
        kickoff: choices.flag().then(|| i64::from(choices.byte()) * 6 * 3_600_000_000),
        score: score(choices),
    }
}

fn person(choices: &mut Choices<'_>) -> PlayerInfo {
    PlayerInfo {
        player: player(choices),
        name: choices.flag().then(|| choices.word(&["A. Back", "<b>&\"", "\u{2028}"]).to_owned()),
        team: choices.flag().then(|| team(choices)),
        position: choices.flag().then(|| choices.word(&["QB", "TE", "WR"]).into()),
    }
}

fn game(choices: &mut Choices<'_>) -> GameId {
    GameId::new(choices.word(&GAMES)).expect("well-formed")
}

fn play_id(choices: &mut Choices<'_>) -> PlayId {
    PlayId::new(choices.word(&PLAYS)).expect("well-formed")
}

fn player(choices: &mut Choices<'_>) -> PlayerId {
    PlayerId::new(choices.word(&PLAYERS)).expect("well-formed")
}

fn team(choices: &mut Choices<'_>) -> Team {
    Team::new(choices.word(&TEAMS)).expect("well-formed")
}

fn rev(choices: &mut Choices<'_>) -> u64 {
    1 + choices.below(4) as u64
}

fn ts(choices: &mut Choices<'_>) -> Option<FeedTime> {
    match choices.below(8) {
        0 => Some(FeedTime(choices.number() as i64)),
        1 => None,
        _ => Some(FeedTime(i64::from(choices.byte()))),
    }
}

fn clock(choices: &mut Choices<'_>) -> Option<Clock> {
    choices.flag().then(|| Clock {
        quarter: choices.below(7) as u8,
        seconds_left: u16::from(choices.byte()),
    })
}

fn situation(choices: &mut Choices<'_>) -> Situation {
    Situation {
        down: choices.flag().then(|| 1 + choices.below(4) as u8),
        distance: choices.flag().then(|| choices.below(100) as u8),
        yards_to_goal: choices.flag().then(|| choices.below(101) as u8),
        possession: choices.flag().then(|| team(choices)),
        shotgun: choices.flag().then(|| choices.flag()),
        no_huddle: None,
    }
}

fn score(choices: &mut Choices<'_>) -> Option<Score> {
    choices.flag().then(|| {
        let first = choices.below(TEAMS.len());
        let second = (first + 1) % TEAMS.len();
        let points = |choices: &mut Choices<'_>, place: usize| (Team::new(TEAMS[place]).expect("well-formed"), u16::from(choices.byte()));
        Score(
            [points(choices, first), points(choices, second)]
                .into_iter()
                .take(1 + choices.below(2))
                .collect(),
        )
    })
}
