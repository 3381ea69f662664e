//! CodeShield's Insecure Code Detector: regular expressions, and rules for Semgrep that come with it.
//!
//! As it comes it starts Semgrep once for each file, which takes seconds. `rules/codeshield/driver.py` applies its
//! expressions to the whole batch, and then becomes one Semgrep with its rules.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Severity;
use super::adapter::Adapter;
use super::language::{CANARY_EVAL, CANARY_GETS, CANARY_HASH, CANARY_SYSTEM, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding, json};
use super::quotes::may_hide;
use super::semgrep::{self, Semgrep};
use super::staging::Layout;
use super::syntax;
use crate::base::limits::Limits;
use crate::environment::Interpreter;

/// CodeShield's detector.
#[derive(Clone, Copy, Debug)]
pub struct CodeShield;

const DRIVER: (&str, &str) = (
    "codeshield.py",
    include_str!("../../rules/codeshield/driver.py"),
);
/// The rule by which Semgrep sees the marks.
const MARK: (&str, &str) = (
    "mark.yaml",
    include_str!("../../rules/codeshield/mark.yaml"),
);
/// A mark of which its own rules know nothing: only that Semgrep sees it is a proof.
const PLAIN: &str = "\nvoid fumehood_mark(void) {}\n";
/// What says the version of both.
const VERSIONS: &str = "\
from importlib.metadata import version
print(version('codeshield'), 'with Semgrep', version('semgrep'))";

impl Adapter for CodeShield {
    fn name(&self) -> &str {
        "codeshield"
    }

    fn languages(&self) -> &'static [Language] {
        &[Language::Python, Language::C, Language::Cpp]
    }

    fn environment(&self) -> Option<&'static str> {
        Some("semgrep")
    }

    fn version_command(&self, interpreter: &Interpreter) -> Option<Vec<String>> {
        let python = interpreter.executable.to_string_lossy();
        let words = [python.as_ref(), "-I", "-B", "-c", VERSIONS];
        Some(words.map(str::to_owned).to_vec())
    }

    fn version(&self, line: &str) -> Option<String> {
        line.contains(" with Semgrep ").then(|| line.to_owned())
    }

    fn reads_with_python(&self) -> bool {
        true
    }

    /// Both halves read on where a compiler does not. Python is compiled first; of C and C++ Semgrep says what it did
    /// not understand. For Semgrep's flags see [`semgrep::call`].
    fn command(&self, interpreter: &Interpreter, root: &str, language: Language) -> Vec<String> {
        let python = interpreter.executable.to_string_lossy().into_owned();
        let driver = format!("{root}/{}", DRIVER.0);
        let tree = format!("{root}/s");
        let rules = format!("{root}/{}", MARK.0);
        let own: Vec<String> = [&python, "-I", "-B", &driver, language.name(), &tree]
            .map(str::to_owned)
            .into_iter()
            .chain(semgrep::call(interpreter, root, &rules))
            .collect();
        match language {
            Language::Python => syntax::checked(interpreter, root, own),
            _ => own,
        }
    }

    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        Semgrep.variables()
    }

    fn files(&self, _: Language) -> &'static [(&'static str, &'static str)] {
        &[DRIVER, MARK, syntax::FILE]
    }

    fn mark(&self, language: Language) -> &'static str {
        match language {
            Language::C | Language::Cpp => PLAIN,
            other => other.mark(),
        }
    }

    /// It reads quotes by rules of its own.
    fn refuses(&self, language: Language, code: &str) -> Option<&'static str> {
        may_hide(language, code)
    }

    fn is_mark(&self, rule: &str) -> bool {
        ["fumehood-mark", "fumehood-mark-c", "fumehood-mark-cpp"].contains(&rule)
    }

    /// In one line that only an expression finds, and one that only Semgrep does.
    fn knows(&self, language: Language, lines: &[u32]) -> bool {
        let (expression, rule) = match language {
            Language::Python => (CANARY_HASH, CANARY_EVAL),
            _ => (CANARY_GETS, CANARY_SYSTEM),
        };
        lines.contains(&expression) && lines.contains(&rule)
    }

    fn limits(&self, files: usize, bytes: usize) -> Limits {
        Semgrep.limits(files, bytes)
    }

    /// Analysed is what the expressions were applied to whole, and what Semgrep read to its end.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let mut collector = Collector::new(self, layout);
        let rest = match layout.language() {
            Language::Python => syntax::take(output.stdout, &mut collector)?.trim_ascii_start(),
            _ => output.stdout,
        };
        let end_of_line = rest.iter().position(|byte| *byte == b'\n');
        let (first, rest) = rest.split_at(end_of_line.unwrap_or(0));
        let mut driver: Driver = json(first)?;
        let language = layout.language();
        let mark_lines = language.lines(self.mark(language));
        for file in layout.files() {
            let path = layout.path(&file.name);
            let all = file.mark - 1 + mark_lines;
            let why = match driver.expressions.get(&path) {
                Some(Looked::At { lines, .. }) if *lines == all => continue,
                Some(Looked::At { .. }) => "the expressions were not applied to all of it",
                Some(Looked::Failed { problem }) => problem,
                None => "the expressions were not applied to it",
            };
            collector.problem(&path, why)?;
        }
        for (path, looked) in std::mem::take(&mut driver.expressions) {
            match looked {
                Looked::At { hits, .. } => {
                    for hit in hits {
                        let mut found = finding(hit.rule, hit.line, hit.message);
                        found.severity = severity(&hit.severity);
                        found.native_cwe = semgrep::number(&hit.cwe);
                        collector.hit(&path, found)?;
                    }
                }
                Looked::Failed { problem } => collector.problem(&path, &problem)?,
            }
        }
        semgrep::take(rest, &mut collector, layout, |rule| self.is_mark(rule))?;
        collector.finish()
    }
}

#[derive(Deserialize)]
struct Driver {
    expressions: BTreeMap<String, Looked>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Looked {
    At { lines: u32, hits: Vec<Hit> },
    Failed { problem: String },
}

#[derive(Deserialize)]
struct Hit {
    rule: String,
    line: u32,
    cwe: String,
    severity: String,
    message: String,
}

fn severity(word: &str) -> Severity {
    match word {
        "Advice" => Severity::Low,
        "Warning" => Severity::Medium,
        "Error" => Severity::High,
        _ => Severity::Undefined,
    }
}

#[cfg(test)]
mod tests;
