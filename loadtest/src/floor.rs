//! The floor: what delivering bytes costs on this machine when nothing else is done.
//!
//! One thread walks N connected loopback sockets and calls `send()` for each event, without
//! waiting (`MSG_DONTWAIT | MSG_NOSIGNAL`), without an encoder, a protocol or a queue. No server
//! that calls `send` once a client can be cheaper, so its figures are read as a multiple of these.
//! CPU is the sending thread's alone, counted over the walks.

use crate::crew::{Crew, Job};
use crate::limits;
use crate::report::FloorReport;
use crate::watch::Watch;
use crate::{clock, latency::LatencyMs};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{SendFlags, listen, send};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;

/// What to send, how often, to how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Sockets.
    pub(crate) clients: usize,
    /// Bytes of each event.
    pub(crate) bytes: usize,
    /// Events sent to every socket.
    pub(crate) events: usize,
    /// Between the starts of events.
    pub(crate) interval: Duration,
}

/// Measures the floor.
pub(crate) fn measure(plan: Plan) -> Result<FloorReport> {
    ensure!(
        plan.clients > 0 && plan.bytes > 0 && plan.events > 0,
        "clients, bytes and events must be at least 1"
    );
    let available = limits::raise_descriptors();
    limits::require(available, plan.clients, "the floor")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the floor can't listen")?;
    listen(&listener, BACKLOG).context("the listener's queue can't be lengthened")?;
    let interval_us = plan.interval.as_micros() as u64;
    let Plan {
        clients, bytes, events, ..
    } = plan;
    let mut crew = Crew::start(&[Job::Readers {
        to: listener.local_addr()?,
        clients,
        bytes,
        events,
        interval_us,
    }])?;
    let mut watch = Watch::new("floor", &crew, clients, events);
    let sockets = accept(&listener, plan.clients, &crew, &mut watch)?;
    watch.ready(&crew, Duration::from_secs(60))?;

    let t0_ns = clock::monotonic_ns() + 300_000_000;
    watch.start(&mut crew, t0_ns, 0)?;
    let payload = vec![b'x'; plan.bytes];
    let mut cpu_ns = 0;
    for event in 0..plan.events {
        watch.listen(&crew, t0_ns + event as u64 * interval_us * 1_000)?;
        cpu_ns += walk(&sockets, &payload)?;
    }
    watch.done(&mut crew, clock::monotonic_ns() + 10_000_000_000)?;
    let (tally, latency) = watch.total();
    let due = (plan.clients * plan.events) as u64;
    ensure!(tally.deliveries == due, "the readers got {} of {due} deliveries", tally.deliveries);
    Ok(report(plan, due, cpu_ns, latency))
}

/// Sends `payload` to every socket; the CPU time that took.
fn walk(sockets: &[TcpStream], payload: &[u8]) -> Result<u64> {
    let cpu0_ns = clock::thread_cpu_ns();
    for socket in sockets {
        match send(socket, payload, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) if sent == payload.len() => {}
            Ok(_) | Err(Errno::AGAIN) => {
                bail!("a socket's buffer is full: the readers can't keep up; use fewer bytes or a longer interval")
            }
            Err(error) => return Err(error).context("sending"),
        }
    }
    Ok(clock::thread_cpu_ns() - cpu0_ns)
}

/// Accepts all readers, listening to their process meanwhile so that its failure ends the wait.
fn accept(listener: &TcpListener, clients: usize, crew: &Crew, watch: &mut Watch) -> Result<Vec<TcpStream>> {
    listener.set_nonblocking(true)?;
    let mut sockets = Vec::with_capacity(clients);
    while sockets.len() < clients {
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

fn report(plan: Plan, deliveries: u64, cpu_ns: u64, latency: LatencyMs) -> FloorReport {
    FloorReport {
        clients: plan.clients,
        bytes: plan.bytes,
        events: plan.events,
        interval_ms: plan.interval.as_secs_f64() * 1e3,
        deliveries,
        cpu_us_per_delivery: cpu_ns as f64 / 1e3 / deliveries as f64,
        latency_ms: latency,
    }
}
