//! Which lines of a feed count: of one play, situation or game the first, and each with a higher `rev`.
//!
//! Feeds repeat themselves, and a repeat must be answered as a duplicate: a server that takes it as news
//! is as wrong as one that takes news for a repeat. Bounded by the feed.

use serde_json::Value;
use std::collections::HashMap;

/// The highest revision of each item that was posted so far.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    items: HashMap<Item, u64>,
}

/// A game's own item (`game`, nothing), a play with its retraction, or the situation after one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Item {
    game: String,
    kind: Kind,
    play: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Kind {
    Game,
    Play,
    Situation,
}

impl Revisions {
    /// Takes note of a line that is posted. Whether it counts; a player list always does.
    pub(crate) fn counts(&mut self, event: &Value) -> bool {
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let (kind, play) = match event["type"].as_str() {
            Some("game") => (Kind::Game, None),
            Some("play" | "retract") => (Kind::Play, text("play")),
            Some("situation") => (Kind::Situation, text("after_play")),
            _ => return true,
        };
        let game = text("game").unwrap_or_default();
        let rev = event["rev"].as_u64().unwrap_or(1);
        let highest = self.items.entry(Item { game, kind, play }).or_default();
        let counts = rev > *highest;
        *highest = rev.max(*highest);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_counts_once_and_again_under_a_higher_revision() {
        let lines = [
            (r#"{"type":"game","game":"g","status":"live"}"#, true),
            (r#"{"type":"game","game":"g","status":"live"}"#, false),
            (r#"{"type":"play","game":"g","play":"1"}"#, true),
            (r#"{"type":"play","game":"h","play":"1"}"#, true),
            (r#"{"type":"play","game":"g","play":"1","rev":1}"#, false),
            (r#"{"type":"situation","game":"g","after_play":"1"}"#, true),
            (r#"{"type":"situation","game":"g","after_play":null}"#, true),
            (r#"{"type":"situation","game":"g"}"#, false),
            (r#"{"type":"retract","game":"g","play":"1","rev":3}"#, true),
            (r#"{"type":"play","game":"g","play":"1","rev":2}"#, false),
            (r#"{"type":"play","game":"g","play":"1","rev":4}"#, true),
            (r#"{"type":"players","players":[]}"#, true),
            (r#"{"type":"players","players":[]}"#, true),
        ];
        let mut revisions = Revisions::default();
        for (line, counts) in lines {
            assert_eq!(revisions.counts(&serde_json::from_str(line).unwrap()), counts, "{line}");
        }
    }
}
