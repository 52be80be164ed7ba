//! Who is let in now, and when the others are to come back.
//!
//! When everybody comes at once (a kickoff, a network that is back), new clients are let in at a rate, and
//! each of the others is told a time of its own: places in a queue that nobody stands in. The places follow
//! each other a little slower than the rate, so that whoever comes on time finds room, beside a few who come
//! unannounced. Those who are in already notice nothing. Bounded: a few numbers, and a place for each connection.

use crate::config::Server;
use parking_lot::Mutex;
use std::net::IpAddr;

const NS_PER_SECOND: i64 = 1_000_000_000;
const NS_PER_MS: i64 = 1_000_000;

/// The first of a queue's places, after now: by then a burst's room has come back in part.
const FIRST_PLACE_NS: i64 = NS_PER_SECOND;

/// The door of a whole server; asked once for each new client. `now_us`: by the clock that nobody sets.
#[derive(Debug)]
pub struct Admission {
    pace: Option<Mutex<Pace>>,
}

impl Admission {
    /// By `server.admit_per_second`; 0: everybody comes in.
    pub fn new(server: &Server) -> Admission {
        let pace = (server.admit_per_second > 0).then(|| Mutex::new(Pace::new(server)));
        Admission { pace }
    }

    /// Lets somebody in, where there is room now.
    pub fn admits(&self, now_us: i64) -> bool {
        self.pace.as_ref().is_none_or(|pace| pace.lock().admits(now_us))
    }

    /// A place in the queue: in how many milliseconds to come back.
    pub fn place(&self, now_us: i64) -> u64 {
        self.pace.as_ref().map_or(0, |pace| pace.lock().place(now_us))
    }

    /// The same for who asks by a connection that goes on: whoever asks again before it is their turn is told
    /// the same place again, so that nobody moves the queue by asking often.
    pub(super) fn place_of(&self, told: &Told, address: IpAddr, now_us: i64) -> u64 {
        let mut told = told.0.lock();
        if let Some((_, at_us)) = told.filter(|(whose, at_us)| *whose == address && *at_us > now_us) {
            return (at_us - now_us).cast_unsigned().div_ceil(1000);
        }
        let after_ms = self.place(now_us);
        *told = Some((address, now_us.saturating_add_unsigned(after_ms * 1000)));
        after_ms
    }

    /// Whether there is room now; it is not taken.
    pub fn has_room(&self, now_us: i64) -> bool {
        self.pace.as_ref().is_none_or(|pace| pace.lock().has_room(now_us))
    }
}

/// The last place told on a connection: to which address, and when that is to come. A proxy's connection may
/// carry the requests of several clients.
#[derive(Default, Debug)]
pub(super) struct Told(Mutex<Option<(IpAddr, i64)>>);

/// The arithmetic, without a clock.
#[derive(Debug)]
struct Pace {
    /// Time that one client's coming takes up.
    each_ns: i64,
    /// Time that may be taken up ahead.
    burst_ns: i64,
    /// The farthest place told.
    spread_ns_max: i64,
    /// Up to when time is taken up.
    taken_up_to_ns: i64,
    /// The last place told.
    told_up_to_ns: i64,
}

impl Pace {
    fn new(server: &Server) -> Pace {
        let each_ns = (NS_PER_SECOND / server.admit_per_second as i64).max(1);
        Pace {
            each_ns,
            burst_ns: each_ns.saturating_mul(server.admit_burst as i64),
            spread_ns_max: (server.readmit_spread_ms_max as i64).saturating_mul(NS_PER_MS),
            taken_up_to_ns: i64::MIN,
            told_up_to_ns: i64::MIN,
        }
    }

    fn has_room(&self, now_us: i64) -> bool {
        let now_ns = now_us.saturating_mul(1000);
        self.taken_up_to_ns.max(now_ns) + self.each_ns <= now_ns + self.burst_ns
    }

    fn admits(&mut self, now_us: i64) -> bool {
        let has_room = self.has_room(now_us);
        if has_room {
            self.taken_up_to_ns = self.taken_up_to_ns.max(now_us.saturating_mul(1000)) + self.each_ns;
        }
        has_room
    }

    fn place(&mut self, now_us: i64) -> u64 {
        let now_ns = now_us.saturating_mul(1000);
        // A quarter more than a client takes up: room for those who were told nothing.
        let apart = self.each_ns + self.each_ns / 4;
        let next = (now_ns + FIRST_PLACE_NS).max(self.told_up_to_ns + apart);
        // Beyond the farthest there are no places: who comes then will be told again.
        let place = next.min(now_ns + self.spread_ns_max);
        self.told_up_to_ns = self.told_up_to_ns.max(place);
        (place - now_ns + NS_PER_MS - 1).div_euclid(NS_PER_MS) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use proptest::prelude::*;
    use std::collections::BinaryHeap;

    fn pace(per_second: usize, burst: usize, spread_ms_max: u64) -> Pace {
        let mut server = Config::default().server;
        (server.admit_per_second, server.admit_burst) = (per_second, burst);
        server.readmit_spread_ms_max = spread_ms_max;
        Pace::new(&server)
    }

    /// How many tries each of `crowd` needs who come at once and then when they are told, and when they were
    /// in, in microseconds; `late_us` is how much later than told each comes.
    fn run(pace: &mut Pace, crowd: usize, late_us: impl Fn(usize) -> i64) -> Vec<(usize, i64)> {
        let mut coming: BinaryHeap<_> = (0..crowd).map(|who| std::cmp::Reverse((0, who, 1))).collect();
        let mut came = Vec::new();
        while let Some(std::cmp::Reverse((now_us, who, tries))) = coming.pop() {
            if pace.admits(now_us) {
                came.push((tries, now_us));
            } else {
                let then = now_us + pace.place(now_us) as i64 * 1000 + late_us(who);
                coming.push(std::cmp::Reverse((then, who, tries + 1)));
            }
        }
        came
    }

    fn most_in_a_second(times_us: impl Iterator<Item = i64>) -> usize {
        let mut times: Vec<i64> = times_us.collect();
        times.sort_unstable();
        let within = |(first, from): (usize, &i64)| times.partition_point(|time| time - from < 1_000_000) - first;
        times.iter().enumerate().map(within).max().unwrap_or(0)
    }

    #[test]
    fn a_burst_comes_in_and_then_the_rate() {
        let mut pace = pace(100, 10, 60_000);
        let now = 5_000_000;
        let admitted = |pace: &mut Pace, now_us| (0..50).filter(|_| pace.admits(now_us)).count();
        assert_eq!(admitted(&mut pace, now), 10);
        assert_eq!(admitted(&mut pace, now), 0);
        assert_eq!(admitted(&mut pace, now + 50_000), 5);
        assert_eq!(admitted(&mut pace, now + 60_000_000), 10, "room is not saved up beyond a burst");
    }

    #[test]
    fn asking_when_takes_no_room() {
        let mut server = Config::default().server;
        (server.admit_per_second, server.admit_burst) = (100, 1);
        let admission = Admission::new(&server);
        assert!(admission.has_room(0) && admission.has_room(0));
        assert!(admission.admits(0) && !admission.admits(0) && !admission.has_room(0));
        assert_eq!((admission.place(0), admission.place(0)), (1_000, 1_013));
        server.admit_per_second = 0;
        let open = Admission::new(&server);
        assert!((0..100_000).all(|_| open.admits(0)) && open.has_room(0));
    }

    /// A connection that asked for its place over and over moved the queue each time: everybody else was told
    /// the farthest place.
    #[test]
    fn who_asks_again_is_told_the_same_place_and_moves_nobody() {
        let mut server = Config::default().server;
        (server.admit_per_second, server.admit_burst) = (100, 1);
        let admission = Admission::new(&server);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let told = Told::default();
        for now_us in 0..1_000 {
            assert_eq!(admission.place_of(&told, one, now_us * 1_000), 1_000 - now_us as u64);
        }
        assert_eq!(admission.place_of(&Told::default(), one, 0), 1_013, "on another connection");
        assert_eq!(admission.place_of(&told, other, 0), 1_025, "another by the same proxy");
        assert_eq!(admission.place_of(&told, other, 1_025_000), 1_000, "once it is over");
    }

    #[test]
    fn nobody_is_told_to_come_after_the_farthest_place() {
        let mut pace = pace(10, 1, 3_000);
        let told: Vec<u64> = (0..100).map(|_| pace.place(0)).collect();
        assert_eq!(told[..3], [1_000, 1_125, 1_250]);
        assert!(told[20..].iter().all(|after_ms| *after_ms == 3_000));
    }

    proptest! {
        /// Everybody comes at once and then when told, or a little later; nobody comes unasked.
        #[test]
        fn a_crowd_is_in_at_its_second_try(
            per_second in 10..5_000usize, crowd in 1..3_000usize, burst_share in 1..5usize, slack_ms in 0..200i64,
        ) {
            let burst = (per_second / burst_share).max(1);
            let mut pace = pace(per_second, burst, 600_000);
            let slack_us = slack_ms * 1000;
            let late_us = |who: usize| who as i64 * 7_919 % (slack_us + 1);
            let came = run(&mut pace, crowd, late_us);
            prop_assert_eq!(came.len(), crowd);
            let told = came.iter().filter(|(tries, _)| *tries > 1);
            prop_assert!(most_in_a_second(told.map(|(_, at)| *at)) <= per_second + per_second / 4 + 1, "the rate, and what was late");
            if slack_ms * per_second as i64 <= 1_000 * burst as i64 / 4 || crowd <= burst {
                prop_assert!(came.iter().all(|(tries, _)| *tries <= 2), "{:?}", came.iter().max());
            }
            let last = came.iter().map(|(_, at)| *at).max().unwrap_or(0);
            let due = 1_100_000 + crowd as i64 * 1_300_000 / per_second as i64 + 3 * slack_us;
            prop_assert!(last <= due, "{last} after {due}");
        }
    }
}
