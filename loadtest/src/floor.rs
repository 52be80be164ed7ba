//! The floor: what delivering a run's bytes costs on this machine when nothing else is done.
//!
//! Bare threads repeat a [`Trace`] over connected loopback sockets, at its times, to its recipients,
//! so many bytes each, without an encoder, a protocol or a queue: one `send()` a delivery, or sends
//! handed to the kernel in batches through `io_uring`. So a server's figures can be read as a
//! multiple of what the machine takes for that very work. CPU is the sending threads' alone, counted
//! while they send; the readers live in child processes. Bounded by [`DELIVERIES_MAX`] and, as one
//! process holds the sending ends, by its descriptors.

pub(crate) mod command;
mod uring;

use crate::crew::{Crew, Job};
use crate::shape;
use crate::trace::Trace;
use crate::watch::{Ended, Watch};
use crate::{clock, interrupt, limits};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{SendFlags, listen, send};
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Most deliveries of a trace; a reader keeps four bytes for each.
const DELIVERIES_MAX: u64 = 100_000_000;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;

/// From everybody connected to the start of the trace.
const LEAD_NS: u64 = 300_000_000;

/// For stragglers, after the last send.
const PATIENCE_NS: u64 = 10_000_000_000;

/// What is sent. It lives as long as the process, so the kernel may read it whenever it likes.
static PAYLOAD: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// How the bytes go to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// One `send()` a delivery.
    Send,
    /// Submissions through `io_uring`, in batches.
    Uring,
}

impl Via {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Uring => "io_uring",
        }
    }
}

/// One thread's part of the trace, over its own sockets, numbered from 0.
struct Share {
    sockets: Vec<TcpStream>,
    steps: Vec<Step>,
}

struct Step {
    at_us: u64,
    bytes: usize,
    to: Arc<[u32]>,
}

/// Refuses a way of sending that the kernel does not let this process have.
pub(crate) fn require(via: Via) -> Result<()> {
    match via {
        Via::Send => Ok(()),
        Via::Uring => uring::open().map(drop),
    }
}

/// Repeats `trace` with `threads` sending threads, each of which owns an equal part of the sockets, and
/// as many processes that read as a run's clients have. `started` is told when it begins, in monotonic
/// nanoseconds.
///
/// # Errors
/// The trace is empty or too large, sockets or processes can't be had, the kernel refuses `io_uring`,
/// or a reader can't keep up, so that a socket's buffer fills.
pub(crate) fn measure(trace: &Trace, via: Via, threads: usize, readers: usize, started: impl FnOnce(u64)) -> Result<shape::Floor> {
    let due = trace.deliveries();
    check(trace, due, threads.min(readers))?;
    let available = limits::raise_descriptors();
    limits::require(available, trace.clients, "the floor")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the floor can't listen")?;
    listen(&listener, BACKLOG).context("the listener's queue can't be lengthened")?;
    let mut crew = Crew::start(&jobs(trace, listener.local_addr()?, readers))?;
    let mut watch = Watch::new("floor", &crew, trace.clients, trace.sends.len()).expecting(due);
    let sockets = accept(&listener, trace.clients, &crew, &mut watch)?;
    watch.ready(&crew, Duration::from_secs(60))?;
    let shares = share(trace, in_order(sockets)?, threads);

    let t0_ns = clock::monotonic_ns() + LEAD_NS;
    watch.start(&mut crew, t0_ns, 0)?;
    started(t0_ns);
    let cpu_ns = send_all(&shares, via, t0_ns, &crew, &mut watch)?;
    let ended = watch.done(&mut crew, clock::monotonic_ns() + PATIENCE_NS)?;
    ensure!(ended != Ended::Interrupted, "interrupted");
    let total = watch.total();
    let received = total.tally.deliveries;
    ensure!(received == due, "the readers got {received} of {due} deliveries");
    Ok(shape::Floor {
        via: via.name().to_owned(),
        threads: threads as u64,
        deliveries: due,
        cpu_us_per_delivery: cpu_ns as f64 / 1e3 / due as f64,
        latency: total.latency.distribution(),
        last: total.latency.last(),
        ..shape::Floor::default()
    })
}

fn check(trace: &Trace, due: u64, threads: usize) -> Result<()> {
    ensure!(
        due > 0,
        "the floor has nothing to send: events, recipients and clients must be at least 1"
    );
    ensure!(threads > 0, "the floor needs at least one thread to send and one process to read");
    ensure!(
        due <= DELIVERIES_MAX,
        "{due} deliveries are more than the floor repeats ({DELIVERIES_MAX}): measure a shorter run"
    );
    for sending in &trace.sends {
        let fits = (1..=PAYLOAD.len()).contains(&(sending.bytes as usize));
        ensure!(fits, "an event of {} bytes: the floor sends 1 to {}", sending.bytes, PAYLOAD.len());
        let known = sending.to.last().is_none_or(|&last| (last as usize) < trace.clients);
        ensure!(known, "a trace for more than its {} clients", trace.clients);
    }
    Ok(())
}

/// One for each process that reads, each with an equal part of the clients.
fn jobs(trace: &Trace, to: SocketAddr, readers: usize) -> Vec<Job> {
    let each = trace.clients.div_ceil(readers);
    let packed = trace.pack();
    (0..trace.clients)
        .step_by(each)
        .map(|first| Job::Readers {
            to,
            clients: first..(first + each).min(trace.clients),
            trace: packed.clone(),
        })
        .collect()
}

/// Accepts all readers, listening to their processes meanwhile so that a failure ends the wait, as Ctrl-C does.
fn accept(listener: &TcpListener, clients: usize, crew: &Crew, watch: &mut Watch) -> Result<Vec<TcpStream>> {
    listener.set_nonblocking(true)?;
    let mut sockets = Vec::with_capacity(clients);
    while sockets.len() < clients {
        interrupt::check()?;
        match listener.accept() {
            Ok((socket, _)) => {
                socket.set_nodelay(true)?;
                sockets.push(socket);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => watch.listen(crew, clock::monotonic_ns() + 2_000_000)?,
            Err(error) => return Err(error).context("accepting a reader"),
        }
    }
    Ok(sockets)
}

/// Puts the sockets in the order of their clients' numbers, which the readers said first of all.
fn in_order(sockets: Vec<TcpStream>) -> Result<Vec<TcpStream>> {
    let mut numbered = Vec::with_capacity(sockets.len());
    for mut socket in sockets {
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut number = [0; 4];
        socket.read_exact(&mut number).context("a reader does not say its number")?;
        numbered.push((u32::from_le_bytes(number), socket));
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    let whole = numbered.iter().enumerate().all(|(index, (number, _))| index == *number as usize);
    ensure!(whole, "two readers say the same number");
    Ok(numbered.into_iter().map(|(_, socket)| socket).collect())
}

/// Cuts trace and sockets into one part a thread: neighbours stay together.
fn share(trace: &Trace, sockets: Vec<TcpStream>, threads: usize) -> Vec<Share> {
    let each = trace.clients.div_ceil(threads);
    let mut sockets = sockets.into_iter();
    let starts = (0..trace.clients).step_by(each);
    starts
        .map(|first| {
            let mut lists: HashMap<*const u32, Arc<[u32]>> = HashMap::new();
            let mut own = |to: &Arc<[u32]>| {
                let mine = |&&number: &&u32| (first..first + each).contains(&(number as usize));
                let numbers = || to.iter().filter(mine).map(|&number| number - first as u32).collect();
                lists.entry(to.as_ptr()).or_insert_with(numbers).clone()
            };
            let steps = trace.sends.iter().map(|sending| Step {
                at_us: sending.at_us,
                bytes: sending.bytes as usize,
                to: own(&sending.to),
            });
            Share {
                steps: steps.filter(|step| !step.to.is_empty()).collect(),
                sockets: sockets.by_ref().take(each).collect(),
            }
        })
        .collect()
}

/// Runs the sending threads to their end, listening to the readers; the CPU time they took.
fn send_all(shares: &[Share], via: Via, t0_ns: u64, crew: &Crew, watch: &mut Watch) -> Result<u64> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let senders: Vec<_> = shares.iter().map(|share| scope.spawn(|| share.send(via, t0_ns, &stop))).collect();
        let mut heard = Ok(());
        while heard.is_ok() && !senders.iter().all(thread::ScopedJoinHandle::is_finished) {
            heard = watch
                .listen(crew, clock::monotonic_ns() + 50_000_000)
                .and_then(|()| interrupt::check());
        }
        stop.store(heard.is_err(), Ordering::Relaxed);
        let mut cpu_ns = 0;
        let mut sent = Ok(());
        for sender in senders {
            match sender.join() {
                Ok(Ok(used_ns)) => cpu_ns += used_ns,
                Ok(Err(error)) => sent = Err(error),
                Err(_) => sent = Err(anyhow::anyhow!("a sending thread panicked")),
            }
        }
        // Where a reader dies, the sender's broken pipe is the consequence.
        heard.and(sent).map(|()| cpu_ns)
    })
}

impl Share {
    /// Sends everything when it is due; the CPU time of that, without the waiting. Ends early on `stop`.
    fn send(&self, via: Via, t0_ns: u64, stop: &AtomicBool) -> Result<u64> {
        let mut ring = match via {
            Via::Send => None,
            Via::Uring => Some(uring::Ring::new(&self.sockets)?),
        };
        let mut left = self.steps.iter().peekable();
        let mut cpu_ns = 0;
        while let Some(next) = left.peek() {
            wait_until(t0_ns + next.at_us * 1_000, stop);
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let cpu0_ns = clock::thread_cpu_ns();
            while let Some(step) = left.next_if(|step| t0_ns + step.at_us * 1_000 <= clock::monotonic_ns()) {
                match &mut ring {
                    None => self.walk(step)?,
                    Some(ring) => ring.queue(step)?,
                }
            }
            if let Some(ring) = &mut ring {
                ring.flush()?;
            }
            cpu_ns += clock::thread_cpu_ns() - cpu0_ns;
        }
        Ok(cpu_ns)
    }

    /// One `send()` to each recipient.
    fn walk(&self, step: &Step) -> Result<()> {
        let payload = &PAYLOAD[..step.bytes];
        for &to in step.to.iter() {
            match send(&self.sockets[to as usize], payload, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) if sent == payload.len() => {}
                Ok(_) | Err(Errno::AGAIN) => return buffer_full(),
                Err(error) => return Err(error).context("sending"),
            }
        }
        Ok(())
    }
}

fn buffer_full() -> Result<()> {
    bail!("a socket's buffer is full: the readers can't keep up; use fewer bytes or a longer interval")
}

/// Sleeps until then, in parts, so that `stop` is seen.
fn wait_until(due_ns: u64, stop: &AtomicBool) {
    const PART_NS: u64 = 200_000_000;
    while !stop.load(Ordering::Relaxed) {
        match due_ns.saturating_sub(clock::monotonic_ns()) {
            0 => return,
            left_ns => thread::sleep(Duration::from_nanos(left_ns.min(PART_NS))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Sending;

    #[test]
    fn a_trace_is_cut_by_the_owners_of_its_sockets() {
        let shares = share(&Trace::rotating(5, 2, 3, 1_000, 300), Vec::new(), 2);
        let steps: Vec<Vec<(u64, Vec<u32>)>> = shares
            .iter()
            .map(|share| share.steps.iter().map(|step| (step.at_us, step.to.to_vec())).collect())
            .collect();
        // Clients 0, 1, 2 are the first thread's and 3, 4 the second's, as its 0 and 1.
        assert_eq!(steps[0], [(0, vec![0, 1]), (1_000, vec![2]), (2_000, vec![0])]);
        assert_eq!(steps[1], [(1_000, vec![0]), (2_000, vec![1])]);
    }

    #[test]
    fn a_trace_that_can_t_be_repeated_is_refused() {
        let refused = |trace: &Trace| check(trace, trace.deliveries(), 1).unwrap_err().to_string();
        assert!(refused(&Trace::default()).contains("nothing to send"));
        assert!(refused(&Trace::steady(1, 1, 1, 70_000)).contains("70000 bytes"));
        let mut trace = Trace::steady(2, 1, 1, 10);
        trace.sends.push(Sending {
            at_us: 5,
            to: [2].into(),
            bytes: 10,
        });
        assert!(refused(&trace).contains("its 2 clients"));
        assert!(check(&Trace::steady(2, 1, 1, 10), 2, 0).is_err());
    }
}
