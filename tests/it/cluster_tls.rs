//! TLS between nodes and Redis.

use super::cluster::{Node, node, post, refused, same, slate};
use super::hostile::binary::Served;
use super::redis::Redis;
use super::support::run;
use super::support::server::Http;
use super::support::wire::Identity;
use std::net::TcpListener;

fn start(redis: &Redis, role: &str, settings: &[(&str, &str)]) -> Node {
    let served = Served::start(node(redis, role, settings));
    let http = Http::new(served.address("address"));
    Node { served, http }
}

#[test]
fn nodes_speak_tls_with_a_redis_that_asks_for_their_certificate() {
    let identity = Identity::new();
    let [cert, key] = identity.files().map(|path| path.to_str().unwrap().to_owned());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let arguments = ["--save", "", "--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key];
    let arguments = [&arguments[..], &["--tls-ca-cert-file", &cert, "--tls-auth-clients", "optional"]].concat();
    let Some(redis) = Redis::start_with("cluster-tls", &arguments) else {
        return;
    };
    let url = format!("rediss://127.0.0.1:{port}");
    let (by_tls, trusting) = (
        ("SCOREWIRE__CLUSTER__REDIS", url.as_str()),
        ("SCOREWIRE__CLUSTER__TLS_CA", cert.as_str()),
    );
    run(async {
        let nodes = [
            start(&redis, "engine", &[by_tls, trusting]),
            start(&redis, "edge", &[by_tls, trusting]),
            // The same Redis, in the clear.
            Node::start(&redis, "edge"),
        ];
        let (events, topics) = slate(41, 2);
        for (nth, part) in events.chunks(50).enumerate() {
            post(&nodes[nth % 3].http, part).await;
        }
        for node in &nodes {
            same(&nodes[0].http, &node.http, &topics).await;
        }
        // Whom nobody vouches for is not spoken to.
        let (code, line) = refused(node(&redis, "edge", &[by_tls]), &[]);
        assert_eq!(code, Some(69), "{line}");
        assert!(line.contains("UnknownIssuer") || line.contains("certificate"), "{line}");
        // Nor is who does not speak it.
        let plain = redis.url().replace("redis://", "rediss://");
        let (code, line) = refused(node(&redis, "edge", &[("SCOREWIRE__CLUSTER__REDIS", &plain), trusting]), &[]);
        assert_eq!(code, Some(69), "{line}");
        let nowhere = ("SCOREWIRE__CLUSTER__TLS_CA", "/nowhere/ca.pem");
        let (code, line) = refused(node(&redis, "edge", &[by_tls, nowhere]), &[]);
        assert_eq!(code, Some(69), "{line}");
        assert!(line.contains("cluster.tls_ca") && line.contains("/nowhere/ca.pem"), "{line}");
        // It may ask who they are.
        assert_eq!(redis.ask("CONFIG SET tls-auth-clients yes").unwrap(), "+OK\r\n");
        let (code, line) = refused(node(&redis, "edge", &[by_tls, trusting]), &[]);
        assert_eq!(code, Some(69), "{line}");
        let own = [
            by_tls,
            trusting,
            ("SCOREWIRE__CLUSTER__TLS_CERT", cert.as_str()),
            ("SCOREWIRE__CLUSTER__TLS_KEY", key.as_str()),
        ];
        let known = start(&redis, "edge", &own);
        same(&nodes[0].http, &known.http, &topics).await;
        let (code, line) = refused(node(&redis, "edge", &own[..3]), &[]);
        assert_eq!(code, Some(64), "{line}");
        assert!(line.contains("cluster.tls_key"), "{line}");
    });
}
