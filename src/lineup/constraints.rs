//! The constraints file: what a user asks of lineups beyond the site's rules. docs/optimizer.md has every key.
//!
//! Pure. Bounded by [`FILE_BYTES_MAX`] and [`TABLES_MAX`].

use serde::Deserialize;

/// Longest constraints file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Most tables of one kind, and most players named in a list.
pub(super) const TABLES_MAX: usize = 500;

/// All of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constraints {
    /// In every lineup.
    pub lock: Vec<String>,
    /// In none.
    pub exclude: Vec<String>,
    /// In none: players of whom the site says so ("O", "IR").
    pub exclude_status: Vec<String>,
    /// Of each lineup.
    pub min_salary: Option<i64>,
    /// Of each lineup.
    pub max_salary: Option<i64>,
    /// Players that two lineups may have in common.
    pub max_shared: Option<usize>,
    /// Of each player.
    pub max_exposure: Option<f64>,
    /// Players of one team.
    pub max_per_team: Option<u8>,
    /// Players of one game.
    pub max_per_game: Option<u8>,
    /// Teams in a lineup.
    pub min_teams: Option<u8>,
    /// Games in a lineup.
    pub min_games: Option<u8>,
    /// Own players that the lineup's defence plays against.
    pub max_against_defense: Option<u8>,
    /// Which of them count.
    pub against_defense_positions: Vec<String>,
    /// Shares of lineups.
    pub exposure: Vec<Exposure>,
    /// With a player of some position: mates and opponents.
    pub stack: Vec<Stack>,
    /// Players of one game.
    pub game_stack: Vec<GameStack>,
    /// Players of one team.
    pub team_stack: Vec<TeamStack>,
    /// Players who go together, or do not.
    pub group: Vec<Group>,
    /// How much lineups are like others' lineups.
    pub ownership: Option<Ownership>,
    /// Projections of each lineup's own.
    pub random: Option<Random>,
    /// Lineups to be solved again.
    pub late_swap: Option<LateSwap>,
    /// Work and time.
    pub limits: Option<Limits>,
}

/// `[[exposure]]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exposure {
    /// What it is called.
    pub name: Option<String>,
    /// Who counts: this player,
    pub player: Option<String>,
    /// or these positions
    pub position: Option<String>,
    /// of this team.
    pub team: Option<String>,
    /// So many make a lineup count.
    pub count: Option<u8>,
    /// For each of them alone.
    pub each: bool,
    /// Share of lineups, at least.
    pub min: Option<f64>,
    /// Share of lineups, at most.
    pub max: Option<f64>,
}

/// `[[stack]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// What it is called.
    pub name: Option<String>,
    /// The position it goes by.
    pub with: String,
    /// Mates who count.
    #[serde(default = "receivers")]
    pub positions: Vec<String>,
    /// So many of them, at least.
    #[serde(default = "one")]
    pub at_least: u8,
    /// So many of them, at most.
    pub at_most: Option<u8>,
    /// So many of the other team, at least.
    #[serde(default)]
    pub bring_back: u8,
    /// Which of those count.
    #[serde(default = "runners")]
    pub bring_back_positions: Vec<String>,
    /// Only for players of these teams.
    #[serde(default)]
    pub teams: Vec<String>,
}

fn one() -> u8 {
    1
}

fn receivers() -> Vec<String> {
    ["WR", "TE"].map(String::from).to_vec()
}

fn runners() -> Vec<String> {
    ["RB", "WR", "TE"].map(String::from).to_vec()
}

/// `[[game_stack]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GameStack {
    /// What it is called.
    pub name: Option<String>,
    /// Players of the game.
    pub at_least: u8,
    /// Players of each of its teams.
    #[serde(default = "one")]
    pub each_team: u8,
    /// Who counts; all where empty.
    #[serde(default)]
    pub positions: Vec<String>,
    /// Which games will do; all where empty.
    #[serde(default)]
    pub games: Vec<String>,
}

/// `[[team_stack]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamStack {
    /// What it is called.
    pub name: Option<String>,
    /// Players of the team.
    pub at_least: u8,
    /// Who counts; all where empty.
    #[serde(default)]
    pub positions: Vec<String>,
    /// Which teams will do; all where empty.
    #[serde(default)]
    pub teams: Vec<String>,
}

/// `[[group]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What it is called.
    pub name: Option<String>,
    /// Who counts.
    pub players: Vec<String>,
    /// So many of them, at least.
    #[serde(default)]
    pub at_least: u8,
    /// So many of them, at most.
    pub at_most: Option<u8>,
    /// Only in lineups with this player.
    pub when: Option<String>,
}

/// `[ownership]`, in percent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ownership {
    /// Sum over a lineup, at most.
    pub max_total: Option<f64>,
    /// Sum over a lineup, at least.
    pub min_total: Option<f64>,
    /// Of each player, at most.
    pub max_player: Option<f64>,
    /// Of each player, at least.
    pub min_player: Option<f64>,
}

/// `[random]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Random {
    /// Standard deviation, in percent of a projection.
    pub percent: Option<f64>,
    /// Standard deviation, times the player's own.
    pub stddev: Option<f64>,
    /// The same seed, the same lineups.
    pub seed: u64,
}

/// `[late_swap]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LateSwap {
    /// A file of lineups; over HTTP its text.
    pub lineups: String,
    /// Who kicked off by then stays.
    pub now: Option<String>,
    /// Games that have begun, whatever the time.
    pub started: Vec<String>,
}

/// `[limits]`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// For the whole run, in milliseconds.
    pub time_ms: Option<u64>,
    /// Steps of the search.
    pub work: Option<u64>,
}

impl Constraints {
    /// Reads a file's text: JSON where its name says so, else TOML.
    ///
    /// # Errors
    /// Where and what is wrong.
    pub fn parse(text: &str, is_json: bool) -> Result<Constraints, String> {
        if text.len() > FILE_BYTES_MAX {
            return Err(format!("a constraints file may have {FILE_BYTES_MAX} bytes"));
        }
        let read: Constraints = match is_json {
            true => serde_json::from_str(text).map_err(|error| error.to_string())?,
            false => toml::from_str(text).map_err(|error| error.to_string())?,
        };
        read.check()?;
        Ok(read)
    }

    /// Whether all of it makes sense by itself.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), String> {
        let lengths = [
            ("lock", self.lock.len()),
            ("exclude", self.exclude.len()),
            ("[[exposure]]", self.exposure.len()),
            ("[[stack]]", self.stack.len()),
            ("[[game_stack]]", self.game_stack.len()),
            ("[[team_stack]]", self.team_stack.len()),
            ("[[group]]", self.group.len()),
        ];
        if let Some((key, len)) = lengths.iter().find(|(_, len)| *len > TABLES_MAX) {
            return Err(format!("{key}: {len}, at most {TABLES_MAX}"));
        }
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        if self.max_exposure.is_some_and(|share| !is_share(share)) {
            return Err("max_exposure: a share from 0 to 1".to_owned());
        }
        for (nth, one) in self.exposure.iter().enumerate() {
            let place = format!("[[exposure]] {}", nth + 1);
            let (min, max) = (one.min.unwrap_or(0.0), one.max.unwrap_or(1.0));
            if !is_share(min) || !is_share(max) || min > max {
                return Err(format!("{place}: min and max are shares from 0 to 1, min not above max"));
            }
            if one.player.is_none() && one.position.is_none() && one.team.is_none() {
                return Err(format!("{place}: of whom? player, position or team is needed"));
            }
            if one.min.is_none() && one.max.is_none() {
                return Err(format!("{place}: min or max is needed"));
            }
            if one.count == Some(0) {
                return Err(format!("{place}: count: at least 1"));
            }
        }
        for (nth, one) in self.group.iter().enumerate() {
            if one.at_most.is_none() && one.at_least == 0 {
                return Err(format!("[[group]] {}: at_least or at_most is needed", nth + 1));
            }
            if one.at_most.is_some_and(|most| most < one.at_least) {
                return Err(format!("[[group]] {}: at_least is above at_most", nth + 1));
            }
        }
        let percents = self
            .ownership
            .iter()
            .flat_map(|one| [one.max_total, one.min_total, one.max_player, one.min_player]);
        if percents.flatten().any(|percent| !(0.0..=10_000.0).contains(&percent)) {
            return Err("[ownership]: percentages from 0 on".to_owned());
        }
        let random = self.random.iter().flat_map(|one| [one.percent, one.stddev]);
        if random.flatten().any(|number| !(0.0..=1_000.0).contains(&number)) {
            return Err("[random]: percent and stddev are numbers from 0 to 1000".to_owned());
        }
        Ok(())
    }
}
