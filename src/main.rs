//! The command line: parse, start logs, run.

use scorewire::command::{Cli, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    run(<Cli as clap::Parser>::parse())
}
