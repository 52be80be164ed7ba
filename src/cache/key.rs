//! What an answer is kept under: a text of any length with anything in it, and a name made of it that is good anywhere.

use ring::digest::{SHA256, digest};
use std::fmt::Write;
use std::sync::Arc;

/// Characters of a name.
pub const NAME_CHARS: usize = 32;

/// A key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    text: Arc<str>,
    name: Arc<str>,
}

impl Key {
    /// The key of that text.
    pub fn new(text: &str) -> Key {
        let hash = digest(&SHA256, text.as_bytes());
        let mut name = String::with_capacity(NAME_CHARS);
        for byte in &hash.as_ref()[..NAME_CHARS / 2] {
            // A string takes whatever it is told.
            let _ = write!(name, "{byte:02x}");
        }
        Key {
            text: text.into(),
            name: name.into(),
        }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// [`NAME_CHARS`] hexadecimal digits: the first 128 bits of its SHA-256. Who reads what is kept under it compares
    /// the text.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Whether that may be a key's name.
pub fn is_name(name: &str) -> bool {
    name.len() == NAME_CHARS && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_whatever_it_is_of() {
        // `printf abc | sha256sum`
        assert_eq!(Key::new("abc").name(), "ba7816bf8f01cfea414140de5dae2223");
        for text in ["", "/v1/players/../../etc/passwd", "{}\r\n\0", &"x".repeat(100_000)] {
            assert!(is_name(Key::new(text).name()));
        }
        for other in ["", "..", "ba7816bf8f01cfea414140de5dae222", "BA7816BF8F01CFEA414140DE5DAE2223"] {
            assert!(!is_name(other), "{other}");
        }
    }
}
