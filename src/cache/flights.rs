//! What is being asked now: the first who asks for something leads, and whoever asks for the same meanwhile gets what
//! that one brings. Bounded by the questions under way; how long anybody waits is the caller's business.

use super::Key;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::watch;

type UnderWay<T> = Arc<Mutex<HashMap<Key, watch::Receiver<Option<T>>>>>;

/// What is under way.
pub struct Flights<T>(UnderWay<T>);

/// Who asks.
pub enum Turn<T> {
    /// The first: it asks, and says what came of it.
    Lead(Leader<T>),
    /// One who waits for that.
    Follow(Follower<T>),
}

/// Says what came of a question; dropped without a word, nothing did.
pub struct Leader<T> {
    under_way: UnderWay<T>,
    key: Key,
    tell: watch::Sender<Option<T>>,
}

/// Waits for what a leader says.
pub struct Follower<T>(watch::Receiver<Option<T>>);

impl<T> Flights<T> {
    /// Nothing under way.
    pub fn new() -> Flights<T> {
        Flights(Arc::default())
    }

    /// Leads, or follows who does.
    pub fn join(&self, key: &Key) -> Turn<T> {
        match self.0.lock().entry(key.clone()) {
            Entry::Occupied(led) => Turn::Follow(Follower(led.get().clone())),
            Entry::Vacant(free) => {
                let (tell, told) = watch::channel(None);
                free.insert(told);
                Turn::Lead(Leader {
                    under_way: self.0.clone(),
                    key: key.clone(),
                    tell,
                })
            }
        }
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Leader<T> {
    /// Says it to all who follow.
    pub fn done(self, what: T) {
        self.tell.send_replace(Some(what));
    }
}

impl<T> Drop for Leader<T> {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.key);
    }
}

impl<T: Clone> Follower<T> {
    /// What the leader says; nothing where it ended without a word.
    pub async fn wait(mut self) -> Option<T> {
        let told = self.0.wait_for(Option::is_some).await.ok()?;
        told.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn lead(flights: &Flights<u8>, key: &Key) -> Leader<u8> {
        match flights.join(key) {
            Turn::Lead(leader) => leader,
            Turn::Follow(_) => panic!("somebody leads"),
        }
    }

    fn follow(flights: &Flights<u8>, key: &Key) -> Follower<u8> {
        match flights.join(key) {
            Turn::Follow(follower) => follower,
            Turn::Lead(_) => panic!("nobody leads"),
        }
    }

    #[test]
    fn one_asks_and_all_get_it() {
        let (flights, key) = (Flights::new(), Key::new("a"));
        let leader = lead(&flights, &key);
        let followers = [follow(&flights, &key), follow(&flights, &key)];
        let other = lead(&flights, &Key::new("b"));
        leader.done(7);
        for follower in followers {
            assert_eq!(follower.wait().now_or_never(), Some(Some(7)));
        }
        // What comes after that asks anew.
        drop(lead(&flights, &key));
        drop(other);
        assert!(flights.0.lock().is_empty());
    }

    #[test]
    fn who_ends_without_a_word_holds_nobody_up() {
        let (flights, key) = (Flights::new(), Key::new("a"));
        let leader = lead(&flights, &key);
        let follower = follow(&flights, &key);
        let mut waiting = Box::pin(follower.wait());
        assert_eq!((&mut waiting).now_or_never(), None);
        drop(leader);
        assert_eq!(waiting.now_or_never(), Some(None));
        lead(&flights, &key).done(1);
    }
}
