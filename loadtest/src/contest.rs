//! Contests beside the crowd: entries over the players whom the crowd follows, some of them watched.
//!
//! They are posted before anybody connects, and deleted at the end. Those who watch them are no part of the crowd: a
//! connection has a thread of its own and some 900 entries, since what a watched entry costs the server is
//! its view and its frame, not its socket. Every frame must lead on from the one before, its points by its change. At
//! the end the points of **all** entries are added up from the server's last word on the players, which is held
//! against the feed ([`crate::truth`]), and sorted by contest: each watched entry must stand just there.
//!
//! Bounded by [`ENTRIES_MAX`], [`CONTESTS_MAX`] and [`WATCHED_MAX`].

use crate::post::Http;
use crate::rosters::Dice;
use crate::socket::{Socket, TOPICS_MAX};
use crate::target::Target;
use crate::verify::points;
use crate::{clock, interrupt, rosters};
use anyhow::{Context as _, Result, anyhow, ensure};
use hdrhistogram::Histogram;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Players of an entry, each in a slot of the same name.
const SLOTS: usize = 9;
/// One place in so many is paid.
const PLACES_TO_ONE_PAID: usize = 5;
/// Share of the entries that the most wanted player is in.
const MOST_WANTED: f64 = 0.44;
/// Entries, at most: as many as a server takes of one contest by default.
pub(crate) const ENTRIES_MAX: usize = 2_000_000;
/// Contests, at most: as many as a server takes by default.
pub(crate) const CONTESTS_MAX: usize = 10_000;
/// Entries that are watched, at most.
pub(crate) const WATCHED_MAX: usize = 100_000;
/// Longest wait of one read: with nothing for so long, nothing more is under way.
const QUIET: Duration = Duration::from_millis(500);
/// What a watcher still reads once it was told to come to an end.
const END_NS: u64 = 10_000_000_000;
/// Longest latency told apart, in microseconds; longer ones count as this.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Faults told of one by one.
const FAULTS_TOLD_MAX: usize = 5;

/// Entries over the players whom clients follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entries {
    /// How many.
    pub(crate) count: usize,
    /// Into how many contests they are split.
    pub(crate) contests: usize,
    /// How many of them are watched.
    pub(crate) watched: usize,
}

/// The contests of a run.
#[derive(Debug, Clone)]
pub(crate) struct Contests {
    /// What their ids begin with.
    id: String,
    /// Entries of each but the last, which may have fewer.
    each: usize,
    /// By entry: whom it has, by topic's number.
    rosters: Vec<Vec<u32>>,
    /// How many of them are watched.
    watched: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// By name.
    pub(crate) figures: BTreeMap<String, f64>,
    /// What makes the run fail.
    pub(crate) faults: Vec<String>,
}

impl Contests {
    /// `entries` over the players that are somebody's, as `seed` draws them; `followers` says by topic how many those are,
    /// the most popular first.
    pub(crate) fn draw(id: String, followers: &[u64], entries: Entries, seed: u64) -> Result<Self> {
        let pool: Vec<u32> = (0..)
            .zip(followers)
            .filter(|(_, count)| **count > 0)
            .map(|(topic, _)| topic)
            .collect();
        ensure!(
            pool.len() >= SLOTS,
            "a contest needs {SLOTS} players whom somebody follows; there are {}",
            pool.len()
        );
        let shares = rosters::shares(pool.len(), SLOTS, MOST_WANTED);
        let mut dice = Dice::new(seed);
        let rosters = rosters::draw(&shares, entries.count, seed.wrapping_add(1))
            .into_iter()
            .map(|drawn| {
                // A systematic sample has one more or less now and then.
                let mut roster: Vec<u32> = drawn.into_iter().take(SLOTS).map(|rank| pool[rank as usize]).collect();
                while roster.len() < SLOTS {
                    let player = pool[dice.below(pool.len())];
                    if !roster.contains(&player) {
                        roster.push(player);
                    }
                }
                roster
            });
        Ok(Self {
            id,
            each: entries.count.div_ceil(entries.contests),
            rosters: rosters.collect(),
            watched: entries.watched.min(entries.count),
        })
    }

    /// Posts them; `topics` are the players' by number. Where one is refused, none stays.
    pub(crate) fn post(&self, http: &mut Http, topics: &[String], ruleset: &str) -> Result<()> {
        for contest in 0..self.count() {
            let posted = interrupt::check().and_then(|()| self.post_one(http, contest, topics, ruleset));
            let Err(refused) = posted else { continue };
            let deleted = self.delete_first(http, contest);
            // It may be there in part.
            drop(self.delete_one(http, contest));
            return Err(match deleted {
                Ok(()) => refused,
                Err(error) => refused.context(format!("contests stay on the server: {error:#}")),
            });
        }
        Ok(())
    }

    fn post_one(&self, http: &mut Http, contest: usize, topics: &[String], ruleset: &str) -> Result<()> {
        let entries = self.entries(contest);
        let last_paid = (entries.len() / PLACES_TO_ONE_PAID).max(1);
        let mut body = json!({
            "contest": self.id(contest),
            "ruleset": ruleset,
            "slots": vec!["FLEX"; SLOTS],
            "payouts": [{"from": 1, "to": last_paid, "amount": 10}],
        })
        .to_string();
        for entry in entries.clone() {
            let roster = &self.rosters[entry];
            let cells: Vec<&str> = roster.iter().map(|&topic| player_of(&topics[topic as usize])).collect();
            write!(body, "\n{}", json!({"entry": name(entry), "lineup": cells}))?;
        }
        let answer = http.post("/v1/contests", &body)?;
        ensure!(
            answer["entries"] == entries.len() && answer["rejected"] == 0,
            "of {} entries: {answer}",
            entries.len()
        );
        Ok(())
    }

    /// Takes them off the server.
    pub(crate) fn delete(&self, http: &mut Http) -> Result<()> {
        self.delete_first(http, self.count())
    }

    fn delete_first(&self, http: &mut Http, count: usize) -> Result<()> {
        (0..count).try_for_each(|contest| self.delete_one(http, contest))
    }

    fn delete_one(&self, http: &mut Http, contest: usize) -> Result<()> {
        http.delete(&format!("/v1/contests/{}", self.id(contest)))
    }

    fn count(&self) -> usize {
        self.rosters.len().div_ceil(self.each)
    }

    /// By number, those of a contest.
    fn entries(&self, contest: usize) -> Range<usize> {
        let first = contest * self.each;
        first..(first + self.each).min(self.rosters.len())
    }

    fn id(&self, contest: usize) -> String {
        format!("{}{contest}", self.id)
    }

    /// Connects whoever watches them; each is shown where it stands.
    pub(crate) fn watch(&self, target: &Target, timeout: Duration) -> Result<Watching> {
        let stop = Arc::new(AtomicBool::new(false));
        let watched: Vec<usize> = (0..self.watched).map(|place| place * self.rosters.len() / self.watched).collect();
        let mut threads = Vec::new();
        for part in watched.chunks(TOPICS_MAX - 1) {
            let mut names: Vec<String> = part.iter().map(|&entry| self.topic(entry)).collect();
            names.push(format!("contest:{}", self.id(part[0] / self.each)));
            let watcher = Watcher::connect(target, &names, timeout)?;
            let stop = stop.clone();
            threads.push(thread::spawn(move || watcher.run(&stop)));
        }
        Ok(Watching {
            contests: self.clone(),
            watched,
            stop,
            threads,
        })
    }

    fn topic(&self, entry: usize) -> String {
        format!("entry:{}/{}", self.id(entry / self.each), name(entry))
    }

    /// Where each entry must stand when its players have these last words: points in 1/10,000 and rank.
    fn standings(&self, last: &[Value]) -> Result<Vec<(i64, u64)>> {
        let of_player = |word: &Value| if word.is_null() { Ok(0) } else { points(&word["points"]) };
        let players: Vec<i64> = last.iter().map(of_player).collect::<Result<_>>()?;
        let totals: Vec<i64> = self
            .rosters
            .iter()
            .map(|roster| roster.iter().map(|&topic| players[topic as usize]).sum())
            .collect();
        let standings = totals.chunks(self.each).flat_map(|totals| {
            let mut order = totals.to_vec();
            order.sort_unstable();
            // One and how many have more.
            let rank = move |total: i64| (order.len() - order.partition_point(|other| *other <= total) + 1) as u64;
            totals.iter().map(move |&total| (total, rank(total)))
        });
        Ok(standings.collect())
    }
}

fn name(entry: usize) -> String {
    format!("e{entry}")
}

fn player_of(topic: &str) -> &str {
    topic.strip_prefix("player:").unwrap_or(topic)
}

/// Those who watch contests, at it.
pub(crate) struct Watching {
    contests: Contests,
    /// By number, those that are watched.
    watched: Vec<usize>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Watched>>>,
}

impl Watching {
    /// They read what is under way; what they saw, held against the players' `last` words where there are any.
    pub(crate) fn finish(self, last: Option<&[Value]>) -> Findings {
        self.stop.store(true, Ordering::Relaxed);
        let mut findings = Findings::default();
        let mut shown = HashMap::new();
        let mut all = Counted::new();
        for thread in self.threads {
            match thread.join().unwrap_or_else(|_| Err(anyhow!("its thread is gone"))) {
                Ok(watched) => {
                    all.add(&watched.counted);
                    shown.extend(watched.topics);
                }
                Err(error) => findings.faults.push(format!("the contest's watchers: {error:#}")),
            }
        }
        if let Some(last) = last.filter(|_| findings.faults.is_empty()) {
            match self.contests.standings(last) {
                Ok(due) => findings.faults.extend(wrong(&self.contests, &self.watched, &shown, &due)),
                Err(error) => findings.faults.push(format!("the contest's standings: {error:#}")),
            }
        }
        let ms = |quantile: f64| all.latency.value_at_quantile(quantile) as f64 / 1e3;
        let figures = [
            ("contest_contests", self.contests.count() as f64),
            ("contest_entries", self.contests.rosters.len() as f64),
            ("contest_watched", self.watched.len() as f64),
            ("contest_frames", all.frames as f64),
            ("contest_frames_merged", all.merged as f64),
            ("contest_frames_of_odds", all.of_odds as f64),
            ("contest_frame_bytes", all.bytes as f64),
            ("contest_snapshots_late", all.snapshots_late as f64),
            ("contest_p50_ms", ms(0.5)),
            ("contest_p99_ms", ms(0.99)),
            ("contest_max_ms", ms(1.0)),
        ];
        findings.figures = figures.map(|(name, figure)| (name.to_owned(), figure)).into();
        findings
    }
}

/// Which watched entries stand elsewhere than they are due to: the first few, and how many.
fn wrong(contests: &Contests, watched: &[usize], shown: &HashMap<String, Shown>, due: &[(i64, u64)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut count = 0;
    for &entry in watched {
        let held = shown.get(&contests.topic(entry)).map(|shown| (shown.points, shown.rank));
        let (points, rank) = due[entry];
        if held == Some((points, rank)) {
            continue;
        }
        count += 1;
        if faults.len() < FAULTS_TOLD_MAX {
            faults.push(format!(
                "entry {} ended with {held:?} (points in 1/10000, rank), by its players {points} and {rank}",
                name(entry)
            ));
        }
    }
    if count > faults.len() {
        faults.push(format!("and {} more entries", count - faults.len()));
    }
    faults
}

/// What is read of a message.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    topic: Cow<'a, str>,
    #[serde(default)]
    seq: u64,
    prev: Option<u64>,
    points: Option<f64>,
    change: Option<f64>,
    rank: Option<u64>,
    feed_ts: Option<u64>,
    /// Only where they are newer.
    odds: Option<IgnoredAny>,
    odds_at: Option<IgnoredAny>,
}

/// What a topic shows. Points in 1/10,000.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Shown {
    /// Nothing until its snapshot.
    seq: Option<u64>,
    points: i64,
    rank: u64,
}

/// What one connection, or all, received.
struct Counted {
    latency: Histogram<u64>,
    frames: u64,
    merged: u64,
    of_odds: u64,
    bytes: u64,
    snapshots_late: u64,
}

impl Counted {
    fn new() -> Self {
        Self {
            latency: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("1 µs to 10 minutes in 3 digits are valid bounds"),
            frames: 0,
            merged: 0,
            of_odds: 0,
            bytes: 0,
            snapshots_late: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency).expect("both have the same bounds");
        self.frames += other.frames;
        self.merged += other.merged;
        self.of_odds += other.of_odds;
        self.bytes += other.bytes;
        self.snapshots_late += other.snapshots_late;
    }
}

/// One connection.
struct Watcher {
    socket: Socket,
    watched: Watched,
}

/// What it watches.
struct Watched {
    topics: HashMap<String, Shown>,
    counted: Counted,
}

impl Watcher {
    /// Connects, subscribes and waits for every snapshot.
    fn connect(target: &Target, topics: &[String], timeout: Duration) -> Result<Self> {
        let mut socket = Socket::connect(target, timeout, QUIET)?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        socket.subscribe(&names, None)?;
        let mut watched = Watched {
            topics: topics.iter().map(|name| (name.clone(), Shown::default())).collect(),
            counted: Counted::new(),
        };
        let give_up_ns = clock::monotonic_ns() + timeout.as_nanos() as u64;
        while watched.topics.values().any(|shown| shown.seq.is_none()) {
            socket.read(|payload, wire_bytes| watched.take(payload, wire_bytes))?;
            interrupt::check()?;
            ensure!(
                clock::monotonic_ns() < give_up_ns,
                "not all that a contest shows came within {timeout:?}"
            );
        }
        watched.counted = Counted::new();
        Ok(Self { socket, watched })
    }

    /// Reads until told to stop, and then what is under way.
    fn run(mut self, stop: &AtomicBool) -> Result<Watched> {
        let mut give_up_ns = None;
        loop {
            let is_quiet = !self.socket.read(|payload, wire_bytes| self.watched.take(payload, wire_bytes))?;
            if !stop.load(Ordering::Relaxed) {
                continue;
            }
            let until_ns = *give_up_ns.get_or_insert_with(|| clock::monotonic_ns() + END_NS);
            if is_quiet || clock::monotonic_ns() >= until_ns {
                return Ok(self.watched);
            }
        }
    }
}

impl Watched {
    fn take(&mut self, payload: &[u8], wire_bytes: usize) -> Result<()> {
        let excerpt = || String::from_utf8_lossy(&payload[..payload.len().min(200)]).into_owned();
        let message = serde_json::from_slice(payload).with_context(excerpt)?;
        self.judge(&message, wire_bytes).with_context(excerpt)
    }

    fn judge(&mut self, message: &Message<'_>, wire_bytes: usize) -> Result<()> {
        let is_delta = message.kind == "delta";
        ensure!(message.kind != "error" && message.kind != "goodbye", "the server refuses");
        if !is_delta && message.kind != "snapshot" {
            return Ok(());
        }
        let shown = self.topics.get_mut(&*message.topic).context("a topic that nobody asked for")?;
        let units = |points: f64| (points * 10_000.0).round() as i64;
        let points = message.points.map_or(0, units);
        if is_delta {
            ensure!(
                message.prev.is_some() && message.prev == shown.seq && message.prev < Some(message.seq),
                "held seq {:?}",
                shown.seq
            );
            ensure!(
                shown.points + message.change.map_or(0, units) == points,
                "held {} points in 1/10000",
                shown.points
            );
            self.counted.frames += 1;
            self.counted.bytes += wire_bytes as u64;
            self.counted.merged += u64::from(message.prev.is_some_and(|prev| message.seq - prev > 1));
            // Odds come when they are drawn, with the time of an event long shown.
            if message.odds.is_some() || message.odds_at.is_some() {
                self.counted.of_odds += 1;
            } else if let Some(feed_ts) = message.feed_ts {
                let latency_us = clock::wall_us().saturating_sub(feed_ts).max(1);
                self.counted.latency.saturating_record(latency_us);
            }
        } else {
            self.counted.snapshots_late += u64::from(shown.seq.is_some());
        }
        *shown = Shown {
            seq: Some(message.seq),
            points,
            rank: message.rank.unwrap_or_default(),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_their_players_once_and_the_same_seed_draws_the_same() {
        let followers: Vec<u64> = (0..40).map(|topic| u64::from(topic % 4 != 3)).collect();
        let entries = |count, watched| Entries {
            count,
            contests: 1,
            watched,
        };
        let draw = |seed| Contests::draw("c".to_owned(), &followers, entries(500, 600), seed).unwrap();
        let contest = draw(1);
        assert_eq!((contest.rosters.len(), contest.watched), (500, 500));
        for roster in &contest.rosters {
            let mut distinct = roster.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!((roster.len(), distinct.len()), (SLOTS, SLOTS), "{roster:?}");
            assert!(roster.iter().all(|topic| topic % 4 != 3), "nobody follows one of {roster:?}");
        }
        assert_eq!(draw(1).rosters, contest.rosters);
        assert_ne!(draw(2).rosters, contest.rosters);
        let few = Contests::draw("c".to_owned(), &followers[..8], entries(1, 1), 1).unwrap_err();
        assert!(few.to_string().contains("needs 9 players"), "{few}");
    }

    #[test]
    fn an_entry_stands_where_its_players_put_it() {
        let mut contest = Contests {
            id: "c".to_owned(),
            each: 4,
            rosters: vec![vec![0, 1], vec![1, 2], vec![0, 2], vec![1, 0]],
            watched: 4,
        };
        let last = [json!({"points": 3.5}), json!({"points": -1}), Value::Null];
        let due = contest.standings(&last).unwrap();
        assert_eq!(due, [(25_000, 2), (-10_000, 4), (35_000, 1), (25_000, 2)]);
        contest.each = 3;
        let split = contest.standings(&last).unwrap();
        assert_eq!(split, [(25_000, 2), (-10_000, 3), (35_000, 1), (25_000, 1)]);
        assert_eq!((contest.count(), contest.topic(3).as_str()), (2, "entry:c1/e3"));
        let shown = |points, rank| Shown {
            points,
            rank,
            ..Shown::default()
        };
        let mut all: HashMap<String, Shown> = (0..4)
            .map(|entry| (contest.topic(entry), shown(due[entry].0, due[entry].1)))
            .collect();
        let watched = [0, 1, 2, 3];
        assert_eq!(wrong(&contest, &watched, &all, &due), Vec::<String>::new());
        all.insert(contest.topic(3), shown(25_000, 3));
        all.remove(&contest.topic(1));
        let faults = wrong(&contest, &watched, &all, &due).join("; ");
        assert!(
            faults.contains("entry e1 ended with None") && faults.contains("e3 ended with Some((25000, 3))"),
            "{faults}"
        );
    }
}
