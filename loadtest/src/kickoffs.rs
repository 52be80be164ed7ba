//! A league of its own for bursts: every game begins at the same instant, and then every game has a
//! touchdown at the same instant, again and again.

use crate::feed::{Feed, Player};
use serde_json::{Value, json};

/// Who plays for each team.
const POSITIONS: [&str; 13] = ["QB", "QB", "RB", "RB", "RB", "WR", "WR", "WR", "WR", "WR", "TE", "TE", "K"];
const QB: usize = 0;
const RB: usize = 2;
/// Those who can catch a touchdown, in turn.
const CATCHERS: [usize; 5] = [5, 6, 10, 7, 3];

/// Bursts of one run.
#[derive(Debug, Clone)]
pub(crate) struct Bursts {
    /// The run's own prefix of names.
    pub(crate) prefix: String,
    /// Games at once.
    pub(crate) games: usize,
    /// Bursts, the kickoffs included.
    pub(crate) bursts: usize,
    /// Between bursts.
    pub(crate) interval_us: u64,
    /// Microseconds since the Unix epoch that the kickoffs are told by.
    pub(crate) began_us: u64,
}

impl Bursts {
    /// The feed.
    pub(crate) fn feed(&self) -> Feed {
        let mut feed = Feed::default();
        for team in 0..2 * self.games {
            let players: Vec<Value> = (0..POSITIONS.len()).map(|place| self.member(team, place)).collect();
            feed.opening.push(json!({"type": "players", "players": players}).to_string());
            feed.players.extend(POSITIONS.iter().enumerate().map(|(place, position)| Player {
                topic: format!("player:{}", self.player(team, place)),
                position: (*position).to_owned(),
                plays: (POSITIONS.len() - place) as u64,
            }));
            feed.players.push(Player {
                topic: format!("player:dst:{}", self.team(team)),
                position: "DST".to_owned(),
                plays: 0,
            });
        }
        feed.opening.extend((0..self.games).map(|game| self.status(game, "scheduled", 1)));
        for game in 0..self.games {
            feed.add(0, self.status(game, "live", 2));
            feed.add(0, self.rush(game));
        }
        for burst in 1..self.bursts {
            for game in 0..self.games {
                feed.add(burst as u64 * self.interval_us, self.touchdown(game, burst));
            }
        }
        feed
    }

    fn team(&self, team: usize) -> String {
        format!("{}T{team:02}", self.prefix)
    }

    fn player(&self, team: usize, place: usize) -> String {
        format!("{}-{}{place}", self.team(team), POSITIONS[place])
    }

    fn game(&self, game: usize) -> String {
        format!("{}G{game:02}", self.prefix)
    }

    fn member(&self, team: usize, place: usize) -> Value {
        let (player, position) = (self.player(team, place), POSITIONS[place]);
        json!({"player": player, "name": format!("Burst {position}{place} of {team}"), "team": self.team(team), "position": position})
    }

    fn status(&self, game: usize, status: &str, rev: u32) -> String {
        json!({"type": "game", "game": self.game(game), "rev": rev, "status": status, "home": self.team(2 * game),
            "away": self.team(2 * game + 1), "kickoff": self.began_us})
        .to_string()
    }

    /// The first play from scrimmage (stat 10: a rush).
    fn rush(&self, game: usize) -> String {
        let stats = json!([{"player": self.player(2 * game, RB), "team": self.team(2 * game), "stat": 10, "yards": 4}]);
        self.play(game, 0, "rush", &stats)
    }

    /// A touchdown pass (stats 16 and 22), by the two teams in turn.
    fn touchdown(&self, game: usize, burst: usize) -> String {
        let (team, catcher) = (2 * game + burst % 2, CATCHERS[burst / 2 % CATCHERS.len()]);
        let yards = 1 + (burst * 7 + game) % 30;
        let credit =
            |place: usize, stat: u32| json!({"player": self.player(team, place), "team": self.team(team), "stat": stat, "yards": yards});
        self.play(game, burst, "pass", &json!([credit(QB, 16), credit(catcher, 22)]))
    }

    fn play(&self, game: usize, burst: usize, kind: &str, stats: &Value) -> String {
        let seconds_left = 900 - (burst * 20) % 900;
        json!({"type": "play", "game": self.game(game), "play": (burst + 1).to_string(), "rev": 1, "order": burst + 1,
            "play_type": kind, "no_play": false, "stats": stats,
            "clock": {"quarter": 1 + burst / 45 % 4, "seconds_left": seconds_left}})
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_game_begins_at_once_and_scores_at_once() {
        let bursts = Bursts {
            prefix: "b-".to_owned(),
            games: 3,
            bursts: 4,
            interval_us: 1_000_000,
            began_us: 9,
        };
        let feed = bursts.feed();
        assert_eq!((feed.opening.len(), feed.lines.len(), feed.players.len()), (6 + 3, 6 + 9, 6 * 14));
        assert_eq!(
            (feed.schedule.due_us(5), feed.schedule.due_us(6), feed.schedule.due_us(8)),
            (5, 1_000_000, 1_000_002)
        );
        let touchdown: Value = serde_json::from_str(&feed.lines[6]).unwrap();
        let player = touchdown["stats"][1]["player"].as_str().unwrap();
        assert!(
            feed.players.iter().any(|other| other.topic == format!("player:{player}")),
            "{player}"
        );
        let mut topics: Vec<&str> = feed.players.iter().map(|player| player.topic.as_str()).collect();
        topics.sort_unstable();
        topics.dedup();
        assert_eq!(topics.len(), feed.players.len());
    }
}
