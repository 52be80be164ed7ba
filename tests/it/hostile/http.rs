//! Plain HTTP, written and read by hand.

use super::PATIENCE;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a socket is tried that takes no more; nobody who is silent meanwhile counts as gone.
const BLOCKED: Duration = Duration::from_secs(10);

/// A socket that sends whatever it is told to.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    pub(crate) unread: Vec<u8>,
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Status line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The sentence of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Raw {
        Raw::over(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn over(stream: TcpStream) -> Raw {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(BLOCKED)).unwrap();
        stream.set_nodelay(true).unwrap();
        Raw {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends as much as the other side takes before it hangs up.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Waits for more bytes. False at the end.
    pub(crate) fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            // As by a ring of io_uring that this thread had, and that is still being taken down.
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => panic!("nothing came: {error}; before it: {:?}", String::from_utf8_lossy(&self.unread)),
        }
    }

    /// Waits until the other side hangs up in good order, and says nothing.
    pub(crate) fn ends_quietly(&mut self) {
        let mut buffer = [0; 1024];
        let count = self.stream.read(&mut buffer).expect("closed, not reset");
        assert_eq!(count, 0, "{:?}", String::from_utf8_lossy(&buffer[..count]));
    }

    /// The next response; nothing where the other side hung up instead.
    pub(crate) fn response(&mut self) -> Option<Response> {
        let head_bytes = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more() {
                assert!(self.unread.is_empty(), "half a response");
                return None;
            }
        };
        let head = String::from_utf8(self.unread.drain(..head_bytes).collect()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length && self.more() {}
        let body = self.unread.drain(..length).collect();
        Some(Response { status, head, body })
    }
}

/// Sends bytes and reads a response.
pub(crate) fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    let mut raw = Raw::connect(address);
    raw.try_send(request);
    raw.response().expect("an answer")
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
}

/// The head of a request with events; `headers` end in `\r\n` each.
pub(crate) fn post_head(length: usize, headers: &str) -> String {
    format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{headers}\r\n")
}

pub(crate) fn post(address: SocketAddr, headers: &str, body: impl AsRef<[u8]>) -> Response {
    let body = body.as_ref();
    ask(address, [post_head(body.len(), headers).as_bytes(), body].concat())
}
