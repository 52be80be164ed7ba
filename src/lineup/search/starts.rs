//! Ways to begin a lineup: by whoever something hangs on, and where a walk finds no end, by one item more.
//!
//! Pure. Bounded by [`WAYS_MAX`], and by [`super::STARTS_MAX`].

use super::super::bound::NOTHING;
use super::super::ground::{Beginning, Ground, Prices};
use super::super::hopeless::leave_out;
use super::super::problem::{ItemIndex, Problem};
use super::super::rules::Rules;
use super::super::shape::without;
use super::{Ask, Search};

/// Most ways to begin at first: items of the class that is tried one by one, times ways of any-ofs.
const WAYS_MAX: usize = 5_000;

/// A way to begin.
pub(super) struct Start {
    /// Who is in, beside those held.
    pub(super) fixed: Vec<ItemIndex>,
    /// Who is not.
    pub(super) banned: Vec<ItemIndex>,
    /// Classes of which nobody else is, as bits.
    pub(super) closed: u32,
    /// The way of each of the first any-ofs.
    pub(super) ways: Vec<usize>,
    /// No lineup that begins so is worth more, in 1/[`SCALE`]; [`NOTHING`]: there is none.
    pub(super) bound: i64,
    pub(super) is_priced: bool,
    pub(super) is_looked_around: bool,
    pub(super) prices: Prices,
    /// Searches since prices were looked for.
    pub(super) searches: u32,
    /// Limits that were found broken by what the bound took, and are counted since.
    pub(super) learned: Vec<u16>,
    pub(super) ground: Option<Box<Ground>>,
}

impl Start {
    pub(super) fn new(fixed: Vec<ItemIndex>, banned: Vec<ItemIndex>, closed: u32, ways: Vec<usize>) -> Start {
        Start {
            fixed,
            banned,
            closed,
            ways,
            bound: i64::MAX,
            is_priced: false,
            is_looked_around: false,
            prices: Prices::default(),
            searches: 0,
            learned: Vec::new(),
            ground: None,
        }
    }

    /// Leaves out who can be in no lineup beside those it has. False: there is none.
    pub(super) fn look_around(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>) -> bool {
        if std::mem::replace(&mut self.is_looked_around, true) || !rules.has_conditions() {
            return true;
        }
        let class = |item: &ItemIndex| usize::from(problem.items[usize::from(*item)].class);
        let mut taken = vec![0u8; ask.fillings.first().map_or(0, Vec::len)];
        self.fixed.iter().for_each(|item| taken[class(item)] += 1);
        let (held, fillings) = ([ask.held, &self.fixed].concat(), without(ask.fillings, &taken));
        let mut allowed = ask.allowed.to_vec();
        self.banned.iter().for_each(|item| allowed[usize::from(*item)] = false);
        for (allowed, item) in allowed.iter_mut().zip(&problem.items) {
            *allowed &= self.closed >> item.class & 1 == 0;
        }
        let before = allowed.clone();
        let beside = Ask {
            held: &held,
            fillings: &fillings,
            allowed: &before,
            ..*ask
        };
        let is_possible = leave_out(problem, rules, &beside, &mut allowed);
        let gone = (0..)
            .zip(before.iter().zip(&allowed))
            .filter(|(_, (before, after))| before != after);
        self.banned.extend(gone.map(|(item, _): (ItemIndex, _)| item));
        is_possible
    }

    pub(super) fn beginning(&self, counts_salary: bool) -> Beginning<'_> {
        Beginning {
            fixed: &self.fixed,
            banned: &self.banned,
            closed: self.closed,
            ways: &self.ways,
            learned: &self.learned,
            counts_salary,
        }
    }
}

impl Search {
    /// Every way to begin: by each item of the class of which there is one, if something hangs on which it is.
    pub(super) fn make_starts(&mut self, problem: &Problem, ask: &Ask<'_>) {
        let split = split(problem, ask);
        let is_in = |item: &ItemIndex| Some(problem.items[usize::from(*item)].class) == split && ask.allowed[usize::from(*item)];
        let anchors: Vec<Vec<ItemIndex>> = match split {
            Some(_) => (0..problem.items.len() as ItemIndex).filter(is_in).map(|item| vec![item]).collect(),
            None => vec![Vec::new()],
        };
        let mut ways: Vec<Vec<usize>> = vec![Vec::new()];
        for any_of in &problem.any_ofs {
            if ways.len() * any_of.0.len() * anchors.len() > WAYS_MAX {
                break;
            }
            let longer = |way: &Vec<usize>| {
                (0..any_of.0.len())
                    .map(|next| [way.as_slice(), &[next]].concat())
                    .collect::<Vec<_>>()
            };
            ways = ways.iter().flat_map(longer).collect();
        }
        let starts = anchors.iter().flat_map(|anchor| ways.iter().map(move |way| (anchor, way)));
        self.starts.clear();
        self.starts
            .extend(starts.map(|(anchor, way)| Start::new(anchor.clone(), Vec::new(), 0, way.clone())));
        self.current = None;
        self.whole_from = NOTHING;
        (self.is_hard, self.counts_salary) = (false, false);
    }

    /// Puts starts with one item more in the place of one: by the first of a class, in an order, that is in the lineup.
    pub(super) fn split_up(&mut self, problem: &Problem, rules: &Rules, ask: &Ask<'_>, nth: usize) -> std::ops::Range<usize> {
        let first = self.starts.len();
        let parent = &self.starts[nth];
        // Of all who may be in it: later searches look deeper than this one.
        let ground = Ground::new(problem, rules, ask, parent.beginning(false), &mut self.scratch);
        let class = ground.as_ref().and_then(|ground| ground.class_to_split(problem, rules));
        let (Some(mut ground), Some(class)) = (ground, class) else {
            return first..first;
        };
        if ground.worth_at(problem, ask, &mut self.scratch, parent.prices).is_none() {
            self.starts[nth].bound = NOTHING;
            return first..first;
        }
        let (items, may_be_none) = ground.of_class(problem, class);
        let mut children = Vec::new();
        for (at, (item, bound)) in items.iter().enumerate() {
            let fixed = [parent.fixed.as_slice(), &[*item]].concat();
            let banned = parent
                .banned
                .iter()
                .copied()
                .chain(items[..at].iter().map(|(item, _)| *item))
                .collect();
            let mut child = Start::new(fixed, banned, parent.closed, parent.ways.clone());
            child.bound = parent.bound.min(*bound);
            children.push(child);
        }
        if may_be_none {
            let closed = parent.closed | 1 << class;
            let mut child = Start::new(parent.fixed.clone(), parent.banned.clone(), closed, parent.ways.clone());
            child.bound = parent.bound;
            children.push(child);
        }
        for child in &mut children {
            child.learned.clone_from(&parent.learned);
        }
        (self.starts[nth].bound, self.starts[nth].ground) = (NOTHING, None);
        // The last is taken first.
        children.reverse();
        self.starts.extend(children);
        first..self.starts.len()
    }
}

/// The class that is tried one by one: one of which every lineup has exactly one, on which the other role of a player
/// hangs, or a limit that asks for more.
fn split(problem: &Problem, ask: &Ask<'_>) -> Option<u8> {
    let classes = ask.fillings.first().map_or(0, Vec::len);
    let is_single = |class: u8| ask.fillings.iter().all(|counts| counts[usize::from(class)] == 1);
    let class_of = |item: ItemIndex| problem.items[usize::from(item)].class;
    let singles: Vec<u8> = (0..classes as u8).filter(|class| is_single(*class)).collect();
    let mut roles: Vec<(u16, u8)> = problem.items.iter().map(|item| (item.player, item.class)).collect();
    roles.sort_unstable();
    let twins = roles.windows(2).filter(|pair| pair[0].0 == pair[1].0).flatten();
    let twins = twins.map(|(_, class)| *class).find(|class| singles.contains(class));
    let asked = problem
        .limits
        .iter()
        .filter(|limit| limit.least > 0)
        .filter_map(|limit| limit.when.as_ref());
    let asked = asked
        .flat_map(|when| when.iter())
        .map(class_of)
        .find(|class| singles.contains(class));
    twins.or(asked)
}
