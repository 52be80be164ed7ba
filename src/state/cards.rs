//! Who the players are: one shared directory, written by `players` events.
//!
//! Bounded by `players_max`: a new player beyond it stays unnamed, known ones are still updated. As many
//! members at most are kept to be shared by games; one beyond is made anew for each game that asks.

use crate::model::change::Member;
use crate::model::{PlayerCard, PlayerId, PlayerInfo, Team};
use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The directory of players.
pub struct Cards {
    cards: DashMap<PlayerId, Arc<PlayerCard>, RandomState>,
    /// Players in `cards`, counted before they go in.
    count: AtomicUsize,
    /// Who each player, named by the feed or not, last was in a game: mostly the same in the next one. Taken
    /// out where the card changes. A game that asks in the very moment between may get the old card; the
    /// player list then goes through every game ([`Game::introduce`](super::Game::introduce)), which puts
    /// it right.
    members: DashMap<PlayerId, Arc<Member>, RandomState>,
    members_count: AtomicUsize,
    players_max: usize,
}

impl Cards {
    /// An empty directory of at most `players_max` players.
    pub fn new(players_max: usize) -> Cards {
        Cards {
            cards: DashMap::default(),
            count: AtomicUsize::new(0),
            members: DashMap::default(),
            members_count: AtomicUsize::new(0),
            players_max,
        }
    }

    /// That player in a game of that team, with what is known now: one for all games that ask, where the
    /// player stays with the team.
    pub fn member(&self, player: &PlayerId, team: &Team) -> Arc<Member> {
        if let Some(last) = self.members.get(player)
            && last.team == *team
        {
            return last.clone();
        }
        // Under the entry's lock: what is put after the card was read takes the member out again.
        let entry = self.members.entry(player.clone());
        let card = match self.cards.get(player) {
            Some(card) => card.clone(),
            None => Arc::new(PlayerCard::unknown(player.clone())),
        };
        let member = Arc::new(Member { card, team: team.clone() });
        match entry {
            Entry::Occupied(mut last) => {
                last.insert(member.clone());
            }
            Entry::Vacant(place) => {
                if one_more(&self.members_count, self.players_max) {
                    place.insert(member.clone());
                }
            }
        }
        member
    }

    /// Takes over what the feed says of a player. False where the directory is full.
    pub fn put(&self, info: &PlayerInfo) -> bool {
        // Under the entry's lock: two sources may tell different things of one player at once.
        match self.cards.entry(info.player.clone()) {
            Entry::Occupied(known) if !is_news(info, known.get()) => return true,
            Entry::Occupied(mut known) => {
                let card = updated(known.get(), info);
                known.insert(Arc::new(card));
            }
            Entry::Vacant(place) => {
                if !one_more(&self.count, self.players_max) {
                    return false;
                }
                place.insert(Arc::new(updated(&PlayerCard::unknown(info.player.clone()), info)));
            }
        }
        // Not under it: whoever makes a member holds its entry and then asks for the card's.
        if self.members.remove(&info.player).is_some() {
            self.members_count.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }

    /// Whether [`Cards::put`] would change anything.
    pub fn is_news(&self, info: &PlayerInfo) -> bool {
        match self.cards.get(&info.player) {
            Some(card) => is_news(info, &card),
            None => self.count.load(Ordering::Relaxed) < self.players_max,
        }
    }

    /// How many players are known.
    pub fn len(&self) -> usize {
        self.cards.len()
    }

    /// How many members are kept to be shared by games.
    pub fn member_count(&self) -> usize {
        self.members_count.load(Ordering::Relaxed)
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// Up to `limit` players whose name, id, team or position contains `query`, by name.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Arc<PlayerCard>> {
        let query = query.to_lowercase();
        let mut found: Vec<Arc<PlayerCard>> = self
            .cards
            .iter()
            .filter(|entry| {
                let card = entry.value();
                card.name.to_lowercase().contains(&query)
                    || card.player.as_str().eq_ignore_ascii_case(&query)
                    || card.team.as_ref().is_some_and(|team| team.as_str().eq_ignore_ascii_case(&query))
                    || card.position.as_ref().is_some_and(|position| position.eq_ignore_ascii_case(&query))
            })
            .map(|entry| entry.value().clone())
            .collect();
        found.sort_by(|a, b| (&a.name, &a.player).cmp(&(&b.name, &b.player)));
        found.truncate(limit);
        found
    }
}

/// Counts one more, up to `max`; false where there are as many.
fn one_more(count: &AtomicUsize, max: usize) -> bool {
    let next = |count: usize| (count < max).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
}

/// Whether that says anything that the card does not.
fn is_news(info: &PlayerInfo, card: &PlayerCard) -> bool {
    info.name.as_ref().is_some_and(|name| *name != card.name)
        || (info.team.is_some() && info.team != card.team)
        || (info.position.is_some() && info.position != card.position)
}

fn updated(card: &PlayerCard, info: &PlayerInfo) -> PlayerCard {
    PlayerCard {
        player: card.player.clone(),
        name: info.name.as_ref().unwrap_or(&card.name).clone(),
        team: info.team.as_ref().or(card.team.as_ref()).cloned(),
        position: info.position.as_ref().or(card.position.as_ref()).cloned(),
    }
}
