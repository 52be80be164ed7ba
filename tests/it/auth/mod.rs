//! Who may do what, from outside: keys, tokens, what is open without, and pages of other origins.

mod doors;
mod feeds;
pub(crate) mod mint;
mod origins;
mod rotation;
mod secrets;
mod sockets;
mod tokens;

use super::hostile::binary::Folder;
use super::support::server::{Answer, Http, Server};
use hyper::Method;
use mint::Signer;
use scorewire::config::Config;

/// A server that takes tokens of these signers, and whatever else `change` says.
fn server(folder: &Folder, signers: &[Signer], change: impl FnOnce(&mut Config)) -> Server {
    Server::start(|config| {
        for signer in signers {
            let (name, text) = signer.file();
            config.auth.jwt_keys.push(folder.file(&name, text).into());
        }
        config.auth.key_poll_ms = 20;
        change(config);
    })
}

async fn with_token(http: &Http, method: Method, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let body = if method == Method::POST { LINE.to_vec() } else { Vec::new() };
    http.request(method, path, &[("authorization", &bearer)], body).await
}

async fn get(http: &Http, path: &str, token: &str) -> Answer {
    with_token(http, Method::GET, path, token).await
}

async fn post(http: &Http, token: &str) -> Answer {
    with_token(http, Method::POST, "/v1/events", token).await
}

/// What the log says of a file of keys that changed, and of one that is no use.
const READ: &str = "keys of tokens read again";
const STAY: &str = "the keys that were there before stay";

/// An event.
const LINE: &[u8] = br#"{"type":"play","game":"g1","play":"1","stats":[{"player":"x-1","team":"AAA","stat":10,"yards":7}]}"#;

/// Asserts that a request was turned away as it should be: with that status, that code, and a challenge.
fn refused(answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let code = if status == 401 { "unauthorized" } else { "forbidden" };
    assert_eq!(answer.json()["code"], code);
    assert!(answer.text().contains(part), "{part}: {}", answer.text());
}
