//! A scanner of a run, found or not, whatever it is made of: one result for each piece of code, always.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::adapter::Adapter;
use super::brought::Brought;
use super::cache::Cache;
use super::command::SarifCommand;
use super::judge::{Judge, JudgeConfig};
use super::outcome::FileOutcome;
use super::run::{Tool, Which};
use super::staged_report::StagedReport;
use super::{Language, ScanResult, ScannerKind, cwe};
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
    languages: &'static [Language],
    source: Source,
    /// What it said in earlier runs.
    cache: Option<Arc<Cache>>,
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
    /// A language model.
    Judge(Arc<Judge>),
}

/// The program that reads reports: this one, since another may read them otherwise.
static READER: LazyLock<Digest> = LazyLock::new(|| {
    let own = std::fs::File::open("/proc/self/exe").and_then(Digest::of_reader);
    // Nothing is shared then with any other process.
    own.unwrap_or_else(|_| Digest::of(format!("{:?}", std::time::Instant::now())))
});

/// An answer as it was kept.
fn outcome_of(kept: &[u8]) -> Option<FileOutcome> {
    Some(FileOutcome {
        findings: serde_json::from_slice(kept).ok()?,
        not_analysed: None,
    })
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
        match Tool::ask(pool, Which::Ours(kind), interpreter, brought).await {
            Ok(tool) => Self::of_tool(kind.name(), tool),
            Err(why) => Self::unavailable(kind, &why),
        }
    }

    /// A command of the user's. It is run on the known answers, and is missing if it does not know them.
    pub async fn command(pool: &Pool, command: SarifCommand, interpreter: &Interpreter) -> Self {
        let name = command.name().to_owned();
        match Tool::ask(pool, Which::Brought(Arc::new(command)), interpreter, None).await {
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
            // What `fumehood stage` writes.
            languages: &[Language::Python],
            source: Source::Report(Arc::new(report)),
            cache: None,
        }
    }

    /// A command that cannot be used because of `why`.
    pub fn unusable(name: &str, why: &str) -> Self {
        let remedy = "try it by hand on a folder with weak code, and make the environment that checks code with `fumehood \
                      env create scanners`";
        Self::missing_because(name, &[Language::Python], why, remedy)
    }

    /// A language model, asked about the known answers; it is missing if it does not know them. It keeps its answers in
    /// `cache` by itself.
    pub async fn judge(config: JudgeConfig, cache: Option<Arc<Cache>>) -> Self {
        let name = config.name.clone();
        match Judge::prepare(config, cache).await {
            Ok(judge) => Self {
                name: name.into(),
                version: judge.version().into(),
                digest: judge.digest(),
                languages: &[Language::Python],
                source: Source::Judge(Arc::new(judge)),
                cache: None,
            },
            Err(why) => Self::missing_because(
                &name,
                &[Language::Python],
                &why,
                "see docs/scanners.md, Judges",
            ),
        }
    }

    /// The same, with the answers of earlier runs, and keeping its own.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        // Of a command of the user's nobody knows all that its answers hang on, such as rules that it reads.
        if matches!(&self.source, Source::Tool(tool) if tool.is_ours()) {
            self.cache = cache;
        }
        self
    }

    fn of_tool(name: &str, tool: Tool) -> Self {
        Self {
            name: name.into(),
            version: tool.version().into(),
            digest: tool.digest(),
            languages: tool.languages(),
            source: Source::Tool(Arc::new(tool)),
            cache: None,
        }
    }

    /// A scanner that cannot be used because of `why`, such as an environment that was never made.
    pub fn unavailable(kind: ScannerKind, why: &str) -> Self {
        Self::missing_because(kind.name(), kind.languages(), why, &how_to_get(kind))
    }

    fn missing_because(
        name: &str,
        languages: &'static [Language],
        why: &str,
        remedy: &str,
    ) -> Self {
        let why = text::one_line(why, 200);
        Self {
            name: name.into(),
            version: "".into(),
            digest: Digest::of_parts([name.as_bytes()]),
            languages,
            source: Source::Missing(format!("{name} cannot be used ({why}); {remedy}").into()),
            cache: None,
        }
    }

    /// What its answers of this process cost, in words; `None` for what costs nothing.
    pub fn cost(&self) -> Option<String> {
        match &self.source {
            Source::Judge(judge) => Some(judge.cost()),
            _ => None,
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
            Source::Tool(_) | Source::Report(_) | Source::Judge(_) => None,
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

    /// Whether it reads a language; of code in another one it is not asked.
    pub fn reads(&self, language: Language) -> bool {
        self.languages.contains(&language)
    }

    /// Scans `codes` of one language, each with its digest, and gives exactly one result for each, in their order. Equal
    /// digests are scanned once. All is unknown to a scanner that does not read the language.
    pub async fn scan_batch(
        &self,
        pool: &Pool,
        language: Language,
        codes: &[(Digest, &str)],
    ) -> Vec<(Digest, ScanResult)> {
        let outcomes = match &self.cache {
            _ if !self.reads(language) => {
                let why = format!("it does not read {language}");
                all_unknown(codes, &why)
            }
            Some(cache) => self.remember(cache, pool, language, codes).await,
            None => self.outcomes(pool, language, codes).await,
        };
        codes
            .iter()
            .map(|(digest, _)| (*digest, self.result(outcomes.get(digest))))
            .collect()
    }

    async fn outcomes(
        &self,
        pool: &Pool,
        language: Language,
        codes: &[(Digest, &str)],
    ) -> HashMap<Digest, FileOutcome> {
        match &self.source {
            Source::Missing(why) => all_unknown(codes, why),
            Source::Tool(tool) => tool.scan(pool, language, codes).await,
            Source::Report(report) => codes
                .iter()
                .map(|(digest, code)| (*digest, report.outcome(digest, code)))
                .collect(),
            Source::Judge(judge) => judge.scan(codes).await,
        }
    }

    /// What was said in earlier runs, and of the rest what is said now.
    async fn remember(
        &self,
        cache: &Arc<Cache>,
        pool: &Pool,
        language: Language,
        codes: &[(Digest, &str)],
    ) -> HashMap<Digest, FileOutcome> {
        let asked = codes.iter().map(|(digest, _)| *digest).collect();
        let kept = cache.get(self.memory(language), asked).await;
        let mut outcomes: HashMap<Digest, FileOutcome> = kept
            .into_iter()
            .filter_map(|(digest, kept)| Some((digest, outcome_of(&kept)?)))
            .collect();
        let rest: Vec<(Digest, &str)> = codes
            .iter()
            .filter(|(digest, _)| !outcomes.contains_key(digest))
            .copied()
            .collect();
        if rest.is_empty() {
            return outcomes;
        }
        let new = self.outcomes(pool, language, &rest).await;
        let answers = new
            .iter()
            .filter(|(_, outcome)| outcome.not_analysed.is_none())
            .filter_map(|(digest, outcome)| {
                Some((*digest, serde_json::to_vec(&outcome.findings).ok()?))
            })
            .collect();
        cache.put(self.memory(language), answers).await;
        outcomes.extend(new);
        outcomes
    }

    /// By what its answers are kept: who it is, who reads its reports, and as what the code is read.
    fn memory(&self, language: Language) -> Digest {
        let language = language.name().as_bytes();
        Digest::of_parts([
            self.digest.as_bytes().as_slice(),
            READER.as_bytes(),
            language,
        ])
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

fn all_unknown(codes: &[(Digest, &str)], why: &str) -> HashMap<Digest, FileOutcome> {
    let digests = codes.iter().map(|(digest, _)| *digest);
    digests
        .map(|digest| (digest, FileOutcome::unknown(why)))
        .collect()
}

/// What to do to have a scanner.
pub fn how_to_get(kind: ScannerKind) -> String {
    let environment = kind
        .environment()
        .map(|name| format!("make its environment with `fumehood env create {name}`"));
    let brought = kind
        .wants()
        .map(|wanted| format!("get it by {}", wanted.get));
    let steps: Vec<String> = environment.into_iter().chain(brought).collect();
    steps.join(", and ")
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
