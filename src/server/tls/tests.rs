use super::*;
use futures_util::FutureExt;
use parking_lot::Mutex;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::sync::mpsc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

/// What a server does, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Began to sign for a client.
    Signed,
    /// Took a client's last word and gave it a ticket.
    Finished,
}

/// Says which key to sign with and makes tickets, and so sees what happens when.
#[derive(Debug)]
struct Witness {
    key: Arc<CertifiedKey>,
    steps: Mutex<Vec<Step>>,
    stepped: Notify,
    /// What a signature waits for, where one is to wait.
    gate: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Witness {
    fn step(&self, step: Step) {
        self.steps.lock().push(step);
        self.stepped.notify_one();
    }

    fn count(&self, step: Step) -> usize {
        self.steps.lock().iter().filter(|other| **other == step).count()
    }

    async fn wait_for(&self, step: Step, count: usize) {
        while self.count(step) < count {
            self.stepped.notified().await;
        }
    }
}

impl ResolvesServerCert for Witness {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.step(Step::Signed);
        let gate = self.gate.lock().take();
        if let Some(gate) = gate {
            gate.recv().unwrap();
        }
        Some(self.key.clone())
    }
}

impl ProducesTickets for Witness {
    fn enabled(&self) -> bool {
        true
    }
    fn lifetime(&self) -> u32 {
        60
    }
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.step(Step::Finished);
        Some(plain.to_vec())
    }
    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// A server's handshakes and what its clients believe.
fn handshakes(change: impl FnOnce(&mut config::Server)) -> (Handshakes, Arc<Witness>, Arc<ClientConfig>) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
    let key = CertifiedKey::from_der(vec![pair.cert.der().clone()], key, &provider).unwrap();
    let witness = Arc::new(Witness {
        key: Arc::new(key),
        steps: Mutex::default(),
        stepped: Notify::new(),
        gate: Mutex::default(),
    });
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut settings = builder.with_cert_resolver(witness.clone());
    settings.ticketer = witness.clone();
    settings.send_tls13_tickets = 1;
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider);
    let client = client.with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let mut server = config::Config::default().server;
    change(&mut server);
    (
        Handshakes::start(Arc::new(settings), &server, TlsMetrics::new()).unwrap(),
        witness,
        Arc::new(client),
    )
}

/// The other side, driven by hand.
struct Client {
    connection: ClientConnection,
    stream: DuplexStream,
}

impl Client {
    /// Has said its first word; with the server's end of the connection.
    async fn hello(config: &Arc<ClientConfig>) -> (Client, DuplexStream) {
        let (stream, far) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(config.clone(), name).unwrap();
        let mut client = Client { connection, stream };
        client.speak().await;
        (client, far)
    }

    async fn speak(&mut self) {
        let mut said = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut said).unwrap();
        }
        self.stream.write_all(&said).await.unwrap();
    }

    /// Listens until it is its turn to say the last word.
    async fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while self.connection.is_handshaking() {
            let count = self.stream.read(&mut buffer).await.unwrap();
            self.connection.read_tls(&mut &buffer[..count]).unwrap();
            self.connection.process_new_packets().unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_signed_for_whom_it_is_too_late() {
    let (handshakes, witness, config) = handshakes(|server| server.header_read_timeout_ms = 0);
    let (_client, stream) = Client::hello(&config).await;
    let place = handshakes.begin().unwrap();
    let error = handshakes.shake(stream, place).await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(witness.count(Step::Signed), 0);
}

#[tokio::test]
async fn whoever_is_half_way_finishes_before_others_begin() {
    let (handshakes, witness, config) = handshakes(|_| ());
    let shake = |stream| Box::pin(handshakes.shake(stream, handshakes.begin().unwrap()));
    let (mut first, stream) = Client::hello(&config).await;
    let mut shaking = vec![shake(stream)];
    assert!(shaking[0].as_mut().now_or_never().is_none());
    first.listen().await;
    // While the only thread signs for a second one, more come; the first one's last word is behind theirs.
    let (open, gate) = mpsc::sync_channel(1);
    *witness.gate.lock() = Some(gate);
    let mut clients = Vec::new();
    for count in 2..20 {
        let (client, stream) = Client::hello(&config).await;
        clients.push(client);
        let mut one = shake(stream);
        assert!(one.as_mut().now_or_never().is_none());
        shaking.push(one);
        if count == 2 {
            witness.wait_for(Step::Signed, 2).await;
        }
    }
    first.speak().await;
    open.send(()).unwrap();
    witness.wait_for(Step::Signed, 3).await;
    assert_eq!(
        witness.steps.lock()[..4],
        [Step::Signed, Step::Signed, Step::Finished, Step::Signed]
    );
    for client in &mut clients {
        client.listen().await;
        client.speak().await;
    }
    for one in shaking {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn places_are_given_back_however_a_handshake_ends() {
    let (handshakes, _, config) = handshakes(|server| server.tls_handshakes_max = 1);
    let place = handshakes.begin().unwrap();
    assert!(handshakes.begin().is_none());
    let (mut client, stream) = Client::hello(&config).await;
    let (shaken, ()) = tokio::join!(handshakes.shake(stream, place), async {
        client.listen().await;
        client.speak().await;
    });
    let (_stream, place) = shaken.unwrap();
    assert!(handshakes.begin().is_none(), "whoever has the place may have more to do");
    drop(place);
    let place = handshakes.begin().unwrap();
    let (mut client, stream) = tokio::io::duplex(100);
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert!(handshakes.shake(stream, place).await.is_err());
    assert!(handshakes.begin().is_some());
}
