//! From plays to outcomes: what was said of a snap, a drive and the game, against what happened.

use super::models::Models;
use super::watched::{Debt, Said, Watched};
use super::{Cause, Predictor};
use crate::model::prediction::{
    Bulletin, Forecast, Outcome, PlayCall, Prediction, Source, Verdict, end_called, play_called, winner_called,
};
use crate::model::{GameStatus, PlayId, Probability, Recap, RecapPlay, Side, StateTime};
use crate::predict::drives::drives;
use crate::predict::features::call_of;
use crate::predict::registry::{Task, Version};
use std::sync::Arc;

impl<M: Models> Predictor<M> {
    /// Judges whatever can be, now that the game stands like this.
    pub(super) fn judge(&mut self, game: &mut Watched, recap: &Recap, cause: Cause, publish: &mut impl FnMut(Bulletin)) {
        let after = game.coming.as_ref().map(|coming| &coming.after_play);
        if let Some(play) = after.and_then(|after| recap.play_after(after.as_ref())) {
            self.judge_snap(game, recap, play, cause, publish);
        }
        self.judge_drives(game, recap, cause, publish);
        if recap.status == GameStatus::Final {
            self.judge_winner(game, recap, cause, publish);
        }
    }

    /// The snap that was predicted was taken. What a penalty undid, or what is no play from scrimmage, judges
    /// nobody: then what was said just lapses.
    fn judge_snap(&mut self, game: &mut Watched, recap: &Recap, play: &RecapPlay, cause: Cause, publish: &mut impl FnMut(Bulletin)) {
        let Some(coming) = game.coming.take() else { return };
        let Some(actual) = call_of(play).filter(|_| !play.no_play) else {
            return;
        };
        for (said, told) in coming.said {
            let offence = coming.offence;
            match said.task {
                Task::NextPlay | Task::NextPlayFormed => {
                    let scored = self.score(&said, actual as usize);
                    self.compare(scored.as_slice());
                    self.call(game, recap, (play, actual), told, cause, publish);
                }
                Task::Drive | Task::Win => {
                    let owed = if said.task == Task::Drive {
                        &mut game.drives
                    } else {
                        &mut game.winner
                    };
                    let play = play.id.clone();
                    owed.add(Debt { play, offence, said }, told);
                }
            }
        }
    }

    /// The call that was told, against the play.
    fn call(
        &mut self,
        game: &mut Watched,
        recap: &Recap,
        (play, actual): (&RecapPlay, PlayCall),
        told: Arc<Prediction>,
        cause: Cause,
        publish: &mut impl FnMut(Bulletin),
    ) {
        let Forecast::NextPlay { pass, kinds } = &told.forecast else {
            return;
        };
        let (call, given) = match actual {
            PlayCall::Pass => (play_called(*pass), *pass),
            PlayCall::Run => (play_called(*pass), pass.rest()),
            // Neither run nor dropback, between which is called: the most probable kind is what was said of it.
            _ => (kind_called(kinds), kinds[actual as usize]),
        };
        if matches!(told.source, Source::Model { .. }) && matches!(actual, PlayCall::Run | PlayCall::Pass) {
            game.kept.tally.calls += 1;
            game.kept.tally.right += u32::from(call == actual);
            game.kept.called_us = Some(cause.now.steady_us);
        }
        let verdict = Verdict::NextPlay { call, actual };
        self.publish_outcome(game, recap, (Some(&play.id), verdict, given), &told, cause, publish);
    }

    /// Drives that are over: all that was said of them counts, and the last of it is told.
    fn judge_drives(&mut self, game: &mut Watched, recap: &Recap, cause: Cause, publish: &mut impl FnMut(Bulletin)) {
        if game.drives.debts.is_empty() {
            return;
        }
        let drives = drives(recap);
        let (mut judged, mut scored) = (None, Vec::new());
        for debt in std::mem::take(&mut game.drives.debts) {
            // A snap that does not stand any more, or that a penalty undid since, judges nobody.
            let Some(place) = recap.plays.iter().rposition(|play| play.id == debt.play) else {
                continue;
            };
            let drive = drives.iter().rfind(|drive| (drive.first..=drive.last).contains(&place));
            let Some(drive) = drive.filter(|_| call_of(&recap.plays[place]).is_some()) else {
                continue;
            };
            match drive.end {
                Some(end) => {
                    scored.extend(self.score(&debt.said, end as usize));
                    judged = Some((end, drive.last));
                }
                None => game.drives.debts.push(debt),
            }
        }
        self.compare(&scored);
        if let Some((actual, last)) = judged
            && game.drives.debts.is_empty()
            && let Some(told) = game.drives.last.take()
            && let Forecast::Drive { ends, .. } = &told.forecast
        {
            let call = end_called(ends);
            let given = ends[actual as usize];
            let verdict = Verdict::Drive { call, actual };
            let play = &recap.plays[last].id;
            self.publish_outcome(game, recap, (Some(play), verdict, given), &told, cause, publish);
        }
    }

    /// The game is over: all that was said of its winner counts, and the last of it is told. A tie counts for
    /// nobody.
    fn judge_winner(&mut self, game: &mut Watched, recap: &Recap, cause: Cause, publish: &mut impl FnMut(Bulletin)) {
        game.coming = None;
        let Some([home, away]) = recap.score else { return };
        let winner = match home.cmp(&away) {
            std::cmp::Ordering::Greater => Some(Side::Home),
            std::cmp::Ordering::Less => Some(Side::Away),
            std::cmp::Ordering::Equal => None,
        };
        let mut scored = Vec::new();
        for debt in std::mem::take(&mut game.winner.debts) {
            if let Some(winner) = winner {
                scored.extend(self.score(&debt.said, usize::from(debt.offence == winner)));
            }
        }
        self.compare(&scored);
        if let Some(told) = game.winner.last.take()
            && let Forecast::Win { home } = told.forecast
        {
            let call = winner_called(home);
            let given = match winner {
                Some(Side::Home) => home,
                Some(Side::Away) => home.rest(),
                None => Probability::NEVER,
            };
            let verdict = Verdict::Win { call, actual: winner };
            self.publish_outcome(game, recap, (None, verdict, given), &told, cause, publish);
        }
    }

    /// What was said, against what happened: the place of that among the task's classes. A model's log loss is
    /// what its versions are compared by.
    fn score(&mut self, said: &Said, actual: usize) -> Option<(Arc<Version>, f64)> {
        let is_loaded = |task, version: &str| self.models.is_loaded(task, version);
        self.tracker.score(said.task, None, &said.table, actual, is_loaded);
        let (version, row) = said.model.as_ref()?;
        let log_loss = self.tracker.score(said.task, Some(&version.version), row, actual, is_loaded);
        Some((version.clone(), log_loss))
    }

    /// What was said of one and the same thing is one outcome to those who compare versions: all snaps of a drive
    /// end as it does.
    fn compare(&mut self, scored: &[(Arc<Version>, f64)]) {
        for of_version in scored.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(a, b)) {
            let sum: f64 = of_version.iter().map(|(_, log_loss)| log_loss).sum();
            self.models.scored(&of_version[0].0, sum / of_version.len() as f64);
        }
    }

    fn publish_outcome(
        &mut self,
        game: &Watched,
        recap: &Recap,
        (play, verdict, probability): (Option<&PlayId>, Verdict, Probability),
        told: &Prediction,
        cause: Cause,
        publish: &mut impl FnMut(Bulletin),
    ) {
        self.counts.judged[verdict.kind() as usize][usize::from(!verdict.is_right())] += 1;
        publish(Bulletin::Outcome(Arc::new(Outcome {
            head: recap.head.clone(),
            play: play.cloned(),
            after_play: told.after_play.clone(),
            verdict,
            probability,
            source: told.source.clone(),
            tally: game.kept.tally,
            feed_ts: cause.feed_ts,
            ingest: cause.ingest,
            made: StateTime(cause.now.steady_us),
        })));
    }
}

/// The most probable kind, the first of equals.
fn kind_called(kinds: &[Probability; 5]) -> PlayCall {
    let better = |best: PlayCall, kind: PlayCall| if kinds[kind as usize] > kinds[best as usize] { kind } else { best };
    PlayCall::ALL.into_iter().reduce(better).expect("there are kinds")
}
