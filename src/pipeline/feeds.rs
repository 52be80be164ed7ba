//! Lines that feeds write to Redis themselves, taken in by the engine that owns their partition: decoded and handed to
//! the engine as if they were posted.
//!
//! What a line says is judged here, and what is refused is counted and named in the log with its id, at most
//! [`NAMED_MAX`] in [`NAMED_EVERY_US`]. Who may write to Redis is trusted: no key is asked for, and no rate held.

use super::Node;
use crate::clock::Clock;
use crate::cluster::feed::{Fed, Feeds, NotNow, Take};
use crate::config::Role;
use crate::engine::{Outcome, SubmitError};
use crate::feed::sequence::Verdict;
use crate::feed::{Decoder, Limits};
use crate::model::{Event, IngestTime, Origin, SourceId};
use crate::server::App;
use crate::telemetry::{ClusterFeedLevels, ClusterFeedMetrics};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::watch;

/// Refused lines that the log names one by one, of a partition…
const NAMED_MAX: u32 = 20;
/// …in so long.
const NAMED_EVERY_US: i64 = 60_000_000;
/// The longest lag that a feed's clock is believed, in microseconds.
const LAG_US_MAX: i64 = 60_000_000;
/// How often levels are read off.
const LEVELS_EVERY: std::time::Duration = std::time::Duration::from_millis(250);

/// Starts who reads, on an engine.
///
/// # Errors
/// The system gives no more threads.
pub(super) fn start(app: &Arc<App>, node: Option<&Arc<Node>>, stop: &watch::Receiver<bool>) -> io::Result<()> {
    // There with or without a cluster: a metric that is missing looks like one that is broken.
    let (metrics, levels) = (ClusterFeedMetrics::new(), ClusterFeedLevels::new());
    let Some(node) = node.filter(|_| app.config.cluster.role == Role::Engine) else {
        return Ok(());
    };
    let lags: Vec<Arc<std::sync::atomic::AtomicI64>> = (0..node.settings.partitions).map(|_| Arc::default()).collect();
    let takes = lags.iter().enumerate().map(|(partition, lag_ms)| {
        let mut intake = Intake {
            app: app.clone(),
            decoder: Decoder::new(Limits {
                line_bytes_max: app.config.ingest.line_bytes_max,
                ..Limits::default()
            }),
            metrics: metrics.clone(),
            partition,
            named: 0,
            named_from_us: i64::MIN,
        };
        let lag_ms = lag_ms.clone();
        let take: Take = Box::new(move |entries| {
            let taken = intake.take(entries);
            let oldest_ms = entries.first().and_then(Fed::written_ms);
            let late_ms = oldest_ms.map_or(0, |ms| (Clock.wall_us() / 1_000).saturating_sub(ms));
            lag_ms.store(late_ms, Relaxed);
            taken.map_err(|error| NotNow(error.to_string()))
        });
        take
    });
    let feeds = Feeds::start(&node.settings, &node.status, takes.collect())?;
    tokio::spawn(watch_levels(feeds, lags, levels, stop.clone()));
    Ok(())
}

/// Shows how much waits, until told to stop; then who reads ends.
async fn watch_levels(
    feeds: Feeds,
    lags: Vec<Arc<std::sync::atomic::AtomicI64>>,
    levels: ClusterFeedLevels,
    mut stop: watch::Receiver<bool>,
) {
    let mut looks = tokio::time::interval(LEVELS_EVERY);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let waiting: u64 = feeds.waiting.iter().map(|waiting| waiting.load(Relaxed)).sum();
        let lag_ms = lags.iter().map(|lag| lag.load(Relaxed)).max().unwrap_or(0);
        levels.waiting.set(waiting as f64);
        levels.lag.set(lag_ms.max(0) as f64 / 1e3);
    }
}

/// Takes one partition's lines in.
struct Intake {
    app: Arc<App>,
    decoder: Decoder,
    metrics: ClusterFeedMetrics,
    partition: usize,
    /// Refused lines that were named since then, by the steady clock.
    named: u32,
    named_from_us: i64,
}

/// Lines of one source that follow each other, with their entries' places.
type Run<'a> = (SourceId, Vec<(usize, Event, &'a [u8])>);

/// Why a line is refused, and the place of its entry.
type Refused = (usize, String);

impl Intake {
    /// Takes entries in and waits until they are safe. Where that fails all of them come again.
    fn take(&mut self, entries: &[Fed]) -> Result<(), SubmitError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut refused = Vec::new();
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            match self.read(entry) {
                Ok((source, event, line)) => match runs.last_mut() {
                    Some((of, run)) if *of == source => run.push((place, event, line)),
                    _ => runs.push((source, vec![(place, event, line)])),
                },
                Err(why) => refused.push((place, why)),
            }
        }
        let (app, ingest) = (self.app.clone(), IngestTime(Clock.wall_us()));
        let outcomes = app.side.block_on(async {
            // In order, one behind the other; then each is waited for.
            let mut under_way = Vec::new();
            for (source, run) in runs {
                let mut batch = app.engine.batch(Origin { source, ingest });
                for (place, event, line) in run {
                    batch.add(place, event, line);
                }
                under_way.push(app.engine.hand_over(batch).await?);
            }
            let mut outcomes = Vec::new();
            for run in under_way {
                let (some, commit) = run.outcomes().await?;
                commit.done().await?;
                outcomes.extend(some);
            }
            Ok::<_, SubmitError>(outcomes)
        })?;
        for (place, outcome) in outcomes {
            self.count(place, outcome, &mut refused);
        }
        refused.sort_unstable();
        for (place, why) in refused {
            self.refuse(&entries[place].id, &why);
        }
        Ok(())
    }

    /// What an entry says.
    fn read<'a>(&mut self, entry: &'a Fed) -> Result<(SourceId, Event, &'a [u8]), String> {
        let field = |name: &str| entry.field(name).ok_or_else(|| format!("it has no field \"{name}\", or two"));
        let (source, line) = (field("source")?, field("line")?);
        let sources = &self.app.config.feeds.sources;
        let rank = sources.iter().position(|name| name.as_bytes() == source);
        let rank = rank.ok_or_else(|| format!("its source is none of feeds.sources ({})", sources.join(", ")))?;
        if entry.fields.len() > 2 {
            return Err("it has other fields than source and line".to_owned());
        }
        let line = line.trim_ascii();
        if line.contains(&b'\n') {
            return Err("it is more than one line".to_owned());
        }
        let event = self
            .decoder
            .line(line)
            .map_err(|error| format!("{}: {}", error.code.as_str(), error.message))?;
        let lag_us = event.ts().and_then(|ts| Clock.wall_us().checked_sub(ts.0));
        if let Some(lag_us) = lag_us.filter(|lag_us| (0..LAG_US_MAX).contains(lag_us)) {
            self.app.ingest_metrics.feed_lag.record(lag_us);
        }
        Ok((SourceId(rank as u8), event, line))
    }

    fn count(&self, place: usize, outcome: Outcome, refused: &mut Vec<Refused>) {
        let why = match outcome {
            Outcome::Sequenced(Verdict::Duplicate | Verdict::Dead) => return self.metrics.duplicate.increment(1),
            Outcome::Sequenced(Verdict::Full) => "the game has engine.plays_max plays already",
            Outcome::Sequenced(_) => return self.metrics.accepted.increment(1),
            Outcome::TooManyGames => "there are engine.games_max games already",
            Outcome::TooManyPlayers => "the game has engine.game_players_max players, or 8 teams, already",
            Outcome::DirectoryFull => "there are engine.players_max players already",
            Outcome::GameExpired => "the game is over and was let go of",
        };
        refused.push((place, why.to_owned()));
    }

    /// Counts a line that has no effect, and names it.
    fn refuse(&mut self, id: &str, why: &str) {
        self.metrics.rejected.increment(1);
        let now_us = Clock.steady_us();
        if now_us - self.named_from_us.max(now_us - NAMED_EVERY_US) >= NAMED_EVERY_US {
            (self.named, self.named_from_us) = (0, now_us);
        }
        self.named += 1;
        let partition = self.partition;
        match self.named {
            ..=NAMED_MAX => tracing::warn!(partition, id, "a line of a feed in Redis is refused: {why}"),
            n if n == NAMED_MAX + 1 => tracing::warn!(partition, "more lines are refused: not named for a minute"),
            _ => {}
        }
    }
}
