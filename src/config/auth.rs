//! Settings of who may do what: tokens, API keys, and what is open without either.

use super::Feeds;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct Auth {
    pub anonymous_read: bool,
    pub open_to: OpenTo,
    pub jwt_keys: Vec<PathBuf>,
    pub jwt_scopes: Vec<Scope>,
    pub jwt_issuer: Option<String>,
    pub jwt_audience: Option<String>,
    pub jwt_require_exp: bool,
    pub jwt_leeway_ms: u64,
    pub key_poll_ms: u64,
    pub token_bytes_max: usize,
    pub patterns_max: usize,
    pub wait_ms: u64,
    pub query_token: bool,
    #[serde(default)]
    pub keys: Vec<ApiKey>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "documented in config/default.toml, where people look")]
pub struct ApiKey {
    pub name: String,
    pub hash: KeyHash,
    pub scope: Vec<Scope>,
    pub source: Option<String>,
}

/// What somebody may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Subscribe, and ask for what is there.
    Read,
    /// Post events.
    Feed,
    /// See the metrics.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Feed, Scope::Admin];

    /// Its name in settings, claims and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Feed => "feed",
            Scope::Admin => "admin",
        }
    }
}

/// Who may pass a door that nothing is configured for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenTo {
    /// This machine alone.
    Loopback,
    /// Everybody.
    All,
    /// Nobody.
    None,
}

/// The SHA-256 of a key. Shown cut short: what is printed may be pasted anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// As it stands in settings: `sha256:` and 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<KeyHash> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let digit = |at: usize| char::from(digits[at]).to_digit(16);
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = (digit(2 * place)? * 16 + digit(2 * place + 1)?) as u8;
        }
        Some(KeyHash(bytes))
    }

    /// The whole of it, as [`KeyHash::parse`] reads it.
    pub fn to_text(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{digits}")
    }
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}…", &self.to_text()[..15])
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyHash, D::Error> {
        // What stands there is not repeated: it may be the key itself.
        let wrong = "must be \"sha256:\" and 64 hexadecimal digits, as `scorewire new-key` prints it";
        let text = String::deserialize(deserializer).map_err(|_| serde::de::Error::custom(wrong))?;
        KeyHash::parse(&text).ok_or_else(|| serde::de::Error::custom(wrong))
    }
}

/// API keys there may be: each request compares its own with all of them.
const KEYS_MAX: usize = 256;
/// Files of `jwt_keys` there may be.
const KEY_FILES_MAX: usize = 16;
/// Longest name of a key or source, in bytes.
const NAME_BYTES_MAX: usize = 64;

impl Default for Auth {
    fn default() -> Auth {
        Auth {
            anonymous_read: true,
            open_to: OpenTo::Loopback,
            jwt_keys: Vec::new(),
            jwt_scopes: vec![Scope::Read],
            jwt_issuer: None,
            jwt_audience: None,
            jwt_require_exp: true,
            jwt_leeway_ms: 5_000,
            key_poll_ms: 2_000,
            token_bytes_max: 4_096,
            patterns_max: 200,
            wait_ms: 5_000,
            query_token: false,
            keys: Vec::new(),
        }
    }
}

impl Auth {
    /// Whether keys, scopes and sources go together.
    pub(super) fn check(&self, feeds: &Feeds) -> Result<(), String> {
        let names: Vec<String> = self.keys.iter().map(|key| key.name.clone()).collect();
        check_names("auth.keys", &names, KEYS_MAX)?;
        for (place, key) in self.keys.iter().enumerate() {
            let name = &key.name;
            if key.scope.is_empty() {
                return Err(format!("auth.keys: \"{name}\" has no scope; there are read, feed, admin"));
            }
            if self.keys[..place].iter().any(|other| other.hash == key.hash) {
                return Err(format!("auth.keys: \"{name}\" has the hash of another key"));
            }
            if let Some(source) = key.source.as_ref().filter(|source| !feeds.sources.contains(source)) {
                let known = feeds.sources.join(", ");
                return Err(format!(
                    "auth.keys: \"{name}\" has the unknown source \"{source}\"; feeds.sources has {known}"
                ));
            }
        }
        if self.jwt_keys.len() > KEY_FILES_MAX {
            return Err(format!("auth.jwt_keys may name {KEY_FILES_MAX} files"));
        }
        if !self.anonymous_read && self.jwt_keys.is_empty() && !self.keys.iter().any(|key| key.scope.contains(&Scope::Read)) {
            return Err("auth.anonymous_read is off, but neither auth.jwt_keys nor a key in auth.keys lets anybody read".into());
        }
        Ok(())
    }

    /// Whether there is any token or key that means something.
    pub fn knows_tokens(&self) -> bool {
        Scope::ALL.into_iter().any(|scope| self.has_key_for(scope))
    }

    /// Whether something is configured that lets somebody do this: then nobody else may.
    pub fn has_key_for(&self, scope: Scope) -> bool {
        let by_token = !self.jwt_keys.is_empty() && self.jwt_scopes.contains(&scope);
        by_token || self.keys.iter().any(|key| key.scope.contains(&scope))
    }
}

fn check_names(list: &str, names: &[String], count_max: usize) -> Result<(), String> {
    if names.len() > count_max {
        return Err(format!("{list} may have {count_max} entries, not {}", names.len()));
    }
    for (place, name) in names.iter().enumerate() {
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        if !is_name {
            return Err(format!(
                "{list}: a name has 1 to {NAME_BYTES_MAX} printable ASCII characters without spaces"
            ));
        }
        if names[..place].contains(name) {
            return Err(format!("{list}: \"{name}\" stands there twice"));
        }
    }
    Ok(())
}

/// Whether each is an origin as browsers send it, or `*`.
pub(super) fn check_origins(origins: &[String]) -> Result<(), String> {
    for origin in origins.iter().filter(|origin| *origin != "*") {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', '?', '#', '@']) && host.is_ascii());
        if !is_origin {
            return Err(format!(
                "server.allowed_origins: \"{origin}\" is no origin, such as \"https://scores.example\"; \"*\" stands for all"
            ));
        }
    }
    Ok(())
}
