//! Load test for Scorewire.
//!
//! Two measurements, made to be read together: `floor`, what delivering bytes costs on this machine
//! when nothing else is done, and `run`, what the server makes of it while every client checks every
//! frame.
//!
//! # Layout
//! ```text
//! parent   cli                      what can be asked for
//!          greet · interrupt        whether there is a server; Ctrl-C
//!          scenario · run           what a run does, in order
//!          plays                    one game's plays and their right totals
//!          sunday · kickoffs · feed recorded, simulated and made-up Sundays
//!          rosters · schedule       who follows whom; when events are due
//!          post · target            posting
//!          revisions · truth        what the feed says: which lines count, and what must come of them
//!          gsis · rules             what stat records count for, and what that is worth
//!          floor · trace            the same work by a bare loop
//!          probe                    one more client, who asks while the server is busy
//!          lineups                  rosters as one topic each
//!          contest                  entries over the players, some of them watched
//!          socket                   a WebSocket whose reader waits
//!          hostile                  clients that break every rule, in a process of their own
//!          crew · watch · timeline  child processes, progress, adding up, the server by the second
//!          proc · limits            the server's /proc, descriptor limits
//!          shape · report · html    the figures, as JSON, text and a page
//! child    readers                  the floor's receiving side
//!          crowd · client           WebSocket clients in one epoll loop
//!          upgrade · binary         what is agreed on, the binary coding
//!          inflate                  what came compressed
//!          frames · judge · known   parsing and judging what they get
//!          verify · totals · ledger right totals: by the script, by the frames before, by a client's own books
//!          record                   how late it was
//!          job · orders             what the parent says
//! apart    ingest                   as many events as the server takes
//!          link                     a bad link between two network namespaces
//! both     clock · latency · net · tls
//! ```
//! Nothing here shares code with the server: what is verified with the server's own code is not
//! verified. There is no async runtime, and `unsafe` only where the kernel is spoken to directly: `floor::uring`
//! and `net::kernel_time`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that can't go on panics"))]

mod binary;
mod cli;
mod client;
mod clock;
mod contest;
mod crew;
mod crowd;
mod feed;
mod floor;
mod frames;
mod greet;
mod gsis;
mod hostile;
mod html;
mod inflate;
mod ingest;
mod interrupt;
mod job;
mod judge;
mod kickoffs;
mod known;
mod latency;
mod ledger;
mod limits;
mod lineups;
mod link;
mod net;
mod orders;
mod plays;
mod post;
mod probe;
mod proc;
mod readers;
mod record;
mod report;
mod revisions;
mod rosters;
mod rules;
mod run;
mod scenario;
mod schedule;
mod shape;
mod socket;
mod sunday;
mod target;
mod timeline;
mod tls;
mod totals;
mod trace;
mod truth;
mod upgrade;
mod verify;
mod watch;

use anyhow::{Context as _, Result};
use cli::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match Cli::read().command {
        Command::Run(run) => run.run(),
        Command::Link(args) => link::run(&args),
        Command::Floor(args) => floor::command::run(&args).map(|()| true),
        Command::Report(args) => report::show(&args).map(|()| true),
        Command::Child => child(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("scorewire-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Reads the job from standard input and does it; what goes wrong is told to the parent.
fn child() -> Result<bool> {
    let mut orders = orders::Orders::new(std::io::stdin(), Vec::new());
    let line = loop {
        if let Some(line) = orders.line() {
            break line;
        }
        orders.read()?;
        anyhow::ensure!(!orders.ended(), "`child` is started by the other commands, not by hand");
    };
    let result = match serde_json::from_slice(&line).context("an unreadable job")? {
        job @ crew::Job::Readers { .. } => readers::run(&job, orders),
        crew::Job::Clients(job) => crowd::run(*job, orders),
        crew::Job::Hostile(mob) => hostile::mob::run(*mob, orders),
    };
    if let Err(error) = result {
        crew::say(&crew::Word::Failed {
            error: format!("{error:#}"),
        })?;
    }
    Ok(true)
}
