//! The contests that are drawn: their state when it was taken, and what was drawn of it so far.
//!
//! Owns the sums of draws and when they are shown. Which contest is next says
//! [`Refresh`](crate::contest::simulate::refresh::Refresh). Reads no clock and knows neither games nor projections: it
//! is told the time, and given players. Bounded by [`Limits`].

use super::device::{By, Draws, Sent};
use super::field::Ready;
use super::players::Players;
use crate::contest::simulate::refresh::{Pace, Refresh, Slice};
use crate::contest::simulate::{Field, Odds as Sums, Refused, Simulation};
use crate::fanout::contests::{Contest, Drawn, Odds, Stirred};
use crate::model::contest::Cents;
use crate::model::{ContestId, Now, Points};
use std::collections::HashMap;
use std::sync::Arc;

/// Odds are shown again when they were drawn from so many times more draws than what is shown: their error is then half.
const SHARPER: u32 = 4;
/// Draws of a contest that is over: all are the same.
const WHEN_OVER: u32 = 16;

/// How much is drawn at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) pace: Pace,
    /// Entries of a contest.
    pub(super) entries_max: usize,
    /// Entries of all contests, and their players.
    pub(super) entries_all_max: usize,
}

/// All contests that are drawn.
pub(super) struct Drawer {
    limits: Limits,
    refresh: Refresh<u64>,
    held: HashMap<u64, Held>,
    /// Entries and players of those.
    weight: usize,
    /// Those that are not drawn.
    left_out: HashMap<u64, LeftOut>,
    /// The one drawn last.
    at_hand: Option<AtHand>,
    counts: Counts,
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    /// By the processor and by a GPU.
    pub(super) draws: [u64; 2],
    /// Contests whose odds are drawn.
    pub(super) drawn: usize,
    /// Those that have none.
    pub(super) undrawn: usize,
}

struct LeftOut {
    contest: Arc<Contest>,
    /// Whether it may be drawn once there is room.
    waits: bool,
}

struct Held {
    contest: Arc<Contest>,
    ready: Option<Ready>,
    state: Option<State>,
    /// Whether it was said that it cannot be drawn as it is.
    is_complained_of: bool,
}

/// A contest's state when it was taken.
struct State {
    at_us: i64,
    seed: u64,
    players: Players,
    /// Whether every draw is the same.
    is_over: bool,
    sums: Sums,
    /// Draws of what was shown.
    shown: u32,
}

/// A contest's tables, which take megabytes: those of one contest are kept, as its next slice is likely to come next.
struct AtHand {
    contest: u64,
    simulation: Simulation,
    sent: Sent,
}

/// What it draws with, and whom it tells.
pub(super) struct Around<'a> {
    pub(super) draws: &'a mut Draws,
    /// The players of a contest as they stand.
    pub(super) look: &'a mut dyn FnMut(&Contest, &Ready) -> Players,
    /// What all points of it are multiples of, as far as its ruleset says.
    pub(super) quantum: &'a dyn Fn(&Contest) -> Points,
    pub(super) show: &'a mut dyn FnMut(&Arc<Contest>, Odds),
    /// The time by the steady clock, when a slice is over.
    pub(super) steady_us: &'a dyn Fn() -> i64,
    pub(super) go_on: &'a (dyn Fn() -> bool + Sync),
}

impl Drawer {
    pub(super) fn new(limits: Limits) -> Drawer {
        Drawer {
            limits,
            refresh: Refresh::new(limits.pace),
            held: HashMap::new(),
            weight: 0,
            left_out: HashMap::new(),
            at_hand: None,
            counts: Counts::default(),
        }
    }

    /// A contest is there, moved, is watched, or is gone.
    pub(super) fn told(&mut self, stirred: &Stirred, now_us: i64) {
        let Stirred { contest, moved } = stirred;
        let number = contest.number();
        if contest.is_over() {
            self.refresh.remove(number);
            self.left_out.remove(&number);
            self.at_hand.take_if(|at_hand| at_hand.contest == number);
            if self.held.remove(&number).is_some() {
                self.weight -= weight(contest);
                self.make_room(now_us);
            }
            return;
        }
        if !self.held.contains_key(&number) && !self.left_out.contains_key(&number) {
            self.take(contest, now_us);
        }
        self.refresh.watched(number, contest.watched());
        if *moved {
            self.refresh.moved(number, now_us);
        }
    }

    fn take(&mut self, contest: &Arc<Contest>, now_us: i64) {
        let (number, entries) = (contest.number(), contest.definition().entry_count());
        let fits = entries <= self.limits.entries_max;
        if !fits || self.weight + weight(contest) > self.limits.entries_all_max {
            let (id, limit) = (contest.id().as_str(), if fits { "entries_all_max" } else { "entries_max" });
            tracing::info!(contest = id, entries, "a contest has no odds: contests.odds_{limit}");
            let left_out = LeftOut {
                contest: contest.clone(),
                waits: fits,
            };
            self.left_out.insert(number, left_out);
            return;
        }
        self.refresh.add(number, entries, now_us);
        self.weight += weight(contest);
        self.held.insert(
            number,
            Held {
                contest: contest.clone(),
                ready: None,
                state: None,
                is_complained_of: false,
            },
        );
    }

    /// Takes in those that wait for room, who came first first.
    fn make_room(&mut self, now_us: i64) {
        let mut waiting: Vec<u64> = self
            .left_out
            .iter()
            .filter(|(_, one)| one.waits)
            .map(|(number, _)| *number)
            .collect();
        waiting.sort_unstable();
        for number in waiting {
            if self.weight + weight(&self.left_out[&number].contest) > self.limits.entries_all_max {
                return;
            }
            if let Some(one) = self.left_out.remove(&number) {
                self.take(&one.contest, now_us);
                self.refresh.watched(number, one.contest.watched());
            }
        }
    }

    /// What is projected moved: of any game, so that every contest with players to come may be another.
    pub(super) fn projected(&mut self, now_us: i64) {
        for (number, held) in &self.held {
            let is_over = held.state.as_ref().is_some_and(|state| state.players.open == 0);
            if !is_over {
                self.refresh.moved(*number, now_us);
            }
        }
    }

    /// Who watches now.
    pub(super) fn watched(&mut self) {
        for (number, held) in &self.held {
            self.refresh.watched(*number, held.contest.watched());
        }
    }

    /// Lets go of what was drawn, for who needs the memory more. It is drawn anew when something happens.
    pub(super) fn let_go(&mut self) {
        for held in self.held.values_mut() {
            (held.ready, held.state) = (None, None);
        }
        self.at_hand = None;
    }

    /// Whether there is a contest that may have to be drawn again without being told of.
    pub(super) fn is_waiting(&self) -> bool {
        self.held
            .values()
            .any(|held| held.state.as_ref().is_none_or(|state| state.players.open > 0))
    }

    /// Which contest is next.
    pub(super) fn next(&mut self, now_us: i64) -> Option<(Slice<u64>, Arc<Contest>)> {
        let slice = self.refresh.next(now_us)?;
        Some((slice, self.held.get(&slice.contest)?.contest.clone()))
    }

    /// See [`Refresh::wakes_us`].
    pub(super) fn wakes_us(&self) -> Option<i64> {
        self.refresh.wakes_us()
    }

    /// For how long the oldest news of those that are watched waits.
    pub(super) fn behind_us(&self, now_us: i64) -> i64 {
        self.refresh.behind_us(now_us).unwrap_or(0)
    }

    /// What was drawn since the last call, and how many contests are.
    pub(super) fn take_counts(&mut self) -> Counts {
        let drawn = self.held.values().filter(|held| held.state.is_some()).count();
        Counts {
            drawn,
            undrawn: self.held.len() + self.left_out.len() - drawn,
            ..std::mem::take(&mut self.counts)
        }
    }

    /// Never draws a contest again.
    pub(super) fn give_up(&mut self, number: u64) {
        self.refresh.remove(number);
        if let Some(held) = self.held.remove(&number) {
            self.weight -= weight(&held.contest);
            let left_out = LeftOut {
                contest: held.contest,
                waits: false,
            };
            self.left_out.insert(number, left_out);
        }
    }

    /// Draws a slice. How long that took, in microseconds by the clock, where anything was drawn.
    pub(super) fn draw(&mut self, slice: &Slice<u64>, now: Now, around: &mut Around<'_>) -> Option<i64> {
        let now_us = now.steady_us;
        let held = self.held.get_mut(&slice.contest)?;
        if held.state.is_none() || slice.anew {
            match held.renew(now, around) {
                Ok(Some(simulation)) => {
                    self.refresh.begun(&Slice { anew: true, ..*slice }, now_us);
                    self.at_hand = Some(AtHand {
                        contest: slice.contest,
                        simulation,
                        sent: Sent::default(),
                    });
                }
                Ok(None) => {
                    self.refresh.same(slice, now_us);
                    return None;
                }
                Err(why) => {
                    self.no_odds(slice, now_us, why);
                    return None;
                }
            }
        }
        let mut at_hand = match self.at_hand.take().filter(|at_hand| at_hand.contest == slice.contest) {
            Some(at_hand) => at_hand,
            None => AtHand {
                contest: slice.contest,
                // It could be made of this state before.
                simulation: held.simulation(around).ok()?,
                sent: Sent::default(),
            },
        };
        let state = held.state.as_mut()?;
        let draws = if state.is_over { slice.draws.min(WHEN_OVER) } else { slice.draws };
        let first = u64::from(state.sums.draws);
        let drawn_from = (&at_hand.simulation, &mut at_hand.sent);
        let (sums, by) = around.draws.run(drawn_from, state.seed, (first, draws), around.go_on);
        let took_us = (around.steady_us)() - now_us;
        let (place, threads) = match by {
            By::Threads(threads) => (0, threads),
            By::Gpu => (1, 1),
        };
        self.counts.draws[place] += u64::from(sums.draws);
        state.sums.add(&sums);
        let worked_us = took_us.max(0).unsigned_abs().saturating_mul(threads);
        self.refresh.drawn(slice, sums.draws, worked_us, state.is_over && sums.draws > 0);
        let all = self.limits.pace.draws;
        let is_sharper = state.shown == 0 || state.sums.draws >= state.shown.saturating_mul(SHARPER);
        let is_last = state.sums.draws >= all && state.shown < all;
        if sums.draws > 0 && (is_sharper || is_last) && !held.contest.is_over() {
            state.shown = state.sums.draws;
            (around.show)(&held.contest, state.odds(at_hand.simulation.field()));
        }
        self.at_hand = Some(at_hand);
        Some(took_us)
    }

    /// A contest that cannot be drawn as it is; it is looked at again when something happens.
    fn no_odds(&mut self, slice: &Slice<u64>, now_us: i64, why: Option<Refused>) {
        let slice = Slice { anew: true, ..*slice };
        self.refresh.begun(&slice, now_us);
        self.refresh.drawn(&slice, 0, 0, true);
        let Some(held) = self.held.get_mut(&slice.contest) else { return };
        held.state = None;
        if let Some(why) = why.filter(|_| !std::mem::replace(&mut held.is_complained_of, true)) {
            tracing::warn!(contest = held.contest.id().as_str(), "a contest has no odds for now: {why}");
        }
    }
}

impl Held {
    /// Takes the players as they stand: what to draw from then, where there is anything new about them. An error without a
    /// reason where nothing at all is projected.
    fn renew(&mut self, now: Now, around: &mut Around<'_>) -> Result<Option<Simulation>, Option<Refused>> {
        if self.ready.is_none() {
            self.ready = Some(Ready::new(self.contest.definition())?);
        }
        let ready = self.ready.as_ref().ok_or(None)?;
        let players = (around.look)(&self.contest, ready);
        if self.state.as_ref().is_some_and(|state| state.players == players) {
            return Ok(None);
        }
        if players.open > 0 && !players.is_projected {
            return Err(None);
        }
        let sums = Sums::none(&ready.field);
        self.state = Some(State {
            at_us: now.wall_us,
            seed: seed(self.contest.id(), now.wall_us),
            players,
            is_over: false,
            sums,
            shown: 0,
        });
        let simulation = self.simulation(around)?;
        if let Some(state) = &mut self.state {
            state.is_over = simulation.is_over();
        }
        Ok(Some(simulation))
    }

    /// The tables of its state.
    fn simulation(&self, around: &Around<'_>) -> Result<Simulation, Option<Refused>> {
        let (ready, state) = (self.ready.as_ref().ok_or(None)?, self.state.as_ref().ok_or(None)?);
        let now = &state.players.now;
        let quantum = ready.quantum((around.quantum)(&self.contest), |player| now[player].scored);
        Ok(Simulation::new(ready.field.clone(), now, quantum)?)
    }
}

impl State {
    fn odds(&self, field: &Field) -> Odds {
        let sums = &self.sums;
        let draws = u64::from(sums.draws.max(1));
        let drawn = |entry| {
            let sums = sums.entry(field, entry);
            Drawn {
                won: sums.wins,
                cashed: sums.cashes,
                top1: sums.tops,
                expected: Cents(((sums.cents + draws / 2) / draws) as i64),
            }
        };
        Odds {
            at_us: self.at_us,
            draws: sums.draws,
            open: self.players.open,
            unprojected: self.players.unprojected,
            entries: (0..field.entries()).map(drawn).collect(),
        }
    }
}

/// How much of the room a contest takes: its entries, and its players, who take about as much.
fn weight(contest: &Contest) -> usize {
    contest.definition().entry_count() + contest.definition().players().len()
}

/// What a contest's draws follow from besides its state: its id, and when that state was taken (which is shown with the
/// odds). FNV-1a over both.
pub(super) fn seed(id: &ContestId, at_us: i64) -> u64 {
    let bytes = id.as_str().bytes().chain(at_us.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
