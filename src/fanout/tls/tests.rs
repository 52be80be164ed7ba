use super::*;
use proptest::prelude::*;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use std::sync::{Arc, LazyLock};

/// A socket that takes so many bytes and no more.
#[derive(Default)]
struct Pipe {
    room: usize,
    out: Vec<u8>,
    ended: bool,
    inbound: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.ended, "nothing is written after the end");
        if self.room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(self.room);
        self.room -= count;
        self.out.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.inbound.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.inbound.len());
        buffer[..count].copy_from_slice(&self.inbound[..count]);
        self.inbound.drain(..count);
        Ok(count)
    }
}

impl Transport for Pipe {
    fn shutdown_write(&mut self) {
        self.ended = true;
    }
}

/// The other side, with all it has decrypted.
struct Peer {
    connection: ClientConnection,
    received: Vec<u8>,
    closed: bool,
}

impl Peer {
    fn take(&mut self, mut records: &[u8]) {
        while !records.is_empty() {
            self.connection.read_tls(&mut records).unwrap();
            self.connection.process_new_packets().unwrap();
            let mut reader = self.connection.reader();
            // Anything but "not yet" is the end.
            self.closed |= reader.read_to_end(&mut self.received).is_ok();
        }
    }

    fn say(&mut self, text: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        self.connection.writer().write_all(text).unwrap();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut records).unwrap();
        }
        records
    }
}

static CONFIGS: LazyLock<(Arc<ServerConfig>, Arc<ClientConfig>)> = LazyLock::new(|| {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![pair.cert.der().clone()], key).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
});

/// Both ends of a session whose handshake is over.
pub(in crate::fanout) fn sessions() -> (ServerConnection, ClientConnection) {
    let (server, client) = &*CONFIGS;
    let mut server = ServerConnection::new(server.clone()).unwrap();
    let mut client = ClientConnection::new(client.clone(), ServerName::try_from("localhost").unwrap()).unwrap();
    while client.is_handshaking() || server.wants_write() || client.wants_write() {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut there).unwrap();
        }
        while !there.is_empty() {
            let taken = server.read_tls(&mut &there[..]).unwrap();
            there.drain(..taken);
            server.process_new_packets().unwrap();
        }
        while server.wants_write() {
            server.write_tls(&mut back).unwrap();
        }
        while !back.is_empty() {
            let taken = client.read_tls(&mut &back[..]).unwrap();
            back.drain(..taken);
            client.process_new_packets().unwrap();
        }
    }
    (server, client)
}

fn established() -> (TlsSocket<Pipe>, Peer) {
    let (server, client) = sessions();
    let peer = Peer {
        connection: client,
        received: Vec::new(),
        closed: false,
    };
    (TlsSocket::new(Pipe::default(), Session::new(server)), peer)
}

/// Numbered bytes, so that a byte that is lost, doubled or out of place shows.
fn piece(length: usize, counter: &mut u32) -> Piece {
    let bytes: Vec<u8> = (0..length)
        .map(|_| {
            *counter = counter.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*counter >> 24) as u8
        })
        .collect();
    Piece::text(&bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// As a shard does it: what a short write left of a piece comes first in the next one; what had not
    /// begun may be anything else by then.
    #[test]
    fn the_stream_is_exact_however_short_the_writes(
        writes in prop::collection::vec((prop::collection::vec(0..30_000usize, 0..6), 0..40_000usize), 1..24),
    ) {
        let (mut socket, mut peer) = established();
        let (mut counter, mut expected) = (0, Vec::new());
        let mut partial: Option<(Piece, usize)> = None;
        for (lengths, room) in writes {
            socket.socket.room += room;
            let sent = socket.socket.out.len();
            let flushed = socket.writable();
            prop_assert!(flushed.progressed == (socket.socket.out.len() > sent));
            if !flushed.all {
                continue; // The shard hears nothing, and offers nothing to a socket that it knows to be full.
            }
            let (mut pieces, offset) = partial.take().map_or((Vec::new(), 0), |(piece, offset)| (vec![piece], offset));
            pieces.extend(lengths.iter().map(|length| piece(*length, &mut counter)));
            let offered: usize = pieces.iter().map(|piece| piece.bytes().len()).sum::<usize>() - offset;
            let Wrote::Bytes(written) = socket.write(&pieces, offset) else { panic!("broken") };
            prop_assert!(written == offered || socket.socket.room == 0, "fewer than offered means full");
            let mut left = written + offset;
            for (place, piece) in pieces.iter().enumerate() {
                let bytes = piece.bytes();
                let from = if place == 0 { offset } else { 0 };
                expected.extend_from_slice(&bytes[from..left.clamp(from, bytes.len())]);
                if left < bytes.len() {
                    partial = (left > 0 || place == 0 && offset > 0).then(|| (piece.clone(), left));
                    break;
                }
                left -= bytes.len();
            }
            peer.take(&std::mem::take(&mut socket.socket.out));
            prop_assert!(expected.len() - peer.received.len() <= RECORD_BYTES, "one record is held back at most");
        }
        if let Some((piece, offset)) = partial {
            expected.extend_from_slice(&piece.bytes()[offset..]);
            socket.socket.room = usize::MAX;
            prop_assert!(socket.writable().all);
            socket.write(&[piece], offset);
        }
        socket.socket.room = 0;
        socket.finish();
        prop_assert!(!socket.socket.ended, "not before the last record has gone");
        socket.socket.room = usize::MAX;
        prop_assert!(socket.writable().all && socket.socket.ended);
        peer.take(&socket.socket.out);
        prop_assert!(peer.received == expected && peer.closed);
    }

    #[test]
    fn what_a_client_says_is_read_whole_with_pauses(
        said in prop::collection::vec((0..20_000usize, 1..9_000usize), 1..12),
        pause_every in 1..5usize,
    ) {
        let (mut socket, mut peer) = established();
        let (mut counter, mut expected, mut heard, mut takes) = (0, Vec::new(), Vec::new(), 0);
        let mut buffer = vec![0; 2_000];
        for (length, chunk) in said {
            let text = piece(length, &mut counter);
            expected.extend_from_slice(text.bytes());
            for some in peer.say(text.bytes()).chunks(chunk) {
                socket.socket.inbound.extend_from_slice(some);
                // Whoever pauses comes back by itself, as the shard does once there is room for replies.
                loop {
                    let mut paused = false;
                    let end = socket.read(&mut buffer, |bytes| {
                        heard.extend_from_slice(bytes);
                        takes += 1;
                        paused = takes % pause_every == 0;
                        !paused
                    });
                    prop_assert!(end != ReadEnd::Closed);
                    if end == ReadEnd::Drained && !paused {
                        break;
                    }
                }
            }
        }
        prop_assert!(heard == expected);
    }
}

#[test]
fn several_pieces_share_a_record_and_a_write() {
    let (mut socket, mut peer) = established();
    socket.socket.room = usize::MAX;
    let pieces: Vec<Piece> = ["a", "bc", "", "def"].iter().map(|text| Piece::text(text.as_bytes())).collect();
    assert_eq!(socket.write(&pieces, 0), Wrote::Bytes(6));
    let header = &socket.socket.out[..5];
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    assert_eq!((header[0], 5 + length), (23, socket.socket.out.len()));
    peer.take(&socket.socket.out);
    assert_eq!(peer.received, b"abcdef");
}

#[test]
fn a_client_that_says_goodbye_or_nonsense_is_over() {
    let none = |_: &mut [u8]| panic!("nothing was said");
    let mut buffer = vec![0; 100];
    let (mut socket, mut peer) = established();
    peer.connection.send_close_notify();
    socket.socket.inbound = peer.say(b"");
    assert_eq!(socket.read(&mut buffer, none), ReadEnd::Closed);

    let (mut socket, mut peer) = established();
    socket.socket.room = usize::MAX;
    let mut record = peer.say(b"hello");
    *record.last_mut().unwrap() ^= 1;
    socket.socket.inbound = record;
    assert_eq!(socket.read(&mut buffer, none), ReadEnd::Closed);
    assert_eq!(socket.write(&[Piece::text(b"x")], 0), Wrote::Broken);
}
