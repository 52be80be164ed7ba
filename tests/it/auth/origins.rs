//! Pages of other origins: which may connect, ask, and read what is answered.

use super::LINE;
use crate::support::run;
use crate::support::server::{Answer, Server};
use hyper::Method;

async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let body = if method == Method::POST { LINE.to_vec() } else { Vec::new() };
    server.request(method, path, headers, body).await
}

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
];

async fn upgrade(server: &Server, path: &str, origin: &str) -> u16 {
    let mut headers = UPGRADE.to_vec();
    headers.push(("origin", origin));
    let answer = ask(server, Method::GET, path, &headers).await;
    if answer.status == 403 {
        assert_eq!(answer.json()["code"], "foreign_origin");
    }
    answer.status.as_u16()
}

async fn posts_and_sees_nothing(server: &Server, origin: &str) {
    let page = [("origin", origin), ("content-type", "text/plain")];
    for (method, path) in [(Method::POST, "/v1/events"), (Method::GET, "/metrics")] {
        let answer = ask(server, method, path, &page).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (403, &"foreign_origin".into()));
    }
    assert_eq!(server.json("/v1/games").await["games"], serde_json::json!([]));
}

#[test]
fn pages_of_other_origins_may_not_connect_unless_they_are_listed() {
    run(async {
        let server = Server::start(|config| config.server.allowed_origins = vec!["https://scores.example".to_owned()]);
        let own = format!("http://{}", server.address());
        // Who visits a page may be where feeds and operators need no key: no other page feeds, listed or not.
        for (path, listed) in [("/v1/ws", 101), ("/v1/ingest", 403)] {
            for (origin, status) in [
                (&*own, 101),
                ("https://scores.example", listed),
                ("http://scores.example", 403),
                ("https://scores.example.evil.example", 403),
                ("https://evil.example", 403),
                ("null", 403),
            ] {
                assert_eq!(upgrade(&server, path, origin).await, status, "{path} {origin}");
            }
        }
        // A page can post without asking first; nobody takes what it posts.
        for origin in ["https://evil.example", "https://scores.example"] {
            posts_and_sees_nothing(&server, origin).await;
        }
        let metric = server.metric("scorewire_origins_refused_total").await;
        assert!(metric >= 10.0, "{metric}");
        server.end().await;
        let everybody = Server::start(|config| config.server.allowed_origins = vec!["*".to_owned()]);
        assert_eq!(upgrade(&everybody, "/v1/ws", "https://evil.example").await, 101);
        assert_eq!(upgrade(&everybody, "/v1/ingest", "https://evil.example").await, 403);
        posts_and_sees_nothing(&everybody, "https://evil.example").await;
        everybody.end().await;
        let nobody = Server::start(|_| ());
        assert_eq!(upgrade(&nobody, "/v1/ws", "https://scores.example").await, 403);
        assert_eq!(upgrade(&nobody, "/v1/ws", &format!("http://{}", nobody.address())).await, 101);
        nobody.end().await;
    });
}

#[test]
fn pages_that_are_listed_may_read_what_is_answered() {
    const PATHS: [&str; 5] = [
        "/v1/games",
        "/v1/rulesets",
        "/v1/snapshot?topics=slate",
        "/v1/admission",
        "/v1/nothing-of-the-kind",
    ];
    let allowed = ("origin", "https://scores.example");
    let foreign = ("origin", "https://evil.example");
    let asks = ("access-control-request-method", "GET");
    run(async {
        let server = Server::start(|config| config.server.allowed_origins = vec!["https://scores.example".to_owned()]);
        for path in &PATHS[..4] {
            let answer = ask(&server, Method::GET, path, &[allowed]).await;
            assert_eq!(answer.header("access-control-allow-origin"), "https://scores.example", "{path}");
            assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "origin"));
            let answer = ask(&server, Method::GET, path, &[foreign]).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("access-control-allow-origin"), "");
            assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "origin"));
            let answer = ask(&server, Method::OPTIONS, path, &[allowed, asks]).await;
            assert_eq!(answer.status, 204);
            assert_eq!(answer.header("access-control-allow-origin"), "https://scores.example");
            assert_eq!(answer.header("access-control-allow-methods"), "GET, POST");
            assert!(answer.header("access-control-allow-headers").contains("authorization"));
            for headers in [&[foreign, asks][..], &[asks], &[allowed]] {
                let answer = ask(&server, Method::OPTIONS, path, headers).await;
                assert_eq!(answer.status, 405, "{headers:?}");
                assert_eq!(answer.header("access-control-allow-methods"), "");
            }
        }
        // Errors can be read, too.
        let answer = ask(&server, Method::GET, "/v1/snapshot?topics=x", &[allowed]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("access-control-allow-origin")),
            (400, "https://scores.example")
        );
        // Nothing but what is read is opened to other pages.
        for (method, path) in [(Method::GET, "/metrics"), (Method::OPTIONS, "/v1/events")] {
            let answer = ask(&server, method, path, &[allowed, asks]).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
        server.end().await;
        let everybody = Server::start(|config| config.server.allowed_origins = vec!["*".to_owned()]);
        let answer = ask(&everybody, Method::GET, "/v1/games", &[foreign]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        everybody.end().await;
        let nobody = Server::start(|_| ());
        for path in PATHS {
            let answer = ask(&nobody, Method::GET, path, &[allowed]).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
        nobody.end().await;
    });
}
