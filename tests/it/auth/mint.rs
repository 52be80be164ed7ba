//! Tokens and their keys, made as an identity provider makes them.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{digest, hmac};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use scorewire::clock::Clock;
use scorewire::config::{ApiKey, KeyHash, Scope};
use serde_json::{Value, json};

/// Made for these tests, and used nowhere else.
const RSA_PRIVATE: &str = include_str!("rsa-private.pem");
const RSA_PUBLIC: &str = include_str!("rsa-public.pem");

/// What signs tokens.
pub(crate) enum Signer {
    Hs256(Vec<u8>),
    Rs256,
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
}

impl Signer {
    pub(crate) fn hs256(secret: &str) -> Signer {
        Signer::Hs256(secret.as_bytes().to_vec())
    }

    pub(crate) fn es256() -> Signer {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
        Signer::Es256(Box::new(pair.unwrap()))
    }

    pub(crate) fn ed_dsa() -> Signer {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Signer::EdDsa(Box::new(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap()))
    }

    /// One of each kind.
    pub(crate) fn all() -> [Signer; 4] {
        [Signer::hs256(&"s".repeat(40)), Signer::Rs256, Signer::es256(), Signer::ed_dsa()]
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Signer::Hs256(_) => "HS256",
            Signer::Rs256 => "RS256",
            Signer::Es256(_) => "ES256",
            Signer::EdDsa(_) => "EdDSA",
        }
    }

    /// The public key in PEM.
    pub(crate) fn pem(&self) -> String {
        let (prefix, key): (&[u8], &[u8]) = match self {
            Signer::Rs256 => return RSA_PUBLIC.to_owned(),
            Signer::Hs256(_) => panic!("a secret is not public"),
            Signer::Es256(pair) => (
                &[
                    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                    0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
                ],
                pair.public_key().as_ref(),
            ),
            Signer::EdDsa(pair) => (
                &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
                pair.public_key().as_ref(),
            ),
        };
        let body = base64(&[prefix, key].concat(), STANDARD);
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// The name of a file with its key, and what stands in it.
    pub(crate) fn file(&self) -> (String, String) {
        match self {
            Signer::Hs256(secret) => ("hs.secret".to_owned(), format!("{}\n", String::from_utf8_lossy(secret))),
            _ => (format!("{}.pem", self.algorithm()), self.pem()),
        }
    }

    /// The key in a JWK set.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = match self {
            Signer::Hs256(secret) => json!({"kty": "oct", "k": base64url(secret)}),
            Signer::Rs256 => {
                let pair = rsa();
                let components = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": base64url(&components.n), "e": base64url(&components.e)})
            }
            Signer::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)})
            }
            Signer::EdDsa(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref())}),
        };
        jwk["kid"] = json!(kid);
        jwk["alg"] = json!(self.algorithm());
        jwk
    }

    /// A token with these claims, good for an hour where they say nothing else.
    pub(crate) fn token(&self, claims: Value) -> String {
        self.token_as(json!({"alg": self.algorithm(), "typ": "JWT"}), claims)
    }

    /// The same with a header of its own.
    pub(crate) fn token_as(&self, header: Value, mut claims: Value) -> String {
        if claims.get("exp").is_none() {
            claims["exp"] = json!(in_s(3600));
        }
        let message = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        format!("{message}.{}", base64url(&self.sign(message.as_bytes())))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Hs256(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
            Signer::Rs256 => {
                let pair = rsa();
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Signer::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

fn rsa() -> RsaKeyPair {
    let der = PrivateKeyDer::from_pem_slice(RSA_PRIVATE.as_bytes()).unwrap();
    RsaKeyPair::from_pkcs8(der.secret_der()).unwrap()
}

/// So many seconds from now, as claims tell times.
pub(crate) fn in_s(seconds: i64) -> i64 {
    Clock.wall_us() / 1_000_000 + seconds
}

/// An API key as the settings have it.
pub(crate) fn api_key(name: &str, key: &str, scope: &[Scope]) -> ApiKey {
    let hash = digest::digest(&digest::SHA256, key.as_bytes());
    ApiKey {
        name: name.to_owned(),
        hash: KeyHash(hash.as_ref().try_into().unwrap()),
        scope: scope.to_vec(),
        source: None,
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// As tokens are written: for addresses, without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    base64(bytes, URL).trim_end_matches('=').to_owned()
}

fn base64(bytes: &[u8], digits: &[u8; 64]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = digits[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
