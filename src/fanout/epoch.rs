//! The history's name, as clients are told it, and what may be resumed from under it.
//!
//! Without a cluster it is the log's and stays. In one it has two parts: what the partitions' streams say, the same on
//! every node, and this process. A client of another node, of whose name only the first part is the same, resumes topics
//! that one partition's stream decides; those that a node puts together by itself begin with a snapshot.

use crate::model::TopicName;
use parking_lot::RwLock;
use std::fmt;
use std::sync::Arc;

/// A name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EpochName {
    text: Arc<str>,
    /// Bytes of the part that all nodes share; 0 where there are no others.
    shared: usize,
}

impl EpochName {
    /// Of a server that is alone.
    pub fn alone(text: &str) -> EpochName {
        EpochName {
            text: text.into(),
            shared: 0,
        }
    }

    /// Of one node of several.
    pub fn of_node(shared: &str, process: &str) -> EpochName {
        EpochName {
            text: format!("{shared}-{process}").into(),
            shared: shared.len(),
        }
    }

    /// All of it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether what a client holds of a topic by `asked` is of this history.
    pub fn resumes(&self, asked: &str, topic: &TopicName) -> bool {
        if *asked == *self.text {
            return true;
        }
        let is_told_by_stream = matches!(topic, TopicName::Player(_) | TopicName::Team(_) | TopicName::Game(_));
        let theirs = asked.split_once('-').map(|(shared, _)| shared);
        self.shared > 0 && is_told_by_stream && theirs == self.text.get(..self.shared)
    }
}

/// The name now. In a cluster it may become another.
#[derive(Debug)]
pub struct Epoch(RwLock<EpochName>);

impl Epoch {
    /// With that name.
    pub fn new(name: EpochName) -> Epoch {
        Epoch(RwLock::new(name))
    }

    /// Its name.
    pub fn name(&self) -> EpochName {
        self.0.read().clone()
    }

    /// Gives it another. Whoever holds a topic's history is to be told before they see more of it.
    pub fn rename(&self, name: EpochName) {
        *self.0.write() = name;
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stream_decides_resumes_on_every_node() {
        let [player, slate, lineup] = ["player:1", "slate", "lineup:x"].map(|name| TopicName::parse(name).unwrap());
        let here = EpochName::of_node("f00d", "b");
        for topic in [&player, &slate, &lineup] {
            assert!(here.resumes("f00d-b", topic));
            assert!(!here.resumes("beef-a", topic));
            assert!(!here.resumes("f00d", topic), "no name that anybody was told");
        }
        assert!(here.resumes("f00d-a", &player));
        assert!(!here.resumes("f00d-a", &slate) && !here.resumes("f00d-a", &lineup));
        let alone = EpochName::alone("f00d");
        assert!(alone.resumes("f00d", &slate));
        assert!(!alone.resumes("f00d-a", &player));
    }
}
