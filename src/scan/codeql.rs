//! CodeQL, which the user brings whole: the bundle holds the program, its Java and the queries. Its licence does not let
//! it come with fumehood.

use super::adapter::Adapter;
use super::brought::{self, Wanted};
use super::language::{CANARY_REQUEST, Language};
use super::outcome::{BatchFailure, FileOutcome, ToolOutput, check_end};
use super::sarif_batch::outcomes;
use super::staging::Layout;
use super::syntax;
use crate::base::limits::{Limits, MIB};
use crate::environment::Interpreter;

/// CodeQL.
#[derive(Clone, Copy, Debug)]
pub struct CodeQl;

const RUN: (&str, &str) = ("codeql.sh", include_str!("../../rules/codeql.sh"));

impl Adapter for CodeQl {
    fn name(&self) -> &str {
        "codeql"
    }

    fn wants(&self) -> Option<&'static Wanted> {
        Some(&Wanted {
            program: "codeql",
            program_variable: "FUMEHOOD_CODEQL",
            rules_variable: None,
            with_folder: true,
            also: None,
            get: "unpacking the CodeQL bundle (github.com/github/codeql-action, releases; mind its terms) and putting its \
                  `codeql` on PATH or in FUMEHOOD_CODEQL",
        })
    }

    fn version_command(&self, _: &Interpreter) -> Option<Vec<String>> {
        let words = [&brought::whole("codeql"), "version", "--format=terse"];
        Some(words.map(str::to_owned).to_vec())
    }

    fn version(&self, line: &str) -> Option<String> {
        Some(line.to_owned())
    }

    fn reads_with_python(&self) -> bool {
        true
    }

    /// Its extractor reads some code that Python does not, so the files are compiled first.
    fn command(&self, interpreter: &Interpreter, root: &str, _: Language) -> Vec<String> {
        let script = format!("{root}/{}", RUN.0);
        let python = interpreter.executable.to_string_lossy();
        let tree = format!("{root}/s");
        let own = [
            "/bin/sh",
            &script,
            &brought::whole("codeql"),
            &python,
            &tree,
        ];
        syntax::checked(interpreter, root, own.map(str::to_owned).to_vec())
    }

    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        &[("HOME", "/tmp"), ("TMPDIR", "/tmp")]
    }

    fn files(&self, _: Language) -> &'static [(&'static str, &'static str)] {
        &[RUN, syntax::FILE]
    }

    /// It knows no rule for an `assert`. Its own diagnostics say which files it extracted to their end.
    fn is_mark(&self, _: &str) -> bool {
        false
    }

    /// It follows what comes from outside, and parameters do not.
    fn knows(&self, _: Language, lines: &[u32]) -> bool {
        lines.contains(&CANARY_REQUEST)
    }

    /// Not measured, since CodeQL cannot be had where fumehood is made: room for a database of two thousand
    /// snippets.
    fn limits(&self, files: usize, bytes: usize) -> Limits {
        let seconds = 900 + files as u64 + (bytes as u64 >> 20) * 300;
        Limits {
            cpu: std::time::Duration::from_secs(seconds),
            wall: std::time::Duration::from_secs(seconds * 4),
            memory: 8192 * MIB,
            processes: 512,
            output: 64 * MIB,
            file_size: 2048 * MIB,
            disk: 4096 * MIB,
            inodes: 262_144,
            open_files: 4096,
        }
    }

    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure> {
        check_end(output)?;
        outcomes(self, output.stdout, layout)
    }
}

#[cfg(test)]
mod tests;
