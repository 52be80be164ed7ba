//! One contest while it runs: its board, where each of its players stands, and the topics that show it.

mod now;

use super::Of;
use super::views::View;
use crate::contest::{Board, Definition, EntryIndex, PlayerIndex, Standing, Standings};
use crate::fanout::topic::Topic;
use crate::model::contest::{Cents, MovedAt};
use crate::model::{ContestId, IngestTime, Points, Seq};
use crate::scoring::{Ruleset, RulesetIndex};
use now::Now;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Players who moved at once beyond which all entries are added up anew.
const SET_ALL_ABOVE: usize = 64;

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
    /// Topics of it that somebody watches, as far as that was looked at.
    watched: AtomicUsize,
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
    /// Moves whenever something that any of its topics shows may have.
    version: u64,
    /// The `seq` under which those were shown what stood at a version who read it once.
    read_once: Option<(u64, Seq)>,
    /// What its players had when that was stored last.
    settled: Option<Box<[Points]>>,
    /// Whether something happened since it was last asked that its odds depend on.
    is_stirred: bool,
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
    /// Whether a game of his is known that counts.
    is_known: bool,
    /// Whether it is over.
    is_over: bool,
}

/// Where a player stands in the games that count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    /// The head of his topic.
    pub(super) seq: Seq,
    /// What he has; nothing where the games that count are not there, or not any more: it stays as it was.
    pub(super) points: Option<Points>,
    /// When that came about, where it is known.
    pub(super) moved_at: Option<MovedAt>,
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
    /// When the state that was drawn from was taken, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// How often.
    pub draws: u32,
    /// Players whose games are not over, and those of them who were taken to score nothing more as nothing is projected
    /// for them.
    pub open: u32,
    /// The latter.
    pub unprojected: u32,
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

/// What is said of odds besides those of the entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OddsHead {
    /// See [`Odds::at_us`].
    pub at_us: i64,
    /// See [`Odds::draws`].
    pub draws: u32,
    /// See [`Odds::open`].
    pub open: u32,
    /// See [`Odds::unprojected`].
    pub unprojected: u32,
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
            version: 0,
            read_once: None,
            settled: None,
            is_stirred: true,
            odds: None,
            topics: BTreeMap::new(),
        };
        Contest {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            ruleset: index,
            definition,
            posted,
            is_over: AtomicBool::new(false),
            watched: AtomicUsize::new(0),
            live: Mutex::new(live),
        }
    }

    /// Its number in this process; never reused.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Topics of it that somebody watches, about a second ago at most.
    pub fn watched(&self) -> usize {
        self.watched.load(Ordering::Relaxed)
    }

    /// What is said of its odds besides those of the entries; nothing before they were drawn.
    pub fn odds(&self) -> Option<OddsHead> {
        let live = self.live.lock();
        live.odds.as_ref().map(|odds| OddsHead {
            at_us: odds.at_us,
            draws: odds.draws,
            open: odds.open,
            unprojected: odds.unprojected,
        })
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

    /// Lets a topic that the follower may know nothing of show what stands now, whether somebody watches it or not: the
    /// shards to tell.
    pub(in crate::fanout) fn show_once(&self, topic: &Topic, of: Of) -> u64 {
        let mut live = self.live.lock();
        topic.show_unwatched(|| live.view(self, of))
    }

    /// A topic for somebody who reads it once: what stands now, under a `seq` that is another whenever that is. `next`
    /// gives one that nobody was told yet.
    pub(in crate::fanout) fn read_once(&self, of: Of, next: impl FnOnce() -> Seq, make: impl FnOnce(Seq) -> Topic) -> Topic {
        let mut live = self.live.lock();
        let known = live.read_once.filter(|(version, _)| *version == live.version);
        let (version, seq) = known.unwrap_or_else(|| (live.version, next()));
        live.read_once = Some((version, seq));
        let topic = make(seq);
        topic.show_first(live.view(self, of));
        topic
    }

    /// Whether all games that count are over.
    pub fn is_final(&self) -> bool {
        self.live.lock().is_final(&self.definition)
    }

    /// What its players had at the end, where that is final and was not stored yet. A contest that does not say which
    /// games count has no end.
    pub fn to_settle(&self) -> Option<Box<[Points]>> {
        if !self.definition.is_bound() {
            return None;
        }
        let live = self.live.lock();
        if !live.is_final(&self.definition) {
            return None;
        }
        let points: Box<[Points]> = live.players.iter().map(|player| player.points).collect();
        (live.settled.as_ref() != Some(&points)).then_some(points)
    }

    /// That is what its players had: it is stored.
    pub fn settled(&self, points: Box<[Points]>) {
        self.live.lock().settled = Some(points);
    }

    /// Says that it was deleted.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether it was deleted.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

impl Live {
    /// A change moved a player. `seq`: its place in the history of his topic, where that shows it. `points`: what he has,
    /// where the change's game counts.
    pub(super) fn told(&mut self, player: PlayerIndex, seq: Option<Seq>, points: Option<Points>, moved_at: MovedAt) -> Told {
        let now = &mut self.players[usize::from(player.0)];
        match seq {
            Some(seq) if seq <= now.seq => return Told::Known,
            Some(seq) if seq > now.seq + 1 => return Told::Behind,
            Some(seq) => now.seq = seq,
            None => {}
        }
        match points {
            Some(points) if self.moved(player, points) => {
                self.moved_at = moved_at;
                Told::Moved
            }
            _ => Told::Known,
        }
    }

    /// A player's topic was looked at. Whether that is news.
    pub(super) fn stands(&mut self, player: PlayerIndex, stand: Stand) -> bool {
        let now = &mut self.players[usize::from(player.0)];
        if stand.seq < now.seq {
            return false;
        }
        now.seq = stand.seq;
        let is_news = stand.points.is_some_and(|points| self.moved(player, points));
        if let Some(at) = stand.moved_at.filter(|at| is_news && at.ingest > self.moved_at.ingest) {
            self.moved_at = at;
        }
        is_news
    }

    fn moved(&mut self, player: PlayerIndex, points: Points) -> bool {
        let now = &mut self.players[usize::from(player.0)];
        if std::mem::replace(&mut now.points, points) == points {
            return false;
        }
        self.is_stirred = true;
        self.version += 1;
        if !std::mem::replace(&mut now.is_unset, true) {
            self.unset.push(player);
        }
        true
    }

    /// Says whether a player's game is over; nothing where none is known that counts, or not any more. Whether that is
    /// news.
    pub(super) fn game_is_over(&mut self, player: PlayerIndex, is_over: Option<bool>) -> bool {
        let Some(is_over) = is_over else { return false };
        let now = &mut self.players[usize::from(player.0)];
        let before = (now.is_known, now.is_over);
        (now.is_known, now.is_over) = (true, is_over);
        let is_news = before != (true, is_over);
        self.is_stirred |= is_news;
        self.version += u64::from(is_news);
        is_news
    }

    fn is_final(&self, definition: &Definition) -> bool {
        // Where nothing is said of games, who is in none has none.
        let has_none = |player: &Followed| !player.is_known && !definition.is_bound();
        let mut players = self.players.iter();
        players.all(|player| player.is_over || has_none(player)) && self.players.iter().any(|player| player.is_over)
    }

    /// What its players had when all was over, as it was stored.
    pub(super) fn begin_settled(&mut self, points: Box<[Points]>) {
        for (player, points) in (0..).map(PlayerIndex).zip(&points) {
            self.moved(player, *points);
            self.game_is_over(player, Some(true));
        }
        self.settled = Some(points);
    }

    /// After a fault, of which nobody knows how far what it interrupted had come: all of it is worked out anew.
    pub(super) fn mend(&mut self) {
        self.unset.clear();
        self.players.iter_mut().for_each(|player| player.is_unset = false);
        let points: Vec<Points> = self.players.iter().map(|player| player.points).collect();
        self.board.set_all(&points);
        self.version += 1;
    }

    /// Whether something happened since the last call that its odds depend on.
    pub(super) fn take_stirred(&mut self) -> bool {
        std::mem::take(&mut self.is_stirred)
    }

    /// Takes odds in, and returns those that there were: to be let go of without the lock.
    #[must_use]
    pub(super) fn set_odds(&mut self, odds: Odds) -> Option<Odds> {
        self.version += 1;
        self.odds.replace(odds)
    }

    /// Lets a topic show this contest from now on.
    pub(super) fn watch(&mut self, contest: &Contest, of: Of, topic: Arc<Topic>) {
        self.topics.insert(of, topic);
        contest.watched.fetch_max(1, Ordering::Relaxed);
    }

    /// Forgets the topics of which `is_gone` holds, and counts those that somebody watches.
    pub(super) fn sweep(&mut self, contest: &Contest, mut is_gone: impl FnMut(&Topic) -> bool) {
        self.topics.retain(|_, topic| !is_gone(topic));
        let watched = self.topics.values().filter(|topic| topic.read(|history| history.watchers()) != 0);
        contest.watched.store(watched.count(), Ordering::Relaxed);
    }

    /// All its topics, of which it holds none any more.
    pub(super) fn let_go(&mut self) -> Vec<Arc<Topic>> {
        std::mem::take(&mut self.topics).into_values().collect()
    }

    /// Sets the players who moved.
    fn set(&mut self) {
        // One walk over all entries costs as much as those of a few players.
        if self.unset.len() > SET_ALL_ABOVE {
            self.mend();
        }
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
        let is_final = self.is_final(&contest.definition);
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
            is_final,
            standings: board.standings(),
        };
        now.view(of)
    }

    /// Sets the players who moved, and lets the topics that somebody watches show it. `tell` is given those that moved,
    /// and the shards that watch them.
    pub(super) fn show(&mut self, contest: &Contest, ring_frames: usize, mut tell: impl FnMut(&Topic, u64)) {
        self.set();
        if self.topics.is_empty() {
            return;
        }
        let is_final = self.is_final(&contest.definition);
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
                    is_final,
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
