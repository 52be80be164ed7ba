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
    "app.js",
    "charts.js",
    "client/binary.js",
    "client/clock.js",
    "client/connection.js",
    "client/index.js",
    "client/live.js",
    "client/points.js",
    "client/presence.js",
    "client/schema.js",
    "client/socket.js",
    "client/store.js",
    "client/stream.js",
    "client/subscription.js",
    "client/topic.js",
    "client/views.js",
    "connection.js",
    "contest.js",
    "contest_feed.js",
    "curve.js",
    "demo.js",
    "dom.js",
    "forecasts.js",
    "frame_times.js",
    "games.js",
    "happened.js",
    "icon.svg",
    "lineup_points.js",
    "model.js",
    "my_entries.js",
    "my_team.js",
    "people.js",
    "points.js",
    "routes.js",
    "stats.js",
    "styles/base.css",
    "styles/contests.css",
    "styles/demo.css",
    "styles/leaders.css",
    "styles/pulse.css",
    "styles/shell.css",
    "styles/slate.css",
    "styles/team.css",
    "tabs.js",
    "team.js",
    "vendor/uPlot.css",
    "vendor/uPlot.esm.js",
    "views/contest_entries.js",
    "views/contest_entry.js",
    "views/contest_field.js",
    "views/contests.js",
    "views/leaders.js",
    "views/outlook.js",
    "views/points_cell.js",
    "views/pulse.js",
    "views/scoreboard.js",
    "views/search.js",
    "views/slate.js",
    "views/spotlight.js",
    "views/status.js",
    "views/team.js",
    "views/team_news.js",
    "views/team_slots.js",
    "vitals.js",
];

/// Nothing but this server's own files runs or loads, and nobody frames the page.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// `GET /`.
pub(super) async fn index() -> Response {
    file("text/html; charset=utf-8", INDEX)
}

/// `GET /assets/PATH`.
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

    /// Folders of files that no page loads.
    const NOT_SERVED: [&str; 3] = ["node_modules", "tests", "tools"];

    fn files(folder: &std::path::Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !entry.file_type().unwrap().is_dir() {
                found.push(format!("{prefix}{name}"));
            } else if !NOT_SERVED.contains(&name.as_str()) {
                files(&entry.path(), &format!("{prefix}{name}/"), found);
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let mut found = Vec::new();
        files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web"), "", &mut found);
        assert!(found.contains(&"client/index.js".to_owned()));
        for name in found {
            let served = ["js", "css", "svg"].iter().any(|kind| name.ends_with(&format!(".{kind}")));
            assert!(
                !served || ASSETS.iter().any(|(known, _)| *known == name),
                "{name} is missing from ASSETS"
            );
        }
    }
}
