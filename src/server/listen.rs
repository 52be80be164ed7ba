//! Binding and accepting.
//!
//! Every shard has its own listener on the shared address (`SO_REUSEPORT`), so the kernel spreads
//! connections and no lock is shared. Because a second process could join such a group unseen, the
//! address is first bound plainly: a port in use is then an error, as people expect.

use super::{App, Slot};
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Binds `count` listeners to one address. Port 0 picks a free one for all.
///
/// # Errors
/// The address is in use, or not this machine's.
pub fn bind(address: SocketAddr, count: usize, backlog: i32) -> io::Result<Vec<TcpListener>> {
    let alone = listener(address, false, backlog)?;
    let address = alone.local_addr()?;
    if count == 1 {
        return Ok(vec![alone]);
    }
    drop(alone);
    (0..count).map(|_| listener(address, true, backlog)).collect()
}

fn listener(address: SocketAddr, shared: bool, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Accepts and serves until told to stop; then takes what is queued already, closes the listener (so
/// that nothing queued is reset) and lets the requests under way finish.
pub async fn serve(listener: TcpListener, router: Router, app: Arc<App>, stop: watch::Receiver<bool>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let stopped = stopped(stop.clone());
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => take(accepted, &router, &app, &stop).await,
            () = &mut stopped => break,
        }
    }
    while let Ok(accepted) = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await {
        take(accepted, &router, &app, &stop).await;
    }
    Ok(())
}

/// Waits until told to stop, or until nobody is left who could.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn take(accepted: io::Result<(tokio::net::TcpStream, SocketAddr)>, router: &Router, app: &Arc<App>, stop: &watch::Receiver<bool>) {
    let stream = match accepted {
        Ok((stream, _)) => stream,
        Err(error) => {
            // Out of descriptors, most likely: those who have one must not suffer from a busy loop.
            tracing::warn!(%error, "cannot accept a connection; see `ulimit -n`");
            tokio::time::sleep(Duration::from_millis(50)).await;
            return;
        }
    };
    match Slot::take(&app.connections, app.config.server.connections_max) {
        Some(slot) => {
            tokio::spawn(connection(stream, router.clone(), app.clone(), stop.clone(), slot));
        }
        None => app.levels.refused.increment(1),
    }
}

async fn connection(stream: tokio::net::TcpStream, router: Router, app: Arc<App>, stop: watch::Receiver<bool>, _slot: Slot) {
    // A client that is gone already is noticed by the first read.
    let _ = stream.set_nodelay(true);
    let server = &app.config.server;
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(server.header_read_timeout_ms))
        .max_buf_size(server.header_bytes_max)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
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
