//! The upgrade to a WebSocket, and what is agreed on with it: how messages are written, and whether compressed.

use crate::target::Target;
use crate::{binary, frames};
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The sample nonce of RFC 6455 §1.3, and what a server must make of it. A server can't tell it
/// from a random one, and the load test needs no SHA-1.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What is offered, and what must be granted: each message by itself, in both directions.
const DEFLATE: [&str; 3] = ["permessage-deflate", "server_no_context_takeover", "client_no_context_takeover"];

/// Longest answer to the upgrade request, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// How messages are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum Coding {
    /// Text, `scorewire.v1.json`
    #[default]
    Json,
    /// Protobuf, `scorewire.v1.bin`
    Bin,
}

/// What is agreed on when a connection is upgraded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Protocol {
    /// The subprotocol.
    pub(crate) coding: Coding,
    /// Whether messages may come compressed (`permessage-deflate`, no context taken over).
    pub(crate) deflate: bool,
}

impl Coding {
    fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "scorewire.v1.json",
            Self::Bin => "scorewire.v1.bin",
        }
    }

    /// The kind of frame that a message is.
    pub(crate) fn opcode(self) -> u8 {
        match self {
            Self::Json => frames::TEXT,
            Self::Bin => frames::BINARY,
        }
    }

    /// The frame of a client's message, which is given in the JSON form.
    pub(crate) fn frame(self, message: &Value) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Json => frames::masked(frames::TEXT, message.to_string().as_bytes()),
            Self::Bin => frames::masked(frames::BINARY, &binary::encode(message)?),
        })
    }

    /// A server's message in the JSON form.
    pub(crate) fn read(self, message: &[u8]) -> Result<Value> {
        match self {
            Self::Json => serde_json::from_slice(message).context("a message that is no JSON"),
            Self::Bin => binary::decode(message).context("a message that is not what the schema says"),
        }
    }
}

impl Protocol {
    /// As reports call it.
    pub(crate) fn name(self) -> &'static str {
        match (self.coding, self.deflate) {
            (Coding::Json, false) => "json",
            (Coding::Json, true) => "json+deflate",
            (Coding::Bin, false) => "bin",
            (Coding::Bin, true) => "bin+deflate",
        }
    }

    /// The reserved bits that a frame may have.
    pub(crate) fn reserved(self) -> u8 {
        if self.deflate { frames::RSV1 } else { 0 }
    }

    /// The request that asks for it.
    pub(crate) fn request(self, target: &Target) -> Vec<u8> {
        let (Target { host, path, .. }, authorization) = (target, target.authorization());
        let extensions = match self.deflate {
            true => format!("Sec-WebSocket-Extensions: {}\r\n", DEFLATE.join("; ")),
            false => String::new(),
        };
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {}\r\n{extensions}\r\n",
            self.coding.subprotocol()
        )
        .into_bytes()
    }

    /// Length of the answer, 0 where it is not whole yet. An error where not all is granted, or more.
    pub(crate) fn granted(self, bytes: &[u8]) -> Result<usize> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            ensure!(bytes.len() <= ANSWER_BYTES_MAX, "an endless answer to the upgrade");
            return Ok(0);
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        let status = head.lines().next().unwrap_or_default();
        let hint = match status.split(' ').nth(1) {
            Some("404") => ": is the path in --url right?",
            Some("401" | "403") => ": does it need a token? (--token-file)",
            _ => "",
        };
        ensure!(status.split(' ').nth(1) == Some("101"), "the upgrade was refused: {status}{hint}");
        let header = |wanted: &str| {
            head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        let accept = header("sec-websocket-accept");
        ensure!(accept == Some(ACCEPT), "Sec-WebSocket-Accept is {accept:?} and must be {ACCEPT:?}");
        let (coding, due) = (header("sec-websocket-protocol"), self.coding.subprotocol());
        ensure!(
            coding == Some(due),
            "the server does not speak {due}: Sec-WebSocket-Protocol is {coding:?}"
        );
        match header("sec-websocket-extensions") {
            None if self.deflate => bail!("the server does not compress: it granted no permessage-deflate"),
            None => {}
            Some(extension) if !self.deflate => bail!("an extension that nobody asked for: {extension}"),
            Some(extension) => {
                let mut parts: Vec<&str> = extension.split(';').map(str::trim).collect();
                parts[1..].sort_unstable_by(|one, other| other.cmp(one));
                ensure!(
                    parts == DEFLATE,
                    "the server granted {extension} and must grant {}",
                    DEFLATE.join("; ")
                );
            }
        }
        Ok(end + 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFLATING: Protocol = Protocol {
        coding: Coding::Bin,
        deflate: true,
    };

    fn answer(coding: &str, more: &str) -> Vec<u8> {
        format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\nSec-WebSocket-Protocol: {coding}\r\n{more}\r\n")
            .into_bytes()
    }

    #[test]
    fn the_answer_is_checked_once_it_is_whole() {
        let json = Protocol::default();
        let good = [&answer("scorewire.v1.json", "")[..], b"rest"].concat();
        assert_eq!(json.granted(&good[..30]).unwrap(), 0);
        assert_eq!(json.granted(&good).unwrap(), good.len() - 4);
        let refused = json.granted(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap_err().to_string();
        assert!(refused.contains("503 Busy"), "{refused}");
        let wrong_path = json.granted(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap_err().to_string();
        assert!(wrong_path.ends_with("404 Not Found: is the path in --url right?"), "{wrong_path}");
        assert!(json.granted(b"HTTP/1.1 101 Ok\r\nSec-WebSocket-Accept: nonsense\r\n\r\n").is_err());
        assert!(json.granted(&[b'x'; ANSWER_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn what_was_asked_for_must_be_granted_and_nothing_else() {
        let refused = |protocol: Protocol, coding, more| format!("{:#}", protocol.granted(&answer(coding, more)).unwrap_err());
        let deflate = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n";
        assert!(DEFLATING.granted(&answer("scorewire.v1.bin", deflate)).unwrap() > 0);
        assert!(refused(DEFLATING, "scorewire.v1.bin", "").contains("granted no permessage-deflate"));
        assert!(refused(DEFLATING, "scorewire.v1.json", deflate).contains("does not speak scorewire.v1.bin"));
        let with_context = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n";
        assert!(refused(DEFLATING, "scorewire.v1.bin", with_context).contains("must grant"));
        assert!(refused(Protocol::default(), "scorewire.v1.json", deflate).contains("nobody asked for"));
    }

    #[test]
    fn only_what_is_wanted_is_asked_for() {
        let asked = |protocol: Protocol| String::from_utf8(protocol.request(&Target::parse("127.0.0.1/p", None).unwrap())).unwrap();
        let (json, deflating) = (asked(Protocol::default()), asked(DEFLATING));
        assert!(json.contains("\r\nSec-WebSocket-Protocol: scorewire.v1.json\r\n\r\n") && !json.contains("Extensions"));
        assert!(deflating.contains("scorewire.v1.bin\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "));
    }
}
