//! TLS: the fake server behind a front that ends it, believed for its certificate, for that of who
//! signed it, or for nothing at all.

use super::fake_server::{self, Manner};
use super::{CLIENTS, PLAYS, run};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A front, and the certificates that it can be believed for.
struct Front {
    url: String,
    /// PEM files: of its own certificate, of the one that signed it, of neither.
    own: PathBuf,
    signer: PathBuf,
    stranger: PathBuf,
}

fn file(name: &str, port: u16, pem: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{port}.pem"));
    std::fs::write(&path, pem).unwrap();
    path
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn front(manner: Manner) -> Front {
    let (signer, stranger, key) = (authority(), authority(), KeyPair::generate().unwrap());
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let own = own.signed_by(&key, &signer).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let to = fake_server::start(manner, PLAYS);
    let config = config(own.der().clone(), &key);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || between(client, to, config));
        }
    });
    Front {
        url: format!("wss://{addr}"),
        own: file("own", addr.port(), &own.pem()),
        signer: file("signer", addr.port(), &signer.pem()),
        stranger: file("stranger", addr.port(), &stranger.pem()),
    }
}

fn config(own: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![own], key).unwrap())
}

/// Passes on what either side sends, until one of them ends.
fn between(mut client: TcpStream, to: SocketAddr, config: Arc<ServerConfig>) {
    let mut server = TcpStream::connect(to).unwrap();
    client.set_nonblocking(true).unwrap();
    server.set_nonblocking(true).unwrap();
    let mut session = ServerConnection::new(config).unwrap();
    let mut buffer = [0; 4096];
    loop {
        let (heard, told) = (session.read_tls(&mut client), server.read(&mut buffer));
        if session.process_new_packets().is_err() || matches!(heard, Ok(0)) {
            return;
        }
        match told {
            Ok(0) => return,
            Ok(count) => session.writer().write_all(&buffer[..count]).unwrap(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        while let Ok(count) = session.reader().read(&mut buffer) {
            server.write_all(&buffer[..count]).unwrap();
        }
        while session.wants_write() && session.write_tls(&mut client).is_ok() {}
        if heard.is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn broadcast(url: &str, more: &[&str]) -> (i32, Value, String) {
    let (clients, plays) = (CLIENTS.to_string(), PLAYS.to_string());
    let mut args = vec!["run", "broadcast", "--url", url, "--clients", &clients, "--events", &plays];
    args.extend(["--interval-ms", "20", "--drain-timeout-s", "0.5", "--sample", "2"]);
    args.extend(more);
    run(&args)
}

/// What `run` gives when `trust` is what it is given, with a server that has not been played to yet.
fn believing(manner: Manner, trust: fn(&Front) -> Vec<&str>) -> (i32, Value, String) {
    let front = front(manner);
    broadcast(&front.url, &trust(&front))
}

fn ca(path: &Path) -> Vec<&str> {
    vec!["--tls-ca", path.to_str().unwrap()]
}

#[test]
fn clients_over_tls_verify_every_frame() {
    let believed: [fn(&Front) -> Vec<&str>; 3] = [|front| ca(&front.own), |front| ca(&front.signer), |_| vec!["--tls-insecure"]];
    for trust in believed {
        let (code, report, errors) = believing(Manner::Good, trust);
        assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}\n{errors}");
        assert_eq!(report["deliveries"], (CLIENTS * PLAYS) as u64, "{report:#}");
    }
}

#[test]
fn a_lost_frame_is_noticed_over_tls() {
    let (code, report, errors) = believing(Manner::DropsOne, |_| vec!["--tls-insecure"]);
    let faults = report["faults"].to_string();
    assert!(
        code == 1 && faults.contains("holds seq 3 and was sent prev 4"),
        "{report:#}\n{errors}"
    );
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused() {
    let (code, _, errors) = believing(Manner::Good, |front| ca(&front.stranger));
    assert!(code == 2 && errors.contains("invalid peer certificate"), "{errors}");
    let (code, _, errors) = believing(Manner::Good, |_| Vec::new());
    assert!(code == 2 && errors.contains("--tls-ca FILE"), "{errors}");
}
