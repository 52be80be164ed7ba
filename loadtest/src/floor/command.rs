//! `scorewire-loadtest floor`: the floor by itself, over a made-up trace.

use super::{Via, measure};
use crate::cli::numbers::at_least_one;
use crate::report::{self, Output};
use crate::shape::{Floor, RunReport, SHAPE};
use crate::trace::Trace;
use crate::{clock, interrupt, limits, proc};
use anyhow::Result;

/// What `floor` is asked for.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Sockets to send to
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one::<usize>)]
    clients: usize,
    /// Bytes of each event, 1 to 65536
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    bytes: u32,
    /// Events
    #[arg(long, default_value_t = 40, value_parser = at_least_one::<usize>)]
    events: usize,
    /// Milliseconds between the starts of events
    #[arg(long, value_name = "MS", default_value_t = 250)]
    interval_ms: u64,
    /// Send each event to this many of the clients, in turn, instead of to all
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>)]
    recipients: Option<usize>,
    /// How the bytes go to the kernel
    #[arg(long, value_enum, default_value_t = Ways::Both)]
    via: Ways,
    /// Sending threads, each with its own part of the sockets
    #[arg(long, default_value_t = 1, value_parser = at_least_one::<usize>)]
    threads: usize,
    /// Processes that read, at most 256, each with its own part of the sockets
    #[arg(long, default_value_t = 1, value_parser = at_least_one::<usize>)]
    readers: usize,
    /// Measure each way this many times, in turn: medians with their spread, and the pass with the median CPU in full
    #[arg(long, default_value_t = 1, value_parser = at_least_one::<usize>)]
    passes: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ways {
    /// One send() a delivery
    Send,
    /// In batches through io_uring
    Uring,
    /// One after the other, and their ratio
    Both,
}

/// Measures and publishes.
pub(crate) fn run(args: &Args) -> Result<()> {
    interrupt::watch()?;
    limits::require_processes_asked("--readers", args.readers)?;
    args.output.check()?;
    let recipients = args.recipients.unwrap_or(args.clients);
    let trace = Trace::rotating(args.clients, recipients, args.events, args.interval_ms * 1_000, args.bytes);
    let ways: &[Via] = match args.via {
        Ways::Send => &[Via::Send],
        Ways::Uring => &[Via::Uring],
        Ways::Both => &[Via::Send, Via::Uring],
    };
    let (began_us, begun_ns) = (clock::wall_us(), clock::monotonic_ns());
    let mut passes: Vec<Vec<Floor>> = vec![Vec::new(); ways.len()];
    for _ in 0..args.passes {
        for (via, passes) in ways.iter().zip(&mut passes) {
            passes.push(measure(&trace, *via, args.threads, args.readers, |_| ())?);
        }
    }
    let mut report = RunReport {
        shape: SHAPE,
        scenario: "floor".to_owned(),
        command: report::command_line(),
        began_us,
        duration_s: (clock::monotonic_ns() - begun_ns) as f64 / 1e9,
        machine: proc::machine(),
        ok: true,
        clients: args.clients as u64,
        events: args.events as u64,
        ..RunReport::default()
    };
    if let [send, uring] = &passes[..] {
        let pairs = || send.iter().zip(uring);
        let cpu = pairs().map(|(send, uring)| uring.cpu_us_per_delivery / send.cpu_us_per_delivery);
        note(&mut report, "uring_cpu_over_send", cpu.collect());
        let last = pairs().map(|(send, uring)| uring.last.p50_ms / send.last.p50_ms);
        note(&mut report, "uring_last_over_send", last.collect());
    }
    for mut passes in passes {
        let name = format!("{}_cpu_us_per_delivery", passes[0].via);
        note(&mut report, &name, passes.iter().map(|pass| pass.cpu_us_per_delivery).collect());
        passes.sort_by(|one, other| one.cpu_us_per_delivery.total_cmp(&other.cpu_us_per_delivery));
        report.floors.push(passes.swap_remove(passes.len() / 2));
    }
    args.output.publish(&report)
}

/// Adds the median of what the passes measured, and where there were several, its spread.
fn note(report: &mut RunReport, name: &str, mut figures: Vec<f64>) {
    figures.sort_by(f64::total_cmp);
    let [least, median, most] = [0, figures.len() / 2, figures.len() - 1].map(|index| figures[index]);
    report.extra.insert(name.to_owned(), median);
    if figures.len() > 1 {
        report.extra.insert(format!("{name}_least"), least);
        report.extra.insert(format!("{name}_most"), most);
    }
}
