//! WebSocket conformance over `/v1/echo`, byte by byte from outside and over both write paths: the shapes
//! that matter of what `tests/autobahn/run` runs in full.

use crate::frames::{Extension, Got, deflate, next_frame};
use crate::hostile::Server;
use crate::hostile::http::{Raw, get};
use crate::hostile::ws::{BINARY, CLOSE, CONTINUE, FIN, PING, PONG, RSV1, TEXT, claim, frame, upgrade};
use crate::support::skipped::skipped;
use scorewire::fanout::sockets::{WritePath, WriterSetting};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

const RSV2: u8 = 0x20;
const RSV3: u8 = 0x10;

/// What a connection ends with.
const END: Option<Got> = None;

const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Runs a test against a server of its own for each way of writing to sockets.
fn on_both_writers(test: impl Fn(SocketAddr)) {
    for writer in [WriterSetting::Send, WriterSetting::Uring] {
        if let Err(refused) = WritePath::for_shards(writer, 1, 1) {
            skipped(&refused.to_string());
            continue;
        }
        let server = Server::with(|config| {
            config.server.echo = true;
            config.fanout.writer = writer;
            config.clients.message_bytes_max = MESSAGE_BYTES_MAX;
        });
        test(server.address);
    }
}

/// A connection to `/v1/echo`.
struct Echo {
    raw: Raw,
    extension: Extension,
}

impl Echo {
    fn open(address: SocketAddr) -> Echo {
        Echo::offering(address, "").0
    }

    /// One that may compress its messages, and whose echoes may be compressed.
    fn open_deflating(address: SocketAddr) -> Echo {
        let (echo, head) = Echo::offering(address, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
        assert_eq!(echo.extension, Extension::Deflate, "{head}");
        echo
    }

    fn offering(address: SocketAddr, headers: &str) -> (Echo, String) {
        let mut raw = Raw::connect(address);
        raw.send(upgrade("/v1/echo", headers));
        let answer = raw.response().unwrap();
        assert_eq!(answer.status, 101, "{answer:?}");
        let extension = match answer.head.contains("permessage-deflate") {
            true => Extension::Deflate,
            false => Extension::None,
        };
        (Echo { raw, extension }, answer.head)
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.raw.send(bytes);
    }

    /// The next frame, and whether it is compressed.
    fn frame(&mut self) -> Option<(Got, bool)> {
        loop {
            if let Some((got, bytes)) = next_frame(&self.raw.unread, self.extension) {
                let is_deflated = self.raw.unread[0] & RSV1 != 0;
                self.raw.unread.drain(..bytes);
                return Some((got, is_deflated));
            }
            if !self.raw.more() {
                assert!(self.raw.unread.is_empty(), "half a frame");
                return None;
            }
        }
    }

    fn next(&mut self) -> Option<Got> {
        self.frame().map(|(got, _)| got)
    }

    /// The next frames, to the end.
    fn rest(mut self) -> Vec<Got> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

fn text(message: &str) -> Option<Got> {
    Some(Got::Text(message.to_owned()))
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, [&code.to_be_bytes()[..], reason].concat())
}

#[test]
fn messages_of_every_length_come_back_as_they_went() {
    on_both_writers(|address| {
        let mut echo = Echo::open(address);
        // Where lengths change their form, and one that no write takes whole.
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, MESSAGE_BYTES_MAX] {
            let message: String = ('a'..='z').cycle().take(length).collect();
            echo.send(frame(FIN | TEXT, &message));
            assert!(echo.next() == text(&message), "{length} bytes of text");
            let message: Vec<u8> = (0..=255).rev().cycle().take(length).collect();
            echo.send(frame(FIN | BINARY, &message));
            assert!(echo.next() == Some(Got::Binary(message)), "{length} bytes");
        }
        // However it arrives.
        let message = "x".repeat(70_000);
        for chop in frame(FIN | TEXT, &message).chunks(997) {
            echo.send(chop);
        }
        assert!(echo.next() == text(&message));
    });
}

#[test]
fn fragments_are_one_message_whatever_comes_between() {
    on_both_writers(|address| {
        let mut echo = Echo::open(address);
        for (opcode, whole) in [(TEXT, Got::Text("onetwo".into())), (BINARY, Got::Binary(b"onetwo".to_vec()))] {
            let parts = [
                frame(opcode, "one"),
                frame(FIN | PING, "1"),
                frame(CONTINUE, ""),
                frame(FIN | PONG, "not asked for"),
                frame(FIN | PING, [2; 125]),
                frame(CONTINUE, "two"),
                frame(FIN | CONTINUE, ""),
            ];
            for sent_at_once in [1, parts.len()] {
                for some in parts.chunks(sent_at_once) {
                    echo.send(some.concat());
                }
                assert_eq!(echo.next(), Some(Got::Pong(b"1".to_vec())));
                assert_eq!(echo.next(), Some(Got::Pong(vec![2; 125])));
                assert_eq!(echo.next().as_ref(), Some(&whole));
            }
        }
        for wrong in [
            frame(FIN | CONTINUE, "of nothing"),
            [frame(TEXT, "one"), frame(FIN | TEXT, "another")].concat(),
            [frame(TEXT, "one"), frame(FIN | BINARY, "another")].concat(),
            [frame(TEXT, "one"), frame(PING, "in parts")].concat(),
            [frame(TEXT, "one"), frame(FIN | PING, [0; 126])].concat(),
        ] {
            let mut echo = Echo::open(address);
            echo.send([frame(FIN | TEXT, "before"), wrong, frame(FIN | TEXT, "after")].concat());
            assert_eq!(echo.rest(), [Got::Text("before".into()), Got::Close(1002)]);
        }
    });
}

#[test]
fn reserved_bits_and_opcodes_are_refused() {
    on_both_writers(|address| {
        let bits = [RSV1, RSV2, RSV3, RSV1 | RSV2 | RSV3];
        let of_frames = bits
            .iter()
            .flat_map(|bits| [TEXT, BINARY, PING, PONG, CLOSE].map(|opcode| bits | opcode));
        let opcodes = (3..8).chain(11..16);
        for first in of_frames.chain(opcodes) {
            let mut echo = Echo::open(address);
            echo.send([frame(FIN | TEXT, "before"), frame(FIN | first, ""), frame(FIN | PING, "")].concat());
            assert_eq!(echo.rest(), [Got::Text("before".into()), Got::Close(1002)], "{first:x}");
        }
    });
}

#[test]
fn a_close_is_answered_by_what_it_says() {
    on_both_writers(|address| {
        let sent = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
        ];
        let never_sent = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
        let closes = [(frame(FIN | CLOSE, ""), 1000), (frame(FIN | CLOSE, [3]), 1002)]
            .into_iter()
            .chain(sent.map(|code| (close(code, "g\u{f6}".as_bytes()), 1000)))
            .chain(never_sent.map(|code| (close(code, b""), 1002)))
            .chain([
                (close(1000, &[b'x'; 123]), 1000),
                (close(1000, &[b'x'; 124]), 1002),
                (close(1000, &[0xce, 0xba, 0xe1, 0xbd]), 1007),
                ([frame(TEXT, "half"), close(1000, b"")].concat(), 1000),
            ]);
        for (bytes, code) in closes {
            let mut echo = Echo::open(address);
            // Nothing that follows a close is heard.
            echo.send(
                [&bytes, &frame(FIN | CONTINUE, "late"), &frame(FIN | PING, "late")]
                    .map(Vec::as_slice)
                    .concat(),
            );
            assert_eq!(echo.rest(), [Got::Close(code)], "{bytes:x?}");
        }
    });
}

/// Text was looked at when all of it had come: whoever sent what no rest could mend was let finish, up to
/// `message_bytes_max`. (Autobahn's cases 6.4.1 and 6.4.2.)
#[test]
fn text_is_utf_8_fragment_by_fragment() {
    on_both_writers(|address| {
        let word = "κόσμε \u{10ffff}\u{d7ff}\u{0}";
        let octets = |bytes: &[u8]| {
            let parts = bytes.iter().flat_map(|byte| frame(CONTINUE, [*byte]));
            [frame(TEXT, ""), parts.collect(), frame(FIN | CONTINUE, "")].concat()
        };
        let mut echo = Echo::open(address);
        echo.send(octets(word.as_bytes()));
        assert_eq!(echo.next(), text(word));
        let surrogate = &[0xed, 0xa0, 0x80][..];
        let beyond = &[0xf4, 0x90][..];
        let overlong = &[0xc0, 0xaf][..];
        for bad in [surrogate, beyond, overlong, &[0xff], &[0x80], &[0xce, b'x']] {
            let bytes = [word.as_bytes(), bad].concat();
            // Of a message that is not over yet.
            for parts in [
                [frame(TEXT, &bytes[..3]), frame(CONTINUE, &bytes[3..])].concat(),
                [frame(TEXT, &bytes[..bytes.len() - 1]), frame(CONTINUE, &bytes[bytes.len() - 1..])].concat(),
                frame(FIN | TEXT, &bytes),
                octets(&bytes),
            ] {
                let mut echo = Echo::open(address);
                echo.send(parts);
                assert_eq!(echo.rest(), [Got::Close(1007)], "{bad:x?}");
            }
            let mut echo = Echo::open(address);
            echo.send([frame(BINARY, &bytes[..3]), frame(FIN | CONTINUE, &bytes[3..])].concat());
            assert_eq!(echo.next(), Some(Got::Binary(bytes)), "bytes may be any");
        }
        let mut echo = Echo::open(address);
        echo.send([frame(TEXT, &word.as_bytes()[..3]), frame(FIN | CONTINUE, "")].concat());
        assert_eq!(echo.rest(), [Got::Close(1007)], "a character that never ends");
    });
}

#[test]
fn compressed_messages_come_back_compressed_where_that_is_smaller() {
    on_both_writers(|address| {
        let mut echo = Echo::open_deflating(address);
        let long = "compressed once and read again ".repeat(20_000);
        for message in ["", "short", &long] {
            let deflated = deflate(message.as_bytes());
            let (head, tail) = deflated.split_at(deflated.len() / 2);
            let whole = |opcode: u8| frame(FIN | RSV1 | opcode, &deflated);
            let parts = |opcode: u8| {
                [
                    frame(RSV1 | opcode, head),
                    frame(FIN | PING, "between"),
                    frame(CONTINUE, ""),
                    frame(FIN | CONTINUE, tail),
                ]
                .concat()
            };
            for (bytes, opcode) in [
                (whole(TEXT), TEXT),
                (whole(BINARY), BINARY),
                (parts(TEXT), TEXT),
                (parts(BINARY), BINARY),
                (frame(FIN | TEXT, message), TEXT),
            ] {
                echo.send(bytes);
                let mut next = echo.frame();
                if next == Some((Got::Pong(b"between".to_vec()), false)) {
                    next = echo.frame();
                }
                let got = match opcode {
                    TEXT => Got::Text(message.to_owned()),
                    _ => Got::Binary(message.as_bytes().to_vec()),
                };
                assert!(
                    next == Some((got, message.len() >= 200)),
                    "{} bytes, opcode {opcode}",
                    message.len()
                );
            }
        }
        for (bytes, code) in [
            ([frame(RSV1 | TEXT, deflate(b"x")), frame(FIN | RSV1 | CONTINUE, "")].concat(), 1002),
            (frame(FIN | RSV1 | PING, ""), 1002),
            (frame(FIN | RSV1 | RSV2 | TEXT, deflate(b"x")), 1002),
            (frame(FIN | RSV1 | TEXT, deflate(b"\xff")), 1007),
            (frame(FIN | RSV1 | BINARY, [0xff; 9]), 1007),
            (frame(FIN | RSV1 | BINARY, deflate(&vec![0; MESSAGE_BYTES_MAX + 1])), 1009),
        ] {
            let mut echo = Echo::open_deflating(address);
            echo.send(bytes);
            assert_eq!(echo.rest(), [Got::Close(code)]);
        }
    });
}

/// What is declined is declined: a compressed message is then a mistake, and nothing comes compressed.
#[test]
fn offers_are_taken_or_declined_as_on_ws() {
    on_both_writers(|address| {
        let long = "x".repeat(1_000);
        for (offer, agreed) in [
            ("permessage-deflate; server_max_window_bits=9", false),
            ("permessage-deflate; server_no_context_takeover; server_max_window_bits=9", false),
            ("permessage-deflate; server_max_window_bits=15", true),
            (
                "permessage-deflate; server_max_window_bits=9, permessage-deflate; server_no_context_takeover",
                true,
            ),
        ] {
            let (mut echo, head) = Echo::offering(address, &format!("Sec-WebSocket-Extensions: {offer}\r\n"));
            assert_eq!(echo.extension == Extension::Deflate, agreed, "{offer}: {head}");
            assert!(!head.contains("window_bits=9"), "{offer}: {head}");
            echo.send(frame(FIN | TEXT, &long));
            assert_eq!(echo.frame(), Some((Got::Text(long.clone()), agreed)));
            echo.send(frame(FIN | RSV1 | TEXT, deflate(b"x")));
            let expected = if agreed { text("x") } else { Some(Got::Close(1002)) };
            assert_eq!(echo.next(), expected, "{offer}");
        }
    });
}

#[test]
fn messages_over_the_limit_are_too_big() {
    on_both_writers(|address| {
        let most = MESSAGE_BYTES_MAX as u64;
        for bytes in [
            claim(FIN | BINARY, most + 1),
            [frame(BINARY, "x"), claim(FIN | CONTINUE, most)].concat(),
            claim(FIN | TEXT, i64::MAX as u64),
        ] {
            let mut echo = Echo::open(address);
            echo.send(bytes);
            assert_eq!(echo.rest(), [Got::Close(1009)]);
        }
    });
}

/// Who sends and takes nothing is not read any further; nothing is lost once it takes again.
#[test]
fn echoes_wait_for_a_client_that_does_not_read() {
    const MESSAGES: usize = 120;
    on_both_writers(|address| {
        let mut echo = Echo::open(address);
        let message = |number: usize| vec![number as u8; 50_000];
        let mut sending = echo.raw.stream.try_clone().unwrap();
        socket2::SockRef::from(&sending).set_send_buffer_size(64 * 1024).unwrap();
        let sender = std::thread::spawn(move || {
            for number in 0..MESSAGES {
                sending.write_all(&frame(FIN | BINARY, message(number))).unwrap();
            }
        });
        // More than sockets hold: it waits by now, or has yet to send what will make it.
        std::thread::sleep(Duration::from_millis(300));
        assert!(!sender.is_finished(), "the server holds what nobody takes");
        for number in 0..MESSAGES {
            assert!(echo.next() == Some(Got::Binary(message(number))), "message {number}");
        }
        sender.join().unwrap();
    });
}

#[test]
fn a_drain_closes_and_says_nothing_else() {
    let server = Server::with(|config| config.server.echo = true);
    let mut echo = Echo::open(server.address);
    echo.send(frame(FIN | TEXT, "hello"));
    assert_eq!(echo.next(), text("hello"), "no welcome comes before it");
    drop(server);
    assert_eq!(echo.next(), Some(Got::Close(4000)));
    assert_eq!(echo.next(), END);
}

#[test]
fn there_is_no_echo_unless_it_is_asked_for() {
    let server = Server::start();
    assert_eq!(get(server.address, "/v1/echo").status, 404);
    let echoing = Server::with(|config| config.server.echo = true);
    assert_eq!(get(echoing.address, "/v1/echo").status, 426);
}
