//! Broadcast: every client on one game, plays at a steady pace, every frame held against the script.

use crate::crew::Tally;
use crate::hostile::{self, Mob};
use crate::plays::{Line, RULESET, Script};
use crate::probe::Prober;
use crate::run::{self, Plan, Settings};
use crate::schedule::Schedule;
use crate::shape::RunReport;
use crate::verify::{check_player, points};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::time::Duration;

/// Connections under way at once; a listener's queue is commonly 4,096 long, often 128.
pub(super) const OPENING_MAX: usize = 100;

/// What happens beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    /// What it draws from.
    pub(crate) seed: u64,
    /// Whether somebody asks for things meanwhile.
    pub(crate) is_probed: bool,
    /// Hostile clients.
    pub(crate) hostile: Option<Hostile>,
}

/// Hostile clients beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hostile {
    /// How many.
    pub(crate) clients: usize,
    /// Connections a second, of all of them.
    pub(crate) per_s: f64,
    /// How long the server has to be rid of them at the end, where that is waited for.
    pub(crate) gone: Option<Duration>,
}

/// Runs it with `events` plays, one every `interval`.
pub(crate) fn run(settings: &Settings, events: usize, interval: Duration, beside: Beside) -> Result<RunReport> {
    let (script, mut plan) = plan(settings, events, interval)?;
    let seed = beside.seed;
    if let Some(hostile) = beside.hostile {
        hostile::check(&settings.target)?;
        plan.hostile = Some(Mob {
            server: settings.target.clone(),
            clients: hostile.clients,
            per_s: hostile.per_s,
            gone_ms: hostile.gone.map(|gone| gone.as_millis() as u64),
            topic: script.topic(),
            seed,
        });
    }
    plan.probe = beside.is_probed.then(|| Prober {
        target: settings.target.clone(),
        protocol: settings.protocol,
        topic: format!("player:{}-probe", script.game()),
        schedule: plan.schedule.clone(),
        seed,
        kernel_times: settings.kernel_times,
    });
    let mut outcome = run::run(settings, plan, |http, tally| {
        let rows = http.get(&format!("/v1/games/{}/players?ruleset={RULESET}", script.game()))?;
        compare(&rows, &script, tally)
    })?;
    outcome.report.extra.insert("interval_ms".to_owned(), interval.as_secs_f64() * 1e3);
    Ok(outcome.report)
}

/// Everybody on one scripted game.
pub(super) fn plan(settings: &Settings, events: usize, interval: Duration) -> Result<(Script, Plan)> {
    ensure!(
        settings.ruleset == RULESET,
        "--ruleset {}: the right totals of this scenario's plays are known under {RULESET} alone; slate, burst, storm and soak take any",
        settings.ruleset
    );
    let script = Script::new(&run::prefix(), events);
    let plan = Plan {
        scenario: "broadcast",
        opening: script.opening(),
        topics: vec![script.topic()],
        rosters: vec![vec![0]; settings.clients],
        schedule: Schedule::steady(events, interval.as_micros() as u64),
        lines: (0..events).map(|event| script.line(event)).collect(),
        acts: Vec::new(),
        script: Some(script.game().to_owned()),
        opening_max: OPENING_MAX,
        stalling: None,
        probe: None,
        lineups: None,
        contests: None,
        hostile: None,
    };
    Ok((script, plan))
}

/// The HTTP answer must hold the script's totals, and whatever else it shows (the defences) must be
/// what the sampled clients hold.
fn compare(rows: &Value, script: &Script, tally: &Tally) -> Result<()> {
    let rows = rows.as_array().context("no list of players")?;
    let totals = script.totals(script.events()).context("a script without an end")?;
    let mut missing: Vec<usize> = (0..totals.len()).filter(|&index| totals[index] != Line::default()).collect();
    for row in rows {
        let id = row["player"].as_str().context("a player without an id")?;
        if let Some(index) = check_player(row, None, totals)? {
            missing.retain(|&other| other != index);
        }
        let held = points(&row["points"])?;
        for (number, sample) in tally.samples.iter().enumerate() {
            // A player who never moved need not have been shown to anybody.
            if let Some(&sampled) = sample.get(id) {
                ensure!(
                    sampled == held,
                    "sampled client {number} holds {sampled}/10000 for {id}, HTTP says {held}/10000"
                );
            }
        }
    }
    ensure!(missing.is_empty(), "players of the cast are missing: {missing:?}");
    for sample in &tally.samples {
        for (index, line) in totals.iter().enumerate().filter(|(_, line)| **line != Line::default()) {
            let id = crate::plays::player_id(index);
            ensure!(
                sample.get(&id) == Some(&line.points()),
                "a sampled client holds {:?} for {id}",
                sample.get(&id)
            );
        }
    }
    Ok(())
}
