//! An entry of a partition's stream: records that were written at once, or the beginning of an epoch.

use redis::streams::StreamId;

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The number of its last record, which is its id too.
    pub last: u64,
    /// How many records it has.
    pub count: u32,
    /// Who wrote it, and its number there: no other entry has this name.
    pub name: String,
    /// What it says.
    pub body: Body,
}

/// What an entry says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Records, as [`crate::store::frame`] writes them.
    Records(Vec<u8>),
    /// A new epoch's name.
    Epoch(String),
}

impl Entry {
    /// The number of its first record.
    pub fn first(&self) -> u64 {
        (self.last + 1).saturating_sub(u64::from(self.count))
    }

    /// How much it says, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.body {
            Body::Records(records) => records.len(),
            Body::Epoch(name) => name.len(),
        }
    }

    /// Reads an entry. Nothing where it is none of ours: somebody else wrote into the stream.
    pub fn read(from: &StreamId) -> Option<Entry> {
        let last = from.id.strip_suffix("-0")?.parse().ok()?;
        let count: u32 = from.get("c")?;
        let body = match from.get::<String>("e") {
            Some(epoch) => Body::Epoch(epoch),
            None => Body::Records(from.get("r")?),
        };
        (count > 0 && u64::from(count) <= last).then_some(Entry {
            last,
            count,
            name: from.get("b")?,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::Value;

    fn entry(id: &str, fields: &[(&str, &str)]) -> Option<Entry> {
        let map = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::BulkString(value.as_bytes().to_vec())));
        Entry::read(&StreamId {
            id: id.to_owned(),
            map: map.collect(),
            ..StreamId::default()
        })
    }

    #[test]
    fn an_entry_says_which_records_it_has() {
        let read = entry("9-0", &[("b", "a-1"), ("c", "3"), ("r", "xyz")]).unwrap();
        assert_eq!((read.first(), read.last, read.name.as_str()), (7, 9, "a-1"));
        assert_eq!(read.body, Body::Records(b"xyz".to_vec()));
        let epoch = entry("10-0", &[("b", "epoch"), ("c", "1"), ("e", "f00")]).unwrap();
        assert_eq!(epoch.body, Body::Epoch("f00".to_owned()));
    }

    #[test]
    fn what_somebody_else_wrote_is_no_entry() {
        for (id, fields) in [
            ("9-1", &[("b", "a"), ("c", "1"), ("r", "x")][..]),
            ("9-0", &[("b", "a"), ("c", "x"), ("r", "x")]),
            ("9-0", &[("b", "a"), ("c", "10"), ("r", "x")]),
            ("9-0", &[("b", "a"), ("c", "0"), ("r", "x")]),
            ("9-0", &[("line", "{}")]),
        ] {
            assert_eq!(entry(id, fields), None, "{id} {fields:?}");
        }
    }
}
