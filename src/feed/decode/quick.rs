//! Plays as feeds write them, in one pass over a line that is text.
//!
//! Takes only what needs no judgement: printable ASCII without escapes, known fields, each once, integers,
//! nothing `null`. Of any other line it says nothing, not even that it is wrong: the full decoder then
//! reads it from the start. What is returned here is what that would return; a property test holds both
//! to it. Measured in `benches/decode.rs`.

use super::{INTEGER_MAX, Limits, QUARTER_MAX, SECONDS_LEFT_MAX, TEAM_BYTES_MAX};
use crate::model::{Clock, FeedTime, GameId, PlayEvent, PlayId, PlayKind, PlayerId, Situation, StatRecord, Team, gsis, ids};
use smallvec::SmallVec;

/// Objects and arrays within each other in what is read here.
const DEPTH: usize = 3;

/// Digits that always fit an `i64`.
const DIGITS_MAX: usize = 18;

/// The line's play; nothing where the full decoder has to decide.
#[inline]
pub(super) fn play(line: &[u8], limits: &Limits) -> Option<PlayEvent> {
    if limits.depth_max < DEPTH {
        return None;
    }
    let line = std::str::from_utf8(line).ok()?;
    let mut rest = Rest {
        line,
        bytes: line.as_bytes(),
    };
    let (mut is_play, mut game, mut play, mut rev, mut ts, mut order) = (None, None, None, None, None, None);
    let (mut kind, mut no_play, mut clock, mut situation, mut stats) = (None, None, None, None, None);
    rest.members(|rest, key| match key {
        b"type" => put(&mut is_play, (rest.bytes(is_text)? == b"play").then_some(())?),
        b"game" => put(&mut game, rest.id()?),
        b"play" => put(&mut play, rest.id()?),
        b"rev" => put(&mut rev, rest.within(1, INTEGER_MAX)?),
        b"ts" => put(&mut ts, rest.integer()?),
        b"order" => put(&mut order, rest.within(0, INTEGER_MAX)?),
        b"play_type" => put(&mut kind, PlayKind::from_name(rest.text()?)),
        b"no_play" => put(&mut no_play, rest.truth()?),
        b"clock" => put(&mut clock, rest.usual_or(Rest::usual_clock, Rest::any_clock)?),
        b"situation" => put(&mut situation, rest.usual_or(Rest::usual_situation, Rest::any_situation)?),
        b"stats" => put(&mut stats, rest.stats(limits.stats_per_play_max)?),
        _ => None,
    })?;
    rest.end()?;
    is_play?;
    Some(PlayEvent {
        game: GameId::from_well_formed(game?),
        play: PlayId::from_well_formed(play?),
        rev: rev.unwrap_or(1) as u64,
        ts: ts.map(FeedTime),
        order: order.map(|order| order as u64),
        kind: kind.unwrap_or(PlayKind::Other),
        no_play: no_play.unwrap_or(false),
        clock,
        situation,
        stats: stats.unwrap_or_default(),
    })
}

/// Fills a field; nothing where it was given before.
#[inline]
fn put<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

/// Printable ASCII that stands for itself in a string.
#[inline]
fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

/// What is left of the line.
struct Rest<'l> {
    /// All of it: once it is known to be text, so is every piece.
    line: &'l str,
    bytes: &'l [u8],
}

impl<'l> Rest<'l> {
    /// Skips spaces and looks at what follows.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.bytes.first()? {
                b' ' => self.bytes = &self.bytes[1..],
                byte => return Some(byte),
            }
        }
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.bytes = &self.bytes[1..];
        Some(byte)
    }

    /// Takes what is expected to follow, to the byte.
    #[inline]
    fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.bytes = self.bytes.strip_prefix(text)?;
        Some(())
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// An object; `member` reads the value of each key.
    #[inline]
    fn members(&mut self, mut member: impl FnMut(&mut Rest<'l>, &'l [u8]) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        loop {
            // Whatever it holds, it is one of those that `member` knows or none.
            let key = self.bytes(|byte| byte != b'"')?;
            self.take(b':')?;
            member(self, key)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// What is between the quotes of a string for whose bytes `is_plain` holds.
    #[inline]
    fn bytes(&mut self, is_plain: impl Fn(u8) -> bool) -> Option<&'l [u8]> {
        self.take(b'"')?;
        let bytes = self.bytes.iter().position(|byte| !is_plain(*byte))?;
        let (text, after) = self.bytes.split_at(bytes);
        self.bytes = after.strip_prefix(b"\"")?;
        Some(text)
    }

    #[inline]
    fn string(&mut self, is_plain: impl Fn(u8) -> bool) -> Option<&'l str> {
        let bytes = self.bytes(is_plain)?;
        let end = self.line.len() - self.bytes.len() - 1;
        self.line.get(end - bytes.len()..end)
    }

    #[inline]
    fn text(&mut self) -> Option<&'l str> {
        self.string(is_text)
    }

    #[inline]
    fn id(&mut self) -> Option<&'l str> {
        self.string(ids::is_allowed)
            .filter(|id| (1..=ids::ID_BYTES_MAX).contains(&id.len()))
    }

    #[inline]
    fn team(&mut self) -> Option<Team> {
        self.id().filter(|team| team.len() <= TEAM_BYTES_MAX).map(Team::from_well_formed)
    }

    #[inline]
    fn integer(&mut self) -> Option<i64> {
        let is_negative = self.peek()? == b'-';
        let text = if is_negative { &self.bytes[1..] } else { self.bytes };
        let digits = text.iter().position(|byte| !byte.is_ascii_digit())?;
        let (number, after) = text.split_at(digits);
        // "0" alone may begin with 0, and "-0" is left to the full decoder with all fractions and exponents.
        let is_plain = match number {
            [] => false,
            [b'0'] => !is_negative,
            [first, ..] => *first != b'0' && digits <= DIGITS_MAX,
        };
        if !is_plain || matches!(after[0], b'.' | b'e' | b'E') {
            return None;
        }
        self.bytes = after;
        let magnitude = number.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(if is_negative { -magnitude } else { magnitude })
    }

    #[inline]
    fn within(&mut self, least: i64, most: i64) -> Option<i64> {
        self.integer().filter(|number| (least..=most).contains(number))
    }

    #[inline]
    fn truth(&mut self) -> Option<bool> {
        self.peek()?;
        let (truth, after) = match self.bytes {
            [b't', b'r', b'u', b'e', after @ ..] => (true, after),
            [b'f', b'a', b'l', b's', b'e', after @ ..] => (false, after),
            _ => return None,
        };
        self.bytes = after;
        Some(truth)
    }

    /// What `usual` reads where the value is written as this project writes it, field by field, else what
    /// `any` reads: finding out which field is next costs more than to read it.
    #[inline]
    fn usual_or<T>(&mut self, usual: impl FnOnce(&mut Rest<'l>) -> Option<T>, any: impl FnOnce(&mut Rest<'l>) -> Option<T>) -> Option<T> {
        let before = self.bytes;
        usual(self).or_else(|| {
            self.bytes = before;
            any(self)
        })
    }

    #[inline]
    fn quarter(&mut self) -> Option<u8> {
        Some(self.within(0, i64::from(QUARTER_MAX))? as u8)
    }

    #[inline]
    fn seconds_left(&mut self) -> Option<u16> {
        Some(self.within(0, i64::from(SECONDS_LEFT_MAX))? as u16)
    }

    #[inline]
    fn usual_clock(&mut self) -> Option<Clock> {
        self.expect(br#"{"quarter":"#)?;
        let quarter = self.quarter()?;
        self.expect(br#","seconds_left":"#)?;
        let seconds_left = self.seconds_left()?;
        self.expect(b"}")?;
        Some(Clock { quarter, seconds_left })
    }

    fn any_clock(&mut self) -> Option<Clock> {
        let (mut quarter, mut seconds_left) = (None, None);
        self.members(|rest, key| match key {
            b"quarter" => put(&mut quarter, rest.quarter()?),
            b"seconds_left" => put(&mut seconds_left, rest.seconds_left()?),
            _ => None,
        })?;
        Some(Clock {
            quarter: quarter?,
            seconds_left: seconds_left?,
        })
    }

    #[inline]
    fn usual_situation(&mut self) -> Option<Situation> {
        self.expect(br#"{"down":"#)?;
        let down = self.down()?;
        self.expect(br#","distance":"#)?;
        let distance = self.distance()?;
        self.expect(br#","yards_to_goal":"#)?;
        let yards_to_goal = self.yards_to_goal()?;
        self.expect(br#","possession":"#)?;
        let possession = self.team()?;
        self.expect(br#","shotgun":"#)?;
        let shotgun = self.truth()?;
        self.expect(br#","no_huddle":"#)?;
        let no_huddle = self.truth()?;
        self.expect(b"}")?;
        Some(Situation {
            down: (down != 0).then_some(down),
            distance: Some(distance),
            yards_to_goal: Some(yards_to_goal),
            possession: Some(possession),
            shotgun: Some(shotgun),
            no_huddle: Some(no_huddle),
        })
    }

    #[inline]
    fn down(&mut self) -> Option<u8> {
        Some(self.within(0, 4)? as u8)
    }

    #[inline]
    fn distance(&mut self) -> Option<u8> {
        Some(self.within(0, 99)? as u8)
    }

    #[inline]
    fn yards_to_goal(&mut self) -> Option<u8> {
        Some(self.within(0, 100)? as u8)
    }

    fn any_situation(&mut self) -> Option<Situation> {
        let mut situation = Situation::default();
        let mut down = None;
        self.members(|rest, key| match key {
            b"down" => put(&mut down, rest.down()?),
            b"distance" => put(&mut situation.distance, rest.distance()?),
            b"yards_to_goal" => put(&mut situation.yards_to_goal, rest.yards_to_goal()?),
            b"possession" => put(&mut situation.possession, rest.team()?),
            b"shotgun" => put(&mut situation.shotgun, rest.truth()?),
            b"no_huddle" => put(&mut situation.no_huddle, rest.truth()?),
            _ => None,
        })?;
        situation.down = down.filter(|down| *down != 0);
        Some(situation)
    }

    #[inline]
    fn stats(&mut self, count_max: usize) -> Option<SmallVec<[StatRecord; 4]>> {
        let mut stats = SmallVec::new();
        self.take(b'[')?;
        if self.peek()? == b']' {
            self.bytes = &self.bytes[1..];
            return Some(stats);
        }
        loop {
            if stats.len() == count_max {
                return None;
            }
            self.usual_or(Rest::usual_record, Rest::any_record)?.check_into(&mut stats)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(stats),
                _ => return None,
            }
        }
    }

    #[inline]
    fn usual_record(&mut self) -> Option<Record<'l>> {
        self.expect(br#"{"player":"#)?;
        let player = self.player()?;
        self.expect(br#","team":"#)?;
        let team = self.id()?;
        self.expect(br#","stat":"#)?;
        let stat = self.stat()?;
        self.expect(br#","yards":"#)?;
        let yards = self.yards()?;
        self.expect(b"}")?;
        Some(Record {
            player: Some(player),
            team: Some(team),
            stat: Some(stat),
            yards: Some(yards),
        })
    }

    #[inline]
    fn player(&mut self) -> Option<&'l str> {
        self.string(ids::is_allowed)
    }

    #[inline]
    fn stat(&mut self) -> Option<u16> {
        Some(self.within(0, i64::from(u16::MAX))? as u16)
    }

    #[inline]
    fn yards(&mut self) -> Option<i16> {
        Some(self.within(-i64::from(gsis::YARDS_ABS_MAX), i64::from(gsis::YARDS_ABS_MAX))? as i16)
    }

    fn any_record(&mut self) -> Option<Record<'l>> {
        let mut record = Record::default();
        self.members(|rest, key| match key {
            b"player" => put(&mut record.player, rest.player()?),
            b"team" => put(&mut record.team, rest.id()?),
            b"stat" => put(&mut record.stat, rest.stat()?),
            b"yards" => put(&mut record.yards, rest.yards()?),
            _ => None,
        })?;
        Some(record)
    }
}

/// The fields of a stat record.
#[derive(Default)]
struct Record<'l> {
    player: Option<&'l str>,
    team: Option<&'l str>,
    stat: Option<u16>,
    yards: Option<i16>,
}

impl Record<'_> {
    #[inline]
    fn check_into(self, stats: &mut SmallVec<[StatRecord; 4]>) -> Option<()> {
        let player = self.player.filter(|player| !super::events::is_team_record(player));
        if player.is_some_and(|player| player.starts_with(ids::DST_PREFIX) || player.len() > ids::ID_BYTES_MAX) {
            return None;
        }
        stats.push(StatRecord {
            player: player.map(PlayerId::from_well_formed),
            team: self.team.filter(|team| team.len() <= TEAM_BYTES_MAX).map(Team::from_well_formed)?,
            stat: self.stat.filter(|stat| gsis::effect(*stat).is_some())?,
            yards: self.yards.unwrap_or(0),
        });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::*;
    use crate::feed::{simulator, write_line};
    use crate::model::Event;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn lines() -> Vec<Vec<u8>> {
        let plays = simulator::distinct_plays(3, 200);
        let line = |event: &Event| {
            let mut line = Vec::new();
            write_line(event, &mut line);
            line.pop_if(|byte| *byte == b'\n');
            line
        };
        plays.iter().map(line).collect()
    }

    /// What this says of a line and what the full decoder says.
    fn both(decoder: &mut Decoder, line: &[u8]) -> (Option<Event>, Option<Event>) {
        let full = decoder.full(line).ok();
        (play(line, &Limits::default()).map(Event::Play), full)
    }

    #[test]
    fn plays_as_feeds_write_them_are_taken() {
        let mut decoder = Decoder::default();
        for line in lines() {
            let (quick, full) = both(&mut decoder, &line);
            assert!(quick.is_some() && quick == full, "{}", String::from_utf8_lossy(&line));
        }
        let spaced =
            br#" { "type": "play", "game": "g", "play": "1", "stats": [ { "player": "0", "team": "AA", "stat": 10, "yards": -3 } ] } "#;
        let (quick, full) = both(&mut decoder, spaced);
        assert!(quick.is_some() && quick == full);
    }

    /// What `read` takes of the object that stands in `line` after `key`, where it takes all of it.
    fn value<'l, T>(line: &'l str, key: &str, read: impl FnOnce(&mut Rest<'l>) -> Option<T>) -> Option<T> {
        let (_, after) = line.split_once(key)?;
        let (line, _) = after.split_at(after.find('}')? + 1);
        let bytes = line.as_bytes();
        let mut rest = Rest { line, bytes };
        read(&mut rest).filter(|_| rest.bytes.is_empty())
    }

    /// Any other order gives the same play, only later: nothing else would tell.
    #[test]
    fn values_as_this_project_writes_them_are_taken_field_by_field() {
        let team = Team::new("AAA").unwrap();
        let written = PlayEvent {
            game: GameId::new("g").unwrap(),
            play: PlayId::new("1").unwrap(),
            rev: 1,
            ts: None,
            order: None,
            kind: PlayKind::Run,
            no_play: false,
            clock: Some(Clock {
                quarter: 2,
                seconds_left: 61,
            }),
            situation: Some(Situation {
                down: Some(3),
                distance: Some(10),
                yards_to_goal: Some(55),
                possession: Some(team.clone()),
                shotgun: Some(true),
                no_huddle: Some(false),
            }),
            stats: SmallVec::from_iter([StatRecord {
                player: Some(PlayerId::new("p-0").unwrap()),
                team,
                stat: 10,
                yards: -3,
            }]),
        };
        let mut line = Vec::new();
        write_line(&Event::Play(written.clone()), &mut line);
        let line = std::str::from_utf8(&line).unwrap();
        assert_eq!(value(line, r#""clock":"#, Rest::usual_clock), written.clock, "{line}");
        assert_eq!(value(line, r#""situation":"#, Rest::usual_situation), written.situation, "{line}");
        let mut stats = SmallVec::new();
        let record = value(line, r#""stats":["#, Rest::usual_record);
        assert!(record.is_some_and(|record| record.check_into(&mut stats).is_some()), "{line}");
        assert_eq!(stats, written.stats);
    }

    #[test]
    fn what_needs_judgement_is_left_to_the_full_decoder() {
        let limits = Limits::default();
        for line in [
            r#"{"type":"play","game":"g","play":"1","rev":null}"#,
            r#"{"type":"play","game":"g","play":"1","rev":1,"rev":1}"#,
            r#"{"type":"play","game":"g","play":"1","rev":0}"#,
            r#"{"type":"play","game":"g","play":"1","rev":01}"#,
            r#"{"type":"play","game":"g","play":"1","rev":1.0}"#,
            r#"{"type":"play","game":"g","play":"1","ts":-0}"#,
            r#"{"type":"play","game":"g","play":"1","ts":9999999999999999999}"#,
            r#"{"type":"play","game":"g","play":"1","weather":"rain"}"#,
            r#"{"type":"play","game":"g\u0041","play":"1"}"#,
            r#"{"type":"play","game":"é","play":"1"}"#,
            r#"{"type":"play","game":"g","play":"1","stats":[{"player":"dst:NE","team":"NE","stat":10}]}"#,
            r#"{"type":"play","game":"g","play":"1"} x"#,
            r#"{"type":"play","game":"g","play":"1","#,
            r#"{"type":"play","game":"g","play":"1",}"#,
            r#"{"type":"retract","game":"g","play":"1"}"#,
            r#"{"type":"play","game":"g"}"#,
            "",
        ] {
            assert!(play(line.as_bytes(), &limits).is_none(), "{line}");
        }
    }

    #[test]
    fn a_limit_that_the_full_decoder_holds_is_held_here() {
        for line in lines().iter().take(20) {
            for max in 0..8 {
                let shallow = Limits {
                    depth_max: max,
                    ..Limits::default()
                };
                let few = Limits {
                    stats_per_play_max: max,
                    ..Limits::default()
                };
                for limits in [shallow, few] {
                    if let Some(quick) = play(line, &limits) {
                        assert_eq!(Decoder::new(limits).full(line), Ok(Event::Play(quick)));
                    }
                }
            }
        }
    }

    /// Bytes that mean something in a line.
    const BYTES: &[u8] = b"{}[],:\"\\ \t0123456789-+.eEtruefalsn_dp/<\x00\x7f\xc3\xa9";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn it_never_differs_from_the_full_decoder(
            which in any::<Index>(),
            edits in prop::collection::vec((any::<Index>(), 0..4u8, prop::sample::select(BYTES), any::<Index>()), 0..6),
        ) {
            let lines = lines();
            let mut line = which.get(&lines).clone();
            for (at, how, byte, length) in edits {
                let at = at.index(line.len());
                match how {
                    0 => line[at] = byte,
                    1 => line.insert(at, byte),
                    2 => drop(line.remove(at)),
                    // A piece again: fields, digits and brackets twice.
                    _ => {
                        let piece = line[at..at + length.index((line.len() - at).min(24))].to_vec();
                        line.splice(at..at, piece);
                    }
                }
            }
            let mut decoder = Decoder::default();
            if let (Some(quick), full) = both(&mut decoder, &line) {
                prop_assert_eq!(Some(quick), full, "{}", String::from_utf8_lossy(&line));
            }
        }
    }
}
