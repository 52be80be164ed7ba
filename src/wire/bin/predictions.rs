//! Predictions and outcomes in the binary coding. Numbers are those of `docs/scorewire.v1.proto`.

use super::Fields;
use crate::model::prediction::{DriveEnd, ForecastKind, PlayCall, Source, Tally, end_called, play_called, winner_called};
use crate::model::{Forecast, Outcome, PlayId, Prediction, Probability, Side};
use crate::wire::message::{EventTimes, Told};

impl Fields<'_> {
    pub(super) fn prediction(&mut self, told: &Told<'_, Prediction>) {
        self.about(&told.about).some_uint(4, told.prev);
        self.prediction_fields(told.says, told.encode_us);
        self.some_int(13, told.encode_us);
    }

    pub(super) fn outcome(&mut self, told: &Told<'_, Outcome>) {
        let outcome = told.says;
        self.about(&told.about)
            .uint(4, told.prev)
            .uint(5, kind(outcome.verdict.kind()))
            .play(6, outcome.after_play.as_ref())
            .play(7, outcome.play.as_ref())
            .text(8, outcome.verdict.call(&outcome.head))
            .text(9, outcome.verdict.actual(&outcome.head))
            .uint(10, outcome.verdict.is_right().into())
            .uint(11, outcome.probability.get().into())
            .source([16, 17, 18], &outcome.source)
            .tally(12, outcome.tally)
            .int(13, told.encode_us)
            .times([14, 15], told.encode_us, EventTimes::of(outcome.feed_ts, outcome.ingest));
    }

    /// What a snapshot of a topic of predictions lists.
    pub(super) fn predictions(&mut self, predictions: &[&Prediction], tally: Tally, encode_us: i64) {
        for prediction in predictions {
            self.message(26, |fields| fields.prediction_fields(prediction, encode_us));
        }
        self.tally(27, tally);
    }

    /// What a prediction says, wherever it is shown.
    fn prediction_fields(&mut self, prediction: &Prediction, encode_us: i64) {
        self.uint(5, kind(prediction.forecast.kind()))
            .play(6, prediction.after_play.as_ref());
        match &prediction.forecast {
            Forecast::NextPlay { pass, kinds } => {
                let names = [PlayCall::Run, PlayCall::Pass].map(PlayCall::name);
                self.probabilities(8, names, &[pass.rest(), *pass])
                    .probabilities(9, PlayCall::ALL.map(PlayCall::name), kinds)
                    .call(play_called(*pass).name(), prediction.confidence);
            }
            Forecast::Drive { team, ends } => {
                self.some_text(7, team.as_str())
                    .probabilities(8, DriveEnd::ALL.map(DriveEnd::name), ends)
                    .call(end_called(ends).name(), prediction.confidence);
            }
            Forecast::Win { home } => {
                let names = [Side::Home, Side::Away].map(|side| side.name(&prediction.head));
                self.probabilities(8, names, &[*home, home.rest()])
                    .call(winner_called(*home).name(&prediction.head), prediction.confidence);
            }
            Forecast::Points { ruleset, players } => {
                self.some_text(2, ruleset);
                for player in players {
                    self.message(12, |fields| {
                        fields
                            .text(1, player.player.as_str())
                            .sint(2, player.points.0)
                            .sint(3, player.low.0)
                            .sint(4, player.high.0);
                    });
                }
            }
        }
        self.source([16, 17, 18], &prediction.source).int(19, prediction.expires_us).times(
            [14, 15],
            encode_us,
            EventTimes::of(prediction.feed_ts, prediction.ingest),
        );
    }

    fn play(&mut self, field: u32, play: Option<&PlayId>) -> &mut Self {
        if let Some(play) = play {
            self.some_text(field, play.as_str());
        }
        self
    }

    /// A map: an entry is a message of key and value.
    fn probabilities<const N: usize>(&mut self, field: u32, names: [&str; N], probabilities: &[Probability; N]) -> &mut Self {
        for (name, probability) in names.into_iter().zip(probabilities) {
            self.message(field, |entry| {
                entry.text(1, name).uint(2, probability.get().into());
            });
        }
        self
    }

    fn call(&mut self, call: &str, confidence: Probability) {
        self.some_text(10, call).some_uint(11, confidence.get().into());
    }

    fn source(&mut self, [source, model, version]: [u32; 3], of: &Source) -> &mut Self {
        match of {
            Source::Model { name, version: of } => self.uint(source, 0).some_text(model, name).some_text(version, of),
            Source::Historical => self.uint(source, 1),
        }
    }

    fn tally(&mut self, field: u32, tally: Tally) -> &mut Self {
        self.message(field, |fields| {
            fields.uint(1, tally.right.into()).uint(2, tally.calls.into());
        })
    }
}

fn kind(kind: ForecastKind) -> u64 {
    match kind {
        ForecastKind::NextPlay => 0,
        ForecastKind::Drive => 1,
        ForecastKind::Win => 2,
        ForecastKind::Points => 3,
    }
}
