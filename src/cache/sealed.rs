//! An answer as bytes outside of the process: when it was true, by the clock of the place it is kept in, under which
//! key, and a checksum. Whatever is not whole, or is of something else, is nothing.
//!
//! `SWC1`, time (8 bytes), length of the key (4), key, answer, CRC-32 of all before it (4); little-endian.

use super::Key;
use bytes::Bytes;

const MARK: &[u8; 4] = b"SWC1";
const HEAD_BYTES: usize = 16;
const SUM_BYTES: usize = 4;
/// Most that is written besides an answer: the head, the sum, and a key's text.
pub const BESIDES_BYTES_MAX: usize = HEAD_BYTES + SUM_BYTES + 4_096;

/// An answer, true at `born_us`, as bytes.
pub fn seal(key: &Key, born_us: i64, answer: &[u8]) -> Vec<u8> {
    let text = key.text().as_bytes();
    let mut sealed = Vec::with_capacity(HEAD_BYTES + text.len() + answer.len() + SUM_BYTES);
    sealed.extend_from_slice(MARK);
    sealed.extend_from_slice(&born_us.to_le_bytes());
    sealed.extend_from_slice(&(text.len() as u32).to_le_bytes());
    sealed.extend_from_slice(text);
    sealed.extend_from_slice(answer);
    let sum = crc32fast::hash(&sealed);
    sealed.extend_from_slice(&sum.to_le_bytes());
    sealed
}

/// When it was true, and the answer; nothing where that is not what was sealed under this key.
pub fn open(key: &Key, sealed: Vec<u8>) -> Option<(i64, Bytes)> {
    let (rest, sum) = sealed.split_last_chunk::<SUM_BYTES>()?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*sum) {
        return None;
    }
    let rest = rest.strip_prefix(MARK)?;
    let (born_us, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let answer = rest.strip_prefix(key.text().as_bytes())?;
    if u32::from_le_bytes(*length) as usize != key.text().len() {
        return None;
    }
    let (born_us, begin) = (i64::from_le_bytes(*born_us), HEAD_BYTES + key.text().len());
    let end = begin + answer.len();
    Some((born_us, Bytes::from(sealed).slice(begin..end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_or_of_another_key_is_nothing() {
        let key = Key::new("/v1/models");
        let sealed = seal(&key, -7, b"{}");
        assert_eq!(open(&key, sealed.clone()), Some((-7, Bytes::from_static(b"{}"))));
        assert_eq!(open(&Key::new("/v1/model"), sealed.clone()), None);
        assert_eq!(open(&Key::new("/v1/models{"), sealed.clone()), None);
        for length in 0..sealed.len() {
            assert_eq!(open(&key, sealed[..length].to_vec()), None, "{length} bytes of it");
        }
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 0x10;
            assert_eq!(open(&key, other), None, "byte {at} is another");
        }
        assert_eq!(open(&key, vec![0; 1_000]), None);
    }
}
