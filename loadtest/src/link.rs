//! A bad link between two network namespaces: a TUN device in each, and packets carried from one to
//! the other late, or not at all.
//!
//! Makes both namespaces itself and removes them at the end; nothing outside them gets an address or
//! a route. Carries IP packets as they are and looks into none. Bounded: packets under way in each
//! direction, and a packet's size.

use crate::clock;
use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Largest packet, in bytes: Ethernet's.
const PACKET_BYTES_MAX: usize = 1_500;
/// Packets taken from one end before the other gets its turn.
const PACKETS_IN_A_ROW: usize = 256;
/// How often the signals are looked at where no packet comes.
const IDLE_NS: u64 = 100_000_000;
/// Where the two ends are, inside their namespaces: addresses set aside for tests (RFC 2544).
const ADDRESSES: [&str; 2] = ["198.18.0.1", "198.18.0.2"];

/// What is asked for on the command line.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Milliseconds that a packet is under way, each way
    #[arg(long, default_value_t = 50.0)]
    delay_ms: f64,
    /// Share of the packets that are lost, each way
    #[arg(long, default_value_t = 0.01)]
    loss: f64,
    /// The same seed loses the same packets, as far as the same come
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Packets under way each way; what is more is lost
    #[arg(long, default_value_t = 50_000)]
    queue_packets: usize,
    /// Namespace of the near end, 198.18.0.1
    #[arg(long, default_value = "scorewire-near")]
    near: String,
    /// Namespace of the far end, 198.18.0.2
    #[arg(long, default_value = "scorewire-far")]
    far: String,
}

/// Carries packets until told to stop.
pub(crate) fn run(args: &Args) -> Result<bool> {
    ensure!((0.0..=10_000.0).contains(&args.delay_ms), "--delay-ms must be 0 to 10000");
    ensure!((0.0..=1.0).contains(&args.loss), "--loss must be 0 to 1");
    ensure!(
        (1..=1_000_000).contains(&args.queue_packets),
        "--queue-packets must be 1 to 1000000"
    );
    ensure!(args.near != args.far, "--near and --far must be two namespaces");
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone()).context("signals can't be caught")?;
    }
    let names = [&args.near, &args.far];
    let mut ends = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        ends.push(End::new(name, place, args.queue_packets)?);
    }
    let way = |turn: u64| Way::new(args.delay_ms, args.loss, args.queue_packets, args.seed.wrapping_add(turn));
    let mut ways = [way(0), way(1)];
    println!(
        "link up: {} is {}, {} is {}; {} ms and {} % loss each way",
        args.near,
        ADDRESSES[0],
        args.far,
        ADDRESSES[1],
        args.delay_ms,
        args.loss * 100.0
    );
    std::io::stdout().flush()?;
    carry(&ends, &mut ways, &stop)?;
    for (way, from) in ways.iter().zip(names) {
        println!("from {from}: {} carried, {} lost, {} too many", way.carried, way.lost, way.refused);
    }
    Ok(true)
}

/// One end: a namespace of our own, and the device in it.
struct End {
    /// Declared first: the device goes before its namespace.
    device: SyncDevice,
    _namespace: Namespace,
}

impl End {
    fn new(namespace: &str, place: usize, queue_packets: usize) -> Result<End> {
        let made = Namespace::new(namespace)?;
        let device = DeviceBuilder::new()
            .name(format!("swlink{}p{place}", std::process::id() % 100_000))
            .layer(Layer::L3)
            .mtu(PACKET_BYTES_MAX as u16)
            .enable(false)
            .build_sync()
            .context("no TUN device can be made (/dev/net/tun and root are needed)")?;
        device.set_nonblocking(true).context("a TUN device that blocks is no use")?;
        let name = device.name().context("a TUN device without a name")?;
        let address = format!("{}/30", ADDRESSES[place]);
        ip(&["link", "set", "dev", &name, "netns", namespace])?;
        // A walk over thousands of clients leaves at once: the device must hold that until it is read.
        let queue = queue_packets.to_string();
        ip(&["-n", namespace, "link", "set", "dev", &name, "txqueuelen", &queue])?;
        ip(&["-n", namespace, "addr", "add", &address, "dev", &name])?;
        ip(&["-n", namespace, "link", "set", "dev", &name, "up"])?;
        ip(&["-n", namespace, "link", "set", "dev", "lo", "up"])?;
        Ok(End { device, _namespace: made })
    }
}

/// A network namespace, removed when it is dropped.
struct Namespace(String);

impl Namespace {
    fn new(name: &str) -> Result<Namespace> {
        ip(&["netns", "add", name]).context("no network namespace can be made; a link needs root, and a name that is not taken")?;
        Ok(Namespace(name.to_owned()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "del", &self.0]) {
            eprintln!("scorewire-loadtest: {error:#}");
        }
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let told = Command::new("ip")
        .args(arguments)
        .output()
        .context("`ip` can't be started (package iproute2)")?;
    if !told.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&told.stderr).trim());
    }
    Ok(())
}

/// Carries packets both ways.
fn carry(ends: &[End], ways: &mut [Way; 2], stop: &AtomicBool) -> Result<()> {
    let mut buffer = [0; PACKET_BYTES_MAX];
    while !stop.load(Ordering::Relaxed) {
        let due_ns = ways.iter().filter_map(Way::due_ns).min();
        let wait_ns = due_ns.map_or(IDLE_NS, |due| due.saturating_sub(clock::monotonic_ns()).min(IDLE_NS));
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: wait_ns as _,
        };
        let mut ready: Vec<PollFd<'_>> = ends.iter().map(|end| PollFd::new(&end.device, PollFlags::IN)).collect();
        match poll(&mut ready, Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("the devices can't be waited for"),
        }
        for (place, way) in ways.iter_mut().enumerate() {
            for _ in 0..PACKETS_IN_A_ROW {
                match ends[place].device.recv(&mut buffer) {
                    Ok(bytes) => way.take(&buffer[..bytes], clock::monotonic_ns()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error).context("a device can't be read"),
                }
            }
            let now_ns = clock::monotonic_ns();
            while let Some(packet) = way.give(now_ns) {
                // What the other side's kernel has no room for is lost, as on any link.
                let _ = ends[1 - place].device.send(&packet);
                way.spare(packet);
            }
        }
    }
    Ok(())
}

/// Packets under way in one direction. No I/O, no clock.
struct Way {
    delay_ns: u64,
    loss: f64,
    packets_max: usize,
    random: u64,
    under_way: VecDeque<(u64, Vec<u8>)>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    carried: u64,
    lost: u64,
    refused: u64,
}

impl Way {
    fn new(delay_ms: f64, loss: f64, packets_max: usize, seed: u64) -> Way {
        Way {
            delay_ns: (delay_ms * 1e6) as u64,
            loss,
            packets_max,
            random: seed,
            under_way: VecDeque::new(),
            spare: Vec::new(),
            carried: 0,
            lost: 0,
            refused: 0,
        }
    }

    /// A packet sets out.
    fn take(&mut self, packet: &[u8], now_ns: u64) {
        if self.chance() < self.loss {
            self.lost += 1;
        } else if self.under_way.len() >= self.packets_max {
            self.refused += 1;
        } else {
            let mut held = self.spare.pop().unwrap_or_default();
            held.extend_from_slice(packet);
            self.under_way.push_back((now_ns + self.delay_ns, held));
        }
    }

    /// When the next packet arrives.
    fn due_ns(&self) -> Option<u64> {
        self.under_way.front().map(|(due_ns, _)| *due_ns)
    }

    /// A packet that has arrived.
    fn give(&mut self, now_ns: u64) -> Option<Vec<u8>> {
        self.due_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.carried += 1;
        self.under_way.pop_front().map(|(_, packet)| packet)
    }

    /// Takes a packet's buffer back.
    fn spare(&mut self, mut packet: Vec<u8>) {
        if self.spare.len() < PACKETS_IN_A_ROW {
            packet.clear();
            self.spare.push(packet);
        }
    }

    /// 0 up to 1, never 1 (splitmix64).
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_arrive_late_and_in_order() {
        let mut way = Way::new(50.0, 0.0, 10, 1);
        way.take(b"a", 0);
        way.take(b"b", 1_000);
        assert_eq!((way.due_ns(), way.give(49_999_999)), (Some(50_000_000), None));
        let first = way.give(50_000_999).unwrap();
        assert_eq!(first, b"a");
        way.spare(first);
        way.take(b"c", 50_000_999);
        assert_eq!((way.give(50_000_999), way.give(50_001_000)), (None, Some(b"b".to_vec())));
        assert_eq!(way.give(u64::MAX), Some(b"c".to_vec()));
        assert_eq!((way.carried, way.due_ns()), (3, None));
    }

    #[test]
    fn as_many_are_lost_as_asked_for_and_the_seed_says_which() {
        let lost = |seed, loss| {
            let mut way = Way::new(0.0, loss, 1, seed);
            let mut fates = Vec::new();
            for now_ns in 0..100_000 {
                way.take(b"x", now_ns);
                fates.push(way.give(now_ns).is_some());
            }
            assert_eq!(way.lost + way.carried, 100_000);
            (way.lost, fates)
        };
        assert_eq!((lost(1, 0.0).0, lost(1, 1.0).0), (0, 100_000));
        let (count, fates) = lost(7, 0.01);
        assert!((800..1_200).contains(&count), "{count}");
        assert_eq!(fates, lost(7, 0.01).1);
        assert_ne!(fates, lost(8, 0.01).1);
    }

    #[test]
    fn no_more_are_under_way_than_there_is_room_for() {
        let mut way = Way::new(1.0, 0.0, 2, 1);
        (0..5).for_each(|_| way.take(b"x", 0));
        assert_eq!((way.under_way.len(), way.refused), (2, 3));
    }
}
