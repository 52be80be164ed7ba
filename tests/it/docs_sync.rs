//! What the documents say is what the code does: tables, codes, names, commands, links.
//!
//! Tables between `<!-- generated: NAME -->` and `<!-- end: NAME -->` are written from the code:
//! `SCOREWIRE_BLESS=1 cargo test --test it docs_sync` rewrites them.

use crate::repository::{assert_none, files, is_blessing, read, root};
use crate::rust_text::identifier;
use clap::CommandFactory;
use scorewire::feed::LineCode;
use scorewire::model::{Stat, stat};
use scorewire::telemetry::{METRICS, Type};
use scorewire::wire::close::CloseReason;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const PROTOCOL: &str = "docs/protocol.md";

/// Every document that people read.
fn documents() -> Vec<String> {
    let mut all = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned(), "CHANGELOG.md".to_owned()];
    all.extend(files("docs", ".md"));
    all.extend(files("loadtest", ".md"));
    all.extend(files("deploy", ".md"));
    all
}

/// Compares what stands between the marks of `name` with `table`, or writes it.
fn assert_generated(path: &str, name: &str, table: &str) {
    let (open, close) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"));
    let text = read(path);
    let start = text.find(&open).unwrap_or_else(|| panic!("{path}: {open:?} is missing")) + open.len();
    let end = start + text[start..].find(&close).unwrap_or_else(|| panic!("{path}: {close:?} is missing"));
    if text[start..end] == *table {
        return;
    }
    assert!(
        is_blessing(),
        "\n{path}: the table \"{name}\" differs from the code. Write it anew with\n\n    SCOREWIRE_BLESS=1 cargo test --test it docs_sync\n\nwhich makes it\n\n{table}"
    );
    let written = std::fs::write(root().join(path), format!("{}{table}{}", &text[..start], &text[end..]));
    written.unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// What stands in backticks in the first column of each table of a section (`## Heading` to the next
/// heading of that level or above).
fn first_column(path: &str, heading: &str) -> BTreeSet<String> {
    let text = read(path);
    let level = heading.chars().take_while(|c| *c == '#').count();
    let mut lines = text.lines().skip_while(|line| *line != heading).peekable();
    assert!(lines.next().is_some(), "{path}: there is no section \"{heading}\"");
    lines
        .take_while(|line| {
            let hashes = line.chars().take_while(|c| *c == '#').count();
            hashes == 0 || hashes > level
        })
        .filter_map(|line| line.strip_prefix('|'))
        .filter_map(|row| row.split('|').next())
        .flat_map(|cell| spans(cell).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// What stands in backticks.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn assert_same(documented: &BTreeSet<String>, in_code: &BTreeSet<String>, what: &str) {
    let mut problems: Vec<String> = Vec::new();
    problems.extend(in_code.difference(documented).map(|name| format!("`{name}` is not documented")));
    problems.extend(
        documented
            .difference(in_code)
            .map(|name| format!("`{name}` is documented, but not in the code")),
    );
    assert_none(&problems, &format!("Mend the table of {what}."));
}

#[test]
fn metrics_are_documented() {
    let mut table = "| metric | type | labels | what it says |\n|---|---|---|---|\n".to_owned();
    for metric in METRICS {
        let kind = match metric.kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        let labels = if metric.labels.is_empty() { "–" } else { metric.labels };
        table += &format!("| `{}` | {kind} | {labels} | {} |\n", metric.name, metric.help);
    }
    assert_generated("docs/metrics.md", "metrics", &table);
}

/// No document names a metric that is gone.
#[test]
fn named_metrics_exist() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for path in documents() {
        let text = read(&path);
        // After a colon it is part of a rule's name.
        for (at, _) in text.match_indices("scorewire_").filter(|(at, _)| !text[..*at].ends_with(':')) {
            let name = identifier(&text, at);
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            checked += 1;
            if !METRICS.iter().any(|metric| metric.name == base) {
                problems.push(format!("{path}: there is no metric {name}"));
            }
        }
    }
    assert!(checked > METRICS.len(), "only {checked} names were found");
    assert_none(&problems, "Mend the document; src/telemetry/table.rs has them all.");
}

#[test]
fn close_codes_are_documented() {
    let mut table = "| code | reason | come back | what to do |\n|---|---|---|---|\n".to_owned();
    for reason in CloseReason::ALL {
        let (code, name, come_back) = (reason.code(), reason.name(), reason.come_back().name());
        table += &format!("| {code} | `{name}` | {come_back} | {} |\n", reason.advice());
    }
    assert_generated(PROTOCOL, "close codes", &table);
}

#[test]
fn line_codes_are_documented() {
    let mut in_code: BTreeSet<String> = LineCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    // The engine's, found in the answer to a line that could be read.
    in_code.extend(["too_many_plays", "too_many_games", "too_many_players", "game_expired"].map(str::to_owned));
    assert_same(
        &first_column(PROTOCOL, "### Codes of refused lines"),
        &in_code,
        "refused lines in docs/protocol.md",
    );
}

#[test]
fn error_codes_are_documented() {
    let mut in_code = BTreeSet::new();
    for path in files("src/server", ".rs")
        .into_iter()
        .chain(files("src/fanout/shard", ".rs"))
        .chain(["src/wire/client.rs", "src/fanout/hub/lineups.rs"].map(str::to_owned))
    {
        if path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        let text = read(&path);
        let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(&text);
        in_code.extend(codes(shipped));
    }
    assert!(in_code.len() >= 20, "the search for codes finds too few: {in_code:?}");
    let mut documented = first_column(PROTOCOL, "### Codes of `error` messages and refused topics");
    documented.extend(first_column(PROTOCOL, "### Codes of HTTP answers"));
    for code in ["too_many_plays", "too_many_games", "too_many_players", "game_expired"] {
        assert!(in_code.remove(code), "{code} is gone: mend `line_codes_are_documented`");
    }
    assert_same(&documented, &in_code, "codes in docs/protocol.md");
}

/// Texts that look like a code and are followed by a sentence: `"bad_query", "q may have…"`.
fn codes(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices('"') {
        let Some((code, rest)) = source[at + 1..].split_once('"') else {
            continue;
        };
        let is_code = code.len() > 3 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !code.starts_with('_');
        let Some(next) = rest.strip_prefix(',').map(str::trim_start) else {
            continue;
        };
        let sentence = [
            "\"",
            "format!(",
            "message",
            "&message",
            "error",
            "problem",
            "what",
            "refusal.message(",
        ]
        .iter()
        .any(|start| next.starts_with(start));
        // `json.text("type", "welcome")` is a field, not a code.
        if is_code && sentence && !source[..at].ends_with("text(") {
            found.insert(code.to_owned());
        }
    }
    // `code: "not_subscribed",`
    for (at, start) in source.match_indices("code: \"") {
        let code = source[at + start.len()..].split('"').next().unwrap_or_default();
        found.insert(code.to_owned());
    }
    found
}

#[test]
fn stat_names_are_documented() {
    let in_code = stat::NAMES
        .iter()
        .filter(|(stat, _)| *stat != Stat::Begun)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    assert_same(&first_column(PROTOCOL, "## Stat names"), &in_code, "stat names in docs/protocol.md");
}

/// Every setting, also those commented out because they are unset by default, has a comment above it.
#[test]
fn every_setting_has_a_comment() {
    let text = read("config/default.toml");
    let mut problems = Vec::new();
    let mut settings = 0;
    let mut is_explained = false;
    for (number, line) in text.lines().enumerate() {
        if is_setting(line.trim_start_matches("# ")) {
            settings += 1;
            if !is_explained {
                problems.push(format!("config/default.toml:{}: {line}", number + 1));
            }
            is_explained = false;
        } else {
            is_explained = line.starts_with("# ");
        }
    }
    assert!(settings > 30, "only {settings} settings were found");
    assert_none(&problems, "Say above it: the unit, what it costs, what it protects.");
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ")
        .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// The lines of fenced code, those that end with `\` joined with the next.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut is_code = false;
    let mut begun = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            match line.strip_suffix('\\') {
                Some(part) => begun += part,
                None => commands.push(std::mem::take(&mut begun) + line),
            }
        }
    }
    commands
}

#[test]
fn documented_commands_exist() {
    let cli = scorewire::command::Cli::command();
    let mut loadtest = files("loadtest/src/cli", ".rs");
    loadtest.extend(["cli.rs", "floor/command.rs", "report.rs"].map(|file| format!("loadtest/src/{file}")));
    let loadtest: String = loadtest.iter().map(|path| read(path)).collect();
    let mut problems = Vec::new();
    let mut checked = 0;
    for path in documents() {
        for line in commands(&read(&path)) {
            let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != "#" && *word != "|").collect();
            let Some(at) = words.iter().position(|word| is_program(word)) else {
                continue;
            };
            let program = words[at].rsplit('/').next().unwrap_or_default();
            let arguments: Vec<&str> = words[at + 1..].iter().copied().skip_while(|word| word.starts_with("--")).collect();
            let Some(subcommand) = arguments.first() else { continue };
            checked += 1;
            let flags = arguments[1..]
                .iter()
                .filter_map(|word| word.strip_prefix("--"))
                .filter(|flag| !flag.is_empty());
            // Of a command that has commands of its own, such as `log`, the one that is named.
            let command = cli.find_subcommand(subcommand).map(|command| {
                let inner = arguments.get(1).and_then(|word| command.find_subcommand(word));
                inner.unwrap_or(command)
            });
            let known = |flag: &str| match program {
                "scorewire-loadtest" => loadtest.contains(&format!("    {}: ", flag.replace('-', "_"))),
                _ => command.is_some_and(|command| command.get_arguments().any(|arg| arg.get_long() == Some(flag))),
            };
            let unknown: Vec<&str> = flags
                .map(|flag| flag.split('=').next().unwrap_or(flag))
                .filter(|flag| !known(flag))
                .collect();
            let exists = match program {
                "scorewire-loadtest" => ["run", "floor", "link", "report"].contains(subcommand),
                _ => cli.find_subcommand(subcommand).is_some(),
            };
            if !exists || !unknown.is_empty() {
                problems.push(format!(
                    "{path}: {line}: {} {unknown:?}",
                    if exists { "no such flags" } else { "no such command" }
                ));
            }
        }
    }
    assert!(checked > 5, "only {checked} commands were found");
    assert_none(&problems, "Mend the document; `scorewire help COMMAND` says what there is.");
}

/// Whether a command line's word starts one of our programs: what follows are its arguments.
fn is_program(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    (name == "scorewire" || name == "scorewire-loadtest") && !word.starts_with('-')
}

#[test]
fn cargo_runs_what_the_documents_say() {
    let cli = scorewire::command::Cli::command();
    let mut problems = Vec::new();
    for path in documents() {
        for line in commands(&read(&path)).iter().filter(|line| line.contains("cargo run")) {
            let subcommand = line.split_once(" -- ").and_then(|(_, rest)| rest.split_whitespace().next());
            if subcommand.is_none_or(|name| cli.find_subcommand(name).is_none()) {
                problems.push(format!("{path}: {line}"));
            }
        }
    }
    assert_none(&problems, "There is no such command.");
}

/// Pictures, made by a command of their own: without them only a run with `CI=true` fails.
const MADE_LATER: [&str; 1] = ["docs/images/page.png"];

fn assert_links(problems: Vec<String>) {
    let (later, broken): (Vec<String>, Vec<String>) = problems
        .into_iter()
        .partition(|problem| MADE_LATER.iter().any(|path| problem.ends_with(&format!(" {path}"))));
    for problem in &later {
        println!("skipped: {problem} is not made yet");
    }
    assert!(
        later.is_empty() || std::env::var("CI").as_deref() != Ok("true"),
        "with CI=true nothing may be missing: {later:?}"
    );
    assert_none(&broken, "Mend the link, or the file's place.");
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for path in documents() {
        let text = without_code(&read(&path));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http://") || target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let place = if file.is_empty() {
                PathBuf::from(&path)
            } else {
                normal(&Path::new(&path).parent().unwrap_or(Path::new("")).join(file))
            };
            if !root().join(&place).exists() {
                problems.push(format!("{path}: there is no {}", place.display()));
            } else if !anchor.is_empty() && !anchors(place.to_str().unwrap_or_default()).contains(anchor) {
                problems.push(format!("{path}: {} has no heading #{anchor}", place.display()));
            }
        }
    }
    assert_links(problems);
}

/// Files named in backticks are there.
#[test]
fn named_files_exist() {
    const FOLDERS: [&str; 8] = ["src/", "docs/", "config/", "loadtest/", "benches/", "tests/", "web/", "./test"];
    let mut problems = Vec::new();
    for path in documents() {
        let text = without_code(&read(&path));
        for span in spans(&text) {
            let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder)) && !span.contains(['*', '<', '{', '…', ' ', ':']);
            let here = Path::new(&path).parent().unwrap_or(Path::new(""));
            if is_path && !root().join(span).exists() && !root().join(here).join(span).exists() {
                problems.push(format!("{path}: there is no {}", span.trim_start_matches("./")));
            }
        }
    }
    assert_links(problems);
}

/// Fenced code left out: what stands there is no link.
fn without_code(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// `a/../b` as `b`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                out.pop();
            }
            std::path::Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

/// The anchors of a document's headings, as they are made on the web.
fn anchors(path: &str) -> BTreeSet<String> {
    without_code(&read(path))
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                    _ => None,
                })
                .collect()
        })
        .collect()
}

/// The examples that people copy out of the protocol are JSON.
#[test]
fn examples_are_json() {
    let mut problems = Vec::new();
    let mut checked = 0;
    for line in commands(&read(PROTOCOL)).iter().filter(|line| line.starts_with('{')) {
        checked += 1;
        if let Err(error) = serde_json::from_str::<serde_json::Value>(line) {
            problems.push(format!("{error}: {line}"));
        }
    }
    assert!(checked > 15, "only {checked} examples were found");
    assert_none(&problems, "An example has to be what is really sent: one message a line.");
}
