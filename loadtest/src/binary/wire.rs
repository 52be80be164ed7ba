//! Protobuf's wire format: tagged fields, numbers as varints, everything else with its length before it.

use anyhow::{Context as _, Result, bail, ensure};

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

/// What a field holds, as far as the bytes say it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Got<'a> {
    Varint(u64),
    Fixed64(u64),
    /// A text, a message or several numbers.
    Bytes(&'a [u8]),
}

/// The fields of a message, one after the other.
pub(super) struct Wire<'a> {
    rest: &'a [u8],
}

impl<'a> Wire<'a> {
    /// From its first byte.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all has been read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's number, and what it holds.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Got<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).context("an absurd field number")?;
        let got = match (tag & 7) as u8 {
            VARINT => Got::Varint(self.varint()?),
            FIXED64 => {
                let bytes = self.take(8)?;
                Got::Fixed64(bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte)))
            }
            BYTES => {
                let length = usize::try_from(self.varint()?).context("an absurd length")?;
                Got::Bytes(self.take(length)?)
            }
            kind => bail!("field {number} is of the wire type {kind}, which no field of the schema has"),
        };
        Ok(Some((number, got)))
    }

    /// A number of 1 to 10 bytes, 7 bits in each, the lowest first.
    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7F);
            ensure!(bits << shift >> shift == bits, "a number over 64 bits");
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        bail!("a number over 10 bytes")
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .context("the message ends in the middle of a field")?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Writes a field that is a number.
pub(super) fn put_varint(number: u32, value: u64, out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | u64::from(VARINT), out);
    varint(value, out);
}

/// Writes a field that has a length.
pub(super) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | u64::from(BYTES), out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        for value in [0, 1, 127, 128, 16_384, u64::MAX] {
            put_varint(3, value, &mut bytes);
        }
        put_bytes(200, b"text", &mut bytes);
        bytes.extend([0x29, 1, 2, 0, 0, 0, 0, 0, 0]);
        let mut wire = Wire::new(&bytes);
        let fields: Vec<_> = std::iter::from_fn(|| wire.next().unwrap()).collect();
        let numbers = [0, 1, 127, 128, 16_384, u64::MAX].map(|value| (3, Got::Varint(value)));
        assert_eq!(fields[..6], numbers);
        assert_eq!(fields[6..], [(200, Got::Bytes(b"text")), (5, Got::Fixed64(513))]);
    }

    #[test]
    fn what_is_no_field_is_refused() {
        let wrong = |bytes: &[u8]| format!("{:#}", Wire::new(bytes).next().unwrap_err());
        assert!(wrong(&[0x08]).contains("ends in the middle"));
        assert!(wrong(&[0x0A, 3, b'x']).contains("ends in the middle"));
        assert!(wrong(&[0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]).contains("over 64 bits"));
        assert!(wrong(&[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]).contains("over 10 bytes"));
        assert!(wrong(&[0x09, 0, 0, 0, 0]).contains("ends in the middle"));
        assert!(wrong(&[0x0D, 0, 0, 0, 0]).contains("wire type 5"));
    }
}
