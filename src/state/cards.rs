//! Who the players are: one shared directory, written by `players` events.
//!
//! Bounded by `players_max`: a new player beyond it stays unnamed, known ones are still updated.

use crate::model::{PlayerCard, PlayerId, PlayerInfo};
use dashmap::DashMap;
use foldhash::fast::RandomState;
use std::sync::Arc;

/// The directory of players.
pub struct Cards {
    cards: DashMap<PlayerId, Arc<PlayerCard>, RandomState>,
    players_max: usize,
}

impl Cards {
    /// An empty directory of at most `players_max` players.
    pub fn new(players_max: usize) -> Cards {
        Cards {
            cards: DashMap::default(),
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
        let mut card = PlayerCard::clone(&self.get(&info.player));
        if let Some(name) = &info.name {
            card.name.clone_from(name);
        }
        if info.team.is_some() {
            card.team.clone_from(&info.team);
        }
        if info.position.is_some() {
            card.position.clone_from(&info.position);
        }
        if self.cards.len() >= self.players_max && !self.cards.contains_key(&info.player) {
            return false;
        }
        self.cards.insert(info.player.clone(), Arc::new(card));
        true
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
