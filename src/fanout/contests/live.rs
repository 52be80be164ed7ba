//! One contest while it runs: its board, where each of its players stands, and the topics that show it.

use super::Of;
use super::views::View;
use crate::contest::{Board, Definition, EntryIndex, PlayerIndex, Standing, Standings};
use crate::fanout::topic::Topic;
use crate::model::contest::{Cents, Chance, Cut, Distribution, EntryOdds, Leader, MovedAt};
use crate::model::{ContestId, ContestNow, EntryNow, IngestTime, Points, Seq};
use crate::scoring::{Ruleset, RulesetIndex};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Entries that a contest's topic names.
const LEADERS: usize = 10;
/// Prize tiers that it shows: the first ones, and the last.
const CUTS_MAX: usize = 50;
/// Most steps of its distribution.
const STEPS_MAX: usize = 40;

static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// A contest that runs.
#[derive(Debug)]
pub struct Contest {
    /// Its number in this process; never reused.
    pub(super) number: u64,
    /// Its ruleset.
    pub ruleset: RulesetIndex,
    definition: Arc<Definition>,
    posted: IngestTime,
    is_over: AtomicBool,
    live: Mutex<Live>,
}

/// What moves of a contest.
#[derive(Debug)]
pub(in crate::fanout) struct Live {
    board: Board,
    players: Box<[Followed]>,
    /// Players who moved and are yet to be set.
    unset: Vec<PlayerIndex>,
    moved_at: MovedAt,
    odds: Option<Odds>,
    /// The contest's own topic, and those of entries, where somebody wants them.
    topics: BTreeMap<Of, Arc<Topic>>,
}

/// A player as a contest knows him.
#[derive(Clone, Copy, Debug, Default)]
struct Followed {
    /// The head of his topic.
    seq: Seq,
    points: Points,
    is_unset: bool,
    /// Whether his game is over.
    is_over: bool,
}

/// What became of news about a player.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// He is to be set.
    Moved,
    /// It was known.
    Known,
    /// Something before it is not known: look at his topic.
    Behind,
}

/// What is likely to become of a contest's entries.
#[derive(Clone, Debug)]
pub struct Odds {
    /// As of when it was drawn, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// How often.
    pub draws: u32,
    /// Of each entry, by [`EntryIndex`].
    pub entries: Box<[Drawn]>,
}

/// What came of an entry in so many draws.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drawn {
    /// Times that it was first.
    pub won: u32,
    /// Times that it was paid.
    pub cashed: u32,
    /// Times that it was among the best hundredth.
    pub top1: u32,
    /// What it was paid in the mean.
    pub expected: Cents,
}

/// An entry and where it stands, for lists.
#[derive(Clone, Copy, Debug)]
pub struct EntryStanding {
    /// Which.
    pub entry: EntryIndex,
    /// Where.
    pub standing: Standing,
}

impl Contest {
    pub(super) fn new(definition: Definition, (index, ruleset): (RulesetIndex, &Ruleset), posted: IngestTime) -> Contest {
        let definition = Arc::new(definition);
        let quantum = Board::quantum(ruleset, definition.slots());
        let live = Live {
            board: Board::new(definition.clone(), quantum),
            players: vec![Followed::default(); definition.players().len()].into_boxed_slice(),
            unset: Vec::new(),
            moved_at: MovedAt {
                feed_ts: None,
                ingest: posted,
            },
            odds: None,
            topics: BTreeMap::new(),
        };
        Contest {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            ruleset: index,
            definition,
            posted,
            is_over: AtomicBool::new(false),
            live: Mutex::new(live),
        }
    }

    /// Its id.
    pub fn id(&self) -> &ContestId {
        self.definition.id()
    }

    /// What was posted.
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// When it was posted.
    pub fn posted(&self) -> IngestTime {
        self.posted
    }

    /// Its entries; there are fewer than 2³².
    pub(in crate::fanout) fn entry_count(&self) -> u32 {
        self.definition.entry_count() as u32
    }

    /// Where these entries stand.
    pub fn standings_of(&self, entries: impl IntoIterator<Item = EntryIndex>) -> Vec<EntryStanding> {
        let mut live = self.live.lock();
        let standings = live.standings();
        let of = |entry| EntryStanding {
            entry,
            standing: standings.of(entry),
        };
        entries.into_iter().map(of).collect()
    }

    /// The entries from that place on, best first, at most `count`.
    pub fn page(&self, place: u32, count: usize) -> Vec<EntryStanding> {
        let mut live = self.live.lock();
        let standings = live.standings();
        let of = |entry| EntryStanding {
            entry,
            standing: standings.of(entry),
        };
        standings.page(place, count).into_iter().map(of).collect()
    }

    /// What it, or one of its entries, shows now.
    pub fn view(&self, of: Of) -> View {
        self.live.lock().view(self, of)
    }

    /// Its players, and what each has under its ruleset.
    pub fn players(&self) -> Vec<Points> {
        self.live.lock().players.iter().map(|player| player.points).collect()
    }

    /// Bytes that it takes up.
    pub fn heap_bytes(&self) -> usize {
        let live = self.live.lock();
        let odds = live.odds.as_ref().map_or(0, |odds| odds.entries.len() * size_of::<Drawn>());
        live.board.heap_bytes() + live.players.len() * size_of::<Followed>() + odds
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock()
    }

    /// Lets a topic that the follower may know nothing of show what stands now, whether somebody watches it or not.
    pub(in crate::fanout) fn show_once(&self, topic: &Topic, of: Of) {
        let mut live = self.live.lock();
        topic.show_unwatched(|| live.view(self, of));
    }

    /// Lets the topic of somebody who reads it once show what stands now, without moving on.
    pub(in crate::fanout) fn show_first(&self, topic: &Topic, of: Of) {
        let mut live = self.live.lock();
        topic.show_first(live.view(self, of));
    }

    /// Says that it was deleted.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether it was deleted.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

impl Live {
    /// A change moved a player to `points`, at that place in the history of his topic.
    pub(super) fn told(&mut self, player: PlayerIndex, seq: Seq, points: Points, moved_at: MovedAt) -> Told {
        let known = self.players[usize::from(player.0)].seq;
        if seq <= known {
            return Told::Known;
        }
        if seq > known + 1 {
            return Told::Behind;
        }
        self.moved(player, seq, points);
        self.moved_at = moved_at;
        Told::Moved
    }

    /// A player's topic stands at `seq`. Whether that is news.
    pub(super) fn stands(&mut self, player: PlayerIndex, seq: Seq, points: Points, moved_at: Option<MovedAt>) -> bool {
        if seq <= self.players[usize::from(player.0)].seq {
            return false;
        }
        self.moved(player, seq, points);
        if let Some(at) = moved_at.filter(|at| at.ingest > self.moved_at.ingest) {
            self.moved_at = at;
        }
        true
    }

    fn moved(&mut self, player: PlayerIndex, seq: Seq, points: Points) {
        let now = &mut self.players[usize::from(player.0)];
        (now.seq, now.points) = (seq, points);
        if !std::mem::replace(&mut now.is_unset, true) {
            self.unset.push(player);
        }
    }

    /// Says whether a player's game is over. Whether that is news.
    pub(super) fn game_is_over(&mut self, player: PlayerIndex, is_over: bool) -> bool {
        let now = &mut self.players[usize::from(player.0)];
        std::mem::replace(&mut now.is_over, is_over) != is_over
    }

    pub(super) fn set_odds(&mut self, odds: Odds) {
        self.odds = Some(odds);
    }

    /// Lets a topic show this contest from now on.
    pub(super) fn watch(&mut self, of: Of, topic: Arc<Topic>) {
        self.topics.insert(of, topic);
    }

    /// Forgets the topics of which `is_gone` holds.
    pub(super) fn sweep(&mut self, mut is_gone: impl FnMut(&Topic) -> bool) {
        self.topics.retain(|_, topic| !is_gone(topic));
    }

    /// All its topics, of which it holds none any more.
    pub(super) fn let_go(&mut self) -> Vec<Arc<Topic>> {
        std::mem::take(&mut self.topics).into_values().collect()
    }

    /// Sets the players who moved.
    fn set(&mut self) {
        for player in self.unset.drain(..) {
            let now = &mut self.players[usize::from(player.0)];
            now.is_unset = false;
            self.board.set(player, now.points);
        }
    }

    fn standings(&mut self) -> Standings<'_> {
        self.set();
        self.board.standings()
    }

    /// What a topic shows of it now.
    fn view(&mut self, contest: &Contest, of: Of) -> View {
        self.set();
        let Live {
            board,
            players,
            moved_at,
            odds,
            ..
        } = self;
        let mut now = Now {
            contest,
            players,
            moved_at: *moved_at,
            odds: odds.as_ref(),
            standings: board.standings(),
        };
        now.view(of)
    }

    /// Sets the players who moved, and lets the topics that somebody watches show it. `tell` is given those that moved,
    /// and the shards that watch them.
    pub(super) fn show(&mut self, contest: &Contest, ring_frames: usize, mut tell: impl FnMut(&Topic, u64)) {
        self.set();
        let Live {
            board,
            players,
            moved_at,
            odds,
            topics,
            ..
        } = self;
        // Nothing is added up where nobody watches.
        let (mut board, mut now) = (Some(board), None);
        for (of, topic) in topics.iter() {
            let shards = topic.show_watched(ring_frames, || {
                let now = now.get_or_insert_with(|| Now {
                    contest,
                    players,
                    moved_at: *moved_at,
                    odds: odds.as_ref(),
                    standings: board.take().expect("it is made once").standings(),
                });
                now.view(*of)
            });
            if let Some(shards) = shards {
                tell(topic, shards);
            }
        }
    }
}

/// A contest at one moment, added up.
struct Now<'a> {
    contest: &'a Contest,
    players: &'a [Followed],
    moved_at: MovedAt,
    odds: Option<&'a Odds>,
    standings: Standings<'a>,
}

impl Now<'_> {
    fn view(&mut self, of: Of) -> View {
        match of {
            Of::Contest => View::Contest(self.contest()),
            Of::Entry(entry) => View::Entry(self.entry(entry)),
        }
    }

    fn contest(&mut self) -> ContestNow {
        let best = self.standings.leaders(LEADERS);
        let definition = &self.contest.definition;
        let leader = |entry| {
            let standing = self.standings.of(entry);
            Leader {
                entry: definition.entry_id(entry).as_str().into(),
                name: definition.entry_name(entry).as_str().into(),
                points: standing.points,
                rank: standing.rank,
                payout: Cents(standing.payout.each.0),
            }
        };
        let mut cuts = self.standings.cuts();
        if cuts.len() > CUTS_MAX {
            let last = cuts.len() - 1;
            cuts.swap(CUTS_MAX - 1, last);
            cuts.truncate(CUTS_MAX);
        }
        let cut = |cut: &crate::contest::Cut| Cut {
            place: cut.tier.last,
            payout: Cents(cut.tier.each.0),
            points: cut.points,
        };
        let distribution = self.standings.distribution(STEPS_MAX);
        ContestNow {
            leaders: best.into_iter().map(leader).collect(),
            cuts: cuts.iter().map(cut).collect(),
            money_line: self.standings.money_line(),
            distribution: Distribution {
                from: distribution.from,
                step: distribution.step,
                counts: distribution.counts.into(),
            },
            odds_at: self.odds.map(|odds| odds.at_us),
            moved_at: self.moved_at,
        }
    }

    fn entry(&self, entry: EntryIndex) -> EntryNow {
        let definition = &self.contest.definition;
        let standing = self.standings.of(entry);
        let mut players: Vec<PlayerIndex> = definition.roster(entry).collect();
        let slots = definition.slots().iter().zip(&players);
        let points = slots.map(|(slot, player)| slot.multiplier.of(self.players[usize::from(player.0)].points));
        let slots = points.collect();
        // In a showdown one player may be in two slots.
        players.sort_unstable();
        players.dedup();
        let left = players.iter().filter(|player| !self.players[usize::from(player.0)].is_over);
        let odds = self.odds.and_then(|odds| Some((odds, odds.entries.get(entry.0 as usize)?)));
        EntryNow {
            points: standing.points,
            rank: standing.rank,
            tied: standing.tied,
            percentile: standing.percentile,
            payout: Cents(standing.payout.each.0),
            to_money: standing.to_money,
            players_left: left.count() as u32,
            slots,
            odds: odds.map(|(odds, drawn)| EntryOdds {
                at_us: odds.at_us,
                draws: odds.draws,
                win: Chance::of(drawn.won, odds.draws),
                cash: Chance::of(drawn.cashed, odds.draws),
                top1: Chance::of(drawn.top1, odds.draws),
                expected: drawn.expected,
            }),
            moved_at: self.moved_at,
        }
    }
}
