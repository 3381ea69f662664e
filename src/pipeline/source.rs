//! Where samples come from: a file, or the dataset itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::id::{SampleId, TaskId};
use crate::dataset::{InputError, Rejected, Sample, SampleOptions, Samples, Task, TaskSet};

/// Where samples come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleSource {
    /// A file, as evaluators write it.
    File(PathBuf),
    /// The dataset's own answers.
    GroundTruth,
    /// Other programs of the dataset, such as `vulnerable`.
    Alternative(String),
}

/// Which tasks and samples are evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these tasks; all when empty.
    pub tasks: BTreeSet<TaskId>,
    /// Only this many samples, the first of the chosen tasks.
    pub limit: Option<u64>,
}

/// Samples one by one; a line that is none is told apart.
pub type SampleStream = Box<dyn Iterator<Item = Result<Sample, Rejected>> + Send>;

impl Selection {
    /// Whether the task was chosen.
    pub fn has(&self, task: &TaskId) -> bool {
        self.tasks.is_empty() || self.tasks.contains(task)
    }

    /// The choice in words, empty for everything; part of a run's identity.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if !self.tasks.is_empty() {
            let names: Vec<_> = self.tasks.iter().map(TaskId::as_str).collect();
            parts.push(format!("tasks {}", names.join(", ")));
        }
        if let Some(limit) = self.limit {
            parts.push(format!("the first {limit} samples"));
        }
        parts.join("; ")
    }
}

impl SampleSource {
    /// The source that a user names: `ground-truth`, `ground-truth:NAME`, or a file.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("ground-truth") {
            Some("") => Self::GroundTruth,
            Some(rest) if rest.starts_with(':') => Self::Alternative(rest[1..].to_owned()),
            _ => Self::File(PathBuf::from(text)),
        }
    }

    /// Finds out what is wrong with the source without reading all of it.
    ///
    /// # Errors
    /// When the file cannot be opened or is no file of samples, or when the dataset, read from
    /// `data`, has no such programs.
    pub fn check(&self, tasks: &TaskSet, data: &Path) -> Result<(), InputError> {
        let has_any = match self {
            Self::File(path) => return regular(path),
            Self::GroundTruth => tasks.iter().any(|task| task.ground_truth.is_some()),
            Self::Alternative(name) => tasks
                .iter()
                .any(|task| task.alternatives.contains_key(name)),
        };
        if has_any {
            return Ok(());
        }
        let known: BTreeSet<&str> = tasks
            .iter()
            .flat_map(|task| task.alternatives.keys())
            .map(String::as_str)
            .collect();
        let known: Vec<&str> = known.into_iter().collect();
        Err(InputError {
            path: data.to_owned(),
            line: None,
            task: None,
            what: "the dataset has no such programs of its own".to_owned(),
            remedy: if known.is_empty() {
                "name a file of samples".to_owned()
            } else {
                format!("besides the ground truth it has: {}", known.join(", "))
            },
        })
    }

    /// The identity of the samples, given that of the tasks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn digest(&self, tasks: &Digest) -> Result<Digest, InputError> {
        match self {
            Self::File(path) => file_digest(path),
            Self::GroundTruth => Ok(Digest::of_parts([
                b"ground-truth".as_slice(),
                tasks.as_bytes(),
            ])),
            Self::Alternative(name) => Ok(Digest::of_parts([
                b"alternative".as_slice(),
                name.as_bytes(),
                tasks.as_bytes(),
            ])),
        }
    }

    /// The chosen samples in order. Lines that are no samples are passed on whatever was chosen,
    /// unless they name a task that was not.
    ///
    /// # Errors
    /// When the file cannot be opened, or the dataset offers no such programs.
    pub fn open(
        &self,
        tasks: &Arc<TaskSet>,
        selection: &Selection,
        options: &SampleOptions,
    ) -> Result<SampleStream, InputError> {
        let all: SampleStream = match self {
            Self::File(path) => Box::new(Samples::open(path, Arc::clone(tasks), options.clone())?),
            Self::GroundTruth => own_programs(tasks, |task| task.ground_truth.clone()),
            Self::Alternative(name) => {
                let name = name.clone();
                own_programs(tasks, move |task| task.alternatives.get(&name).cloned())
            }
        };
        let chosen = selection.clone();
        let stream = all.filter(move |item| match item {
            Ok(sample) => chosen.has(&sample.id.task),
            Err(rejected) => rejected
                .sample
                .as_ref()
                .is_none_or(|id| chosen.has(&id.task)),
        });
        Ok(match selection.limit {
            Some(limit) => Box::new(first(stream, limit)),
            None => Box::new(stream),
        })
    }
}

/// The dataset's own programs as samples, one a task that has one. Their line is the task's place.
fn own_programs(
    tasks: &Arc<TaskSet>,
    program: impl Fn(&Task) -> Option<String> + Send + 'static,
) -> SampleStream {
    let all: Vec<Arc<Task>> = tasks.iter().cloned().collect();
    let samples = (1..).zip(all).filter_map(move |(line, task)| {
        Some(Ok(Sample {
            id: SampleId {
                task: task.id.clone(),
                index: 0,
            },
            code: program(&task)?,
            line,
            name: None,
            rank: None,
            model: None,
            technique: None,
            fields: Default::default(),
        }))
    });
    Box::new(samples)
}

/// The first `limit` samples, and the rejected lines before them.
fn first(
    stream: impl Iterator<Item = Result<Sample, Rejected>> + Send,
    limit: u64,
) -> impl Iterator<Item = Result<Sample, Rejected>> + Send {
    let mut left = limit;
    stream.take_while(move |item| {
        if left == 0 {
            return false;
        }
        left -= u64::from(item.is_ok());
        true
    })
}

/// The identity of all tasks: whatever decides a verdict or a reference.
pub fn tasks_digest(tasks: &TaskSet) -> Digest {
    let parts: Vec<Digest> = tasks
        .iter()
        .map(|task| {
            let program = task.ground_truth.as_deref().unwrap_or_default();
            Digest::of_parts([
                task.digest().as_bytes().as_slice(),
                program.as_bytes(),
                &serde_json::to_vec(&task.alternatives).unwrap_or_default(),
            ])
        })
        .collect();
    Digest::of_parts(parts.iter().map(|digest| digest.as_bytes().as_slice()))
}

fn file_digest(path: &Path) -> Result<Digest, InputError> {
    regular(path)?;
    File::open(path)
        .and_then(Digest::of_reader)
        .map_err(|error| unreadable(path, format!("cannot be read: {error}")))
}

/// A run reads its samples more than once, so they must be in a regular file.
fn regular(path: &Path) -> Result<(), InputError> {
    match std::fs::metadata(path) {
        Ok(about) if about.is_file() => Ok(()),
        Ok(_) => Err(unreadable(path, "is not a regular file".to_owned())),
        Err(error) => Err(unreadable(path, format!("cannot be read: {error}"))),
    }
}

fn unreadable(path: &Path, what: String) -> InputError {
    InputError {
        path: path.to_owned(),
        line: None,
        task: None,
        what,
        remedy: "name a file of samples".to_owned(),
    }
}
