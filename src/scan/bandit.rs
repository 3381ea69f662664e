//! Bandit: how it is called, and what its JSON means.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Severity;
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding};
use super::staging::Layout;
use crate::environment::Interpreter;

/// Its name in results.
pub const NAME: &str = "bandit";
/// The rule that reports `assert`.
const MARK_RULE: &str = "B101";
/// How Bandit's own log begins when one of its rules fails on a file; it goes on without that rule.
const INTERNAL: &str = "Bandit internal error running: ";

/// The command line for a batch seen at `root`.
///
/// - `-I -B`: Python takes nothing from its environment and writes no bytecode.
/// - `--ini`: with a file named, none is looked for in the scanned tree, where it could switch rules off.
/// - `--ignore-nosec`: comments in the code switch nothing off.
/// - `--exit-zero`: findings are no failure, so that any other exit code is one.
/// - `-n 1`: little of the code in the output.
pub fn command(interpreter: &Interpreter, root: &str) -> Vec<String> {
    let python = interpreter.executable.to_string_lossy().into_owned();
    let ini = format!("{root}/bandit.ini");
    let tree = format!("{root}/s");
    let rest = [
        "-I",
        "-B",
        "-m",
        "bandit",
        "--quiet",
        "--exit-zero",
        "--ignore-nosec",
        "--ini",
        &ini,
        "--format",
        "json",
        "-n",
        "1",
        "--recursive",
        &tree,
    ];
    std::iter::once(python)
        .chain(rest.map(str::to_owned))
        .collect()
}

/// The command line that prints the version.
pub fn version_command(interpreter: &Interpreter) -> Vec<String> {
    let python = interpreter.executable.to_string_lossy().into_owned();
    std::iter::once(python)
        .chain(["-I", "-B", "-m", "bandit", "--version"].map(str::to_owned))
        .collect()
}

#[derive(Deserialize)]
struct Report {
    errors: Vec<Problem>,
    metrics: BTreeMap<String, IgnoredAny>,
    results: Vec<Hit>,
}

#[derive(Deserialize)]
struct Problem {
    filename: String,
    reason: String,
}

#[derive(Deserialize)]
struct Hit {
    filename: String,
    test_id: String,
    issue_text: String,
    issue_severity: String,
    issue_confidence: String,
    #[serde(default)]
    issue_cwe: Option<Cwe>,
    line_number: u32,
}

#[derive(Deserialize)]
struct Cwe {
    #[serde(default)]
    id: Option<u32>,
}

/// What Bandit's output says about each sample.
///
/// Analysed is what stands in `metrics` and not in `errors` (Bandit lists failed files in both), on which
/// none of its rules failed, and whose mark it saw.
///
/// # Errors
/// When the output says nothing about any sample.
pub fn parse(output: &ToolOutput<'_>, layout: &Layout) -> Result<Vec<FileOutcome>, BatchFailure> {
    check_end(output)?;
    let report: Report = serde_json::from_slice(output.stdout)
        .map_err(|error| format!("its output is not what it should be: {error}"))?;
    let mut collector = Collector::new(NAME, layout, MARK_RULE);
    for problem in &report.errors {
        collector.problem(&problem.filename, &problem.reason)?;
    }
    let stderr = String::from_utf8_lossy(output.stderr);
    for line in stderr.lines() {
        if let Some((rule, path)) = failed_rule(line) {
            collector.problem(path, &format!("its rule {rule} failed"))?;
        }
    }
    let seen: BTreeSet<&str> = report.metrics.keys().map(String::as_str).collect();
    for file in layout.files() {
        let path = layout.path(&file.name);
        if !seen.contains(path.as_str()) {
            collector.problem(&path, "the scanner passed over it")?;
        }
    }
    for hit in report.results {
        let mut found = finding(hit.test_id, hit.line_number, hit.issue_text);
        found.severity = severity(&hit.issue_severity);
        found.confidence = severity(&hit.issue_confidence);
        found.native_cwe = hit.issue_cwe.and_then(|cwe| cwe.id).filter(|id| *id > 0);
        collector.hit(&hit.filename, found)?;
    }
    collector.finish()
}

fn failed_rule(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(INTERNAL)?;
    let (rule, rest) = rest.split_once(" on file ")?;
    let (path, _) = rest.split_once(" at line ")?;
    Some((rule, path))
}

fn severity(word: &str) -> Severity {
    match word {
        "LOW" => Severity::Low,
        "MEDIUM" => Severity::Medium,
        "HIGH" => Severity::High,
        _ => Severity::Undefined,
    }
}

#[cfg(test)]
mod tests;
