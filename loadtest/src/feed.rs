//! The events of a run: what is posted before anybody connects, what is posted when, and who can be followed.

use crate::schedule::Schedule;

/// What a run posts.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// Lines posted before anybody connects: players, games to come.
    pub(crate) opening: Vec<String>,
    /// When the events are due.
    pub(crate) schedule: Schedule,
    /// The events, one JSON object each, without `ts`: that is put in when it is known ([`stamped`]).
    pub(crate) lines: Vec<String>,
    /// Who can be followed.
    pub(crate) players: Vec<Player>,
}

/// A player, or a team's defence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Player {
    /// `player:ID`.
    pub(crate) topic: String,
    /// `QB`, `DST`, …; empty where the feed does not say.
    pub(crate) position: String,
    /// Plays that credit them.
    pub(crate) plays: u64,
}

impl Feed {
    /// Adds an event due `at_us` after the start.
    pub(crate) fn add(&mut self, at_us: u64, line: String) {
        self.schedule.add(at_us);
        self.lines.push(line);
    }
}

/// An event line with the feed's time; one event, one line.
pub(crate) fn stamped(line: &str, ts_us: u64) -> String {
    format!("{{\"ts\":{ts_us},{}\n", line.trim_start().strip_prefix('{').unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_put_into_the_line() {
        assert_eq!(stamped(r#"{"type":"game"}"#, 7), "{\"ts\":7,\"type\":\"game\"}\n");
    }
}
