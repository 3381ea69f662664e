//! What is wrong with an input file, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::base::id::TaskId;

/// One fault in an input file. It concerns the line it names; other lines go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct InputError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; `None` when the file as a whole is meant.
    pub line: Option<u64>,
    /// The task that cannot be used because of it, where its name could be read.
    pub task: Option<TaskId>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, &self.path, self.line)?;
        if let Some(task) = &self.task {
            write!(f, "task {}: ", crate::base::text::one_line(&task.0, 80))?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl InputError {
    /// A fault of a whole file.
    pub(super) fn of_file(path: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Fault::new(what, remedy).at(path, None)
    }
}

/// Writes `path:line: `, the form that editors and terminals make a link of.
pub(super) fn write_place(
    f: &mut fmt::Formatter<'_>,
    path: &Path,
    line: Option<u64>,
) -> fmt::Result {
    write!(f, "{}:", path.display())?;
    if let Some(line) = line {
        write!(f, "{line}:")?;
    }
    f.write_str(" ")
}

/// What is wrong with a record, before it is known where the record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn at(self, path: &Path, line: Option<u64>) -> InputError {
        InputError {
            path: path.to_path_buf(),
            line,
            task: None,
            what: self.what,
            remedy: self.remedy,
        }
    }
}
