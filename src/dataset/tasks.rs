//! The stream of a dataset's tasks.

use std::collections::HashSet;
use std::path::Path;

use super::error::{Fault, InputError};
use super::kind::{DatasetKind, Looks};
use super::lines::{Line, Lines, MAX_LINE};
use super::record::{Prepared, Record};
use super::seccodeplt::Folder;
use super::task::Task;
use super::{bigcodebench, humaneval, mbpp, seccodeplt};
use crate::base::id::TaskId;

/// Broken lines at a file's start that are passed over in search of a record that shows its kind.
const LINES_BEFORE_GIVING_UP: usize = 16;

/// Opens a dataset of a known kind.
///
/// # Errors
/// When the file cannot be read, holds no record, or its first record is of another kind.
pub fn open(kind: DatasetKind, path: &Path) -> Result<Tasks, InputError> {
    let (looks, source) = look(path)?;
    if looks == Looks::Dataset(kind) {
        return Ok(Tasks {
            kind,
            source,
            seen: HashSet::new(),
        });
    }
    let remedy = match looks {
        Looks::Dataset(other) => format!("name the dataset {other}, or another file"),
        Looks::Samples => "name the dataset's file first and the samples second".to_owned(),
        Looks::Unknown => format!("check that it is the file of {kind}, unchanged"),
    };
    Err(InputError::of_file(
        path,
        format!("is not the dataset {kind}: it looks like {looks}"),
        remedy,
    ))
}

impl DatasetKind {
    /// Tells a dataset's kind from its first record.
    ///
    /// # Errors
    /// When the file cannot be read, or is no dataset that is known here.
    pub fn detect(path: &Path) -> Result<Self, InputError> {
        match look(path)?.0 {
            Looks::Dataset(kind) => Ok(kind),
            looks => Err(InputError::of_file(
                path,
                format!("is no dataset: it looks like {looks}"),
                "name a file of BigCodeBench, SecCodePLT+, HumanEval or MBPP",
            )),
        }
    }
}

fn look(path: &Path) -> Result<(Looks, Source), InputError> {
    if path.is_dir() {
        let folder = Folder::open(path)?;
        return Ok((
            Looks::Dataset(DatasetKind::SecCodePlt),
            Source::Folder(folder),
        ));
    }
    let mut lines = Lines::open(path, MAX_LINE)?;
    let looks = first_look(&mut lines)?;
    Ok((looks, Source::Lines(lines)))
}

/// Finds what the first readable record shows; no line is lost by looking.
pub(super) fn first_look(lines: &mut Lines) -> Result<Looks, InputError> {
    let mut passed = Vec::new();
    let mut first_error = None;
    let mut looks = None;
    while looks.is_none() && passed.len() < LINES_BEFORE_GIVING_UP {
        let Some(line) = lines.next() else { break };
        match line.as_ref().map_err(Clone::clone).and_then(|line| {
            let prepared = Prepared::new(&line.text);
            let record = Record::parse(&prepared);
            let at = |fault: Fault| fault.at(lines.path(), Some(line.number));
            record.map(|record| Looks::of(&record)).map_err(at)
        }) {
            Ok(seen) => looks = Some(seen),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
        passed.push(line);
    }
    lines.put_back(passed);
    match (looks, first_error) {
        (Some(looks), _) => Ok(looks),
        (None, Some(error)) => Err(error),
        (None, None) => Err(InputError::of_file(
            lines.path(),
            "the file holds no record",
            "check that it was written completely",
        )),
    }
}

#[derive(Debug)]
enum Source {
    Lines(Lines),
    Folder(Folder),
}

/// The tasks of one dataset in file order. A task that cannot be used is an error and the next
/// one follows; a task id that was there before is such an error.
#[derive(Debug)]
pub struct Tasks {
    kind: DatasetKind,
    source: Source,
    seen: HashSet<TaskId>,
}

impl Tasks {
    fn parse(kind: DatasetKind, path: &Path, line: &Line) -> Result<Task, InputError> {
        let prepared = Prepared::new(&line.text);
        let at = |fault: Fault| fault.at(path, Some(line.number));
        let record = Record::parse(&prepared).map_err(at)?;
        let task = match kind {
            DatasetKind::BigCodeBench => bigcodebench::task(&record),
            DatasetKind::SecCodePlt => seccodeplt::task(&record),
            DatasetKind::HumanEval => humaneval::task(&record),
            DatasetKind::Mbpp => mbpp::task(&record),
        };
        task.map_err(|fault| {
            let key = match kind {
                DatasetKind::SecCodePlt => "id",
                _ => "task_id",
            };
            let mut error = at(fault);
            error.task = record.name(key).ok().flatten().map(TaskId);
            error
        })
    }
}

impl Iterator for Tasks {
    type Item = Result<Task, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (task, place) = match &mut self.source {
            Source::Folder(folder) => return folder.next(),
            Source::Lines(lines) => match lines.next()? {
                Err(error) => return Some(Err(error)),
                Ok(line) => (
                    Self::parse(self.kind, lines.path(), &line),
                    (lines.path(), line.number),
                ),
            },
        };
        Some(task.and_then(|task| {
            if self.seen.insert(task.id.clone()) {
                return Ok(task);
            }
            // The earlier task of this name stays usable, so the error names none.
            Err(Fault::new(
                format!(
                    "task {} is there for the second time",
                    crate::base::text::one_line(task.id.as_str(), 80)
                ),
                "remove one of the two",
            )
            .at(place.0, Some(place.1)))
        }))
    }
}
