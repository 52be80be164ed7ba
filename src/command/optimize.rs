//! `optimize`: the best lineups from a site's players' file.

use super::{DATA, Failure, INPUT_OUTPUT, usage};
use crate::clock::Clock;
use crate::lineup::{
    Answer, Budget, CONSTRAINTS_BYTES_MAX, Constraints, LINEUPS_MAX, PLAYERS_BYTES_MAX, Refused, Site, optimize, read as read_players,
};
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use std::cell::Cell;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// Longest run, in milliseconds, unless the constraints say something else.
const TIME_MS: u64 = 60_000;
/// Most steps of the search, unless the constraints say something else: a minute or so.
const WORK: u64 = 2_000_000_000;
/// Progress is told after this, in microseconds, and so often.
const QUIET_US: i64 = 1_000_000;
const EVERY_US: i64 = 250_000;

/// Build the best lineups from a site's own players' file: exact, best first, within your constraints.
#[derive(Args)]
pub(super) struct Optimize {
    /// draftkings, draftkings_showdown, fanduel, yahoo, or the path of a site file of your own
    /// (config/sites has those built in).
    #[arg(long, value_name = "SITE")]
    site: String,
    /// The players: the CSV that the site offers ("-": standard input). A column Projection of your own goes before
    /// the site's average; Ownership and StdDev are read too.
    #[arg(long, value_name = "FILE")]
    players: PathBuf,
    /// How many lineups, 1 to 150.
    #[arg(short = 'n', long = "lineups", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=LINEUPS_MAX as i64))]
    count: u16,
    /// Locks, exposures, stacks, late swap and all else that is asked for: TOML, or JSON where the name ends in .json
    /// (docs/optimizer.md has every key).
    #[arg(long, value_name = "FILE")]
    constraints: Option<PathBuf>,
    /// File to write to ("-": standard output).
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "upload")]
    format: Format,
}

/// What to write.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// The site's upload file, CSV.
    Upload,
    /// A table for people.
    Text,
    /// Everything, for tools.
    Json,
}

impl Optimize {
    pub(super) fn run(self) -> Result<(), Failure> {
        let site = Site::find(&self.site).map_err(|problem| usage(anyhow!("--site: {problem}")))?;
        let constraints = self.constraints()?;
        let text = read(&self.players, PLAYERS_BYTES_MAX)?;
        let players = read_players(&site, &text).map_err(|error| Failure(DATA, anyhow!("{}: {error}", self.players.display())))?;
        let limits = constraints.limits.unwrap_or_default();
        let begun = Clock.steady_us();
        let time_us = i64::try_from(limits.time_ms.unwrap_or(TIME_MS).saturating_mul(1000)).unwrap_or(i64::MAX);
        let is_out = || Clock.steady_us() - begun > time_us;
        let budget = Budget {
            steps: limits.work.unwrap_or(WORK),
            is_out: &is_out,
        };
        let count = usize::from(self.count);
        let progress = Progress::new(begun, count);
        let answer = optimize(&site, &players, &constraints, count, budget, |made| progress.tell(made));
        progress.end();
        let mut answer = answer.map_err(|refused| self.refused(&refused))?;
        answer.took_ms = (Clock.steady_us() - begun) as f64 / 1_000.0;
        say(&answer, count);
        let text = match self.format {
            Format::Upload => answer.upload(&site),
            Format::Text => answer.text(),
            Format::Json => serde_json::to_string_pretty(&answer).context("the answer cannot be written as JSON")? + "\n",
        };
        write(&self.out, &text)
    }

    fn constraints(&self) -> Result<Constraints, Failure> {
        let Some(path) = &self.constraints else {
            return Ok(Constraints::default());
        };
        let text = read(path, CONSTRAINTS_BYTES_MAX)?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let parsed = Constraints::parse(&text, is_json);
        let mut constraints = parsed.map_err(|problem| usage(anyhow!("{}: {problem}", path.display())))?;
        if let Some(swap) = &mut constraints.late_swap {
            swap.lineups = read(Path::new(&swap.lineups), PLAYERS_BYTES_MAX)?;
        }
        Ok(constraints)
    }

    fn refused(&self, refused: &Refused) -> Failure {
        match (refused, &self.constraints) {
            (Refused::Bad(_), Some(path)) => usage(anyhow!("{}: {refused}", path.display())),
            (Refused::Bad(_), None) => Failure(DATA, anyhow!("{}: {refused}", self.players.display())),
            (Refused::Impossible { .. } | Refused::Cut, _) => Failure(DATA, anyhow!("{refused}")),
        }
    }
}

/// What the lineups themselves do not say.
fn say(answer: &Answer, asked: usize) {
    if answer.left_out > 0 {
        eprintln!(
            "scorewire: {} players without points or a projection were left out",
            answer.left_out
        );
    }
    if !answer.complete {
        let made = answer.lineups.len();
        eprintln!("scorewire: time or work ran out after {made} of {asked} lineups ([limits] in the constraints sets both)");
    }
    let doubtful = answer.lineups.iter().filter(|lineup| !lineup.proven);
    if let Some(gap) = doubtful.clone().map(|lineup| lineup.gap.0).max() {
        let count = doubtful.count();
        eprintln!("scorewire: {count} lineups are not proven best; a better one could have {gap} points more at most");
    }
}

/// Reads a file, if it is no longer than it may be.
fn read(path: &Path, bytes_max: usize) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure(INPUT_OUTPUT, anyhow!("{}: {error}", path.display()));
    let mut source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    source.by_ref().take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max {
        return Err(Failure(DATA, anyhow!("{}: longer than {bytes_max} bytes", path.display())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure(
            DATA,
            anyhow!("{}: byte {at} is not UTF-8; save it as \"CSV UTF-8\"", path.display()),
        )
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        // Whoever reads this may stop reading.
        let _ = std::io::stdout().write_all(text.as_bytes());
        return Ok(());
    }
    std::fs::write(path, text).map_err(|error| Failure(INPUT_OUTPUT, anyhow!("{}: {error}", path.display())))
}

/// A line on a terminal, where a run takes long.
struct Progress {
    begun: i64,
    told: Cell<i64>,
    count: usize,
    is_terminal: bool,
}

impl Progress {
    fn new(begun: i64, count: usize) -> Progress {
        Progress {
            begun,
            told: Cell::new(0),
            count,
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    fn tell(&self, made: usize) {
        let now = Clock.steady_us();
        if self.is_terminal && now - self.begun > QUIET_US && now - self.told.get() > EVERY_US {
            self.told.set(now);
            eprint!("\rscorewire: {made} of {} lineups", self.count);
        }
    }

    fn end(&self) {
        if self.told.get() > 0 {
            // Clears the line.
            eprint!("\r\x1b[K");
        }
    }
}
