//! The plays that a run posts, and the totals that must come of them.
//!
//! Deterministic: play `k` is the same in every run and every process, so parent and clients agree
//! on the right totals after each play without telling each other. The scoring here is a second,
//! independent implementation of the few DraftKings rules that these plays touch; it shares
//! nothing with the server. Every play changes at least one player's points, so the game's topic
//! moves by exactly one `seq` a play.

use serde_json::{Value, json};

/// Players who take part, five a team.
pub(crate) const CAST: usize = 10;

/// The ruleset whose points [`Line::points`] computes.
pub(crate) const RULESET: &str = "draftkings";

const TEAMS: [&str; 2] = ["NE", "HOU"];
const POSITIONS: [&str; 5] = ["QB", "RB", "WR", "WR", "TE"];
const QB: usize = 0;
const RB: usize = 1;

/// A player's running totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Line {
    passing_attempts: i64,
    completions: i64,
    passing_yards: i64,
    passing_tds: i64,
    rushing_attempts: i64,
    rushing_yards: i64,
    rushing_tds: i64,
    receptions: i64,
    receiving_yards: i64,
    receiving_tds: i64,
}

impl Line {
    /// DraftKings points in 1/10,000: passing 1 per 25 yards and 4 a touchdown; rushing and
    /// receiving 1 per 10 yards and 6 a touchdown; 1 a reception; 3 each at 300 passing, 100
    /// rushing and 100 receiving yards (draftkings.com/help/rules/nfl, classic).
    pub(crate) fn points(&self) -> i64 {
        let bonus = |yards: i64, from: i64| if yards >= from { 30_000 } else { 0 };
        self.passing_yards * 400
            + self.passing_tds * 40_000
            + bonus(self.passing_yards, 300)
            + (self.rushing_yards + self.receiving_yards) * 1_000
            + (self.rushing_tds + self.receiving_tds) * 60_000
            + bonus(self.rushing_yards, 100)
            + self.receptions * 10_000
            + bonus(self.receiving_yards, 100)
    }

    /// All totals by the protocol's names: these plays credit the cast with nothing else.
    pub(crate) fn stats(&self) -> [(&'static str, i64); 10] {
        [
            ("passing_attempts", self.passing_attempts),
            ("completions", self.completions),
            ("passing_yards", self.passing_yards),
            ("passing_tds", self.passing_tds),
            ("rushing_attempts", self.rushing_attempts),
            ("rushing_yards", self.rushing_yards),
            ("rushing_tds", self.rushing_tds),
            ("receptions", self.receptions),
            ("receiving_yards", self.receiving_yards),
            ("receiving_tds", self.receiving_tds),
        ]
    }
}

/// All plays of a run with the totals after each.
pub(crate) struct Script {
    game: String,
    after: Vec<[Line; CAST]>,
}

/// What happens in one play: who carries or catches, how far, and whether it scores.
struct Play {
    team: usize,
    /// Index into [`POSITIONS`] of who carries or catches the ball.
    actor: usize,
    yards: i64,
    touchdown: bool,
}

impl Play {
    fn nth(index: usize) -> Self {
        let team = (index / 7) % 2;
        let actor = [RB, 2, 3, RB, 4, 2][index % 6];
        Self {
            team,
            actor,
            yards: 1 + (index as i64 * 13) % 17,
            touchdown: index % 12 == 11,
        }
    }
}

/// The id of player `index` of the cast; the range is not one that a feed uses.
pub(crate) fn player_id(index: usize) -> String {
    format!("00-99{index:05}")
}

/// Which of the cast has this id.
pub(crate) fn player_index(id: &str) -> Option<usize> {
    let index = id.strip_prefix("00-99").filter(|digits| digits.len() == 5)?.parse().ok()?;
    (index < CAST).then_some(index)
}

impl Script {
    /// A script of `events` plays for the game `game`.
    pub(crate) fn new(game: &str, events: usize) -> Self {
        let mut after = Vec::with_capacity(events + 1);
        let mut lines = [Line::default(); CAST];
        after.push(lines);
        for index in 0..events {
            let play = Play::nth(index);
            let first = play.team * POSITIONS.len();
            let tds = i64::from(play.touchdown);
            if play.actor == RB {
                let runner = &mut lines[first + RB];
                runner.rushing_attempts += 1;
                runner.rushing_yards += play.yards;
                runner.rushing_tds += tds;
            } else {
                let passer = &mut lines[first + QB];
                passer.passing_attempts += 1;
                passer.completions += 1;
                passer.passing_yards += play.yards;
                passer.passing_tds += tds;
                let catcher = &mut lines[first + play.actor];
                catcher.receptions += 1;
                catcher.receiving_yards += play.yards;
                catcher.receiving_tds += tds;
            }
            after.push(lines);
        }
        Self {
            game: game.to_owned(),
            after,
        }
    }

    /// How many plays there are.
    pub(crate) fn events(&self) -> usize {
        self.after.len() - 1
    }

    /// The game's id.
    pub(crate) fn game(&self) -> &str {
        &self.game
    }

    /// The topic that every client subscribes to.
    pub(crate) fn topic(&self) -> String {
        format!("game:{}", self.game)
    }

    /// The cast's totals after the first `events` plays, or nothing where there are fewer.
    pub(crate) fn totals(&self, events: usize) -> Option<&[Line; CAST]> {
        self.after.get(events)
    }

    /// Two event lines that announce the game and its players.
    pub(crate) fn opening(&self) -> Vec<String> {
        let players: Vec<Value> = (0..CAST)
            .map(|i| {
                let (team, position) = (TEAMS[i / POSITIONS.len()], POSITIONS[i % POSITIONS.len()]);
                json!({"player": player_id(i), "name": format!("Load {position}{i}"), "team": team, "position": position})
            })
            .collect();
        let game = json!({"type": "game", "game": self.game, "status": "live", "home": TEAMS[0], "away": TEAMS[1]});
        vec![game.to_string(), json!({"type": "players", "players": players}).to_string()]
    }

    /// The event line of play `index`, without a time.
    pub(crate) fn line(&self, index: usize) -> String {
        let play = Play::nth(index);
        let team = TEAMS[play.team];
        let credit = |actor: usize, stat: u32| json!({"player": player_id(play.team * POSITIONS.len() + actor), "team": team, "stat": stat, "yards": play.yards});
        // GSIS stat ids; the touchdown's id is the plain one's + 1 for each of the three.
        let td = u32::from(play.touchdown);
        let (kind, stats) = if play.actor == RB {
            ("rush", vec![credit(RB, 10 + td)])
        } else {
            ("pass", vec![credit(QB, 15 + td), credit(play.actor, 21 + td)])
        };
        let number = index + 1;
        let line = json!({
            "type": "play", "game": self.game, "play": number.to_string(), "rev": 1, "order": number,
            "play_type": kind, "no_play": false, "stats": stats,
            "clock": {"quarter": 1 + (index / 45) % 4, "seconds_left": 900 - (index % 45) * 20},
        });
        line.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_follow_the_published_rules() {
        let passer = Line {
            passing_yards: 299,
            passing_tds: 2,
            ..Line::default()
        };
        assert_eq!(passer.points(), 199_600, "299/25 + 2*4");
        assert_eq!(
            Line {
                passing_yards: 300,
                ..passer
            }
            .points(),
            230_000,
            "the bonus at 300"
        );
        let back = Line {
            rushing_yards: 100,
            rushing_tds: 1,
            ..Line::default()
        };
        assert_eq!(back.points(), 190_000, "10 + 6 + 3");
        let end = Line {
            receptions: 7,
            receiving_yards: 99,
            receiving_tds: 1,
            ..Line::default()
        };
        assert_eq!(end.points(), 229_000, "7 + 9.9 + 6");
    }

    #[test]
    fn every_play_changes_somebodys_points_and_the_lines_add_up_to_the_totals() {
        let script = Script::new("g", 600);
        let mut lines = [Line::default(); CAST];
        for index in 0..script.events() {
            let event: Value = serde_json::from_str(&script.line(index)).unwrap();
            for stat in event["stats"].as_array().unwrap() {
                let line = &mut lines[player_index(stat["player"].as_str().unwrap()).unwrap()];
                let yards = stat["yards"].as_i64().unwrap();
                match stat["stat"].as_u64().unwrap() {
                    id @ (10 | 11) => {
                        line.rushing_attempts += 1;
                        (line.rushing_yards, line.rushing_tds) = (line.rushing_yards + yards, line.rushing_tds + id as i64 - 10);
                    }
                    id @ (15 | 16) => {
                        (line.passing_attempts, line.completions) = (line.passing_attempts + 1, line.completions + 1);
                        (line.passing_yards, line.passing_tds) = (line.passing_yards + yards, line.passing_tds + id as i64 - 15);
                    }
                    id => {
                        line.receptions += 1;
                        (line.receiving_yards, line.receiving_tds) = (line.receiving_yards + yards, line.receiving_tds + id as i64 - 21);
                    }
                }
            }
            assert_eq!(script.totals(index + 1), Some(&lines), "after play {index}");
            let before = script.totals(index).unwrap();
            assert!(
                (0..CAST).any(|i| before[i].points() != lines[i].points()),
                "play {index} changes nothing"
            );
        }
        assert!(script.totals(601).is_none());
        assert!(
            lines.iter().any(|line| line.passing_yards >= 300 && line.passing_tds > 0),
            "long runs cross the bonuses"
        );
    }

    #[test]
    fn ids_of_others_are_not_ours() {
        assert_eq!(player_index("00-9900009"), Some(9));
        assert_eq!(player_index("00-9900010"), None);
        assert_eq!(player_index("dst:NE"), None);
    }
}
