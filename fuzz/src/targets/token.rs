//! Tokens and the files of their keys: whatever is shown, nobody is let in whom a second look does not let in.
//!
//! The second look shares nothing with the server but *ring*'s primitives: it takes the token apart by hand
//! and reads the claims as plain JSON.

use super::choices::Choices;
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use scorewire::config::Config;
use scorewire::fanout::grant::Grant;
use scorewire::model::TopicName;
use scorewire::scoring::Rulesets;
use scorewire::server::Auth;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// The only time there is, in seconds since the Unix epoch.
const NOW_S: f64 = 2_000_000_000.0;
const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "scores";

const SECRET: &str = "a-secret-that-everybody-may-know-of";
const ED25519_SEED: [u8; 32] = [7; 32];
const RSA_PEM: &str = include_str!("../../../tests/it/auth/rsa-public.pem");
/// Of a key that signed the seeds, and is gone.
const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAKhiV4WFOfbdMWavAjhIfAFiVeQI
U56fFkQKwt7Fqf6cJGC4Ho5rU9HNp3NYoBV5hWf7T1Dy6c94t/mq4vNv2w==
-----END PUBLIC KEY-----
";

static RULESETS: LazyLock<Arc<Rulesets>> = LazyLock::new(|| Arc::new(Rulesets::embedded()));
static ED_DSA: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&ED25519_SEED).unwrap());
/// Knows a key of each kind; the second one takes the tokens of one issuer for one audience alone.
static SERVERS: LazyLock<[Auth; 2]> = LazyLock::new(|| {
    [false, true].map(|strict| {
        let mut config = Config::default();
        if strict {
            config.auth.jwt_issuer = Some(ISSUER.to_owned());
            config.auth.jwt_audience = Some(AUDIENCE.to_owned());
        }
        let files = [
            ("hs.secret", SECRET),
            ("rs.pem", RSA_PEM),
            ("es.pem", P256_PEM),
            ("ed.pem", &ed_pem()),
        ];
        let files = files.map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()));
        Auth::from_files(&config, RULESETS.clone(), files.into()).unwrap()
    })
});

/// A token as it stands, claims that are signed here, or a file of keys.
pub(crate) fn accepted(input: &[u8]) {
    let mut choices = Choices::new(input);
    let kind = choices.below(3);
    let strict = choices.flag();
    match kind {
        0 => token(strict, &String::from_utf8_lossy(choices.rest())),
        1 => {
            let header = match choices.below(3) {
                0 => r#"{"alg":"HS256"}"#.to_owned(),
                1 => r#"{"alg":"EdDSA"}"#.to_owned(),
                _ => choices.text(),
            };
            let with_secret = choices.flag();
            token(strict, &signed(with_secret, header.as_bytes(), choices.rest()));
        }
        _ => key_file(choices.word(&["keys.jwks", "keys.pem", "keys.secret"]), choices.rest()),
    }
}

fn token(strict: bool, token: &str) {
    let Ok(grant) = SERVERS[usize::from(strict)].grant_at(token, (NOW_S * 1e6) as i64) else {
        return;
    };
    let claims = verified(token).expect("whoever is let in has a signature that fits");
    holds(&claims, strict, &grant);
}

/// The claims that somebody asks for; others may be anything, no text or a number that none holds too.
#[derive(Default, Debug, serde::Deserialize)]
#[serde(default)]
struct Claims {
    exp: Value,
    nbf: Value,
    iss: Value,
    aud: Value,
    scope: Value,
    topics: Value,
    rulesets: Value,
}

/// The claims of a token whose signature one of the keys made.
fn verified(token: &str) -> Option<Claims> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return None };
    let message = &token.as_bytes()[..header.len() + 1 + claims.len()];
    let header: Value = serde_json::from_slice(&base64(header, b"-_")?).ok()?;
    let signature = base64(signature, b"-_")?;
    let by = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
        UnparsedPublicKey::new(algorithm, key).verify(message, &signature).is_ok()
    };
    let is_good = match header["alg"].as_str()? {
        "HS256" => hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message, &signature).is_ok(),
        // What the file holds around the key itself: 24 bytes, and 26 where the key has 65.
        "RS256" => by(&RSA_PKCS1_2048_8192_SHA256, &der(RSA_PEM)[24..]),
        "ES256" => by(&ECDSA_P256_SHA256_FIXED, &der(P256_PEM)[26..]),
        "EdDSA" => by(&ED25519, ED_DSA.public_key().as_ref()),
        _ => false,
    };
    (is_good && header["crit"].is_null()).then(|| serde_json::from_slice(&base64(claims, b"-_").unwrap()).unwrap())
}

/// Asserts that the claims let somebody read, now, and just what they say.
fn holds(claims: &Claims, strict: bool, grant: &Grant) {
    let leeway_s = Config::default().auth.jwt_leeway_ms as f64 / 1e3;
    let expires_s = claims.exp.as_f64().expect("a token says when it expires");
    assert!(expires_s + leeway_s > NOW_S, "{claims:?}");
    let until_s = grant.expires_us().expect("so does what it grants") as f64 / 1e6;
    // What no clock will ever show is cut down to what a number holds.
    assert!(until_s - (expires_s + leeway_s) < 1.0 && until_s > NOW_S, "{until_s} {claims:?}");
    assert!(
        claims.nbf.as_f64().is_none_or(|from_s| from_s <= NOW_S + leeway_s + 1e-3),
        "{claims:?}"
    );
    if strict {
        assert!(texts(&claims.iss).is_some_and(|list| list.contains(&ISSUER)), "{claims:?}");
        assert!(texts(&claims.aud).is_some_and(|list| list.contains(&AUDIENCE)), "{claims:?}");
    }
    let reads = match &claims.scope {
        Value::String(words) => words.split(' ').any(|word| word == "read"),
        scope => scope.is_null() || texts(scope).is_some_and(|list| list.contains(&"read")),
    };
    assert!(reads, "{claims:?}");
    let patterns = texts(&claims.topics);
    for topic in ["player:90-1", "player:dst:AAA", "team:AAA", "game:g1", "slate"] {
        let fits = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(start) => topic.starts_with(start),
            None => topic == *pattern,
        };
        let expected = patterns.as_ref().is_none_or(|patterns| patterns.iter().any(fits));
        assert_eq!(
            grant.allows_topic(&TopicName::parse(topic).unwrap()),
            expected,
            "{topic} {claims:?}"
        );
    }
    let names = texts(&claims.rulesets);
    for (index, ruleset) in RULESETS.iter() {
        let expected = names.as_ref().is_none_or(|names| names.contains(&ruleset.name()));
        assert_eq!(grant.allows_ruleset(index), expected, "{} {claims:?}", ruleset.name());
    }
}

/// A list of texts, or the only one of it; nothing where nothing stands there.
fn texts(claim: &Value) -> Option<Vec<&str>> {
    match claim {
        Value::Null => None,
        Value::String(text) => Some(vec![text]),
        Value::Array(list) => Some(list.iter().map(|text| text.as_str().expect("texts")).collect()),
        other => panic!("{other} was taken for texts"),
    }
}

/// Whatever stands in a file: a token is good by the keys that are in it.
fn key_file(name: &str, bytes: &[u8]) {
    let file = (PathBuf::from(name), bytes.to_vec());
    let auth = match Auth::from_files(&Config::default(), RULESETS.clone(), vec![file]) {
        Ok(auth) => auth,
        Err(error) => {
            assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
            return;
        }
    };
    for (with_secret, header, key) in [
        (true, r#"{"alg":"HS256"}"#, SECRET.as_bytes()),
        (false, r#"{"alg":"EdDSA"}"#, ED_DSA.public_key().as_ref()),
    ] {
        let token = signed(with_secret, header.as_bytes(), br#"{"exp":3000000000}"#);
        if auth.grant_at(&token, (NOW_S * 1e6) as i64).is_ok() {
            let is_there = match name {
                "keys.jwks" => names_key(&serde_json::from_slice(bytes).unwrap(), key),
                "keys.pem" => blocks(&String::from_utf8_lossy(bytes)).any(|der| der.ends_with(key)),
                _ => bytes.trim_ascii() == key,
            };
            assert!(is_there, "a key that {name} does not hold");
        }
    }
}

/// Whether a text somewhere in there is the key.
fn names_key(json: &Value, key: &[u8]) -> bool {
    match json {
        Value::String(text) => base64(text, b"-_").is_some_and(|bytes| bytes == key),
        Value::Array(list) => list.iter().any(|one| names_key(one, key)),
        Value::Object(fields) => fields.values().any(|one| names_key(one, key)),
        _ => false,
    }
}

fn signed(with_secret: bool, header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", to_base64(header), to_base64(claims));
    let signature = match with_secret {
        true => to_base64(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message.as_bytes()).as_ref()),
        false => to_base64(ED_DSA.sign(message.as_bytes()).as_ref()),
    };
    format!("{message}.{signature}")
}

/// The Ed25519 key as a file holds it (RFC 8410, 4).
fn ed_pem() -> String {
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let body = to_base64(&[&prefix, ED_DSA.public_key().as_ref()].concat());
    let body = body.replace('-', "+").replace('_', "/");
    format!("-----BEGIN PUBLIC KEY-----\n{body}=\n-----END PUBLIC KEY-----\n")
}

/// What a file of one key holds.
fn der(pem: &str) -> Vec<u8> {
    blocks(pem).max_by_key(Vec::len).unwrap()
}

/// What stands between the lines of dashes, wherever it is base64.
fn blocks(pem: &str) -> impl Iterator<Item = Vec<u8>> {
    pem.split("-----").filter_map(|block| {
        let text: String = block.chars().filter(|char| !char.is_whitespace()).collect();
        base64(text.trim_end_matches('='), b"+/")
    })
}

const DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn to_base64(bytes: &[u8]) -> String {
    let digit = |value: u32| char::from(*DIGITS.iter().chain(b"-_").nth(value as usize).unwrap());
    let of_chunk = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        (0..=chunk.len() as u32)
            .map(move |at| bits >> (18 - 6 * at) & 63)
            .collect::<Vec<u32>>()
    };
    bytes.chunks(3).flat_map(of_chunk).map(digit).collect()
}

/// Reads base64 without padding, with these for 62 and 63; nothing where it is not just what some bytes come to.
fn base64(text: &str, last: &[u8; 2]) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for char in text.bytes() {
        let value = DIGITS.iter().chain(last).position(|digit| *digit == char)?;
        (bits, held) = (bits << 6 | value as u32, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0 && held < 6).then_some(bytes)
}
