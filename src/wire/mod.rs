//! What goes over the wire: WebSocket frames, compression, server messages, client messages, close codes.
//!
//! Owns bytes and nothing else: no socket, no clock, no subscription. A server frame is encoded once,
//! header included, and shared by everyone it goes to. Bounded: a client's message by its caller's
//! limit, a server frame by what it shows.

pub mod bin;
pub mod client;
pub mod close;
pub mod contests;
pub mod deflate;
pub mod json;
pub mod message;
pub mod ws;

use client::{BadMessage, ClientMessage};
use message::ServerMessage;
use ws::{Frame, MessageType};

/// How messages are coded. A subprotocol each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Coding {
    /// `scorewire.v1.json`: an object in a text message.
    Json,
    /// `scorewire.v1.bin`: protobuf in a binary message, by `docs/scorewire.v1.proto`.
    Bin,
}

/// How messages look on one connection. Whoever shares a form shares the very same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Form {
    /// How they are coded.
    pub coding: Coding,
    /// Whether those that gain by it are compressed (`permessage-deflate`).
    pub deflated: bool,
}

impl Form {
    /// Plain JSON: what a client gets that asks for nothing else.
    pub const PLAIN: Form = Form {
        coding: Coding::Json,
        deflated: false,
    };

    /// The message as a frame of this form.
    pub fn frame(self, message: &ServerMessage<'_>) -> Frame {
        match self.coding {
            Coding::Json => Frame::text(|out| json::write(message, out)),
            Coding::Bin => Frame::binary(|out| bin::write(message, out)),
        }
    }
}

impl Coding {
    /// Every coding.
    pub const ALL: [Coding; 2] = [Coding::Json, Coding::Bin];

    /// The WebSocket subprotocol that stands for this coding.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Coding::Json => "scorewire.v1.json",
            Coding::Bin => "scorewire.v1.bin",
        }
    }

    /// What its messages are.
    pub fn message_type(self) -> MessageType {
        match self {
            Coding::Json => MessageType::Text,
            Coding::Bin => MessageType::Binary,
        }
    }

    /// The first of a client's list (`Sec-WebSocket-Protocol`) that this server speaks; JSON where the
    /// client lists none; nothing where it lists only others.
    pub fn choose<'a>(listed: impl Iterator<Item = &'a str>) -> Option<Coding> {
        let mut any = false;
        for name in listed
            .flat_map(|header| header.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            any = true;
            if let Some(coding) = Coding::ALL.into_iter().find(|coding| coding.subprotocol() == name) {
                return Some(coding);
            }
        }
        (!any).then_some(Coding::Json)
    }

    /// Reads a client's message.
    ///
    /// # Errors
    /// [`BadMessage`], for an `error` reply; the connection stays.
    pub fn read(self, message: &[u8]) -> Result<ClientMessage, BadMessage> {
        match self {
            Coding::Json => client::parse(message),
            Coding::Bin => bin::parse(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_subprotocol_is_chosen() {
        for (listed, chosen) in [
            (&[][..], Some(Coding::Json)),
            (&[" , "], Some(Coding::Json)),
            (&["other, scorewire.v1.json"], Some(Coding::Json)),
            (&["other", "scorewire.v1.json"], Some(Coding::Json)),
            (&["scorewire.v1.bin, scorewire.v1.json"], Some(Coding::Bin)),
            (&["scorewire.v1.json", "scorewire.v1.bin"], Some(Coding::Json)),
            (&["scorewire.v2.bin,scorewire.v1.bin"], Some(Coding::Bin)),
            (&["other", "scorewire.v1"], None),
        ] {
            assert_eq!(Coding::choose(listed.iter().copied()), chosen, "{listed:?}");
        }
    }
}
