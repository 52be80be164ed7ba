//! TLS on the clients' side: whom to trust, sessions of clients in an epoll loop, and blocking streams.
//!
//! A [`Session`] never waits and owns no socket: what the kernel has goes through rustls into the
//! caller's buffer, which all clients share, so a client keeps nothing but rustls' own state. No session
//! resumes an earlier one: each handshake is that of a client the server has never seen.

use crate::net::{Received, Taken, kernel_time, receive};
use crate::target::Target;
use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::{SendFlags, send, sockopt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Which servers to believe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trust {
    /// Those with a certificate in this PEM file, or with one that such a certificate has signed.
    File(PathBuf),
    /// All of them.
    Anyone,
}

/// What all sessions with one server share.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Reads the certificates. `host` is the `Host` header, a port included or not.
    pub(crate) fn new(trust: &Trust, host: &str) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let known = match trust {
            Trust::File(path) => {
                let (roots, known) = certificates(path).with_context(|| format!("--tls-ca {}", path.display()))?;
                let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build()?;
                Some((verifier, known))
            }
            Trust::Anyone => None,
        };
        let believer = Believer {
            provider: provider.clone(),
            known,
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(believer))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let bare = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let bare = bare.map_or(host, |(bare, _)| bare).trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).with_context(|| format!("{bare} can't be the name in a certificate"))?;
        let config = Arc::new(config);
        Ok(Self { config, name })
    }

    /// A session that has not begun.
    pub(crate) fn session(&self) -> Result<Session> {
        Ok(Session(Box::new(self.connection()?)))
    }

    fn connection(&self) -> Result<ClientConnection> {
        ClientConnection::new(self.config.clone(), self.name.clone()).context("TLS")
    }
}

/// One client's session.
pub(crate) struct Session(Box<ClientConnection>);

impl Session {
    /// Encrypts and sends all of it, the handshake first: before that is over, it waits in the session.
    pub(crate) fn send(&mut self, socket: &OwnedFd, bytes: &[u8]) -> Result<()> {
        self.0.writer().write_all(bytes).context("TLS")?;
        self.flush(socket)
    }

    fn flush(&mut self, socket: &OwnedFd) -> Result<()> {
        while self.0.wants_write() {
            match self.0.write_tls(&mut Outgoing(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => bail!("the server does not read what the client sends"),
                Err(error) => return Err(error).context("writing"),
            }
        }
        Ok(())
    }

    /// At most one read from the socket, decrypted into `buffer`; what the handshake answers is sent.
    pub(crate) fn receive(&mut self, socket: &OwnedFd, buffer: &mut [u8], kernel_times: bool) -> Result<Received> {
        let mut from = Incoming {
            socket,
            kernel_times,
            kernel_ns: None,
            taken: Taken::Full,
        };
        // What did not fit in last time goes first: the session takes no more before that has gone.
        let mut count = self.decrypted(buffer)?;
        if count == 0 {
            match self.0.read_tls(&mut from) {
                Ok(0) => bail!("the server closed the connection without a close frame"),
                Ok(_) => {
                    let processed = self.0.process_new_packets().map(drop);
                    // Where the server is refused, that is what is told, whether or not it hears of it.
                    let flushed = self.flush(socket);
                    processed.context("TLS")?;
                    flushed?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading"),
            }
            count = self.decrypted(buffer)?;
        }
        let taken = if count == buffer.len() { Taken::Full } else { from.taken };
        Ok(Received {
            count,
            kernel_ns: from.kernel_ns,
            taken,
        })
    }

    /// Moves what has been decrypted, as much as there is room for.
    fn decrypted(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut count = 0;
        while count < buffer.len() {
            match self.0.reader().read(&mut buffer[count..]) {
                // The end is told once what came before it has been looked at.
                Ok(0) if count > 0 => break,
                Ok(0) => bail!("the server closed the connection without a close frame"),
                Ok(more) => count += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("reading"),
            }
        }
        Ok(count)
    }
}

/// What rustls reads records from.
struct Incoming<'a> {
    socket: &'a OwnedFd,
    kernel_times: bool,
    kernel_ns: Option<u64>,
    taken: Taken,
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = receive(self.socket, buffer, self.kernel_times)?;
        (self.kernel_ns, self.taken) = (received.kernel_ns, received.taken);
        match (received.count, received.taken) {
            (0, Taken::Nothing) => Err(ErrorKind::WouldBlock.into()),
            (0, Taken::Full) => Err(ErrorKind::Interrupted.into()),
            (count, _) => Ok(count),
        }
    }
}

/// What rustls writes records to.
struct Outgoing<'a>(&'a OwnedFd);

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection that waits: plain, or with TLS on it.
pub(crate) enum Stream {
    /// `http://`, `ws://`
    Plain(TcpStream),
    /// `https://`, `wss://`
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects within `timeout`, which then holds for each read. The handshake comes with the first write.
    pub(crate) fn connect(to: &Target, timeout: Duration) -> Result<Self> {
        let socket = TcpStream::connect_timeout(&to.addr, timeout)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(timeout))?;
        Ok(match to.tls()? {
            Some(tls) => Self::Tls(Box::new(StreamOwned::new(tls.connection()?, socket))),
            None => Self::Plain(socket),
        })
    }
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// From now on a read waits for so long at most.
    pub(crate) fn wait_for(&self, timeout: Duration) -> io::Result<()> {
        self.socket().set_read_timeout(Some(timeout))
    }

    /// Acknowledges what was read at once.
    pub(crate) fn acknowledge(&self) -> io::Result<()> {
        Ok(sockopt::set_tcp_quickack(self.socket(), true)?)
    }

    /// From now on the kernel notes when data arrives; of what is encrypted it does not.
    pub(crate) fn stamp(&self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => kernel_time::enable(socket),
            Self::Tls(_) => Ok(()),
        }
    }

    /// Reads; and when the kernel had it, where it was asked to [`stamp`](Self::stamp) that.
    pub(crate) fn read_stamped(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Option<u64>)> {
        match self {
            Self::Plain(socket) => Ok(kernel_time::recv(socket, buffer)?),
            Self::Tls(stream) => Ok((stream.read(buffer)?, None)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn certificates(path: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let known: Vec<_> = CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?;
    ensure!(!known.is_empty(), "no certificate in it, in PEM");
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(known.iter().cloned());
    ensure!(!roots.is_empty(), "no certificate in it that can be used");
    Ok((roots, known))
}

/// Believes certificates, but not every signature: the server must hold its key.
#[derive(Debug)]
struct Believer {
    provider: Arc<CryptoProvider>,
    /// Those of a file; nothing: all. A certificate that signed itself, as `openssl req -x509` makes them, is
    /// no server's for webpki, so one that stands in the file word for word is believed as it is.
    known: Option<(Arc<WebPkiServerVerifier>, Vec<CertificateDer<'static>>)>,
}

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.known {
            Some((verifier, known)) if !known.contains(end) => verifier.verify_server_cert(end, between, name, ocsp, now),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
