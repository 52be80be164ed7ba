//! WebSocket frames and server-sent events as a client reads and writes them, written from the RFC and
//! sharing no code with the server.

use crate::chance::Chance;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// How `permessage-deflate` is spoken by one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extension {
    None,
    Deflate,
}

/// What a flush leaves at the end, and a message leaves out.
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];

pub(crate) fn deflate(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 8 + 64);
    let mut compress = Compress::new(Compression::default(), false);
    compress.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(
        (compress.total_in(), out.split_off(out.len() - 4)),
        (message.len() as u64, FLUSHED.to_vec())
    );
    out
}

pub(crate) fn inflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let mut inflate = Decompress::new(false);
    let whole = [payload, &FLUSHED].concat();
    inflate.decompress_vec(&whole, &mut out, FlushDecompress::Sync).unwrap();
    assert_eq!(inflate.total_in(), whole.len() as u64, "all of it, in a megabyte");
    out
}

/// A frame from the server.
#[derive(Debug, PartialEq)]
pub(crate) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16),
}

/// Takes the next whole frame off the front: what it was and how many bytes it took.
pub(crate) fn next_frame(bytes: &[u8], extension: Extension) -> Option<(Got, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let is_deflated = first & 0x40 != 0;
    assert_eq!(first & 0xb0, 0x80, "the server sends whole messages");
    let may_be_deflated = extension == Extension::Deflate && matches!(first & 0x0f, 1 | 2);
    assert!(may_be_deflated || !is_deflated, "nobody agreed to that");
    assert_eq!(second & 0x80, 0, "the server does not mask");
    let (length, at) = match second & 0x7f {
        126 => (u16::from_be_bytes(*rest.first_chunk()?) as usize, 4),
        127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
        short => (short as usize, 2),
    };
    let payload = bytes.get(at..at + length)?;
    let got = match first & 0x0f {
        0x1 if is_deflated => Got::Text(String::from_utf8(inflate(payload)).expect("text is UTF-8")),
        0x1 => Got::Text(String::from_utf8(payload.to_vec()).expect("text is UTF-8")),
        0x2 if is_deflated => Got::Binary(inflate(payload)),
        0x2 => Got::Binary(payload.to_vec()),
        0x8 => Got::Close(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))),
        0x9 => Got::Ping(payload.to_vec()),
        0xa => Got::Pong(payload.to_vec()),
        other => panic!("opcode {other}"),
    };
    Some((got, at + length))
}

/// A client's frame. Of `opcode`, also the reserved bits.
pub(crate) fn client_frame(opcode: u8, is_final: bool, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![u8::from(is_final) << 7 | opcode];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A message, at times in fragments with a ping between them; compressed at times, where that was
/// agreed on.
pub(crate) fn client_message(opcode: u8, message: &[u8], extension: Extension, chance: &mut Chance) -> Vec<u8> {
    let mask = (chance.next() as u32).to_be_bytes();
    let (first, payload) = if extension == Extension::Deflate && chance.percent(70) {
        (0x40 | opcode, deflate(message))
    } else {
        (opcode, message.to_vec())
    };
    if payload.is_empty() || chance.percent(80) {
        return client_frame(first, true, &payload, mask);
    }
    let (head, tail) = payload.split_at(chance.below(payload.len()));
    let mut frames = client_frame(first, false, head, mask);
    frames.extend(client_frame(9, true, b"between", mask));
    frames.extend(client_frame(0, true, tail, mask));
    frames
}

/// The next whole server-sent event: its id and data (nothing for a comment), and its bytes.
#[allow(clippy::type_complexity, reason = "a parser's result, used once")]
pub(crate) fn next_event(bytes: &[u8]) -> Option<(Option<(Option<String>, String)>, usize)> {
    let end = bytes.windows(2).position(|two| two == b"\n\n")? + 2;
    let event = std::str::from_utf8(&bytes[..end]).expect("events are UTF-8");
    let (mut id, mut data) = (None, None);
    for line in event.lines() {
        match line.split_once(": ") {
            Some(("id", value)) => id = Some(value.to_owned()),
            Some(("retry", after_ms)) => assert!(after_ms.parse::<u64>().is_ok(), "{line}"),
            Some(("data", value)) => data = Some(value.to_owned()),
            _ => assert!(line.is_empty() || line.starts_with(':'), "a line of an event: {line}"),
        }
    }
    Some((data.map(|data| (id, data)), end))
}
