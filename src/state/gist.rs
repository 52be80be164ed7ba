//! What a play came to, for forecasts: worked out once from its records, when the play comes in.
//!
//! Decides nothing on any scoreboard. Which records count is what the tables count that models were
//! trained on; docs/decisions/019-recap.md says how far the two agree.

use super::credit::Credit;
use crate::model::{PlayEvent, PlayKind, gsis};

/// The place of no team.
pub(super) const NO_TEAM: u8 = u8::MAX;

/// What a play came to, in ten bytes: a season's plays may be held.
#[derive(Clone, Copy)]
pub(super) struct Gist {
    /// Of runs, completions and sacks.
    pub(super) yards: i16,
    pub(super) kind: PlayKind,
    pub(super) no_play: bool,
    pub(super) first_down: bool,
    pub(super) turnover: bool,
    pub(super) timeout: bool,
    /// Place of the team that scored, or [`NO_TEAM`].
    pub(super) scorer: u8,
    /// What it scored.
    pub(super) points: u8,
}

impl Gist {
    /// What the play's records come to. `credits` are those of `event`, in the same order.
    pub(super) fn of(event: &PlayEvent, credits: &[Credit]) -> Gist {
        let mut gist = Gist {
            yards: 0,
            kind: event.kind,
            no_play: event.no_play,
            first_down: false,
            turnover: false,
            timeout: false,
            scorer: NO_TEAM,
            points: 0,
        };
        for (record, credit) in event.stats.iter().zip(credits) {
            match record.stat {
                // Rushes and those that go on after a lateral, completions, sacks.
                10..=13 | 15 | 16 | 20 => gist.yards = gist.yards.saturating_add(record.yards),
                // By a run, a pass or a penalty.
                3..=5 => gist.first_down = true,
                // An interception, a fumble lost by anybody.
                19 | 106 => gist.turnover = true,
                68 => gist.timeout = true,
                _ => {}
            }
            // Of a safety every tackler has a record, and no play scores twice.
            if let Some((points, _)) = gsis::scoring_points(record.stat) {
                gist.scorer = credit.team;
                gist.points = points as u8;
            }
        }
        gist
    }
}
