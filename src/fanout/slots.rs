//! Who is connected, and from where: the counts that connections are limited by.
//!
//! A slot is held for as long as its socket is open, by whoever has the socket. An address is known only
//! while it has a connection, so there are no more of them than connections.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The connections that count together: all of them, and with a place, those of one address.
#[derive(Default, Debug)]
pub struct Connections {
    open: Arc<AtomicUsize>,
    #[expect(dead_code, reason = "held for as long as a connection is")]
    place: Option<Place>,
}

impl Connections {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The same count, for a connection that has a place among those of its address; the place is given back
    /// with the last slot taken of these.
    pub fn with(&self, place: Place) -> Arc<Connections> {
        Arc::new(Connections {
            open: self.open.clone(),
            place: Some(place),
        })
    }
}

/// One of the connections that `server.connections_max` counts.
#[derive(Debug)]
pub struct Slot(Arc<Connections>);

impl Slot {
    /// Takes a slot; nothing where there are `connections_max` already.
    pub fn take(connections: &Arc<Connections>, connections_max: usize) -> Option<Slot> {
        let taken = Slot::take_one_more(connections);
        (connections.open() <= connections_max).then_some(taken)
    }

    /// Takes a slot for a connection that is changing hands and gives its old one back in a moment.
    pub fn take_one_more(connections: &Arc<Connections>) -> Slot {
        connections.open.fetch_add(1, Ordering::Relaxed);
        Slot(connections.clone())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What counts as one address: an IPv4 address, or the /64 that an IPv6 host has to itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Home {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Home {
    fn from(address: IpAddr) -> Home {
        match address.to_canonical() {
            IpAddr::V4(address) => Home::V4(address.to_bits()),
            IpAddr::V6(address) => Home::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// How many connections each address has.
#[derive(Debug)]
pub struct Addresses {
    per_address_max: usize,
    counts: Mutex<HashMap<Home, usize>>,
}

/// An address has as many connections as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressFull;

impl Addresses {
    /// Nobody yet; 0: any number from one address, and none is counted.
    pub fn new(per_address_max: usize) -> Arc<Addresses> {
        Arc::new(Addresses {
            per_address_max,
            counts: Mutex::default(),
        })
    }

    /// A place for one more connection of an address; nothing where they are not counted.
    ///
    /// # Errors
    /// It has as many as it may.
    pub fn take(self: &Arc<Addresses>, address: IpAddr) -> Result<Option<Place>, AddressFull> {
        if self.per_address_max == 0 {
            return Ok(None);
        }
        let home = Home::from(address);
        let mut counts = self.counts.lock();
        let count = counts.entry(home).or_insert(0);
        if *count >= self.per_address_max {
            return Err(AddressFull);
        }
        *count += 1;
        Ok(Some(Place {
            addresses: self.clone(),
            home,
        }))
    }

    /// Addresses that have a connection.
    pub fn len(&self) -> usize {
        self.counts.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A connection's place among those of its address.
#[derive(Debug)]
pub struct Place {
    addresses: Arc<Addresses>,
    home: Home,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock();
        if let Some(count) = counts.get_mut(&self.home) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.home);
            }
        }
        if counts.is_empty() {
            // What a crowd needed is not kept for ever.
            counts.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let addresses = Addresses::new(1);
        let held: Vec<_> = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8:0:1::1"]
            .map(|text| addresses.take(address(text)).unwrap())
            .into_iter()
            .collect();
        for text in ["10.0.0.1", "::ffff:10.0.0.2", "2001:db8::ffff:2"] {
            assert_eq!(addresses.take(address(text)).err(), Some(AddressFull), "{text}");
        }
        drop(held);
        assert!(addresses.is_empty());
    }

    #[test]
    fn where_there_is_no_limit_nobody_is_counted() {
        let addresses = Addresses::new(0);
        assert!(addresses.take(address("10.0.0.1")).unwrap().is_none() && addresses.is_empty());
    }

    #[test]
    fn a_place_is_given_back_with_the_last_slot() {
        let (addresses, all) = (Addresses::new(1), Arc::<Connections>::default());
        let mine = all.with(addresses.take(address("10.0.0.1")).unwrap().unwrap());
        let slot = Slot::take(&mine, 1).unwrap();
        assert!(Slot::take(&all, 1).is_none());
        let handed_over = Slot::take_one_more(&mine);
        drop((mine, slot));
        assert_eq!((all.open(), addresses.len()), (1, 1));
        drop(handed_over);
        assert_eq!((all.open(), addresses.len()), (0, 0));
    }

    proptest! {
        /// Against a plain list of who is there.
        #[test]
        fn counts_are_exact(acts in proptest::collection::vec((0..6u8, any::<bool>()), 0..300)) {
            let addresses = Addresses::new(3);
            let mut held: Vec<(u8, Place)> = Vec::new();
            for (who, comes) in acts {
                let here = held.iter().filter(|(other, _)| *other == who).count();
                if comes {
                    let taken = addresses.take(IpAddr::from([10, 0, 0, who]));
                    prop_assert_eq!(taken.is_ok(), here < 3);
                    held.extend(taken.ok().flatten().map(|place| (who, place)));
                } else if let Some(place) = held.iter().position(|(other, _)| *other == who) {
                    held.swap_remove(place);
                }
                let mut homes: Vec<u8> = held.iter().map(|(who, _)| *who).collect();
                homes.sort_unstable();
                homes.dedup();
                prop_assert_eq!(addresses.len(), homes.len());
            }
            drop(held);
            prop_assert!(addresses.is_empty());
        }
    }
}
