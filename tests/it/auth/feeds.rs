//! Feeds and their tokens.

use super::mint::{Signer, in_s};
use crate::hostile::binary::Folder;
use crate::hostile::http::Raw;
use crate::hostile::ws::{FIN, PING, Said, Ws, frame, upgrade};
use crate::hostile::{PATIENCE, Server, Stopwatch};
use scorewire::config::Scope;
use serde_json::json;

/// However much it says meanwhile, a feed is told of its end, and ends.
#[test]
fn a_feed_that_never_pauses_ends_with_its_token() {
    let folder = Folder::new("auth-feeds-flood");
    let signer = Signer::ed_dsa();
    let token = signer.token(json!({"exp": in_s(3), "scope": "feed"}));
    let (name, text) = signer.file();
    let file = folder.file(&name, text);
    let server = Server::with(|config| {
        config.auth.jwt_keys = vec![file.into()];
        config.auth.jwt_scopes = vec![Scope::Feed];
        config.auth.jwt_leeway_ms = 0;
    });
    let mut raw = Raw::connect(server.address);
    raw.send(upgrade("/v1/ingest", &format!("Authorization: Bearer {token}\r\n")));
    assert_eq!(raw.response().unwrap().status, 101);
    let mut ws = Ws::over(raw);
    assert!(ws.message_of("auth_expiring")["expires_in_ms"].as_u64().unwrap() <= 3_000);
    let mut flood = Raw::over(ws.raw.stream.try_clone().unwrap());
    let pings = frame(FIN | PING, "").repeat(10_000);
    let flooding = std::thread::spawn(move || while flood.try_send(&pings) {});
    let started = Stopwatch::start();
    let goodbye = loop {
        assert!(started.elapsed() < PATIENCE, "it goes on");
        match ws.next() {
            Said::Pong(_) => {}
            Said::Text(message) => break message,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((&goodbye["type"], &goodbye["code"]), (&json!("goodbye"), &json!("auth_expired")));
    assert!((500..1_000).contains(&goodbye["reconnect_after_ms"].as_u64().unwrap()), "{goodbye}");
    assert_eq!(ws.closed(), (4004, "auth_expired".to_owned()));
    // It may have to be hung up on.
    drop(ws);
    flooding.join().unwrap();
}
