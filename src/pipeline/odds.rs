//! The thread that draws what may become of contests: players' points and projections in, odds of all entries out.
//!
//! ```text
//!  contests (follower) ──► Stirs: which moved ──┐
//!  projections: a count of what was computed ───┴──► Drawer ──► Draws (threads, or a GPU) ──► Contests::drawn
//! ```
//! Nobody waits for it: it looks at what others hold as any reader does, it has the least priority there is, and what it
//! draws with is made for each slice and gone after it. It sleeps until there is a contest. Where it fails, it begins
//! anew, without the contest that it drew then. Bounded by `contests.odds_entries_max` and
//! `contests.odds_entries_all_max`; what is drawn at once by `contests.odds_slice_ms`.

mod device;
mod drawer;
mod field;
mod players;
mod usual;

use crate::clock::Clock;
use crate::config::{Config, Role};
use crate::contest::Board;
use crate::contest::simulate::refresh::{Pace, Slice};
use crate::engine::Games;
use crate::fanout::contests::{Contest, Odds, Stirred};
use crate::fanout::hub::Hub;
use crate::memory::Level;
use crate::model::Points;
use crate::predict::points::projections::Projections;
use crate::priority::step_back;
use crate::scoring::Rulesets;
use crate::server::App;
use crate::telemetry::OddsMetrics;
use device::Draws;
use drawer::{Around, Drawer, Limits};
use field::Ready;
use flume::{Receiver, Selector, Sender};
use players::Books;
use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How often it looks who watches, and shows figures, while there is a contest.
const LOOK: Duration = Duration::from_secs(1);
/// A slice is over after so many times its length by the clock, whatever was drawn: others may leave it little time.
const SLICES_LONG: u64 = 10;

/// Starts it, where contests may be drawn. It ends when what is returned is dropped.
pub(super) fn start(app: &Arc<App>) -> io::Result<Option<Sender<()>>> {
    // There with or without it: a metric that is missing looks like one that is broken.
    let metrics = OddsMetrics::new();
    let config = &app.config;
    if !config.contests.odds || config.cluster.role != Role::All {
        return Ok(None);
    }
    let (stop, stopped) = flume::bounded(0);
    // Not the whole of the app: who stops the server waits for that to be let go of.
    let shop = Shop {
        hub: app.hub.clone(),
        rulesets: app.rulesets.clone(),
        games: app.engine.games().clone(),
        projections: app.projections.clone(),
        limits: limits(config),
        threads: config.contests.odds_threads,
        gpu: config.predict.gpu(),
        slice_us: (config.contests.odds_slice_ms * 1_000 * SLICES_LONG) as i64,
        metrics,
        stopped,
    };
    let thread = std::thread::Builder::new().name("odds".into());
    thread.spawn(move || shop.keep())?;
    Ok(Some(stop))
}

fn limits(config: &Config) -> Limits {
    let contests = &config.contests;
    Limits {
        pace: Pace {
            slice_us: contests.odds_slice_ms * 1_000 * contests.odds_threads as u64,
            draws: contests.odds_draws,
            every_us: i64::try_from(contests.odds_every_ms.saturating_mul(1_000)).unwrap_or(i64::MAX),
        },
        entries_max: contests.odds_entries_max,
        entries_all_max: contests.odds_entries_all_max,
    }
}

/// What the thread works with.
struct Shop {
    hub: Arc<Hub>,
    rulesets: Arc<Rulesets>,
    games: Games,
    projections: Arc<Projections>,
    limits: Limits,
    threads: usize,
    gpu: Option<u8>,
    /// Longest slice by the clock.
    slice_us: i64,
    metrics: OddsMetrics,
    stopped: Receiver<()>,
}

/// What outlives a fault.
#[derive(Default)]
struct Kept {
    draws: Option<Draws>,
    /// Which contest is being drawn.
    drawing: Option<u64>,
    /// Those with which it failed.
    faulty: HashSet<u64>,
}

impl Shop {
    fn keep(&self) {
        step_back();
        let mut kept = Kept::default();
        loop {
            let ran = catch_unwind(AssertUnwindSafe(|| self.run(&mut kept)));
            if ran.is_ok() {
                return;
            }
            tracing::error!("what draws contests failed by a fault (above); it begins anew, without the contest that it drew");
            kept.faulty.extend(kept.drawing.take());
            if self.wait(Some(LOOK)) {
                return;
            }
        }
    }

    /// Waits for a contest that is to be looked at. True where it is to end.
    fn wait(&self, longest: Option<Duration>) -> bool {
        let selector = Selector::new()
            .recv(self.hub.contests().stirs().woken(), |_| false)
            .recv(&self.stopped, |_| true);
        match longest {
            Some(longest) => selector.wait_timeout(longest).unwrap_or(false),
            None => selector.wait(),
        }
    }

    fn run(&self, kept: &mut Kept) {
        let contests = self.hub.contests();
        contests.stirs().follow();
        let mut drawer = Drawer::new(self.limits);
        let all = contests.all().into_iter().map(|contest| Stirred { contest, moved: true });
        all.for_each(|one| drawer.told(&one, Clock.steady_us()));
        kept.faulty.iter().for_each(|number| drawer.give_up(*number));
        let (mut edition, mut look_at_us) = (self.projections.edition(), 0);
        while !self.stopped.is_disconnected() {
            let now_us = Clock.steady_us();
            for one in contests.stirs().take() {
                drawer.told(&one, now_us);
            }
            let latest = self.projections.edition();
            if std::mem::replace(&mut edition, latest) != latest {
                drawer.projected(now_us);
            }
            if now_us >= look_at_us {
                look_at_us = now_us + LOOK.as_micros() as i64;
                drawer.watched();
                self.show_figures(&mut drawer, now_us);
            }
            // Like predictions they are the first thing that memory is not spent on.
            let is_pressed = self.hub.pressure().level() >= Level::Predictions;
            if is_pressed {
                drawer.let_go();
            }
            let next = drawer.next(now_us).filter(|_| !is_pressed);
            if let Some((slice, contest)) = next {
                kept.drawing = Some(slice.contest);
                self.draw(&mut drawer, &slice, &contest, &mut kept.draws);
                kept.drawing = None;
                continue;
            }
            // A contest that is held may be watched, and what is projected of it may move: nobody calls then.
            let longest = drawer.is_waiting().then(|| {
                let wakes_us = drawer
                    .wakes_us()
                    .filter(|_| !is_pressed)
                    .map_or(i64::MAX, |wakes_us| wakes_us - now_us);
                let longest_us = wakes_us.clamp(1_000, LOOK.as_micros() as i64);
                Duration::from_micros(longest_us.unsigned_abs())
            });
            if longest.is_none() {
                self.show_figures(&mut drawer, now_us);
            }
            if self.wait(longest) {
                return;
            }
        }
    }

    fn draw(&self, drawer: &mut Drawer, slice: &Slice<u64>, contest: &Contest, draws: &mut Option<Draws>) {
        let now = Clock.now();
        let until_us = now.steady_us.saturating_add(self.slice_us);
        let go_on = || Clock.steady_us() < until_us && !self.stopped.is_disconnected() && !contest.is_over();
        let mut look = |contest: &Contest, ready: &Ready| {
            let books = Books {
                hub: &self.hub,
                projections: &self.projections,
                rulesets: &self.rulesets,
                games: self.games.games(),
            };
            books.of(contest, ready)
        };
        let quantum =
            |contest: &Contest| -> Points { Board::quantum(self.rulesets.by_index(contest.ruleset), contest.definition().slots()) };
        let mut show = |contest: &Arc<Contest>, odds: Odds| self.hub.contests().drawn(contest, odds);
        let mut around = Around {
            draws: draws.get_or_insert_with(|| Draws::open(self.threads, self.gpu)),
            look: &mut look,
            quantum: &quantum,
            show: &mut show,
            steady_us: &|| Clock.steady_us(),
            go_on: &go_on,
        };
        if let Some(took_us) = drawer.draw(slice, now, &mut around) {
            self.metrics.slices.record(took_us);
        }
    }

    fn show_figures(&self, drawer: &mut Drawer, now_us: i64) {
        let counts = drawer.take_counts();
        self.metrics.by_cpu.increment(counts.draws[0]);
        self.metrics.by_gpu.increment(counts.draws[1]);
        self.metrics.drawn.set(counts.drawn as f64);
        self.metrics.undrawn.set(counts.undrawn as f64);
        self.metrics.behind.set(drawer.behind_us(now_us) as f64 / 1e6);
    }
}

#[cfg(test)]
mod tests;
