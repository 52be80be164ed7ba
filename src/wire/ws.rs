//! WebSocket framing, the server's side: RFC 6455 frames in, encoded frames out.
//!
//! `tungstenite` reads and writes the headers; what it leaves open is checked here: reserved bits,
//! masking, control-frame rules, shortest length form, fragments, UTF-8 and size. No buffer is kept
//! between frames unless a frame came in part: then it is the caller's stash.

use super::Form;
use super::close::CloseReason;
use super::deflate::Inflater;
use bytes::Bytes;
use std::borrow::Cow;
use std::io::Cursor;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A server frame, header included, ready for any socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    payload_at: u8,
}

impl Frame {
    /// A text message. `encode` appends the payload.
    pub fn text(encode: impl FnOnce(&mut Vec<u8>)) -> Frame {
        Frame::data(Data::Text, 512, encode)
    }

    /// A binary message. `encode` appends the payload.
    pub fn binary(encode: impl FnOnce(&mut Vec<u8>)) -> Frame {
        Frame::data(Data::Binary, 256, encode)
    }

    /// `bytes` is room for most messages of that kind.
    fn data(data: Data, bytes: usize, encode: impl FnOnce(&mut Vec<u8>)) -> Frame {
        // Room for the longest header; the one needed is put right before the payload.
        let mut buffer = Vec::with_capacity(bytes);
        buffer.extend_from_slice(&[0; HEADER_BYTES_MAX]);
        encode(&mut buffer);
        let payload = buffer.len() - HEADER_BYTES_MAX;
        let header = header(OpCode::Data(data), payload);
        let start = HEADER_BYTES_MAX - header.len();
        buffer[start..HEADER_BYTES_MAX].copy_from_slice(&header);
        Frame {
            bytes: Bytes::from(buffer).slice(start..),
            payload_at: header.len() as u8,
        }
    }

    /// A control frame. Payloads over 125 bytes are cut.
    pub fn control(control: Control, payload: &[u8]) -> Frame {
        let payload = &payload[..payload.len().min(125)];
        let mut bytes = header(OpCode::Control(control), payload.len());
        let payload_at = bytes.len() as u8;
        bytes.extend_from_slice(payload);
        Frame {
            bytes: bytes.into(),
            payload_at,
        }
    }

    /// A close frame that says why.
    pub fn close(reason: CloseReason) -> Frame {
        let mut payload = reason.code().to_be_bytes().to_vec();
        payload.extend_from_slice(reason.name().as_bytes());
        Frame::control(Control::Close, &payload)
    }

    /// The same frame in memory of its own.
    pub fn copied(&self) -> Frame {
        Frame {
            bytes: Bytes::copy_from_slice(&self.bytes),
            payload_at: self.payload_at,
        }
    }

    /// The same message with its payload compressed.
    pub(super) fn with_deflated(&self, payload: &[u8]) -> Frame {
        let mut bytes = header(OpCode::Data(Data::Text), payload.len());
        bytes[0] = self.bytes[0] | COMPRESSED;
        let payload_at = bytes.len() as u8;
        bytes.reserve_exact(payload.len());
        bytes.extend_from_slice(payload);
        Frame {
            bytes: bytes.into(),
            payload_at,
        }
    }

    /// Whether the payload is compressed: only who agreed to that can read it.
    pub fn is_deflated(&self) -> bool {
        self.bytes[0] & COMPRESSED != 0
    }

    /// Header and payload.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The payload alone: of a frame that is not compressed, what SSE and plain HTTP send.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload_at as usize..]
    }
}

const HEADER_BYTES_MAX: usize = 10;

/// RSV1 in a frame's first byte: the message is compressed (RFC 7692, 6).
const COMPRESSED: u8 = 0x40;

fn header(opcode: OpCode, payload: usize) -> Vec<u8> {
    let header = FrameHeader {
        is_final: true,
        opcode,
        ..FrameHeader::default()
    };
    let mut bytes = Vec::with_capacity(HEADER_BYTES_MAX);
    header.format(payload as u64, &mut bytes).expect("a Vec takes every byte");
    bytes
}

/// As what part of `message_bytes_max` a compressed message has to come. What a client has to say shrinks
/// further; what was made to keep an inflater busy (a new code every 32 bytes) costs 0.2 µs a byte.
const DEFLATED_SHARE: usize = 4;

/// What a message is, as the opcode of its first frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageType {
    /// Text, in UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Something whole that a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// A message, of the type that was agreed on where one was.
    Message(MessageType, Vec<u8>),
    /// A ping, to be answered with the same payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// A close frame.
    Close,
}

impl Said {
    /// Bytes of what was said.
    pub fn bytes(&self) -> usize {
        match self {
            Said::Message(_, bytes) | Said::Ping(bytes) => bytes.len(),
            Said::Pong | Said::Close => 0,
        }
    }
}

/// Reads one client's frames. Holds a message only while its fragments are incomplete.
#[derive(Debug)]
pub struct Reader {
    /// The one type of message that was agreed on; nothing where any is taken.
    agreed: Option<MessageType>,
    /// Whether messages may be compressed.
    may_deflate: bool,
    /// What the message in fragments is, and whether it is compressed.
    message_type: MessageType,
    is_deflated: bool,
    fragments: Option<Vec<u8>>,
}

impl Reader {
    /// A reader of messages in that form; compressed or not, where compression was agreed on.
    pub fn new(form: Form) -> Reader {
        Reader {
            agreed: Some(form.coding.message_type()),
            ..Reader::of_any_type(form)
        }
    }

    /// The same, of text and binary messages alike.
    pub fn of_any_type(form: Form) -> Reader {
        Reader {
            agreed: None,
            may_deflate: form.deflated,
            message_type: form.coding.message_type(),
            is_deflated: false,
            fragments: None,
        }
    }

    /// Whether a message in fragments has begun.
    pub fn is_within_message(&self) -> bool {
        self.fragments.is_some()
    }

    /// Bytes of an incomplete message.
    pub fn held_bytes(&self) -> usize {
        self.fragments.as_ref().map_or(0, Vec::len)
    }

    /// Takes the next whole frame off the front of `input` (which is unmasked in place) and moves
    /// `input` past it. `Ok(None)`: more bytes are needed, or a fragment was put by.
    /// `message_bytes_max` bounds a message, fragments together; of a compressed one, what it inflates to,
    /// and a quarter of it what comes in.
    ///
    /// # Errors
    /// The reason to close with.
    pub fn next(&mut self, input: &mut &mut [u8], message_bytes_max: usize, inflater: &mut Inflater) -> Result<Option<Said>, CloseReason> {
        loop {
            let Some((header, header_bytes, payload_bytes)) = self.parse_header(input)? else {
                return Ok(None);
            };
            let is_control = matches!(header.opcode, OpCode::Control(_));
            let (held, is_deflated) = match &self.fragments {
                Some(fragments) => (fragments.len(), self.is_deflated),
                None => (0, header.rsv1),
            };
            let bytes_max = message_bytes_max / if is_deflated { DEFLATED_SHARE } else { 1 };
            if !is_control && payload_bytes.saturating_add(held as u64) > bytes_max as u64 {
                return Err(CloseReason::TooBig);
            }
            let end = header_bytes + payload_bytes as usize;
            if input.len() < end {
                return Ok(None);
            }
            let (frame, rest) = std::mem::take(input).split_at_mut(end);
            *input = rest;
            let payload = &mut frame[header_bytes..];
            unmask(payload, header.mask.ok_or(CloseReason::Protocol)?);
            if let Some(said) = self.frame(&header, payload, message_bytes_max, inflater)? {
                return Ok(Some(said));
            }
        }
    }

    fn frame(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        message_bytes_max: usize,
        inflater: &mut Inflater,
    ) -> Result<Option<Said>, CloseReason> {
        match header.opcode {
            OpCode::Control(Control::Ping) => Ok(Some(Said::Ping(payload.to_vec()))),
            OpCode::Control(Control::Pong) => Ok(Some(Said::Pong)),
            OpCode::Control(Control::Close) => check_close(payload).map(|()| Some(Said::Close)),
            OpCode::Data(data @ (Data::Text | Data::Binary)) => {
                if self.fragments.is_some() {
                    return Err(CloseReason::Protocol);
                }
                let message_type = match data {
                    Data::Text => MessageType::Text,
                    _ => MessageType::Binary,
                };
                if self.agreed.is_some_and(|agreed| agreed != message_type) {
                    return Err(CloseReason::Unsupported);
                }
                (self.message_type, self.is_deflated) = (message_type, header.rsv1);
                if header.is_final {
                    return self.message(Cow::Borrowed(payload), message_bytes_max, inflater);
                }
                self.put_by(Vec::new(), payload)
            }
            OpCode::Data(Data::Continue) => {
                let mut message = self.fragments.take().ok_or(CloseReason::Protocol)?;
                if header.is_final {
                    message.extend_from_slice(payload);
                    return self.message(Cow::Owned(message), message_bytes_max, inflater);
                }
                self.put_by(message, payload)
            }
            _ => Err(CloseReason::Protocol),
        }
    }

    /// Adds a fragment that is not the last to those before it. Text is looked at at once, where it can be
    /// read: nobody need send the rest of what no rest can mend.
    fn put_by(&mut self, mut message: Vec<u8>, fragment: &[u8]) -> Result<Option<Said>, CloseReason> {
        let before = message.len();
        message.extend_from_slice(fragment);
        let can_be_read = self.message_type == MessageType::Text && !self.is_deflated;
        if can_be_read && !begins_utf8(&message[last_char(&message[..before])..]) {
            return Err(CloseReason::NotUtf8);
        }
        self.fragments = Some(message);
        Ok(None)
    }

    /// All of a message, as it came.
    fn message(&self, payload: Cow<'_, [u8]>, message_bytes_max: usize, inflater: &mut Inflater) -> Result<Option<Said>, CloseReason> {
        let message = match self.is_deflated {
            true => inflater.message(&payload, message_bytes_max)?,
            false => payload.into_owned(),
        };
        if self.message_type == MessageType::Text && std::str::from_utf8(&message).is_err() {
            return Err(CloseReason::NotUtf8);
        }
        Ok(Some(Said::Message(self.message_type, message)))
    }

    fn parse_header(&self, input: &[u8]) -> Result<Option<(FrameHeader, usize, u64)>, CloseReason> {
        let mut cursor = Cursor::new(input);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| CloseReason::Protocol)?;
        let Some((header, payload_bytes)) = parsed else { return Ok(None) };
        let is_control = matches!(header.opcode, OpCode::Control(_));
        // A compressed message says so in its first frame, and only there.
        let may_be_deflated = self.may_deflate && matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        let reserved = (header.rsv1 && !may_be_deflated) || header.rsv2 || header.rsv3;
        let longer_than_needed = match input[1] & 0x7f {
            126 => payload_bytes < 126,
            127 => payload_bytes <= u64::from(u16::MAX) || payload_bytes >> 63 != 0,
            _ => false,
        };
        let bad_control = is_control && (!header.is_final || payload_bytes > 125);
        if reserved || longer_than_needed || bad_control || header.mask.is_none() {
            return Err(CloseReason::Protocol);
        }
        Ok(Some((header, cursor.position() as usize, payload_bytes)))
    }
}

/// A close frame is empty, or a code that may be sent and a UTF-8 reason.
fn check_close(payload: &[u8]) -> Result<(), CloseReason> {
    if payload.is_empty() {
        return Ok(());
    }
    let [high, low, reason @ ..] = payload else {
        return Err(CloseReason::Protocol);
    };
    match u16::from_be_bytes([*high, *low]) {
        1000..=1003 | 1007..=1014 | 3000..=4999 => {}
        _ => return Err(CloseReason::Protocol),
    }
    std::str::from_utf8(reason).map(|_| ()).map_err(|_| CloseReason::NotUtf8)
}

/// Where the last character of a text begins, be it whole or cut; all before it is.
fn last_char(text: &[u8]) -> usize {
    text.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0)
}

/// Whether a text may begin so: in UTF-8, but for a character cut at its end.
fn begins_utf8(text: &[u8]) -> bool {
    std::str::from_utf8(text).map_or_else(|error| error.error_len().is_none(), |_| true)
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut words = payload.chunks_exact_mut(4);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests;
