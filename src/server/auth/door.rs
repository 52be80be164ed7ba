//! What a request shows at a door, and who is let through.

use super::origin::{self, Whose};
use super::{Auth, Pass, Refusal};
use crate::config::{self, OpenTo, Scope};
use crate::fanout::grant::Grant;
use crate::model::{SourceId, TopicName};
use crate::scoring::{Ruleset, RulesetIndex};
use crate::server::Door;
use crate::server::address::is_forwarded;
use crate::server::error::ApiError;
use crate::server::feed_rate::Payer;
use crate::server::listen::Peer;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;

/// Somebody who may read; what, where not everything.
pub(in crate::server) struct Reader {
    grant: Option<Arc<Grant>>,
}

/// Somebody who may subscribe; or who is yet to say by which token.
pub(in crate::server) enum Subscriber {
    /// To what; nothing: to everything, for good.
    Known(Option<Arc<Grant>>),
    /// A token is to come.
    Unknown,
}

/// Somebody who may post events.
#[derive(Clone, Copy)]
pub(in crate::server) struct Feeder {
    /// Which of the feeds it is.
    pub(in crate::server) source: SourceId,
    /// Whose rate what it sends counts towards.
    pub(in crate::server) payer: Payer,
    /// Until when, by the system's clock in microseconds; nothing: for good.
    pub(in crate::server) until_us: Option<i64>,
}

/// Somebody who may see the metrics, and who is slow.
pub(in crate::server) struct Operator;

impl Subscriber {
    /// What may be subscribed to, where no token can come later.
    ///
    /// # Errors
    /// 401 where one is to come.
    pub(in crate::server) fn known(self, door: &Door) -> Result<Option<Arc<Grant>>, ApiError> {
        match self {
            Subscriber::Known(grant) => Ok(grant),
            Subscriber::Unknown => Err(unknown(door, Scope::Read)),
        }
    }
}

impl Reader {
    /// What may be read; nothing: everything, for good.
    pub(in crate::server) fn grant(&self) -> Option<&Arc<Grant>> {
        self.grant.as_ref()
    }

    /// Whether an answer is the same for everybody, so that whoever stands between may keep it.
    pub(in crate::server) fn is_anybody(&self) -> bool {
        self.grant.is_none()
    }

    /// Whether all of these topics may be read under that ruleset.
    ///
    /// # Errors
    /// 403 with the first that may not.
    pub(in crate::server) fn may(&self, topics: &[TopicName], ruleset: &Ruleset, index: RulesetIndex) -> Result<(), ApiError> {
        let Some(grant) = &self.grant else { return Ok(()) };
        let forbidden = |what: String| {
            let message = format!("the token does not allow to read {what}");
            ApiError::with_status(StatusCode::FORBIDDEN, "forbidden", message)
        };
        if let Some(topic) = topics.iter().find(|topic| !grant.allows_topic(topic)) {
            return Err(forbidden(topic.to_string()));
        }
        // Some have their own: whoever shows one asks again by that.
        let is_chosen = |topic: &TopicName| topic.has_ruleset() && !topic.has_own_ruleset();
        if topics.iter().any(is_chosen) && !grant.allows_ruleset(index) {
            return Err(forbidden(format!("under the ruleset {}", ruleset.name())));
        }
        Ok(())
    }

    /// The same of a lineup, a contest or an entry, under its own ruleset.
    ///
    /// # Errors
    /// 403.
    pub(in crate::server) fn may_own(&self, topic: &TopicName, ruleset: &Ruleset, index: RulesetIndex) -> Result<(), ApiError> {
        self.may(std::slice::from_ref(topic), ruleset, index)?;
        match &self.grant {
            Some(grant) if !grant.allows_ruleset(index) => {
                let message = format!("the token does not allow to read under the ruleset {}", ruleset.name());
                Err(ApiError::with_status(StatusCode::FORBIDDEN, "forbidden", message))
            }
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Door> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Reader, ApiError> {
        let grant = match shown(parts, door).await? {
            Some(pass) if pass.scopes.has(Scope::Read) => Some(pass.grant),
            // As good as any other.
            _ if door.config.auth.anonymous_read => None,
            Some(_) => return Err(lacking(door, Scope::Read)),
            None => return Err(unknown(door, Scope::Read)),
        };
        Ok(Reader { grant })
    }
}

impl FromRequestParts<Door> for Subscriber {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Subscriber, ApiError> {
        for_pages_listed(&door.auth, &parts.headers)?;
        if !door.config.auth.anonymous_read && token(parts, door)?.is_none() {
            return Ok(Subscriber::Unknown);
        }
        let reader = Reader::from_request_parts(parts, door).await?;
        // Whoever may read everything for good costs a shard no memory of it.
        Ok(Subscriber::Known(reader.grant.filter(|grant| **grant != Grant::EVERYTHING)))
    }
}

impl FromRequestParts<Door> for Feeder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Feeder, ApiError> {
        for_no_other_pages(&door.auth, &parts.headers)?;
        let pass = through(parts, door, Scope::Feed).await?;
        Ok(Feeder {
            source: pass.as_ref().map_or(SourceId::default(), |pass| pass.source),
            payer: pass.as_ref().map_or(Payer::Anybody, |pass| pass.payer),
            until_us: pass.and_then(|pass| pass.grant.expires_us()),
        })
    }
}

impl FromRequestParts<Door> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Operator, ApiError> {
        for_no_other_pages(&door.auth, &parts.headers)?;
        through(parts, door, Scope::Admin).await.map(|_| Operator)
    }
}

/// Refuses what a page of another origin asks for, unless `server.allowed_origins` lists it.
fn for_pages_listed(auth: &Auth, headers: &HeaderMap) -> Result<(), ApiError> {
    let message = "pages of this origin may not connect; server.allowed_origins lists those that may";
    for_pages_of(&auth.allowed_origins, auth, headers, message)
}

/// Refuses what a page of another origin asks for, listed or not: who visits it may be on this machine, or
/// hold a key.
fn for_no_other_pages(auth: &Auth, headers: &HeaderMap) -> Result<(), ApiError> {
    let message = "pages of other origins may neither feed nor see metrics";
    for_pages_of(&[], auth, headers, message)
}

fn for_pages_of(allowed: &[String], auth: &Auth, headers: &HeaderMap, message: &str) -> Result<(), ApiError> {
    if origin::whose(allowed, headers) != Whose::Another {
        return Ok(());
    }
    auth.metrics.origins_refused.increment(1);
    Err(ApiError::with_status(StatusCode::FORBIDDEN, "foreign_origin", message))
}

/// Lets somebody through a door that is not everybody's; nothing where no token was asked for.
async fn through(parts: &Parts, door: &Door, scope: Scope) -> Result<Option<Pass>, ApiError> {
    match shown(parts, door).await? {
        Some(pass) if pass.scopes.has(scope) => return Ok(Some(pass)),
        Some(_) if door.config.auth.has_key_for(scope) => return Err(lacking(door, scope)),
        None if door.config.auth.has_key_for(scope) => return Err(unknown(door, scope)),
        _ => {}
    }
    let is_open = match door.config.auth.open_to {
        OpenTo::All => true,
        OpenTo::None => false,
        OpenTo::Loopback => is_from_here(parts, &door.config.server),
    };
    if is_open { Ok(None) } else { Err(closed(door, scope)) }
}

/// What a request shows to be allowed to do; nothing where it shows nothing, or nothing is asked for here.
async fn shown(parts: &Parts, door: &Door) -> Result<Option<Pass>, ApiError> {
    if !door.auth.knows_tokens {
        return Ok(None);
    }
    let Some(token) = token(parts, door)? else { return Ok(None) };
    let pass = if Auth::is_signed(&token) {
        let auth = door.auth.clone();
        let verified = door.side.spawn(async move { auth.pass(&token) });
        verified
            .await
            .map_err(|_| ApiError::unavailable("stopping", "the server is stopping"))?
    } else {
        door.auth.pass(&token)
    };
    pass.map(Some).map_err(refused)
}

/// The token that a request carries.
fn token(parts: &Parts, door: &Door) -> Result<Option<String>, ApiError> {
    read_token(parts, door.config.auth.query_token).map_err(|refusal| refused(door.auth.refuse(refusal)))
}

fn read_token(parts: &Parts, query_token: bool) -> Result<Option<String>, Refusal> {
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    if let Some(first) = headers.next() {
        let text = first.to_str().map_err(|_| Refusal::Malformed)?;
        if headers.next().is_some() {
            return Err(Refusal::Malformed);
        }
        // Another scheme is somebody else's: a proxy's, on the way here.
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if let Some((_, token)) = token {
            return Ok(Some(token.trim().to_owned()));
        }
    }
    if !query_token {
        return Ok(None);
    }
    #[derive(Deserialize)]
    struct InQuery {
        access_token: Option<String>,
    }
    let query = Query::<InQuery>::try_from_uri(&parts.uri).map_err(|_| Refusal::Malformed)?;
    Ok(query.0.access_token)
}

/// Whether a request comes from this machine, and from nobody on whose behalf somebody here asks: not by
/// way of a proxy, and not from a page whose name was made to lead here. A proxy that the settings name is
/// never somebody here, whatever it says of whom it asks for; one that says nothing looks like somebody here.
fn is_from_here(parts: &Parts, server: &config::Server) -> bool {
    let Some(peer) = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical()) else {
        return false;
    };
    let headers = &parts.headers;
    peer.is_loopback()
        && !server.trusted_proxies.contain(peer)
        && !is_forwarded(headers)
        && !headers.contains_key("x-real-ip")
        && headers
            .get(header::HOST)
            .is_none_or(|host| host.to_str().is_ok_and(is_name_of_here))
}

/// An address, or a name without a dot, as no domain of somebody else's is.
fn is_name_of_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok() || !name.contains('.')
}

fn challenge(error: &'static str) -> HeaderValue {
    HeaderValue::from_static(error)
}

/// A token that is no use.
fn refused(refusal: Refusal) -> ApiError {
    ApiError::with_status(StatusCode::UNAUTHORIZED, "unauthorized", refusal.message()).header(
        header::WWW_AUTHENTICATE,
        challenge("Bearer realm=\"scorewire\", error=\"invalid_token\""),
    )
}

/// No token where one is needed.
fn unknown(door: &Door, scope: Scope) -> ApiError {
    door.auth.metrics.turned_away[scope as usize].increment(1);
    let what = match scope {
        Scope::Read => "reading takes a token here: send \"Authorization: Bearer TOKEN\" with a JWT or an API key",
        Scope::Feed => "posting events takes a key here: send \"Authorization: Bearer KEY\" with one whose scope is feed",
        Scope::Admin => "what operators see takes a key here: send \"Authorization: Bearer KEY\" with one whose scope is admin",
    };
    ApiError::with_status(StatusCode::UNAUTHORIZED, "unauthorized", what)
        .header(header::WWW_AUTHENTICATE, challenge("Bearer realm=\"scorewire\""))
}

/// A door that no key is configured for, and that is not open to whoever asks.
fn closed(door: &Door, scope: Scope) -> ApiError {
    door.auth.metrics.turned_away[scope as usize].increment(1);
    let name = scope.name();
    let message = format!(
        "this is open to the server's own machine alone, as no key is configured: `scorewire new-key --scope {name}` makes one for \
         auth.keys; auth.open_to says who else may come without"
    );
    ApiError::with_status(StatusCode::UNAUTHORIZED, "unauthorized", message)
        .header(header::WWW_AUTHENTICATE, challenge("Bearer realm=\"scorewire\""))
}

/// A token that is good for something else.
fn lacking(door: &Door, scope: Scope) -> ApiError {
    door.auth.metrics.turned_away[scope as usize].increment(1);
    let message = format!("the token is not good for this: it lacks the scope \"{}\"", scope.name());
    ApiError::with_status(StatusCode::FORBIDDEN, "forbidden", message).header(
        header::WWW_AUTHENTICATE,
        challenge("Bearer realm=\"scorewire\", error=\"insufficient_scope\""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut parts = axum::http::Request::get("/v1/games?access_token=c")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            parts.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        parts
    }

    /// Who a proxy asks for was believed where it was `127.0.0.1`, and taken to be the proxy where it was not said.
    #[test]
    fn who_connects_is_from_here_and_nobody_that_they_speak_of() {
        let is_local = |peer: &str, trusted: &str, headers: &[(&str, &str)]| {
            let mut parts = request(headers);
            parts.extensions.insert(Peer((peer.parse::<IpAddr>().unwrap(), 4711).into()));
            let mut server = crate::config::Config::default().server;
            server.trusted_proxies = std::iter::once(trusted.parse().unwrap()).collect();
            is_from_here(&parts, &server)
        };
        for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_local(peer, "10.0.0.0/8", &[]), "{peer}");
            assert!(is_local(peer, "10.0.0.0/8", &[("host", "localhost:8080")]), "{peer}");
            assert!(!is_local(peer, "10.0.0.0/8", &[("host", "scores.example")]), "{peer}");
            assert!(!is_local(peer, "10.0.0.0/8", &[("x-real-ip", "127.0.0.1")]), "{peer}");
        }
        for (peer, trusted) in [("10.0.0.5", "10.0.0.0/8"), ("127.0.0.1", "127.0.0.0/8"), ("10.0.0.5", "192.0.2.1")] {
            for headers in [&[][..], &[("x-forwarded-for", "127.0.0.1")], &[("x-forwarded-for", "unknown")]] {
                assert!(!is_local(peer, trusted, headers), "{peer} {headers:?}");
            }
        }
        assert!(
            !is_from_here(&request(&[]), &crate::config::Config::default().server),
            "nobody connected"
        );
    }

    #[test]
    fn a_token_stands_in_one_place_as_text() {
        let authorization = "authorization";
        for (headers, query_token, expected) in [
            (&[][..], false, Ok(None)),
            (&[], true, Ok(Some("c".to_owned()))),
            (&[(authorization, "Bearer a")], true, Ok(Some("a".to_owned()))),
            (&[(authorization, "Basic a")], true, Ok(Some("c".to_owned()))),
            (&[(authorization, "Bearer \u{e9}")], true, Err(Refusal::Malformed)),
            (
                &[(authorization, "Bearer a"), (authorization, "Bearer a")],
                false,
                Err(Refusal::Malformed),
            ),
        ] {
            assert_eq!(read_token(&request(headers), query_token), expected, "{headers:?}");
        }
    }

    #[test]
    fn names_of_this_machine_have_no_dot() {
        for here in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "localhost",
            "localhost:80",
            "scorewire:8080",
            "",
        ] {
            assert!(is_name_of_here(here), "{here}");
        }
        for elsewhere in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "a.b:x"] {
            assert!(!is_name_of_here(elsewhere), "{elsewhere}");
        }
    }
}
