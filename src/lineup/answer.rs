//! Lineups as people, sites and tools read them.
//!
//! Pure. Bounded by the lineups that were asked for.

use super::constraints::Constraints;
use super::csv::quoted;
use super::late_swap::written;
use super::pool::Player;
use super::portfolio::{Ended, Made, build};
use super::problem::ItemIndex;
use super::refuse::culprits;
use super::search::Budget;
use super::site::Site;
use super::slate::{BadConstraint, Slate};
use crate::model::Points;
use serde::Serialize;

/// Steps after which the search for a reason gives up.
const REASON_STEPS_MAX: u64 = 20_000_000;

/// Lineups, best first.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The site's title.
    pub site: String,
    /// What was found.
    pub lineups: Vec<Lineup>,
    /// Whether there are as many as were asked for.
    pub complete: bool,
    /// Whether each is proven best.
    pub proven: bool,
    /// Players left out because nobody expects points of them.
    pub left_out: usize,
    /// Steps of the search.
    pub steps: u64,
    /// How long it took, in milliseconds, reading files not included; whoever has a clock fills it in.
    pub took_ms: f64,
}

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub struct Lineup {
    /// By the projections of the file.
    pub projection: Decimal,
    /// By the projections that were drawn, where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn: Option<Decimal>,
    /// What it costs.
    pub salary: i64,
    /// Sum of ownerships, in percent.
    pub ownership: Decimal,
    /// Whether no better one exists for its place.
    pub proven: bool,
    /// By how many points at most a better one could beat it.
    pub gap: Decimal,
    /// Who stands where, in the order of the upload.
    pub players: Vec<Placed>,
}

/// A player in a slot.
#[derive(Clone, Debug, Serialize)]
pub struct Placed {
    /// The slot.
    pub slot: String,
    /// The site's number for him.
    pub id: String,
    /// His name.
    pub name: String,
    /// His team.
    pub team: String,
    /// His game.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub game: String,
    /// What he costs there.
    pub salary: i64,
    /// Points expected of him there.
    pub projection: Decimal,
    /// Late swap: his game has begun.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
}

/// Points as a JSON number that is exact in its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal(pub Points);

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Four places of at most ten digits: the float's shortest form is the decimal.
        serializer.serialize_f64(self.0.0 as f64 / Points::SCALE as f64)
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A constraint makes no sense for these players.
    #[error(transparent)]
    Bad(#[from] BadConstraint),
    /// Constraints that cannot hold together, by name; and how many lineups there are before that.
    #[error("{}", impossible(*made, *asked, culprits, *is_whole))]
    Impossible {
        /// Lineups there are.
        made: usize,
        /// Lineups asked for.
        asked: usize,
        /// What cannot hold together.
        culprits: Vec<String>,
        /// Whether the search for them came to its end.
        is_whole: bool,
    },
    /// Work or time ran out before there was one lineup.
    #[error("no lineup was found in the time and work allowed ([limits]); whether there is one is not known")]
    Cut,
}

fn impossible(made: usize, asked: usize, culprits: &[String], is_whole: bool) -> String {
    let what = match (made, asked) {
        (0, _) => "there is no lineup".to_owned(),
        (made, asked) => format!("there are {made} lineups, not {asked} (-n {made} gives them)"),
    };
    let known = if is_whole {
        ""
    } else {
        "; the search for the reason was cut short, so that some of these may not matter"
    };
    match culprits {
        [] if made == 0 => format!("{what}: the players do not fill the slots"),
        [] => format!("{what}: these players make no more"),
        [one] => format!("{what}: {one} cannot be met{known}"),
        [rest @ .., last] => format!("{what}: these cannot hold together: {} and {last}{known}", rest.join(", ")),
    }
}

/// Builds the lineups. `told` hears how many there are.
///
/// # Errors
/// Constraints that make no sense or cannot be met; work or time that ran out before the first lineup.
pub fn optimize(
    site: &Site,
    players: &[Player],
    constraints: &Constraints,
    count: usize,
    budget: Budget<'_>,
    told: impl FnMut(usize),
) -> Result<Answer, Refused> {
    let slate = Slate::new(site, players, constraints, count)?;
    let portfolio = build(&slate.plan, budget, told);
    if portfolio.ended == Some(Ended::None) {
        let steps = budget.steps.saturating_sub(portfolio.steps).min(REASON_STEPS_MAX);
        let (culprits, is_whole) = culprits(site, players, constraints, count, Budget { steps, ..budget });
        let made = portfolio.made.len();
        return Err(Refused::Impossible {
            made,
            asked: count,
            culprits,
            is_whole,
        });
    }
    if portfolio.made.is_empty() {
        return Err(Refused::Cut);
    }
    let lineups: Vec<Lineup> = portfolio
        .made
        .iter()
        .enumerate()
        .map(|(nth, made)| lineup(&slate, nth, made))
        .collect();
    Ok(Answer {
        site: site.title.clone(),
        complete: portfolio.ended.is_none(),
        proven: lineups.iter().all(|lineup| lineup.proven),
        left_out: slate.left_out,
        steps: portfolio.steps,
        took_ms: 0.0,
        lineups,
    })
}

fn lineup(slate: &Slate<'_>, nth: usize, made: &Made) -> Lineup {
    let stays = slate.stays.get(nth).map_or(&[][..], |stay| stay);
    let items = placed(slate, &made.lineup.items, stays);
    let value = |item: &ItemIndex| slate.plan.values[usize::from(*item)];
    let players = items.iter().enumerate().map(|(slot, item)| {
        let player = slate.player(*item);
        Placed {
            slot: slate.slots[slot].name.clone(),
            id: player.id.clone(),
            name: player.name.clone(),
            team: player.team.clone(),
            game: player.game.clone(),
            salary: i64::from(slate.plan.problem.items[usize::from(*item)].salary),
            projection: Decimal(Points(value(item))),
            locked: stays.get(slot).is_some_and(Option::is_some),
        }
    });
    Lineup {
        projection: Decimal(Points(items.iter().map(value).sum())),
        drawn: slate.plan.draws.as_ref().map(|_| Decimal(Points(made.lineup.value))),
        salary: made.lineup.salary,
        ownership: Decimal(Points(made.lineup.ownership * 100)),
        proven: made.gap == 0,
        gap: Decimal(Points(made.gap)),
        players: players.collect(),
    }
}

/// Who stands in which slot: who stays stays; else those who kick off first stand in the slots that fewest may take,
/// so that the last ones stand where most could take their place.
fn placed(slate: &Slate<'_>, items: &[ItemIndex], stays: &[Option<ItemIndex>]) -> Vec<ItemIndex> {
    let mut slots: Vec<Option<ItemIndex>> = (0..slate.slots.len()).map(|slot| stays.get(slot).copied().flatten()).collect();
    let mut open: Vec<usize> = (0..slots.len()).filter(|slot| slots[*slot].is_none()).collect();
    open.sort_by_key(|slot| slate.slots[*slot].positions.len());
    let mut rest: Vec<ItemIndex> = items.iter().copied().filter(|item| !slots.contains(&Some(*item))).collect();
    rest.sort_by_key(|item| {
        (
            slate.player(*item).kickoff,
            std::cmp::Reverse(slate.plan.values[usize::from(*item)]),
            *item,
        )
    });
    let is_whole = place(slate, &open, &mut rest, &mut slots);
    debug_assert!(is_whole, "a filling is one that fits the slots");
    slots.into_iter().flatten().collect()
}

fn place(slate: &Slate<'_>, open: &[usize], rest: &mut Vec<ItemIndex>, slots: &mut [Option<ItemIndex>]) -> bool {
    let [slot, open @ ..] = open else { return true };
    for nth in 0..rest.len() {
        if slate.stands[usize::from(rest[nth])] >> slot & 1 == 1 {
            let item = rest.remove(nth);
            slots[*slot] = Some(item);
            if place(slate, open, rest, slots) {
                return true;
            }
            rest.insert(nth, item);
        }
    }
    slots[*slot] = None;
    false
}

impl Answer {
    /// The site's upload file.
    pub fn upload(&self, site: &Site) -> String {
        let header: Vec<String> = site.slots().iter().map(|slot| quoted(&slot.name)).collect();
        let line = |lineup: &Lineup| {
            let field = |player: &Placed| {
                let text = match player.id.is_empty() {
                    true => player.name.clone(),
                    false => written(&site.upload.player, &player.id, &player.name),
                };
                quoted(&text)
            };
            lineup.players.iter().map(field).collect::<Vec<_>>().join(",")
        };
        let lines = std::iter::once(header.join(",")).chain(self.lineups.iter().map(line));
        lines.map(|line| line + "\n").collect()
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (nth, lineup) in self.lineups.iter().enumerate() {
            let doubt = match lineup.proven {
                true => String::new(),
                false => format!(", not proven best: at most {} below", lineup.gap.0),
            };
            text += &format!("{}: {} points, {} spent{doubt}\n", nth + 1, lineup.projection.0, lineup.salary);
            for player in &lineup.players {
                let points = player.projection.0.to_string();
                text += &format!(
                    "  {:<5} {:<28} {:<4} {:>6} {points:>9}\n",
                    player.slot, player.name, player.team, player.salary
                );
            }
        }
        text
    }
}
