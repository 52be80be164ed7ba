//! The command line: what can be asked for, and what a run is held to.
//!
//! Each part reads its own options and turns them into what the rest of the program takes:
//!
//! ```text
//! scenario   `run broadcast` to `run soak`: who does what, and the limits that one scenario alone has
//! ├ load     what all of those are given: server, clients, floors, reports
//! ├ sunday   which games, whom clients follow
//! └ limits   what the figures may be at most
//! ingest     `run ingest`
//! ```

mod ingest;
mod limits;
mod load;
mod scenario;
mod sunday;

use self::ingest::IngestArgs;
use self::scenario::Scenario;
use crate::{floor, link, report};
use anyhow::Result;
use clap::{Parser, Subcommand};

/// Load test for Scorewire: many subscribers, every frame verified, every figure beside the machine's own floor.
///
/// Exit status: 0 nothing lost, every total right and every limit held; 1 something was lost or wrong, or a limit
/// did not hold; 2 the run could not be made.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure a server: connect clients, post events, verify every frame
    ///
    /// Every client checks that each topic begins with a snapshot and that each frame's `prev` is the `seq` it holds.
    /// A message is parsed and checked once; the others must equal it byte for byte. At the end every client must hold
    /// what GET /v1/snapshot says, to the last digit.
    #[command(subcommand)]
    Run(Run),
    /// Measure the machine: bare send() and io_uring loops over loopback TCP sockets
    ///
    /// Bare threads send each event to its sockets; the readers live in a child process. A server does that and
    /// more, so read its figures as a multiple of these.
    Floor(floor::command::Args),
    /// Emulate a bad link between two network namespaces, until told to stop (Linux, root)
    ///
    /// What is started in the one namespace reaches the other over a link with delay and loss; nothing outside the
    /// two is touched. For kernels without netem; docs/testing.md has the same with `tc`.
    Link(link::Args),
    /// Show a run again from its JSON: as text, as a page, beside another run
    Report(report::Args),
    /// The receiving side, started by the two above
    #[command(hide = true)]
    Child,
}

/// Scenarios.
#[derive(Subcommand)]
pub(crate) enum Run {
    #[command(flatten)]
    Subscribers(Box<Scenario>),
    /// As many different plays a second as the server takes, all of them scored, framed and checked
    ///
    /// Start the server with `engine.games_max` above EVENTS / PLAYS.
    Ingest(Box<IngestArgs>),
}

impl Run {
    /// Runs it and publishes the report; whether nothing was lost and every limit held.
    pub(crate) fn run(&self) -> Result<bool> {
        match self {
            Self::Subscribers(scenario) => scenario.run(),
            Self::Ingest(args) => args.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
