//! A certificate that changes while the server runs: new handshakes show the new one, and nobody is cut.

use super::hostile::binary::{Folder, Served, scorewire};
use super::support::client::Client;
use super::support::events::{game, play};
use super::support::server::{Http, Server};
use super::support::wire::Identity;
use super::support::{eventually, run};
use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const DONE: &str = "scorewire_tls_reloads_total{result=\"done\"}";
const FAILED: &str = "scorewire_tls_reloads_total{result=\"failed\"}";
const EXPIRES: &str = "scorewire_tls_certificate_expiry_timestamp_seconds";

/// A self-signed certificate for 127.0.0.1 that expires in that year.
struct Made {
    cert: CertificateDer<'static>,
    cert_pem: String,
    key_pem: String,
}

fn made(year: i32) -> Made {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 2);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    Made {
        cert: cert.der().clone(),
        cert_pem: cert.pem(),
        key_pem: key.serialize_pem(),
    }
}

impl Made {
    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("cert.pem"), &self.cert_pem).unwrap();
        std::fs::write(folder.join("key.pem"), &self.key_pem).unwrap();
    }

    /// What trusts it, and nothing else.
    fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        TlsConnector::from(Arc::new(
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
        ))
    }
}

/// Asks for something over a connection of its own; how the handshake went.
async fn ask(address: SocketAddr, connector: &TlsConnector) -> io::Result<HandshakeKind> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(ServerName::from(address.ip()), stream).await?;
    let kind = stream.get_ref().1.handshake_kind().unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(kind)
}

#[test]
fn a_new_certificate_is_shown_and_nobody_is_cut() {
    run(async {
        let folder = Folder::new("tls-reload");
        let (first, second, other) = (made(2100), made(2101), made(2102));
        first.write(folder.path());
        let server = Server::start_tls_with(Identity::of(folder.path(), first.connector()), |config| {
            config.server.admin_bind = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        });
        let (address, admin) = (server.address(), Http::new(server.running.admin_address));
        let begin = game("g1", 1, "live", ["AAA", "BBB"], 1_500_000_000, [0, 0]);
        server.post_lines(begin.into_bytes()).await;
        let mut client = Client::connect(&server).await;
        client.subscribe(&["game:g1".to_owned()], "ppr").await;
        let trusting = first.connector();
        assert_eq!(ask(address, &trusting).await.unwrap(), HandshakeKind::Full);
        assert_eq!(ask(address, &trusting).await.unwrap(), HandshakeKind::Resumed);
        assert_eq!(admin.metric(EXPIRES).await, 4_102_531_200.0, "the second of January 2100");

        second.write(folder.path());
        eventually("the new one is shown", || async { ask(address, &second.connector()).await.is_ok() }).await;
        ask(address, &trusting).await.expect_err("neither the old one nor a session of it");
        eventually("counted", || async { admin.metric(DONE).await >= 1.0 }).await;
        assert_eq!(admin.metric(EXPIRES).await, 4_134_067_200.0);

        // Half of another pair, and then nothing that could be one.
        for (name, text) in [("key.pem", other.key_pem.as_str()), ("cert.pem", "nonsense")] {
            let before = admin.metric(FAILED).await;
            std::fs::write(folder.path().join(name), text).unwrap();
            eventually("refused", || async { admin.metric(FAILED).await > before }).await;
            ask(address, &second.connector()).await.unwrap();
        }
        assert_eq!(admin.metric(EXPIRES).await, 4_134_067_200.0);

        // Who came by the first one is still here.
        let line = play("g1", 1, 1, &[("x-1", "AAA", 10, 7)]);
        server.http.trusting(second.connector()).post_lines(line.into_bytes()).await;
        client.barrier().await;
        let held = &client.holdings.held[&("game:g1".to_owned(), "ppr".to_owned())];
        assert_eq!((held.seq, client.closed), (2, None));
        assert!(server.running.drain().await);
    });
}

#[test]
fn a_hangup_has_it_read_again() {
    let folder = Folder::new("tls-hangup");
    let first = made(2100);
    first.write(folder.path());
    let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
    let path = |name: &str| folder.path().join(name);
    command
        .env("SCOREWIRE__SERVER__TLS_CERT", path("cert.pem"))
        .env("SCOREWIRE__SERVER__TLS_KEY", path("key.pem"))
        .env("SCOREWIRE__SERVER__ADMIN_BIND", "127.0.0.1:0");
    let served = Served::start(command);
    run(async {
        let admin = Http::new(served.address("admin"));
        assert_eq!(admin.metric(DONE).await, 0.0);
        served.signal(Signal::HUP);
        eventually("read again", || async { admin.metric(DONE).await == 1.0 }).await;
        ask(served.address("address"), &first.connector()).await.unwrap();
    });
}
