//! What both fake servers speak: just enough of HTTP/1.1 and of WebSocket frames.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Serves each connection in a thread of its own until the process ends; the address.
pub fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_nodelay(true).unwrap();
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    addr
}

/// Head and body of the next request; nothing where there is no more.
pub fn request(input: &mut impl BufRead) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    input.read_exact(&mut body).unwrap();
    Some((head, String::from_utf8(body).unwrap()))
}

/// Answers a request; more `headers` end with a line's end each.
pub fn answer(output: &mut impl Write, status: u16, headers: &str, body: &str) {
    let length = body.len();
    // Whoever asked may be gone by now.
    drop(write!(
        output,
        "HTTP/1.1 {status} Said\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ));
}

/// Grants the upgrade to a WebSocket: what else is granted, each header with its line's end.
pub fn switch(output: &mut impl Write, headers: &str) {
    // What RFC 6455 makes of its own sample nonce, which the load test sends.
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    write!(
        output,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
    )
    .unwrap();
}

/// A server's frame; short and medium lengths alone.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(short as u8),
        medium => {
            bytes.push(126);
            bytes.extend((medium as u16).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// The payload of a client's frame; short and medium lengths alone. Nothing where there is no more.
pub fn read_masked(input: &mut impl Read) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    input.read_exact(&mut head).ok()?;
    assert_eq!(
        (head[0] & 0x80, head[1] & 0x80),
        (0x80, 0x80),
        "a client's frame is whole and masked"
    );
    let mut length = usize::from(head[1] & 0x7F);
    if length == 126 {
        input.read_exact(&mut head).unwrap();
        length = usize::from(u16::from_be_bytes(head));
    }
    let (mut mask, mut payload) = ([0; 4], vec![0; length]);
    input.read_exact(&mut mask).unwrap();
    input.read_exact(&mut payload).unwrap();
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(payload)
}

/// What `GET /v1/rulesets` says.
pub const RULESETS: &str = r#"{"default":"draftkings","rulesets":[{"name":"draftkings"},{"name":"ppr"},{"name":"mine"}]}"#;
