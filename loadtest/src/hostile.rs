//! Hostile clients beside the crowd: a process of their own, which breaks every rule while the good ones are measured.
//!
//! ```text
//! hostile  the parent's side: what they are, what came of them
//! temper   what each of them does
//! visit    one connection of one of them
//! mob      all of them, in one epoll loop (child)
//! ```
//! Nothing of what they are sent is verified; what the server owes them is an end. It is counted by temper how many
//! connections were begun, how many the server put an end to, and how long the longest stood. Bounded by their number,
//! one connection each, and by the connections a second that all of them come back with.

pub(crate) mod mob;
mod temper;
mod visit;

use self::temper::Temper;
use crate::crew::{Crew, Job, Order, Word};
use crate::interrupt;
use crate::target::Target;
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// From the moment up to which they may still be there until the child has said so.
const REPORT: Duration = Duration::from_secs(10);

/// Who they are; the child's job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mob {
    /// The server's WebSocket endpoint.
    pub(crate) server: Target,
    /// How many.
    pub(crate) clients: usize,
    /// Connections a second, of all of them.
    pub(crate) per_s: f64,
    /// How long the server has to be rid of them at the end, in milliseconds; nothing: that is not waited for.
    pub(crate) gone_ms: Option<u64>,
    /// The topic that everybody watches.
    pub(crate) topic: String,
    /// The same seed makes the same mix, in the same order.
    pub(crate) seed: u64,
}

/// What became of the connections of one temper.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    /// Clients that have it.
    pub(crate) clients: u64,
    /// Connections begun.
    pub(crate) begun: u64,
    /// Those that got as far as to do what they came for.
    pub(crate) acted: u64,
    /// Those of them that the server then ended, in whichever way.
    pub(crate) ended: u64,
    /// Not let in: refused by the kernel, answered something else than an upgrade, or hung up on before.
    pub(crate) refused: u64,
    /// Still there at the end.
    pub(crate) there: u64,
    /// The longest time that one stood, in milliseconds.
    pub(crate) longest_ms: u64,
    /// What they sent.
    pub(crate) bytes: u64,
}

/// What the child tells at its end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// In the order of [`Temper::ALL`].
    counts: Vec<Count>,
    /// CPU time of the process.
    cpu_ns: u64,
}

/// What a run says of them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// By name.
    pub(crate) figures: BTreeMap<String, f64>,
    /// What makes the run fail.
    pub(crate) faults: Vec<String>,
}

/// Hostile clients at work.
pub(crate) struct Assault {
    crew: Crew,
    mob: Mob,
}

impl Mob {
    /// Starts them; they are at it once each has begun its first connection, which has `timeout` longer than it takes at
    /// their pace.
    ///
    /// # Errors
    /// They could not be started in time, or somebody asked to stop.
    pub(crate) fn start(&self, timeout: Duration) -> Result<Assault> {
        let crew = Crew::start(&[Job::Hostile(Box::new(self.clone()))])?;
        let pace = Duration::try_from_secs_f64(self.clients as f64 / self.per_s)?;
        match hear(&crew, timeout.saturating_add(pace), interrupt::check)? {
            Word::Ready { .. } => Ok(Assault { crew, mob: self.clone() }),
            other => bail!("the hostile clients said {other:?} before they were ready"),
        }
    }
}

impl Assault {
    /// Nobody comes back any more; what became of all of them once the server is rid of them, or has had the time for it.
    pub(crate) fn finish(mut self) -> Result<Findings> {
        self.crew.order(&Order::Finish)?;
        let patience = Duration::from_millis(self.mob.gone_ms.unwrap_or(0)) + REPORT;
        let crew = &mut self.crew;
        let heard = hear(crew, patience, interrupt::check);
        let is_cut_short = heard.is_err() && interrupt::asked();
        let word = if is_cut_short {
            // They report what there is.
            crew.order(&Order::Interrupt)?;
            hear(crew, REPORT, || Ok(()))?
        } else {
            heard?
        };
        let Word::Mob(ledger) = word else {
            bail!("the hostile clients said {word:?} at the end")
        };
        Ok(ledger.findings(&self.mob, is_cut_short))
    }
}

/// Their next word.
fn hear(crew: &Crew, timeout: Duration, check: impl Fn() -> Result<()>) -> Result<Word> {
    let mut left = timeout;
    while !left.is_zero() {
        check()?;
        let part = left.min(interrupt::LOOK);
        if let Some((_, word)) = crew.hear(part).context("the hostile clients")? {
            return Ok(word);
        }
        left -= part;
    }
    bail!("the hostile clients' process does not answer within {timeout:?}")
}

impl Ledger {
    fn findings(&self, mob: &Mob, is_cut_short: bool) -> Findings {
        let mut findings = Findings::default();
        let Findings { figures, faults } = &mut findings;
        let mut add = |name: &str, figure: f64| figures.extend([(format!("hostile_{name}"), figure)]);
        let sum = |of: fn(&Count) -> u64| self.counts.iter().map(of).sum::<u64>() as f64;
        add("clients", mob.clients as f64);
        add("connections", sum(|count| count.begun));
        add("refused", sum(|count| count.refused));
        add("there_at_the_end", sum(|count| count.there));
        add("mib_sent", sum(|count| count.bytes) / f64::from(1 << 20));
        add("cpu_s", self.cpu_ns as f64 / 1e9);
        for (temper, count) in Temper::ALL.iter().zip(&self.counts).filter(|(_, count)| count.clients > 0) {
            let name = temper.manner().name;
            add(&format!("{name}_begun"), count.begun as f64);
            add(&format!("{name}_ended"), count.ended as f64);
            add(&format!("{name}_longest_s"), count.longest_ms as f64 / 1e3);
            if is_cut_short {
                continue;
            }
            if count.acted == 0 {
                faults.push(format!(
                    "hostile clients ({name}): none of {} connections got as far as to do any harm, {} were refused: nothing is said about them",
                    count.begun, count.refused
                ));
            }
            if let Some(gone_ms) = mob.gone_ms.filter(|_| count.there > 0) {
                faults.push(format!(
                    "hostile clients ({name}): {} are still connected after {} s",
                    count.there,
                    gone_ms as f64 / 1e3
                ));
            }
        }
        findings
    }
}

/// Refuses what they can't be.
pub(crate) fn check(server: &Target) -> Result<()> {
    ensure!(
        server.trust.is_none(),
        "--hostile: hostile clients speak plain ws:// alone; give --url without TLS"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mob(gone_ms: Option<u64>) -> Mob {
        Mob {
            server: Target::parse("127.0.0.1:9", None).unwrap(),
            clients: 2,
            per_s: 1.0,
            gone_ms,
            topic: "game:x".to_owned(),
            seed: 1,
        }
    }

    fn ledger(acted: u64, there: u64) -> Ledger {
        let mut ledger = Ledger {
            counts: vec![Count::default(); Temper::ALL.len()],
            cpu_ns: 0,
        };
        ledger.counts[0] = Count {
            clients: 2,
            begun: 5,
            acted,
            there,
            ..Count::default()
        };
        ledger
    }

    #[test]
    fn who_did_no_harm_or_is_still_there_is_a_fault() {
        let faults = |ledger: Ledger, gone_ms| ledger.findings(&mob(gone_ms), false).faults.join("\n");
        assert_eq!(faults(ledger(5, 0), Some(1_000)), "", "tempers that nobody has are not asked for");
        assert_eq!(faults(ledger(5, 1), None), "", "that was not waited for");
        assert!(faults(ledger(0, 0), None).contains("none of 5 connections got as far"));
        assert!(faults(ledger(5, 1), Some(1_500)).contains("1 are still connected after 1.5 s"));
        assert_eq!(
            ledger(0, 1).findings(&mob(Some(1)), true).faults,
            Vec::<String>::new(),
            "nothing is held against a run that was cut short"
        );
    }
}
