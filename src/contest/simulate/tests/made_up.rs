//! Contests made up from a seed.

use crate::contest::simulate::normal::philox;
use crate::contest::simulate::{Field, PlayerNow, Position, Prize, Rest, Row, Side};
use crate::model::Points;

/// Random choices, all from one seed.
pub(super) struct Choices {
    seed: u64,
    next: u64,
}

impl Choices {
    pub(super) fn new(seed: u64) -> Choices {
        Choices { seed, next: 0 }
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.next += 1;
        let [[high], [low], ..] = philox::<1>(self.seed, self.next, 0xC0FF_EE00);
        ((u64::from(high) << 32 | u64::from(low)) % limit as u64) as usize
    }
}

const POSITIONS: [Position; 7] = [
    Position::Quarterback,
    Position::RunningBack,
    Position::WideReceiver,
    Position::TightEnd,
    Position::Kicker,
    Position::Defence,
    Position::Other,
];

/// All that a simulation is made of.
pub(super) struct MadeUp {
    pub(super) players: Vec<PlayerNow>,
    pub(super) rows: Vec<Row>,
    pub(super) slots: usize,
    pub(super) rosters: Vec<u16>,
    pub(super) prizes: Vec<Prize>,
    pub(super) quantum: Points,
}

impl MadeUp {
    /// Small and ill-behaved: ties, equal rosters, multipliers, players who are done, points below zero, prizes for more
    /// places than there are entries.
    pub(super) fn new(seed: u64) -> MadeUp {
        let mut choose = Choices::new(seed);
        let quantum = [100, 10_000, 200, 5][choose.below(4)];
        let players: Vec<PlayerNow> = (0..1 + choose.below(30)).map(|_| player(&mut choose, quantum)).collect();
        let mut rows: Vec<Row> = Vec::new();
        for player in 0..players.len() as u32 {
            rows.push(Row {
                player,
                multiplier_hundredths: 100,
            });
            if choose.below(3) == 0 {
                rows.push(Row {
                    player,
                    multiplier_hundredths: 200,
                });
            }
        }
        let slots = [1, 2, 6, 8, 9, 5][choose.below(6)];
        let entries = 1 + choose.below(150);
        let mut rosters: Vec<u16> = Vec::new();
        for entry in 0..entries {
            if entry > 0 && choose.below(4) == 0 {
                let other = choose.below(entry) * slots;
                rosters.extend_from_within(other..other + slots);
            } else {
                rosters.extend((0..slots).map(|_| choose.below(rows.len()) as u16));
            }
        }
        MadeUp {
            players,
            rows,
            slots,
            rosters,
            prizes: prizes(&mut choose, entries),
            quantum: Points(quantum),
        }
    }

    pub(super) fn field(&self) -> Field {
        Field::new(self.rows.clone(), self.slots, &self.rosters, &self.prizes).unwrap()
    }
}

fn player(choose: &mut Choices, quantum: i64) -> PlayerNow {
    let points = |choose: &mut Choices, limit: usize| Points(choose.below(limit) as i64 * 10_000);
    let rest = Rest {
        mean: points(choose, 25),
        spread: points(choose, 12),
        floor: Points(-40_000 * choose.below(2) as i64),
    };
    let side = choose.below(4) as u16;
    PlayerNow {
        scored: Points((choose.below(200) as i64 - 40) * quantum),
        rest: (choose.below(4) > 0).then_some(rest),
        sides: (choose.below(5) > 0).then_some((Side(side), Side(side ^ 1))),
        position: POSITIONS[choose.below(POSITIONS.len())],
    }
}

fn prizes(choose: &mut Choices, entries: usize) -> Vec<Prize> {
    let mut prizes = Vec::new();
    let mut first = 1;
    for _ in 0..choose.below(6) {
        let last = first + choose.below(1 + entries / 4) as u32;
        // Not always less for a worse place.
        prizes.push(Prize {
            first,
            last,
            cents: 1 + choose.below(100_000) as u64,
        });
        first = last + 1;
    }
    prizes
}
