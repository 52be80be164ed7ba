//! The first question: is there a Scorewire server, and does it have the ruleset? It is asked before anybody connects
//! and anything is posted, so that a wrong address is told in one line. What is wrong with the events is told before:
//! they are read or simulated by then.

use crate::post::Http;
use crate::target::Target;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Asks the server at `target`.
pub(crate) fn greet(target: &Target, ruleset: &str) -> Result<()> {
    let told = Http::new(target).get("/v1/rulesets");
    let names = told.and_then(|told| names(&told)).with_context(|| {
        format!(
            "no Scorewire server at {}: start one (`scorewire serve`), or say with --url where it is",
            target.host
        )
    })?;
    ensure!(
        names.iter().any(|name| name == ruleset),
        "the server has no ruleset {ruleset}; it has {}",
        names.join(", ")
    );
    Ok(())
}

fn names(told: &Value) -> Result<Vec<String>> {
    let rulesets = told["rulesets"].as_array().context("GET /v1/rulesets: no list of rulesets")?;
    let names = rulesets.iter().filter_map(|ruleset| ruleset["name"].as_str());
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rulesets_are_read_off_their_list() {
        let told = json!({"default": "a", "rulesets": [{"name": "a", "title": "A"}, {"name": "b"}]});
        assert_eq!(names(&told).unwrap(), ["a", "b"]);
        assert!(names(&json!([])).is_err() && names(&json!("hello")).is_err());
    }
}
