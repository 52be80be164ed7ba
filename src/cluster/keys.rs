//! Names in Redis. All keys of a partition have its number in braces, so that a Redis Cluster keeps them on one
//! node and a script may use them together.

use crate::model::GameId;

/// The partition that a game's events belong to: the CRC-32 of its id (zlib's, as in gzip), modulo their number.
pub fn partition_of(game: &GameId, partitions: usize) -> usize {
    crc32fast::hash(game.as_str().as_bytes()) as usize % partitions.max(1)
}

/// The keys of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    /// A hash: `epoch`, `run` (of the Redis that it was last written to by), `n` (records so far), `fence`.
    pub meta: String,
    /// The stream of records, in order; only scripts write it.
    pub log: String,
    /// Who owns the partition; expires.
    pub lease: String,
    /// What the stream comes to up to some record; a node begins with it.
    pub base: String,
    /// The channel of what its owner predicts.
    pub predictions: String,
    /// A hash: what was published there last of each game; expires.
    pub predicted: String,
    /// A stream: lines of feeds that write to Redis, which nobody has taken in yet.
    pub events: String,
}

impl Keys {
    /// Those of a partition.
    pub fn new(prefix: &str, partition: usize) -> Keys {
        let key = |what: &str| format!("{prefix}:{{p{partition}}}:{what}");
        Keys {
            meta: key("meta"),
            log: key("log"),
            lease: key("lease"),
            base: key("base"),
            predictions: key("predictions"),
            predicted: key("predicted"),
            events: key("events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_games_partition_is_what_anybody_can_work_out() {
        // `python3 -c 'import zlib; print(zlib.crc32(b"2017092407") % 16)'`
        let game = GameId::new("2017092407").unwrap();
        assert_eq!(partition_of(&game, 16), 14);
        assert_eq!(partition_of(&game, 1), 0);
        assert_eq!(Keys::new("scorewire", 12).log, "scorewire:{p12}:log");
    }
}
