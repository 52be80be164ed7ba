//! Sends through `io_uring`: queued by the hundred, submitted with one system call.
//!
//! `scorewire-loadtest floor --passes 5` is its bench. No answer to what succeeds and completions taken by
//! the thread itself each save a few percent of CPU. Batches of 32 or 64 cost a few percent more than 256,
//! and reached the last client sooner where other work wanted the cores. Sends name descriptors, as the
//! server's do: registered sockets saved nothing that could be measured. The only `unsafe` is handing entries
//! to the kernel: they point to a `static` payload and name sockets that the ring borrows.

use super::{PAYLOAD, Step, buffer_full};
use anyhow::{Context as _, Result, ensure};
use io_uring::{IoUring, opcode, squeue, types};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;

/// Sends handed over with one system call.
const BATCH: usize = 256;

/// A ring over the sockets of one thread, which alone may use it.
pub(super) struct Ring<'s> {
    ring: IoUring,
    sockets: &'s [TcpStream],
    queued: usize,
}

impl<'s> Ring<'s> {
    /// A ring over `sockets`, which recipients name by their index.
    pub(super) fn new(sockets: &'s [TcpStream]) -> Result<Self> {
        Ok(Self {
            ring: open()?,
            sockets,
            queued: 0,
        })
    }

    /// Queues one send to each recipient; submits whenever a batch is full.
    pub(super) fn queue(&mut self, step: &Step) -> Result<()> {
        // MSG_WAITALL makes a part sent an error, and so the one case in which the kernel answers.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        for &to in step.to.iter() {
            let socket = types::Fd(self.sockets[to as usize].as_raw_fd());
            let send = opcode::Send::new(socket, PAYLOAD.as_ptr(), step.bytes as u32)
                .flags(flags.bits() as i32 | MSG_WAITALL)
                .build()
                .flags(squeue::Flags::SKIP_SUCCESS);
            self.push(&send)?;
            self.queued += 1;
            if self.queued == BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Submits what is queued. As nothing may wait (`MSG_DONTWAIT`), all of it is done on return.
    pub(super) fn flush(&mut self) -> Result<()> {
        while self.queued > 0 {
            let taken = self.ring.submit().context("io_uring can't submit")?;
            ensure!(taken > 0, "io_uring takes no submissions");
            self.queued = self.queued.saturating_sub(taken);
        }
        match self.ring.completion().next().map(|completion| completion.result()) {
            None => Ok(()),
            Some(result) if result >= 0 || result == -Errno::AGAIN.raw_os_error() => buffer_full(),
            Some(result) => Err(io::Error::from_raw_os_error(-result)).context("sending through io_uring"),
        }
    }

    #[expect(unsafe_code, reason = "the kernel reads what an entry points to, which the compiler can't follow")]
    fn push(&mut self, entry: &squeue::Entry) -> Result<()> {
        // SAFETY: the entry points into PAYLOAD, a `static` that nothing ever writes and whose length
        // bounds the entry's (`floor::check`); its descriptor is that of a socket which stays open for as
        // long as this ring, which borrows it.
        unsafe { self.ring.submission().push(entry) }.context("io_uring's queue is full")
    }
}

/// `MSG_WAITALL`, which rustix knows for receiving alone.
const MSG_WAITALL: i32 = 0x100;

/// A ring for one thread that takes completions when it asks; a plain one where the kernel knows no better.
pub(super) fn open() -> Result<IoUring> {
    let entries = BATCH as u32;
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .build(entries)
        .or_else(|error| match error.raw_os_error() {
            Some(code) if code == Errno::INVAL.raw_os_error() => IoUring::new(entries),
            _ => Err(error),
        });
    ring.context(
        "the kernel refuses io_uring (it may be older than 5.18, or sysctl kernel.io_uring_disabled \
         or a container's seccomp profile may forbid it); the floor via send() needs none",
    )
}
