//! A WebSocket whose reader waits: plain JSON, upgraded and subscribed, read frame by frame.
//!
//! For those who watch beside the crowd, a thread each. Answers pings; that the server closes is an error. Bounded by
//! two of the longest messages.

use crate::frames;
use crate::target::Target;
use crate::tls::Stream;
use crate::upgrade::Protocol;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use std::io::{ErrorKind, Write as _};
use std::time::Duration;

/// Bytes of the buffer that is read into.
const BUFFER_BYTES: usize = 2 * frames::PAYLOAD_BYTES_MAX;

/// Topics over one socket: the server's default limit is 1,000.
pub(crate) const TOPICS_MAX: usize = 900;

/// One connection.
pub(crate) struct Socket {
    stream: Stream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Socket {
    /// Connects, each step within `timeout`. From then on a read waits for `wait` at most.
    pub(crate) fn connect(target: &Target, timeout: Duration, wait: Duration) -> Result<Self> {
        let stream = Stream::connect(target, timeout).with_context(|| format!("{} does not answer", target.addr))?;
        let mut socket = Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
            filled: 0,
        };
        socket.stream.write_all(&Protocol::default().request(target))?;
        loop {
            ensure!(socket.fill()?, "no answer to the upgrade within {timeout:?}");
            let head = Protocol::default().granted(&socket.buffer[..socket.filled])?;
            if head > 0 {
                socket.forget(head);
                break;
            }
        }
        socket.stream.wait_for(wait)?;
        Ok(socket)
    }

    /// Asks for topics; without a ruleset by the server's own.
    pub(crate) fn subscribe(&mut self, topics: &[&str], ruleset: Option<&str>) -> Result<()> {
        let mut subscribe = json!({"op": "subscribe", "id": 1, "topics": topics});
        if let Some(ruleset) = ruleset {
            subscribe["ruleset"] = ruleset.into();
        }
        let subscribe = subscribe.to_string();
        Ok(self.stream.write_all(&frames::masked(frames::TEXT, subscribe.as_bytes()))?)
    }

    /// Gives `take` the messages that came, each with the size of its frame; false where nothing came for as long as a
    /// read waits.
    pub(crate) fn read(&mut self, mut take: impl FnMut(&[u8], usize) -> Result<()>) -> Result<bool> {
        if !self.fill()? {
            return Ok(false);
        }
        let mut at = 0;
        while let Some(frame) = frames::first(&self.buffer[at..self.filled], 0)? {
            at += frame.wire_bytes;
            match frame.opcode {
                frames::TEXT => take(frame.payload, frame.wire_bytes)?,
                frames::PING => self.stream.write_all(&frames::masked(frames::PONG, frame.payload))?,
                frames::CLOSE => bail!("closed by the server: {}", String::from_utf8_lossy(frame.payload)),
                opcode => bail!("a message of an unexpected kind: {opcode}"),
            }
        }
        self.forget(at);
        Ok(true)
    }

    /// Reads some bytes; false where none came for a while.
    fn fill(&mut self) -> Result<bool> {
        match self.stream.read_stamped(&mut self.buffer[self.filled..]) {
            Ok((0, _)) => bail!("the server closed the connection"),
            Ok((count, _)) => {
                // A segment over loopback is as large as the server's send buffer: acknowledged late, each would hold
                // the next up for 40 ms.
                self.stream.acknowledge()?;
                self.filled += count;
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// The first `count` bytes were taken.
    fn forget(&mut self, count: usize) {
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
    }
}
