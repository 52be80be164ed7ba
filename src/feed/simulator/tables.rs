//! How far things go: quantiles of yardages, taken from recorded games.
//!
//! Owns constants only. Each table holds the values at the shares [`POINTS`], in 1,000ths, of 32
//! recorded games (the longest are rounded outwards a little: rarer games reach further).

/// The shares, in 1,000ths, at which a table gives its values.
pub(super) const POINTS: [i64; 16] = [0, 10, 50, 110, 200, 300, 400, 500, 600, 700, 800, 900, 950, 980, 990, 1_000];

/// Values at [`POINTS`].
pub(super) type Quantiles = [i16; 16];

/// Yards of a handed-off run.
pub(super) const RUN: Quantiles = [-11, -5, -3, 0, 0, 2, 2, 3, 4, 5, 7, 10, 15, 24, 31, 80];
/// Yards of a quarterback who runs from a called pass.
pub(super) const SCRAMBLE: Quantiles = [1, 1, 2, 2, 3, 4, 5, 6, 6, 8, 9, 13, 14, 18, 22, 34];
/// Yards of a caught pass.
pub(super) const COMPLETION: Quantiles = [-9, -2, 1, 2, 4, 6, 7, 9, 10, 13, 16, 24, 32, 47, 55, 84];
/// Of them, after the catch.
pub(super) const AFTER_CATCH: Quantiles = [0, 0, 0, 0, 0, 1, 2, 3, 4, 6, 8, 12, 17, 26, 37, 77];
/// Yards in the air of a pass not caught.
pub(super) const INCOMPLETE_AIR: Quantiles = [-14, -7, -2, 0, 2, 5, 6, 9, 12, 15, 21, 30, 37, 44, 48, 57];
/// Yards of a sack.
pub(super) const SACK: Quantiles = [-20, -15, -12, -11, -10, -9, -8, -7, -6, -5, -4, -2, -1, 0, 0, 0];
/// Yards an interception is returned.
pub(super) const INTERCEPTION_RETURN: Quantiles = [0, 0, 0, 0, 0, 0, 3, 7, 12, 14, 20, 30, 38, 48, 60, 90];
/// Length of a punt.
pub(super) const PUNT: Quantiles = [24, 26, 32, 34, 38, 42, 43, 47, 49, 51, 54, 58, 61, 64, 65, 68];
/// Yards a punt is returned.
pub(super) const PUNT_RETURN: Quantiles = [-5, -2, -1, 0, 0, 1, 4, 6, 9, 11, 13, 18, 22, 33, 36, 60];
/// Yards a kickoff is returned.
pub(super) const KICK_RETURN: Quantiles = [5, 8, 11, 15, 17, 18, 20, 22, 23, 24, 27, 34, 36, 42, 50, 70];
