//! Which metrics move while this process runs: what servers' pages showed, kept in the file that
//! [`FILE`] names. Without it nothing is done.

use scorewire::telemetry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, Once};
use std::time::Duration;

/// The variable with the path of the file: a name a line, of each metric that moved.
pub(crate) const FILE: &str = "SCOREWIRE_MOVED";

/// The time between two looks at one page. Levels that last shorter may be missed, but for pages that a test
/// looks at itself.
const PAUSE: Duration = Duration::from_millis(100);

/// A page that a test has before it.
pub(crate) fn show(page: &str) {
    if let Some(path) = std::env::var_os(FILE) {
        note(page, &PathBuf::from(path));
    }
}

/// A server whose page is followed.
#[derive(Clone, Copy)]
pub(crate) struct Watched(Option<SocketAddr>);

impl Watched {
    /// A last look before it ends: what moved just now is seen, too. May take as long as the server does to answer.
    pub(crate) fn look(self) {
        if let Some((path, address)) = std::env::var_os(FILE).zip(self.0) {
            page(address).iter().for_each(|page| note(page, &PathBuf::from(&path)));
        }
    }
}

/// Follows a server's page, where it is asked over plain HTTP: levels are read off then. What this process counts is
/// looked at from inside, also after the server's end.
pub(crate) fn watch(address: Option<SocketAddr>) -> Watched {
    follow(address);
    Watched(address)
}

fn follow(address: Option<SocketAddr>) {
    static INSIDE: Once = Once::new();
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let of_counts = path.clone();
    INSIDE.call_once(|| {
        std::thread::spawn(move || {
            let handle = telemetry::install();
            loop {
                note(&telemetry::render(&handle), &of_counts);
                std::thread::sleep(PAUSE);
            }
        });
    });
    let Some(address) = address else { return };
    std::thread::spawn(move || {
        let mut failures = 0;
        // A server that is gone answers nobody, one that lets no operator in never does.
        while failures < 5 {
            match page(address) {
                Some(page) => note(&page, &path),
                None => failures += 1,
            }
            std::thread::sleep(PAUSE);
        }
    });
}

fn page(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

/// What was seen so far: the first value of each series, and the metrics that had another since. A series begins
/// at 0: whatever shows something else at once has moved, but for what rests at 1.
#[derive(Default)]
struct Seen {
    first: BTreeMap<String, String>,
    moved: BTreeSet<String>,
}

/// At 1 from the start, so that only another value is a move.
const RESTS_AT_ONE: [&str; 1] = ["scorewire_log_healthy"];

fn note(page: &str, path: &PathBuf) {
    static SEEN: Mutex<Option<Seen>> = Mutex::new(None);
    let mut seen = SEEN.lock().unwrap();
    let seen = seen.get_or_insert_default();
    let before = seen.moved.len();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        if value.parse::<f64>().is_err() {
            continue;
        }
        let name = series.split('{').next().unwrap_or_default();
        let rest = if RESTS_AT_ONE.contains(&name) { "1" } else { "0" };
        let first = seen.first.entry(series.to_owned()).or_insert_with(|| rest.to_owned());
        if value != first.as_str() && value != "NaN" && !seen.moved.contains(name) {
            seen.moved.insert(name.to_owned());
        }
    }
    if seen.moved.len() > before {
        let names: Vec<&str> = seen.moved.iter().map(String::as_str).collect();
        let written = path.with_extension("new");
        std::fs::write(&written, names.join("\n")).unwrap();
        std::fs::rename(written, path).unwrap();
    }
}
