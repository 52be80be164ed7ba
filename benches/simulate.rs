//! How many times a second a contest of 10,000 entries is drawn to its end: every entry scored, ranked and paid.
//!
//! `cargo bench --bench simulate`. On one thread, and on as many as there are cores; before kickoff, and with half of the
//! games over. Each is the median of some runs on ready tables, by the clock and by a core's time, which leaves out that
//! others had the core; what making the tables takes is printed beside it. `SCOREWIRE_NUMPY=python` names a Python that has
//! NumPy: then the same contest, from the same tables, is drawn by the loop in `benches/simulate/loop.py`, on one core, and what
//! both say of the entries is compared. With the feature `cuda` and a GPU the GPU draws it, too, and has to say the same.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use rustix::time::{ClockId, clock_gettime};
use scorewire::contest::simulate::gpu::Device;
use scorewire::contest::simulate::gpu::flat::Flat;
use scorewire::contest::simulate::{Field, PlayerNow, Position, Prize, Rest, Row, Side, Simulation};
use scorewire::model::Points;
use std::num::NonZeroUsize;
use std::process::Command;
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

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
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
            let mut rates: Vec<(f64, f64)> = (0..RUNS).map(|run| rate(&simulation, run, threads)).collect();
            rates.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (least, median, most) = (rates[0].0, rates[RUNS / 2].0, rates[RUNS - 1].0);
            println!("  {threads} threads: {median:.0} contests/s (from {least:.0} to {most:.0})");
            rates.sort_by(|a, b| a.1.total_cmp(&b.1));
            println!("    {:.1} us of a core's time each", rates[RUNS / 2].1 * 1e6);
        }
        on_a_gpu(&simulation);
        if games_over == 0 {
            beside_numpy(&simulation);
        }
    }
}

/// Contests a second, and seconds of a core's time each.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn rate(simulation: &Simulation, run: usize, threads: NonZeroUsize) -> (f64, f64) {
    let core = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let (started, core_started) = (Instant::now(), core());
    let odds = simulation.run(SEED, run as u64 * u64::from(DRAWS), DRAWS, threads, &|| true);
    assert_eq!(odds.draws, DRAWS);
    let draws = f64::from(DRAWS);
    (draws / started.elapsed().as_secs_f64(), (core() - core_started) / draws)
}

/// The same draws, and how many a second.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn on_a_gpu(simulation: &Simulation) {
    let device = match Device::open(0) {
        Ok(device) => device,
        Err(error) => return println!("  no GPU: {error}"),
    };
    let mut loaded = device.load(simulation).unwrap();
    let wanted = simulation.run(SEED, 0, DRAWS, NonZeroUsize::MIN, &|| true);
    assert!(loaded.run(SEED, 0, DRAWS).unwrap() == wanted, "the GPU says something else");
    let draws = DRAWS * 50;
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            loaded.run(SEED, 0, draws).unwrap();
            f64::from(draws) / started.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!("  {}: {:.0} contests/s, equal to the CPU's", device.name(), rates[RUNS / 2]);
}

/// The loop in NumPy on the same tables: contests a second, and how far its sums lie from ours.
fn beside_numpy(simulation: &Simulation) {
    let Some(python) = std::env::var_os("SCOREWIRE_NUMPY") else {
        return;
    };
    let folder = std::env::temp_dir();
    let name = |what: &str| folder.join(format!("scorewire-simulate-{}-{what}", std::process::id()));
    let flat = Flat::new(simulation);
    let words: Vec<u8> = flat.words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    std::fs::write(name("plan"), words).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/simulate/loop.py");
    let output = Command::new(python)
        .args([script.as_ref(), name("plan").as_os_str(), "10".as_ref(), name("sums").as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("  NumPy, 1 thread: {}", String::from_utf8_lossy(&output.stdout).trim());
    let sums: Vec<u64> = std::fs::read(name("sums"))
        .unwrap()
        .as_chunks()
        .0
        .iter()
        .map(|bytes| u64::from_ne_bytes(*bytes))
        .collect();
    for what in ["plan", "sums"] {
        std::fs::remove_file(name(what)).unwrap();
    }
    let draws = sums[2 * flat.rosters];
    let ours = simulation.run(SEED, 0, DRAWS, NonZeroUsize::MIN, &|| true);
    let pairs = (0..simulation.field().entries()).map(|entry| {
        let odds = ours.entry(simulation.field(), entry);
        (ours.expected_cents(odds), sums[entry] as f64 / draws as f64)
    });
    let (mut n, mut a, mut b, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in pairs {
        n += 1.0;
        a += x;
        b += y;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    let correlation = (ab - a * b / n) / ((aa - a * a / n) * (bb - b * b / n)).sqrt();
    println!(
        "    mean expected payout {:.2} and {:.2} cents, correlation of entries' {correlation:.3} over {draws} draws",
        a / n,
        b / n
    );
}
