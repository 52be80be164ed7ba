//! Every topic, published; and the shards to tell when one moves.
//!
//! One hub per process. Owners of games publish into it, shards and HTTP read from it. Bounded:
//! `topics_max` topics (a subscription beyond is refused; the topics of games are never refused).

use super::contests::{Contests, FOLLOWER as CONTESTS_FOLLOWER, News as ContestNews};
use super::lineups::{FOLLOWER, Lineup, LineupLimits, Lineups, News, SlotNow};
use super::topic::{History, Left, Published, Put, Standing, Told, Topic, TopicId};
use crate::memory::{Level, Pressure};
use crate::model::{Bulletin, Change, GameHead, GameId, GameView, PlayerId, Seq, Team, TopicName};
use dashmap::DashMap;
use flume::{Receiver, Sender, TrySendError};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use slab::Slab;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Most shards: a topic keeps a bit for each, one for the follower of lineups and one for that of contests.
pub const SHARDS_MAX: usize = 62;

/// Topics that moved.
pub type Notice = SmallVec<[TopicId; 6]>;

/// Watched topics that moved since the shards were last told, each with a bit for each of those shards.
///
/// An owner gathers them over a few events: a notice costs a lock, and sometimes waking a thread.
#[derive(Debug, Default)]
pub struct Moved {
    topics: SmallVec<[MovedTopic; 8]>,
    /// Changes of the topic among them that moved most.
    most: usize,
    left: Left,
    /// What lineups may have of it.
    news: Vec<News>,
    /// What contests may have of it.
    contest_news: Vec<ContestNews>,
}

#[derive(Debug)]
struct MovedTopic {
    id: TopicId,
    /// A bit for each shard.
    shards: u64,
    changes: usize,
}

/// Changes for lineups of one notice, from which on it does not wait for more: each holds a change.
const NOTICE_NEWS: usize = 64;

/// The followers are told otherwise.
const FOLLOWER_BIT: u64 = 1 << FOLLOWER;
const CONTESTS_BIT: u64 = 1 << CONTESTS_FOLLOWER;

/// Topics of one notice, from which on it does not wait for more: each that moves is looked for in it.
const NOTICE_TOPICS: usize = 128;

impl Moved {
    /// Whether half a ring of so many entries has moved, or very many topics have.
    pub(super) fn is_due(&self, ring_frames: usize) -> bool {
        self.most >= ring_frames.div_ceil(2) || self.topics.len() >= NOTICE_TOPICS
    }

    /// What is to be let go of once the shards are told.
    pub(super) fn left(&mut self) -> &mut Left {
        &mut self.left
    }

    pub(super) fn add(&mut self, id: TopicId, shards: u64) {
        let shards = shards & !(FOLLOWER_BIT | CONTESTS_BIT);
        if shards == 0 {
            return;
        }
        let changes = match self.topics.iter_mut().rev().find(|topic| topic.id == id) {
            Some(topic) => {
                topic.shards |= shards;
                topic.changes += 1;
                topic.changes
            }
            None => {
                let changes = 1;
                self.topics.push(MovedTopic { id, shards, changes });
                changes
            }
        };
        self.most = self.most.max(changes);
    }
}

/// Where one shard is told what moved.
struct Mailbox {
    notices: Sender<Notice>,
    overflowed: Arc<AtomicBool>,
}

/// A shard's end of its mailbox.
pub struct Inbox {
    /// Topics that moved.
    pub notices: Receiver<Notice>,
    /// Set where a notice was dropped: look at every topic.
    pub overflowed: Arc<AtomicBool>,
}

/// Limits of a hub.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Entries kept per topic.
    pub ring_frames: usize,
    /// Topics in all that subscriptions may create.
    pub topics_max: usize,
    /// Notices under way to one shard.
    pub notices_max: usize,
    /// Those of fans' lineups.
    pub lineups: LineupLimits,
}

/// The scoreboard of the day: of the latest day on which a game has begun, else of the first announced.
#[derive(Default)]
struct Slate {
    begun_day: Option<i64>,
    first_day: Option<i64>,
    /// By the place that each was given.
    games: Slab<(Arc<GameHead>, GameView)>,
}

/// The games of the slate as of `seq`.
pub struct SlateSnapshot {
    /// The slate's head.
    pub seq: Seq,
    /// Games by kickoff.
    pub games: Vec<(Arc<GameHead>, GameView)>,
}

/// Where all topics stand, and the days of the slate: what can't be told from games that are left.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standings {
    /// Topics to which something happened, by name.
    pub topics: Vec<(TopicName, Standing)>,
    /// The latest day on which a game has begun, in days since the Unix epoch.
    pub begun_day: Option<i64>,
    /// The first day for which a game was ever announced.
    pub first_day: Option<i64>,
}

/// How full the rings are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rings {
    /// Topics.
    pub topics: usize,
    /// Entries of all rings.
    pub entries: usize,
    /// Entries of the fullest.
    pub fullest: usize,
    /// Bytes of the frames beside them.
    pub frame_bytes: usize,
}

/// What [`Hub::relieve`] let go of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Relieved {
    /// Changes.
    pub changes: usize,
    /// Entries' frames.
    pub frames: usize,
}

/// A topic that a game has changes for.
struct Part {
    topic: Arc<Topic>,
    /// How many there were.
    changes: u32,
}

impl Part {
    fn of(topic: Arc<Topic>) -> Part {
        Part { topic, changes: 0 }
    }
}

/// The topics of a game's teams.
type TeamTopics = SmallVec<[(Team, Part); 2]>;

/// The topics of one game, found once and kept beside the game.
#[derive(Default)]
pub struct GameTopics {
    game: Option<Arc<Topic>>,
    teams: TeamTopics,
    players: Vec<Option<Part>>,
    /// The game's place in the slate, once it has one.
    slate: Option<usize>,
    /// How topics that other games have changes for count; nothing where this process counts.
    told: Option<Told>,
}

/// A team's topic, its `seq` and what is added to that for clients.
pub type TeamSeq = (Team, Seq, Seq);

impl GameTopics {
    /// Topics of a game of which nothing was published yet.
    pub fn new(told: Option<Told>) -> GameTopics {
        GameTopics {
            told,
            ..GameTopics::default()
        }
    }

    /// The `seq` of the game's topic and of each of its teams' topics, while the game cannot move.
    pub fn heads(&self) -> (Seq, SmallVec<[TeamSeq; 2]>) {
        let team = |(team, part): &(Team, Part)| {
            let (seq, shift) = part.topic.read(|history| (history.head, history.shift));
            (team.clone(), seq, shift)
        };
        (
            self.game.as_ref().map_or(0, |topic| topic.read(|history| history.head)),
            self.teams.iter().map(team).collect(),
        )
    }
}

/// All topics.
pub struct Hub {
    topics: DashMap<TopicName, Arc<Topic>, RandomState>,
    next_id: AtomicU32,
    mailboxes: Vec<Mailbox>,
    slate: Mutex<Slate>,
    slate_topic: Arc<Topic>,
    limits: HubLimits,
    pressure: Pressure,
    /// Where topics of predictions begin to count.
    predictions_from: Seq,
    lineups: Lineups,
    contests: Contests,
}

impl Hub {
    /// A hub that tells `shards` shards, and their ends of the mailboxes.
    pub fn new(shards: usize, limits: HubLimits) -> (Hub, Vec<Inbox>) {
        assert!((1..=SHARDS_MAX).contains(&shards), "the configuration bounds the number of shards");
        let (mailboxes, inboxes) = (0..shards)
            .map(|_| {
                let (sender, receiver) = flume::bounded(limits.notices_max);
                let overflowed = Arc::new(AtomicBool::new(false));
                (
                    Mailbox {
                        notices: sender,
                        overflowed: overflowed.clone(),
                    },
                    Inbox {
                        notices: receiver,
                        overflowed,
                    },
                )
            })
            .unzip();
        let slate_topic = Arc::new(Topic::new(TopicId(0), TopicName::Slate));
        let topics = DashMap::default();
        topics.insert(TopicName::Slate, slate_topic.clone());
        let hub = Hub {
            topics,
            next_id: AtomicU32::new(1),
            mailboxes,
            slate: Mutex::default(),
            slate_topic,
            limits,
            pressure: Pressure::default(),
            predictions_from: 0,
            lineups: Lineups::new(limits.lineups, limits.notices_max),
            contests: Contests::new(limits.notices_max),
        };
        (hub, inboxes)
    }

    /// Has topics of predictions, lineups and contests count from `seq`. They outlive no restart: begin above all that a former
    /// process of the same epoch may have given out, and whoever comes back with that is told that it is too old.
    pub fn count_from(&mut self, seq: Seq) {
        self.predictions_from = seq;
        self.lineups.count_from(seq);
        self.contests.count_from(seq);
    }

    /// The topic of that name, where there is one.
    pub fn get(&self, name: &TopicName) -> Option<Arc<Topic>> {
        self.topics.get(name).map(|topic| topic.clone())
    }

    /// The same; where there is none, one to which nothing has happened, and of which the hub keeps nothing.
    pub fn get_or_empty(&self, name: TopicName) -> Arc<Topic> {
        self.get(&name).unwrap_or_else(|| Arc::new(self.empty(TopicId(u32::MAX), name)))
    }

    /// The topic of that name for a subscriber on `shard`, who is told of everything from now on.
    /// Nothing where there are `topics_max` topics already, and nothing of a lineup, a contest or an entry that is not
    /// there.
    pub fn watch(&self, name: &TopicName, shard: usize) -> Option<Arc<Topic>> {
        if let TopicName::Lineup(_) = name {
            // Under the entry's lock, so that it is not forgotten between the two steps.
            let topic = self.topics.get(name)?;
            topic.watch(shard);
            return Some(topic.clone());
        }
        if name.contest().is_some() {
            return self.watch_contest(name, shard);
        }
        // Players whom only lineups name leave half of the places to others.
        let topics_max = self.limits.topics_max / if shard == FOLLOWER { 2 } else { 1 };
        if self.topics.len() >= topics_max && !self.topics.contains_key(name) {
            return None;
        }
        // Under the entry's lock, so that an empty topic is not forgotten between the two steps.
        let topic = self.topics.entry(name.clone()).or_insert_with(|| self.create(name));
        topic.watch(shard);
        Some(topic.clone())
    }

    /// Takes [`Hub::watch`] back; a topic to which nothing happened is forgotten.
    pub(super) fn unwatch(&self, topic: &Topic, shard: usize) {
        if topic.name != TopicName::Slate {
            self.topics.remove_if(&topic.name, |_, _| topic.unwatch(shard));
        } else {
            topic.unwatch(shard);
        }
    }

    /// How short memory is: the hub's rings and the shards' go by it.
    pub fn pressure(&self) -> &Pressure {
        &self.pressure
    }

    /// Entries kept per topic now.
    pub(super) fn ring_frames(&self) -> usize {
        self.pressure.level().ring_frames(self.limits.ring_frames)
    }

    /// Gives back what the level of [`Hub::pressure`] says: changes beyond what rings keep now, and the
    /// frames beside them. A shard that has yet to send one of these makes it anew. Takes each topic's lock
    /// in turn; call it about once a second, not on a shard's thread.
    pub fn relieve(&self) -> Relieved {
        let mut relieved = Relieved::default();
        if self.pressure.level() < Level::History {
            return relieved;
        }
        let level = self.pressure.level();
        for topic in self.topics.iter() {
            // What goes is let go of outside the lock.
            let ring_frames = level.ring_frames(self.limits.ring_frames.min(topic.ring_max));
            let shed = topic.read(|history| history.shrink(ring_frames));
            relieved.changes += shed.changes.len();
            relieved.frames += shed.frames.len() + shed.bulletin_frames.len();
        }
        relieved
    }

    /// How many topics there are, and how full their rings. Takes each topic's lock in turn.
    pub fn rings(&self) -> Rings {
        let mut rings = Rings::default();
        for topic in self.topics.iter() {
            let (entries, frame_bytes) = topic.read(|history| (history.entries(), history.frame_bytes()));
            rings.frame_bytes += frame_bytes;
            rings.topics += 1;
            rings.entries += entries;
            rings.fullest = rings.fullest.max(entries);
        }
        rings
    }

    /// Notices waiting for that shard.
    pub fn notices_waiting(&self, shard: usize) -> usize {
        self.mailboxes[shard].notices.len()
    }

    /// Puts a change into every topic that shows it and adds the watched ones to `moved`, for
    /// [`Hub::tell`]. Call it while the game cannot be read, so that a snapshot and a `seq` always belong
    /// together. Returns the number of topics that moved.
    pub fn publish(&self, change: Arc<Change>, topics: &mut GameTopics, moved: &mut Moved) -> usize {
        let ring = self.ring_frames();
        let mut count = 0;
        let mut lineups_have: SmallVec<[super::lineups::Shown; 2]> = SmallVec::new();
        let mut contests_have: SmallVec<[super::lineups::Shown; 2]> = SmallVec::new();
        let mut put = |topic: &Topic, place: u16, told| match topic.publish(&change, place.into(), told, ring, &mut moved.left) {
            Published::At(put) => {
                moved.add(topic.id, put.shards);
                count += 1;
                Some(put)
            }
            Published::NotShown => None,
        };
        let told = topics.told;
        let next = |part: &mut Part| {
            part.changes += 1;
            told.map(|told| told.at(part.changes))
        };
        for (place, player) in change.moves.iter().enumerate() {
            let slot = player.slot as usize;
            if topics.players.len() <= slot {
                topics.players.resize_with(slot + 1, || None);
            }
            let name = || TopicName::Player(player.who.card.player.clone());
            let part = topics.players[slot].get_or_insert_with(|| Part::of(self.own(name())));
            let told = next(part);
            let place = u16::try_from(place).expect("a game has fewer players");
            if let Some(Put { shards, seq, new_game }) = put(&part.topic, place, told) {
                let shown = super::lineups::Shown { place, seq, new_game };
                if shards & FOLLOWER_BIT != 0 {
                    lineups_have.push(shown);
                }
                if shards & CONTESTS_BIT != 0 {
                    contests_have.push(shown);
                }
            }
        }
        put(
            topics
                .game
                .get_or_insert_with(|| self.own(TopicName::Game(change.head.game.clone()))),
            0,
            None,
        );
        for place in self.teams_of(&change, &mut topics.teams) {
            let part = &mut topics.teams[place].1;
            let told = next(part);
            put(&part.topic, 0, told);
        }
        if change.view_moved.on_scoreboard() {
            let mut slate = self.slate.lock();
            if let Some(new_day) = slate.take_in(&change, &mut topics.slate) {
                let shards = self.slate_topic.publish_slate(&change, new_day, ring, &mut moved.left);
                moved.add(self.slate_topic.id, shards);
                count += 1;
            }
        }
        if !contests_have.is_empty() {
            moved.contest_news.push(ContestNews::Changed(change.clone(), contests_have));
        }
        if !lineups_have.is_empty() {
            moved.news.push(News::Changed(change, lineups_have));
        }
        count
    }

    /// Puts a prediction or an outcome into its game's `predictions:` topic, and adds that to `moved` where it is
    /// watched, for [`Hub::tell`]. What it expires ([`Bulletin::expires`]) is sent to nobody from now on: so an
    /// outcome comes before the next prediction of its kind. For one thread of each kind; no game's lock is
    /// needed. False where the game is not there, or not any more.
    pub fn predict(&self, bulletin: Bulletin, moved: &mut Moved) -> bool {
        let game = bulletin.game().clone();
        let Some(shown) = self.get(&TopicName::Game(game.clone())) else {
            return false;
        };
        // Under the lock of the predictions: whoever lets the game go clears these after the game's own topic.
        let is_shown = || shown.read(|history| history.game().is_some());
        let topic = self.own(TopicName::Predictions(game));
        match topic.post(bulletin, is_shown) {
            Published::At(put) => {
                moved.add(topic.id, put.shards);
                true
            }
            Published::NotShown => false,
        }
    }

    /// Lets a game go: each topic that shows it moves on by one `seq` and shows nothing from there (the slate:
    /// the other games), and no ring holds a change of it any more. Call it as [`Hub::publish`]. Returns the
    /// number of topics that moved.
    pub fn let_go(&self, game: &GameId, topics: GameTopics, moved: &mut Moved) -> usize {
        let mut count = 0;
        let mut took = |topic: &Topic, published| {
            if let Published::At(put) = published {
                moved.add(topic.id, put.shards);
                if let TopicName::Player(player) = &topic.name {
                    if put.shards & FOLLOWER_BIT != 0 {
                        moved.news.push(News::LetGo(player.clone()));
                    }
                    if put.shards & CONTESTS_BIT != 0 {
                        moved.contest_news.push(ContestNews::LetGo(player.clone()));
                    }
                }
                count += 1;
            }
        };
        let mut left = Left::default();
        let teams = topics.teams.iter().map(|(_, part)| part);
        let parts = teams.chain(topics.players.iter().flatten());
        for topic in topics.game.iter().chain(parts.map(|part| &part.topic)) {
            let is_shown = |history: &History| history.game().is_some_and(|head| head.game == *game);
            took(topic, topic.let_go(game, is_shown, &mut left));
        }
        if let Some(predictions) = self.get(&TopicName::Predictions(game.clone())) {
            took(&predictions, predictions.clear());
        }
        if let Some(place) = topics.slate {
            let mut slate = self.slate.lock();
            let (head, _) = slate.games.remove(place);
            let is_shown = slate.shows(&head);
            took(&self.slate_topic, self.slate_topic.let_go(game, |_| is_shown, &mut left));
        }
        count
    }

    /// Where all topics stand to which something happened, by name.
    pub fn standings(&self) -> Standings {
        let of = |topic: &Arc<Topic>| topic.standing().map(|standing| (topic.name.clone(), standing));
        let mut topics: Vec<_> = self.topics.iter().filter_map(|entry| of(entry.value())).collect();
        topics.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let slate = self.slate.lock();
        Standings {
            topics,
            begun_day: slate.begun_day,
            first_day: slate.first_day,
        }
    }

    /// Puts each topic where it stood, unless it stands there: told again, the games that were not let go of
    /// do not move a topic as often as all of them did. `last` says what a `player:` topic shows of that game.
    /// For a hub that nobody reads yet. Returns the topics that should have stood there and did not.
    pub fn stand_at(&self, standings: &Standings, last: impl Fn(&PlayerId, &GameId) -> Option<Arc<Change>>) -> Vec<TopicName> {
        let mut slate = self.slate.lock();
        // Of each partition of a cluster, one after the other.
        slate.begun_day = slate.begun_day.max(standings.begun_day);
        slate.first_day = slate.first_day.into_iter().chain(standings.first_day).min();
        let mut astray = Vec::new();
        for (name, standing) in &standings.topics {
            let topic = self.own(name.clone());
            if topic.standing().as_ref() == Some(standing) {
                continue;
            }
            if standing.is_whole {
                astray.push(name.clone());
            }
            let last = match (name, &standing.game) {
                (TopicName::Player(player), Some(shown)) => last(player, &shown.game),
                _ => None,
            };
            topic.stand_at(standing, last);
        }
        astray
    }

    /// The teams whose topic shows the change, by their places in `teams`: all that the game is known to
    /// have where the game itself moved, else the players' teams, after and before.
    fn teams_of(&self, change: &Change, teams: &mut TeamTopics) -> SmallVec<[usize; 4]> {
        let mut places: SmallVec<[usize; 4]> = SmallVec::new();
        let mut add = |place| {
            if !places.contains(&place) {
                places.push(place);
            }
        };
        if change.view_moved.any() {
            for team in change.head.teams.iter().flat_map(|(home, away)| [home, away]) {
                add(self.place_of(team, teams));
            }
            (0..teams.len()).for_each(&mut add);
        }
        for player in &change.moves {
            add(self.place_of(&player.who.team, teams));
            // Whoever leaves a team is taken off what its topic shows.
            if let Some(before) = &player.who_before {
                add(self.place_of(&before.team, teams));
            }
        }
        places
    }

    fn place_of(&self, team: &Team, teams: &mut TeamTopics) -> usize {
        teams.iter().position(|(known, _)| known == team).unwrap_or_else(|| {
            teams.push((team.clone(), Part::of(self.own(TopicName::Team(team.clone())))));
            teams.len() - 1
        })
    }

    /// The scoreboard and its `seq`, as one.
    pub fn slate(&self) -> SlateSnapshot {
        let slate = self.slate.lock();
        SlateSnapshot {
            seq: self.slate_topic.read(|history| history.head),
            games: slate.shown(),
        }
    }

    /// The topic for who publishes into it, a game's owner for good: under the entry's lock it is marked as held,
    /// so that its last watcher, leaving before the first change, does not have it forgotten.
    fn own(&self, name: TopicName) -> Arc<Topic> {
        let topic = self.topics.entry(name.clone()).or_insert_with(|| self.create(&name));
        topic.keep();
        topic.clone()
    }

    fn create(&self, name: &TopicName) -> Arc<Topic> {
        Arc::new(self.empty(self.new_id(), name.clone()))
    }

    fn new_id(&self) -> TopicId {
        TopicId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    fn empty(&self, id: TopicId, name: TopicName) -> Topic {
        match name.has_predictions() {
            true => Topic::of_predictions(id, name, self.predictions_from),
            false => Topic::new(id, name),
        }
    }

    /// Whether the shards must be told now: half a ring of one topic has moved, of which they would miss
    /// some if they waited, or very many topics have. Cheap enough to ask after every event.
    pub fn is_due(&self, moved: &Moved) -> bool {
        moved.is_due(self.ring_frames()) || moved.news.len().max(moved.contest_news.len()) >= NOTICE_NEWS
    }

    /// Tells the shards what moved, once for all that was published since.
    pub fn tell(&self, moved: &mut Moved) {
        moved.left.let_go();
        moved.most = 0;
        if !moved.news.is_empty() {
            self.lineups.tell(std::mem::take(&mut moved.news));
        }
        if !moved.contest_news.is_empty() {
            self.contests.tell(std::mem::take(&mut moved.contest_news));
        }
        let moved = std::mem::take(&mut moved.topics);
        let all = moved.iter().fold(0, |all, topic| all | topic.shards);
        for (shard, mailbox) in self.mailboxes.iter().enumerate() {
            if all & (1 << shard) == 0 {
                continue;
            }
            let notice: Notice = moved
                .iter()
                .filter(|topic| topic.shards & (1 << shard) != 0)
                .map(|topic| topic.id)
                .collect();
            if let Err(TrySendError::Full(_)) = mailbox.notices.try_send(notice) {
                mailbox.overflowed.store(true, Ordering::Release);
                // The shard may have emptied its mailbox in between and gone to sleep: wake it. Where this
                // finds the mailbox full, what is in it wakes the shard, which then looks at the flag.
                let _ = mailbox.notices.try_send(Notice::new());
            }
        }
    }
}

/// A day of games ends long after midnight on the American coast: at 10:00 UTC.
const DAY_US: i64 = 86_400_000_000;
const DAY_STARTS_AT_US: i64 = 10 * 3_600_000_000;

/// The day a game belongs to; games without a kickoff belong to every day.
fn day_of(head: &GameHead) -> Option<i64> {
    head.kickoff.map(|kickoff| (kickoff - DAY_STARTS_AT_US).div_euclid(DAY_US))
}

/// Whether the slate of that day shows the game.
fn is_on(head: &GameHead, day: Option<i64>) -> bool {
    day_of(head).is_none_or(|of| Some(of) == day)
}

impl Slate {
    fn day(&self) -> Option<i64> {
        self.begun_day.or(self.first_day)
    }

    /// Takes the new view of the game at `place` in. Nothing where the slate does not show that game; else
    /// whether its games are others from here: a new day begins, or the game has moved to another day.
    fn take_in(&mut self, change: &Change, place: &mut Option<usize>) -> Option<bool> {
        let before = self.day();
        if let Some(day) = day_of(&change.head) {
            self.first_day = Some(self.first_day.map_or(day, |first| first.min(day)));
            if change.begun {
                self.begun_day = self.begun_day.max(Some(day));
            }
        }
        let now = (change.head.clone(), change.view.clone());
        let was_shown = match *place {
            Some(place) => is_on(&std::mem::replace(&mut self.games[place], now).0, before),
            None => {
                *place = Some(self.games.insert(now));
                false
            }
        };
        let shows = self.shows(&change.head);
        let new_games = (before.is_some() && before != self.day()) || (was_shown && !shows);
        (new_games || shows).then_some(new_games)
    }

    fn shows(&self, head: &GameHead) -> bool {
        is_on(head, self.day())
    }

    fn shown(&self) -> Vec<(Arc<GameHead>, GameView)> {
        let shown = self.games.iter().map(|(_, game)| game).filter(|(head, _)| self.shows(head));
        let mut games: Vec<_> = shown.cloned().collect();
        games.sort_by(|(a, _), (b, _)| (a.kickoff, &a.game).cmp(&(b.kickoff, &b.game)));
        games
    }
}

mod contests;
mod lineups;
pub use lineups::NoRoom;

#[cfg(test)]
mod tests;
