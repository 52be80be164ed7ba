//! When each event of a run is due, known to parent and children before it begins.
//!
//! No two events are due in the same microsecond, so an event's `ts`, which comes back in every
//! frame it caused, says which event it was. Bounded by the events of the run.

use serde::{Deserialize, Serialize};

/// The due times of a run's events, in microseconds from its start, ascending.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Schedule {
    due_us: Vec<u64>,
    /// The phase of each event; empty where there is one phase alone.
    phases: Vec<u8>,
}

impl Schedule {
    /// `events` events, one every `interval_us`.
    pub(crate) fn steady(events: usize, interval_us: u64) -> Self {
        Self {
            due_us: (0..events as u64).map(|event| event * interval_us.max(1)).collect(),
            phases: Vec::new(),
        }
    }

    /// Adds an event due `at_us` after the start, or as soon after as no other is due; when it is.
    pub(crate) fn add(&mut self, at_us: u64) -> u64 {
        let due_us = self.due_us.last().map_or(at_us, |last| at_us.max(last + 1));
        self.due_us.push(due_us);
        due_us
    }

    /// Puts every event into the phase that `phase` says for when it is due.
    pub(crate) fn set_phases(&mut self, phase: impl Fn(u64) -> u8) {
        self.phases = self.due_us.iter().map(|&due_us| phase(due_us)).collect();
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> usize {
        self.due_us.len()
    }

    /// When `event` is due; the last one's time for one that does not exist.
    pub(crate) fn due_us(&self, event: u32) -> u64 {
        self.due_us.get(event as usize).or(self.due_us.last()).copied().unwrap_or(0)
    }

    /// Which phase `event` is in.
    pub(crate) fn phase(&self, event: u32) -> usize {
        self.phases.get(event as usize).copied().unwrap_or(0).into()
    }

    /// The highest phase and one.
    pub(crate) fn phases(&self) -> usize {
        self.phases.iter().max().map_or(1, |&most| usize::from(most) + 1)
    }

    /// The event that is due exactly at `at_us`.
    pub(crate) fn event_at(&self, at_us: u64) -> Option<u32> {
        self.due_us.binary_search(&at_us).ok().map(|event| event as u32)
    }

    /// The first event that is due at `at_us` or later.
    pub(crate) fn first_from(&self, at_us: u64) -> Option<u32> {
        let event = self.due_us.partition_point(|&due_us| due_us < at_us);
        (event < self.due_us.len()).then_some(event as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_events_share_a_moment_and_each_is_found_by_its_own() {
        let mut schedule = Schedule::default();
        let due: Vec<u64> = [0, 0, 5, 3, 100].map(|at_us| schedule.add(at_us)).into();
        assert_eq!(due, [0, 1, 5, 6, 100]);
        for (event, &at_us) in due.iter().enumerate() {
            assert_eq!(
                (schedule.event_at(at_us), schedule.due_us(event as u32)),
                (Some(event as u32), at_us)
            );
        }
        assert_eq!((schedule.event_at(2), schedule.events(), schedule.phases()), (None, 5, 1));
        let last = schedule.due_us(4);
        assert_eq!(
            (schedule.first_from(0), schedule.first_from(last), schedule.first_from(last + 1)),
            (Some(0), Some(4), None)
        );
    }

    #[test]
    fn phases_alternate_by_time() {
        let mut schedule = Schedule::steady(6, 10);
        schedule.set_phases(|due_us| (due_us / 20 % 2) as u8);
        assert_eq!((0..6).map(|event| schedule.phase(event)).collect::<Vec<_>>(), [0, 0, 1, 1, 0, 0]);
        assert_eq!(schedule.phases(), 2);
    }
}
