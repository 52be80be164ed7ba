//! `permessage-deflate` over real sockets, with a client that shares no code with the server.

use crate::frames::deflate;
use crate::hostile::Server;
use crate::hostile::good::Good;
use crate::hostile::http::{ask, post};
use crate::hostile::ws::{BINARY, CONTINUE, FIN, PING, RSV1, TEXT, Ws, claim, frame, upgrade};
use serde_json::Value;

const OFFER: &str = "permessage-deflate; client_max_window_bits";
const PING_MESSAGE: &str = r#"{"op":"ping","id":4}"#;
const SUBSCRIBE: &str = r#"{"op":"subscribe","topics":["game:g","player:p","slate"]}"#;

fn feed(server: &Server, line: &str) {
    let answer = post(server.address, "Connection: close\r\n", line);
    assert_eq!(answer.json()["accepted"], 1, "{answer:?}");
}

/// A play that many have a part in: its frames are worth compressing.
fn play(number: u64) -> String {
    let record = |place: u64| format!(r#"{{"player":"p{place}","team":"NE","stat":10,"yards":{place}}}"#);
    let records: Vec<String> = (0..8).map(record).collect();
    format!(
        r#"{{"type":"play","game":"g","play":"{number}","stats":[{{"player":"p","team":"NE","stat":10,"yards":7}},{}]}}"#,
        records.join(",")
    )
}

/// Everything up to the next `count` snapshots and deltas, times left out: each socket has its own.
fn frames(ws: &mut Ws, count: usize) -> Vec<Value> {
    let mut frames = Vec::new();
    while frames.len() < count {
        let mut message = ws.message();
        if message["type"] == "snapshot" || message["type"] == "delta" {
            message.as_object_mut().unwrap().remove("encode_us");
            frames.push(message);
        }
    }
    frames
}

#[test]
fn compressed_or_not_everyone_is_told_the_same() {
    let server = Server::start();
    feed(&server, &play(0));
    let mut plain = Ws::open(server.address, "/v1/ws");
    let mut deflating: Vec<Ws> = [
        OFFER,
        "permessage-deflate",
        "x-other, permessage-deflate; server_max_window_bits=15",
    ]
    .iter()
    .map(|offer| Ws::open_deflating(server.address, offer))
    .collect();
    plain.say(SUBSCRIBE);
    let mut told = frames(&mut plain, 3);
    for (place, ws) in deflating.iter_mut().enumerate() {
        match place {
            0 => ws.say(SUBSCRIBE),
            1 => ws.send(frame(FIN | RSV1 | TEXT, deflate(SUBSCRIBE.as_bytes()))),
            // In fragments that mean nothing each by itself, a ping between them.
            _ => {
                let message = deflate(SUBSCRIBE.as_bytes());
                let (head, tail) = message.split_at(7);
                let parts = [
                    frame(RSV1 | TEXT, head),
                    frame(FIN | PING, "x"),
                    frame(CONTINUE, tail),
                    frame(FIN | CONTINUE, ""),
                ];
                ws.send(parts.concat());
                assert_eq!(ws.message()["type"], "welcome");
                assert_eq!(ws.next(), crate::hostile::ws::Said::Pong(b"x".to_vec()));
            }
        }
        assert_eq!(frames(ws, 3), told);
    }
    for number in 1..5 {
        feed(&server, &play(number));
        // The slate shows nothing of a play without a clock; the player and the game move.
        told = frames(&mut plain, 2);
        for ws in &mut deflating {
            assert_eq!(frames(ws, 2), told);
        }
    }
    for ws in &deflating {
        // Each delta, and the snapshot of the game; those of one player and of one game are small.
        assert!(ws.inflated >= Some(9), "{:?}", ws.inflated);
    }
}

#[test]
fn small_replies_stay_plain() {
    let server = Server::start();
    let mut ws = Ws::open_deflating(server.address, OFFER);
    ws.send(frame(FIN | RSV1 | TEXT, deflate(PING_MESSAGE.as_bytes())));
    ws.message_of("pong");
    assert_eq!(ws.inflated, Some(0));
}

#[test]
fn what_cannot_be_agreed_on_is_declined() {
    let server = Server::start();
    let off = Server::with(|config| config.clients.compression = false);
    for (address, offer) in [
        (server.address, "permessage-deflate; server_max_window_bits=10"),
        (server.address, "permessage-deflate; unknown"),
        (server.address, "x-webkit-deflate-frame"),
        (off.address, OFFER),
    ] {
        let request = upgrade("/v1/ws", &format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let answer = ask(address, &request);
        assert_eq!(
            (answer.status, answer.head.contains("sec-websocket-extensions")),
            (101, false),
            "{answer:?}"
        );
        // Without an agreement a compressed message is a mistake.
        let mut ws = Ws::open(address, "/v1/ws");
        ws.send(frame(FIN | RSV1 | TEXT, deflate(PING_MESSAGE.as_bytes())));
        assert_eq!(ws.closed().0, 1002);
    }
    let malformed = upgrade("/v1/ws", "Sec-WebSocket-Extensions: permessage-deflate; ;\r\n");
    let answer = ask(server.address, malformed);
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_websocket_extensions"));
}

#[test]
fn bombs_and_damage_get_a_close_code() {
    let server = Server::start();
    let mut good = Good::watch(server.address);
    // Fifteen megabytes of zeros in as many kilobytes, and ten gigabytes of them in ten megabytes, of
    // which the header is enough.
    let megabyte = [deflate(&vec![0; 1 << 20]), vec![0, 0, 0xff, 0xff]].concat();
    let bomb = megabyte.repeat(16_384 / megabyte.len());
    let in_parts = [frame(RSV1 | TEXT, &bomb[..8_000]), frame(FIN | CONTINUE, &bomb[8_000..])].concat();
    let deflated = deflate(PING_MESSAGE.as_bytes());
    for (what, bytes, code) in [
        ("a bomb", frame(FIN | RSV1 | TEXT, &bomb), 1009),
        ("a bomb in fragments", in_parts, 1009),
        ("a bomb as long as it takes", claim(FIN | RSV1 | TEXT, 10 << 20), 1009),
        ("no deflate", frame(FIN | RSV1 | TEXT, [0xff; 40]), 1007),
        ("no UTF-8 in it", frame(FIN | RSV1 | TEXT, deflate(b"{\"op\":\"\xff\"}")), 1007),
        ("a compressed ping", frame(FIN | RSV1 | PING, &deflated), 1002),
        (
            "compressed from its second fragment on",
            [frame(TEXT, ""), frame(FIN | RSV1 | CONTINUE, &deflated)].concat(),
            1002,
        ),
        ("binary", frame(FIN | RSV1 | BINARY, &deflated), 1003),
    ] {
        let mut ws = Ws::open_deflating(server.address, OFFER);
        ws.send(bytes);
        assert_eq!(ws.closed().0, code, "{what}");
    }
    good.misses_nothing();
}
