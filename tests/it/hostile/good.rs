//! A client and a feed that do everything right, and must never notice what others do wrong.

use super::http::post;
use super::ws::Ws;
use std::net::SocketAddr;

/// Subscribed to one player and to the slate, with a feed of its own.
pub(crate) struct Good {
    ws: Ws,
    address: SocketAddr,
    plays: u64,
    seq: u64,
    yards: u64,
}

impl Good {
    pub(crate) fn watch(address: SocketAddr) -> Good {
        let mut ws = Ws::open(address, "/v1/ws");
        ws.say(r#"{"op":"subscribe","id":1,"topics":["player:good"]}"#);
        let seq = ws.message_of("subscribed")["topics"][0]["seq"].as_u64().unwrap();
        ws.message_of("snapshot");
        let mut good = Good {
            ws,
            address,
            plays: 0,
            seq,
            yards: 0,
        };
        good.misses_nothing();
        good
    }

    /// Says something and hears the answer, so that it never counts as silent.
    pub(crate) fn is_there(&mut self) {
        self.ws.say(r#"{"op":"ping","id":5}"#);
        let pong = self.ws.message();
        assert_eq!(pong["type"], "pong", "{pong}");
    }

    /// Posts plays and sees each of them, in order, without a gap.
    pub(crate) fn misses_nothing(&mut self) {
        for _ in 0..3 {
            self.plays += 1;
            self.yards += 7;
            let play = self.plays;
            let line =
                format!(r#"{{"type":"play","game":"good","play":"{play}","stats":[{{"player":"good","team":"NE","stat":15,"yards":7}}]}}"#);
            let answer = post(self.address, "Connection: close\r\n", line);
            assert_eq!((answer.status, &answer.json()["accepted"]), (200, &1.into()), "{answer:?}");
            let delta = self.ws.message_of("delta");
            assert_eq!(delta["prev"], self.seq, "{delta}");
            assert_eq!(delta["stats"]["passing_yards"], self.yards, "{delta}");
            self.seq = delta["seq"].as_u64().unwrap();
            assert_eq!(delta["prev"], self.seq - 1, "{delta}");
        }
    }
}
