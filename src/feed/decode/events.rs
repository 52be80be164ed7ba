//! The checked fields of each kind of line, and what makes an event of them.
//!
//! Every value passes here or nowhere. Errors name the field by its path in the line.

use super::error::{LineCode, LineError};
use super::value::{Field, Members, Value, quoted};
use super::{INTEGER_MAX, Limits, NAME_CHARS_MAX, POSITION_CHARS_MAX, QUARTER_MAX, SCORE_MAX, SECONDS_LEFT_MAX, TEAM_BYTES_MAX};
use crate::model::{
    Clock, Event, FeedTime, GameEvent, GameId, GameStatus, PlayEvent, PlayId, PlayKind, PlayerId, PlayerInfo, Retraction, Rev, Score,
    Situation, SituationEvent, StatRecord, Team, gsis, ids,
};
use smallvec::SmallVec;

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

/// The event that a parsed line is.
pub(super) fn event(root: Value<'_, '_>, limits: &Limits) -> Result<Event, LineError> {
    let Some(members) = root.members() else {
        let what = format!("line: {} is not an object", root.shown());
        return Err(LineError::new(LineCode::NotAnObject, what));
    };
    let line = Line::read(members)?;
    let kind = line.kind();
    match kind.required(kind.text()?)? {
        "play" => play(&line, limits),
        "situation" => situation_event(&line, members).map(Event::Situation),
        "retract" => retraction(&line).map(Event::Retract),
        "game" => game_event(&line).map(Event::Game),
        "players" => players(&line, limits).map(Event::Players),
        _ => Err(kind.error(LineCode::UnknownType, "is none of play, situation, retract, game, players")),
    }
}

fn play(line: &Line<'_, '_>, limits: &Limits) -> Result<Event, LineError> {
    let (game, play) = (line.game(), line.play());
    let (game_text, play_text) = (game.required(game.text()?)?, play.required(play.text()?)?);
    let rev = rev(line)?;
    let ts = ts(line)?;
    let order = line.order().integer(0..=INTEGER_MAX)?.map(|n| n as u64);
    let kind = line.play_type().text()?.map_or(PlayKind::Other, PlayKind::from_name);
    let no_play = line.no_play().truth()?.unwrap_or(false);
    let clock = clock(line.clock())?;
    let situation = match line.situation().object()? {
        Some(members) => Some(situation(members).map_err(|e| e.within("situation"))?),
        None => None,
    };
    let stats = stats(line.stats(), limits)?;
    for (id, text) in [(game, game_text), (play, play_text)] {
        if !ids::is_well_formed(text) {
            return Err(id.bad_id());
        }
    }
    Ok(Event::Play(PlayEvent {
        game: GameId::from_well_formed(game_text),
        play: PlayId::from_well_formed(play_text),
        rev,
        ts,
        order,
        kind,
        no_play,
        clock,
        situation,
        stats,
    }))
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
        kickoff: line.kickoff().integer(-INTEGER_MAX..=INTEGER_MAX)?,
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
        if let Err(e) = Record::read(members).and_then(|r| push_record(&r, &mut list)) {
            return Err(e.at(field.name, index));
        }
    }
    Ok(list)
}

/// Checks a record and puts it where it stays: each move of its ids on the way there costs a stall.
#[inline]
fn push_record(fields: &Record<'_, '_>, list: &mut SmallVec<[StatRecord; 4]>) -> Result<(), LineError> {
    let (player, team, stat) = (fields.player(), fields.team(), fields.stat());
    let number = stat.required(stat.integer(i64::MIN..=i64::MAX)?)?;
    let Some(known) = u16::try_from(number).ok().filter(|&n| gsis::effect(n).is_some()) else {
        return Err(stat.error(LineCode::UnknownStat, "is not a known stat id"));
    };
    let yards = fields.yards().whole(gsis::YARDS_ABS_MAX, LineCode::BadYards)?.unwrap_or(0);
    let team_text = team.required(team_text(team)?)?;
    let player_text = player.text()?.filter(|text| !is_team_record(text));
    if player_text.is_some_and(|text| text.starts_with(ids::DST_PREFIX)) {
        return Err(player.error(LineCode::BadId, "is a defence: its stats are computed, a feed can't send them"));
    }
    if player_text.is_some_and(|text| !ids::is_well_formed(text)) {
        return Err(player.bad_id());
    }
    if !ids::is_well_formed(team_text) {
        return Err(team.bad_id());
    }
    list.push(StatRecord {
        player: player_text.map(PlayerId::from_well_formed),
        team: Team::from_well_formed(team_text),
        stat: known,
        yards,
    });
    Ok(())
}

/// Whether a record's player stands for the team as a whole.
pub(super) fn is_team_record(player: &str) -> bool {
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
fn team(field: Field<'_, '_>) -> Result<Option<Team>, LineError> {
    match team_text(field)? {
        None => Ok(None),
        Some(text) => field.id(text, Team::new).map(Some),
    }
}

/// A text no longer than a team may be; an empty one is absent.
#[inline]
fn team_text<'i>(field: Field<'_, 'i>) -> Result<Option<&'i str>, LineError> {
    match field.filled()? {
        Some(text) if text.len() > TEAM_BYTES_MAX => Err(field.error(LineCode::BadId, &format!("is longer than {TEAM_BYTES_MAX} bytes"))),
        text => Ok(text),
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
            let what = format!("{}: {} is not a team", field.name, quoted(key));
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
