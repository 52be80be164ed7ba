//! Many draws on several threads.
//!
//! Owns the threads, for as long as a run lasts: they step back behind all others of the process, and share nothing but the
//! number of the next block. A block that was begun is finished, and blocks are begun in order; so what was done when a
//! run is stopped are all draws up to one, and the sums are the same whatever the number of threads.

use super::draw::LANES;
use super::field::Field;
use super::odds::Odds;
use super::quanta::Quanta;
use super::rank::Room;
use super::slate::{PlayerNow, Slate};
use super::{RANGE_MAX, Refused};
use crate::model::Points;
use crate::priority::step_back;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;

/// A contest at one moment, ready to be drawn.
pub struct Simulation {
    pub(super) field: Arc<Field>,
    pub(super) slate: Slate,
    /// The least total that any roster can have, and how many totals there can be from there on, in quanta.
    pub(super) least: i64,
    pub(super) range: usize,
}

impl Simulation {
    /// Of a contest's field and its players as they stand. `quantum` is what all points are multiples of, under the
    /// contest's ruleset and with its multipliers.
    ///
    /// # Errors
    /// Points that are no multiple of the quantum, or so many that totals can't be counted.
    pub fn new(field: Arc<Field>, players: &[PlayerNow], quantum: Points) -> Result<Simulation, Refused> {
        let slate = Slate::new(&field.rows, players, quantum)?;
        let sum = |of: &[i32], roster: &[u16]| -> i64 { roster.iter().map(|row| i64::from(of[usize::from(*row)])).sum() };
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for roster in field.rosters.chunks_exact(field.slots) {
            least = least.min(sum(&slate.least, roster));
            most = most.max(sum(&slate.most, roster));
        }
        let range = (most - least + 1) as usize;
        if range > RANGE_MAX {
            return Err(Refused::Range { quanta: range, quantum });
        }
        Ok(Simulation {
            field,
            slate,
            least,
            range,
        })
    }

    /// Whether nothing is open any more, so that every draw is the same.
    pub fn is_over(&self) -> bool {
        self.slate.open.is_empty()
    }

    /// The field it is of.
    pub fn field(&self) -> &Arc<Field> {
        &self.field
    }

    /// Makes up to `draws` draws, from the one with number `first` on, as long as `go_on` says so; it is asked
    /// before each block of 16 draws on each thread. The answer says how many were made.
    pub fn run(&self, seed: u64, first: u64, draws: u32, threads: NonZeroUsize, go_on: &(dyn Fn() -> bool + Sync)) -> Odds {
        if self.range <= usize::from(u16::MAX) + 1 {
            self.run_in::<u16>(seed, first, draws, threads, go_on)
        } else {
            self.run_in::<u32>(seed, first, draws, threads, go_on)
        }
    }

    pub(super) fn run_in<Q: Quanta>(
        &self,
        seed: u64,
        first: u64,
        draws: u32,
        threads: NonZeroUsize,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Odds {
        let next = AtomicU64::new(0);
        let work = || {
            let mut odds = Odds::none(&self.field);
            let mut room = Room::<Q>::new(&self.field, &self.slate, self.least, self.range);
            while go_on() {
                let block = next.fetch_add(LANES as u64, Ordering::Relaxed);
                let Some(left) = u64::from(draws).checked_sub(block).filter(|left| *left > 0) else {
                    break;
                };
                let count = left.min(LANES as u64);
                room.block(seed, first.wrapping_add(block), count as usize, &mut odds.rosters);
                odds.draws += count as u32;
            }
            odds
        };
        let threads = threads.get().min((draws as usize).div_ceil(LANES)).max(1);
        let parts: Vec<Odds> = std::thread::scope(|scope| {
            let spawned: Vec<_> = (0..threads)
                .filter_map(|number| {
                    let name = format!("simulate-{number}");
                    let thread = || {
                        step_back();
                        work()
                    };
                    std::thread::Builder::new().name(name).spawn_scoped(scope, thread).ok()
                })
                .collect();
            let join = |thread: ScopedJoinHandle<'_, Odds>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            spawned.into_iter().map(join).collect()
        });
        let mut odds = Odds::none(&self.field);
        parts.iter().for_each(|part| odds.add(part));
        odds
    }
}
