//! Traces of events, to a collector of the test's own: what it is sent is right, nothing is sent when off, and one
//! that is away, slow or cross costs nobody anything.

mod collector;

use super::hostile::binary::{Folder, outcome, scorewire};
use super::redis::Redis;
use super::support::client::Client;
use super::support::events::{game, play};
use super::support::server::{Http, Server};
use super::support::{eventually, run};
use collector::{Answering, Collector, Span, attribute};
use hyper::{Method, StatusCode};
use scorewire::config::{Config, Durability, Role};
use std::collections::BTreeSet;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Everything is traced, and soon sent.
fn trace_to(config: &mut Config, endpoint: &str) {
    config.traces.endpoint = endpoint.to_owned();
    config.traces.one_in = 1;
    config.traces.per_second_max = 100;
    // As long as a slow machine takes from a feed to a socket.
    config.traces.settle_ms = 4_000;
}

/// A play of ten yards.
fn run_of(game: &str, id: u64) -> Vec<u8> {
    play(game, id, 1, &[("p-1", "AAA", 10, 10)]).into_bytes()
}

fn live(id: &str) -> Vec<u8> {
    game(id, 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]).into_bytes()
}

/// Each span is within the trace, below the root and not longer than it.
fn assert_nested(spans: &[Span], root: &Span) {
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), spans.len(), "each has an id of its own: {spans:#?}");
    for span in spans {
        assert_eq!(span.trace, root.trace);
        assert!(
            root.start <= span.start && span.start <= span.end && span.end <= root.end,
            "{span:#?} in {root:#?}"
        );
        assert!(span.id == root.id || span.parent.as_deref() == Some(root.id.as_str()), "{span:#?}");
    }
}

/// The span of that stage; of several, the first.
fn stage<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("{name} among {names:?}"))
}

#[test]
fn an_event_is_one_trace_from_the_feed_to_the_socket() {
    run(async {
        let collector = Collector::start(Answering::Well).await;
        let folder = Folder::new("traces");
        let server = Server::start(|config| {
            trace_to(config, &collector.endpoint());
            config.traces.service = "scores".to_owned();
            config.store.durability = Durability::Group;
            config.store.dir = folder.path().join("log");
        });
        server.post_lines(live("t")).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&["player:p-1".to_owned(), "game:t".to_owned()], "ppr").await;
        server.post_lines(run_of("t", 7)).await;
        client.catch_up(&server).await;
        let spans = collector.trace_of("play", 1).await;
        let root = stage(&spans, "event");
        assert_eq!(root.parent, None);
        assert_nested(&spans, root);
        assert_eq!(attribute(&root.raw, "scorewire.game"), "t");
        assert_eq!(attribute(&root.raw, "scorewire.play"), "7");
        assert_eq!(attribute(&stage(&spans, "apply").raw, "scorewire.outcome"), "fresh");
        // One after the other; the log's sync and the answer go on beside.
        let way = ["decode", "log", "queue", "apply", "encode", "write"].map(|name| stage(&spans, name));
        assert_eq!(way[0].start, root.start);
        for pair in way.windows(2) {
            assert!(pair[0].end <= pair[1].start, "{pair:#?}");
        }
        assert_eq!(stage(&spans, "notify").start, stage(&spans, "apply").end);
        assert_eq!(stage(&spans, "commit").start, stage(&spans, "decode").end);
        assert_eq!(attribute(&stage(&spans, "write").raw, "scorewire.clients"), "1");
        let resource = collector.resource();
        assert_eq!(attribute(&resource, "service.name"), "scores");
        // The same event again is another trace: it came in another time, and did nothing.
        server.post_lines(run_of("t", 7)).await;
        let again = collector.trace_of("play", 2).await;
        assert_ne!(again[0].trace, root.trace);
        assert_eq!(attribute(&stage(&again, "apply").raw, "scorewire.outcome"), "duplicate");
        assert!(again.iter().all(|span| span.name != "write"));
        assert!(server.metric("scorewire_traces_exported_total").await >= 3.0);
        assert!(server.metric("scorewire_trace_requests_total{result=\"taken\"}").await >= 1.0);
        drop(client);
        server.end().await;
    });
}

#[test]
fn a_feed_may_ask_for_a_trace_of_its_own() {
    run(async {
        let collector = Collector::start(Answering::Well).await;
        let server = Server::start(|config| {
            trace_to(config, &collector.endpoint());
            config.traces.one_in = 0;
        });
        let post = async |body: Vec<u8>, headers: &[(&str, &str)]| {
            let answer = server.request(Method::POST, "/v1/events", headers, body).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        };
        post(live("a"), &[]).await;
        post(run_of("a", 1), &[("traceparent", &PARENT.replace("-01", "-00"))]).await;
        post(run_of("a", 2), &[("traceparent", "rubbish")]).await;
        post(run_of("a", 3), &[("traceparent", PARENT), ("traceparent", PARENT)]).await;
        let two = [run_of("a", 4), run_of("a", 5)].join(&b'\n');
        post(two, &[("traceparent", PARENT)]).await;
        let spans = collector.trace_of("play", 1).await;
        let root = stage(&spans, "event");
        assert_eq!(root.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(root.parent.as_deref(), Some("00f067aa0ba902b7"));
        assert_eq!(attribute(&root.raw, "scorewire.play"), "4");
        assert_nested(&spans, root);
        server.end().await;
        assert_eq!(collector.roots().len(), 1, "the first event of who asks as it should, and no other");
    });
}

#[test]
fn nothing_is_sent_when_off() {
    run(async {
        let collector = Collector::start(Answering::Well).await;
        let server = Server::start(|config| {
            trace_to(config, &collector.endpoint());
            config.traces.endpoint = String::new();
        });
        server.post_lines(live("o")).await;
        let headers = [("traceparent", PARENT)];
        server.request(Method::POST, "/v1/events", &headers, run_of("o", 1)).await;
        assert!(server.running.app.engine.tracer().is_none());
        server.end().await;
        assert_eq!(collector.requests(), 0);
    });
}

/// Feeds and clients are served as ever; the traces are counted where they went.
async fn costs_nothing(endpoint: &str, counted: &[&str], change: impl FnOnce(&mut Config)) {
    let server = Server::start(|config| {
        trace_to(config, endpoint);
        config.traces.settle_ms = 10;
        change(config);
    });
    let mut before = Vec::new();
    for line in counted {
        before.push(server.metric(line).await);
    }
    server.post_lines(live("c")).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&["player:p-1".to_owned()], "ppr").await;
    for id in 0..150 {
        server.post_lines(run_of("c", id)).await;
    }
    client.catch_up(&server).await;
    client.holdings.assert_equal_http(&server).await;
    for (line, before) in counted.iter().zip(before) {
        eventually(line, || async { server.metric(line).await > before }).await;
    }
    drop(client);
    server.end().await;
}

#[test]
fn a_collector_that_is_away_slow_or_cross_costs_nobody_anything() {
    run(async {
        let failed = "scorewire_traces_dropped_total{reason=\"failed\"}";
        let unreachable = "scorewire_trace_requests_total{result=\"unreachable\"}";
        let refused = "scorewire_trace_requests_total{result=\"refused\"}";
        let away = Collector::start(Answering::Well).await.endpoint();
        costs_nothing(&away, &[failed, unreachable], |_| {}).await;
        let cross = Collector::start(Answering::With(500)).await;
        costs_nothing(&cross.endpoint(), &[failed, refused], |_| {}).await;
        let silent = Collector::start(Answering::Never).await;
        costs_nothing(&silent.endpoint(), &[failed, unreachable], |config| config.traces.timeout_ms = 200).await;
    });
}

#[test]
fn what_there_is_no_room_for_is_left_out_and_counted() {
    run(async {
        let collector = Collector::start(Answering::Well).await;
        let rate = "scorewire_traces_dropped_total{reason=\"rate\"}";
        let queue = "scorewire_traces_dropped_total{reason=\"queue\"}";
        let spans = "scorewire_trace_spans_dropped_total";
        costs_nothing(&collector.endpoint(), &[rate], |config| config.traces.per_second_max = 1).await;
        let server = Server::start(|config| {
            trace_to(config, &collector.endpoint());
            config.traces.queue_max = 16;
        });
        let before = (server.metric(queue).await, server.metric(spans).await);
        server.post_lines(live("q")).await;
        // All of one request at once: more than the queue takes between two looks at it.
        eventually("a full queue", || async {
            let at = server.running.app.clock.wall_us().unsigned_abs();
            let plays: Vec<Vec<u8>> = (0..90).map(|id| run_of("q", at + id)).collect();
            server.post_lines(plays.join(&b'\n')).await;
            server.metric(queue).await > before.0 && server.metric(spans).await > before.1
        })
        .await;
        server.end().await;
    });
}

#[test]
fn an_address_that_is_none_stops_the_start_in_one_line() {
    for endpoint in [
        "rubbish",
        "https://collector.example:4318",
        "http://",
        "http://user:secret@host:4318",
        "http://host:4318/v1/traces",
        "http://host:4318/?key=x",
        "http://ho st",
    ] {
        for command in ["check-config", "serve"] {
            let mut command = scorewire(&[command]);
            command.env("SCOREWIRE__TRACES__ENDPOINT", endpoint);
            let (code, _, said) = outcome(command);
            assert_eq!(code, Some(64), "{endpoint}: {said}");
            let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), 1, "{said}");
            assert!(
                lines[0].contains("traces.endpoint") && lines[0].contains("http://127.0.0.1:4318"),
                "{said}"
            );
        }
    }
}

/// Two nodes of one cluster pick the same event and give its trace the same name; the one that reads it puts its part
/// under that of the one that took it in.
#[test]
fn nodes_of_a_cluster_show_one_trace() {
    let Some(redis) = Redis::start("traces-cluster") else { return };
    run(async {
        let collector = Collector::start(Answering::Well).await;
        let start = |node: &str| {
            Server::start(|config| {
                trace_to(config, &collector.endpoint());
                config.cluster.role = Role::Edge;
                config.cluster.redis = vec![redis.url()];
                config.cluster.partitions = 2;
                config.cluster.node = node.to_owned();
            })
        };
        let taker = start("one");
        taker.post_lines(live("k")).await;
        let reader = start("two");
        let mut client = Client::connect(&reader).await;
        client.subscribe(&["game:k".to_owned()], "ppr").await;
        taker.post_lines(run_of("k", 3)).await;
        client.catch_up(&reader).await;
        let spans = collector.trace_of("play", 2).await;
        let (here, there) = (stage(&spans, "event"), stage(&spans, "event of another node"));
        assert_eq!(here.parent, None);
        assert_eq!(there.parent.as_deref(), Some(here.id.as_str()));
        assert_eq!(there.trace, here.trace);
        let below = |root: &Span| -> Vec<Span> {
            spans
                .iter()
                .filter(|span| span.id == root.id || span.parent.as_deref() == Some(&root.id) && span.id != there.id)
                .cloned()
                .collect()
        };
        let (of_taker, of_reader) = (below(here), below(there));
        assert_nested(&of_taker, here);
        assert_nested(&of_reader, there);
        for name in ["decode", "log", "queue", "apply", "commit"] {
            stage(&of_taker, name);
        }
        for name in ["read", "queue", "apply", "encode", "write"] {
            stage(&of_reader, name);
        }
        assert!(of_taker.iter().all(|span| span.name != "write"), "nobody watches there");
        // What was there before the second node is not traced by it.
        assert!(
            collector
                .roots()
                .iter()
                .all(|root| attribute(&root.raw, "scorewire.event") != "game" || root.name == "event")
        );
        drop(client);
        reader.end().await;
        taker.end().await;
    });
}

impl Collector {
    /// Waits until the trace of an event of that kind was sent whose root has come `nth` times; of several, the last.
    async fn trace_of(&self, kind: &str, nth: usize) -> Vec<Span> {
        let of_kind = || -> Vec<Span> {
            let mut roots = self.roots();
            roots.retain(|root| attribute(&root.raw, "scorewire.event") == kind);
            roots
        };
        eventually(&format!("{nth} traces of a {kind}"), || async { of_kind().len() >= nth }).await;
        let last = of_kind().pop().unwrap().trace;
        let mut spans = self.spans();
        spans.retain(|span| span.trace == last);
        spans
    }
}

#[test]
fn metrics_of_traces_are_there_when_off() {
    run(async {
        let server = Server::start(|_| {});
        let page = Http::new(server.running.address).get("/metrics").await.text();
        for name in [
            "scorewire_traces_exported_total",
            "scorewire_traces_dropped_total",
            "scorewire_trace_spans_dropped_total",
            "scorewire_trace_requests_total",
        ] {
            assert!(page.contains(name), "{name}");
        }
        server.end().await;
    });
}
