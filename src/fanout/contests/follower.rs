//! Puts the changes of players into the boards of contests that have them, and lets topics show what came of it.

use super::lines::Lines;
use super::live::Told;
use super::{Batch, Contest, News, Seen};
use crate::contest::PlayerIndex;
use crate::fanout::encode;
use crate::fanout::hub::{Hub, Moved};
use crate::fanout::topic::Topic;
use crate::model::contest::MovedAt;
use crate::model::{Change, GameId, PlayerId, Points, Seq, StateTime};
use crate::scoring::{RulesetIndex, Rulesets};
use flume::Receiver;
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Batches of news after which the shards are told and whoever drives the follower has a look around.
const BATCHES_MAX: usize = 64;

/// What was done since it was last asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Times that a change moved a player of a contest.
    pub changes: u64,
    /// Views that topics came to show.
    pub shown: u64,
    /// Times that news was dropped and every player looked at.
    pub resyncs: u64,
    /// How long each contest took for its part of a batch, in microseconds.
    pub took_us: Vec<i64>,
}

/// A player whom contests have.
struct Player {
    topic: Arc<Topic>,
    contests: Vec<(Arc<Contest>, PlayerIndex)>,
    /// The game that his topic showed when it was last looked at.
    game: Option<GameId>,
}

/// A change's part in a contest: whose player, where his topic shows it, what he has, and his place in the change.
struct Part {
    contest: Arc<Contest>,
    player: PlayerIndex,
    seq: Option<Seq>,
    points: Option<Points>,
    place: u16,
}

/// The one who moves the boards of contests.
pub struct Follower {
    hub: Arc<Hub>,
    rulesets: Arc<Rulesets>,
    inbox: Receiver<Batch>,
    players: HashMap<PlayerId, Player, RandomState>,
    /// Those followed, by number.
    contests: HashMap<u64, Arc<Contest>, RandomState>,
    /// Those of them that moved, or are to be shown again.
    moved_contests: HashMap<u64, Arc<Contest>, RandomState>,
    /// Players to be looked at, each once.
    to_look_at: HashSet<PlayerId, RandomState>,
    /// Of the games there are, whether they are over.
    games: HashMap<GameId, bool>,
    parts: Vec<Part>,
    moved: Moved,
    counts: Counts,
}

impl Follower {
    /// One of each hub. It is told nothing before it is there: what came until then it finds by looking.
    pub fn new(hub: Arc<Hub>, rulesets: Arc<Rulesets>) -> Follower {
        Follower {
            inbox: hub.contests().inbox(),
            hub,
            rulesets,
            players: HashMap::default(),
            contests: HashMap::default(),
            moved_contests: HashMap::default(),
            to_look_at: HashSet::default(),
            games: HashMap::default(),
            parts: Vec::new(),
            moved: Moved::default(),
            counts: Counts::default(),
        }
    }

    /// Where its news comes from: wait there, and give [`Follower::take`] what came.
    pub fn inbox(&self) -> &Receiver<Batch> {
        &self.inbox
    }

    /// Takes that news and what waits behind it, up to a bound, into the boards, and tells the shards. `steady_us` is
    /// the clock by which it says how long that took. Returns when the first of the changes among it was worked out.
    pub fn take(&mut self, first: Option<Batch>, steady_us: impl Fn() -> i64) -> Option<StateTime> {
        let mut oldest: Option<StateTime> = None;
        let mut first = first;
        for _ in 0..BATCHES_MAX {
            let Some(Batch(news)) = first.take().or_else(|| self.inbox.try_recv().ok()) else {
                break;
            };
            for one in news {
                match one {
                    News::Changed(change, shown) => {
                        oldest.get_or_insert(change.applied);
                        self.changed(&change, &shown);
                    }
                    News::LetGo(player) => drop(self.to_look_at.insert(player)),
                    News::Posted(contest) => self.posted(contest),
                    News::Deleted(contest) => self.deleted(&contest),
                    News::Wanted(topic) => self.wanted(&topic),
                    News::Drawn(contest) => drop(self.moved_contests.insert(contest.number, contest)),
                }
            }
        }
        if self.hub.contests().take_overflow() {
            self.counts.resyncs += 1;
            self.look_everywhere();
        }
        for player in std::mem::take(&mut self.to_look_at) {
            self.look(&player);
        }
        for contest in std::mem::take(&mut self.moved_contests).into_values() {
            let began_us = steady_us();
            self.show(&contest);
            self.counts.took_us.push(steady_us() - began_us);
        }
        self.hub.tell(&mut self.moved);
        oldest
    }

    /// Looks at which players' games are over: `games` are all there are. Call it about once a second.
    pub fn look_at_games(&mut self, games: HashMap<GameId, bool>) {
        let is_news = games != self.games;
        self.games = games;
        for player in self.players.values_mut() {
            let game = shown_game(&player.topic);
            if !is_news && game == player.game {
                continue;
            }
            player.game = game;
            for (contest, index) in &player.contests {
                let is_over = is_over(&self.games, contest, *index, player.game.as_ref());
                if contest.lock().game_is_over(*index, is_over) {
                    self.moved_contests.insert(contest.number, contest.clone());
                }
            }
        }
    }

    /// The contests it follows whose games are all over, and what their players had, as far as that was not stored.
    pub fn to_settle(&self) -> impl Iterator<Item = (&Arc<Contest>, Box<[Points]>)> {
        let contests = self.contests.values();
        contests.filter_map(|contest| Some((contest, contest.to_settle()?)))
    }

    /// Forgets topics that nobody has wanted for long enough. Call it about once a second.
    pub fn sweep(&mut self, now_us: i64) {
        let linger_us = self.hub.contests().limits().linger_us;
        for contest in self.contests.values() {
            contest.lock().sweep(contest, |topic| {
                let lingered = topic.views_idle_us(now_us).is_some_and(|idle_us| idle_us >= linger_us);
                lingered && self.hub.forget_view(topic)
            });
        }
    }

    /// What was done since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    fn changed(&mut self, change: &Arc<Change>, shown: &[Seen]) {
        let moved_at = MovedAt {
            feed_ts: change.feed_ts,
            ingest: change.ingest,
        };
        for one in shown {
            let moves = &change.moves[usize::from(one.place)];
            let id = &moves.who.card.player;
            let Some(player) = self.players.get(id) else {
                // Nobody's any more.
                self.hub.unfollow_for_contests(id);
                continue;
            };
            let mut scored: SmallVec<[(RulesetIndex, Points); 4]> = SmallVec::new();
            for (contest, index) in &player.contests {
                let counts = contest.definition().counts(*index, &change.head.game);
                // A game that his topic does not show counts for those alone who named it.
                let is_named = !contest.definition().games_of(*index).is_empty();
                if one.seq.is_none() && !(counts && is_named) {
                    continue;
                }
                let known = scored.iter().find(|(ruleset, _)| *ruleset == contest.ruleset);
                let points = known.map(|(_, points)| *points).unwrap_or_else(|| {
                    let ruleset = self.rulesets.by_index(contest.ruleset);
                    let points = encode::points(ruleset, &moves.who.card, &moves.after());
                    scored.push((contest.ruleset, points));
                    points
                });
                self.parts.push(Part {
                    contest: contest.clone(),
                    player: *index,
                    seq: one.seq,
                    points: counts.then_some(points),
                    place: one.place,
                });
            }
        }
        // All that it does to a contest at once: nobody sees half of a play.
        self.parts.sort_by_key(|part| part.contest.number);
        for parts in self.parts.chunk_by(|a, b| a.contest.number == b.contest.number) {
            let contest = &parts[0].contest;
            let mut live = contest.lock();
            for part in parts {
                match live.told(part.player, part.seq, part.points, moved_at) {
                    Told::Moved => {
                        self.counts.changes += 1;
                        self.moved_contests.insert(contest.number, contest.clone());
                    }
                    Told::Known => {}
                    Told::Behind => {
                        let who = &change.moves[usize::from(part.place)].who;
                        self.to_look_at.insert(who.card.player.clone());
                    }
                }
            }
        }
        self.parts.clear();
    }

    /// Sets a player where his topic stands.
    fn look(&mut self, id: &PlayerId) {
        let Some(player) = self.players.get(id) else { return };
        let now = player.topic.read(|history| (history.head, history.last()));
        let mut lines = Lines::new(&self.hub);
        for (contest, index) in &player.contests {
            let stand = lines.stand(&self.rulesets, contest, *index, &now);
            if contest.lock().stands(*index, stand) {
                self.moved_contests.insert(contest.number, contest.clone());
            }
        }
    }

    /// Begins to follow a contest.
    fn posted(&mut self, contest: Arc<Contest>) {
        if contest.is_over() || self.contests.insert(contest.number, contest.clone()).is_some() {
            return;
        }
        let mut lines = Lines::new(&self.hub);
        let mut stands = Vec::with_capacity(contest.definition().players().len());
        for (place, id) in (0..).zip(contest.definition().players()) {
            let player = self.players.entry(id.clone()).or_insert_with(|| {
                // Watched before it is read: what comes later is told.
                let topic = self.hub.follow_for_contests(id);
                Player {
                    game: shown_game(&topic),
                    topic,
                    contests: Vec::new(),
                }
            });
            let index = PlayerIndex(place);
            player.contests.push((contest.clone(), index));
            let now = player.topic.read(|history| (history.head, history.last()));
            let stand = lines.stand(&self.rulesets, &contest, index, &now);
            let is_over = is_over(&self.games, &contest, index, player.game.as_ref());
            stands.push((index, stand, is_over));
        }
        let mut live = contest.lock();
        for (index, stand, is_over) in stands {
            live.stands(index, stand);
            live.game_is_over(index, is_over);
        }
        drop(live);
        self.moved_contests.insert(contest.number, contest);
    }

    /// Lets go of a contest; who watches it or its entries is told that it is over.
    fn deleted(&mut self, contest: &Arc<Contest>) {
        let topics = contest.lock().let_go();
        for topic in topics {
            self.end(&topic);
        }
        if self.contests.remove(&contest.number).is_none() {
            return;
        }
        for id in contest.definition().players() {
            let Some(player) = self.players.get_mut(id) else { continue };
            player.contests.retain(|(other, _)| !Arc::ptr_eq(other, contest));
            if player.contests.is_empty() {
                self.players.remove(id);
                self.hub.unfollow_for_contests(id);
            }
        }
    }

    fn end(&mut self, topic: &Topic) {
        self.moved.add(topic.id, topic.end());
        self.hub.drop_view(topic);
    }

    /// Lets a topic that somebody watches show what stands now.
    fn wanted(&mut self, topic: &Arc<Topic>) {
        let Some(about) = &topic.contest else { return };
        if about.contest.is_over() {
            self.end(topic);
            return;
        }
        // First, so that it finds its players.
        self.posted(about.contest.clone());
        about.contest.lock().watch(&about.contest, about.of, topic.clone());
        // Who is watched is drawn first.
        self.hub.contests().stirs().stir(&about.contest, false);
        self.moved_contests.insert(about.contest.number, about.contest.clone());
    }

    fn look_everywhere(&mut self) {
        let gone: Vec<Arc<Contest>> = self.contests.values().filter(|contest| contest.is_over()).cloned().collect();
        gone.iter().for_each(|contest| self.deleted(contest));
        self.hub.contests().all().into_iter().for_each(|contest| self.posted(contest));
        self.hub.all_views().iter().for_each(|topic| self.wanted(topic));
        self.to_look_at.extend(self.players.keys().cloned());
    }

    /// Sets what moved, and lets those topics show it that are watched. The shards begin with the first of many.
    fn show(&mut self, contest: &Arc<Contest>) {
        let hub = &self.hub;
        let level = hub.pressure().level();
        let ring_frames = level.ring_frames(hub.contests().limits().ring_frames);
        let (counts, moved) = (&mut self.counts, &mut self.moved);
        let mut live = contest.lock();
        live.show(contest, ring_frames, |topic, shards| {
            counts.shown += 1;
            moved.add(topic.id, shards);
            if hub.is_due(moved) {
                hub.tell(moved);
            }
        });
        if live.take_stirred() {
            hub.contests().stirs().stir(contest, true);
        }
    }
}

fn shown_game(topic: &Topic) -> Option<GameId> {
    topic.read(|history| history.game().map(|head| head.game.clone()))
}

/// Whether a player's game is over, of those that count; nothing where none of them is known. `shown` is the one that
/// his topic shows.
fn is_over(games: &HashMap<GameId, bool>, contest: &Contest, player: PlayerIndex, shown: Option<&GameId>) -> Option<bool> {
    let definition = contest.definition();
    let shown = shown.filter(|game| definition.counts(player, game));
    match (shown, definition.games_of(player)) {
        (Some(game), _) => games.get(game).copied(),
        // Any of them may be his.
        (None, named) => named
            .iter()
            .map(|game| games.get(game).copied())
            .reduce(|all, one| Some(all? && one?))?,
    }
}
