//! The write path over io_uring: a batch's sends go to the kernel in one system call.
//!
//! Owns a ring and the headers that a vectored send points to. What holds, and why:
//!
//! - **One send in flight per socket.** A batch names a client once, and `write` returns only when every
//!   send that the kernel was given is accounted for. So no send can overtake another's short write.
//! - **A buffer lives until its completion.** Pieces are owned by the batch, which is borrowed until
//!   `write` returns; headers, slices and encrypted records by the ring, which does not touch them in between.
//! - **A descriptor is not closed while a send is in flight**: the table of sockets is borrowed as well.
//!   (A send on its way to a kernel thread looks its descriptor up late: another socket of the same
//!   number would get the bytes.)
//! - **No send waits.** `MSG_DONTWAIT` makes a full socket answer at once, within the submitting call;
//!   `MSG_WAITALL` never stands there, as it would hide a short write. A send that goes to a kernel
//!   thread all the same is waited for.
//! - **A failure costs no byte and sends none twice.** What the kernel did not take from the queue was not
//!   sent, and is sent by `send`; what it took and never answered is unknown, so that connection is
//!   broken, and what its send points to is kept for good: pieces, records, headers, slices; and its descriptor.
//!
//! Bounded by [`ENTRIES_MAX`] sends and [`SLICES_MAX`] slices at once; a larger batch goes in parts. What
//! does not fit [`RECORDS_BYTES`] once it is encrypted is sent by `send`.

#[cfg(test)]
use super::faults;
use super::send::{self, FLAGS};
use super::{Socket, Table};
use crate::fanout::shard::{Batch, ConnKey, Piece, Wrote};
use crate::fanout::tls::{RECORD_BYTES, Sealed, TlsSocket};
use io_uring::{IoUring, Probe, opcode, types};
use mio::net::TcpStream;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Most sends under way at once.
const ENTRIES_MAX: usize = 1024;
/// Most slices of vectored sends under way at once, unless one client alone has more.
const SLICES_MAX: usize = 2048;
/// Encrypted bytes of one batch. Made when the first record is.
const RECORDS_BYTES: usize = 512 * 1024;
/// What a record may be longer than what is in it, and what may stand before it, with much to spare.
const RECORD_OVERHEAD_BYTES: usize = 256;
/// Calls in a row that neither submit nor complete anything, until the ring counts as broken.
const FUTILE_CALLS_MAX: u32 = 1000;
/// How long one answer may be waited for: a send that waits for nothing needs no such time, unless the
/// ring is broken.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Why io_uring is of no use here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{}", hint(.0))]
    Setup(io::Error),
    #[error("this kernel's io_uring cannot {0}")]
    Lacks(&'static str),
    #[error("a send on trial failed: {0}")]
    Trial(io::Error),
}

/// What a failed setup most likely comes from.
fn hint(error: &io::Error) -> String {
    let why = match error.raw_os_error() {
        Some(libc::ENOSYS) => "the kernel has no io_uring, or a filter hides it",
        Some(libc::EPERM | libc::EACCES) => "forbidden by a filter (seccomp) or kernel.io_uring_disabled",
        Some(libc::ENOMEM) => "locked memory is used up (ulimit -l)",
        Some(libc::EMFILE | libc::ENFILE) => "no descriptor is left (ulimit -n)",
        _ => return error.to_string(),
    };
    format!("{why} ({error})")
}

/// The ring is broken. The batch is settled all the same.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: io::Error,
    /// Whose sends were never answered: their descriptors must stay taken.
    pub(super) unanswered: Vec<ConnKey>,
}

/// What is known of one item of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Not a socket that io_uring is used for: settled when it was met.
    Settled,
    /// In the queue, or with the kernel.
    Offered,
    /// Answered: bytes, or a negated error.
    Answered(i32),
    /// The kernel never took it.
    Unsent,
}

/// What a send points to.
enum Payload<'a> {
    /// Pieces, less so many bytes of the first.
    Pieces(&'a [Piece], usize),
    /// These of the ring's records.
    Record(Range<usize>),
}

impl Payload<'_> {
    /// Slices that its send points to; none where what is sent is all in one place.
    fn slices(&self) -> usize {
        match self {
            Payload::Pieces([_], _) | Payload::Record(_) => 0,
            Payload::Pieces(pieces, _) => pieces.len(),
        }
    }
}

/// One client's part of a batch, encrypted.
struct Record {
    /// Where it is among the ring's records.
    place: Range<usize>,
    sealed: Sealed,
}

/// A ring and what its sends point to.
pub struct Uring {
    ring: IoUring,
    /// As many as the ring has entries.
    headers: Vec<libc::msghdr>,
    slices: Vec<libc::iovec>,
    /// Never grows beyond what it was made with.
    records: Vec<u8>,
    /// One for each encrypted item that was offered, in their order.
    sealed: Vec<Record>,
    /// One for each item of the batch, in its order.
    states: Vec<State>,
    /// Sends put into the queue and not answered.
    offered: usize,
    #[cfg(test)]
    pub(super) faults: faults::Faults,
}

// SAFETY: the pointers in `headers` and `slices` are used by nobody between two calls of `write`: both are
// empty after one that succeeded, and after one that failed the ring is never written to again, only
// dropped or leaked (`retire`). They belong to no thread.
#[expect(unsafe_code, reason = "headers hold pointers while a batch is written")]
unsafe impl Send for Uring {}

impl Uring {
    /// A ring for batches of so many clients, after sends on trial.
    ///
    /// # Errors
    /// The kernel refuses, or does not do what is needed.
    pub(super) fn open(clients: usize) -> Result<Uring, Refused> {
        let entries = clients.clamp(1, ENTRIES_MAX).next_power_of_two();
        let ring = IoUring::new(entries as u32).map_err(Refused::Setup)?;
        let mut uring = Uring {
            ring,
            headers: Vec::with_capacity(entries),
            slices: Vec::with_capacity(SLICES_MAX),
            records: Vec::new(),
            sealed: Vec::new(),
            states: Vec::with_capacity(clients.min(ENTRIES_MAX)),
            offered: 0,
            #[cfg(test)]
            faults: faults::Faults::default(),
        };
        match uring.probe() {
            Ok(()) => Ok(uring),
            Err(refused) => {
                uring.retire();
                Err(refused)
            }
        }
    }

    fn probe(&mut self) -> Result<(), Refused> {
        let mut probe = Probe::new();
        self.ring.submitter().register_probe(&mut probe).map_err(Refused::Setup)?;
        if !probe.is_supported(opcode::Send::CODE) || !probe.is_supported(opcode::SendMsg::CODE) {
            return Err(Refused::Lacks("send"));
        }
        if !self.ring.params().is_feature_ext_arg() {
            return Err(Refused::Lacks("wait for a limited time"));
        }
        self.trial().map_err(Refused::Trial)
    }

    /// Sends of both kinds that must go through, and one that must be refused at once by a full socket.
    fn trial(&mut self) -> io::Result<()> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        let done = self.try_sends(&near, &far);
        if self.offered > 0 {
            // Not answered: the number must not become another's.
            std::mem::forget(near);
        }
        done
    }

    fn try_sends(&mut self, mut near: &UnixStream, mut far: &UnixStream) -> io::Result<()> {
        let one = [Piece::text(b"a")];
        let two = [Piece::text(b"ab"), Piece::text(b"c")];
        for (pieces, offset, taken) in [(&one[..], 0, 1), (&two, 1, 2)] {
            if self.send_one(near.as_raw_fd(), pieces, offset)? != taken {
                return Err(io::Error::other("it was not taken whole"));
            }
        }
        let mut got = [0; 3];
        far.read_exact(&mut got)?;
        if got != *b"abc" {
            return Err(io::Error::other("other bytes arrived"));
        }
        while near.write(&[0; 4096]).is_ok() {}
        match self.send_one(near.as_raw_fd(), &one, 0)? {
            refused if refused == -libc::EAGAIN => Ok(()),
            _ => Err(io::Error::other("a full socket was not refused")),
        }
    }

    fn send_one(&mut self, socket: RawFd, pieces: &[Piece], offset: usize) -> io::Result<i32> {
        self.states.clear();
        self.states.push(State::Offered);
        self.offer(0, socket, &Payload::Pieces(pieces, offset));
        let completed = self.complete();
        match (self.states[0], completed) {
            (State::Answered(result), _) => Ok(result),
            (_, Err(error)) => {
                keep_forever(pieces);
                Err(error)
            }
            (_, Ok(())) => Err(io::Error::other("it was not answered")),
        }
    }

    /// Offers every item of the batch to its socket and says what became of each.
    ///
    /// # Errors
    /// The ring is broken and must not be used again; see [`Uring::retire`].
    pub(super) fn write(&mut self, table: &Table, batch: &mut Batch) -> Result<(), Failed> {
        self.states.clear();
        self.records.clear();
        self.sealed.clear();
        let mut working = Ok(());
        for (index, (item, pieces)) in batch.items_mut().enumerate() {
            let socket = table.get(item.conn);
            let payload = match socket {
                Some(Socket::Tcp(stream, _)) => Some((stream.as_raw_fd(), Payload::Pieces(pieces, item.offset))),
                Some(Socket::Tls(tls)) if working.is_ok() => {
                    let tls = &mut *tls.0.borrow_mut();
                    let record = self.seal(tls, pieces, item.offset);
                    record.map(|record| (tls.socket().as_raw_fd(), Payload::Record(record)))
                }
                _ => None,
            };
            let state = match (payload, socket) {
                (Some((descriptor, payload)), _) => {
                    if working.is_ok() && !self.has_room(payload.slices()) {
                        working = self.complete();
                    }
                    if working.is_ok() {
                        self.offer(index, descriptor, &payload);
                        State::Offered
                    } else {
                        State::Unsent
                    }
                }
                (None, Some(other)) => {
                    item.wrote = other.write(pieces, item.offset);
                    State::Settled
                }
                (None, None) => {
                    item.wrote = Wrote::Broken;
                    State::Settled
                }
            };
            self.states.push(state);
        }
        if working.is_ok() {
            working = self.complete();
        }
        let mut unanswered = Vec::new();
        let mut sealed = self.sealed.iter();
        for ((item, pieces), state) in batch.items_mut().zip(&self.states) {
            let socket = table.get(item.conn);
            let record = match socket {
                Some(Socket::Tls(tls)) if *state != State::Settled => sealed.next().map(|record| (tls, record)),
                _ => None,
            };
            item.wrote = match (*state, record) {
                (State::Settled, _) => continue,
                (State::Answered(_) | State::Unsent, Some((tls, record))) => {
                    let bytes = &self.records[record.place.clone()];
                    settle(&mut tls.0.borrow_mut(), bytes, record.sealed, *state, pieces, item.offset)
                }
                (State::Answered(bytes @ 0..), None) => Wrote::Bytes(bytes as usize),
                (State::Answered(error), None) if send::is_full(&io::Error::from_raw_os_error(-error)) => Wrote::Bytes(0),
                // Cancelled, interrupted, short of memory, broken: nothing was taken, and `send` says
                // what it comes to.
                (State::Answered(_) | State::Unsent, None) => match socket {
                    Some(socket) => socket.write(pieces, item.offset),
                    None => Wrote::Broken,
                },
                (State::Offered, _) => {
                    keep_forever(pieces);
                    unanswered.push(item.conn);
                    Wrote::Broken
                }
            };
        }
        working.map_err(|error| Failed { error, unanswered })
    }

    /// Gives the ring up. Where the kernel owes an answer it is leaked, as the kernel may still look at
    /// what its sends point to.
    pub(super) fn retire(self) {
        if self.offered > 0 {
            std::mem::forget(self);
        }
    }

    fn has_room(&self, slices: usize) -> bool {
        self.offered < self.headers.capacity() && (self.slices.is_empty() || self.slices.len() + slices <= self.slices.capacity())
    }

    /// Encrypts one client's pieces. Nothing where it has to write for itself: there is no room for a
    /// record, or something else goes first.
    fn seal(&mut self, tls: &mut TlsSocket<TcpStream>, pieces: &[Piece], offset: usize) -> Option<Range<usize>> {
        if self.records.capacity() == 0 {
            self.records.reserve_exact(RECORDS_BYTES);
        }
        let start = self.records.len();
        let bytes = pieces.iter().map(|piece| piece.bytes().len()).sum::<usize>() - offset;
        let room = bytes.min(RECORD_BYTES) + RECORD_OVERHEAD_BYTES;
        if start + room > self.records.capacity() {
            return None;
        }
        let sealed = tls.seal(pieces, offset, &mut Bounded(&mut self.records, start + room))?;
        let place = start..self.records.len();
        self.sealed.push(Record {
            place: place.clone(),
            sealed,
        });
        Some(place)
    }

    /// Puts a send into the queue; there must be room.
    #[expect(unsafe_code, reason = "the kernel is handed pointers")]
    fn offer(&mut self, index: usize, socket: RawFd, payload: &Payload<'_>) {
        let one = match payload {
            Payload::Pieces([only], offset) => Ok(&only.bytes()[*offset..]),
            Payload::Record(place) => Ok(&self.records[place.clone()]),
            Payload::Pieces(pieces, offset) => Err((*pieces, *offset)),
        };
        let entry = match one {
            Ok(bytes) => {
                let (start, length) = (bytes.as_ptr(), bytes.len() as u32);
                opcode::Send::new(types::Fd(socket), start, length).flags(FLAGS).build()
            }
            Err((pieces, offset)) => {
                let header = self.header(pieces, offset);
                opcode::SendMsg::new(types::Fd(socket), header).flags(FLAGS as u32).build()
            }
        };
        let entry = entry.user_data(index as u64);
        #[cfg(test)]
        let entry = self.faults.bend(entry);
        // SAFETY: what the entry points to stays as it is until its completion. The pieces are borrowed by
        // whoever called, who does not return before `complete` has; where that fails they are kept for
        // good. Headers and slices are this ring's and do not move: there was room (`has_room`), so
        // nothing was allocated anew, and only `complete` clears them. Records do not move either, as what
        // is put there ends where the memory does (`Bounded`), and only the next `write` clears them.
        unsafe { self.ring.submission().push(&entry) }.expect("there is room: `has_room` was asked");
        self.offered += 1;
    }

    /// Writes down what a vectored send points to.
    #[expect(unsafe_code, reason = "a zeroed header is what the kernel takes for an empty one")]
    fn header(&mut self, pieces: &[Piece], offset: usize) -> *const libc::msghdr {
        let first = self.slices.len();
        if first == 0 {
            self.slices.reserve(pieces.len());
        }
        self.slices.extend(pieces.iter().enumerate().map(|(place, piece)| {
            let bytes = &piece.bytes()[if place == 0 { offset } else { 0 }..];
            libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            }
        }));
        // SAFETY: `msghdr` is made of numbers and pointers, for all of which zero is a value.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = self.slices[first..].as_mut_ptr();
        header.msg_iovlen = pieces.len() as _;
        self.headers.push(header);
        &raw const self.headers[self.headers.len() - 1]
    }

    /// Submits what is in the queue and waits until all of it is answered. Where that fails, what the
    /// kernel never took is marked so, and the answers that are there have been read.
    fn complete(&mut self) -> io::Result<()> {
        let mut futile = 0;
        while self.offered > 0 {
            let before = (self.offered, self.ring.submission().len());
            let entered = self.enter();
            self.reap();
            if (self.offered, self.ring.submission().len()) != before {
                futile = 0;
                continue;
            }
            futile += 1;
            let error = match entered {
                // Interrupted; short of memory for requests; answers to be read first.
                Err(error) if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)) => error,
                Err(error) if futile > FUTILE_CALLS_MAX => error,
                Ok(_) if futile > FUTILE_CALLS_MAX => io::Error::other("sends are neither taken nor answered"),
                _ => continue,
            };
            self.mark_unsent();
            return Err(error);
        }
        self.headers.clear();
        self.slices.clear();
        Ok(())
    }

    /// One system call: submits, and waits for all answers, up to [`WAIT_MAX`].
    fn enter(&mut self) -> io::Result<usize> {
        #[cfg(test)]
        if let Some(fault) = self.faults.next() {
            return fault.strike(&self.ring);
        }
        let limit = types::Timespec::from(WAIT_MAX);
        let arguments = types::SubmitArgs::new().timespec(&limit);
        self.ring.submitter().submit_with_args(self.offered, &arguments)
    }

    fn reap(&mut self) {
        #[cfg(test)]
        if self.faults.hides {
            return;
        }
        for answer in self.ring.completion() {
            if let Some(state @ State::Offered) = self.states.get_mut(answer.user_data() as usize) {
                *state = State::Answered(answer.result());
                self.offered -= 1;
            }
        }
    }

    /// What is in the queue still was put there last: the kernel takes it in order.
    fn mark_unsent(&mut self) {
        let unsent = self.ring.submission().len();
        let offered = self.states.iter_mut().rev().filter(|state| **state == State::Offered);
        for state in offered.take(unsent) {
            *state = State::Unsent;
            self.offered -= 1;
        }
    }
}

/// Takes bytes up to a length and no further, so that what is there already stays where it is.
struct Bounded<'a>(&'a mut Vec<u8>, usize);

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.1 - self.0.len());
        self.0.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes over what became of a record: what the socket did not take is held back, and what there was no
/// room for in the record is written now.
fn settle(tls: &mut TlsSocket<TcpStream>, record: &[u8], sealed: Sealed, state: State, pieces: &[Piece], offset: usize) -> Wrote {
    let (taken, full) = match state {
        State::Answered(bytes @ 0..) => (bytes as usize, (bytes as usize) < record.len()),
        State::Answered(error) => (0, send::is_full(&io::Error::from_raw_os_error(-error))),
        _ => (0, false),
    };
    if taken < record.len() {
        tls.sent(&record[taken..]);
    }
    if full || taken == record.len() && sealed.all {
        return Wrote::Bytes(sealed.bytes);
    }
    match tls.write(pieces, offset + sealed.bytes) {
        Wrote::Bytes(more) => Wrote::Bytes(sealed.bytes + more),
        Wrote::Broken => Wrote::Broken,
    }
}

/// For pieces that the kernel may look at for who knows how long.
fn keep_forever(pieces: &[Piece]) {
    pieces.iter().cloned().for_each(std::mem::forget);
}
