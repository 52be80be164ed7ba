//! One play of a document: its kind, the snap it was run from, its stat records.
//!
//! Text decides the kind and the formation, never a stat. Records that the dictionary does not know
//! or that cannot be read are left out and counted in [`Dropped`].

use super::document::{DocPlay, DocumentError, Dropped, People};
use super::fields::{clock, integer, small, text, yards_to_goal};
use super::teams::Teams;
use crate::feed::decode::Limits;
use crate::model::{PlayId, PlayKind, PlayerId, Situation, StatRecord, Team, gsis};
use serde_json::Value;
use smallvec::SmallVec;

/// Plays per quarter that an order leaves room for.
const ORDER_QUARTER: u64 = 10_000_000;

/// What a play is read against: the game's teams, its people and where in the document it stands.
pub(super) struct Reader<'a> {
    pub(super) teams: &'a Teams,
    pub(super) people: &'a People,
    pub(super) dropped: &'a mut Dropped,
}

/// A play and its quarter, not yet in its place.
pub(super) struct ReadPlay {
    pub(super) number: u64,
    pub(super) quarter: Option<u8>,
    pub(super) play: DocPlay,
}

impl ReadPlay {
    /// Settles the quarter and with it the order: by quarter first, because play numbers of a
    /// quarter entered late can be lower than those before it.
    pub(super) fn settle(mut self, quarter_before: u8) -> DocPlay {
        self.play.quarter = self.quarter.unwrap_or(quarter_before);
        self.play.order = u64::from(self.play.quarter) * ORDER_QUARTER + self.number.min(ORDER_QUARTER - 1);
        self.play
    }
}

/// Whether an entry of the play list is no play but a remark: the end of a quarter, a warning.
pub(super) fn is_marker(entry: &Value) -> bool {
    let bare = entry
        .get("players")
        .and_then(Value::as_object)
        .is_none_or(|players| players.is_empty());
    bare && text(entry, "posteam").is_empty() && text(entry, "yrdln").is_empty()
}

impl Reader<'_> {
    /// Reads the play `id`, which stands at `path`.
    pub(super) fn play(&mut self, id: &str, entry: &Value, path: &dyn Fn() -> String) -> Result<ReadPlay, DocumentError> {
        let number = id.parse().ok();
        let (Some(number), Some(play_id)) = (number, PlayId::new(id)) else {
            return Err(DocumentError::bad(path(), "a play's id must be a number"));
        };
        let possession = self.teams.resolve(text(entry, "posteam"));
        let stats = self.records(entry, possession.as_ref(), path)?;
        let description = text(entry, "desc");
        let no_play = description.to_ascii_lowercase().contains("no play");
        let quarter = small(entry, "qtr", 1..=9);
        Ok(ReadPlay {
            number,
            quarter,
            play: DocPlay {
                id: play_id,
                order: 0,
                quarter: 0,
                kind: kind(&stats, text(entry, "note"), description, no_play),
                no_play,
                clock: clock(quarter, text(entry, "time")),
                situation: situation(self.teams, entry, possession, description),
                stats,
            },
        })
    }

    fn records(
        &mut self,
        entry: &Value,
        possession: Option<&Team>,
        path: &dyn Fn() -> String,
    ) -> Result<SmallVec<[StatRecord; 4]>, DocumentError> {
        let mut stats: SmallVec<[StatRecord; 4]> = SmallVec::new();
        let players = match entry.get("players") {
            Some(Value::Object(players)) => players,
            Some(Value::Null) => return Ok(stats),
            Some(_) => return Err(DocumentError::bad(path() + ".players", "must be an object")),
            None => return Err(DocumentError::Missing { path: path() + ".players" }),
        };
        for (id, records) in players {
            let at = || format!("{}.players.{id}", path());
            let player = match player_id(id) {
                Ok(player) => player,
                Err(()) => {
                    self.dropped.unreadable += 1;
                    continue;
                }
            };
            let records = records.as_array().ok_or_else(|| DocumentError::bad(at(), "must be a list"))?;
            for record in records {
                stats.extend(self.record(player.as_ref(), record, possession, &at)?);
            }
        }
        stats.sort_unstable();
        let stats_max = Limits::default().stats_per_play_max;
        self.dropped.unreadable += stats.len().saturating_sub(stats_max) as u32;
        stats.truncate(stats_max);
        Ok(stats)
    }

    fn record(
        &mut self,
        player: Option<&PlayerId>,
        record: &Value,
        possession: Option<&Team>,
        path: &dyn Fn() -> String,
    ) -> Result<Option<StatRecord>, DocumentError> {
        let stat = record
            .get("statId")
            .ok_or_else(|| DocumentError::Missing { path: path() + ".statId" })?;
        let stat = integer(stat).ok_or_else(|| DocumentError::bad(path() + ".statId", "must be a number"))?;
        let Some(stat) = u16::try_from(stat).ok().filter(|stat| gsis::effect(*stat).is_some()) else {
            self.dropped.unknown_stat += 1;
            return Ok(None);
        };
        let yards = match record.get("yards") {
            None | Some(Value::Null) => Some(0),
            Some(yards) => integer(yards),
        };
        let yards = yards.and_then(|y| i16::try_from(y).ok()).filter(|y| y.abs() <= gsis::YARDS_ABS_MAX);
        let team = self.team(player, text(record, "clubcode"), possession);
        let (Some(yards), Some(team)) = (yards, team) else {
            self.dropped.unreadable += 1;
            return Ok(None);
        };
        Ok(Some(StatRecord {
            player: player.cloned(),
            team,
            stat,
            yards,
        }))
    }

    /// Whose record it is: the code's team, else the player's in this game, else the one with the ball.
    fn team(&self, player: Option<&PlayerId>, code: &str, possession: Option<&Team>) -> Option<Team> {
        let of_player = || player.and_then(|id| self.people.get(id)).and_then(|info| info.team.clone());
        self.teams.resolve(code).or_else(of_player).or_else(|| possession.cloned())
    }
}

/// The player of a key: `"0"` is the team, an id that cannot be one is an error.
pub(super) fn player_id(key: &str) -> Result<Option<PlayerId>, ()> {
    match key {
        "" | "0" => Ok(None),
        id => PlayerId::new(id).filter(|id| !id.is_dst()).map(Some).ok_or(()),
    }
}

fn situation(teams: &Teams, entry: &Value, possession: Option<Team>, description: &str) -> Option<Situation> {
    let possession = possession?;
    let down = small(entry, "down", 1..=4);
    Some(Situation {
        down,
        distance: down.and_then(|_| small(entry, "ydstogo", 0..=99)),
        yards_to_goal: yards_to_goal(teams, text(entry, "yrdln"), &possession),
        possession: Some(possession),
        shotgun: down.map(|_| description.contains("Shotgun)")),
        no_huddle: down.map(|_| description.contains("(No Huddle")),
    })
}

/// What a play was, by the rarest of its records first: a blocked punt that is run is a punt.
fn kind(stats: &[StatRecord], note: &str, description: &str, no_play: bool) -> PlayKind {
    let any = |ids: &[u16]| stats.iter().any(|record| ids.contains(&record.stat));
    if no_play {
        PlayKind::NoPlay
    } else if any(&[41, 42, 43, 44, 45, 46, 49, 50, 51, 102, 107, 108, 410]) || note == "KICKOFF" {
        PlayKind::Kickoff
    } else if any(&[2, 29, 30, 31, 32, 86]) || note == "PUNT" {
        PlayKind::Punt
    } else if any(&[69, 70, 71, 88]) {
        PlayKind::FieldGoal
    } else if any(&[72, 73, 74, 87, 96, 301]) {
        PlayKind::ExtraPoint
    } else if any(&[75, 76, 77, 78, 99, 100, 104, 105, 403, 404]) {
        PlayKind::TwoPoint
    } else if any(&[20, 83, 84, 103]) {
        PlayKind::Sack
    } else if any(&[14, 15, 16, 19, 111, 112, 115]) {
        if description.contains(" spiked ") {
            PlayKind::Spike
        } else {
            PlayKind::Pass
        }
    } else if any(&[10, 11, 12, 13]) {
        if description.contains(" kneels ") {
            PlayKind::Kneel
        } else {
            PlayKind::Run
        }
    } else if any(&[68]) || note.eq_ignore_ascii_case("timeout") {
        PlayKind::Timeout
    } else {
        PlayKind::Other
    }
}
