//! Which games a challenger gets: a stable share, the same after a restart and on every server.

use crate::model::GameId;
use ring::digest::{SHA256, digest};

/// Where a game stands between 0 and 1: the first eight bytes of its id's SHA-256, as a big-endian number, over
/// 2⁶⁴. A challenger with a share of 0.1 has the games below 0.1. In Python:
/// `int.from_bytes(hashlib.sha256(game.encode()).digest()[:8], "big") / 2**64`.
pub(super) fn place(game: &GameId) -> f64 {
    let hash = digest(&SHA256, game.as_str().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    u64::from_be_bytes(first) as f64 / 2_f64.powi(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(id: &str) -> f64 {
        place(&GameId::new(id).unwrap())
    }

    /// Another hash would give a night's games to other arms after an update.
    #[test]
    fn a_game_keeps_its_place() {
        for (id, expected) in [("2099010100", 0.053918575129), ("g1", 0.441714344101)] {
            assert!((place_of(id) - expected).abs() < 1e-12, "{id}: {}", place_of(id));
        }
    }

    #[test]
    fn shares_are_about_as_large_as_asked_for() {
        let places: Vec<f64> = (0..10_000).map(|number| place_of(&format!("2099{number:06}"))).collect();
        for share in [0.01, 0.1, 0.5, 0.9] {
            let below = places.iter().filter(|place| **place < share).count() as f64 / 10_000.0;
            // Four standard deviations.
            assert!(
                (below - share).abs() < 4.0 * (share * (1.0 - share) / 10_000.0).sqrt(),
                "{below} {share}"
            );
        }
    }
}
