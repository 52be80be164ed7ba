//! Crowds at a TLS server's door: so many are spoken to, the rest are hung up on, and all are counted.
//!
//! Each server is a process of its own, whose metrics count nobody else's clients.

use super::hostile::binary::{Served, a_moment, scorewire};
use super::hostile::http::{Raw, get};
use super::hostile::{PATIENCE, Stopwatch};
use super::support::wire::Identity;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use scorewire::server::tls::REFUSALS_MAX;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Handshakes that may be under way where that is bounded, and the setting.
const PLACES: usize = 4;
const HANDSHAKES_MAX: (&str, &str) = ("TLS_HANDSHAKES_MAX", "4");

/// Ten minutes, for what is counted: on a slow machine too, nobody's time is over before that.
const NO_TIME_LIMIT: (&str, &str) = ("HEADER_READ_TIMEOUT_MS", "600000");

/// A server of one shard; operators reach it over an address of their own, without TLS.
struct Door {
    identity: Identity,
    address: SocketAddr,
    admin: SocketAddr,
    #[expect(dead_code, reason = "it is killed when it is dropped")]
    served: Served,
}

impl Door {
    fn open(settings: &[(&str, &str)]) -> Door {
        let identity = Identity::new();
        let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
        let [cert, key] = identity.files();
        command.env("SCOREWIRE__SERVER__TLS_CERT", cert);
        command.env("SCOREWIRE__SERVER__TLS_KEY", key);
        command.env("SCOREWIRE__SERVER__ADMIN_BIND", "127.0.0.1:0");
        command.env("SCOREWIRE__SERVER__SHARDS", "1");
        for (key, value) in settings {
            command.env(format!("SCOREWIRE__SERVER__{key}"), value);
        }
        let served = Served::start(command);
        Door {
            identity,
            address: served.address("address"),
            admin: served.address("admin"),
            served,
        }
    }

    /// Those who connect and say nothing.
    fn crowd(&self, count: usize) -> Vec<Raw> {
        (0..count).map(|_| Raw::connect(self.address)).collect()
    }

    /// Shakes hands and asks for something.
    fn request(&self, path: &str) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut stream = Raw::connect(self.address).stream;
        let name = ServerName::from(self.address.ip());
        let config = self.identity.connector().config().clone();
        let mut connection = ClientConnection::new(config, name).unwrap();
        connection.complete_io(&mut stream)?;
        let mut stream = StreamOwned::new(connection, stream);
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }

    /// The whole answer to that; nothing where the server hung up instead.
    fn ask(&self, path: &str) -> Option<String> {
        let mut answer = String::new();
        self.request(path).ok()?.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Whether whoever asks is served.
    fn serves(&self) -> bool {
        self.ask("/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// An event stream, once it is open.
    fn stream(&self) -> impl Sized {
        let mut stream = self.request("/v1/sse?topics=slate").unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(start, *b"HTTP/1.1 200");
        stream
    }

    /// A metric's value now; 0 where it has no line.
    fn metric(&self, line: &str) -> usize {
        let page = String::from_utf8(get(self.admin, "/metrics").body).unwrap();
        let value = page.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0)
    }

    /// Handshakes that were done, failed, timed out, and were not begun.
    fn outcomes(&self) -> [usize; 4] {
        ["done", "failed", "timed_out", "shed"]
            .map(|outcome| self.metric(&format!("scorewire_tls_handshakes_total{{outcome=\"{outcome}\"}}")))
    }

    fn under_way(&self) -> usize {
        self.metric("scorewire_tls_handshakes_under_way")
    }
}

fn is_hung_up_on(raw: &Raw) -> bool {
    raw.stream.set_nonblocking(true).unwrap();
    let read = (&raw.stream).read(&mut [0]);
    raw.stream.set_nonblocking(false).unwrap();
    match read {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

fn hung_up_on(crowd: &[Raw]) -> usize {
    crowd.iter().filter(|raw| is_hung_up_on(raw)).count()
}

#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Stopwatch::start();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "never came about: {what}");
        a_moment();
    }
}

#[test]
fn a_full_server_turns_so_many_away_politely_and_hangs_up_on_the_rest() {
    let door = Door::open(&[("CONNECTIONS_MAX", "1"), NO_TIME_LIMIT]);
    let turned_away = || {
        let answer = door.ask("/healthz").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.contains("\"too_many_connections\"") && answer.contains("\"reconnect_after_ms\":"),
            "{answer}"
        );
    };
    let client = door.stream();
    turned_away();
    let crowd = door.crowd(REFUSALS_MAX + 8);
    eventually("the rest are hung up on", || hung_up_on(&crowd) == 8);
    assert_eq!(door.under_way(), REFUSALS_MAX);
    assert_eq!(door.ask("/healthz"), None, "nobody more is spoken to");
    let silent = crowd.len();
    drop(crowd);
    eventually("nothing is held for them", || door.under_way() == 0);
    turned_away();
    assert_eq!(door.metric("scorewire_connections_refused_total{reason=\"full\"}"), silent + 3);
    assert_eq!(door.outcomes(), [3, REFUSALS_MAX, 0, 0]);
    drop(client);
    eventually("room again", || door.serves());
}

#[test]
fn those_who_say_nothing_or_rubbish_are_no_more_than_so_many() {
    let door = Door::open(&[HANDSHAKES_MAX, NO_TIME_LIMIT]);
    assert!(door.serves(), "at once, where there is a place");
    let crowd = door.crowd(50);
    let silent = crowd.len();
    eventually("all but so many are hung up on", || hung_up_on(&crowd) == silent - PLACES);
    assert_eq!((door.under_way(), door.outcomes()), (PLACES, [1, 0, 0, silent - PLACES]));
    assert_eq!(get(door.admin, "/healthz").status, 200);
    drop(crowd);
    let mut tries = 0;
    eventually("served once they are gone", || {
        tries += 1;
        door.serves()
    });
    let mut rubbish = door.crowd(50);
    for raw in &mut rubbish {
        raw.try_send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    for raw in &mut rubbish {
        while raw.more() {}
    }
    let everyone = 1 + silent + tries + rubbish.len();
    eventually("everyone is accounted for", || door.outcomes().iter().sum::<usize>() == everyone);
    let [done, failed, timed_out, shed] = door.outcomes();
    assert_eq!((done, timed_out), (2, 0));
    assert!(failed > PLACES && shed >= silent - PLACES, "{failed} failed, {shed} shed");
    eventually("nothing is held for them", || door.under_way() == 0);
}

#[test]
fn whose_time_is_over_holds_nothing_any_more() {
    for (setting, count) in [(("CONNECTIONS_MAX", "1"), 1 + REFUSALS_MAX), (HANDSHAKES_MAX, PLACES)] {
        let door = Door::open(&[setting, ("HEADER_READ_TIMEOUT_MS", "1000")]);
        let mut silent = door.crowd(count);
        silent.iter_mut().for_each(Raw::ends_quietly);
        eventually("nothing is held for them", || door.under_way() == 0);
        assert_eq!(door.outcomes(), [0, 0, count, 0]);
        eventually("served", || door.serves());
    }
}
