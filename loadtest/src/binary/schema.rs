//! The schema, read from `docs/scorewire.v1.proto`, word for word what a client's author is given.
//!
//! Reads as much of protobuf's language as that file uses: messages and enums (nested or not, their names
//! unique in the file), fields with and without a label, maps, one `oneof` a message.

use anyhow::{Context as _, Result, bail, ensure};
use std::collections::HashMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../../docs/scorewire.v1.proto");

/// Highest field number; each message keeps a table up to its own.
const NUMBER_MAX: u32 = 1_000;

/// The messages of the protocol.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::read(TEXT).expect("a test reads the very same text"));

/// All messages, those for the entries of maps included.
#[derive(Debug)]
pub(super) struct Schema {
    messages: Vec<Message>,
    by_name: HashMap<String, usize>,
}

/// A message type.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// Its name, without those it is nested in.
    pub(super) name: String,
    /// By number.
    by_number: Vec<Option<Field>>,
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: String,
    /// Its number.
    pub(super) number: u32,
    /// How often it may be there, and what it means where it is not.
    pub(super) label: Label,
    /// What it holds.
    pub(super) kind: Kind,
}

/// How often a field may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// At most once; absent is not 0.
    Optional,
    /// At most once; where it is absent it is 0, or empty.
    Plain,
    /// Any number of times.
    Repeated,
    /// Any number of times; each is a message of a key (1) and its value (2).
    Map,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Bool,
    Uint32,
    Uint64,
    Int64,
    Sint32,
    Sint64,
    Double,
    Text,
    /// The names by number, lower-case and without the enum's own.
    Enum(Vec<String>),
    /// The message's number in the schema.
    Message(usize),
    /// A type's name, until all are known.
    Named(String),
}

impl Message {
    /// The field with this number.
    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        self.by_number.get(number as usize)?.as_ref()
    }

    /// The field with this name.
    pub(super) fn named(&self, name: &str) -> Option<&Field> {
        self.fields().find(|field| field.name == name)
    }

    /// All of them, by number.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.by_number.iter().flatten()
    }

    fn add(&mut self, field: Field) -> Result<()> {
        ensure!(field.number <= NUMBER_MAX, "{} has number {}", field.name, field.number);
        let place = field.number as usize;
        if self.by_number.len() <= place {
            self.by_number.resize_with(place + 1, || None);
        }
        ensure!(self.by_number[place].is_none(), "{} has two fields {place}", self.name);
        self.by_number[place] = Some(field);
        Ok(())
    }
}

impl Schema {
    /// The message of a field of [`Kind::Message`].
    pub(super) fn message(&self, number: usize) -> &Message {
        &self.messages[number]
    }

    /// The message of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Message> {
        self.by_name.get(name).map(|&number| &self.messages[number])
    }

    fn read(text: &str) -> Result<Self> {
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let code = code.collect::<Vec<_>>().join("\n");
        let spaced = ["{", "}", "=", ";", "<", ">", ","]
            .iter()
            .fold(code, |code, mark| code.replace(mark, &format!(" {mark} ")));
        let mut reader = Reader {
            words: spaced.split_whitespace().collect::<Vec<_>>().into_iter(),
            messages: Vec::new(),
            enums: HashMap::new(),
        };
        while let Some(word) = reader.words.next() {
            match word {
                "syntax" | "package" => while reader.word()? != ";" {},
                _ => reader.definition(word)?,
            }
        }
        let by_name: HashMap<String, usize> = reader.messages.iter().map(|message| message.name.clone()).zip(0..).collect();
        ensure!(by_name.len() == reader.messages.len(), "two messages of one name");
        for field in reader
            .messages
            .iter_mut()
            .flat_map(|message| message.by_number.iter_mut().flatten())
        {
            if let Kind::Named(name) = &field.kind {
                let message = || by_name.get(name).map(|&number| Kind::Message(number));
                let of_enum = reader.enums.get(name).map(|names| Kind::Enum(names.clone()));
                field.kind = of_enum.or_else(message).with_context(|| format!("there is no type {name}"))?;
            }
        }
        Ok(Self {
            messages: reader.messages,
            by_name,
        })
    }
}

struct Reader<'a> {
    words: std::vec::IntoIter<&'a str>,
    messages: Vec<Message>,
    enums: HashMap<String, Vec<String>>,
}

impl<'a> Reader<'a> {
    fn word(&mut self) -> Result<&'a str> {
        self.words.next().context("the schema ends in the middle")
    }

    fn must_be(&mut self, due: &str) -> Result<()> {
        let word = self.word()?;
        ensure!(word == due, "{word} where {due} must be");
        Ok(())
    }

    /// A message or an enum, of which the first word has been read.
    fn definition(&mut self, word: &str) -> Result<()> {
        match word {
            "message" => self.message(),
            "enum" => self.enumeration(),
            _ => bail!("{word} where a message or an enum must be"),
        }
    }

    fn message(&mut self) -> Result<()> {
        let mut message = Message {
            name: self.word()?.to_owned(),
            ..Message::default()
        };
        self.must_be("{")?;
        let mut in_oneof = false;
        loop {
            match self.word()? {
                "}" if in_oneof => in_oneof = false,
                "}" => break,
                "oneof" => {
                    in_oneof = true;
                    self.word()?;
                    self.must_be("{")?;
                }
                word @ ("message" | "enum") => self.definition(word)?,
                word => {
                    let mut field = self.field(word, &message.name)?;
                    if in_oneof {
                        field.label = Label::Optional;
                    }
                    message.add(field)?;
                }
            }
        }
        self.messages.push(message);
        Ok(())
    }

    /// A field of which the first word has been read.
    fn field(&mut self, first: &'a str, of: &str) -> Result<Field> {
        if first == "map" {
            return self.map(of);
        }
        let (label, kind) = match first {
            "optional" => (Label::Optional, kind(self.word()?)),
            "repeated" => (Label::Repeated, kind(self.word()?)),
            plain => (Label::Plain, kind(plain)),
        };
        let name = self.word()?.to_owned();
        self.numbered(name, label, kind)
    }

    /// A map of which `map` has been read.
    fn map(&mut self, of: &str) -> Result<Field> {
        self.must_be("<")?;
        let key = kind(self.word()?);
        self.must_be(",")?;
        let value = kind(self.word()?);
        self.must_be(">")?;
        let name = self.word()?.to_owned();
        let entry = self.entry(format!("{of}.{name}"), key, value)?;
        self.numbered(name, Label::Map, Kind::Named(entry))
    }

    /// A field of which all but the number has been read.
    fn numbered(&mut self, name: String, label: Label, kind: Kind) -> Result<Field> {
        self.must_be("=")?;
        let number = self.word()?.parse().with_context(|| format!("the number of {name}"))?;
        self.must_be(";")?;
        Ok(Field { name, number, label, kind })
    }

    /// The message that an entry of a map is; its name.
    fn entry(&mut self, name: String, key: Kind, value: Kind) -> Result<String> {
        let mut entry = Message {
            name,
            ..Message::default()
        };
        for (number, (name, kind)) in (1..).zip([("key", key), ("value", value)]) {
            entry.add(Field {
                name: name.to_owned(),
                number,
                label: Label::Plain,
                kind,
            })?;
        }
        let name = entry.name.clone();
        self.messages.push(entry);
        Ok(name)
    }

    fn enumeration(&mut self) -> Result<()> {
        let name = self.word()?;
        self.must_be("{")?;
        let mut names = Vec::new();
        loop {
            let value = match self.word()? {
                "}" => break,
                value => value,
            };
            self.must_be("=")?;
            let number: usize = self.word()?.parse().with_context(|| format!("the number of {value}"))?;
            self.must_be(";")?;
            ensure!(number == names.len(), "{value} is {number} and must be {}", names.len());
            let (_, own) = value.split_once('_').with_context(|| format!("{value} has no prefix"))?;
            names.push(own.to_lowercase());
        }
        ensure!(self.enums.insert(name.to_owned(), names).is_none(), "two enums {name}");
        Ok(())
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "bool" => Kind::Bool,
        "uint32" => Kind::Uint32,
        "uint64" => Kind::Uint64,
        "int64" => Kind::Int64,
        "sint32" => Kind::Sint32,
        "sint64" => Kind::Sint64,
        "double" => Kind::Double,
        "string" => Kind::Text,
        name => Kind::Named(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_read() {
        let schema = Schema::read(TEXT).unwrap();
        let delta = schema.named("Delta").unwrap();
        let (seq, players, status) = (delta.field(3).unwrap(), delta.named("players").unwrap(), delta.field(17).unwrap());
        assert_eq!((seq.name.as_str(), seq.label, &seq.kind), ("seq", Label::Plain, &Kind::Uint64));
        assert_eq!((players.number, players.label), (8, Label::Repeated));
        let Kind::Message(player) = players.kind else {
            panic!("{players:?}")
        };
        assert_eq!(schema.message(player).name, "Player");
        let Kind::Enum(names) = &status.kind else { panic!("{status:?}") };
        assert_eq!(names, &["scheduled", "live", "halftime", "final"]);
        assert_eq!(schema.named("ServerMessage").unwrap().fields().count(), 14);
        assert!(schema.messages.iter().all(|message| message.field(0).is_none()));
    }

    #[test]
    fn what_it_can_not_read_is_named() {
        let wrong = |text: &str| format!("{:#}", Schema::read(text).unwrap_err());
        assert!(wrong("message A { B b = 1; }").contains("no type B"));
        assert!(wrong("message A { bool b = 1; bool c = 1; }").contains("two fields 1"));
        assert!(wrong("message A { bool b = 5000; }").contains("number 5000"));
        assert!(wrong("message A { bool b = x; }").contains("the number of b"));
        assert!(wrong("message A {} message A {}").contains("two messages"));
        assert!(wrong("message A { bool b").contains("ends in the middle"));
        assert!(wrong("service A {}").contains("service"));
        assert!(wrong("enum E { E_A = 1; }").contains("must be 0"));
    }
}
