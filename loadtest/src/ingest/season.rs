//! A season of plays for the scenario `ingest`: deterministic, all different, with known totals.
//!
//! Sixteen pairs of teams meet week after week, so that players and teams recur while every game is
//! new. The plays have the shape of recorded ones: about 500 bytes, 3.8 stat records on average,
//! tacklers and the feed's silent records included. The totals are worked out from these records, as
//! [`crate::gsis`] reads them.

use crate::gsis::{self, Line};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Games of one week: all 32 teams play.
pub(crate) const PAIRS: usize = 16;

const RUSHERS: usize = 3;
const CATCHERS: usize = 7;
const TACKLERS: usize = 15;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Marks the games of this run: the server counts an event again only under a new game's id.
    pub(crate) run: u64,
    /// Plays in all.
    pub(crate) events: usize,
    /// Plays of one game.
    pub(crate) plays: usize,
    /// Of the first play, microseconds since the Unix epoch.
    pub(crate) ts_us: u64,
}

/// Players of one game with what they have; defences are not among them.
pub(crate) type BoxScore = BTreeMap<String, Line>;

/// One game: who plays, when, and how many plays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Game {
    /// From 0.
    week: usize,
    /// Which pair of teams, from 0.
    pair: usize,
    /// Its plays.
    pub(crate) plays: usize,
}

/// All games of a run.
#[derive(Debug, Clone)]
pub(crate) struct Season {
    plan: Plan,
}

/// A play's stat record: who, of which side, which GSIS stat, how many yards.
type Record = (Option<usize>, usize, u32, i64);

impl Season {
    /// The season that holds so many plays.
    pub(crate) fn new(plan: Plan) -> Season {
        Season { plan }
    }

    /// The games of one pair of teams, in order; the last may be short.
    pub(crate) fn of_pair(&self, pair: usize) -> impl Iterator<Item = Game> + '_ {
        let share = self.plan.events / PAIRS + usize::from(pair < self.plan.events % PAIRS);
        (0..share.div_ceil(self.plan.plays)).map(move |week| Game {
            week,
            pair,
            plays: self.plan.plays.min(share - week * self.plan.plays),
        })
    }

    /// All games.
    pub(crate) fn games(&self) -> impl Iterator<Item = Game> + '_ {
        (0..PAIRS).flat_map(|pair| self.of_pair(pair))
    }

    /// The game's id.
    pub(crate) fn id(&self, game: Game) -> String {
        format!("{:08x}-{:04}-{:02}", self.plan.run as u32, game.week, game.pair)
    }

    /// The line that announces a game as live, a week after the one before.
    pub(crate) fn announce(&self, game: Game, out: &mut String) {
        let kickoff = self.plan.ts_us + game.week as u64 * 7 * 86_400_000_000;
        let _ = writeln!(
            out,
            r#"{{"type":"game","game":"{}","status":"live","home":"{}","away":"{}","kickoff":{kickoff}}}"#,
            self.id(game),
            team(game.pair, 0),
            team(game.pair, 1),
        );
    }

    /// Appends the line of a game's play; returns how many stat records it has.
    pub(crate) fn play(&self, game: Game, nth: usize, out: &mut String) -> usize {
        let (kind, records) = records(self.chance(game, nth), nth);
        let (number, left) = (nth * 21 + 40, 3_599 - nth * 3_600 / game.plays.max(1) % 3_600);
        let attacker = team(game.pair, side(nth));
        let _ = write!(
            out,
            r#"{{"type":"play","game":"{}","play":"{number}","rev":1,"ts":{},"order":{number},"play_type":"{kind}","no_play":false,"clock":{{"quarter":{},"seconds_left":{}}},"situation":{{"down":{},"distance":{},"yards_to_goal":{},"possession":"{attacker}","shotgun":{},"no_huddle":false}},"stats":["#,
            self.id(game),
            self.plan.ts_us + nth as u64 * 1_000_000,
            4 - left / 900,
            left % 900,
            1 + nth % 4,
            1 + nth % 10,
            1 + nth * 7 % 99,
            !nth.is_multiple_of(3),
        );
        for (place, (player, side, stat, yards)) in records.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let _ = match player {
                Some(player) => write!(
                    out,
                    r#"{comma}{{"player":"{}","team":"{}","stat":{stat},"yards":{yards}}}"#,
                    player_id(game.pair, *side, *player),
                    team(game.pair, *side)
                ),
                None => write!(
                    out,
                    r#"{comma}{{"player":"0","team":"{}","stat":{stat},"yards":{yards}}}"#,
                    team(game.pair, *side)
                ),
            };
        }
        out.push_str("]}\n");
        records.len()
    }

    /// What everybody who is named has at the end of a game.
    pub(crate) fn totals(&self, game: Game) -> BoxScore {
        let mut all = BoxScore::new();
        for nth in 0..game.plays {
            for (player, side, stat, yards) in records(self.chance(game, nth), nth).1 {
                let Some(player) = player else { continue };
                let of = all.entry(player_id(game.pair, side, player)).or_default();
                for (name, amount) in gsis::player(u64::from(stat), yards) {
                    of.add(name, amount);
                }
            }
        }
        all
    }

    /// A number that is the play's own (splitmix64).
    fn chance(&self, game: Game, nth: usize) -> u64 {
        let mut z = (self.plan.run << 40) ^ ((game.week as u64) << 24) ^ ((game.pair as u64) << 16) ^ nth as u64;
        z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// The attacking side: possession changes every seven plays.
fn side(nth: usize) -> usize {
    nth / 7 % 2
}

/// Quarterbacks, runners, catchers and tacklers are numbered through.
const QB: usize = 0;

/// What a play is and the records it has, by chance.
fn records(chance: u64, nth: usize) -> (&'static str, Vec<Record>) {
    let (own, other) = (side(nth), 1 - side(nth));
    let pick = |shift: u32, of: usize| (chance >> shift) as usize % of;
    let yards = 1 + pick(8, 23) as i64;
    let rusher = Some(1 + pick(16, RUSHERS));
    let catcher = Some(1 + RUSHERS + pick(24, CATCHERS));
    let tackler = Some(1 + RUSHERS + CATCHERS + pick(32, TACKLERS));
    let (qb, air) = (Some(QB), yards / 2);
    let mut records = Vec::with_capacity(8);
    let kind = match chance % 100 {
        0..32 => {
            records.extend([
                (qb, own, 15, yards),
                (qb, own, 111, air),
                (catcher, own, 21, yards),
                (catcher, own, 113, yards - air),
            ]);
            records.extend([(catcher, own, 115, 0), (tackler, other, 79, 0)]);
            "pass"
        }
        32..34 => {
            records.extend([
                (qb, own, 16, yards),
                (qb, own, 111, air),
                (catcher, own, 22, yards),
                (catcher, own, 115, 0),
            ]);
            "pass"
        }
        34..56 => {
            records.extend([(qb, own, 14, 0), (qb, own, 112, air), (catcher, own, 115, 0)]);
            "pass"
        }
        56..58 => {
            records.extend([(qb, own, 19, 0), (tackler, other, 25, 0), (catcher, own, 115, 0)]);
            "pass"
        }
        58..98 => {
            records.extend([(rusher, own, 10, yards), (tackler, other, 79, 0)]);
            "run"
        }
        _ => {
            records.push((rusher, own, 11, yards));
            "run"
        }
    };
    if yards >= 15 && records.len() != 3 {
        // The team's first down.
        records.push((None, own, if kind == "run" { 3 } else { 4 }, 0));
    }
    (kind, records)
}

fn team(pair: usize, side: usize) -> String {
    let number = pair * 2 + side;
    let letter = |n: usize| char::from(b'A' + (n % 26) as u8);
    [letter(number), letter(number * 7), letter(number / 26)].iter().collect()
}

fn player_id(pair: usize, side: usize, player: usize) -> String {
    format!("90-{:05}{player:02}", pair * 2 + side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn season(events: usize, plays: usize) -> Season {
        Season::new(Plan {
            run: 7,
            events,
            plays,
            ts_us: 1_789_318_800_000_000,
        })
    }

    #[test]
    fn games_hold_exactly_the_plays_asked_for_and_teams_differ() {
        let season = season(10_007, 170);
        assert_eq!(season.games().map(|game| game.plays).sum::<usize>(), 10_007);
        let ids: BTreeSet<String> = season.games().map(|game| season.id(game)).collect();
        assert_eq!(ids.len(), season.games().count());
        let teams: BTreeSet<String> = (0..2 * PAIRS).map(|n| team(n / 2, n % 2)).collect();
        assert_eq!(teams.len(), 2 * PAIRS);
    }

    #[test]
    fn lines_have_the_shape_of_recorded_ones_and_add_up_to_the_totals() {
        let season = season(PAIRS * 1_000, 1_000);
        let game = season.games().next().unwrap();
        let (mut lines, mut records, mut yards) = (String::new(), 0, 0);
        let mut clocks = BTreeSet::new();
        for nth in 0..game.plays {
            records += season.play(game, nth, &mut lines);
        }
        for line in lines.lines() {
            let play: Value = serde_json::from_str(line).unwrap();
            clocks.insert(play["clock"].to_string());
            for record in play["stats"].as_array().unwrap() {
                let counts = matches!(record["stat"].as_u64().unwrap(), 10 | 11 | 15 | 16 | 21 | 22);
                yards += record["yards"].as_i64().unwrap() * i64::from(counts);
            }
        }
        assert_eq!(lines.lines().count(), game.plays);
        assert!((3_600..4_000).contains(&records), "{records} records in 1,000 plays");
        assert!(
            (450..550).contains(&(lines.len() / game.plays)),
            "{} bytes",
            lines.len() / game.plays
        );
        assert_eq!(
            clocks.len(),
            game.plays,
            "each play moves the clock, so each moves the game's topic"
        );
        let sum = |of: &Line| {
            ["passing_yards", "rushing_yards", "receiving_yards"]
                .map(|name| of.get(name))
                .iter()
                .sum::<i64>()
        };
        assert_eq!(season.totals(game).values().map(sum).sum::<i64>(), yards * gsis::ONE);
    }
}
