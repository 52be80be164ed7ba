//! A reader of the event stream.

use super::PATIENCE;
use super::holdings::Holdings;
use super::server::Http;
use super::wire;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, body::Incoming};
use serde_json::Value;

/// An open event stream.
pub(crate) struct Stream {
    // Dropping the sender with the body cuts the connection.
    _sender: SendRequest<Full<Bytes>>,
    body: Incoming,
    buffer: Vec<u8>,
    topics: Vec<String>,
    /// What its reader holds.
    pub(crate) holdings: Holdings,
    /// The last event's id.
    pub(crate) last_id: Option<String>,
}

impl Stream {
    /// Opens one, after `last_id` where there is one.
    pub(crate) async fn open(server: &Http, topics: &[String], ruleset: &str, holdings: Holdings, last_id: Option<String>) -> Stream {
        let mut sender = wire::http(server.address(), server.tls()).await;
        let query = format!("topics={}&ruleset={ruleset}", topics.join(","));
        let mut request = Request::get(format!("/v1/sse?{query}")).header("host", "127.0.0.1");
        if let Some(id) = &last_id {
            request = request.header("last-event-id", id);
        }
        let response = sender.send_request(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream {
            _sender: sender,
            body: response.into_body(),
            buffer: Vec::new(),
            topics: topics.to_vec(),
            holdings,
            last_id,
        }
    }

    /// The next event's data, once it has been taken in; nothing at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event = String::from_utf8(self.buffer.drain(..end + 2).collect()).unwrap();
                if let Some(frame) = self.event(&event) {
                    return Some(frame);
                }
                continue;
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("an event");
            self.buffer.extend_from_slice(frame?.ok()?.data_ref()?);
        }
    }

    fn event(&mut self, event: &str) -> Option<Value> {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        if let Some(id) = field("id: ") {
            self.last_id = Some(id.to_owned());
        }
        let frame: Value = serde_json::from_str(field("data: ")?).unwrap();
        self.holdings.take(&frame);
        Some(frame)
    }

    /// Reads on until it holds the head of every topic.
    pub(crate) async fn catch_up(&mut self, server: &Http) {
        let heads = server.heads(&self.topics).await;
        let at = |stream: &Stream, topic: &String| {
            let mut held = stream.holdings.held.iter();
            held.find(|((held, _), _)| held == topic).map(|(_, held)| held.seq)
        };
        while self.topics.iter().any(|topic| at(self, topic) != Some(heads[topic])) {
            self.next().await.expect("the stream goes on");
        }
    }
}
