//! Who may do what: tokens (JWT) and API keys, what is open without either, and pages of other origins.
//!
//! Owns the keys and reads their files again when they change. Says what a request may do ([`Pass`]); what
//! follows from that is up to the doors and, for subscribers, to the shards ([`Grant`]). Never shows or
//! logs a token, a key or a claim, and never verifies a token on a shard's thread. Bounded: bytes of a
//! token, topics and rulesets in one, keys.

mod door;
mod jwt;
mod key_file;
mod origin;
mod ring_backend;
mod spki;

pub(super) use door::{Feeder, Operator, Reader, Subscriber};
pub use key_file::KeyFileError;
pub(super) use origin::cors;

use crate::clock::Clock;
use crate::config::{Config, Scope};
use crate::fanout::grant::Grant;
use crate::model::SourceId;
use crate::scoring::Rulesets;
use crate::server::feed_rate::Payer;
use crate::telemetry::AuthMetrics;
use jwt::Rules;
use key_file::Key;
use parking_lot::{Mutex, RwLock};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// What somebody has shown to be allowed to do.
#[derive(Clone)]
pub(super) struct Pass {
    scopes: Scopes,
    /// What may be read, where anything may; and until when all of this holds.
    grant: Arc<Grant>,
    /// Where events come from that are posted with it.
    source: SourceId,
    /// Whose rate they count towards.
    payer: Payer,
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Scopes(u8);

impl Scopes {
    fn of(scopes: impl Iterator<Item = Scope>) -> Scopes {
        Scopes(scopes.fold(0, |bits, scope| bits | 1 << scope as u8))
    }

    fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }
}

/// Why a token or key is no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    TooLong,
    Malformed,
    UnknownKey,
    BadSignature,
    NoExpiry,
    Expired,
    NotYetValid,
    WrongIssuer,
    WrongAudience,
    BadClaim,
    TooMuch,
    UnknownSource,
}

impl Refusal {
    const ALL: [Refusal; 12] = [
        Refusal::TooLong,
        Refusal::Malformed,
        Refusal::UnknownKey,
        Refusal::BadSignature,
        Refusal::NoExpiry,
        Refusal::Expired,
        Refusal::NotYetValid,
        Refusal::WrongIssuer,
        Refusal::WrongAudience,
        Refusal::BadClaim,
        Refusal::TooMuch,
        Refusal::UnknownSource,
    ];

    /// Its name among the metrics.
    fn name(self) -> &'static str {
        match self {
            Refusal::TooLong => "too_long",
            Refusal::Malformed => "malformed",
            Refusal::UnknownKey => "unknown_key",
            Refusal::BadSignature => "bad_signature",
            Refusal::NoExpiry => "no_expiry",
            Refusal::Expired => "expired",
            Refusal::NotYetValid => "not_yet_valid",
            Refusal::WrongIssuer => "wrong_issuer",
            Refusal::WrongAudience => "wrong_audience",
            Refusal::BadClaim => "bad_claim",
            Refusal::TooMuch => "too_much",
            Refusal::UnknownSource => "unknown_source",
        }
    }

    /// What its sender is told.
    fn message(self) -> &'static str {
        match self {
            Refusal::TooLong => "the token is longer than auth.token_bytes_max",
            Refusal::Malformed => "the token is none: neither an API key nor a signed JWT",
            Refusal::UnknownKey => "the token is none that this server knows, nor signed by a key that it knows",
            Refusal::BadSignature => "the token's signature does not fit",
            Refusal::NoExpiry => "the token does not say when it expires (exp)",
            Refusal::Expired => "the token has expired",
            Refusal::NotYetValid => "the token is not valid yet (nbf)",
            Refusal::WrongIssuer => "the token is not from the issuer (iss) that is trusted here",
            Refusal::WrongAudience => "the token is meant for another audience (aud)",
            Refusal::BadClaim => "the token's topics must be topics, or beginnings such as player:*",
            Refusal::TooMuch => "the token names more topics or rulesets than auth.patterns_max",
            Refusal::UnknownSource => "the token's source is none of feeds.sources",
        }
    }
}

/// A file of `auth.jwt_keys` as last read.
struct KeyFile {
    path: PathBuf,
    bytes: Vec<u8>,
    keys: Vec<Key>,
    /// What was wrong with it when last read: said once.
    complaint: Option<String>,
}

/// Tokens and keys, and what they are held against.
pub struct Auth {
    config: crate::config::Auth,
    sources: Vec<String>,
    allowed_origins: Vec<String>,
    rulesets: Arc<Rulesets>,
    /// Whether there is any token or key that means something here.
    knows_tokens: bool,
    /// Those of all files: a request takes a reference, reading a file puts others in their place.
    keys: RwLock<Arc<[Key]>>,
    /// Touched by whoever reads files, one at a time.
    files: Mutex<Vec<KeyFile>>,
    metrics: AuthMetrics,
}

impl Auth {
    /// Reads the files of keys.
    ///
    /// # Errors
    /// The first file that is no use.
    pub fn new(config: &Config, rulesets: Arc<Rulesets>) -> Result<Auth, KeyFileError> {
        let read = |path: &PathBuf| Ok((path.clone(), key_file::bytes(path)?));
        let files: Result<Vec<_>, KeyFileError> = config.auth.jwt_keys.iter().map(read).collect();
        Auth::from_files(config, rulesets, files?)
    }

    /// The same with files that are read already: the name of each, and what stands in it.
    ///
    /// # Errors
    /// The first that is no use.
    pub fn from_files(config: &Config, rulesets: Arc<Rulesets>, files: Vec<(PathBuf, Vec<u8>)>) -> Result<Auth, KeyFileError> {
        ring_backend::install();
        let read = |(path, bytes): (PathBuf, Vec<u8>)| {
            Ok(KeyFile {
                keys: key_file::keys(&path, &bytes)?,
                path,
                bytes,
                complaint: None,
            })
        };
        let files = files.into_iter().map(read).collect::<Result<Vec<KeyFile>, KeyFileError>>()?;
        Ok(Auth {
            config: config.auth.clone(),
            sources: config.feeds.sources.clone(),
            allowed_origins: config.server.allowed_origins.clone(),
            rulesets,
            knows_tokens: config.auth.knows_tokens(),
            keys: RwLock::new(all_keys(&files)),
            files: Mutex::new(files),
            metrics: AuthMetrics::new(Refusal::ALL.map(|refusal| refusal.name())),
        })
    }

    /// Looks at the files of keys now and then, for good. A bad one leaves its keys as they were.
    pub async fn watch(self: Arc<Auth>) {
        if self.config.jwt_keys.is_empty() {
            return;
        }
        loop {
            tokio::time::sleep(Duration::from_millis(self.config.key_poll_ms)).await;
            let auth = self.clone();
            // It ends early only where the server does.
            let _ = tokio::task::spawn_blocking(move || auth.read_again()).await;
        }
    }

    fn read_again(&self) {
        let mut files = self.files.lock();
        let mut changed = false;
        for file in files.iter_mut() {
            let bytes = match key_file::bytes(&file.path) {
                Ok(bytes) if bytes == file.bytes => {
                    file.complaint = None;
                    continue;
                }
                Ok(bytes) => bytes,
                Err(error) => {
                    self.complain(file, error.to_string());
                    continue;
                }
            };
            match key_file::keys(&file.path, &bytes) {
                Ok(keys) => {
                    tracing::info!(file = %file.path.display(), keys = keys.len(), "keys of tokens read again");
                    self.metrics.key_files_read.increment(1);
                    (file.keys, file.bytes, file.complaint) = (keys, bytes, None);
                    changed = true;
                }
                Err(error) => self.complain(file, error.to_string()),
            }
        }
        if changed {
            *self.keys.write() = all_keys(&files);
        }
    }

    fn complain(&self, file: &mut KeyFile, complaint: String) {
        if file.complaint.as_ref() != Some(&complaint) {
            tracing::error!(error = %complaint, "the keys that were there before stay");
            self.metrics.key_files_failed.increment(1);
            file.complaint = Some(complaint);
        }
    }

    /// Whether a token's signature is to be verified: that takes too long for a shard's thread.
    fn is_signed(token: &str) -> bool {
        token.contains('.')
    }

    /// What a token or key allows.
    fn pass(&self, token: &str) -> Result<Pass, Refusal> {
        self.pass_at(token, Clock.wall_us())
    }

    fn pass_at(&self, token: &str, now_us: i64) -> Result<Pass, Refusal> {
        let pass = if token.len() > self.config.token_bytes_max {
            Err(Refusal::TooLong)
        } else if Auth::is_signed(token) {
            let keys = self.keys.read().clone();
            let rules = Rules {
                config: &self.config,
                sources: &self.sources,
                rulesets: &self.rulesets,
                now_us,
            };
            jwt::verify(token, &keys, &rules)
        } else {
            self.api_key(token)
        };
        match pass {
            Ok(pass) => {
                self.metrics.passed.increment(1);
                Ok(pass)
            }
            Err(refusal) => Err(self.refuse(refusal)),
        }
    }

    /// Counts a token that is no use.
    fn refuse(&self, refusal: Refusal) -> Refusal {
        self.metrics.refused[refusal as usize].increment(1);
        refusal
    }

    /// What a token lets a subscriber read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn grant(&self, token: &str) -> Result<Arc<Grant>, &'static str> {
        self.grant_at(token, Clock.wall_us())
    }

    /// The same at a time of one's own, by the system's clock in microseconds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn grant_at(&self, token: &str, now_us: i64) -> Result<Arc<Grant>, &'static str> {
        match self.pass_at(token, now_us) {
            Ok(pass) if pass.scopes.has(Scope::Read) => Ok(pass.grant),
            Ok(_) => Err("the token is not good for this: it lacks the scope \"read\""),
            Err(refusal) => Err(refusal.message()),
        }
    }

    /// What an API key allows. Each is compared in the same time, whether it is the one or not.
    fn api_key(&self, token: &str) -> Result<Pass, Refusal> {
        let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let mut found = None;
        for (place, key) in self.config.keys.iter().enumerate() {
            if bool::from(key.hash.0[..].ct_eq(hash.as_ref())) {
                found = Some((place, key));
            }
        }
        let (place, key) = found.ok_or(Refusal::UnknownKey)?;
        let rank = |name: &String| self.sources.iter().position(|source| source == name);
        Ok(Pass {
            scopes: Scopes::of(key.scope.iter().copied()),
            grant: Arc::new(Grant::EVERYTHING),
            source: SourceId(key.source.as_ref().and_then(rank).unwrap_or(0) as u8),
            payer: Payer::Key(place),
        })
    }
}

fn all_keys(files: &[KeyFile]) -> Arc<[Key]> {
    files.iter().flat_map(|file| file.keys.iter().cloned()).collect()
}
