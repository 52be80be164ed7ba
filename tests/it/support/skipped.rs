//! Tests that this machine cannot run. The unit tests of the library say so by this very file
//! (`src/test_support.rs`).

/// Says why a test is skipped; with `CI=true` that is a failure.
pub(crate) fn skipped(why: &str) {
    println!("skipped: {why}");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "with CI=true no test may be skipped");
}
