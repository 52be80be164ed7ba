//! Pages of other origins: which may connect and ask (`server.allowed_origins`).

use crate::server::Door;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Where a request comes from, by its `Origin`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// From no page, or from one that does not say so: browsers do wherever it matters.
    Nobody,
    /// From a page of this server.
    Own,
    /// From a page that is let in.
    Allowed,
    /// From any other page.
    Another,
}

/// Whose request it is.
pub(super) fn whose(allowed: &[String], headers: &HeaderMap) -> Whose {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Whose::Nobody };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
        return Whose::Another;
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| is_same(origin, host)) {
        Whose::Own
    } else if allowed.iter().any(|listed| listed == "*" || listed.eq_ignore_ascii_case(origin)) {
        Whose::Allowed
    } else {
        Whose::Another
    }
}

/// Whether an origin is that of the host that was asked. Its scheme is not looked at: a proxy that ends
/// TLS changes it.
fn is_same(origin: &str, host: &str) -> bool {
    let (place, default_port) = match origin.split_once("://") {
        Some(("https", place)) => (place, ":443"),
        Some(("http", place)) => (place, ":80"),
        _ => return false,
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    place.eq_ignore_ascii_case(host)
}

/// Tells browsers which pages may read what plain requests answer (the Fetch standard's CORS protocol).
pub(in crate::server) async fn cors(State(door): State<Door>, request: Request, next: Next) -> Response {
    let allowed = &door.auth.allowed_origins;
    let is_allowed = whose(allowed, request.headers()) == Whose::Allowed;
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight && is_allowed {
        preflight()
    } else {
        next.run(request).await
    };
    let everybody = allowed.iter().any(|listed| listed == "*");
    let answer = response.headers_mut();
    if !everybody {
        // Whoever keeps the answer must not give it to a page of another origin.
        answer.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = origin.filter(|_| is_allowed) {
        let whom = if everybody { HeaderValue::from_static("*") } else { origin };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, whom);
        answer.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, retry-after, www-authenticate"),
        );
    }
    response
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, if-none-match, last-event-id",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_of_the_host_that_it_came_from() {
        let of = |origin: &str, host: &str, allowed: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            let allowed: Vec<String> = allowed.iter().map(|origin| (*origin).to_owned()).collect();
            whose(&allowed, &headers)
        };
        for (origin, host) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("https://Scores.example", "scores.example"),
            ("https://scores.example", "scores.example:443"),
            ("http://scores.example", "scores.example:80"),
        ] {
            assert_eq!(of(origin, host, &[]), Whose::Own, "{origin}");
        }
        for (origin, host) in [
            ("null", "a.example"),
            ("http://a.example", "b.example"),
            ("http://a.example:81", "a.example:80"),
            ("http://a.example.evil.example", "a.example"),
            ("https://a.example:80", "a.example"),
            ("file://a.example", "a.example"),
        ] {
            assert_eq!(of(origin, host, &["https://c.example"]), Whose::Another, "{origin}");
            assert_eq!(of(origin, host, &["*"]), Whose::Allowed, "{origin}");
        }
        assert_eq!(of("https://c.example", "a.example", &["https://c.example"]), Whose::Allowed);
        assert_eq!(whose(&[], &HeaderMap::new()), Whose::Nobody);
    }
}
