//! Whose word stands where several feeds tell of one game.
//!
//! ```text
//! word of feed T on an item ─┬─ nobody holds it, T does, or T ranks above who does ─▶ it stands
//!                            ├─ who holds it is silent                             ─▶ it stands
//!                            └─ else it is outranked; where it differs, it waits for that silence
//! ```
//!
//! Owns, for each item of a game: which feed holds it, what the others said last, and the words that wait;
//! and which feeds are silent. What stands where nobody is silent is the best-ranked feed's highest revision,
//! whatever the order. Never touches stats; reads no clock: that a feed is silent is said from outside
//! (`Feeds::silence`), in order with the events. Bounded: [`SOURCES_MAX`] words an item, [`WAITING_MAX`] that
//! wait; the items are the ledger's.

use super::sequence::Heard;
use crate::model::{Event, GameStatus, IngestTime, Rev, SOURCES_MAX, Score, SourceId};
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// Most words of one game that wait for a feed's silence. A feed says two things a play: a whole game fits
/// twice. Those beyond that are counted as differences, but fill no silence.
pub const WAITING_MAX: usize = 1024;

/// What a difference between two feeds is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// Stat records, a score, a status, teams, or whether a play stands at all.
    Points,
    /// What is only shown: clock, situation, timeouts, kickoff, the place of a play.
    View,
}

impl About {
    /// Both, by their place in counts.
    pub const ALL: [About; 2] = [About::Points, About::View];

    /// Stable name, for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            About::Points => "points",
            About::View => "view",
        }
    }
}

/// Why a feed's word took the place of another feed's, which said something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takeover {
    /// It ranks above it.
    Rank,
    /// The other one is silent.
    Silence,
}

impl Takeover {
    /// Both, by their place in counts.
    pub const ALL: [Takeover; 2] = [Takeover::Rank, Takeover::Silence];

    /// Stable name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Takeover::Rank => "rank",
            Takeover::Silence => "silence",
        }
    }
}

/// What a word brought about between feeds; nothing, where there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BetweenFeeds {
    /// From here on this feed says something else of the item.
    pub differs: Option<(SourceId, About)>,
    /// Another feed's word, which said something else, stands no more.
    pub takeover: Option<Takeover>,
}

/// Items on which feeds differ now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Differences {
    /// In what scores.
    pub points: u32,
    /// In what is only shown.
    pub view: u32,
}

/// What feeds speak of. Plays and the snaps after them go by the play's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Play(u32),
    Snap(u32),
    Opening,
    Game,
}

/// What a word says, as fingerprints: equal words have equal ones. Of `ts`, `rev` and the kind of play,
/// which neither score nor show, nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Said {
    points: u64,
    view: u64,
}

impl Said {
    pub(super) fn of(event: &Event, hasher: &impl BuildHasher) -> Said {
        let score = |score: Option<&Score>| score.map(|score| unordered(score.0.iter().map(|entry| hasher.hash_one(entry))));
        let (points, view) = match event {
            Event::Play(e) => {
                let records = e.stats.iter().map(|record| hasher.hash_one(record));
                // As it counts: see `state::items`.
                let order = e.order.or_else(|| e.play.order()).unwrap_or(0);
                let view = hasher.hash_one((order, e.clock, &e.situation));
                (hasher.hash_one((true, unordered(records))), view)
            }
            Event::Retract(_) => (hasher.hash_one(false), 0),
            Event::Situation(e) => {
                let view = hasher.hash_one((e.clock, &e.situation, score(e.timeouts.as_ref())));
                (hasher.hash_one(score(e.score.as_ref())), view)
            }
            Event::Game(e) => {
                let points = hasher.hash_one((e.status, &e.home, &e.away, score(e.score.as_ref())));
                (points, hasher.hash_one(e.kickoff))
            }
            Event::Players(_) => (0, 0),
        };
        Said { points, view }
    }
}

/// One number for a multiset.
fn unordered(hashes: impl Iterator<Item = u64>) -> u64 {
    hashes.fold(0, u64::wrapping_add)
}

/// A feed's last word on an item.
#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) source: SourceId,
    pub(super) rev: Rev,
    /// Whether the item stands or is dead, by it.
    pub(super) heard: Heard,
    pub(super) said: Said,
}

/// One item: who holds it, and what it says; what the others said last.
#[derive(Default)]
struct Claims {
    holder: Option<SourceId>,
    said: Said,
    others: SmallVec<[Word; 1]>,
}

impl Claims {
    fn is_known_to(&self, source: SourceId) -> bool {
        self.holder == Some(source) || self.of_other(source).is_some()
    }

    fn of_other(&self, source: SourceId) -> Option<&Word> {
        self.others.iter().find(|word| word.source == source)
    }

    /// The best-ranked other feed that says something else in what scores; if none, in what is shown.
    fn differs(&self) -> Option<(SourceId, About)> {
        let other = |is_other: fn(&Said, &Said) -> bool| {
            let others = self.others.iter().filter(|word| is_other(&word.said, &self.said));
            others.map(|word| word.source).min()
        };
        let points = other(|a, b| a.points != b.points).map(|source| (source, About::Points));
        points.or_else(|| other(|a, b| a.view != b.view).map(|source| (source, About::View)))
    }

    /// That word stands from here. `held` is what stood: a revision, and whether it stood or was dead.
    fn hand_to(&mut self, word: Word, held: (Heard, Rev)) {
        self.others.retain(|other| other.source != word.source);
        if let Some(source) = self.holder.filter(|holder| *holder != word.source) {
            let (heard, rev) = held;
            let said = self.said;
            self.others.push(Word { source, rev, heard, said });
        }
        (self.holder, self.said) = (Some(word.source), word.said);
    }
}

/// All items.
#[derive(Default)]
struct Items {
    plays: Vec<Claims>,
    snaps: Vec<Claims>,
    opening: Claims,
    game: Claims,
}

impl Items {
    fn get(&self, item: Item) -> Option<&Claims> {
        match item {
            Item::Play(place) => self.plays.get(place as usize),
            Item::Snap(place) => self.snaps.get(place as usize),
            Item::Opening => Some(&self.opening),
            Item::Game => Some(&self.game),
        }
    }

    fn get_mut(&mut self, item: Item) -> &mut Claims {
        let (claims, place) = match item {
            Item::Play(place) => (&mut self.plays, place as usize),
            Item::Snap(place) => (&mut self.snaps, place as usize),
            Item::Opening => return &mut self.opening,
            Item::Game => return &mut self.game,
        };
        if claims.len() <= place {
            claims.resize_with(place + 1, Claims::default);
        }
        &mut claims[place]
    }

    fn holder(&self, item: Item) -> Option<SourceId> {
        self.get(item).and_then(|claims| claims.holder)
    }
}

/// A word that is outranked and differs from what stands: it takes over if who holds the item is silent.
pub(super) struct Waiting {
    pub(super) item: Item,
    pub(super) word: Word,
    pub(super) event: Box<Event>,
    pub(super) ingest: IngestTime,
    /// Which of the game's words it is.
    nth: u64,
}

impl Waiting {
    /// Whether it came after all that was said of the game by who holds its item.
    fn is_newer(&self, items: &Items, last: &[u64; SOURCES_MAX]) -> bool {
        items.holder(self.item).is_some_and(|holder| self.nth > last[holder.index()])
    }
}

/// What becomes of a word.
pub(super) enum Ruling {
    /// No higher a revision than that feed's last word on the item, which left it as told here.
    Repeated(Heard),
    /// A better feed's word stands.
    Outranked(BetweenFeeds),
    /// It stands.
    Stands(BetweenFeeds),
}

/// How far a game is, for telling that a feed is behind.
fn phase(status: GameStatus) -> u8 {
    match status {
        GameStatus::Scheduled => 0,
        GameStatus::Live | GameStatus::Halftime => 1,
        GameStatus::Final => 2,
    }
}

/// Feeds as bits.
type Sources = u8;

fn bit(source: SourceId) -> Sources {
    1 << source.index()
}

/// What the feeds of one game say.
pub(super) struct Feeds {
    items: Items,
    /// By rank, of one feed in the order in which they came.
    waiting: Vec<Waiting>,
    /// How many feeds there may be.
    count: u8,
    silent: Sources,
    /// Those of whom another feed has told something that they have not, since they last said anything.
    behind: Sources,
    /// How many words were said of the game, repetitions not counted.
    words: u64,
    /// Which of them was each feed's last; 0 for none.
    last: [u64; SOURCES_MAX],
    /// How far the game is by each feed's last announcement.
    phases: [Option<u8>; SOURCES_MAX],
    differences: Differences,
}

impl Feeds {
    pub(super) fn new(count: u8) -> Feeds {
        Feeds {
            items: Items::default(),
            waiting: Vec::new(),
            count,
            silent: 0,
            behind: 0,
            words: 0,
            last: [0; SOURCES_MAX],
            phases: [None; SOURCES_MAX],
            differences: Differences::default(),
        }
    }

    /// Decides on a word and remembers it. `held` is what stands of the item now.
    pub(super) fn weigh(&mut self, item: Item, word: Word, held: (Heard, Rev), event: &Event, ingest: IngestTime) -> Ruling {
        let source = word.source;
        let claims = self.items.get_mut(item);
        let last = match claims.holder {
            Some(holder) if holder == source => Some(held),
            _ => claims.of_other(source).map(|last| (last.heard, last.rev)),
        };
        if let Some((heard, rev)) = last
            && word.rev <= rev
        {
            return Ruling::Repeated(heard);
        }
        self.words += 1;
        self.last[source.index()] = self.words;
        self.silent &= !bit(source);
        self.behind &= !bit(source);

        let (before, holder) = (claims.differs(), claims.holder);
        let is_filling = holder.is_some_and(|holder| holder < source && self.silent & bit(holder) != 0);
        let stands = is_filling || holder.is_none_or(|holder| source <= holder);
        let is_news = claims.said != word.said;
        let mut takeover = None;
        if stands {
            let is_handed = is_news && holder.is_some_and(|holder| holder != source);
            takeover = is_handed.then_some(if is_filling { Takeover::Silence } else { Takeover::Rank });
            claims.hand_to(word, held);
        } else {
            claims.others.retain(|other| other.source != source);
            claims.others.push(word);
        }
        let after = claims.differs();
        self.recount(before, after);
        self.let_wait(item, word, (!stands && is_news).then_some((event, ingest)));
        self.notice(item, source, event);
        let differs = match (before, after) {
            (None, Some(differs)) | (Some((_, About::View)), Some(differs @ (_, About::Points))) => Some(differs),
            _ => None,
        };
        match (stands, holder) {
            (false, Some(holder)) => Ruling::Outranked(BetweenFeeds {
                differs: differs.map(|(_, about)| (holder, about)),
                takeover,
            }),
            _ => Ruling::Stands(BetweenFeeds { differs, takeover }),
        }
    }

    /// Keeps the words that wait as they should be after that feed has spoken: of it only the last one on each
    /// item, of others none that is older than what it said, where it holds the item.
    fn let_wait(&mut self, item: Item, word: Word, event: Option<(&Event, IngestTime)>) {
        let (items, last, source) = (&self.items, &self.last, word.source);
        let is_last = |waiting: &Waiting| waiting.word.source != source || waiting.item != item;
        self.waiting.retain(|waiting| is_last(waiting) && waiting.is_newer(items, last));
        if let Some((event, ingest)) = event
            && self.waiting.len() < WAITING_MAX
        {
            let place = self.waiting.partition_point(|waiting| waiting.word.source <= source);
            let waiting = Waiting {
                item,
                word,
                event: Box::new(event.clone()),
                ingest,
                nth: self.words,
            };
            self.waiting.insert(place, waiting);
        }
    }

    /// Notices who is behind: who has not spoken of a play that has stats, or of the game having begun or ended.
    fn notice(&mut self, item: Item, source: SourceId, event: &Event) {
        let is_behind: &dyn Fn(SourceId) -> bool = match event {
            Event::Play(play) if !play.stats.is_empty() => {
                let claims = self.items.get(item);
                &move |other| claims.is_none_or(|claims| !claims.is_known_to(other))
            }
            Event::Game(game) => {
                let now = phase(game.status);
                self.phases[source.index()] = Some(now);
                let phases = self.phases;
                &move |other| phases[other.index()].is_some_and(|phase| phase < now)
            }
            _ => return,
        };
        let others = (0..self.count).map(SourceId).filter(|other| *other != source);
        self.behind |= others.filter(|other| is_behind(*other)).map(bit).fold(0, |all, bit| all | bit);
    }

    fn recount(&mut self, before: Option<(SourceId, About)>, after: Option<(SourceId, About)>) {
        let mut change = |differs: Option<(SourceId, About)>, step: fn(u32, u32) -> u32| match differs {
            Some((_, About::Points)) => self.differences.points = step(self.differences.points, 1),
            Some((_, About::View)) => self.differences.view = step(self.differences.view, 1),
            None => {}
        };
        change(before, u32::saturating_sub);
        change(after, u32::saturating_add);
    }

    /// That feed is silent, where it is still behind. Whether that is new; then the words that waited for it
    /// take over, one after the other ([`Feeds::next`], [`Feeds::hand`]).
    pub(super) fn silence(&mut self, source: SourceId) -> bool {
        let is_new = self.behind & !self.silent & bit(source) != 0;
        if is_new {
            self.silent |= bit(source);
        }
        is_new
    }

    /// A word that waited for the silence of the feed that holds its item. It waits no more.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        if self.silent == 0 {
            return None;
        }
        let is_due = |waiting: &Waiting| {
            let holder = self.items.holder(waiting.item);
            holder.is_some_and(|holder| self.is_silent(holder)) && waiting.is_newer(&self.items, &self.last)
        };
        let place = self.waiting.iter().position(is_due)?;
        Some(self.waiting.remove(place))
    }

    /// That word, which waited, stands from here. `held` is what stood of its item. What that brought about,
    /// if it differs at all from what stands by now.
    pub(super) fn hand(&mut self, item: Item, word: Word, held: (Heard, Rev)) -> Option<BetweenFeeds> {
        let claims = self.items.get_mut(item);
        if claims.said == word.said {
            return None;
        }
        let before = claims.differs();
        claims.hand_to(word, held);
        let after = claims.differs();
        self.recount(before, after);
        Some(BetweenFeeds {
            differs: None,
            takeover: Some(Takeover::Silence),
        })
    }

    pub(super) fn is_silent(&self, source: SourceId) -> bool {
        self.silent & bit(source) != 0
    }

    /// Feeds that are behind and not silent yet, each with which of the game's words was its last.
    pub(super) fn behind(&self) -> impl Iterator<Item = (SourceId, u64)> {
        let late = self.behind & !self.silent;
        let sources = (0..self.count).map(SourceId).filter(move |source| late & bit(*source) != 0);
        sources.map(|source| (source, self.last[source.index()]))
    }

    pub(super) fn differences(&self) -> Differences {
        self.differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Decoder;
    use crate::feed::sequence::{Ledger, Verdict};
    use crate::model::Origin;
    use foldhash::fast::RandomState;

    fn event(line: &str) -> Event {
        Decoder::default().line(line.as_bytes()).unwrap()
    }

    fn run(play: usize, yards: u8) -> Event {
        event(&format!(
            r#"{{"type":"play","game":"g","play":"{play}","stats":[{{"player":"a","team":"AAA","stat":10,"yards":{yards}}}]}}"#
        ))
    }

    /// Both sides' words, compared in what scores and in what is shown.
    fn same(a: &str, b: &str) -> (bool, bool) {
        let hasher = RandomState::default();
        let [a, b] = [a, b].map(|line| Said::of(&event(line), &hasher));
        (a.points == b.points, a.view == b.view)
    }

    #[test]
    fn words_are_equal_where_they_score_and_show_the_same() {
        for (a, b, equal) in [
            // Records are a multiset, whatever the kind of play and the feed's clock.
            (
                r#"{"type":"play","game":"g","play":"7","rev":2,"ts":5,"play_type":"run","stats":[{"player":"a","team":"A","stat":10,"yards":1},{"player":"b","team":"A","stat":10,"yards":1},{"player":"b","team":"A","stat":10,"yards":1}]}"#,
                r#"{"type":"play","game":"g","play":"7","order":7,"stats":[{"player":"b","team":"A","stat":10,"yards":1},{"player":"a","team":"A","stat":10,"yards":1},{"player":"b","team":"A","stat":10,"yards":1}]}"#,
                (true, true),
            ),
            (
                r#"{"type":"play","game":"g","play":"7","stats":[{"player":"a","team":"A","stat":10,"yards":1}]}"#,
                r#"{"type":"play","game":"g","play":"7","stats":[{"player":"a","team":"A","stat":10,"yards":1},{"player":"a","team":"A","stat":10,"yards":1}]}"#,
                (false, true),
            ),
            (
                r#"{"type":"play","game":"g","play":"7"}"#,
                r#"{"type":"play","game":"g","play":"7","order":8}"#,
                (true, false),
            ),
            (
                r#"{"type":"play","game":"g","play":"0"}"#,
                r#"{"type":"retract","game":"g","play":"0"}"#,
                (false, false),
            ),
            (
                r#"{"type":"situation","game":"g","score":{"A":1,"B":2},"timeouts":{"A":3,"B":2}}"#,
                r#"{"type":"situation","game":"g","score":{"B":2,"A":1},"timeouts":{"B":2,"A":3}}"#,
                (true, true),
            ),
            (
                r#"{"type":"situation","game":"g","score":{"A":1,"B":2},"down":1}"#,
                r#"{"type":"situation","game":"g","score":{"A":2,"B":1},"down":2}"#,
                (false, false),
            ),
            (
                r#"{"type":"game","game":"g","status":"live","home":"A","away":"B","kickoff":1}"#,
                r#"{"type":"game","game":"g","status":"live","home":"A","away":"B","kickoff":2}"#,
                (true, false),
            ),
        ] {
            assert_eq!(same(a, b), equal, "{a}\n{b}");
        }
    }

    #[test]
    fn the_words_that_wait_are_bounded() {
        let mut ledger = Ledger::new(2);
        let mut tell = |source, event: Event| {
            let origin = Origin {
                source: SourceId(source),
                ingest: IngestTime(1),
            };
            ledger.admit(&event, origin, 4_096).verdict
        };
        let plays = WAITING_MAX + 10;
        for play in 0..plays {
            tell(0, run(play, 1));
        }
        for play in 0..plays {
            assert_eq!(tell(1, run(play, 2)), Verdict::Outranked);
        }
        tell(1, run(plays, 1));
        assert_eq!(ledger.differences().points as usize, plays);
        assert!(ledger.silence(SourceId(0)));
        let filled = std::iter::from_fn(|| ledger.fill(|_| true)).count();
        assert_eq!(filled, WAITING_MAX);
    }

    #[test]
    fn an_item_takes_little_memory() {
        assert!(size_of::<Claims>() <= 64, "{}", size_of::<Claims>());
    }
}
