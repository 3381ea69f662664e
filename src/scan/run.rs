//! Running scanners in the sandbox, batch by batch: one result for each piece of code, always.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::adapter::Adapter;
use super::brought::Brought;
use super::command::SarifCommand;
use super::isolate::Isolation;
use super::language::Language;
use super::outcome::{BatchFailure, FileOutcome, ToolOutput, check_end};
use super::staging::{Batch, ROOT, sweep};
use super::{ScannerKind, cwe};
use crate::base::digest::Digest;
use crate::base::text;
use crate::environment::Interpreter;
use crate::worker::{Mount, Observation, Pool, Request, Reuse, WorkerError};

/// Most samples in one batch. Starting Bandit costs as much as scanning two hundred samples; by ten times as many it is
/// next to nothing.
pub const BATCH_FILES: usize = 2000;
/// Most bytes of code in one batch.
pub const BATCH_BYTES: usize = 4 << 20;
/// Longest code that is scanned: Bandit needs ten seconds for it.
pub const MAX_CODE: usize = 1 << 20;
/// What is said of longer code.
pub const TOO_LONG: &str = "longer than what is scanned (1 MiB)";
/// Version of what is done to code before it is scanned; a change may change findings.
const STAGING: u32 = 1;

/// What is run.
#[derive(Clone, Debug)]
pub(super) enum Which {
    /// A scanner that fumehood knows.
    Ours(ScannerKind),
    /// A command of the user's.
    Brought(Arc<SarifCommand>),
}

impl Deref for Which {
    type Target = dyn Adapter;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Ours(kind) => kind.known(),
            Self::Brought(command) => &**command,
        }
    }
}

/// A tool that is here.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    adapter: Which,
    interpreter: Interpreter,
    brought: Option<Brought>,
    version: String,
}

impl Tool {
    /// A tool that says its version.
    pub(super) async fn ask(
        pool: &Pool,
        adapter: Which,
        interpreter: &Interpreter,
        brought: Option<Brought>,
    ) -> Result<Self, String> {
        sweep();
        let mut tool = Self {
            adapter,
            interpreter: interpreter.clone(),
            brought,
            version: String::new(),
        };
        tool.version = match tool.adapter.version_command(interpreter) {
            Some(argv) => {
                let observation = pool.run(tool.request(argv, None, 0, 0)).await;
                let observation = observation.map_err(|error| error.to_string())?;
                version(&*tool.adapter, &observation)?
            }
            None => tool.version_of_report(pool).await?,
        };
        if tool.adapter.reads_with_python() {
            tool.version
                .push_str(&format!(" (Python {})", interpreter.version));
        }
        if let Some(program) = tool.adapter.program() {
            let program = program.digest.short(12);
            tool.version.push_str(&format!(" (program {program})"));
        }
        if let Some(brought) = &tool.brought {
            tool.version.push_str(&format!(" ({})", brought.identity()));
        }
        Ok(tool)
    }

    /// The version that its report on nothing but the known answers tells.
    async fn version_of_report(&self, pool: &Pool) -> Result<String, String> {
        let language = self.languages().first().copied();
        let language = language.ok_or("it reads no language")?;
        let (files, mark) = (self.adapter.files(language), self.adapter.mark(language));
        let batch = Batch::stage(language, &[], files, mark, Some(ROOT))
            .map_err(|error| format!("cannot write the files to scan: {error}"))?;
        let observation = pool.run(self.on(&batch, 0, 0)).await;
        let observation = observation.map_err(|error| error.to_string())?;
        let output = whole(&observation)?;
        self.adapter.parse(&output, batch.layout())?;
        let report = String::from_utf8_lossy(output.stdout);
        let version = self.adapter.version(&report);
        let version = version.ok_or("its report names no version")?;
        Ok(text::one_line(&version, 80))
    }

    /// The request to scan a batch.
    fn on(&self, batch: &Batch, files: usize, bytes: usize) -> Request {
        let language = batch.layout().language();
        let argv = self.adapter.command(&self.interpreter, ROOT, language);
        let shown = Mount {
            source: batch.folder().to_owned(),
            target: ROOT.into(),
        };
        self.request(argv, Some(shown), files, bytes)
    }

    /// Whether it is one that fumehood knows.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.adapter, Which::Ours(_))
    }

    /// Its version, with what it was given and what it reads with.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Identity of everything that decides its findings: tool, version, flags, rules, what is done to the code,
    /// the table of CWE numbers, the packages beside it.
    pub(super) fn digest(&self) -> Digest {
        let python = self.interpreter.executable.to_string_lossy();
        let folder = self.interpreter.executable.parent();
        let folder = folder.filter(|folder| folder.parent().is_some());
        let folder = folder.map(|folder| folder.to_string_lossy());
        let placeless = |word: String| match &folder {
            Some(folder) => word.replace(&*python, "PYTHON").replace(&**folder, "BIN"),
            None => word,
        };
        let languages = self.adapter.languages().iter();
        let flags = languages.clone().flat_map(|language| {
            let command = self.adapter.command(&self.interpreter, ROOT, *language);
            // Without the program and its environment, whose paths are others on each machine.
            command.into_iter().skip(1).map(placeless)
        });
        let flags: Vec<String> = flags.collect();
        let files = languages.flat_map(|language| self.adapter.files(*language));
        let staging = STAGING.to_string();
        let parts = [self.adapter.name(), &self.version, &staging]
            .into_iter()
            .chain(flags.iter().map(String::as_str))
            .chain(files.map(|(_, text)| *text))
            .map(str::as_bytes);
        let tables = [cwe::digest(), self.interpreter.digest];
        Digest::of_parts(parts.chain(tables.iter().map(|digest| digest.as_bytes().as_slice())))
    }

    fn request(
        &self,
        argv: Vec<String>,
        batch: Option<Mount>,
        files: usize,
        bytes: usize,
    ) -> Request {
        let mut mounts = self.interpreter.mounts.clone();
        let own = self.adapter.program();
        mounts.extend(own.iter().flat_map(|program| program.mounts.clone()));
        mounts.extend(self.brought.iter().flat_map(Brought::mounts));
        mounts.extend(batch);
        Request {
            argv,
            env: environment(&*self.adapter, &self.interpreter),
            stdin: Vec::new(),
            payload: None,
            events_limit: None,
            profile: self.adapter.profile().to_owned(),
            mounts,
            limits: self.adapter.limits(files, bytes),
            reuse: Reuse::Sandbox,
        }
    }

    /// The languages that it reads.
    pub(super) fn languages(&self) -> &'static [Language] {
        self.adapter.languages()
    }

    /// Scans different `codes`, and gives an outcome for each, in batches.
    pub(super) async fn scan(
        &self,
        pool: &Pool,
        language: Language,
        codes: &[(Digest, &str)],
    ) -> HashMap<Digest, FileOutcome> {
        let mut outcomes = HashMap::new();
        let mut fit = Vec::with_capacity(codes.len());
        for (digest, code) in codes {
            match self.adapter.refuses(language, code) {
                Some(why) => _ = outcomes.insert(*digest, FileOutcome::unknown(why)),
                None => fit.push((*digest, *code)),
            }
        }
        for batch in batches(&fit, &mut outcomes) {
            let found = self.scan_one(pool, language, &batch).await;
            outcomes.extend(batch.iter().map(|(digest, _)| *digest).zip(found));
        }
        outcomes
    }

    async fn scan_one(
        &self,
        pool: &Pool,
        language: Language,
        codes: &[(Digest, &str)],
    ) -> Vec<FileOutcome> {
        let adapter = &*self.adapter;
        let mut isolation = Isolation::new(codes.len());
        while let Some(range) = isolation.next() {
            let codes = &codes[range];
            let (files, mark) = (adapter.files(language), adapter.mark(language));
            let staged = at_length(|| Batch::stage(language, codes, files, mark, Some(ROOT)));
            let batch = match staged {
                Ok(batch) => batch,
                Err(error) => {
                    isolation.give_up(&format!("cannot write the files to scan: {error}"));
                    break;
                }
            };
            let bytes = codes.iter().map(|(_, code)| code.len()).sum();
            match pool.run(self.on(&batch, codes.len(), bytes)).await {
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
                Ok(observation) => isolation.report(at_length(|| {
                    let output = whole(&observation)?;
                    adapter.parse(&output, batch.layout())
                })),
            }
            at_length(|| drop(batch));
        }
        isolation.finish()
    }
}

/// Does what takes its time without a pause: thousands of files are made or removed, or megabytes are read. Other tasks go
/// on meanwhile where the runtime has threads for that.
fn at_length<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}

/// The whole environment of a scanner's process.
pub fn environment(adapter: &dyn Adapter, interpreter: &Interpreter) -> Vec<(String, String)> {
    let common = [
        ("HOME", "/nonexistent"),
        ("PATH", "/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("NO_COLOR", "1"),
    ];
    let own = adapter.variables();
    let is_own = |name: &str| own.iter().any(|(known, _)| *known == name);
    common
        .iter()
        .filter(|(name, _)| !is_own(name))
        .chain(own)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .chain(interpreter.env.iter().cloned())
        .collect()
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
fn version(adapter: &dyn Adapter, observation: &Observation) -> Result<String, BatchFailure> {
    let output = whole(observation)?;
    check_end(&output)?;
    // Bearer says it beside its output.
    let said = match output.stdout {
        [] => String::from_utf8_lossy(output.stderr),
        said => String::from_utf8_lossy(said),
    };
    let line = said.lines().next().unwrap_or_default();
    adapter
        .version(line)
        .map(|version| text::one_line(&version, 40))
        .filter(|version| version.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .ok_or_else(|| format!("it says no version but \"{}\"", text::one_line(line, 80)))
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
            outcomes.insert(*digest, FileOutcome::unknown(TOO_LONG));
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
}
