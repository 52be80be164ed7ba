//! How many times a second a contest of 10,000 entries is drawn to its end: every entry scored, ranked and paid.
//!
//! `cargo bench --bench simulate`. On one thread, and on as many as there are cores; before kickoff, and with half of the
//! games over. Each is the median of [`RUNS`] runs of [`DRAWS`] draws on ready tables; what making the tables takes is printed
//! beside it. `SCOREWIRE_NUMPY=python` names a Python that has NumPy: then the same contest, from the same tables, is
//! drawn by the loop in `benches/simulate/loop.py` in between, and what both say of the entries is compared.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use scorewire::contest::simulate::{Field, PlayerNow, Position, Prize, Rest, Row, Side, Simulation};
use scorewire::model::Points;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTRIES: usize = 10_000;
const GAMES: u16 = 13;
const RUNS: usize = 5;
const DRAWS: u32 = 40_000;
const SEED: u64 = 2017;

/// What clubs have, and what each brings on average, in points.
const CLUB: [(Position, &[i64]); 5] = [
    (Position::Quarterback, &[18]),
    (Position::RunningBack, &[14, 8, 3]),
    (Position::WideReceiver, &[15, 11, 7, 3]),
    (Position::TightEnd, &[9, 4]),
    (Position::Defence, &[7]),
];

/// Slots: who may be in each, by place in [`CLUB`].
const SLOTS: [&[usize]; 9] = [&[0], &[1], &[1], &[2], &[2], &[2], &[3], &[1, 2, 3], &[4]];

/// Places and what each gets, in cents: 22 of 100 are paid, as in large tournaments.
const PRIZES: [(u32, u64); 12] = [
    (1, 1_000_000),
    (2, 500_000),
    (3, 250_000),
    (5, 100_000),
    (10, 50_000),
    (25, 20_000),
    (50, 10_000),
    (100, 5_000),
    (250, 3_000),
    (500, 2_000),
    (1_000, 1_500),
    (2_200, 1_000),
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn players(games_over: u16) -> Vec<PlayerNow> {
    let mut players = Vec::new();
    for side in 0..GAMES * 2 {
        for (position, means) in CLUB {
            for mean in means {
                let mean = Points(mean * Points::SCALE + i64::from(side % 7) * 2_500);
                let is_over = side / 2 < games_over;
                players.push(PlayerNow {
                    scored: if is_over { Points(mean.0 / 200 * 200) } else { Points::ZERO },
                    rest: (!is_over).then_some(Rest {
                        mean,
                        spread: Points(mean.0 / 2 + 10_000),
                        floor: Points::ZERO,
                    }),
                    sides: Some((Side(side), Side(side ^ 1))),
                    position,
                });
            }
        }
    }
    players
}

/// Rosters as people make them: those who bring more are in more of them.
fn field(players: &[PlayerNow]) -> Field {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut rosters = Vec::with_capacity(ENTRIES * SLOTS.len());
    let mean = |player: usize| players[player].rest.map_or(0, |rest| rest.mean.0) as usize;
    for _ in 0..ENTRIES {
        let start = rosters.len();
        for slot in SLOTS {
            loop {
                let player = random.below(players.len());
                let fits = slot.iter().any(|position| CLUB[*position].0 == players[player].position);
                let row = player as u16;
                if fits && random.below(160_000) < mean(player) && !rosters[start..].contains(&row) {
                    rosters.push(row);
                    break;
                }
            }
        }
    }
    let rows = (0..players.len() as u32).map(|player| Row {
        player,
        multiplier_hundredths: 100,
    });
    let mut first = 1;
    let prizes: Vec<Prize> = PRIZES
        .iter()
        .map(|(last, cents)| {
            let prize = Prize {
                first,
                last: *last,
                cents: *cents,
            };
            first = last + 1;
            prize
        })
        .collect();
    Field::new(rows.collect(), SLOTS.len(), &rosters, &prizes).unwrap()
}

fn main() {
    let all = players(0);
    let field = Arc::new(field(&all));
    println!("{} entries, {} rosters, {} players", field.entries(), field.rosters(), all.len());
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    for games_over in [0, GAMES / 2] {
        let now = players(games_over);
        let started = Instant::now();
        let simulation = Simulation::new(field.clone(), &now, Points(200)).unwrap();
        println!(
            "{games_over} of {GAMES} games over: tables made in {:.1} ms",
            started.elapsed().as_secs_f64() * 1e3
        );
        for threads in if cores == 1 { vec![1] } else { vec![1, cores] } {
            let threads = NonZeroUsize::new(threads).unwrap();
            let mut rates: Vec<f64> = (0..RUNS).map(|run| rate(&simulation, run, threads)).collect();
            rates.sort_by(f64::total_cmp);
            println!(
                "  {threads} threads: {:.0} contests/s (from {:.0} to {:.0})",
                rates[RUNS / 2],
                rates[0],
                rates[RUNS - 1]
            );
        }
    }
}

fn rate(simulation: &Simulation, run: usize, threads: NonZeroUsize) -> f64 {
    let started = Instant::now();
    let odds = simulation.run(SEED, run as u64 * u64::from(DRAWS), DRAWS, threads, &|| true);
    assert_eq!(odds.draws, DRAWS);
    f64::from(DRAWS) / started.elapsed().as_secs_f64()
}
