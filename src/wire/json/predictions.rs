//! Predictions and outcomes as JSON objects.

use super::Json;
use crate::model::prediction::{DriveEnd, ForecastKind, PlayCall, Source, Tally, end_called, play_called, winner_called};
use crate::model::{Forecast, Outcome, PlayId, Prediction, Probability, Side};
use crate::wire::message::{EventTimes, Told};

impl Json<'_> {
    pub(super) fn prediction(&mut self, told: &Told<'_, Prediction>) {
        self.about("prediction", &told.about).count("prev", told.prev);
        self.prediction_fields(told.says);
        self.integer("encode_us", told.encode_us);
    }

    pub(super) fn outcome(&mut self, told: &Told<'_, Outcome>) {
        let outcome = told.says;
        self.about("outcome", &told.about).count("prev", told.prev);
        self.forecast_kind(outcome.verdict.kind());
        self.play("play", outcome.play.as_ref())
            .play("after_play", outcome.after_play.as_ref())
            .text("call", outcome.verdict.call(&outcome.head))
            .text("actual", outcome.verdict.actual(&outcome.head))
            .boolean("right", outcome.verdict.is_right())
            .probability("probability", outcome.probability)
            .source(&outcome.source)
            .tally(outcome.tally)
            .times(["feed_ts", "ingest_us"], EventTimes::of(outcome.feed_ts, outcome.ingest));
        self.integer("encode_us", told.encode_us);
    }

    /// What a snapshot of a topic of predictions lists.
    pub(super) fn predictions(&mut self, predictions: &[&Prediction], tally: Tally) {
        self.list_at("predictions", |list| {
            for prediction in predictions {
                list.object(|json| json.prediction_fields(prediction));
            }
        });
        self.tally(tally);
    }

    /// What a prediction says, wherever it is shown.
    pub fn prediction_fields(&mut self, prediction: &Prediction) {
        self.forecast_kind(prediction.forecast.kind())
            .play("after_play", prediction.after_play.as_ref());
        match &prediction.forecast {
            Forecast::NextPlay { pass, kinds } => {
                self.object_at("probabilities", |json| {
                    json.probability(PlayCall::Run.name(), pass.rest())
                        .probability(PlayCall::Pass.name(), *pass);
                });
                self.probabilities("kinds", PlayCall::ALL.map(PlayCall::name), kinds)
                    .call(play_called(*pass).name(), prediction.confidence);
            }
            Forecast::Drive { team, ends } => {
                self.text("team", team.as_str())
                    .probabilities("probabilities", DriveEnd::ALL.map(DriveEnd::name), ends)
                    .call(end_called(ends).name(), prediction.confidence);
            }
            Forecast::Win { home } => {
                let names = [Side::Home, Side::Away].map(|side| side.name(&prediction.head));
                self.probabilities("probabilities", names, &[*home, home.rest()])
                    .call(winner_called(*home).name(&prediction.head), prediction.confidence);
            }
            Forecast::Points { ruleset, players } => {
                self.text("points_ruleset", ruleset).list_at("players", |list| {
                    for player in players {
                        list.object(|json| {
                            json.text("player", player.player.as_str())
                                .points("points", player.points)
                                .points("low", player.low)
                                .points("high", player.high);
                        });
                    }
                });
            }
        }
        self.source(&prediction.source)
            .integer("expires_us", prediction.expires_us)
            .times(["feed_ts", "ingest_us"], EventTimes::of(prediction.feed_ts, prediction.ingest));
    }

    fn forecast_kind(&mut self, kind: ForecastKind) -> &mut Self {
        self.text("kind", kind.name())
    }

    fn play(&mut self, key: &str, play: Option<&PlayId>) -> &mut Self {
        if let Some(play) = play {
            self.text(key, play.as_str());
        }
        self
    }

    fn probabilities<const N: usize>(&mut self, key: &str, names: [&str; N], probabilities: &[Probability; N]) -> &mut Self {
        self.object_at(key, |json| {
            for (name, probability) in names.into_iter().zip(probabilities) {
                json.probability(name, *probability);
            }
        })
    }

    fn call(&mut self, call: &str, confidence: Probability) -> &mut Self {
        self.text("call", call).probability("confidence", confidence)
    }

    fn source(&mut self, source: &Source) -> &mut Self {
        match source {
            Source::Model { name, version } => self.text("source", "model").text("model", name).text("version", version),
            Source::Historical => self.text("source", "historical"),
        }
    }

    fn tally(&mut self, tally: Tally) -> &mut Self {
        self.object_at("tally", |json| {
            json.count("right", tally.right.into()).count("calls", tally.calls.into());
        })
    }
}
