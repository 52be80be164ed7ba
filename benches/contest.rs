//! What a change of one player's points costs in a contest of a million entries, on one core, and what an entry takes.
//!
//! `cargo bench --bench contest`; `CONTEST_ENTRIES=100000` for another size. Entries are generated: nine players under the
//! cap, drawn by an ownership of which the head is printed. A slate is played from nothing to its end: each change is a
//! player of a starting rank, those who touch the ball more drawn more often, with what a play brings; one in 50 is a
//! correction that takes the last one back. `change` is [`Board::set`] and [`Board::standings`], after which any entry's rank is
//! known; `shown` is what a contest shows then: ten leaders, the cut lines, 20 buckets of the distribution, and where 20
//! entries stand. Both by the clock and, as `CPU`, by the time that this thread had of a core: on a machine that does other
//! things meanwhile the two are apart. Percentiles of all changes, not means: a mean hides the favourites. Allocator: the server's own.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use compact_str::CompactString;
use rustix::time::{ClockId, clock_gettime};
use scorewire::contest::generate::{Chance, Slate};
use scorewire::contest::{Board, Definition, EntryIndex, Payouts, PlayerIndex, Slot, Terms};
use scorewire::model::{ContestId, Multiplier, PlayerId, Points};
use scorewire::scoring::Rulesets;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CHANGES: usize = 6_000;
const CLASSIC: [&str; 9] = ["QB", "RB", "RB", "WR", "WR", "WR", "TE", "FLEX", "DST"];

/// About as a large contest pays: a fifth of a million places.
const PAYOUTS: &str = "1:1000000,2:200000,3:100000,4:50000,5:25000,6-10:10000,11-50:2500,51-200:500,201-1000:150,\
                       1001-10000:60,10001-50000:35,50001-200000:25";

fn contest(slate: &Slate, entries: usize) -> Definition {
    let slot = |name: &&str| Slot {
        name: CompactString::new(name),
        multiplier: Multiplier::ONE,
    };
    let terms = Terms {
        id: ContestId::new("million").unwrap(),
        name: CompactString::new("A million"),
        ruleset: CompactString::new("draftkings"),
        slots: CLASSIC.iter().map(slot).collect(),
        payouts: Payouts::parse(PAYOUTS).unwrap(),
        salary_cap: Some(50_000),
        games_min: 0,
    };
    slate.contest(terms, entries, 20_990_101)
}

/// Who scores how often, and by how much: by position, tenths of a point.
struct Plays {
    players: Vec<(PlayerId, &'static [i64])>,
    sums: Vec<u64>,
}

impl Plays {
    fn new(slate: &Slate) -> Plays {
        let mut players: Vec<(PlayerId, &'static [i64])> = Vec::new();
        let (mut sums, mut sum) = (Vec::new(), 0);
        for choice in slate.choices() {
            // How often in a game a starter's points move, and the amounts (in 1/10,000 point).
            let (often, amounts): (u64, &[i64]) = match &*choice.position {
                "QB" => (35, &[2_000, 3_200, 4_800, 7_600, 12_000, 42_800, -10_000, 5_000]),
                "RB" => (18, &[1_000, 2_000, 3_000, 4_000, 7_000, 14_000, 61_000, 0, -1_000]),
                "DST" => (8, &[10_000, 20_000, 60_000, -30_000, -10_000]),
                _ => (8, &[13_000, 16_000, 18_000, 21_000, 30_000, 81_000]),
            };
            // Whom fans want touches the ball more: some twenty times as often as whom nobody wants.
            sum += u64::from(choice.weight.isqrt()) * often;
            sums.push(sum);
            players.push((choice.player.clone(), amounts));
        }
        Plays { players, sums }
    }

    fn next(&self, chance: &mut Chance) -> (&PlayerId, i64) {
        let draw = chance.below(*self.sums.last().unwrap());
        let (player, amounts) = &self.players[self.sums.partition_point(|sum| *sum <= draw)];
        (player, amounts[chance.below(amounts.len() as u64) as usize])
    }
}

/// How long something took, each time.
#[derive(Default)]
struct Took {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

impl Took {
    #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
    fn time<T>(&mut self, work: impl FnOnce() -> T) {
        let (cpu, begun) = (cpu_time(), Instant::now());
        black_box(work());
        self.wall.push(begun.elapsed());
        self.cpu.push(cpu_time() - cpu);
    }

    fn print(self, what: &str) {
        for (clock, mut all) in [("wall", self.wall), ("CPU", self.cpu)] {
            all.sort_unstable();
            Self::row(what, clock, &all);
        }
    }

    fn row(what: &str, clock: &str, all: &[Duration]) {
        let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        let mean = all.iter().map(Duration::as_secs_f64).sum::<f64>() * 1e6 / all.len() as f64;
        println!(
            "{what:<8} {clock:<5} p50 {:7.1} µs   p90 {:7.1}   p99 {:7.1}   max {:7.1}   mean {mean:7.1}   ({} changes)",
            at(0.5),
            at(0.9),
            at(0.99),
            at(1.0),
            all.len()
        );
    }
}

/// Resident memory of this process.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0);
    pages * 4_096
}

fn ownership(board: &Board) -> String {
    let mut owners: Vec<usize> = (0..board.players().len()).map(|p| board.owners(PlayerIndex(p as u16))).collect();
    owners.sort_unstable_by(|a, b| b.cmp(a));
    let entries = board.definition().entry_count() as f64;
    let shares = owners.iter().take(8).map(|count| format!("{:.0}", *count as f64 * 100.0 / entries));
    shares.collect::<Vec<_>>().join(" ")
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn main() {
    let entries = std::env::var("CONTEST_ENTRIES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let slate = Slate::made_up(2_099);
    let rulesets = Rulesets::embedded();
    let ruleset = rulesets.by_index(rulesets.index("draftkings").unwrap());
    let definition = Arc::new(contest(&slate, entries));
    let quantum = Board::quantum(ruleset, definition.slots());
    let before = resident_bytes();
    let begun = Instant::now();
    let mut board = Board::new(definition.clone(), quantum);
    println!(
        "{entries} entries, {} players; built in {:.0?}; quantum {quantum}",
        board.players().len(),
        begun.elapsed()
    );
    println!("the most wanted are in {} % of entries", ownership(&board));
    let plays = Plays::new(&slate);
    let mut chance = Chance::new(17);
    let (mut change, mut shown) = (Took::default(), Took::default());
    let mut moved_entries = Vec::with_capacity(CHANGES);
    let mut last: Option<(PlayerIndex, Points)> = None;
    while change.wall.len() < CHANGES {
        let (player, points) = match last.take().filter(|_| change.wall.len() % 50 == 0) {
            Some(taken_back) => taken_back,
            None => {
                let (player, amount) = plays.next(&mut chance);
                let Some(index) = definition.player(player).filter(|_| amount != 0) else {
                    continue;
                };
                (index, board.player_points(index) + Points(amount))
            }
        };
        last = Some((player, board.player_points(player)));
        moved_entries.push(board.owners(player));
        change.time(|| {
            board.set(player, points);
            board.standings().money_line()
        });
        shown.time(|| {
            let mut standings = board.standings();
            black_box((standings.leaders(10), standings.cuts(), standings.distribution(20)));
            for entry in (0..entries).step_by(entries.div_ceil(20)) {
                black_box(standings.of(EntryIndex(entry as u32)));
            }
        });
    }
    moved_entries.sort_unstable();
    let at = |share: f64| moved_entries[((CHANGES - 1) as f64 * share) as usize];
    println!(
        "a change moves {} entries in the median, {} in the 99th percentile",
        at(0.5),
        at(0.99)
    );
    change.print("change");
    shown.print("shown");
    let heap = board.heap_bytes();
    println!(
        "{:.1} bytes an entry: contest {:.1}, board {:.1}; resident memory grew by {:.1} for the board",
        heap as f64 / entries as f64,
        definition.heap_bytes() as f64 / entries as f64,
        (heap - definition.heap_bytes()) as f64 / entries as f64,
        (resident_bytes() as f64 - before as f64) / entries as f64,
    );
}
