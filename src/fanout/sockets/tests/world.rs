//! Connections of which this is both ends: what they are sent, and what of it arrives.

use super::super::*;
use crate::fanout::tls::tests::sessions;
use crate::test_support::skipped::skipped;
use rustls::ClientConnection;
use std::hash::BuildHasher;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

pub(super) const CLIENTS: usize = 24;
/// Sends that the ring has room for.
pub(super) const RING_SENDS: usize = 8;
/// How many of a hundred connections are encrypted.
pub(super) const TLS_PERCENT: usize = 20;

/// Random numbers from a seed (xorshift64*).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A prime, so that no two places of a stream that are near look alike.
pub(super) const PERIOD: usize = 65_521;
/// The longest part of a stream that is looked at in one piece.
pub(super) const PART_MAX: usize = 65_536;

/// What a client's stream has at a place.
pub(super) fn stream(conn: ConnKey, place: usize, length: usize) -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut chance = Chance(1);
        let mut bytes: Vec<u8> = (0..PERIOD).map(|_| chance.below(256) as u8).collect();
        bytes.extend_from_within(..);
        bytes.extend_from_within(..PART_MAX);
        bytes
    });
    let start = (place + 7_919 * conn.generation as usize) % PERIOD;
    &BYTES[start..start + length]
}

/// One connection, both ends.
pub(super) struct Pair {
    pub(super) conn: ConnKey,
    /// Nothing once it has reset the connection.
    pub(super) reader: Option<TcpStream>,
    /// What decrypts, where it is encrypted.
    pub(super) tls: Option<ClientConnection>,
    /// Bytes reported as written, and what was offered with the last write that broke.
    pub(super) written: usize,
    pub(super) perhaps: usize,
    pub(super) read: usize,
    pub(super) broken: bool,
}

impl Pair {
    /// Reads so many bytes, or to the end, and holds them against the stream.
    pub(super) fn read(&mut self, limit: usize) -> bool {
        let Some(reader) = &mut self.reader else { return false };
        let mut buffer = vec![0; limit];
        let read = match &mut self.tls {
            None => reader.read(&mut buffer),
            Some(tls) => decrypt(tls, reader, &mut buffer),
        };
        let count = match read {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
            Err(error) => panic!("{error}"),
        };
        assert!(
            buffer[..count] == *stream(self.conn, self.read, count),
            "other bytes than written came: {:?}, {count} from {}",
            self.conn,
            self.read
        );
        self.read += count;
        assert!(
            self.read <= self.written + self.perhaps,
            "{} bytes came of {}",
            self.read,
            self.written
        );
        true
    }
}

/// Reads what has come, decrypted. An end without a goodbye is one all the same.
pub(super) fn decrypt(tls: &mut ClientConnection, reader: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
        // Its end is told by the next look at what is decrypted.
        tls.read_tls(reader)?;
        tls.process_new_packets().unwrap();
    }
}

pub(super) struct World {
    pub(super) sockets: Sockets,
    pub(super) listener: TcpListener,
    pub(super) pairs: Vec<Pair>,
    pub(super) chance: Chance,
    pub(super) generation: u32,
    pub(super) seen: Seen,
}

/// What has come about: a test in which nothing happens proves nothing.
#[derive(Default, Debug)]
pub(super) struct Seen {
    pub(super) whole: u64,
    pub(super) short: u64,
    pub(super) full: u64,
    pub(super) broken: u64,
    pub(super) vectored: u64,
    /// Records of which a part was held back.
    pub(super) held: u64,
}

impl World {
    pub(super) fn new(path: WritePath, seed: u64) -> World {
        println!("seed {seed}: run again with SCOREWIRE_SEED={seed}");
        World {
            sockets: Sockets::new(path).unwrap(),
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
            pairs: Vec::new(),
            chance: Chance(seed),
            generation: 0,
            seen: Seen::default(),
        }
    }

    /// A narrow reader. Small segments, so that a small window is opened again at once.
    pub(super) fn connect(&self) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(8192).unwrap();
        socket.set_tcp_mss(1000).unwrap();
        socket.connect(&self.listener.local_addr().unwrap().into()).unwrap();
        socket.into()
    }

    pub(super) fn open(&mut self) {
        self.open_with(TLS_PERCENT);
    }

    pub(super) fn open_with(&mut self, tls_percent: usize) {
        let reader = self.connect();
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        reader.set_nonblocking(true).unwrap();
        SockRef::from(&stream).set_send_buffer_size(4096).unwrap();
        self.generation += 1;
        let used: Vec<u32> = self.pairs.iter().map(|pair| pair.conn.index).collect();
        let conn = ConnKey {
            index: (0..).find(|index| !used.contains(index)).unwrap(),
            generation: self.generation,
        };
        let slot = Slot::take_one_more(&Arc::default());
        let tls = self.chance.percent(tls_percent).then(sessions);
        let tls = match tls {
            None => self.sockets.add_tcp(conn, stream, slot).map(|()| None),
            Some((near, far)) => {
                let added = self.sockets.add_tls(conn, stream, Session::new(near), slot);
                added.map(|()| Some(far))
            }
        };
        self.pairs.push(Pair {
            conn,
            reader: Some(reader),
            tls: tls.unwrap(),
            written: 0,
            perhaps: 0,
            read: 0,
            broken: false,
        });
    }

    pub(super) fn fill(&mut self, clients: usize) {
        while self.pairs.len() < clients {
            self.open();
        }
    }

    /// Offers something to each of some clients and takes over what was written.
    pub(super) fn write(&mut self, slices: usize, bytes: usize) {
        let World { pairs, chance, .. } = self;
        let mut batch = Batch::default();
        let mut offers: Vec<(usize, usize)> = Vec::new();
        for (place, pair) in pairs.iter().enumerate() {
            if pair.broken || !chance.percent(70) {
                continue;
            }
            let offset = chance.below(30).min(pair.written);
            let mut at = pair.written - offset;
            let count = if chance.percent(50) { 1 } else { 1 + chance.below(slices) };
            let pieces: Vec<Piece> = (0..count)
                .map(|_| {
                    let length = offset + 1 + chance.below(bytes);
                    let piece = Piece::text(stream(pair.conn, at, length));
                    at += length;
                    piece
                })
                .collect();
            offers.push((place, at - pair.written));
            self.seen.vectored += u64::from(count > 1);
            batch.offer(pair.conn, offset, pieces);
        }
        // Nobody has that number any more.
        let gone = ConnKey {
            index: 0,
            generation: u32::MAX,
        };
        batch.offer(gone, 0, [Piece::text(b"x")]);
        self.sockets.write(&mut batch);
        let outcomes: Vec<Wrote> = batch.items_mut().map(|(item, _)| item.wrote).collect();
        assert_eq!(outcomes.last(), Some(&Wrote::Broken));
        for ((place, offered), wrote) in offers.into_iter().zip(outcomes) {
            let pair = &mut self.pairs[place];
            if let (Some(Socket::Tls(tls)), Wrote::Bytes(1..)) = (self.sockets.table.get(pair.conn), wrote) {
                self.seen.held += u64::from(tls.0.borrow().holds_back());
            }
            match wrote {
                Wrote::Bytes(count) => {
                    assert!(count <= offered, "{count} of {offered}");
                    pair.written += count;
                    self.seen.whole += u64::from(count == offered);
                    self.seen.short += u64::from(count > 0 && count < offered);
                    self.seen.full += u64::from(count == 0);
                }
                Wrote::Broken => {
                    pair.broken = true;
                    pair.perhaps = offered;
                    self.seen.broken += 1;
                }
            }
        }
    }

    /// Readers read, reset, are left; new ones come.
    pub(super) fn live(&mut self) {
        self.fill(CLIENTS);
        for place in 0..self.pairs.len() {
            let (limit, read) = (1 + self.chance.below(20_000), self.chance.percent(50));
            if read {
                self.pairs[place].read(limit);
            }
        }
        if self.chance.percent(10) {
            let place = self.chance.below(self.pairs.len());
            let pair = &mut self.pairs[place];
            if let Some(reader) = pair.reader.take() {
                // Lingering 0: the other side sees a reset.
                SockRef::from(&reader).set_linger(Some(std::time::Duration::ZERO)).unwrap();
            }
        }
        if self.chance.percent(20) {
            let place = self.chance.below(self.pairs.len());
            self.close(place);
        }
        for place in (0..self.pairs.len()).rev() {
            if self.pairs[place].broken {
                self.close(place);
            }
        }
    }

    /// Closes a connection, with bytes under way as like as not: all of them still arrive.
    pub(super) fn close(&mut self, place: usize) {
        let mut pair = self.pairs.swap_remove(place);
        // What is held back of a record that has begun counts as written.
        while let (Some(Socket::Tls(tls)), true) = (self.sockets.table.get(pair.conn), pair.reader.is_some()) {
            if tls.0.borrow_mut().writable().all || !pair.read(PART_MAX) {
                break;
            }
        }
        self.sockets.close(pair.conn, CloseReason::Normal);
        let Some(reader) = &pair.reader else { return };
        reader.set_nonblocking(false).unwrap();
        while pair.read(PART_MAX) {}
        assert!(pair.read >= pair.written, "{} bytes came of {}", pair.read, pair.written);
        assert!(
            pair.perhaps > 0 || pair.read == pair.written,
            "{} bytes came of {}",
            pair.read,
            pair.written
        );
    }

    pub(super) fn run(&mut self, batches: usize) {
        for _ in 0..batches {
            self.live();
            self.write(6, 3_000);
        }
        self.end();
    }

    pub(super) fn end(&mut self) {
        while !self.pairs.is_empty() {
            self.close(0);
        }
    }

    /// A connection's descriptor, as the system lists it, and which socket that is.
    pub(super) fn descriptor(&self, pair: &Pair) -> (PathBuf, PathBuf) {
        let number = match self.sockets.table.get(pair.conn) {
            Some(Socket::Tcp(stream, _)) => stream.as_raw_fd(),
            Some(Socket::Tls(tls)) => tls.0.borrow().socket().as_raw_fd(),
            Some(Socket::Stream(_)) | None => panic!("it has none"),
        };
        let number = PathBuf::from(format!("/proc/self/fd/{number}"));
        let socket = std::fs::read_link(&number).unwrap();
        (number, socket)
    }

    pub(super) fn faults(&mut self) -> &mut super::faults::Faults {
        match &mut self.sockets.path {
            WritePath::Uring(ring) => &mut ring.faults,
            WritePath::Send => panic!("it writes by send"),
        }
    }

    pub(super) fn failures(&mut self) -> u64 {
        self.sockets.take_uring_failures()
    }
}

pub(super) fn path(setting: WriterSetting) -> Option<WritePath> {
    match WritePath::for_shards(setting, 1, RING_SENDS) {
        Ok(mut paths) => paths.pop(),
        Err(error) => {
            skipped(&error.to_string());
            None
        }
    }
}

pub(super) fn seed() -> u64 {
    let given = std::env::var("SCOREWIRE_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| foldhash::quality::RandomState::default().hash_one(0) | 1)
}

/// Runs `test` on each write path.
pub(super) fn on_both_paths(test: impl Fn(World)) {
    for setting in [WriterSetting::Send, WriterSetting::Uring] {
        if let Some(path) = path(setting) {
            in_runtime(|| test(World::new(path, seed())));
        }
    }
}

/// Runs `test` on io_uring, where the kernel lets us.
pub(super) fn on_uring(test: impl Fn(World)) {
    if let Some(path) = path(WriterSetting::Uring) {
        in_runtime(|| test(World::new(path, seed())));
    }
}

pub(super) fn in_runtime(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { test() });
}
