//! Doors: what is open without a key, what takes one, and which.

use super::mint::{Signer, api_key};
use super::{LINE, get, post, refused, server};
use crate::hostile::binary::{Folder, outcome, scorewire};
use crate::hostile::door::Door;
use crate::support::run;
use crate::support::server::{Answer, Http, Server};
use hyper::Method;
use scorewire::config::{OpenTo, Scope};
use serde_json::json;

async fn ask(http: &Http, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let body = if method == Method::POST { LINE.to_vec() } else { Vec::new() };
    http.request(method, path, headers, body).await
}

/// The status of each of the doors that are not everybody's: events, the feed's WebSocket, metrics.
async fn statuses(http: &Http, headers: &[(&str, &str)]) -> [u16; 3] {
    let events = ask(http, Method::POST, "/v1/events", headers).await;
    let feed = ask(http, Method::GET, "/v1/ingest", headers).await;
    let metrics = ask(http, Method::GET, "/metrics", headers).await;
    [events, feed, metrics].map(|answer| answer.status.as_u16())
}

/// Let through; the WebSocket's door then wants an upgrade.
const OPEN: [u16; 3] = [200, 426, 200];
const SHUT: [u16; 3] = [401, 401, 401];

#[test]
fn without_a_key_feeds_and_operators_come_from_this_machine_alone() {
    run(async {
        let server = Server::start(|_| ());
        assert_eq!(statuses(&server, &[]).await, OPEN);
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
            ("x-real-ip", "::1"),
            ("host", "evil.example:8080"),
        ] {
            assert_eq!(statuses(&server, &[(name, value)]).await, SHUT, "{name}: {value}");
        }
        let answer = ask(&server, Method::GET, "/metrics", &[("forwarded", "for=192.0.2.1")]).await;
        refused(&answer, 401, "scorewire new-key --scope admin");
        assert!(answer.text().contains("auth.open_to"));
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"scorewire\"");
        // Whoever reads is asked for nothing, wherever they are.
        assert_eq!(
            ask(&server, Method::GET, "/v1/games", &[("forwarded", "for=192.0.2.1")])
                .await
                .status,
            200
        );
        server.end().await;
        for (open_to, here) in [(OpenTo::All, OPEN), (OpenTo::None, SHUT)] {
            let server = Server::start(|config| config.auth.open_to = open_to);
            assert_eq!(statuses(&server, &[]).await, here, "{open_to:?}");
            assert_eq!(statuses(&server, &[("forwarded", "for=192.0.2.1")]).await, here, "{open_to:?}");
            server.end().await;
        }
    });
}

/// Whatever a proxy says, or keeps to itself: who asks through it is not on this machine.
#[test]
fn who_comes_by_a_trusted_proxy_is_not_from_this_machine() {
    run(async {
        let server = Server::start(|config| {
            config.server.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        });
        assert_eq!(statuses(&server, &[]).await, SHUT);
        for said in ["127.0.0.1", "::1", "203.0.113.7, 127.0.0.1", "unknown", ""] {
            assert_eq!(statuses(&server, &[("x-forwarded-for", said)]).await, SHUT, "{said}");
        }
        server.end().await;
    });
}

#[test]
fn what_is_no_token_is_counted_like_any_other_that_is_no_use() {
    let hash = api_key("reader", "sw_read", &[]).hash.to_text();
    let keys = format!("[{{name=\"reader\",hash=\"{hash}\",scope=[\"read\"]}}]");
    let door = Door::open(&[("AUTH__KEYS", &keys), ("AUTH__QUERY_TOKEN", "true")]);
    let status = |path: &str, headers: &[u8]| {
        let start = format!("GET {path} HTTP/1.1\r\nHost: x\r\n");
        crate::hostile::http::ask(door.address, [start.as_bytes(), headers, b"\r\n"].concat()).status
    };
    assert_eq!(status("/v1/games", b"Authorization: Bearer sw_read\r\n"), 200);
    let twice = b"Authorization: Bearer sw_read\r\nAuthorization: Bearer sw_read\r\n";
    assert_eq!(status("/v1/games", twice), 401);
    assert_eq!(status("/v1/games", b"Authorization: Bearer \xff\r\n"), 401);
    assert_eq!(status("/v1/games?access_token=a&access_token=b", b""), 401);
    door.counts("scorewire_auth_checks_total{outcome=\"malformed\"}", 3);
    door.counts("scorewire_auth_checks_total{outcome=\"ok\"}", 1);
}

#[test]
fn a_key_opens_the_doors_of_its_scope_and_no_others() {
    run(async {
        let server = Server::start(|config| {
            config.auth.keys = vec![
                api_key("feed", "sw_feed", &[Scope::Feed]),
                api_key("operator", "sw_admin", &[Scope::Admin]),
                api_key("all", "sw_all", &[Scope::Feed, Scope::Admin]),
            ];
        });
        for (key, expected) in [
            ("sw_feed", [200, 426, 403]),
            ("sw_admin", [403, 403, 200]),
            ("sw_all", OPEN),
            ("sw_fee", SHUT),
            ("sw_feedx", SHUT),
            ("SW_FEED", SHUT),
            ("", SHUT),
        ] {
            let bearer = format!("Bearer {key}");
            assert_eq!(statuses(&server, &[("authorization", &bearer)]).await, expected, "{key}");
        }
        refused(&get(&server, "/metrics", "sw_feed").await, 403, "scope \\\"admin\\\"");
        refused(&post(&server, "nobody's").await, 401, "none that this server knows");
        let without = ask(&server, Method::POST, "/v1/events", &[]).await;
        refused(&without, 401, "Authorization: Bearer KEY");
        assert_eq!(without.header("www-authenticate"), "Bearer realm=\"scorewire\"");
        // Another scheme is no token, and who reads needs none.
        assert_eq!(statuses(&server, &[("authorization", "Basic c3dfZmVlZA==")]).await, SHUT);
        assert_eq!(get(&server, "/v1/games", "sw_feed").await.status, 200);
        assert_eq!(get(&server, "/v1/games", "wrong").await.status, 401);
        let bearer = [("authorization", "bEaReR  sw_feed")];
        assert_eq!(statuses(&server, &bearer).await[0], 200);
        server.end().await;
    });
}

#[test]
fn a_scope_that_nothing_is_configured_for_stays_open_to_this_machine() {
    run(async {
        let server = Server::start(|config| config.auth.keys = vec![api_key("feed", "sw_feed", &[Scope::Feed])]);
        assert_eq!(statuses(&server, &[]).await, [401, 401, 200]);
        assert_eq!(statuses(&server, &[("forwarded", "for=192.0.2.1")]).await, SHUT);
        server.end().await;
    });
}

#[test]
fn reading_takes_a_token_where_it_is_not_everybody_s() {
    const PATHS: [&str; 7] = [
        "/v1/games",
        "/v1/games/g1/players",
        "/v1/players?q=x",
        "/v1/rulesets",
        "/v1/snapshot?topics=game:g1",
        "/v1/history?topic=player:x-1",
        "/v1/sse?topics=nonsense",
    ];
    run(async {
        let folder = Folder::new("auth-doors-reading");
        let signer = Signer::ed_dsa();
        let token = signer.token(json!({}));
        let server = server(&folder, &[signer], |config| {
            config.auth.anonymous_read = false;
            config.auth.keys = vec![
                api_key("reader", "sw_read", &[Scope::Read]),
                api_key("feed", "sw_feed", &[Scope::Feed]),
            ];
        });
        assert_eq!(post(&server, "sw_feed").await.status, 200);
        for path in PATHS {
            refused(&server.get(path).await, 401, "reading takes a token here");
            refused(&get(&server, path, "sw_feed").await, 403, "\\\"read\\\"");
            for token in [&*token, "sw_read"] {
                let expected = if path.contains("nonsense") { 400 } else { 200 };
                assert_eq!(get(&server, path, token).await.status, expected, "{path} {token}");
            }
        }
        // The page says what it needs by itself.
        for path in ["/", "/healthz", "/readyz"] {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
        // What a token was needed for may be kept by its own client alone.
        let answer = get(&server, "/v1/snapshot?topics=game:g1", &token).await;
        assert_eq!(answer.header("cache-control"), "private, max-age=1");
        assert!(answer.header("vary").contains("authorization"));
        server.end().await;
    });
}

#[test]
fn a_token_stands_in_the_address_only_where_that_is_switched_on() {
    run(async {
        let folder = Folder::new("auth-doors-query");
        for is_on in [false, true] {
            let signer = Signer::es256();
            let path = format!("/v1/games?access_token={}", signer.token(json!({})));
            let server = server(&folder, &[signer], |config| {
                config.auth.anonymous_read = false;
                config.auth.query_token = is_on;
            });
            let expected = if is_on { 200 } else { 401 };
            assert_eq!(server.get(&path).await.status, expected);
            assert_eq!(server.get("/v1/games?access_token=nonsense").await.status, 401);
            server.end().await;
        }
    });
}

#[test]
fn a_server_that_knows_no_tokens_asks_for_none() {
    run(async {
        let server = Server::start(|_| ());
        for token in ["a.b.c", "sw_old"] {
            assert_eq!(get(&server, "/v1/games", token).await.status, 200);
            assert_eq!(post(&server, token).await.status, 200);
        }
        server.end().await;
    });
}

#[test]
fn settings_that_make_no_sense_are_named_and_never_shown() {
    let folder = Folder::new("auth-doors-settings");
    let hash = format!("sha256:{}", "0a".repeat(32));
    let key = |lines: &str| format!("[[auth.keys]]\nname = \"stadium\"\nhash = \"{hash}\"\nscope = [\"feed\"]\n{lines}");
    let secret = "sw_5ecret5ecret5ecret5ecret";
    for (name, text, part) in [
        ("plain", key("").replace(&hash, secret), "sha256:"),
        ("cut", key("").replace("0a\"\nscope", "\"\nscope"), "64 hexadecimal digits"),
        ("syntax", format!("[[auth.keys]]\nname = {secret}\n"), "line 2"),
        ("open", format!("[[auth.keys]]\nname = \"{secret}\n"), "line 2"),
        ("unknown", key(&format!("{secret} = 1\n")).replace(secret, "key"), "key"),
        (
            "source",
            key("source = \"second\"\n"),
            "unknown source \"second\"; feeds.sources has primary",
        ),
        ("scope", key("").replace("[\"feed\"]", "[]"), "\"stadium\" has no scope"),
        ("scopes", key("").replace("feed", "feeds"), "`read`, `feed`, `admin`"),
        (
            "twice",
            format!("{}{}", key(""), key("").replace("stadium", "other")),
            "hash of another key",
        ),
        ("names", format!("{}{}", key(""), key("")), "\"stadium\" stands there twice"),
        (
            "nobody",
            "[auth]\nanonymous_read = false\n".to_owned(),
            "auth.anonymous_read is off",
        ),
        (
            "leeway",
            "[auth]\njwt_leeway_ms = 300001\n".to_owned(),
            "auth.jwt_leeway_ms must be 0 to 300000",
        ),
        (
            "origin",
            "[server]\nallowed_origins = [\"scores.example\"]\n".to_owned(),
            "is no origin",
        ),
        ("sources", "[feeds]\nsources = []\n".to_owned(), "must name 1 to 8 feeds, not 0"),
        (
            "many",
            format!(
                "[feeds]\nsources = [{}]\n",
                (0..9).map(|n| format!("\"s{n}\",")).collect::<String>()
            ),
            "must name 1 to 8 feeds, not 9",
        ),
    ] {
        let file = folder.file(&format!("{name}.toml"), text);
        let (code, shown, said) = outcome(scorewire(&["check-config", "--config", &file]));
        assert_eq!(code, Some(64), "{name}: {said}");
        assert!(said.contains(part), "{name}: {part}: {said}");
        assert!(!said.contains(secret) && !shown.contains(secret), "{name}: {said}");
    }
    let list = format!("[{{name=\"a\",hash=\"{secret}\",scope=[\"feed\"]}}]");
    let mut command = scorewire(&["check-config"]);
    command.env("SCOREWIRE__AUTH__KEYS", list);
    let (code, _, said) = outcome(command);
    assert!(
        code == Some(64) && said.contains("SCOREWIRE__AUTH__KEYS") && !said.contains(secret),
        "{said}"
    );
    // What is good is shown, but the hash cut short.
    let good = folder.file("good.toml", key(""));
    let (code, shown, said) = outcome(scorewire(&["check-config", "--config", &good]));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        shown.contains("stadium") && shown.contains("sha256:0a0a0a0a…") && !shown.contains(&hash),
        "{shown}"
    );
}

#[test]
fn a_new_key_is_random_and_lets_in_by_the_lines_that_come_with_it() {
    let make = |arguments: &[&str]| {
        let (code, shown, said) = outcome(scorewire(&[&["new-key", "--name", "stadium"], arguments].concat()));
        assert_eq!(code, Some(0), "{said}");
        let key = shown.lines().find(|line| line.starts_with("sw_")).unwrap().to_owned();
        assert_eq!((key.len(), shown.matches(&key).count(), said), (67, 1, String::new()));
        (key, shown[shown.find("[[auth.keys]]").unwrap()..].to_owned())
    };
    let (key, lines) = make(&["--scope", "feed,admin", "--source", "primary"]);
    assert_ne!(make(&["--scope", "read"]).0, key);
    let folder = Folder::new("auth-doors-new-key");
    let file = folder.file("made.toml", &lines);
    let config = scorewire::config::Config::load(Some(file.as_ref()), std::iter::empty()).unwrap();
    assert_eq!(config.auth.keys[0].hash, api_key("any", &key, &[]).hash);
    run(async {
        let server = Server::start(|server| server.auth = config.auth);
        assert_eq!(post(&server, &key).await.status, 200);
        assert_eq!(get(&server, "/metrics", &key).await.status, 200);
        server.end().await;
    });
    for arguments in [
        &["--name", "a b", "--scope", "feed"][..],
        &["--name", "a"],
        &["--name", "a", "--scope", "everything"],
    ] {
        let (code, _, said) = outcome(scorewire(&[&["new-key"], arguments].concat()));
        assert_eq!(code, Some(64), "{said}");
    }
}
