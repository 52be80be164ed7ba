//! Posting: events on schedule, and what else happens meanwhile.

use super::{Act, Plan, Running};
use crate::crew::Order;
use crate::feed::stamped;
use crate::post::Http;
use crate::revisions::Revisions;
use crate::target::Target;
use crate::{clock, interrupt};
use anyhow::{Context as _, Result};

/// Event lines in one request.
const POST_LINES_MAX: usize = 500;

/// Which lines of a plan say nothing new.
pub(super) struct Repeats {
    pub(super) opening: Vec<bool>,
    pub(super) lines: Vec<bool>,
}

impl Repeats {
    pub(super) fn of(plan: &Plan) -> Result<Self> {
        let mut revisions = Revisions::default();
        let mut repeats = |lines: &[String]| -> Result<Vec<bool>> {
            let repeats = lines
                .iter()
                .map(|line| Ok(!revisions.counts(&serde_json::from_str(line).context("an event that is no JSON")?)));
            repeats.collect()
        };
        Ok(Self {
            opening: repeats(&plan.opening)?,
            lines: repeats(&plan.lines)?,
        })
    }
}

fn count(repeats: &[bool]) -> usize {
    repeats.iter().filter(|&&is_repeat| is_repeat).count()
}

/// Posts what comes before the run.
pub(super) fn open(feed: &mut Http, plan: &Plan, repeats: &[bool]) -> Result<()> {
    for (lines, repeats) in plan.opening.chunks(POST_LINES_MAX).zip(repeats.chunks(POST_LINES_MAX)) {
        let lines: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        feed.post_events(&lines, count(repeats))?;
    }
    Ok(())
}

impl Running<'_> {
    /// Everything on schedule; how many events were taken. Events that are due by the time of a request go with it.
    /// With the first that is not taken posting ends, and when somebody asks for it.
    pub(super) fn post(&mut self, feed: &mut Http, t0_ns: u64, ts0_us: u64) -> Result<usize> {
        let schedule = &self.plan.schedule;
        let mut acts = self.plan.acts.iter().peekable();
        let mut next = 0;
        while next < schedule.events() || acts.peek().is_some() {
            let event_us = if next < schedule.events() {
                schedule.due_us(next as u32)
            } else {
                u64::MAX
            };
            if let Some((at_us, act)) = acts.next_if(|(at_us, _)| *at_us <= event_us) {
                if !self.wait(t0_ns + at_us * 1_000)? {
                    return self.end(next, format!("interrupted after {next} of {} events", schedule.events()));
                }
                self.act(*act)?;
                continue;
            }
            if !self.wait(t0_ns + event_us * 1_000)? {
                return self.end(next, format!("interrupted after {next} of {} events", schedule.events()));
            }
            let now_us = ((clock::monotonic_ns() - t0_ns) / 1_000).min(acts.peek().map_or(u64::MAX, |(at_us, _)| *at_us));
            let first = next;
            let mut lines = String::new();
            while next < schedule.events() && next - first < POST_LINES_MAX && (next == first || schedule.due_us(next as u32) <= now_us) {
                lines += &stamped(&self.plan.lines[next], ts0_us + schedule.due_us(next as u32));
                next += 1;
            }
            if let Err(error) = feed.post_events(&lines, count(&self.repeats[first..next])) {
                return self.end(first, format!("posting ended with events {} to {next}: {error:#}", first + 1));
            }
        }
        Ok(next)
    }

    /// Waits until then (monotonic); false where somebody asked to stop.
    fn wait(&mut self, until_ns: u64) -> Result<bool> {
        while !interrupt::asked() {
            let now_ns = clock::monotonic_ns();
            if now_ns >= until_ns {
                return Ok(true);
            }
            self.watch
                .listen(&self.crew, until_ns.min(now_ns + interrupt::LOOK.as_nanos() as u64))?;
        }
        Ok(false)
    }

    /// Posting ends before its end, with so many events taken.
    fn end(&mut self, taken: usize, fault: String) -> Result<usize> {
        self.cut_short(fault);
        // Whoever stalls reads what there is.
        self.crew.order(&Order::Read)?;
        Ok(taken)
    }

    fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Cut => self.crew.order(&Order::Cut {
                at_ns: clock::monotonic_ns(),
            }),
            Act::Stall => self.crew.order(&Order::Stall),
            Act::Read => self.crew.order(&Order::Read),
            Act::Refusing(due) => {
                let refusing = slow_clients(&self.settings.admin);
                match refusing {
                    Ok(count) if count as usize >= due => {}
                    Ok(count) => self.faults.push(format!(
                        "only {count} of {due} sockets refused bytes when the measurement began: nothing is said about stalled clients"
                    )),
                    Err(error) => self.faults.push(format!("whether sockets refused bytes can't be known: {error:#}")),
                }
                Ok(())
            }
        }
    }
}

/// What the server's metrics call slow clients: those whose socket refuses bytes now.
pub(super) fn slow_clients(admin: &Target) -> Result<f64> {
    let text = Http::new(admin)
        .text("/metrics")
        .with_context(|| format!("at {} (--admin-url?)", admin.host))?;
    let line = text.lines().find_map(|line| line.strip_prefix("scorewire_slow_clients "));
    line.and_then(|count| count.trim().parse().ok())
        .with_context(|| format!("GET /metrics at {} has no scorewire_slow_clients (--admin-url?)", admin.host))
}
