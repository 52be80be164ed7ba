//! No secret in a log line, an answer or an error: a real server at its most talkative, and everything
//! that it says and answers while tokens and keys of every kind come by every way.

use super::mint::{Signer, in_s};
use super::{LINE, READ, STAY};
use crate::hostile::binary::{Folder, Served, outcome, scorewire};
use crate::support::run;
use crate::support::server::Http;
use futures_util::{SinkExt, StreamExt};
use hyper::Method;
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// A key, and its lines for the settings.
fn new_key(scope: &str, name: &str) -> (String, String) {
    let (_, shown, _) = outcome(scorewire(&["new-key", "--name", name, "--scope", scope]));
    let key = shown.lines().find(|line| line.starts_with("sw_")).unwrap().to_owned();
    (key, shown[shown.find("[[auth.keys]]").unwrap()..].to_owned())
}

#[test]
fn no_secret_stands_in_logs_answers_or_errors() {
    let folder = Folder::new("auth-secrets");
    let secret = "an-hmac-secret-that-nobody-else-may-ever-see";
    let signer = Signer::hs256(secret);
    let (feed, feed_lines) = new_key("feed", "stadium");
    let (admin, admin_lines) = new_key("admin", "operator");
    let (good, short) = (
        signer.token(json!({"sub": "ann@example.org"})),
        signer.token(json!({"exp": in_s(2)})),
    );
    let expired = signer.token(json!({"exp": in_s(-60)}));
    let forged = Signer::hs256(&"x".repeat(40)).token(json!({}));
    let wrong_key = "sw_0123456789abcdef0123456789abcdef";
    let keys = folder.file("login.secret", secret);
    let settings = format!(
        "[server]\nbind = \"127.0.0.1:0\"\nshards = 1\n[auth]\nanonymous_read = false\nquery_token = true\njwt_leeway_ms = 0\n\
         jwt_keys = [\"{keys}\"]\nkey_poll_ms = 20\n[log]\nfilter = \"trace\"\n{feed_lines}{admin_lines}"
    );
    let file = folder.file("scorewire.toml", settings);
    let mut said = Vec::new();
    let (code, shown, told) = outcome(scorewire(&["check-config", "--config", &file]));
    assert_eq!(code, Some(0), "{told}");
    said.extend([shown, told]);
    let served = Served::start(scorewire(&["serve", "--config", &file]));
    let address = served.address("address");
    said.extend(run(async {
        let http = Http::new(address);
        let mut said = Vec::new();
        for token in [&*good, &short, &expired, &forged, wrong_key, &feed, &admin, "a b", "é"] {
            let bearer = format!("Bearer {token}");
            let query = token.replace(' ', "+").replace('é', "%C3%A9");
            for (method, path, headers) in [
                (Method::GET, "/v1/games".to_owned(), vec![("authorization", &*bearer)]),
                (Method::GET, "/metrics".to_owned(), vec![("authorization", &*bearer)]),
                (Method::POST, "/v1/events".to_owned(), vec![("authorization", &*bearer)]),
                (Method::GET, format!("/v1/snapshot?topics=slate&access_token={query}"), vec![]),
                (Method::GET, format!("/v1/nothing?access_token={query}"), vec![]),
                (Method::GET, format!("/v1/snapshot?topics=%zz&access_token={query}"), vec![]),
            ] {
                let answer = http.request(method, &path, &headers, LINE.to_vec()).await;
                said.push(format!("{:?} {}", answer.headers, answer.text()));
            }
            // Over a WebSocket, and what breaks the protocol right after it.
            let url = format!("ws://{address}/v1/ws");
            let (mut socket, _) = connect_async(&url).await.unwrap();
            let auth = json!({"op": "auth", "id": 1, "token": token}).to_string();
            socket.send(Message::text(auth)).await.unwrap();
            let _ = socket.send(Message::binary(token.as_bytes().to_vec())).await;
            while let Some(Ok(message)) = socket.next().await {
                said.push(format!("{message:?}"));
            }
            if let Err(error) = connect_async(format!("{url}?access_token={query}")).await {
                said.push(error.to_string());
            }
        }
        said
    }));
    // Keys that change, for better and worse.
    for (text, says) in [
        (format!("{secret} twice"), STAY),
        (secret[..20].to_owned(), STAY),
        (format!("{secret}-anew"), READ),
    ] {
        std::fs::rename(folder.file("new", text), &keys).unwrap();
        said.extend(served.says(says));
    }
    let key_file = folder.file("key", &feed);
    let to = format!("http://{address}");
    for key_file in [
        &key_file,
        &folder.file("wrong", wrong_key),
        &folder.file("none", format!("{secret} {secret}")),
    ] {
        let arguments = ["simulate", "--games", "1", "--speed", "max", "--to", &to, "--key-file", key_file];
        let (code, shown, told) = outcome(scorewire(&arguments));
        let expected = match Path::new(key_file).file_name().unwrap().to_str().unwrap() {
            "key" => 0,
            "wrong" => 69,
            _ => 64,
        };
        assert_eq!(code, Some(expected), "{told}");
        said.extend([shown, told]);
    }
    served.signal(Signal::TERM);
    let (code, log) = served.ended();
    assert_eq!(code, Some(0));
    said.extend(log);
    let tokens = [&good, &short, &expired, &forged];
    let parts = tokens.iter().flat_map(|token| token.split('.').skip(1));
    let hidden: Vec<&str> = parts.chain([&*feed, &*admin, wrong_key, "ann@example", &secret[..20]]).collect();
    for secret in hidden {
        let shown = said.iter().find(|line| line.contains(secret));
        assert_eq!(shown, None, "{secret}");
    }
}
