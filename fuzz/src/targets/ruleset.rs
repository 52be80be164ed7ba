//! Ruleset files: what is taken scores any line without overflow, and nothing for nothing.

use super::choices::Choices;
use scorewire::model::stat::NAMES;
use scorewire::model::{Points, StatLine};
use scorewire::scoring::PositionIndex;
use scorewire::scoring::compile::compile;
use scorewire::scoring::file::RulesetFile;

/// A name, how the lines are filled, and the file's text.
pub(crate) fn file(input: &[u8]) {
    let mut choices = Choices::new(input);
    let fill: [u8; 4] = std::array::from_fn(|_| choices.byte());
    let Ok(text) = std::str::from_utf8(choices.rest()) else { return };
    let read = RulesetFile::parse("fuzz.toml", text).and_then(|file| compile("fuzz.toml", "fuzz", &file));
    let rules = match read {
        Ok(rules) => rules,
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains("fuzz.toml") && !said.contains('\n'), "{said:?}");
            return;
        }
    };
    let positions = [None, Some("QB"), Some("TE"), Some("DST")].map(|position| rules.position(position));
    for position in positions.into_iter().chain([PositionIndex::COMMON]) {
        assert_eq!(rules.score(&StatLine::ZERO, position), Points::ZERO);
        for amounts in [&FEW[..], &EXTREME] {
            let mut line = StatLine::ZERO;
            for (place, (stat, _)) in NAMES.iter().enumerate() {
                let choice = usize::from(fill[place % 4]) + place;
                line.add(*stat, amounts[choice % amounts.len()]);
            }
            let points = rules.score(&line, position);
            assert_eq!(rules.score(&line, position), points);
            assert!(points.0.unsigned_abs() < 1 << 62, "{points:?}");
        }
    }
}

const FEW: [i32; 7] = [0, 1, -1, 3, 24, 100, 300];
/// What a hostile feed may bring a counter to.
const EXTREME: [i32; 5] = [i32::MAX, i32::MIN, 0, 1_000_000, -1_000_000];
