//! Running scanners in the sandbox, batch by batch: one result for each piece of code, always.

use std::collections::HashMap;

use super::brought::Brought;
use super::isolate::Isolation;
use super::outcome::{BatchFailure, FileOutcome, ToolOutput, check_end};
use super::staging::{Batch, ROOT, sweep};
use super::{ScanResult, ScannerKind, cwe};
use crate::base::digest::Digest;
use crate::base::text;
use crate::environment::Interpreter;
use crate::worker::{Mount, Observation, Pool, Request, Reuse, WorkerError};

/// Most samples in one batch. Starting Bandit costs as much as scanning two hundred samples; by ten times as many it is
/// next to nothing.
const BATCH_FILES: usize = 2000;
/// Most bytes of code in one batch.
const BATCH_BYTES: usize = 4 << 20;
/// Longest code that is scanned: Bandit needs ten seconds for it.
pub const MAX_CODE: usize = 1 << 20;
/// What is said of longer code.
pub const TOO_LONG: &str = "longer than what is scanned (1 MiB)";
/// Version of what is done to code before it is scanned; a change may change findings.
const STAGING: u32 = 1;

/// A scanner, found or not.
#[derive(Clone, Debug)]
pub struct Scanner {
    kind: ScannerKind,
    tool: Result<Tool, String>,
}

#[derive(Clone, Debug)]
struct Tool {
    interpreter: Interpreter,
    brought: Option<Brought>,
    version: String,
}

impl Tool {
    /// A tool that says its version.
    async fn ask(
        pool: &Pool,
        kind: ScannerKind,
        interpreter: &Interpreter,
        brought: Option<Brought>,
    ) -> Result<Self, String> {
        sweep();
        let mut tool = Self {
            interpreter: interpreter.clone(),
            brought,
            version: String::new(),
        };
        let argv = kind.version_command(interpreter);
        let observation = pool.run(tool.request(kind, argv, None, 0, 0)).await;
        tool.version = version(kind, &observation.map_err(|error| error.to_string())?)?;
        if kind.reads_with_python() {
            tool.version
                .push_str(&format!(" (Python {})", interpreter.version));
        }
        if let Some(brought) = &tool.brought {
            let (program, rules) = (&brought.program_digest, &brought.rules_digest);
            let more = format!(
                " (program {}, rules {})",
                program.short(12),
                rules.short(12)
            );
            tool.version.push_str(&more);
        }
        Ok(tool)
    }

    fn request(
        &self,
        kind: ScannerKind,
        argv: Vec<String>,
        batch: Option<Mount>,
        files: usize,
        bytes: usize,
    ) -> Request {
        let mut mounts = self.interpreter.mounts.clone();
        mounts.extend(self.brought.iter().flat_map(Brought::mounts));
        mounts.extend(batch);
        Request {
            argv,
            env: kind.env(&self.interpreter),
            stdin: Vec::new(),
            payload: None,
            events_limit: None,
            profile: kind.profile().to_owned(),
            mounts,
            limits: kind.limits(files, bytes),
            reuse: Reuse::Sandbox,
        }
    }
}

impl Scanner {
    /// Looks for the scanner in `interpreter`'s environment, by asking it for its version in the
    /// sandbox. A scanner that does not answer is still a scanner: everything is unknown to it, and
    /// [`Self::missing`] says why.
    pub async fn prepare(pool: &Pool, kind: ScannerKind, interpreter: &Interpreter) -> Self {
        let tool = match kind.wants().map(Brought::find).transpose() {
            Ok(brought) => Tool::ask(pool, kind, interpreter, brought).await,
            Err(why) => Err(why),
        };
        Self {
            kind,
            tool: tool.map_err(|why| absent(kind, &why)),
        }
    }

    /// The same, with what the user brought at a place that is known.
    pub async fn prepare_with(
        pool: &Pool,
        kind: ScannerKind,
        interpreter: &Interpreter,
        brought: Brought,
    ) -> Self {
        let tool = Tool::ask(pool, kind, interpreter, Some(brought)).await;
        Self {
            kind,
            tool: tool.map_err(|why| absent(kind, &why)),
        }
    }

    /// A scanner that cannot be used because of `why`, such as an environment that was never made.
    pub fn unavailable(kind: ScannerKind, why: &str) -> Self {
        Self {
            kind,
            tool: Err(absent(kind, why)),
        }
    }

    /// Which one it is.
    pub fn kind(&self) -> ScannerKind {
        self.kind
    }

    /// Why it cannot be used, with the remedy; to be said once.
    pub fn missing(&self) -> Option<&str> {
        self.tool.as_ref().err().map(String::as_str)
    }

    /// The tool's version, with Python's where the tool parses by it; empty if it is missing.
    pub fn version(&self) -> String {
        self.tool
            .as_ref()
            .map_or_else(|_| String::new(), |tool| tool.version.clone())
    }

    /// Identity of everything that decides its findings: tool, version, flags, rules, what is done to the code,
    /// the table of CWE numbers.
    pub fn digest(&self) -> Digest {
        let flags = self.tool.as_ref().map_or_else(
            |_| Vec::new(),
            // Without the program, whose path is another on each machine.
            |tool| self.kind.command(&tool.interpreter, ROOT).split_off(1),
        );
        let staging = STAGING.to_string();
        let version = self.version();
        let parts = [self.kind.name(), &version, &staging]
            .into_iter()
            .chain(flags.iter().map(String::as_str))
            .chain(self.kind.files().iter().map(|(_, text)| *text))
            .map(str::as_bytes);
        Digest::of_parts(parts.chain([cwe::digest().as_bytes().as_slice()]))
    }

    /// Scans `codes`, each with its digest, and gives exactly one result for each, in their order. Equal
    /// digests are scanned once.
    pub async fn scan_batch(
        &self,
        pool: &Pool,
        codes: &[(Digest, &str)],
    ) -> Vec<(Digest, ScanResult)> {
        let mut outcomes = HashMap::<Digest, FileOutcome>::new();
        match &self.tool {
            Err(why) => {
                for (digest, _) in codes {
                    outcomes.insert(*digest, unknown(why));
                }
            }
            Ok(tool) => {
                for batch in batches(codes, &mut outcomes) {
                    let found = self.scan_one(pool, tool, &batch).await;
                    outcomes.extend(batch.iter().map(|(digest, _)| *digest).zip(found));
                }
            }
        }
        let version = self.version();
        codes
            .iter()
            .map(|(digest, _)| {
                let outcome = outcomes
                    .get(digest)
                    .cloned()
                    .unwrap_or_else(|| unknown("the scanner was not run on it"));
                let result = ScanResult {
                    scanner: self.kind.name().to_owned(),
                    version: version.clone(),
                    findings: outcome.findings,
                    not_analysed: outcome.not_analysed,
                };
                (*digest, result)
            })
            .collect()
    }

    async fn scan_one(
        &self,
        pool: &Pool,
        tool: &Tool,
        codes: &[(Digest, &str)],
    ) -> Vec<FileOutcome> {
        let mut isolation = Isolation::new(codes.len());
        while let Some(range) = isolation.next() {
            let codes = &codes[range];
            let batch = match Batch::stage(codes, self.kind.files(), Some(ROOT)) {
                Ok(batch) => batch,
                Err(error) => {
                    isolation.give_up(&format!("cannot write the files to scan: {error}"));
                    break;
                }
            };
            let bytes = codes.iter().map(|(_, code)| code.len()).sum();
            let argv = self.kind.command(&tool.interpreter, ROOT);
            let shown = Mount {
                source: batch.folder().to_owned(),
                target: ROOT.into(),
            };
            let request = tool.request(self.kind, argv, Some(shown), codes.len(), bytes);
            match pool.run(request).await {
                // Ours, not any sample's: looking for a guilty one would be in vain.
                Err(
                    error @ (WorkerError::Sandbox(_)
                    | WorkerError::Request(_)
                    | WorkerError::Busy(_)
                    | WorkerError::Shortage(_)),
                ) => {
                    isolation.give_up(&error.to_string());
                    break;
                }
                Err(error @ WorkerError::Lost(_)) => isolation.report(Err(error.to_string())),
                Ok(observation) => isolation.report(
                    whole(&observation).and_then(|output| self.kind.parse(&output, batch.layout())),
                ),
            }
        }
        isolation.finish()
    }
}

/// The output, unless the sandbox ended the tool or cut what it printed.
fn whole(observation: &Observation) -> Result<ToolOutput<'_>, BatchFailure> {
    if let Some(limit) = observation.limit {
        return Err(format!("it ran into its {limit} limit"));
    }
    for stream in [&observation.stdout, &observation.stderr] {
        if stream.total != stream.bytes.len() as u64 {
            return Err("it printed too much".to_owned());
        }
    }
    Ok(ToolOutput {
        stdout: &observation.stdout.bytes,
        stderr: &observation.stderr.bytes,
        end: observation.end,
    })
}

/// The version that a tool printed, or why there is none.
fn version(kind: ScannerKind, observation: &Observation) -> Result<String, BatchFailure> {
    let output = whole(observation)?;
    check_end(&output)?;
    // Bearer says it beside its output.
    let said = match output.stdout {
        [] => String::from_utf8_lossy(output.stderr),
        said => String::from_utf8_lossy(said),
    };
    let line = said.lines().next().unwrap_or_default();
    kind.version(line)
        .map(|version| text::one_line(version, 40))
        .filter(|version| version.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .ok_or_else(|| format!("it says no version but \"{}\"", text::one_line(line, 80)))
}

fn absent(kind: ScannerKind, why: &str) -> String {
    let why = text::one_line(why, 200);
    format!(
        "{} cannot be used ({why}); {}",
        kind.name(),
        how_to_get(kind)
    )
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

fn unknown(why: &str) -> FileOutcome {
    FileOutcome {
        findings: Vec::new(),
        not_analysed: Some(why.to_owned()),
    }
}

/// Groups different codes into batches; what is too long gets its outcome at once.
fn batches<'a>(
    codes: &[(Digest, &'a str)],
    outcomes: &mut HashMap<Digest, FileOutcome>,
) -> Vec<Vec<(Digest, &'a str)>> {
    let mut seen = std::collections::HashSet::new();
    let mut all = Vec::<Vec<(Digest, &str)>>::new();
    let mut bytes = 0;
    for (digest, code) in codes {
        if !seen.insert(*digest) {
            continue;
        }
        if code.len() > MAX_CODE {
            outcomes.insert(*digest, unknown(TOO_LONG));
            continue;
        }
        match all.last_mut() {
            Some(batch) if batch.len() < BATCH_FILES && bytes + code.len() <= BATCH_BYTES => {
                bytes += code.len();
                batch.push((*digest, code));
            }
            _ => {
                bytes = code.len();
                all.push(vec![(*digest, code)]);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_grouped_by_count_and_size_and_never_lost() {
        let long = "x".repeat(MAX_CODE + 1);
        let large = "y".repeat(MAX_CODE);
        let small: Vec<String> = (0..1200).map(|n| format!("x = {n}")).collect();
        let codes: Vec<(Digest, &str)> = [long.as_str(), &large, "again", "again"]
            .into_iter()
            .chain(small.iter().map(String::as_str))
            .map(|code| (Digest::of(code), code))
            .collect();
        let mut outcomes = HashMap::new();
        let batches = batches(&codes, &mut outcomes);
        assert_eq!(outcomes.len(), 1);
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 1202);
        assert!(batches.iter().all(|batch| batch.len() <= BATCH_FILES));
    }

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
