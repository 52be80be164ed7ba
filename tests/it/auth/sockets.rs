//! Tokens over WebSockets and event streams, in both codings.

use super::mint::{Signer, api_key, in_s};
use super::{get, server};
use crate::hostile::binary::Folder;
use crate::proto;
use crate::support::server::Server;
use crate::support::{PATIENCE, run};
use futures_util::{SinkExt, StreamExt};
use scorewire::config::Scope;
use scorewire::wire::Coding;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A client that says nothing by itself.
struct Talk {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    coding: Coding,
}

impl Talk {
    /// Connects; the status of an answer that is no upgrade.
    async fn connect(server: &Server, coding: Coding, token: Option<&str>) -> Result<Talk, u16> {
        Talk::connect_to(server, "/v1/ws", coding, token).await
    }

    async fn connect_to(server: &Server, path: &str, coding: Coding, token: Option<&str>) -> Result<Talk, u16> {
        let uri = format!("ws://{}{path}", server.address()).parse().unwrap();
        let mut request = ClientRequestBuilder::new(uri).with_sub_protocol(coding.subprotocol());
        if let Some(token) = token {
            request = request.with_header("authorization", format!("Bearer {token}"));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Talk { socket, coding }),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn say(&mut self, message: Value) {
        let message = match self.coding {
            Coding::Json => Message::text(message.to_string()),
            Coding::Bin => Message::binary(proto::client_message(&message)),
        };
        self.socket.send(message).await.unwrap();
    }

    /// The next message; a close as its code.
    async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message");
            match message.expect("a close first").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Binary(bytes) => return proto::server_message(&bytes),
                Message::Close(frame) => return json!(u16::from(frame.unwrap().code)),
                _ => {}
            }
        }
    }

    /// The next message that is of this type.
    async fn expect(&mut self, kind: &str) -> Value {
        let message = self.next().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }
}

#[test]
fn a_token_comes_with_the_upgrade_or_as_the_first_message() {
    run(async {
        let folder = Folder::new("auth-sockets-first");
        for coding in Coding::ALL {
            let signer = Signer::es256();
            let token = signer.token(json!({"topics": ["game:*"], "rulesets": ["ppr"]}));
            let server = server(&folder, &[signer], |config| {
                config.auth.anonymous_read = false;
                config.auth.keys = vec![
                    api_key("reader", "sw_read", &[Scope::Read]),
                    api_key("feed", "sw_feed", &[Scope::Feed]),
                ];
            });
            assert_eq!(Talk::connect(&server, coding, Some("a.b.c")).await.err(), Some(401));
            assert_eq!(Talk::connect(&server, coding, Some("sw_feed")).await.err(), Some(403));
            // With the upgrade.
            let mut talk = Talk::connect(&server, coding, Some(&token))
                .await
                .unwrap_or_else(|status| panic!("{status}"));
            talk.expect("welcome").await;
            talk.say(json!({"op": "subscribe", "id": 1, "topics": ["game:g1", "slate"], "ruleset": "ppr"}))
                .await;
            let reply = talk.expect("subscribed").await;
            assert_eq!(reply["topics"][0]["topic"], "game:g1");
            assert_eq!(
                (&reply["errors"][0]["topic"], &reply["errors"][0]["code"]),
                (&json!("slate"), &json!("forbidden"))
            );
            talk.expect("snapshot").await;
            talk.say(json!({"op": "subscribe", "id": 2, "topics": ["game:g1"], "ruleset": "yahoo"}))
                .await;
            assert_eq!(talk.expect("subscribed").await["errors"][0]["code"], "forbidden");
            // As the first message, and what follows in one breath.
            let mut talk = Talk::connect(&server, coding, None)
                .await
                .unwrap_or_else(|status| panic!("{status}"));
            talk.say(json!({"op": "auth", "id": 1, "token": token})).await;
            talk.say(json!({"op": "subscribe", "id": 2, "topics": ["game:g1"], "ruleset": "ppr"}))
                .await;
            assert!(talk.expect("authorized").await["expires_in_ms"].as_u64().unwrap() > 3_500_000);
            for kind in ["welcome", "subscribed", "snapshot"] {
                talk.expect(kind).await;
            }
            // A key that reads everything for good.
            let mut talk = Talk::connect(&server, coding, None)
                .await
                .unwrap_or_else(|status| panic!("{status}"));
            talk.say(json!({"op": "auth", "id": 1, "token": "sw_read"})).await;
            assert_eq!(talk.expect("authorized").await.get("expires_in_ms"), None);
            talk.expect("welcome").await;
            // A bad one, and one for something else.
            for token in ["a.b.c", "sw_feed", ""] {
                let mut talk = Talk::connect(&server, coding, None)
                    .await
                    .unwrap_or_else(|status| panic!("{status}"));
                talk.say(json!({"op": "auth", "id": 1, "token": token})).await;
                assert_eq!(talk.expect("error").await["code"], "unauthorized", "{token:?}");
                assert_eq!(talk.next().await, 4003, "{token:?}");
            }
            server.end().await;
        }
    });
}

#[test]
fn who_sends_no_token_is_waited_for_so_long() {
    run(async {
        let folder = Folder::new("auth-sockets-silent");
        let server = server(&folder, &[], |config| {
            config.auth.anonymous_read = false;
            config.auth.wait_ms = 300;
            config.auth.keys = vec![api_key("reader", "sw_read", &[Scope::Read])];
        });
        for coding in Coding::ALL {
            let mut silent = Talk::connect(&server, coding, None)
                .await
                .unwrap_or_else(|status| panic!("{status}"));
            assert_eq!(silent.expect("error").await["code"], "unauthorized");
            assert_eq!(silent.next().await, 4003);
        }
        server.end().await;
    });
}

/// For how many seconds a token is good that is to run out, tried in turn: who is so slow that the first is over
/// before the server has seen it takes the next.
const LIVES_S: [i64; 3] = [2, 10, 60];

#[test]
fn a_token_is_renewed_narrowed_and_runs_out() {
    run(async {
        let folder = Folder::new("auth-sockets-expiry");
        for coding in Coding::ALL {
            let signer = Signer::ed_dsa();
            let server = server(&folder, std::slice::from_ref(&signer), |config| config.auth.jwt_leeway_ms = 0);
            let mut renews = Talk::connect(&server, coding, None)
                .await
                .unwrap_or_else(|status| panic!("{status}"));
            renews.expect("welcome").await;
            renews
                .say(json!({"op": "subscribe", "id": 1, "topics": ["game:g1", "slate"], "ruleset": "ppr"}))
                .await;
            for kind in ["subscribed", "snapshot", "snapshot"] {
                renews.expect(kind).await;
            }
            let expired = signer.token(json!({"exp": in_s(-1)}));
            renews.say(json!({"op": "auth", "id": 2, "token": expired})).await;
            assert_eq!(renews.expect("error").await["code"], "unauthorized");
            let narrow = signer.token(json!({"topics": ["game:g1"]}));
            renews.say(json!({"op": "auth", "id": 3, "token": narrow})).await;
            assert_eq!(renews.expect("authorized").await["id"], 3);
            let ended = renews.expect("error").await;
            assert_eq!(
                (&ended["code"], &ended["topics"]),
                (&json!("forbidden"), &json!([{"topic": "slate"}]))
            );

            runs_out(with_a_short_token(&server, coding, &signer).await).await;
            server.post_lines(super::LINE.to_vec()).await;
            renews.expect("delta").await;
            renews_for_a_moment(&mut renews, &signer).await;
            runs_out(renews).await;
            let closed = "scorewire_connections_closed_total{reason=\"auth_expired\"}";
            crate::support::eventually("counted", || async { server.metric(closed).await >= 2.0 }).await;
            server.end().await;
        }
    });
}

/// No token can come as a message there: whoever had none was echoed to for as long as one may take to come.
#[test]
fn an_echo_takes_its_token_with_the_upgrade() {
    run(async {
        let folder = Folder::new("auth-sockets-echo");
        let signer = Signer::ed_dsa();
        let token = signer.token(json!({}));
        let server = server(&folder, &[signer], |config| {
            config.auth.anonymous_read = false;
            config.server.echo = true;
        });
        let connect = |token| Talk::connect_to(&server, "/v1/echo", Coding::Json, token);
        assert_eq!(connect(None).await.err(), Some(401));
        assert_eq!(connect(Some("a.b.c")).await.err(), Some(401));
        let mut talk = connect(Some(&token)).await.unwrap_or_else(|status| panic!("{status}"));
        talk.say(json!({"op": "anything"})).await;
        assert_eq!(talk.next().await, json!({"op": "anything"}));
        server.end().await;
    });
}

/// Welcomed with a token that is about to expire.
async fn with_a_short_token(server: &Server, coding: Coding, signer: &Signer) -> Talk {
    for life_s in LIVES_S {
        let token = signer.token(json!({"exp": in_s(life_s)}));
        match Talk::connect(server, coding, Some(&token)).await {
            Ok(mut talk) => {
                talk.expect("welcome").await;
                return talk;
            }
            Err(status) => assert_eq!(status, 401),
        }
    }
    panic!("no token lives long enough");
}

/// Shows a token that is about to expire, in place of one that is not.
async fn renews_for_a_moment(talk: &mut Talk, signer: &Signer) {
    for (life_s, id) in LIVES_S.into_iter().zip(10..) {
        let token = signer.token(json!({"exp": in_s(life_s), "topics": ["game:g1"]}));
        talk.say(json!({"op": "auth", "id": id, "token": token})).await;
        let answer = talk.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        match answer["type"].as_str() {
            Some("authorized") => return,
            _ => assert_eq!(answer["code"], "unauthorized", "{answer}"),
        }
    }
    panic!("no token lives long enough");
}

/// A client whose token is about to expire is told so, and then closed.
async fn runs_out(mut talk: Talk) {
    let left_ms = talk.expect("auth_expiring").await["expires_in_ms"].as_u64().unwrap();
    assert!(left_ms <= LIVES_S[LIVES_S.len() - 1] as u64 * 1_000, "{left_ms}");
    assert_eq!(talk.expect("goodbye").await["code"], "auth_expired");
    assert_eq!(talk.next().await, 4004);
}

#[test]
fn an_event_stream_and_a_feed_end_with_their_token() {
    run(async {
        let folder = Folder::new("auth-sockets-streams");
        let signer = Signer::ed_dsa();
        let server = server(&folder, std::slice::from_ref(&signer), |config| {
            config.auth.jwt_leeway_ms = 0;
            config.auth.jwt_scopes = vec![Scope::Read, Scope::Feed];
        });
        let token = |life_s| signer.token(json!({"exp": in_s(life_s), "scope": "read feed"}));
        let mut feed = None;
        for life_s in LIVES_S {
            feed = a_feed(&server, &token(life_s)).await;
            if feed.is_some() {
                break;
            }
        }
        let (mut feed, mut is_told) = feed.expect("no token lives long enough");
        let mut goodbye = feed.next().await;
        if goodbye["type"] == "auth_expiring" {
            is_told = true;
            goodbye = feed.next().await;
        }
        assert!(is_told, "it is told before");
        assert_eq!((&goodbye["type"], &goodbye["code"]), (&json!("goodbye"), &json!("auth_expired")));
        assert_eq!(feed.next().await, 4004);
        let mut shown = None;
        for life_s in LIVES_S {
            let token = token(life_s);
            let stream = get(&server, "/v1/sse?topics=slate", &token).await;
            if stream.status == 200 && stream.text().contains("auth_expiring") {
                shown = Some((token, stream.text()));
                break;
            }
        }
        let (token, stream) = shown.expect("no token lives long enough");
        assert!(stream.contains(r#""type":"goodbye","code":"auth_expired""#), "{stream}");
        assert_eq!(get(&server, "/v1/sse?topics=slate", &token).await.status, 401);
        server.end().await;
    });
}

/// A feed that was heard, and whether it was told by then that its token is about to expire; nothing where that
/// was over before.
async fn a_feed(server: &Server, token: &str) -> Option<(Talk, bool)> {
    let uri = format!("ws://{}/v1/ingest", server.address()).parse().unwrap();
    let request = ClientRequestBuilder::new(uri).with_header("authorization", format!("Bearer {token}"));
    let (socket, _) = connect_async(request).await.ok()?;
    let mut feed = Talk {
        socket,
        coding: Coding::Json,
    };
    let line = String::from_utf8(super::LINE.to_vec()).unwrap();
    feed.socket.send(Message::text(line)).await.ok()?;
    let mut answer = feed.next().await;
    let is_told = answer["type"] == "auth_expiring";
    if is_told {
        answer = feed.next().await;
    }
    if answer["type"] == "goodbye" {
        return None;
    }
    let taken = ["accepted", "duplicate"].map(|what| answer[what].as_u64().unwrap());
    assert_eq!(taken.iter().sum::<u64>(), 1, "{answer}");
    Some((feed, is_told))
}
