//! An [`Event`] to the exact line of the feed protocol: what replays and simulations send.
//!
//! Fields in the protocol's order, absent ones left out, no space, no line end. Never fails and
//! checks nothing: what `decode` accepted, it accepts again (a property test holds it).

use crate::model::{
    Clock, Event, FeedTime, GameEvent, PlayEvent, PlayerInfo, Retraction, Rev, Score, Situation, SituationEvent, StatRecord,
};

/// Appends the event's line to `out`.
pub fn write_line(event: &Event, out: &mut Vec<u8>) {
    match event {
        Event::Play(e) => play(e, out),
        Event::Situation(e) => situation(e, out),
        Event::Retract(e) => retraction(e, out),
        Event::Game(e) => game(e, out),
        Event::Players(list) => players(list, out),
    }
    out.push(b'}');
}

fn play(e: &PlayEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"play\"");
    id("game", e.game.as_str(), out);
    id("play", e.play.as_str(), out);
    revision(e.rev, e.ts, out);
    if let Some(order) = e.order {
        integer("order", order, out);
    }
    id("play_type", e.kind.name(), out);
    truth("no_play", Some(e.no_play), out);
    clock(e.clock, out);
    if let Some(from) = &e.situation {
        key("situation", out);
        out.push(b'{');
        snap(from, out);
        out.push(b'}');
    }
    key("stats", out);
    list(&e.stats, out, record);
}

fn situation(e: &SituationEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"situation\"");
    id("game", e.game.as_str(), out);
    if let Some(play) = &e.after_play {
        id("after_play", play.as_str(), out);
    }
    revision(e.rev, e.ts, out);
    clock(e.clock, out);
    // The formation stands last, after score and timeouts, as in the protocol.
    let (place, formation) = split(&e.situation);
    snap(&place, out);
    by_team("score", e.score.as_ref(), out);
    by_team("timeouts", e.timeouts.as_ref(), out);
    snap(&formation, out);
}

fn retraction(e: &Retraction, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"retract\"");
    id("game", e.game.as_str(), out);
    id("play", e.play.as_str(), out);
    revision(e.rev, e.ts, out);
}

fn game(e: &GameEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"game\"");
    id("game", e.game.as_str(), out);
    revision(e.rev, e.ts, out);
    id("status", e.status.name(), out);
    id("home", e.home.as_str(), out);
    id("away", e.away.as_str(), out);
    if let Some(kickoff) = e.kickoff {
        integer("kickoff", kickoff, out);
    }
    by_team("score", e.score.as_ref(), out);
}

fn players(all: &[PlayerInfo], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"players\"");
    key("players", out);
    list(all, out, |p, out| {
        out.push(b'{');
        id("player", p.player.as_str(), out);
        if let Some(name) = &p.name {
            key("name", out);
            text(name, out);
        }
        if let Some(team) = &p.team {
            id("team", team.as_str(), out);
        }
        if let Some(position) = &p.position {
            key("position", out);
            text(position, out);
        }
        out.push(b'}');
    });
}

fn record(r: &StatRecord, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(player) = &r.player {
        id("player", player.as_str(), out);
    }
    id("team", r.team.as_str(), out);
    integer("stat", r.stat, out);
    integer("yards", r.yards, out);
    out.push(b'}');
}

fn split(s: &Situation) -> (Situation, Situation) {
    let formation = Situation {
        shotgun: s.shotgun,
        no_huddle: s.no_huddle,
        ..Situation::default()
    };
    let place = Situation {
        shotgun: None,
        no_huddle: None,
        ..s.clone()
    };
    (place, formation)
}

fn snap(s: &Situation, out: &mut Vec<u8>) {
    for (name, value) in [("down", s.down), ("distance", s.distance), ("yards_to_goal", s.yards_to_goal)] {
        if let Some(value) = value {
            integer(name, value, out);
        }
    }
    if let Some(team) = &s.possession {
        id("possession", team.as_str(), out);
    }
    truth("shotgun", s.shotgun, out);
    truth("no_huddle", s.no_huddle, out);
}

fn clock(clock: Option<Clock>, out: &mut Vec<u8>) {
    if let Some(clock) = clock {
        key("clock", out);
        out.push(b'{');
        integer("quarter", clock.quarter, out);
        integer("seconds_left", clock.seconds_left, out);
        out.push(b'}');
    }
}

fn by_team(name: &str, score: Option<&Score>, out: &mut Vec<u8>) {
    if let Some(score) = score {
        key(name, out);
        out.push(b'{');
        for (team, value) in &score.0 {
            integer(team.as_str(), *value, out);
        }
        out.push(b'}');
    }
}

fn revision(rev: Rev, ts: Option<FeedTime>, out: &mut Vec<u8>) {
    integer("rev", rev, out);
    if let Some(FeedTime(ts)) = ts {
        integer("ts", ts, out);
    }
}

fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// A member's key, after a comma unless its object begins here. Keys need no escapes.
fn key(name: &str, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A member whose value needs no escapes: ids are well-formed, names of kinds are ours.
fn id(name: &str, value: &str, out: &mut Vec<u8>) {
    key(name, out);
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

fn integer(name: &str, value: impl itoa::Integer, out: &mut Vec<u8>) {
    key(name, out);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn truth(name: &str, value: Option<bool>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        key(name, out);
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }
}

/// A string with JSON's escapes.
fn text(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in value.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
