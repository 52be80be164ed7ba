//! Every fuzz target, without a fuzzer, over its seeds and what fuzzing found: what was found once stays found.

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use crate::repository::{files, read, root};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use targets::TARGETS;

#[test]
fn targets_hold_over_their_seeds_and_what_was_found() {
    for (target, check) in TARGETS {
        let seeds = files(&format!("fuzz/seeds/{target}"), "");
        assert!(!seeds.is_empty(), "fuzz/seeds/{target} is empty");
        for path in seeds.into_iter().chain(files(&format!("fuzz/corpus/{target}"), "")) {
            let input = std::fs::read(root().join(&path)).unwrap();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
                eprintln!("{target} fails on {path}");
                resume_unwind(panic);
            }
        }
    }
}

/// A target is in the list, a program of the package and a file; and nothing else is.
#[test]
fn every_target_has_its_program() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let manifest: toml::Table = toml::from_str(&read("fuzz/Cargo.toml")).unwrap();
    let programs = manifest["bin"].as_array().unwrap();
    let named: Vec<&str> = programs.iter().map(|program| program["name"].as_str().unwrap()).collect();
    assert_eq!(named, names);
    for (name, program) in names.iter().zip(programs) {
        let path = format!("fuzz_targets/{name}.rs");
        assert_eq!(program["path"].as_str(), Some(&*path));
        let call = format!("scorewire_fuzz::run(\"{name}\", input)");
        assert!(read(&format!("fuzz/{path}")).contains(&call), "{path} runs its own target");
    }
    assert_eq!(files("fuzz/fuzz_targets", ".rs").len(), names.len());
}
