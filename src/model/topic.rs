//! What a client can subscribe to.

use super::{ContestId, EntryName, GameId, LineupId, PlayerId, Team, ids};
use std::fmt;

/// A topic's name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum TopicName {
    /// `player:ID`: a player's or a defence's current game.
    Player(PlayerId),
    /// `team:ABBR`: a team's players and defence in its current game.
    Team(Team),
    /// `game:ID`: everything of one game.
    Game(GameId),
    /// `slate`: the scoreboard of all games of the day.
    Slate,
    /// `predictions:GAME`: what is thought to come in one game, and how it turned out.
    Predictions(GameId),
    /// `lineup:ID`: the sum of a fan's players, under the ruleset that the lineup was made for.
    Lineup(LineupId),
    /// `contest:ID`: a contest's leaders, the points that its prizes take, and how its entries are spread.
    Contest(ContestId),
    /// `entry:CONTEST/ENTRY`: where one entry of a contest stands.
    Entry(EntryName),
}

/// Why a text names no topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopicError {
    /// There is no such kind.
    #[error(
        "no such kind of topic; there are player:ID, team:ABBR, game:ID, predictions:GAME, lineup:ID, contest:ID, entry:CONTEST/ID and slate"
    )]
    Kind,
    /// The id cannot be one.
    #[error("the id after the colon must be 1 to {max} printable ASCII characters without spaces, commas, quotes or slashes (entry: takes two, with a slash between)", max = ids::ID_BYTES_MAX)]
    Id,
}

impl TopicName {
    /// Reads a topic's name.
    pub fn parse(text: &str) -> Result<TopicName, TopicError> {
        if text == "slate" {
            return Ok(TopicName::Slate);
        }
        let (kind, id) = text.split_once(':').ok_or(TopicError::Kind)?;
        match kind {
            "player" => PlayerId::new(id).map(TopicName::Player),
            "team" => Team::new(id).map(TopicName::Team),
            "game" => GameId::new(id).map(TopicName::Game),
            "predictions" => GameId::new(id).map(TopicName::Predictions),
            "lineup" => LineupId::new(id).map(TopicName::Lineup),
            "contest" => ContestId::new(id).map(TopicName::Contest),
            "entry" => EntryName::parse(id).map(TopicName::Entry),
            _ => return Err(TopicError::Kind),
        }
        .ok_or(TopicError::Id)
    }

    /// The name in two parts: its kind up to the colon, and the id after it.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            TopicName::Player(id) => ("player:", id.as_str()),
            TopicName::Team(team) => ("team:", team.as_str()),
            TopicName::Game(game) => ("game:", game.as_str()),
            TopicName::Slate => ("slate", ""),
            TopicName::Predictions(game) => ("predictions:", game.as_str()),
            TopicName::Lineup(id) => ("lineup:", id.as_str()),
            TopicName::Contest(id) => ("contest:", id.as_str()),
            TopicName::Entry(name) => ("entry:", name.as_str()),
        }
    }

    /// Whether the topic's frames name a ruleset. A subscription chooses it, unless the topic has its own.
    pub fn has_ruleset(&self) -> bool {
        !matches!(self, TopicName::Slate | TopicName::Predictions(_))
    }

    /// Whether the topic has a ruleset of its own, whatever a subscription asks for.
    pub fn has_own_ruleset(&self) -> bool {
        matches!(self, TopicName::Lineup(_)) || self.contest().is_some()
    }

    /// The id of the contest that a `contest:` or `entry:` topic is about.
    pub fn contest(&self) -> Option<&str> {
        match self {
            TopicName::Contest(id) => Some(id.as_str()),
            TopicName::Entry(name) => Some(name.contest()),
            _ => None,
        }
    }

    /// Whether the topic shows predictions, of which the newest of each kind counts, instead of changes.
    pub fn has_predictions(&self) -> bool {
        matches!(self, TopicName::Predictions(_))
    }

    /// Whether the topic outlives no restart: what it shows is not in the log, and it counts from elsewhere then.
    pub fn is_made_anew(&self) -> bool {
        self.has_predictions() || self.has_own_ruleset()
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.parts();
        f.write_str(kind)?;
        f.write_str(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_they_print() {
        for name in [
            "slate",
            "player:00-1",
            "player:dst:NE",
            "team:NE",
            "game:2017",
            "predictions:2017",
            "lineup:a1",
            "contest:c1",
            "entry:c1/e-7",
        ] {
            assert_eq!(TopicName::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn a_wrong_kind_and_a_wrong_id_are_told_apart() {
        assert_eq!(TopicName::parse("plyer:1"), Err(TopicError::Kind));
        assert_eq!(TopicName::parse("slates"), Err(TopicError::Kind));
        assert_eq!(TopicName::parse("player:"), Err(TopicError::Id));
        assert_eq!(TopicName::parse("game:a b"), Err(TopicError::Id));
        assert_eq!(TopicName::parse("predictions"), Err(TopicError::Kind));
        assert_eq!(TopicName::parse("predictions:"), Err(TopicError::Id));
        assert_eq!(TopicName::parse("predictions:a/b"), Err(TopicError::Id));
        for bad in ["entry:c1", "entry:c1/", "entry:/e", "entry:c1/e/7", "contest:c1/e7"] {
            assert_eq!(TopicName::parse(bad), Err(TopicError::Id), "{bad}");
        }
    }
}
