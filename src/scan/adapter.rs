//! What a scanner of code has to say of itself. One file each; `CONTRIBUTING.md` says how to add one.

use std::fmt;
use std::time::Duration;

use super::brought::Wanted;
use super::language::Language;
use super::outcome::{BatchFailure, FileOutcome, ToolOutput};
use super::staging::Layout;
use crate::base::limits::{Limits, MIB};
use crate::environment::{Interpreter, Program};

/// A scanner: how it is called, and what its output means. It holds nothing.
pub trait Adapter: fmt::Debug + Send + Sync {
    /// Its name in results and on the command line.
    fn name(&self) -> &str;

    /// The languages that it reads; it is asked about no others.
    fn languages(&self) -> &'static [Language] {
        &[Language::Python]
    }

    /// The environment that holds it (see `fumehood env`); none for a program that needs no Python.
    fn environment(&self) -> Option<&'static str> {
        Some("scanners")
    }

    /// What the user must bring, beside the environment.
    fn wants(&self) -> Option<&'static Wanted> {
        None
    }

    /// A program outside of all environments that it is, with what must be shown for it.
    fn program(&self) -> Option<&Program> {
        None
    }

    /// The sandbox profile under which it runs.
    fn profile(&self) -> &'static str {
        "scanner"
    }

    /// The command line that prints the version; `None` if only its reports tell.
    fn version_command(&self, interpreter: &Interpreter) -> Option<Vec<String>>;

    /// The version in the first line of what that prints, or in a whole report.
    fn version(&self, said: &str) -> Option<String>;

    /// Whether it reads code as the Python of its environment does, so that Python's version is part of its own.
    fn reads_with_python(&self) -> bool {
        false
    }

    /// The command line for a batch seen at `root`, whose code, all of one language, lies below `root/s`.
    fn command(&self, interpreter: &Interpreter, root: &str, language: Language) -> Vec<String>;

    /// Variables that it gets beside those that all get.
    fn variables(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Files that it is given at `root`, such as rules: names and texts.
    fn files(&self, _: Language) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// What stands behind each sample's last line: what it reports there proves that it read the sample to its end.
    fn mark(&self, language: Language) -> &'static str {
        language.mark()
    }

    /// Whether what it reported under this rule in the mark is the mark.
    fn is_mark(&self, rule: &str) -> bool;

    /// Whether it knows its trade if it found something in just these lines of [`Language::canary`].
    fn knows(&self, language: Language, lines: &[u32]) -> bool;

    /// What it may use up for a batch of `files` with `bytes` of code.
    fn limits(&self, files: usize, bytes: usize) -> Limits {
        // Ten times what Bandit was measured to need, and room for a slow start.
        let seconds = 20 + files as u64 / 20 + (bytes as u64 >> 20) * 80;
        Limits {
            cpu: Duration::from_secs(seconds),
            wall: Duration::from_secs(seconds * 4),
            memory: 2048 * MIB,
            processes: 16,
            output: 64 * MIB,
            file_size: MIB,
            disk: 16 * MIB,
            inodes: 1024,
            open_files: 256,
        }
    }

    /// Why it cannot be trusted with this code, so that it is not given to it; else `None`.
    fn refuses(&self, _language: Language, _code: &str) -> Option<&'static str> {
        None
    }

    /// What its output says about each sample of a batch.
    ///
    /// # Errors
    /// When it says nothing about any.
    fn parse(
        &self,
        output: &ToolOutput<'_>,
        layout: &Layout,
    ) -> Result<Vec<FileOutcome>, BatchFailure>;
}
