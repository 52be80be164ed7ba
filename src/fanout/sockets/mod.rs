//! The real sockets behind a shard: one readiness queue for all, and two write paths, `send` and
//! `uring`, of which a shard takes one (`path`).
//!
//! Owns descriptors and nothing else; what to write is the shard's business. A socket is registered
//! edge-triggered once, for good: no system call per delivery but the write itself, and with io_uring
//! one for a whole batch. Bounded by the shard's connections; a read uses one buffer for all.
//! `unsafe` stands in this folder alone.

#[cfg(test)]
mod faults;
mod path;
mod send;
#[cfg(test)]
mod tests;
mod uring;

pub use path::{WritePath, WriterRefused, WriterSetting};
pub(super) use send::is_full;

use super::shard::{Batch, ConnKey, Piece, Writer, Wrote};
use super::slots::Slot;
use super::tls::{Session, TlsSocket};
use crate::wire::close::CloseReason;
use bytes::Bytes;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;
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

/// How bytes get to one client.
enum Socket {
    Tcp(
        mio::net::TcpStream,
        #[expect(dead_code, reason = "held for as long as the socket is open")] Slot,
    ),
    /// With its slot, held for as long as the socket is open.
    Tls(Box<(RefCell<TlsSocket<mio::net::TcpStream>>, Slot)>),
    /// An HTTP response body; it takes [`STREAM_PIECES`] pieces ahead of the client.
    Stream(mpsc::Sender<Bytes>),
}

impl Socket {
    /// The address at its other end; nothing where the socket is not ours to ask, or is gone.
    fn peer(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(stream, _) => stream.peer_addr().ok(),
            Socket::Tls(tls) => tls.0.borrow().socket().peer_addr().ok(),
            Socket::Stream(_) => None,
        }
    }

    /// Offers pieces, less `offset` bytes of the first.
    fn write(&self, pieces: &[Piece], offset: usize) -> Wrote {
        match self {
            Socket::Tcp(stream, _) => send::send(stream, pieces, offset),
            Socket::Tls(tls) => tls.0.borrow_mut().write(pieces, offset),
            Socket::Stream(body) => push(body, pieces),
        }
    }

    /// Has the kernel drop what it holds for the client when the socket is closed: else it would hold that
    /// until the client has taken it. Whether it is gone already makes no difference.
    fn discard_unsent(&self) {
        let linger = Some(Duration::ZERO);
        match self {
            Socket::Tcp(stream, _) => drop(SockRef::from(stream).set_linger(linger)),
            Socket::Tls(tls) => drop(SockRef::from(tls.0.borrow().socket()).set_linger(linger)),
            Socket::Stream(_) => {}
        }
    }

    /// Nothing more comes or goes; whether it is gone already makes no difference.
    fn shutdown(&self) {
        match self {
            Socket::Tcp(stream, _) => drop(stream.shutdown(Shutdown::Both)),
            Socket::Tls(tls) => drop(tls.0.borrow().socket().shutdown(Shutdown::Both)),
            Socket::Stream(_) => {}
        }
    }
}

/// Sockets by the index of their connection, which are dense: a walk finds them side by side. A
/// generation tells a connection from its predecessors.
#[derive(Default)]
struct Table(Vec<Option<(u32, Socket)>>);

impl Table {
    fn get(&self, conn: ConnKey) -> Option<&Socket> {
        let (generation, socket) = self.0.get(conn.index as usize)?.as_ref()?;
        (*generation == conn.generation).then_some(socket)
    }

    fn insert(&mut self, conn: ConnKey, socket: Socket) {
        let place = conn.index as usize;
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place] = Some((conn.generation, socket));
    }

    /// Ends a connection and keeps its descriptor for good, as a send may still look for it.
    fn abandon(&mut self, conn: ConnKey) {
        if let Some(Socket::Tcp(..) | Socket::Tls(_)) = self.get(conn).inspect(|socket| socket.shutdown()) {
            std::mem::forget(self.0[conn.index as usize].take());
        }
    }

    fn remove(&mut self, conn: ConnKey) {
        if self.get(conn).is_some() {
            self.0[conn.index as usize] = None;
        }
    }
}

/// Pieces that an event stream's body holds ahead of its socket.
pub const STREAM_PIECES: usize = 8;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one socket before others get a turn.
pub(super) const READS_IN_A_ROW: usize = 4;

/// What a socket is ready for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// Whose socket.
    pub conn: ConnKey,
    /// There is something to read, or the other side hung up.
    pub readable: bool,
    /// It takes bytes again.
    pub writable: bool,
    /// It took bytes that had been offered before, whether or not it takes more.
    pub progressed: bool,
}

/// What reading a socket came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReadEnd {
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
    table: Table,
    path: WritePath,
    uring_failures: u64,
    buffer: Box<[u8]>,
    /// Encrypted sockets taken over since the last look: they may have read ahead of their readiness.
    read_ahead: Vec<ConnKey>,
    /// Whether there has been an encrypted one.
    has_tls: bool,
}

impl Sockets {
    /// No sockets yet; they will be written to by `path`. Call it inside the shard's runtime.
    ///
    /// # Errors
    /// The system has no descriptor left.
    #[expect(unsafe_code, reason = "tokio has no safe way to await another readiness queue")]
    pub fn new(path: WritePath) -> io::Result<Sockets> {
        // SAFETY: `Poll` owns its descriptor, and the `AsyncFd` owns the `Poll`: the descriptor stays
        // open, and the same, for as long as it is registered.
        let poll = unsafe { AsyncFd::register(Poll::new()?) }.map_err(io::Error::from)?;
        Ok(Sockets {
            poll,
            events: Events::with_capacity(1024),
            table: Table::default(),
            path,
            uring_failures: 0,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            read_ahead: Vec::new(),
            has_tls: false,
        })
    }

    /// Takes a client's socket over; its options were set when it was accepted.
    ///
    /// # Errors
    /// The socket is broken already.
    pub(super) fn add_tcp(&mut self, conn: ConnKey, stream: std::net::TcpStream, slot: Slot) -> io::Result<()> {
        let stream = self.register(conn, stream)?;
        self.table.insert(conn, Socket::Tcp(stream, slot));
        Ok(())
    }

    /// Takes an encrypted client's socket over.
    ///
    /// # Errors
    /// The socket is broken already.
    pub(super) fn add_tls(&mut self, conn: ConnKey, stream: std::net::TcpStream, session: Session, slot: Slot) -> io::Result<()> {
        let stream = self.register(conn, stream)?;
        let socket = TlsSocket::new(stream, session);
        self.table.insert(conn, Socket::Tls(Box::new((RefCell::new(socket), slot))));
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
    pub(super) fn add_stream(&mut self, conn: ConnKey, body: mpsc::Sender<Bytes>) {
        self.table.insert(conn, Socket::Stream(body));
    }

    /// The address that a client connects from: a proxy's, where there is one between. Nothing for event streams,
    /// whose sockets are the HTTP server's.
    pub(super) fn peer(&self, conn: ConnKey) -> Option<SocketAddr> {
        self.table.get(conn).and_then(Socket::peer)
    }

    /// Whether io_uring is used for writing.
    pub(super) fn uses_uring(&self) -> bool {
        self.path.is_uring()
    }

    /// How often io_uring failed, and was given up, since this was last asked.
    pub(super) fn take_uring_failures(&mut self) -> u64 {
        std::mem::take(&mut self.uring_failures)
    }

    /// Waits until some socket is ready.
    ///
    /// # Errors
    /// The readiness queue is broken.
    pub(super) async fn ready(&self) -> io::Result<()> {
        self.poll.readable().await.map(|_| ())
    }

    /// What is ready now. Never waits.
    ///
    /// # Errors
    /// The readiness queue is broken.
    pub(super) fn poll(&mut self, ready: &mut VecDeque<Ready>) -> io::Result<()> {
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
                progressed: false,
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
    fn look_at_tls(&mut self, ready: &mut VecDeque<Ready>) {
        for one in ready.iter_mut().filter(|one| one.writable) {
            if let Some(Socket::Tls(tls)) = self.table.get(one.conn) {
                let flushed = tls.0.borrow_mut().writable();
                (one.writable, one.progressed) = (flushed.all, flushed.progressed);
            }
        }
        ready.extend(self.read_ahead.drain(..).map(|conn| Ready {
            conn,
            readable: true,
            writable: false,
            progressed: false,
        }));
    }

    /// Reads what a client sent, piece by piece.
    pub(super) fn read(&mut self, conn: ConnKey, mut take: impl FnMut(&mut [u8]) -> bool) -> ReadEnd {
        let mut stream: &mio::net::TcpStream = match self.table.get(conn) {
            Some(Socket::Tcp(stream, _)) => stream,
            Some(Socket::Tls(tls)) => return tls.0.borrow_mut().read(&mut self.buffer, take),
            Some(Socket::Stream(_)) | None => return ReadEnd::Drained,
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
        if let Err(failed) = self.path.write(&self.table, batch) {
            self.uring_failures += 1;
            for conn in failed.unanswered {
                self.table.abandon(conn);
            }
        }
    }

    fn close(&mut self, conn: ConnKey, reason: CloseReason) {
        if reason == CloseReason::Overloaded
            && let Some(socket) = self.table.get(conn)
        {
            socket.discard_unsent();
        }
        self.table.remove(conn);
    }

    fn finish(&mut self, conn: ConnKey) {
        match self.table.get(conn) {
            // A socket that is gone already is noticed when it is read.
            Some(Socket::Tcp(stream, _)) => drop(stream.shutdown(Shutdown::Write)),
            Some(Socket::Tls(tls)) => tls.0.borrow_mut().finish(),
            Some(Socket::Stream(_)) => self.table.remove(conn),
            None => {}
        }
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

/// What `docs/memory.md` says of a socket; mio keeps more of it in debug builds.
#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<Option<(u32, Socket)>>() == 24);
