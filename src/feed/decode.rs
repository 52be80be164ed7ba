//! One line of the feed to one checked [`Event`], or to a [`LineError`] that says what and where.
//!
//! Owns the reused buffers of one thread and every limit on what a feed may say. simd-json parses a
//! copy of the line into a tape; flat sets of fields, borrowed from it, are checked by hand. Never
//! keeps anything of a line, never decides what an event does. Unknown fields are ignored, `null` is
//! absent, a known field given twice is refused. Bounded by [`Limits`]: the buffers grow to the longest
//! accepted line and about 24 bytes for each of its values. Measured in `benches/decode.rs`.

mod error;
mod value;

pub use error::{LineCode, LineError};

use crate::model::{
    Clock, Event, FeedTime, GameEvent, GameId, GameStatus, PlayEvent, PlayId, PlayKind, PlayerId, PlayerInfo, Retraction, Rev, Score,
    Situation, SituationEvent, StatRecord, Team, gsis, ids,
};
use simd_json::{Buffers, INPUT_PADDING, Tape};
use smallvec::SmallVec;
use value::{Field, Members, Value};

/// What a line may hold at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line. A decoder's buffers grow to several times the longest one.
    pub line_bytes_max: usize,
    /// Stat records of a play.
    pub stats_per_play_max: usize,
    /// Players of a `players` line.
    pub players_per_line_max: usize,
    /// Objects and arrays within each other; unknown fields count too.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line_bytes_max: 65_536,
            stats_per_play_max: 64,
            players_per_line_max: 200,
            depth_max: 32,
        }
    }
}

/// Largest revision and order: the largest integer that every JSON reader holds exactly.
pub const INTEGER_MAX: i64 = 1 << 53;
/// Latest quarter accepted: the sixth overtime.
pub const QUARTER_MAX: u8 = 10;
/// Most seconds left in a quarter.
pub const SECONDS_LEFT_MAX: u16 = 3_600;
/// Most points of a team.
pub const SCORE_MAX: u16 = 300;
/// Most characters of a player's name.
pub const NAME_CHARS_MAX: usize = 100;
/// Most characters of a position.
pub const POSITION_CHARS_MAX: usize = 8;
/// Longest team, in bytes: the id of its defence, `dst:TEAM`, must be an id too.
pub const TEAM_BYTES_MAX: usize = ids::ID_BYTES_MAX - ids::DST_PREFIX.len();

/// Declares the fields known in one kind of object. `read` sorts an object's members into them.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($field:ident = $key:literal,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name<'t, 'i> { $($field: Option<Value<'t, 'i>>,)* }

        impl<'t, 'i> $name<'t, 'i> {
            #[inline]
            fn read(members: Members<'t, 'i>) -> Result<Self, LineError> {
                let mut found = Self::default();
                for (key, value) in members {
                    let slot = match key {
                        $($key => &mut found.$field,)*
                        _ => continue,
                    };
                    if slot.replace(value).is_some() {
                        return Err(given_twice(key));
                    }
                }
                Ok(found)
            }

            $(#[inline] fn $field(&self) -> Field<'t, 'i> {
                Field { name: $key, value: self.$field }
            })*
        }
    };
}

fields!(
    /// The fields of a line, whatever its type; those of the coming snap are in [`Snap`].
    Line {
        kind = "type",
        game = "game",
        play = "play",
        rev = "rev",
        ts = "ts",
        order = "order",
        play_type = "play_type",
        no_play = "no_play",
        clock = "clock",
        situation = "situation",
        stats = "stats",
        after_play = "after_play",
        score = "score",
        timeouts = "timeouts",
        status = "status",
        home = "home",
        away = "away",
        kickoff = "kickoff",
        players = "players",
    }
);
fields!(Record { player = "player", team = "team", stat = "stat", yards = "yards", });
fields!(ClockFields { quarter = "quarter", seconds_left = "seconds_left", });
fields!(Snap {
    down = "down",
    distance = "distance",
    yards_to_goal = "yards_to_goal",
    possession = "possession",
    shotgun = "shotgun",
    no_huddle = "no_huddle",
});
fields!(Player { player = "player", name = "name", team = "team", position = "position", });

#[cold]
fn given_twice(key: &str) -> LineError {
    LineError::new(LineCode::DuplicateField, format!("{key}: given twice"))
}

/// Decodes lines on one thread.
pub struct Decoder {
    limits: Limits,
    /// The line being parsed, followed by the padding that simd-json reads over.
    copy: Vec<u8>,
    buffers: Buffers,
    /// Empty between lines.
    tape: Tape<'static>,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new(Limits::default())
    }
}

impl Decoder {
    /// A decoder with those limits.
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            copy: Vec::new(),
            buffers: Buffers::with_max_depth(1_024, limits.depth_max),
            tape: Tape(Vec::new()),
            limits,
        }
    }

    /// Decodes and checks one line, without its line end.
    pub fn line(&mut self, line: &[u8]) -> Result<Event, LineError> {
        let limits = &self.limits;
        if line.len() > limits.line_bytes_max {
            return Err(too_long(line.len(), limits.line_bytes_max));
        }
        self.copy.clear();
        self.copy.extend_from_slice(line);
        self.copy.resize(line.len() + INPUT_PADDING, b' ');
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let result = match simd_json::fill_tape_padded(&mut self.copy, line.len(), &mut self.buffers, &mut tape) {
            Ok(()) => event(Value::root(&tape), limits),
            Err(e) => Err(error::malformed(line, &e, limits.depth_max)),
        };
        self.tape = tape.reset();
        result
    }
}

#[cold]
fn too_long(bytes: usize, limit: usize) -> LineError {
    LineError::new(LineCode::LineTooLong, format!("line: {bytes} bytes, at most {limit}"))
}

fn event(root: Value<'_, '_>, limits: &Limits) -> Result<Event, LineError> {
    let Some(members) = root.members() else {
        let what = format!("line: {} is not an object", root.shown());
        return Err(LineError::new(LineCode::NotAnObject, what));
    };
    let line = Line::read(members)?;
    let kind = line.kind();
    match kind.required(kind.text()?)? {
        "play" => play(&line, limits).map(Event::Play),
        "situation" => situation_event(&line, members).map(Event::Situation),
        "retract" => retraction(&line).map(Event::Retract),
        "game" => game_event(&line).map(Event::Game),
        "players" => players(&line, limits).map(Event::Players),
        _ => Err(kind.error(LineCode::UnknownType, "is none of play, situation, retract, game, players")),
    }
}

fn play(line: &Line<'_, '_>, limits: &Limits) -> Result<PlayEvent, LineError> {
    Ok(PlayEvent {
        game: game(line)?,
        play: play_id(line)?,
        rev: rev(line)?,
        ts: ts(line)?,
        order: line.order().integer(0..=INTEGER_MAX)?.map(|n| n as u64),
        kind: line.play_type().text()?.map_or(PlayKind::Other, PlayKind::from_name),
        no_play: line.no_play().truth()?.unwrap_or(false),
        clock: clock(line.clock())?,
        situation: match line.situation().object()? {
            Some(members) => Some(situation(members).map_err(|e| e.within("situation"))?),
            None => None,
        },
        stats: stats(line.stats(), limits)?,
    })
}

fn situation_event(line: &Line<'_, '_>, members: Members<'_, '_>) -> Result<SituationEvent, LineError> {
    let after_play = line.after_play();
    Ok(SituationEvent {
        game: game(line)?,
        after_play: match after_play.filled()? {
            Some(text) => Some(after_play.id(text, PlayId::new)?),
            None => None,
        },
        rev: rev(line)?,
        ts: ts(line)?,
        clock: clock(line.clock())?,
        situation: situation(members)?,
        score: by_team(line.score())?,
        timeouts: by_team(line.timeouts())?,
    })
}

fn retraction(line: &Line<'_, '_>) -> Result<Retraction, LineError> {
    Ok(Retraction {
        game: game(line)?,
        play: play_id(line)?,
        rev: rev(line)?,
        ts: ts(line)?,
    })
}

fn game_event(line: &Line<'_, '_>) -> Result<GameEvent, LineError> {
    let status = line.status();
    let Some(known) = GameStatus::from_name(status.required(status.text()?)?) else {
        return Err(status.error(LineCode::BadValue, "is none of scheduled, live, halftime, final"));
    };
    let (home, away) = (line.home(), line.away());
    let event = GameEvent {
        game: game(line)?,
        rev: rev(line)?,
        ts: ts(line)?,
        status: known,
        home: home.required(team(home)?)?,
        away: away.required(team(away)?)?,
        kickoff: line.kickoff().integer(i64::MIN..=i64::MAX)?,
        score: by_team(line.score())?,
    };
    if event.home == event.away {
        return Err(away.error(LineCode::BadValue, "is the home team too"));
    }
    Ok(event)
}

fn players(line: &Line<'_, '_>, limits: &Limits) -> Result<Vec<PlayerInfo>, LineError> {
    let field = line.players();
    let (count, elements) = field.required(field.array(limits.players_per_line_max)?)?;
    let mut list = Vec::with_capacity(count);
    for (index, element) in elements.enumerate() {
        let members = element.members().ok_or_else(|| not_an_object(field.name, index, element))?;
        list.push(
            Player::read(members)
                .and_then(|p| player(&p))
                .map_err(|e| e.at(field.name, index))?,
        );
    }
    Ok(list)
}

fn player(fields: &Player<'_, '_>) -> Result<PlayerInfo, LineError> {
    let id = fields.player();
    let text = id.required(id.text()?)?;
    if is_team_record(text) {
        return Err(id.bad_id());
    }
    Ok(PlayerInfo {
        player: id.id(text, PlayerId::new)?,
        name: printable(fields.name(), NAME_CHARS_MAX)?.map(str::to_owned),
        team: team(fields.team())?,
        position: printable(fields.position(), POSITION_CHARS_MAX)?.map(Into::into),
    })
}

fn stats(field: Field<'_, '_>, limits: &Limits) -> Result<SmallVec<[StatRecord; 4]>, LineError> {
    let Some((count, elements)) = field.array(limits.stats_per_play_max)? else {
        return Ok(SmallVec::new());
    };
    let mut list = SmallVec::with_capacity(count);
    for (index, element) in elements.enumerate() {
        let members = element.members().ok_or_else(|| not_an_object(field.name, index, element))?;
        list.push(
            Record::read(members)
                .and_then(|r| record(&r))
                .map_err(|e| e.at(field.name, index))?,
        );
    }
    Ok(list)
}

#[inline]
fn record(fields: &Record<'_, '_>) -> Result<StatRecord, LineError> {
    let (player, team_field, stat) = (fields.player(), fields.team(), fields.stat());
    let id = match player.text()? {
        None => None,
        Some(text) if is_team_record(text) => None,
        Some(text) if text.starts_with(ids::DST_PREFIX) => {
            return Err(player.error(LineCode::BadId, "is a defence: its stats are computed, a feed can't send them"));
        }
        Some(text) => Some(player.id(text, PlayerId::new)?),
    };
    let number = stat.required(stat.integer(i64::MIN..=i64::MAX)?)?;
    let known = u16::try_from(number).ok().filter(|&n| gsis::effect(n).is_some());
    Ok(StatRecord {
        player: id,
        team: team_field.required(team(team_field)?)?,
        stat: known.ok_or_else(|| stat.error(LineCode::UnknownStat, "is not a known stat id"))?,
        yards: fields.yards().whole(gsis::YARDS_ABS_MAX, LineCode::BadYards)?.unwrap_or(0),
    })
}

/// Whether a record's player stands for the team as a whole.
fn is_team_record(player: &str) -> bool {
    player.is_empty() || player == "0"
}

#[cold]
fn not_an_object(list: &str, index: usize, element: Value<'_, '_>) -> LineError {
    LineError::new(LineCode::BadValue, format!("{list}[{index}]: {} is not an object", element.shown()))
}

fn game(line: &Line<'_, '_>) -> Result<GameId, LineError> {
    let field = line.game();
    field.id(field.required(field.text()?)?, GameId::new)
}

fn play_id(line: &Line<'_, '_>) -> Result<PlayId, LineError> {
    let field = line.play();
    field.id(field.required(field.text()?)?, PlayId::new)
}

fn rev(line: &Line<'_, '_>) -> Result<Rev, LineError> {
    Ok(line.rev().integer(1..=INTEGER_MAX)?.map_or(1, |n| n as Rev))
}

fn ts(line: &Line<'_, '_>) -> Result<Option<FeedTime>, LineError> {
    Ok(line.ts().integer(i64::MIN..=i64::MAX)?.map(FeedTime))
}

/// A team; an empty string is absent.
#[inline]
fn team(field: Field<'_, '_>) -> Result<Option<Team>, LineError> {
    match field.filled()? {
        None => Ok(None),
        Some(text) if text.len() > TEAM_BYTES_MAX => Err(field.error(LineCode::BadId, &format!("is longer than {TEAM_BYTES_MAX} bytes"))),
        Some(text) => field.id(text, Team::new).map(Some),
    }
}

fn clock(field: Field<'_, '_>) -> Result<Option<Clock>, LineError> {
    let Some(members) = field.object()? else {
        return Ok(None);
    };
    let read = || {
        let fields = ClockFields::read(members)?;
        let (quarter, left) = (fields.quarter(), fields.seconds_left());
        Ok(Clock {
            quarter: quarter.required(quarter.integer(0..=i64::from(QUARTER_MAX))?)? as u8,
            seconds_left: left.required(left.integer(0..=i64::from(SECONDS_LEFT_MAX))?)? as u16,
        })
    };
    read().map(Some).map_err(|e: LineError| e.within(field.name))
}

fn situation(members: Members<'_, '_>) -> Result<Situation, LineError> {
    let fields = Snap::read(members)?;
    let small = |field: Field<'_, '_>, max| field.integer(0..=max).map(|n| n.map(|n| n as u8));
    Ok(Situation {
        down: small(fields.down(), 4)?.filter(|&down| down != 0),
        distance: small(fields.distance(), 99)?,
        yards_to_goal: small(fields.yards_to_goal(), 100)?,
        possession: team(fields.possession())?,
        shotgun: fields.shotgun().truth()?,
        no_huddle: fields.no_huddle().truth()?,
    })
}

/// A number for each of at most two teams: points, or timeouts left.
fn by_team(field: Field<'_, '_>) -> Result<Option<Score>, LineError> {
    let Some(members) = field.object()? else {
        return Ok(None);
    };
    let mut score = Score(SmallVec::new());
    for (key, value) in members {
        let Some(team) = Team::new(key).filter(|_| key.len() <= TEAM_BYTES_MAX) else {
            let what = format!("{}: {} is not a team", field.name, value::quoted(key));
            return Err(LineError::new(LineCode::BadId, what));
        };
        if score.of(&team).is_some() {
            return Err(given_twice(key).within(field.name));
        }
        if score.0.len() == 2 {
            return Err(LineError::new(LineCode::TooMany, format!("{}: more than 2 teams", field.name)));
        }
        let number = Field {
            name: field.name,
            value: Some(value),
        };
        let points = number.integer(0..=i64::from(SCORE_MAX))?;
        score.0.push((team, number.required(points)? as u16));
    }
    Ok(Some(score))
}

/// A text for people, without control characters; an empty one is absent.
fn printable<'i>(field: Field<'_, 'i>, chars_max: usize) -> Result<Option<&'i str>, LineError> {
    let text = field.filled()?;
    match text {
        Some(text) if text.chars().any(char::is_control) => Err(field.error(LineCode::BadValue, "has control characters")),
        Some(text) if text.chars().nth(chars_max).is_some() => {
            Err(field.error(LineCode::BadValue, &format!("is longer than {chars_max} characters")))
        }
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests;
