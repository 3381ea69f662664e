//! The manifests of the corpus: what each program tries, how it runs, and what may come of it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::limits::{Limits, MIB};
use crate::dataset::Tests;
use crate::verdict::VerdictKind;

/// A family of hostile programs, one folder each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Leaving the sandbox, or reaching what belongs to the host or to other jobs.
    Escape,
    /// Using up what it is given.
    Exhaustion,
    /// Passing tests without solving the task.
    Forgery,
}

impl Family {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Escape, Self::Exhaustion, Self::Forgery];

    /// Its folder and its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Escape => "escape",
            Self::Exhaustion => "exhaustion",
            Self::Forgery => "forgery",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a program comes to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Run {
    /// As a program of its own.
    Exec,
    /// As a sample of a task, under a harness.
    Sample,
}

/// One `manifest.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which family it describes.
    pub family: Family,
    /// What the family tries, in a sentence.
    pub about: String,
    /// The limits of programs that name none.
    pub limits: LimitsRow,
    /// The programs.
    pub program: Vec<Row>,
}

/// One program of a manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name, unique in the whole corpus.
    pub name: String,
    /// Its file, in the manifest's folder.
    pub file: String,
    /// What kind of thing it tries.
    pub class: String,
    /// What it tries, in a phrase.
    pub about: String,
    /// How it runs.
    pub run: Run,
    /// For [`Run::Exec`]: the profile, `strict` when none is named.
    #[serde(default = "strict")]
    pub profile: String,
    /// For [`Run::Sample`]: the task that it answers.
    pub task: Option<String>,
    /// It runs after this one, on the same worker, and looks for what that one left.
    pub after: Option<String>,
    /// It runs at the same time as this one, on another worker.
    pub beside: Option<String>,
    /// For [`Run::Exec`]: the folder of traps is shown to it, read-only, at `/shown`.
    #[serde(default)]
    pub shown: bool,
    /// For [`Run::Exec`]: why it is not tried as a snippet, too.
    pub never_a_snippet: Option<String>,
    /// How it may end: an ending (see [`super::judge::ENDINGS`]) or a verdict kind.
    pub allowed: Vec<String>,
    /// The same where a job has no control group; empty when that makes no difference.
    #[serde(default)]
    pub allowed_without_group: Vec<String>,
    /// System calls that must be reported as forbidden acts, wherever the host can tell of them.
    #[serde(default)]
    pub reports: Vec<String>,
    /// Limits of its own.
    #[serde(default)]
    pub limits: LimitsRow,
    /// Why it is known to get somewhere. Reported, not counted as held; and should it ever be held,
    /// that is reported too, so that the entry goes.
    pub gap: Option<String>,
    /// The same where a job has no control group.
    pub gap_without_group: Option<String>,
    /// The same where shown folders have the host's inodes.
    pub gap_without_own_inodes: Option<String>,
    /// The same where device nodes are the host's.
    pub gap_without_own_devices: Option<String>,
}

fn strict() -> String {
    "strict".to_owned()
}

/// Limits as manifests write them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsRow {
    /// CPU time.
    pub cpu_ms: Option<u64>,
    /// Time by the clock.
    pub wall_ms: Option<u64>,
    /// Memory.
    pub memory_mib: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u32>,
    /// Output.
    pub output_kib: Option<u64>,
    /// One file.
    pub file_mib: Option<u64>,
    /// All files.
    pub disk_mib: Option<u64>,
    /// Files by number.
    pub inodes: Option<u64>,
    /// Descriptors.
    pub open_files: Option<u64>,
}

impl LimitsRow {
    /// These limits, where one is named, over `base`.
    pub fn over(self, base: Limits) -> Limits {
        let mib =
            |value: Option<u64>, base: u64| value.map_or(base, |value| value.saturating_mul(MIB));
        Limits {
            cpu: self.cpu_ms.map_or(base.cpu, Duration::from_millis),
            wall: self.wall_ms.map_or(base.wall, Duration::from_millis),
            memory: mib(self.memory_mib, base.memory),
            processes: self.processes.unwrap_or(base.processes),
            output: self.output_kib.map_or(base.output, |value| value << 10),
            file_size: mib(self.file_mib, base.file_size),
            disk: mib(self.disk_mib, base.disk),
            inodes: self.inodes.unwrap_or(base.inodes),
            open_files: self.open_files.unwrap_or(base.open_files),
        }
    }
}

/// `tasks.toml`: what the samples of the forgery family answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    /// The tasks.
    pub task: Vec<TaskRow>,
}

/// One task, whose entry point is `f`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRow {
    /// Its name.
    pub name: String,
    /// What stands before every answer.
    #[serde(default)]
    pub preamble: String,
    /// An answer that must pass.
    pub truth: String,
    /// Its tests.
    pub tests: Tests,
}

impl Row {
    /// What is wrong with it, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        let known: Vec<&str> = match self.run {
            Run::Exec => super::judge::ENDINGS.to_vec(),
            Run::Sample => VerdictKind::ALL.map(VerdictKind::name).to_vec(),
        };
        let named = self.allowed.iter().chain(&self.allowed_without_group);
        for kind in named {
            if !known.contains(&kind.as_str()) {
                return Some(format!("`{kind}` is no way in which it could end"));
            }
            // What the whole corpus is for.
            let never = [VerdictKind::Passed.name(), VerdictKind::Infra.name()];
            if never.contains(&kind.as_str()) {
                return Some(format!("`{kind}` must never be allowed"));
            }
        }
        // The corpus makes its calls by the numbers of one architecture.
        let no_call = |name: &&String| name.parse::<syscalls::x86_64::Sysno>().is_err();
        if let Some(name) = self.reports.iter().find(no_call) {
            return Some(format!("no system call is named `{name}`"));
        }
        if self.allowed.is_empty() {
            return Some("no way to end is allowed".to_owned());
        }
        match (self.run, &self.task) {
            (Run::Sample, None) => Some("a sample answers a task".to_owned()),
            (Run::Exec, Some(_)) => Some("a program of its own answers no task".to_owned()),
            _ => None,
        }
    }
}
