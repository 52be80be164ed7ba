//! WebSocket frames, made and read by hand: right ones and wrong ones.

use super::http::Raw;
use crate::frames;
use serde_json::Value;
use std::net::SocketAddr;

pub(crate) const CONTINUE: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// The last frame of its message.
pub(crate) const FIN: u8 = 0x80;
/// The message is compressed.
pub(crate) const RSV1: u8 = 0x40;

const MASK: [u8; 4] = [7, 11, 13, 17];

/// A request for an upgrade; `headers` end in `\r\n` each.
pub(crate) fn upgrade(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

fn length(bytes: u64, masked: u8) -> Vec<u8> {
    match bytes {
        0..=125 => vec![masked | bytes as u8],
        126..=0xffff => [&[masked | 126], &(bytes as u16).to_be_bytes()[..]].concat(),
        _ => [&[masked | 127], &bytes.to_be_bytes()[..]].concat(),
    }
}

/// A masked frame. `first` is the first byte: FIN, reserved bits and opcode.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key);
    let mut frame = claim(first, payload.len() as u64);
    frame.extend(masked);
    frame
}

/// The header of a masked frame that claims so many bytes.
pub(crate) fn claim(first: u8, bytes: u64) -> Vec<u8> {
    [&[first], &length(bytes, 0x80)[..], &MASK].concat()
}

/// A frame as only a server may send it.
pub(crate) fn unmasked(first: u8, payload: &str) -> Vec<u8> {
    [&[first], &length(payload.len() as u64, 0)[..], payload.as_bytes()].concat()
}

pub(crate) fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | TEXT, payload)
}

/// What a server said.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Text(Value),
    Pong(Vec<u8>),
    Close(u16, String),
    End,
}

/// A WebSocket.
pub(crate) struct Ws {
    pub(crate) raw: Raw,
    pub(crate) answers_pings: bool,
    /// How many compressed messages came, where that was agreed on.
    pub(crate) inflated: Option<usize>,
}

impl Ws {
    pub(crate) fn open(address: SocketAddr, path: &str) -> Ws {
        Ws::open_with(address, path, &[])
    }

    /// Sends `early` in the same packet as the request.
    pub(crate) fn open_with(address: SocketAddr, path: &str, early: &[u8]) -> Ws {
        let mut raw = Raw::connect(address);
        raw.send([upgrade(path, "").as_bytes(), early].concat());
        let answer = raw.response().unwrap();
        assert_eq!(answer.status, 101, "{answer:?}");
        Ws::over(raw)
    }

    /// What follows an upgrade.
    pub(crate) fn over(raw: Raw) -> Ws {
        Ws {
            raw,
            answers_pings: true,
            inflated: None,
        }
    }

    /// Offers compression, which must be agreed on.
    pub(crate) fn open_deflating(address: SocketAddr, offer: &str) -> Ws {
        let mut raw = Raw::connect(address);
        raw.send(upgrade("/v1/ws", &format!("Sec-WebSocket-Extensions: {offer}\r\n")));
        let answer = raw.response().unwrap();
        let agreed = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert!(answer.status == 101 && answer.head.contains(agreed), "{answer:?}");
        Ws {
            inflated: Some(0),
            ..Ws::over(raw)
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.raw.send(bytes);
    }

    pub(crate) fn say(&mut self, message: &str) {
        self.send(text(message));
    }

    /// The next thing the server says, pings answered.
    pub(crate) fn next(&mut self) -> Said {
        loop {
            let Some((opcode, payload)) = self.frame() else { return Said::End };
            return match opcode {
                TEXT => Said::Text(serde_json::from_slice(&payload).unwrap()),
                PING => {
                    if self.answers_pings {
                        self.raw.try_send(frame(FIN | PONG, payload));
                    }
                    continue;
                }
                PONG => Said::Pong(payload),
                CLOSE if payload.len() >= 2 => Said::Close(
                    u16::from_be_bytes([payload[0], payload[1]]),
                    String::from_utf8(payload[2..].to_vec()).unwrap(),
                ),
                CLOSE => Said::Close(1005, String::new()),
                other => panic!("opcode {other}"),
            };
        }
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Value {
        match self.next() {
            Said::Text(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// Reads on to a message of that type.
    pub(crate) fn message_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.message();
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Reads on to the close frame, and past it to the end.
    pub(crate) fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next() {
                Said::Close(code, reason) => {
                    assert_eq!(self.next(), Said::End, "nothing follows a close frame");
                    return (code, reason);
                }
                Said::End => panic!("ended without a close frame"),
                _ => {}
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((header, payload)) = split(&self.raw.unread) {
                let first = self.raw.unread[0];
                let opcode = first & 0x0f;
                assert_eq!(first & 0xf0 & !RSV1, FIN, "a server sends whole frames");
                let mut payload: Vec<u8> = self.raw.unread.drain(..header + payload).skip(header).collect();
                if first & RSV1 != 0 {
                    assert_eq!(opcode, TEXT);
                    *self.inflated.as_mut().expect("an agreement") += 1;
                    payload = frames::inflate(&payload);
                }
                return Some((opcode, payload));
            }
            if !self.raw.more() {
                return None;
            }
        }
    }
}

/// Header and payload length of the whole frame that the bytes begin with.
fn split(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, payload) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= header + payload).then_some((header, payload))
}
