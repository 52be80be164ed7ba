//! What the tests of this module share: documents as JSON, totals of events, a made-up game.

use super::Document;
use crate::model::gsis::{self, Amount, SAFETY};
use crate::model::{Event, GameId, PlayEvent, PlayId, PlayerId, Rev, Stat, StatLine, StatRecord};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

pub(super) fn json_of(file: &Path) -> Value {
    let mut text = String::new();
    let file = std::fs::File::open(file).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What a receiver of events holds: each play at its highest revision, nothing once retracted.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    items: BTreeMap<(GameId, PlayId), (Rev, Option<PlayEvent>)>,
}

impl Receiver {
    pub(super) fn take(&mut self, event: &Event) {
        let (key, rev, play) = match event {
            Event::Play(e) => ((e.game.clone(), e.play.clone()), e.rev, Some(e.clone())),
            Event::Retract(e) => ((e.game.clone(), e.play.clone()), e.rev, None),
            _ => return,
        };
        let held = self.items.entry(key).or_insert((0, None));
        if rev > held.0 {
            *held = (rev, play);
        }
    }

    pub(super) fn plays(&self) -> impl Iterator<Item = &PlayEvent> {
        self.items.values().filter_map(|(_, play)| play.as_ref())
    }

    /// Every play that counts with its sorted stat records.
    pub(super) fn records(&self) -> BTreeMap<PlayId, Vec<StatRecord>> {
        self.plays().map(|play| (play.play.clone(), play.stats.to_vec())).collect()
    }

    /// Stat lines by game and player, defences among them.
    pub(super) fn lines(&self) -> BTreeMap<(GameId, PlayerId), StatLine> {
        let mut lines: BTreeMap<(GameId, PlayerId), StatLine> = BTreeMap::new();
        for play in self.plays() {
            let mut safeties = BTreeSet::new();
            for record in &play.stats {
                let effect = gsis::effect(record.stat).unwrap();
                let is_repeated_safety = record.stat == SAFETY && !safeties.insert(&record.team);
                let defence = if is_repeated_safety { &[] } else { effect.defence };
                let mut credit = |id: PlayerId, stat: Stat, amount: Amount| {
                    let amount = match amount {
                        Amount::Count(count) => count,
                        Amount::Yards => i32::from(record.yards),
                    };
                    lines.entry((play.game.clone(), id)).or_default().add(stat, amount);
                };
                for (stat, amount) in defence {
                    credit(PlayerId::dst(&record.team), *stat, *amount);
                }
                for (stat, amount) in record.player.as_ref().map_or(&[][..], |_| effect.player) {
                    credit(record.player.clone().unwrap(), *stat, *amount);
                }
            }
        }
        lines
    }
}

pub(super) fn records_of(doc: &Document) -> BTreeMap<PlayId, Vec<StatRecord>> {
    doc.plays.iter().map(|play| (play.id.clone(), play.stats.to_vec())).collect()
}

/// A short made-up game between AAA (home) and JAC: a kickoff, a pass, a touchdown run, an extra point.
pub(super) fn made_up() -> Value {
    let drives = json!({"1": {"plays": first_drive()}, "2": {"plays": second_drive()}, "crntdrv": 2});
    json!({
        "9900000001": {
            "home": {"abbr": "AAA", "score": {"1": 0, "2": 0, "3": 0, "4": 0, "5": 0, "T": 0}, "to": 3, "stats": {}},
            "away": {"abbr": "JAC", "score": {"1": 7, "2": 0, "3": 0, "4": 0, "5": 0, "T": 7}, "to": 2, "stats": {}},
            "drives": drives,
            "qtr": "Final", "clock": "14:10", "posteam": "JAC", "down": 0, "togo": 0, "yl": ""
        },
        "nextupdate": 5
    })
}

fn first_drive() -> Value {
    json!({
        "20": {
            "qtr": 1, "time": "15:00", "down": 0, "ydstogo": 0, "yrdln": "AAA 35", "posteam": "AAA",
            "desc": "K.Kicker kicks 65 yards.", "note": "KICKOFF",
            "players": {"k-1": [record("AAA", "K.Kicker", 44, json!(65))], "0": [record("JAC", "", 51, json!(null))]}
        },
        "45": {
            "qtr": 1, "time": "14:55", "down": 1, "ydstogo": 10, "yrdln": "JAX 20", "posteam": "JAX",
            "desc": "(14:55) (No Huddle, Shotgun) Q.Thrower pass to C.Catcher.", "note": null,
            "players": {
                "q-1": [record("JAX", "Q.Thrower", 15, json!(12.0))],
                "c-1": [record("", "C.Catcher", 21, json!(12)), record("JAC", "C.Catcher", 115, json!(0))]
            }
        },
        "110": touchdown()
    })
}

fn second_drive() -> Value {
    json!({
        "110": touchdown(),
        "130": {
            "qtr": 1, "time": "14:10", "down": 0, "ydstogo": 0, "yrdln": "AAA 15", "posteam": "JAC",
            "desc": "K.Other extra point is GOOD.", "note": "XP",
            "players": {"k-2": [record("JAC", "K.Other", 72, json!(0))]}
        },
        "150": {
            "qtr": 1, "time": "", "down": 0, "ydstogo": 0, "yrdln": "", "posteam": "",
            "desc": "END GAME", "note": null, "players": {}
        }
    })
}

fn touchdown() -> Value {
    json!({
        "qtr": 1, "time": "14:20", "down": 1, "ydstogo": 10, "yrdln": "50", "posteam": "JAC",
        "desc": "(14:20) R.Runner for 50 yards, TOUCHDOWN.", "note": "TD",
        "players": {"r-1": [record("JAC", "R.Runner", 11, json!(50))]}
    })
}

fn record(team: &str, name: &str, stat: i64, yards: Value) -> Value {
    json!({"sequence": 1, "clubcode": team, "playerName": name, "statId": stat, "yards": yards})
}
