//! Sockets and readiness: connecting from many source addresses, and one epoll.
//!
//! `rustix` keeps this free of `unsafe`, but for [`kernel_time`].

pub(crate) mod kernel_time;

use anyhow::{Context as _, Result, ensure};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, connect, recv, socket_with, sockopt};
use socket2::SockRef;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Clients of a loopback server come from this many addresses (127.0.0.2 …), because each address has
/// only about 28,000 ports and closed connections keep theirs for a minute.
const SOURCE_ADDRESSES: usize = 16;

/// Readiness events taken from the kernel at once.
const EVENTS_PER_WAIT: usize = 1_024;

/// Starts a connection that completes later: wait for it to become writable, then ask [`connected`].
pub(crate) fn start_connect(to: SocketAddr, index: usize) -> rustix::io::Result<OwnedFd> {
    start_connect_with(to, index, None)
}

/// Largest segments that a client with a small receive buffer is sent. With ordinary ones its window, once
/// it was full, is never again wide enough for the next: Linux then sends a byte now and then, for good.
const SMALL_SEGMENT_BYTES: u32 = 536;

/// The same with a small kernel receive buffer (`SO_RCVBUF`), of so many bytes.
pub(crate) fn start_connect_with(to: SocketAddr, index: usize, receive_buffer_bytes: Option<usize>) -> rustix::io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if let IpAddr::V4(host) = to.ip()
        && host.is_loopback()
    {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (index % SOURCE_ADDRESSES) as u8);
        bind(&socket, &SocketAddr::from((source, 0)))?;
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let Some(bytes) = receive_buffer_bytes {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        let segments = SockRef::from(&socket).set_tcp_mss(SMALL_SEGMENT_BYTES);
        segments.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    }
    match connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Whether the connection begun with [`start_connect`] stands.
pub(crate) fn connected(socket: &OwnedFd) -> rustix::io::Result<()> {
    sockopt::socket_error(socket)?
}

/// Closes a connection at once and without a word to the other side but a reset.
pub(crate) fn reset(socket: OwnedFd) {
    // Where the option is refused, the connection is closed in the ordinary way.
    let _: rustix::io::Result<()> = sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// As much as there was room for: there may be more.
    Full,
    /// All there was.
    Part,
    /// Nothing.
    Nothing,
}

/// What came of a read that does not wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// Bytes, now in the buffer.
    pub(crate) count: usize,
    /// When the kernel had the last of them, where it was asked ([`kernel_time`]).
    pub(crate) kernel_ns: Option<u64>,
    /// Whether there may be more.
    pub(crate) taken: Taken,
}

impl Received {
    /// An error where there was nothing because the stream has ended.
    pub(crate) fn unless_ended(self) -> Result<Self> {
        ensure!(
            self.count > 0 || self.taken != Taken::Part,
            "the server closed the connection without a close frame"
        );
        Ok(self)
    }
}

/// One read. No bytes and [`Taken::Part`]: the stream has ended.
pub(crate) fn receive(socket: &OwnedFd, buffer: &mut [u8], kernel_times: bool) -> rustix::io::Result<Received> {
    let received = if kernel_times {
        kernel_time::recv(socket, buffer)
    } else {
        recv(socket, &mut *buffer, RecvFlags::empty()).map(|(count, _)| (count, None))
    };
    let (count, kernel_ns, taken) = match received {
        Ok((count, kernel_ns)) if count == buffer.len() => (count, kernel_ns, Taken::Full),
        Ok((count, kernel_ns)) => (count, kernel_ns, Taken::Part),
        Err(Errno::INTR) => (0, None, Taken::Full),
        Err(Errno::AGAIN) => (0, None, Taken::Nothing),
        Err(error) => return Err(error),
    };
    Ok(Received { count, kernel_ns, taken })
}

/// What a descriptor registered with [`Poller::add_edges`] is ready for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    /// The caller's.
    pub(crate) token: u64,
    /// There is something to read, an end included.
    pub(crate) readable: bool,
    /// There is room to write.
    pub(crate) writable: bool,
    /// Nothing more will come after what is there.
    pub(crate) hung_up: bool,
}

/// One epoll. Tokens are the caller's.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    /// An empty one.
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll can't be created")?;
        Ok(Self {
            epoll,
            events: Vec::with_capacity(EVENTS_PER_WAIT),
        })
    }

    /// Reports `token` whenever `fd` can be read.
    pub(crate) fn add_readable(&self, fd: impl AsFd, token: u64) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::IN)
    }

    /// Reports `token` once `fd` can be written: how a pending connection completes.
    pub(crate) fn add_writable(&self, fd: impl AsFd, token: u64) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::OUT)
    }

    /// From now on, `fd` is watched for reading alone.
    pub(crate) fn now_readable(&self, fd: impl AsFd, token: u64) -> rustix::io::Result<()> {
        epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::IN)
    }

    /// Reports once when `fd` can be written, and once for whatever arrives at it: the reader takes
    /// all of it. Registered once for all and never re-armed, which costs least by message.
    pub(crate) fn add_edges(&self, fd: impl AsFd, token: u64) -> rustix::io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), flags)
    }

    /// Waits at most `timeout_ms` and writes the tokens that are ready into `ready`.
    pub(crate) fn wait(&mut self, timeout_ms: u32, ready: &mut Vec<u64>) -> Result<()> {
        ready.clear();
        self.take(timeout_ms)?;
        ready.extend(self.events.iter().map(|event| event.data.u64()));
        Ok(())
    }

    /// Waits at most `timeout_ms` and writes what is ready, and for what, into `ready`.
    pub(crate) fn wait_edges(&mut self, timeout_ms: u32, ready: &mut Vec<Ready>) -> Result<()> {
        ready.clear();
        self.take(timeout_ms)?;
        let gone = epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        ready.extend(self.events.iter().map(|event| {
            let (token, flags) = (event.data.u64(), event.flags);
            let hung_up = flags.intersects(gone);
            Ready {
                token,
                readable: hung_up || flags.contains(epoll::EventFlags::IN),
                writable: hung_up || flags.contains(epoll::EventFlags::OUT),
                hung_up,
            }
        }));
        Ok(())
    }

    fn take(&mut self, timeout_ms: u32) -> Result<()> {
        let timeout = Timespec {
            tv_sec: i64::from(timeout_ms / 1_000),
            tv_nsec: i64::from(timeout_ms % 1_000) * 1_000_000,
        };
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll can't wait"),
        }
        Ok(())
    }
}
