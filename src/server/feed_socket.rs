//! The socket of a feed's WebSocket, plain or over TLS.
//!
//! It is taken over from the connection that was upgraded, whose runtime ends with its shard: from here on
//! the side runtime drives it.

use super::stall::Stalling;
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What a WebSocket needs of the stream under it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Either kind.
pub(super) type FeedSocket = Box<dyn Stream>;

/// The socket under an upgraded connection, to be driven by the runtime that this is called in, and what
/// hyper read ahead of it. Nothing where the system will not wait for it.
pub(super) fn take_over(upgraded: Upgraded) -> Option<(FeedSocket, Bytes)> {
    match upgraded.downcast::<TokioIo<Stalling<TcpStream>>>() {
        Ok(parts) => {
            let mut stream = parts.io.into_inner().into_inner();
            move_here(&mut stream).ok()?;
            Some((Box::new(stream), parts.read_buf))
        }
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<Stalling<TlsStream<TcpStream>>>>().ok()?;
            let mut stream = parts.io.into_inner().into_inner();
            move_here(stream.get_mut().0).ok()?;
            Some((Box::new(stream), parts.read_buf))
        }
    }
}

/// Has this runtime drive a socket. A second hold on it takes the first one's place: a TLS session cannot be
/// parted from its stream and put together again.
fn move_here(stream: &mut TcpStream) -> io::Result<()> {
    let socket = SockRef::from(&*stream).try_clone()?;
    *stream = TcpStream::from_std(socket.into())?;
    Ok(())
}
