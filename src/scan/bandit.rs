//! Bandit: how it is called, and what its JSON means.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Severity;
use super::adapter::Adapter;
use super::language::{CANARY_EVAL, CANARY_SHELL, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding, json};
use super::staging::Layout;
use crate::environment::Interpreter;

/// Bandit.
#[derive(Clone, Copy, Debug)]
pub struct Bandit;

/// Its empty configuration.
const INI: &str = "bandit.ini";
/// How Bandit's own log begins when one of its rules fails on a file; it goes on without that rule.
const INTERNAL: &str = "Bandit internal error running: ";

impl Adapter for Bandit {
    fn name(&self) -> &str {
        "bandit"
    }

    fn version_command(&self, interpreter: &Interpreter) -> Option<Vec<String>> {
        Some(interpreter.module("bandit", &["--version"]))
    }

    fn version(&self, line: &str) -> Option<String> {
        // It calls itself by the name under which Python runs it.
        line.split_once(' ').map(|(_, version)| version.to_owned())
    }

    fn reads_with_python(&self) -> bool {
        true
    }

    /// - `--ini`: with a file named, none is looked for in the scanned tree, where it could switch rules off.
    /// - `--ignore-nosec`: comments in the code switch nothing off.
    /// - `--exit-zero`: findings are no failure, so that any other exit code is one.
    /// - `-n 1`: little of the code in the output.
    fn command(&self, interpreter: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let ini = format!("{root}/{INI}");
        let tree = format!("{root}/s");
        interpreter.module(
            "bandit",
            &[
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
            ],
        )
    }

    fn files(&self, _: Language) -> &'static [(&'static str, &'static str)] {
        &[(INI, "[bandit]\n")]
    }

    fn is_mark(&self, rule: &str) -> bool {
        rule == "B101"
    }

    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_SHELL) && lines.contains(&CANARY_EVAL)
    }

    /// Analysed is what stands in `metrics` and not in `errors` (Bandit lists failed files in both), on which
    /// none of its rules failed, and whose mark it saw.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let report: Report = json(output.stdout)?;
        let mut collector = Collector::new(self, layout);
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
