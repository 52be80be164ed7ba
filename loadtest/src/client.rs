//! One WebSocket client: connect, upgrade, subscribe, then hold the server to its word.
//!
//! Lean, because ten thousand of them share two cores with the server: a read goes into one buffer
//! that all clients share, frames are judged where they lie, and a client owns nothing but its
//! socket, its `seq` and the tail of a frame that arrived in parts.

use crate::frames::{self, Frame};
use crate::latency::Latency;
use crate::ledger::Ledger;
use crate::verify::{Meaning, Oracle};
use crate::{clock, crew::Tally, net};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::os::fd::OwnedFd;

/// The sample nonce of RFC 6455 §1.3, and what a server must make of it. A server can't tell it
/// from a random one, and the load test needs no SHA-1.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Longest answer to the upgrade request, in bytes.
const UPGRADE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of the buffer that all clients read into; a frame and its tail must fit.
pub(crate) const SCRATCH_BYTES: usize = 2 * frames::PAYLOAD_BYTES_MAX;

/// How far a client has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// TCP is not established yet.
    Connecting,
    /// The upgrade is on its way.
    Upgrading,
    /// Subscribed, but no snapshot yet.
    Subscribing,
    /// The snapshot is there.
    Live,
}

/// What the clients of a process share.
pub(crate) struct Desk {
    /// Where reads go.
    pub(crate) scratch: Vec<u8>,
    /// Judges messages.
    pub(crate) oracle: Oracle,
    /// Of deliveries.
    pub(crate) latency: Latency,
    /// Counts.
    pub(crate) tally: Tally,
    /// When play 0 was meant to go out (monotonic).
    pub(crate) t0_ns: u64,
    /// Between plays.
    pub(crate) interval_us: u64,
    /// The upgrade request, and the masked `subscribe` frame: the same for all.
    pub(crate) upgrade: Vec<u8>,
    /// See `upgrade`.
    pub(crate) subscribe: Vec<u8>,
}

/// One client.
pub(crate) struct Client {
    socket: OwnedFd,
    phase: Phase,
    seq: u64,
    events: usize,
    tail: Vec<u8>,
    ledger: Option<Box<Ledger>>,
}

/// The request that asks for the upgrade.
pub(crate) fn upgrade_request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: scorewire.v1.json\r\n\r\n"
    )
    .into_bytes()
}

impl Client {
    /// A client on a socket whose connection has been started.
    pub(crate) fn new(socket: OwnedFd, sampled: bool) -> Self {
        let ledger = sampled.then(Box::<Ledger>::default);
        Self {
            socket,
            phase: Phase::Connecting,
            seq: 0,
            events: 0,
            tail: Vec::new(),
            ledger,
        }
    }

    /// Its socket, to watch.
    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// How far it is.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// How many plays it has.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// Its own totals, where it is in the sample.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_deref()
    }

    /// The connection stands or has failed: ask for the upgrade.
    pub(crate) fn on_connected(&mut self, desk: &Desk) -> Result<()> {
        net::connected(&self.socket).context("connecting")?;
        self.send(&desk.upgrade)?;
        self.phase = Phase::Upgrading;
        Ok(())
    }

    /// There is something to read. An error means that this client is lost.
    pub(crate) fn on_readable(&mut self, desk: &mut Desk) -> Result<()> {
        let mut scratch = std::mem::take(&mut desk.scratch);
        let result = self.read(&mut scratch, desk);
        desk.scratch = scratch;
        result
    }

    fn read(&mut self, scratch: &mut [u8], desk: &mut Desk) -> Result<()> {
        let kept = self.tail.len();
        ensure!(kept < scratch.len(), "a frame that never ends");
        scratch[..kept].copy_from_slice(&self.tail);
        let count = match recv(&self.socket, &mut scratch[kept..], RecvFlags::empty()) {
            Ok((0, _)) => bail!("the server closed the connection without a close frame"),
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error).context("reading"),
        };
        let now_ns = clock::monotonic_ns();
        let bytes = &scratch[..kept + count];
        let mut at = 0;
        if self.phase == Phase::Upgrading {
            at = upgraded(bytes)?;
            if at > 0 {
                self.phase = Phase::Subscribing;
                self.send(&desk.subscribe)?;
            }
        }
        if self.phase != Phase::Upgrading {
            while let Some(frame) = frames::first(&bytes[at..])? {
                at += frame.wire_bytes;
                self.on_frame(&frame, now_ns, desk)?;
            }
        }
        self.tail.clear();
        self.tail.extend_from_slice(&bytes[at..]);
        Ok(())
    }

    fn on_frame(&mut self, frame: &Frame<'_>, now_ns: u64, desk: &mut Desk) -> Result<()> {
        match frame.opcode {
            frames::TEXT => {}
            frames::PING => return self.send(&frames::masked(frames::PONG, frame.payload)),
            frames::PONG => return Ok(()),
            frames::CLOSE => bail!("closed by the server: {}", close_reason(frame.payload)),
            _ => bail!("a binary message where JSON was agreed"),
        }
        match desk.oracle.read(frame.payload)? {
            Meaning::Aside => Ok(()),
            Meaning::Snapshot { seq, events } => self.on_snapshot(frame.payload, seq, events, now_ns, desk),
            Meaning::Delta { seq, prev, events } => {
                ensure!(self.phase == Phase::Live, "a delta (seq {seq}) before the snapshot");
                ensure!(
                    prev == self.seq,
                    "holds seq {} and was sent prev {prev} (seq {seq}): something in between is lost",
                    self.seq
                );
                if let Some(ledger) = &mut self.ledger {
                    ledger.delta(frame.payload)?;
                }
                desk.tally.frames += 1;
                desk.tally.frame_bytes += frame.wire_bytes as u64;
                desk.tally.merged += u64::from(seq - prev > 1);
                self.advance(seq, events, now_ns, desk);
                Ok(())
            }
        }
    }

    fn on_snapshot(&mut self, payload: &[u8], seq: u64, events: usize, now_ns: u64, desk: &mut Desk) -> Result<()> {
        ensure!(
            self.phase == Phase::Subscribing || seq >= self.seq,
            "holds seq {} and was sent a snapshot at {seq}",
            self.seq
        );
        if let Some(ledger) = &mut self.ledger {
            ledger.snapshot(payload)?;
        }
        desk.tally.late_snapshots += u64::from(self.phase == Phase::Live);
        self.phase = Phase::Live;
        self.advance(seq, events, now_ns, desk);
        Ok(())
    }

    /// Everything up to play `events` has arrived now.
    fn advance(&mut self, seq: u64, events: usize, now_ns: u64, desk: &mut Desk) {
        for index in self.events..events {
            let due_us = index as u64 * desk.interval_us;
            let meant_ns = desk.t0_ns + due_us * 1_000;
            desk.latency.record(index, due_us, now_ns.saturating_sub(meant_ns) / 1_000);
        }
        desk.tally.deliveries += events.saturating_sub(self.events) as u64;
        (self.seq, self.events) = (seq, events);
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        let sent = send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).context("writing")?;
        ensure!(sent == bytes.len(), "the server does not read what the client sends");
        Ok(())
    }
}

/// Length of the answer to the upgrade, 0 where it is not whole yet.
fn upgraded(bytes: &[u8]) -> Result<usize> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        ensure!(bytes.len() <= UPGRADE_BYTES_MAX, "an endless answer to the upgrade");
        return Ok(0);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.split(' ').nth(1) == Some("101"), "the upgrade was refused: {status}");
    let accept = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-accept").then(|| value.trim())
    });
    ensure!(accept == Some(ACCEPT), "Sec-WebSocket-Accept is {accept:?} and must be {ACCEPT:?}");
    Ok(end + 4)
}

fn close_reason(payload: &[u8]) -> String {
    match payload {
        [high, low, reason @ ..] => format!("code {} {}", u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason)),
        _ => "no code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upgrade_is_checked_once_it_is_whole() {
        let good = format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\n\r\nrest");
        assert_eq!(upgraded(&good.as_bytes()[..30]).unwrap(), 0);
        assert_eq!(upgraded(good.as_bytes()).unwrap(), good.len() - 4);
        let refused = upgraded(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap_err().to_string();
        assert!(refused.contains("503 Busy"), "{refused}");
        assert!(upgraded(b"HTTP/1.1 101 Ok\r\nSec-WebSocket-Accept: nonsense\r\n\r\n").is_err());
        assert!(upgraded(&[b'x'; UPGRADE_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn close_codes_are_told() {
        assert_eq!(close_reason(&[0x0f, 0xa1, b's', b'l', b'o', b'w']), "code 4001 slow");
        assert_eq!(close_reason(&[]), "no code");
    }
}
