//! What a person should look at first, the worst first. Thresholds are those of docs/operations.md and
//! docs/metrics.md where these have some.

use super::line::{Style, foreign};
use super::window::Window;
use crate::figures::{duration, short};
use crate::telemetry::table::{
    CERTIFICATE_EXPIRES, FEED_DIFFERENCES, FEED_HEARD, FEED_SILENT, GAMES, LOG_HEALTHY, MEMORY_PRESSURE, MODELS, PREDICTOR_RUNNING,
    REFUSED_CONNECTIONS, RESYNCS, URING_FAILURES,
};

/// Something that stands out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Alarm {
    pub(super) style: Style,
    pub(super) text: String,
}

fn bad(text: String) -> Option<Alarm> {
    Some(Alarm { style: Style::Bad, text })
}

fn warn(text: String) -> Option<Alarm> {
    Some(Alarm { style: Style::Warn, text })
}

/// Longest words of a server's within an alarm.
const WORDS: usize = 100;
/// A silence of all feeds that is long while games are on, in seconds.
const SILENCE_S: f64 = 300.0;
/// A certificate that expires in less is to be renewed now, in seconds.
const EXPIRES_S: f64 = 7.0 * 86_400.0;

/// All of them.
pub(super) fn alarms(window: &Window<'_>) -> Vec<Alarm> {
    let mut found: Vec<Alarm> = server(window)
        .into_iter()
        .chain(feeds(window))
        .chain(models(window))
        .flatten()
        .collect();
    // Stable: within a kind they stay in order.
    found.sort_by_key(|alarm| alarm.style != Style::Bad);
    found
}

fn server(window: &Window<'_>) -> Vec<Option<Alarm>> {
    let readiness = &window.now.readiness;
    let lost = window.lost.map(|lost| {
        let since = duration((lost.at_us - window.now.steady_us) as f64 / 1e6);
        format!("no answer for {since}: {}", foreign(&lost.why, WORDS))
    });
    let reason = || readiness.reason.as_deref().unwrap_or("no reason is given");
    let log = match &readiness.event_log {
        Some(trouble) => Some(format!("event log: {}", foreign(trouble, WORDS))),
        None if window.has(&LOG_HEALTHY) && window.level(&LOG_HEALTHY) == 0.0 => Some("event log: too slow".to_owned()),
        None => None,
    };
    let level = window.level(&MEMORY_PRESSURE);
    let memory = format!("memory is short: level {level:.0} of 5");
    let full = window.rate_of(&REFUSED_CONNECTIONS, ("reason", "full"));
    let resyncs = window.gained(&RESYNCS);
    let expires_s = window.level(&CERTIFICATE_EXPIRES) - window.now.wall_us as f64 / 1e6;
    let has_certificate = window.level(&CERTIFICATE_EXPIRES) > 0.0;
    let silent_shards = window.now.clients.as_ref().map_or(0, |told| told.silent_shards);
    vec![
        lost.and_then(bad),
        (!readiness.ready)
            .then(|| format!("not ready: {}", foreign(reason(), WORDS)))
            .and_then(bad),
        log.and_then(bad),
        match level {
            4.0.. => bad(memory),
            1.0.. => warn(memory),
            _ => None,
        },
        (full > 0.0).then(|| format!("full: {}/s turned away", short(full))).and_then(bad),
        (silent_shards > 0)
            .then(|| format!("shards that do not say who is slow: {silent_shards}"))
            .and_then(warn),
        (resyncs > 0.0).then(|| format!("shards fell behind: {resyncs:.0}")).and_then(warn),
        (window.level(&URING_FAILURES) > 0.0)
            .then(|| "io_uring failed; send is used".to_owned())
            .and_then(warn),
        match has_certificate {
            true if expires_s <= 0.0 => bad("the certificate has expired".to_owned()),
            true if expires_s < EXPIRES_S => warn(format!("the certificate expires in {}", duration(expires_s))),
            _ => None,
        },
    ]
}

fn feeds(window: &Window<'_>) -> Vec<Option<Alarm>> {
    let mut found: Vec<Option<Alarm>> = Vec::new();
    for sample in window.samples(&FEED_SILENT).iter().filter(|sample| sample.value > 0.0) {
        let feed = foreign(sample.label("source").unwrap_or("?"), 12);
        found.push(warn(format!("feed {feed} is silent, games: {:.0}", sample.value)));
    }
    let heard_s = last_heard_s(window);
    // Where it is not told which games are on, all that are held may be.
    let on = match &window.now.games {
        Ok(told) => told.games.iter().filter(|game| is_on(game.status.as_deref())).count(),
        Err(_) => window.level(&GAMES) as usize,
    };
    if let Some(heard_s) = heard_s.filter(|heard_s| *heard_s > SILENCE_S && on > 0) {
        found.push(bad(format!("no feed said anything for {}, {on} games are on", duration(heard_s))));
    }
    let differences = window.level_of(&FEED_DIFFERENCES, ("about", "points"));
    if differences > 0.0 {
        found.push(warn(format!("feeds differ in what scores: {}", short(differences))));
    }
    found
}

/// How long ago any feed said something, in seconds; nothing where that is not told.
pub(super) fn last_heard_s(window: &Window<'_>) -> Option<f64> {
    let heard = window.samples(&FEED_HEARD).iter().map(|sample| sample.value);
    heard.filter(|value| value.is_finite()).reduce(f64::min)
}

/// Whether a game is under way.
pub(super) fn is_on(status: Option<&str>) -> bool {
    matches!(status, Some("live" | "halftime"))
}

fn models(window: &Window<'_>) -> Vec<Option<Alarm>> {
    let state = &*window.now.readiness.predictions.state;
    let has_stopped =
        state == "stopped" || (state == "serving" && window.has(&PREDICTOR_RUNNING) && window.level(&PREDICTOR_RUNNING) == 0.0);
    let mut found = vec![
        has_stopped
            .then(|| "predictions have stopped until a restart; scores go on".to_owned())
            .and_then(warn),
    ];
    for state in ["refused", "resting", "withdrawn"] {
        let count = window.level_of(&MODELS, ("state", state));
        if count > 0.0 {
            found.push(warn(format!("models {state}: {count:.0}")));
        }
    }
    found
}
