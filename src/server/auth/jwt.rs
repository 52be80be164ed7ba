//! Tokens: who signed one, whether it is in time, and what it allows.

use super::key_file::Key;
use super::{Pass, Refusal, Scopes};
use crate::config::{Auth, Scope};
use crate::fanout::grant::{Grant, Pattern};
use crate::model::SourceId;
use crate::scoring::{RulesetIndex, Rulesets};
use crate::server::feed_rate::Payer;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::sync::Arc;

/// What tokens are held against.
pub(super) struct Rules<'a> {
    pub(super) config: &'a Auth,
    pub(super) sources: &'a [String],
    pub(super) rulesets: &'a Rulesets,
    /// By the system's clock, in microseconds since the Unix epoch.
    pub(super) now_us: i64,
}

/// The claims that mean something here; others are passed over.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    nbf: Option<f64>,
    topics: Option<Vec<String>>,
    rulesets: Option<Vec<String>>,
    scope: Option<ScopeClaim>,
    source: Option<String>,
}

/// `"read feed"` (RFC 8693, 4.2), or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum ScopeClaim {
    Words(String),
    List(Vec<String>),
}

impl ScopeClaim {
    fn names(&self, scope: Scope) -> bool {
        match self {
            ScopeClaim::Words(words) => words.split(' ').any(|word| word == scope.name()),
            ScopeClaim::List(list) => list.iter().any(|word| word == scope.name()),
        }
    }
}

/// Verifies a token.
pub(super) fn verify(token: &str, keys: &[Key], rules: &Rules<'_>) -> Result<Pass, Refusal> {
    let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
    // Header fields that must be understood, which nothing here does (RFC 7515, 4.1.11).
    if header.crit.is_some() {
        return Err(Refusal::Malformed);
    }
    // The header says which keys to try, never how: each is good for its own algorithm alone.
    let named = |key: &&Key| match (&header.kid, &key.kid) {
        (Some(asked), Some(kid)) => asked == kid,
        _ => true,
    };
    let mut refusal = Refusal::UnknownKey;
    for key in keys.iter().filter(|key| key.algorithm == header.alg).filter(named) {
        match claims(token, &key.key, &validation(rules.config, key)) {
            Ok(claims) => return pass(&claims, rules),
            Err(Refusal::BadSignature) => refusal = Refusal::BadSignature,
            Err(other) => return Err(other),
        }
    }
    Err(refusal)
}

/// What is checked with the signature. Times are not: that takes the clock of this program.
fn validation(config: &Auth, key: &Key) -> Validation {
    let mut validation = Validation::new(key.algorithm);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    if let Some(issuer) = &config.jwt_issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    if let Some(audience) = &config.jwt_audience {
        validation.set_audience(&[audience]);
        validation.required_spec_claims.insert("aud".to_owned());
    }
    validation
}

fn claims(token: &str, key: &DecodingKey, validation: &Validation) -> Result<Claims, Refusal> {
    decode(token, key, validation)
        .map(|token| token.claims)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Refusal::BadSignature,
            ErrorKind::InvalidIssuer => Refusal::WrongIssuer,
            ErrorKind::InvalidAudience => Refusal::WrongAudience,
            ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Refusal::WrongIssuer,
            ErrorKind::MissingRequiredClaim(_) => Refusal::WrongAudience,
            _ => Refusal::Malformed,
        })
}

/// What claims allow, once they are known to be whose they say.
fn pass(claims: &Claims, rules: &Rules<'_>) -> Result<Pass, Refusal> {
    let config = rules.config;
    let leeway_us = i64::try_from(config.jwt_leeway_ms * 1000).unwrap_or(i64::MAX);
    // What no clock will ever show is as good as never; what is no number reads as malformed above.
    let us = |seconds: f64| (seconds * 1e6) as i64;
    let expires_us = claims.exp.map(|exp| us(exp).saturating_add(leeway_us));
    match expires_us {
        None if config.jwt_require_exp => return Err(Refusal::NoExpiry),
        Some(expires_us) if expires_us <= rules.now_us => return Err(Refusal::Expired),
        _ => {}
    }
    if claims.nbf.is_some_and(|nbf| us(nbf) > rules.now_us.saturating_add(leeway_us)) {
        return Err(Refusal::NotYetValid);
    }
    let too_many = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| list.len() > config.patterns_max);
    if too_many(&claims.topics) || too_many(&claims.rulesets) {
        return Err(Refusal::TooMuch);
    }
    let topics = claims
        .topics
        .as_ref()
        .map(|list| list.iter().map(|text| Pattern::parse(text)).collect());
    let topics = match topics {
        Some(None) => return Err(Refusal::BadClaim),
        Some(Some(patterns)) => Some(patterns),
        None => None,
    };
    // A ruleset that this server does not have is nothing that can be read.
    let rulesets: Option<Vec<RulesetIndex>> = claims
        .rulesets
        .as_ref()
        .map(|list| list.iter().filter_map(|name| rules.rulesets.index(name)).collect());
    let source = match &claims.source {
        None => 0,
        Some(name) => rules
            .sources
            .iter()
            .position(|source| source == name)
            .ok_or(Refusal::UnknownSource)?,
    };
    let source = SourceId(source as u8);
    let allowed = config.jwt_scopes.iter().copied();
    Ok(Pass {
        scopes: match &claims.scope {
            None => Scopes::of(allowed.filter(|scope| *scope == Scope::Read)),
            Some(claim) => Scopes::of(allowed.filter(|scope| claim.names(*scope))),
        },
        grant: Arc::new(Grant::new(topics, rulesets.as_deref(), expires_us)),
        source,
        payer: Payer::Tokens(source),
    })
}
