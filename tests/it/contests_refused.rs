//! What is no contest is refused with where and why; a line that is wrong costs no other.

use crate::auth::mint::api_key;
use crate::contests::post;
use crate::support::run;
use crate::support::server::{Http, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Method;
use scorewire::config::Scope;
use serde_json::json;
use std::io::Write;

const TERMS: &str = r#"{"contest":"c","ruleset":"ppr","slots":["QB","RB"],"payouts":"1:10,2:5"}"#;

const FEED_KEY: &str = "feed-key-of-a-contest";
const READ_KEY: &str = "read-key-of-a-contest";

fn body(lines: &[&str]) -> Vec<u8> {
    lines.join("\n").into_bytes()
}

fn entry(id: &str) -> String {
    json!({"entry": id, "lineup": ["a", "b"]}).to_string()
}

async fn refused(server: &Http, sent: Vec<u8>) -> (u16, String, String) {
    let answer = post(server, sent).await;
    let said = answer.json();
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text("code"), text("error"))
}

#[test]
fn what_is_no_contest_is_refused_and_says_why() {
    run(async {
        let server = Server::start(|config| {
            (config.contests.body_bytes_max, config.contests.entries_max) = (20_000, 5);
            (config.contests.contests_max, config.contests.entries_all_max) = (2, 6);
        });
        let e = entry("e");
        let six: Vec<String> = (0..6).map(|number| entry(&format!("e{number}"))).collect();
        let six: Vec<&str> = std::iter::once(TERMS).chain(six.iter().map(String::as_str)).collect();
        let with = |from: &str, to: &str| TERMS.replace(from, to);
        for (sent, status, code, part) in [
            (body(&[]), 400, "bad_contest", "begins with the contest's terms"),
            (body(&["nonsense", &e]), 400, "bad_contest", "line 1: "),
            (body(&[&with("2:5", "3:5"), &e]), 400, "bad_contest", "nothing is said of place 2"),
            (
                body(&[&with("2:5", "2:50"), &e]),
                400,
                "bad_contest",
                "more than the places before it",
            ),
            (body(&[&with("\"c\"", "\"a/b\""), &e]), 400, "bad_contest", "the contest's id"),
            (body(&[&with("ppr", "nfl"), &e]), 404, "unknown_ruleset", "unknown ruleset \"nfl\""),
            (body(&[TERMS]), 400, "no_entries", "no entry in 1 lines"),
            (
                body(&[TERMS, "{\"entry\":\"x\",\"lineup\":[\"a\"]}"]),
                400,
                "no_entries",
                "line 2: ",
            ),
            (body(&six), 413, "too_many_entries", "more than 5 entries"),
            (body(&[TERMS, &" ".repeat(30_000)]), 413, "body_too_long", "20000 bytes"),
        ] {
            let (got_status, got_code, error) = refused(&server, sent).await;
            assert_eq!((got_status, got_code.as_str()), (status, code), "{error}");
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(server.json("/v1/contests").await["contests"], json!([]));
        assert_eq!(post(&server, body(&six[..6])).await.status, 201);
        let again = refused(&server, body(&[TERMS, &e])).await;
        assert_eq!((again.0, again.1.as_str()), (409, "contest_exists"));
        let more = refused(&server, body(&[&with("\"c\"", "\"d\""), &entry("e"), &entry("f")])).await;
        assert_eq!((more.0, more.1.as_str()), (503, "too_many_entries"), "all entries together");
        assert_eq!(post(&server, body(&[&with("\"c\"", "\"d\""), &e])).await.status, 201);
        let more = refused(&server, body(&[&with("\"c\"", "\"f\""), &e])).await;
        assert_eq!((more.0, more.1.as_str()), (503, "too_many_contests"));
        for (method, path, code) in [
            (Method::DELETE, "/v1/contests/x", "unknown_contest"),
            (Method::GET, "/v1/contests/c/entries/x", "unknown_entry"),
            (Method::GET, "/v1/snapshot?topics=entry:c/x", "unknown_entry"),
            (Method::GET, "/v1/sse?topics=entry:c/x", "unknown_entry"),
        ] {
            let answer = server.request(method, path, &[], Vec::new()).await;
            assert_eq!(
                (answer.status.as_u16(), answer.json()["code"].as_str()),
                (404, Some(code)),
                "{path}"
            );
        }
        server.end().await;
    });
}

#[test]
fn a_wrong_line_is_named_and_the_rest_stands_compressed_or_not() {
    run(async {
        let server = Server::start(|config| config.contests.rejected_listed_max = 2);
        let good: Vec<String> = (0..50).map(|number| entry(&format!("e{number}"))).collect();
        let mut lines: Vec<&str> = std::iter::once(TERMS).chain(good.iter().map(String::as_str)).collect();
        lines.insert(7, r#"{"entry":"bad","lineup":["a"]}"#);
        lines.push(r#"{"entry":"e3","lineup":["c","d"]}"#);
        lines.push("neither this");
        let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
        zip.write_all(&body(&lines)).unwrap();
        let headers = [("content-encoding", "gzip")];
        let answer = server.request(Method::POST, "/v1/contests", &headers, zip.finish().unwrap()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let said = answer.json();
        assert_eq!((&said["entries"], &said["rejected"]), (&json!(50), &json!(3)), "{said}");
        let named: Vec<u64> = said["rejected_lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bad| bad["line"].as_u64().unwrap())
            .collect();
        assert_eq!(named, [8, 53], "the first ones, by line");
        let cut = server.request(Method::POST, "/v1/contests", &headers, b"no gzip".to_vec()).await;
        assert_eq!((cut.status.as_u16(), cut.json()["code"].as_str()), (400, Some("bad_gzip")));
        server.end().await;
    });
}

#[test]
fn who_may_not_feed_may_not_post_and_a_token_reads_what_it_names() {
    run(async {
        let server = Server::start(|config| {
            config.auth.keys = vec![
                api_key("feeds", FEED_KEY, &[Scope::Feed]),
                api_key("reads", READ_KEY, &[Scope::Read]),
            ];
            config.auth.anonymous_read = false;
        });
        let sent = || body(&[TERMS, &entry("e")]);
        assert_eq!(post(&server, sent()).await.status, 401);
        let bearer = |key: &str| format!("Bearer {key}");
        let (feed, read) = (bearer(FEED_KEY), bearer(READ_KEY));
        let with = |method, path: &'static str, token: String, body| {
            let server: &Http = &server;
            async move {
                server
                    .request(method, path, &[("authorization", token.as_str())], body)
                    .await
                    .status
                    .as_u16()
            }
        };
        assert_eq!(with(Method::POST, "/v1/contests", read.clone(), sent()).await, 403);
        assert_eq!(with(Method::POST, "/v1/contests", feed.clone(), sent()).await, 201);
        assert_eq!(with(Method::DELETE, "/v1/contests/c", read.clone(), Vec::new()).await, 403);
        assert_eq!(with(Method::GET, "/v1/contests/c", feed.clone(), Vec::new()).await, 403);
        assert_eq!(with(Method::GET, "/v1/contests/c", read, Vec::new()).await, 200);
        assert_eq!(server.get("/v1/contests/c").await.status, 401);
        assert_eq!(with(Method::DELETE, "/v1/contests/c", feed, Vec::new()).await, 204);
        server.end().await;
    });
}
