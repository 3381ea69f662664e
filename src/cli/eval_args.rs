//! `fumehood eval`: arguments as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::inputs::InputArgs;
use super::scanners::ScannerArgs;

/// Evaluate samples: run each in the sandbox with its task's own tests, scan the same code, and
/// measure both.
///
///   fumehood eval bigcodebench --data tasks.jsonl.gz --samples samples.jsonl -o run
///
/// `--samples ground-truth` evaluates the dataset's own answers instead of a file.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct EvalArgs {
    #[command(flatten)]
    pub(super) inputs: InputArgs,
    /// The run folder to write.
    #[arg(long, short, value_name = "RUN")]
    pub(super) output: PathBuf,
    /// Go on with a run that was interrupted.
    #[arg(long)]
    pub(super) resume: bool,
    /// Use this environment, made by `fumehood env create`.
    #[arg(long, value_name = "NAME", conflicts_with = "python")]
    pub(super) env: Option<String>,
    /// Use this Python interpreter.
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    #[command(flatten)]
    pub(super) scanners: ScannerArgs,
    /// Which findings count and how scanners combine (TOML; see docs/scanners.md): by default any finding
    /// of any scanner. Part of the run's identity; `report --policy` counts a finished run by another.
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// How SecCodePLT+ cases are graded: by our rules, or as the paper's own scripts do.
    #[arg(long, value_enum, default_value = "strict")]
    pub(super) grading: GradingArg,
    /// Give every job an interpreter of its own, instead of forking it from one that is warm: slower, with
    /// the same verdicts.
    #[arg(long)]
    pub(super) cold: bool,
    /// Run every task's ground truth first, and set apart the tasks where it fails.
    #[arg(long)]
    pub(super) check_ground_truth: bool,
    /// Say at the end where the time went; `profile.json` in the run folder always does.
    #[arg(long)]
    pub(super) profile_time: bool,
    /// Execute every sample, even where another one has the same task and the same code.
    #[arg(long)]
    pub(super) no_dedup: bool,
    /// An earlier run of the same tasks: its longest jobs start first. Without it, what earlier runs of
    /// this user took is remembered. It changes the order of jobs, and nothing else.
    #[arg(long, value_name = "RUN")]
    pub(super) history: Option<PathBuf>,
    /// The k of Pass@k and its kin.
    #[arg(long, value_name = "K,...", value_delimiter = ',', default_value = "1,5,10",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) k: Vec<u32>,
    #[command(flatten)]
    pub(super) workers: WorkerArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
}

/// How many sandboxes run at one time, and what they may go without.
#[derive(Args, Clone, Debug)]
pub(super) struct WorkerArgs {
    /// Processors to keep busy, which is as many programs at one time; one that sleeps or waits makes
    /// room for another [default: the processors of this host].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) workers: Option<u16>,
    /// Give up this layer of the sandbox, so that a weaker host can run at all; may be repeated.
    #[arg(long, value_name = "LAYER")]
    pub(super) give_up: Vec<String>,
}

impl WorkerArgs {
    /// The number of workers.
    pub(super) fn count(&self) -> usize {
        self.workers.map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            usize::from,
        )
    }
}

/// What one sample may use; each has a default that suits the dataset.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Limits of one sample")]
pub(super) struct LimitArgs {
    /// CPU time of all its processes together, in seconds.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) cpu_seconds: Option<u64>,
    /// Wall-clock time in seconds: the backstop for programs that sleep or wait.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) wall_seconds: Option<u64>,
    /// Memory of all its processes together, in MiB.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(16..))]
    pub(super) memory_mib: Option<u64>,
    /// Processes and threads at one time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) processes: Option<u32>,
    /// Bytes written to standard output and standard error together, in KiB.
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) output_kib: Option<u64>,
    /// Bytes in all files that it writes, in MiB.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) disk_mib: Option<u64>,
}

impl LimitArgs {
    /// `limits`, with what was typed in place of its own.
    pub(super) fn over(
        &self,
        mut limits: crate::base::limits::Limits,
    ) -> crate::base::limits::Limits {
        use crate::base::limits::MIB;
        use std::time::Duration;
        if let Some(seconds) = self.cpu_seconds {
            limits.cpu = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.wall_seconds {
            limits.wall = Duration::from_secs(seconds);
        }
        if let Some(mib) = self.memory_mib {
            limits.memory = mib.saturating_mul(MIB);
        }
        if let Some(count) = self.processes {
            limits.processes = count;
        }
        if let Some(kib) = self.output_kib {
            limits.output = kib.saturating_mul(1024);
        }
        if let Some(mib) = self.disk_mib {
            limits.disk = mib.saturating_mul(MIB);
            limits.file_size = limits.file_size.min(limits.disk);
        }
        limits
    }
}

/// The grading modes, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GradingArg {
    /// By our rules.
    Strict,
    /// As the paper's own scripts do.
    Paper,
}
