//! The write path that is always there: one `send` or `sendmsg` for each client.
//!
//! Owns nothing. Never waits, and never leaves a write half done: what the socket did not take by the
//! time it returns was not written.

use super::Table;
use crate::fanout::shard::{Batch, Piece, Wrote};
use socket2::SockRef;
use std::io::{ErrorKind, IoSlice};

/// Never wait, and no signal where the other side is gone.
pub(super) const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Offers every item of the batch to its socket.
pub(super) fn write(table: &Table, batch: &mut Batch) {
    for (item, pieces) in batch.items_mut() {
        item.wrote = match table.get(item.conn) {
            Some(socket) => socket.write(pieces, item.offset),
            None => Wrote::Broken,
        };
    }
}

/// Offers pieces, less `offset` bytes of the first, to one TCP socket.
pub(super) fn send(stream: &mio::net::TcpStream, pieces: &[Piece], offset: usize) -> Wrote {
    let socket = SockRef::from(stream);
    loop {
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
            Ok(count) => return Wrote::Bytes(count),
            // Nothing was taken, and the socket will not say that it has room: it was never full.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_full(&error) => return Wrote::Bytes(0),
            Err(_) => return Wrote::Broken,
        }
    }
}

/// Whether the socket has no room, and says so when it has. The kernel being short of memory for it
/// comes to the same.
pub(in crate::fanout) fn is_full(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}
