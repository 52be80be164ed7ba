//! One connection of a hostile client, from the first packet to its end. Never waits.

use super::temper::{Habit, Manner, Temper};
use crate::net::{self, Ready, Taken};
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// Writes of a flood before it is somebody else's turn.
const WRITES_PER_TURN: usize = 4;

/// Longest answer to a request for a WebSocket, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Between the bytes that are added.
const ADDS_EVERY_NS: u64 = 1_000_000_000;

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Stays,
    /// The server ended it.
    Ended,
    /// It never got to do what it came for.
    Refused,
    /// Its client hung up.
    Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    /// For a WebSocket.
    Asking,
    /// What it came for.
    Acting,
}

/// A connection.
pub(super) struct Visit {
    socket: OwnedFd,
    temper: Temper,
    manner: Manner,
    phase: Phase,
    /// What it has to say once it may.
    piece: Rc<[u8]>,
    /// What it says now, and how much of it is said.
    saying: Rc<[u8]>,
    said: usize,
    answer: Vec<u8>,
    began_ns: u64,
    /// When it began to act, or last added something.
    at_ns: u64,
    /// How long it acts that resets.
    stays_ns: u64,
    is_shut: bool,
    bytes: u64,
}

impl Visit {
    /// On a socket whose connection has been started. It says `opening`, where it asks for a WebSocket, then its
    /// `piece`; one that resets does so after `stays_ns`.
    pub(super) fn new(socket: OwnedFd, temper: Temper, opening: Rc<[u8]>, piece: Rc<[u8]>, began_ns: u64, stays_ns: u64) -> Self {
        Self {
            socket,
            temper,
            manner: temper.manner(),
            phase: Phase::Connecting,
            piece,
            saying: opening,
            said: 0,
            answer: Vec::new(),
            began_ns,
            at_ns: began_ns,
            stays_ns,
            is_shut: false,
            bytes: 0,
        }
    }

    pub(super) fn temper(&self) -> Temper {
        self.temper
    }

    /// Bytes sent so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// For how long it has stood, monotonic nanoseconds.
    pub(super) fn stood_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.began_ns)
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.phase == Phase::Connecting
    }

    /// Whether it got as far as to do what it came for.
    pub(super) fn acts(&self) -> bool {
        self.phase == Phase::Acting
    }

    /// The socket is ready for something.
    pub(super) fn serve(&mut self, ready: Ready, now_ns: u64, scratch: &mut [u8]) -> Fate {
        if self.phase == Phase::Connecting {
            if !ready.writable {
                return Fate::Stays;
            }
            if net::connected(&self.socket).is_err() {
                return Fate::Refused;
            }
            if self.manner.upgrades {
                self.phase = Phase::Asking;
            } else {
                self.act(now_ns);
            }
        }
        match self.hear(ready, now_ns, scratch) {
            Fate::Stays => self.say(),
            ended => ended,
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now_ns: u64) -> Fate {
        if !self.acts() {
            return Fate::Stays;
        }
        let for_ns = now_ns.saturating_sub(self.at_ns);
        match self.manner.habit {
            Habit::Adds(bytes) if for_ns >= ADDS_EVERY_NS && self.said == self.saying.len() => {
                self.at_ns = now_ns;
                (self.saying, self.said) = (bytes.into(), 0);
                self.say()
            }
            Habit::Floods => self.say(),
            Habit::Resets if for_ns >= self.stays_ns => Fate::Left,
            _ => Fate::Stays,
        }
    }

    /// Hangs up: with a reset where that is its manner.
    pub(super) fn leave(self) {
        if self.manner.habit == Habit::Resets {
            net::reset(self.socket);
        }
    }

    fn act(&mut self, now_ns: u64) {
        self.phase = Phase::Acting;
        self.at_ns = now_ns;
        (self.saying, self.said) = (self.piece.clone(), 0);
    }

    /// The other side is gone.
    fn over(&self) -> Fate {
        if self.acts() { Fate::Ended } else { Fate::Refused }
    }

    /// Reads all there is, where it reads.
    fn hear(&mut self, ready: Ready, now_ns: u64, scratch: &mut [u8]) -> Fate {
        while self.phase == Phase::Asking || self.manner.reads {
            match net::receive(&self.socket, scratch, false) {
                Ok(received) if received.taken == Taken::Nothing => return Fate::Stays,
                Ok(received) if received.count == 0 && received.taken == Taken::Part => return self.over(),
                Ok(received) if self.phase == Phase::Asking => {
                    self.answer.extend_from_slice(&scratch[..received.count]);
                    if !self.is_let_in(now_ns) {
                        return Fate::Refused;
                    }
                }
                Ok(_) => {}
                Err(_) => return self.over(),
            }
        }
        // Who does not read learns from the kernel that it is over.
        if ready.hung_up { Fate::Ended } else { Fate::Stays }
    }

    /// Goes on where the answer says so; false where it says something else.
    fn is_let_in(&mut self, now_ns: u64) -> bool {
        if !self.answer.windows(4).any(|four| four == b"\r\n\r\n") {
            return self.answer.len() <= ANSWER_BYTES_MAX;
        }
        let is_let_in = self.answer.starts_with(b"HTTP/1.1 101 ");
        if is_let_in {
            self.answer = Vec::new();
            self.act(now_ns);
        }
        is_let_in
    }

    /// Says what the socket takes of it.
    fn say(&mut self) -> Fate {
        let floods = self.acts() && self.manner.habit == Habit::Floods;
        for _ in 0..WRITES_PER_TURN {
            if floods && self.said == self.saying.len() {
                self.said = 0;
            }
            if self.said == self.saying.len() {
                break;
            }
            match send(&self.socket, &self.saying[self.said..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.said += count;
                    self.bytes += count as u64;
                }
                Err(Errno::AGAIN | Errno::INTR) => return Fate::Stays,
                Err(_) => return self.over(),
            }
        }
        if !self.acts() || self.said < self.saying.len() {
            return Fate::Stays;
        }
        match self.manner.habit {
            Habit::Leaves => Fate::Left,
            Habit::HalfCloses if !self.is_shut => {
                self.is_shut = true;
                // Where it fails the connection is gone, and the next read says so.
                let _: rustix::io::Result<()> = shutdown(&self.socket, Shutdown::Write);
                Fate::Stays
            }
            _ => Fate::Stays,
        }
    }
}
