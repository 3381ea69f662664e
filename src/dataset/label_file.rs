//! Labels: which samples are insecure, by somebody's word, as JSON Lines.
//!
//! `{"task_id": ..., "sample": 0, "insecure": true}` labels the first sample of a task (samples of a task
//! are numbered from 0 in file order, see [`super::sample_file`]), `"sample_id": "name"` in place of
//! `sample` the one of this name. `null` is no label. Other fields are passed over. A line that cannot be
//! used is set aside and the next one follows; two labels of one sample that contradict each other are an
//! error of the whole, since nobody can say which one counts.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::error::{Fault, InputError};
use super::lines::Lines;
use super::record::{Prepared, Record, wrong_type};
use crate::base::id::{SampleId, TaskId};
use crate::base::text::one_line;

/// Longest line in bytes: a label is short, whatever else stands beside it.
const MAX_LINE: usize = 1 << 20;
/// Unusable lines that are kept with their reason; more are counted.
const KEPT: usize = 100;

/// The labels of one file. Memory holds each label once, with its sample's name.
#[derive(Debug)]
pub struct Labels {
    path: PathBuf,
    tasks: HashMap<TaskId, TaskLabels>,
    /// Labels that are null.
    nulls: u64,
    rejected: Vec<InputError>,
    rejected_lines: u64,
}

#[derive(Debug, Default)]
struct TaskLabels {
    by_index: BTreeMap<u32, Label>,
    by_name: BTreeMap<String, Label>,
}

#[derive(Clone, Copy, Debug)]
struct Label {
    insecure: bool,
    line: u64,
    /// Whether the run has the sample.
    is_matched: bool,
}

/// How a label names its sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its place among the samples of its task, from 0.
    Index(u32),
    /// By its own name.
    Name(String),
}

/// A label whose sample the run does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// The line, from 1.
    pub line: u64,
    /// The task.
    pub task: TaskId,
    /// The sample.
    pub which: Which,
}

impl Labels {
    /// Reads a file of labels, plain, gzip or zstd.
    ///
    /// # Errors
    /// When the file cannot be read, holds no label at all, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let mut labels = Self {
            path: path.to_path_buf(),
            tasks: HashMap::new(),
            nulls: 0,
            rejected: Vec::new(),
            rejected_lines: 0,
        };
        // Errors that concern two lines: the first, and how many more.
        let mut contradictions: Option<(InputError, u64)> = None;
        for line in Lines::open(path, MAX_LINE)? {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    labels.reject(error);
                    continue;
                }
            };
            match read(&line.text) {
                Ok((_, _, None)) => labels.nulls += 1,
                Ok((task, which, Some(insecure))) => {
                    let known = labels.put(&task, &which, insecure, line.number);
                    if let Err(other) = known {
                        let error = labels.contradiction(&task, &which, line.number, other);
                        contradictions.get_or_insert((error, 0)).1 += 1;
                    }
                }
                Err(fault) => labels.reject(fault.at(path, Some(line.number))),
            }
        }
        if let Some((mut error, count)) = contradictions {
            if count > 1 {
                error.what.push_str(&format!(
                    " ({} more lines contradict earlier ones)",
                    count - 1
                ));
            }
            return Err(error);
        }
        if labels.count() + labels.nulls == 0 {
            return Err(labels.rejected.into_iter().next().unwrap_or_else(|| {
                InputError::of_file(
                    path,
                    "the file holds no label",
                    "write lines such as {\"task_id\": \"T/1\", \"sample\": 0, \"insecure\": true}",
                )
            }));
        }
        Ok(labels)
    }

    fn reject(&mut self, error: InputError) {
        self.rejected_lines += 1;
        if self.rejected.len() < KEPT {
            self.rejected.push(error);
        }
    }

    /// Keeps a label; gives the line that says otherwise, if one does.
    fn put(&mut self, task: &TaskId, which: &Which, insecure: bool, line: u64) -> Result<(), u64> {
        if !self.tasks.contains_key(task) {
            self.tasks.insert(task.clone(), TaskLabels::default());
        }
        let Some(of_task) = self.tasks.get_mut(task) else {
            return Ok(());
        };
        let label = Label {
            insecure,
            line,
            is_matched: false,
        };
        let known = match which {
            Which::Index(index) => of_task.by_index.entry(*index).or_insert(label),
            Which::Name(name) => of_task.by_name.entry(name.clone()).or_insert(label),
        };
        if known.insecure == insecure {
            Ok(())
        } else {
            Err(known.line)
        }
    }

    fn contradiction(&self, task: &TaskId, which: &Which, line: u64, other: u64) -> InputError {
        let sample = match which {
            Which::Index(index) => format!("sample {index}"),
            Which::Name(name) => format!("sample `{}`", one_line(name, 80)),
        };
        let mut error = Fault::new(
            format!("{sample} has the opposite label in line {other}"),
            "correct one of the two lines, or write null where it is not known",
        )
        .at(&self.path, Some(line));
        error.task = Some(task.clone());
        error
    }

    /// The label of a sample of the run, `None` without one.
    ///
    /// # Errors
    /// When one line labels it by its number, another one by its name, and they contradict each other.
    pub fn take(
        &mut self,
        sample: &SampleId,
        name: Option<&str>,
    ) -> Result<Option<bool>, InputError> {
        let Some(of_task) = self.tasks.get_mut(&sample.task) else {
            return Ok(None);
        };
        let by_index = of_task.by_index.get_mut(&sample.index);
        let by_name = name.and_then(|name| of_task.by_name.get_mut(name));
        let mut found: Option<Label> = None;
        for label in by_index.into_iter().chain(by_name) {
            label.is_matched = true;
            match found {
                Some(other) if other.insecure != label.insecure => {
                    let (late, early) = (label.line.max(other.line), label.line.min(other.line));
                    let which = Which::Index(sample.index);
                    return Err(self.contradiction(&sample.task, &which, late, early));
                }
                _ => found = Some(*label),
            }
        }
        Ok(found.map(|label| label.insecure))
    }

    /// Labels that say secure or insecure, each once.
    pub fn count(&self) -> u64 {
        let tasks = self.tasks.values();
        tasks
            .map(|task| (task.by_index.len() + task.by_name.len()) as u64)
            .sum()
    }

    /// Lines whose label is null.
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// The labels that no sample has taken, by line.
    pub fn unmatched(&self) -> Vec<Unmatched> {
        let mut found = Vec::new();
        for (task, labels) in &self.tasks {
            let by_index = labels.by_index.iter();
            let by_index = by_index.map(|(index, label)| (Which::Index(*index), label));
            let by_name = labels.by_name.iter();
            let by_name = by_name.map(|(name, label)| (Which::Name(name.clone()), label));
            let open = by_index
                .chain(by_name)
                .filter(|(_, label)| !label.is_matched);
            found.extend(open.map(|(which, label)| Unmatched {
                line: label.line,
                task: task.clone(),
                which,
            }));
        }
        found.sort_by_key(|unmatched| unmatched.line);
        found
    }

    /// The lines that are no labels: the first hundred, and how many there are.
    pub fn rejected(&self) -> (&[InputError], u64) {
        (&self.rejected, self.rejected_lines)
    }
}

/// One line: the task, the sample, and the label, `None` for null.
fn read(line: &str) -> Result<(TaskId, Which, Option<bool>), Fault> {
    let prepared = Prepared::new(line);
    let record = Record::parse(&prepared)?;
    let task = record
        .name("task_id")?
        .ok_or_else(|| record.missing("task_id"))?;
    let which = match (index(&record)?, record.name("sample_id")?) {
        (Some(index), None) => Which::Index(index),
        (None, Some(name)) => Which::Name(name),
        (Some(_), Some(_)) => {
            return Err(Fault::new(
                "both `sample` and `sample_id` name the sample",
                "leave one of them out",
            ));
        }
        (None, None) => {
            return Err(Fault::new(
                "neither `sample` nor `sample_id` names the sample",
                "write its place among the samples of its task, from 0, as `sample`, or its name as \
                 `sample_id`",
            ));
        }
    };
    if !record.has("insecure") {
        return Err(record.missing("insecure"));
    }
    let insecure = match record.raw("insecure") {
        None | Some("NaN") => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            let mut fault = wrong_type("insecure", other, "true, false or null");
            fault.remedy = "write true for an insecure sample, false for a secure one".to_owned();
            return Err(fault);
        }
    };
    Ok((TaskId(task), which, insecure))
}

/// The sample's number, whole and from 0; pandas writes it as `0.0`.
fn index(record: &Record<'_>) -> Result<Option<u32>, Fault> {
    let mut wrong = wrong_type(
        "sample",
        record.raw("sample").unwrap_or_default(),
        "a whole number from 0",
    );
    wrong.remedy =
        "number the samples of a task from 0 in file order, or name one by `sample_id`".to_owned();
    match record.number("sample") {
        Ok(None) => Ok(None),
        Ok(Some(number))
            if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) =>
        {
            // Whole and in range, so the cast changes nothing.
            Ok(Some(number as u32))
        }
        _ => Err(wrong),
    }
}
