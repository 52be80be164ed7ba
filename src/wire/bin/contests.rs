//! Contests and entries in the binary coding. Numbers are those of `docs/scorewire.v1.proto`.

use super::{BYTES, Fields};
use crate::model::contest::EntryOdds;
use crate::wire::contests::{ContestShown, EntryShown};

impl Fields<'_> {
    pub(super) fn contest(&mut self, field: u32, contest: &ContestShown<'_>) {
        self.message(field, |fields| {
            if let Some((name, entries)) = contest.head {
                fields.some_text(1, name).some_uint(2, entries.into());
            }
            for leader in contest.leaders.into_iter().flatten() {
                fields.message(3, |fields| {
                    fields
                        .text(1, &leader.entry)
                        .text(2, &leader.name)
                        .sint(3, leader.points.0)
                        .uint(4, leader.rank.into())
                        .sint(5, leader.payout.0);
                });
            }
            for cut in contest.cuts.into_iter().flatten() {
                fields.message(4, |fields| {
                    fields.uint(1, cut.place.into()).sint(2, cut.payout.0).sint(3, cut.points.0);
                });
            }
            contest.money_line.map(|points| fields.some_sint(5, points.0));
            if let Some(distribution) = contest.distribution {
                fields.message(6, |fields| {
                    fields.sint(1, distribution.from.0).sint(2, distribution.step.0);
                    let mut counts = Vec::with_capacity(2 * distribution.counts.len());
                    let mut packed = Fields { out: &mut counts };
                    distribution.counts.iter().for_each(|count| packed.varint((*count).into()));
                    if !counts.is_empty() {
                        fields.tag(3, BYTES);
                        fields.varint(counts.len() as u64);
                        fields.out.extend_from_slice(&counts);
                    }
                });
            }
            contest.odds_at.map(|at_us| fields.some_int(7, at_us));
        });
    }

    pub(super) fn entry(&mut self, field: u32, entry: &EntryShown<'_>) {
        let now = entry.now;
        self.some_sint(5, now.points.0);
        if let Some(change) = entry.change {
            self.some_sint(6, change.0);
        }
        self.message(field, |fields| {
            if let Some(head) = &entry.head {
                fields.some_text(1, head.contest).some_text(2, head.entry).some_text(3, head.name);
                fields.some_uint(4, head.entries.into());
            }
            fields
                .uint(5, now.rank.into())
                .uint(6, now.tied.into())
                .uint(7, now.percentile.into())
                .sint(8, now.payout.0);
            now.to_money.map(|points| fields.some_sint(9, points.0));
            fields.uint(10, now.players_left.into());
            for slot in &entry.slots {
                fields.message(11, |fields| {
                    fields.text(1, slot.slot).text(2, slot.player.as_str()).sint(3, slot.points.0);
                    slot.multiplier.map(|hundredths| fields.some_uint(4, hundredths.into()));
                });
            }
            if let Some(odds) = entry.odds {
                fields.message(12, |fields| fields.odds(odds));
            }
        });
    }

    fn odds(&mut self, odds: &EntryOdds) {
        self.int(1, odds.at_us)
            .uint(2, odds.draws.into())
            .uint(3, odds.win.0.into())
            .uint(4, odds.cash.0.into())
            .uint(5, odds.top1.0.into())
            .sint(6, odds.expected.0);
    }
}
