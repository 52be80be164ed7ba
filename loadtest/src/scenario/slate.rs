//! Scenarios in which each client follows a roster of players: `slate`, `burst`, `storm` and `soak`.

use super::broadcast::OPENING_MAX;
use crate::clock;
use crate::contest::{Contests, Entries};
use crate::feed::Feed;
use crate::job::Round;
use crate::kickoffs::Bursts;
use crate::lineups::Lineups;
use crate::rosters::{self, Skew};
use crate::run::{self, Act, Outcome, Plan, Settings};
use crate::shape::RunReport;
use crate::sunday::{Pace, Source};
use anyhow::{Result, ensure};
use std::time::Duration;

/// Connections under way at once when everybody comes back.
const STORM_OPENING_MAX: usize = 1_000;

/// Whom clients follow, and the seed of the draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Following {
    /// How rosters are drawn.
    pub(crate) skew: Skew,
    /// The same seed draws the same rosters.
    pub(crate) seed: u64,
    /// A client follows its roster as one lineup, instead of its players.
    pub(crate) lineups: bool,
}

/// The Sunday that is played.
#[derive(Debug, Clone)]
pub(crate) struct Sunday {
    /// Its events.
    pub(crate) source: Source,
    /// How many times faster than it was.
    pub(crate) speed: f64,
    /// How long the run takes.
    pub(crate) length: Duration,
}

/// A Sunday, each client with a roster of players; and contests, where there are `entries`.
pub(crate) fn slate(settings: &Settings, following: Following, sunday: &Sunday, entries: Option<Entries>) -> Result<RunReport> {
    let mut plan = play(settings, following, sunday, "slate", Again::No)?;
    if let Some(entries) = entries {
        let id = format!("{}contest", run::prefix());
        plan.contests = Some(Contests::draw(id, &plan.followers(), entries, following.seed)?);
    }
    Ok(finish(settings, plan)?.report)
}

/// The same over and over, the server's memory watched.
pub(crate) fn soak(settings: &Settings, following: Following, sunday: &Sunday) -> Result<RunReport> {
    let mut outcome = finish(settings, play(settings, following, sunday, "soak", Again::Yes)?)?;
    if let Some(growth) = outcome.timeline.growth_kib_per_hour() {
        outcome.report.extra.insert("growth_kib_per_hour".to_owned(), growth);
    }
    Ok(outcome.report)
}

/// The same, all clients cut off `cuts` times, at equal distances, and coming back.
pub(crate) fn storm(settings: &Settings, following: Following, sunday: &Sunday, cuts: u32) -> Result<RunReport> {
    ensure!(cuts > 0, "cuts must be at least 1");
    let mut plan = play(settings, following, sunday, "storm", Again::Yes)?;
    let between_us = sunday.length.as_micros() as u64 / u64::from(cuts + 1);
    plan.acts = (1..=u64::from(cuts)).map(|cut| (cut * between_us, Act::Cut)).collect();
    plan.opening_max = STORM_OPENING_MAX;
    let topics: u64 = plan.followers().iter().sum();
    let mut outcome = finish(settings, plan)?;
    if !outcome.is_cut_short {
        let faults = all_came_back(&outcome.tally.rounds, cuts as usize, topics);
        faults.into_iter().for_each(|fault| outcome.fault(fault));
    }
    let rounds = &outcome.tally.rounds;
    let mut back_ms: Vec<f64> = rounds.iter().filter_map(|round| Some(round.back_us? as f64 / 1e3)).collect();
    back_ms.sort_by(f64::total_cmp);
    let figures = [
        ("cuts", Some(rounds.len() as f64)),
        ("back_p50_ms", back_ms.get(back_ms.len() / 2).copied()),
        ("back_max_ms", back_ms.last().copied()),
        ("topics_resumed", Some(rounds.iter().map(|round| round.resumed as f64).sum())),
        ("topics_by_snapshot", Some(rounds.iter().map(|round| round.snapshots as f64).sum())),
    ];
    let known = figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?)));
    outcome.report.extra.extend(known);
    Ok(outcome.report)
}

/// What is missing where everybody was to be cut off `cuts` times, and to go on in `topics` subscriptions
/// each time: by the deltas since, as long as the server's rings reach back.
fn all_came_back(rounds: &[Round], cuts: usize, topics: u64) -> Vec<String> {
    let mut faults = Vec::new();
    if rounds.len() != cuts {
        faults.push(format!("{} cuts instead of {cuts}", rounds.len()));
    }
    for (number, round) in (1..).zip(rounds) {
        let back = round.resumed + round.snapshots;
        if back < topics {
            faults.push(format!("after cut {number} {back} of {topics} subscriptions were taken up again"));
        }
        if round.resumed == 0 {
            faults.push(format!("after cut {number} no topic was resumed"));
        }
    }
    faults
}

/// Every game kicks off at the same instant; then a touchdown in every game at the same instant, repeatedly.
pub(crate) fn burst(settings: &Settings, following: Following, games: usize, bursts: usize, interval: Duration) -> Result<RunReport> {
    ensure!(
        (1..=16).contains(&games) && bursts > 0,
        "games must be 1 to 16 and bursts at least 1"
    );
    let bursts = Bursts {
        prefix: run::prefix(),
        games,
        bursts,
        interval_us: interval.as_micros() as u64,
        began_us: clock::wall_us(),
    };
    Ok(finish(settings, plan(settings, following, bursts.feed(), "burst")?)?.report)
}

/// Whether a Sunday that ends before the run does begins anew.
enum Again {
    No,
    Yes,
}

fn play(settings: &Settings, following: Following, sunday: &Sunday, scenario: &'static str, again: Again) -> Result<Plan> {
    ensure!(
        sunday.speed > 0.0 && sunday.speed <= 1_000.0,
        "speed must be over 0 and at most 1000"
    );
    let pace = Pace {
        prefix: run::prefix(),
        speed: sunday.speed,
        until_us: sunday.length.as_micros() as u64,
        again: matches!(again, Again::Yes),
        began_us: clock::wall_us(),
    };
    plan(settings, following, sunday.source.feed(&pace)?, scenario)
}

fn plan(settings: &Settings, following: Following, feed: Feed, scenario: &'static str) -> Result<Plan> {
    let Following { skew, seed, lineups } = following;
    ensure!(
        skew.roster > 0 && skew.most > 0.0 && skew.most <= 1.0,
        "rosters need players, and shares of 0 to 1"
    );
    let mut ranked = rosters::by_popularity(&feed.players);
    ranked.truncate(skew.players);
    ensure!(!ranked.is_empty(), "there is nobody to follow in these events");
    let shares = rosters::shares(ranked.len(), skew.roster, skew.most);
    let mut topics: Vec<String> = ranked.iter().map(|player| player.topic.clone()).collect();
    let mut rosters = rosters::draw(&shares, settings.clients, seed);
    let mut of_players = None;
    if lineups {
        let (lineups, whose) = Lineups::of(topics, rosters)?;
        topics = vec![String::new(); lineups.rosters.len()];
        rosters = whose.into_iter().map(|lineup| vec![lineup]).collect();
        of_players = Some(lineups);
    }
    Ok(Plan {
        scenario,
        opening: feed.opening,
        topics,
        rosters,
        schedule: feed.schedule,
        lines: feed.lines,
        acts: Vec::new(),
        script: None,
        opening_max: OPENING_MAX,
        stalling: None,
        probe: None,
        lineups: of_players,
        contests: None,
        hostile: None,
    })
}

/// Runs a plan and says how the rosters turned out.
fn finish(settings: &Settings, plan: Plan) -> Result<Outcome> {
    let owners = plan.owners();
    let lineups = plan.lineups.as_ref().map(|lineups| lineups.rosters.len());
    let clients = plan.rosters.len() as f64;
    let figures = [
        ("players_followed", owners.len() as f64),
        ("ownership_mean", owners.iter().sum::<u64>() as f64 / owners.len() as f64 / clients),
        ("ownership_most", owners.iter().max().copied().unwrap_or(0) as f64 / clients),
    ];
    let mut outcome = run::run(settings, plan, |_, _| Ok(()))?;
    outcome.report.extra.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
    let lineups = lineups.map(|count| ("lineups".to_owned(), count as f64));
    outcome.report.extra.extend(lineups);
    let events = outcome.report.latency.count as f64 / outcome.report.last.count.max(1) as f64;
    outcome
        .report
        .extra
        .insert("deliveries_per_event_that_moved_one".to_owned(), events);
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_without_cuts_or_returns_is_a_fault() {
        let round = |resumed, snapshots| Round {
            back_us: Some(1),
            resumed,
            snapshots,
        };
        assert_eq!(all_came_back(&[round(60, 0), round(1, 59)], 2, 60), Vec::<String>::new());
        let faults = |rounds: &[Round]| all_came_back(rounds, 1, 60).join("; ");
        assert_eq!(faults(&[]), "0 cuts instead of 1");
        assert_eq!(faults(&[round(0, 60)]), "after cut 1 no topic was resumed");
        assert!(faults(&[round(59, 0)]).starts_with("after cut 1 59 of 60"));
    }
}
