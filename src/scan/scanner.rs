//! A scanner of a run, found or not, whatever it is made of: one result for each piece of code, always.

use std::sync::Arc;

use super::adapter::Adapter;
use super::brought::Brought;
use super::command::SarifCommand;
use super::outcome::FileOutcome;
use super::run::Tool;
use super::staged_report::StagedReport;
use super::{ScanResult, ScannerKind, cwe};
use crate::base::digest::Digest;
use crate::base::text;
use crate::environment::Interpreter;
use crate::worker::Pool;

/// A scanner, found or not.
#[derive(Clone, Debug)]
pub struct Scanner {
    name: Arc<str>,
    version: Arc<str>,
    digest: Digest,
    source: Source,
}

/// Where its answers come from.
#[derive(Clone, Debug)]
enum Source {
    /// Nowhere: why, and what to do about it.
    Missing(Arc<str>),
    /// A tool in the sandbox.
    Tool(Arc<Tool>),
    /// A tool that ran elsewhere.
    Report(Arc<StagedReport>),
}

impl Scanner {
    /// Looks for the scanner in `interpreter`'s environment, by asking it for its version in the
    /// sandbox. A scanner that does not answer is still a scanner: everything is unknown to it, and
    /// [`Self::missing`] says why.
    pub async fn prepare(pool: &Pool, kind: ScannerKind, interpreter: &Interpreter) -> Self {
        match kind.wants().map(Brought::find).transpose() {
            Ok(brought) => Self::asked(pool, kind, interpreter, brought).await,
            Err(why) => Self::unavailable(kind, &why),
        }
    }

    /// The same, with what the user brought at a place that is known.
    pub async fn prepare_with(
        pool: &Pool,
        kind: ScannerKind,
        interpreter: &Interpreter,
        brought: Brought,
    ) -> Self {
        Self::asked(pool, kind, interpreter, Some(brought)).await
    }

    async fn asked(
        pool: &Pool,
        kind: ScannerKind,
        interpreter: &Interpreter,
        brought: Option<Brought>,
    ) -> Self {
        match Tool::ask(pool, kind.adapter(), interpreter, brought).await {
            Ok(tool) => Self::of_tool(kind.name(), tool),
            Err(why) => Self::unavailable(kind, &why),
        }
    }

    /// A command of the user's. It is run on the known answers, and is missing if it does not know them.
    pub async fn command(pool: &Pool, command: SarifCommand, interpreter: &Interpreter) -> Self {
        let name = command.name().to_owned();
        match Tool::ask(pool, Arc::new(command), interpreter, None).await {
            Ok(tool) => Self::of_tool(&name, tool),
            Err(why) => Self::unusable(&name, &why),
        }
    }

    /// What a tool said elsewhere about programs that `fumehood stage` wrote.
    pub fn report(report: StagedReport) -> Self {
        Self {
            name: report.scanner().into(),
            version: report.version().into(),
            digest: Digest::of_parts([
                report.scanner().as_bytes(),
                report.digest().as_bytes(),
                cwe::digest().as_bytes(),
            ]),
            source: Source::Report(Arc::new(report)),
        }
    }

    /// A command that cannot be used because of `why`.
    pub fn unusable(name: &str, why: &str) -> Self {
        let remedy = "try it by hand on a folder with weak code, and make the environment that checks code with `fumehood \
                      env create scanners`";
        Self::missing_because(name, why, remedy)
    }

    fn of_tool(name: &str, tool: Tool) -> Self {
        Self {
            name: name.into(),
            version: tool.version().into(),
            digest: tool.digest(),
            source: Source::Tool(Arc::new(tool)),
        }
    }

    /// A scanner that cannot be used because of `why`, such as an environment that was never made.
    pub fn unavailable(kind: ScannerKind, why: &str) -> Self {
        Self::missing_because(kind.name(), why, &how_to_get(kind))
    }

    fn missing_because(name: &str, why: &str, remedy: &str) -> Self {
        let why = text::one_line(why, 200);
        Self {
            name: name.into(),
            version: "".into(),
            digest: Digest::of_parts([name.as_bytes()]),
            source: Source::Missing(format!("{name} cannot be used ({why}); {remedy}").into()),
        }
    }

    /// Its name in results.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it cannot be used, with the remedy; to be said once.
    pub fn missing(&self) -> Option<&str> {
        match &self.source {
            Source::Missing(why) => Some(why),
            Source::Tool(_) | Source::Report(_) => None,
        }
    }

    /// The tool's version, with Python's where the tool parses by it; empty if it is missing.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Identity of everything that decides its findings.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Scans `codes`, each with its digest, and gives exactly one result for each, in their order. Equal
    /// digests are scanned once.
    pub async fn scan_batch(
        &self,
        pool: &Pool,
        codes: &[(Digest, &str)],
    ) -> Vec<(Digest, ScanResult)> {
        let outcomes = match &self.source {
            Source::Missing(why) => codes
                .iter()
                .map(|(digest, _)| (*digest, FileOutcome::unknown(why)))
                .collect(),
            Source::Tool(tool) => tool.scan(pool, codes).await,
            Source::Report(report) => codes
                .iter()
                .map(|(digest, code)| (*digest, report.outcome(digest, code)))
                .collect(),
        };
        codes
            .iter()
            .map(|(digest, _)| (*digest, self.result(outcomes.get(digest))))
            .collect()
    }

    fn result(&self, outcome: Option<&FileOutcome>) -> ScanResult {
        let outcome = outcome.cloned();
        let outcome =
            outcome.unwrap_or_else(|| FileOutcome::unknown("the scanner was not run on it"));
        ScanResult {
            scanner: self.name.to_string(),
            version: self.version.to_string(),
            findings: outcome.findings,
            not_analysed: outcome.not_analysed,
        }
    }
}

/// What to do to have a scanner.
pub fn how_to_get(kind: ScannerKind) -> String {
    let environment = kind.environment();
    let environment = format!("make its environment with `fumehood env create {environment}`");
    match kind.wants() {
        Some(wanted) => format!("{environment}, and get it by {}", wanted.get),
        None => environment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_that_is_missing_says_how_to_get_it() {
        for (kind, remedy) in [
            (ScannerKind::Bandit, "fumehood env create scanners"),
            (ScannerKind::Semgrep, "fumehood env create semgrep"),
        ] {
            let missing = Scanner::unavailable(kind, "no environment");
            let text = missing.missing().unwrap();
            assert!(text.contains(remedy), "{text}");
        }
    }
}
