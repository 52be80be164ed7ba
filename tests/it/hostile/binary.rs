//! The program itself, as people start it.

use super::PATIENCE;
use crate::support::moved;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// The program, without settings from the outside; with an event log where `--data-dir` says so.
pub(crate) fn scorewire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scorewire"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SCOREWIRE__") {
            command.env_remove(name);
        }
    }
    // Whoever wants an event log says where.
    if !arguments.contains(&"--data-dir") {
        command.env("SCOREWIRE__STORE__DURABILITY", "memory");
    }
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// How it ended, what it wrote and what it said.
pub(crate) fn outcome(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A folder of the test's own, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("scorewire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server of its own process.
pub(crate) struct Served {
    child: Child,
    lines: Receiver<String>,
    watched: moved::Watched,
    /// The line that told the addresses.
    pub(crate) listening: String,
    /// What it said before.
    pub(crate) before: Vec<String>,
}

impl Served {
    pub(crate) fn start(mut command: Command) -> Served {
        let mut child = command.spawn().unwrap();
        let lines = follow(child.stderr.take().unwrap());
        let mut before = Vec::new();
        let listening = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains("listening") => break line,
                Ok(line) => before.push(line),
                Err(error) => panic!("it does not listen: {error}\n{}", before.join("\n")),
            }
        };
        let watched = moved::watch(listening.split(' ').find_map(|word| word.strip_prefix("admin=")?.parse().ok()));
        Served {
            child,
            lines,
            watched,
            listening,
            before,
        }
    }

    /// `name=value` of the line that told the addresses.
    pub(crate) fn told(&self, name: &str) -> String {
        let mut words = self.listening.split(' ');
        let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name}: {}", self.listening)).to_owned()
    }

    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.told(name).parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it says that; its log up to there, from where it was read last.
    pub(crate) fn says(&self, text: &str) -> Vec<String> {
        let mut log = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            log.push(line.unwrap_or_else(|error| panic!("it does not say \"{text}\": {error}")));
            if log[log.len() - 1].contains(text) {
                return log;
            }
        }
    }

    /// Waits until it ends; its exit code and the rest of its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let log = self.lines.iter().collect();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.watched.look();
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log: Vec<String> = self.lines.iter().collect();
            println!("what {} said:\n{}", self.told("address"), log.join("\n"));
        }
    }
}

/// Reads a log as it is written; ends with it.
fn follow(log: ChildStderr) -> Receiver<String> {
    let (sender, lines) = sync_channel(10_000);
    std::thread::spawn(move || {
        for line in BufReader::new(log.take(1 << 20)).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A moment for something to happen that nothing tells of.
pub(crate) fn a_moment() {
    std::thread::sleep(Duration::from_millis(50));
}
