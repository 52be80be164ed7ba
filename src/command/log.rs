//! `log inspect|verify|export|repair`: the event log for a person.
//!
//! All but `repair` only read, and take no lock: they work on a copy, and on the folder of a running server,
//! where the last segment ends in what is being written.

use super::table::{Table, time};
use super::{DATA, Failure, INPUT_OUTPUT, log_code, usage};
use crate::config::Config;
use crate::feed::{Decoder, Limits};
use crate::figures::{bytes, count};
use crate::model::{GameId, IngestTime};
use crate::store::snapshot::{Part, is_set_aside, snapshots};
use crate::store::{
    self, ContestFile, DiskFiles, Files, Kind, Lsn, OpenError, RECORD_BYTES_MAX, Record, SegmentSummary, Snapshot, SnapshotFile,
    is_contest_set_aside,
};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What to do with the log.
#[derive(Subcommand)]
pub(super) enum Log {
    /// List the log's files: which records are in each, from when to when, who wrote it, and whether it can
    /// be read. Works while a server runs.
    Inspect(Place),
    /// Read every byte, as a start would, and say whether all is well. Works while a server runs.
    Verify(Place),
    /// Write the events as lines that /v1/events takes. Works while a server runs.
    Export(Export),
    /// Set damaged bytes aside, so that a server starts again with all that can be read. The server must be
    /// stopped.
    Repair(Place),
}

/// Where the log is.
#[derive(Args)]
pub(super) struct Place {
    /// Folder of the event log, or a copy of it. [store.dir]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// File with settings, of which `store.dir` counts here.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What to export.
#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
    /// Only events of this game; else all, player lists included.
    #[arg(long, value_name = "ID", value_parser = game)]
    game: Option<GameId>,
    /// The first record, as `log inspect` counts them.
    #[arg(long, value_name = "LSN", default_value_t = 1)]
    from: u64,
    /// The last record.
    #[arg(long, value_name = "LSN", default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    /// File to write to ("-": standard output).
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

fn game(id: &str) -> Result<GameId, String> {
    GameId::new(id).ok_or_else(|| "that can't be a game's id".to_owned())
}

impl Log {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Log::Inspect(place) => inspect(&place.dir()?),
            Log::Verify(place) => verify(&place.dir()?),
            Log::Export(export) => export.run(),
            Log::Repair(place) => repair(&place.dir()?),
        }
    }
}

impl Place {
    fn dir(&self) -> Result<PathBuf, Failure> {
        match &self.data_dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(Config::load(self.config.as_deref(), std::env::vars_os()).map_err(usage)?.store.dir),
        }
    }
}

fn bad(error: OpenError) -> Failure {
    Failure(log_code(&error), error.into())
}

/// Prints to whoever reads, who may stop reading.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn inspect(dir: &Path) -> Result<(), Failure> {
    let segments = store::inspect(dir, &DiskFiles).map_err(bad)?;
    let found = snapshots(dir, &DiskFiles).map_err(bad)?;
    if segments.is_empty() && found.is_empty() && store::contests(dir, &DiskFiles).map_err(bad)?.is_empty() {
        print(&format!("{}: there is no event log\n", dir.display()));
        return Ok(());
    }
    let mut table = Table::new(&[
        "file",
        ">first",
        ">last",
        ">records",
        ">size",
        "from (UTC)",
        "to (UTC)",
        "epoch",
        "state",
    ]);
    let mut damaged = 0;
    for file in found.iter().rev() {
        damaged += usize::from(!add_snapshot(&mut table, file));
    }
    for (nth, segment) in segments.iter().enumerate() {
        let is_last = nth + 1 == segments.len();
        damaged += usize::from(segment.stops.is_some() && !is_last);
        add_segment(&mut table, segment, is_last);
    }
    let held = store::contests(dir, &DiskFiles).map_err(bad)?;
    for file in &held {
        damaged += usize::from(!add_contest(&mut table, file));
    }
    print(&table.text());
    let set_aside = aside(dir).map_err(bad)?;
    if !set_aside.is_empty() {
        print(&format!("\nset aside earlier: {}\n", set_aside.join(", ")));
    }
    match damaged {
        0 => Ok(()),
        count => Err(Failure(
            DATA,
            anyhow!("{count} of the files can't be read whole; `scorewire log verify` says more"),
        )),
    }
}

/// Returns whether it is good.
fn add_contest(table: &mut Table, file: &ContestFile) -> bool {
    let loaded = file.load(&DiskFiles);
    let posted = loaded.as_ref().map_or_else(|_| String::new(), |stored| time(stored.posted));
    let state = match &loaded {
        Ok(_) => format!("good: the contest {}", file.id),
        Err(error) => problem_of(error),
    };
    table.row([&name_of(&file.path), "", "", "", &bytes(file.bytes), &posted, "", "", &state]);
    loaded.is_ok()
}

/// Returns whether it is good.
fn add_snapshot(table: &mut Table, file: &SnapshotFile) -> bool {
    let name = name_of(&file.path);
    let snapshot = match file.load(&DiskFiles) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let state = problem_of(&error);
            table.row([&name, "", &count(file.lsn.0), "", &bytes(file.bytes), "", "", "", &state]);
            return false;
        }
    };
    let (mut first, mut ingest) = (None, None);
    for part in snapshot.parts() {
        if let Part::Record(lsn, record) = part {
            first = first.or(Some(lsn.0));
            ingest = Some(span(ingest, record.origin.ingest));
        }
    }
    table.row([
        &name,
        &first.map_or_else(String::new, count),
        &count(snapshot.lsn.0),
        &count(snapshot.records),
        &bytes(file.bytes),
        &ingest.map_or_else(String::new, |(from, _)| time(from)),
        &ingest.map_or_else(String::new, |(_, to)| time(to)),
        &snapshot.header.epoch,
        "good: what is needed of all records up to the last",
    ]);
    true
}

fn span(sofar: Option<(IngestTime, IngestTime)>, next: IngestTime) -> (IngestTime, IngestTime) {
    (sofar.map_or(next, |(first, _)| first), next)
}

fn add_segment(table: &mut Table, segment: &SegmentSummary, is_last: bool) {
    let state = match (&segment.stops, is_last) {
        (Some((offset, problem)), true) => format!("from byte {offset} on {problem}: being written, or a torn tail"),
        (Some((offset, problem)), false) => format!("DAMAGED at byte {offset}: {problem}"),
        (None, _) if segment.missing > 0 => format!("good; {} records lost in a repair", count(segment.missing)),
        (None, true) if segment.closed => "good; the server ended in order".to_owned(),
        (None, true) => "good; written to, or its server did not end in order".to_owned(),
        (None, false) => "good".to_owned(),
    };
    let is_empty = segment.next == segment.first;
    table.row([
        &name_of(&segment.file),
        &count(segment.first.0),
        &if is_empty { String::new() } else { count(segment.next.0 - 1) },
        &count(segment.records),
        &bytes(segment.bytes),
        &segment.ingest.map_or_else(String::new, |(from, _)| time(from)),
        &segment.ingest.map_or_else(String::new, |(_, to)| time(to)),
        segment.header.as_ref().map_or("", |header| header.epoch.as_str()),
        &state,
    ]);
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn problem_of(error: &OpenError) -> String {
    match error {
        OpenError::Corrupt { offset, problem, .. } => format!("DAMAGED at byte {offset}: {problem}"),
        OpenError::DamagedContest { what, .. } => format!("DAMAGED: {what}"),
        OpenError::Later { .. } | OpenError::LaterFormat { .. } => "written by a later version".to_owned(),
        other => other.to_string(),
    }
}

/// Files beside the log that hold what was cut or set aside.
fn aside(dir: &Path) -> Result<Vec<String>, OpenError> {
    let listed = DiskFiles.list(dir).map_err(|error| OpenError::Io {
        action: "list",
        path: dir.to_owned(),
        error,
    })?;
    let is_aside =
        |name: &String| name.contains(".log.cut-") || name.contains(".log.bad-") || is_set_aside(name) || is_contest_set_aside(name);
    let mut names: Vec<String> = listed.into_iter().map(|(name, _)| name).filter(is_aside).collect();
    names.sort();
    Ok(names)
}

fn verify(dir: &Path) -> Result<(), Failure> {
    let verified = store::verify(dir, &DiskFiles).map_err(bad)?;
    let (good, wrong) = load(dir)?;
    let good_count = good.len();
    let covered = good.iter().map(|snapshot| snapshot.lsn.0).max().unwrap_or(0);
    let mut said = format!(
        "{} segments, {}: {} records, {} to {}\n{good_count} good snapshots{}\n",
        verified.segments,
        bytes(verified.bytes),
        count(verified.records),
        verified.first,
        verified.next.0.saturating_sub(1),
        if good_count > 0 {
            format!(", the newest up to record {covered}")
        } else {
            String::new()
        },
    );
    if verified.missing > 0 {
        said += &format!("{} records were lost in a repair\n", count(verified.missing));
    }
    if verified.torn_bytes > 0 {
        let torn = bytes(verified.torn_bytes);
        said += &format!("the last {torn} are no whole record: they are being written, or the next start cuts them\n");
    }
    let held = store::contests(dir, &DiskFiles).map_err(bad)?;
    if !held.is_empty() {
        said += &format!("{} contests\n", count(held.len() as u64));
    }
    print(&said);
    for file in &held {
        file.load(&DiskFiles).map_err(bad)?;
    }
    if verified.first.0 > covered + 1 {
        let what = anyhow!(
            "no good snapshot covers the records before {}: a server would not start",
            verified.first
        );
        return Err(Failure(
            DATA,
            wrong.into_iter().fold(what, |what, error| what.context(error.to_string())),
        ));
    }
    if let Some(error) = wrong.into_iter().next() {
        let code = log_code(&error);
        return Err(Failure(
            code,
            anyhow::Error::from(error).context("a snapshot is bad; a server would start from the one before"),
        ));
    }
    print("all is well\n");
    Ok(())
}

/// The snapshots that are whole, the newest first, and what is wrong with the others.
fn load(dir: &Path) -> Result<(Vec<Snapshot>, Vec<OpenError>), Failure> {
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for file in snapshots(dir, &DiskFiles).map_err(bad)? {
        match file.load(&DiskFiles) {
            Ok(snapshot) => good.push(snapshot),
            Err(error) => wrong.push(error),
        }
    }
    Ok((good, wrong))
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let dir = self.place.dir()?;
        let first = store::inspect(&dir, &DiskFiles)
            .map_err(bad)?
            .first()
            .map_or(Lsn(1), |segment| segment.first);
        let out: Box<dyn Write> = if self.out == Path::new("-") {
            Box::new(std::io::stdout().lock())
        } else {
            let file = std::fs::File::create(&self.out);
            Box::new(
                file.with_context(|| format!("cannot write {}", self.out.display()))
                    .map_err(usage)?,
            )
        };
        let limits = Limits {
            line_bytes_max: RECORD_BYTES_MAX,
            ..Limits::default()
        };
        let mut lines = Lines {
            game: self.game.clone(),
            range: self.from..=self.to,
            decoder: Decoder::new(limits),
            out: BufWriter::new(out),
            written: 0,
            unreadable: 0,
        };
        let done = self.write(&dir, first, &mut lines)?;
        if let Err(error) = done.and_then(|()| lines.out.flush()) {
            // Whoever reads this may stop reading.
            return match error.kind() {
                std::io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(Failure(
                    INPUT_OUTPUT,
                    anyhow::Error::from(error).context(format!("cannot write {}", self.out.display())),
                )),
            };
        }
        let unreadable = match lines.unreadable {
            0 => String::new(),
            some => format!("; {} records can't be read as events", count(some)),
        };
        eprintln!("scorewire: {} events written{unreadable}", count(lines.written));
        Ok(())
    }

    /// What segments no longer hold comes from the oldest snapshot that covers it: it left out least.
    fn write(&self, dir: &Path, first: Lsn, lines: &mut Lines) -> Result<std::io::Result<()>, Failure> {
        if first.0 > self.from.max(1) {
            let (good, _) = load(dir)?;
            let Some(snapshot) = good.iter().rfind(|snapshot| snapshot.lsn.0 + 1 >= first.0) else {
                return Err(Failure(
                    DATA,
                    anyhow!("no good snapshot covers the records before {first}; begin with --from {first}"),
                ));
            };
            eprintln!("scorewire: of the records before {first} only those are left that still count");
            for part in snapshot.parts() {
                if let Part::Record(lsn, record) = part
                    && lsn < first
                    && let Err(error) = lines.add(lsn, &record)
                {
                    return Ok(Err(error));
                }
            }
        }
        let mut done = Ok(());
        let from = Lsn(self.from.max(first.0));
        store::read(dir, &DiskFiles, from, |lsn, _, record| {
            done = lines.add(lsn, &record);
            match done.is_ok() && lsn.0 < self.to {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })
        .map_err(bad)?;
        Ok(done)
    }
}

/// Event lines on their way out.
struct Lines {
    game: Option<GameId>,
    range: std::ops::RangeInclusive<u64>,
    decoder: Decoder,
    out: BufWriter<Box<dyn Write>>,
    written: u64,
    unreadable: u64,
}

impl Lines {
    fn add(&mut self, lsn: Lsn, record: &Record<'_>) -> std::io::Result<()> {
        if record.kind != Kind::Event || !self.range.contains(&lsn.0) {
            return Ok(());
        }
        if let Some(game) = &self.game {
            match self.decoder.line(record.body) {
                Ok(event) if event.game() == Some(game) => {}
                Ok(_) => return Ok(()),
                Err(_) => {
                    self.unreadable += 1;
                    return Ok(());
                }
            }
        }
        // An element of an array may stand on several lines; in JSON, an end of line is never part of a text.
        for part in record.body.split(|byte| matches!(byte, b'\n' | b'\r')) {
            self.out.write_all(part)?;
        }
        self.written += 1;
        self.out.write_all(b"\n")
    }
}

fn repair(dir: &Path) -> Result<(), Failure> {
    let repaired = store::repair(dir, &DiskFiles).map_err(bad)?;
    for place in &repaired {
        let kept = place
            .kept
            .as_ref()
            .map_or_else(String::new, |kept| format!("; they are in {} now", kept.display()));
        let lost = match place.missing {
            0 => "no record is lost".to_owned(),
            1 => "1 record is lost".to_owned(),
            many => format!("{} records are lost", count(many)),
        };
        print(&format!(
            "{}, byte {}: {}; {lost}, with {}{kept}\n",
            place.file.display(),
            place.offset,
            place.problem,
            bytes(place.bytes)
        ));
    }
    match repaired.len() {
        0 => print("nothing is damaged\n"),
        1 => print("1 place was repaired\n"),
        many => print(&format!("{many} places were repaired\n")),
    }
    Ok(())
}
