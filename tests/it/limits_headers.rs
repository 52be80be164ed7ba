//! What every answer says to a browser: nothing from a feed is ever HTML, framed, or guessed at.

use crate::hostile::Server;
use crate::hostile::http::{Raw, Response, ask, get, post};
use crate::hostile::ws::Ws;
use crate::support::run;
use crate::support::server::Server as Apart;

const NASTY: &str = "<script>alert(1)</script>\\\"'&<img src=x onerror=alert(2)>\u{2028}\u{2029}</title>";

fn value<'a>(answer: &'a Response, name: &str) -> &'a str {
    let found = answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("no {name}: {answer:?}"))
}

fn check(path: &str, answer: &Response) {
    let kind = value(answer, "content-type");
    let is_page = path == "/";
    assert_eq!(kind.starts_with("text/html"), is_page, "{path}: {answer:?}");
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "deny"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(value(answer, name), expected, "{path}");
    }
    let policy = value(answer, "content-security-policy");
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
        "{path}: {policy}"
    );
    assert!(
        policy.contains("default-src 'none'")
            != (is_page || kind.starts_with("text/javascript") || kind.contains("css") || kind.contains("svg")),
        "{path}: {policy}"
    );
    assert!(!answer.head.contains("strict-transport-security"), "{path}: only over TLS");
}

#[test]
fn whatever_a_feed_sends_is_text() {
    let server = Server::start();
    let players = format!(r#"{{"type":"players","players":[{{"player":"p1","name":"{NASTY}","team":"NE","position":"QB"}}]}}"#);
    let play = r#"{"type":"play","game":"g1","play":"1","stats":[{"player":"p1","team":"NE","stat":15,"yards":7}]}"#;
    let answer = post(server.address, "", format!("{players}\n{play}"));
    assert_eq!(answer.json()["accepted"], 2, "{answer:?}");
    for (field, line) in [
        ("player", r#"{"type":"players","players":[{"player":"<b>","name":"x"}]}"#),
        ("game", r#"{"type":"retract","game":"<script>","play":"1"}"#),
        ("team", r#"{"type":"players","players":[{"player":"p2","team":"\"><b>"}]}"#),
    ] {
        let answer = post(server.address, "", line);
        check("/v1/events", &answer);
        let code = &answer.json()["rejected"][0]["code"];
        assert!(code == "bad_id" || code == "bad_value", "{field}: {answer:?}");
    }
    let mut shown = 0;
    for path in [
        "/",
        "/assets/app.js",
        "/assets/app.css",
        "/assets/icon.svg",
        "/assets/%3Cscript%3E",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/admission",
        "/v1/games",
        "/v1/games/g1/players",
        "/v1/games/%3Cscript%3E/players",
        "/v1/players?q=script",
        "/v1/players?limit=%3Cscript%3E",
        "/v1/rulesets",
        "/v1/snapshot?topics=player:p1,game:g1,slate",
        "/v1/snapshot?topics=%3Cscript%3E",
        "/v1/history?topic=player:p1",
        "/v1/ws",
        "/v1/ingest",
        "/v1/events",
        "/%3Cscript%3E",
    ] {
        let answer = get(server.address, path);
        check(path, &answer);
        shown += usize::from(String::from_utf8_lossy(&answer.body).contains("alert(1)"));
    }
    assert!(shown >= 3, "the name is in {shown} answers");
    let mut events = Raw::connect(server.address);
    events.send("GET /v1/sse?topics=player:p1 HTTP/1.1\r\nHost: x\r\n\r\n");
    check("/v1/sse", &events.response().unwrap());
    let mut ws = Ws::open(server.address, "/v1/ws");
    ws.say(r#"{"op":"subscribe","topics":["player:p1"]}"#);
    let name = ws.message_of("snapshot")["name"].as_str().unwrap().to_owned();
    assert_eq!(name, NASTY.replace("\\\"", "\""), "as it came");
}

#[test]
fn a_connection_that_is_turned_away_is_told_in_json() {
    let server = Server::with(|config| config.server.connections_max = 1);
    let _held = Ws::open(server.address, "/v1/ws");
    server.wait_for_connections(1);
    let answer = ask(server.address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(value(&answer, "content-type"), "application/json");
    assert_eq!(value(&answer, "x-content-type-options"), "nosniff");
    let after_ms = answer.json()["reconnect_after_ms"].as_u64().unwrap();
    assert!((5_000..10_000).contains(&after_ms), "{answer:?}");
}

#[test]
fn over_tls_browsers_are_told_to_stay_there() {
    run(async {
        let server = Apart::start_tls(|_| ());
        for path in ["/", "/v1/games", "/nowhere"] {
            let answer = server.get(path).await;
            let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header("strict-transport-security").as_deref(), Some("max-age=31536000"), "{path}");
            assert_eq!(header("cross-origin-opener-policy").as_deref(), Some("same-origin"), "{path}");
            assert_eq!(header("x-frame-options").as_deref(), Some("DENY"), "{path}");
        }
        server.end().await;
    });
}
