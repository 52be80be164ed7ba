//! Where the players stand now: what each has, and what he may yet bring.
//!
//! Owns the tables that draws are looked up in, one for each (player, multiplier) that a contest has; made anew when
//! something happened. Knows no entry. Bounded by [`super::ROWS_MAX`] tables of 4 KiB; those who are done have one
//! number each.

use super::Refused;
use super::correlation::{FACTORS, Position};
use super::field::Row;
use super::shape::Rest;
use crate::model::Points;

/// A club in one game. Two games of one club are two of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Side(pub u16);

/// One player now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlayerNow {
    /// What he has, under the contest's ruleset.
    pub scored: Points,
    /// What may come; nothing where his game is over or he does not play.
    pub rest: Option<Rest>,
    /// His club, and its opponent.
    pub sides: Option<(Side, Side)>,
    /// What he plays.
    pub position: Position,
}

/// Points that a total may at most lie off zero, in quanta, so that sums stay within 32 bits.
const TOTAL_MAX: i64 = 1 << 30;

/// What a draw mixes for a player whose points are still open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Numbers of the draw: factors of both clubs, then his own. Where a weight is 0 any number does.
    pub(super) numbers: [u32; MIXED],
    pub(super) weights: [i16; MIXED],
    /// His rows: places in the field's.
    pub(super) rows: (u32, u32),
}

/// Numbers that are mixed for a player.
pub(super) const MIXED: usize = 2 * FACTORS + 1;

/// All players of a contest, ready to be drawn.
pub(super) struct Slate {
    pub(super) open: Vec<Open>,
    /// Random numbers in a draw: those of the clubs, then one for each open player.
    pub(super) numbers: u32,
    /// The rows of open players, each by its table, in the order of `open`.
    pub(super) open_rows: Vec<u32>,
    /// A table after the other for `open_rows`, in quanta.
    pub(super) cells: Vec<i32>,
    /// By row: what it brings if nothing is open, in quanta; and the least and the most it can bring.
    pub(super) fixed: Vec<i32>,
    pub(super) least: Vec<i32>,
    pub(super) most: Vec<i32>,
}

impl Slate {
    pub(super) fn new(rows: &[Row], players: &[PlayerNow], quantum: Points) -> Result<Slate, Refused> {
        if quantum.0 <= 0 {
            return Err(Refused::Quantum { quantum });
        }
        if let Some(row) = rows.iter().find(|row| row.player as usize >= players.len()) {
            return Err(Refused::Player { player: row.player });
        }
        let mut slate = Slate {
            open: Vec::new(),
            numbers: 0,
            open_rows: Vec::new(),
            cells: Vec::new(),
            fixed: vec![0; rows.len()],
            least: vec![0; rows.len()],
            most: vec![0; rows.len()],
        };
        let mut of_player: Vec<Vec<u32>> = vec![Vec::new(); players.len()];
        for (at, row) in rows.iter().enumerate() {
            let has = in_quanta(*row, players[row.player as usize].scored, quantum)?;
            (slate.fixed[at], slate.least[at], slate.most[at]) = (has, has, has);
            of_player[row.player as usize].push(at as u32);
        }
        let sides = sides(players);
        slate.numbers = (sides * FACTORS) as u32;
        for (player, his) in players.iter().zip(&of_player) {
            let Some(rest) = player.rest.filter(|_| !his.is_empty()) else {
                continue;
            };
            slate.open(player, &rest, his, rows, quantum)?;
        }
        Ok(slate)
    }

    fn open(&mut self, player: &PlayerNow, rest: &Rest, his: &[u32], rows: &[Row], quantum: Points) -> Result<(), Refused> {
        let own = self.numbers;
        self.numbers += 1;
        let (own_club, opponent, own_weight) = player.position.weights();
        let mut open = Open {
            numbers: [own; MIXED],
            weights: [0; MIXED],
            rows: (self.open_rows.len() as u32, (self.open_rows.len() + his.len()) as u32),
        };
        open.weights[MIXED - 1] = match player.sides {
            Some(_) => own_weight,
            None => super::correlation::WEIGHT_ONE as i16,
        };
        if let Some((club, other)) = player.sides {
            for factor in 0..FACTORS {
                open.numbers[factor] = u32::from(club.0) * FACTORS as u32 + factor as u32;
                open.numbers[FACTORS + factor] = u32::from(other.0) * FACTORS as u32 + factor as u32;
                open.weights[factor] = own_club[factor];
                open.weights[FACTORS + factor] = opponent[factor];
            }
        }
        self.open.push(open);
        let cells = rest.cells();
        for &at in his {
            let row = rows[at as usize];
            let times = f64::from(row.multiplier_hundredths) / 100.0 / quantum.0 as f64;
            let has = i64::from(self.fixed[at as usize]);
            let start = self.cells.len();
            for cell in cells.iter() {
                let total = has + (cell * times).round() as i64;
                if total.abs() > TOTAL_MAX {
                    return Err(Refused::Points { player: row.player });
                }
                self.cells.push(total as i32);
            }
            let table = &self.cells[start..];
            self.least[at as usize] = table.iter().copied().min().unwrap_or(0);
            self.most[at as usize] = table.iter().copied().max().unwrap_or(0);
            self.open_rows.push(at);
        }
        Ok(())
    }
}

fn sides(players: &[PlayerNow]) -> usize {
    let all = players.iter().filter_map(|player| player.sides);
    all.map(|(club, other)| usize::from(club.0.max(other.0)) + 1).max().unwrap_or(0)
}

fn in_quanta(row: Row, points: Points, quantum: Points) -> Result<i32, Refused> {
    let units = row.of(points);
    if units % quantum.0 != 0 {
        return Err(Refused::OffGrid {
            player: row.player,
            quantum,
        });
    }
    let quanta = units / quantum.0;
    if quanta.abs() > TOTAL_MAX {
        return Err(Refused::Points { player: row.player });
    }
    Ok(quanta as i32)
}
