//! What a client holds of a contest or an entry, put together from frames as docs/protocol.md says.

use super::holdings::fixed;
use serde_json::{Map, Value};

/// One topic's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) seq: u64,
    pub(crate) shown: Map<String, Value>,
    pub(crate) deltas: usize,
    /// Changes that came in frames with others.
    pub(crate) merged: u64,
}

/// What a frame says of itself.
const OWN: [&str; 10] = [
    "type",
    "topic",
    "ruleset",
    "seq",
    "prev",
    "reason",
    "encode_us",
    "ingest_us",
    "feed_ts",
    "change",
];

impl Standing {
    /// Whether the message is a frame of such a topic.
    pub(crate) fn is_of(frame: &Value) -> bool {
        let topic = frame["topic"].as_str().unwrap_or_default();
        frame["seq"].is_u64() && (topic.starts_with("contest:") || topic.starts_with("entry:"))
    }

    /// Takes a frame in, which must follow what is held.
    pub(crate) fn take(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64().expect("a seq");
        if frame["type"] == "snapshot" {
            assert!(seq >= self.seq, "a snapshot goes back from {}: {frame}", self.seq);
            self.shown.clear();
        } else {
            assert_eq!(frame["type"], "delta", "{frame}");
            assert_eq!(frame["prev"].as_u64(), Some(self.seq), "the frame follows what is held: {frame}");
            assert!(seq > self.seq, "{frame}");
            self.deltas += 1;
            self.merged += seq - self.seq - 1;
            if let Some(change) = frame.get("change") {
                let before = fixed(&self.shown["points"]);
                assert_eq!(before + fixed(change), fixed(&frame["points"]), "{frame}");
            }
        }
        self.seq = seq;
        for (name, value) in frame.as_object().expect("an object") {
            match name.as_str() {
                name if OWN.contains(&name) => {}
                "slots" if frame["type"] == "delta" => self.take_slots(value),
                name => drop(self.shown.insert(name.to_owned(), value.clone())),
            }
        }
    }

    fn take_slots(&mut self, moved: &Value) {
        let held = self.shown["slots"].as_array_mut().expect("slots of a snapshot");
        for slot in moved.as_array().expect("slots") {
            let same = |held: &&mut Value| (&held["slot"], &held["player"]) == (&slot["slot"], &slot["player"]);
            let held = held.iter_mut().find(same).expect("a slot of the snapshot");
            held["points"] = slot["points"].clone();
        }
    }
}
