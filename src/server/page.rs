//! The live page, built into the binary.

use super::error::ApiError;
use super::query::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../web/", $name)))),*]
    };
}

const INDEX: &[u8] = include_bytes!("../../web/index.html");
const ASSETS: &[(&str, &[u8])] = assets![
    "app.css",
    "app.js",
    "dom.js",
    "forecasts.js",
    "games.js",
    "icon.svg",
    "latency.js",
    "lists.css",
    "live.js",
    "meters.js",
    "model.js",
    "outlook.js",
    "picks.js",
    "players.js",
    "points.js",
    "scoreboard.js",
    "stats.js",
    "topics.js",
];

/// Nothing but this server's own files runs or loads, and nobody frames the page.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// `GET /`.
pub(super) async fn index() -> Response {
    file("text/html; charset=utf-8", INDEX)
}

/// `GET /assets/NAME`.
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = ASSETS.iter().find(|(known, _)| *known == name);
    let Some((known, bytes)) = found else {
        return Err(ApiError::not_found("not_found", "there is no such file"));
    };
    let kind = match known.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    Ok(file(kind, bytes))
}

fn file(kind: &'static str, bytes: &'static [u8]) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let served = ["js", "css", "svg"].iter().any(|kind| name.ends_with(&format!(".{kind}")));
            assert!(
                !served || ASSETS.iter().any(|(known, _)| *known == name),
                "{name} is missing from ASSETS"
            );
        }
    }
}
