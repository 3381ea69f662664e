//! Semgrep with rules of our own, `rules/semgrep.yaml`: for weaknesses that the other scanners do not look for.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Severity;
use super::adapter::Adapter;
use super::language::{CANARY_OPEN, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding, json};
use super::staging::Layout;
use super::syntax;
use crate::base::limits::{Limits, MIB};
use crate::environment::Interpreter;

/// Semgrep.
#[derive(Clone, Copy, Debug)]
pub struct Semgrep;

/// The rules, as Semgrep reads them.
pub const RULES: &str = include_str!("../../rules/semgrep.yaml");
const RULES_FILE: &str = "semgrep.yaml";

impl Adapter for Semgrep {
    fn name(&self) -> &str {
        "semgrep"
    }

    fn environment(&self) -> Option<&'static str> {
        Some("semgrep")
    }

    fn version_command(&self, interpreter: &Interpreter) -> Option<Vec<String>> {
        Some(vec![program(interpreter), "--version".to_owned()])
    }

    fn version(&self, line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    fn reads_with_python(&self) -> bool {
        true
    }

    /// Semgrep itself reads on where Python does not, so the files are compiled first.
    ///
    /// - `--metrics=off`, `--disable-version-check`: it would call home, and wait for an answer. No test of ours has a network to show it.
    /// - `--disable-nosem`: comments in the code switch nothing off.
    /// - `--no-git-ignore`, `--x-ignore-semgrepignore-files`: no file is passed over because of a list in the tree.
    /// - `--max-target-bytes 0`: none because of its size.
    /// - `--timeout 10`: twice Semgrep's own limit for a rule on a file, for slow hosts. Which rule is ended depends on the host's pace, so that no
    ///   test can show it; that one which was ended is told, and makes the file unknown, is shown with a shorter time.
    /// - `--timeout-threshold 0`: after three such rules it would pass over the rest of the file's; the file is unknown either way.
    /// - `--max-memory`, `--jobs 1`: it ends by itself before the sandbox ends it, and asks for one processor.
    /// - `--no-rewrite-rule-ids`: rules are called what the file calls them, wherever it is started.
    fn command(&self, interpreter: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let rules = format!("{root}/{RULES_FILE}");
        syntax::checked(interpreter, root, call(interpreter, root, &rules))
    }

    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        &[
            // It writes both, and fails where it cannot.
            ("SEMGREP_SETTINGS_FILE", "/tmp/semgrep-settings.yaml"),
            ("SEMGREP_LOG_FILE", "/tmp/semgrep.log"),
            ("SEMGREP_ENABLE_VERSION_CHECK", "0"),
            ("SEMGREP_SEND_METRICS", "off"),
        ]
    }

    fn files(&self, _: Language) -> &'static [(&'static str, &'static str)] {
        &[(RULES_FILE, RULES), syntax::FILE]
    }

    fn is_mark(&self, rule: &str) -> bool {
        rule == "mark"
    }

    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_OPEN)
    }

    fn limits(&self, files: usize, bytes: usize) -> Limits {
        let seconds = 60 + files as u64 / 5 + (bytes as u64 >> 20) * 80;
        Limits {
            cpu: std::time::Duration::from_secs(seconds),
            wall: std::time::Duration::from_secs(seconds * 4),
            memory: 4096 * MIB,
            processes: 64,
            output: 64 * MIB,
            file_size: 16 * MIB,
            disk: 64 * MIB,
            inodes: 4096,
            open_files: 1024,
        }
    }

    /// Semgrep goes on after an error in a file and names it, with the rest of the file left out; such a file is not
    /// wholly analysed, nor is what is no Python. Analysed is what stands in `paths.scanned`, without such an error, and
    /// whose mark it saw.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let mut collector = Collector::new(self, layout);
        let rest = syntax::take(output.stdout, &mut collector)?;
        take(rest, &mut collector, layout, |rule| self.is_mark(rule))?;
        collector.finish()
    }
}

/// Semgrep with `rules` over the batch at `root`.
///
/// - `--metrics=off`, `--disable-version-check`: it would call home, and wait for an answer.
/// - `--disable-nosem`: comments in the code switch nothing off.
/// - `--no-git-ignore`, `--x-ignore-semgrepignore-files`: no file is passed over because of a list in the tree.
/// - `--max-target-bytes 0`: none because of its size.
/// - `--timeout`, `--timeout-threshold 0`: a rule that takes long on one file is a problem of that file, which is
///   reported; it does not pass over the rest of the file's rules.
/// - `--no-rewrite-rule-ids`: rules are called what the file calls them, wherever it is started.
pub(super) fn call(interpreter: &Interpreter, root: &str, rules: &str) -> Vec<String> {
    let tree = format!("{root}/s");
    let rest = [
        "scan",
        "--config",
        rules,
        "--json",
        "--quiet",
        "--metrics=off",
        "--disable-version-check",
        "--disable-nosem",
        "--no-git-ignore",
        "--x-ignore-semgrepignore-files",
        "--no-rewrite-rule-ids",
        "--max-target-bytes=0",
        "--timeout=10",
        "--timeout-threshold=0",
        "--max-memory=1500",
        "--jobs=1",
        &tree,
    ];
    let own = std::iter::once(program(interpreter)).chain(rest.map(str::to_owned));
    own.collect()
}

/// Takes what Semgrep reported into `collector`. The rules by which it sees marks are ours (`is_mark`).
pub(super) fn take(
    report: &[u8],
    collector: &mut Collector<'_>,
    layout: &Layout,
    is_mark: impl Fn(&str) -> bool,
) -> Result<(), BatchFailure> {
    let report: Report = json(report)?;
    for problem in report.errors {
        let why = format!("{}: {}", problem.kind(), problem.message);
        match problem.path {
            Some(path) => collector.problem(&path, &why)?,
            None => return Err(why),
        }
    }
    let scanned: BTreeSet<_> = report.paths.scanned.iter().collect();
    for file in layout.files() {
        let path = layout.path(&file.name);
        if !scanned.contains(&path) {
            collector.problem(&path, "the scanner passed over it")?;
        }
    }
    for hit in report.results {
        if is_mark(&hit.check_id) {
            collector.mark(&hit.path, hit.start.line)?;
            continue;
        }
        let metadata = hit.extra.metadata;
        let mut found = finding(hit.check_id, hit.start.line, hit.extra.message);
        found.severity = severity(&hit.extra.severity);
        found.confidence = confidence(&metadata.confidence);
        found.native_cwe = metadata.cwe.first().and_then(number);
        collector.hit(&hit.path, found)?;
    }
    Ok(())
}

/// The console script that its package puts beside the interpreter.
fn program(interpreter: &Interpreter) -> String {
    interpreter
        .executable
        .with_file_name("semgrep")
        .to_string_lossy()
        .into_owned()
}

#[derive(Deserialize)]
struct Report {
    results: Vec<Hit>,
    errors: Vec<Problem>,
    paths: Paths,
}

#[derive(Deserialize)]
struct Paths {
    scanned: Vec<String>,
}

#[derive(Deserialize)]
struct Hit {
    check_id: String,
    path: String,
    start: Position,
    extra: Extra,
}

#[derive(Deserialize)]
struct Position {
    line: u32,
}

#[derive(Deserialize)]
struct Extra {
    message: String,
    severity: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    cwe: Texts,
    #[serde(default)]
    confidence: String,
}

/// One text, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Default for Texts {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Texts {
    fn first(&self) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::Many(texts) => texts.first().map(String::as_str),
        }
    }
}

#[derive(Deserialize)]
struct Problem {
    /// A word, or a list that begins with it.
    #[serde(rename = "type")]
    kind: serde_json::Value,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: Option<String>,
}

impl Problem {
    fn kind(&self) -> &str {
        let word = self.kind.as_str().or_else(|| self.kind.get(0)?.as_str());
        word.unwrap_or("error")
    }
}

fn severity(word: &str) -> Severity {
    match word {
        "INFO" | "LOW" => Severity::Low,
        "WARNING" | "MEDIUM" => Severity::Medium,
        "ERROR" | "HIGH" | "CRITICAL" => Severity::High,
        _ => Severity::Undefined,
    }
}

fn confidence(word: &str) -> Severity {
    match word {
        "LOW" => Severity::Low,
        "MEDIUM" => Severity::Medium,
        "HIGH" => Severity::High,
        _ => Severity::Undefined,
    }
}

/// 22 of `CWE-22: …`.
pub(super) fn number(cwe: &str) -> Option<u32> {
    let rest = cwe.strip_prefix("CWE-")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests;
