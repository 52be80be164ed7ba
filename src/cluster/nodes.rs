//! Which nodes there are, and which of them a client does best to connect to.
//!
//! What this node says of itself ([`Entry`], [`Standing`]), and what it last read of the others ([`Nodes`]), which the
//! [registry](super::registry) brings in. Knows no Redis and no clock. Bounded: `cluster.nodes_max` entries are held,
//! of at most [`ENTRY_BYTES_MAX`] each; [`TOLD_MAX`] are told to one who asks.

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// Longest entry that is read, in bytes.
pub const ENTRY_BYTES_MAX: usize = 2_048;
/// Most nodes that one answer names.
pub const TOLD_MAX: usize = 16;
/// A node that has not renewed its entry for so long is not offered to clients.
const SHOWN_US: i64 = 2_500_000;
/// How long what was read last stands while Redis is away: its nodes serve clients all the same.
const KEPT_US: i64 = 60_000_000;
/// A node whose load is that takes nobody.
const FULL: u16 = 1_000;

/// A node, as the registry has it. Nodes of other versions may write more: what is unknown is skipped.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Its name, one for each.
    pub node: String,
    /// This run of it: a random name.
    pub process: String,
    /// `engine`, `edge`, `all`.
    pub role: String,
    /// Of the program.
    pub version: String,
    /// Names the rules by which it works `seq`s out, in hexadecimal digits: where they differ, epochs do.
    pub rules: String,
    /// Where it says that it is; may be empty.
    #[serde(default)]
    pub region: String,
    /// Begins the addresses at which clients reach it, `http://HOST:PORT`; empty where that is not known.
    #[serde(default)]
    pub url: String,
    /// Begins the addresses at which other nodes reach it, without TLS; empty where that is not known.
    #[serde(default)]
    pub inside: String,
    /// Where it listens, on its machine's own terms; for people.
    #[serde(default)]
    pub listens: String,
    /// How it is now.
    #[serde(flatten)]
    pub standing: Standing,
}

/// How a node is, as of when it said so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Clients and feeds connected.
    pub connections: u64,
    /// How many it takes.
    pub connections_max: u64,
    /// How much of what it can do it does, in thousandths; from 1,000 on it takes nobody.
    pub load: u16,
    /// Whether it is going, or not ready yet.
    pub draining: bool,
    /// Whether what it shows is late.
    pub late: bool,
    /// Its clock, in microseconds since the Unix epoch.
    pub wall_us: i64,
    /// How far that is ahead of Redis' clock, in microseconds.
    pub ahead_us: i64,
}

impl Entry {
    /// As Redis keeps it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads one; nothing where it is none, or has what no node writes.
    pub fn read(json: &str) -> Option<Entry> {
        let entry: Entry = (json.len() <= ENTRY_BYTES_MAX).then(|| serde_json::from_str(json).ok())??;
        let texts = [&entry.node, &entry.process, &entry.role, &entry.region, &entry.version];
        let is_clean = texts
            .iter()
            .chain(&[&entry.url, &entry.inside, &entry.listens])
            .all(|text| !text.contains(char::is_control));
        let is_url = entry.url.is_empty() || entry.url.starts_with("http://") || entry.url.starts_with("https://");
        let is_inside = entry.inside.is_empty() || entry.inside.starts_with("http://");
        (is_clean && is_url && is_inside && !entry.node.is_empty()).then_some(entry)
    }

    /// Whether a client may come now.
    fn takes_clients(&self) -> bool {
        !self.standing.draining && self.standing.load < FULL
    }

    /// Where WebSockets of clients go.
    pub fn websocket(&self) -> String {
        match self.url.strip_prefix("http") {
            Some(rest) => format!("ws{rest}/v1/ws"),
            None => String::new(),
        }
    }
}

/// Another node, and when it last renewed its entry, by this process' steady clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// What it said.
    pub entry: Entry,
    /// When.
    pub heard_us: i64,
}

/// What was read last.
#[derive(Default, Debug)]
struct Read {
    at_us: i64,
    others: Arc<[Seen]>,
}

/// The nodes, this one first of all.
#[derive(Debug)]
pub struct Nodes {
    /// This one, as it began.
    pub me: Entry,
    read: RwLock<Read>,
    /// Whether the registry has this process under its name.
    pub listed: AtomicBool,
    /// Whether what this node shows is late.
    pub late: AtomicBool,
    /// How far this machine's clock is ahead of Redis', in microseconds, as far as is known.
    pub ahead_us: AtomicI64,
    /// Goes up with each who asks.
    turns: AtomicU64,
}

/// Nodes that one who asks may go to, best first.
#[derive(Debug)]
pub struct Told {
    /// They.
    pub nodes: Vec<Entry>,
    /// How old what is told of others is, in microseconds.
    pub age_us: i64,
}

impl Nodes {
    /// This one, and no others yet.
    pub fn new(me: Entry) -> Nodes {
        Nodes {
            me,
            read: RwLock::default(),
            listed: AtomicBool::new(false),
            late: AtomicBool::new(false),
            ahead_us: AtomicI64::new(0),
            turns: AtomicU64::new(0),
        }
    }

    /// Takes in what the registry said of the others.
    pub(super) fn set(&self, others: Vec<Seen>, at_us: i64) {
        *self.read.write() = Read {
            at_us,
            others: others.into(),
        };
    }

    /// The others, as they were read last: late ones and those that are going, too.
    pub fn others(&self) -> Arc<[Seen]> {
        self.read.read().others.clone()
    }

    /// How many nodes there are that have renewed their entries, with this one.
    pub fn count(&self) -> usize {
        let read = self.read.read();
        1 + read.others.iter().filter(|seen| is_there(seen, read.at_us)).count()
    }

    /// How many engines share the partitions, this one included: those that are there, up to date and staying.
    pub fn engines(&self, now_us: i64) -> usize {
        let read = self.read.read();
        if now_us - read.at_us >= SHOWN_US {
            return 1;
        }
        let stays = |entry: &Entry| entry.role == "engine" && !entry.standing.draining && !entry.standing.late;
        let others = read.others.iter().filter(|seen| is_there(seen, read.at_us) && stays(&seen.entry));
        1 + others.count()
    }

    /// Where a client does best to go that prefers `region`, where it says one.
    pub fn best(&self, now: Standing, region: Option<&str>, now_us: i64) -> Told {
        let turn = self.turns.fetch_add(1, Relaxed);
        let (others, at_us) = {
            let read = self.read.read();
            (read.others.clone(), read.at_us)
        };
        let age_us = if at_us == 0 { 0 } else { (now_us - at_us).max(0) };
        let mut nodes: Vec<Entry> = Vec::new();
        if age_us < KEPT_US {
            let there = others.iter().filter(|seen| is_there(seen, at_us));
            nodes.extend(there.map(|seen| seen.entry.clone()).filter(|entry| !entry.url.is_empty()));
        }
        let me = Entry {
            standing: now,
            ..self.me.clone()
        };
        // Who asks a server that is alone has its address.
        if !me.url.is_empty() || me.role == "all" {
            nodes.push(me);
        }
        nodes.retain(Entry::takes_clients);
        rank(&mut nodes, region, turn);
        nodes.truncate(TOLD_MAX);
        Told { nodes, age_us }
    }

    /// The engine that a question goes up to, among those that are there: any of the best of them.
    pub fn engine(&self, now_us: i64) -> Option<Entry> {
        let (others, at_us) = {
            let read = self.read.read();
            (read.others.clone(), read.at_us)
        };
        if now_us - at_us >= KEPT_US {
            return None;
        }
        let engines = others.iter().filter(|seen| is_there(seen, at_us) && seen.entry.role == "engine");
        let mut engines: Vec<Entry> = engines.map(|seen| seen.entry.clone()).collect();
        // One that is full of clients still answers a question.
        engines.retain(|entry| !entry.inside.is_empty() && !entry.standing.draining);
        rank(&mut engines, Some(&self.me.region), self.turns.fetch_add(1, Relaxed));
        engines.into_iter().next()
    }
}

/// Whether a node had renewed its entry when it was read.
fn is_there(seen: &Seen, read_at_us: i64) -> bool {
    read_at_us - seen.heard_us < SHOWN_US
}

/// Best first: who is not late, in the region asked for, with little to do. Loads are compared in tenths, and among
/// equals it is another one's turn each time: what is known of loads is a second old, and a crowd that asks within that
/// second is not to go to one node.
fn rank(nodes: &mut [Entry], region: Option<&str>, turn: u64) {
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    nodes.sort_by_cached_key(|entry| {
        let is_elsewhere = region.is_some_and(|region| entry.region != region);
        let standing = &entry.standing;
        (standing.late, is_elsewhere, standing.load / 100, lot(&entry.node, turn))
    });
}

/// A number that no two turns have in common but by chance.
fn lot(node: &str, turn: u64) -> u64 {
    let hash = crc32fast::hash(node.as_bytes());
    // SplitMix64: each bit of what goes in moves half of what comes out.
    let mut mixed = (u64::from(hash) << 32 ^ turn).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The load of a server with that many of so many connections, in thousandths; a full one and one whose memory is too
/// short for newcomers has 1,000.
pub fn load(connections: u64, connections_max: u64, memory_percent: u64, takes_newcomers: bool) -> u16 {
    if !takes_newcomers || connections >= connections_max {
        return FULL;
    }
    let of_connections = connections * 1_000 / connections_max.max(1);
    u16::try_from(of_connections.max(memory_percent * 10)).unwrap_or(FULL).min(FULL - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn entry(node: &str, region: &str, load: u16) -> Entry {
        Entry {
            node: node.to_owned(),
            process: format!("p{node}"),
            role: "edge".to_owned(),
            region: region.to_owned(),
            url: format!("http://{node}:8080"),
            inside: format!("http://{node}:8080"),
            standing: Standing {
                load,
                ..Standing::default()
            },
            ..Entry::default()
        }
    }

    fn seen(entry: Entry, heard_us: i64) -> Seen {
        Seen { entry, heard_us }
    }

    fn names(told: &Told) -> Vec<&str> {
        told.nodes.iter().map(|entry| entry.node.as_str()).collect()
    }

    /// By this clock entries are read at 10 s.
    const READ_US: i64 = 10_000_000;

    fn nodes(others: Vec<Seen>) -> Nodes {
        let nodes = Nodes::new(entry("me", "east", 0));
        nodes.set(others, READ_US);
        nodes
    }

    #[test]
    fn the_region_comes_first_and_then_the_load() {
        let with = |node, region, load| seen(entry(node, region, load), READ_US);
        let nodes = nodes(vec![with("a", "west", 10), with("b", "east", 700), with("c", "west", 450)]);
        let now = Standing {
            load: 200,
            ..Standing::default()
        };
        let best = |region| nodes.best(now, region, READ_US);
        assert_eq!(names(&best(Some("west"))), ["a", "c", "me", "b"]);
        assert_eq!(names(&best(Some("east"))), ["me", "b", "a", "c"]);
        for region in [None, Some("nowhere"), Some(""), Some("<script>")] {
            assert_eq!(names(&best(region)), ["a", "me", "c", "b"], "{region:?}");
        }
    }

    #[test]
    fn who_is_gone_going_full_or_has_no_address_is_not_told_and_who_is_late_comes_last() {
        let mut others = vec![
            seen(entry("gone", "", 0), READ_US - SHOWN_US),
            seen(entry("full", "", FULL), READ_US),
            seen(entry("near", "", 990), READ_US - SHOWN_US + 1),
        ];
        let mut going = entry("going", "", 0);
        going.standing.draining = true;
        let mut late = entry("late", "", 0);
        late.standing.late = true;
        let mut nameless = entry("nameless", "", 0);
        nameless.url.clear();
        others.extend([going, late, nameless].map(|entry| seen(entry, READ_US)));
        let nodes = nodes(others);
        assert_eq!(names(&nodes.best(Standing::default(), None, READ_US)), ["me", "near", "late"]);
        let leaving = Standing {
            draining: true,
            ..Standing::default()
        };
        assert_eq!(names(&nodes.best(leaving, None, READ_US)), ["near", "late"]);
        assert_eq!(nodes.count(), 6, "all but the one that is gone");
    }

    #[test]
    fn while_redis_is_away_the_last_word_stands_for_a_minute() {
        let nodes = nodes(vec![seen(entry("a", "", 0), READ_US)]);
        let at = |now_us| nodes.best(Standing::default(), None, now_us);
        assert_eq!((at(READ_US + KEPT_US - 1).nodes.len(), at(READ_US + 5).age_us), (2, 5));
        assert_eq!(names(&at(READ_US + KEPT_US)), ["me"]);
    }

    #[test]
    fn a_crowd_is_spread_over_equals() {
        let others = (0..8).map(|at| seen(entry(&format!("n{at}"), "", at * 12), READ_US)).collect();
        let nodes = nodes(others);
        let mut first = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..9_000 {
            let told = nodes.best(Standing::default(), None, READ_US);
            *first.entry(told.nodes[0].node.clone()).or_default() += 1;
        }
        assert_eq!(first.len(), 9);
        assert!(first.values().all(|times| (600..1_500).contains(times)), "{first:?}");
    }

    #[test]
    fn answers_are_bounded() {
        let nodes = nodes((0..300).map(|at| seen(entry(&format!("n{at}"), "", 0), READ_US)).collect());
        let told = nodes.best(Standing::default(), None, READ_US);
        let different: BTreeSet<&str> = names(&told).into_iter().collect();
        assert_eq!((told.nodes.len(), different.len()), (TOLD_MAX, TOLD_MAX));
    }

    #[test]
    fn a_server_that_is_alone_is_told_even_where_it_does_not_know_its_address() {
        let mut me = entry("me", "", 0);
        me.url.clear();
        assert!(Nodes::new(me.clone()).best(Standing::default(), None, 5).nodes.is_empty());
        me.role = "all".to_owned();
        assert_eq!(names(&Nodes::new(me).best(Standing::default(), None, 5)), ["me"]);
    }

    #[test]
    fn entries_are_read_by_other_versions_and_nonsense_is_not() {
        let mut whole = entry("a", "west", 5);
        whole.standing.wall_us = 1_700_000_000_000_000;
        assert_eq!(Entry::read(&whole.to_json()).as_ref(), Some(&whole));
        let newer = whole.to_json().replacen('{', "{\"shoe_size\":43,", 1);
        assert_eq!(Entry::read(&newer).as_ref(), Some(&whole));
        let older = r#"{"node":"a","process":"b","role":"edge","version":"0.1.0","rules":"0"}"#;
        assert_eq!(Entry::read(older).map(|entry| entry.standing), Some(Standing::default()));
        for bad in ["", "{}", "[]", "{\"node\":7}", "\u{0}"] {
            assert_eq!(Entry::read(bad), None, "{bad}");
        }
        let with = |change: fn(&mut Entry)| {
            let mut entry = entry("a", "", 0);
            change(&mut entry);
            Entry::read(&entry.to_json())
        };
        assert_eq!(with(|entry| entry.url = "javascript:alert(1)".to_owned()), None);
        assert_eq!(with(|entry| entry.inside = "https://a".to_owned()), None);
        assert_eq!(with(|entry| entry.region = "a\r\nb".to_owned()), None);
        assert_eq!(with(|entry| entry.region = "x".repeat(ENTRY_BYTES_MAX)), None);
        assert_eq!(with(|entry| entry.node.clear()), None);
    }

    #[test]
    fn a_websocket_is_where_the_base_says() {
        assert_eq!(entry("a", "", 0).websocket(), "ws://a:8080/v1/ws");
        let tls = Entry {
            url: "https://scores.example/a".to_owned(),
            ..Entry::default()
        };
        assert_eq!(tls.websocket(), "wss://scores.example/a/v1/ws");
        assert_eq!(Entry::default().websocket(), "");
    }

    #[test]
    fn an_engine_is_asked_that_is_there() {
        let with = |node: &str, role: &str, load| {
            let mut entry = entry(node, "", load);
            entry.role = role.to_owned();
            seen(entry, READ_US)
        };
        let mut nowhere = with("d", "engine", 0);
        nowhere.entry.inside.clear();
        let nodes = nodes(vec![
            with("a", "edge", 0),
            with("b", "engine", FULL),
            with("c", "engine", 899),
            nowhere,
        ]);
        assert_eq!(nodes.engine(READ_US).map(|entry| entry.node).as_deref(), Some("c"));
        assert_eq!(nodes.engine(READ_US + KEPT_US), None);
    }

    #[test]
    fn a_load_is_what_is_scarcest() {
        assert_eq!(load(0, 100, 0, true), 0);
        assert_eq!(load(25, 100, 10, true), 250);
        assert_eq!(load(25, 100, 80, true), 800);
        assert_eq!(load(99_999, 100_000, 0, true), 999);
        assert_eq!(load(100, 100, 0, true), FULL);
        assert_eq!(load(0, 100, 0, false), FULL);
        assert_eq!(load(0, 0, 0, true), FULL);
    }
}
