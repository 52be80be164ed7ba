//! The server's last word: what it shows once nothing more is posted, and what came of the run beside it.

use super::{Outcome, Plan, Running, Settings};
use crate::crew::Order;
use crate::post::Http;
use crate::truth::Truth;
use crate::verify::number;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::HashSet;

/// Topics in one `GET /v1/snapshot`.
const SNAPSHOT_TOPICS_MAX: usize = 100;

impl Running<'_> {
    /// Tells the clients how the server shows the topics now that nothing more is posted. Where it does not say,
    /// those it has not hung up on get what there is until patience ends.
    pub(super) fn settle(&mut self, http: &mut Http, taken: usize) -> Result<Option<Vec<Value>>> {
        let snapshots = match words(http, self.settings, self.plan) {
            Ok(snapshots) => Some(snapshots),
            Err(error) => {
                self.faults.push(format!("the server's last word: {error:#}"));
                None
            }
        };
        self.crew.order(&Order::Settle {
            snapshots: snapshots.clone(),
            taken,
        })?;
        Ok(snapshots)
    }
}

impl Outcome {
    /// Holds what came of it, `last` in the end, against what the feed says must come of it.
    pub(super) fn hold_against_feed(&mut self, plan: &Plan, truth: Option<&Truth>, last: &[Value]) {
        let deliveries = self.report.deliveries;
        let Some(truth) = truth else {
            // By the script each event moves the one topic.
            let due = (plan.rosters.len() * plan.schedule.events()) as u64;
            if deliveries != due {
                self.fault(format!("{deliveries} of {due} deliveries"));
            }
            return;
        };
        let due = truth.deliveries_due(&plan.followers());
        if deliveries < due {
            self.fault(format!("{deliveries} deliveries, by the feed at least {due}"));
        }
        if deliveries == 0 {
            self.fault("nobody received a single change".to_owned());
        }
        let faults = truth.check(&self.tally.moves, last);
        self.report.fault_count += faults.count;
        self.report.faults.extend(faults.told);
    }
}

/// How the server shows the topics that somebody follows, by number.
pub(super) fn words(http: &mut Http, settings: &Settings, plan: &Plan) -> Result<Vec<Value>> {
    let followed: HashSet<u32> = plan.rosters.iter().flatten().copied().collect();
    let mut asked: Vec<u32> = followed.into_iter().collect();
    asked.sort_unstable();
    let mut snapshots = vec![Value::Null; plan.topics.len()];
    for part in asked.chunks(SNAPSHOT_TOPICS_MAX) {
        let names: Vec<&str> = part.iter().map(|&topic| plan.topics[topic as usize].as_str()).collect();
        let path = format!("/v1/snapshot?topics={}&ruleset={}", names.join(","), settings.ruleset);
        let mut answer = http.get(&path)?;
        let list = answer["snapshots"].as_array_mut().context("GET /v1/snapshot: no snapshots")?;
        ensure!(
            list.len() == part.len(),
            "GET /v1/snapshot: {} of {} topics",
            list.len(),
            part.len()
        );
        for (&topic, snapshot) in part.iter().zip(list) {
            let name = plan.topics[topic as usize].as_str();
            ensure!(
                snapshot["topic"] == name,
                "GET /v1/snapshot: {} instead of {name}",
                snapshot["topic"]
            );
            number(snapshot, "seq").with_context(|| format!("GET /v1/snapshot: {name}"))?;
            snapshots[topic as usize] = snapshot.take();
        }
    }
    Ok(snapshots)
}
