//! Identifiers as the feed gives them: opaque, short, compared byte by byte.
//!
//! Bounded: every id is 1 to [`ID_BYTES_MAX`] bytes of printable ASCII without separators, so that
//! an id can stand in a topic, a URL and a log line as it is. Ids of up to 24 bytes live inline.

use compact_str::CompactString;
use std::fmt;

/// Longest id accepted from a feed or a client, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Prefix of the player id of a team defence: `dst:NE`.
pub const DST_PREFIX: &str = "dst:";

/// Whether `s` can be an id: printable ASCII, no space, no `,` `"` `\` `/` `<` `>` `&`, 1 to 64 bytes.
#[inline]
pub fn is_well_formed(s: &str) -> bool {
    !s.is_empty() && s.len() <= ID_BYTES_MAX && s.bytes().all(|b| ALLOWED[usize::from(b)])
}

/// Whether an id may hold that byte.
#[inline]
pub(crate) fn is_allowed(byte: u8) -> bool {
    ALLOWED[usize::from(byte)]
}

/// Which bytes an id may hold. A table: ids are most of what a feed line is checked for.
static ALLOWED: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0u8;
    while b < 128 {
        table[b as usize] = b.is_ascii_graphic() && !matches!(b, b',' | b'"' | b'\\' | b'/' | b'<' | b'>' | b'&');
        b += 1;
    }
    table
};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(CompactString);

        impl $name {
            /// The id, or nothing where `s` is not well-formed (see [`is_well_formed`]).
            pub fn new(s: &str) -> Option<Self> {
                is_well_formed(s).then(|| Self(CompactString::new(s)))
            }

            /// The id, where the caller has just seen that `s` is well-formed: a decoder checks first
            /// and builds the id where it stays.
            #[inline]
            pub(crate) fn from_well_formed(s: &str) -> Self {
                debug_assert!(is_well_formed(s));
                Self(CompactString::new(s))
            }

            /// The id as the feed wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// A game, such as `2099010100`.
    GameId
);
id!(
    /// A play within its game, such as `1234`.
    PlayId
);
id!(
    /// A player (`90-0000001`) or a team defence (`dst:NE`).
    PlayerId
);
id!(
    /// A team's abbreviation, such as `NE`.
    Team
);
id!(
    /// A fan's lineup: made from its slots and its ruleset, so that equal ones are one.
    LineupId
);
/// An entry of a contest, `CONTEST/ENTRY`: no id holds a slash.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryName {
    text: CompactString,
    /// Bytes before the slash.
    contest_bytes: u8,
}

impl EntryName {
    /// Of a contest and an entry; nothing where `entry` is no id.
    pub fn new(contest: &ContestId, entry: &str) -> Option<EntryName> {
        let contest = contest.as_str();
        is_well_formed(entry).then(|| EntryName {
            text: compact_str::format_compact!("{contest}/{entry}"),
            contest_bytes: contest.len() as u8,
        })
    }

    /// Reads `CONTEST/ENTRY`.
    pub fn parse(text: &str) -> Option<EntryName> {
        let (contest, entry) = text.split_once('/')?;
        EntryName::new(&ContestId::new(contest)?, entry)
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The contest's id.
    pub fn contest(&self) -> &str {
        &self.text[..usize::from(self.contest_bytes)]
    }

    /// The entry's id within its contest.
    pub fn entry(&self) -> &str {
        &self.text[usize::from(self.contest_bytes) + 1..]
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryName({})", self.text)
    }
}

id!(
    /// A contest, as who posted it names it.
    ContestId
);
id!(
    /// An entry within its contest, as its site names it.
    EntryId
);

impl PlayerId {
    /// The id under which a team's defence and special teams score: `dst:TEAM`.
    pub fn dst(team: &Team) -> Self {
        let mut id = CompactString::new(DST_PREFIX);
        id.push_str(team.as_str());
        Self(id)
    }

    /// Whether this is a team defence.
    pub fn is_dst(&self) -> bool {
        self.0.starts_with(DST_PREFIX)
    }
}

impl PlayId {
    /// The play's default place in its game: its id, where that is a number.
    pub fn order(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_could_break_a_topic_or_a_page() {
        for bad in ["", "a b", "a,b", "<b>", "a/b", "a\"b", "é", "a\nb", &"x".repeat(65)] {
            assert!(PlayerId::new(bad).is_none(), "{bad:?}");
        }
        for good in ["1", "90-0000001", "dst:NE", &"x".repeat(64)] {
            assert!(PlayerId::new(good).is_some(), "{good:?}");
        }
    }

    #[test]
    fn a_defence_is_named_after_its_team() {
        let ne = Team::new("NE").unwrap();
        assert_eq!(PlayerId::dst(&ne).as_str(), "dst:NE");
        assert!(PlayerId::dst(&ne).is_dst());
    }
}
