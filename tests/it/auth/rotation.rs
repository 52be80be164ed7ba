//! Keys that change under a running server.

use super::mint::Signer;
use super::{STAY, get};
use crate::hostile::binary::{Folder, Served, outcome, scorewire};
use crate::support::server::Http;
use crate::support::{eventually, run};
use serde_json::json;

#[test]
fn keys_are_read_again_when_their_file_changes() {
    run(async {
        let folder = Folder::new("auth-rotation");
        let (old, new) = (Signer::ed_dsa(), Signer::es256());
        let (by_old, by_new) = (old.token(json!({})), new.token(json!({})));
        let set = |signers: &[&Signer]| {
            let keys: Vec<_> = signers.iter().map(|signer| signer.jwk(signer.algorithm())).collect();
            json!({"keys": keys}).to_string()
        };
        // At once, as whoever changes keys should: nobody finds half of a file.
        let put = |text: &str| {
            let path = folder.path().join("keys.jwks");
            std::fs::rename(folder.file("new", text), &path).unwrap();
            path
        };
        let path = put(&set(&[&old]));
        // A process of its own: its log tells of nobody else's keys.
        let mut command = scorewire(&["serve", "--bind", "127.0.0.1:0"]);
        command.env("SCOREWIRE__AUTH__JWT_KEYS", format!("[\"{}\"]", path.display()));
        command.env("SCOREWIRE__AUTH__KEY_POLL_MS", "20");
        command.env("SCOREWIRE__AUTH__ANONYMOUS_READ", "false");
        let served = Served::start(command);
        let server = Http::new(served.address("address"));
        let status = async |token: &str| get(&server, "/v1/games", token).await.status;
        assert_eq!(
            (status(&by_old).await, status(&by_new).await),
            (200.try_into().unwrap(), 401.try_into().unwrap())
        );
        // Both for a while, as long as old tokens live.
        put(&set(&[&old, &new]));
        eventually("the new key is known", || async { status(&by_new).await == 200 }).await;
        assert_eq!(status(&by_old).await, 200);
        put(&set(&[&new]));
        eventually("the old key is forgotten", || async { status(&by_old).await == 401 }).await;
        assert_eq!(status(&by_new).await, 200);
        // What is no set leaves the keys as they were, and so does a file that is gone.
        for bad in ["", "{\"keys\":[]}", "-----BEGIN PUBLIC KEY-----"] {
            put(bad);
            served.says(STAY);
            assert_eq!(status(&by_new).await, 200, "{bad}");
        }
        std::fs::remove_file(&path).unwrap();
        served.says(STAY);
        assert_eq!(status(&by_new).await, 200);
        put(&set(&[&old]));
        eventually("the old key is back", || async { status(&by_old).await == 200 }).await;
    });
}

#[test]
fn files_that_are_no_use_are_named_and_never_shown() {
    let folder = Folder::new("auth-rotation-files");
    let (es256, rs256) = (Signer::es256(), Signer::Rs256);
    let private = include_str!("rsa-private.pem");
    let weak =
        "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALKtX4Kdwcn9GmsOMPMbFzw3sXAVJNUZIFnFsbjz5VnDDDkVDNHAKQzXUbQzqwzKo5j3Ocu6CQ9ZV8dyhZ5sWz8CAwEAAQ==";
    let set = |key: serde_json::Value| json!({"keys": [key]}).to_string();
    let with = |mut key: serde_json::Value, name: &str, value: &str| {
        key[name] = json!(value);
        key
    };
    for (name, text, part) in [
        ("missing.pem", None, "No such file"),
        ("empty.pem", Some(String::new()), "no key in it"),
        ("key.txt", Some(es256.pem()), "must end with .pem"),
        ("noise.pem", Some(es256.pem().replace('M', "!")), "it is not PEM"),
        (
            "cut.pem",
            Some(es256.pem().replace("MFkw", "MFgw")),
            "none of RSA, P-256 and Ed25519",
        ),
        ("private.pem", Some(private.to_owned()), "it holds a private key"),
        (
            "weak.pem",
            Some(format!("-----BEGIN PUBLIC KEY-----\n{weak}\n-----END PUBLIC KEY-----\n")),
            "2,048 to 8,192 bits",
        ),
        ("short.secret", Some("s3cret-s3cret".to_owned()), "at least 32 bytes"),
        ("spaced.secret", Some(format!("s3cret {}", "s".repeat(40))), "without spaces"),
        ("public.secret", Some(rs256.pem()), "an HMAC secret"),
        (
            "bare.secret",
            Some(rs256.pem().lines().filter(|line| !line.starts_with('-')).collect()),
            "looks like a key",
        ),
        ("set.jwks", Some("{\"keys\":[{\"k\":\"s3cret\"".to_owned()), "no JWK set (line 1"),
        (
            "none.json",
            Some(set(json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}))),
            "no key in it",
        ),
        ("use.jwks", Some(set(with(rs256.jwk("a"), "use", "enc"))), "no key in it"),
        ("alg.jwks", Some(set(with(rs256.jwk("a"), "alg", "RS512"))), "no key in it"),
        ("point.jwks", Some(set(with(es256.jwk("a"), "x", "AA"))), "keys[0]: a P-256 key"),
        (
            "base.jwks",
            Some(set(with(es256.jwk("a"), "x", "s3cret!"))),
            "keys[0]: it is not base64url",
        ),
        (
            "oct.jwks",
            Some(set(with(json!({"kty": "oct"}), "k", "czNjcmV0"))),
            "at least 32 bytes",
        ),
    ] {
        let path = match text {
            Some(text) => folder.file(name, text),
            None => folder.path().join(name).to_str().unwrap().to_owned(),
        };
        let mut command = scorewire(&["check-config"]);
        command.env("SCOREWIRE__AUTH__JWT_KEYS", format!("[\"{path}\"]"));
        let (code, _, said) = outcome(command);
        assert_eq!(code, Some(64), "{name}: {said}");
        assert!(said.contains(&path) && said.contains(part), "{name}: {part}: {said}");
        let secrets = ["s3cret", "czNjcmV0", private.lines().nth(1).unwrap(), weak];
        assert!(!secrets.iter().any(|secret| said.contains(secret)), "{name}: {said}");
    }
}
