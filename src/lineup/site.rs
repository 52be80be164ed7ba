//! Sites: slots, cap and limits, and the columns of their files; data, not code.
//!
//! Pure but for [`Site::find`], which reads one file. Bounded by [`FILE_BYTES_MAX`] and the search's limits.

use super::problem::SIZE_MAX;
use serde::Deserialize;
use std::path::Path;

/// Longest site file, in bytes.
pub(super) const FILE_BYTES_MAX: u64 = 65_536;

/// The files of `config/sites`, built in.
const EMBEDDED: [(&str, &str); 4] = [
    ("draftkings", include_str!("../../config/sites/draftkings.toml")),
    ("draftkings_showdown", include_str!("../../config/sites/draftkings_showdown.toml")),
    ("fanduel", include_str!("../../config/sites/fanduel.toml")),
    ("yahoo", include_str!("../../config/sites/yahoo.toml")),
];

/// What a site asks of a lineup, and how it writes its files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// For people.
    pub title: String,
    /// The ruleset whose points it pays.
    #[serde(default)]
    pub ruleset: Option<String>,
    /// What a lineup may cost.
    pub salary_cap: i64,
    /// Players come from at least so many games,
    #[serde(default)]
    pub min_games: u8,
    /// and teams;
    #[serde(default)]
    pub min_teams: u8,
    /// at most so many of one team.
    #[serde(default)]
    pub max_per_team: Option<u8>,
    /// Positions that play defence.
    #[serde(default)]
    pub defenses: Vec<String>,
    /// Slots, in the order of the upload.
    #[serde(rename = "slot")]
    pub slots: Vec<SlotKind>,
    /// Where to find what in a players' file.
    pub columns: Columns,
    /// How lineups are written.
    pub upload: Upload,
}

/// Slots of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotKind {
    /// As the upload's header has it.
    pub name: String,
    /// Who may stand in it.
    pub positions: Vec<String>,
    /// How many.
    #[serde(default = "one")]
    pub count: u8,
    /// What points count there, times.
    #[serde(default = "times_one")]
    pub points: f64,
    /// What a player costs there, times.
    #[serde(default = "times_one")]
    pub salary: f64,
}

fn one() -> u8 {
    1
}

fn times_one() -> f64 {
    1.0
}

/// Names of columns, each in the order of preference.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// The site's number for a player.
    pub id: Vec<String>,
    /// His name.
    pub name: Vec<String>,
    /// His positions, with "/" between.
    pub position: Vec<String>,
    /// Slots this row may fill, with "/" between.
    pub slots: Vec<String>,
    /// What he costs.
    pub salary: Vec<String>,
    /// His team.
    pub team: Vec<String>,
    /// The other team.
    pub opponent: Vec<String>,
    /// `AWAY@HOME`, and perhaps the kickoff.
    pub game: Vec<String>,
    /// The kickoff.
    pub kickoff: Vec<String>,
    /// The site's own number of points.
    pub points: Vec<String>,
    /// Hurt or out.
    pub status: Vec<String>,
}

/// How lineups are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// A player: `{id}` and `{name}` are replaced.
    pub player: String,
}

/// One slot of a lineup.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Who may stand in it.
    pub positions: Vec<String>,
    /// What points count, in 1/10,000.
    pub points: i64,
    /// What a player costs, in 1/10,000.
    pub salary: i64,
}

impl Site {
    /// The names of those built in.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// One that is built in.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn built_in(name: &str) -> Result<Site, String> {
        let found = EMBEDDED.iter().find(|(known, _)| *known == name);
        let names: Vec<&str> = Site::names().collect();
        let (name, text) = found.ok_or_else(|| format!("no site \"{name}\"; there are {}", names.join(", ")))?;
        Site::parse(text).map_err(|error| format!("config/sites/{name}.toml: {error}"))
    }

    /// One that is built in, or one's own, by the path of its file.
    ///
    /// # Errors
    /// There is none of that name or path, or it is no site.
    pub fn find(name: &str) -> Result<Site, String> {
        if Site::names().any(|known| known == name) {
            return Site::built_in(name);
        }
        let path = Path::new(name);
        let is_path = path.extension().is_some_and(|extension| extension == "toml") || name.contains('/');
        if !is_path {
            let names: Vec<&str> = Site::names().collect();
            return Err(format!(
                "no site \"{name}\"; there are {}, and site files of your own (FILE.toml)",
                names.join(", ")
            ));
        }
        let bytes = std::fs::metadata(path).map_err(|error| format!("{name}: {error}"))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(format!("{name}: a site file may have {FILE_BYTES_MAX} bytes"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        Site::parse(&text).map_err(|error| format!("{name}: {error}"))
    }

    /// Reads a site file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Site, String> {
        let site: Site = toml::from_str(text).map_err(|error| error.to_string())?;
        site.check()?;
        Ok(site)
    }

    /// Whether all of it makes sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), String> {
        let site = self;
        let count: usize = site.slots.iter().map(|slot| usize::from(slot.count)).sum();
        if count == 0 || count > SIZE_MAX {
            return Err(format!("[[slot]]: {count} slots, 1 to {SIZE_MAX} make a lineup"));
        }
        if !(1..=1_000_000).contains(&site.salary_cap) {
            return Err("salary_cap: 1 to 1000000".to_owned());
        }
        for slot in &site.slots {
            let times = [("points", slot.points), ("salary", slot.salary)];
            if let Some((key, _)) = times.iter().find(|(_, times)| !(0.1..=10.0).contains(times)) {
                return Err(format!("slot {}: {key}: 0.1 to 10", slot.name));
            }
            if slot.positions.is_empty() {
                return Err(format!("slot {}: positions: nobody may stand there", slot.name));
            }
        }
        for (key, names) in [
            ("name", &site.columns.name),
            ("position", &site.columns.position),
            ("salary", &site.columns.salary),
            ("team", &site.columns.team),
        ] {
            if names.is_empty() {
                return Err(format!("columns.{key}: which column is it?"));
            }
        }
        Ok(())
    }

    /// Each slot by itself, in the order of the upload.
    pub fn slots(&self) -> Vec<Slot> {
        let each = self.slots.iter().flat_map(|kind| {
            let slot = Slot {
                name: kind.name.clone(),
                positions: kind.positions.clone(),
                points: (kind.points * 10_000.0).round() as i64,
                salary: (kind.salary * 10_000.0).round() as i64,
            };
            std::iter::repeat_n(slot, usize::from(kind.count))
        });
        each.collect()
    }
}
