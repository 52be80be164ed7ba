//! The two teams of a game, and the codes under which the feed has written them over the years.
//!
//! A team that moved or was abbreviated anew appears under both codes, sometimes in one document.
//! The game's own `abbr` is canonical; nothing outside this file knows an alias.

use crate::model::Team;

/// Codes that mean one franchise, each group in no order.
const ALIASES: &[&[&str]] = &[
    &["JAC", "JAX"],
    &["SD", "LAC"],
    &["STL", "LA", "LAR", "SL"],
    &["OAK", "LV"],
    &["WAS", "WSH"],
    &["ARI", "ARZ"],
    &["BAL", "BLT"],
    &["CLE", "CLV"],
    &["HOU", "HST"],
];

/// Who plays: the canonical codes of one game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teams {
    /// The home team.
    pub home: Team,
    /// The visiting team.
    pub away: Team,
}

impl Teams {
    /// The team of this game that `code` means, if any: itself, else by alias.
    pub fn resolve(&self, code: &str) -> Option<Team> {
        let both = [&self.home, &self.away];
        let same = both.into_iter().find(|team| team.as_str() == code);
        let alias = || both.into_iter().find(|team| are_aliases(team.as_str(), code));
        same.or_else(alias).cloned()
    }

    /// 0 for the home team, 1 for the visitors, nothing for others.
    pub fn side(&self, team: &Team) -> Option<usize> {
        [&self.home, &self.away].into_iter().position(|t| t == team)
    }
}

fn are_aliases(a: &str, b: &str) -> bool {
    ALIASES.iter().any(|group| group.contains(&a) && group.contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_the_team_itself_before_an_alias() {
        let teams = |home, away| Teams {
            home: Team::new(home).unwrap(),
            away: Team::new(away).unwrap(),
        };
        let moved = teams("LAC", "LA");
        let meant = |teams: &Teams, code| teams.resolve(code).map(|t| t.to_string());
        assert_eq!(meant(&moved, "LA").as_deref(), Some("LA"));
        assert_eq!(meant(&moved, "SD").as_deref(), Some("LAC"));
        assert_eq!(meant(&moved, "STL").as_deref(), Some("LA"));
        assert_eq!(meant(&teams("JAC", "NE"), "JAX").as_deref(), Some("JAC"));
        assert_eq!(meant(&teams("JAC", "NE"), "SD"), None);
        assert_eq!(meant(&teams("JAC", "NE"), ""), None);
    }
}
