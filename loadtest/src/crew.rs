//! Child processes and what is said between them and the parent.
//!
//! A process may be capped at 20,000 descriptors, and CPU time is only told apart by process, so
//! the receiving side runs in children: this same binary, started again with a hidden subcommand.
//! JSON lines both ways: a [`Job`] and [`Order`]s go in by standard input, [`Word`]s come back by
//! standard output; standard error is shared. A child ends when its standard input does, so none
//! outlives its parent. The channel from the children holds at most [`WORDS_PENDING_MAX`] lines.

use crate::hostile;
use crate::job::{self, Round};
use crate::judge::Moved;
use crate::latency::LatencyCounts;
use crate::trace::PackedTrace;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Lines from children that wait to be read by the parent.
const WORDS_PENDING_MAX: usize = 256;

/// What a child is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub(crate) enum Job {
    /// The readers of the floor: bare TCP, nothing parsed.
    Readers {
        /// Where the sender listens.
        to: SocketAddr,
        /// The clients of the trace that this child is.
        clients: Range<usize>,
        /// What will be sent to whom.
        trace: PackedTrace,
    },
    /// WebSocket clients that verify what they get.
    Clients(Box<job::Clients>),
    /// Clients that break every rule.
    Hostile(Box<hostile::Mob>),
}

/// From the parent, after the job.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(crate) enum Order {
    /// The first event is meant to go out at `t0_ns` (monotonic); its `ts` is `ts0_us`.
    Start {
        /// Monotonic nanoseconds.
        t0_ns: u64,
        /// Microseconds since the Unix epoch.
        ts0_us: u64,
    },
    /// Cut all connections and come back.
    Cut {
        /// When that was decided, monotonic nanoseconds.
        at_ns: u64,
    },
    /// Those who are to stall stop reading.
    Stall,
    /// They read again.
    Read,
    /// Nothing more is posted: be done when everybody has what the server shows, or is lost.
    Settle {
        /// What it shows, by topic; null for one that nobody follows. Nothing where it does not say: then those who
        /// are not lost wait for what may come.
        snapshots: Option<Vec<Value>>,
        /// Events that the server took, for sure.
        taken: usize,
    },
    /// Stop waiting and report what there is; what is missing is a fault.
    Finish,
    /// The same, but that it is none: somebody asked to stop.
    Interrupt,
}

/// From a child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub(crate) enum Word {
    /// How far it is.
    Progress(Progress),
    /// Everybody is connected (and subscribed), or has failed to.
    Ready {
        /// How long that took.
        connect_ms: u64,
        /// Those who failed, and why (the first few).
        failed: u64,
        /// The first few reasons.
        faults: Vec<String>,
    },
    /// The result; nothing follows.
    Done(Box<Tally>),
    /// The result of the hostile clients; nothing follows.
    Mob(hostile::Ledger),
    /// The child can't go on.
    Failed {
        /// Why.
        error: String,
    },
}

/// How far a child is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Clients connected and subscribed.
    pub(crate) connected: u64,
    /// Events received, summed over clients.
    pub(crate) deliveries: u64,
    /// 99th percentile of their latency so far.
    pub(crate) p99_us: u64,
}

/// What the clients of one child (or, added up, of all) received.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Events received, summed over clients; a merged frame delivers several.
    pub(crate) deliveries: u64,
    /// Delta frames received.
    pub(crate) frames: u64,
    /// Delta frames that stood for more than one event.
    pub(crate) merged: u64,
    /// Delta frames that came compressed.
    pub(crate) deflated: u64,
    /// Snapshots after the first one: the client had fallen behind the ring.
    pub(crate) late_snapshots: u64,
    /// Bytes of the delta frames, headers included.
    pub(crate) frame_bytes: u64,
    /// Messages parsed and checked in full.
    pub(crate) parsed: u64,
    /// Messages that equalled, byte for byte, one already checked.
    pub(crate) compared: u64,
    /// Clients that hold the state after the last event.
    pub(crate) complete: u64,
    /// Clients given up: closed by the server or sent something wrong.
    pub(crate) broken: u64,
    /// Things that were wrong, all told.
    pub(crate) fault_count: u64,
    /// The first few of them, in words.
    pub(crate) faults: Vec<String>,
    /// Latency of the deliveries, of clients that don't stall.
    pub(crate) latency: LatencyCounts,
    /// The same until the kernel had it, where it was asked.
    pub(crate) kernel: LatencyCounts,
    /// The same by phase of the run, where it has several.
    pub(crate) phases: Vec<LatencyCounts>,
    /// Deliveries whose event no frame named: they came in a snapshot.
    pub(crate) untimed: u64,
    /// Which event moved which topic, where no script says it.
    pub(crate) moves: Vec<Moved>,
    /// How everybody came back after each cut.
    pub(crate) rounds: Vec<Round>,
    /// Totals that the sampled clients hold, in 1/10,000 point: one map a client.
    pub(crate) samples: Vec<BTreeMap<String, i64>>,
    /// CPU time the child used after the start.
    pub(crate) cpu_ns: u64,
}

/// Faults told in words by one child; the rest are counted.
pub(crate) const FAULTS_TOLD_MAX: usize = 8;

/// Writes one word to the parent.
pub(crate) fn say(word: &Word) -> Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush().context("the parent is gone")
}

/// The running children.
pub(crate) struct Crew {
    children: Vec<(Child, Option<ChildStdin>)>,
    words: Receiver<(usize, Word)>,
}

impl Crew {
    /// Starts one child a job.
    pub(crate) fn start(jobs: &[Job]) -> Result<Self> {
        let (sender, words) = sync_channel(WORDS_PENDING_MAX);
        let mut crew = Self {
            children: Vec::new(),
            words,
        };
        for (index, job) in jobs.iter().enumerate() {
            let program = std::env::current_exe().context("the own binary can't be found to start the client process")?;
            let mut child = Command::new(program)
                .arg("child")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                // Ctrl-C is for the parent, which has a report of theirs to write.
                .process_group(0)
                .spawn()
                .context("the client process can't be started")?;
            let (input, output) = (child.stdin.take(), child.stdout.take());
            crew.children.push((child, input));
            crew.tell(index, job)?;
            let output = output.context("the child has no standard output")?;
            let sender = sender.clone();
            std::thread::spawn(move || listen(index, BufReader::new(output), &sender));
        }
        Ok(crew)
    }

    /// How many children there are.
    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// Tells every child.
    pub(crate) fn order(&mut self, order: &Order) -> Result<()> {
        (0..self.children.len()).try_for_each(|index| self.tell(index, order))
    }

    /// The next word of any child with that child's number, or nothing within `timeout`.
    pub(crate) fn hear(&self, timeout: Duration) -> Result<Option<(usize, Word)>> {
        match self.words.recv_timeout(timeout) {
            Ok((index, Word::Failed { error })) => bail!("client process {index}: {error}"),
            Ok(said) => Ok(Some(said)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("every client process is gone"),
        }
    }

    fn tell(&mut self, index: usize, what: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        let (_, Some(input)) = &mut self.children[index] else {
            bail!("client process {index} is already being stopped")
        };
        input.write_all(&line).with_context(|| format!("client process {index} is gone"))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for (_, input) in &mut self.children {
            drop(input.take());
        }
        for (child, _) in &mut self.children {
            // A child that already ended has nothing left to wait for.
            drop(child.wait());
        }
    }
}

/// Passes a child's words on until its output ends.
fn listen(index: usize, output: impl BufRead, sender: &SyncSender<(usize, Word)>) {
    let mut done = false;
    for line in output.lines() {
        let Ok(line) = line else { break };
        let word = serde_json::from_str(&line).unwrap_or_else(|error| Word::Failed {
            error: format!("unreadable report ({error}): {line}"),
        });
        done |= matches!(word, Word::Done(_) | Word::Mob(_));
        if sender.send((index, word)).is_err() {
            return;
        }
    }
    if !done {
        // The parent may have stopped listening already.
        drop(sender.send((
            index,
            Word::Failed {
                error: "ended before it reported".to_owned(),
            },
        )));
    }
}
