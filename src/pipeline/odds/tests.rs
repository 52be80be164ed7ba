//! What is drawn, when, and what is shown of it; by a clock of its own.

use super::device::Draws;
use super::drawer::{Around, Counts, Drawer, Limits, seed};
use super::field::Ready;
use super::players::Players;
use crate::contest::builder::Builder;
use crate::contest::simulate::refresh::Pace;
use crate::contest::simulate::{PlayerNow, Position, Rest};
use crate::contest::{Payouts, Slot, Terms};
use crate::fanout::contests::{Contest, Odds, Stirred};
use crate::fanout::hub::{Hub, HubLimits};
use crate::fanout::lineups::LineupLimits;
use crate::model::{ContestId, IngestTime, Multiplier, Now, PlayerId, Points};
use crate::scoring::{RulesetIndex, Rulesets};
use std::num::NonZeroUsize;
use std::sync::Arc;

const LIMITS: Limits = Limits {
    pace: Pace {
        slice_us: 1_000,
        draws: 1_024,
        every_us: 2_000_000,
    },
    entries_max: 100,
    entries_all_max: 160,
};
const PLAYERS: usize = 8;

fn hub() -> Arc<Hub> {
    let limits = HubLimits {
        ring_frames: 16,
        topics_max: 100,
        notices_max: 100,
        lineups: LineupLimits::DEFAULT,
    };
    let hub = Arc::new(Hub::new(1, limits).0);
    hub.contests().stirs().follow();
    hub
}

fn player(number: usize) -> PlayerId {
    PlayerId::new(&format!("p-{number}")).unwrap()
}

/// A captain and another; every pair of players is an entry, as far as there are so many.
fn post(hub: &Hub, id: &str, entries: usize) -> Arc<Contest> {
    let slot = |name: &str, multiplier| Slot {
        name: name.into(),
        multiplier: Multiplier::new(multiplier).unwrap(),
    };
    let id = ContestId::new(id).unwrap();
    let mut builder = Builder::new(Terms {
        id,
        name: "Test".into(),
        ruleset: "ppr".into(),
        slots: [slot("CPT", 150), slot("FLEX", 100)].into(),
        payouts: Payouts::parse("1:100,2-3:25.50,4-20:5.01").unwrap(),
        salary_cap: None,
        games_min: 0,
        games: [].into(),
    });
    for entry in 0..entries {
        let (captain, other) = (entry % PLAYERS, (entry / PLAYERS) % (PLAYERS - 1));
        let other = if other < captain { other } else { other + 1 };
        builder.add(entry as u32, &format!("e{entry}"), "", &[player(captain), player(other)]);
    }
    let definition = builder.finish(|_| None, |_, _, _| {});
    let rulesets = Rulesets::embedded();
    let index: RulesetIndex = rulesets.index("ppr").unwrap();
    let coming = hub.contests().place(definition).unwrap();
    coming.begin(hub, (&rulesets, index), IngestTime(1), None)
}

/// Players of whom each has some points, and all but those that are done may bring more.
fn players(done: usize, has: i64) -> Players {
    let one = |number: usize| PlayerNow {
        scored: Points((has + number as i64) * Points::SCALE),
        rest: (number >= done).then_some(Rest {
            mean: Points(8 * Points::SCALE),
            spread: Points(6 * Points::SCALE),
            floor: Points::ZERO,
        }),
        sides: None,
        position: Position::Other,
    };
    Players {
        now: (0..PLAYERS).map(one).collect(),
        open: (PLAYERS - done) as u32,
        unprojected: 0,
        is_projected: true,
    }
}

/// A drawer and what it has shown; `step` is one turn of the thread.
struct Rig {
    hub: Arc<Hub>,
    drawer: Drawer,
    draws: Draws,
    players: Players,
    shown: Vec<(String, Odds)>,
    now_us: i64,
}

impl Rig {
    fn new(limits: Limits) -> Rig {
        Rig {
            hub: hub(),
            drawer: Drawer::new(limits),
            draws: Draws::on(NonZeroUsize::MIN),
            players: players(0, 0),
            shown: Vec::new(),
            now_us: 1,
        }
    }

    fn hear(&mut self) {
        for stirred in self.hub.contests().stirs().take() {
            self.drawer.told(&stirred, self.now_us);
        }
    }

    fn moved(&mut self, contest: &Arc<Contest>) {
        let stirred = Stirred {
            contest: contest.clone(),
            moved: true,
        };
        self.drawer.told(&stirred, self.now_us);
    }

    /// Whether there was anything to do.
    fn step(&mut self) -> bool {
        self.hear();
        let Some((slice, _)) = self.drawer.next(self.now_us) else {
            return false;
        };
        let now = Now {
            steady_us: self.now_us,
            wall_us: 1_700_000_000_000_000 + self.now_us,
        };
        let (players, shown) = (&self.players, &mut self.shown);
        let mut around = Around {
            draws: &mut self.draws,
            look: &mut |_, _| players.clone(),
            quantum: &|_| Points(100),
            show: &mut |contest, odds| shown.push((contest.id().to_string(), odds)),
            steady_us: &|| now.steady_us + 500,
            go_on: &|| true,
        };
        self.drawer.draw(&slice, now, &mut around);
        true
    }

    fn rest(&mut self) {
        while self.step() {}
    }

    fn counts(&mut self) -> Counts {
        self.drawer.take_counts()
    }
}

#[test]
fn odds_come_after_a_slice_get_sharper_and_share_what_is_paid() {
    let mut rig = Rig::new(LIMITS);
    post(&rig.hub, "c", 56);
    assert!(rig.step());
    assert_eq!(rig.shown.len(), 1, "after the first slice");
    rig.rest();
    let draws: Vec<u32> = rig.shown.iter().map(|(_, odds)| odds.draws).collect();
    assert_eq!(draws.last(), Some(&1_024));
    assert!(draws.windows(2).all(|two| two[1] >= 4 * two[0] || two[1] == 1_024), "{draws:?}");
    let odds = &rig.shown.last().unwrap().1;
    assert_eq!((odds.open, odds.unprojected, odds.entries.len()), (8, 0, 56));
    // 100 + 2 × 25.50 + 17 × 5.01; cents that no tie can share are lost, and each is rounded.
    let paid: i64 = odds.entries.iter().map(|entry| entry.expected.0).sum();
    assert!((paid - 23_617).abs() <= 56, "{paid}");
    assert!(odds.entries.iter().map(|entry| entry.won).sum::<u32>() >= odds.draws);
    assert!(odds.entries.iter().map(|entry| entry.cashed).sum::<u32>() >= 20 * odds.draws);
    assert!(
        odds.entries
            .iter()
            .all(|entry| entry.won <= entry.cashed && entry.cashed < odds.draws)
    );
}

#[test]
fn draws_can_be_repeated_from_the_id_and_the_time_of_the_state() {
    let last = |slice_us| {
        let mut rig = Rig::new(Limits {
            pace: Pace { slice_us, ..LIMITS.pace },
            ..LIMITS
        });
        post(&rig.hub, "c", 40);
        rig.rest();
        rig.shown.pop().unwrap().1
    };
    let (short, long) = (last(1), last(1_000_000));
    assert_eq!((short.at_us, short.draws, &short.entries), (long.at_us, long.draws, &long.entries));
    let id = |id: &str| ContestId::new(id).unwrap();
    assert_ne!(seed(&id("a"), 1), seed(&id("b"), 1));
    assert_ne!(seed(&id("a"), 1), seed(&id("a"), 2));
}

#[test]
fn a_state_that_is_the_same_is_not_drawn_again_and_another_one_is_when_its_time_has_come() {
    let mut rig = Rig::new(LIMITS);
    let contest = post(&rig.hub, "c", 40);
    rig.rest();
    let first = rig.shown.pop().unwrap().1;
    rig.shown.clear();
    rig.now_us += 3_000_000;
    rig.moved(&contest);
    rig.rest();
    assert!(rig.shown.is_empty(), "nothing that matters to it happened");
    rig.now_us += 1_000;
    rig.players = players(0, 1);
    rig.moved(&contest);
    assert!(!rig.step(), "its state was taken a millisecond ago");
    rig.now_us += 3_000_000;
    rig.rest();
    let second = rig.shown.pop().unwrap().1;
    assert_eq!((second.draws, second.at_us - first.at_us), (1_024, 6_001_000));
    assert_ne!(first.entries, second.entries);
}

#[test]
fn when_all_is_over_the_odds_are_the_standings() {
    let mut rig = Rig::new(LIMITS);
    rig.players = players(PLAYERS, 3);
    post(&rig.hub, "c", 56);
    rig.rest();
    let (_, odds) = rig.shown.pop().unwrap();
    assert_eq!(odds.open, 0);
    assert!(odds.entries.iter().all(|entry| [0, odds.draws].contains(&entry.cashed)));
    assert_eq!(odds.entries.iter().filter(|entry| entry.won == odds.draws).count(), 1);
    assert!(rig.shown.is_empty() && !rig.drawer.is_waiting());
}

#[test]
fn where_nothing_is_projected_nothing_is_drawn() {
    let mut rig = Rig::new(LIMITS);
    rig.players.is_projected = false;
    let contest = post(&rig.hub, "c", 40);
    rig.rest();
    assert!(rig.shown.is_empty());
    let counts = rig.counts();
    assert_eq!((counts.draws, counts.drawn, counts.undrawn), ([0, 0], 0, 1));
    rig.players.is_projected = true;
    rig.now_us += 3_000_000;
    rig.moved(&contest);
    rig.rest();
    let counts = rig.counts();
    assert_eq!((counts.draws, counts.drawn, counts.undrawn), ([1_024, 0], 1, 0));
}

#[test]
fn what_is_too_large_is_left_out_and_who_waits_for_room_gets_it() {
    let mut rig = Rig::new(LIMITS);
    post(&rig.hub, "large", 101);
    rig.hear();
    let first = post(&rig.hub, "first", 100);
    rig.hear();
    post(&rig.hub, "second", 60);
    rig.rest();
    let drawn = |rig: &Rig| {
        let mut ids: Vec<String> = rig.shown.iter().map(|(id, _)| id.clone()).collect();
        ids.dedup();
        ids
    };
    assert_eq!(drawn(&rig), ["first"]);
    assert_eq!((rig.counts().drawn, rig.counts().undrawn), (1, 2));
    rig.shown.clear();
    assert!(rig.hub.contests().remove(first.id()));
    rig.rest();
    assert_eq!(drawn(&rig), ["second"]);
    assert_eq!((rig.counts().drawn, rig.counts().undrawn), (1, 1));
}

#[test]
fn one_that_was_deleted_is_shown_no_more_and_one_that_fails_is_given_up() {
    let mut rig = Rig::new(LIMITS);
    let contest = post(&rig.hub, "c", 40);
    let other = post(&rig.hub, "d", 40);
    rig.hear();
    let (slice, drawn) = rig.drawer.next(1).unwrap();
    rig.drawer.give_up(slice.contest);
    assert!(rig.hub.contests().remove(drawn.id()));
    rig.rest();
    let left = if Arc::ptr_eq(&drawn, &contest) { other } else { contest };
    assert!(!rig.shown.is_empty() && rig.shown.iter().all(|(id, _)| id == left.id().as_str()));
    rig.shown.clear();
    rig.hub.contests().remove(left.id());
    rig.rest();
    assert!(rig.shown.is_empty());
    assert_eq!(rig.counts().undrawn, 0);
}

#[test]
fn what_was_let_go_of_is_drawn_anew() {
    let mut rig = Rig::new(LIMITS);
    let contest = post(&rig.hub, "c", 40);
    rig.step();
    rig.drawer.let_go();
    rig.rest();
    let draws = rig.shown.pop().unwrap().1.draws;
    assert!(draws >= 1_000, "{draws}");
    rig.drawer.let_go();
    rig.now_us += 3_000_000;
    rig.moved(&contest);
    rig.rest();
    assert_eq!(rig.shown.pop().unwrap().1.draws, 1_024);
}

#[test]
fn a_contest_gives_each_player_of_a_slot_its_position() {
    let hub = hub();
    let contest = post(&hub, "c", 56);
    let ready = Ready::new(contest.definition()).unwrap();
    assert_eq!(ready.rows.len(), 2 * PLAYERS);
    assert_eq!(ready.field.entries(), 56);
    assert!(ready.positions.iter().all(|position| *position == Position::Other));
    // A captain has one and a half times his points: 0.15 of 0.1.
    assert_eq!(ready.quantum(Points(1_000), |_| Points(1_000)), Points(500));
}
