//! The way to a server: plain, or TLS with a certificate made for the test.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use scorewire::config::Config;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// A connection of either kind.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A connection, and a second hold on its socket.
pub(crate) struct Wired {
    pub(crate) stream: Box<dyn Wire>,
    pub(crate) socket: socket2::Socket,
}

/// A self-signed certificate in files of its own, removed at the end.
pub(crate) struct Identity {
    folder: PathBuf,
    connector: TlsConnector,
}

impl Identity {
    /// Makes one for 127.0.0.1.
    pub(crate) fn new() -> Identity {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let unique = format!("scorewire-tls-{}-{:?}", std::process::id(), std::thread::current().id());
        let folder = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Identity { folder, connector }
    }

    /// One whose files are in that folder, which it removes, and that is trusted so.
    pub(crate) fn of(folder: &Path, connector: TlsConnector) -> Identity {
        let folder = folder.to_owned();
        Identity { folder, connector }
    }

    /// The certificate and its key.
    pub(crate) fn files(&self) -> [PathBuf; 2] {
        ["cert.pem", "key.pem"].map(|name| self.folder.join(name))
    }

    /// Sets a server up with it.
    pub(crate) fn set(&self, config: &mut Config) {
        let [cert, key] = self.files();
        (config.server.tls_cert, config.server.tls_key) = (Some(cert), Some(key));
    }

    pub(crate) fn connector(&self) -> &TlsConnector {
        &self.connector
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Connects; with so small a receive buffer, where one is given, that not reading is soon noticed.
pub(crate) async fn connect(address: SocketAddr, tls: Option<&TlsConnector>, receive_bytes: Option<u32>) -> Wired {
    let stream = match receive_bytes {
        None => TcpStream::connect(address).await.unwrap(),
        Some(bytes) => {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(bytes).unwrap();
            socket.connect(address).await.unwrap()
        }
    };
    let socket = socket2::SockRef::from(&stream).try_clone().unwrap();
    let stream: Box<dyn Wire> = match tls {
        None => Box::new(stream),
        Some(tls) => Box::new(tls.connect(ServerName::from(address.ip()), stream).await.unwrap()),
    };
    Wired { stream, socket }
}

/// A connection that speaks HTTP/1.1; it ends when this and the last body are dropped.
pub(crate) async fn http(address: SocketAddr, tls: Option<&TlsConnector>) -> SendRequest<Full<Bytes>> {
    let wired = connect(address, tls, None).await;
    let (sender, connection) = handshake(TokioIo::new(wired.stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}
