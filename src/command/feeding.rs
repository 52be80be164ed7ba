//! `replay` and `simulate`: event lines to a server or to a file.

use super::asking::caller;
use super::{Failure, Replay, SOFTWARE, Simulate, UNAVAILABLE, usage};
use crate::clock::Clock;
use crate::feed::gamecenter::{Formation as Shown, timeline};
use crate::feed::simulator::{self, Simulator, Trouble};
use crate::feed::write_line;
use crate::model::FeedTime;
use crate::source::{self, Due, Pace, Poster, Speed, Stamp};
use crate::telemetry;
use anyhow::Context;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        telemetry::start_logs(self.log_format, "info").map_err(|error| usage(anyhow::anyhow!(error)))?;
        let formation = if self.formation { Shown::Shown } else { Shown::Hidden };
        let timeline = timeline(&self.gamecenter, formation).map_err(usage)?;
        if let Some(file) = &self.out {
            return write_lines(file, source::recorded(timeline));
        }
        let what = format!("{} games of {}", timeline.games_count(), self.gamecenter.display());
        post(
            poster(&self.to, self.key_file.as_deref())?,
            self.speed,
            Stamp::Recorded,
            &what,
            source::recorded(timeline),
        )
    }
}

impl Simulate {
    pub(super) fn run(self) -> Result<(), Failure> {
        telemetry::start_logs(self.log_format, "info").map_err(|error| usage(anyhow::anyhow!(error)))?;
        let options = simulator::Options {
            seed: self.seed,
            games: usize::from(self.games),
            formation: self.formation,
            trouble: if self.no_trouble { Trouble::NONE } else { Trouble::LIVE },
            ..simulator::Options::default()
        };
        if let Some(file) = &self.out {
            return write_lines(file, source::simulated(Simulator::new(&options)));
        }
        let kickoff_us = Clock.wall_us();
        let dues = source::simulated(Simulator::new(&simulator::Options { kickoff_us, ..options }));
        post(
            poster(&self.to, self.key_file.as_deref())?,
            self.speed,
            Stamp::Sent,
            &format!("{} simulated games", self.games),
            dues,
        )
    }
}

/// Writes event lines with the times that they have. Whoever reads them from standard output may stop reading.
fn write_lines(file: &Path, dues: impl Iterator<Item = Due>) -> Result<(), Failure> {
    match write_all_lines(file, dues) {
        Err(Failure(_, error)) if is_broken_pipe(&error) => Ok(()),
        written => written,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

fn write_all_lines(file: &Path, dues: impl Iterator<Item = Due>) -> Result<(), Failure> {
    let out: Box<dyn Write> = if file == Path::new("-") {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(
            std::fs::File::create(file)
                .with_context(|| format!("cannot write {}", file.display()))
                .map_err(usage)?,
        )
    };
    let mut out = BufWriter::new(out);
    let mut line = Vec::new();
    for event in dues.flat_map(|due| due.events) {
        line.clear();
        write_line(&event, &mut line);
        line.push(b'\n');
        out.write_all(&line)?;
    }
    out.flush()?;
    Ok(())
}

/// What posts to the server at `to`, with the key in that file, or in the variable `SCOREWIRE_KEY`.
fn poster(to: &str, key_file: Option<&Path>) -> Result<Poster, Failure> {
    caller(to, key_file).map(Poster::new)
}

/// Posts events to a server at their pace, with a line of progress where a person watches.
fn post(mut poster: Poster, speed: Speed, stamp: Stamp, what: &str, dues: impl Iterator<Item = Due>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let watched = std::io::stderr().is_terminal();
        let clock = Clock;
        let (mut pace, mut shown_us, started_us) = (Pace::new(speed, clock), 0, clock.steady_us());
        for mut due in dues {
            let wait = pace.wait(due.due_us);
            if !wait.is_zero() {
                poster.flush().await.map_err(|error| Failure(UNAVAILABLE, error.into()))?;
                tokio::time::sleep(wait).await;
            }
            if stamp == Stamp::Sent {
                source::stamp(&mut due.events, FeedTime(clock.wall_us()));
            }
            for event in &due.events {
                poster.add(event).await.map_err(|error| Failure(UNAVAILABLE, error.into()))?;
            }
            if watched && clock.steady_us() - shown_us > 500_000 {
                shown_us = clock.steady_us();
                let minutes = due.due_us / 60_000_000;
                eprint!("\r{what}: {} events sent, {minutes} minutes after the first kickoff ", poster.sent);
            }
        }
        poster.flush().await.map_err(|error| Failure(UNAVAILABLE, error.into()))?;
        if watched {
            eprintln!();
        }
        let seconds = (clock.steady_us() - started_us) as f64 / 1e6;
        tracing::info!(events = poster.sent, rejected = poster.rejected, seconds, "{what}: done");
        if poster.rejected > 0 {
            return Err(Failure(SOFTWARE, anyhow::anyhow!("the server refused {} events", poster.rejected)));
        }
        Ok(())
    })
}
