//! TLS in the server: everything that holds for plain sockets, and those who do not speak it.

use super::drain::tells_everyone;
use super::feeds::Feed;
use super::hostile::http::Raw;
use super::hostile::{self, Stopwatch};
use super::stalled::{never_reads, wakes_up_late};
use super::support::client::Client;
use super::support::events::{game, play};
use super::support::holdings::Holdings;
use super::support::server::{Http, Server, Way};
use super::support::sse::Stream;
use super::support::wire::{Identity, connect};
use super::support::{eventually, run};
use futures_util::StreamExt;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

#[test]
fn a_client_that_never_reads_is_closed_and_others_notice_nothing() {
    run(never_reads(Way::Tls));
}

#[test]
fn a_client_that_wakes_up_too_far_behind_is_given_a_snapshot() {
    run(wakes_up_late(Way::Tls));
}

#[test]
fn a_drain_tells_everyone() {
    run(tells_everyone(Way::Tls));
}

fn first_play() -> Vec<u8> {
    let begin = game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]);
    format!("{begin}\n{}", play("g1", 1, 1, &[("x-1", "AAA", 10, 7)])).into_bytes()
}

#[test]
fn sockets_streams_the_page_and_plain_requests_are_served() {
    run(async {
        let server = Server::start_tls(|_| ());
        server.post_lines(first_play()).await;
        let topics = ["game:g1".to_owned(), "player:x-1".to_owned()];
        let mut client = Client::connect(&server).await;
        client.subscribe(&topics, "ppr").await;
        let mut stream = Stream::open(&server, &topics, "ppr", Holdings::default(), None).await;
        for id in 2..20 {
            server.post_lines(play("g1", id, 1, &[("x-1", "AAA", 10, 1)]).into_bytes()).await;
        }
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        stream.catch_up(&server).await;
        stream.holdings.assert_equal_http(&server).await;
        let (holdings, epoch) = client.cut();
        server.post_lines(play("g1", 20, 1, &[("x-1", "AAA", 10, 1)]).into_bytes()).await;
        let mut client = Client::come_back(&server, holdings).await;
        assert_eq!(client.resume(&topics, "ppr", &epoch).await, 2);
        client.catch_up(&server).await;
        client.holdings.assert_equal_http(&server).await;
        assert!(server.get("/").await.text().contains("<html"));
        drop((client, stream));
        server.has_clients(0).await;
        server.end().await;
    });
}

#[test]
fn feeds_and_operators_with_addresses_of_their_own_stay_plain() {
    run(async {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start_tls(|config| {
            config.server.ingest_bind = Some(any);
            config.server.admin_bind = Some(any);
        });
        Http::new(server.running.ingest_address).post_lines(first_play()).await;
        assert!(
            Http::new(server.running.admin_address)
                .get("/metrics")
                .await
                .text()
                .contains("scorewire_")
        );
        assert_eq!(server.json("/v1/games").await["games"][0]["game"], "g1");
        server.end().await;
    });
}

/// Answered 101, a feed over TLS was hung up on. It is read by another runtime than shook hands: what came in
/// one breath, and long messages, must come whole, and a drain must reach it.
#[test]
fn a_feed_is_served_on_the_shared_address_and_on_a_plain_one() {
    run(async {
        for ingest_bind in [None, Some(SocketAddr::from(([127, 0, 0, 1], 0)))] {
            let server = Server::start_tls(|config| config.server.ingest_bind = ingest_bind);
            let http = match ingest_bind {
                None => server.http.clone(),
                Some(_) => Http::new(server.running.ingest_address),
            };
            let mut feed = Feed::connect(&http).await;
            let line = play("g1", 1, 1, &[("x-1", "AAA", 10, 7)]);
            feed.say(&line).await;
            assert_eq!(feed.answer().await["accepted"], 1);
            let long = format!("{line}\n").repeat(100_000 / (line.len() + 1));
            for ack in 2..20 {
                feed.say(&long).await;
                let answer = feed.answer().await;
                assert_eq!((&answer["ack"], &answer["accepted"]), (&ack.into(), &0.into()), "{answer}");
            }
            let (goodbye, ()) = tokio::join!(feed.answer(), server.end());
            assert_eq!((&goodbye["type"], &goodbye["code"]), (&"goodbye".into(), &"draining".into()));
        }
    });
}

/// Connects with settings of its own.
async fn shake(server: &Server, tls: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    tls.connect(ServerName::from(server.address().ip()), stream).await
}

#[test]
fn sessions_are_resumed_and_only_what_is_spoken_here_is_agreed_on() {
    run(async {
        let server = Server::start_tls(|_| ());
        let tls = server.tls().unwrap();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = shake(&server, tls).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
            assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
            // The ticket comes with the first answer.
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an end in good order");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let with = |change: &dyn Fn(&mut ClientConfig)| {
            let mut config = ClientConfig::clone(tls.config());
            change(&mut config);
            TlsConnector::from(Arc::new(config))
        };
        let stream = shake(
            &server,
            &with(&|config| config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()]),
        )
        .await;
        assert_eq!(stream.unwrap().get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let refused = shake(&server, &with(&|config| config.alpn_protocols = vec![b"h2".to_vec()])).await;
        assert!(refused.unwrap_err().to_string().contains("NoApplicationProtocol"));
        server.end().await;
    });
}

/// What a client says in one breath with its request for an upgrade has been decrypted, in part by then,
/// when the shard takes the socket over.
#[test]
fn what_is_said_in_one_breath_with_the_upgrade_is_answered() {
    const PINGS: u16 = 2_000;
    run(async {
        let server = Server::start_tls(|config| config.clients.messages_per_second_max = 0);
        let mut stream = connect(server.address(), server.tls(), None).await.stream;
        let mut said = b"GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            .to_vec();
        for ping in 0..PINGS {
            said.extend([0x89, 0x82, 0, 0, 0, 0]);
            said.extend(ping.to_be_bytes());
        }
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let (written, mut head) = tokio::join!(writer.write_all(&said), async {
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                head.push(reader.read_u8().await.unwrap());
            }
            head
        });
        written.unwrap();
        writer.flush().await.unwrap();
        assert!(head.drain(..12).eq(*b"HTTP/1.1 101"));
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let mut pongs = 0;
        while pongs < PINGS {
            match socket.next().await.unwrap().unwrap() {
                Message::Pong(payload) => {
                    assert_eq!(payload[..], pongs.to_be_bytes());
                    pongs += 1;
                }
                other => assert!(other.is_text(), "{other}"),
            }
        }
        drop(socket);
        server.end().await;
    });
}

#[test]
fn whoever_speaks_no_tls_or_does_not_finish_is_hung_up_on() {
    let identity = Identity::new();
    let server = hostile::Server::with(|config| {
        identity.set(config);
        config.server.header_read_timeout_ms = 2_000;
    });
    let hello = client_hello(&identity);
    for nonsense in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0; 100],
        b"\x16\x03\x01\xff\xff",
        &[hello[..40].to_vec(), vec![255; 2000]].concat(),
    ] {
        let mut raw = Raw::connect(server.address);
        raw.send(nonsense);
        // An alert at most (RFC 8446, 6).
        while raw.more() {}
        assert!(raw.unread.is_empty() || raw.unread[0] == 21, "{:?}", raw.unread);
    }
    let started = Stopwatch::start();
    let mut silent = Raw::connect(server.address);
    let mut half = Raw::connect(server.address);
    half.send(&hello[..hello.len() / 2]);
    silent.ends_quietly();
    half.ends_quietly();
    assert!(started.elapsed() >= Duration::from_millis(2_000));
    server.wait_for_connections(0);
}

/// The first thing a client says.
fn client_hello(identity: &Identity) -> Vec<u8> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = rustls::ClientConnection::new(identity.connector().config().clone(), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn many_come_and_are_cut_and_nothing_stays() {
    run(async {
        let server = Server::start_tls(|_| ());
        server.post_lines(first_play()).await;
        for _ in 0..3 {
            let mut clients = Vec::new();
            for _ in 0..30 {
                let mut client = Client::connect(&server).await;
                client.subscribe(&["game:g1".to_owned()], "ppr").await;
                clients.push(client);
            }
            server.has_clients(30).await;
            for client in clients {
                client.cut();
            }
            server.has_clients(0).await;
        }
        server.end().await;
    });
}

#[test]
fn connections_over_the_limit_are_told_so_over_tls_too() {
    run(async {
        let server = Server::start_tls(|config| config.server.connections_max = 2);
        let first = Client::connect(&server).await;
        server.has_clients(1).await;
        let second = Client::connect(&server).await;
        server.has_clients(2).await;
        for _ in 0..3 {
            let answer = server.get("/healthz").await;
            assert_eq!(answer.status, 503);
            assert_eq!(answer.json()["code"], "too_many_connections");
            let after_ms = answer.json()["reconnect_after_ms"].as_u64().unwrap();
            assert!((5_000..10_000).contains(&after_ms));
            assert_eq!(answer.header("retry-after"), after_ms.div_ceil(1000).to_string());
        }
        second.cut();
        server.has_clients(1).await;
        eventually("room again", || async { server.get("/healthz").await.status == 200 }).await;
        drop(first);
        server.has_clients(0).await;
        server.end().await;
    });
}

#[test]
fn handshakes_over_the_limit_are_hung_up_on_unheard() {
    run(async {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start_tls(|config| {
            config.server.tls_handshakes_max = 1;
            config.server.admin_bind = Some(any);
        });
        let admin = Http::new(server.running.admin_address);
        let outcome = |name: &str| format!("scorewire_tls_handshakes_total{{outcome=\"{name}\"}}");
        // Other servers of this process count here too.
        let (done, shed) = (admin.metric(&outcome("done")).await, admin.metric(&outcome("shed")).await);
        let tls = server.tls().unwrap();
        // Another each time: one that comes while a handshake is under way is hung up on itself.
        let silent = RefCell::new(Vec::new());
        eventually("shed", || async {
            let another = TcpStream::connect(server.address()).await.unwrap();
            silent.borrow_mut().push(another);
            shake(&server, tls).await.is_err()
        })
        .await;
        assert!(admin.metric(&outcome("shed")).await > shed);
        assert!(admin.metric("scorewire_tls_handshakes_under_way").await >= 1.0);
        drop(silent);
        eventually("a place", || async { shake(&server, tls).await.is_ok() }).await;
        eventually("counted", || async { admin.metric(&outcome("done")).await > done }).await;
        assert!(admin.metric("scorewire_tls_handshake_seconds_count").await >= 1.0);
        server.end().await;
    });
}
