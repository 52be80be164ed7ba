//! What a client may read, once somebody has looked at its token: topics, rulesets, and until when.

use crate::model::TopicName;
use crate::scoring::RulesetIndex;
use crate::scoring::registry::RULESETS_MAX;

/// How long before the end of what a token allows its owner is told, in microseconds.
pub const EXPIRY_NOTICE_US: i64 = 60_000_000;

/// Topics that a token names: one, or all that begin alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: Box<str>,
    is_prefix: bool,
}

/// Longest pattern, in bytes: a topic's kind and the longest id, which is that of an entry.
pub const PATTERN_BYTES_MAX: usize = 144;

impl Pattern {
    /// Reads `player:90-0000001` (that topic) or `player:*` (all that begin so); nothing where it is
    /// neither.
    pub fn parse(text: &str) -> Option<Pattern> {
        let prefix = text.strip_suffix('*');
        let text = prefix.unwrap_or(text);
        let is_well_formed = text.len() <= PATTERN_BYTES_MAX && !text.contains('*') && (prefix.is_some() || !text.is_empty());
        is_well_formed.then(|| Pattern {
            text: text.into(),
            is_prefix: prefix.is_some(),
        })
    }

    fn fits(&self, topic: &TopicName) -> bool {
        let (kind, id) = topic.parts();
        let (length, text) = (kind.len() + id.len(), &*self.text);
        if text.len() > length || (!self.is_prefix && text.len() < length) {
            return false;
        }
        let (first, rest) = text.as_bytes().split_at(text.len().min(kind.len()));
        kind.as_bytes().starts_with(first) && id.as_bytes().starts_with(rest)
    }
}

const _: () = assert!(RULESETS_MAX <= 64, "every ruleset has a bit");

/// What a client may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Nothing where all topics may be read.
    topics: Option<Box<[Pattern]>>,
    /// A bit for each ruleset's place; there are 64 at most.
    rulesets: u64,
    /// When it ends, by the system's clock, in microseconds since the Unix epoch.
    expires_us: Option<i64>,
}

impl Grant {
    /// Everything, for good.
    pub const EVERYTHING: Grant = Grant {
        topics: None,
        rulesets: u64::MAX,
        expires_us: None,
    };

    /// Some topics (nothing: all) under some rulesets (nothing: all), until `expires_us`.
    pub fn new(topics: Option<Vec<Pattern>>, rulesets: Option<&[RulesetIndex]>, expires_us: Option<i64>) -> Grant {
        let bits = |rulesets: &[RulesetIndex]| rulesets.iter().fold(0, |bits, ruleset| bits | 1u64 << ruleset.place());
        Grant {
            topics: topics.map(Vec::into_boxed_slice),
            rulesets: rulesets.map_or(u64::MAX, bits),
            expires_us,
        }
    }

    /// When it ends, by the system's clock; nothing where it does not.
    pub fn expires_us(&self) -> Option<i64> {
        self.expires_us
    }

    /// Whether that topic may be read, under some ruleset.
    pub fn allows_topic(&self, topic: &TopicName) -> bool {
        self.topics
            .as_ref()
            .is_none_or(|patterns| patterns.iter().any(|pattern| pattern.fits(topic)))
    }

    /// Whether topics may be read under that ruleset. Topics without one are not asked about.
    pub fn allows_ruleset(&self, ruleset: RulesetIndex) -> bool {
        self.rulesets & (1u64 << ruleset.place()) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::Rulesets;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_is_a_topic_or_a_beginning() {
        for (pattern, topic, fits) in [
            ("player:90-1", "player:90-1", true),
            ("player:90-1", "player:90-11", false),
            ("player:90-11", "player:90-1", false),
            ("player:*", "player:90-1", true),
            ("player:90-*", "player:90-1", true),
            ("player:91*", "player:90-1", false),
            ("pla*", "player:90-1", true),
            ("player:*", "team:AAA", false),
            ("player:dst:*", "player:dst:AAA", true),
            ("*", "slate", true),
            ("slate", "slate", true),
            ("slate", "game:slate", false),
            ("slates*", "slate", false),
            ("predictions:*", "predictions:1", true),
            ("game:*", "predictions:1", false),
        ] {
            let read = Pattern::parse(pattern).unwrap();
            assert_eq!(read.fits(&TopicName::parse(topic).unwrap()), fits, "{pattern} {topic}");
        }
        for none in ["", "**", "player:*:1", &"x".repeat(PATTERN_BYTES_MAX + 1)] {
            assert_eq!(Pattern::parse(none), None, "{none}");
        }
    }

    proptest! {
        /// Against the text of the topic.
        #[test]
        fn patterns_fit_as_texts_do(pattern in "[a-z:*]{1,9}", id in "[a-z:]{1,5}", kind in 0..3usize) {
            let topic = TopicName::parse(&format!("{}:{id}", ["player", "team", "game"][kind])).unwrap();
            let text = topic.to_string();
            if let Some(read) = Pattern::parse(&pattern) {
                let expected = match pattern.strip_suffix('*') {
                    Some(prefix) => text.starts_with(prefix),
                    None => text == pattern,
                };
                prop_assert_eq!(read.fits(&topic), expected);
            }
        }
    }

    #[test]
    fn every_ruleset_has_a_bit() {
        let rulesets = Rulesets::embedded();
        let (ppr, yahoo) = (rulesets.index("ppr").unwrap(), rulesets.index("yahoo").unwrap());
        let grant = Grant::new(None, Some(&[ppr]), None);
        assert!(grant.allows_ruleset(ppr) && !grant.allows_ruleset(yahoo));
        assert!(Grant::EVERYTHING.allows_ruleset(yahoo) && !Grant::new(None, Some(&[]), None).allows_ruleset(ppr));
    }
}
