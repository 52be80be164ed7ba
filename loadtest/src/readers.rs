//! The child process on the floor's receiving side: one epoll loop that reads everything and looks at nothing.
//!
//! It knows the trace, and so which event a socket's next bytes belong to: counting them is enough.

use crate::clock;
use crate::crew::{Job, Order, Progress, Tally, Word, say};
use crate::latency::Latency;
use crate::net::{self, Poller, start_connect};
use crate::orders::Orders;
use crate::trace::Trace;
use anyhow::{Context as _, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::OwnedFd;

/// Time between reports of progress.
const PULSE_NS: u64 = 500_000_000;

/// Connections under way at once. What overflows the sender's queue may be reset.
const OPENING_MAX: usize = 256;

/// The token of standard input; sockets have theirs from 0.
const ORDERS: u64 = u64::MAX;

/// Says when progress is due.
pub(crate) struct Pulse {
    next_ns: u64,
}

impl Pulse {
    /// First due after half a second.
    pub(crate) fn new() -> Self {
        Self {
            next_ns: clock::monotonic_ns() + PULSE_NS,
        }
    }

    /// Whether it is time, at most twice a second.
    pub(crate) fn due(&mut self) -> bool {
        let now_ns = clock::monotonic_ns();
        let due = now_ns >= self.next_ns;
        if due {
            self.next_ns = now_ns + PULSE_NS;
        }
        due
    }
}

struct Readers {
    sockets: Vec<OwnedFd>,
    script: Script,
    t0_ns: Option<u64>,
    scratch: Vec<u8>,
    latency: Latency,
    tally: Tally,
}

/// Which events each socket gets, and how far it is.
struct Script {
    /// Due (µs) and bytes of each event.
    events: Vec<(u64, u32)>,
    /// The events of all sockets, one socket's after the other's.
    order: Vec<u32>,
    sockets: Vec<Cursor>,
}

struct Cursor {
    /// The rest of its part of `order`; its first event is under way.
    left: Range<usize>,
    /// Bytes of that event that are here.
    here: u64,
}

impl Script {
    /// The part of `clients` in `trace`.
    fn new(trace: &Trace, clients: &Range<usize>) -> Self {
        let own = |to: &[u32]| {
            let end = |bound: usize| to.partition_point(|&number| (number as usize) < bound);
            end(clients.start)..end(clients.end)
        };
        let mut counts = vec![0; clients.len()];
        for sending in &trace.sends {
            let numbers = &sending.to[own(&sending.to)];
            numbers.iter().for_each(|&number| counts[number as usize - clients.start] += 1);
        }
        let mut total = 0;
        let mut sockets: Vec<Cursor> = counts
            .into_iter()
            .map(|count: usize| {
                let first = total;
                total += count;
                Cursor {
                    left: first..first,
                    here: 0,
                }
            })
            .collect();
        let mut order = vec![0; total];
        for (event, sending) in trace.sends.iter().enumerate() {
            for &number in &sending.to[own(&sending.to)] {
                let left = &mut sockets[number as usize - clients.start].left;
                order[left.end] = event as u32;
                left.end += 1;
            }
        }
        let events = trace.sends.iter().map(|sending| (sending.at_us, sending.bytes)).collect();
        Self { events, order, sockets }
    }

    /// Deliveries that will be complete.
    fn deliveries(&self) -> u64 {
        self.order.len() as u64
    }

    /// `bytes` more arrived at `socket`: tells each event that is whole now, with its due time.
    fn arrived(&mut self, socket: usize, bytes: u64, mut whole: impl FnMut(usize, u64)) -> Result<()> {
        let cursor = &mut self.sockets[socket];
        cursor.here += bytes;
        while cursor.here > 0 {
            let event = *self.order[cursor.left.clone()].first().context("more bytes than were to be sent")?;
            let (due_us, wanted) = self.events[event as usize];
            if cursor.here < u64::from(wanted) {
                break;
            }
            cursor.here -= u64::from(wanted);
            cursor.left.start += 1;
            whole(event as usize, due_us);
        }
        Ok(())
    }
}

/// Runs a [`Job::Readers`] to its end.
pub(crate) fn run(job: &Job, mut orders: Orders) -> Result<()> {
    let Job::Readers { to, clients, trace } = job else {
        bail!("a job for clients reached the readers")
    };
    let trace = trace.unpack().context("an unreadable trace")?;
    let mut poller = Poller::new()?;
    poller.add_readable(orders.input(), ORDERS)?;
    let begun_ns = clock::monotonic_ns();
    let sockets = connect_all(&mut poller, *to, clients)?;
    say(&Word::Ready {
        connect_ms: (clock::monotonic_ns() - begun_ns) / 1_000_000,
        failed: 0,
        faults: Vec::new(),
    })?;

    let mut readers = Readers {
        script: Script::new(&trace, clients),
        t0_ns: None,
        sockets,
        scratch: vec![0; 256 * 1024],
        latency: Latency::new(trace.sends.len()),
        tally: Tally::default(),
    };
    let due = readers.script.deliveries();
    let (mut pulse, mut ready, mut cpu0_ns, mut finish) = (Pulse::new(), Vec::new(), 0, false);
    while !finish && readers.tally.deliveries < due {
        poller.wait(100, &mut ready)?;
        for &token in &ready {
            if token != ORDERS {
                readers.read(token as usize)?;
                continue;
            }
            orders.read()?;
            while let Some(order) = orders.next()? {
                match order {
                    Order::Start { t0_ns, .. } => (readers.t0_ns, cpu0_ns) = (Some(t0_ns), clock::process_cpu_ns()),
                    Order::Finish | Order::Interrupt => finish = true,
                    other => bail!("an order for clients reached the readers: {other:?}"),
                }
            }
        }
        if orders.ended() {
            return Ok(());
        }
        if pulse.due() {
            let (deliveries, p99_us) = (readers.tally.deliveries, readers.latency.p99_us());
            say(&Word::Progress(Progress {
                connected: clients.len() as u64,
                deliveries,
                p99_us,
            }))?;
        }
    }
    let mut tally = readers.tally;
    tally.latency = readers.latency.counts();
    tally.cpu_ns = clock::process_cpu_ns() - cpu0_ns;
    say(&Word::Done(Box::new(tally)))?;
    orders.wait_for_end()
}

/// Connects everybody, says each one's number to the sender, and watches for data from then on.
fn connect_all(poller: &mut Poller, to: SocketAddr, clients: &Range<usize>) -> Result<Vec<OwnedFd>> {
    let mut sockets = Vec::with_capacity(clients.len());
    let (mut ready, mut connected) = (Vec::new(), 0);
    let give_up_ns = clock::monotonic_ns() + 60_000_000_000;
    while connected < clients.len() {
        ensure!(
            clock::monotonic_ns() < give_up_ns,
            "only {connected} of {} readers could connect",
            clients.len()
        );
        while sockets.len() < clients.len().min(connected + OPENING_MAX) {
            let number = clients.start + sockets.len();
            let socket = start_connect(to, number).with_context(|| format!("reader {number} can't connect"))?;
            poller.add_writable(&socket, sockets.len() as u64)?;
            sockets.push(socket);
        }
        poller.wait(100, &mut ready)?;
        for &token in ready.iter().filter(|&&token| token != ORDERS) {
            let (socket, number) = (&sockets[token as usize], clients.start + token as usize);
            net::connected(socket).with_context(|| format!("reader {number} can't connect"))?;
            let said = send(socket, &(number as u32).to_le_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            ensure!(said.context("writing")? == 4, "reader {number} can't say its number");
            poller.now_readable(socket, token)?;
            connected += 1;
        }
    }
    Ok(sockets)
}

impl Readers {
    fn read(&mut self, socket: usize) -> Result<()> {
        let count = match recv(&self.sockets[socket], &mut self.scratch[..], RecvFlags::empty()) {
            Ok((0, _)) => bail!("the sender is gone"),
            Ok((count, _)) => count as u64,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error).context("reading"),
        };
        let now_ns = clock::monotonic_ns();
        let t0_ns = self.t0_ns.context("data before the start")?;
        let Self { latency, tally, .. } = self;
        self.script.arrived(socket, count, |event, due_us| {
            latency.record(event, due_us, now_ns.saturating_sub(t0_ns + due_us * 1_000) / 1_000);
            tally.deliveries += 1;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_alone_tell_which_events_are_whole() {
        // Events 0..5 to two of five clients each; client 2 is in event 1 (with 3) and event 3 (with 1).
        let trace = Trace::rotating(5, 2, 5, 1_000, 100);
        let mut script = Script::new(&trace, &(1..4));
        assert_eq!(script.deliveries(), 6, "of clients 1, 2 and 3, two each");
        let mut arrived = |bytes| {
            let mut whole = Vec::new();
            script
                .arrived(1, bytes, |event, due_us| whole.push((event, due_us)))
                .map(|()| whole)
        };
        assert_eq!(arrived(99).unwrap(), []);
        assert_eq!(arrived(2).unwrap(), [(1, 1_000)]);
        assert_eq!(arrived(99).unwrap(), [(3, 3_000)]);
        assert!(arrived(1).is_err(), "nothing more was to be sent");
    }
}
