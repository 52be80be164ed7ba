//! WebSocket frames as a client sees them (RFC 6455 §5): parsing what the server sends, writing what it may be sent.
//!
//! Borrowed from the bytes just read: nothing is copied. Strict where a server can be wrong:
//! reserved bits, masked frames, fragments, lengths not in their shortest form and long control
//! frames are refused with the reason. Scorewire sends one message as one frame, so a fragment is
//! a fault here although RFC 6455 would allow it.

use thiserror::Error;

/// A text message.
pub(crate) const TEXT: u8 = 0x1;
/// A binary message.
pub(crate) const BINARY: u8 = 0x2;
/// The other side closes; a 2-byte code and a reason may follow.
pub(crate) const CLOSE: u8 = 0x8;
/// Asks for a [`PONG`] with the same payload.
pub(crate) const PING: u8 = 0x9;
/// Answers a [`PING`].
pub(crate) const PONG: u8 = 0xA;

/// The reserved bit of a message that is compressed (RFC 7692 §6).
pub(crate) const RSV1: u8 = 0x40;

/// Longest payload taken from a server, in bytes.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 512 * 1024;

/// One whole frame within the bytes read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// [`TEXT`], [`BINARY`], [`CLOSE`], [`PING`] or [`PONG`].
    pub(crate) opcode: u8,
    /// Whether the payload is compressed.
    pub(crate) deflated: bool,
    /// The message.
    pub(crate) payload: &'a [u8],
    /// Header and payload, in bytes.
    pub(crate) wire_bytes: usize,
}

/// What makes bytes from a server no valid frame.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// RSV1–3 without an extension, or on a control frame, or an opcode that does not exist.
    #[error("reserved bits or opcode in the frame's first byte {0:#04x}")]
    Reserved(u8),
    /// FIN not set, or a continuation.
    #[error("a fragmented message; the server sends one message as one frame")]
    Fragmented,
    /// Servers never mask.
    #[error("a masked frame from a server")]
    Masked,
    /// A length that would have fitted into fewer bytes, or a control frame over 125 bytes.
    #[error("a payload length of {0} in the wrong form")]
    Length(u64),
    /// Over [`PAYLOAD_BYTES_MAX`].
    #[error("a payload of {0} bytes; at most {PAYLOAD_BYTES_MAX} are taken")]
    TooLong(u64),
}

/// The first frame in `bytes`, or nothing where more bytes are needed. A message may have those of the reserved
/// bits that are in `reserved`: 0, or [`RSV1`] where compression was agreed on.
pub(crate) fn first(bytes: &[u8], reserved: u8) -> Result<Option<Frame<'_>>, FrameError> {
    let [head, len7, rest @ ..] = bytes else { return Ok(None) };
    let opcode = head & 0x0F;
    let reserved = if opcode < CLOSE { reserved } else { 0 };
    if head & 0x70 & !reserved != 0 || !matches!(opcode, 0..=2 | 8..=10) {
        return Err(FrameError::Reserved(*head));
    }
    if head & 0x80 == 0 || opcode == 0 {
        return Err(FrameError::Fragmented);
    }
    if len7 & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let (extra, payload_bytes, least) = match (len7, rest) {
        (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b])), 126),
        (127, [a, b, c, d, e, f, g, h, ..]) => (8, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 65_536),
        (126 | 127, _) => return Ok(None),
        (short, _) => (0, u64::from(*short), 0),
    };
    if payload_bytes < least || (opcode >= CLOSE && payload_bytes > 125) {
        return Err(FrameError::Length(payload_bytes));
    }
    let length = usize::try_from(payload_bytes)
        .ok()
        .filter(|&n| n <= PAYLOAD_BYTES_MAX)
        .ok_or(FrameError::TooLong(payload_bytes))?;
    let Some(payload) = rest.get(extra..extra + length) else {
        return Ok(None);
    };
    Ok(Some(Frame {
        opcode,
        deflated: head & RSV1 != 0,
        payload,
        wire_bytes: 2 + extra + length,
    }))
}

/// A client's frame, masked as RFC 6455 demands. The mask is constant: it protects proxies from
/// pages, and there are neither here.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5c, 0x0e, 0x31, 0xa7];
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(0x80 | opcode);
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        medium @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unmasked frame as a server writes it.
    fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = masked(opcode, payload);
        let mask_at = bytes.len() - payload.len() - 4;
        bytes[1] &= 0x7F;
        bytes.truncate(mask_at);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn every_length_form_is_read_and_every_split_waits() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let bytes = server_frame(TEXT, &payload);
            for cut in (0..bytes.len()).filter(|&cut| cut < 20 || cut + 20 > bytes.len() || cut % 997 == 0) {
                assert_eq!(first(&bytes[..cut], 0), Ok(None), "{length} bytes cut at {cut}");
            }
            let frame = first(&bytes, 0).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload, frame.wire_bytes), (TEXT, &payload[..], bytes.len()));
        }
    }

    #[test]
    fn coalesced_frames_come_out_one_by_one() {
        let mut bytes = server_frame(TEXT, b"one");
        bytes.extend(server_frame(PING, b"?"));
        bytes.extend(server_frame(TEXT, &[b'x'; 300]));
        bytes.extend(&server_frame(TEXT, b"half")[..3]);
        let mut at = 0;
        let mut seen = Vec::new();
        while let Some(frame) = first(&bytes[at..], 0).unwrap() {
            seen.push((frame.opcode, frame.payload.len()));
            at += frame.wire_bytes;
        }
        assert_eq!(seen, [(TEXT, 3), (PING, 1), (TEXT, 300)]);
        assert_eq!(bytes.len() - at, 3, "the half frame stays for the next read");
    }

    #[test]
    fn what_a_server_must_not_send_is_refused() {
        assert_eq!(first(&[0xC1, 0], 0), Err(FrameError::Reserved(0xC1)));
        assert_eq!(first(&[0xA1, 0], RSV1), Err(FrameError::Reserved(0xA1)));
        assert_eq!(first(&[0xC9, 0], RSV1), Err(FrameError::Reserved(0xC9)));
        assert_eq!(first(&[0x83, 0], 0), Err(FrameError::Reserved(0x83)));
        assert_eq!(first(&[0x01, 0], 0), Err(FrameError::Fragmented));
        assert_eq!(first(&[0x80, 0], 0), Err(FrameError::Fragmented));
        assert_eq!(first(&masked(TEXT, b"no"), 0), Err(FrameError::Masked));
        assert_eq!(first(&[0x81, 126, 0, 125], 0), Err(FrameError::Length(125)));
        assert_eq!(
            first(&[0x81, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 0),
            Err(FrameError::Length(65_535))
        );
        assert_eq!(first(&[0x89, 126, 0, 200], 0), Err(FrameError::Length(200)));
        assert_eq!(first(&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], 0), Err(FrameError::TooLong(1 << 63)));
    }

    #[test]
    fn compressed_messages_are_told_apart_where_they_are_agreed_on() {
        let deflated = |first_byte| first(&[first_byte, 0], RSV1).unwrap().unwrap().deflated;
        assert_eq!([0xC1, 0xC2, 0x81, 0x89].map(deflated), [true, true, false, false]);
    }

    #[test]
    fn a_masked_frame_unmasks_to_its_payload() {
        let bytes = masked(TEXT, b"hello");
        assert_eq!(bytes[..2], [0x81, 0x85]);
        let mask = &bytes[2..6];
        let text: Vec<u8> = bytes[6..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        assert_eq!(text, b"hello");
    }
}
