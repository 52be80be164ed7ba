//! A Sunday: games in their kickoff windows, their events merged by due time.
//!
//! Owns the schedule and the merge. A slate is played out when it is made and then only handed on;
//! pacing is the caller's. Bounded: at most [`GAMES_MAX`] games of a few hundred events each.

use super::game::{Game, Setup, Timed};
use super::rng::Rng;
use super::roster::{Roster, TEAMS};
use super::trouble::{Trouble, afflict};
use crate::model::{Event, GameId};

/// Most games of a slate: every team plays once.
pub const GAMES_MAX: usize = 16;

/// Kickoffs after 1:00 pm Eastern, in seconds, game by game: ten at one, one at 4:05, four at 4:25,
/// one at 8:20. At most eleven are played at once, as on a real Sunday.
const KICKOFFS_S: [u64; GAMES_MAX] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11_100, 12_300, 12_300, 12_300, 12_300, 26_400];

/// What a slate is made from. The same options give the same events, byte for byte, anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// How many games, 1–16; outside of that the nearest.
    pub games: usize,
    /// The first kickoff, microseconds since the Unix epoch.
    pub kickoff_us: i64,
    /// Whether situations tell shotgun and no-huddle: true gives a predictor what television shows.
    pub formation: bool,
    /// What goes wrong on the way.
    pub trouble: Trouble,
}

impl Default for Options {
    /// Eleven games of seed 1 on a Sunday, 2026-09-13 at 1 pm Eastern, without formation or trouble.
    fn default() -> Self {
        Options {
            seed: 1,
            games: 11,
            kickoff_us: 1_789_318_800_000_000,
            formation: false,
            trouble: Trouble::NONE,
        }
    }
}

/// What is due at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Microseconds since the first kickoff.
    pub due_us: u64,
    /// The events due then, in their order; never empty.
    pub events: Vec<Event>,
}

/// A simulated slate: an iterator over its [`Step`]s by rising due time.
#[derive(Clone, Debug)]
pub struct Simulator {
    events: std::iter::Peekable<std::vec::IntoIter<Timed>>,
}

impl Simulator {
    /// Plays the slate out. The first step, due at 0, announces all players and games.
    pub fn new(options: &Options) -> Simulator {
        let mut announced = Vec::new();
        let mut played = Vec::new();
        for nth in 0..options.games.clamp(1, GAMES_MAX) {
            let (game, sides, mut rng) = matchup(options, "sim", nth);
            let mut game = game;
            for roster in &sides {
                announced.push(Event::Players(roster.players.clone()));
            }
            announced.push(game.scheduled());
            played.extend(afflict(game.play(), options.trouble, &sides, &mut rng));
        }
        let mut events: Vec<Timed> = announced.into_iter().map(|event| Timed { due_us: 0, event }).collect();
        events.append(&mut played);
        // Stable: events of one game that are due together stay in their order.
        events.sort_by_key(|timed| timed.due_us);
        Simulator {
            events: events.into_iter().peekable(),
        }
    }
}

impl Iterator for Simulator {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let first = self.events.next()?;
        let due_us = first.due_us;
        let mut events = vec![first.event];
        while let Some(timed) = self.events.next_if(|timed| timed.due_us == due_us) {
            events.push(timed.event);
        }
        Some(Step { due_us, events })
    }
}

/// `count` different plays with their stat records, out of as many games as it takes, for benches
/// and load: no two share game and play, none is troubled. Players of different slates differ.
///
/// Memory: about 500 bytes a play.
pub fn distinct_plays(seed: u64, count: usize) -> Vec<Event> {
    let mut plays = Vec::with_capacity(count);
    for slate in 0u64.. {
        let options = Options {
            seed: seed.wrapping_add(slate),
            ..Options::default()
        };
        let prefix = format!("load{slate}");
        for nth in 0..GAMES_MAX {
            let (game, ..) = matchup(&options, &prefix, nth);
            let events = game.play().into_iter().map(|timed| timed.event);
            plays.extend(events.filter(|event| matches!(event, Event::Play(_))).take(count - plays.len()));
            if plays.len() == count {
                return plays;
            }
        }
    }
    plays
}

/// The `nth` game of a slate, its teams, and the chance that goes wrong in it.
fn matchup(options: &Options, prefix: &str, nth: usize) -> (Game, [Roster; 2], Rng) {
    let mut order: [usize; 32] = std::array::from_fn(|team| team);
    let mut rng = Rng::new(options.seed, 2);
    for last in (1..TEAMS.len()).rev() {
        order.swap(last, rng.below(last as u64 + 1) as usize);
    }
    let sides = [order[2 * nth], order[2 * nth + 1]].map(|team| Roster::new(team, prefix, options.seed));
    let game = Game::new(Setup {
        id: GameId::new(&format!("{prefix}-{}-{:02}", options.seed, nth + 1)).expect("made of well-formed parts"),
        sides: sides.clone(),
        epoch_us: options.kickoff_us,
        start_us: KICKOFFS_S[nth] * 1_000_000,
        formation: options.formation,
        rng: Rng::new(options.seed, 1_000 + nth as u64),
    });
    (game, sides, Rng::new(options.seed, 2_000 + nth as u64))
}
