//! Both write paths against real sockets whose readers do as they please: what a reader gets is what
//! was reported as written, byte for byte.

use super::faults::Fault;
use super::*;
use crate::fanout::tls::tests::sessions;
use crate::test_support::skipped::skipped;
use rustls::ClientConnection;
use std::hash::BuildHasher;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

const CLIENTS: usize = 24;
/// Sends that the ring has room for.
const RING_SENDS: usize = 8;
/// How many of a hundred connections are encrypted.
const TLS_PERCENT: usize = 20;

/// Random numbers from a seed (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A prime, so that no two places of a stream that are near look alike.
const PERIOD: usize = 65_521;
/// The longest part of a stream that is looked at in one piece.
const PART_MAX: usize = 65_536;

/// What a client's stream has at a place.
fn stream(conn: ConnKey, place: usize, length: usize) -> &'static [u8] {
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
struct Pair {
    conn: ConnKey,
    /// Nothing once it has reset the connection.
    reader: Option<TcpStream>,
    /// What decrypts, where it is encrypted.
    tls: Option<ClientConnection>,
    /// Bytes reported as written, and what was offered with the last write that broke.
    written: usize,
    perhaps: usize,
    read: usize,
    broken: bool,
}

impl Pair {
    /// Reads so many bytes, or to the end, and holds them against the stream.
    fn read(&mut self, limit: usize) -> bool {
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
fn decrypt(tls: &mut ClientConnection, reader: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
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

struct World {
    sockets: Sockets,
    listener: TcpListener,
    pairs: Vec<Pair>,
    chance: Chance,
    generation: u32,
    seen: Seen,
}

/// What has come about: a test in which nothing happens proves nothing.
#[derive(Default, Debug)]
struct Seen {
    whole: u64,
    short: u64,
    full: u64,
    broken: u64,
    vectored: u64,
    /// Records of which a part was held back.
    held: u64,
}

impl World {
    fn new(path: WritePath, seed: u64) -> World {
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
    fn connect(&self) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(8192).unwrap();
        socket.set_tcp_mss(1000).unwrap();
        socket.connect(&self.listener.local_addr().unwrap().into()).unwrap();
        socket.into()
    }

    fn open(&mut self) {
        self.open_with(TLS_PERCENT);
    }

    fn open_with(&mut self, tls_percent: usize) {
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

    fn fill(&mut self, clients: usize) {
        while self.pairs.len() < clients {
            self.open();
        }
    }

    /// Offers something to each of some clients and takes over what was written.
    fn write(&mut self, slices: usize, bytes: usize) {
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
    fn live(&mut self) {
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
    fn close(&mut self, place: usize) {
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

    fn run(&mut self, batches: usize) {
        for _ in 0..batches {
            self.live();
            self.write(6, 3_000);
        }
        self.end();
    }

    fn end(&mut self) {
        while !self.pairs.is_empty() {
            self.close(0);
        }
    }

    /// A connection's descriptor, as the system lists it, and which socket that is.
    fn descriptor(&self, pair: &Pair) -> (PathBuf, PathBuf) {
        let number = match self.sockets.table.get(pair.conn) {
            Some(Socket::Tcp(stream, _)) => stream.as_raw_fd(),
            Some(Socket::Tls(tls)) => tls.0.borrow().socket().as_raw_fd(),
            Some(Socket::Stream(_)) | None => panic!("it has none"),
        };
        let number = PathBuf::from(format!("/proc/self/fd/{number}"));
        let socket = std::fs::read_link(&number).unwrap();
        (number, socket)
    }

    fn faults(&mut self) -> &mut super::faults::Faults {
        match &mut self.sockets.path {
            WritePath::Uring(ring) => &mut ring.faults,
            WritePath::Send => panic!("it writes by send"),
        }
    }

    fn failures(&mut self) -> u64 {
        self.sockets.take_uring_failures()
    }
}

fn path(setting: WriterSetting) -> Option<WritePath> {
    match WritePath::for_shards(setting, 1, RING_SENDS) {
        Ok(mut paths) => paths.pop(),
        Err(error) => {
            skipped(&error.to_string());
            None
        }
    }
}

fn seed() -> u64 {
    let given = std::env::var("SCOREWIRE_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| foldhash::quality::RandomState::default().hash_one(0) | 1)
}

/// Runs `test` on each write path.
fn on_both_paths(test: impl Fn(World)) {
    for setting in [WriterSetting::Send, WriterSetting::Uring] {
        if let Some(path) = path(setting) {
            in_runtime(|| test(World::new(path, seed())));
        }
    }
}

/// Runs `test` on io_uring, where the kernel lets us.
fn on_uring(test: impl Fn(World)) {
    if let Some(path) = path(WriterSetting::Uring) {
        in_runtime(|| test(World::new(path, seed())));
    }
}

fn in_runtime(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { test() });
}

#[test]
fn what_is_reported_as_written_arrives() {
    on_both_paths(|mut world| {
        world.run(2_000);
        let Seen {
            whole,
            short,
            full,
            broken,
            vectored,
            held,
        } = world.seen;
        assert!(
            [whole, short, full, broken, vectored, held].iter().all(|seen| *seen > 100),
            "{:?}",
            world.seen
        );
        assert_eq!(world.failures(), 0);
    });
}

#[test]
fn a_batch_larger_than_the_ring_goes_in_parts() {
    on_both_paths(|mut world| {
        for _ in 0..100 {
            world.fill(10 * CLIENTS);
            world.write(64, 100);
            world.live();
        }
        world.end();
        assert_eq!(world.failures(), 0);
    });
}

/// A record is in one place, however many pieces are in it: it asked for as many slices as those are, and a
/// batch of both kinds went in more parts than it had to.
#[test]
fn records_take_none_of_the_slices() {
    on_uring(|mut world| {
        // Two plain ones leave few of the slices; the others are encrypted.
        let counts = [1_000, 1_000, 100, 100];
        for tls_percent in [0, 0, 100, 100] {
            world.open_with(tls_percent);
        }
        let mut batch = Batch::default();
        for (pair, count) in world.pairs.iter_mut().zip(counts) {
            batch.offer(pair.conn, 0, (0..count).map(|place| Piece::text(stream(pair.conn, place, 1))));
            pair.written = count;
        }
        let called = world.faults().called;
        world.sockets.write(&mut batch);
        let wrote: Vec<Wrote> = batch.items_mut().map(|(item, _)| item.wrote).collect();
        assert_eq!(wrote, counts.map(Wrote::Bytes));
        assert_eq!(world.faults().called - called, 1);
        world.end();
    });
}

#[test]
fn a_kernel_that_interrupts_or_takes_a_part_costs_nothing() {
    on_uring(|mut world| {
        for _ in 0..2_000 {
            for _ in 0..world.chance.below(6) {
                let fault = match world.chance.below(6) {
                    0 => Fault::Error(libc::EINTR),
                    1 => Fault::Error(libc::EBUSY),
                    2 => Fault::Error(libc::EAGAIN),
                    _ => Fault::Part(world.chance.below(5) as u32),
                };
                world.faults().calls.push_back(fault);
            }
            world.live();
            world.write(6, 3_000);
        }
        world.end();
        assert!(world.sockets.uses_uring());
        assert_eq!(world.failures(), 0);
    });
}

#[test]
fn answers_that_come_late_are_waited_for() {
    on_uring(|mut world| {
        world.faults().late = true;
        world.run(500);
        assert!(world.seen.short > 0 && world.seen.full > 0, "{:?}", world.seen);
        assert_eq!(world.failures(), 0);
    });
}

#[test]
fn a_ring_that_fails_is_given_up_and_no_byte_is_lost() {
    for calls in [
        vec![Fault::Error(libc::EBADF)],
        vec![Fault::Part(3), Fault::Error(libc::EBADF)],
        vec![
            Fault::Part(3),
            Fault::Error(libc::EINTR),
            Fault::Part(2),
            Fault::Error(libc::EFAULT),
        ],
        (0..2_000).map(|_| Fault::Error(libc::EAGAIN)).collect(),
        (0..2_000).map(|_| Fault::Part(0)).collect(),
    ] {
        let calls = std::cell::RefCell::new(std::collections::VecDeque::from(calls));
        on_uring(|mut world| {
            world.fill(CLIENTS);
            world.write(6, 3_000);
            world.faults().calls = calls.take();
            world.write(6, 3_000);
            assert!(!world.sockets.uses_uring());
            assert_eq!((world.failures(), world.seen.broken), (1, 0));
            world.run(300);
            assert_eq!(world.failures(), 0);
        });
    }
}

/// It may be under way still, and look its descriptor up later: what it points to stays, and its number
/// becomes no other socket's.
#[test]
fn a_send_that_a_broken_ring_never_answers_breaks_its_connection() {
    for tls_percent in [0, 100] {
        on_uring(|mut world| {
            for _ in 0..CLIENTS {
                world.open_with(tls_percent);
            }
            let held: Vec<(PathBuf, PathBuf)> = world.pairs.iter().map(|pair| world.descriptor(pair)).collect();
            let pieces: Vec<Rc<[u8]>> = world.pairs.iter().map(|pair| stream(pair.conn, 0, 5).into()).collect();
            let mut batch = Batch::default();
            for (pair, piece) in world.pairs.iter().zip(&pieces) {
                batch.offer(pair.conn, 0, [Piece::Text(piece.clone())]);
            }
            let faults = world.faults();
            (faults.late, faults.hides) = (true, true);
            // All that the ring has room for is taken.
            faults.calls = [Fault::Part(RING_SENDS as u32), Fault::Error(libc::EBADF)].into();
            world.sockets.write(&mut batch);
            assert_eq!((world.sockets.uses_uring(), world.failures()), (false, 1));
            for (place, (pair, (item, _))) in world.pairs.iter_mut().zip(batch.items_mut()).enumerate() {
                pair.broken = place < RING_SENDS;
                assert_eq!(item.wrote, if pair.broken { Wrote::Broken } else { Wrote::Bytes(5) });
                let bytes = if pair.broken { &mut pair.perhaps } else { &mut pair.written };
                *bytes = 5;
            }
            drop(batch);
            let kept = pieces.iter().map(|piece| Rc::strong_count(piece) > 1);
            assert!(kept.eq((0..CLIENTS).map(|place| place < RING_SENDS)));
            world.run(100);
            for (number, socket) in &held[..RING_SENDS] {
                assert_eq!(std::fs::read_link(number).as_ref().ok(), Some(socket));
            }
        });
    }
}

#[test]
fn a_stream_is_written_beside_sockets() {
    on_both_paths(|mut world| {
        world.open();
        let (events, socket) = (ConnKey { index: 77, generation: 9 }, world.pairs[0].conn);
        let (body, mut pieces) = mpsc::channel(1);
        world.sockets.add_stream(events, body);
        let mut batch = Batch::default();
        batch.offer(events, 0, [Piece::text(b"one"), Piece::text(b"two")]);
        batch.offer(socket, 0, [Piece::text(stream(socket, 0, 5))]);
        world.sockets.write(&mut batch);
        let wrote: Vec<Wrote> = batch.items_mut().map(|(item, _)| item.wrote).collect();
        assert_eq!(wrote, [Wrote::Bytes(3), Wrote::Bytes(5)]);
        assert_eq!(pieces.try_recv().unwrap(), "one");
        world.pairs[0].written = 5;
        world.end();
    });
}

/// Forbids `io_uring_setup` to this thread, as containers do, for good.
#[expect(unsafe_code, reason = "there is no other way to make a kernel refuse")]
fn forbid_uring() {
    let filter = [
        // The system call's number; where it is 425 (io_uring_setup), EPERM; anything else passes.
        libc::sock_filter {
            code: 0x20,
            jt: 0,
            jf: 0,
            k: 0,
        },
        libc::sock_filter {
            code: 0x15,
            jt: 0,
            jf: 1,
            k: libc::SYS_io_uring_setup as u32,
        },
        libc::sock_filter {
            code: 0x06,
            jt: 0,
            jf: 0,
            k: 0x0005_0000 | libc::EPERM as u32,
        },
        libc::sock_filter {
            code: 0x06,
            jt: 0,
            jf: 0,
            k: 0x7fff_0000,
        },
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program and its filter live until the calls return; the kernel keeps a copy.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(done, "{}", io::Error::last_os_error());
}

#[test]
fn where_the_kernel_refuses_auto_takes_send_and_uring_says_why() {
    // A thread of its own: the filter stays with it, and goes with it.
    let paths = std::thread::spawn(|| {
        forbid_uring();
        let kinds = |setting| WritePath::for_shards(setting, 2, 128).map(|paths| paths.iter().map(WritePath::is_uring).collect::<Vec<_>>());
        let refused = kinds(WriterSetting::Uring).unwrap_err().to_string();
        (kinds(WriterSetting::Auto).unwrap(), kinds(WriterSetting::Send).unwrap(), refused)
    });
    let (auto, send, refused) = paths.join().unwrap();
    assert_eq!((auto, send), (vec![false; 2], vec![false; 2]));
    assert!(
        refused.contains("fanout.writer = \"uring\"") && refused.contains("seccomp") && !refused.contains('\n'),
        "{refused}"
    );
}
