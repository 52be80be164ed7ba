//! A Sunday's slate made by chance: 400 players of 13 games, prices and projections as they come.

use std::fmt::Write;

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Position, players of a team, lowest and highest price, points for 1,000 dollars.
const POSITIONS: [(&str, usize, f64, f64, f64); 5] = [
    ("QB", 1, 4_500.0, 8_000.0, 2.9),
    ("RB", 4, 3_000.0, 9_500.0, 2.25),
    ("WR", 6, 3_000.0, 9_000.0, 2.15),
    ("TE", 3, 2_500.0, 7_000.0, 1.95),
    ("DST", 1, 2_000.0, 4_000.0, 2.4),
];

/// DraftKings' players' file, with a column Projection. Deeper on a team's list means cheaper and less.
pub(crate) fn draftkings(seed: u64, players_max: usize) -> String {
    let dice = &mut Dice(seed);
    let mut text =
        "Position,Name + ID,Name,ID,Roster Position,Salary,Game Info,TeamAbbrev,AvgPointsPerGame,Projection,Ownership\n".to_owned();
    let mut id = 0;
    for team in 0..26 {
        let (away, home) = (team / 2 * 2, team / 2 * 2 + 1);
        for (position, count, low, high, rate) in POSITIONS {
            for depth in 0..count {
                if id == players_max {
                    return text;
                }
                id += 1;
                let part = (0.15 + 0.85 * dice.unit()) * 0.55f64.powi(depth as i32);
                let salary = ((low + (high - low) * part) / 100.0).round() * 100.0;
                let is_fringe = depth > 0 && part < 0.08;
                let fringe = if is_fringe { 0.2 + 0.5 * dice.unit() } else { 1.0 };
                let points = (salary / 1_000.0 * rate * fringe + dice.normal() * 1.2).max(0.0);
                let slots = if matches!(position, "QB" | "DST") {
                    position.to_owned()
                } else {
                    format!("{position}/FLEX")
                };
                let ownership = (points / 30.0).powi(2) * 25.0;
                let _ = writeln!(
                    text,
                    "{position},P{id} ({id}),P{id},{id},{slots},{salary},T{away}@T{home} 09/24/2017 01:00PM ET,T{team},{points:.2},{points:.4},{ownership:.1}"
                );
            }
        }
    }
    text
}
