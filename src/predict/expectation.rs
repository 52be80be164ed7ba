//! How often a situation is answered with a dropback, whoever plays: what a team's calls are measured against.
//!
//! Two small networks, one that knows the formation and one that does not, evaluated play by play in double
//! precision, as `training/` does: some 2,000 multiplications each, too few for an inference engine to pay.
//! A game's plays are looked at again with every snap, so what was worked out for a play is kept beside it.

use super::features::clock_left;
use serde::Deserialize;
use std::io;
use std::path::Path;

/// Inputs without formation; with it two more.
const INPUTS: usize = 20;

/// Widest layer that is read: the networks that ship have 32.
const WIDTH_MAX: usize = 256;

/// What the networks are told of a snap.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Seen {
    /// 1 to 4.
    pub down: u8,
    /// Yards to a first down.
    pub distance: u8,
    /// Yards to the opponent's end zone.
    pub yards_to_goal: u8,
    /// From 1; 5 and up in overtime.
    pub quarter: u8,
    /// Seconds left in the quarter.
    pub seconds_left: u16,
    /// Points that the offence leads by.
    pub lead: i32,
    /// Shotgun and no huddle, where known.
    pub formation: Option<(bool, bool)>,
}

/// How likely a dropback is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expected {
    /// Without formation.
    pub blind: Likely,
    /// With it; the same as without where it is not known.
    pub formed: Likely,
}

/// A probability, both ways: worked out once, as it is asked for with each snap that follows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Likely {
    /// Its log-odds.
    pub log_odds: f64,
    /// Itself.
    pub probability: f64,
}

impl Likely {
    fn new(log_odds: f64) -> Likely {
        Likely {
            log_odds,
            probability: 1.0 / (1.0 + (-log_odds).exp()),
        }
    }
}

impl Default for Expected {
    /// As likely as not.
    fn default() -> Expected {
        let even = Likely::new(0.0);
        Expected { blind: even, formed: even }
    }
}

#[derive(Deserialize)]
struct Layer {
    /// By output, by input.
    weights: Vec<Vec<f64>>,
    biases: Vec<f64>,
}

/// Both networks.
#[derive(Deserialize)]
pub struct Expectation {
    blind: Vec<Layer>,
    formed: Vec<Layer>,
}

impl Expectation {
    /// Reads `expectation.json`.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no pair of such networks.
    pub fn load(path: &Path) -> io::Result<Expectation> {
        Expectation::read(&std::fs::read(path)?)
    }

    /// The one that ships with the models of this version.
    pub fn shipped() -> Expectation {
        Expectation::read(include_bytes!("../../config/models/expectation.json")).expect("a test reads it")
    }

    fn read(bytes: &[u8]) -> io::Result<Expectation> {
        let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let read: Expectation = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        for (name, layers, inputs) in [("blind", &read.blind, INPUTS), ("formed", &read.formed, INPUTS + 2)] {
            check(layers, inputs).map_err(|what| wrong(format!("{name}: {what}")))?;
        }
        Ok(read)
    }

    /// How likely a dropback is there.
    pub fn of(&self, seen: &Seen) -> Expected {
        let mut inputs = inputs(seen);
        let blind = Likely::new(forward(&self.blind, &inputs[..INPUTS]));
        let formed = seen.formation.map_or(blind, |(shotgun, no_huddle)| {
            inputs[INPUTS] = f64::from(u8::from(shotgun));
            inputs[INPUTS + 1] = f64::from(u8::from(no_huddle));
            Likely::new(forward(&self.formed, &inputs))
        });
        Expected { blind, formed }
    }
}

/// What was worked out for the plays of one game, in their order.
#[derive(Default)]
pub struct Memo(Vec<(Seen, Expected)>);

impl Memo {
    /// The same as [`Expectation::of`] for the play at that place; free where it is what it was.
    pub fn of(&mut self, place: usize, seen: Seen, expectation: &Expectation) -> Expected {
        match self.0.get(place) {
            Some((known, expected)) if *known == seen => *expected,
            Some(_) => {
                let expected = expectation.of(&seen);
                self.0[place] = (seen, expected);
                expected
            }
            None => {
                let expected = expectation.of(&seen);
                self.0.truncate(place);
                self.0.push((seen, expected));
                expected
            }
        }
    }
}

fn check(layers: &[Layer], inputs: usize) -> Result<(), String> {
    let mut width = inputs;
    for (place, layer) in layers.iter().enumerate() {
        let outputs = layer.weights.len();
        let is_whole = layer.weights.iter().all(|row| row.len() == width) && layer.biases.len() == outputs;
        let is_finite = layer.weights.iter().flatten().chain(&layer.biases).all(|x| x.is_finite());
        if !is_whole || !is_finite || !(1..=WIDTH_MAX).contains(&outputs) {
            return Err(format!(
                "layer {place} must have 1 to {WIDTH_MAX} rows of {width} finite numbers, and a bias for each"
            ));
        }
        width = outputs;
    }
    match width {
        1 if !layers.is_empty() => Ok(()),
        _ => Err("the last layer must have one output".to_owned()),
    }
}

fn inputs(seen: &Seen) -> [f64; INPUTS + 2] {
    let flag = |is: bool| f64::from(u8::from(is));
    let (half, game) = clock_left(seen.quarter, seen.seconds_left);
    let (half, game) = (f64::from(half), f64::from(game));
    let lead = f64::from(seen.lead.clamp(-28, 28)) / 14.0;
    let (distance, yards_to_goal) = (f64::from(seen.distance), f64::from(seen.yards_to_goal));
    [
        flag(seen.down == 1),
        flag(seen.down == 2),
        flag(seen.down == 3),
        flag(seen.down == 4),
        distance.min(25.0) / 10.0,
        flag(seen.distance <= 1),
        flag(seen.distance <= 3),
        flag(seen.distance <= 6),
        yards_to_goal / 100.0,
        flag(seen.yards_to_goal <= 10),
        flag(seen.distance >= seen.yards_to_goal),
        half / 1800.0,
        half.min(150.0) / 150.0,
        game / 3600.0,
        game.min(420.0) / 420.0,
        flag(seen.quarter > 4),
        lead,
        f64::from(seen.lead.signum()),
        if game < 900.0 { lead } else { 0.0 },
        if game < 300.0 { lead } else { 0.0 },
        0.0,
        0.0,
    ]
}

fn forward(layers: &[Layer], inputs: &[f64]) -> f64 {
    let (mut values, mut next) = ([0.0; WIDTH_MAX], [0.0; WIDTH_MAX]);
    values[..inputs.len()].copy_from_slice(inputs);
    for (place, layer) in layers.iter().enumerate() {
        let is_last = place + 1 == layers.len();
        for (out, (row, bias)) in next.iter_mut().zip(layer.weights.iter().zip(&layer.biases)) {
            let sum: f64 = row.iter().zip(&values).map(|(weight, value)| weight * value).sum();
            *out = if is_last { sum + bias } else { (sum + bias).max(0.0) };
        }
        std::mem::swap(&mut values, &mut next);
    }
    values[0]
}
