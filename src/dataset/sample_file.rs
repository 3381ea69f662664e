//! Samples as evaluators write them: JSON Lines with `task_id` and `solution` or `completion`.
//!
//! A `solution` is a whole program, a `completion` continues its task's prompt; where both are given,
//! the solution counts. Optional are `sample_id`, `rank`, `model` and `technique`; other fields are
//! passed over. Further lines for one task are further samples.
//!
//! **Numbering.** Samples of a task are numbered from 0 in file order. A line that names a task of the
//! dataset takes a number even when it is rejected for another fault, so that no fault changes the
//! numbers of other samples; [`Rejected::sample`] says which number was taken. A line whose task
//! cannot be read (broken JSON, too long, not UTF-8, an unknown task) takes none.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::error::{Fault, InputError, write_place};
use super::extract;
use super::kind::Looks;
use super::lines::{Line, Lines, MAX_LINE};
use super::record::{Prepared, Record, wrong_type};
use super::sample::Sample;
use super::task::Task;
use super::task_set::TaskSet;
use super::tasks::first_look;
use crate::base::digest::Digest;
use crate::base::id::{SampleId, TaskId};
use crate::base::text::one_line;

/// Fields that have a meaning of their own, or hold what nobody groups by.
const OWN_FIELDS: [&str; 9] = [
    "task_id",
    "sample_id",
    "solution",
    "completion",
    "raw_solution",
    "prompt",
    "rank",
    "model",
    "technique",
];

/// How a sample file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleOptions {
    /// Take answers as they are instead of taking code out of fenced blocks.
    pub keep_fences: bool,
    /// Longest line in bytes.
    pub max_line: usize,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self {
            keep_fences: false,
            max_line: MAX_LINE,
        }
    }
}

/// A line that is no sample.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Rejected {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// The sample that it would have been, where its task could be read.
    pub sample: Option<SampleId>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
    /// Whether the rest of the file could not be read either.
    pub ends_file: bool,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, &self.path, Some(self.line))?;
        if let Some(sample) = &self.sample {
            write!(f, "sample {}: ", one_line(&sample.to_string(), 80))?;
        }
        write!(f, "{}; {}", self.reason, self.remedy)
    }
}

/// The samples of one file, streamed. Memory holds one line, a counter a task, and some tens of bytes for
/// each `sample_id` that was given.
#[derive(Debug)]
pub struct Samples {
    lines: Lines,
    tasks: Arc<TaskSet>,
    options: SampleOptions,
    counts: HashMap<TaskId, u32>,
    names: HashSet<[u8; 16]>,
}

impl Samples {
    /// Opens a sample file for the tasks of a dataset.
    ///
    /// # Errors
    /// When the file cannot be opened, holds nothing, or is a dataset.
    pub fn open(
        path: &Path,
        tasks: Arc<TaskSet>,
        options: SampleOptions,
    ) -> Result<Self, InputError> {
        let mut lines = Lines::open(path, options.max_line)?;
        // A first line that is broken is rejected in its turn like any other.
        match first_look(&mut lines) {
            Ok(looks @ Looks::Dataset(_)) => {
                return Err(InputError::of_file(
                    path,
                    format!("holds no samples: it looks like {looks}"),
                    "name the dataset's file first and the samples second",
                ));
            }
            Err(error) if error.line.is_none() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        Ok(Self {
            lines,
            tasks,
            options,
            counts: HashMap::new(),
            names: HashSet::new(),
        })
    }

    fn read(&mut self, line: &Line) -> Result<Sample, (Option<SampleId>, Fault)> {
        let prepared = Prepared::new(&line.text);
        let record = Record::parse(&prepared).map_err(|fault| (None, fault))?;
        let task = self.task(&record).map_err(|fault| (None, fault))?;
        let count = self.counts.entry(task.id.clone()).or_default();
        let id = SampleId {
            task: task.id.clone(),
            index: *count,
        };
        *count = count.saturating_add(1);
        self.sample(&record, &task, id.clone(), line.number)
            .map_err(|fault| (Some(id), fault))
    }

    fn task(&self, record: &Record<'_>) -> Result<Arc<Task>, Fault> {
        let Some(id) = record.name("task_id")? else {
            let mut fault = record.missing("task_id");
            if record.has("id") {
                fault.remedy = "name the field `task_id` instead of `id`".to_owned();
            }
            return Err(fault);
        };
        let id = TaskId(id);
        if let Some(task) = self.tasks.get(&id) {
            return Ok(Arc::clone(task));
        }
        let shown = one_line(id.as_str(), 80);
        if let Some(error) = self.tasks.error_of(&id) {
            return Err(Fault::new(
                format!(
                    "task `{shown}` of the dataset cannot be used: {}",
                    error.what
                ),
                "correct the dataset or leave the sample out",
            ));
        }
        let example = self.tasks.iter().next();
        Err(Fault::new(
            format!("the dataset has no task `{shown}`"),
            match example {
                Some(task) => format!(
                    "check `task_id`; this dataset's look like `{}`",
                    one_line(task.id.as_str(), 80)
                ),
                None => "check that the dataset is the right one".to_owned(),
            },
        ))
    }

    fn sample(
        &mut self,
        record: &Record<'_>,
        task: &Task,
        id: SampleId,
        line: u64,
    ) -> Result<Sample, Fault> {
        let code = self.code(record, task)?;
        let name = record.name("sample_id")?;
        let sample = Sample {
            code,
            line,
            rank: rank(record)?,
            model: record.text("model")?,
            technique: record.text("technique")?,
            fields: record.others(&OWN_FIELDS),
            name,
            id,
        };
        if let Some(name) = &sample.name {
            self.first_use(&sample.id.task, name)?;
        }
        Ok(sample)
    }

    /// Two samples of one task must not share a name; other tasks may number theirs alike.
    fn first_use(&mut self, task: &TaskId, name: &str) -> Result<(), Fault> {
        let digest = Digest::of_parts([task.as_str().as_bytes(), name.as_bytes()]);
        let mut key = [0; 16];
        key.copy_from_slice(&digest.as_bytes()[..16]);
        if self.names.insert(key) {
            return Ok(());
        }
        Err(Fault::new(
            format!(
                "`sample_id` `{}` was used before for this task",
                one_line(name, 80)
            ),
            "give every sample of a task its own, or leave the field out",
        ))
    }

    fn code(&self, record: &Record<'_>, task: &Task) -> Result<String, Fault> {
        let clean = |text: String| {
            if self.options.keep_fences {
                text
            } else {
                extract::code_of(&text, &task.entry_point)
            }
        };
        let (answer, prompt) = if let Some(solution) = record.text("solution")? {
            (clean(solution), "")
        } else if let Some(completion) = record.text("completion")? {
            (clean(completion), task.prompt.as_str())
        } else {
            return Err(Fault::new(
                "neither `solution` nor `completion` holds text",
                "write the model's answer into one of them, an empty text if it gave none",
            ));
        };
        if answer.trim().is_empty() {
            return Ok(String::new());
        }
        Ok(format!("{prompt}{answer}"))
    }
}

/// The rank is a whole number from 1; pandas writes it as `1.0`.
fn rank(record: &Record<'_>) -> Result<Option<u32>, Fault> {
    let Some(number) = record.number("rank")? else {
        return Ok(None);
    };
    if number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&number) {
        // Whole and in range, so the cast changes nothing.
        return Ok(Some(number as u32));
    }
    let raw = record.raw("rank").unwrap_or_default();
    let mut fault = wrong_type("rank", raw, "a whole number from 1");
    fault.remedy = "rank the best sample of a task 1, the next 2".to_owned();
    Err(fault)
}

impl Iterator for Samples {
    type Item = Result<Sample, Rejected>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.lines.next()? {
            Ok(line) => line,
            Err(error) => {
                return Some(Err(Rejected {
                    path: error.path,
                    line: error.line.unwrap_or_default(),
                    sample: None,
                    reason: error.what,
                    remedy: error.remedy,
                    ends_file: self.lines.is_broken(),
                }));
            }
        };
        Some(self.read(&line).map_err(|(sample, fault)| Rejected {
            path: self.lines.path().to_path_buf(),
            line: line.number,
            sample,
            reason: fault.what,
            remedy: fault.remedy,
            ends_file: false,
        }))
    }
}
