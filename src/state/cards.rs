//! Who the players are: one shared directory, written by `players` events.
//!
//! Bounded by `players_max`: a new player beyond it stays unnamed, known ones are still updated.

use crate::model::{PlayerCard, PlayerId, PlayerInfo};
use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The directory of players.
pub struct Cards {
    cards: DashMap<PlayerId, Arc<PlayerCard>, RandomState>,
    /// Players in `cards`, counted before they go in.
    count: AtomicUsize,
    players_max: usize,
}

impl Cards {
    /// An empty directory of at most `players_max` players.
    pub fn new(players_max: usize) -> Cards {
        Cards {
            cards: DashMap::default(),
            count: AtomicUsize::new(0),
            players_max,
        }
    }

    /// What is known of that player.
    pub fn get(&self, player: &PlayerId) -> Arc<PlayerCard> {
        match self.cards.get(player) {
            Some(card) => card.clone(),
            None => Arc::new(PlayerCard::unknown(player.clone())),
        }
    }

    /// Takes over what the feed says of a player. False where the directory is full.
    pub fn put(&self, info: &PlayerInfo) -> bool {
        // Under the entry's lock: two sources may tell different things of one player at once.
        match self.cards.entry(info.player.clone()) {
            Entry::Occupied(mut known) => {
                let card = updated(known.get(), info);
                known.insert(Arc::new(card));
                true
            }
            Entry::Vacant(place) => {
                let one_more = |count: usize| (count < self.players_max).then_some(count + 1);
                let counted = self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
                if counted.is_ok() {
                    place.insert(Arc::new(updated(&PlayerCard::unknown(info.player.clone()), info)));
                }
                counted.is_ok()
            }
        }
    }

    /// How many players are known.
    pub fn len(&self) -> usize {
        self.cards.len()
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

fn updated(card: &PlayerCard, info: &PlayerInfo) -> PlayerCard {
    PlayerCard {
        player: card.player.clone(),
        name: info.name.as_ref().unwrap_or(&card.name).clone(),
        team: info.team.as_ref().or(card.team.as_ref()).cloned(),
        position: info.position.as_ref().or(card.position.as_ref()).cloned(),
    }
}
