//! A server in this process, on a free port, and plain HTTP to it.

use super::events::lines;
use super::moved;
use super::wire::{self, Identity};
use super::{PATIENCE, eventually};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use scorewire::config::{Config, Durability};
use scorewire::fanout::sockets::WriterSetting;
use scorewire::model::Event;
use scorewire::pipeline::{self, Machine, Running};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use tokio_rustls::TlsConnector;

/// How clients are reached.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// Over plain sockets, by that writer.
    Plain(WriterSetting),
    /// Over TLS.
    Tls,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) http: Http,
    watched: moved::Watched,
    /// Its files are there as long as it is.
    _identity: Option<Identity>,
}

/// Plain HTTP to one address.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Http {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients connect with; nothing where it is plain.
    pub(crate) fn tls(&self) -> Option<&TlsConnector> {
        self.tls.as_ref()
    }

    pub(crate) fn new(address: SocketAddr) -> Http {
        Http {
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            address,
            tls: None,
        }
    }

    /// The same address, for who trusts something else.
    pub(crate) fn trusting(&self, connector: TlsConnector) -> Http {
        Http {
            tls: Some(connector),
            ..self.clone()
        }
    }

    pub(crate) async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let uri = match &self.tls {
            None => format!("http://{}{path}", self.address),
            Some(_) => path.to_owned(),
        };
        let mut request = Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = async {
            match &self.tls {
                None => self.client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap(),
                Some(tls) => {
                    let request = request.header("host", "127.0.0.1").body(Full::new(body.into())).unwrap();
                    let mut sender = wire::http(self.address, Some(tls)).await;
                    sender.send_request(request).await.unwrap()
                }
            }
        };
        let response = tokio::time::timeout(PATIENCE, response).await.expect("an answer");
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], Vec::new()).await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// Posts lines, none of which may be refused. Returns accepted and duplicate.
    pub(crate) async fn post_lines(&self, body: Vec<u8>) -> (u64, u64) {
        let answer = self
            .request(Method::POST, "/v1/events", &[("content-type", "application/x-ndjson")], body)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let report = answer.json();
        assert_eq!(report["rejected"], serde_json::json!([]), "{report}");
        (report["accepted"].as_u64().unwrap(), report["duplicate"].as_u64().unwrap())
    }

    /// Posts lines; nothing where nobody answers.
    pub(crate) async fn try_post(&self, body: Vec<u8>) -> Option<Answer> {
        let request = Request::post(format!("http://{}/v1/events", self.address)).body(Full::new(body.into()));
        let answering = async {
            let (parts, body) = self.client.request(request.unwrap()).await.ok()?.into_parts();
            Some(Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.collect().await.ok()?.to_bytes(),
            })
        };
        tokio::time::timeout(PATIENCE, answering).await.expect("an answer, or an end")
    }

    /// Posts events, as many in a request as `replay` does.
    pub(crate) async fn post(&self, events: &[Event]) {
        for batch in events.chunks(512) {
            self.post_lines(lines(batch)).await;
        }
    }

    /// The `seq` of each topic now.
    pub(crate) async fn heads<'a>(&self, topics: impl IntoIterator<Item = &'a String>) -> BTreeMap<String, u64> {
        let topics: Vec<&str> = topics.into_iter().map(String::as_str).collect();
        let mut heads = BTreeMap::new();
        for some in topics.chunks(100) {
            let answer = self.json(&format!("/v1/snapshot?topics={}", some.join(","))).await;
            for snapshot in answer["snapshots"].as_array().unwrap() {
                heads.insert(snapshot["topic"].as_str().unwrap().to_owned(), snapshot["seq"].as_u64().unwrap());
            }
        }
        heads
    }

    /// The value of a metric's line, such as `name{label="x"}`; 0 where there is none.
    pub(crate) async fn metric(&self, line: &str) -> f64 {
        let page = self.get("/metrics").await.text();
        moved::show(&page);
        let value = page.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0.0)
    }
}

impl std::ops::Deref for Server {
    type Target = Http;
    fn deref(&self) -> &Http {
        &self.http
    }
}

impl Server {
    /// Starts one: defaults, two shards, a free port, and what `change` says.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Server {
        Server::start_as(None, change)
    }

    /// The same, with TLS; its own clients trust it.
    pub(crate) fn start_tls(change: impl FnOnce(&mut Config)) -> Server {
        Server::start_as(Some(Identity::new()), change)
    }

    /// The same, with a certificate that is there.
    pub(crate) fn start_tls_with(identity: Identity, change: impl FnOnce(&mut Config)) -> Server {
        Server::start_as(Some(identity), change)
    }

    /// The same, with clients reached that way.
    pub(crate) fn start_on(way: Way, change: impl FnOnce(&mut Config)) -> Server {
        match way {
            Way::Tls => Server::start_tls(change),
            Way::Plain(writer) => Server::start(|config| {
                config.fanout.writer = writer;
                change(config);
            }),
        }
    }

    /// The same, on a machine of the test's own.
    pub(crate) fn start_on_machine(machine: Machine, change: impl FnOnce(&mut Config)) -> Server {
        Server::start_with(machine, None, change)
    }

    fn start_as(identity: Option<Identity>, change: impl FnOnce(&mut Config)) -> Server {
        Server::start_with(Machine::this(), identity, change)
    }

    fn start_with(machine: Machine, identity: Option<Identity>, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::default();
        config.server.bind = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.shards = 2;
        config.store.durability = Durability::Memory;
        // Who tests forecasts asks for them.
        config.predict.points_every_ms = 0;
        // Tests of predictions say so: loading models takes longer than most tests.
        config.predict.enabled = false;
        if let Some(identity) = &identity {
            identity.set(&mut config);
        }
        change(&mut config);
        let running = pipeline::start_on(config, machine).unwrap();
        let watched = moved::watch(identity.is_none().then_some(running.admin_address));
        let mut http = Http::new(running.address);
        http.tls = identity.as_ref().map(|identity| identity.connector().clone());
        Server {
            running,
            http,
            watched,
            _identity: identity,
        }
    }

    /// Clients of this server whose socket refuses bytes, as of the last second.
    pub(crate) fn slow_clients(&self) -> usize {
        let shards = self.running.app.shards.iter();
        shards.map(|shard| shard.slow.load(Ordering::Relaxed)).sum()
    }

    /// Waits until so many clients are connected.
    pub(crate) async fn has_clients(&self, count: usize) {
        let shards = &self.running.app.shards;
        eventually(&format!("{count} clients"), || async {
            shards.iter().map(|shard| shard.connections.load(Ordering::Relaxed)).sum::<usize>() == count
        })
        .await;
    }

    /// Ends it; every connection must go in time.
    pub(crate) async fn end(self) {
        let watched = self.watched;
        tokio::task::spawn_blocking(move || watched.look()).await.unwrap();
        assert!(self.running.drain().await, "the server drains in time");
    }
}
