//! Sockets and readiness: connecting from many source addresses, and one epoll.
//!
//! `rustix` keeps this free of `unsafe`, but for [`kernel_time`].

#[cfg_attr(not(test), expect(dead_code, reason = "offered to the clients, which do not ask for stamps yet"))]
pub(crate) mod kernel_time;

use anyhow::{Context as _, Result};
use rustix::event::{Timespec, epoll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// Clients of a loopback server come from this many addresses (127.0.0.2 …), because each address has
/// only about 28,000 ports and closed connections keep theirs for a minute.
const SOURCE_ADDRESSES: usize = 16;

/// Readiness events taken from the kernel at once.
const EVENTS_PER_WAIT: usize = 1_024;

/// Starts a connection that completes later: wait for it to become writable, then ask [`connected`].
pub(crate) fn start_connect(to: SocketAddr, index: usize) -> rustix::io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if let IpAddr::V4(host) = to.ip()
        && host.is_loopback()
    {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (index % SOURCE_ADDRESSES) as u8);
        bind(&socket, &SocketAddr::from((source, 0)))?;
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    match connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Whether the connection begun with [`start_connect`] stands.
pub(crate) fn connected(socket: &OwnedFd) -> rustix::io::Result<()> {
    sockopt::socket_error(socket)?
}

/// One epoll, level-triggered. Tokens are the caller's.
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

    /// Waits at most `timeout_ms` and writes the tokens that are ready into `ready`.
    pub(crate) fn wait(&mut self, timeout_ms: u32, ready: &mut Vec<u64>) -> Result<()> {
        let timeout = Timespec {
            tv_sec: i64::from(timeout_ms / 1_000),
            tv_nsec: i64::from(timeout_ms % 1_000) * 1_000_000,
        };
        ready.clear();
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll can't wait"),
        }
        ready.extend(self.events.iter().map(|event| event.data.u64()));
        Ok(())
    }
}
