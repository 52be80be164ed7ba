//! Both write paths against real sockets whose readers do as they please: what a reader gets is what
//! was reported as written, byte for byte.

mod world;

use super::faults::Fault;
use super::*;
use std::path::PathBuf;
use std::rc::Rc;
use world::*;

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
