//! A Redis of a test's own, on a free port.

use super::hostile::binary::Folder;
use super::support::skipped::skipped;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running one; it ends with this.
pub(crate) struct Redis {
    child: Option<Child>,
    folder: Folder,
    pub(crate) port: u16,
    arguments: Vec<String>,
}

/// Tries to reach it once it was started, with 20 ms between.
const TRIES: usize = 500;

impl Redis {
    /// Starts one that keeps all it was told on its disk. Nothing where it is not installed, which is said.
    pub(crate) fn start(name: &str) -> Option<Redis> {
        Redis::start_with(name, &["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
    }

    /// The same with settings of the test's own.
    pub(crate) fn start_with(name: &str, arguments: &[&str]) -> Option<Redis> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            skipped("redis-server is not installed (apt-get install redis-server)");
            return None;
        }
        // Nobody else takes it in between, or the start fails and says so.
        let port = free_port();
        let mut redis = Redis {
            child: None,
            folder: Folder::new(name),
            port,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        };
        redis.run();
        Some(redis)
    }

    /// Its address, as a setting.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again on the same port, with what it had on disk.
    pub(crate) fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]);
        command.arg(self.folder.path()).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        for _ in 0..TRIES {
            if self
                .ask("PING")
                .is_some_and(|answer| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"))
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("redis-server does not answer on port {}", self.port);
    }

    /// Kills it without a word.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it, or has it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Its settings, as they are from the next start on.
    pub(crate) fn arguments(&mut self) -> &mut Vec<String> {
        &mut self.arguments
    }

    /// Removes what it had on disk; for one that does not run.
    pub(crate) fn forget(&self) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(path)
            } else {
                std::fs::remove_file(path)
            };
            removed.unwrap();
        }
    }

    /// Sends a command as people type it; the beginning of the answer.
    pub(crate) fn ask(&self, command: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        socket.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut answer = [0; 4096];
        let read = socket.read(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }
}

/// A port that is free, as is the one that a Redis Cluster takes besides: by 10,000 higher.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let besides = port.checked_add(10_000);
        if besides.is_some_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
