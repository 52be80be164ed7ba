//! Tokens: whose are good, until when, for what; and everything that makes one no use.

use super::mint::{Signer, base64url, in_s};
use super::{get, post, refused, server};
use crate::hostile::binary::Folder;
use crate::support::run;
use scorewire::config::Scope;
use serde_json::{Value, json};

#[test]
fn tokens_of_every_algorithm_are_good_by_file_and_by_set() {
    run(async {
        let folder = Folder::new("auth-tokens-good");
        let signers = Signer::all();
        let tokens: Vec<String> = signers.iter().map(|signer| signer.token(json!({"sub": "somebody"}))).collect();
        let set: Vec<Value> = signers.iter().map(|signer| signer.jwk(signer.algorithm())).collect();
        let set = folder.file("set.jwks", json!({"keys": set}).to_string());
        let by_file = server(&folder, &signers, |config| config.auth.anonymous_read = false);
        let by_set = server(&folder, &[], |config| {
            config.auth.jwt_keys = vec![set.into()];
            config.auth.anonymous_read = false;
        });
        for (signer, token) in signers.iter().zip(&tokens) {
            for server in [&by_file, &by_set] {
                let answer = get(server, "/v1/games", token).await;
                assert_eq!(answer.status, 200, "{}: {}", signer.algorithm(), answer.text());
            }
            // In a set the key is found by its name.
            let header = |kid: &str| json!({"alg": signer.algorithm(), "kid": kid});
            let named = signer.token_as(header(signer.algorithm()), json!({}));
            assert_eq!(get(&by_set, "/v1/games", &named).await.status, 200);
            let misnamed = signer.token_as(header("another"), json!({}));
            refused(
                &get(&by_set, "/v1/games", &misnamed).await,
                401,
                "nor signed by a key that it knows",
            );
        }
        by_file.end().await;
        by_set.end().await;
    });
}

/// Whoever may say how a token is verified can sign it: with the public key as a secret, or not at all.
#[test]
fn the_key_says_how_a_token_is_verified_never_the_token() {
    run(async {
        let folder = Folder::new("auth-tokens-confusion");
        let signers = [Signer::Rs256, Signer::es256(), Signer::ed_dsa()];
        let pems: Vec<String> = signers.iter().map(Signer::pem).collect();
        let rs256 = signers[0].token(json!({}));
        let es256 = signers[1].token(json!({}));
        let server = server(&folder, &signers, |config| config.auth.anonymous_read = false);
        for pem in &pems {
            for secret in [pem.as_str(), pem.trim()] {
                let forged = Signer::hs256(secret).token(json!({}));
                refused(&get(&server, "/v1/games", &forged).await, 401, "nor signed by a key that it knows");
            }
        }
        let header = |alg: &str| base64url(json!({"alg": alg, "typ": "JWT"}).to_string().as_bytes());
        let claims = rs256.split('.').nth(1).unwrap();
        let signature = rs256.split('.').nth(2).unwrap();
        for alg in [
            "none", "None", "NONE", "", "HS256", "HS512", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "rs256",
        ] {
            for signature in ["", signature, "AAAA"] {
                let forged = format!("{}.{claims}.{signature}", header(alg));
                assert_eq!(get(&server, "/v1/games", &forged).await.status, 401, "{alg}");
            }
        }
        // A header may name a key of its own; nobody looks.
        let own = Signer::es256();
        let with_own = own.token_as(
            json!({"alg": "ES256", "jwk": own.jwk("a"), "jku": "https://evil.example/set"}),
            json!({}),
        );
        refused(&get(&server, "/v1/games", &with_own).await, 401, "signature does not fit");
        let critical = own.token_as(json!({"alg": "ES256", "crit": ["exp"]}), json!({}));
        refused(&get(&server, "/v1/games", &critical).await, 401, "is none");
        assert_eq!(get(&server, "/v1/games", &es256).await.status, 200);
        server.end().await;
    });
}

#[test]
fn whatever_is_changed_or_cut_or_not_a_token_is_refused() {
    run(async {
        let folder = Folder::new("auth-tokens-tampered");
        let signers = Signer::all();
        let tokens: Vec<String> = signers.iter().map(|signer| signer.token(json!({}))).collect();
        let server = server(&folder, &signers, |config| config.auth.anonymous_read = false);
        for token in &tokens {
            let parts: Vec<&str> = token.split('.').collect();
            let more = base64url(json!({"exp": in_s(99_999)}).to_string().as_bytes());
            let mut flipped = parts[2].to_owned().into_bytes();
            flipped[3] = if flipped[3] == b'A' { b'B' } else { b'A' };
            let flipped = String::from_utf8(flipped).unwrap();
            for bad in [
                format!("{}.{more}.{}", parts[0], parts[2]),
                format!("{}.{}.{flipped}", parts[0], parts[1]),
                format!("{}.{}.", parts[0], parts[1]),
                format!("{}.{}", parts[0], parts[1]),
                format!("{token}.{}", parts[2]),
                format!("{token}A"),
                format!(".{}.{}", parts[1], parts[2]),
                token.replacen('.', "..", 1),
                format!("{}.{}", token, "A".repeat(5000)),
            ] {
                let answer = get(&server, "/v1/games", &bad).await;
                assert_eq!(answer.status, 401, "{bad}");
                assert!(answer.header("www-authenticate").contains("invalid_token"));
            }
            assert_eq!(get(&server, "/v1/games", token).await.status, 200);
        }
        for bad in ["...", "..", ".", "a.b.c", "é", "{}", "e30.e30.e30"] {
            let answer = get(&server, "/v1/games", bad).await;
            assert_eq!(answer.status, 401, "{bad}");
        }
        server.end().await;
    });
}

#[test]
fn times_issuer_and_audience_are_held_against_the_settings() {
    run(async {
        let folder = Folder::new("auth-tokens-times");
        let signer = Signer::ed_dsa();
        let token = |change: &dyn Fn(&mut Value)| {
            let mut claims = json!({"iss": "https://login.example", "aud": "scores", "exp": in_s(3600)});
            change(&mut claims);
            signer.token(claims)
        };
        let good = [
            token(&|_| ()),
            token(&|claims| claims["exp"] = json!(in_s(-2))),
            token(&|claims| claims["exp"] = json!(in_s(3600) as f64 + 0.5)),
            token(&|claims| claims["exp"] = json!(1e300)),
            token(&|claims| claims["nbf"] = json!(in_s(2))),
            token(&|claims| claims["aud"] = json!(["other", "scores"])),
            token(&|claims| claims["nbf"] = Value::Null),
        ];
        let bad = [
            (token(&|claims| claims["exp"] = json!(in_s(-1000))), "has expired"),
            (token(&|claims| claims["exp"] = json!(-1)), "has expired"),
            (token(&|claims| claims["exp"] = Value::Null), "does not say when it expires"),
            (token(&|claims| claims["exp"] = json!("soon")), "is none"),
            (token(&|claims| claims["nbf"] = json!(in_s(1000))), "not valid yet"),
            (token(&|claims| claims["nbf"] = json!("now")), "is none"),
            (token(&|claims| claims["iss"] = json!("https://evil.example")), "issuer"),
            (token(&|claims| claims["iss"] = Value::Null), "issuer"),
            (token(&|claims| claims["aud"] = json!("others")), "audience"),
            (token(&|claims| claims["aud"] = json!([])), "audience"),
            (token(&|claims| claims["aud"] = Value::Null), "audience"),
            (token(&|claims| claims["topics"] = json!("player:*")), "is none"),
            (token(&|claims| claims["topics"] = json!(["pla*er"])), "topics"),
            (token(&|claims| claims["topics"] = json!(vec!["slate"; 9])), "auth.patterns_max"),
            (token(&|claims| claims["rulesets"] = json!(vec!["ppr"; 9])), "auth.patterns_max"),
            (token(&|claims| claims["source"] = json!("nobody")), "feeds.sources"),
        ];
        let server = server(&folder, &[signer], |config| {
            config.auth.anonymous_read = false;
            config.auth.jwt_issuer = Some("https://login.example".to_owned());
            config.auth.jwt_audience = Some("scores".to_owned());
            config.auth.patterns_max = 8;
            config.auth.jwt_leeway_ms = 300_000;
        });
        for token in &good {
            let answer = get(&server, "/v1/games", token).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        for (token, part) in &bad {
            refused(&get(&server, "/v1/games", token).await, 401, part);
        }
        server.end().await;
    });
}

#[test]
fn tokens_without_an_end_are_good_where_none_is_asked_for() {
    run(async {
        let folder = Folder::new("auth-tokens-forever");
        let signer = Signer::es256();
        let token = signer.token(json!({"exp": null}));
        let meant_for_another = signer.token(json!({"aud": "others"}));
        let server = server(&folder, &[signer], |config| {
            config.auth.anonymous_read = false;
            config.auth.jwt_require_exp = false;
        });
        assert_eq!(get(&server, "/v1/games", &token).await.status, 200);
        refused(&get(&server, "/v1/games", &meant_for_another).await, 401, "audience");
        server.end().await;
    });
}

#[test]
fn claims_say_which_topics_and_rulesets_may_be_read() {
    run(async {
        let folder = Folder::new("auth-tokens-claims");
        let signer = Signer::es256();
        let one = signer.token(json!({"topics": ["game:g1", "player:x-*"], "rulesets": ["ppr", "none of ours"]}));
        let slate = signer.token(json!({"topics": ["slate"], "rulesets": []}));
        let server = server(&folder, &[signer], |_| ());
        server.post_lines(super::LINE.to_vec()).await;
        let other = br#"{"type":"play","game":"g2","play":"1","stats":[]}"#;
        server.post_lines(other.to_vec()).await;
        for (path, allowed) in [
            ("/v1/snapshot?topics=game:g1,player:x-1&ruleset=ppr", true),
            ("/v1/snapshot?topics=game:g1&ruleset=yahoo", false),
            ("/v1/snapshot?topics=game:g1", false),
            ("/v1/snapshot?topics=player:x-1,player:y-1&ruleset=ppr", false),
            ("/v1/snapshot?topics=slate", false),
            ("/v1/history?topic=player:x-1&ruleset=ppr", true),
            ("/v1/history?topic=player:x-1&ruleset=yahoo", false),
            ("/v1/history?topic=player:y-1&ruleset=ppr", false),
            ("/v1/games/g1/players?ruleset=ppr", true),
            ("/v1/games/g1/players?ruleset=yahoo", false),
            ("/v1/games/g2/players?ruleset=ppr", false),
            ("/v1/sse?topics=game:g2&ruleset=ppr", false),
            ("/v1/sse?topics=game:g1&ruleset=yahoo", false),
        ] {
            let answer = get(&server, path, &one).await;
            if allowed {
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            } else {
                refused(&answer, 403, "does not allow to read");
            }
            // Anonymous reading is on here: without a token nothing is forbidden.
            if !path.contains("sse") {
                assert_eq!(server.get(path).await.status, 200, "{path}");
            }
        }
        let games = |answer: Value| -> Vec<String> {
            let list = answer["games"].as_array().unwrap();
            list.iter().map(|game| game["game"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(games(get(&server, "/v1/games", &one).await.json()), ["g1"]);
        assert_eq!(games(get(&server, "/v1/games", &slate).await.json()).len(), 2);
        assert_eq!(get(&server, "/v1/snapshot?topics=slate", &slate).await.status, 200);
        server.end().await;
    });
}

#[test]
fn a_token_feeds_or_administers_only_where_both_it_and_the_settings_say_so() {
    run(async {
        let folder = Folder::new("auth-tokens-scope");
        for (jwt_scopes, expected) in [
            (vec![Scope::Read], [(200, 200); 5]),
            (
                vec![Scope::Read, Scope::Feed, Scope::Admin],
                [(403, 403), (403, 403), (200, 403), (200, 200), (403, 200)],
            ),
        ] {
            let signer = Signer::ed_dsa();
            let tokens = [
                json!({}),
                json!({"scope": "read"}),
                json!({"scope": "read feed", "source": "second"}),
                json!({"scope": ["feed", "admin"]}),
                json!({"scope": "openid admin"}),
            ]
            .map(|claims| signer.token(claims));
            let server = server(&folder, &[signer], |config| {
                config.auth.jwt_scopes = jwt_scopes;
                config.feeds.sources = vec!["first".to_owned(), "second".to_owned()];
            });
            for (token, (feeds, administers)) in tokens.iter().zip(expected) {
                assert_eq!(post(&server, token).await.status, feeds, "{token}");
                assert_eq!(get(&server, "/metrics", token).await.status, administers, "{token}");
            }
            server.end().await;
        }
    });
}
