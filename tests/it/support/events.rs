//! Events: recorded ones, and short ways to write a few by hand.

use scorewire::feed::gamecenter::{Formation, timeline};
use scorewire::feed::write_line;
use scorewire::model::{Event, GameId};
use std::collections::BTreeSet;
use std::path::Path;

/// Everything a poller saw of the recorded games in that file or folder, in order.
pub(crate) fn recorded(path: &Path) -> Vec<Event> {
    timeline(path, Formation::Hidden)
        .unwrap()
        .flat_map(|moment| moment.events)
        .collect()
}

/// The events of one game.
pub(crate) fn of_game(events: &[Event], game: &str) -> Vec<Event> {
    let is_of = |event: &&Event| event.game().is_some_and(|id| id.as_str() == game);
    events.iter().filter(is_of).cloned().collect()
}

/// Every game named, in order of id.
pub(crate) fn games_of(events: &[Event]) -> Vec<String> {
    let games: BTreeSet<&GameId> = events.iter().filter_map(Event::game).collect();
    games.into_iter().map(|game| game.as_str().to_owned()).collect()
}

/// As a body.
pub(crate) fn lines(events: &[Event]) -> Vec<u8> {
    let mut body = Vec::new();
    for event in events {
        write_line(event, &mut body);
        body.push(b'\n');
    }
    body
}

/// A `game` line.
pub(crate) fn game(id: &str, rev: u64, status: &str, teams: [&str; 2], kickoff_s: i64, score: [u16; 2]) -> String {
    let [home, away] = teams;
    let kickoff = kickoff_s * 1_000_000;
    format!(
        r#"{{"type":"game","game":"{id}","rev":{rev},"status":"{status}","home":"{home}","away":"{away}","kickoff":{kickoff},"score":{{"{home}":{},"{away}":{}}}}}"#,
        score[0], score[1]
    )
}

/// A `play` line; each record is player, team, stat id, yards.
pub(crate) fn play(game: &str, play: u64, rev: u64, records: &[(&str, &str, u16, i32)]) -> String {
    let records: Vec<String> = records
        .iter()
        .map(|(player, team, stat, yards)| format!(r#"{{"player":"{player}","team":"{team}","stat":{stat},"yards":{yards}}}"#))
        .collect();
    format!(
        r#"{{"type":"play","game":"{game}","play":"{play}","rev":{rev},"ts":{},"stats":[{}]}}"#,
        1_500_000_000_000_000 + play,
        records.join(",")
    )
}
