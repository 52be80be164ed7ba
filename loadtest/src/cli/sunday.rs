//! Which games are played, whom clients follow, and the contests beside them.

use super::numbers::{at_least_one, over_zero, share};
use crate::contest::{CONTESTS_MAX, ENTRIES_MAX, Entries, WATCHED_MAX};
use crate::rosters::Skew;
use crate::scenario::slate::{Following, Sunday};
use crate::sunday::{self, Source};
use anyhow::Result;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use std::path::PathBuf;
use std::time::Duration;

/// The Sunday.
#[derive(Args)]
pub(crate) struct FeedArgs {
    /// How many times faster than a real Sunday
    #[arg(long, default_value_t = 10.0, value_parser = over_zero)]
    speed: f64,
    /// Event lines (NDJSON, as `scorewire replay --out` and `scorewire simulate --out` write them) to post, instead of
    /// simulated games
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Simulated games, 1 to 16
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=16))]
    games: u32,
    /// The program that simulates them [default: `scorewire` beside this program]
    #[arg(long, value_name = "PATH")]
    scorewire: Option<PathBuf>,
}

/// Whom clients follow.
#[derive(Args)]
pub(crate) struct RosterArgs {
    /// Players on each roster
    #[arg(long, value_name = "PLAYERS", default_value_t = 15, value_parser = at_least_one::<usize>)]
    roster: usize,
    /// Players that can be on one, the most popular ones
    #[arg(long, default_value_t = 300, value_parser = at_least_one::<usize>)]
    players: usize,
    /// Share of the rosters that the most followed player is on
    #[arg(long, value_name = "SHARE", default_value_t = 0.30, value_parser = share)]
    most_followed: f64,
    /// Each client follows its roster as one lineup, the sum of it, instead of its players one by one
    #[arg(long)]
    lineups: bool,
}

/// The contests.
#[derive(Args)]
pub(crate) struct ContestArgs {
    /// Post a contest of so many entries, at most 2,000,000, over the same players, too, and watch some of them
    ///
    /// Their points and ranks at the end are held against the players' points.
    #[arg(long, value_name = "ENTRIES", conflicts_with = "lineups",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=ENTRIES_MAX as u64))]
    contest: Option<usize>,
    /// Split these entries into so many contests, at most 10,000
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "contest",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=CONTESTS_MAX as u64))]
    contests: usize,
    /// Entries that are watched, at most 100,000, over a connection for each 900 or so
    #[arg(long, value_name = "ENTRIES", default_value_t = 1_000, requires = "contest",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=WATCHED_MAX as u64))]
    watched_entries: usize,
}

impl ContestArgs {
    /// Nothing where none was asked for.
    pub(super) fn entries(&self) -> Option<Entries> {
        let (contests, watched) = (self.contests, self.watched_entries);
        self.contest.map(|count| Entries { count, contests, watched })
    }
}

impl FeedArgs {
    /// The games, for `length` of real time; simulated ones are those of `seed`.
    pub(super) fn sunday(&self, seed: u64, length: Duration) -> Result<Sunday> {
        let source = match &self.events {
            Some(file) => Source::File(file.clone()),
            None => Source::Simulated {
                program: self.scorewire.clone().map_or_else(sunday::program_beside, Ok)?,
                games: self.games,
                seed,
            },
        };
        Ok(Sunday {
            source,
            speed: self.speed,
            length,
        })
    }
}

impl RosterArgs {
    /// Whom they follow, as `seed` draws it.
    pub(super) fn following(&self, seed: u64) -> Following {
        Following {
            skew: Skew {
                players: self.players,
                roster: self.roster,
                most: self.most_followed,
            },
            seed,
            lineups: self.lineups,
        }
    }
}
