//! A site's rules, its players and a user's constraints as a plan to search.
//!
//! Pure. Bounded by what it is made of.

use super::constraints::Constraints;
use super::late_swap;
use super::pool::{Player, takes};
use super::portfolio::Plan;
use super::problem::{CLASSES_MAX, ITEMS_MAX, Item, ItemIndex, Set, fillings};
use super::site::{Site, Slot};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most lineups of one run.
pub const LINEUPS_MAX: usize = 150;

/// A constraint that makes no sense for these players: which, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadConstraint(pub String);

pub(super) fn bad<T>(message: impl Into<String>) -> Result<T, BadConstraint> {
    Err(BadConstraint(message.into()))
}

/// A plan, and what its items are.
#[derive(Clone, Debug)]
pub struct Slate<'a> {
    /// Whose rules.
    pub site: &'a Site,
    /// The rows of the players' file.
    pub players: &'a [Player],
    /// The slots of a lineup.
    pub slots: Vec<Slot>,
    /// What is searched.
    pub plan: Plan,
    /// Each item's row.
    pub rows: Vec<usize>,
    /// The slots each item may stand in, as a mask.
    pub stands: Vec<u32>,
    /// Late swap: who stays in which slot, by lineup.
    pub stays: Vec<Vec<Option<ItemIndex>>>,
    /// Rows that nobody expects points of: they are left out.
    pub left_out: usize,
}

impl<'a> Slate<'a> {
    /// Puts them together for so many lineups.
    ///
    /// # Errors
    /// A constraint that names nobody, or makes no sense here.
    pub fn new(site: &'a Site, players: &'a [Player], constraints: &Constraints, count: usize) -> Result<Slate<'a>, BadConstraint> {
        if !(1..=LINEUPS_MAX).contains(&count) {
            return bad(format!("1 to {LINEUPS_MAX} lineups, not {count}"));
        }
        let mut slate = Slate {
            site,
            players,
            slots: site.slots(),
            plan: Plan::default(),
            rows: Vec::new(),
            stands: Vec::new(),
            stays: Vec::new(),
            left_out: 0,
        };
        slate.plan.count = count;
        slate.add_items()?;
        slate.choose_who(constraints)?;
        slate.add_sums(constraints)?;
        slate.add_limits(constraints)?;
        slate.add_stacks(constraints)?;
        slate.add_exposures(constraints)?;
        slate.add_draws(constraints);
        let size = slate.slots.len();
        slate.plan.shared_max = constraints.max_shared.unwrap_or(size).min(size - 1);
        if constraints.max_shared.is_some_and(|most| most < size) {
            slate.plan.twins = slate.twins();
        }
        if let Some(swap) = &constraints.late_swap {
            late_swap::apply(&mut slate, swap)?;
        }
        Ok(slate)
    }

    /// The row of an item.
    pub fn player(&self, item: ItemIndex) -> &'a Player {
        &self.players[self.rows[usize::from(item)]]
    }

    /// The first of the slots an item may stand in: all of them count alike.
    pub fn role(&self, item: ItemIndex) -> &Slot {
        &self.slots[self.stands[usize::from(item)].trailing_zeros() as usize]
    }

    fn add_items(&mut self) -> Result<(), BadConstraint> {
        let (mut persons, mut next): (HashMap<(String, &str), u16>, u16) = (HashMap::new(), 0);
        let mut classes: Vec<u32> = Vec::new();
        // Most players stand where many others do.
        let mut kinds: Vec<Kind<'_>> = Vec::new();
        let (count, plan) = (self.players.len(), &mut self.plan);
        plan.problem.items.reserve(count);
        plan.values.reserve(count);
        self.rows.reserve(count);
        self.stands.reserve(count);
        let has_roles = self
            .slots
            .iter()
            .any(|slot| (slot.points, slot.salary) != (self.slots[0].points, self.slots[0].salary));
        for (row, player) in self.players.iter().enumerate() {
            let Some(projection) = player.projection else {
                self.left_out += 1;
                continue;
            };
            let person = match has_roles {
                true => *persons.entry((player.name.to_lowercase(), player.team.as_str())).or_insert(next),
                false => next,
            };
            next += u16::from(person == next);
            let is_it = |kind: &Kind<'_>| kind.positions == player.positions && kind.slots == player.slots;
            let kind = kinds.iter().position(is_it).unwrap_or_else(|| {
                kinds.push(Kind::new(&self.slots, player));
                kinds.len() - 1
            });
            for &((points, salary), mask) in &kinds[kind].roles {
                let known = classes.iter().position(|class| *class == mask);
                let class = known.unwrap_or_else(|| {
                    classes.push(mask);
                    classes.len() - 1
                });
                self.plan.problem.items.push(Item {
                    player: person,
                    class: class.min(CLASSES_MAX) as u8,
                    salary: times(i64::from(player.salary), salary) as i32,
                    ownership: player.ownership.unwrap_or(0),
                });
                self.plan.values.push(times(projection.0, points));
                self.rows.push(row);
                self.stands.push(mask);
            }
        }
        if self.rows.is_empty() {
            return bad("no player has a projection, nor the site's own number of points");
        }
        if classes.len() > CLASSES_MAX || self.rows.len() > ITEMS_MAX {
            return bad(format!(
                "{} players in {} kinds of roles; at most {ITEMS_MAX} in {CLASSES_MAX}",
                self.rows.len(),
                classes.len()
            ));
        }
        let all = (1u32 << self.slots.len()) - 1;
        let Some(fillings) = fillings(&classes, all) else {
            return bad("the slots can be filled in too many ways; give the site file fewer slots or positions");
        };
        if fillings.is_empty() {
            let is_empty = |nth: &usize| classes.iter().all(|class| class >> nth & 1 == 0);
            let empty = (0..self.slots.len()).find(is_empty).map_or("some", |nth| &self.slots[nth].name);
            return bad(format!(
                "the players' file has nobody for {empty} slots; a lineup of {} cannot be filled",
                self.site.title
            ));
        }
        self.plan.fillings = fillings;
        self.plan.allowed = vec![true; self.rows.len()];
        Ok(())
    }

    /// The items of those named.
    pub(super) fn named(&self, name: &str, place: &str) -> Result<Set, BadConstraint> {
        let wanted = name.trim();
        let (bare, note) = match wanted.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) {
            Some((bare, note)) => (bare, Some(note)),
            None => (wanted, None),
        };
        let is_bare = |player: &Player, name: &str| player.name.to_lowercase() == name.to_lowercase();
        let is_noted = |player: &Player| {
            note.is_some_and(|note| {
                let positions = player.positions.iter().any(|position| position.eq_ignore_ascii_case(note));
                is_bare(player, bare) && (positions || player.team.eq_ignore_ascii_case(note) || player.id == note)
            })
        };
        let by = |is_it: &dyn Fn(&Player) -> bool| {
            (0..self.players.len())
                .filter(|row| is_it(&self.players[*row]))
                .collect::<Vec<usize>>()
        };
        let ways: [&dyn Fn(&Player) -> bool; 3] = [
            &|player| !player.id.is_empty() && player.id == wanted,
            &|player| is_bare(player, wanted),
            &is_noted,
        ];
        let rows = ways.iter().map(|way| by(way)).find(|rows| !rows.is_empty()).unwrap_or_default();
        if rows.is_empty() {
            return bad(format!("{place}: no player \"{name}\" in the players' file"));
        }
        let first = &self.players[rows[0]];
        if let Some(other) = rows.iter().map(|row| &self.players[*row]).find(|player| !is_same(player, first)) {
            let told = |player: &Player| {
                format!(
                    "{} ({}, {}, id {})",
                    player.name,
                    player.team,
                    player.positions.join("/"),
                    player.id
                )
            };
            return bad(format!(
                "{place}: \"{name}\" may be {} or {}; name him by id, or as \"Name (TEAM)\"",
                told(first),
                told(other)
            ));
        }
        let set: Set = self.all().filter(|item| rows.contains(&self.rows[usize::from(*item)])).collect();
        match set.is_empty() {
            true => bad(format!("{place}: nothing is projected for \"{name}\"")),
            false => Ok(set),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = ItemIndex> + use<'a> {
        0..self.rows.len() as ItemIndex
    }

    /// The items of players who are so.
    pub(super) fn those(&self, is_it: impl Fn(&Player) -> bool) -> Set {
        self.all().filter(|item| is_it(self.player(*item))).collect()
    }

    /// By item, the other roles of its player; empty where nobody has any.
    fn twins(&self) -> Vec<Vec<ItemIndex>> {
        let person = |item: ItemIndex| self.plan.problem.items[usize::from(item)].player;
        let others = |item: ItemIndex| self.all().filter(move |other| *other != item && person(*other) == person(item));
        let twins: Vec<Vec<ItemIndex>> = self.all().map(|item| others(item).collect()).collect();
        if twins.iter().all(Vec::is_empty) { Vec::new() } else { twins }
    }

    /// Teams, each with a number.
    pub(super) fn teams(&self) -> BTreeMap<String, u16> {
        numbered(self.all().map(|item| Cow::Borrowed(self.player(item).team.as_str())))
    }

    /// Games, each with a number.
    pub(super) fn games(&self) -> BTreeMap<String, u16> {
        numbered(self.all().map(|item| game_key(self.player(item))))
    }
}

fn numbered<'a>(keys: impl Iterator<Item = Cow<'a, str>>) -> BTreeMap<String, u16> {
    let all: BTreeSet<Cow<'a, str>> = keys.collect();
    all.into_iter().map(Cow::into_owned).zip(0..).collect()
}

/// Players who may stand in the same slots.
struct Kind<'a> {
    positions: &'a [String],
    slots: &'a [String],
    /// By what points and salaries count: the slots, as a mask.
    roles: Vec<((i64, i64), u32)>,
}

impl<'a> Kind<'a> {
    fn new(slots: &[Slot], player: &'a Player) -> Kind<'a> {
        let mut roles: Vec<((i64, i64), u32)> = Vec::new();
        let fits = |(_, slot): &(usize, &Slot)| takes(&slot.name, &slot.positions, player);
        for (nth, slot) in slots.iter().enumerate().filter(fits) {
            let role = (slot.points, slot.salary);
            match roles.iter_mut().find(|(known, _)| *known == role) {
                Some((_, mask)) => *mask |= 1 << nth,
                None => roles.push((role, 1 << nth)),
            }
        }
        let (positions, slots) = (player.positions.as_slice(), player.slots.as_slice());
        Kind { positions, slots, roles }
    }
}

/// A player's game: as the file names it, else by its two teams.
pub(super) fn game_key(player: &Player) -> Cow<'_, str> {
    let (team, opponent) = (&player.team, &player.opponent);
    match (player.game.is_empty(), opponent.is_empty()) {
        (false, _) => Cow::Borrowed(&player.game),
        (true, false) => Cow::Owned(format!("{}@{}", team.min(opponent), team.max(opponent))),
        (true, true) => Cow::Borrowed(team),
    }
}

/// Two rows of one player.
fn is_same(one: &Player, other: &Player) -> bool {
    one.name.eq_ignore_ascii_case(&other.name) && one.team == other.team && one.positions == other.positions
}

/// A number times 1/10,000 of another, half away from zero.
pub(super) fn times(number: i64, ten_thousandths: i64) -> i64 {
    let product = number * ten_thousandths;
    let half = if product < 0 { -5_000 } else { 5_000 };
    (product + half) / 10_000
}
