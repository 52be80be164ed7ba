//! The child process on the floor's receiving side: one epoll loop that reads everything and looks at nothing.

use crate::crew::{Job, Order, Progress, Tally, Word, say};
use crate::latency::Latency;
use crate::net::{self, Poller};
use crate::orders::Orders;
use crate::{clock, net::start_connect};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::os::fd::OwnedFd;

/// Time between reports of progress.
const PULSE_NS: u64 = 500_000_000;

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
    bytes: u64,
    events: u64,
    interval_us: u64,
    t0_ns: Option<u64>,
    /// With the bytes read so far.
    sockets: Vec<(OwnedFd, u64)>,
    scratch: Vec<u8>,
    latency: Latency,
    tally: Tally,
}

/// Runs a [`Job::Readers`] to its end.
pub(crate) fn run(job: &Job, mut orders: Orders) -> Result<()> {
    let Job::Readers {
        to,
        clients,
        bytes,
        events,
        interval_us,
    } = *job
    else {
        bail!("a job for clients reached the readers")
    };
    let mut poller = Poller::new()?;
    poller.add_readable(orders.input(), ORDERS)?;
    let begun_ns = clock::monotonic_ns();
    let mut sockets = Vec::with_capacity(clients);
    for index in 0..clients {
        let socket = start_connect(to, index).with_context(|| format!("reader {index} can't connect"))?;
        poller.add_writable(&socket, index as u64)?;
        sockets.push((socket, 0));
    }
    wait_connected(&mut poller, &sockets)?;
    say(&Word::Ready {
        connect_ms: (clock::monotonic_ns() - begun_ns) / 1_000_000,
        failed: 0,
        faults: Vec::new(),
    })?;

    let (bytes, total) = (bytes as u64, events as u64);
    let (scratch, latency) = (vec![0; 256 * 1024], Latency::new(events));
    let mut readers = Readers {
        bytes,
        events: total,
        interval_us,
        t0_ns: None,
        sockets,
        scratch,
        latency,
        tally: Tally::default(),
    };
    let (mut pulse, mut ready, mut cpu0_ns, mut finish) = (Pulse::new(), Vec::new(), 0, false);
    while !finish && readers.tally.complete < clients as u64 {
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
                    Order::Finish => finish = true,
                }
            }
        }
        if orders.ended() {
            return Ok(());
        }
        if pulse.due() {
            let (deliveries, p99_us) = (readers.tally.deliveries, readers.latency.p99_us());
            say(&Word::Progress(Progress {
                connected: clients as u64,
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

/// Waits until every connection stands, and watches for data from then on.
fn wait_connected(poller: &mut Poller, sockets: &[(OwnedFd, u64)]) -> Result<()> {
    let (mut ready, mut connected) = (Vec::new(), 0);
    let give_up_ns = clock::monotonic_ns() + 60_000_000_000;
    while connected < sockets.len() {
        ensure!(
            clock::monotonic_ns() < give_up_ns,
            "only {connected} of {} readers could connect",
            sockets.len()
        );
        poller.wait(100, &mut ready)?;
        for &token in ready.iter().filter(|&&token| token != ORDERS) {
            let (socket, _) = &sockets[token as usize];
            net::connected(socket).with_context(|| format!("reader {token} can't connect"))?;
            poller.now_readable(socket, token)?;
            connected += 1;
        }
    }
    Ok(())
}

impl Readers {
    fn read(&mut self, index: usize) -> Result<()> {
        let (socket, seen) = &mut self.sockets[index];
        let count = match recv(socket, &mut self.scratch[..], RecvFlags::empty()) {
            Ok((0, _)) => bail!("the sender is gone"),
            Ok((count, _)) => count as u64,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error).context("reading"),
        };
        let now_ns = clock::monotonic_ns();
        let t0_ns = self.t0_ns.context("data before the start")?;
        let whole = *seen / self.bytes..(*seen + count) / self.bytes;
        *seen += count;
        self.tally.complete += u64::from(*seen == self.events * self.bytes);
        for event in whole {
            let meant_ns = t0_ns + event * self.interval_us * 1_000;
            self.latency.record(event as usize, now_ns.saturating_sub(meant_ns) / 1_000);
            self.tally.deliveries += 1;
        }
        Ok(())
    }
}
