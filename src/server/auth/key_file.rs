//! Files with the keys that tokens are verified by: public keys in PEM, a JWK set, an HMAC secret.
//!
//! What a file holds is said by its name, and what a key is good for by the key: never by a token. A
//! private key is refused: it has no business here. No error repeats what stands in a file. Bounded:
//! [`FILE_BYTES_MAX`], [`KEYS_MAX`] a file.

use super::spki;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use rustls::pki_types::pem::{PemObject, SectionKind};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Keys of one file, at most: a token without a `kid` is tried with each of its kind.
const KEYS_MAX: usize = 32;
/// Least length of an HMAC secret, in bytes: that of the hash (RFC 7518, 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Bits of an RSA modulus, in bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// What a key is made of.
pub(super) enum Material {
    /// Modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point, uncompressed.
    P256(Vec<u8>),
    /// A point.
    Ed25519(Vec<u8>),
    /// An HMAC secret.
    Secret(Vec<u8>),
}

/// A key, and the one algorithm that it verifies.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    /// Its name, where it has one.
    pub(super) kid: Option<String>,
    pub(super) key: DecodingKey,
}

/// Why a file of keys is no use.
#[derive(Debug, thiserror::Error)]
#[error("auth.jwt_keys: cannot use {file}: {why}", file = file.display())]
pub struct KeyFileError {
    file: PathBuf,
    why: String,
}

/// Reads a file; its bytes as they are.
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, KeyFileError> {
    let error = |why: String| KeyFileError {
        file: file.to_owned(),
        why,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|system| error(system.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(error(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// The keys in what a file holds.
pub(super) fn keys(file: &Path, bytes: &[u8]) -> Result<Vec<Key>, KeyFileError> {
    let read = match file.extension().and_then(|extension| extension.to_str()) {
        Some("pem") => pem(bytes),
        Some("jwks" | "json") => jwks(file, bytes),
        Some("secret") => secret(bytes).map(|key| vec![key]),
        _ => Err("its name must end with .pem (public keys), .jwks or .json (a JWK set), or .secret (an HMAC secret)".to_owned()),
    };
    let sized = read.and_then(|keys| match keys.len() {
        1..=KEYS_MAX => Ok(keys),
        0 => Err("there is no key in it that tokens can be verified by (RS256, ES256, EdDSA, HS256)".to_owned()),
        count => Err(format!("it holds {count} keys; it may hold {KEYS_MAX}")),
    });
    sized.map_err(|why| KeyFileError {
        file: file.to_owned(),
        why,
    })
}

fn pem(bytes: &[u8]) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, der) = section.map_err(|_| "it is not PEM".to_owned())?;
        match kind {
            SectionKind::PublicKey => {
                let material = spki::read(&der).ok_or("a key in it is none of RSA, P-256 and Ed25519")?;
                keys.push(key(material, None)?);
            }
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                return Err("it holds a private key, which only whoever signs tokens should have; `openssl pkey -in KEY -pubout` gives the public one".to_owned());
            }
            SectionKind::Certificate => {
                return Err("it holds a certificate; `openssl x509 -in CERT -pubkey -noout` gives its public key".to_owned());
            }
            _ => {}
        }
    }
    Ok(keys)
}

fn jwks(file: &Path, bytes: &[u8]) -> Result<Vec<Key>, String> {
    let set: JwkSet =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no JWK set (line {}, column {})", error.line(), error.column()))?;
    let mut keys = Vec::new();
    for (place, jwk) in set.keys.iter().enumerate() {
        if let Some(read) = of_jwk(jwk).map_err(|why| format!("keys[{place}]: {why}"))? {
            keys.push(read);
        } else {
            // A set may hold keys for other purposes.
            tracing::debug!(file = %file.display(), place, "a key of the set is of a kind that verifies no tokens here");
        }
    }
    Ok(keys)
}

/// A key of a set; nothing where it is not meant for what is done here.
fn of_jwk(jwk: &Jwk) -> Result<Option<Key>, String> {
    let (expected, decoding) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (KeyAlgorithm::RS256, DecodingKey::from_jwk(jwk)),
        AlgorithmParameters::EllipticCurve(params) if params.curve == EllipticCurve::P256 => {
            (KeyAlgorithm::ES256, DecodingKey::from_jwk(jwk))
        }
        AlgorithmParameters::OctetKeyPair(params) if params.curve == EllipticCurve::Ed25519 => {
            (KeyAlgorithm::EdDSA, DecodingKey::from_jwk(jwk))
        }
        AlgorithmParameters::OctetKey(_) => (KeyAlgorithm::HS256, DecodingKey::from_jwk(jwk)),
        _ => return Ok(None),
    };
    let common = &jwk.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    if !is_for_signatures || common.key_algorithm.is_some_and(|algorithm| algorithm != expected) {
        return Ok(None);
    }
    let decoding = decoding.map_err(|_| "it is not base64url")?;
    let material = match decoding.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => Material::Rsa {
            n: n.clone(),
            e: e.clone(),
        },
        DecodingKeyKind::SecretOrDer(bytes) => match expected {
            KeyAlgorithm::ES256 => Material::P256(bytes.clone()),
            KeyAlgorithm::EdDSA => Material::Ed25519(bytes.clone()),
            _ => Material::Secret(bytes.clone()),
        },
    };
    key(material, common.key_id.clone()).map(Some)
}

/// A secret is one line of text. A public key that somebody named so would be a secret that everybody
/// knows: what looks like one is refused.
fn secret(bytes: &[u8]) -> Result<Key, String> {
    let text = bytes.trim_ascii();
    if !text.iter().all(u8::is_ascii_graphic) {
        return Err("an HMAC secret is one line of printable ASCII characters without spaces".to_owned());
    }
    let as_pem = [b"-----BEGIN PUBLIC KEY-----\n", text, b"\n-----END PUBLIC KEY-----\n"].concat();
    if text.starts_with(b"-----") || text.starts_with(b"{") || pem(&as_pem).is_ok_and(|keys| !keys.is_empty()) {
        return Err("it looks like a key, not like an HMAC secret".to_owned());
    }
    key(Material::Secret(text.to_vec()), None)
}

/// Checks what a key is made of, and pins what it verifies.
fn key(material: Material, kid: Option<String>) -> Result<Key, String> {
    let (algorithm, key) = match material {
        Material::Rsa { n, e } => {
            if !RSA_BYTES.contains(&n.len()) {
                return Err("an RSA key must have 2,048 to 8,192 bits".to_owned());
            }
            (Algorithm::RS256, DecodingKey::from_rsa_raw_components(&n, &e))
        }
        Material::P256(point) => {
            if point.len() != 65 || point[0] != 4 {
                return Err("a P-256 key must be an uncompressed point".to_owned());
            }
            (Algorithm::ES256, DecodingKey::from_ec_der(&point))
        }
        Material::Ed25519(point) => {
            if point.len() != 32 {
                return Err("an Ed25519 key must have 32 bytes".to_owned());
            }
            (Algorithm::EdDSA, DecodingKey::from_ed_der(&point))
        }
        Material::Secret(secret) => {
            if secret.len() < SECRET_BYTES_MIN {
                return Err(format!("an HMAC secret must have at least {SECRET_BYTES_MIN} bytes"));
            }
            (Algorithm::HS256, DecodingKey::from_secret(&secret))
        }
    };
    Ok(Key { algorithm, kid, key })
}
