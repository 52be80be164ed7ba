//! What is told of the predictor: whether it is at work, and its models.

use super::auth::Reader;
use super::error::json_bytes;
use super::{Door, tier};
use crate::wire::json::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use parking_lot::RwLock;

/// How the predictor is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PredictorState {
    /// Not wanted.
    Off,
    /// Other nodes of its cluster predict; what they say is shown.
    Relayed,
    /// The models are being loaded.
    Starting,
    /// At work; with what: the backend's name.
    Serving(&'static str),
    /// It failed: no predictions until a restart.
    Stopped,
}

/// What the predictor says of itself; it writes, everyone reads.
pub struct Predictions(RwLock<(PredictorState, Vec<u8>)>);

impl Predictions {
    /// One that has said nothing yet of its models.
    pub fn new(state: PredictorState) -> Predictions {
        Predictions(RwLock::new((state, b"{\"models\":[]}".to_vec())))
    }

    /// Says how it is.
    pub fn set_state(&self, state: PredictorState) {
        self.0.write().0 = state;
    }

    /// Says what it knows of its models: a JSON object.
    pub fn set_models(&self, models: Vec<u8>) {
        self.0.write().1 = models;
    }

    /// Whether there is none.
    fn is_off(&self) -> bool {
        self.0.read().0 == PredictorState::Off
    }

    /// For `/readyz`.
    pub(super) fn write(&self, json: &mut Json<'_>) {
        let state = self.0.read().0;
        json.object_at("predictions", |json| {
            match state {
                PredictorState::Off => json.text("state", "off"),
                PredictorState::Relayed => json.text("state", "relayed"),
                PredictorState::Starting => json.text("state", "starting"),
                PredictorState::Serving(backend) => json.text("state", "serving").text("backend", backend),
                PredictorState::Stopped => json.text("state", "stopped"),
            };
        });
    }
}

/// `GET /v1/models`; on a node that predicts nothing, an engine's.
pub(super) async fn models(State(door): State<Door>, _: Reader, headers: HeaderMap) -> Response {
    let models = door.predictions.0.read().1.clone();
    let own = json_bytes(models);
    match door.predictions.is_off() {
        true => tier::from_above(&door, &headers, "/v1/models".to_owned(), own).await,
        false => own,
    }
}
