//! The program as a service: signals, crashes, logs, and listeners of their own.

use crate::hostile::binary::{Folder, Served, a_moment, outcome, scorewire};
use crate::hostile::http::{Raw, get, post, post_head};
use crate::hostile::ws::Ws;
use rustix::process::Signal;
use serde_json::Value;
use std::net::TcpStream;

const ANYWHERE: [&str; 3] = ["serve", "--bind", "127.0.0.1:0"];
const LINE: &str = r#"{"type":"retract","game":"g","play":"1"}"#;

#[test]
fn a_signal_drains() {
    for signal in [Signal::TERM, Signal::INT] {
        let served = Served::start(scorewire(&ANYWHERE));
        let address = served.address("address");
        let mut client = Ws::open(address, "/v1/ws");
        client.say(r#"{"op":"subscribe","topics":["slate"]}"#);
        client.message_of("snapshot");
        let mut feed = Ws::open(address, "/v1/ingest");
        feed.say(LINE);
        assert_eq!(feed.message()["accepted"], 1);
        let mut idle = Raw::connect(address);
        idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(idle.response().unwrap().status, 200);
        let mut posting = Raw::connect(address);
        posting.send(post_head(LINE.len(), ""));
        a_moment();

        served.signal(signal);
        for ws in [&mut client, &mut feed] {
            let goodbye = ws.message_of("goodbye");
            assert_eq!(goodbye["code"], "draining");
            let after_ms = goodbye["reconnect_after_ms"].as_u64().unwrap();
            assert!((500..=10_500).contains(&after_ms), "{goodbye}");
            assert_eq!(ws.closed(), (4000, "draining".to_owned()));
        }
        idle.ends_quietly();
        // What was under way is answered still.
        posting.send(LINE);
        assert_eq!(posting.response().unwrap().json()["duplicate"], 1);
        drop((client, feed));
        let (code, log) = served.ended();
        assert_eq!(code, Some(0), "{log:?}");
        // Not the last line: a model may just have been loaded, for which the process waited.
        assert!(log.iter().any(|line| line.contains("drained")), "{log:?}");
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn a_client_that_will_not_go_is_cut_in_time() {
    let mut command = scorewire(&ANYWHERE);
    command.env("SCOREWIRE__CLIENTS__CLOSE_TIMEOUT_MS", "300");
    // Nothing else ends them before the drain does, and then the code is another.
    command.env("SCOREWIRE__INGEST__BODY_READ_TIMEOUT_MS", "600000");
    command.env("SCOREWIRE__SHUTDOWN__DRAIN_TIMEOUT_MS", "20000");
    let served = Served::start(command);
    let _stays = Ws::open(served.address("address"), "/v1/ws");
    let _feed = Ws::open(served.address("address"), "/v1/ingest");
    let mut _half = Raw::connect(served.address("address"));
    _half.send(post_head(1_000, ""));
    a_moment();
    served.signal(Signal::TERM);
    let (code, log) = served.ended();
    assert_eq!(code, Some(0), "{log:?}");
}

/// What the log told at a start was counted anew: a restart looked like a Sunday in a second.
#[test]
fn what_is_told_again_at_a_start_is_not_counted_again() {
    let folder = Folder::new("told-again");
    let log = folder.path().join("log");
    let serve = || {
        let log = log.to_str().unwrap();
        Served::start(scorewire(&["serve", "--bind", "127.0.0.1:0", "--data-dir", log]))
    };
    let counted = |served: &Served| {
        let page = String::from_utf8(get(served.address("address"), "/metrics").body).unwrap();
        let value = |series: &str| page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<u64>().ok());
        [
            r#"scorewire_events_total{outcome="retracted_unseen"}"#,
            r#"scorewire_events_total{outcome="duplicate"}"#,
            r#"scorewire_feed_events_total{source="primary"}"#,
        ]
        .map(|series| value(series).unwrap_or_else(|| panic!("no {series} in\n{page}")))
    };
    for expected in [[1, 0, 1], [0, 1, 1]] {
        let served = serve();
        assert_eq!(post(served.address("address"), "", LINE).status, 200);
        assert_eq!(counted(&served), expected);
        served.signal(Signal::KILL);
        served.ended();
    }
}

#[test]
fn a_crash_begins_another_history() {
    let epoch = |served: &Served| {
        let welcome = Ws::open(served.address("address"), "/v1/ws").message_of("welcome");
        assert_eq!(welcome["epoch"], served.told("epoch"));
        let ready = get(served.address("address"), "/readyz").json();
        assert_eq!((&ready["ready"], &ready["epoch"]), (&true.into(), &welcome["epoch"]));
        welcome["epoch"].as_str().unwrap().to_owned()
    };
    let served = Served::start(scorewire(&ANYWHERE));
    let (address, first) = (served.told("address"), epoch(&served));
    served.signal(Signal::KILL);
    assert_eq!(served.ended().0, None);
    // At the same address, at once.
    let again = Served::start(scorewire(&["serve", "--bind", &address]));
    assert_ne!(epoch(&again), first);
    // And not twice.
    let (code, _, said) = outcome(scorewire(&["serve", "--bind", &address]));
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&address) && said.contains("server.bind"), "{said}");
}

#[test]
fn logs_for_machines_are_one_object_a_line() {
    let served = Served::start(scorewire(&["serve", "--bind", "127.0.0.1:0", "--log-format", "json"]));
    let listening: Value = serde_json::from_str(&served.listening).unwrap();
    assert_eq!(listening["message"], "listening");
    let address = listening["address"].as_str().unwrap().parse().unwrap();
    assert_eq!(get(address, "/healthz").status, 200);
    served.signal(Signal::TERM);
    let (code, log) = served.ended();
    assert_eq!(code, Some(0));
    for line in &log {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    assert!(log.len() >= 2, "{log:?}");
}

#[test]
fn listeners_of_their_own_have_their_routes_alone() {
    let mut command = scorewire(&ANYWHERE);
    command.env("SCOREWIRE__SERVER__INGEST_BIND", "127.0.0.1:0");
    command.env("SCOREWIRE__SERVER__ADMIN_BIND", "127.0.0.1:0");
    let served = Served::start(command);
    let [clients, ingest, admin] = ["address", "ingest", "admin"].map(|name| served.address(name));
    assert!(clients != ingest && ingest != admin && clients != admin);
    for (address, there, not_there) in [
        (
            clients,
            &["/", "/v1/games", "/v1/rulesets"][..],
            &["/metrics", "/v1/ingest", "/v1/events"][..],
        ),
        (ingest, &[], &["/", "/v1/games", "/v1/ws", "/metrics"]),
        (admin, &["/metrics"], &["/", "/v1/games", "/v1/ws", "/v1/ingest", "/v1/events"]),
    ] {
        for path in ["/healthz", "/readyz"].iter().chain(there) {
            assert_eq!(get(address, path).status, 200, "{address} {path}");
        }
        for path in not_there {
            assert_eq!(get(address, path).status, 404, "{address} {path}");
        }
    }
    assert_eq!(post(clients, "", LINE).status, 404);
    assert_eq!(post(ingest, "", LINE).status, 200);
    let mut feed = Ws::open(ingest, "/v1/ingest");
    feed.say(LINE);
    assert_eq!(feed.message()["duplicate"], 1);
    let mut posting = Raw::connect(ingest);
    posting.send(post_head(LINE.len(), ""));
    a_moment();
    served.signal(Signal::TERM);
    feed.message_of("goodbye");
    assert_eq!(feed.closed().0, 4000);
    posting.send(LINE);
    assert_eq!(posting.response().unwrap().status, 200);
    drop(feed);
    assert_eq!(served.ended().0, Some(0));
}
