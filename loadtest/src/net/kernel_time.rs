//! When the kernel had the data: receive timestamps of TCP sockets (`SO_TIMESTAMPNS`).
//!
//! The time between that and [`recv`] is the reader's own queueing, which is none of the server's doing.
//! rustix knows neither the option nor its control message, so the two system calls stand here,
//! with `unsafe`. Stamping costs a clock reading for each packet of the machine while a socket asks for it.

use rustix::io::Errno;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd as _};
use std::ptr;

/// Bytes of control messages: the one timestamp takes 32.
const CONTROL_WORDS: usize = 8;

/// Asks the kernel to note when data arrives on `socket`. Those that are on their way already may have no stamp.
pub(crate) fn enable(socket: impl AsFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, for `socket` is borrowed, and the option's value is a `c_int`
    // that outlives the call, with its own size.
    #[expect(unsafe_code, reason = "rustix has no SO_TIMESTAMPNS")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            ptr::from_ref(&on).cast(),
            mem::size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads what is there into `buffer`: how many bytes, and when the last of them arrived, in nanoseconds of
/// the wall clock, where the kernel noted it ([`enable`]). Bytes that arrived earlier are counted from then, too.
pub(crate) fn recv(socket: impl AsFd, buffer: &mut [u8]) -> rustix::io::Result<(usize, Option<u64>)> {
    // Of words, so that the control messages in it are aligned.
    let mut control = [0u64; CONTROL_WORDS];
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: a `msghdr` is integers and pointers, for which all zeros are a value.
    #[expect(unsafe_code, reason = "a msghdr has private padding, so it can't be written out")]
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = mem::size_of_val(&control) as _;
    // SAFETY: the descriptor is open; `message` points to `part` and `control`, which live on this stack
    // until the end and are as long as it says; `part` points to `buffer`, borrowed mutably.
    #[expect(unsafe_code, reason = "rustix drops control messages it does not know")]
    let count = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, 0) };
    match usize::try_from(count) {
        Ok(count) => Ok((count, stamp_ns(&message))),
        Err(_) => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

/// The timestamp among the control messages that `recvmsg` wrote.
fn stamp_ns(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: `recvmsg` filled the control buffer that `message` points to, which is alive and aligned,
    // and cut `msg_controllen` to what it wrote; the CMSG functions stay within that.
    // A message of that level and type carries a `timespec`, as its length says before it is read.
    #[expect(unsafe_code, reason = "control messages are a list of unlike things in one buffer")]
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(message);
        while let Some(header) = next.as_ref() {
            let whole = header.cmsg_len >= libc::CMSG_LEN(mem::size_of::<libc::timespec>() as u32) as _;
            if (header.cmsg_level, header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) && whole {
                let time: libc::timespec = libc::CMSG_DATA(header).cast::<libc::timespec>().read_unaligned();
                let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
                return Some(seconds * 1_000_000_000 + nanos);
            }
            next = libc::CMSG_NXTHDR(message, header);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_stamp_lies_between_the_send_and_the_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut writer = listener.accept().unwrap().0;
        let mut buffer = [0; 16];
        writer.write_all(b"first").unwrap();
        assert_eq!(recv(&reader, &mut buffer).unwrap(), (5, None), "nobody asked for a stamp");

        enable(&reader).unwrap();
        // The kernel begins to stamp a little after it was asked.
        let stamped = (0..1_000).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            let before_us = clock::wall_us();
            writer.write_all(b"x").unwrap();
            let (count, stamp) = recv(&reader, &mut buffer).unwrap();
            assert_eq!((count, buffer[0]), (1, b'x'));
            stamp.map(|ns| (before_us, ns / 1_000, clock::wall_us()))
        });
        let (before_us, stamp_us, after_us) = stamped.unwrap();
        assert!(before_us <= stamp_us && stamp_us <= after_us, "{before_us} {stamp_us} {after_us}");
    }

    #[test]
    fn errors_and_the_end_are_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        reader.set_nonblocking(true).unwrap();
        assert_eq!(recv(&reader, &mut [0; 4]).unwrap_err(), Errno::AGAIN);
        reader.set_nonblocking(false).unwrap();
        drop(listener.accept().unwrap());
        assert_eq!(recv(&reader, &mut [0; 4]).unwrap(), (0, None));
    }
}
