//! Messages already judged: what equals one of them, byte for byte, is as right as it was.
//!
//! Found by a hash, decided by comparing all bytes, so that a collision costs a second look and
//! nothing else. Bounded: the last [`KNOWN_MAX`] messages.

use foldhash::fast::{FixedState, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher as _;

/// Messages kept to compare with.
const KNOWN_MAX: usize = 4_096;

/// Judged messages with what they mean.
pub(crate) struct Known<T> {
    hasher: FixedState,
    messages: HashMap<u64, (Box<[u8]>, T), RandomState>,
    /// Oldest first.
    order: VecDeque<u64>,
}

impl<T: Copy> Known<T> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self {
            hasher: FixedState::default(),
            messages: HashMap::default(),
            order: VecDeque::new(),
        }
    }

    /// What a message means that equals `bytes`.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<T> {
        let (known, meaning) = self.messages.get(&self.hasher.hash_one(bytes))?;
        (**known == *bytes).then_some(*meaning)
    }

    /// Keeps a message that was found right.
    pub(crate) fn keep(&mut self, bytes: &[u8], meaning: T) {
        let hash = self.hasher.hash_one(bytes);
        if self.messages.insert(hash, (bytes.into(), meaning)).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.messages.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_found_and_the_oldest_are_forgotten() {
        let mut known = Known::new();
        for number in 0..KNOWN_MAX + 10 {
            known.keep(format!("message {number}").as_bytes(), number);
        }
        assert_eq!(known.find(b"message 10"), Some(10));
        assert_eq!((known.find(b"message 9"), known.find(b"message")), (None, None));
        assert_eq!(known.messages.len(), KNOWN_MAX);
    }
}
