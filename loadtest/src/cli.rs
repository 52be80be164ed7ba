//! The command line: what can be asked for, and what a run is held to.
//!
//! Each part reads its own options and turns them into what the rest of the program takes:
//!
//! ```text
//! scenario   `run broadcast` to `run soak`: who does what, and the limits that one scenario alone has
//! ├ load     what all of those are given: clients, floors
//! ├ hostile  clients that break every rule, beside `run broadcast`
//! ├ sunday   which games, whom clients follow
//! └ limits   what the figures may be at most
//! ingest     `run ingest`
//! server     where the server is, of all of them
//! numbers    what numbers may be
//! ```

mod hostile;
mod ingest;
mod limits;
mod load;
pub(crate) mod numbers;
mod scenario;
mod server;
mod sunday;

use self::ingest::IngestArgs;
use self::scenario::Scenario;
use crate::{floor, interrupt, link, report};
use anyhow::Result;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Load test for Scorewire: many subscribers, every frame verified, every figure beside the machine's own floor, the
/// same bytes sent by a bare loop.
///
/// Exit status: 0 nothing lost, every total right and every limit held; 1 something was lost or wrong, a limit did not
/// hold, or the run was interrupted: the report says what; 2 the run could not be made. Ctrl-C ends a run early, with a
/// report of what there is; a second one ends it at once, without. `floor` has none before its end (2).
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

impl Cli {
    /// What was typed; what is wrong with it is said, and ends the process.
    pub(crate) fn read() -> Self {
        let matches = with_negative_numbers(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Has options told what is wrong with `-1`, where it would be taken for an option of its own.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let takes_values = arg.get_action().takes_values();
        arg.allow_negative_numbers(takes_values)
    });
    command.mut_subcommands(with_negative_numbers)
}

impl Run {
    /// Runs it and publishes the report; whether nothing was lost and every limit held.
    pub(crate) fn run(&self) -> Result<bool> {
        interrupt::watch()?;
        match self {
            Self::Subscribers(scenario) => scenario.run(),
            Self::Ingest(args) => args.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        with_negative_numbers(Cli::command()).debug_assert();
    }
}
