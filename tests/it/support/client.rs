//! A WebSocket client that holds what a careful page would, and checks every frame; in either coding,
//! the binary one read and written as JSON.

use super::PATIENCE;
use super::holdings::{Holdings, Key, key_of};
use super::server::Http;
use super::wire::{Wire, Wired, connect};
use crate::proto;
use futures_util::{SinkExt, StreamExt};
use scorewire::wire::Coding;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};

/// A connected client.
pub(crate) struct Client {
    // A second hold on the socket.
    raw: socket2::Socket,
    socket: WebSocketStream<Box<dyn Wire>>,
    coding: Coding,
    /// What it holds.
    pub(crate) holdings: Holdings,
    /// The history that is about.
    pub(crate) epoch: String,
    /// The welcome.
    pub(crate) welcome: Value,
    /// Messages that are of no topic, not asked for yet.
    pub(crate) said: VecDeque<Value>,
    /// The server's close code and reason.
    pub(crate) closed: Option<(u16, String)>,
    next_id: i64,
    subscribed: BTreeSet<Key>,
}

impl Client {
    /// Connects and takes the welcome.
    pub(crate) async fn connect(server: &Http) -> Client {
        Client::connect_in(server, Coding::Json).await
    }

    /// The same in that coding.
    pub(crate) async fn connect_in(server: &Http, coding: Coding) -> Client {
        Client::come_back_in(server, coding, Holdings::default()).await
    }

    /// Comes back with what it held before.
    pub(crate) async fn come_back(server: &Http, holdings: Holdings) -> Client {
        Client::come_back_in(server, Coding::Json, holdings).await
    }

    /// The same in that coding, whatever it held it in.
    pub(crate) async fn come_back_in(server: &Http, coding: Coding, holdings: Holdings) -> Client {
        Client::over(connect(server.address(), server.tls(), None).await, coding, holdings).await
    }

    /// Connects with so small a receive buffer that not reading is soon noticed.
    pub(crate) async fn connect_narrow(server: &Http) -> Client {
        Client::connect_narrow_in(server, Coding::Json).await
    }

    /// The same in that coding.
    pub(crate) async fn connect_narrow_in(server: &Http, coding: Coding) -> Client {
        let wired = connect(server.address(), server.tls(), Some(4096)).await;
        Client::over(wired, coding, Holdings::default()).await
    }

    /// Connects to that address, with so small a receive buffer where one is given.
    pub(crate) async fn connect_at(address: SocketAddr, receive_bytes: Option<u32>) -> Client {
        Client::over(connect(address, None, receive_bytes).await, Coding::Json, Holdings::default()).await
    }

    async fn over(wired: Wired, coding: Coding, holdings: Holdings) -> Client {
        let request = ClientRequestBuilder::new("ws://127.0.0.1/v1/ws".parse().unwrap()).with_sub_protocol(coding.subprotocol());
        let (socket, answer) = tokio_tungstenite::client_async(request, wired.stream).await.unwrap();
        assert_eq!(answer.headers()["sec-websocket-protocol"], coding.subprotocol());
        let mut client = Client {
            raw: wired.socket,
            socket,
            coding,
            holdings,
            epoch: String::new(),
            welcome: Value::Null,
            said: VecDeque::new(),
            closed: None,
            next_id: 0,
            subscribed: BTreeSet::new(),
        };
        client.next().await.expect("a welcome");
        client.welcome = client.said.pop_front().expect("a welcome before all else");
        assert_eq!(client.welcome["type"], "welcome");
        client.epoch = client.welcome["epoch"].as_str().unwrap().to_owned();
        client
    }

    /// The next message, once it has been taken in; nothing once the connection is over.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message");
            match message? {
                Ok(data @ (Message::Text(_) | Message::Binary(_))) => {
                    let message: Value = self.read(&data);
                    self.holdings.take(&message);
                    if !matches!(message["type"].as_str(), Some("snapshot" | "delta" | "prediction" | "outcome")) {
                        self.said.push_back(message.clone());
                    }
                    return Some(message);
                }
                Ok(Message::Close(frame)) => {
                    self.closed = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    fn read(&self, data: &Message) -> Value {
        match (self.coding, data) {
            (Coding::Json, Message::Text(text)) => serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")),
            (Coding::Bin, Message::Binary(bytes)) => proto::server_message(bytes),
            (coding, data) => panic!("{data:?} in {coding:?}"),
        }
    }

    /// Reads up to `frames` messages, fewer where none comes for a moment.
    pub(crate) async fn read_some(&mut self, frames: usize) {
        for _ in 0..frames {
            let waited = tokio::time::timeout(Duration::from_millis(20), self.next()).await;
            if !matches!(waited, Ok(Some(_))) {
                return;
            }
        }
    }

    /// Reads until told to stop.
    pub(crate) async fn read_until(mut self, mut stop: watch::Receiver<bool>) -> Client {
        loop {
            tokio::select! {
                message = self.next() => assert!(message.is_some(), "closed: {:?}", self.closed),
                _ = stop.wait_for(|stop| *stop) => return self,
            }
        }
    }

    pub(crate) async fn send(&mut self, message: Value) {
        let message = match self.coding {
            Coding::Json => Message::text(message.to_string()),
            Coding::Bin => Message::binary(proto::client_message(&message)),
        };
        self.send_as_is(message).await;
    }

    pub(crate) async fn send_as_is(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends a request and reads up to its reply.
    pub(crate) async fn ask(&mut self, mut message: Value) -> Value {
        self.next_id += 1;
        message["id"] = json!(self.next_id);
        self.send(message).await;
        loop {
            let reply = self.next().await;
            let reply = reply.unwrap_or_else(|| panic!("closed before its reply: {:?}", self.closed));
            if reply["id"] == self.next_id {
                self.said.retain(|said| said["id"] != self.next_id);
                let topics = reply["topics"].as_array().into_iter().flatten().map(key_of);
                match reply["type"].as_str() {
                    Some("subscribed") => self.subscribed.extend(topics),
                    Some("unsubscribed") => topics.for_each(|key| assert!(self.subscribed.remove(&key))),
                    _ => {}
                }
                return reply;
            }
        }
    }

    /// Subscribes afresh; every topic must be taken.
    pub(crate) async fn subscribe(&mut self, topics: &[String], ruleset: &str) {
        let reply = self.ask(json!({"op": "subscribe", "topics": topics, "ruleset": ruleset})).await;
        assert_eq!(reply["topics"].as_array().map(Vec::len), Some(topics.len()), "{reply}");
        assert_eq!(reply["errors"], serde_json::json!([]), "{reply}");
    }

    /// Subscribes from what it holds. Returns how many topics were resumed; the others begin anew.
    pub(crate) async fn resume(&mut self, topics: &[String], ruleset: &str, epoch: &str) -> usize {
        let held = |topic: &String| {
            let has_ruleset = topic != "slate" && !topic.starts_with("predictions:");
            let ruleset = if has_ruleset { ruleset } else { "" };
            self.holdings.held.get(&(topic.clone(), ruleset.to_owned())).map(|held| held.seq)
        };
        let since: serde_json::Map<String, Value> = topics
            .iter()
            .filter_map(|topic| Some((topic.clone(), held(topic)?.into())))
            .collect();
        let message = json!({"op": "subscribe", "topics": topics, "ruleset": ruleset, "epoch": epoch, "since": since});
        let reply = self.ask(message).await;
        let resumed = |topic: &&Value| match topic["how"].as_str() {
            Some("resumed") => true,
            _ => {
                self.holdings.held.remove(&key_of(topic));
                false
            }
        };
        let resumed = reply["topics"].as_array().unwrap().iter().filter(resumed).count();
        assert_eq!(reply["errors"], serde_json::json!([]), "{reply}");
        resumed
    }

    /// Reads on until it holds the head of every topic that it is subscribed to.
    pub(crate) async fn catch_up(&mut self, server: &Http) {
        let topics: BTreeSet<String> = self.subscribed.iter().map(|(topic, _)| topic.clone()).collect();
        let mut heads = server.heads(&topics).await;
        loop {
            let at = |key: &Key| self.holdings.held.get(key).map(|held| held.seq);
            // Of a cluster, a node may have read on meanwhile what another one took in.
            if self.subscribed.iter().any(|key| at(key) > Some(heads[&key.0])) {
                heads = server.heads(&topics).await;
            }
            let behind = self.subscribed.iter().find(|key| at(key) != Some(heads[&key.0]));
            let Some(key) = behind else { return };
            let stays = format!("{key:?} stays at {:?}, its head is {}", at(key), heads[&key.0]);
            let waited = tokio::time::timeout(PATIENCE / 4, self.next()).await;
            let waited = waited.unwrap_or_else(|_| panic!("{stays}"));
            assert!(waited.is_some(), "closed while behind ({stays}): {:?}", self.closed);
        }
    }

    /// Catches up after it has slept; false where the connection is over.
    pub(crate) async fn woken(&mut self, server: &Http) -> bool {
        let ping = json!({"op": "ping", "id": -1}).to_string();
        if self.socket.send(Message::text(ping)).await.is_err() {
            return false;
        }
        loop {
            match self.next().await {
                None => return false,
                Some(message) if message["type"] == "pong" => break,
                Some(_) => {}
            }
        }
        self.catch_up(server).await;
        true
    }

    /// Waits until the server has answered twice: what was due before has then been sent.
    pub(crate) async fn barrier(&mut self) {
        for _ in 0..2 {
            let pong = self.ask(json!({"op": "ping"})).await;
            assert_eq!(pong["type"], "pong");
        }
    }

    /// Reads to the end of the connection.
    pub(crate) async fn read_to_end(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Cuts the connection without a word, as a lost network does.
    pub(crate) fn cut(self) -> (Holdings, String) {
        // Lingering 0: the other side sees a reset.
        self.raw.set_linger(Some(Duration::ZERO)).unwrap();
        (self.holdings, self.epoch)
    }
}
