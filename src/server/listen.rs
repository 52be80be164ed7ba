//! Binding and accepting.
//!
//! Every shard has its own listener on the shared address (`SO_REUSEPORT`), so the kernel spreads
//! connections and no lock is shared. Because a second process could join such a group unseen, the
//! first listener binds the address alone and opens it to its siblings only then: a port in use is an
//! error, as people expect.

use super::admission::Told;
use super::headers::harden_tls;
use super::stall::Stalling;
use super::tls::{Handshakes, Place};
use super::turned_away::TurnedAway;
use super::{App, Connections, Slot};
use crate::fanout::slots::AddressFull;
use crate::fanout::turns::Turns;
use crate::telemetry::Refusal;
use axum::Router;
use axum::middleware::map_response;
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

/// How a connection came in: an extension of every request.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// What it counts among, with its place among those of its address.
    pub(super) connections: Arc<Connections>,
    /// Whether it was let in already, by `server.admit_per_second`.
    pub(super) admitted: bool,
    /// When who asks on it was told to come.
    pub(super) told: Arc<Told>,
}

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

/// Whom a listener is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Anybody: `server.connections_max` in all, `server.connections_per_address_max` of an address, and
    /// over TLS no more at once than `server.admit_per_second` lets in.
    Everybody,
    /// Feeds or operators, at an address of their own: a few more than there may be clients, so that a full
    /// server locks none of them out.
    Staff,
}

/// Connections that listeners of their own for feeds and operators take beyond `connections_max`.
const STAFF_CONNECTIONS: usize = 64;

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
    audience: Audience,
    turns: Arc<Turns>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let stopped = stopped(stop.clone());
    let grace = Duration::from_millis(app.config.shutdown.drain_timeout_ms / 2);
    let (alive, mut all_gone) = mpsc::channel(1);
    let router = match &tls {
        Some(_) => router.layer(map_response(harden_tls)),
        None => router,
    };
    let mut acceptor = Acceptor {
        router,
        app,
        tls,
        audience,
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
    audience: Audience,
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
        let connections = match self.at_address(peer) {
            Ok(connections) => connections,
            Err(AddressFull) => {
                self.app.refusals.count(Refusal::Address);
                // Over TLS a word costs a handshake, which is not for whoever comes again and again.
                if self.tls.is_none() {
                    refuse(stream, &TurnedAway::of_address(&self.app));
                }
                return;
            }
        };
        let Some(slot) = Slot::take(&connections, self.connections_max()) else {
            return self.turn_away(stream, Refusal::Full);
        };
        let Some(tls) = &self.tls else {
            return self.spawn(stream, peer, (slot, connections), None);
        };
        if self.audience == Audience::Everybody && !self.app.admission.admits(self.app.clock.steady_us()) {
            drop(slot);
            return self.turn_away(stream, Refusal::Pace);
        }
        // The signature that an answer takes is for those who were here before.
        if let Some(place) = tls.begin() {
            let tls = Some((tls.clone(), place));
            self.spawn(stream, peer, (slot, connections), tls);
        }
    }

    fn connections_max(&self) -> usize {
        let connections_max = self.app.config.server.connections_max;
        match self.audience {
            Audience::Everybody => connections_max,
            Audience::Staff => connections_max + STAFF_CONNECTIONS,
        }
    }

    /// What a connection from there counts among. A proxy's clients count where each is known by name.
    fn at_address(&self, peer: Peer) -> Result<Arc<Connections>, AddressFull> {
        let app = &self.app;
        if self.audience == Audience::Staff || app.config.server.trusted_proxies.contain(peer.0.ip()) {
            return Ok(app.connections.clone());
        }
        let place = app.addresses.take(peer.0.ip())?;
        Ok(place.map_or_else(|| app.connections.clone(), |place| app.connections.with(place)))
    }

    fn spawn(&self, stream: TcpStream, peer: Peer, (slot, connections): (Slot, Arc<Connections>), tls: Option<(Arc<Handshakes>, Place)>) {
        let arrival = Arrival {
            connections,
            admitted: tls.is_some(),
            told: Arc::default(),
        };
        let connection = connection(
            stream,
            (peer, arrival),
            self.router.clone(),
            self.app.clone(),
            tls,
            self.stop.clone(),
        );
        let (alive, turns) = (self.alive.clone(), self.turns.clone());
        tokio::spawn(async move {
            let _held = (slot, alive);
            turns.run(connection).await;
        });
    }

    /// Says that there is no room, or none now.
    fn turn_away(&self, stream: TcpStream, refusal: Refusal) {
        self.app.refusals.count(refusal);
        let told = || match refusal {
            Refusal::Pace => TurnedAway::until(self.app.admission.place(self.app.clock.steady_us())),
            _ => TurnedAway::of_all(&self.app),
        };
        match &self.tls {
            None => refuse(stream, &told()),
            Some(tls) => {
                // Where too many are being told already, this one is hung up on, and has no place in the queue.
                if let Some(leave) = tls.refusal()
                    && let Some(place) = tls.begin()
                {
                    let (tls, turns, told) = (tls.clone(), self.turns.clone(), told());
                    tokio::spawn(async move {
                        let _held = leave;
                        turns.run(refuse_tls(stream, &tls, place, &told)).await;
                    });
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
fn refuse(stream: TcpStream, told: &TurnedAway) {
    let Ok(stream) = stream.into_std() else { return };
    let mut request = [0; 4096];
    // What has been sent already is taken: closing over unread bytes would reset what is said here.
    let _ = io::Read::read(&mut &stream, &mut request);
    let _ = io::Write::write(&mut &stream, told.response().as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
}

/// Shakes hands, says why and hangs up, in the time that a handshake has.
async fn refuse_tls(stream: TcpStream, tls: &Handshakes, place: Place, told: &TurnedAway) {
    let Ok((mut stream, place)) = tls.shake(stream, place).await else {
        return;
    };
    let telling = async {
        let mut request = [0; 4096];
        // As above; over TLS it comes only now.
        if stream.read(&mut request).await? == 0 {
            return Ok(());
        }
        stream.write_all(told.response().as_bytes()).await?;
        stream.shutdown().await
    };
    // Who does not ask is not answered.
    let _ = tokio::time::timeout_at(place.deadline(), telling).await;
}

async fn connection(
    stream: TcpStream,
    who: (Peer, Arrival),
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
        None => http(stream, who, router, &app, stop).await,
        Some((tls, place)) => match tls.shake(stream, place).await {
            Ok((stream, place)) => {
                drop(place);
                http(stream, who, router, &app, stop).await;
            }
            Err(error) => tracing::debug!(%error, "no handshake"),
        },
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (peer, arrival): (Peer, Arrival),
    router: Router,
    app: &App,
    stop: watch::Receiver<bool>,
) {
    let server = &app.config.server;
    let service = router.map_request(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(arrival.clone());
        request
    });
    let stream = Stalling::new(stream, Duration::from_millis(app.config.clients.stall_timeout_ms));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(server.header_read_timeout_ms))
        .max_buf_size(server.header_bytes_max)
        .max_headers(server.headers_max)
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
        if let Some(refusal) = refusal_of(&error) {
            app.refusals.count(refusal);
        }
        tracing::debug!(%error, "connection ended early");
    }
}

/// Which limit ended a connection; nothing where its client did.
fn refusal_of(error: &hyper::Error) -> Option<Refusal> {
    let system = || std::error::Error::source(error)?.downcast_ref::<io::Error>();
    if error.is_timeout() {
        Some(Refusal::HeaderTimeout)
    } else if error.is_parse_too_large() {
        Some(Refusal::HeaderTooLong)
    } else if error.is_parse() {
        Some(Refusal::NotHttp)
    } else if system().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        Some(Refusal::ResponseTimeout)
    } else {
        None
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
