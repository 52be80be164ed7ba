//! The server's process second by second: CPU, memory and who is connected.
//!
//! Bounded by the seconds of the run.

use crate::proc::{self, CpuReading};
use crate::shape::Second;
use std::collections::BTreeMap;

const SECOND_NS: u64 = 1_000_000_000;

#[derive(Debug, Default)]
struct Look {
    cores: Option<f64>,
    rss_kib: Option<u64>,
    connected: u64,
}

/// One look at the server for each second of a run.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    pid: Option<u32>,
    t0_ns: Option<u64>,
    next_ns: u64,
    last: Option<(u64, CpuReading)>,
    looks: BTreeMap<u64, Look>,
}

impl Timeline {
    /// The server's process, for its CPU and memory.
    pub(crate) fn sample(&mut self, pid: Option<u32>) {
        self.pid = pid;
    }

    /// Second 0 begins at `t0_ns` (monotonic).
    pub(crate) fn start(&mut self, t0_ns: u64) {
        (self.t0_ns, self.next_ns) = (Some(t0_ns), t0_ns + SECOND_NS);
        self.last = self.pid.and_then(|pid| CpuReading::take(pid).ok()).map(|reading| (t0_ns, reading));
    }

    /// Which second it is; 0 before the start.
    pub(crate) fn at_s(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.t0_ns.unwrap_or(now_ns)) / SECOND_NS
    }

    /// Looks at the server where a second has gone by. A process that can't be read leaves a gap.
    pub(crate) fn look(&mut self, now_ns: u64, connected: u64) {
        let Some(t0_ns) = self.t0_ns.filter(|_| now_ns >= self.next_ns) else {
            return;
        };
        let at_s = self.at_s(now_ns);
        self.next_ns = t0_ns + (at_s + 1) * SECOND_NS;
        let reading = self.pid.and_then(|pid| CpuReading::take(pid).ok());
        let mut look = Look {
            cores: None,
            rss_kib: self.pid.and_then(|pid| proc::memory(pid).ok()).map(|memory| memory.rss_kib),
            connected,
        };
        if let (Some((before_ns, before)), Some(reading)) = (&self.last, &reading) {
            look.cores = Some(reading.since(before) as f64 / now_ns.saturating_sub(*before_ns).max(1) as f64);
        }
        self.last = reading.map(|reading| (now_ns, reading));
        // What was seen at the end of a second is that second's.
        self.looks.insert(at_s.saturating_sub(1), look);
    }

    /// Puts what was seen into the seconds of the deliveries; seconds without any are added.
    pub(crate) fn fill(&self, seconds: &mut Vec<Second>) {
        let end = self.looks.last_key_value().map_or(0, |(&at_s, _)| at_s + 1);
        for at_s in seconds.len() as u64..end {
            seconds.push(Second { at_s, ..Second::default() });
        }
        for second in seconds {
            if let Some(look) = self.looks.get(&second.at_s) {
                (second.server_cores, second.server_rss_kib) = (look.cores, look.rss_kib);
                second.connected = look.connected;
            }
        }
    }

    /// By how much the server's memory grew, in KiB an hour: the slope of the least-squares line, the
    /// first tenth of the run left out, in which rings and buffers fill.
    pub(crate) fn growth_kib_per_hour(&self) -> Option<f64> {
        let samples: Vec<(f64, f64)> = self
            .looks
            .iter()
            .filter_map(|(&at_s, look)| Some((at_s as f64 / 3_600.0, look.rss_kib? as f64)))
            .collect();
        slope(&samples[samples.len() / 10..])
    }
}

/// The slope of the least-squares line; nothing for fewer than two places.
fn slope(samples: &[(f64, f64)]) -> Option<f64> {
    let count = samples.len() as f64;
    let mean = |part: fn(&(f64, f64)) -> f64| samples.iter().map(part).sum::<f64>() / count;
    let (x0, y0) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let spread: f64 = samples.iter().map(|(x, _)| (x - x0).powi(2)).sum();
    let together: f64 = samples.iter().map(|(x, y)| (x - x0) * (y - y0)).sum();
    (spread > 0.0).then(|| together / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_a_slope() {
        assert_eq!(slope(&[(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]), Some(2.0));
        assert_eq!((slope(&[]), slope(&[(1.0, 1.0)])), (None, None));
    }

    #[test]
    fn what_was_seen_is_put_into_its_second() {
        let mut timeline = Timeline::default();
        timeline.sample(Some(std::process::id()));
        timeline.start(SECOND_NS);
        timeline.look(SECOND_NS + 5, 3);
        timeline.look(2 * SECOND_NS, 7);
        timeline.look(2 * SECOND_NS + 9, 8);
        timeline.look(4 * SECOND_NS, 9);
        let mut seconds = vec![Second {
            deliveries: 5,
            ..Second::default()
        }];
        timeline.fill(&mut seconds);
        assert_eq!(timeline.at_s(4 * SECOND_NS + 1), 3);
        let seen: Vec<(u64, u64)> = seconds.iter().map(|second| (second.deliveries, second.connected)).collect();
        assert_eq!(seen, [(5, 7), (0, 0), (0, 9)]);
        assert!(seconds[2].server_rss_kib.is_some_and(|kib| kib > 0) && seconds[1].server_cores.is_none());
    }
}
