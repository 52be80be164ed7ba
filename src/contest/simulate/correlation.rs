//! How the points of players in one game hang together.
//!
//! Owns the table of weights by position. Each club in a game has two factors: normal numbers that are drawn anew in each
//! draw. A player's own luck is mixed with those of his club and of its opponent, so that a passer and his receivers
//! rise together and the opponent's defence falls with them. The weights were fitted to what was measured over nine
//! seasons: docs/decisions/030-contest-simulator.md has both and the command.

/// Factors of a club in a game.
pub(super) const FACTORS: usize = 2;

/// What a weight of one is.
pub(super) const WEIGHT_ONE: i32 = 1 << 14;

/// What a player plays, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Position {
    /// Quarterback.
    Quarterback,
    /// Running back, fullback.
    RunningBack,
    /// Wide receiver.
    WideReceiver,
    /// Tight end.
    TightEnd,
    /// Kicker.
    Kicker,
    /// A club's defence and special teams.
    Defence,
    /// Anybody else, or not known: his points hang together with nobody's.
    Other,
}

impl Position {
    /// By what sites and feeds write: `QB`, `RB`, `FB`, `WR`, `TE`, `K`, `DST`, `DEF`, `D`; anything else is
    /// [`Position::Other`].
    pub fn named(name: &str) -> Position {
        match name {
            "QB" => Position::Quarterback,
            "RB" | "FB" | "HB" => Position::RunningBack,
            "WR" => Position::WideReceiver,
            "TE" => Position::TightEnd,
            "K" | "PK" => Position::Kicker,
            "DST" | "DEF" | "D" | "D/ST" => Position::Defence,
            _ => Position::Other,
        }
    }

    /// Weights of the factors of the own club and of the opponent's, in 1/1000.
    fn thousandths(self) -> ([i32; FACTORS], [i32; FACTORS]) {
        match self {
            Position::Quarterback => ([270, 250], [-330, 750]),
            Position::RunningBack => ([-60, 110], [-330, -30]),
            Position::WideReceiver => ([170, 90], [10, 280]),
            Position::TightEnd => ([30, 110], [-150, 240]),
            Position::Kicker => ([250, 240], [-340, -50]),
            Position::Defence => ([480, -40], [-320, -400]),
            Position::Other => ([0; FACTORS], [0; FACTORS]),
        }
    }

    /// Weights of the own club's factors, of the opponent's, and of the player's own luck: their squares add up to one,
    /// so that whatever the weights are, what is mixed has the spread of its parts.
    pub(super) fn weights(self) -> ([i16; FACTORS], [i16; FACTORS], i16) {
        let (own, other) = self.thousandths();
        let scaled = |weights: [i32; FACTORS]| weights.map(|weight| (weight * WEIGHT_ONE / 1000) as i16);
        let (own, other) = (scaled(own), scaled(other));
        let shared: i64 = own.iter().chain(&other).map(|weight| i64::from(*weight).pow(2)).sum();
        let left = (i64::from(WEIGHT_ONE).pow(2) - shared).max(0).isqrt();
        (own, other, left as i16)
    }
}
