//! TLS on a client's socket: frames go in, records go out.
//!
//! Owns the session and the socket under it; the handshake is over when it gets here. All pieces of a
//! write share a record, up to `RECORD_BYTES`, and a record is encrypted only once the kernel has
//! taken the one before it: what a full socket can hold back is one record, and nothing is encrypted
//! that could still have been merged. Reading goes through the shard's buffer.

use super::shard::{Piece, Wrote};
use super::sockets::{READS_IN_A_ROW, ReadEnd, is_full};
use bytes::{Buf, Bytes};
use rustls::ServerConnection;
use smallvec::SmallVec;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

/// Most plaintext in one record (RFC 8446, 5.1), and so in one write.
pub(super) const RECORD_BYTES: usize = 16 * 1024;

/// An established session, without its socket.
pub struct Session(Box<ServerConnection>);

impl Session {
    /// Takes a session over after its handshake.
    pub fn new(mut connection: ServerConnection) -> Session {
        connection.set_buffer_limit(Some(RECORD_BYTES));
        Session(Box::new(connection))
    }
}

/// What TLS needs of the socket under it; nothing here waits.
pub(super) trait Transport: Read + Write {
    /// Nothing more will be written.
    fn shutdown_write(&mut self);
}

impl Transport for mio::net::TcpStream {
    fn shutdown_write(&mut self) {
        // A socket that is gone already is noticed when it is read.
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// What became of what was held back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Flushed {
    /// The socket took some of it just now.
    pub(super) progressed: bool,
    /// Nothing is left of it: more can be written.
    pub(super) all: bool,
}

/// A record made for somebody else to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sealed {
    /// Bytes of the pieces that are in it.
    pub(super) bytes: usize,
    /// Those are all.
    pub(super) all: bool,
}

/// A socket with a session on it.
pub(super) struct TlsSocket<S> {
    socket: S,
    session: Session,
    /// What others could not send of a record; it goes before all that the session has.
    held: Bytes,
    /// Whether the end of the stream follows what is held back.
    finishing: bool,
}

impl<S: Transport> TlsSocket<S> {
    /// Puts them together.
    pub(super) fn new(socket: S, session: Session) -> TlsSocket<S> {
        TlsSocket {
            socket,
            session,
            held: Bytes::new(),
            finishing: false,
        }
    }

    /// The socket itself.
    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// Whether something goes before all that is written next.
    pub(super) fn holds_back(&self) -> bool {
        !self.held.is_empty() || self.session.0.wants_write()
    }

    /// Encrypts pieces, less `offset` bytes of the first, as far as one record goes, for the caller to send
    /// and to say by [`TlsSocket::sent`] how that went. Bytes in a record count as written. Nothing where
    /// something is held back, which goes first.
    pub(super) fn seal(&mut self, pieces: &[Piece], offset: usize, record: &mut impl Write) -> Option<Sealed> {
        if self.holds_back() {
            return None;
        }
        let mut slices: SmallVec<[IoSlice<'_>; 8]> = pieces.iter().map(|piece| IoSlice::new(piece.bytes())).collect();
        let mut left = &mut slices[..];
        IoSlice::advance_slices(&mut left, offset);
        let bytes = self.session.0.writer().write_vectored(left).ok()?;
        IoSlice::advance_slices(&mut left, bytes);
        // What there is no room for stays with the session, to be written after the record.
        while self.session.0.wants_write() && self.session.0.write_tls(record).is_ok_and(|count| count > 0) {}
        let all = left.is_empty() && !self.session.0.wants_write();
        Some(Sealed { bytes, all })
    }

    /// A record was sent but for these bytes.
    pub(super) fn sent(&mut self, unsent: &[u8]) {
        self.held = Bytes::copy_from_slice(unsent);
    }

    /// Writes pieces, less `offset` bytes of the first. Bytes are counted before encryption: those of a
    /// record that has begun are all written, for they can never be taken back.
    pub(super) fn write(&mut self, pieces: &[Piece], offset: usize) -> Wrote {
        self.write_records(pieces, offset).map_or(Wrote::Broken, Wrote::Bytes)
    }

    fn write_records(&mut self, pieces: &[Piece], offset: usize) -> io::Result<usize> {
        let mut slices: SmallVec<[IoSlice<'_>; 8]> = pieces.iter().map(|piece| IoSlice::new(piece.bytes())).collect();
        let mut left = &mut slices[..];
        IoSlice::advance_slices(&mut left, offset);
        let mut written = 0;
        while self.flush()?.all && !left.is_empty() {
            let taken = self.session.0.writer().write_vectored(left)?;
            written += taken;
            IoSlice::advance_slices(&mut left, taken);
        }
        Ok(written)
    }

    /// Writes what is held back.
    fn flush(&mut self) -> io::Result<Flushed> {
        let mut progressed = false;
        while self.holds_back() {
            match self.write_some() {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => progressed = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_full(&error) => return Ok(Flushed { progressed, all: false }),
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed { progressed, all: true })
    }

    fn write_some(&mut self) -> io::Result<usize> {
        if self.held.is_empty() {
            return self.session.0.write_tls(&mut self.socket);
        }
        let count = self.socket.write(&self.held)?;
        self.held.advance(count);
        if self.held.is_empty() {
            self.held = Bytes::new();
        }
        Ok(count)
    }

    /// The socket takes bytes again: what is held back goes first.
    pub(super) fn writable(&mut self) -> Flushed {
        // A broken socket says so to whoever writes or reads next.
        let broken = Flushed {
            progressed: false,
            all: true,
        };
        let flushed = self.flush().unwrap_or(broken);
        if flushed.all && self.finishing {
            self.socket.shutdown_write();
        }
        flushed
    }

    /// Ends the stream: `close_notify` (RFC 8446, 6.1), after what is held back.
    pub(super) fn finish(&mut self) {
        self.session.0.send_close_notify();
        self.finishing = true;
        self.writable();
    }

    /// Reads and decrypts what the client sent, a bufferful at a time.
    pub(super) fn read(&mut self, buffer: &mut [u8], mut take: impl FnMut(&mut [u8]) -> bool) -> ReadEnd {
        for _ in 0..READS_IN_A_ROW {
            // First what has been decrypted: the session takes no more before that has gone.
            loop {
                match self.session.0.reader().read(buffer) {
                    Ok(0) => return ReadEnd::Closed,
                    Ok(count) if take(&mut buffer[..count]) => {}
                    Ok(_) => return ReadEnd::Drained,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => return ReadEnd::Closed,
                }
            }
            match self.session.0.read_tls(&mut self.socket) {
                Ok(0) => return ReadEnd::Closed,
                Ok(_) => {
                    let processed = self.session.0.process_new_packets();
                    // An alert that does not fit is not worth waiting for.
                    if self.flush().is_err() || processed.is_err() {
                        return ReadEnd::Closed;
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

#[cfg(test)]
pub(super) mod tests;
