//! What goes over the wire: WebSocket frames, compression, server messages, client messages, close codes.
//!
//! Owns bytes and nothing else: no socket, no clock, no subscription. A server frame is encoded once,
//! header included, and shared by everyone it goes to. Bounded: a client's message by its caller's
//! limit, a server frame by what it shows.

pub mod client;
pub mod close;
pub mod deflate;
pub mod json;
pub mod ws;

/// How messages are coded. A subprotocol each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Coding {
    /// `scorewire.v1.json`.
    Json,
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
}

impl Coding {
    /// The WebSocket subprotocol that stands for this coding.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Coding::Json => "scorewire.v1.json",
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
            if name == Coding::Json.subprotocol() {
                return Some(Coding::Json);
            }
        }
        (!any).then_some(Coding::Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_subprotocol_is_chosen() {
        assert_eq!(Coding::choose([].into_iter()), Some(Coding::Json));
        assert_eq!(Coding::choose(["other, scorewire.v1.json"].into_iter()), Some(Coding::Json));
        assert_eq!(Coding::choose(["other", "scorewire.v1.json"].into_iter()), Some(Coding::Json));
        assert_eq!(Coding::choose(["other"].into_iter()), None);
    }
}
