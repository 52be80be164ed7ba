//! TLS in front of HTTP: the certificate, and the handshake.
//!
//! Owns the settings of a session and the threads that shake hands: a handshake takes up to a
//! millisecond of computing, and when everybody comes back at once a shard would do nothing else.
//! Nothing here knows what is said inside. Bounded: a handshake's time, and the threads.

use crate::config;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
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
    #[error("server.tls_cert and server.tls_key: {0}")]
    Pair(#[from] rustls::Error),
}

/// Reads certificate and key and settles what a session is like: TLS 1.3 or 1.2, HTTP/1.1, resumed by
/// tickets, so that nothing is kept for who has left. Nothing where neither is set.
///
/// # Errors
/// A file that is no use.
pub fn settings(server: &config::Server) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let (Some(cert), Some(key)) = (&server.tls_cert, &server.tls_key) else {
        return Ok(None);
    };
    let chain = certificates(cert).map_err(|error| file("server.tls_cert", cert, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| file("server.tls_key", key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Some(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(pem::Error::NoItemsFound);
    }
    Ok(chain)
}

/// What is wrong with a file; nothing of what stands in it.
fn file(key: &'static str, path: &Path, error: &pem::Error) -> TlsError {
    let what = match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "there is none in it, in PEM".to_owned(),
        _ => "it is not PEM".to_owned(),
    };
    let path = path.to_owned();
    TlsError::File { key, path, what }
}

/// Shakes hands for every shard.
pub struct Handshakes {
    settings: Arc<ServerConfig>,
    timeout: Duration,
    /// Always there until it is dropped.
    threads: Option<Runtime>,
}

impl Handshakes {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: Arc<ServerConfig>, server: &config::Server) -> io::Result<Handshakes> {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(server.tls_threads)
            .thread_name("tls")
            .enable_time()
            .build()?;
        Ok(Handshakes {
            settings,
            timeout: Duration::from_millis(server.header_read_timeout_ms),
            threads: Some(threads),
        })
    }

    /// Shakes hands on one of the threads; the socket stays with the runtime it was accepted on.
    ///
    /// # Errors
    /// No TLS, none that both sides speak, or not in time.
    pub async fn shake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let Some(threads) = &self.threads else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let handshake = TlsAcceptor::from(self.settings.clone()).accept(stream);
        let shaken = threads.spawn(tokio::time::timeout(self.timeout, handshake)).await;
        shaken
            .map_err(io::Error::other)?
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
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
