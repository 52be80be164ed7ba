//! Who follows whom: rosters drawn by skewed ownership.
//!
//! The stars of each position are followed by most. Ownership falls with rank by a power law, whose
//! exponent is the one with which the shares add up to the roster's size. A roster is a systematic
//! sample over a shuffled list (Madow 1949), so that each player is in it with exactly the share he
//! has, and no one twice.

use crate::feed::Player;

/// The order in which the stars of the positions take their ranks, as lineups hold them.
const POSITIONS: [&str; 9] = ["RB", "WR", "QB", "WR", "TE", "RB", "WR", "DST", "K"];

/// Rosters of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Skew {
    /// Players that can be followed, the most popular ones.
    pub(crate) players: usize,
    /// Players on a roster.
    pub(crate) roster: usize,
    /// Share of the rosters that the most followed player is on.
    pub(crate) most: f64,
}

/// Numbers that look random and are the same for the same seed (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, each as likely.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// From 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// In an order of which each is as likely.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.below(end + 1));
        }
    }
}

/// The most popular players first: the busiest of each position, positions in turn.
pub(crate) fn by_popularity(players: &[Player]) -> Vec<&Player> {
    let mut by_position: Vec<(&str, Vec<&Player>)> = Vec::new();
    for player in players {
        let place = by_position.iter().position(|(position, _)| *position == player.position);
        match place {
            Some(place) => by_position[place].1.push(player),
            None => by_position.push((&player.position, vec![player])),
        }
    }
    // The busiest is taken from the end.
    for (_, group) in &mut by_position {
        group.sort_by(|a, b| a.plays.cmp(&b.plays).then_with(|| b.topic.cmp(&a.topic)));
    }
    let mut ranked = Vec::with_capacity(players.len());
    while ranked.len() < players.len() {
        let before = ranked.len();
        for position in POSITIONS {
            let group = by_position.iter_mut().find(|(other, _)| *other == position);
            ranked.extend(group.and_then(|(_, group)| group.pop()));
        }
        if ranked.len() == before {
            // Only positions that no lineup has are left.
            for (_, group) in &mut by_position {
                ranked.extend(group.pop());
            }
        }
    }
    ranked
}

/// Each rank's share of the rosters: `most` for the first, falling by a power of the rank, `roster` in sum.
pub(crate) fn shares(players: usize, roster: usize, most: f64) -> Vec<f64> {
    let roster = roster.min(players) as f64;
    let most = most.clamp(roster / players as f64, 1.0);
    let with = |power: f64| (0..players).map(move |rank| most * ((rank + 1) as f64).powf(-power));
    let (mut low, mut high) = (0.0, 64.0);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if with(middle).sum::<f64>() > roster {
            low = middle;
        } else {
            high = middle;
        }
    }
    with(low).collect()
}

/// `clients` rosters, each a list of ranks, ascending.
pub(crate) fn draw(shares: &[f64], clients: usize, seed: u64) -> Vec<Vec<u32>> {
    let size = shares.iter().sum::<f64>().round() as usize;
    let mut dice = Dice::new(seed);
    let mut order: Vec<u32> = (0..shares.len() as u32).collect();
    let rosters = (0..clients).map(|_| {
        dice.shuffle(&mut order);
        let (mut next, mut sum) = (dice.unit(), 0.0);
        let mut roster = Vec::with_capacity(size);
        for &rank in &order {
            sum += shares[rank as usize];
            if sum > next {
                roster.push(rank);
                next += 1.0;
            }
        }
        roster.sort_unstable();
        roster
    });
    rosters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fall_by_a_power_and_add_up() {
        let shares = shares(300, 15, 0.30);
        assert!((shares.iter().sum::<f64>() - 15.0).abs() < 1e-9);
        assert!((shares[0] - 0.30).abs() < 1e-12 && shares.is_sorted_by(|a, b| a >= b));
        assert!(
            (super::shares(40, 15, 0.30)[39] - 15.0 / 40.0).abs() < 1e-9,
            "few players are followed alike"
        );
        assert!((super::shares(9, 15, 0.30)[0] - 1.0).abs() < 1e-9, "all of fewer than a roster");
    }

    #[test]
    fn rosters_have_their_size_and_players_their_share() {
        let shares = shares(300, 15, 0.30);
        let rosters = draw(&shares, 4_000, 7);
        let mut owners = vec![0u32; 300];
        for roster in &rosters {
            assert!((14..=16).contains(&roster.len()) && roster.is_sorted_by(|a, b| a < b), "{roster:?}");
            roster.iter().for_each(|&rank| owners[rank as usize] += 1);
        }
        for (rank, &owners) in owners.iter().enumerate() {
            let (due, share) = (shares[rank] * 4_000.0, shares[rank]);
            // Five standard deviations of a binomial; the seed is fixed.
            let room = 5.0 * (due * (1.0 - share)).sqrt();
            assert!((f64::from(owners) - due).abs() < room, "rank {rank}: {owners} for {due}");
        }
        assert_eq!(draw(&shares, 3, 7), rosters[..3], "the same seed draws the same");
        assert_ne!(draw(&shares, 3, 8), rosters[..3]);
    }

    #[test]
    fn stars_of_all_positions_come_first() {
        let player = |topic: &str, position: &str, plays| Player {
            topic: topic.to_owned(),
            position: position.to_owned(),
            plays,
        };
        let players = [
            player("q1", "QB", 400),
            player("q2", "QB", 500),
            player("w", "WR", 90),
            player("x", "LS", 999),
            player("d", "DST", 0),
            player("r", "RB", 50),
        ];
        let ranked: Vec<&str> = by_popularity(&players).iter().map(|player| player.topic.as_str()).collect();
        assert_eq!(ranked, ["r", "w", "q2", "d", "q1", "x"]);
    }
}
