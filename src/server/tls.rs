//! TLS in front of HTTP: the certificate, and the handshake.
//!
//! Owns the settings of a session and the threads that shake hands: a handshake takes up to a
//! millisecond of computing, and when everybody comes back at once a shard would do nothing else.
//! Nothing here knows what is said inside. Bounded: a handshake's time, how many are under way, and the
//! threads.

mod reload;

pub use reload::Follower;

use crate::config;
use crate::telemetry::TlsMetrics;
use parking_lot::RwLock;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{Acceptor, ParsedCertificate};
use rustls::{CertificateError, RootCertStore, ServerConfig};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{key}: cannot use {}: {what}", path.display())]
    File {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The files do not go together, or are of a kind that is not supported.
    #[error("server.tls_cert and server.tls_key: cannot use {} with {}: {what}", cert.display(), key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// There is no randomness to be had, or nothing to encrypt by.
    #[error("cannot speak TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// What sessions are like, and how long their certificate is good.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of every session from here on.
    pub sessions: Arc<ServerConfig>,
    /// When the certificate expires, by the Unix clock, in seconds; 0 where it does not say.
    pub expires_s: u64,
}

impl Settings {
    /// Shows when the certificate expires.
    pub fn show_expiry(&self, metrics: &TlsMetrics) {
        metrics.expires.set(self.expires_s as f64);
    }
}

/// Reads certificate and key and settles what a session is like: TLS 1.3 or 1.2, HTTP/1.1, resumed by
/// tickets, so that nothing is kept for who has left. Nothing where neither is set. `now_us`: the Unix
/// time, in microseconds.
///
/// # Errors
/// A file that is no use, or a certificate that is out of date.
pub fn settings(server: &config::Server, now_us: i64) -> Result<Option<Settings>, TlsError> {
    let (Some(cert), Some(key)) = (&server.tls_cert, &server.tls_key) else {
        return Ok(None);
    };
    let chain = certificates(cert).map_err(|error| file("server.tls_cert", cert, &error, NO_CERTIFICATE))?;
    if let Some(what) = out_of_date(&chain[0], now_us) {
        let path = cert.clone();
        return Err(TlsError::File {
            key: "server.tls_cert",
            path,
            what,
        });
    }
    let expires_s = expires_s(&chain[0]);
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| file("server.tls_key", key, &error, NO_KEY))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| pair(cert, key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    let sessions = Arc::new(config);
    Ok(Some(Settings { sessions, expires_s }))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(pem::Error::NoItemsFound);
    }
    Ok(chain)
}

const NO_CERTIFICATE: &str = "there is no certificate in it, in PEM (BEGIN CERTIFICATE)";
const NO_KEY: &str = "there is no private key in it, in PEM (BEGIN PRIVATE KEY); `openssl pkey -in OLD -out NEW` takes a passphrase off";

/// What a client says of a certificate at that time. It stops at the dates, which come first; without a
/// root it never gets further than the next step.
fn verified_at(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], now, algorithms)
}

/// When a certificate expires, in seconds; 0 where it does not say.
fn expires_s(certificate: &CertificateDer<'_>) -> u64 {
    // Later than any date that a certificate can name, which end with the year 9999.
    let late = UnixTime::since_unix_epoch(Duration::from_secs(1 << 40));
    match verified_at(certificate, late) {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => not_after.as_secs(),
        _ => 0,
    }
}

/// Why nobody would believe a certificate at that time; nothing where that is not for its dates.
fn out_of_date(certificate: &CertificateDer<'_>, now_us: i64) -> Option<String> {
    let now = UnixTime::since_unix_epoch(Duration::from_micros(now_us.max(0) as u64));
    let days = |from: UnixTime, to: UnixTime| to.as_secs().saturating_sub(from.as_secs()) / 86_400;
    match verified_at(certificate, now) {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after })) => Some(format!(
            "it expired {} days ago; renew it, or set this machine's clock",
            days(not_after, time)
        )),
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before })) => Some(format!(
            "it is not valid before {} days from now; set this machine's clock, or wait",
            days(time, not_before)
        )),
        _ => None,
    }
}

/// What is wrong with two files, each of which can be read.
fn pair(cert: &Path, key: &Path, error: &rustls::Error) -> TlsError {
    let what = match error {
        rustls::Error::InconsistentKeys(_) => {
            "the key is not that of the first certificate, which must be the server's own, those of its issuers after it".to_owned()
        }
        rustls::Error::General(_) => "the key must be ECDSA (P-256 or P-384), Ed25519, or RSA of 2048 bits or more".to_owned(),
        rustls::Error::InvalidCertificate(error) => format!("the first certificate must be X.509 version 3 ({error:?})"),
        other => other.to_string(),
    };
    let (cert, key) = (cert.to_owned(), key.to_owned());
    TlsError::Pair { cert, key, what }
}

/// What is wrong with a file; nothing of what stands in it.
fn file(key: &'static str, path: &Path, error: &pem::Error, none: &str) -> TlsError {
    let what = match error {
        pem::Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            format!("{error}; the server's user must be able to read it")
        }
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => none.to_owned(),
        _ => "it is not PEM".to_owned(),
    };
    let path = path.to_owned();
    TlsError::File { key, path, what }
}

/// Connections at once that are turned away politely: no slot is theirs, so their descriptors are among
/// those that the command line keeps back, which operators and feeds need too.
pub const REFUSALS_MAX: usize = 32;

/// Shakes hands for every shard.
///
/// A signature is most of what a handshake costs. There is one at a time on each thread, and before the
/// next whoever else is ready has run: who has been given a signature finishes before another begins, and
/// nobody is given one for whom it is too late.
pub struct Handshakes {
    /// Those of the next handshake.
    settings: RwLock<Arc<ServerConfig>>,
    timeout: Duration,
    /// One for each handshake that may be under way.
    places: Arc<Semaphore>,
    /// One for each connection that is answered only to be turned away.
    refusals: Arc<Semaphore>,
    /// One for each thread.
    signing: Arc<Semaphore>,
    metrics: TlsMetrics,
    /// Always there until it is dropped.
    threads: Option<Runtime>,
}

/// A handshake's place among those under way, and until when it has it.
pub(super) struct Place {
    begun: Instant,
    deadline: Instant,
    #[expect(dead_code, reason = "held for as long as the handshake is under way")]
    held: OwnedSemaphorePermit,
    metrics: TlsMetrics,
}

impl Place {
    /// When it must be over.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.under_way.decrement(1.0);
    }
}

impl Handshakes {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: Arc<ServerConfig>, server: &config::Server, metrics: TlsMetrics) -> io::Result<Handshakes> {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(server.tls_threads)
            .thread_name("tls")
            .enable_time()
            .build()?;
        Ok(Handshakes {
            settings: RwLock::new(settings),
            timeout: Duration::from_millis(server.header_read_timeout_ms),
            places: Arc::new(Semaphore::new(server.tls_handshakes_max)),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            signing: Arc::new(Semaphore::new(server.tls_threads)),
            metrics,
            threads: Some(threads),
        })
    }

    /// Handshakes that begin from here on are by these settings.
    pub fn renew(&self, settings: Arc<ServerConfig>) {
        *self.settings.write() = settings;
    }

    /// A place for one more handshake; nothing where `server.tls_handshakes_max` are under way.
    pub(super) fn begin(&self) -> Option<Place> {
        let Ok(held) = self.places.clone().try_acquire_owned() else {
            self.metrics.shed.increment(1);
            return None;
        };
        let begun = Instant::now();
        self.metrics.under_way.increment(1.0);
        Some(Place {
            begun,
            deadline: begun + self.timeout,
            held,
            metrics: self.metrics.clone(),
        })
    }

    /// Leave to shake hands only to turn somebody away; nothing where as many are being told already.
    pub(super) fn refusal(&self) -> Option<OwnedSemaphorePermit> {
        self.refusals.clone().try_acquire_owned().ok()
    }

    /// Shakes hands on one of the threads; the socket stays with the runtime it was accepted on. The place
    /// is given back with the stream, for who has more to do in that time.
    ///
    /// # Errors
    /// No TLS, none that both sides speak, or not in time.
    pub(super) async fn shake<S>(&self, stream: S, place: Place) -> io::Result<(TlsStream<S>, Place)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(threads) = &self.threads else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (settings, signing, metrics) = (self.settings.read().clone(), self.signing.clone(), self.metrics.clone());
        let shaking = async move {
            let shaken = tokio::time::timeout_at(place.deadline, shake(stream, settings, &signing, place.deadline)).await;
            let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            match &shaken {
                Ok(_) => {
                    metrics.done.increment(1);
                    metrics.duration.record(place.begun.elapsed().as_micros() as i64);
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => metrics.timed_out.increment(1),
                Err(_) => metrics.failed.increment(1),
            }
            Ok((shaken?, place))
        };
        threads.spawn(shaking).await.map_err(io::Error::other)?
    }
}

/// One handshake.
async fn shake<S>(stream: S, settings: Arc<ServerConfig>, signing: &Semaphore, deadline: Instant) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let signature = signing.acquire().await.map_err(io::Error::other)?;
    // The timer has its turn when a thread has nothing else to do.
    if Instant::now() >= deadline {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut rest = hello.into_stream(settings);
    let sent = poll_fn(|context| Poll::Ready(Pin::new(&mut rest).poll(context))).await;
    // Everybody else who is ready goes before the next signature.
    tokio::task::yield_now().await;
    drop(signature);
    match sent {
        Poll::Ready(shaken) => shaken,
        Poll::Pending => rest.await,
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        // Who is in the middle of one is nobody's client yet.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;
