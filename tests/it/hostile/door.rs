//! A server in a process of its own, whose metrics count nobody else's clients.

use super::binary::{Served, a_moment, scorewire};
use super::http::{Raw, get};
use super::{PATIENCE, Stopwatch};
use crate::support::moved;
use std::net::SocketAddr;
use std::time::Duration;

/// The server, and an address of their own for operators.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    #[expect(dead_code, reason = "it is killed when it is dropped")]
    served: Served,
}

impl Door {
    /// With settings as variables name them, without what all begin with: `("SERVER__SHARDS", "1")`.
    pub(crate) fn open(settings: &[(&str, &str)]) -> Door {
        let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
        command.env("SCOREWIRE__SERVER__ADMIN_BIND", "127.0.0.1:0");
        command.env("SCOREWIRE__SERVER__SHARDS", "1");
        for (key, value) in settings {
            command.env(format!("SCOREWIRE__{key}"), value);
        }
        let served = Served::start(command);
        Door {
            address: served.address("address"),
            admin: served.address("admin"),
            served,
        }
    }

    /// A metric's value now; 0 where it has no line.
    pub(crate) fn metric(&self, line: &str) -> usize {
        let page = String::from_utf8(get(self.admin, "/metrics").body).unwrap();
        moved::show(&page);
        let value = page.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0)
    }

    /// Waits until a metric has a value: shards hand their counts over once a second.
    #[track_caller]
    pub(crate) fn counts(&self, line: &str, value: usize) {
        let started = Stopwatch::start();
        while self.metric(line) != value {
            assert!(started.elapsed() < PATIENCE, "{line} is {} and not {value}", self.metric(line));
            a_moment();
        }
    }
}

/// A connection from another address of this machine.
pub(crate) fn from_address(host: [u8; 4], to: SocketAddr) -> Raw {
    connect(to, Some(host), None)
}

/// A connection whose kernel holds little that was not read.
pub(crate) fn narrow(to: SocketAddr) -> Raw {
    connect(to, None, Some(4096))
}

fn connect(to: SocketAddr, host: Option<[u8; 4]>, receive_bytes: Option<usize>) -> Raw {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    if let Some(host) = host {
        socket.bind(&SocketAddr::from((host, 0)).into()).unwrap();
    }
    if let Some(bytes) = receive_bytes {
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    socket.connect_timeout(&to.into(), Duration::from_secs(5)).unwrap();
    Raw::over(socket.into())
}
