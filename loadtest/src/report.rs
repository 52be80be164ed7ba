//! A run's report as text for people, and where it goes: standard output, JSON, a page.

use crate::html;
use crate::shape::{Distribution, Floor, RunReport, SHAPE, Server};
use anyhow::{Context as _, Result, ensure};
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What `report` is asked for.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run's JSON, as `--json` wrote it
    #[arg(value_name = "FILE")]
    run: PathBuf,
    #[command(flatten)]
    shown: Shown,
}

/// How a report is shown.
#[derive(clap::Args)]
struct Shown {
    /// Also write a page with plots to FILE
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Compare with an earlier run's JSON, in text and page
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

/// Where a run's report goes.
#[derive(clap::Args)]
pub(crate) struct Output {
    /// Also write the figures to FILE (`-`: to standard output, instead of the text)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    shown: Shown,
}

/// Shows a run that was made earlier.
pub(crate) fn show(args: &Args) -> Result<()> {
    let mut report = read(&args.run)?;
    args.shown.check()?;
    fill_ratios(&mut report);
    args.shown.publish(&report, true)
}

impl Output {
    /// Refuses what could not be read or written after the run.
    pub(crate) fn check(&self) -> Result<()> {
        let file = self.json.iter().filter(|path| path.as_os_str() != "-");
        file.map(PathBuf::as_path).try_for_each(check_writable)?;
        self.shown.check()
    }

    /// Prints the report as text and writes it where it was asked for.
    ///
    /// # Errors
    /// A file can't be written, or the one to compare with is no report of this version.
    pub(crate) fn publish(&self, report: &RunReport) -> Result<()> {
        let mut report = report.clone();
        fill_ratios(&mut report);
        let is_text = self.json.as_ref().is_none_or(|path| path.as_os_str() != "-");
        self.shown.publish(&report, is_text)?;
        let Some(path) = &self.json else { return Ok(()) };
        let text = serde_json::to_string_pretty(&report)? + "\n";
        if is_text {
            return write(path, &text);
        }
        print!("{text}");
        Ok(())
    }
}

impl Shown {
    fn check(&self) -> Result<()> {
        self.html.as_deref().map(check_writable).transpose()?;
        self.compare.as_deref().map(read).transpose()?;
        Ok(())
    }

    fn publish(&self, report: &RunReport, is_text: bool) -> Result<()> {
        let other = self.compare.as_deref().map(read).transpose()?;
        if is_text {
            print!("{report}");
            other.iter().for_each(|other| print!("{}", comparison_text(report, other)));
        }
        match &self.html {
            Some(path) => write(path, &html::page(report, other.as_ref())),
            None => Ok(()),
        }
    }
}

/// What was typed, for [`RunReport::command`].
pub(crate) fn command_line() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    format!("scorewire-loadtest {}", words.join(" "))
}

fn read(path: &Path) -> Result<RunReport> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    let report: RunReport = serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))?;
    ensure!(
        report.shape == SHAPE,
        "{} has shape {}, and this program reads {SHAPE}",
        path.display(),
        report.shape
    );
    Ok(report)
}

/// Whether a file can be written there, without writing to it or leaving one behind. What is no file, such as a pipe or
/// a terminal, is left alone: opening it may wait for a reader, or be the end of what one reads.
fn check_writable(path: &Path) -> Result<()> {
    let opened = match std::fs::metadata(path) {
        Ok(there) if there.is_file() || there.is_dir() => OpenOptions::new().append(true).open(path).map(drop),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => match std::fs::read_link(path) {
            // A link to what is not there yet: that is what would be made.
            Ok(target) => return check_writable(&path.with_file_name(target)),
            Err(_) => File::create_new(path).and_then(|_| std::fs::remove_file(path)),
        },
        Err(error) => Err(error),
    };
    opened.with_context(|| format!("{} can't be written", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}

/// Adds the ratios to the floors where the figures are there.
fn fill_ratios(report: &mut RunReport) {
    let cpu = report.server.as_ref().map(|server| server.cpu_us_per_delivery);
    let measured = |distribution: &Distribution, figure: f64| (distribution.count > 0).then_some(figure);
    let p99 = measured(&report.latency, report.latency.p99_ms);
    let last = measured(&report.last, report.last.p50_ms);
    for floor in &mut report.floors {
        floor.cpu_ratio = floor.cpu_ratio.or_else(|| ratio(cpu?, floor.cpu_us_per_delivery));
        floor.p99_ratio = floor.p99_ratio.or_else(|| ratio(p99?, floor.latency.p99_ms));
        floor.last_ratio = floor.last_ratio.or_else(|| ratio(last?, floor.last.p50_ms));
    }
}

/// `this / that`, where that means something.
pub(crate) fn ratio(this: f64, that: f64) -> Option<f64> {
    (that > 0.0).then_some(this / that)
}

/// One figure of a report that two runs can be compared by. Lower is better, but for `higher_is_better`.
pub(crate) struct Figure {
    /// What it is, with its unit.
    pub(crate) name: String,
    /// In the report at hand.
    pub(crate) this: f64,
    /// In the one compared with, where it has it.
    pub(crate) other: Option<f64>,
}

/// The figures of `report`, beside those of `other`.
pub(crate) fn figures(report: &RunReport, other: Option<&RunReport>) -> Vec<Figure> {
    let theirs: Vec<(String, f64)> = other.map(list).unwrap_or_default();
    let mine = list(report).into_iter();
    mine.map(|(name, this)| {
        let other = theirs.iter().find(|(their_name, _)| *their_name == name).map(|&(_, figure)| figure);
        Figure { name, this, other }
    })
    .collect()
}

fn list(report: &RunReport) -> Vec<(String, f64)> {
    let mut list: Vec<(String, f64)> = Vec::new();
    let mut add = |name: &str, figure: f64| list.push((name.to_owned(), figure));
    if report.deliveries > 0 {
        add("deliveries", report.deliveries as f64);
        add("frames", report.frames as f64);
        add("bytes per frame", report.frame_bytes as f64 / report.frames.max(1) as f64);
        add("bytes per delivery", report.frame_bytes as f64 / report.deliveries as f64);
        add("connecting everybody, s", report.connect_s);
        add("load test's CPU per delivery, µs", report.client_cpu_us_per_delivery);
    }
    if let Some(server) = &report.server {
        add("server CPU per delivery, µs", server.cpu_us_per_delivery);
        add("server CPU in all, s", server.cpu_s);
        add("memory per connection, KiB", server.rss_per_connection_kib);
        add("memory per connection without files, KiB", server.anon_per_connection_kib);
        add("resident when idle, MiB", server.rss_idle_kib as f64 / 1024.0);
        add("resident at the end, MiB", server.rss_end_kib as f64 / 1024.0);
        add("voluntary context switches", server.switches_voluntary as f64);
        add("involuntary context switches", server.switches_involuntary as f64);
    }
    let kernel = report.latency_kernel.as_ref();
    let times = [
        ("latency", Some(&report.latency)),
        ("latency to the kernel", kernel),
        ("to the first client", Some(&report.first)),
        ("to the last client", Some(&report.last)),
    ];
    for (name, times) in times.into_iter().filter_map(|(name, times)| Some((name, times?))) {
        if times.count > 0 {
            add(&format!("{name}, p50 ms"), times.p50_ms);
            add(&format!("{name}, p99 ms"), times.p99_ms);
            add(&format!("{name}, max ms"), times.max_ms);
        }
    }
    for floor in &report.floors {
        let name = floor_name(floor);
        add(&format!("{name}: CPU per delivery, µs"), floor.cpu_us_per_delivery);
        add(&format!("{name}: latency, p50 ms"), floor.latency.p50_ms);
        add(&format!("{name}: latency, p99 ms"), floor.latency.p99_ms);
        add(&format!("{name}: to the last client, p50 ms"), floor.last.p50_ms);
        let ratios = [
            ("CPU", floor.cpu_ratio),
            ("p99", floor.p99_ratio),
            ("time to the last client", floor.last_ratio),
        ];
        for (what, ratio) in ratios.into_iter().filter_map(|(what, ratio)| Some((what, ratio?))) {
            add(&format!("{what} over {name}"), ratio);
        }
    }
    for (name, figure) in &report.extra {
        add(&name.replace('_', " "), *figure);
    }
    list
}

/// Who took part: `10,000 clients`; of `ingest`, `16 feeds, 4 watchers`.
pub(crate) fn who(report: &RunReport) -> String {
    let clients = number(report.clients as f64);
    match report.extra.get("feeds") {
        Some(feeds) => format!("{} feeds, {clients} watchers", number(*feeds)),
        None => format!("{clients} clients"),
    }
}

/// `floor send`, `floor io_uring, 2 threads`.
pub(crate) fn floor_name(floor: &Floor) -> String {
    match floor.threads {
        1 => format!("floor {}", floor.via),
        threads => format!("floor {}, {threads} threads", floor.via),
    }
}

/// A number with three or more significant digits, thousands apart.
pub(crate) fn number(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size == size.round() || size >= 1_000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let plain = format!("{figure:.digits$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut spaced = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    spaced + rest
}

fn comparison_text(report: &RunReport, other: &RunReport) -> String {
    let mut text = format!("compared     with {}\n", other.command);
    for Figure { name, this, other } in figures(report, Some(other)) {
        let Some(other) = other else { continue };
        let times = ratio(this, other).map_or_else(String::new, |ratio| format!("× {ratio:.2}"));
        // Writing to a string can't fail.
        _ = writeln!(text, "  {name:<46} {:>12} {:>12}  {times}", number(this), number(other));
    }
    text
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            p50_ms,
            p99_ms,
            p999_ms,
            max_ms,
            ..
        } = self;
        write!(
            f,
            "p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, p99.9 {p999_ms:.2} ms, slowest {max_ms:.2} ms"
        )
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {:.2} µs CPU per delivery, {} deliveries",
            floor_name(self),
            self.cpu_us_per_delivery,
            number(self.deliveries as f64)
        )?;
        writeln!(f, "  latency    {}", self.latency)?;
        writeln!(f, "  last       {}", self.last)?;
        let ratios = [
            ("CPU", self.cpu_ratio),
            ("p99", self.p99_ratio),
            ("time to the last client", self.last_ratio),
        ];
        let told: Vec<String> = ratios
            .into_iter()
            .filter_map(|(what, ratio)| Some(format!("{:.2} × its {what}", ratio?)))
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        writeln!(f, "  server     {}", told.join(", "))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `ingest` counts by event, and has no idle clients to tell of.
        if self.cpu_us_per_delivery <= 0.0 {
            return writeln!(
                f,
                "  server     {:.2} s CPU in all; {} MiB resident before, {} at the end",
                self.cpu_s,
                self.rss_idle_kib / 1024,
                self.rss_end_kib / 1024
            );
        }
        writeln!(
            f,
            "  server     {:.2} µs CPU per delivery ({:.2} s in all), {} voluntary and {} involuntary context switches",
            self.cpu_us_per_delivery, self.cpu_s, self.switches_voluntary, self.switches_involuntary
        )?;
        writeln!(
            f,
            "  memory     {} MiB resident when idle, {} at the end; {:.2} KiB per connection ({:.2} KiB without mapped files)",
            self.rss_idle_kib / 1024,
            self.rss_end_kib / 1024,
            self.rss_per_connection_kib,
            self.anon_per_connection_kib
        )
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |figure: u64| number(figure as f64);
        writeln!(f, "{:<12} {}, {} events", self.scenario, who(self), count(self.events))?;
        if self.deliveries > 0 {
            writeln!(f, "  connected  in {:.2} s", self.connect_s)?;
            writeln!(
                f,
                "  deliveries {} in {:.1} s; {} clients broke",
                count(self.deliveries),
                self.duration_s,
                self.clients_broken
            )?;
            writeln!(
                f,
                "  frames     {} of {} bytes, {} merged, {} late snapshots",
                count(self.frames),
                self.frame_bytes.checked_div(self.frames).unwrap_or(0),
                count(self.frames_merged),
                self.snapshots_late
            )?;
            writeln!(
                f,
                "  coding     {}, {:.1} bytes a delivery, {} frames compressed",
                self.coding,
                self.frame_bytes as f64 / self.deliveries as f64,
                count(self.frames_deflated)
            )?;
        }
        if self.latency.count > 0 {
            writeln!(f, "  latency    {}", self.latency)?;
            if let Some(kernel) = &self.latency_kernel {
                writeln!(f, "  to kernel  {kernel}")?;
            }
            writeln!(f, "  first      {}", self.first)?;
            writeln!(f, "  last       {}", self.last)?;
            writeln!(
                f,
                "  load test  {:.2} µs CPU per delivery on the receiving side",
                self.client_cpu_us_per_delivery
            )?;
        }
        self.server.iter().try_for_each(|server| write!(f, "{server}"))?;
        self.extra
            .iter()
            .try_for_each(|(name, figure)| writeln!(f, "  {name:<32} {}", number(*figure)))?;
        self.floors.iter().try_for_each(|floor| write!(f, "{floor}"))?;
        for limit in &self.limits {
            let verdict = match &limit.reason {
                _ if limit.held => "held".to_owned(),
                Some(reason) => format!("NOT HELD: {reason}"),
                None => "NOT HELD".to_owned(),
            };
            writeln!(
                f,
                "limit        {} ≤ {}: {} {verdict}",
                limit.name,
                number(limit.most),
                number(limit.measured)
            )?;
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "{:<12} {note}", "not verified"))?;
        if self.ok {
            return writeln!(f, "{:<12} nothing lost, nothing wrong, every limit held", "right");
        }
        let over = self.limits.iter().filter(|limit| !limit.held).count();
        if self.fault_count == 0 && over > 0 {
            return writeln!(f, "OVER A LIMIT {over} of {}; nothing lost, nothing wrong", self.limits.len());
        }
        writeln!(f, "{:<12} {} faults", "WRONG", self.fault_count)?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Limit;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::os::unix::fs::{OpenOptionsExt as _, symlink};
    use std::process::Command;

    #[test]
    fn asking_whether_a_file_can_be_written_leaves_everything_as_it_is() {
        let folder = std::env::temp_dir().join(format!("scorewire-loadtest-writable-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("pages")).unwrap();
        let at = |name: &str| folder.join(name);
        check_writable(&at("new")).unwrap();
        assert!(!at("new").exists());
        std::fs::write(at("kept"), "page").unwrap();
        check_writable(&at("kept")).unwrap();
        assert_eq!(std::fs::read_to_string(at("kept")).unwrap(), "page");
        // A link stays, and what it names is not made; one into a folder that is not there can't be written.
        symlink("pages/later", at("link")).unwrap();
        check_writable(&at("link")).unwrap();
        assert!(at("link").is_symlink() && !at("pages/later").exists());
        symlink("nowhere/later", at("astray")).unwrap();
        for refused in ["astray", "pages", "nowhere/file"] {
            assert!(check_writable(&at(refused)).is_err(), "{refused}");
        }
        // Nobody hangs up on the reader of a pipe.
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let reader = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(at("pipe"))
            .unwrap();
        check_writable(&at("pipe")).unwrap();
        let mut watched = [PollFd::new(&reader, PollFlags::IN)];
        poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
        assert!(!watched[0].revents().contains(PollFlags::HUP));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_limit_that_did_not_hold_is_no_fault() {
        let limit = |held, reason: Option<&str>| Limit {
            name: "p99-ms".to_owned(),
            most: 5.0,
            measured: 7.0,
            held,
            reason: reason.map(str::to_owned),
        };
        let mut report = RunReport {
            limits: vec![limit(true, None), limit(false, Some("too little was timed"))],
            ..RunReport::default()
        };
        let text = report.to_string();
        assert!(
            text.contains("p99-ms ≤ 5: 7 held\n") && text.contains("NOT HELD: too little was timed\n"),
            "{text}"
        );
        assert!(text.ends_with("OVER A LIMIT 1 of 2; nothing lost, nothing wrong\n"), "{text}");
        report.fault_count = 3;
        assert!(report.to_string().contains("WRONG        3 faults"), "{report}");
    }
}
