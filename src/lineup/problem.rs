//! What is searched: items (a player in a role), how many of which class make a lineup, and what else must hold.
//!
//! Knows nothing of names, files or sites, and does no I/O. Bounded by [`ITEMS_MAX`] and [`SIZE_MAX`].

/// Most items of a problem.
pub(super) const ITEMS_MAX: usize = 4096;
/// Most players of a lineup.
pub(super) const SIZE_MAX: usize = 16;
/// Most classes of items: those that may stand in the same slots are one.
pub(super) const CLASSES_MAX: usize = 16;
/// Most ways to fill a lineup by class.
pub(super) const FILLINGS_MAX: usize = 5000;

/// An item's place in its problem.
pub type ItemIndex = u16;

/// A player in a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Whose; a lineup has a player once.
    pub player: u16,
    /// Which slots he may stand in, as a number.
    pub class: u8,
    /// What he costs.
    pub salary: i32,
    /// Share of others' lineups that have him, in 1/100 percent.
    pub ownership: i32,
}

/// A set of items.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Set(Vec<u64>);

impl Set {
    /// Puts one in.
    pub fn insert(&mut self, item: ItemIndex) {
        let word = usize::from(item / 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (item % 64);
    }

    /// Whether one is in it.
    pub fn has(&self, item: ItemIndex) -> bool {
        self.0.get(usize::from(item / 64)).is_some_and(|word| word >> (item % 64) & 1 == 1)
    }

    /// How many of these are in it.
    pub fn count(&self, items: &[ItemIndex]) -> usize {
        items.iter().filter(|&&item| self.has(item)).count()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = ItemIndex> + '_ {
        let word = |(at, &word): (usize, &u64)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some((at * 64 + bit) as ItemIndex)
            })
        };
        self.0.iter().enumerate().flat_map(word)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

impl FromIterator<ItemIndex> for Set {
    fn from_iter<I: IntoIterator<Item = ItemIndex>>(items: I) -> Set {
        let mut set = Set::default();
        items.into_iter().for_each(|item| set.insert(item));
        set
    }
}

/// At least and at most so many of a set in a lineup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Who counts.
    pub members: Set,
    /// At least.
    pub least: u8,
    /// At most.
    pub most: u8,
    /// Only in lineups that have one of these.
    pub when: Option<Set>,
}

impl Limit {
    /// At least so many, always.
    pub fn least(members: Set, least: u8) -> Limit {
        let most = u8::MAX;
        Limit {
            members,
            least,
            most,
            when: None,
        }
    }

    /// At most so many, always.
    pub fn most(members: Set, most: u8) -> Limit {
        Limit {
            members,
            least: 0,
            most,
            when: None,
        }
    }

    /// Whether a lineup keeps it.
    pub fn holds(&self, lineup: &[ItemIndex]) -> bool {
        let is_off = self.when.as_ref().is_some_and(|when| when.count(lineup) == 0);
        is_off || (usize::from(self.least)..=usize::from(self.most)).contains(&self.members.count(lineup))
    }
}

/// One of several lists of limits must hold, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyOf(pub Vec<Vec<Limit>>);

impl AnyOf {
    /// The first list that holds.
    pub fn first(&self, lineup: &[ItemIndex]) -> Option<usize> {
        self.0.iter().position(|all| all.iter().all(|limit| limit.holds(lineup)))
    }
}

/// A lineup's players must come from at least so many groups (games, teams).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Each item's group.
    pub groups: Vec<u16>,
    /// At least.
    pub least: u8,
}

impl Spread {
    /// Whether a lineup keeps it.
    pub fn holds(&self, lineup: &[ItemIndex]) -> bool {
        let group = |item: &ItemIndex| self.groups[usize::from(*item)];
        let is_new = |&(at, item): &(usize, &ItemIndex)| lineup[..at].iter().all(|other| group(other) != group(item));
        lineup.iter().enumerate().filter(is_new).count() >= usize::from(self.least)
    }
}

/// A sum and what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// At least.
    pub least: i64,
    /// At most.
    pub most: i64,
}

impl Range {
    /// Whether a sum is in it.
    pub fn has(self, sum: i64) -> bool {
        (self.least..=self.most).contains(&sum)
    }
}

/// What makes a lineup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Who may be in it.
    pub items: Vec<Item>,
    /// What a lineup may cost.
    pub salary: Option<Range>,
    /// What its ownership may sum up to.
    pub ownership: Option<Range>,
    /// What must hold.
    pub limits: Vec<Limit>,
    /// Of each, one way must hold.
    pub any_ofs: Vec<AnyOf>,
    /// How far it must spread.
    pub spreads: Vec<Spread>,
}

/// How many of each class fill the slots, every way that can be; each class as a mask of the slots it may stand in.
/// `None`: more than [`FILLINGS_MAX`].
pub(super) fn fillings(classes: &[u32], slots: u32) -> Option<Vec<Vec<u8>>> {
    let (mut all, mut filling) = (Vec::new(), vec![0; classes.len()]);
    let is_whole = fill(classes, slots, 0, &mut filling, &mut all);
    is_whole.then_some(all)
}

fn fill(classes: &[u32], slots: u32, class: usize, filling: &mut Vec<u8>, all: &mut Vec<Vec<u8>>) -> bool {
    let taken: u32 = filling[..class].iter().map(|count| u32::from(*count)).sum();
    let left = slots.count_ones() - taken;
    if class == classes.len() {
        if left == 0 {
            all.push(filling.clone());
        }
        return all.len() <= FILLINGS_MAX;
    }
    for count in 0..=left.min((classes[class] & slots).count_ones()) {
        filling[class] = count as u8;
        // Hall's theorem, for the sets of classes that this one is the last of.
        if !fits(classes, slots, &filling[..=class]) {
            break;
        }
        if !fill(classes, slots, class + 1, filling, all) {
            return false;
        }
    }
    filling[class] = 0;
    true
}

fn fits(classes: &[u32], slots: u32, filling: &[u8]) -> bool {
    let last = filling.len() - 1;
    let is_there = |class: &usize| filling[*class] > 0;
    let others: u32 = (0..last).filter(is_there).map(|class| 1 << class).sum();
    // Classes of which there is nobody ask for no slot.
    let mut chosen = others;
    loop {
        let (mut rest, mut count, mut union) = (chosen | 1 << last, 0, 0);
        while rest != 0 {
            let class = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            (count, union) = (count + u32::from(filling[class]), union | classes[class]);
        }
        if count > (union & slots).count_ones() {
            return false;
        }
        if chosen == 0 {
            return true;
        }
        chosen = (chosen - 1) & others;
    }
}
