//! What is to be built.
//!
//! Pure. Bounded by what it is made of.

use super::super::chance::Draws;
use super::super::problem::{ItemIndex, Problem, Set};
use super::super::shape::without;

/// How many lineups may have at least `count` of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Who counts.
    pub members: Set,
    /// So many make a lineup count.
    pub count: u8,
    /// In at least so many lineups.
    pub least: usize,
    /// In at most so many.
    pub most: usize,
}

/// A lineup with some players who stay where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who stays.
    pub held: Vec<ItemIndex>,
    /// How many of each class may come beside them, every way.
    pub fillings: Vec<Vec<u8>>,
}

/// What is to be built.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What makes a lineup.
    pub problem: Problem,
    /// How many of each class fill it, every way.
    pub fillings: Vec<Vec<u8>>,
    /// What each item is worth.
    pub values: Vec<i64>,
    /// Who may come in.
    pub allowed: Vec<bool>,
    /// Who is in every lineup.
    pub locked: Vec<ItemIndex>,
    /// Lineups asked for.
    pub count: usize,
    /// Items that two lineups may share.
    pub shared_max: usize,
    /// By item, who counts as shared with it, too: the same player in another role. Empty: nobody.
    pub twins: Vec<Vec<ItemIndex>>,
    /// Limits across lineups.
    pub exposures: Vec<Exposure>,
    /// Each lineup from projections of its own.
    pub draws: Option<Draws>,
    /// Lineups to be solved again, one each; `count` is theirs.
    pub kept: Vec<Kept>,
}

impl Plan {
    /// Nothing runs across lineups but that no two are the same.
    pub(super) fn is_plain(&self) -> bool {
        let size = self
            .fillings
            .first()
            .map_or(0, |counts| counts.iter().map(|count| usize::from(*count)).sum());
        self.exposures.is_empty() && self.twins.is_empty() && self.shared_max + 1 >= size && self.kept.is_empty() && self.draws.is_none()
    }

    /// Items of one lineup that count as shared with another.
    pub(in crate::lineup) fn shared(&self, one: &[ItemIndex], other: &[ItemIndex]) -> usize {
        if self.twins.is_empty() {
            return shared(one, other);
        }
        let is_twin = |item: ItemIndex| {
            self.twins
                .get(usize::from(item))
                .is_some_and(|twins| twins.iter().any(|twin| one.contains(twin)))
        };
        other.iter().filter(|item| one.contains(*item) || is_twin(**item)).count()
    }

    /// What is left of the fillings beside these items.
    pub(super) fn beside(&self, fillings: &[Vec<u8>], held: &[ItemIndex]) -> Vec<Vec<u8>> {
        let mut taken = vec![0u8; fillings.first().map_or(0, Vec::len)];
        for item in held {
            taken[usize::from(self.problem.items[usize::from(*item)].class)] += 1;
        }
        without(fillings, &taken)
    }
}

impl Exposure {
    /// Whether a lineup counts.
    pub fn counts(&self, lineup: &[ItemIndex]) -> bool {
        self.members.count(lineup) >= usize::from(self.count)
    }
}

/// Items that two lineups have in common; both in order.
fn shared(a: &[ItemIndex], b: &[ItemIndex]) -> usize {
    let (mut a, mut b) = (a, b);
    let mut both = 0;
    while let ([first, rest @ ..], [other, others @ ..]) = (a, b) {
        both += usize::from(first == other);
        (a, b) = match first.cmp(other) {
            std::cmp::Ordering::Less => (rest, b),
            std::cmp::Ordering::Equal => (rest, others),
            std::cmp::Ordering::Greater => (a, others),
        };
    }
    both
}
