//! One look at a server: what its addresses answer at one moment.
//!
//! `/metrics` and `/readyz` are a must; what else a server does not tell is said to be missing, with its reason.
//! Bounded: [`BOUNDS`] for each answer, and all are asked for at once.

use super::TopError;
use super::exposition::Exposition;
use crate::clock::Clock;
use crate::source::caller::{Answer, Bounds, Caller};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What bounds each answer.
const BOUNDS: Bounds = Bounds {
    wait: Duration::from_secs(5),
    bytes_max: 8 * 1024 * 1024,
};

/// Clients asked for: as many as a tall screen shows.
const CLIENTS: &str = "/v1/clients?slowest=50";

/// What a server told, or why it did not.
pub(super) type Told<T> = Result<T, String>;

/// What `/readyz` says.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Readiness {
    pub(super) ready: bool,
    pub(super) reason: Option<String>,
    pub(super) epoch: Option<String>,
    /// What is wrong with the event log.
    pub(super) event_log: Option<String>,
    pub(super) predictions: PredictorState,
}

/// How predictions are.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PredictorState {
    pub(super) state: String,
    pub(super) backend: Option<String>,
}

/// What `/v1/models` says, as far as it is shown.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Models {
    pub(super) models: Vec<Model>,
    pub(super) figures: Vec<Figures>,
    pub(super) tonight: Option<Tonight>,
}

/// One version of a model.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) role: String,
    pub(super) state: String,
    pub(super) why: Option<String>,
    pub(super) device: Option<String>,
}

/// How a version has done.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    pub(super) model: String,
    pub(super) version: String,
    pub(super) figures: Means,
}

/// The same as means.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Means {
    pub(super) outcomes: u64,
    pub(super) accuracy: Option<f64>,
    pub(super) coverage: Option<f64>,
}

/// Calls of the last hours.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tonight {
    pub(super) right: u64,
    pub(super) calls: u64,
}

/// What `/v1/games` says, as far as it is shown.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Games {
    pub(super) games: Vec<Game>,
}

/// One game.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Game {
    pub(super) status: Option<String>,
}

/// What `/v1/clients` says.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Clients {
    pub(super) silent_shards: u64,
    pub(super) clients: Vec<SlowClient>,
}

/// A client that is behind.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SlowClient {
    pub(super) session: String,
    pub(super) address: Option<String>,
    pub(super) kind: String,
    pub(super) shard: u64,
    pub(super) subscriptions: u64,
    pub(super) pending: u64,
    pub(super) oldest_ms: u64,
    pub(super) stuck_ms: Option<u64>,
    pub(super) held_bytes: u64,
}

/// What a server said at one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// When its metrics were there, by the clock that nobody sets.
    pub(super) steady_us: i64,
    /// The same by the system's.
    pub(super) wall_us: i64,
    /// How long it took to say that it is there.
    pub(super) answered_us: i64,
    pub(super) page: Exposition,
    pub(super) readiness: Readiness,
    pub(super) models: Told<Models>,
    pub(super) games: Told<Games>,
    pub(super) clients: Told<Clients>,
}

/// A server, and where its metrics are.
pub struct Server {
    /// Its address for clients.
    pub readers: Caller,
    /// Its address for operators, where that is another.
    pub operators: Option<Caller>,
}

impl Server {
    fn operators(&self) -> &Caller {
        self.operators.as_ref().unwrap_or(&self.readers)
    }

    /// Where it is, as a person would say it.
    pub(super) fn name(&self) -> String {
        self.readers.url("").trim_start_matches("http://").to_owned()
    }

    /// Looks at it once.
    ///
    /// # Errors
    /// It cannot be reached, or does not show its metrics.
    pub(super) async fn look(&self) -> Result<Look, TopError> {
        let (ready, page, models, games, clients) = tokio::join!(
            self.ready(),
            self.metrics(),
            told(&self.readers, "/v1/models"),
            told(&self.readers, "/v1/games"),
            told(self.operators(), CLIENTS),
        );
        let (readiness, answered_us) = ready?;
        let (page, steady_us) = page?;
        Ok(Look {
            steady_us,
            wall_us: Clock.wall_us(),
            answered_us,
            page,
            readiness,
            models,
            games,
            clients,
        })
    }

    async fn ready(&self) -> Result<(Readiness, i64), TopError> {
        let asked_us = Clock.steady_us();
        // A process that lives and answers nothing else is the one thing that this tells.
        let healthy = self.readers.get("/healthz", BOUNDS).await?;
        let answered_us = Clock.steady_us() - asked_us;
        let url = self.readers.url("/healthz");
        if !healthy.status.is_success() {
            return Err(TopError::NoServer(url));
        }
        let answer = self.readers.get("/readyz", BOUNDS).await?;
        let readiness = serde_json::from_slice(&answer.body).map_err(|_| TopError::NoServer(url))?;
        Ok((readiness, answered_us))
    }

    async fn metrics(&self) -> Result<(Exposition, i64), TopError> {
        let url = self.operators().url("/metrics");
        let answer = self.operators().get("/metrics", BOUNDS).await?;
        let steady_us = Clock.steady_us();
        match answer.status.as_u16() {
            200 => {}
            401 | 403 => {
                return Err(TopError::Key {
                    url,
                    error: words(&answer),
                });
            }
            404 => return Err(TopError::NoMetrics(url)),
            _ => return answer.good(&url).map_err(TopError::from).and(Err(TopError::NoMetrics(url))),
        }
        let page = Exposition::parse(&String::from_utf8_lossy(&answer.body));
        if page
            .all()
            .next()
            .is_none_or(|_| !page.all().any(|(name, _)| name.starts_with("scorewire_")))
        {
            return Err(TopError::NoServer(url));
        }
        Ok((page, steady_us))
    }
}

async fn told<T: DeserializeOwned>(caller: &Caller, path: &str) -> Told<T> {
    let answer = caller.get(path, BOUNDS).await.map_err(|error| error.to_string())?;
    match answer.status.as_u16() {
        200 => serde_json::from_slice(&answer.body).map_err(|_| "an answer that cannot be read".to_owned()),
        404 => Err("not told at this address".to_owned()),
        401 | 403 => Err("the key is not good for this".to_owned()),
        status => Err(format!("answered {status}")),
    }
}

/// The sentence of an error answer.
fn words(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    let said: Result<Said, _> = serde_json::from_slice(&answer.body);
    let words = said.map_or_else(|_| format!("status {}", answer.status.as_u16()), |said| said.error);
    words.chars().filter(|c| !c.is_control()).take(300).collect()
}
