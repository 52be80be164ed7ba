//! Contests and entries as JSON.

use super::Json;
use crate::model::Points;
use crate::model::contest::{Cents, Chance, EntryOdds, write_decimal};
use crate::wire::contests::{ContestShown, EntryShown};

impl Json<'_> {
    /// `"key":25.00`
    pub fn cents(&mut self, key: &str, cents: Cents) -> &mut Self {
        self.key(key);
        cents.write_json(self.out);
        self
    }

    /// `"key":99.99`, of hundredths.
    pub fn hundredths(&mut self, key: &str, hundredths: u32) -> &mut Self {
        self.key(key);
        write_decimal(hundredths.into(), 100, self.out);
        self
    }

    fn chance(&mut self, key: &str, chance: Chance) -> &mut Self {
        self.key(key);
        chance.write_json(self.out);
        self
    }

    /// The fields of a contest that are told.
    pub fn contest(&mut self, contest: &ContestShown<'_>) {
        if let Some((name, entries)) = contest.head {
            self.text("name", name).count("entries", entries.into());
        }
        if let Some(leaders) = contest.leaders {
            self.list_at("leaders", |list| {
                for leader in leaders {
                    list.object(|json| {
                        json.text("entry", &leader.entry)
                            .text("name", &leader.name)
                            .points("points", leader.points)
                            .count("rank", leader.rank.into())
                            .cents("payout", leader.payout);
                    });
                }
            });
        }
        if let Some(cuts) = contest.cuts {
            self.list_at("cuts", |list| {
                for cut in cuts {
                    list.object(|json| {
                        json.count("place", cut.place.into())
                            .cents("payout", cut.payout)
                            .points("points", cut.points);
                    });
                }
            });
        }
        contest.money_line.map(|points| self.points("money_line", points));
        if let Some(distribution) = contest.distribution {
            self.object_at("distribution", |json| {
                json.points("from", distribution.from).points("step", distribution.step);
                json.list_at("counts", |list| {
                    for count in &distribution.counts {
                        list.item((*count).into());
                    }
                });
            });
        }
        contest.odds_at.map(|at_us| self.integer("odds_at", at_us));
    }

    /// The fields of an entry that are told.
    pub fn entry(&mut self, entry: &EntryShown<'_>) {
        if let Some(head) = &entry.head {
            self.text("contest", head.contest).text("entry", head.entry).text("name", head.name);
            self.count("entries", head.entries.into());
        }
        let now = entry.now;
        self.points("points", now.points);
        if let Some(change) = entry.change {
            self.points("change", change);
        }
        self.count("rank", now.rank.into())
            .count("tied", now.tied.into())
            .hundredths("percentile", now.percentile)
            .cents("payout", now.payout);
        now.to_money.map(|points| self.points("to_money", points));
        self.count("players_left", now.players_left.into());
        self.list_at("slots", |list| {
            for slot in &entry.slots {
                list.object(|json| {
                    json.text("slot", slot.slot)
                        .text("player", slot.player.as_str())
                        .points("points", slot.points);
                    slot.multiplier
                        .map(|hundredths| json.points("multiplier", Points(i64::from(hundredths) * (Points::SCALE / 100))));
                });
            }
        });
        if let Some(odds) = entry.odds {
            self.odds(odds);
        }
    }

    fn odds(&mut self, odds: &EntryOdds) {
        self.object_at("odds", |json| {
            json.integer("at", odds.at_us)
                .count("draws", odds.draws.into())
                .chance("win", odds.win)
                .chance("cash", odds.cash)
                .chance("top1", odds.top1)
                .cents("expected", odds.expected);
        });
    }
}
