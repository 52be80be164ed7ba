//! The house rules that can be checked: sizes, who may import whom, what may not be written.

use crate::repository::{assert_none, files, read};
use crate::rust_text::{code_only, crate_modules, declared_modules, functions, line_of, without_tests, words};
use std::collections::BTreeSet;

/// Most lines of a file and of a function. A file that needs more says why, in a comment that begins
/// with [`LONG_BECAUSE`].
const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 100;
const LONG_BECAUSE: &str = "// tidy: long because ";

/// Who may import whom; the longest path that fits a file decides. Tests may import anything.
/// Everyone may import what belongs to its own top-level module.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("clock", &["model"]),
    ("priority", &[]),
    ("model", &[]),
    ("scoring", &["model"]),
    ("contest", &["model", "scoring"]),
    // Draws have threads, which step back.
    ("contest/simulate", &["model", "priority"]),
    ("feed", &["model"]),
    ("wire", &["model"]),
    ("state", &["model"]),
    ("memory", &[]),
    ("predict", &["model"]),
    // The board counts what becomes of notices.
    ("predict/board", &["model", "telemetry"]),
    // What a ruleset pays is asked of it.
    ("predict/points", &["model", "scoring"]),
    // The registry counts what it loads and refuses; the loader's thread says when.
    ("predict/registry", &["model", "telemetry"]),
    ("predict/registry/loader", &["clock", "priority"]),
    ("fanout", &["contest", "memory", "model", "scoring", "state", "wire"]),
    ("lineup", &["model"]),
    // The shard's thread is where the state machine meets the time and the metrics.
    (
        "fanout/runner",
        &[
            "clock",
            "contest",
            "memory",
            "model",
            "scoring",
            "state",
            "telemetry",
            "traces",
            "wire",
        ],
    ),
    ("telemetry", &["fanout", "feed", "memory", "model", "predict", "wire"]),
    // When the process began.
    ("telemetry/process", &["clock"]),
    // The clock is for its threads alone, which pace syncs.
    ("store", &["clock", "model"]),
    // A layer is in Redis; each counts.
    ("cache", &["clock", "cluster", "telemetry"]),
    // Records are bytes there, written as the log writes them; a new history's name is made as recovery makes it.
    ("cluster", &["clock", "model", "recovery", "store"]),
    (
        "engine",
        &[
            "clock",
            "cluster",
            "fanout",
            "feed",
            "model",
            "predict",
            "state",
            "store",
            "telemetry",
            "traces",
        ],
    ),
    ("recovery", &["clock", "compaction", "engine", "model", "store"]),
    (
        "config",
        &[
            "cluster",
            "contest",
            "engine",
            "fanout",
            "model",
            "predict",
            "store",
            "telemetry",
            "traces",
        ],
    ),
    (
        "server",
        &[
            // What engines answered.
            "cache",
            "clock",
            // Which nodes there are, to be told.
            "cluster",
            "config",
            "contest",
            "engine",
            "fanout",
            "feed",
            // Lineups are built for whoever asks.
            "lineup",
            "memory",
            "model",
            // What was computed, to be shown.
            "predict",
            // Who builds lineups lets others go first.
            "priority",
            "scoring",
            "store",
            "telemetry",
            // What a feed asks for.
            "traces",
            "wire",
        ],
    ),
    (
        "pipeline",
        &[
            "clock",
            "cluster",
            "compaction",
            "config",
            "engine",
            "fanout",
            "memory",
            "model",
            "predict",
            "priority",
            "recovery",
            "scoring",
            "server",
            "store",
            "telemetry",
            "traces",
        ],
    ),
    // What other nodes took in is decoded there.
    (
        "pipeline/cluster",
        &[
            "clock",
            "cluster",
            "compaction",
            "config",
            "engine",
            "fanout",
            "feed",
            "model",
            "predict",
            "recovery",
            "store",
            "telemetry",
            "traces",
        ],
    ),
    // What feeds wrote to Redis is decoded there.
    (
        "pipeline/feeds",
        &["clock", "cluster", "config", "engine", "feed", "model", "server", "telemetry"],
    ),
    // A client of a collector.
    ("traces", &["clock", "model", "source", "telemetry"]),
    ("source", &["clock", "feed", "model"]),
    ("figures", &[]),
    // A client of a server: what it knows of one are the names of its metrics.
    ("top", &["clock", "figures", "source", "telemetry"]),
    ("demo", &["clock", "engine", "feed", "model", "source"]),
    ("demo/contest", &["contest", "fanout", "feed", "model", "scoring"]),
    ("compaction", &["clock", "engine", "fanout", "feed", "model", "priority", "store"]),
    (
        "command",
        &[
            "clock",
            "cluster",
            "compaction",
            "config",
            "demo",
            "feed",
            "figures",
            "lineup",
            "model",
            "pipeline",
            "source",
            "store",
            "telemetry",
            "top",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// Where nothing of an async runtime may stand, so that it runs in simulation, tests and benches as it
/// is. `tokio_tungstenite` is let in for the WebSocket frame's header alone.
const NO_RUNTIME: &[&str] = &[
    "model/",
    "scoring/",
    "contest/",
    "state/",
    "wire/",
    "feed/",
    "lineup/",
    "memory/",
    "fanout/topic.rs",
    "fanout/encode.rs",
    "fanout/snapshot.rs",
    "fanout/hub.rs",
    "fanout/shard/",
    "store/append.rs",
    "store/faults.rs",
    "store/files.rs",
    "store/folder.rs",
    "store/header.rs",
    "store/inspect.rs",
    "store/open.rs",
    "store/record.rs",
    "store/repair.rs",
    "store/replay.rs",
    "store/scan.rs",
];
const FRAME_HEADER: &str = "tokio_tungstenite::tungstenite::protocol::frame";

/// Names that say nothing about what is in the file.
const NAMES_REFUSED: [&str; 5] = ["utils", "common", "helpers", "manager", "types"];

const MACROS_REFUSED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Every Rust file of ours.
fn rust_files() -> Vec<String> {
    ["src", "loadtest", "benches", "tests", "fuzz/src"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"))
        .collect()
}

fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.starts_with("tests/") || path.contains("/tests/") || name == "tests.rs" || name.ends_with("_tests.rs") || name == "test_support.rs"
}

/// What ships: no test files, no `#[cfg(test)]`.
fn shipped(path: &str) -> Option<String> {
    (!is_test_file(path)).then(|| without_tests(&code_only(&read(path))))
}

#[test]
fn files_and_functions_are_short() {
    let mut problems = Vec::new();
    for path in rust_files() {
        let text = read(&path);
        if text.lines().any(|line| line.trim_start().starts_with(LONG_BECAUSE)) {
            continue;
        }
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            problems.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        let code = code_only(&text);
        for function in functions(&code) {
            let lines = function.last + 1 - function.first;
            if lines > FUNCTION_LINES_MAX {
                let (name, first) = (function.name, function.first);
                problems.push(format!("{path}:{first}: fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}"));
            }
        }
    }
    assert_none(&problems, &format!("Split them, or write \"{LONG_BECAUSE}…\" into the file."));
}

#[test]
fn modules_import_only_what_they_may() {
    let mut problems = Vec::new();
    for path in files("src", ".rs") {
        let Some(code) = shipped(&path) else { continue };
        let module = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let top = module.split('/').next().unwrap_or(module);
        let rule = MAY_IMPORT
            .iter()
            .filter(|(place, _)| module == *place || module.starts_with(&format!("{place}/")))
            .max_by_key(|(place, _)| place.len());
        let Some((_, allowed)) = rule else {
            problems.push(format!("{path}: no rule in MAY_IMPORT says what it may import"));
            continue;
        };
        let named: BTreeSet<&str> = crate_modules(&code).into_iter().collect();
        for other in named {
            if other != top && !allowed.contains(&other) {
                problems.push(format!("{path}: imports crate::{other}; it may import {allowed:?}"));
            }
        }
    }
    assert_none(
        &problems,
        "Data goes one way (see src/lib.rs). Turn the dependency round, or argue for a new rule in MAY_IMPORT, tests/it/tidy.rs.",
    );
}

#[test]
fn pure_parts_know_no_runtime() {
    let mut problems = Vec::new();
    for path in files("src", ".rs") {
        let inside = path.trim_start_matches("src/");
        if !NO_RUNTIME
            .iter()
            .any(|place| inside.starts_with(place) || inside == format!("{}.rs", place.trim_end_matches('/')))
        {
            continue;
        }
        let Some(code) = shipped(&path) else { continue };
        for at in words(&code, "tokio").chain(words(&code, "async")) {
            problems.push(format!("{path}:{}: an async runtime", line_of(&code, at)));
        }
        for at in words(&code, "tokio_tungstenite") {
            if !code[at..].starts_with(FRAME_HEADER) {
                problems.push(format!(
                    "{path}:{}: more of tokio-tungstenite than {FRAME_HEADER}",
                    line_of(&code, at)
                ));
            }
        }
    }
    assert_none(
        &problems,
        "These parts run in simulation: hand them what they need (time, bytes, a writer).",
    );
}

#[test]
fn nothing_is_left_undone_or_unbounded() {
    let mut problems = Vec::new();
    for path in rust_files() {
        let code = code_only(&read(&path));
        for name in MACROS_REFUSED {
            for at in words(&code, name).filter(|at| code[at + name.len()..].starts_with('!')) {
                problems.push(format!("{path}:{}: {name}!", line_of(&code, at)));
            }
        }
        for name in ["unbounded", "unbounded_channel"] {
            for at in words(&code, name) {
                problems.push(format!("{path}:{}: {name}: every queue has a limit", line_of(&code, at)));
            }
        }
        for (number, line) in code.lines().enumerate() {
            if line.contains("std::sync::mpsc") && words(line, "channel").next().is_some() {
                problems.push(format!("{path}:{}: std's channel has no limit; sync_channel has", number + 1));
            }
        }
    }
    assert_none(&problems, "Finish it, or leave it out; give every channel a capacity.");
}

#[test]
fn unsafe_stays_in_its_rooms() {
    // Of what ships the write path, the one question to a GPU's driver, and the launch of the kernel; `faults` and `tests`
    // break the first.
    // `delivery` counts allocations, which only an allocator can.
    const ROOMS: [&str; 9] = [
        "src/fanout/sockets/mod.rs",
        "src/fanout/sockets/uring.rs",
        "src/fanout/sockets/faults.rs",
        "src/fanout/sockets/tests.rs",
        "src/predict/gpu/nvidia.rs",
        "src/contest/simulate/gpu/cuda.rs",
        "benches/delivery.rs",
        "loadtest/src/floor/uring.rs",
        "loadtest/src/net/kernel_time.rs",
    ];
    let mut problems = Vec::new();
    for path in rust_files() {
        let code = code_only(&read(&path));
        let found = words(&code, "unsafe").next();
        match (found, ROOMS.contains(&path.as_str())) {
            (Some(at), false) => problems.push(format!("{path}:{}: unsafe", line_of(&code, at))),
            (None, true) => problems.push(format!("{path}: has no unsafe any more: strike it out of the rooms")),
            _ => {}
        }
    }
    assert_none(&problems, "There is a safe way, or a decision to be written in docs/decisions.");
}

#[test]
fn every_module_says_what_it_is() {
    let mut problems = Vec::new();
    for path in rust_files().into_iter().filter(|path| !is_test_file(path)) {
        if !read(&path).starts_with("//!") {
            problems.push(format!("{path}: does not begin with //!"));
        }
    }
    for path in rust_files() {
        let name = path.rsplit('/').next().unwrap_or(&path).trim_end_matches(".rs");
        if NAMES_REFUSED.contains(&name) {
            problems.push(format!("{path}: \"{name}\" says nothing about what is in it"));
        }
    }
    assert_none(&problems, "Say what the module owns, what it never does and what bounds it.");
}

#[test]
fn every_file_is_compiled() {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let roots = [
        "src/lib.rs",
        "src/main.rs",
        "loadtest/src/main.rs",
        "tests/it/main.rs",
        "loadtest/tests/loadtest/main.rs",
        "fuzz/src/lib.rs",
    ];
    let mut waiting: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    let mut problems = Vec::new();
    while let Some(path) = waiting.pop() {
        if !reached.insert(path.clone()) {
            continue;
        }
        let text = read(&path);
        let is_root = ["mod", "lib", "main"].iter().any(|name| path.ends_with(&format!("/{name}.rs")));
        let folder = if is_root {
            path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
        } else {
            path.trim_end_matches(".rs").to_owned()
        };
        let beside = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (module, file) in declared_modules(&text) {
            let places = match file {
                Some(file) => vec![normal(&format!("{beside}/{file}"))],
                None => vec![format!("{folder}/{module}.rs"), format!("{folder}/{module}/mod.rs")],
            };
            match places.iter().find(|place| crate::repository::root().join(place).is_file()) {
                Some(place) => waiting.push(place.clone()),
                None => problems.push(format!("{path}: mod {module} is in none of {places:?}")),
            }
        }
    }
    let all = ["src", "tests", "loadtest", "fuzz/src"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"));
    problems.extend(
        all.filter(|path| !reached.contains(path))
            .map(|path| format!("{path}: no mod line leads to it")),
    );
    assert_none(&problems, "Declare them, or delete them.");
}

/// `a/b/../c` as `a/c`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// No real player or game stands in the source: what the server knows comes from the feed.
#[test]
fn no_real_ids_stand_in_the_source() {
    let mut problems = Vec::new();
    for path in files("src", ".rs") {
        let text = read(&path);
        let shipped_bytes = match text.find("#[cfg(test)]\nmod tests {") {
            _ if is_test_file(&path) => 0,
            Some(tests) => tests,
            None => text.len(),
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(id) = find_shape(line, "00-00#####") {
                problems.push(format!("{path}:{}: player {id}", number + 1));
            }
        }
        for (number, line) in text[..shipped_bytes].lines().enumerate() {
            if let Some(id) = find_shape(line, "20########").filter(|id| !id.starts_with("2099")) {
                problems.push(format!("{path}:{}: game {id}", number + 1));
            }
        }
    }
    assert_none(&problems, "Use made-up ids: player 90-0000001, game 2099010100.");
}

/// Something of that shape (`#`: a digit) that is not part of a longer word.
fn find_shape<'t>(text: &'t str, shape: &str) -> Option<&'t str> {
    let (bytes, shape) = (text.as_bytes(), shape.as_bytes());
    let is_part = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let fits = |at: &usize| {
        bytes[*at..*at + shape.len()]
            .iter()
            .zip(shape)
            .all(|(byte, wanted)| if *wanted == b'#' { byte.is_ascii_digit() } else { byte == wanted })
    };
    let last = bytes.len().checked_sub(shape.len())?;
    (0..=last)
        .find(|at| fits(at) && (*at == 0 || !is_part(at - 1)) && !is_part(at + shape.len()))
        .map(|at| &text[at..at + shape.len()])
}

#[test]
fn shapes_are_found_whole() {
    assert_eq!(find_shape("a 20########b", "20########"), None);
    assert_eq!(find_shape("id 2017010100,", "20########"), Some("2017010100"));
    assert_eq!(find_shape("12017010100", "20########"), None);
    assert_eq!(find_shape("20", "20########"), None);
}

/// A heading that is glued to a paragraph is easily missed, and some readers of Markdown take it for text.
#[test]
fn headings_stand_alone() {
    let mut problems = Vec::new();
    let mut headings = 0;
    for path in files("", ".md") {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        let mut is_code = false;
        for (at, line) in lines.iter().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            if is_code || !line.starts_with('#') {
                continue;
            }
            headings += 1;
            let above = at.checked_sub(1).and_then(|above| lines.get(above));
            if [above, lines.get(at + 1)].into_iter().flatten().any(|line| !line.is_empty()) {
                problems.push(format!("{path}:{}: {line}", at + 1));
            }
        }
    }
    assert!(headings > 50, "only {headings} headings were found");
    assert_none(&problems, "Leave a line blank above a heading and below.");
}
