//! Starts that cannot work: one clear line, and the exit code that goes with it.

use crate::hostile::binary::{Folder, outcome, scorewire};
use std::net::TcpListener;

/// Runs it; its exit code and the one line that it says.
fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = scorewire(arguments);
    command.envs(variables.iter().copied());
    let (code, _, said) = outcome(command);
    let mut lines = said.lines().filter(|line| line.starts_with("scorewire: "));
    let line = lines
        .next()
        .unwrap_or_else(|| panic!("{arguments:?} {variables:?}: {said}"))
        .to_owned();
    assert_eq!(lines.next(), None, "{said}");
    (code, line)
}

#[test]
fn settings_that_make_no_sense_name_the_key_and_where_it_stands() {
    let folder = Folder::new("settings");
    for (name, text, key) in [
        ("typo", "[fanout]\nring_framez = 9\n", "ring_framez"),
        ("section", "[fanuot]\nring_frames = 9\n", "fanuot"),
        ("kind", "[fanout]\nring_frames = \"many\"\n", "ring_frames"),
        ("range", "[fanout]\nring_frames = 0\n", "fanout.ring_frames must be 1 to"),
        ("negative", "[ingest]\nthreads = -1\n", "threads"),
        ("absurd", "[ingest]\nrequests_max = 9223372036854775807\n", "ingest.requests_max"),
        ("backlog", "[server]\nbacklog = -5\n", "server.backlog"),
        ("bind", "[server]\nbind = \"nowhere\"\n", "bind"),
        ("filter", "[log]\nfilter = \"scorewire=loud\"\n", "log.filter"),
        ("writer", "[fanout]\nwriter = \"epoll\"\n", "`auto`, `uring`, `send`"),
        ("syntax", "[fanout\n", "line 1"),
        (
            "half-tls",
            "[server]\ntls_cert = \"cert.pem\"\n",
            "server.tls_cert and server.tls_key go together",
        ),
        (
            "ruleset",
            "[scoring]\ndefault_ruleset = \"nope\"\n",
            "\"nope\"; there are draftkings",
        ),
    ] {
        let file = folder.file(&format!("{name}.toml"), text);
        for command in ["check-config", "serve"] {
            let (code, line) = refused(&[command, "--config", &file], &[]);
            assert_eq!(code, Some(64), "{line}");
            assert!(line.contains(key), "{key}: {line}");
            assert!(name == "ruleset" || line.contains(&file), "{file}: {line}");
        }
    }
    let (code, line) = refused(&["serve", "--config", "/nope/scorewire.toml"], &[]);
    assert_eq!(code, Some(64));
    assert!(line.contains("/nope/scorewire.toml: No such file"), "{line}");
}

#[test]
fn variables_that_make_no_sense_are_named() {
    for (name, value, part) in [
        ("SCOREWIRE__FANOUT__RING_FRAMEZ", "9", "ring_framez"),
        ("SCOREWIRE__FANOUT__RING_FRAMES", "many", "many"),
        ("SCOREWIRE__FANOUT__RING_FRAMES", "0", "fanout.ring_frames must be"),
        ("SCOREWIRE__FANOUT", "9", "SCOREWIRE__SECTION__KEY"),
        ("SCOREWIRE__SERVER__BIND", "nowhere", "bind"),
        ("SCOREWIRE__SCORING__DEFAULT_RULESET", "7", "\"7\"; there are"),
    ] {
        let (code, line) = refused(&["check-config"], &[(name, value)]);
        assert_eq!(code, Some(64), "{line}");
        assert!(line.contains(part), "{part}: {line}");
        assert!(line.contains(name) || part.contains("there are"), "{line}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let mut command = scorewire(&["check-config"]);
        command.env("UNRELATED", std::ffi::OsStr::from_bytes(b"\xff"));
        assert_eq!(outcome(command).0, Some(0));
    }
}

#[test]
fn certificates_that_are_no_use_are_named_and_never_shown() {
    let folder = Folder::new("certificates");
    let pair = |name: &str| {
        let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let cert = folder.file(&format!("{name}.crt"), pair.cert.pem());
        (cert, folder.file(&format!("{name}.key"), pair.signing_key.serialize_pem()))
    };
    let ((cert, key), (_, other_key)) = (pair("a"), pair("b"));
    let valid = |from: i32, to: i32| {
        let mut params = rcgen::CertificateParams::new(["c".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = folder.file(&format!("{from}.crt"), params.self_signed(&key).unwrap().pem());
        (cert, folder.file(&format!("{from}.key"), key.serialize_pem()))
    };
    let ((expired, expired_key), (future, future_key)) = (valid(2000, 2010), valid(4000, 4010));
    let empty = folder.file("empty.pem", "");
    let secret = std::fs::read_to_string(&key).unwrap();
    let broken = folder.file("broken.pem", secret.replace("MIG", "M*G"));
    let locked = folder.file("locked.pem", secret.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    let missing = format!("{empty}.not");
    for (cert, key, part) in [
        (&missing, &key, format!("server.tls_cert: cannot use {missing}: No such file")),
        (&cert, &missing, format!("server.tls_key: cannot use {missing}: No such file")),
        (
            &empty,
            &key,
            format!("server.tls_cert: cannot use {empty}: there is no certificate in it"),
        ),
        (
            &key,
            &key,
            format!("server.tls_cert: cannot use {key}: there is no certificate in it"),
        ),
        (
            &expired,
            &expired_key,
            format!("server.tls_cert: cannot use {expired}: it expired "),
        ),
        (
            &future,
            &future_key,
            format!("server.tls_cert: cannot use {future}: it is not valid before "),
        ),
        (
            &cert,
            &cert,
            format!("server.tls_key: cannot use {cert}: there is no private key in it"),
        ),
        (&cert, &locked, "`openssl pkey -in OLD -out NEW` takes a passphrase off".to_owned()),
        (&cert, &broken, format!("server.tls_key: cannot use {broken}: it is not PEM")),
        (
            &cert,
            &other_key,
            format!("server.tls_cert and server.tls_key: cannot use {cert} with {other_key}: the key is not that of the first certificate"),
        ),
    ] {
        for command in ["check-config", "serve"] {
            let variables = [("SCOREWIRE__SERVER__TLS_CERT", cert.as_str()), ("SCOREWIRE__SERVER__TLS_KEY", key)];
            let (code, line) = refused(&[command], &variables);
            assert_eq!(code, Some(64), "{line}");
            assert!(line.contains(&part), "{part}: {line}");
            let shown = secret.lines().find(|secret| line.contains(secret));
            assert_eq!(shown, None, "{line}");
        }
    }
}

#[test]
fn broken_rulesets_name_file_and_key() {
    let folder = Folder::new("rulesets");
    let own = |dir: &str| vec![("SCOREWIRE__SCORING__RULESETS_DIR".to_owned(), dir.to_owned())];
    let start = |dir: &str| {
        let variables = own(dir);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        refused(&["check-config"], &variables)
    };
    let good = include_str!("../../config/rulesets/ppr.toml");
    let file = folder.file("mine.toml", good.replace("\nreceptions =", "\nreceptoins ="));
    let (code, line) = start(folder.path().to_str().unwrap());
    assert_eq!(code, Some(64), "{line}");
    assert!(line.contains(&file) && line.contains("receptoins"), "{line}");
    let (code, line) = start("/nope/rulesets");
    assert_eq!(code, Some(64), "{line}");
    assert!(line.contains("/nope/rulesets"), "{line}");
    folder.file("mine.toml", good);
    let mut command = scorewire(&["check-config"]);
    command.envs(own(folder.path().to_str().unwrap()));
    let (code, _, said) = outcome(command);
    assert_eq!(code, Some(0));
    assert!(said.contains("mine"), "{said}");
}

#[test]
fn a_port_in_use_is_unavailable() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, variables, key) in [
        (vec!["serve", "--bind", &address], vec![], "server.bind"),
        (
            vec!["demo", "--bind", "127.0.0.1:0"],
            vec![("SCOREWIRE__SERVER__INGEST_BIND", &*address)],
            "server.ingest_bind",
        ),
        (
            vec!["serve", "--bind", "127.0.0.1:0"],
            vec![("SCOREWIRE__SERVER__ADMIN_BIND", &*address)],
            "server.admin_bind",
        ),
    ] {
        let (code, line) = refused(&arguments, &variables);
        assert_eq!(code, Some(69), "{line}");
        assert!(line.contains(&address) && line.contains(key) && line.contains("port 0"), "{line}");
    }
    let (code, line) = refused(&["serve", "--bind", "192.0.2.1:80"], &[]);
    assert_eq!(code, Some(69), "{line}");
    assert!(line.contains("not an address of this machine"), "{line}");
}

#[test]
fn sources_without_games_or_a_server_say_which() {
    let folder = Folder::new("sources");
    let replay = |path: &str| refused(&["replay", "--gamecenter", path, "--to", "http://127.0.0.1:1"], &[]);
    let (code, line) = replay(folder.path().to_str().unwrap());
    assert_eq!(code, Some(64), "{line}");
    assert!(line.contains("no games") && line.contains("*.json.gz"), "{line}");
    let (code, line) = replay("/nope/games");
    assert_eq!(code, Some(64), "{line}");
    assert_eq!(line.matches("No such file").count(), 1, "{line}");
    assert!(line.contains("/nope/games"), "{line}");
    for (name, bytes) in [
        ("2099010100.json", &b"{\"2099010100\":{\"home\""[..]),
        ("2099010101.json.gz", b"not gzip"),
        ("2099010102.json", b"[]"),
    ] {
        let (code, line) = replay(&folder.file(name, bytes));
        assert_eq!(code, Some(64), "{line}");
        assert!(line.contains(name), "{line}");
    }
    // Nobody listens there: given up after some tries, all at once here.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = format!("http://{gone}");
    let simulate = std::thread::spawn({
        let to = to.clone();
        move || refused(&["simulate", "--games", "1", "--speed", "max", "--to", &to], &[])
    });
    let (code, line) = simulate.join().unwrap();
    assert_eq!(code, Some(69), "{line}");
    assert!(
        line.contains(&to) && line.contains("refused") && line.contains("scorewire serve"),
        "{line}"
    );
    let (code, line) = refused(&["simulate", "--to", "https://127.0.0.1:1"], &[]);
    assert_eq!(code, Some(64), "{line}");
    assert!(
        line.contains("https://127.0.0.1:1") && line.contains("http://127.0.0.1:8080"),
        "{line}"
    );
    let (code, line) = refused(&["simulate", "--out", "/nope/lines"], &[]);
    assert_eq!(code, Some(64), "{line}");
    assert!(line.contains("/nope/lines"), "{line}");
}

#[test]
fn flags_that_make_no_sense_are_named_and_help_helps() {
    for (arguments, part) in [
        (&["serve", "--bnd", "x"][..], "--bind"),
        (&["serve", "--bind", "nowhere"], "nowhere"),
        (&["demo", "--games", "17"], "1..=16"),
        (&["demo", "--speed", "0"], "\"max\""),
        (&["replay"], "--gamecenter"),
        (&["simulate", "--out", "-", "--to", "http://127.0.0.1:1"], "cannot be used with"),
        (
            &["replay", "--gamecenter", ".", "--out", "-", "--to", "http://127.0.0.1:1"],
            "cannot be used with",
        ),
        (&["sevre"], "serve"),
        (&[], "Usage"),
    ] {
        let (code, _, said) = outcome(scorewire(arguments));
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    for (command, parts) in [
        ("demo", &["--games", "--speed", "--seed", "[server.bind]"][..]),
        ("serve", &["--bind", "--config", "--log-format", "/v1/ws"]),
        ("replay", &["--gamecenter", "--to", "max", "--out", "standard output"]),
        ("simulate", &["--out", "--no-trouble", "standard output"]),
        ("check-config", &["--config"]),
    ] {
        let (code, help, _) = outcome(scorewire(&[command, "--help"]));
        assert_eq!(code, Some(0));
        for part in parts {
            assert!(help.contains(part), "{command}: no {part}: {help}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}
