//! Bearer, which the user brings, with the rules that the user has. Its licence and that of its rules (Elastic) do not
//! let them come with fumehood.

use serde::Deserialize;

use super::Severity;
use super::adapter::Adapter;
use super::brought::{self, Wanted};
use super::language::{CANARY_SHELL, Language};
use super::outcome::{BatchFailure, Collector, FileOutcome, ToolOutput, check_end, finding, json};
use super::staging::Layout;
use super::syntax;
use crate::base::limits::{Limits, MIB};
use crate::environment::Interpreter;

/// Bearer.
#[derive(Clone, Copy, Debug)]
pub struct Bearer;

/// The rule by which it sees the marks.
const MARK: (&str, &str) = (
    "rules/mark.yml",
    include_str!("../../rules/bearer/mark.yml"),
);

impl Adapter for Bearer {
    fn name(&self) -> &str {
        "bearer"
    }

    fn wants(&self) -> Option<&'static Wanted> {
        Some(&Wanted {
            program: "bearer",
            program_variable: "FUMEHOOD_BEARER",
            rules_variable: Some("FUMEHOOD_BEARER_RULES"),
            with_folder: false,
            also: None,
            get: "tools/install_bearer.sh FOLDER, then name FOLDER/bearer in FUMEHOOD_BEARER, and the folder `python` of \
                  github.com/Bearer/bearer-rules in FUMEHOOD_BEARER_RULES",
        })
    }

    /// Its parts speak with each other over the loopback.
    fn profile(&self) -> &'static str {
        "scanner-loopback"
    }

    fn version_command(&self, _: &Interpreter) -> Option<Vec<String>> {
        Some(vec![brought::PROGRAM.to_owned(), "version".to_owned()])
    }

    fn version(&self, line: &str) -> Option<String> {
        let (_, rest) = line.split_once("version ")?;
        rest.split(',').next().map(str::to_owned)
    }

    fn reads_with_python(&self) -> bool {
        true
    }

    /// Bearer reads on where Python does not, so the files are compiled first.
    ///
    /// - `--disable-default-rules`, `--external-rule-dir`: the rules that it would fetch, and go on without where there
    ///   is no network; these are the user's and ours.
    /// - `--exit-code 0`: findings are no failure, so that any other exit code is one.
    /// - `--skip-test=false`: no file is passed over because its path looks like a test's.
    /// - `--ignore-git`: no file is passed over because a repository does so, and no earlier scan of the same commit is used.
    /// - `--no-extract`, `--no-rule-meta`: little of the code in the output.
    /// - `--quiet`: the last line of standard error is the failure, if there is one, and no word on its progress.
    /// - `--disable-version-check`: with it and without default rules it asks nobody.
    /// - `--parallel 1`: one process, as every scanner has one processor; more find the same.
    fn command(&self, interpreter: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let tree = format!("{root}/s");
        let rules = format!("{root}/rules,{}", brought::RULES);
        let own = [
            brought::PROGRAM,
            "scan",
            &tree,
            "--format",
            "jsonv2",
            "--disable-default-rules",
            "--disable-version-check",
            "--external-rule-dir",
            &rules,
            "--exit-code",
            "0",
            "--quiet",
            "--ignore-git",
            "--skip-test=false",
            "--no-extract",
            "--no-rule-meta",
            "--parallel",
            "1",
        ];
        syntax::checked(interpreter, root, own.map(str::to_owned).to_vec())
    }

    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        // Else Go asks for sockets that the sandbox refuses, before it takes plain ones.
        &[("TMPDIR", "/tmp"), ("GODEBUG", "multipathtcp=0")]
    }

    fn files(&self, _: Language) -> &'static [(&'static str, &'static str)] {
        &[MARK, syntax::FILE]
    }

    fn is_mark(&self, rule: &str) -> bool {
        rule == "fumehood_mark"
    }

    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_SHELL)
    }

    fn limits(&self, files: usize, bytes: usize) -> Limits {
        let seconds = 60 + files as u64 / 2 + (bytes as u64 >> 20) * 120;
        Limits {
            cpu: std::time::Duration::from_secs(seconds),
            wall: std::time::Duration::from_secs(seconds * 4),
            memory: 4096 * MIB,
            processes: 128,
            output: 64 * MIB,
            file_size: 64 * MIB,
            disk: 256 * MIB,
            inodes: 16_384,
            open_files: 1024,
        }
    }

    /// Bearer does not say which files it read; the marks do. What went wrong in a file is in `errors`.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        let mut collector = Collector::new(self, layout);
        let report: Report = json(syntax::take(output.stdout, &mut collector)?)?;
        for problem in report.errors.unwrap_or_default() {
            let why = format!("{}: {}", problem.kind, problem.error);
            collector.problem(&problem.filename, &why)?;
        }
        for hit in report.findings.unwrap_or_default() {
            if self.is_mark(&hit.id) {
                collector.mark(&hit.full_filename, hit.line_number)?;
                continue;
            }
            let mut found = finding(hit.id, hit.line_number, hit.title);
            found.severity = severity(&hit.severity);
            found.native_cwe = hit
                .cwe_ids
                .iter()
                .find_map(|id| id.parse().ok().filter(|id| *id > 0));
            collector.hit(&hit.full_filename, found)?;
        }
        collector.finish()
    }
}

#[derive(Deserialize)]
struct Report {
    // `null` where there is none; absent in what is no report.
    findings: Option<Vec<Hit>>,
    #[serde(default)]
    errors: Option<Vec<Problem>>,
    #[expect(dead_code, reason = "without it this is no report of Bearer")]
    source: String,
}

#[derive(Deserialize)]
struct Hit {
    id: String,
    title: String,
    full_filename: String,
    line_number: u32,
    severity: String,
    #[serde(default)]
    cwe_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Problem {
    filename: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    error: String,
}

fn severity(word: &str) -> Severity {
    match word {
        "warning" | "low" => Severity::Low,
        "medium" => Severity::Medium,
        "high" | "critical" => Severity::High,
        _ => Severity::Undefined,
    }
}

#[cfg(test)]
mod tests;
