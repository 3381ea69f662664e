//! What a command works on: a dataset and samples of it, as typed and as resolved.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit_code::Exit;
use super::failure::Failure;
use super::output::say;
use crate::dataset::{DatasetKind, SampleOptions, TaskSet};
use crate::pipeline::source::SampleStream;
use crate::pipeline::{SampleSource, Selection};

/// Arguments as typed.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct InputArgs {
    /// The kind of dataset: bigcodebench, seccodeplt, humaneval or mbpp.
    pub(super) dataset: String,
    /// The dataset: a JSONL file (plain, .gz or .zst) or, for seccodeplt, a folder.
    #[arg(long, value_name = "PATH")]
    pub(super) data: PathBuf,
    /// The samples: a JSONL file (plain, .gz or .zst), `ground-truth` for the dataset's own
    /// answers, or `ground-truth:NAME` for its other programs, such as `ground-truth:vulnerable`.
    #[arg(long, value_name = "PATH")]
    pub(super) samples: String,
    /// Take answers as they are, instead of taking code out of fenced blocks.
    #[arg(long)]
    pub(super) keep_fences: bool,
    /// Take only these tasks; may be repeated.
    #[arg(long = "task", value_name = "ID")]
    pub(super) tasks: Vec<String>,
    /// Take only the first N samples.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) limit: Option<u64>,
}

/// A dataset and samples of it, found to be there.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) kind: DatasetKind,
    pub(super) tasks: Arc<TaskSet>,
    pub(super) samples: SampleSource,
    pub(super) options: SampleOptions,
    pub(super) selection: Selection,
}

/// Faulty tasks that are shown one by one.
const SHOWN: usize = 5;

impl Inputs {
    /// Reads the dataset, and opens the samples for what is wrong with them as a whole.
    pub(super) fn resolve(args: &InputArgs) -> Result<Self, Failure> {
        let kind: DatasetKind = args
            .dataset
            .parse()
            .map_err(|error| Failure::new(Exit::Usage, anyhow::Error::new(error)))?;
        let tasks = TaskSet::load(kind, &args.data)?;
        let told = tasks.errors().len();
        for error in tasks.errors().iter().take(SHOWN) {
            say(&format!("warning: {error}"));
        }
        if told > SHOWN {
            say(&format!("warning: {} more such tasks", told - SHOWN));
        }
        let selection = Selection {
            tasks: args.tasks.iter().map(|id| id.as_str().into()).collect(),
            limit: args.limit,
        };
        if let Some(unknown) = selection.tasks.iter().find(|id| tasks.get(id).is_none()) {
            return Err(Failure::new(
                Exit::Input,
                anyhow::anyhow!("{} has no task `{unknown}`", args.data.display()),
            ));
        }
        let samples = SampleSource::parse(&args.samples);
        samples.check(&tasks, &args.data)?;
        let inputs = Self {
            kind,
            tasks: Arc::new(tasks),
            samples,
            options: SampleOptions {
                keep_fences: args.keep_fences,
                ..SampleOptions::default()
            },
            selection,
        };
        // Single lines are judged when they are read.
        drop(inputs.open()?);
        Ok(inputs)
    }

    /// The samples, one by one.
    pub(super) fn open(&self) -> Result<SampleStream, Failure> {
        let stream = self
            .samples
            .open(&self.tasks, &self.selection, &self.options)?;
        Ok(stream)
    }
}
