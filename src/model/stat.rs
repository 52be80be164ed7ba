//! What a player has done in a game: named counters, in a fixed array.
//!
//! Everything that scores is a counter that plays add to and corrections subtract from, so a line is
//! the same whatever the order of events. `sacks` count in halves inside and are written as decimals.

use smallvec::SmallVec;

/// A named counter of a stat line. The discriminant is its place in a [`StatLine`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Stat {
    /// Yards thrown, sacks not subtracted.
    PassingYards,
    /// Touchdowns thrown.
    PassingTds,
    /// Interceptions thrown.
    Interceptions,
    /// Passes thrown.
    PassingAttempts,
    /// Passes caught by a receiver.
    Completions,
    /// Times sacked.
    Sacked,
    /// Yards run.
    RushingYards,
    /// Touchdowns run.
    RushingTds,
    /// Runs.
    RushingAttempts,
    /// Catches.
    Receptions,
    /// Passes thrown at this receiver.
    Targets,
    /// Yards caught.
    ReceivingYards,
    /// Touchdowns caught.
    ReceivingTds,
    /// Fumbles lost to the other team.
    FumblesLost,
    /// Two-point tries made: passed, run or caught.
    TwoPointConversions,
    /// Touchdowns on returned kicks and punts, blocked and missed kicks included.
    ReturnTds,
    /// Touchdowns on own recovered fumbles, own kickoffs included.
    FumbleRecoveryTds,
    /// Field goals made from up to 39 yards.
    FieldGoals0To39,
    /// Field goals made from 40 to 49 yards.
    FieldGoals40To49,
    /// Field goals made from 50 yards and more.
    FieldGoals50Plus,
    /// Field goals missed or blocked.
    FieldGoalsMissed,
    /// Extra points made.
    ExtraPoints,
    /// Extra points missed or blocked.
    ExtraPointsMissed,
    /// Field goals made from up to 19 yards; also in [`Stat::FieldGoals0To39`].
    FieldGoals0To19,
    /// Field goals made from 20 to 29 yards; also in [`Stat::FieldGoals0To39`].
    FieldGoals20To29,
    /// Field goals made from 30 to 39 yards; also in [`Stat::FieldGoals0To39`].
    FieldGoals30To39,
    /// Field goals made from 60 yards and more; also in [`Stat::FieldGoals50Plus`].
    FieldGoals60Plus,
    /// Yards of all field goals made.
    FieldGoalYards,
    /// Yards returned on kickoffs and punts.
    ReturnYards,
    /// Sacks by a defence, in halves.
    Sacks,
    /// Passes a defence intercepted.
    InterceptionsMade,
    /// Opponents' fumbles a team recovered.
    FumbleRecoveries,
    /// Safeties.
    Safeties,
    /// Kicks, punts and extra points blocked.
    BlockedKicks,
    /// Touchdowns by the defence, blocked and missed kicks included.
    DefensiveTds,
    /// Two-point tries returned.
    DefensiveTwoPoints,
    /// Points the opponent scored against this defence.
    PointsAllowed,
    /// 1 once a defence's game has begun: only then do its points allowed count. Not on the wire.
    Begun,
}

/// How many stats there are.
pub const STATS: usize = Stat::Begun as usize + 1;

/// Every stat with its name on the wire and in rulesets, in line order. `begun` never leaves.
pub const NAMES: [(Stat, &str); STATS] = [
    (Stat::PassingYards, "passing_yards"),
    (Stat::PassingTds, "passing_tds"),
    (Stat::Interceptions, "interceptions"),
    (Stat::PassingAttempts, "passing_attempts"),
    (Stat::Completions, "completions"),
    (Stat::Sacked, "sacked"),
    (Stat::RushingYards, "rushing_yards"),
    (Stat::RushingTds, "rushing_tds"),
    (Stat::RushingAttempts, "rushing_attempts"),
    (Stat::Receptions, "receptions"),
    (Stat::Targets, "targets"),
    (Stat::ReceivingYards, "receiving_yards"),
    (Stat::ReceivingTds, "receiving_tds"),
    (Stat::FumblesLost, "fumbles_lost"),
    (Stat::TwoPointConversions, "two_point_conversions"),
    (Stat::ReturnTds, "return_tds"),
    (Stat::FumbleRecoveryTds, "fumble_recovery_tds"),
    (Stat::FieldGoals0To39, "field_goals_0_39"),
    (Stat::FieldGoals40To49, "field_goals_40_49"),
    (Stat::FieldGoals50Plus, "field_goals_50_plus"),
    (Stat::FieldGoalsMissed, "field_goals_missed"),
    (Stat::ExtraPoints, "extra_points"),
    (Stat::ExtraPointsMissed, "extra_points_missed"),
    (Stat::FieldGoals0To19, "field_goals_0_19"),
    (Stat::FieldGoals20To29, "field_goals_20_29"),
    (Stat::FieldGoals30To39, "field_goals_30_39"),
    (Stat::FieldGoals60Plus, "field_goals_60_plus"),
    (Stat::FieldGoalYards, "field_goal_yards"),
    (Stat::ReturnYards, "return_yards"),
    (Stat::Sacks, "sacks"),
    (Stat::InterceptionsMade, "interceptions_made"),
    (Stat::FumbleRecoveries, "fumble_recoveries"),
    (Stat::Safeties, "safeties"),
    (Stat::BlockedKicks, "blocked_kicks"),
    (Stat::DefensiveTds, "defensive_tds"),
    (Stat::DefensiveTwoPoints, "defensive_two_points"),
    (Stat::PointsAllowed, "points_allowed"),
    (Stat::Begun, "begun"),
];

impl Stat {
    /// The stat's name on the wire and in rulesets.
    pub fn name(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// The stat of that name. `begun` is not to be had by name.
    pub fn from_name(name: &str) -> Option<Stat> {
        NAMES
            .iter()
            .find(|(stat, n)| *n == name && *stat != Stat::Begun)
            .map(|(stat, _)| *stat)
    }

    /// Counters held per unit on the wire: sacks come in halves.
    pub const fn units(self) -> i32 {
        match self {
            Stat::Sacks => 2,
            _ => 1,
        }
    }
}

/// The counters of one player in one game.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatLine([i32; STATS]);

impl Default for StatLine {
    fn default() -> Self {
        Self::ZERO
    }
}

impl StatLine {
    /// Nothing done yet.
    pub const ZERO: StatLine = StatLine([0; STATS]);

    /// The counter, in its inner unit ([`Stat::units`]).
    #[inline]
    pub fn get(&self, stat: Stat) -> i32 {
        self.0[stat as usize]
    }

    /// Adds to a counter. Saturates: a hostile feed cannot wrap it.
    #[inline]
    pub fn add(&mut self, stat: Stat, amount: i32) {
        let counter = &mut self.0[stat as usize];
        *counter = counter.saturating_add(amount);
    }

    /// The line with `delta` taken back.
    pub fn minus(&self, delta: &StatDelta) -> StatLine {
        let mut line = *self;
        for (stat, amount) in delta.iter() {
            line.add(stat, -amount);
        }
        line
    }

    /// The stats a reader is shown: those that are not zero, and a begun defence's points allowed.
    pub fn shown(&self) -> impl Iterator<Item = (Stat, i32)> + '_ {
        let begun = self.get(Stat::Begun) != 0;
        NAMES.iter().filter_map(move |&(stat, _)| {
            let value = self.get(stat);
            let show = value != 0 || (stat == Stat::PointsAllowed && begun);
            (show && stat != Stat::Begun).then_some((stat, value))
        })
    }
}

/// What tests work out, and the server need not.
#[cfg(test)]
impl StatLine {
    /// The same in less space.
    pub fn pack(&self) -> PackedLine {
        let mut moved = 0u64;
        for (place, counter) in self.0.iter().enumerate() {
            moved |= u64::from(*counter != 0) << place;
        }
        let mut counters = SmallVec::with_capacity(moved.count_ones() as usize);
        let mut rest = moved;
        while rest != 0 {
            counters.push(self.0[rest.trailing_zeros() as usize]);
            rest &= rest - 1;
        }
        PackedLine { moved, counters }
    }

    /// Adds a difference.
    pub fn apply(&mut self, delta: &StatDelta) {
        for (stat, amount) in delta.iter() {
            self.add(stat, amount);
        }
    }

    /// What has to be added to `before` to get this line.
    pub fn difference(&self, before: &StatLine) -> StatDelta {
        let mut delta = StatDelta::default();
        for (stat, _) in NAMES {
            delta.add(stat, self.get(stat) - before.get(stat));
        }
        delta
    }
}

/// A stat line without the counters that are zero, which are most: what a slot and its changes keep.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PackedLine {
    /// A bit for each counter that is not zero, by its place in the line.
    moved: u64,
    /// Those counters, in line order.
    counters: SmallVec<[i32; 6]>,
}

const _: () = assert!(STATS <= u64::BITS as usize, "a bit for each counter");

impl PackedLine {
    /// The counter, in its inner unit ([`Stat::units`]).
    pub fn get(&self, stat: Stat) -> i32 {
        match self.moved & bit(stat) {
            0 => 0,
            _ => self.counters[self.rank(stat)],
        }
    }

    /// Adds to a counter as [`StatLine::add`] does.
    pub fn add(&mut self, stat: Stat, amount: i32) {
        let rank = self.rank(stat);
        let sum = self.get(stat).saturating_add(amount);
        match (self.moved & bit(stat) != 0, sum != 0) {
            (true, true) => self.counters[rank] = sum,
            (true, false) => {
                self.counters.remove(rank);
                self.moved &= !bit(stat);
            }
            (false, true) => {
                self.counters.insert(rank, sum);
                self.moved |= bit(stat);
            }
            (false, false) => {}
        }
    }

    /// Adds a difference.
    pub fn apply(&mut self, delta: &StatDelta) {
        for (stat, amount) in delta.iter() {
            self.add(stat, amount);
        }
    }

    /// Whether every counter is zero.
    pub fn is_zero(&self) -> bool {
        self.moved == 0
    }

    /// Place of the stat's counter among those that are not zero.
    fn rank(&self, stat: Stat) -> usize {
        (self.moved & (bit(stat) - 1)).count_ones() as usize
    }

    /// The whole line.
    pub fn unpack(&self) -> StatLine {
        let mut line = StatLine::ZERO;
        let mut rest = self.moved;
        for counter in &self.counters {
            line.0[rest.trailing_zeros() as usize] = *counter;
            rest &= rest - 1;
        }
        line
    }
}

fn bit(stat: Stat) -> u64 {
    1 << stat as u8
}

/// A difference between two stat lines: the counters that moved, each once, none by zero.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StatDelta(SmallVec<[(Stat, i32); 3]>);

impl StatDelta {
    /// Adds to one counter's difference.
    pub fn add(&mut self, stat: Stat, amount: i32) {
        if amount == 0 {
            return;
        }
        match self.0.iter().position(|(s, _)| *s == stat) {
            Some(at) => {
                self.0[at].1 = self.0[at].1.saturating_add(amount);
                if self.0[at].1 == 0 {
                    self.0.swap_remove(at);
                }
            }
            None => self.0.push((stat, amount)),
        }
    }

    /// Whether nothing moved.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The counters that moved and by how much, in inner units, in no promised order.
    pub fn iter(&self) -> impl Iterator<Item = (Stat, i32)> + '_ {
        self.0.iter().copied()
    }

    /// The stats a reader is told of, in no promised order: a defence that begins shows its points
    /// allowed, moved or not; where they moved too they are named twice.
    pub fn moved(&self) -> impl Iterator<Item = Stat> + '_ {
        self.iter().map(|(stat, _)| match stat {
            Stat::Begun => Stat::PointsAllowed,
            stat => stat,
        })
    }
}

/// Appends a stat's value as JSON: halves as `0.5`, everything else as an integer.
pub fn write_value(stat: Stat, value: i32, out: &mut Vec<u8>) {
    if stat.units() == 2 && value % 2 != 0 {
        if value < 0 {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(value.unsigned_abs() / 2).as_bytes());
        out.extend_from_slice(b".5");
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(value / stat.units()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_line_order() {
        for (place, (stat, name)) in NAMES.iter().enumerate() {
            assert_eq!(*stat as usize, place, "{name}");
        }
        assert_eq!(Stat::from_name("passing_yards"), Some(Stat::PassingYards));
        assert_eq!(Stat::from_name("begun"), None);
    }

    #[test]
    fn halves_are_written_as_decimals() {
        let text = |value| {
            let mut out = Vec::new();
            write_value(Stat::Sacks, value, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            (text(1), text(2), text(5), text(-1)),
            ("0.5".into(), "1".into(), "2.5".into(), "-0.5".into())
        );
    }

    #[test]
    fn a_packed_line_is_the_same_line() {
        let mut line = StatLine::ZERO;
        assert_eq!(line.pack().unpack(), line);
        for (place, (stat, _)) in NAMES.iter().enumerate() {
            line.add(*stat, if place % 2 == 0 { i32::MIN } else { place as i32 });
            assert_eq!(line.pack().unpack(), line, "{stat:?}");
        }
    }

    #[test]
    fn a_packed_line_adds_up_like_a_whole_one() {
        let (mut line, mut packed) = (StatLine::ZERO, PackedLine::default());
        // Each counter to a few values and back to zero, in an order that is not the line's.
        for round in 0..5 {
            for place in (0..STATS).map(|nth| nth * 7 % STATS) {
                let (stat, _) = NAMES[place];
                let amount = [place as i32, i32::MAX, -5, 0, 5 - i32::MAX][round];
                line.add(stat, amount);
                packed.add(stat, amount);
                assert_eq!((packed.unpack(), packed.get(stat)), (line, line.get(stat)));
                assert_eq!(packed, line.pack());
            }
        }
        assert!(packed.is_zero() && packed == PackedLine::default());
    }

    #[test]
    fn a_difference_leads_from_one_line_to_the_other() {
        let mut before = StatLine::ZERO;
        before.add(Stat::RushingYards, 12);
        let mut after = before;
        after.add(Stat::RushingYards, -12);
        after.add(Stat::ReceivingYards, 7);
        let delta = after.difference(&before);
        assert_eq!(after.minus(&delta), before);
        before.apply(&delta);
        assert_eq!(before, after);
    }
}
