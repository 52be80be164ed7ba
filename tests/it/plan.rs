//! What the feed will say in a simulation: two slates of the same players, with everything that goes
//! wrong on the way.

use crate::chance::Chance;
use compact_str::CompactString;
use scorewire::feed::simulator::{Options, Simulator, Trouble};
use scorewire::model::{Event, GameId, PlayerId, PlayerInfo, TopicName};

/// Every defect far more often than in life.
pub(crate) const ROUGH: Trouble = Trouble {
    corrections: 2_000,
    retractions: 700,
    duplicates: 1_000,
    late: 1_000,
    gaps: 300,
};

const WEEK_US: i64 = 7 * 86_400_000_000;
const POSITIONS: [&str; 5] = ["QB", "RB", "WR", "TE", "K"];

/// Events in the order of their arrival, and what a client may be interested in.
pub(crate) struct Plan {
    pub(crate) events: Vec<Event>,
    pub(crate) topics: Vec<TopicName>,
}

/// Two slates of `games` games each, `plays` events of each slate.
pub(crate) fn plan(seed: u64, games: usize, plays: usize, chance: &mut Chance) -> Plan {
    let first = slate(seed, games, 0, plays, chance);
    let second = slate(seed, games, WEEK_US, plays, chance);
    let topics = topics(&first, &second, chance);
    let mut events = first;
    // The second slate is announced, and may begin, while corrections of the first still come in.
    let mut at = chance.between(events.len() / 4, events.len() - 1);
    for event in second {
        events.insert(at.min(events.len()), event);
        at += 1 + usize::from(chance.percent(15)) * chance.between(1, 3);
    }
    disorder(&mut events, chance);
    change_positions(&mut events, &topics, chance);
    Plan { events, topics }
}

/// One slate. A later one has the same teams and players, in other games.
fn slate(seed: u64, games: usize, later_us: i64, count: usize, chance: &mut Chance) -> Vec<Event> {
    let options = Options {
        seed,
        games,
        kickoff_us: Options::default().kickoff_us + later_us,
        trouble: ROUGH,
        ..Options::default()
    };
    let mut events: Vec<Event> = Simulator::new(&options).flat_map(|step| step.events).collect();
    let skipped = chance.below(2) * events.len() / 2;
    let announcements = events.iter().take_while(|event| !matches!(event, Event::Play(_))).count();
    events.drain(announcements..announcements.max(skipped));
    // The finals stay.
    let finals = events.len().saturating_sub(2 * games);
    events.drain((announcements + count).min(finals)..finals);
    if later_us > 0 {
        events.iter_mut().for_each(rename_game);
    }
    events
}

fn rename_game(event: &mut Event) {
    let rename = |game: &mut GameId| *game = GameId::new(&format!("{game}-b")).expect("still short");
    match event {
        Event::Play(e) => rename(&mut e.game),
        Event::Situation(e) => rename(&mut e.game),
        Event::Retract(e) => rename(&mut e.game),
        Event::Game(e) => rename(&mut e.game),
        Event::Players(_) => {}
    }
}

/// Repeats and reorders, announcements included: a game may be heard of by its plays first.
fn disorder(events: &mut Vec<Event>, chance: &mut Chance) {
    for at in 0..events.len() {
        if chance.percent(10) {
            let to = (at + chance.between(1, 12)).min(events.len() - 1);
            events[at..=to].rotate_left(1);
        }
    }
    for _ in 0..events.len() / 20 {
        let again = events[chance.below(events.len())].clone();
        let to = chance.below(events.len());
        events.insert(to, again);
    }
}

/// Players whose position changes now and then: points may change without a play.
fn change_positions(events: &mut Vec<Event>, topics: &[TopicName], chance: &mut Chance) {
    let players: Vec<&PlayerId> = topics
        .iter()
        .filter_map(|topic| match topic {
            TopicName::Player(player) => Some(player),
            _ => None,
        })
        .collect();
    for _ in 0..events.len() / 40 {
        let info = |chance: &mut Chance| PlayerInfo {
            player: (*chance.pick(&players)).clone(),
            name: None,
            team: None,
            position: Some(CompactString::new(chance.pick(&POSITIONS))),
        };
        let infos = (0..chance.between(1, 3)).map(|_| info(chance)).collect();
        let to = chance.below(events.len());
        events.insert(to, Event::Players(infos));
    }
}

/// All games, teams and the slate, some players who do something and both kinds of defence.
fn topics(first: &[Event], second: &[Event], chance: &mut Chance) -> Vec<TopicName> {
    let (mut games, mut teams, mut players) = (Vec::new(), Vec::new(), Vec::new());
    for event in first.iter().chain(second) {
        match event {
            Event::Game(game) if !games.contains(&game.game) => {
                games.push(game.game.clone());
                teams.extend([game.home.clone(), game.away.clone()]);
            }
            Event::Play(play) => players.extend(play.stats.iter().filter_map(|record| record.player.clone())),
            _ => {}
        }
    }
    teams.sort();
    teams.dedup();
    let mut chosen: Vec<PlayerId> = teams.iter().take(2).map(PlayerId::dst).collect();
    while chosen.len() < 10 {
        let player = chance.pick(&players).clone();
        if !chosen.contains(&player) {
            chosen.push(player);
        }
    }
    let games = games.into_iter().map(TopicName::Game);
    let teams = teams.into_iter().map(TopicName::Team);
    let players = chosen.into_iter().map(TopicName::Player);
    games.chain(teams).chain(players).chain([TopicName::Slate]).collect()
}
