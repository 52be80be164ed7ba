//! Binding and accepting.
//!
//! Every shard has its own listener on the shared address (`SO_REUSEPORT`), so the kernel spreads
//! connections and no lock is shared. Because a second process could join such a group unseen, the
//! first listener binds the address alone and opens it to its siblings only then: a port in use is an
//! error, as people expect.

use super::tls::{Handshakes, Place};
use super::{App, Slot};
use crate::fanout::turns::Turns;
use axum::Router;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tower::ServiceExt;

/// Who is at the other end of a connection's socket: an extension of every request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Binds `count` listeners to one address. Port 0 picks a free one for all.
///
/// # Errors
/// The address is in use, or not this machine's.
pub fn bind(address: SocketAddr, count: usize, backlog: i32) -> io::Result<Vec<TcpListener>> {
    let first = socket(address)?;
    first.bind(&address.into())?;
    // Never let go of from here on, so that nobody else gets in between.
    first.set_reuse_port(count > 1)?;
    first.listen(backlog)?;
    let first: TcpListener = first.into();
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        let sibling = socket(address)?;
        sibling.set_reuse_port(true)?;
        sibling.bind(&address.into())?;
        sibling.listen(backlog)?;
        listeners.push(sibling.into());
    }
    Ok(listeners)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Accepts and serves until told to stop; then takes what is queued already, closes the listener (so
/// that nothing queued is reset) and lets the requests under way finish, for at most half of
/// `shutdown.drain_timeout_ms`. With `tls`, nothing but TLS is spoken here.
///
/// `turns`: where a shard's thread serves them, whose turn it is there.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    app: Arc<App>,
    tls: Option<Arc<Handshakes>>,
    connections_max: usize,
    turns: Arc<Turns>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let stopped = stopped(stop.clone());
    let grace = Duration::from_millis(app.config.shutdown.drain_timeout_ms / 2);
    let (alive, mut all_gone) = mpsc::channel(1);
    let mut acceptor = Acceptor {
        router,
        app,
        tls,
        connections_max,
        turns: turns.clone(),
        stop,
        alive,
        warned: None,
    };
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = turns.run(listener.accept()) => acceptor.take(accepted).await,
        }
        // Several in one turn. Whoever accepts in a loop would go on for as long as somebody is waiting.
        for _ in 1..ACCEPTED_IN_A_ROW {
            match listener.accept().now_or_never() {
                Some(accepted @ Ok(_)) => acceptor.take(accepted).await,
                // Whatever is wrong is still so when it is its turn again.
                Some(Err(_)) | None => break,
            }
        }
        tokio::task::yield_now().await;
    }
    for _ in 0..acceptor.app.config.server.backlog {
        let Ok(accepted) = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await else {
            break;
        };
        acceptor.take(accepted).await;
    }
    drop((listener, acceptor));
    // Ends when the last connection has dropped its `alive`; those who take longer are cut.
    let _ = tokio::time::timeout(grace, all_gone.recv()).await;
    Ok(())
}

/// Waits until told to stop, or until nobody is left who could.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Connections accepted before others get a turn.
const ACCEPTED_IN_A_ROW: usize = 16;
/// How long accepting rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(50);
/// Least time between two lines of the log that say so.
const WARN_AGAIN: Duration = Duration::from_secs(10);

struct Acceptor {
    router: Router,
    app: Arc<App>,
    tls: Option<Arc<Handshakes>>,
    connections_max: usize,
    turns: Arc<Turns>,
    stop: watch::Receiver<bool>,
    /// Held by every connection, never sent by.
    alive: mpsc::Sender<()>,
    warned: Option<Instant>,
}

impl Acceptor {
    async fn take(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, Peer(peer)),
            Err(error) => return self.rest(&error).await,
        };
        let tls = match &self.tls {
            None => None,
            Some(tls) => match tls.begin() {
                Some(place) => Some((tls.clone(), place)),
                // The signature that an answer takes is for those who were here before.
                None => return,
            },
        };
        let turns = self.turns.clone();
        match (Slot::take(&self.app.connections, self.connections_max), tls) {
            (Some(slot), tls) => {
                let (router, app, stop) = (self.router.clone(), self.app.clone(), self.stop.clone());
                let connection = connection(stream, peer, router, app, tls, stop);
                let alive = self.alive.clone();
                tokio::spawn(async move {
                    let _held = (slot, alive);
                    turns.run(connection).await;
                });
            }
            (None, tls) => {
                self.app.levels.refused.increment(1);
                match tls {
                    None => refuse(stream),
                    Some((tls, place)) => {
                        // Where too many are being told already, this one is hung up on.
                        if let Some(leave) = tls.refusal() {
                            tokio::spawn(async move {
                                let _held = leave;
                                turns.run(refuse_tls(stream, &tls, place)).await;
                            });
                        }
                    }
                }
            }
        }
    }

    /// Those who have a connection must not suffer from a busy loop, nor the log from a flood.
    async fn rest(&mut self, error: &io::Error) {
        let one_connection = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
        if one_connection.contains(&error.kind()) {
            return;
        }
        let now = Instant::now();
        if self.warned.is_none_or(|warned| now - warned >= WARN_AGAIN) {
            self.warned = Some(now);
            tracing::warn!(%error, "cannot accept connections for now; see `ulimit -n`");
        }
        tokio::time::sleep(REST).await;
    }
}

/// Says why and hangs up, without waiting for anything.
fn refuse(stream: TcpStream) {
    let Ok(stream) = stream.into_std() else { return };
    let mut request = [0; 4096];
    // What has been sent already is taken: closing over unread bytes would reset what is said here.
    let _ = io::Read::read(&mut &stream, &mut request);
    let _ = io::Write::write(&mut &stream, refusal().as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
}

/// Shakes hands, says why and hangs up, in the time that a handshake has.
async fn refuse_tls(stream: TcpStream, tls: &Handshakes, place: Place) {
    let Ok((mut stream, place)) = tls.shake(stream, place).await else {
        return;
    };
    let told = async {
        let mut request = [0; 4096];
        // As above; over TLS it comes only now.
        if stream.read(&mut request).await? == 0 {
            return Ok(());
        }
        stream.write_all(refusal().as_bytes()).await?;
        stream.shutdown().await
    };
    // Who does not ask is not answered.
    let _ = tokio::time::timeout_at(place.deadline(), told).await;
}

/// A whole response: nothing of it depends on the request.
fn refusal() -> String {
    let (code, error) = ("too_many_connections", "the server holds as many connections as it may");
    let body = format!("{{\"code\":\"{code}\",\"error\":\"{error}\"}}");
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    app: Arc<App>,
    tls: Option<(Arc<Handshakes>, Place)>,
    stop: watch::Receiver<bool>,
) {
    // A client that is gone already is noticed by the first read. Event streams are served from here:
    // their kernel buffers are as small as those of WebSockets.
    let _ = stream.set_nodelay(true);
    let _ = app.socket_options().apply(&socket2::SockRef::from(&stream));
    match tls {
        None => http(stream, peer, router, &app, stop).await,
        Some((tls, place)) => match tls.shake(stream, place).await {
            Ok((stream, place)) => {
                drop(place);
                http(stream, peer, router, &app, stop).await;
            }
            Err(error) => tracing::debug!(%error, "no handshake"),
        },
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    app: &App,
    stop: watch::Receiver<bool>,
) {
    let server = &app.config.server;
    let service = router.map_request(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(server.header_read_timeout_ms))
        .max_buf_size(server.header_bytes_max)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped(stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_once_however_many_listen_there() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let shared = bind(any, 3, 16).unwrap();
        let address = shared[0].local_addr().unwrap();
        assert!(shared.iter().all(|listener| listener.local_addr().unwrap() == address));
        for count in [1, 3] {
            assert_eq!(bind(address, count, 16).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
        drop(shared);
        let alone = bind(address, 1, 16).unwrap();
        assert_eq!(bind(address, 3, 16).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(alone);
    }
}
