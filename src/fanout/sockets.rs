//! The real sockets behind a shard: one readiness queue for all, and the write path over `send`.
//!
//! Owns descriptors and nothing else; what to write is the shard's business. A socket is registered
//! edge-triggered once, for good: no system call per delivery but the write itself. Bounded by the
//! shard's connections; a read uses one buffer for all.

use super::shard::{Batch, ConnKey, Piece, Writer, Wrote};
use super::tls::{Session, TlsSocket};
use crate::wire::close::CloseReason;
use bytes::Bytes;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

/// Socket settings of a client.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// `SO_SNDBUF`, in bytes.
    pub send_buffer_bytes: usize,
    /// `TCP_NOTSENT_LOWAT`, in bytes.
    pub unsent_bytes_max: u32,
    /// `TCP_USER_TIMEOUT`: unacknowledged for so long means dead.
    pub user_timeout: std::time::Duration,
}

impl SocketOptions {
    /// Sets them.
    ///
    /// # Errors
    /// The socket is broken already.
    pub fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_send_buffer_size(self.send_buffer_bytes)?;
        #[cfg(target_os = "linux")]
        {
            socket.set_tcp_notsent_lowat(self.unsent_bytes_max)?;
            socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        }
        Ok(())
    }
}

/// One of the connections that `server.connections_max` counts.
pub struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// Takes a slot; nothing where there are `connections_max` already.
    pub fn take(connections: &Arc<AtomicUsize>, connections_max: usize) -> Option<Slot> {
        let taken = Slot::take_one_more(connections);
        (connections.load(Ordering::Relaxed) <= connections_max).then_some(taken)
    }

    /// Takes a slot for a connection that is changing hands and gives its old one back in a moment.
    pub fn take_one_more(connections: &Arc<AtomicUsize>) -> Slot {
        connections.fetch_add(1, Ordering::Relaxed);
        Slot(connections.clone())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How bytes get to one client.
enum Socket {
    Tcp(
        mio::net::TcpStream,
        #[expect(dead_code, reason = "held for as long as the socket is open")] Slot,
    ),
    Tls(
        TlsSocket<mio::net::TcpStream>,
        #[expect(dead_code, reason = "held for as long as the socket is open")] Slot,
    ),
    /// An HTTP response body; it takes [`STREAM_PIECES`] pieces ahead of the client.
    Stream(mpsc::Sender<Bytes>),
}

/// Pieces that an event stream's body holds ahead of its socket.
pub const STREAM_PIECES: usize = 8;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one socket before others get a turn.
pub(super) const READS_IN_A_ROW: usize = 4;

/// What a socket is ready for.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Whose socket.
    pub conn: ConnKey,
    /// There is something to read, or the other side hung up.
    pub readable: bool,
    /// It takes bytes again.
    pub writable: bool,
}

/// What reading a socket came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadEnd {
    /// Nothing more for now.
    Drained,
    /// There may be more; others first.
    More,
    /// The client will send no more.
    Closed,
}

/// All sockets of a shard.
pub struct Sockets {
    poll: AsyncFd<Poll>,
    events: Events,
    by_index: HashMap<u32, (u32, Socket), foldhash::fast::RandomState>,
    buffer: Box<[u8]>,
    /// Encrypted sockets taken over since the last look: they may have read ahead of their readiness.
    read_ahead: Vec<ConnKey>,
    /// Whether there has been an encrypted one.
    has_tls: bool,
}

impl Sockets {
    /// No sockets yet. Call it inside the shard's runtime.
    ///
    /// # Errors
    /// The system has no descriptor left.
    #[expect(unsafe_code, reason = "tokio has no safe way to await another readiness queue")]
    pub fn new() -> io::Result<Sockets> {
        // SAFETY: `Poll` owns its descriptor, and the `AsyncFd` owns the `Poll`: the descriptor stays
        // open, and the same, for as long as it is registered.
        let poll = unsafe { AsyncFd::register(Poll::new()?) }.map_err(io::Error::from)?;
        Ok(Sockets {
            poll,
            events: Events::with_capacity(1024),
            by_index: HashMap::default(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            read_ahead: Vec::new(),
            has_tls: false,
        })
    }

    /// Takes a client's socket over; its options were set when it was accepted.
    ///
    /// # Errors
    /// The socket is broken already.
    pub fn add_tcp(&mut self, conn: ConnKey, stream: std::net::TcpStream, slot: Slot) -> io::Result<()> {
        let stream = self.register(conn, stream)?;
        self.by_index.insert(conn.index, (conn.generation, Socket::Tcp(stream, slot)));
        Ok(())
    }

    /// Takes an encrypted client's socket over.
    ///
    /// # Errors
    /// The socket is broken already.
    pub fn add_tls(&mut self, conn: ConnKey, stream: std::net::TcpStream, session: Session, slot: Slot) -> io::Result<()> {
        let socket = TlsSocket::new(self.register(conn, stream)?, session);
        self.by_index.insert(conn.index, (conn.generation, Socket::Tls(socket, slot)));
        self.has_tls = true;
        self.read_ahead.push(conn);
        Ok(())
    }

    fn register(&self, conn: ConnKey, stream: std::net::TcpStream) -> io::Result<mio::net::TcpStream> {
        let mut stream = mio::net::TcpStream::from_std(stream);
        let token = Token((conn.generation as usize) << 32 | conn.index as usize);
        let registry = self.poll.get_ref().registry();
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    }

    /// Takes an event stream's body over.
    pub fn add_stream(&mut self, conn: ConnKey, body: mpsc::Sender<Bytes>) {
        self.by_index.insert(conn.index, (conn.generation, Socket::Stream(body)));
    }

    /// Waits until some socket is ready.
    ///
    /// # Errors
    /// The readiness queue is broken.
    pub async fn ready(&self) -> io::Result<()> {
        self.poll.readable().await.map(|_| ())
    }

    /// What is ready now. Never waits.
    ///
    /// # Errors
    /// The readiness queue is broken.
    pub fn poll(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        let Sockets { poll, events, .. } = self;
        match poll.get_mut().poll(events, Some(std::time::Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        ready.extend(events.iter().map(|event| {
            let token = event.token().0;
            Ready {
                conn: ConnKey {
                    index: token as u32,
                    generation: (token >> 32) as u32,
                },
                readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                writable: event.is_writable() || event.is_write_closed(),
            }
        }));
        if self.has_tls {
            self.look_at_tls(ready);
        }
        if ready.is_empty() {
            // Not an event left: from here on, wait to be woken. What arrives in between wakes again.
            use std::task::{Context, Waker};
            let mut context = Context::from_waker(Waker::noop());
            if let std::task::Poll::Ready(Ok(mut guard)) = self.poll.poll_read_ready(&mut context) {
                guard.clear_ready();
            }
        }
        Ok(())
    }

    /// Encrypted sockets write what they held back first; one that still holds some takes nothing yet.
    fn look_at_tls(&mut self, ready: &mut Vec<Ready>) {
        for one in ready.iter_mut().filter(|one| one.writable) {
            if let Some((generation, Socket::Tls(socket, _))) = self.by_index.get_mut(&one.conn.index)
                && *generation == one.conn.generation
            {
                one.writable = socket.writable();
            }
        }
        ready.extend(self.read_ahead.drain(..).map(|conn| Ready {
            conn,
            readable: true,
            writable: false,
        }));
    }

    /// Reads what a client sent, piece by piece.
    pub fn read(&mut self, conn: ConnKey, mut take: impl FnMut(&mut [u8]) -> bool) -> ReadEnd {
        let stream = match self.by_index.get_mut(&conn.index) {
            Some((generation, _)) if *generation != conn.generation => return ReadEnd::Drained,
            Some((_, Socket::Tcp(stream, _))) => stream,
            Some((_, Socket::Tls(socket, _))) => return socket.read(&mut self.buffer, take),
            Some((_, Socket::Stream(_))) | None => return ReadEnd::Drained,
        };
        for _ in 0..READS_IN_A_ROW {
            match stream.read(&mut self.buffer) {
                Ok(0) => return ReadEnd::Closed,
                Ok(count) => {
                    if !take(&mut self.buffer[..count]) {
                        return ReadEnd::Drained;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return ReadEnd::Drained,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return ReadEnd::Closed,
            }
        }
        ReadEnd::More
    }
}

impl Writer for Sockets {
    fn write(&mut self, batch: &mut Batch) {
        for (item, pieces) in batch.items_mut() {
            item.wrote = match self.by_index.get_mut(&item.conn.index) {
                Some((generation, socket)) if *generation == item.conn.generation => match socket {
                    Socket::Tcp(stream, _) => send(stream, pieces, item.offset),
                    Socket::Tls(socket, _) => socket.write(pieces, item.offset),
                    Socket::Stream(body) => push(body, pieces),
                },
                _ => Wrote::Broken,
            };
        }
    }

    fn close(&mut self, conn: ConnKey, _: CloseReason) {
        if self
            .by_index
            .get(&conn.index)
            .is_some_and(|(generation, _)| *generation == conn.generation)
        {
            self.by_index.remove(&conn.index);
        }
    }

    fn finish(&mut self, conn: ConnKey) {
        match self.by_index.get_mut(&conn.index) {
            Some((generation, Socket::Tcp(stream, _))) if *generation == conn.generation => {
                // A socket that is gone already is noticed when it is read.
                let _ = stream.shutdown(Shutdown::Write);
            }
            Some((generation, Socket::Tls(socket, _))) if *generation == conn.generation => socket.finish(),
            Some((generation, Socket::Stream(_))) if *generation == conn.generation => {
                self.by_index.remove(&conn.index);
            }
            _ => {}
        }
    }
}

const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

fn send(stream: &mio::net::TcpStream, pieces: &[Piece], offset: usize) -> Wrote {
    let socket = SockRef::from(stream);
    let sent = match pieces {
        [only] => socket.send_with_flags(&only.bytes()[offset..], FLAGS),
        _ => {
            let mut slices: smallvec::SmallVec<[IoSlice<'_>; 8]> = pieces.iter().map(|piece| IoSlice::new(piece.bytes())).collect();
            if let Some(first) = slices.first_mut() {
                first.advance(offset);
            }
            socket.send_vectored_with_flags(&slices, FLAGS)
        }
    };
    match sent {
        Ok(count) => Wrote::Bytes(count),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Wrote::Bytes(0),
        // The kernel is short of memory for this socket: as good as full, and it says when it is not.
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Wrote::Bytes(0),
        Err(_) => Wrote::Broken,
    }
}

/// Pieces go into a body whole or not at all.
fn push(body: &mpsc::Sender<Bytes>, pieces: &[Piece]) -> Wrote {
    let mut bytes = 0;
    for piece in pieces {
        match body.try_send(Bytes::copy_from_slice(piece.bytes())) {
            Ok(()) => bytes += piece.bytes().len(),
            Err(mpsc::error::TrySendError::Full(_)) => break,
            Err(mpsc::error::TrySendError::Closed(_)) => return Wrote::Broken,
        }
    }
    Wrote::Bytes(bytes)
}
