//! What usually happened: frequencies by a few coarse bins of features, for when a model is unsure, missing or broken.

use super::features::{Features, NAMES};
use super::probabilities::is_distribution;
use super::registry::Task;
use crate::model::prediction::{DriveEnd, PlayCall};
use serde::Deserialize;
use std::io;
use std::path::Path;

/// Most cells of a table. Those that ship have some hundreds.
const CELLS_MAX: usize = 65_536;

/// A table for each question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    next_play: Table,
    drive: Table,
    win: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    axes: Vec<Axis>,
    classes: Vec<String>,
    /// By cell, the last axis fastest; in each the probability of every class.
    values: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Axis {
    feature: Source,
    /// A value belongs to the bin after the last edge that is not above it.
    edges: Vec<f64>,
}

/// What an axis goes by.
#[derive(Deserialize)]
#[serde(try_from = "String")]
enum Source {
    /// The down, 0 for a kick: models are told it as four flags.
    Down,
    /// A feature's place.
    Feature(usize),
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(name: String) -> Result<Source, String> {
        if name == "down" {
            return Ok(Source::Down);
        }
        let place = NAMES.iter().position(|known| *known == name);
        place.map(Source::Feature).ok_or_else(|| format!("there is no feature \"{name}\""))
    }
}

impl Source {
    fn of(&self, features: &Features) -> f64 {
        match self {
            // The first four features are the flags of the downs.
            Source::Down => features[..4]
                .iter()
                .zip(1u8..)
                .map(|(flag, down)| f64::from(*flag) * f64::from(down))
                .sum(),
            Source::Feature(place) => f64::from(features[*place]),
        }
    }
}

impl Tables {
    /// Those that ship with the models of this version.
    pub fn shipped() -> Tables {
        Tables::read(include_bytes!("../../config/models/historical.json")).expect("a test reads it")
    }

    /// Reads `historical.json`.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no such tables.
    pub fn load(file: &Path) -> io::Result<Tables> {
        Tables::read(&std::fs::read(file)?)
    }

    fn read(bytes: &[u8]) -> io::Result<Tables> {
        let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let tables: Tables = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        let (kinds, ends) = (PlayCall::ALL.map(PlayCall::name), DriveEnd::ALL.map(DriveEnd::name));
        let checks = [
            ("next_play", &tables.next_play, &kinds[..]),
            ("drive", &tables.drive, &ends[..]),
            ("win", &tables.win, &["loss", "win"][..]),
        ];
        for (name, table, classes) in checks {
            table.check(classes).map_err(|what| wrong(format!("{name}: {what}")))?;
        }
        Ok(tables)
    }

    /// What happened where the game stood like this, in the order of that task's classes.
    pub fn of(&self, task: Task, features: &Features) -> &[f32] {
        match task {
            Task::NextPlay | Task::NextPlayFormed => self.next_play.at(features),
            Task::Drive => self.drive.at(features),
            Task::Win => self.win.at(features),
        }
    }
}

impl Table {
    fn check(&self, classes: &[&str]) -> Result<(), String> {
        if self.classes != classes {
            return Err(format!("its classes must be {classes:?}"));
        }
        let bins = |cells: usize, axis: &Axis| cells.checked_mul(axis.edges.len() + 1).filter(|cells| *cells <= CELLS_MAX);
        let cells = self.axes.iter().try_fold(1, bins);
        if cells != Some(self.values.len()) || !self.axes.iter().all(|axis| axis.edges.is_sorted()) {
            return Err("it must have a row for each cell of its axes, and edges in their order".to_owned());
        }
        match self.values.iter().position(|row| !is_distribution(row, classes.len())) {
            Some(cell) => Err(format!("cell {cell} does not add up to 1")),
            None => Ok(()),
        }
    }

    fn at(&self, features: &Features) -> &[f32] {
        let cell = self.axes.iter().fold(0, |cell, axis| {
            let value = axis.feature.of(features);
            cell * (axis.edges.len() + 1) + axis.edges.partition_point(|edge| *edge <= value)
        });
        &self.values[cell]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[(&str, f32)]) -> Features {
        let mut features = [0.0; NAMES.len()];
        for (name, value) in values {
            features[NAMES.iter().position(|known| known == name).unwrap()] = *value;
        }
        features
    }

    #[test]
    fn what_ships_is_a_table_for_every_task() {
        let tables = Tables::shipped();
        let third_and_long = with(&[("down_3", 1.0), ("distance", 12.0)]);
        let fourth_and_long = with(&[("down_4", 1.0), ("distance", 12.0)]);
        assert!(tables.of(Task::NextPlay, &third_and_long)[1] > 0.8);
        assert!(tables.of(Task::NextPlayFormed, &fourth_and_long)[2] > 0.5);
        let ahead = with(&[("lead", 20.0), ("game_left", 60.0), ("yards_to_goal", 50.0)]);
        assert!(tables.of(Task::Win, &ahead)[1] > 0.99);
    }

    #[test]
    fn an_edge_belongs_to_the_bin_above_it_and_the_last_axis_is_fastest() {
        let axis = |name: &str, edges: &[f64]| Axis {
            feature: Source::try_from(name.to_owned()).unwrap(),
            edges: edges.to_vec(),
        };
        let row = |cell: u8| vec![f32::from(cell) / 8.0, 1.0 - f32::from(cell) / 8.0];
        let table = Table {
            axes: vec![axis("down", &[1.5]), axis("lead", &[-1.0, 1.0])],
            classes: vec!["loss".to_owned(), "win".to_owned()],
            values: (0..6).map(row).collect(),
        };
        table.check(&["loss", "win"]).unwrap();
        for (down, lead, cell) in [(1, -1.5, 0), (1, -1.0, 1), (2, 0.5, 4), (4, 1.0, 5), (0, 1.0, 2)] {
            let mut features = with(&[("lead", lead)]);
            if down > 0 {
                features[down - 1] = 1.0;
            }
            assert_eq!(table.at(&features), row(cell), "{down} {lead}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let text = include_str!("../../config/models/historical.json");
        for (what, with) in [
            ("\"lead\"", "\"weather\""),
            ("\"loss\",\"win\"", "\"win\",\"loss\""),
            ("[1.5,2.5,3.5]", "[1.5,2.5]"),
            ("[0.63784,", "[0.93784,"),
            ("\"drive\"", "\"drives\""),
        ] {
            assert!(Tables::read(text.replacen(what, with, 1).as_bytes()).is_err(), "{what}");
        }
    }
}
