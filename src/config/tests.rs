use super::*;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicUsize, Ordering};

fn load(file: &str, vars: &[(&str, &str)]) -> Result<Config, String> {
    // Tests run side by side: each file has a name of its own.
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("scorewire-config-{}-{number}", std::process::id()));
    std::fs::write(&dir, file).unwrap();
    let vars = vars.iter().map(|(name, value)| (OsString::from(*name), OsString::from(*value)));
    let loaded = Config::load(Some(&dir), vars).map_err(|error| error.to_string());
    std::fs::remove_file(&dir).unwrap();
    loaded
}

#[test]
fn the_annotated_defaults_are_the_defaults() {
    assert_eq!(Config::load(None, std::iter::empty()).unwrap(), Config::default());
}

#[test]
fn a_file_and_then_variables_override() {
    let config = load(
        "[fanout]\nring_frames = 9\n",
        &[("SCOREWIRE__SERVER__BIND", "127.0.0.1:1"), ("OTHER", "x")],
    )
    .unwrap();
    assert_eq!((config.fanout.ring_frames, config.server.bind.port()), (9, 1));
}

#[test]
fn mistakes_are_named_in_one_line() {
    for (file, vars, part) in [
        ("[fanout]\nring_framez = 9\n", &[][..], "ring_framez"),
        ("[fanuot]\n", &[], "fanuot"),
        ("[server]\nbind = \"nowhere\"\n", &[], "bind"),
        ("[server\n", &[], "line 1"),
        ("[fanout]\nring_frames = 0\n", &[], ": fanout.ring_frames must be 1 to 65536, not 0"),
        ("[ingest]\nthreads = 1000000\n", &[], ": ingest.threads must be 1 to 64"),
        (
            "[ingest]\nrequests_max = 9223372036854775807\n",
            &[],
            ": ingest.requests_max must be",
        ),
        (
            "[ingest]\nbody_bytes_max = 1000\n",
            &[],
            "ingest.line_bytes_max must be at most ingest.body_bytes_max",
        ),
        ("[clients]\nsilence_timeout_ms = 25000\n", &[], "silence_timeout_ms"),
        ("[feeds]\nsources = []\n", &[], ": feeds.sources must name 1 to 8 feeds, not 0"),
        ("[feeds]\nsources = [\"a\", \"b\", \"a\"]\n", &[], "feeds.sources names \"a\" twice"),
        ("[feeds]\nsources = [\"a b\"]\n", &[], "feeds.sources: \"a b\" is no name"),
        ("[predict]\ndevice = \"gpu\"\n", &[], "\"gpu\" is no device: take auto, cpu, cuda:0"),
        ("[predict]\nbackend = \"torch\"\n", &[], "torch"),
        ("[predict]\nconfidence = 0.4\n", &[], "predict.confidence must be 0.5 to 1, not 0.4"),
        ("[predict]\ngames_max = 0\n", &[], "predict.games_max"),
        ("", &[("SCOREWIRE__PREDICT__DEVICE", "cuda:x")], "SCOREWIRE__PREDICT__DEVICE=cuda:x"),
        (
            "[predict]\nversions_max = 3\n",
            &[],
            ": predict.versions_max must be 4 to 64, not 3",
        ),
        (
            "[predict]\ncompare_margin = nan\n",
            &[],
            "predict.compare_margin must be 0 to 10, not NaN",
        ),
        ("[predict.serve]\nwin = { champion = \"v2\" }\n", &[], "\"v2\" is no version"),
        ("[predict.serve]\nluck = { champion = \"2\" }\n", &[], "luck"),
        (
            "[predict.serve]\nwin = { share = 1.5 }\n",
            &[],
            "predict.serve.win: share must be 0 to 1, not 1.5",
        ),
        (
            "[predict.serve]\nwin = { champion = \"2\", challenger = \"2\" }\n",
            &[],
            "predict.serve.win: champion and challenger are the same",
        ),
        ("[log]\nfilter = \"scorewire=loud\"\n", &[], ": log.filter"),
        ("", &[("SCOREWIRE__FANOUT__RINGS", "1")], "SCOREWIRE__FANOUT__RINGS"),
        ("", &[("SCOREWIRE__FANOUT", "1")], "SCOREWIRE__SECTION__KEY"),
        (
            "",
            &[("SCOREWIRE__FANOUT__RING_FRAMES", "many")],
            "SCOREWIRE__FANOUT__RING_FRAMES=many",
        ),
        (
            "[fanout]\nring_frames = 9\n",
            &[("SCOREWIRE__SERVER__SHARDS", "65")],
            "SCOREWIRE__SERVER__SHARDS=65: server.shards",
        ),
    ] {
        let error = load(file, vars).unwrap_err();
        assert!(error.contains(part) && !error.contains('\n'), "{file:?} {vars:?}: {error}");
    }
}

/// Found by fuzzing: the line that stops a start names the variable and its value as they were given. One
/// with a line end in it, as a container's settings can have, made several lines of it, of which a log
/// that is read by the line shows one.
#[test]
fn a_variable_of_many_lines_is_complained_of_in_one() {
    for var in [("SCOREWIRE__SERVER__TLS\nCERT", "a"), ("SCOREWIRE__FANOUT__RING_FRAMES", "1\r\n2")] {
        let error = load("", &[var]).unwrap_err();
        assert!(error.contains("SCOREWIRE__") && !error.chars().any(char::is_control), "{error:?}");
    }
}

#[test]
fn a_value_is_read_as_what_its_key_wants() {
    let config = load("", &[("SCOREWIRE__SCORING__DEFAULT_RULESET", "2024")]).unwrap();
    assert_eq!(config.scoring.default_ruleset, "2024");
    for (told, confidence) in [("0.8", 0.8), ("1", 1.0)] {
        let config = load("", &[("SCOREWIRE__PREDICT__CONFIDENCE", told)]).unwrap();
        assert_eq!(config.predict.confidence, confidence);
    }
    let refused = load("", &[("SCOREWIRE__PREDICT__CONFIDENCE", "nan")]).unwrap_err();
    assert!(refused.to_string().contains("0.5 to 1"), "{refused}");
}

#[test]
fn a_later_layer_may_mend_an_earlier_one() {
    let vars = [("SCOREWIRE__FANOUT__RING_FRAMES", "9")];
    assert_eq!(load("[fanout]\nring_frames = 0\n", &vars).unwrap().fanout.ring_frames, 9);
}

#[test]
fn variables_that_are_no_text_are_named_or_none_of_our_business() {
    let odd = || OsString::from_vec(vec![0xff]);
    let load = |name: &str| Config::load(None, [(OsString::from(name), odd())].into_iter()).map_err(|error| error.to_string());
    assert_eq!(load("PATH"), Ok(Config::default()));
    assert_eq!(load("SCOREWIRE__LOG__FILTER").unwrap_err(), "SCOREWIRE__LOG__FILTER: not UTF-8");
    assert_eq!(Config::load(None, [(odd(), odd())].into_iter()).unwrap(), Config::default());
}
