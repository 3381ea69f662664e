//! ruff's S rules, a reimplementation of many of Bandit's in a linter; named `ruff-s` and never Bandit,
//! for the two differ in detail.

use serde::Deserialize;

use super::adapter::Adapter;
use super::language::{CANARY_EVAL, CANARY_SHELL, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding, json};
use super::staging::Layout;
use crate::environment::Interpreter;

/// ruff's S rules.
#[derive(Clone, Copy, Debug)]
pub struct RuffS;

impl Adapter for RuffS {
    fn name(&self) -> &str {
        "ruff-s"
    }

    fn version_command(&self, interpreter: &Interpreter) -> Option<Vec<String>> {
        Some(vec![program(interpreter), "--version".to_owned()])
    }

    fn version(&self, line: &str) -> Option<String> {
        line.strip_prefix("ruff ").map(str::to_owned)
    }

    /// - `--isolated`: no configuration file, wherever it lies, is read.
    /// - `--ignore-noqa`: comments in the code switch nothing off.
    /// - `--no-respect-gitignore`: no file is passed over because of a `.gitignore`.
    /// - `--preview`: the rules on imports (S401 to S415) exist only so.
    /// - `--exit-zero`: findings are no failure, so that any other exit code is one.
    fn command(&self, interpreter: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let tree = format!("{root}/s");
        let rest = [
            "check",
            "--isolated",
            "--no-cache",
            "--ignore-noqa",
            "--no-respect-gitignore",
            "--no-fix",
            "--preview",
            "--select",
            "S",
            "--output-format",
            "json",
            "--exit-zero",
            &tree,
        ];
        std::iter::once(program(interpreter))
            .chain(rest.map(str::to_owned))
            .collect()
    }

    /// One thread whatever the machine, with a stack on which deeply nested code does not overflow (that would end
    /// the whole batch).
    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        &[("RAYON_NUM_THREADS", "1"), ("RUST_MIN_STACK", "134217728")]
    }

    fn is_mark(&self, rule: &str) -> bool {
        rule == "S101"
    }

    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_SHELL) && lines.contains(&CANARY_EVAL)
    }

    /// ruff does not say which files it analysed, and merely warns about one that it cannot read, so the
    /// mark behind each sample is the only proof. It goes on after a syntax error and reports what it
    /// can; such a file is not wholly analysed.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let hits: Vec<Hit> = json(output.stdout)?;
        let mut collector = Collector::new(self, layout);
        for hit in hits {
            let line = hit.location.map_or(1, |location| location.row);
            match hit.code {
                Some(rule) if is_security_rule(&rule) => {
                    collector.hit(&hit.filename, finding(rule, line, hit.message))?;
                }
                _ => {
                    let why = format!("syntax error in line {line}: {}", hit.message);
                    collector.problem(&hit.filename, &why)?;
                }
            }
        }
        collector.finish()
    }
}

/// ruff is a program of its own, which its package puts beside the interpreter.
fn program(interpreter: &Interpreter) -> String {
    interpreter
        .executable
        .with_file_name("ruff")
        .to_string_lossy()
        .into_owned()
}

#[derive(Deserialize)]
struct Hit {
    filename: String,
    /// Absent or `null` where the code does not parse.
    #[serde(default)]
    code: Option<String>,
    message: String,
    #[serde(default)]
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Location {
    row: u32,
}

/// Whether `rule` is S and digits; anything else that ruff reports is an error of the code or its own.
fn is_security_rule(rule: &str) -> bool {
    rule.strip_prefix('S')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
