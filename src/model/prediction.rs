//! What is thought to come in a game, and how it turned out: what a `predictions:` topic tells.
//!
//! No floats: a probability is a whole number of ten-thousandths.

use super::{FeedTime, GameHead, GameId, IngestTime, PlayId, PlayerId, Points, Side, StateTime, Team};
use std::sync::Arc;

/// A probability in ten-thousandths: 0 (never) to 10,000 (certain). Those of one forecast add up to 10,000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Probability(u16);

impl Probability {
    /// Ten-thousandths in all.
    pub const SCALE: u16 = 10_000;
    /// What never happens.
    pub const NEVER: Probability = Probability(0);

    /// That many ten-thousandths; nothing above 10,000.
    pub const fn new(ten_thousandths: u16) -> Option<Probability> {
        if ten_thousandths <= Self::SCALE {
            Some(Probability(ten_thousandths))
        } else {
            None
        }
    }

    /// In ten-thousandths.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// That it does not happen.
    pub const fn rest(self) -> Probability {
        Probability(Self::SCALE - self.0)
    }

    /// Appends the shortest decimal that is exactly this (`1`, `0.7688`).
    pub fn write_json(self, out: &mut Vec<u8>) {
        // Points have the same scale.
        Points(self.0.into()).write_json(out);
    }
}

/// What the next play may be. A dropback is a pass, whatever becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PlayCall {
    /// A run that was meant as one.
    Run,
    /// A dropback: a pass, a sack or a scramble.
    Pass,
    /// A punt.
    Punt,
    /// A field goal try.
    FieldGoal,
    /// Anything else from scrimmage: a kneel, a spike.
    Other,
}

impl PlayCall {
    /// All of them, in the order of [`Forecast::NextPlay`]'s `kinds`.
    pub const ALL: [PlayCall; 5] = [PlayCall::Run, PlayCall::Pass, PlayCall::Punt, PlayCall::FieldGoal, PlayCall::Other];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            PlayCall::Run => "run",
            PlayCall::Pass => "pass",
            PlayCall::Punt => "punt",
            PlayCall::FieldGoal => "field_goal",
            PlayCall::Other => "other",
        }
    }
}

/// How a drive may end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DriveEnd {
    /// A touchdown of the team that has the ball.
    Touchdown,
    /// A field goal made.
    FieldGoal,
    /// A punt.
    Punt,
    /// An interception, a fumble lost, or on downs.
    Turnover,
    /// Anything else: a field goal missed, a safety, the end of a half.
    Other,
}

impl DriveEnd {
    /// All of them, in the order of [`Forecast::Drive`]'s `ends`.
    pub const ALL: [DriveEnd; 5] = [
        DriveEnd::Touchdown,
        DriveEnd::FieldGoal,
        DriveEnd::Punt,
        DriveEnd::Turnover,
        DriveEnd::Other,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            DriveEnd::Touchdown => "touchdown",
            DriveEnd::FieldGoal => "field_goal",
            DriveEnd::Punt => "punt",
            DriveEnd::Turnover => "turnover",
            DriveEnd::Other => "other",
        }
    }
}

/// What a forecast is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ForecastKind {
    /// The coming play.
    NextPlay,
    /// How the drive ends.
    Drive,
    /// Who wins.
    Win,
    /// The players' points at the end of the game.
    Points,
}

impl ForecastKind {
    /// All of them.
    pub const ALL: [ForecastKind; 4] = [ForecastKind::NextPlay, ForecastKind::Drive, ForecastKind::Win, ForecastKind::Points];

    /// Its name on the wire and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            ForecastKind::NextPlay => "next_play",
            ForecastKind::Drive => "drive",
            ForecastKind::Win => "win",
            ForecastKind::Points => "points",
        }
    }
}

/// What one player is thought to have at the end of the game.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlayerForecast {
    /// Who.
    pub player: PlayerId,
    /// Points expected.
    pub points: Points,
    /// Low end of the interval that holds 80% of what happens.
    pub low: Points,
    /// Its high end.
    pub high: Points,
}

/// What is thought to come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Forecast {
    /// The coming play.
    NextPlay {
        /// That it is a dropback, if it is one of run and dropback.
        pass: Probability,
        /// Of each kind, in the order of [`PlayCall::ALL`].
        kinds: [Probability; 5],
    },
    /// How the drive ends.
    Drive {
        /// Who has the ball.
        team: Team,
        /// Of each end, in the order of [`DriveEnd::ALL`].
        ends: [Probability; 5],
    },
    /// Who wins.
    Win {
        /// That the host does.
        home: Probability,
    },
    /// The players' points at the end of the game.
    Points {
        /// Under which ruleset.
        ruleset: Arc<str>,
        /// Of whom.
        players: Vec<PlayerForecast>,
    },
}

impl Forecast {
    /// What it is about.
    pub fn kind(&self) -> ForecastKind {
        match self {
            Forecast::NextPlay { .. } => ForecastKind::NextPlay,
            Forecast::Drive { .. } => ForecastKind::Drive,
            Forecast::Win { .. } => ForecastKind::Win,
            Forecast::Points { .. } => ForecastKind::Points,
        }
    }
}

/// Run or dropback, whichever is more probable; a dropback where they are equal.
pub fn play_called(pass: Probability) -> PlayCall {
    if pass >= pass.rest() { PlayCall::Pass } else { PlayCall::Run }
}

/// The most probable end, the first of equals.
pub fn end_called(ends: &[Probability; 5]) -> DriveEnd {
    let better = |best: usize, place: usize| if ends[place] > ends[best] { place } else { best };
    DriveEnd::ALL[(1..ends.len()).fold(0, better)]
}

/// The more probable winner; the host where they are equal.
pub fn winner_called(home: Probability) -> Side {
    if home >= home.rest() { Side::Home } else { Side::Away }
}

/// Who says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A model that is sure enough.
    Model {
        /// Its name.
        name: Arc<str>,
        /// Its version.
        version: Arc<str>,
    },
    /// What happened in the past where the game stands like this.
    Historical,
}

/// A forecast for one game.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The game.
    pub head: Arc<GameHead>,
    /// The last play that it knows of.
    pub after_play: Option<PlayId>,
    /// What is thought to come.
    pub forecast: Forecast,
    /// How sure: the probability of what is called.
    pub confidence: Probability,
    /// Who says so.
    pub source: Source,
    /// From when on it is worth nothing, microseconds since the Unix epoch by the system's clock.
    pub expires_us: i64,
    /// The feed's clock, of the event that led to it.
    pub feed_ts: Option<FeedTime>,
    /// When that event came in.
    pub ingest: IngestTime,
    /// When it was made; for latencies alone.
    pub made: StateTime,
}

/// What was called, and what happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The play that came.
    NextPlay {
        /// Called most probable.
        call: PlayCall,
        /// What it was.
        actual: PlayCall,
    },
    /// How the drive ended.
    Drive {
        /// Called most probable.
        call: DriveEnd,
        /// How it did.
        actual: DriveEnd,
    },
    /// Who won. The game is over.
    Win {
        /// Called more probable.
        call: Side,
        /// Who did; nothing for a tie.
        actual: Option<Side>,
    },
}

impl Verdict {
    /// What it is about.
    pub fn kind(&self) -> ForecastKind {
        match self {
            Verdict::NextPlay { .. } => ForecastKind::NextPlay,
            Verdict::Drive { .. } => ForecastKind::Drive,
            Verdict::Win { .. } => ForecastKind::Win,
        }
    }

    /// Whether the call was right.
    pub fn is_right(&self) -> bool {
        match self {
            Verdict::NextPlay { call, actual } => call == actual,
            Verdict::Drive { call, actual } => call == actual,
            Verdict::Win { call, actual } => Some(*call) == *actual,
        }
    }

    /// What was called, as the wire names it.
    pub fn call<'a>(&self, head: &'a GameHead) -> &'a str {
        match self {
            Verdict::NextPlay { call, .. } => call.name(),
            Verdict::Drive { call, .. } => call.name(),
            Verdict::Win { call, .. } => call.name(head),
        }
    }

    /// What happened, as the wire names it; `tie` where nobody won.
    pub fn actual<'a>(&self, head: &'a GameHead) -> &'a str {
        match self {
            Verdict::NextPlay { actual, .. } => actual.name(),
            Verdict::Drive { actual, .. } => actual.name(),
            Verdict::Win { actual, .. } => actual.map_or("tie", |side| side.name(head)),
        }
    }
}

/// Calls of one game that a model was sure enough of, and how many of them were right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Right ones.
    pub right: u32,
    /// All of them.
    pub calls: u32,
}

/// How a prediction turned out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The game.
    pub head: Arc<GameHead>,
    /// The play that decided it; nothing where no play did, as at the end of the game.
    pub play: Option<PlayId>,
    /// The last play that the prediction knew of.
    pub after_play: Option<PlayId>,
    /// What was called, and what happened.
    pub verdict: Verdict,
    /// What the prediction gave to that which happened.
    pub probability: Probability,
    /// Who had said so.
    pub source: Source,
    /// The game's calls so far, this one included where it counts.
    pub tally: Tally,
    /// The feed's clock, of the event that decided it.
    pub feed_ts: Option<FeedTime>,
    /// When that event came in.
    pub ingest: IngestTime,
    /// When it was made; for latencies alone.
    pub made: StateTime,
}

/// What a `predictions:` topic tells.
#[derive(Clone, Debug)]
pub enum Bulletin {
    /// What is thought to come.
    Prediction(Arc<Prediction>),
    /// How it turned out.
    Outcome(Arc<Outcome>),
}

impl Bulletin {
    /// The game.
    pub fn game(&self) -> &GameId {
        match self {
            Bulletin::Prediction(prediction) => &prediction.head.game,
            Bulletin::Outcome(outcome) => &outcome.head.game,
        }
    }

    /// When it was made.
    pub fn made(&self) -> StateTime {
        match self {
            Bulletin::Prediction(prediction) => prediction.made,
            Bulletin::Outcome(outcome) => outcome.made,
        }
    }

    /// From when on it is worth nothing, whatever comes: [`Prediction::expires_us`]. What happened stays so.
    pub fn expires_us(&self) -> i64 {
        match self {
            Bulletin::Prediction(prediction) => prediction.expires_us,
            Bulletin::Outcome(_) => i64::MAX,
        }
    }

    /// Whether `older`, of the same game, is worth nothing once this is known. A prediction expires the one of its
    /// kind; an outcome that too, as it judges it, and the outcome of its kind, as it has the newer tally. An
    /// outcome of another kind stays: it says that its prediction is over. When the winner is known, nothing is
    /// left to predict.
    pub fn expires(&self, older: &Bulletin) -> bool {
        match (self, older) {
            (Bulletin::Outcome(new), _) if new.verdict.kind() == ForecastKind::Win => true,
            (Bulletin::Prediction(_), Bulletin::Outcome(_)) => false,
            _ => self.kind() == older.kind(),
        }
    }

    /// What it is about.
    pub fn kind(&self) -> ForecastKind {
        match self {
            Bulletin::Prediction(prediction) => prediction.forecast.kind(),
            Bulletin::Outcome(outcome) => outcome.verdict.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probability(ten_thousandths: u16) -> Probability {
        Probability::new(ten_thousandths).unwrap()
    }

    #[test]
    fn a_probability_is_written_as_its_exact_decimal() {
        for (value, text) in [(0, "0"), (1, "0.0001"), (7_688, "0.7688"), (5_000, "0.5"), (10_000, "1")] {
            let mut out = Vec::new();
            probability(value).write_json(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert_eq!(probability(value).get() + probability(value).rest().get(), Probability::SCALE);
        }
        assert_eq!(Probability::new(10_001), None);
    }

    #[test]
    fn what_is_most_probable_is_called() {
        assert_eq!(
            [4_999, 5_000].map(|pass| play_called(probability(pass))),
            [PlayCall::Run, PlayCall::Pass]
        );
        assert_eq!(
            [4_999, 5_000].map(|home| winner_called(probability(home))),
            [Side::Away, Side::Home]
        );
        let ends = [2_000, 2_500, 2_500, 1_000, 2_000].map(probability);
        assert_eq!(end_called(&ends), DriveEnd::FieldGoal);
    }
}
