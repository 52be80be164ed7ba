//! Fans' lineups before kickoff: the best that a site's rules and a user's constraints allow, exactly.
//!
//! ```text
//! players' file ──► pool ─┐
//! site file ──────► site ─┼─► slate ──► plan ──► portfolio ──► answer
//! constraints ────────────┘                       └ search ─ bound
//! ```
//! Owns sites, players' files, constraints, and the search. Never reads a clock, the network or a running game; the
//! one file it reads by itself is a user's site. Points are integers, 1/10,000 point; floats occur in shares and
//! percentages alone, which are turned into counts before anything is searched. Bounded by the limits of each file
//! and by the work and time that a search is given. Why it is built so: docs/decisions/028-optimizer.md.

mod answer;
mod asked;
mod bound;
mod chance;
mod constraints;
mod csv;
mod ground;
mod hopeless;
mod late_swap;
mod pool;
mod portfolio;
mod problem;
mod refuse;
mod rules;
mod search;
mod shape;
mod site;
mod slate;
#[cfg(test)]
mod tests;
mod walk;

pub use answer::{Answer, Decimal, Lineup, Placed, Refused, optimize};
pub use chance::Draws;
pub use constraints::{
    Constraints, Exposure, FILE_BYTES_MAX as CONSTRAINTS_BYTES_MAX, GameStack, Group, LateSwap, Limits, Ownership, Random, Stack, TeamStack,
};
pub use pool::{FILE_BYTES_MAX as PLAYERS_BYTES_MAX, PLAYERS_MAX, Player, PoolError, check, decimal, kickoff, read};
pub use portfolio::{Ended, Exposure as PlanExposure, Kept, Made, Plan, Portfolio, build};
pub use problem::{AnyOf, Item, ItemIndex, Limit, Problem, Range, Set, Spread};
pub use search::{Budget, Lineup as FoundLineup};
pub use site::{Columns, Site, SlotKind, Upload};
pub use slate::{BadConstraint, LINEUPS_MAX, Slate};
