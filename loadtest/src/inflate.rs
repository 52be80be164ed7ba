//! Messages of `permessage-deflate` (RFC 7692) without a context: each by itself, back into what they stand for.

use anyhow::{Result, bail, ensure};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// What a sender leaves away at the end of each message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Inflates one message after the other.
pub(crate) struct Inflater {
    state: Box<DecompressorOxide>,
    compressed: Vec<u8>,
    plain: Vec<u8>,
}

impl Inflater {
    /// For messages of at most `bytes_max` bytes; so much memory is held.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            state: Box::default(),
            compressed: Vec::new(),
            // A byte more: a buffer that is full might have been too small.
            plain: vec![0; bytes_max + 1],
        }
    }

    /// What `compressed` stands for.
    pub(crate) fn inflate(&mut self, compressed: &[u8]) -> Result<&[u8]> {
        // No block is the last one, and nothing may lean on what was before this message.
        const FLAGS: u32 = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        self.compressed.clear();
        self.compressed.extend_from_slice(compressed);
        self.compressed.extend_from_slice(&TAIL);
        self.state.init();
        let (status, read, written) = decompress(&mut self.state, &self.compressed, &mut self.plain, 0, FLAGS);
        match status {
            TINFLStatus::NeedsMoreInput if written < self.plain.len() => {}
            TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => {
                bail!("a compressed message of over {} bytes", self.plain.len() - 1)
            }
            other => bail!("a message that can't be inflated: {other:?}"),
        }
        ensure!(read == self.compressed.len(), "a compressed message that ends before its bytes do");
        Ok(&self.plain[..written])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Hello" as RFC 7692 §7.2.3.1 and §7.2.3.3 (a block that is not compressed) have it.
    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    const STORED: [u8; 11] = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];

    #[test]
    fn the_examples_of_the_rfc_are_inflated_each_by_itself() {
        let mut inflater = Inflater::new(100);
        for _ in 0..2 {
            assert_eq!(inflater.inflate(&HELLO).unwrap(), b"Hello");
            assert_eq!(inflater.inflate(&STORED).unwrap(), b"Hello");
        }
        // §7.2.3.2: what leans on the message before it, here not there.
        assert!(inflater.inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00]).is_err());
    }

    #[test]
    fn what_is_too_long_or_no_deflate_is_refused() {
        let wrong = |bytes_max, bytes: &[u8]| format!("{:#}", Inflater::new(bytes_max).inflate(bytes).unwrap_err());
        assert!(Inflater::new(5).inflate(&HELLO).is_ok());
        assert!(wrong(4, &HELLO).contains("over 4 bytes"));
        assert!(wrong(100, &[0xFF; 8]).contains("can't be inflated"));
        let ends_early = [&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], &HELLO].concat();
        assert!(wrong(100, &ends_early).contains("can't be inflated"));
    }
}
