//! A collector: takes `POST /v1/traces` as OTLP over HTTP has it in JSON, checks what the protocol asks for, and keeps
//! what it was sent.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Clone, Copy)]
pub(super) enum Answering {
    Well,
    With(u16),
    Never,
}

/// What it was sent.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: Option<String>,
    pub(super) name: String,
    /// Nanoseconds since the Unix epoch.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) raw: Value,
}

/// A running one; it ends with this.
pub(super) struct Collector {
    port: u16,
    taken: Arc<Mutex<Vec<Value>>>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Desk {
    answering: Answering,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    pub(super) async fn start(answering: Answering) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let desk = Desk {
            answering,
            taken: taken.clone(),
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(desk);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Collector { port, taken, serving }
    }

    /// As the setting has it.
    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    pub(super) fn requests(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// Who sent the last request.
    pub(super) fn resource(&self) -> Value {
        let taken = self.taken.lock().unwrap();
        taken.last().unwrap()["resourceSpans"][0]["resource"].clone()
    }

    /// All that it was sent, checked.
    pub(super) fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let list = |value: &Value| value.as_array().unwrap().clone();
        let resources = taken.iter().flat_map(|request| list(&request["resourceSpans"]));
        let scopes = resources.flat_map(|resource| list(&resource["scopeSpans"]));
        scopes.flat_map(|scope| list(&scope["spans"])).map(read).collect()
    }

    /// The spans that stand for an event's way on one node.
    pub(super) fn roots(&self) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.name.starts_with("event"));
        spans
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Result<&'static str, StatusCode> {
    assert_eq!(headers["content-type"], "application/json");
    match desk.answering {
        Answering::Well => {}
        Answering::With(status) => return Err(StatusCode::from_u16(status).unwrap()),
        Answering::Never => std::future::pending().await,
    }
    desk.taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    Ok(r#"{"partialSuccess":{}}"#)
}

fn read(raw: Value) -> Span {
    let text = |key: &str| raw[key].as_str().unwrap_or_else(|| panic!("{key}: {raw}")).to_owned();
    let id = |key: &str, digits: usize| {
        let id = text(key);
        let is_hex = id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        assert!(id.len() == digits && is_hex && id.bytes().any(|byte| byte != b'0'), "{key}: {raw}");
        id
    };
    assert!(raw["kind"].as_u64().is_some_and(|kind| (1..=5).contains(&kind)), "{raw}");
    Span {
        trace: id("traceId", 32),
        id: id("spanId", 16),
        parent: raw.get("parentSpanId").map(|_| id("parentSpanId", 16)),
        name: text("name"),
        start: text("startTimeUnixNano").parse().unwrap(),
        end: text("endTimeUnixNano").parse().unwrap(),
        raw,
    }
}

/// An attribute of a span or a resource, as text.
pub(super) fn attribute(of: &Value, key: &str) -> String {
    let attributes = of["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    let value = &found.unwrap_or_else(|| panic!("{key} of {of}"))["value"];
    let text = value["stringValue"].as_str().or_else(|| value["intValue"].as_str());
    text.map_or_else(|| value["boolValue"].to_string(), str::to_owned)
}
