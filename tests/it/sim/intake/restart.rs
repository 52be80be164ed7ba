//! Processes and machines that go down at any moment, and what is found when they are started again.

use super::{Asker, DIR, Payload, Running, SOURCE, Told};
use crate::client::count;
use crate::oracle::Oracle;
use crate::sim::Sim;
use crate::sim::fans::Fan;
use crate::world::{Machine, engine_limits};
use scorewire::compaction::RetellError;
use scorewire::recovery::{Me, NewEpoch, Recovered, recover};
use scorewire::store::{Durability, GroupCommit, Lsn, OpenError};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Starts in a row that the disk may spoil.
const STARTS_SPOILT_MAX: usize = 4;

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Killed,
    PowerCut,
    InOrder,
}

impl Sim {
    /// The process ends, and is started again.
    pub(in crate::sim) fn end_at_random(&mut self) {
        let end = *self.chance.pick(&[End::Killed, End::PowerCut, End::InOrder]);
        self.end(end);
    }

    fn end(&mut self, end: End) {
        let mut is_lost = end == End::PowerCut;
        let mut is_closed = false;
        if end == End::InOrder {
            if self.intake.running().syncing.is_some() {
                self.sync();
            }
            let waiting = self.intake.running().queue.len();
            self.write_first(waiting);
            let now_us = self.world.now_us;
            is_closed = self.intake.running().group.close(now_us).is_ok();
            self.settle();
            while !self.intake.running().delivered.is_empty() {
                self.take_effect();
            }
            if is_closed {
                assert_eq!(self.intake.applied, self.intake.written.len(), "all has taken effect");
                self.intake.confirmed = self.intake.written.len();
                is_lost = self.chance.percent(50);
            }
        }
        count(
            &mut self.tally,
            match end {
                End::Killed => "killed",
                End::PowerCut => "power cut",
                End::InOrder => "ended in order",
            },
        );
        for client in &mut self.clients {
            client.key = None;
        }
        self.fans.iter_mut().for_each(Fan::cut_off);
        self.intake.running = None;
        for request in &mut self.intake.requests {
            request.parts = 0;
        }
        self.go_down(is_lost);
        self.start_again(is_lost, is_closed);
    }

    /// The process is gone, or the machine is.
    fn go_down(&mut self, is_lost: bool) {
        if is_lost {
            self.intake.files.cut_power();
            self.intake.boots += 1;
            let since_boot_us = self.chance.between(0, 5_000_000) as i64;
            self.world.wall_ahead_us += self.world.now_us - since_boot_us;
            self.world.now_us = since_boot_us;
        } else {
            self.intake.files.kill();
        }
    }

    /// Starts until the disk lets it.
    fn start_again(&mut self, mut is_lost: bool, is_closed: bool) {
        for spoilt in 0.. {
            if self.chance.percent(30) && spoilt < STARTS_SPOILT_MAX {
                self.spoil_disk();
            } else {
                self.intake.files.mend();
            }
            let machine = Machine::new(&self.world.settings, self.world.lives + 1);
            match self.start(&machine) {
                Ok((mut recovered, found)) => {
                    if spoilt == 0 {
                        let is_clean = recovered.opening.clean;
                        assert!(is_clean || !is_closed, "an orderly end is noticed");
                        let reason = (is_lost && !is_clean).then_some(NewEpoch::MachineLost);
                        assert_eq!(recovered.new_epoch, reason);
                    }
                    self.take_over(&recovered, found, is_lost);
                    let header = recovered.header.clone();
                    match GroupCommit::begin(&mut recovered.opening, header, &self.intake.settings) {
                        Ok(group) => return self.serve(machine, group, recovered),
                        Err(error) => assert!(matches!(error, OpenError::Io { .. }), "{error}"),
                    }
                }
                Err(RetellError::Log(OpenError::Io { .. })) => {}
                Err(error) => panic!("{error}"),
            }
            count(&mut self.tally, "start spoilt by the disk");
            let is_lost_again = self.chance.percent(30);
            is_lost |= is_lost_again;
            self.go_down(is_lost_again);
        }
    }

    /// Recovers from the files; returns the records that are there, too, from the first on.
    fn start(&mut self, machine: &Machine) -> Result<(Recovered, Vec<Told>), RetellError> {
        self.intake.starts += 1;
        let me = Me {
            sources: vec![SOURCE.to_owned()],
            limits: engine_limits(),
            boot_id: format!("boot {}", self.intake.boots),
            is_restored: false,
            new_epoch: format!("e{}", self.intake.starts),
        };
        let recovered = recover(Path::new(DIR), Arc::new(self.intake.files.clone()), &machine.shared, me)?;
        assert_eq!((recovered.read.missing, recovered.read.unreadable), (0, 0));
        assert_eq!(recovered.warnings, [""; 0]);
        let mut found = Vec::new();
        recovered.opening.replay(recovered.opening.first_lsn, |_, _, record| {
            found.push(Told {
                kind: record.kind,
                origin: record.origin,
                body: record.body.to_vec(),
            });
        })?;
        Ok((recovered, found))
    }

    /// Holds what is there against what was written, and goes on from that.
    fn take_over(&mut self, recovered: &Recovered, found: Vec<Told>, is_lost: bool) {
        // What is before the first segment is in a snapshot.
        let before = recovered.opening.first_lsn.0 as usize - 1;
        let written = &self.intake.written[before.min(self.intake.written.len())..];
        let same = before + found.iter().zip(written).take_while(|(found, written)| found == written).count();
        assert!(
            same >= self.intake.confirmed,
            "{same} of {} that were confirmed",
            self.intake.confirmed
        );
        assert!(is_lost || same == self.intake.written.len(), "a killed process loses nothing");
        let more = &found[same - before..];
        assert!(
            more.iter().all(|told| self.intake.brought.contains(&told.body)),
            "nothing is made up"
        );
        let goes_on = recovered.header.epoch == self.world.epoch;
        if goes_on {
            assert_eq!(same, self.intake.written.len(), "the history goes on with all of it");
        } else {
            assert!(is_lost, "a history ends with its machine alone");
            assert!(!self.intake.epochs_served.contains(&recovered.header.epoch));
        }
        let happened = [
            ("shown and lost", same < self.intake.applied),
            ("refused and found", !more.is_empty()),
            ("torn tail cut", recovered.opening.cut.is_some()),
            ("recovered from a snapshot", recovered.read.snapshot.is_some()),
            ("epoch goes on", goes_on),
        ];
        for (what, _) in happened.iter().filter(|(_, happened)| *happened) {
            count(&mut self.tally, what);
        }
        assert!(
            self.intake.settings.durability == Durability::Group || same >= self.intake.applied,
            "nothing is shown that is not on disk"
        );
        self.intake.written.truncate(same);
        self.intake.written.extend_from_slice(more);
        if same < self.intake.applied {
            self.intake.truth = Machine::new(&self.world.settings, 0);
            self.oracle = Oracle::new(&self.names);
            self.intake.applied = 0;
        }
    }

    /// The new process opens its doors.
    fn serve(&mut self, machine: Machine, group: GroupCommit<Payload, Asker>, recovered: Recovered) {
        for told in self.intake.written.split_off(self.intake.applied) {
            self.tell_truth(&told);
            self.intake.written.push(told);
        }
        let truth = &self.intake.truth.shared;
        assert_eq!(machine.shared.games(), truth.games());
        assert_eq!(machine.shared.remains().expired, truth.remains().expired);
        assert_eq!(machine.shared.finished(), truth.finished());
        for name in &self.names {
            let head = machine.hub.get(name).map_or(0, |topic| topic.read(|history| history.head));
            assert_eq!(head, self.oracle.head(&name.to_string()), "{name}");
        }
        assert_eq!(group.written(), Lsn(self.intake.written.len() as u64));
        // What was found was written again, or was on disk.
        self.intake.confirmed = self.intake.written.len();
        assert_eq!(group.synced(), group.written());
        let epoch = recovered.header.epoch;
        self.intake.epochs_served.insert(epoch.clone());
        self.intake.running = Some(Running {
            group,
            queue: Vec::new(),
            delivered: VecDeque::new(),
            syncing: None,
            _opening: recovered.opening,
        });
        self.retire_totals();
        self.world.restart(machine, epoch);
    }

    /// The first start, of an empty disk.
    pub(in crate::sim) fn begin(&mut self) {
        let machine = Machine::new(&self.world.settings, self.world.lives + 1);
        let (mut recovered, _) = self.start(&machine).expect("an empty disk that works");
        let header = recovered.header.clone();
        let group = GroupCommit::begin(&mut recovered.opening, header, &self.intake.settings).expect("as above");
        self.serve(machine, group, recovered);
    }
}
