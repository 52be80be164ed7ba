//! What topics show of a contest at one moment.
//!
//! Bounded by the constants here: a few leaders, cuts and steps, however large the contest is.

use super::{Contest, Followed, Odds};
use crate::contest::{EntryIndex, Standings};
use crate::fanout::contests::Of;
use crate::fanout::contests::views::View;
use crate::model::contest::{Chance, Cut, Distribution, EntryOdds, Leader, MovedAt};
use crate::model::{ContestNow, EntryNow};

/// Entries that a contest's topic names.
const LEADERS: usize = 10;
/// Prize tiers that it shows: the first ones, and the last.
const CUTS_MAX: usize = 50;
/// Most steps of its distribution.
const STEPS_MAX: usize = 40;

/// A contest at one moment, added up.
pub(super) struct Now<'a> {
    pub(super) contest: &'a Contest,
    pub(super) players: &'a [Followed],
    pub(super) moved_at: MovedAt,
    pub(super) odds: Option<&'a Odds>,
    pub(super) is_final: bool,
    pub(super) standings: Standings<'a>,
}

impl Now<'_> {
    /// What a topic shows of it.
    pub(super) fn view(&mut self, of: Of) -> View {
        match of {
            Of::Contest => View::Contest(self.contest()),
            Of::Entry(entry) => View::Entry(self.entry(entry)),
        }
    }

    fn contest(&mut self) -> ContestNow {
        let best = self.standings.leaders(LEADERS);
        let definition = &self.contest.definition;
        let leader = |entry| {
            let standing = self.standings.of(entry);
            Leader {
                entry: definition.entry_id(entry).as_str().into(),
                name: definition.entry_name(entry).as_str().into(),
                points: standing.points,
                rank: standing.rank,
                payout: standing.payout.each,
            }
        };
        let cuts = self.standings.cuts(CUTS_MAX);
        let cut = |cut: &crate::contest::Cut| Cut {
            place: cut.tier.last,
            payout: cut.tier.each,
            points: cut.points,
        };
        let distribution = self.standings.distribution(STEPS_MAX);
        ContestNow {
            leaders: best.into_iter().map(leader).collect(),
            cuts: cuts.iter().map(cut).collect(),
            money_line: self.standings.money_line(),
            distribution: Distribution {
                from: distribution.from,
                step: distribution.step,
                counts: distribution.counts.into(),
            },
            odds_at: self.odds.map(|odds| odds.at_us),
            is_final: self.is_final,
            moved_at: self.moved_at,
        }
    }

    fn entry(&self, entry: EntryIndex) -> EntryNow {
        let definition = &self.contest.definition;
        let standing = self.standings.of(entry);
        let slots = definition.slots().iter().zip(definition.roster(entry));
        let points = slots.map(|(slot, player)| slot.multiplier.of(self.players[usize::from(player.0)].points));
        let slots = points.collect();
        let left = definition
            .roster(entry)
            .filter(|player| !self.players[usize::from(player.0)].is_over);
        let odds = self.odds.and_then(|odds| Some((odds, odds.entries.get(entry.0 as usize)?)));
        EntryNow {
            points: standing.points,
            rank: standing.rank,
            tied: standing.tied,
            percentile: standing.percentile,
            payout: standing.payout.each,
            to_money: standing.to_money,
            players_left: left.count() as u32,
            slots,
            odds: odds.map(|(odds, drawn)| EntryOdds {
                at_us: odds.at_us,
                draws: odds.draws,
                win: Chance::of(drawn.won, odds.draws),
                cash: Chance::of(drawn.cashed, odds.draws),
                top1: Chance::of(drawn.top1, odds.draws),
                expected: drawn.expected,
            }),
            moved_at: self.moved_at,
        }
    }
}
