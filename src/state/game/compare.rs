//! Where an event and what stands of its item differ, in few words: for a person who reads a log.
//!
//! Changes nothing. Bounded: [`LISTED_MAX`] stat records of each side.

use super::Game;
use crate::model::{Clock, Event, GameStatus, PlayerId, Score, Situation};
use crate::state::credit::{Credit, NOBODY};
use std::fmt::Write as _;

/// Stat records named of one side; the rest are counted.
const LISTED_MAX: usize = 3;

impl Game {
    /// What `event` says of its item and what stands there, each without the stat records that both have.
    /// `place` is its play's, as for [`Game::play`].
    pub fn compare(&self, event: &Event, place: Option<u32>) -> (String, String) {
        match event {
            Event::Play(play) => {
                let said = play.stats.iter().map(|record| (record.player.as_ref(), record.stat, record.yards));
                let stood = place.and_then(|place| self.records(place));
                plays(Some(said.collect()), play.clock, stood)
            }
            Event::Retract(_) => plays(None, None, place.and_then(|place| self.records(place))),
            Event::Situation(snap) => {
                let stood = self.items.told_at(place);
                let said = snapped(snap.clock, &snap.situation, snap.score.as_ref());
                (
                    said,
                    stood.map_or_else(nothing, |(clock, situation, score)| snapped(clock, situation, score)),
                )
            }
            Event::Game(game) => {
                let stood = self.announced.as_ref().map(|stood| announced(stood.status, stood.score.as_deref()));
                (announced(game.status, game.score.as_ref()), stood.unwrap_or_else(nothing))
            }
            Event::Players(_) => (String::new(), String::new()),
        }
    }

    /// The records of the play at that place, and its clock, where it stands.
    fn records(&self, place: u32) -> Option<(Vec<Record<'_>>, Option<Clock>)> {
        let play = self.items.play_at(place)?;
        let record = |credit: &Credit| {
            let player = (credit.slot != NOBODY).then(|| &self.roster.slots()[usize::from(credit.slot)].who.card.player);
            (player, credit.stat, credit.yards)
        };
        Some((play.credits.iter().map(record).collect(), play.clock))
    }
}

/// Who, which stat, how many yards.
type Record<'a> = (Option<&'a PlayerId>, u16, i16);

fn plays(said: Option<Vec<Record<'_>>>, clock: Option<Clock>, stood: Option<(Vec<Record<'_>>, Option<Clock>)>) -> (String, String) {
    let retracted = || "no such play".to_owned();
    match (said, stood) {
        (None, None) => (retracted(), retracted()),
        (Some(said), None) => (records(&said, clock), retracted()),
        (None, Some((stood, clock))) => (retracted(), records(&stood, clock)),
        (Some(mut said), Some((mut stood, clock_stood))) => {
            said.retain(|record| match stood.iter().position(|other| other == record) {
                None => true,
                Some(same) => {
                    stood.swap_remove(same);
                    false
                }
            });
            (records(&said, clock), records(&stood, clock_stood))
        }
    }
}

fn records(records: &[Record<'_>], clock: Option<Clock>) -> String {
    let mut text = String::new();
    for (player, stat, yards) in records.iter().take(LISTED_MAX) {
        let player = player.map_or("team", PlayerId::as_str);
        // Writing to a text does not fail.
        let _ = write!(text, "{player} stat {stat} yards {yards}, ");
    }
    if records.len() > LISTED_MAX {
        let _ = write!(text, "{} more, ", records.len() - LISTED_MAX);
    }
    text + &at(clock)
}

fn at(clock: Option<Clock>) -> String {
    clock.map_or_else(
        || "no clock".to_owned(),
        |clock| format!("Q{} {} s left", clock.quarter, clock.seconds_left),
    )
}

fn snapped(clock: Option<Clock>, situation: &Situation, score: Option<&Score>) -> String {
    let number = |number: Option<u8>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    format!(
        "{}, {} and {} at {}, {}",
        at(clock),
        number(situation.down),
        number(situation.distance),
        number(situation.yards_to_goal),
        scored(score)
    )
}

fn announced(status: GameStatus, score: Option<&Score>) -> String {
    format!("{}, {}", status.name(), scored(score))
}

fn scored(score: Option<&Score>) -> String {
    let Some(score) = score else { return "no score".to_owned() };
    let teams: Vec<String> = score.0.iter().map(|(team, points)| format!("{team} {points}")).collect();
    teams.join(" ")
}

fn nothing() -> String {
    "nothing".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Decoder;
    use crate::model::{CauseKind, IngestTime};
    use crate::state::Cards;

    fn event(line: &str) -> Event {
        Decoder::default().line(line.as_bytes()).unwrap()
    }

    fn play(yards: i16, seconds_left: u16) -> Event {
        event(&format!(
            r#"{{"type":"play","game":"g","play":"1","clock":{{"quarter":2,"seconds_left":{seconds_left}}},"stats":[{{"player":"a","team":"AAA","stat":15,"yards":{yards}}},{{"player":"b","team":"AAA","stat":21,"yards":7}},{{"team":"AAA","stat":4}}]}}"#
        ))
    }

    #[test]
    fn what_both_say_is_left_out() {
        let cards = Cards::new(10);
        let mut game = Game::new(crate::model::GameId::new("g").unwrap());
        let retraction = event(r#"{"type":"retract","game":"g","play":"1"}"#);
        assert_eq!(game.compare(&retraction, Some(0)).1, "no such play");
        let Event::Play(standing) = play(24, 451) else { unreachable!() };
        game.play(&standing, 0, CauseKind::Play, &cards, IngestTime(1));
        let (said, stood) = game.compare(&play(25, 450), Some(0));
        assert_eq!(
            (said.as_str(), stood.as_str()),
            ("a stat 15 yards 25, Q2 450 s left", "a stat 15 yards 24, Q2 451 s left")
        );
        let (said, stood) = game.compare(&retraction, Some(0));
        assert_eq!(said, "no such play");
        assert!(stood.starts_with("a stat 15 yards 24, b stat 21 yards 7, team stat 4"), "{stood}");
    }

    #[test]
    fn snaps_and_games_say_their_scores() {
        let cards = Cards::new(10);
        let mut game = Game::new(crate::model::GameId::new("g").unwrap());
        let snap = event(r#"{"type":"situation","game":"g","down":3,"distance":7,"yards_to_goal":45,"score":{"AAA":7,"BBB":0}}"#);
        assert_eq!(
            game.compare(&snap, None),
            ("no clock, 3 and 7 at 45, AAA 7 BBB 0".into(), "nothing".into())
        );
        let live = event(r#"{"type":"game","game":"g","status":"live","home":"AAA","away":"BBB"}"#);
        let (Event::Situation(at_first), Event::Game(announcement)) = (snap.clone(), live) else {
            unreachable!()
        };
        game.situation(at_first, None, IngestTime(1));
        game.announce(announcement, &cards, IngestTime(1));
        let (said, stood) = game.compare(&snap, None);
        assert_eq!(said, stood);
        let over = event(r#"{"type":"game","game":"g","status":"final","home":"AAA","away":"BBB","score":{"AAA":7,"BBB":0}}"#);
        assert_eq!(game.compare(&over, None), ("final, AAA 7 BBB 0".into(), "live, no score".into()));
    }
}
