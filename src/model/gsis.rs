//! What each GSIS stat id does to a stat line: the one table from which all scoring follows.
//!
//! Source: the NFL's GSIS stat id dictionary, as published for its partners. Tackles, penalties,
//! first downs and the like are known and count for nothing. A record credits the player it names
//! and, for defence and special teams, the team's `dst:` line. What a *play* does to the score is in
//! [`scoring_points`].

use super::Stat;

/// Furthest any single record may reach: no play gains or loses more (110-yard returns included).
pub const YARDS_ABS_MAX: i16 = 120;

/// Safety by the defence: its tacklers may each carry one, and it counts once for a team and play.
pub const SAFETY: u16 = 89;

/// How one credit depends on the record's yards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So much, whatever the yards.
    Count(i32),
    /// The yards themselves.
    Yards,
}

use Amount::{Count, Yards};
use Stat::*;

/// What a record credits to its player and to its team's defence.
#[derive(Clone, Copy, Debug)]
pub struct Effect {
    /// Credits of the player.
    pub player: &'static [(Stat, Amount)],
    /// Credits of the team's `dst:` line.
    pub defence: &'static [(Stat, Amount)],
}

const NONE: Effect = Effect { player: &[], defence: &[] };

const fn player(player: &'static [(Stat, Amount)]) -> Effect {
    Effect { player, defence: &[] }
}

const fn defence(defence: &'static [(Stat, Amount)]) -> Effect {
    Effect { player: &[], defence }
}

/// Highest stat id of the dictionary.
const STAT_ID_MAX: usize = 420;

/// Ids of the dictionary that credit nothing.
const SILENT: &[u16] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 18, 27, 29, 30, 31, 32, 37, 38, 39, 40, 41, 42, 43, 44, 49, 50, 51, 52, 53, 54, 55, 57, 61, 63, 68, 76,
    78, 79, 80, 81, 82, 85, 90, 91, 93, 95, 96, 99, 100, 102, 103, 105, 107, 110, 111, 112, 113, 120, 201, 211, 212, 213, 301, 402, 403,
    410,
];

const fn table() -> [Option<Effect>; STAT_ID_MAX] {
    let mut t: [Option<Effect>; STAT_ID_MAX] = [None; STAT_ID_MAX];
    let mut i = 0;
    while i < SILENT.len() {
        t[SILENT[i] as usize] = Some(NONE);
        i += 1;
    }
    // Rushing. 12 and 13 follow a lateral: yards without an attempt.
    t[10] = Some(player(&[(RushingAttempts, Count(1)), (RushingYards, Yards)]));
    t[11] = Some(player(&[
        (RushingAttempts, Count(1)),
        (RushingYards, Yards),
        (RushingTds, Count(1)),
    ]));
    t[12] = Some(player(&[(RushingYards, Yards)]));
    t[13] = Some(player(&[(RushingYards, Yards), (RushingTds, Count(1))]));
    // Passing.
    t[14] = Some(player(&[(PassingAttempts, Count(1))]));
    t[15] = Some(player(&[
        (PassingAttempts, Count(1)),
        (Completions, Count(1)),
        (PassingYards, Yards),
    ]));
    t[16] = Some(player(&[
        (PassingAttempts, Count(1)),
        (Completions, Count(1)),
        (PassingYards, Yards),
        (PassingTds, Count(1)),
    ]));
    t[19] = Some(player(&[(PassingAttempts, Count(1)), (Interceptions, Count(1))]));
    t[20] = Some(player(&[(Sacked, Count(1))]));
    // Receiving. 23 and 24 follow a lateral: yards without a reception.
    t[21] = Some(player(&[(Receptions, Count(1)), (ReceivingYards, Yards)]));
    t[22] = Some(player(&[(Receptions, Count(1)), (ReceivingYards, Yards), (ReceivingTds, Count(1))]));
    t[23] = Some(player(&[(ReceivingYards, Yards)]));
    t[24] = Some(player(&[(ReceivingYards, Yards), (ReceivingTds, Count(1))]));
    t[115] = Some(player(&[(Targets, Count(1))]));
    // Interceptions by the defence. 28 follows a lateral.
    t[25] = Some(defence(&[(InterceptionsMade, Count(1))]));
    t[26] = Some(defence(&[(InterceptionsMade, Count(1)), (DefensiveTds, Count(1))]));
    t[28] = Some(defence(&[(DefensiveTds, Count(1))]));
    // Punt and kickoff returns. 35, 36, 47, 48 follow a lateral.
    t[33] = Some(player(&[(ReturnYards, Yards)]));
    t[34] = Some(RETURN_TD);
    t[35] = Some(player(&[(ReturnYards, Yards)]));
    t[36] = Some(RETURN_TD);
    t[45] = Some(player(&[(ReturnYards, Yards)]));
    t[46] = Some(RETURN_TD);
    t[47] = Some(player(&[(ReturnYards, Yards)]));
    t[48] = Some(RETURN_TD);
    // Fumbles.
    t[56] = Some(player(&[(FumbleRecoveryTds, Count(1))]));
    t[58] = Some(player(&[(FumbleRecoveryTds, Count(1))]));
    t[59] = Some(defence(&[(FumbleRecoveries, Count(1))]));
    t[60] = Some(defence(&[(FumbleRecoveries, Count(1)), (DefensiveTds, Count(1))]));
    t[62] = Some(defence(&[(DefensiveTds, Count(1))]));
    t[106] = Some(player(&[(FumblesLost, Count(1))]));
    t[108] = Some(player(&[(FumbleRecoveryTds, Count(1))]));
    // Blocked and missed kicks taken back all the way.
    t[64] = Some(Effect {
        player: &[(ReturnTds, Count(1))],
        defence: &[(DefensiveTds, Count(1))],
    });
    // Kicking. The distance brackets of a field goal are added by `field_goal`.
    t[69] = Some(player(&[(FieldGoalsMissed, Count(1))]));
    t[70] = Some(player(&[(FieldGoalYards, Yards)]));
    t[71] = Some(player(&[(FieldGoalsMissed, Count(1))]));
    t[72] = Some(player(&[(ExtraPoints, Count(1))]));
    t[73] = Some(player(&[(ExtraPointsMissed, Count(1))]));
    t[74] = Some(player(&[(ExtraPointsMissed, Count(1))]));
    // Two-point tries.
    t[75] = Some(player(&[(TwoPointConversions, Count(1))]));
    t[77] = Some(player(&[(TwoPointConversions, Count(1))]));
    t[104] = Some(player(&[(TwoPointConversions, Count(1))]));
    t[404] = Some(defence(&[(DefensiveTwoPoints, Count(1))]));
    // Defence and special teams. Safeties (89) are counted a play at a time by the caller.
    t[83] = Some(defence(&[(Sacks, Count(2))]));
    t[84] = Some(defence(&[(Sacks, Count(1))]));
    t[86] = Some(defence(&[(BlockedKicks, Count(1))]));
    t[87] = Some(defence(&[(BlockedKicks, Count(1))]));
    t[88] = Some(defence(&[(BlockedKicks, Count(1))]));
    t[SAFETY as usize] = Some(defence(&[(Safeties, Count(1))]));
    t
}

const RETURN_TD: Effect = Effect {
    player: &[(ReturnYards, Yards), (ReturnTds, Count(1))],
    defence: &[(ReturnTds, Count(1))],
};

static TABLE: [Option<Effect>; STAT_ID_MAX] = table();

/// What a stat id credits; nothing where the dictionary does not know it.
#[inline]
pub fn effect(stat_id: u16) -> Option<&'static Effect> {
    TABLE.get(stat_id as usize).and_then(Option::as_ref)
}

/// The distance brackets that a field goal of that length counts in, besides its yards.
pub fn field_goal_brackets(yards: i16) -> &'static [Stat] {
    match yards {
        ..=19 => &[FieldGoals0To39, FieldGoals0To19],
        20..=29 => &[FieldGoals0To39, FieldGoals20To29],
        30..=39 => &[FieldGoals0To39, FieldGoals30To39],
        40..=49 => &[FieldGoals40To49],
        50..=59 => &[FieldGoals50Plus],
        60.. => &[FieldGoals50Plus, FieldGoals60Plus],
    }
}

/// Whose fault a team's points are, for the other team's points allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// Scored against the opponent's defence or special teams: they count.
    Defence,
    /// Scored by this team's own defence: they don't count against the opponent's.
    Offence,
}

/// The points on the scoreboard that a record brings its team, and whom they count against.
/// A touchdown pass is counted at the passer's record, so that a lateral counts once.
pub fn scoring_points(stat_id: u16) -> Option<(u16, Against)> {
    Some(match stat_id {
        11 | 13 | 16 | 34 | 36 | 46 | 48 | 56 | 58 | 108 => (6, Against::Defence),
        26 | 28 | 60 | 62 | 64 => (6, Against::Offence),
        70 => (3, Against::Defence),
        72 => (1, Against::Defence),
        75 | 77 => (2, Against::Defence),
        SAFETY => (2, Against::Offence),
        404 => (2, Against::Offence),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_ids_are_unknown_and_silent_ones_credit_nothing() {
        assert!(effect(0).is_none());
        assert!(effect(9_999).is_none());
        assert!(effect(65).is_none());
        let tackle = effect(79).unwrap();
        assert!(tackle.player.is_empty() && tackle.defence.is_empty());
    }

    #[test]
    fn every_field_goal_falls_in_one_bracket_of_each_partition() {
        for yards in 0..=70i16 {
            let brackets = field_goal_brackets(yards);
            let wide = [FieldGoals0To39, FieldGoals40To49, FieldGoals50Plus];
            assert_eq!(brackets.iter().filter(|s| wide.contains(s)).count(), 1, "{yards}");
        }
    }
}
